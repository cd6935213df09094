"""Errors along penalties, steps, sizes and crops."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.ssl_interplay.cube import TASKS
from ssl_lib.papers.ssl_interplay.measures import over_seeds
from ssl_lib.papers.ssl_interplay.networks import PROBED
from ssl_lib.papers.ssl_interplay.reconstruction import IRRELEVANT, METHODS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "alignment", "crops", "digits", "pairs", "rates", "reconstruction", "sizes", "steps",
    "stopping", "tradeoff", "width",
]  # fmt: skip

HUES, MARKERS = plotting.PALETTE, plotting.MARKERS
GREY = "#6E7681"


def _one(height: float = 3.3, columns: int = 1, **options: Any) -> "tuple[Figure, Any]":
    import matplotlib.pyplot as plt

    return plt.subplots(1, columns, figsize=(plotting.WIDTH, height), **options)


def _band(ax: "Axes", rows: pd.DataFrame, x: str, place: int, label: str) -> None:
    """Draw a mean with its interval over seeds."""
    rows = rows.sort_values(x)
    ax.fill_between(rows[x], rows.low, rows.high, color=HUES[place], alpha=0.2, lw=0)
    ax.plot(rows[x], rows["mean"], color=HUES[place], marker=MARKERS[place], ms=4, label=label)


def _targets(ax: "Axes", table: pd.DataFrame, x: str) -> None:
    for place, target in enumerate(PROBED):
        if target.name not in set(table.target):
            continue
        rows = over_seeds(table[table.target == target.name], [x], "error")
        _band(ax, rows, x, place, target.title)
    ax.set_ylabel("relative error")
    ax.figure.legend(loc="outside upper left", ncols=2, fontsize=9)


@plotting.style()
def tradeoff(table: pd.DataFrame) -> "Figure":
    """Draw the errors of both targets against the penalty."""
    fig, ax = _one()
    _targets(ax, table, "penalty")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(r"penalty $\lambda$")
    return fig


@plotting.style()
def stopping(table: pd.DataFrame) -> "Figure":
    """Draw the errors of the targets against the step, the latest first as in the code."""
    fig, ax = _one()
    _targets(ax, table, "step")
    ax.invert_xaxis()
    ax.set_xlabel("step at which the network is stopped (reversed)")
    return fig


@plotting.style()
def sizes(table: pd.DataFrame) -> "Figure":
    """Draw mean excess errors as maps: unlabelled inputs across, labels up."""
    fig, axes = _one(3.3, 2, sharey=True)
    for ax, name in zip(axes, ("classification", "regression"), strict=True):
        means = table[table.measure == name].groupby(["labels", "inputs"]).value.mean().unstack()
        drawn = ax.contourf(means.columns, means.index, np.log10(means), levels=9, cmap="viridis")
        plotting.keep_colours(drawn)
        bar = ax.figure.colorbar(drawn, ax=ax, orientation="horizontal", aspect=15)
        bar.set_label("log10 of excess", fontsize=9)
        bar.ax.tick_params(labelsize=8, rotation=45)
        ax.set(xscale="log", yscale="log", title=name, xlabel="unlabelled inputs")
        _plain_ticks(ax.xaxis, sorted(table.inputs.unique()), 2)
        ax.grid(visible=False)
    axes[0].set_ylabel("labels")
    _plain_ticks(axes[0].yaxis, sorted(table.labels.unique()), 4)
    return fig


@plotting.style()
def rates(table: pd.DataFrame) -> "Figure":
    """Draw the excess of pretraining against the inputs, beside slopes of -1 and -1/2."""
    fig, ax = _one(3.6)
    for place, (views, rows) in enumerate(table.groupby("views")):
        _band(ax, over_seeds(rows, ["inputs"], "excess"), "inputs", place, f"{views} views")
    sizes = np.sort(table.inputs.unique())
    first = table[table.inputs == sizes[0]].excess.mean()
    for power, style, name in ((0.5, "--", "slope −1/2"), (1.0, ":", "slope −1")):
        guide = 1.5 * first * (sizes / sizes[0]) ** -power
        ax.plot(sizes, guide, color=GREY, ls=style, marker="", label=name)
    ax.set(xscale="log", yscale="log", xlabel="unlabelled inputs", ylabel="excess loss")
    plotting.direct_labels(ax)
    return fig


@plotting.style()
def crops(table: pd.DataFrame) -> "Figure":
    """Draw excess against the crop's width for both tasks, and the measured complexity."""
    import matplotlib.pyplot as plt

    fig, (ax, below) = plt.subplots(
        2, 1, figsize=(plotting.WIDTH, 4.8), sharex=True, height_ratios=[3, 2]
    )
    for place, task in enumerate(TASKS):
        own = table[table.task == task.name]
        _band(ax, over_seeds(own, ["width"], "excess"), "width", place, task.title)
        exact = own.groupby("width").predicted.first()
        ax.plot(exact.index, exact, color=HUES[place], ls=":", marker="", label="_")
    ax.set_ylabel("excess error")
    ax.legend(loc="best")
    _complexity(below, table)
    return fig


def _complexity(ax: "Axes", table: pd.DataFrame) -> None:
    rows = over_seeds(table[table.task == TASKS[0].name], ["width"], "estimated")
    _band(ax, rows, "width", 2, "estimated from views")
    exact = table.groupby("width").complexity.first()
    ax.plot(exact.index, exact, color=GREY, ls="--", marker="", label="exact")
    ax.set(yscale="log", ylabel="complexity", xlabel="bits that a crop keeps")
    ax.legend(loc="upper left", fontsize=9)


@plotting.style()
def steps(paths: pd.DataFrame, times: pd.DataFrame) -> "Figure":
    """Draw each mode's share of its final amplitude, and when the spectrum forecasts its half.

    Parameters
    ----------
    paths : pandas.DataFrame
        ``width``, ``step``, ``mode``, ``amplitude``, ``invariance``, ``size``.
    times : pandas.DataFrame
        Forecasts: ``width``, ``mode``, ``predicted``.
    """
    shares = paths.assign(share=paths.amplitude / paths.invariance)
    return _rising(shares, times, "share of final squared amplitude")


@plotting.style()
def alignment(paths: pd.DataFrame, times: pd.DataFrame) -> "Figure":
    """Draw the share of each mode in the network's span by the step at which it is stopped.

    Parameters
    ----------
    paths, times
        See :func:`steps`; with ``alignment``.
    """
    return _rising(paths.assign(share=paths.alignment), times, "share of mode in the span")


def _rising(paths: pd.DataFrame, times: pd.DataFrame, label: str) -> "Figure":
    widths = sorted(paths.width.unique(), reverse=True)
    fig, axes = plotting.small_multiples(len(widths), columns=1, height=2.2)
    for ax, units in zip(axes, widths, strict=True):
        for place, own in paths[paths.width == units].groupby("mode"):
            hue = HUES[place % 7]
            ax.plot(own.step + 1, own.share, color=hue, marker="", label=mode_name(own))
            when = times[(times.width == units) & (times["mode"] == place)].predicted.mean()
            ax.axvline(when, color=hue, ls=":", lw=1.3)
        ax.set(xscale="log", ylim=(-0.05, 1.3), title=f"{units:,} hidden units")
        ax.set_xlim(1, paths.step.max() + 1)
    axes[len(axes) // 2].set_ylabel(label)
    axes[-1].set_xlabel("step")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=9)
    return fig


def mode_name(rows: pd.DataFrame) -> str:
    """Name a mode for readers: its size and T's eigenvalue."""
    size, invariance = int(rows["size"].iloc[0]), float(rows.invariance.iloc[0])
    what = {0: "constant", 1: "single bits", 2: "pairs", 3: "triples"}.get(size, f"{size} bits")
    return f"{what}, T = {invariance:.2f}"


@plotting.style()
def pairs(rows: pd.DataFrame) -> "Figure":
    """Draw when the widest network learned each mode against the penalty at which it is lost."""
    fig, ax = _one(3.5)
    for place, (crop, own) in enumerate(rows.groupby("crop")):
        found = over_seeds(own, ["mode", "penalty"], "measured")
        bars = [found["mean"] - found.low, found.high - found["mean"]]
        ax.errorbar(found.penalty, found["mean"], bars, ls="", color=HUES[place],
                    marker=MARKERS[place], label=f"crops of {crop} bits")  # fmt: skip
    ax.set(xscale="log", yscale="log", ylabel="step at which it is learned")
    ax.set_xlabel(r"penalty at which the mode is lost")
    ax.legend()
    return fig


@plotting.style()
def width(rows: pd.DataFrame) -> "Figure":
    """Draw measured over forecast steps of each mode against the width, and the kernel's turn."""
    import matplotlib.pyplot as plt

    fig, (ax, below) = plt.subplots(
        2, 1, figsize=(plotting.WIDTH, 4.6), sharex=True, height_ratios=[3, 2]
    )
    rows = rows.assign(ratio=rows.measured / rows.predicted)
    for number, (_, own) in enumerate(rows.groupby("mode")):
        found = over_seeds(own, ["width"], "ratio")
        _band(ax, found, "width", number, mode_name(own))
    ax.axhline(1, color=GREY, ls="--", lw=1, zorder=0)
    ax.set(xscale="log", yscale="log", ylabel="steps, measured / forecast")
    ax.legend(fontsize=9)
    _band(below, over_seeds(rows, ["width"], "moved"), "width", 2, "_")
    below.set(yscale="log", xlabel="hidden units", ylabel="kernel's turn")
    _plain_ticks(below.xaxis, sorted(rows.width.unique()))
    return fig


def _plain_ticks(axis: Any, values: Sequence[int], steps: int = 99) -> None:
    """Write some of the values at their places."""
    shown = values[:: max(1, (len(values) - 1) // steps)]
    axis.set_ticks(shown, [f"{value:,}" for value in shown])
    axis.set_ticks([], minor=True)


@plotting.style()
def reconstruction(table: pd.DataFrame) -> "Figure":
    """Draw accuracy against the augmentation's alignment, for small and large irrelevant features.

    Parameters
    ----------
    table : pandas.DataFrame
        ``irrelevant``, ``features``, ``alignment``, ``accuracy``.
    """
    fig, axes = _one(3.4, 2, sharey=True)
    for ax, kind in zip(axes, IRRELEVANT, strict=True):
        own = table[table.irrelevant == kind.name]
        for place, method in enumerate(METHODS):
            rows = over_seeds(own[own.features == method.name], ["alignment"], "accuracy")
            _band(ax, rows, "alignment", place, method.title)
        given = own[own.features == "all"].accuracy.mean()
        ax.axhline(given, color=GREY, ls="--", marker="", label="all that is given")
        ax.set_xscale("symlog", linthresh=0.1)
        ax.set_xlim(-0.03, 1.3 * own.alignment.max())
        ax.set_xticks([0, 0.1, 1, 10], ["0", "0.1", "1", "10"])
        ax.set_title(kind.title, fontsize=10)
        ax.set_xlabel("alignment of the views")
    axes[0].set_ylabel("accuracy")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper left", ncols=2, fontsize=9)
    return fig


@plotting.style()
def digits(table: pd.DataFrame) -> "Figure":
    """Draw accuracy on digits and on shifted ones against the penalty, beside two baselines."""
    fig, axes = _one(3.6, 2, sharey=True)
    for ax, (name, title) in zip(
        axes, (("accuracy", "digits"), ("shifted", "shifted digits")), strict=True
    ):
        own = table[table.features == "closed form"]
        _band(ax, over_seeds(own, ["penalty"], name), "penalty", 2, "closed form")
        for place, other in enumerate(("kernel principal components", "pixels")):
            value = table[table.features == other][name].mean()
            ax.axhline(value, color=HUES[place], ls="--", marker="", label=other)
        ax.set(xscale="log", title=title, xlabel=r"penalty $\lambda$")
    axes[0].set_ylabel("accuracy")
    handles, labels = axes[0].get_legend_handles_labels()
    ax.figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=9)
    return fig
