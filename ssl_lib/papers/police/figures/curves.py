"""Curves and dots: errors of affinity, errors of fit, slowdowns."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.police import timing
from ssl_lib.papers.police.figures import _marks as marks
from ssl_lib.papers.police.measures import spans

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["cost", "depth", "slowdown", "steps"]

HUES, MARKERS = plotting.HUES, plotting.MARKERS
#: Columns of errors, as :func:`ssl_lib.papers.police.affinity.errors` names them.
SERIES = {
    "free": ("unconstrained", HUES["orange"], MARKERS[0]),
    "float32": ("constrained, float32", HUES["sky"], MARKERS[1]),
    "float64": ("constrained, float64", HUES["green"], MARKERS[2]),
}
#: What issues from this is no rounding any more: the bound of claim C1.
BOUND = 1e-10


@plotting.style()
def depth(table: pd.DataFrame) -> "Figure":
    """Draw the largest errors of :func:`affinity.initial` and their range against depth."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(plotting.WIDTH, 3.5))
    _errors(ax, table, "depth")
    depths = sorted(table.depth.unique())
    ax.set_xscale("log", base=2)
    ax.set_xticks(depths, list(map(str, depths)))
    ax.set_xticks([], minor=True)
    ax.set_xlabel("hidden layers")
    return fig


def _errors(ax: "Axes", table: pd.DataFrame, by: str) -> None:
    """Draw the largest errors, from rounding to one, with their range and the claim's bound."""
    for column, (label, colour, marker) in SERIES.items():
        part = spans(table, [by], column)
        ax.fill_between(part[by], part.least, part.largest, color=colour, alpha=0.2, lw=0)
        ax.plot(part[by], part.largest, color=colour, marker=marker)
        ax.annotate(label, (part[by].iloc[0], part.largest.iloc[0]), xytext=(2, 9),
                    textcoords="offset points", fontsize=10, va="bottom")  # fmt: skip
    ax.set_yscale("log")
    ax.set_ylim(1e-17, 1e3)
    ax.set_yticks([1e-16, 1e-12, 1e-8, 1e-4, 1])
    ax.set_yticks([], minor=True)
    ax.axhline(BOUND, color="#6E7681", linewidth=1, linestyle="--", zorder=0)
    ax.set_ylabel("error of affinity")


@plotting.style()
def steps(table: pd.DataFrame) -> "Figure":
    """Draw loss and errors of affinity at steps, :data:`measures.SNAPSHOTS` of all seeds."""
    import matplotlib.pyplot as plt

    fig, (above, below) = plt.subplots(
        2, 1, figsize=(plotting.WIDTH, 4.6), sharex=True, height_ratios=[1, 2]
    )
    _band(above, spans(table, ["at"], "loss"), "blue", 4)
    above.set_ylabel("loss")
    above.set_ylim(0, None)
    _errors(below, table, "at")
    below.set_xscale("symlog", linthresh=1, linscale=0.4)
    below.set_xlim(-0.3, 1.25 * table["at"].max())
    ticks = [0, *(10**power for power in range(7) if 10**power < table["at"].max())]
    below.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    below.set_xticks([], minor=True)
    below.set_xlabel("updates")
    return fig


def _band(ax: "Axes", part: pd.DataFrame, hue: str, marker: int, label: str = "") -> None:
    """Draw means with the range over seeds."""
    ax.fill_between(part["at"], part.least, part.largest, color=HUES[hue], alpha=0.2, lw=0)
    ax.plot(part["at"], part["mean"], color=HUES[hue], marker=MARKERS[marker], ms=3.5, label=label)


@plotting.style()
def cost(rings: pd.DataFrame, fits: pd.DataFrame) -> "Figure":
    """Draw "ring error" of all cases and seeds, and "best affine" in the region."""
    cases = fits.network.unique()
    fig, axes = plotting.small_multiples(len(cases), columns=1, height=1.75)
    for ax, case in zip(axes, cases, strict=True):
        _case(ax, *(part[part.network == case] for part in (rings, fits)))
        ax.set_title(case)
    axes[len(axes) // 2].set_ylabel("root mean squared error")
    axes[-1].set_xlabel("distance from the region (negative: inside)")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper left", ncols=2)
    return fig


def _case(ax: "Axes", rings: pd.DataFrame, fits: pd.DataFrame) -> None:
    for constrained, hue, marker in ((True, "green", 2), (False, "orange", 0)):
        part = spans(rings[rings.constrained == constrained], ["at"], "ring error")
        _band(ax, part, hue, marker, "constrained" if constrained else "unconstrained")
    least = rings["at"].min()
    ax.hlines(np.sqrt(fits["best affine"].iloc[0]), least, 0, color=marks.INK, ls=":", lw=1.4,
              label="best affine function inside")  # fmt: skip
    ax.axvspan(least - 1, 0, color="#8A8F98", alpha=0.18, lw=0)
    ax.set_xlim(least, rings["at"].max())
    ax.set_ylim(0, None)


@plotting.style()
def slowdown(table: pd.DataFrame) -> "Figure":
    """Draw the slowdown of :func:`timing.slowdowns` by depth, width and dimension."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 3, figsize=(plotting.WIDTH, 3.1), sharey=True)
    for ax, name in zip(axes, ("depth", "width", "dimension"), strict=True):
        part = timing.sweep(table, name)
        bars = np.maximum([part.slowdown - part.low, part.high - part.slowdown], 0)
        ax.errorbar(part[name], part.slowdown, bars, color=HUES["green"], marker="o")
        ax.plot(part[name], part.flops, color=marks.INK, ls=":", lw=1.4, marker="")
        ax.axhline(1, color="#6E7681", linewidth=1, linestyle="--", zorder=0)
        ax.set_xscale("log", base=2)
        _ticks(ax, sorted(part[name].unique()))
        ax.set_xlabel(name)
    axes[0].set_ylabel("slowdown of a step")
    axes[0].set_ylim(0, None)
    axes[0].annotate(
        "arithmetic\nalone", (0.06, 1), xytext=(0, -6), xycoords=axes[0].get_yaxis_transform(),
        textcoords="offset points", fontsize=10, va="top",
    )  # fmt: skip
    return fig


def _ticks(ax: "Axes", values: Sequence[int]) -> None:
    shown = values[::2] if len(values) > 4 else [*values[:1], *values[2:]]
    ax.set_xticks(shown, [f"{value}" for value in shown])
    ax.set_xticks([], minor=True)
