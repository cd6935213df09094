"""How far networks are from affine on a region, without and with the constraint."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.geometry import constrain
from ssl_lib.geometry.shifts import Sign
from ssl_lib.models import seeded
from ssl_lib.papers.police import problems
from ssl_lib.papers.police.training import dense, exact
from ssl_lib.randomness import torch_generator

__all__ = [
    "OPTIMISERS", "affinity_error", "errors", "he", "initial", "largest_difference", "optimisers",
    "ties",
]  # fmt: skip

Model = Callable[[Tensor], Tensor]
N_POINTS = 400


def affinity_error(model: Model, vertices: Tensor, *, seed: int = 0) -> float:
    """Largest error of f(sum_p w_p v_p) = sum_p w_p f(v_p) over random convex weights w.

    Parameters
    ----------
    model : callable
        From (n, *input_shape) to (n, n_outputs).
    vertices : Tensor of shape (n_vertices, *input_shape)
        In the precision that the network is to be tested in.
    seed : int
        Of the weights, which are drawn in float64.

    Returns
    -------
    float
        Relative to the network's largest absolute value at the vertices.

    Examples
    --------
    >>> affinity_error(lambda x: x.sum(1, keepdim=True), problems.region("square")) < 1e-15
    True
    >>> affinity_error(lambda x: x.square(), problems.region("square")) > 0.1
    True
    """
    generator = torch_generator(seed, "convex combinations")
    drawn = torch.rand(N_POINTS, len(vertices), dtype=torch.float64, generator=generator)
    # A power of exponential variables reaches the faces of polygons with many vertices, too.
    weights = (-drawn.log()) ** 3
    weights = (weights / weights.sum(1, keepdim=True)).to(vertices.device)
    points = torch.tensordot(weights, vertices.double(), 1).to(vertices.dtype)
    with torch.no_grad():
        corners, found = model(vertices).double(), model(points).double()
    error = (found - torch.tensordot(weights, corners, 1)).abs().max()
    return float(error / corners.abs().max().clamp_min(1e-300))


@torch.no_grad()
def largest_difference(one: Model, other: Model, points: Tensor) -> float:
    """Largest difference of two networks at points, relative to their largest output."""
    first, second = one(points), other(points)
    return ((first - second).abs().max() / second.abs().max()).item()


def errors(plain: nn.Sequential, vertices: Tensor, sign: Sign) -> dict[str, float]:
    """Measure a network without constraint, and with it in two precisions.

    Returns
    -------
    dict
        ``free`` (in float64), ``float64``, ``float32``.
    """
    double = exact(plain)
    single = exact(plain).float()
    return {
        "free": affinity_error(double, vertices),
        "float64": affinity_error(constrain(double, vertices, sign=sign), vertices),
        "float32": affinity_error(constrain(single, vertices, sign=sign), vertices.float()),
    }


def he(dimension: int, width: int, depth: int, seed: int) -> nn.Sequential:
    """Return a network with He's initial weights, far from affine at any depth; float64."""
    with seeded(seed, "affinity", dimension, width, depth):
        model = dense(dimension, width, depth).double()
        for layer in model:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
    return model.eval()


def initial(config: Mapping[str, Any], cell: Mapping[str, int]) -> pd.DataFrame:
    """Measure initial networks of growing depth.

    Parameters
    ----------
    config : mapping
        ``depths``, ``regions`` (names), ``width``, ``sign``.
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns depth, region, and those of :func:`errors`.

    Examples
    --------
    >>> config = {"depths": [2], "regions": ["square"], "width": 8, "sign": "majority"}
    >>> initial(config, {"seed": 0})[["free", "float64"]].gt(1e-10).values.tolist()
    [[True, False]]
    """
    rows = [
        {"depth": depth, "region": name}
        | errors(he(2, config["width"], depth, cell["seed"]), problems.region(name), config["sign"])
        for depth in config["depths"]
        for name in config["regions"]
    ]
    return pd.DataFrame(rows)


def ties(config: Mapping[str, Any], cell: Mapping[str, int]) -> pd.DataFrame:
    """Compare two ways to count the vertices' votes on regions with an even number of them.

    The released code takes the sign of (votes - (P / 2 + 1e-6)), computed in half precision. Where
    half of the vertices are on either side the small number is lost on a CPU, the sign is 0, the
    unit is not shifted, and the guarantee is gone.

    Parameters
    ----------
    config : mapping
        ``regions`` (names), ``width``, ``depth``.
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns region, vertices, tied (units of the first layer with as many vertices on either
        side), and the errors of affinity by the rule: half_precision, integers.

    Examples
    --------
    >>> found = ties({"regions": ["circle"], "width": 32, "depth": 2}, {"seed": 0})
    >>> found[["half_precision", "integers"]].gt(1e-9).values.tolist()
    [[True, False]]
    """
    model = he(2, config["width"], config["depth"], cell["seed"])
    return pd.DataFrame([_tie(model, name) for name in config["regions"]])


def _tie(model: nn.Sequential, name: str) -> dict[str, Any]:
    vertices = problems.region(name)
    above = (model[0](vertices) > 0).sum(0)
    return {
        "region": name, "vertices": len(vertices),
        "tied": int((2 * above == len(vertices)).sum()),
        "half_precision": affinity_error(lambda x: by_half_precision(model, x, vertices), vertices),
        "integers": affinity_error(constrain(model, vertices), vertices),
    }  # fmt: skip


@torch.no_grad()
def by_half_precision(model: nn.Sequential, data: Tensor, vertices: Tensor) -> Tensor:
    """Apply the constraint with the sign as the released code computes it."""
    for layer in list(model)[:-1]:
        data, vertices = layer(data), layer(vertices)
        if isinstance(layer, nn.Linear):
            votes = (vertices > 0).sum(0).half()
            sign = torch.sign(votes - (len(vertices) / 2 + 1e-6)).to(vertices)
            shift = sign * (sign * vertices).amin(0).clamp_max(0)
            # The activation of the layer follows: leaky ReLU commutes with no shift.
            data, vertices = data - shift, vertices - shift
    output: Tensor = model[-1](data)
    return output


OPTIMISERS: dict[str, Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]] = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9),
    "AdamW": lambda parameters: torch.optim.AdamW(parameters, lr=1e-2),
    "RMSprop": lambda parameters: torch.optim.RMSprop(parameters, lr=3e-3),
    "L-BFGS": lambda parameters: torch.optim.LBFGS(
        parameters, max_iter=4, line_search_fn="strong_wolfe"
    ),
}


def optimisers(config: Mapping[str, Any], cell: Mapping[str, int]) -> pd.DataFrame:
    """Train a small network with and without constraint, in float64, measured at every step.

    Parameters
    ----------
    config : mapping
        ``width``, ``steps``, ``side``, ``sign``.
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns optimiser, constrained, step, loss, error (of affinity on the triangle).
    """
    runs = itertools.product(OPTIMISERS, (True, False))
    return pd.DataFrame([row for run in runs for row in _optimise(*run, config, cell)])


def _optimise(
    name: str, constrained: bool, config: Mapping[str, Any], cell: Mapping[str, int]
) -> list[dict[str, Any]]:
    vertices, points = problems.region("triangle"), problems.grid(config["side"])
    wanted = problems.target("wave", points)
    with seeded(cell["seed"], "optimisers"):
        model: nn.Module = dense(2, config["width"], 3).double()
    if constrained:
        model = constrain(model, vertices, sign=config["sign"])
    optimiser = OPTIMISERS[name](model.parameters())

    def closure() -> Tensor:
        optimiser.zero_grad(set_to_none=True)
        loss = F.mse_loss(model(points)[:, 0], wanted)
        loss.backward()
        return loss

    rows = []
    for step in range(config["steps"] + 1):
        error = affinity_error(model, vertices)
        loss = closure().item()
        about = {"optimiser": name, "constrained": constrained, "step": step}
        rows.append(about | {"loss": loss, "error": error})
        if step < config["steps"]:
            optimiser.step(closure)  # type: ignore[arg-type]
    return rows
