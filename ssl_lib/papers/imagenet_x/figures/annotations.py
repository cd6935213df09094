"""Figures about the annotations alone."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.imagenet_x.figures import _marks as marks
from ssl_lib.papers.imagenet_x.settings import CHANCE
from ssl_lib.plotting.theme import text_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

__all__ = [
    "active_factors",
    "association_train",
    "association_val",
    "class_shift",
    "label_errors",
    "prevalence",
]

LOUD = 5.0  # in hundredths of phi, below which a cell's number is not written


@plotting.style()
def prevalence(table: pd.DataFrame) -> "Figure":
    """Draw how common each factor is on train and val, for all ticks and for the top factor.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.annotations.prevalence`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    ticked = table[table.selection == "multi"]
    order = ticked.groupby("factor").percent.mean().sort_values(ascending=False).index
    fig, axes = marks.panels(1, 2, height=5.2, sharey=True)
    for ax, (selection, title) in zip(
        axes, [("multi", "all ticked factors"), ("top", "top factor")], strict=True
    ):
        part = table[table.selection == selection]
        marks.dots(ax, part, rows=list(order), series=["train", "val"], by="split", value="percent")
        ax.set(xscale="log", xlim=(0.015, 130), title=title, xlabel="% of images")
        ax.set_xticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
        ax.minorticks_off()
    marks.name_rows(axes, list(order))
    marks.legend(fig, axes[0])
    return fig


@plotting.style()
def active_factors(counts: pd.DataFrame, errors: pd.DataFrame) -> "Figure":
    """Draw the number of images, and the models' error, by number of ticked factors.

    Parameters
    ----------
    counts : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.annotations.active_factors`.
    errors : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.base_models.error_by_ticks`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, (above, below) = marks.panels(2, 1, height=6.2)
    for split, style in marks.look(["train", "val"]).items():
        part = counts[counts.split == split]
        above.plot(part.ticks, part.images, **style)
    above.set(yscale="log", ylabel="images", xlabel="ticked factors")
    above.legend()
    for model, style in marks.look(list(errors.model.unique())).items():
        part = errors[errors.model == model]
        below.vlines(part.ticks, 100 * part.low, 100 * part.high, color=style["color"])
        below.plot(part.ticks, 100 * part.error, **style)
    below.set(ylabel="error, %", xlabel="ticked factors", xlim=(0.7, 7.3), ylim=(0, None))
    below.set_xticks(sorted(errors.ticks.unique()))
    plotting.direct_labels(below)
    return fig


@plotting.style()
def association_val(table: pd.DataFrame) -> "Figure":
    """Draw phi of factors with metaclasses, and with each other, on validation images.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.annotations.associations`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return _associations(table[table.split == "val"])


@plotting.style()
def association_train(table: pd.DataFrame) -> "Figure":
    """Draw the same as :func:`association_val` on training images.

    Parameters
    ----------
    table : pandas.DataFrame
        As there.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return _associations(table[table.split == "train"])


def _associations(table: pd.DataFrame) -> "Figure":
    fig, axes = marks.panels(2, 1, wide=True, height=12.4)
    for ax, kind in zip(axes, ["metaclass", "factor"], strict=True):
        part = table[table.kind == kind]
        wide = part.pivot(index="factor", columns="other", values="phi")
        wide = 100 * wide.reindex(part.factor.unique())[list(part.other.unique())]
        likely = part.pivot(index="factor", columns="other", values="p_value").reindex_like(wide)
        # A cell that may be chance has the colour of zero; one that does not exist has none.
        image = _heat(ax, wide.where((likely <= CHANCE) | wide.isna(), 0), limit=50, quiet=LOUD)
        ax.set_title(f"factor with {kind}: 100 × phi")
    fig.colorbar(image, ax=axes, location="top", shrink=0.5, aspect=30)
    return fig


def _heat(ax: "Axes", cells: pd.DataFrame, *, limit: float, quiet: float) -> "QuadMesh":
    """Colour the cells, and write the numbers of those that are not quiet."""
    named = cells.rename(index=marks.words, columns=marks.words)
    mesh: QuadMesh = plotting.heatmap(ax, named, centre=0, limit=limit, form="")
    mesh.set_edgecolor("none")
    for (row, column), value in np.ndenumerate(cells.to_numpy(float)):
        if abs(value) >= quiet:
            text = f"{value:+.0f}".replace("-", "−")
            ink = text_on(mesh.cmap(mesh.norm(value)))
            place = {"ha": "center", "va": "center"}
            written = ax.text(column + 0.5, row + 0.5, text, place, fontsize=10, color=ink)
            plotting.keep_colours(written)
    ax.tick_params(axis="x", rotation=90)
    return mesh


@plotting.style()
def class_shift(table: pd.DataFrame) -> "Figure":
    """Draw how much more often each metaclass varies in each factor than all images do.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.annotations.class_shift`; cells whose
        interval holds no difference have no number and the colour of zero.

    Returns
    -------
    matplotlib.figure.Figure
    """
    told_apart = (table.low > 0) | (table.high < 0)
    cells = table.assign(percent=100 * table["shift"].where(told_apart, 0))
    wide = cells.pivot(index="metaclass", columns="factor", values="percent")
    rows, columns = list(table.metaclass.unique()), list(table.factor.unique())
    fig, (ax,) = marks.panels(wide=True, height=7.2)
    mesh = _heat(ax, wide.reindex(index=rows, columns=columns), limit=200, quiet=1)
    bar = fig.colorbar(mesh, ax=ax, location="top", shrink=0.5, aspect=30, extend="max")
    bar.set_label("share of the factor among the top factors, % above or below all images")
    return fig


@plotting.style()
def label_errors(table: pd.DataFrame, best: "pd.Series[float]") -> "Figure":
    """Draw how many labels a second look confirms, beside the accuracy of the best models.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.annotations.label_errors`.
    best : pandas.Series
        Accuracy by factor.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = list(table.sort_values("confirmed").factor)
    fig, (ax,) = marks.panels(height=4.8)
    marks.dots(ax, table.assign(model="labels"), rows=rows, series=["labels"], value="confirmed")
    ax.plot(best[rows], range(len(rows)), linestyle="", marker="D", color=marks.INK, mfc="none")
    marks.name_rows([ax], rows)
    ax.set_xlabel("share of the factor's images")
    return fig
