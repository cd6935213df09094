"""How far networks are from affine on a region, without and with the constraint."""

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.geometry import constrain
from ssl_lib.models import seeded
from ssl_lib.papers.police import problems
from ssl_lib.papers.police.training import SLOPE, network
from ssl_lib.randomness import torch_generator

__all__ = [
    "affinity_error",
    "architectures",
    "by_depth",
    "largest_difference",
    "optimisers",
    "ties",
]

Network = Callable[[Tensor], Tensor]
N_POINTS = 400


def affinity_error(model: Network, vertices: Tensor, *, seed: int = 0) -> float:
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


def initial(dimension: int, width: int, depth: int, seed: int) -> nn.Sequential:
    """Return a network with He's initial weights, far from affine at any depth; float64."""
    with seeded(seed, "affinity", dimension, width, depth):
        model = network(dimension, width, depth).double()
        for layer in model:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
    return model.eval()


def by_depth(config: Mapping[str, Any]) -> pd.DataFrame:
    """Measure initial networks of growing depth.

    Parameters
    ----------
    config : mapping
        ``depths``, ``regions`` (names), ``width``, ``networks`` (how many of each), ``seed``,
        ``sign``.

    Returns
    -------
    pandas.DataFrame
        Columns depth, region, network, model ("constrained" or "free"), precision ("float64" or
        "float32"), error.

    Examples
    --------
    >>> config = {"depths": [2], "regions": ["square"], "width": 8, "networks": 1, "seed": 0}
    >>> table = by_depth(config | {"sign": "majority"})
    >>> (table.error < 1e-12).tolist(), table.model.tolist()
    ([True, False, False], ['constrained', 'constrained', 'free'])
    """
    rows = [
        {"depth": depth, "region": name, "network": number} | row
        for depth in config["depths"]
        for name in config["regions"]
        for number in range(config["networks"])
        for row in _precisions(
            initial(2, config["width"], depth, config["seed"] + number), name, config["sign"]
        )
    ]
    return pd.DataFrame(rows)


def _precisions(model: nn.Sequential, name: str, sign: Any) -> list[dict[str, Any]]:
    vertices = problems.region(name)
    exact = constrain(model, vertices, sign=sign)
    single = constrain(copy.deepcopy(model).float(), vertices, sign=sign)
    measured: list[tuple[str, str, Network, Tensor]] = [
        ("constrained", "float64", exact, vertices),
        ("constrained", "float32", single, vertices.float()),
        ("free", "float64", model, vertices),
    ]
    return [
        {"model": kind, "precision": precision, "error": affinity_error(net, corners)}
        for kind, precision, net, corners in measured
    ]


def ties(config: Mapping[str, Any]) -> pd.DataFrame:
    """Compare two ways to count the vertices' votes on regions with an even number of them.

    The released code takes the sign of (votes - (P / 2 + 1e-6)), computed in half precision. Where
    half of the vertices are on either side the small number is lost on a CPU, the sign is 0, the
    unit is not shifted, and the guarantee is gone.

    Parameters
    ----------
    config : mapping
        ``regions`` (names), ``width``, ``depth``, ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns region, vertices, rule ("half precision" or "integers"), tied (units of the first
        layer with as many vertices on either side), error.

    Examples
    --------
    >>> config = {"regions": ["circle"], "width": 32, "depth": 2, "seed": 0}
    >>> ties(config).set_index("rule").error.gt(1e-9).to_dict()
    {'half precision': True, 'integers': False}
    """
    rows: list[dict[str, Any]] = []
    for name in config["regions"]:
        vertices = problems.region(name)
        model = initial(2, config["width"], config["depth"], config["seed"])
        above = (model[0](vertices) > 0).sum(0)
        rules: dict[str, Network] = {
            "half precision": lambda x, m=model, v=vertices: _by_half_precision(m, x, v),  # type: ignore[misc]
            "integers": constrain(model, vertices),
        }
        for rule, net in rules.items():
            rows.append({
                "region": name, "vertices": len(vertices), "rule": rule,
                "tied": int((2 * above == len(vertices)).sum()),
                "error": affinity_error(net, vertices),
            })  # fmt: skip
    return pd.DataFrame(rows)


@torch.no_grad()
def _by_half_precision(model: nn.Sequential, data: Tensor, vertices: Tensor) -> Tensor:
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


class Residual(nn.Module):
    """A convolutional network with absolute values, a skip connection and max-pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 6, 3, padding=1)
        self.second = nn.Conv2d(6, 6, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(6 * 16, 3)

    def forward(self, images: Tensor) -> Tensor:
        """Return three outputs for images (n, 1, 8, 8)."""
        features = self.first(images).abs()
        features = F.relu(features + self.second(features))
        output: Tensor = self.head(self.pool(features).flatten(1))
        return output


def _convolutional(pool: nn.Module, norm: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), norm, nn.ReLU(), pool, nn.Flatten(), nn.Linear(96, 16),
        nn.LeakyReLU(SLOPE), nn.Linear(16, 3),
    )  # fmt: skip


def _zoo() -> dict[str, nn.Module]:
    dense = [nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 3)]
    return {
        "dense, ReLU": nn.Sequential(nn.Flatten(), *dense),
        "dense, leaky ReLU": nn.Sequential(nn.Flatten(), network(64, 48, 4)),
        "convolution, average-pooling": _convolutional(nn.AvgPool2d(2), nn.Identity()),
        "convolution, BatchNorm, max-pooling": _convolutional(nn.MaxPool2d(2), nn.BatchNorm2d(6)),
        "absolute value, skip connection, max-pooling": Residual(),
    }


def architectures(config: Mapping[str, Any]) -> pd.DataFrame:
    """Constrain networks on images to a tetrahedron of four random images.

    Parameters
    ----------
    config : mapping
        ``seed`` and ``sign``.

    Returns
    -------
    pandas.DataFrame
        Columns network, free and constrained (errors of affinity, float64), merged (largest
        difference of the merged from the constrained network relative to the largest output), and
        type, that of the merged network.
    """
    generator = torch_generator(config["seed"], "images")
    vertices, others = (
        2 * torch.randn(n, 1, 8, 8, dtype=torch.float64, generator=generator) for n in (4, 100)
    )
    with seeded(config["seed"], "architectures"):
        zoo = _zoo()
    rows = []
    for name, model in zoo.items():
        model.double().eval()
        constrained = constrain(model, vertices, sign=config["sign"], full_dimensional=False)
        merged = constrained.merge()
        rows.append({
            "network": name,
            "free": affinity_error(model, vertices),
            "constrained": affinity_error(constrained, vertices),
            "merged": largest_difference(merged, constrained, torch.cat([vertices, others])),
        })  # fmt: skip
    return pd.DataFrame(rows)


@torch.no_grad()
def largest_difference(one: Network, other: Network, points: Tensor) -> float:
    """Largest difference of two networks at points, relative to their largest output."""
    first, second = one(points), other(points)
    return ((first - second).abs().max() / second.abs().max()).item()


OPTIMISERS: dict[str, Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]] = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9),
    "AdamW": lambda parameters: torch.optim.AdamW(parameters, lr=1e-2),
    "RMSprop": lambda parameters: torch.optim.RMSprop(parameters, lr=3e-3),
    "L-BFGS": lambda parameters: torch.optim.LBFGS(
        parameters, max_iter=4, line_search_fn="strong_wolfe"
    ),
}


def optimisers(config: Mapping[str, Any]) -> pd.DataFrame:
    """Train a small constrained network, in float64, and measure it at every step.

    Parameters
    ----------
    config : mapping
        ``width``, ``steps``, ``side``, ``seed``, ``sign``.

    Returns
    -------
    pandas.DataFrame
        Columns optimiser, step, loss, error (of affinity on the triangle).
    """
    rows = [row for name in OPTIMISERS for row in _optimise(name, config)]
    return pd.DataFrame(rows)


def _optimise(name: str, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    vertices, points = problems.region("triangle"), problems.grid(config["side"])
    wanted = problems.target("wave", points)
    with seeded(config["seed"], "optimisers"):
        model = constrain(network(2, config["width"], 3).double(), vertices, sign=config["sign"])
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
        rows.append({"optimiser": name, "step": step, "loss": loss, "error": error})
        if step < config["steps"]:
            optimiser.step(closure)  # type: ignore[arg-type]
    return rows
