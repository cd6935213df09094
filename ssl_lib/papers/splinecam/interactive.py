"""A small network whose regions can be explored in the page: three arms of a pinwheel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ssl_lib.geometry import Boundary, Partition, box, decision_boundary, explore, partition, table
from ssl_lib.markup import Markup
from ssl_lib.papers.splinecam import shapes
from ssl_lib.papers.splinecam.figures import _marks
from ssl_lib.papers.splinecam.networks import fit, relu_network
from ssl_lib.papers.splinecam.settings import Settings
from ssl_lib.randomness import numpy_generator

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ARMS", "Explored", "page", "pinwheel", "trained"]

ARMS = ("arm 1", "arm 2", "arm 3")
DOMAIN = (-3.0, 3.0, -3.0, 3.0)
LAYERS = (2, 12, 12, 3)


@dataclass(frozen=True, eq=False)
class Explored:
    """A trained network, its partition and its points."""

    model: nn.Module
    regions: Partition
    boundary: Boundary
    points: Tensor  # (n, 2)
    labels: Tensor  # (n,)

    def table(self) -> pd.DataFrame:
        """Return a table of shapes (see `ssl_lib.papers.splinecam.shapes`)."""
        return shapes.table(
            [
                shapes.regions(self.regions, "pinwheel"),
                shapes.lines(self.boundary, "pinwheel"),
                shapes.points(self.points, "pinwheel", self.labels),
            ]
        )

    def maps(self) -> pd.DataFrame:
        """Return one row a region: what `ssl_lib.geometry.table` has, and the affine maps."""
        columns = {
            f"{arm}, {part}": self.regions.outputs[:, place, output].numpy()
            for output, arm in enumerate(ARMS)
            for place, part in enumerate(("times x", "times y", "plus"))
        }
        return table(self.regions).assign(**columns)


def pinwheel(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return points on three bent arms, (n, 2), and the arm of each, (n,).

    Examples
    --------
    >>> points, arms = pinwheel(300, seed=0)
    >>> tuple(points.shape), arms.bincount().tolist()
    ((300, 2), [100, 100, 100])
    """
    draw = numpy_generator(seed, "pinwheel")
    arm = np.arange(n) % len(ARMS)
    radius = draw.uniform(0.3, 2.6, n)
    angle = 2 * np.pi * arm / len(ARMS) + 1.2 * radius + draw.normal(0, 0.16, n)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return torch.as_tensor(points, dtype=torch.float32), torch.as_tensor(arm)


def trained(settings: Settings, *, steps: int = 400) -> Explored:
    """Train a network with two layers of twelve units to tell the arms apart.

    Parameters
    ----------
    settings : Settings
    steps : int

    Returns
    -------
    Explored
    """
    points, labels = pinwheel(450, settings.seed)
    model = fit(
        relu_network(LAYERS, seed=settings.seed, stream="pinwheel"),
        lambda _: (points, labels),
        nn.functional.cross_entropy,
        steps=steps,
        learning_rate=0.02,
        keep=(steps,),
    )[steps]
    regions = partition(model, box(*DOMAIN))
    return Explored(model, regions, decision_boundary(regions), points, labels)


def page(explored: Explored, *, twin: str) -> Markup:
    """Return the regions to point at, in the colours of the chapter's figures."""
    norms = explored.regions.slope_norms.numpy()
    return explore(
        explored.regions,
        twin=twin,
        boundary=explored.boundary,
        outputs=ARMS,
        color=_marks.scaled(norms, *_marks.slope_limits(norms)),
        cmap=_marks.colormap(),
    )
