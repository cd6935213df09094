"""Checks that every region was found, on networks of every kind the paper names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from ssl_lib.geometry import Maxout, Slice, box, completeness, partition, slice_through
from ssl_lib.models import seeded
from ssl_lib.randomness import torch_generator

__all__ = ["NETWORKS", "Exactness", "checks"]


@dataclass(frozen=True, kw_only=True)
class Exactness:
    """How finely the networks are compared with a grid."""

    grid: int


def checks(config: Exactness, cell: dict[str, Any]) -> pd.DataFrame:
    """Check the regions of one random network.

    Parameters
    ----------
    config : Exactness
    cell : mapping
        ``network``: the name of one of :data:`NETWORKS`; ``seed``.

    Returns
    -------
    pandas.DataFrame
        One row, see :func:`ssl_lib.geometry.completeness`.
    """
    kind, seed = NETWORKS[cell["network"]], cell["seed"]
    with seeded(seed, "exactness", cell["network"]):
        model = _settled(kind.make())
    found = partition(model, kind.place(seed))
    return pd.DataFrame([completeness(found, grid=config.grid, seed=seed)])


@dataclass(frozen=True)
class Kind:
    """How a network is made, and whether it takes images of 8 x 8."""

    make: Callable[[], nn.Module]
    images: bool = False

    def place(self, seed: int) -> Slice:
        """Return the square that is looked at."""
        if not self.images:
            return Slice.plane(box(-1, 1, -1, 1))
        anchors = torch.rand(3, 1, 8, 8, generator=torch_generator(seed, "anchors"))
        return slice_through(*anchors, half_side=4.0)


def _settled(model: nn.Module) -> nn.Module:
    """Give BatchNorm some statistics other than 0 and 1."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var = torch.rand(module.num_features) + 0.5
    return model.eval()


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


def _default(width: int, depth: int) -> nn.Module:
    layers: list[nn.Module] = [nn.Linear(2, width), nn.ReLU()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 1))


#: Every kind that the paper names.
NETWORKS = {
    "ReLU, 64 x 4": Kind(lambda: _default(64, 4)),
    "leaky ReLU": Kind(lambda: _mlp(lambda: nn.LeakyReLU(0.1))),
    "absolute value": Kind(lambda: _mlp(_Absolute)),
    "maxout of 3": Kind(lambda: _mlp(lambda: Maxout(3), 10, maxout=3)),
    "conv, BatchNorm, average pooling": Kind(lambda: _conv(nn.AvgPool2d(2)), images=True),
    "conv, BatchNorm, max pooling": Kind(lambda: _conv(nn.MaxPool2d(2)), images=True),
    "conv, skip connection": Kind(lambda: _conv(_Residual(4), nn.AvgPool2d(2)), images=True),
    "regression, one output": Kind(lambda: _default(24, 3)),
}
