"""Maps of the plane: what networks say, and where they are linear."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from ssl_lib import plotting
from ssl_lib.geometry import draw_boundary, draw_edges, draw_regions, level_set
from ssl_lib.papers.police.affinity import affinity_error
from ssl_lib.papers.police.figures import _marks as marks
from ssl_lib.papers.police.measures import KINDS
from ssl_lib.papers.police.training import Trained, data

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["classification", "evolution", "partition", "regression", "several"]

CLASSES = (plotting.HUES["purple"], plotting.HUES["orange"])


@plotting.style()
def classification(pair: Sequence[Trained], seed: int) -> "Figure":
    """Draw data of a seed, both networks' decisions, and their exact boundaries (Figure 1)."""
    fig, axes = marks.maps(1, 2, 2.95)
    points, labels = data(pair[0].network, pair[0].recipe, seed)
    for ax, trained in zip(axes.flat, pair, strict=True):
        _classes(ax, trained.field(marks.SIDE))
        for label, (colour, marker) in enumerate(zip(CLASSES, "os", strict=True)):
            some = points[labels == label].numpy()
            ax.plot(*some.T, marker, color=colour, markersize=1.6, markeredgewidth=0)
        draw_boundary(level_set(trained.partition), ax, color=marks.INK, linewidth=1.4, zorder=4)
        marks.outline(ax, trained.network.polygons, width=1.3)
        half = trained.network.half
        title = KINDS[trained.network.constrained]
        ax.set(xlim=(-half, half), ylim=(-half, half), title=title)
    return fig


def _classes(ax: "Axes", table: pd.DataFrame) -> None:
    """Tint where each class is predicted; see-through, so that it suits light and dark pages."""
    x, y, z = marks.gridded(table, "value")
    tint = ax.contourf(x, y, z, levels=[-1e9, 0, 1e9], colors=CLASSES, alpha=0.22)
    tint.set_rasterized(True)


@plotting.style()
def partition(pair: Sequence[Trained]) -> "Figure":
    """Draw all linear regions of two networks, coloured by the norm of their slope."""
    fig, axes = marks.maps(1, len(pair), 3.85)
    for ax, trained in zip(axes.flat, pair, strict=True):
        drawn = _regions(ax, trained)
        kind = KINDS[trained.network.constrained]
        ax.set_title(f"{kind}: {len(trained.partition):,} regions", fontsize=10)
    limit = _limit(*pair)
    for ax in axes.flat:
        ax.collections[0].set_clim(0, limit)
    bar = fig.colorbar(drawn, ax=list(axes.flat), location="bottom", aspect=40, shrink=0.7)
    bar.set_label("norm of the slope")
    return fig


def _limit(*some: Trained) -> float:
    norms = torch.cat([trained.partition.slope_norms for trained in some])
    return float(norms.quantile(0.98))


def _regions(ax: "Axes", trained: Trained) -> Any:
    found = trained.partition
    drawn = draw_regions(found, ax, cmap="magma", rasterized=True)
    draw_edges(found, ax, color="white", linewidth=0.12, alpha=0.35, rasterized=True)
    plotting.keep_colours(ax.collections[-1])
    marks.outline(ax, trained.network.polygons)
    return drawn


@plotting.style()
def regression(some: Sequence[Trained]) -> "Figure":
    """Draw target, network and a corner of its region, a row for each network (Figure 2)."""
    fig, axes = marks.maps(len(some), 3, 1.72 * len(some) + 0.7)
    for row, trained in zip(axes, some, strict=True):
        for ax, value in zip(row, ("target", "value", "value"), strict=True):
            drawn = marks.contours(ax, trained, value)
        corner = trained.network.polygons[0][-1]
        row[2].set(xlim=(corner[0] - 1, corner[0] + 1), ylim=(corner[1] - 1, corner[1] + 1))
    for ax, title in zip(axes[0], ("target", "network", "at a corner"), strict=True):
        ax.set_title(title)
    fig.colorbar(
        drawn, ax=list(axes.flat), location="bottom", aspect=40, shrink=0.7, ticks=[-1, 0, 1]
    )
    return fig


@plotting.style()
def evolution(some: Sequence[Trained]) -> "Figure":
    """Draw the target and a network after up to five numbers of updates (Figure 3)."""
    fig, axes = marks.maps(2, 3, 4.3)
    marks.contours(axes.flat[0], some[0], "target")
    axes.flat[0].set_title("target", fontsize=10)
    for ax, trained in zip(axes.flat[1:], some, strict=False):
        when = f"{trained.step:,} updates" if trained.step else "start"
        error = affinity_error(trained.flat, trained.network.polygons[0])
        marks.contours(ax, trained, "value")
        ax.set_title(f"{when}\nerror ≤ {marks.power(error)}", fontsize=10)
    for ax in axes.flat[1 + len(some) :]:
        ax.remove()
    return fig


@plotting.style()
def several(trained: Trained) -> "Figure":
    """Draw a network that is affine on several polygons, and its linear regions."""
    fig, axes = marks.maps(1, 2, 2.95)
    left, right = axes.flat
    marks.contours(left, trained, "value")
    _regions(right, trained).set_clim(0, _limit(trained))
    left.set_title("network")
    right.set_title(f"{len(trained.partition):,} regions")
    return fig
