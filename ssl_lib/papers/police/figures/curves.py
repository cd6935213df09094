"""Curves and dots: errors of affinity, errors of fit, slowdowns."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.police import timing
from ssl_lib.papers.police.figures import _marks as marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["affinity_by_depth", "affinity_by_step", "cost_by_distance", "slowdown"]

HUES, MARKERS = plotting.HUES, plotting.MARKERS
SERIES = {
    ("free", "float64"): ("unconstrained", HUES["orange"], MARKERS[0]),
    ("constrained", "float32"): ("constrained, float32", HUES["sky"], MARKERS[1]),
    ("constrained", "float64"): ("constrained, float64", HUES["green"], MARKERS[2]),
}
#: What issues from this is no rounding any more: the bound of claim C1.
BOUND = 1e-10


@plotting.style()
def affinity_by_depth(table: pd.DataFrame) -> "Figure":
    """Draw errors of affinity against depth: the largest, and the range of all networks.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.police.affinity.by_depth`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(plotting.WIDTH, 3.5))
    for (model, precision), (label, colour, marker) in SERIES.items():
        part = table[(table.model == model) & (table.precision == precision)]
        spans = part.groupby("depth").error.agg(["min", "max"])
        ax.fill_between(spans.index, spans["min"], spans["max"], color=colour, alpha=0.2, lw=0)
        ax.plot(spans.index, spans["max"], color=colour, marker=marker)
        _name(ax, label, spans.index[0], spans["max"].iloc[0])
    depths = sorted(table.depth.unique())
    ax.set_xscale("log", base=2)
    ax.set_xticks(depths, [str(depth) for depth in depths])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("hidden layers")
    _errors(ax)
    return fig


def _name(ax: "Axes", label: str, x: float, y: float) -> None:
    ax.annotate(label, (x, y), xytext=(2, 9), textcoords="offset points", fontsize=10, va="bottom")


def _errors(ax: "Axes") -> None:
    """Set up an axis of errors from rounding to one, with the bound of the claim."""
    ax.set_yscale("log")
    ax.set_ylim(1e-17, 1e3)
    ax.set_yticks([1e-16, 1e-12, 1e-8, 1e-4, 1])
    ax.set_yticks([], minor=True)
    ax.axhline(BOUND, color="#6E7681", linewidth=1, linestyle="--", zorder=0)
    ax.set_ylabel("error of affinity")


@plotting.style()
def affinity_by_step(table: pd.DataFrame) -> "Figure":
    """Draw loss and errors of affinity during a constrained training.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.police.measures.snapshots`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    fig, (above, below) = plt.subplots(
        2, 1, figsize=(plotting.WIDTH, 4.6), sharex=True, height_ratios=[1, 2]
    )
    above.plot(table.step, table.loss, color=HUES["blue"], marker=MARKERS[4])
    above.set_ylabel("loss")
    above.set_ylim(0, None)
    names = {
        "free": ("constraint taken away", *SERIES["free", "float64"][1:]),
        "float32": SERIES["constrained", "float32"],
        "float64": SERIES["constrained", "float64"],
    }
    for column, (label, colour, marker) in names.items():
        below.plot(table.step, table[column], color=colour, marker=marker)
        _name(below, label, table.step.iloc[0], table[column].iloc[0])
    _errors(below)
    below.set_xscale("symlog", linthresh=1, linscale=0.4)
    below.set_xlim(-0.3, 1.25 * table.step.max())
    ends = [10**power for power in range(7) if 10**power < table.step.max()]
    ticks = [0, *ends]
    below.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    below.set_xticks([], minor=True)
    below.set_xlabel("updates")
    return fig


@plotting.style()
def cost_by_distance(table: pd.DataFrame, fits: pd.DataFrame) -> "Figure":
    """Draw errors of fit in rings round the regions.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.police.measures.by_distance`.
    fits : pandas.DataFrame
        From :func:`ssl_lib.papers.police.measures.fits`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    cases = list(fits[["target", "region"]].drop_duplicates().itertuples(index=False))
    fig, axes = plotting.small_multiples(len(cases), columns=1, height=1.75)
    for ax, (target, region) in zip(axes, cases, strict=True):
        part = table[(table.target == target) & (table.region == region)]
        for model, (colour, marker) in {
            "constrained": (HUES["green"], MARKERS[2]),
            "free": (HUES["orange"], MARKERS[0]),
        }.items():
            line = part[part.model == model]
            label = {"constrained": "constrained", "free": "unconstrained"}[model]
            ax.plot(line.distance, line.error, color=colour, marker=marker, ms=3.5, label=label)
        floor = fits[(fits.target == target) & (fits.region == region)].best_affine.iloc[0]
        ax.hlines(np.sqrt(floor), part.distance.min(), 0, color=marks.INK, ls=":", lw=1.4,
                  label="best affine function inside")  # fmt: skip
        ax.axvspan(part.distance.min() - 1, 0, color="#8A8F98", alpha=0.18, lw=0)
        ax.set_xlim(part.distance.min(), part.distance.max())
        ax.set_ylim(0, None)
        ax.set_title(f"{target}, {region}")
    axes[len(axes) // 2].set_ylabel("root mean squared error")
    axes[-1].set_xlabel("distance from the region (negative: inside)")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper left", ncols=2)
    return fig


@plotting.style()
def slowdown(table: pd.DataFrame) -> "Figure":
    """Draw the slowdown of a training step by depth, width and dimension.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.police.timing.slowdowns`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 3, figsize=(plotting.WIDTH, 3.1), sharey=True)
    for ax, name in zip(axes, ("depth", "width", "dimension"), strict=True):
        part = timing.sweep(table, name)
        part = table if part.empty else part
        bars = np.maximum([part.slowdown - part.low, part.high - part.slowdown], 0)
        ax.errorbar(part[name], part.slowdown, bars, color=HUES["green"], marker="o")
        ax.plot(part[name], part.flops, color=marks.INK, ls=":", lw=1.4, marker="")
        ax.axhline(1, color="#6E7681", linewidth=1, linestyle="--", zorder=0)
        ax.set_xscale("log", base=2)
        shown = sorted(part[name].unique())
        shown = shown[::2] if len(shown) > 4 else [*shown[:1], *shown[2:]]
        ax.set_xticks(shown, [f"{value}" for value in shown])
        ax.set_xticks([], minor=True)
        ax.set_xlabel(name)
    axes[0].set_ylabel("slowdown of a step")
    axes[0].set_ylim(0, None)
    axes[0].annotate(
        "arithmetic\nalone", (0.06, 1), xytext=(0, -6), xycoords=axes[0].get_yaxis_transform(),
        textcoords="offset points", fontsize=10, va="top",
    )  # fmt: skip
    return fig
