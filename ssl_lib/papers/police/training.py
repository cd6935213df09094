"""Training with and without constraint, as tables of weights that everything else is drawn from."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.geometry import Constrained, constrain
from ssl_lib.models import seeded
from ssl_lib.papers.police import problems
from ssl_lib.papers.police.settings import Settings
from ssl_lib.profiles import choose
from ssl_lib.randomness import torch_generator

__all__ = [
    "SLOPE",
    "Run",
    "classification",
    "config",
    "constrained",
    "data",
    "evolution",
    "network",
    "normalised",
    "regression",
    "restore",
    "several",
    "train",
    "train_all",
]

SLOPE = 0.01


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training of one of the paper's figures.

    Parameters
    ----------
    problem : {"stars", "wave", "rays", "spiral"}
    region : str
        Name of the region, see :func:`ssl_lib.papers.police.problems.polygons`.
    constrained : bool
        Else the region is only where the network is looked at.
    width, depth : int
        Of the hidden layers.
    points : int
        Of each class, or along the side of the grid.
    steps : int
        Of full-batch AdamW.
    learning_rate, weight_decay : float
    phases : int
        The learning rate is multiplied by 0.3 between two of so many equal parts.
    keep : tuple of int
        Number of updates after which the weights are kept; always after the last.
    """

    problem: str
    region: str
    constrained: bool = True
    width: int
    depth: int
    points: int
    steps: int
    learning_rate: float
    weight_decay: float = 0.01
    phases: int = 3
    keep: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Names the run in tables."""
        return f"{self.problem}-{self.region}-{'police' if self.constrained else 'free'}"


def network(dimension: int, width: int, depth: int) -> nn.Sequential:
    """Return the paper's network: linear layers with leaky ReLU and a linear head.

    Examples
    --------
    >>> len(network(2, 8, depth=3))
    7
    """
    layers: list[nn.Module] = []
    for n_in in [dimension, *[width] * (depth - 1)]:
        layers += [nn.Linear(n_in, width), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers, nn.Linear(width, 1))


def _pair(**options: Any) -> list[Run]:
    return [Run(**options), Run(**options, constrained=False)]


def classification(settings: Settings) -> list[Run]:
    """Return the runs of Figure 1; at paper its script's values.

    Examples
    --------
    >>> [run.name for run in classification(Settings())]
    ['stars-square-police', 'stars-square-free']
    """
    points = choose(settings.profile, smoke=64, quick=512, standard=1024, paper=1024)
    width = settings.width or choose(settings.profile, smoke=16, quick=64, standard=128, paper=128)
    rate = choose(settings.profile, smoke=1e-2, quick=1e-2, standard=1e-3, paper=1e-3)
    return _pair(
        problem="stars", region="square", width=width, depth=3, points=points,
        steps=settings.classification_steps, learning_rate=rate, weight_decay=1e-5, phases=4,
    )  # fmt: skip


def _learning_rate(settings: Settings) -> float:
    """Small networks that are trained shortly need larger steps than the paper's."""
    return choose(settings.profile, smoke=1e-2, quick=1e-2, standard=1e-3, paper=5e-4)


def regression(settings: Settings) -> list[Run]:
    """Return the runs of Figure 2, each with its unconstrained twin.

    Examples
    --------
    >>> len(regression(Settings())), len(regression(Settings(profile="paper")))
    (6, 18)
    """
    runs = [
        _pair(
            problem=target, region=region, width=settings.hidden, depth=4, points=settings.side,
            steps=settings.regression_steps, learning_rate=_learning_rate(settings),
        )
        for target, region in settings.cases
    ]  # fmt: skip
    return [run for pair in runs for run in pair]


def evolution(settings: Settings) -> list[Run]:
    """Return the run of Figure 3, kept after steps that grow about evenly in logarithm.

    Examples
    --------
    >>> evolution(Settings())[0].keep[:8]
    (0, 1, 2, 4, 5, 6, 8, 12)
    """
    steps = settings.regression_steps
    even = {round(steps ** (place / 16)) for place in range(17)}
    keep = tuple(sorted({step for step in even | {0, 6, 21, 61} if step <= steps}))
    rate = choose(settings.profile, smoke=1e-2, quick=1e-2, standard=1e-3, paper=1e-3)
    return [
        Run(
            problem="rays", region="triangle", width=settings.hidden, depth=3, phases=4,
            points=settings.side, steps=steps, learning_rate=rate, keep=keep,
        )
    ]  # fmt: skip


def several(settings: Settings) -> list[Run]:
    """Return a run with three disjoint regions.

    Examples
    --------
    >>> several(Settings())[0].name
    'rays-three-police'
    """
    return [
        Run(
            problem="rays", region="three", width=settings.hidden, depth=4, points=settings.side,
            steps=settings.regression_steps, learning_rate=_learning_rate(settings),
        )
    ]  # fmt: skip


def config(settings: Settings, runs: Iterable[Run]) -> dict[str, Any]:
    """Return what :func:`train_all` is called with."""
    return {
        "runs": [asdict(run) for run in runs],
        "seed": settings.seed,
        "sign": settings.sign,
        "device": settings.place.type,
    }


def train_all(config: Mapping[str, Any]) -> pd.DataFrame:
    """Train networks one after the other.

    Parameters
    ----------
    config : mapping
        ``runs`` (fields of :class:`Run`), ``seed``, ``sign`` and ``device``.

    Returns
    -------
    pandas.DataFrame
        Columns run, step, layer (0 the lowest), part ("weight" or "bias"), value, and loss, that
        of the training before the step.
    """
    runs = [Run(**{**run, "keep": tuple(run["keep"])}) for run in config["runs"]]
    device = torch.device(config["device"])
    tables = [train(run, seed=config["seed"], sign=config["sign"], device=device) for run in runs]
    return pd.concat(tables, ignore_index=True)


def data(run: Run, seed: int) -> tuple[Tensor, Tensor]:
    """Return the points (n, 2) and targets (n,) of a run, float32."""
    if run.problem == "stars":
        points, wanted = problems.stars(run.points, torch_generator(seed, "stars"))
    else:
        points = problems.grid(run.points)
        wanted = normalised(run, points)
    return points.float(), wanted.float()


def normalised(run: Run, points: Tensor) -> Tensor:
    """Return the target of a regression anywhere, centred and scaled as on the training grid."""
    at_grid = problems.target(run.problem, problems.grid(run.points))
    mean = at_grid.mean()
    return (problems.target(run.problem, points) - mean) / (at_grid - mean).abs().max()


def train(
    run: Run, *, seed: int = 0, sign: Any = "majority", device: torch.device | str = "cpu"
) -> pd.DataFrame:
    """Train one network.

    Parameters
    ----------
    run : Run
    seed : int
        A run and its unconstrained twin start from the same weights.
    sign : {"majority", "smallest"}
    device : torch.device or str

    Returns
    -------
    pandas.DataFrame
        As :func:`train_all`.

    Examples
    --------
    >>> run = Run(problem="wave", region="triangle", width=4, depth=1, points=5, steps=2,
    ...           learning_rate=0.01)
    >>> train(run).groupby(["layer", "part"]).size().to_dict()
    {(0, 'bias'): 4, (0, 'weight'): 8, (1, 'bias'): 1, (1, 'weight'): 4}
    """
    points, wanted = (part.to(device) for part in data(run, seed))
    with seeded(seed, "police", run.problem, run.region):
        plain = network(2, run.width, run.depth).to(device)
    model: nn.Module = plain
    if run.constrained:
        model = constrain(plain, problems.polygons(run.region), sign=sign)
    loss = F.binary_cross_entropy_with_logits if run.problem == "stars" else F.mse_loss
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=run.learning_rate, weight_decay=run.weight_decay
    )
    length = max(1, run.steps // run.phases)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, length, 0.3)
    kept = []
    for step in range(run.steps + 1):
        value = loss(model(points)[:, 0], wanted)
        if step in run.keep or step == run.steps:
            kept.append(_weights(plain).assign(step=step, loss=value.item()))
        if step < run.steps:
            optimiser.zero_grad(set_to_none=True)
            value.backward()
            optimiser.step()
            schedule.step()
    return pd.concat(kept, ignore_index=True).assign(run=run.name)


def _weights(model: nn.Sequential) -> pd.DataFrame:
    linear = [layer for layer in model if isinstance(layer, nn.Linear)]
    parts = [
        pd.DataFrame({"layer": place, "part": part, "value": getattr(layer, part).detach().cpu()
                      .flatten().numpy()})
        for place, layer in enumerate(linear)
        for part in ("weight", "bias")
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def restore(table: pd.DataFrame, run: Run, step: int | None = None) -> nn.Sequential:
    """Return the unconstrained network with the weights of a run, float64, in eval mode.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`train_all`.
    run : Run
    step : int, optional
        By default the last.
    """
    step = run.steps if step is None else step
    rows = table[(table.run == run.name) & (table.step == step)]
    model = network(2, run.width, run.depth).double().eval()
    linear = [layer for layer in model if isinstance(layer, nn.Linear)]
    for place, layer in enumerate(linear):
        for part in ("weight", "bias"):
            values = rows[(rows.layer == place) & (rows.part == part)].value.to_numpy()
            parameter = getattr(layer, part)
            parameter.data = torch.tensor(values, dtype=torch.float64).view_as(parameter)
    return model


def constrained(table: pd.DataFrame, run: Run, step: int | None = None, *,
                sign: Any = "majority") -> Constrained | nn.Sequential:  # fmt: skip
    """Return the network of a run as it was trained, with its constraint if it has one."""
    model = restore(table, run, step)
    if not run.constrained:
        return model
    return constrain(model, problems.polygons(run.region), sign=sign).eval()
