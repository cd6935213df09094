"""Figures about the four base models."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.imagenet_x.figures import _marks as marks
from ssl_lib.papers.imagenet_x.settings import SCORINGS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "class_adjusted",
    "empties",
    "four_models",
    "linear_model",
    "metaclasses",
    "own_model",
    "prototypes",
    "scorings",
    "shared_mistakes",
]

RATIO = "error ratio"


def _ascending(table: pd.DataFrame, value: str) -> list[str]:
    return list(table.groupby("factor")[value].mean().sort_values().index)


@plotting.style()
def four_models(table: pd.DataFrame) -> "Figure":
    """Draw error ratios of the models with their bootstrap intervals (``model_comparison``).

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.base_models.error_ratios`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows, models = _ascending(table, "error_ratio"), list(table.model.unique())
    fig, (ax,) = marks.panels(height=7.4)
    marks.reference(ax, 1)
    marks.dots(ax, table, rows=rows, series=models, value="error_ratio")
    marks.name_rows([ax], rows)
    ax.set_xlabel(RATIO)
    marks.legend(fig, ax)
    return fig


@plotting.style()
def scorings(table: pd.DataFrame) -> "Figure":
    """Draw the mean error ratio of the models under each selection and scoring.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.base_models.scorings`; bars span models.

    Returns
    -------
    matplotlib.figure.Figure
    """
    shown = table[table["empty"] == "wrong"]
    spans = shown.groupby(["selection", "scoring", "factor"], as_index=False).agg(
        error_ratio=("error_ratio", "mean"), low=("error_ratio", "min"), high=("error_ratio", "max")
    )
    rows = _ascending(shown[(shown.selection == "top")], "error_ratio")
    fig, axes = marks.panels(1, 2, height=6.4, sharey=True, sharex=True)
    for ax, selection, title in zip(
        axes, ["top", "multi"], ["top factor", "all ticked factors"], strict=True
    ):
        part = spans[spans.selection == selection]
        marks.reference(ax, 1)
        marks.dots(ax, part, rows=rows, series=SCORINGS, by="scoring", value="error_ratio")
        ax.set(title=title, xlabel=RATIO)
    marks.name_rows(axes, rows)
    marks.legend(fig, axes[0])
    return fig


@plotting.style()
def empties(table: pd.DataFrame, *, model: str = "ViT") -> "Figure":
    """Draw where images without reassessed label are, and what they do to one model's ratios.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.base_models.empties`.
    model : str, default="ViT"

    Returns
    -------
    matplotlib.figure.Figure
    """
    part = table[table.model == model]
    rows = list(part.sort_values("percent", ascending=False).factor)
    fig, (left, right) = marks.panels(1, 2, height=5.6, sharey=True)
    share = marks.Bounds("percent_low", "percent_high")
    marks.dots(left, part, rows=rows, series=[model], value="percent", bounds=share)
    _bars(right, part, rows)
    left.set_xlabel("images without label, %")
    _dumbbells(right, part, rows, ("wrong", "exclude"), ("count as wrong", "left out"))
    right.set_xlabel(f"{RATIO}, {model}")
    marks.name_rows([left, right], rows)
    marks.legend(fig, right)
    return fig


def _bars(ax: "Axes", part: pd.DataFrame, rows: Sequence[str]) -> None:
    """Draw a broad pale bar from low to high in each row."""
    ends = part.set_index("factor").loc[list(rows), ["low", "high"]].to_numpy(float)
    ax.hlines(range(len(rows)), *ends.T, color=marks.PALE, linewidth=5)


def _dumbbells(
    ax: "Axes",
    part: pd.DataFrame,
    rows: Sequence[str],
    values: tuple[str, str],
    names: tuple[str, str],
) -> None:
    """Join two values of each row by a line, the first hollow and the second filled."""
    ends = part.set_index("factor").loc[list(rows), list(values)].to_numpy(float)
    y = np.arange(len(rows))
    marks.reference(ax, 1)
    ax.hlines(y, *ends.T, color=marks.GREY, linewidth=1.3)
    first, second = marks.colour(1), marks.colour(0)
    ax.plot(ends[:, 0], y, "o", color=first, markerfacecolor="none", label=names[0])
    ax.plot(ends[:, 1], y, "s", color=second, markersize=4.5, label=names[1])


@plotting.style()
def prototypes(table: pd.DataFrame, *, models: Sequence[str] = ("ViT", "ResNet50")) -> "Figure":
    """Draw how error ratios move when the prototypes are kept.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.base_models.prototype_effect`.
    models : sequence of str, default=("ViT", "ResNet50")

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = _ascending(table, "drop")
    fig, axes = marks.panels(1, len(models), height=5.6, sharey=True, sharex=True)
    for ax, model in zip(axes, models, strict=True):
        part = table[table.model == model]
        _bars(ax, part, rows)
        _dumbbells(ax, part, rows, ("keep", "drop"), ("prototypes kept", "removed"))
        ax.set(title=model, xlabel=RATIO)
    marks.name_rows(axes, rows)
    marks.legend(fig, axes[0])
    return fig


@plotting.style()
def metaclasses(table: pd.DataFrame, *, chosen: Sequence[str], each: int = 3) -> "Figure":
    """Draw the lowest and highest error ratios within some metaclasses (``vit_example``).

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.base_models.metaclass_ratios`.
    chosen : sequence of str
        Metaclasses, one panel each.
    each : int, default=3
        Factors at either end.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = marks.panels(len(chosen), 1, height=2.15 * len(chosen), sharex=True)
    for ax, metaclass in zip(axes, chosen, strict=True):
        part = table[(table.metaclass == metaclass) & (table.images > 0)]
        ordered = part.sort_values("error_ratio", kind="stable")
        _metaclass(ax, pd.concat([ordered.head(each), ordered.tail(each)]))
        ax.set_title(f"{marks.words(metaclass)}: accuracy {part.accuracy.iloc[0]:.1%}")
    axes[-1].set(xlabel=f"{RATIO} within the group", xlim=(-0.1, None))
    return fig


def _metaclass(ax: "Axes", part: pd.DataFrame) -> None:
    y = np.arange(len(part))
    marks.reference(ax, 1)
    for fragile, shade, marker in ((False, marks.colour(1), "s"), (True, marks.colour(5), "o")):
        of = (part.error_ratio > 1).to_numpy() == fragile
        ax.hlines(y[of], part.low[of], part.high[of], color=shade, linewidth=1.3)
        ax.plot(part.error_ratio[of], y[of], linestyle="", color=shade, marker=marker)
    marks.name_rows([ax], [f"{row.factor} (n = {row.images:,})" for row in part.itertuples()])


@plotting.style()
def class_adjusted(table: pd.DataFrame) -> "Figure":
    """Draw error ratios as they are and against what the images' classes let expect.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.base_models.class_adjusted`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows, models = _ascending(table, "raw"), list(table.model.unique())
    fig, axes = marks.panels(2, 2, height=9.6, sharey=True, sharex=True)
    for ax, model in zip(axes, models, strict=True):
        part = table[table.model == model]
        _bars(ax, part, rows)
        _dumbbells(ax, part, rows, ("raw", "adjusted"), ("error ratio", "adjusted for class"))
        ax.set_title(model)
    for ax in axes[2:]:
        ax.set_xlabel(RATIO)
    marks.name_rows(axes, rows)
    marks.legend(fig, axes[0])
    return fig


@plotting.style()
def shared_mistakes(table: pd.DataFrame) -> "Figure":
    """Draw how many models miss an image, and how many would by chance.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.base_models.shared_mistakes`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, (ax,) = marks.panels(height=3.0)
    ax.bar(table.missed_by, table.percent, width=0.55, color=marks.colour(0), label="observed")
    bars = np.abs(table[["low", "high"]].to_numpy().T - table.percent.to_numpy())
    ax.errorbar(table.missed_by, table.percent, yerr=bars, linestyle="", marker="", color=marks.INK)
    chance = "if mistakes were unrelated"
    ax.plot(table.missed_by, table.independent, "D", color=marks.colour(1), label=chance)
    ax.set(xlabel="models (of four) that miss the image", ylabel="% of images")
    ax.set_xticks(table.missed_by)
    ax.grid(False, axis="x")
    marks.legend(fig, ax)
    return fig


@plotting.style()
def linear_model(table: pd.DataFrame) -> "Figure":
    """Draw what each tick adds to the error rate, all other ticks held equal.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.base_models.linear_model`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows, models = _ascending(table, "points"), list(table.model.unique())
    fig, (ax,) = marks.panels(height=7.4)
    marks.reference(ax, 0)
    marks.dots(ax, table, rows=rows, series=models, value="points")
    marks.name_rows([ax], rows)
    ax.set_xlabel("change of the error rate, percentage points")
    marks.legend(fig, ax)
    return fig


@plotting.style()
def own_model(table: pd.DataFrame) -> "Figure":
    """Draw one model's error ratios with intervals, and the true ones where they are known.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns factor, error_ratio, low, high, and perhaps truth.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = list(table.sort_values("error_ratio").factor)
    part = table.set_index("factor").loc[rows].reset_index()
    fig, (ax,) = marks.panels(height=5.2)
    marks.reference(ax, 1)
    measured = part.assign(model="measured")
    marks.dots(ax, measured, rows=rows, series=["measured"], value="error_ratio")
    if "truth" in part:
        shade = marks.colour(1)
        ax.plot(
            part.truth, range(len(rows)), "|", markersize=12, markeredgewidth=2, color=shade,
            label="true",
        )  # fmt: skip
        marks.legend(fig, ax)
    marks.name_rows([ax], rows)
    ax.set_xlabel(RATIO)
    return fig
