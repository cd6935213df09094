"""Regions of one random layer: how many, and how long it takes to find them all."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from ssl_lib.geometry import Slice, box, partition
from ssl_lib.models import seeded
from ssl_lib.randomness import torch_generator

__all__ = ["LARGEST", "Growth", "by_formula", "counts", "times"]

LARGEST = 960


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Widths and input dimensions of the layers."""

    widths: tuple[int, ...]
    dimensions: tuple[int, ...]
    device: str = "cpu"

    def layers(self, seed: int) -> list[tuple[int, int, nn.Linear, Slice]]:
        """Return dimension, width and the random layer with its plane, of each."""
        return [(d, w, *_random_layer(w, d, seed)) for d in self.dimensions for w in self.widths]


def counts(config: Growth, cell: dict[str, Any]) -> pd.DataFrame:
    """Count the regions of random layers by the formula for line arrangements.

    Returns
    -------
    pandas.DataFrame
        Columns dimension, width, regions.
    """
    made = config.layers(cell["seed"])
    rows = [(inputs, width, by_formula(layer, place)) for inputs, width, layer, place in made]
    return pd.DataFrame(rows, columns=["dimension", "width", "regions"])


def times(config: Growth, cell: dict[str, Any]) -> pd.DataFrame:
    """Find all regions of random layers, with the clock running.

    Returns
    -------
    pandas.DataFrame
        Columns dimension, width, regions, by_formula, seconds.
    """
    rows = []
    for dimension, width, layer, place in config.layers(cell["seed"]):
        expected = by_formula(layer, place)
        rows.append((dimension, width, *_timed(layer, place, config.device), expected))
    names = ["dimension", "width", "regions", "seconds", "by_formula"]
    return pd.DataFrame(rows, columns=names)


def _timed(layer: nn.Linear, place: Slice, device: str) -> tuple[int, float]:
    model = nn.Sequential(layer, nn.ReLU()).eval().to(device)
    start = time.perf_counter()
    regions = len(partition(model, place, layers=1))
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return regions, time.perf_counter() - start


def _random_layer(width: int, dimension: int, seed: int) -> tuple[nn.Linear, Slice]:
    """Return a layer as torch initialises it, and a random square through the origin."""
    with seeded(seed, "growth", dimension, width):
        layer = nn.Linear(dimension, width)
    generator = torch_generator(seed, "plane", dimension, width)
    drawn = torch.randn(dimension, 2, dtype=torch.float64, generator=generator)
    basis = torch.linalg.qr(drawn).Q.T.contiguous()
    corners = box(-1, 1, -1, 1)
    origin = torch.zeros(dimension, dtype=torch.float64)
    return layer, Slice(origin, basis, corners, corners.new_zeros(0, 2))


@torch.no_grad()
def by_formula(layer: nn.Linear, place: Slice) -> int:
    """Count the regions of one layer without finding them.

    Lines in general position cut a convex polygon into 1 + (lines that meet it) + (crossings
    inside it) regions.

    Parameters
    ----------
    layer : nn.Linear
    place : Slice

    Returns
    -------
    int

    Examples
    --------
    >>> layer, place = _random_layer(50, 2, seed=0)
    >>> by_formula(layer, place) == len(partition(nn.Sequential(layer, nn.ReLU()).eval(), place))
    True
    """
    weight, bias = layer.weight.double(), layer.bias.double()
    lines = weight @ place.basis.flatten(1).T
    offset = bias + weight @ place.origin.flatten()
    value = place.domain @ lines.T + offset
    meets = (value.amin(0) < 0) & (value.amax(0) > 0)
    lines, offset = lines[meets], offset[meets]
    return 1 + len(lines) + _crossings(lines, offset, place.domain)


def _crossings(lines: Tensor, offset: Tensor, domain: Tensor) -> int:
    """Pairs of lines that cross strictly inside a counter-clockwise polygon."""
    first, second = torch.triu_indices(len(lines), len(lines), 1)
    (a, b), (c, d) = lines[first].T, lines[second].T
    determinant = a * d - b * c
    x = (b * offset[second] - d * offset[first]) / determinant
    y = (c * offset[first] - a * offset[second]) / determinant
    inside = torch.ones_like(x, dtype=torch.bool)
    for corner, following in zip(domain, domain.roll(-1, 0), strict=True):
        edge = following - corner
        inside &= edge[0] * (y - corner[1]) - edge[1] * (x - corner[0]) > 0
    return int(inside.sum())
