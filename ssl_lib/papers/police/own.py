"""Constraining a network of one's own, and of several kinds."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.geometry import Constrained, constrain
from ssl_lib.geometry.shifts import Sign
from ssl_lib.models import seeded
from ssl_lib.papers.police.affinity import affinity_error, largest_difference
from ssl_lib.papers.police.training import SLOPE, dense
from ssl_lib.randomness import torch_generator

__all__ = ["architectures", "compare", "merging"]


def compare(
    model: nn.Module, vertices: Tensor, *, points: Tensor | None = None, sign: Sign = "majority"
) -> dict[str, float]:
    """Constrain a network and say what that changes.

    Parameters
    ----------
    model : torch.nn.Module
        Of the layers that :func:`ssl_lib.geometry.constrain` takes, in eval mode.
    vertices : Tensor of shape (n_vertices, *input_shape)
        Of the region, in the network's precision.
    points : Tensor of shape (n, *input_shape), optional
        Where the merged network is compared with the constrained one, besides the vertices.
    sign : {"majority", "smallest"}, default="majority"

    Returns
    -------
    dict
        ``free`` and ``constrained``, the errors of affinity without and with the constraint, and
        those of :func:`merging`.

    Examples
    --------
    >>> corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3)
    >>> found = compare(dense(3, 8, 2).double().eval(), corners)
    >>> found["constrained"] < 1e-10, found["parameters"]
    (True, 0)
    """
    constrained = constrain(model, vertices, sign=sign, full_dimensional=False)
    everywhere = vertices if points is None else torch.cat([vertices, points])
    return {
        "free": affinity_error(model, vertices),
        "constrained": affinity_error(constrained, vertices),
        **merging(model, constrained, everywhere),
    }


def merging(plain: nn.Module, constrained: Constrained, points: Tensor) -> dict[str, float]:
    """Compare a merged network with the constrained and the plain one.

    Returns
    -------
    dict
        ``parameters`` (numbers, buffers included) and ``layers`` of the merged network beyond the
        plain one; ``difference``, the largest of outputs from the constrained network, relative to
        the largest output.
    """
    merged = constrained.merge()
    return {
        "parameters": _size(merged) - _size(plain),
        "layers": len(list(merged.modules())) - len(list(plain.modules())),
        "difference": largest_difference(merged, constrained, points),
    }


def _size(model: nn.Module) -> int:
    return sum(part.numel() for part in (*model.parameters(), *model.buffers()))


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


def _convolutional(pool: nn.Module, norm: Sequence[nn.Module] = ()) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), *norm, nn.ReLU(), pool, nn.Flatten(), nn.Linear(96, 16),
        nn.LeakyReLU(SLOPE), nn.Linear(16, 3),
    )  # fmt: skip


def _zoo() -> dict[str, nn.Module]:
    relu = [nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 3)]
    return {
        "dense, ReLU": nn.Sequential(nn.Flatten(), *relu),
        "dense, leaky ReLU": nn.Sequential(nn.Flatten(), dense(64, 48, 4)),
        "convolution, average-pooling": _convolutional(nn.AvgPool2d(2)),
        "convolution, BatchNorm, max-pooling": _convolutional(nn.MaxPool2d(2), [nn.BatchNorm2d(6)]),
        "absolute value, skip connection, max-pooling": Residual(),
    }


def architectures(config: Mapping[str, Any], cell: Mapping[str, int]) -> pd.DataFrame:
    """Constrain networks on images to a tetrahedron of four random images.

    Parameters
    ----------
    config : mapping
        ``sign``.
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns network and those of :func:`compare`, in float64.
    """
    generator = torch_generator(cell["seed"], "images")
    vertices, others = (
        2 * torch.randn(n, 1, 8, 8, dtype=torch.float64, generator=generator) for n in (4, 100)
    )
    with seeded(cell["seed"], "architectures"):
        zoo = _zoo()
    rows = [
        {"network": name}
        | compare(model.double().eval(), vertices, points=others, sign=config["sign"])
        for name, model in zoo.items()
    ]
    return pd.DataFrame(rows)
