"""Networks of the released figures: on the sphere, stopped early, and on the half-moons."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from ssl_lib.models import seeded
from ssl_lib.papers.ssl_interplay import moons, sphere
from ssl_lib.papers.ssl_interplay.recipes import Level, Stopping
from ssl_lib.randomness import torch_generator
from ssl_lib.theory.checks import Array

__all__ = ["PROBED", "level", "stopping"]

PROBED = (*sphere.TARGETS, sphere.BETWEEN)


def stopping(config: Stopping, cell: Mapping[str, int]) -> pd.DataFrame:
    """Train a network on shifts of the sphere and probe it on the way.

    Returns
    -------
    pandas.DataFrame
        Columns step, target, error; and invariance and regulariser, the parts of the loss.
    """
    given = config.points, config.dimension, config.shifts, cell["seed"]
    drawn = sphere.sample(config.inputs, *given)
    with seeded(cell["seed"], "stopping"):
        network = _mlp(config.dimension, config.width, config.outputs).double()
    optimiser = torch.optim.Adam(network.parameters(), lr=config.rate)
    views = torch.tensor(drawn.views)
    rows: list[dict[str, Any]] = []
    for step in range(config.steps + 1):
        z = network(views)
        invariance, regulariser = _parts(z)
        if step % config.every == 0:
            row = {"step": step, "invariance": invariance.item(), "regulariser": regulariser.item()}
            rows += [
                row | one
                for one in sphere.errors(_transform(network), drawn, targets=PROBED, ridge=False)
            ]
        optimiser.zero_grad()
        (invariance + regulariser).backward()
        optimiser.step()
    return pd.DataFrame(rows)


def _mlp(inputs: int, width: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in (inputs, width):
        layers += [nn.Linear(size, width), nn.LayerNorm(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def _transform(network: nn.Module) -> Callable[[Array], Array]:
    def transform(x: Array) -> Array:
        with torch.no_grad():
            return np.asarray(network(torch.tensor(x)).numpy())

    return transform


def _parts(z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean squared distance of two views, and that of the covariance from one."""
    k = z.shape[2]
    # Over pairs of different views it is twice the unbiased variance over an input's views.
    invariance = 2 * z.var(0).sum(1).mean()
    flat = z.reshape(-1, k)
    centred = flat - flat.mean(0)
    covariance = centred.T @ centred / (len(flat) - 1)
    eye = torch.eye(k, dtype=z.dtype)
    return invariance, (covariance - eye).square().sum()


def level(config: Level, cell: Mapping[str, int]) -> pd.DataFrame:
    """Train a network with one output on pairs of half-moon points.

    Its loss on a batch of a few pairs is the squared difference of views plus (variance - 1)²;
    details of the paper's script are not public. Without centring a constant would do best.

    Returns
    -------
    pandas.DataFrame
        Columns x, y, value: on a grid of the window.
    """
    _, views = moons.pairs(config.inputs, cell["seed"])
    network = _perceptron(config, cell["seed"])
    pairs = torch.tensor(views)
    order = torch_generator(cell["seed"], "batches")
    for epoch in range(config.epochs):
        rate = config.rate * 0.3 ** (3 * epoch // config.epochs)
        optimiser = torch.optim.SGD(network.parameters(), lr=rate)
        for batch in torch.randperm(config.inputs, generator=order).split(config.batch):
            a, b = network(pairs[:, batch])
            loss = (a - b).square().mean() + (torch.cat([a, b]).var() - 1) ** 2
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    x, y = (np.linspace(*ends, config.side) for ends in moons.WINDOW)
    points = np.stack(np.meshgrid(x, y), axis=2).reshape(-1, 2)
    with torch.no_grad():
        value = network(torch.tensor(points)).numpy()[:, 0]
    return pd.DataFrame({"x": points[:, 0], "y": points[:, 1], "value": value}).round(6)


def _perceptron(config: Level, seed: int) -> nn.Sequential:
    sizes = (2, *config.widths)
    with seeded(seed, "level"):
        layers = [
            part for a, b in itertools.pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())
        ]
        return nn.Sequential(*layers, nn.Linear(sizes[-1], 1)).double()
