"""Figures of the theory: separable groupings, worst tasks, head families."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.issl.figures import _marks as marks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["codes", "dichotomies", "head_family", "worst_tasks"]


@plotting.style()
def dichotomies(table: pd.DataFrame) -> "Figure":
    """Draw the share of separable groupings against the dimension (E1).

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.issl.theory.dichotomies`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, (ax,) = marks.panels(1, 1, height=3.2)
    for place, points in enumerate(sorted({int(k) for k in table.points})):
        part = table[table.points == points]
        colour, marker = marks.colour((0, 4, 2)[place])
        ax.plot(part.dim, part.formula, marker="", color=colour)
        ax.plot(part.dim, part.measured, marker, color=colour, label=f"K = {points}")
        exact = part[part.dim == points - 1]
        ax.plot(exact.dim, exact.measured, "o", markersize=11, markerfacecolor="none",
                markeredgecolor=colour)  # fmt: skip
    ax.legend(loc="lower right")
    ax.set_xlabel("dimension d")
    ax.set_ylabel("share of separable groupings")
    ax.set_xticks(range(1, int(table.dim.max()) + 1))
    ax.set_ylim(-0.03, 1.06)
    return fig


@plotting.style()
def worst_tasks(table: pd.DataFrame) -> "Figure":
    """Draw the worst binary task against the dimension, for both probes (E2).

    Parameters
    ----------
    table : pandas.DataFrame
        The table ``exact``, linear heads.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, (ax,) = marks.panels(1, 1, height=3.7)
    dims = sorted(table.dim.unique())
    needed = int(table.needed_dimension.iloc[0])
    ax.axvline(needed, color=marks.GREY, linestyle="--", linewidth=1)
    ax.text(needed + 0.15, 0.36, f"K − 1 = {needed}", fontsize=10, ha="left")
    shown = {
        "which digit? (linear)": ("predictability", 2, ":"),
        "worst task, MLP": ("worst_mlp", 0, "-"),
        "mean task, linear": ("mean_task", 1, "--"),
        "worst task, linear": ("worst_task", 4, "-"),
    }
    for label, (column, place, style) in shown.items():
        marks.band(ax, table, "dim", column, label=label, look=marks.colour(place), style=style)
    ax.set_xticks(dims)
    ax.set_xlabel("dimension d of the representation")
    ax.set_ylabel("accuracy, training images")
    ax.set_ylim(0.33, 1.04)
    marks.top_legend(fig, ax, columns=2)
    return fig


@plotting.style()
def codes(table: pd.DataFrame) -> "Figure":
    """Draw two-dimensional representations by digit and by a task that no line solves.

    Parameters
    ----------
    table : pandas.DataFrame
        The table ``codes``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, (ax,) = marks.panels(1, 1, height=4.2)
    for side, place in ((0, 0), (1, 4)):
        part = table[table.side == bool(side)]
        colour, marker = marks.colour(place)
        ax.plot(part.x, part.y, marker, color=colour, markersize=3.5, alpha=0.7,
                label=f"side {'AB'[side]}")  # fmt: skip
    for digit, part in table.groupby("digit"):
        x, y = part.x.median(), part.y.median()
        ax.text(x, y, str(digit), fontsize=14, weight="bold", ha="center", va="center")
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel("first dimension")
    ax.set_ylabel("second dimension")
    marks.top_legend(fig, ax)
    return fig


@plotting.style()
def head_family(table: pd.DataFrame) -> "Figure":
    """Draw the worst task of every encoder by family of head and probe (E3).

    Parameters
    ----------
    table : pandas.DataFrame
        The table ``exact`` in the fewest dimensions that do.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, (ax,) = marks.panels(1, 1, height=2.7)
    rows = [("linear", "worst_task"), ("mlp", "worst_task"), ("linear", "worst_mlp"),
            ("mlp", "worst_mlp")]  # fmt: skip
    names = {"linear": "linear", "mlp": "MLP"}
    for place, (head, column) in enumerate(rows):
        values = table.loc[table["head"] == head, column]
        look = marks.colour(4 if head == "linear" else 0)
        spread = place + np.linspace(-0.16, 0.16, len(values))
        ax.plot(values, spread, look[1], color=look[0], alpha=0.8)
        ax.plot([values.mean()] * 2, [place - 0.3, place + 0.3], "-", marker="", color=look[0])
    labels = [
        f"{names[head]} head, {'linear' if column == 'worst_task' else 'MLP'} probe"
        for head, column in rows
    ]
    ax.set_yticks(range(len(rows)), labels)
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("accuracy on the worst task, training images")
    return fig
