"""Dots with intervals: losses, the ladder, tuning, what pools, and terms of the bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.vicreg_info.bounds import FEATURES, TERMS
from ssl_lib.papers.vicreg_info.figures.curves import GREY, HUES, MARKERS, colour
from ssl_lib.papers.vicreg_info.measures import at_end, changes, mean, tuned_best, wide
from ssl_lib.papers.vicreg_info.settings import LADDER, LOSSES, SETTINGS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["bounds", "change", "ladder", "losses", "photographs", "pooled", "tuning"]


def _one(height: float) -> tuple[Figure, Axes]:
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(plotting.WIDTH, height))


def _dots(ax: Axes, values: pd.DataFrame, names: list[str], series: int, of: int,
          label: str | None = None, reference: float | None = None) -> None:  # fmt: skip
    """Draw each column's mean over seeds with its interval."""
    found = [mean(values[column]) for column in values]
    low, high = (
        [estimate.bounds[end] if estimate.low is not None else estimate.value
         for estimate in found]
        for end in (0, 1)
    )  # fmt: skip
    plotting.intervals(
        ax, names, [estimate.value for estimate in found], low, high, series=series, of=of,
        label=label, reference=reference,
    )  # fmt: skip


@plotting.style()
def losses(table: pd.DataFrame, base: str = "vicreg") -> Figure:
    """Draw how far each loss lies above VICReg, in points of accuracy."""
    found = at_end(table)
    above = found.sub(found[base], axis=0).drop(columns=base)
    above = above[above.mean().sort_values(ascending=False).index]
    fig, ax = _one(2.9)
    _dots(ax, above, [LOSSES[str(name)].title for name in above], 0, 1, reference=0)
    ax.set_xlabel("accuracy less that of VICReg, points")
    return fig


@plotting.style()
def ladder(table: pd.DataFrame) -> Figure:
    """Draw accuracy of each rung at its default and as tuned."""
    fig, ax = _one(2.9)
    _settings(ax, table)
    ax.set_xlabel("accuracy, %")
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=9)
    return fig


@plotting.style()
def photographs(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the ladder on photographs, a panel a data set."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(
        len(tables), 1, figsize=(plotting.WIDTH, 2.3 * len(tables) + 0.3), squeeze=False
    )
    for ax, (name, table) in zip(axes[:, 0], tables.items(), strict=True):
        _settings(ax, table)
        ax.set_title(name)
    axes[-1, 0].set_xlabel("accuracy, %")
    names = axes[0, 0].get_legend_handles_labels()
    fig.legend(*names, loc="outside upper center", ncols=2, fontsize=9)
    return fig


def _settings(ax: Axes, table: pd.DataFrame) -> None:
    for place, name in enumerate(SETTINGS):
        found = wide(table[table.setting == name], "rung")
        found = found[[rung for rung in LADDER if rung in found]]
        titles = [LADDER[str(rung)].loss.title for rung in found]
        _dots(ax, found, titles, place, len(SETTINGS), label=name)


@plotting.style()
def tuning(table: pd.DataFrame) -> Figure:
    """Draw the mean accuracy of every trial, best first; a ring is the default."""
    fig, ax = _one(3.4)
    found = tuned_best(table)
    for name in [rung for rung in LADDER if rung in set(found.rung)]:
        own = found[found.rung == name].reset_index(drop=True)
        place = colour(name)
        ax.plot(own.index + 1, own.accuracy, color=HUES[place], marker=MARKERS[place], ms=4,
                label=LADDER[name].loss.title)  # fmt: skip
        first = own[own.trial == 0]
        ax.plot(first.index + 1, first.accuracy, ls="", marker="o", ms=11, mfc="none", color=GREY)
    ax.set(xlabel="trials, best first", ylabel="accuracy, %")
    ax.locator_params(axis="x", integer=True)
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=9)
    return fig


@plotting.style()
def pooled(table: pd.DataFrame) -> Figure:
    """Draw what passes the test over images, and around one with the least noise."""
    own = table[table.part == "embedding"]
    around = own[(own.measure == "share") & (own["at"] == own[own.measure == "share"]["at"].min())]
    kinds = {
        "around an image": around,
        "over images": own[own.measure == "pooled"],
        "over images, random directions": own[own.measure == "pooled directions"],
    }
    fig, ax = _one(3.2)
    for place, (label, rows) in enumerate(kinds.items()):
        found = rows.pivot(index="seed", columns="loss", values="value")
        found = found[[name for name in LOSSES if name in found]]
        _dots(ax, found, [LOSSES[name].title for name in found], place, len(kinds), label=label)
    ax.set(xlabel="share that passes the test of normality", xlim=(-0.03, 1.03))
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=9)
    return fig


@plotting.style()
def change(table: pd.DataFrame) -> Figure:
    """Draw how the Gaussian bound and the entropy change over a training, a mark a seed."""
    fig, ax = _one(3.8)
    x, y = (changes(table, name) for name in ("gaussian", "monte_carlo"))
    for name in [loss for loss in LOSSES if loss in x]:
        place = colour(name)
        ax.plot(x[name], y[name], ls="", marker=MARKERS[place], ms=5, color=HUES[place],
                label=LOSSES[name].title)  # fmt: skip
    for line in (ax.axhline, ax.axvline):
        line(0, color=GREY, lw=1, ls="--", zorder=0)
    ax.set(xlabel="change of the Gaussian bound, nats", ylabel="change of the entropy, nats")
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=9)
    return fig


@plotting.style()
def bounds(table: pd.DataFrame) -> Figure:
    """Draw the test loss against each term of the bound, a mark an invariance weight."""
    fig, axes = plotting.small_multiples(len(TERMS), columns=2, height=2.0, share=False)
    means = table.groupby(["features", "weight", "measure"]).value.mean().unstack()
    for ax, (name, title) in zip(axes, TERMS.items(), strict=True):
        for place, features in enumerate(FEATURES):
            rows = means.loc[features].sort_index()
            ax.plot(rows[name], rows.loss, color=HUES[place], marker=MARKERS[place], ms=4, lw=1,
                    label=features)  # fmt: skip
        ax.set_xlabel(title)
        ax.margins(0.1)
    axes[0].set_ylabel("test loss")
    axes[2].set_ylabel("test loss")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2,
               fontsize=9)  # fmt: skip
    return fig
