"""Figures about trained encoders: batches of few classes, priors, remedies, photographs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.cluster_prior import measures
from ssl_lib.papers.cluster_prior.figures import _marks as marks
from ssl_lib.papers.cluster_prior.settings import BATCHES, PANELS, PHOTOGRAPHS, RUNS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "attributes",
    "batches",
    "crossing",
    "duplicates",
    "panels",
    "photographs",
    "remedies",
]

#: What is counted of prototypes on the way: twice a number and what it is without copies.
_COUNTED = {
    "used": "used prototypes",
    "distinct": "distinct prototypes",
    "divergence": "divergence from the prior",
    "merged": "the same, copies merged",
}

_HOLLOW: tuple[dict[str, Any], ...] = (
    {},
    {"linestyle": "--", "markerfacecolor": "none", "markersize": 8},
)


@plotting.style()
def batches(table: pd.DataFrame) -> Figure:
    """Draw accuracy with few labels by the number of classes in a batch, a line a method.

    Parameters
    ----------
    table : pandas.DataFrame
        The table ``batches``.
    """
    fig, (ax,) = marks.panels(height=3.6)
    wide = measures.few(table)
    found = measures.summary(wide).reset_index()
    for place, one in enumerate(BATCHES.values()):
        marks.line(ax, found[found.method == one.name], "classes", place, one.title)
    level = float(wide["untrained"].to_numpy().mean())
    ax.axhline(level, color=marks.GREY, linewidth=1, linestyle="--", label="untrained")
    _by_classes(ax, found)
    ax.set_ylabel("accuracy, two labels a class, %")
    marks.legend(fig, ax, columns=3)
    return fig


def _by_classes(ax: Axes, table: pd.DataFrame) -> None:
    ax.set_xscale("log")
    ax.minorticks_off()
    count = sorted(table.classes.unique())
    ax.set_xticks(count, [f"{one:g}" for one in count])
    ax.set_xlabel("classes in a batch")


@plotting.style()
def attributes(table: pd.DataFrame) -> Figure:
    """Draw what MSN's prototypes follow by the number of classes in a batch.

    Parameters
    ----------
    table : pandas.DataFrame
        The table ``batches``.
    """
    fig, axes = marks.panels(1, 2, height=2.8)
    found = measures.summary(measures.attributes(table)).reset_index()
    titles = {"class": "class", "ink": "amount of ink"}
    for place, (ax, (name, title)) in enumerate(zip(axes, titles.items(), strict=True)):
        part = found[found.measure == name]
        marks.line(ax, part, "classes", place)
        _by_classes(ax, part)
        ax.set_title(title)
    axes[0].set_ylabel("mutual information\nwith prototypes")
    return fig


@plotting.style()
def crossing(encoders: pd.DataFrame) -> Figure:
    """Draw two indices of agreement and a probe by the prior's exponent, balanced and long-tailed.

    Parameters
    ----------
    encoders : pandas.DataFrame
        The table ``encoders``.
    """
    fig, axes = marks.panels(3, 1, height=6.4, sharex=True)
    names = {"agreement": "adjusted Rand index", "information": "mutual information",
             "probe accuracy": "probe on balanced\ntest images"}  # fmt: skip
    for ax, (measure, title) in zip(axes, names.items(), strict=True):
        found = measures.crossing(encoders, measure)
        for place, (data, own) in enumerate(found.groupby("data", sort=False)):
            marks.line(ax, own, "exponent", place, f"digits, {data}")
        ax.set_ylabel(title)
    axes[-1].set_xlabel("exponent of the prior")
    marks.legend(fig, axes[0])
    return fig


@plotting.style()
def duplicates(table: pd.DataFrame) -> Figure:
    """Draw used and distinct prototypes, and divergences, by steps of training.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.cluster_prior.measures.on_the_way`, runs of one size.
    """
    runs = list(dict.fromkeys(table.run))
    fig, axes = marks.panels(2, len(runs), height=4.8, sharex=True, sharey="row")
    for place, (name, title) in enumerate(_COUNTED.items()):
        for column, run in enumerate(runs):
            ax = axes[place // 2 * len(runs) + column]
            own = table[(table.run == run) & (table.measure == name)]
            marks.line(ax, own, "step", place, title if not column else "_", **_HOLLOW[place % 2])
    for column, run in enumerate(runs):
        tail = "long tail" if RUNS[run].tail else "balanced"
        axes[column].set_title(f"{tail},\nexponent {RUNS[run].exponent:g}")
        axes[len(runs) + column].set_xlabel("steps")
    for row, unit in enumerate(("prototypes", "nats")):
        axes[row * len(runs)].set_ylabel(unit)
    fig.legend(loc="outside upper center", ncols=2)
    return fig


@plotting.style()
def panels(encoders: pd.DataFrame) -> Figure:
    """Draw agreement on the long tail in three ablations.

    Parameters
    ----------
    encoders : pandas.DataFrame
        The table ``encoders``.
    """
    fig, axes = marks.panels(len(PANELS), 1, height=4.8, sharex=True,
                             height_ratios=[len(one.runs) for one in PANELS.values()])  # fmt: skip
    for ax, panel in zip(axes, PANELS.values(), strict=True):
        found = measures.of_panel(encoders, panel.name)
        ends = (found[end].tolist() for end in ("mean", "low", "high"))
        plotting.intervals(ax, panel.values, *ends)
        ax.set_title(panel.title)
    axes[-1].set_xlabel("adjusted Rand index of prototypes and classes")
    return fig


@plotting.style()
def remedies(table: pd.DataFrame) -> Figure:
    """Draw what each remedy gains in head, middle and tail classes.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.cluster_prior.measures.remedies`.
    """
    fig, (ax,) = marks.panels(height=4.2)
    names = list(dict.fromkeys(table.title))
    groups = ("head", "middle", "tail", "F1")
    for place, group in enumerate(groups):
        own = table[table.measure == group]
        ends = (own[end].tolist() for end in ("mean", "low", "high"))
        plotting.intervals(
            ax, names, *ends, series=place, of=len(groups), label=group, reference=0.0
        )
    ax.set_xlabel("gain, percentage points")
    marks.legend(fig, ax, columns=4)
    return fig


@plotting.style()
def photographs(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw agreement and probe by the prior's exponent, a line a law of class sizes.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Tables of photographs by data set; two panels each.
    """
    names = {"agreement": "adjusted Rand index", "accuracy": "probe on balanced\ntest images"}
    fig, axes = marks.panels(2 * len(tables), 1, height=0.6 + 4.2 * len(tables), sharex=True)
    shown = ((name, table, measure) for name, table in tables.items() for measure in names)
    for ax, (name, table, measure) in zip(axes, shown, strict=True):
        found = measures.summary(measures.of_photographs(table, measure)).reset_index()
        for place, (law, own) in enumerate(found.groupby("law", sort=False)):
            marks.line(ax, own, "exponent", place, PHOTOGRAPHS[str(law)].title)
        ax.set(title=name, ylabel=names[measure])
    axes[-1].set_xlabel("exponent of the prior")
    marks.legend(fig, axes[0])
    return fig
