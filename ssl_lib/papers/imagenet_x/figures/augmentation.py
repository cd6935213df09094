"""Figures about the augmentation sweeps."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.imagenet_x.figures import _marks as marks
from ssl_lib.papers.imagenet_x.settings import ALIKE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "accuracy_control",
    "augmentation_accuracy",
    "augmentation_groups",
    "sweep_blur",
    "sweep_colour",
    "sweep_crop",
]


@plotting.style()
def sweep_crop(table: pd.DataFrame, effects: pd.DataFrame) -> "Figure":
    """Draw error ratios against strength for the factors that move most (``augment_effect``).

    Parameters
    ----------
    table, effects : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.augmentation.strengths` and ``effects``,
        which say what improves, on the left, and what is hurt, on the right.

    Returns
    -------
    matplotlib.figure.Figure
    """
    improved, hurt = (effects[effects.shown == side] for side in ("improved", "hurt"))
    fig, axes = marks.panels(len(improved), 2, height=2.0 * len(improved) + 0.5, sharex=True)
    for column, (part, colour) in enumerate([(improved, 2), (hurt[::-1], 5)]):
        for row, (factor, t) in enumerate(zip(part.factor, part.t, strict=True)):
            ax = axes[2 * row + column]
            _sweep_panel(ax, table[table.factor == factor], marks.colour(colour))
            ax.set_title(f"{marks.words(factor)}, t = {marks.signed(t, 1)}")
    for ax in axes[::2]:
        ax.set_ylabel("error ratio")
    for ax in axes[-2:]:
        ax.set_xlabel("strength")
    return fig


#: The same picture of the other sweeps.
sweep_colour = sweep_blur = sweep_crop


def _sweep_panel(ax: "Axes", part: pd.DataFrame, colour: str) -> None:
    low, high = part.error_ratio - part.sd, part.error_ratio + part.sd
    ax.fill_between(part.strength, low, high, color=colour, alpha=0.2, linewidth=0)
    ax.plot(part.strength, part.error_ratio, "o", color=colour, markersize=2.5)
    x = np.linspace(part.strength.min(), part.strength.max(), 60)
    # The cubic through all models, found again from its own values.
    cubic = np.polynomial.Polynomial.fit(part.strength, part.fit, 3)
    ax.plot(x, cubic(x), marker="", color=marks.INK, linewidth=1.3)
    ax.set_xlim(-2, 100)


@plotting.style()
def accuracy_control(table: pd.DataFrame) -> "Figure":
    """Draw the correlation of strength and error ratio, plain and with accuracy held.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.augmentation.accuracy_control`, all sweeps.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names, kinds = list(table.augmentation.unique()), ["plain", "partial", "equal accuracy"]
    first = table[(table.augmentation == names[0]) & (table.kind == "plain")]
    rows = list(first.sort_values("correlation").factor)
    looks = marks.look(kinds)
    fig, axes = marks.panels(1, len(names), height=6.6, sharey=True)
    for ax, name in zip(axes, names, strict=True):
        part = table[table.augmentation == name]
        present = [kind for kind in kinds if kind in set(part.kind)]
        marks.reference(ax, 0)
        marks.dots(ax, part, rows=rows, series=present, by="kind", value="correlation", looks=looks)
        ax.set(title=name, xlim=(-1.1, 1.1))
        ax.set_xticks([-1, 0, 1])
    marks.name_rows(axes, rows)
    fig.supxlabel("correlation of strength and error ratio", fontsize="medium")
    marks.legend(fig, axes[0])
    return fig


@plotting.style()
def augmentation_groups(table: pd.DataFrame) -> "Figure":
    """Draw error ratios of four ways to augment (``augment_comparison_prevalence``).

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.measures.augmentation.group_comparison`. Bars are one
        standard deviation over models; factors on which the groups do not differ are pale.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, ax = _groups(table, "error_ratio", marks.INTERVAL, table.p_value)
    marks.reference(ax, 1)
    return fig


@plotting.style()
def augmentation_accuracy(table: pd.DataFrame) -> "Figure":
    """Draw accuracy of the same four (``augment_comparison_accuracy``).

    Parameters
    ----------
    table : pandas.DataFrame
        As of :func:`augmentation_groups`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    bounds = marks.Bounds("accuracy_low", "accuracy_high")
    return _groups(table, "accuracy", bounds, table.accuracy_p_value)[0]


def _groups(
    table: pd.DataFrame, value: str, bounds: marks.Bounds, p_value: pd.Series
) -> tuple["Figure", "Axes"]:
    rows = list(table.groupby("factor").error_ratio.mean().sort_values().index)
    pale = list(table[p_value >= ALIKE].factor.unique())
    fig, (ax,) = marks.panels(height=7.6)
    series = list(table.group.unique())
    marks.dots(
        ax, table, rows=rows, series=series, by="group", value=value, bounds=bounds, faded=pale
    )
    marks.name_rows([ax], rows)
    ax.set_xlabel(f"{marks.words(value)}, mean over models")
    marks.legend(fig, ax, columns=2)
    return fig, ax
