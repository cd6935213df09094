"""Regions of one random layer: how many, and how long it takes to find them all."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn

from ssl_lib import profiles
from ssl_lib.geometry import Slice, box, partition
from ssl_lib.models import seeded
from ssl_lib.papers.splinecam.settings import Settings
from ssl_lib.randomness import torch_generator
from ssl_lib.results import Result, Store

__all__ = ["Growth", "by_formula", "counts", "times"]

LARGEST = 960


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Widths and input dimensions of the layers."""

    widths: tuple[int, ...]
    dimensions: tuple[int, ...]
    seeds: tuple[int, ...]
    device: str = "cpu"


def counts(settings: Settings, store: Store | None = None) -> Result:
    """Count the regions of random layers by the formula for line arrangements.

    Returns
    -------
    Result
        Columns dimension, seed, width, regions.
    """
    grid = profiles.choose(
        settings.profile,
        smoke=(10, 510, LARGEST),
        quick=tuple(range(60, LARGEST + 1, 100)),
        standard=tuple(range(10, LARGEST + 1, 50)),
        paper=tuple(range(10, LARGEST + 1, 50)),
    )
    dimensions = profiles.choose(
        settings.profile,
        smoke=(2, 2002, 8002),
        quick=(2, 2002, 8002),
        standard=(2, 2002, 4002, 6002, 8002),
        paper=(2, 2002, 4002, 6002, 8002),
    )
    runs = profiles.choose(settings.profile, smoke=3, quick=8, standard=20, paper=40)
    seeds = tuple(range(settings.seed, settings.seed + runs))
    config = Growth(widths=grid, dimensions=dimensions, seeds=seeds)
    return (store or Store()).table("splinecam-growth-counts", _counts, config)


def times(settings: Settings, store: Store | None = None) -> Result:
    """Find all regions of random layers, with the clock running.

    Returns
    -------
    Result
        Columns dimension, seed, width, regions, by_formula, seconds.
    """
    whole = (10, 60, 110, 210, 310, 410, 510, 610, 710, 810, 910, LARGEST)
    grid = profiles.choose(
        settings.profile, smoke=(10, 110), quick=whole[:7], standard=whole, paper=whole
    )
    config = Growth(
        widths=grid,
        dimensions=(2, 2002),
        seeds=(settings.seed,),
        device=str(profiles.device(settings.device)),
    )
    return (store or Store()).table("splinecam-growth-times", _times, config)


def _counts(config: Growth) -> pd.DataFrame:
    rows = []
    for dimension in config.dimensions:
        for seed in config.seeds:
            for width in config.widths:
                layer, place = _random_layer(width, dimension, seed)
                regions = by_formula(layer, place)
                rows.append((dimension, seed, width, regions))
    return pd.DataFrame(rows, columns=["dimension", "seed", "width", "regions"])


def _times(config: Growth) -> pd.DataFrame:
    rows = []
    for dimension in config.dimensions:
        for width in config.widths:
            layer, place = _random_layer(width, dimension, config.seeds[0])
            model = nn.Sequential(layer, nn.ReLU()).eval().to(config.device)
            start = time.perf_counter()
            regions = len(partition(model, place, layers=1))
            if config.device.startswith("cuda"):
                torch.cuda.synchronize()
            seconds = time.perf_counter() - start
            expected = by_formula(layer.cpu(), place)
            rows.append((dimension, config.seeds[0], width, regions, expected, seconds))
    names = ["dimension", "seed", "width", "regions", "by_formula", "seconds"]
    return pd.DataFrame(rows, columns=names)


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
