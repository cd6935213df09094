"""Figures about the 209 models of the main comparison."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.evaluation.imagenet_x.families import COMPARED
from ssl_lib.papers.imagenet_x.figures import _marks as marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "accuracy_dependence",
    "consistency",
    "effective_robustness",
    "families",
    "line",
]

Z = 1.959964
LOOKS = marks.look(COMPARED)
POINTS: dict[str, Any] = {
    "linestyle": "", "markersize": 2.6, "markeredgewidth": 0, "alpha": 0.8, "rasterized": True,
}  # fmt: skip


@plotting.style()
def line(points: pd.DataFrame, fits: pd.DataFrame) -> "Figure":
    """Draw factor accuracy against overall accuracy, a panel a factor (``highlevel_scatter_plot``).

    Parameters
    ----------
    points, fits : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.comparison.line` and ``line_fits``. In the
        band 95 % of models on the fitted line would lie by the chance of so few images. What has no
        fit, the worst factor and classes of each model, comes last.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = list(dict.fromkeys([*fits.factor, *points.factor]))
    fig, axes = plotting.small_multiples(len(names), columns=3, height=1.75)
    for ax, name in zip(axes, names, strict=True):
        _line_panel(ax, points[points.factor == name], name)
    for ax, fit in zip(axes, fits.itertuples(), strict=False):
        _fit(ax, points, fit)
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, markerscale=2, loc="outside upper center", ncols=2)
    fig.supxlabel("accuracy on all images, %", fontsize="medium")
    fig.supylabel("accuracy on the factor's images, %", fontsize="medium")
    return fig


def _line_panel(ax: "Axes", points: pd.DataFrame, name: str) -> None:
    ax.plot([0, 100], [0, 100], marker="", linestyle="--", color=marks.GREY, linewidth=1)
    for family, style in LOOKS.items():
        part = points[points.family == family]
        ax.plot(100 * part.top1, 100 * part.accuracy, **POINTS, **style)
    ax.set(xlim=(27, 92), ylim=(0, 100), title=marks.words(name))


def _fit(ax: "Axes", points: pd.DataFrame, fit: Any) -> None:
    x = np.linspace(points.top1.min(), points.top1.max(), 50)
    y = np.clip(fit.intercept + fit.slope * x, 0, 1)
    half = Z * np.sqrt(y * (1 - y) / fit.images)
    ax.fill_between(100 * x, 100 * (y - half), 100 * (y + half), color=marks.GREY, alpha=0.25, lw=0)
    ax.text(0.97, 0.04, f"r = {fit.pearson:.2f}", transform=ax.transAxes, ha="right")


@plotting.style()
def families(table: pd.DataFrame) -> "Figure":
    """Draw mean error ratios by family (``supervision_comparison_prevalence``).

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.comparison.family_ratios`; bars are one
        standard deviation over models, factors on which the families do not differ are pale.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = list(table.groupby("factor").error_ratio.mean().sort_values().index)
    pale = list(table[~table.differs].factor.unique())
    fig, (ax,) = marks.panels(height=7.6)
    marks.reference(ax, 1)
    marks.dots(
        ax, table, rows=rows, series=list(LOOKS), by="family", value="error_ratio", faded=pale,
        looks=LOOKS,
    )  # fmt: skip
    marks.name_rows([ax], rows)
    ax.set_xlabel("error ratio, mean over models")
    marks.legend(fig, ax, columns=2)
    return fig


@plotting.style()
def consistency(table: pd.DataFrame) -> "Figure":
    """Draw the rank of each factor's error ratio in each model, models by accuracy.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.comparison.error_ratios`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    ranks = table.assign(column=table.top1.rank(method="first"))
    order = table.groupby("factor")["rank"].mean().sort_values().index
    models = table.drop_duplicates("model" if table.model.is_unique else ["model", "top1"])
    columns = np.argsort(models.top1.to_numpy(), kind="stable")
    cells = np.stack([ranks[ranks.factor == f]["rank"].to_numpy()[columns] for f in order])
    fig, (ax,) = marks.panels(height=4.6)
    image = ax.imshow(cells, cmap="cividis_r", aspect="auto", interpolation="nearest")
    ax.set_yticks(range(len(order)), [marks.words(name) for name in order])
    ax.set_xticks([0, len(columns) - 1], [f"{models.top1.min():.0%}", f"{models.top1.max():.0%}"])
    ax.set_xlabel("one column a model, by accuracy on all images")
    ax.tick_params(axis="y", length=0)
    ax.grid(False)
    bar = fig.colorbar(image, ax=ax, location="top", shrink=0.7, aspect=30)
    bar.set_ticks([1, 8, 16], labels=["most fragile", "8th of 16", "most robust"])
    return fig


@plotting.style()
def accuracy_dependence(table: pd.DataFrame) -> "Figure":
    """Draw how each factor's error ratio moves with accuracy over the models.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.comparison.accuracy_dependence`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = list(table.sort_values("correlation").factor)
    fig, (ax,) = marks.panels(height=4.8)
    marks.reference(ax, 0)
    marks.dots(ax, table.assign(model="all"), rows=rows, series=["all"], value="correlation")
    marks.name_rows([ax], rows)
    ax.set(xlabel="correlation of error ratio and accuracy", xlim=(-1.05, 1.05))
    ax.set_xticks([-1, -0.5, 0, 0.5, 1])
    return fig


@plotting.style()
def effective_robustness(table: pd.DataFrame) -> "Figure":
    """Draw how far the families lie above the standard models' line.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.robustness.effective_robustness`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    shown = table[table.family != "ImageNet-1k"]
    means = shown[shown.family == "more data"].set_index("factor").gain
    rows = [*means.drop("mean of factors").sort_values().index, "mean of factors"]
    fig, (ax,) = marks.panels(height=7.2)
    marks.reference(ax, 0)
    series = [name for name in LOOKS if name in set(shown.family)]
    marks.dots(ax, shown, rows=rows, series=series, by="family", value="gain", looks=LOOKS)
    marks.name_rows([ax], rows)
    ax.axhline(len(rows) - 1.5, color=marks.GREY, linewidth=1)
    ax.set_xlabel("accuracy above the line, percentage points")
    marks.legend(fig, ax, columns=3)
    return fig
