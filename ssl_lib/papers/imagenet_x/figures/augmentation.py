"""Figures about the augmentation sweeps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.imagenet_x.figures import _marks as marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["accuracy_control", "groups", "sweep"]


@plotting.style()
def sweep(
    table: pd.DataFrame,
    effects: pd.DataFrame,
    *,
    improved: Sequence[str],
    hurt: Sequence[str],
) -> "Figure":
    """Draw error ratios against strength for the factors that move most (``augment_effect``).

    Parameters
    ----------
    table, effects : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.augmentation.strengths` and ``effects``.
    improved, hurt : sequences of str
        Left and right column, from :func:`ssl_lib.papers.imagenet_x.augmentation.selected`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    t = effects.set_index("factor").t
    fig, axes = marks.panels(len(improved), 2, height=2.0 * len(improved) + 0.5, sharex=True)
    for row, pair in enumerate(zip(improved, reversed(hurt), strict=True)):
        for column, factor in enumerate(pair):
            ax = axes[2 * row + column]
            _sweep_panel(ax, table[table.factor == factor], marks.colour(2 if column == 0 else 5))
            ax.set_title(f"{marks.words(factor)}, t = {marks.signed(t[factor], 1)}")
    for ax in axes[::2]:
        ax.set_ylabel("error ratio")
    for ax in axes[-2:]:
        ax.set_xlabel("strength")
    return fig


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
        From :func:`ssl_lib.papers.imagenet_x.augmentation.accuracy_control`, all sweeps.

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
def groups(table: pd.DataFrame, *, value: str = "error_ratio") -> "Figure":
    """Draw four ways to augment (``augment_comparison_prevalence`` and ``_accuracy``).

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.augmentation.group_comparison`.
    value : {"error_ratio", "accuracy"}, default="error_ratio"
        Bars are one standard deviation over models; factors on which the groups do not differ are
        pale.

    Returns
    -------
    matplotlib.figure.Figure
    """
    is_ratio = value == "error_ratio"
    bounds = marks.Bounds() if is_ratio else marks.Bounds("accuracy_low", "accuracy_high")
    p_value = table["p_value" if is_ratio else "accuracy_p_value"]
    rows = list(table.groupby("factor").error_ratio.mean().sort_values().index)
    fig, (ax,) = marks.panels(height=7.6)
    if is_ratio:
        marks.reference(ax, 1)
    marks.dots(
        ax,
        table,
        rows=rows,
        series=list(table.group.unique()),
        by="group",
        value=value,
        bounds=bounds,
        faded=list(table[p_value >= 0.05].factor.unique()),
    )
    marks.name_rows([ax], rows)
    ax.set_xlabel("error ratio, mean over models" if is_ratio else "accuracy, mean over models")
    marks.legend(fig, ax, columns=2)
    return fig
