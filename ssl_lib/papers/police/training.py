"""Training with and without the constraint, and the trained networks that are drawn."""

import copy
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ssl_lib.geometry import Constrained, Partition, box, constrain, partition
from ssl_lib.geometry.shifts import Sign
from ssl_lib.models import seeded
from ssl_lib.papers.police import problems
from ssl_lib.papers.police.recipes import Network, Recipe
from ssl_lib.randomness import torch_generator

__all__ = ["SLOPE", "Trained", "data", "dense", "exact", "restore", "target", "train", "weights"]

SLOPE = 0.01
#: The losses of so many first steps are hardly moved by another processor's rounding.
EARLY = 10


def dense(dimension: int, width: int, depth: int) -> nn.Sequential:
    """Return linear layers with leaky ReLUs between, one output.

    Examples
    --------
    >>> len(dense(2, 8, depth=3))
    7
    """
    layers: list[nn.Module] = []
    for n_in in [dimension, *[width] * (depth - 1)]:
        layers += [nn.Linear(n_in, width), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers, nn.Linear(width, 1))


def data(network: Network, recipe: Recipe, seed: int) -> tuple[Tensor, Tensor]:
    """Return the points (n, 2) and targets (n,) that a network learns, float32."""
    if network.problem == "stars":
        points, wanted = problems.stars(recipe.points, torch_generator(seed, "stars"))
    else:
        points = problems.grid(recipe.points)
        wanted = target(network, recipe, points)
    return points.float(), wanted.float()


def target(network: Network, recipe: Recipe, points: Tensor) -> Tensor:
    """Return the target of a regression anywhere, centred and scaled as on the training grid."""
    at_grid = problems.target(network.problem, problems.grid(recipe.points))
    mean = at_grid.mean()
    return (problems.target(network.problem, points) - mean) / (at_grid - mean).abs().max()


def train(
    config: Mapping[str, Any], cell: Mapping[str, Any]
) -> Iterator[tuple[int, Tensor, nn.Sequential]]:
    """Train the network of a cell.

    Parameters
    ----------
    config : mapping
        ``recipes`` by figure, ``sign`` and ``device``.
    cell : mapping
        The fields of :class:`Network`, and ``seed``: a network and its unconstrained twin start
        from the same weights.

    Yields
    ------
    step : int
        The number of updates so far, from 0.
    loss : Tensor
    plain : torch.nn.Sequential
        The network without its shifts, which the next step changes.

    Examples
    --------
    >>> wave = Network(figure="regression", problem="wave", region="triangle")
    >>> recipe = Recipe(width=4, depth=1, points=5, steps=2, learning_rate=0.01)
    >>> config = {"recipes": {"regression": recipe}, "sign": "majority", "device": "cpu"}
    >>> [step for step, loss, plain in train(config, wave.cell(seed=0))]
    [0, 1, 2]
    """
    network, seed = Network.of(cell), cell["seed"]
    recipe: Recipe = config["recipes"][network.figure]
    points, wanted = (part.to(config["device"]) for part in data(network, recipe, seed))
    with seeded(seed, "police", network.problem, network.region):
        plain = dense(2, recipe.width, recipe.depth).to(config["device"])
    model: nn.Module = plain
    if network.constrained:
        model = constrain(plain, network.polygons, sign=config["sign"])
    measure = F.binary_cross_entropy_with_logits if network.problem == "stars" else F.mse_loss
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    length = max(1, recipe.steps // recipe.phases)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, length, 0.3)
    for step in range(recipe.steps + 1):
        loss = measure(model(points)[:, 0], wanted)
        yield step, loss.detach(), plain
        if step < recipe.steps:
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()


def exact(plain: nn.Sequential) -> nn.Sequential:
    """Return a copy of a network in float64, for a look at it."""
    return copy.deepcopy(plain).cpu().double().eval()


def weights(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train the network of a cell and keep its weights.

    Parameters
    ----------
    config, cell : mapping
        As of :func:`train`.

    Returns
    -------
    pandas.DataFrame
        Columns step, measure ("parameter"; of step 0 also "early loss", the mean of the first ten),
        at (the place among all parameters), value.
    """
    recipe: Recipe = config["recipes"][cell["figure"]]
    kept, early = [], []
    for step, loss, plain in train(config, cell):
        early += [loss] if step < EARLY else []
        if step in recipe.shown or step == recipe.steps:
            kept.append(_part(step, "parameter", parameters_to_vector(plain.parameters())))
    return pd.concat([_part(0, "early loss", torch.stack(early).mean()), *kept], ignore_index=True)


def _part(step: int, measure: str, values: Tensor) -> pd.DataFrame:
    flat = values.detach().cpu().flatten().numpy()
    return pd.DataFrame({
        "step": np.int32(step), "measure": measure, "at": np.arange(len(flat), dtype=np.int32),
        "value": flat,
    })  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """A network after a number of updates, to look at; ``plain`` is without shifts, float64."""

    network: Network
    recipe: Recipe
    step: int
    plain: nn.Sequential = field(repr=False)
    sign: Sign = "majority"

    @functools.cached_property
    def model(self) -> Constrained | nn.Sequential:
        """The network as it was trained, with its constraint if it has one."""
        if not self.network.constrained:
            return self.plain
        return constrain(self.plain, self.network.polygons, sign=self.sign).eval()

    @functools.cached_property
    def flat(self) -> nn.Module:
        """The same as a plain network."""
        return self.model.merge() if isinstance(self.model, Constrained) else self.model

    @torch.no_grad()
    def at(self, points: Tensor) -> Tensor:
        """Return the network's output at points (n, 2), (n,)."""
        output: Tensor = self.flat(points)[:, 0]
        return output

    @functools.cached_property
    def partition(self) -> Partition:
        """The linear regions in the square that is drawn."""
        half = self.network.half
        return partition(self.flat, box(-half, half, -half, half))

    def field(self, side: int) -> pd.DataFrame:
        """Evaluate the network on a grid: columns x, y, value and, for a regression, target."""
        points = problems.grid(side, self.network.half)
        table = {"x": points[:, 0], "y": points[:, 1], "value": self.at(points)}
        if self.network.problem != "stars":
            table["target"] = target(self.network, self.recipe, points)
        return pd.DataFrame({name: column.numpy() for name, column in table.items()})


def restore(table: pd.DataFrame, network: Network, recipe: Recipe, sign: Sign) -> list[Trained]:
    """Return a network after each number of updates that a table of :func:`weights` has."""
    own = network.rows(table)
    found = []
    for step, rows in own[own.measure == "parameter"].groupby("step"):
        plain = dense(2, recipe.width, recipe.depth).double().eval()
        values = torch.tensor(rows.value.to_numpy(np.float64))
        vector_to_parameters(values, plain.parameters())
        found.append(Trained(network, recipe, int(str(step)), plain, sign))
    return found
