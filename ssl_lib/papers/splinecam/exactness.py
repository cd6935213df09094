"""Checks that every region was found, on networks of every kind the paper names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from ssl_lib import profiles
from ssl_lib.geometry import Maxout, Partition, Slice, box, partition, slice_through
from ssl_lib.geometry.partitions import root_images
from ssl_lib.models import seeded
from ssl_lib.papers.splinecam.settings import Settings
from ssl_lib.randomness import torch_generator
from ssl_lib.results import Result, Store

__all__ = ["NETWORKS", "Exactness", "checks", "failed"]

LIMIT = 1e-12


@dataclass(frozen=True, kw_only=True)
class Exactness:
    """How finely the networks are compared with a grid."""

    grid: int
    seed: int = 0


class _Residual(nn.Module):
    """x + conv(relu(conv(x)))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        summed: Tensor = x + self.second(torch.relu(self.first(x)))
        return summed


class _Absolute(nn.Module):
    """Absolute value."""

    def forward(self, x: Tensor) -> Tensor:
        return x.abs()


def _mlp(activation: Callable[[], nn.Module], width: int = 24, *, maxout: int = 1) -> nn.Module:
    hidden = [nn.Linear(2, width * maxout), activation(), nn.Linear(width, width * maxout)]
    return nn.Sequential(*hidden, activation(), nn.Linear(width, 3))


def _conv(*middle: nn.Module) -> nn.Module:
    start = [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()]
    end = [nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10)]
    return nn.Sequential(*start, *middle, *end)


#: What each network is, and how to make it.
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "ReLU, 64 x 4": lambda: _default(64, 4),
    "leaky ReLU": lambda: _mlp(lambda: nn.LeakyReLU(0.1)),
    "absolute value": lambda: _mlp(_Absolute),
    "maxout of 3": lambda: _mlp(lambda: Maxout(3), 10, maxout=3),
    "conv, BatchNorm, average pooling": lambda: _conv(nn.AvgPool2d(2)),
    "conv, BatchNorm, max pooling": lambda: _conv(nn.MaxPool2d(2)),
    "conv, skip connection": lambda: _conv(_Residual(4), nn.AvgPool2d(2)),
    "regression, one output": lambda: _default(24, 3),
}


def _default(width: int, depth: int) -> nn.Module:
    layers: list[nn.Module] = [nn.Linear(2, width), nn.ReLU()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 1))


def checks(settings: Settings, store: Store | None = None) -> Result:
    """Check the regions of one random network of each kind.

    Returns
    -------
    Result
        Columns network, regions, area_error (relative), repeated_codes, grid_points, patterns (on
        the grid), patterns_missed (that no region has), seen (share of the regions that the grid
        sees), map_error (largest difference of affine map and network, relative).
    """
    grid = profiles.choose(settings.profile, smoke=60, quick=200, standard=1000, paper=2000)
    config = Exactness(grid=grid, seed=settings.seed)
    return (store or Store()).table("splinecam-exactness", _checks, config)


def _checks(config: Exactness) -> pd.DataFrame:
    return pd.DataFrame([_check(name, config) for name in NETWORKS])


def _check(name: str, config: Exactness) -> dict[str, object]:
    with seeded(config.seed, "exactness", name):
        model = _settled(NETWORKS[name]())
    found = partition(model, _place(name, config.seed))
    codes = _hashes(found, found.centers)
    grid = _hashes(found, _grid(found.slice, config.grid))
    own, seen = set(codes.tolist()), set(grid.tolist())
    whole = _domain_area(found.slice)
    return {
        "network": name,
        "regions": len(found),
        "area_error": abs(float(found.areas.sum()) / whole - 1),
        "repeated_codes": len(codes) - len(own),
        "grid_points": config.grid**2,
        "patterns": len(seen),
        "patterns_missed": len(seen - own),
        "seen": len(seen & own) / len(own),
        "map_error": _map_error(found, config.seed),
    }


def _settled(model: nn.Module) -> nn.Module:
    """Give BatchNorm some statistics other than 0 and 1."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var = torch.rand(module.num_features) + 0.5
    return model.eval()


def _place(name: str, seed: int) -> Slice:
    if not name.startswith("conv"):
        return Slice.plane(box(-1, 1, -1, 1))
    anchors = torch.rand(3, 1, 8, 8, generator=torch_generator(seed, "anchors"))
    return slice_through(*anchors, half_side=4.0)


def _domain_area(place: Slice) -> float:
    x, y = place.domain.T
    return float((x * y.roll(-1) - x.roll(-1) * y).sum() / 2)


def _grid(place: Slice, side: int) -> Tensor:
    low, high = place.domain.amin(0), place.domain.amax(0)
    # Cell centres of an odd offset: a regular grid may run along the kinks of a regular network.
    steps = (torch.arange(side, dtype=torch.float64) + 0.49) / side
    return low + torch.cartesian_prod(steps, steps) * (high - low)


def _hashes(found: Partition, points: Tensor) -> np.ndarray:
    """Return one 64-bit number for the activation code at each plane point."""
    program, hashes = found.program, []
    for part in points.split(2048):
        codes = program.follow(root_images(found.slice, len(part)), part)[1]
        flat = torch.cat([code.flatten(1).long() for code in codes], 1).numpy()
        hashes.append(_weighted(flat))
    return np.concatenate(hashes)


def _weighted(codes: np.ndarray) -> np.ndarray:
    """Random 64-bit weights, summed modulo 2**64: two codes collide with probability 2**-64."""
    weights = np.random.default_rng(0).integers(1, 2**63, codes.shape[1], dtype=np.uint64)
    hashes: np.ndarray = (codes.astype(np.uint64) * weights).sum(1, dtype=np.uint64)
    return hashes


def _map_error(found: Partition, seed: int) -> float:
    """Compare the affine maps with the network at a random point of each region."""
    polygons = found.polygons
    weights = torch.rand(
        len(polygons.vertices), 1, dtype=torch.float64, generator=torch_generator(seed, "inside")
    )
    inside = polygons.sum(weights * polygons.vertices) / polygons.sum(weights)
    outputs = found.program.model(found.slice.embed(inside)).flatten(1)
    mapped = found.values(torch.arange(len(found)), inside)
    return float((mapped - outputs).abs().max() / outputs.abs().max())


def failed(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table of checks for which one fails."""
    good = (table.area_error <= LIMIT) & (table.map_error <= LIMIT)
    good &= (table.repeated_codes == 0) & (table.patterns_missed == 0)
    return table[~good]
