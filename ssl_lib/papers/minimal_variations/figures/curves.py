"""Curves: noise, density, labels, bounds, weights, exact spectra."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.minimal_variations.exact import SPACES
from ssl_lib.papers.minimal_variations.images import METRICS
from ssl_lib.papers.minimal_variations.measures import against_bound, means
from ssl_lib.papers.minimal_variations.moons import CUTS, LABELS
from ssl_lib.papers.minimal_variations.pairs import PAIRS, SIZES
from ssl_lib.papers.minimal_variations.tasks import TARGETS, TASKS
from ssl_lib.papers.minimal_variations.variants import METHODS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["bound", "counterexample", "density", "exact", "labels", "noise", "promise", "weight"]

HUES, MARKERS, PALETTE = plotting.HUES, plotting.MARKERS, plotting.PALETTE
GREY = "#6E7681"
#: What is drawn over labels.
SHOWN = {
    "dirichlet": METHODS["dirichlet"].title,
    "views": METHODS["views"].title,
    "pca": METHODS["pca"].title,
    "plain": "points, same kernel and penalty",
    "validated": "points, by cross-validation",
    "points": "points, best in hindsight",
}


def _band(ax: "Axes", part: pd.DataFrame, x: str, series: int, label: str = "") -> None:
    """Draw means over seeds with their interval."""
    colour = PALETTE[series % len(PALETTE)]
    ax.fill_between(part[x], part.low, part.high, color=colour, alpha=0.2, lw=0)
    ax.plot(part[x], part["mean"], color=colour, marker=MARKERS[series % len(MARKERS)],
            label=label or "_", ms=4)  # fmt: skip


@plotting.style()
def noise(table: pd.DataFrame) -> "Figure":
    """Draw (1 - mu) / noise^2 with the Dirichlet eigenvalues as lines, and alignments, by noise."""
    import matplotlib.pyplot as plt

    fig, (above, below) = plt.subplots(
        2, 1, figsize=(plotting.WIDTH, 5.2), sharex=True, height_ratios=[3, 2]
    )
    spread = means(table, ["noise", "measure", "at"])
    energies = spread[spread.measure == "eigenvalue"]
    for series, number in enumerate(sorted(energies["at"].unique())):
        part = energies[(energies.noise > 0) & (energies["at"] == number)]
        _band(above, part, "noise", series)
        limit = energies[(energies.noise == 0) & (energies["at"] == number)]["mean"].iloc[0]
        above.axhline(limit, color=PALETTE[series % len(PALETTE)], ls="--", lw=1.2, zorder=0)
    for series, cut in enumerate(CUTS):
        part = spread[(spread.measure == "alignment") & (spread["at"] == cut)]
        _band(below, part, "noise", series, f"{cut} functions")
    above.set(ylabel="(1 − μ) / noise²", xscale="log")
    below.set(ylabel="alignment", xlabel="noise of a view")
    shown = sorted(energies[energies.noise > 0].noise.unique())
    below.set_xticks(shown, [f"{value:g}" for value in shown])
    below.set_xticks([], minor=True)
    below.legend(loc="lower left")
    return fig


@plotting.style()
def exact(table: pd.DataFrame) -> "Figure":
    """Draw estimated eigenvalues against exact ones, in units of the first exact one."""
    fig, axes = plotting.small_multiples(len(SPACES), height=2.9, share=False)
    for ax, space in zip(axes, SPACES, strict=True):
        rows = table[(table.space == space.name) & table.measure.isin(["energy", "exact"])]
        for series, name in enumerate(rows.family.unique()):
            part = rows[rows.family == name]
            unit = part[part.measure == "exact"].value.min()
            spread = means(part.assign(value=part.value / unit), ["measure", "at"])
            known, found = (spread[spread.measure == m] for m in ("exact", "energy"))
            bars = np.stack([found["mean"] - found.low, found.high - found["mean"]])
            ax.errorbar(known["mean"].to_numpy() + 0.06 * (series - 1), found["mean"], bars,
                        fmt=MARKERS[series], color=PALETTE[series], ms=4,
                        label=METHODS[name].title)  # fmt: skip
        most = 1.05 * ax.get_xlim()[1]
        ax.plot([0, most], [0, most], color=GREY, ls="--", lw=1, marker="", zorder=0)
        ax.set(title=space.title, xlabel="exact")
    axes[0].set_ylabel("estimated")
    handles, names = axes[0].get_legend_handles_labels()
    axes[0].figure.legend(handles, names, loc="outside upper left", ncols=2)
    return fig


@plotting.style()
def density(table: pd.DataFrame, matched: pd.DataFrame) -> "Figure":
    """Draw the eigenvalues of diffusion maps by exponent, in units of the Dirichlet ones.

    Parameters
    ----------
    table : pandas.DataFrame
        By the number of the eigenvalue.
    matched : pandas.DataFrame
        Of the function nearest to x on N(0, 1).
    """
    fig, axes = plotting.small_multiples(2, height=2.9)
    titles = {"normal": ("N(0, 1)", 0), "moons": ("half-moons", 2)}
    for ax, (name, (title, before)) in zip(axes, titles.items(), strict=True):
        spread = means(table[table.data == name], ["alpha", "at"])
        for series, number in enumerate(sorted(spread["at"].unique())[:3]):
            label = f"eigenvalue {int(number - before)}"
            _band(ax, spread[spread["at"] == number], "alpha", series, label)
        ax.axhline(1, color=GREY, ls="--", lw=1, zorder=0)
        ax.set(title=title, xlabel="density exponent α", ylim=(0, None))
        ax.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    _band(
        axes[0], means(matched[matched.measure == "energy"], ["alpha"]), "alpha", 3, "nearest to x"
    )
    limit = np.array([0.0, 1.0])
    axes[0].plot(limit, 2 * (1 - limit), color=GREY, ls=":", lw=1.4, marker="", label="limit")
    axes[0].set_ylabel("in Dirichlet units")
    handles, names = axes[0].get_legend_handles_labels()
    axes[0].figure.legend(handles, names, loc="outside upper left", ncols=2)
    return fig


@plotting.style()
def labels(table: pd.DataFrame) -> "Figure":
    """Draw the excess error on the four arcs by the number of labels, of the methods it holds."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(plotting.WIDTH, 3.4))
    _excess(ax, table, "arcs")
    ax.set_ylabel("excess error")
    ax.legend()
    return fig


def _excess(ax: "Axes", table: pd.DataFrame, task: str) -> None:
    rows = table[table.measure == f"{task} excess"]
    for series, (name, title) in enumerate(SHOWN.items()):
        if len(own := rows[rows.method == name]):
            _band(ax, means(own, ["at"]), "at", series, title)
    ax.set(xlabel="labels", xscale="log", ylim=(0, None))
    ticks = [n for n in LABELS if n in set(rows["at"])]
    ax.set_xticks(ticks, [str(n) for n in ticks])
    ax.set_xticks([], minor=True)


@plotting.style()
def counterexample(table: pd.DataFrame, points: Any) -> "Figure":
    """Draw the task that varies across the moons, and the error of reading it out by labels."""
    import matplotlib.pyplot as plt

    fig, (left, right) = plt.subplots(
        1, 2, figsize=(plotting.WIDTH, 3.3), width_ratios=[2, 3], layout="constrained"
    )
    outer = TASKS[-1].probabilities(points)[:, 1] > 0.5
    for which, hue, marker in ((outer, "orange", "o"), (~outer, "sky", "s")):
        left.plot(*points[which].T, ls="", marker=marker, ms=2, mew=0, color=HUES[hue])
    left.set(xticks=[], yticks=[], aspect="equal", title=TASKS[-1].title)
    left.spines[:].set_visible(False)
    _excess(right, table, "side")
    right.set_ylabel("error")
    handles, names = right.get_legend_handles_labels()
    fig.legend(handles, names, loc="outside upper left", ncols=2)
    return fig


@plotting.style()
def bound(table: pd.DataFrame) -> "Figure":
    """Draw the share of each target that k functions miss against the bound; a dot a k and seed."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(plotting.WIDTH, 4.2))
    found = against_bound(table)
    for series, target in enumerate(TARGETS):
        part = found[found.target == target.name]
        ax.plot(part.bound, part.missed.clip(lower=1e-4), ls="", ms=3.2, mew=0, alpha=0.75,
                marker=MARKERS[series % len(MARKERS)], color=PALETTE[series % len(PALETTE)],
                label=target.title)  # fmt: skip
    ends = np.array([1e-4, 1.0])
    ax.plot(ends, ends, color=GREY, ls="--", lw=1.2, marker="")
    ax.set(xscale="log", yscale="log", xlabel="bound V / η of the next function",
           ylabel="share missed by k functions")  # fmt: skip
    fig.legend(loc="outside upper left", ncols=2, markerscale=2)
    return fig


@plotting.style()
def promise(tables: Mapping[str, pd.DataFrame]) -> "Figure":
    """Draw what k functions miss of the target and the bound on it, by metric; a panel a set."""
    fig, axes = plotting.small_multiples(len(tables), columns=1, height=3.4)
    for ax, (name, table) in zip(axes, tables.items(), strict=True):
        spread = means(table[table["at"] > 0], ["metric", "measure", "at"])
        for series, metric in enumerate(METRICS[1:]):
            own = spread[spread.metric == metric.name]
            _band(ax, own[own.measure == "missed"], "at", series, metric.title)
            limit = own[own.measure == "bound"]
            ax.plot(limit["at"], limit["mean"], color=PALETTE[series], ls="--", marker="")
        ax.axhline(1, color=GREY, lw=1, ls=":", zorder=0)
        ax.set(yscale="log", title=name, ylabel="share of the target")
    axes[-1].set_xlabel("functions")
    handles, names = axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside upper left")
    return fig


@plotting.style()
def weight(table: pd.DataFrame) -> "Figure":
    """Draw accuracy by the weight of invariance, for pairs that agree with the task or not."""
    fig, axes = plotting.small_multiples(2, height=2.9)
    for ax, pairs in zip(axes, PAIRS, strict=True):
        rows = table[table.pairs == pairs.name]
        for series, n in enumerate(SIZES):
            _band(ax, means(rows[rows.inputs == n], ["at"]), "at", series, f"{n} inputs")
        ax.set(title=pairs.title, xlabel="weight β", xscale="log")
    axes[0].set_ylabel("accuracy")
    axes[1].legend(loc="lower left")
    return fig
