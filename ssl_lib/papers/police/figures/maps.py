"""Maps of the plane: what networks say, and where they are linear."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor

from ssl_lib import plotting
from ssl_lib.geometry import Partition, draw_boundary, draw_edges, draw_regions, level_set
from ssl_lib.papers.police import problems
from ssl_lib.papers.police.figures import _marks as marks
from ssl_lib.papers.police.training import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["classification", "evolution", "partitions", "regression", "several"]

TITLES = {True: "constrained", False: "unconstrained"}
CLASSES = (plotting.HUES["purple"], plotting.HUES["orange"])


@plotting.style()
def classification(
    fields: pd.DataFrame,
    found: Mapping[str, Partition],
    runs: Sequence[Run],
    points: Tensor,
    labels: Tensor,
) -> "Figure":
    """Draw the data, both networks' decisions, and their exact boundaries (Figure 1).

    Parameters
    ----------
    fields : pandas.DataFrame
        From :func:`ssl_lib.papers.police.measures.fields`.
    found : mapping of str to Partition
        By run.
    runs : sequence of Run
        The constrained and the unconstrained one.
    points, labels : Tensor of shape (n, 2) and (n,)

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = marks.maps(1, 2, 2.95)
    for ax, run in zip(axes.flat, runs, strict=True):
        _classes(ax, fields[fields.run == run.name])
        for label, (colour, marker) in enumerate(zip(CLASSES, "os", strict=True)):
            some = points[labels == label].numpy()
            ax.plot(*some.T, marker, color=colour, markersize=1.6, markeredgewidth=0)
        draw_boundary(level_set(found[run.name]), ax, color=marks.INK, linewidth=1.4, zorder=4)
        marks.outline(ax, problems.polygons(run.region), width=1.3)
        half = 1.8
        ax.set(xlim=(-half, half), ylim=(-half, half), title=TITLES[run.constrained])
    return fig


def _classes(ax: "Axes", table: pd.DataFrame) -> None:
    """Tint where each class is predicted; see-through, so that it suits light and dark pages."""
    x, y, z = marks.gridded(table, "value")
    tint = ax.contourf(x, y, z, levels=[-1e9, 0, 1e9], colors=CLASSES, alpha=0.22)
    tint.set_rasterized(True)


@plotting.style()
def partitions(found: Mapping[str, Partition], runs: Sequence[Run]) -> "Figure":
    """Draw all linear regions of networks, coloured by the norm of their slope.

    Parameters
    ----------
    found : mapping of str to Partition
    runs : sequence of Run
        Two of them.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = marks.maps(1, len(runs), 3.85)
    for ax, run in zip(axes.flat, runs, strict=True):
        drawn = _regions(ax, found[run.name])
        marks.outline(ax, problems.polygons(run.region))
        ax.set_title(f"{TITLES[run.constrained]}: {len(found[run.name]):,} regions", fontsize=10)
    norms = torch.cat([found[run.name].slope_norms for run in runs])
    limit = float(norms.quantile(0.98))
    for ax in axes.flat:
        ax.collections[0].set_clim(0, limit)
    bar = fig.colorbar(drawn, ax=list(axes.flat), location="bottom", aspect=40, shrink=0.7)
    bar.set_label("norm of the slope")
    return fig


def _regions(ax: "Axes", found: Partition) -> Any:
    drawn = draw_regions(found, ax, cmap="magma", rasterized=True)
    draw_edges(
        found, ax, color="white", linewidth=0.12, alpha=0.35, rasterized=True
    )  # fmt: skip
    plotting.keep_colours(ax.collections[-1])
    return drawn


@plotting.style()
def regression(fields: pd.DataFrame, runs: Sequence[Run]) -> "Figure":
    """Draw target, constrained network and a corner of the region for each case (Figure 2).

    Parameters
    ----------
    fields : pandas.DataFrame
        From :func:`ssl_lib.papers.police.measures.fields`.
    runs : sequence of Run
        The constrained ones.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = marks.maps(len(runs), 3, 1.72 * len(runs) + 0.7)
    for row, run in zip(axes, runs, strict=True):
        table = fields[fields.run == run.name]
        for ax, value in zip(row, ("target", "value", "value"), strict=True):
            drawn = marks.contours(ax, table, value)
            marks.outline(ax, problems.polygons(run.region))
        corner = problems.region(run.region)[-1]
        row[2].set(xlim=(corner[0] - 1, corner[0] + 1), ylim=(corner[1] - 1, corner[1] + 1))
    for ax, title in zip(axes[0], ("target", "network", "at a corner"), strict=True):
        ax.set_title(title)
    fig.colorbar(
        drawn, ax=list(axes.flat), location="bottom", aspect=40, shrink=0.7, ticks=[-1, 0, 1]
    )
    return fig


@plotting.style()
def evolution(fields: pd.DataFrame, measured: pd.DataFrame, run: Run) -> "Figure":
    """Draw the target and the network after a few numbers of updates (Figure 3).

    Parameters
    ----------
    fields : pandas.DataFrame
        From :func:`ssl_lib.papers.police.measures.fields`.
    measured : pandas.DataFrame
        From :func:`ssl_lib.papers.police.measures.snapshots`.
    run : Run

    Returns
    -------
    matplotlib.figure.Figure
    """
    errors = measured.set_index("step").float64
    steps = list(fields.step.unique())
    fig, axes = marks.maps(2, 3, 4.3)
    panels = [("target", fields[fields.step == steps[0]], "target")]
    for step in steps:
        when = "start" if step == 0 else f"{step:,} updates"
        title = f"{when}\nerror ≤ {marks.power(errors[step])}"
        panels.append((title, fields[fields.step == step], "value"))
    for ax in axes.flat[len(panels) :]:
        ax.remove()
    for ax, (title, table, value) in zip(axes.flat, panels, strict=False):
        marks.contours(ax, table, value)
        marks.outline(ax, problems.polygons(run.region))
        ax.set_title(title, fontsize=10)
    return fig


@plotting.style()
def several(fields: pd.DataFrame, found: Partition, run: Run) -> "Figure":
    """Draw a network that is affine on several polygons, and its linear regions.

    Parameters
    ----------
    fields : pandas.DataFrame
        From :func:`ssl_lib.papers.police.measures.fields`.
    found : Partition
    run : Run

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = marks.maps(1, 2, 2.95)
    left, right = axes.flat
    marks.contours(left, fields[fields.run == run.name], "value")
    _regions(right, found).set_clim(0, float(found.slope_norms.quantile(0.98)))
    for ax, title in ((left, "network"), (right, f"{len(found):,} regions")):
        marks.outline(ax, problems.polygons(run.region))
        ax.set_title(title)
    return fig
