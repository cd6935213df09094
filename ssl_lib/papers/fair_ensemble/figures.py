"""The chapter's figures: each takes tidy tables and returns a matplotlib figure."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.fair_ensemble.settings import ARMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "accuracy", "bound", "churn_by_class", "corruption", "corruption_curves", "gain", "imbalance",
    "learning", "relative_gain", "sources", "strong_noise", "table_1",
]  # fmt: skip

GREY = "#8A8F98"
LOOKS: dict[str, dict[str, Any]] = {
    "all": {"color": plotting.HUES["green"], "marker": "^"},
    "top": {"color": plotting.HUES["sky"], "marker": "s"},
    "bottom": {"color": plotting.HUES["orange"], "marker": "o"},
    "majority": {"color": plotting.HUES["sky"], "marker": "s"},
    "minority": {"color": plotting.HUES["orange"], "marker": "o"},
}
NAMES = {"all": "all classes", "top": "top group", "bottom": "bottom group"}
PROTOCOLS = {"paper": "The paper's protocol", "unbiased": "Unbiased protocol"}
#: Accuracy of one member, in percent, by which classes are told apart.
BINS = ((80, 101), (50, 80), (0, 50))
#: Relative gain in percent beyond which a mark stands at the edge.
WIDEST = 80


def _legend(fig: "Figure", ax: "Axes", *, columns: int = 3) -> None:
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(
        handles, labels, loc="outside upper center", ncols=columns, handletextpad=0.4,
        columnspacing=1.2,
    )  # fmt: skip


@plotting.style()
def accuracy(table: pd.DataFrame, again: pd.DataFrame | None = None) -> "Figure":
    """Draw accuracy by ensemble size with intervals, a panel a protocol.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.fair_ensemble.measures.curves`.
    again : pandas.DataFrame, optional
        "curves" of training sets that were trained again, as hollow marks.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig = _by_size(_protocols(table), "accuracy", "accuracy, %")
    if again is not None:
        rows = again[again.measure == "accuracy"]
        for ax, protocol in zip(fig.axes, PROTOCOLS, strict=True):
            for group, part in rows[rows.protocol == protocol].groupby("group"):
                look = {**LOOKS[str(group)], "markerfacecolor": "none", "alpha": 0.7}
                ax.plot(part.members, part.value, linestyle="", **look)
    return fig


@plotting.style()
def relative_gain(table: pd.DataFrame) -> "Figure":
    """Draw relative gain by ensemble size with intervals, a panel a protocol (Figures 1 to 3).

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.fair_ensemble.measures.curves`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return _by_size(_protocols(table), "relative", "gain over one member, %")


@plotting.style()
def gain(table: pd.DataFrame) -> "Figure":
    """Draw gain in points by ensemble size with intervals, a panel a data set, unbiased protocol.

    Parameters
    ----------
    table : pandas.DataFrame
        :func:`ssl_lib.papers.fair_ensemble.measures.curves` of each data set, with a column data.

    Returns
    -------
    matplotlib.figure.Figure
    """
    unbiased = table[table.protocol == "unbiased"]
    panels = {str(name): own for name, own in unbiased.groupby("data", sort=False)}
    return _by_size(panels, "gain", "gain over one member, points")


def _protocols(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {title: table[table.protocol == name] for name, title in PROTOCOLS.items()}


def _by_size(panels: dict[str, pd.DataFrame], value: str, words: str) -> "Figure":
    """Draw a value of the three groups by ensemble size, its interval shaded where it has one."""
    fig, axes = plotting.small_multiples(len(panels), height=3.5)
    for ax, (title, table) in zip(axes, panels.items(), strict=True):
        for group in ("top", "all", "bottom"):
            part = table[table.group == group]
            ax.plot(part.members, part[value], label=NAMES[group], **LOOKS[group])
            if f"{value}_low" in part:
                ends = part[f"{value}_low"], part[f"{value}_high"]
                ax.fill_between(part.members, *ends, color=LOOKS[group]["color"], alpha=0.18, lw=0)
        ax.set(title=title, xlabel="members")
    axes[0].set_ylabel(words)
    _legend(fig, axes[0])
    return fig


@plotting.style()
def bound(table: pd.DataFrame) -> "Figure":
    """Draw the gain of the vote, its room and the churn of each group.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.fair_ensemble.measures.disagreement`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(plotting.WIDTH, 3.0))
    names = list(dict.fromkeys(table.measure))
    for series, group in enumerate(("top", "all", "bottom")):
        part = table[table.group == group].set_index("measure").loc[names]
        rows = np.arange(len(names)) + 0.24 * (series - 1)
        ax.hlines(rows, part.low, part.high, color=LOOKS[group]["color"], linewidth=1.6)
        ax.plot(part.value, rows, linestyle="", label=NAMES[group], **LOOKS[group])
    ax.set_yticks(range(len(names)), names)
    ax.set(ylim=(len(names) - 0.5, -0.5), xlabel="percent of the group's images")
    ax.axvline(0, color=GREY, linewidth=1, zorder=0)
    ax.grid(visible=False, axis="y")
    _legend(fig, ax)
    return fig


@plotting.style()
def churn_by_class(table: pd.DataFrame) -> "Figure":
    """Draw the gain of the vote against churn, a mark a class and training set.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.fair_ensemble.measures.classes`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(plotting.WIDTH, 3.6))
    edge = float(table.churn.max()) * 1.05
    ax.fill_between([0, edge], [0, -edge], [0, edge], color=GREY, alpha=0.18, lw=0)
    ax.plot([0, edge], [0, edge], color=GREY, marker="", linewidth=1)
    ax.plot([0, edge], [0, -edge], color=GREY, marker="", linewidth=1)
    ax.axhline(0, color=GREY, linewidth=1, zorder=0)
    for (low, high), group in zip(BINS, ("top", "all", "bottom"), strict=True):
        part = table[(table.member >= low) & (table.member < high)]
        words = (
            f"above {low} %" if high > 100 else f"{low} to {high} %" if low else f"below {high} %"
        )
        ax.plot(part.churn, part.gain, linestyle="", label=words, **LOOKS[group])
    bottom = min(float(table.gain.min()), 0) - 5
    ax.set(xlim=(0, edge), ylim=(bottom, float(table.gain.max()) + 8))
    ax.set(xlabel="churn: two members disagree, %", ylabel="gain of the vote, points")
    ax.text(0.03, 0.95, "no vote gains more than churn", transform=ax.transAxes, va="top")
    _legend(fig, ax)
    return fig


@plotting.style()
def sources(table: pd.DataFrame) -> "Figure":
    """Draw gain by what varies between members, with intervals (Figures 5 and 6).

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.fair_ensemble.measures.sources`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    arms = [arm for arm in ARMS if arm in set(table.varied)]
    fig, ax = plt.subplots(figsize=(plotting.WIDTH, 0.8 + 0.55 * len(arms)))
    _rows(ax, table, "varied", arms, ("top", "bottom"))
    ax.set_yticks(range(len(arms)), [ARMS[arm].title for arm in arms])
    ax.set_xlabel("gain of all members over one, points")
    _legend(fig, ax)
    return fig


@plotting.style()
def learning(table: pd.DataFrame) -> "Figure":
    """Draw group accuracy by epoch, a panel for what varies, a thin line a run.

    Parameters
    ----------
    table : pandas.DataFrame
        "learning" of a run.

    Returns
    -------
    matplotlib.figure.Figure
    """
    arms = [arm for arm in reversed(ARMS) if arm in set(table.varied)]
    fig, axes = plotting.small_multiples(len(arms), height=2.2)
    for ax, arm in zip(axes, arms, strict=True):
        own = table[table.varied == arm]
        for group in ("top", "bottom"):
            for place, (_, one) in enumerate(own[own.group == group].groupby("repeat")):
                name, colour = "" if place else NAMES[group], LOOKS[group]["color"]
                ax.plot(one.epoch, one.accuracy, marker="", lw=1.1, color=colour, label=name)
        ax.set(title=f"{ARMS[arm].title} varies", xlabel="epoch", ylim=(0, 100))
    axes[0].set_ylabel("accuracy, %")
    _legend(fig, axes[0])
    return fig


@plotting.style()
def imbalance(table: pd.DataFrame) -> "Figure":
    """Draw gain by imbalance, and the accuracy it starts from.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.fair_ensemble.measures.imbalance`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    counts = list(dict.fromkeys(table.images))
    fig, axes = plotting.small_multiples(2, columns=2, height=0.9 + 0.55 * len(counts), share=False)
    for group, shift in (("majority", -0.12), ("minority", 0.12)):
        part = table[table.group == group].set_index("images").loc[counts]
        rows = np.arange(len(counts)) + shift
        colour = LOOKS[group]["color"]
        axes[0].hlines(rows, part.one, part.ensemble, color=colour, linewidth=1.6)
        axes[0].plot(part.ensemble, rows, linestyle="", label=group, **LOOKS[group])
        axes[0].plot(part.one, rows, linestyle="", marker="|", markersize=9, color=colour)
    _rows(axes[1], table, "images", counts, ("majority", "minority"))
    for ax, words in zip(axes, ("accuracy, %", "gain, points"), strict=True):
        ax.set_xlabel(words)
        ax.set_ylim(len(counts) - 0.5, -0.5)
        ax.grid(visible=False, axis="y")
    axes[0].set_yticks(range(len(counts)), counts)
    axes[0].set_ylabel("images a class")
    axes[1].set_yticks(range(len(counts)), [""] * len(counts))
    _legend(fig, axes[0])
    return fig


def _rows(
    ax: "Axes", table: pd.DataFrame, by: str, names: list[str], groups: tuple[str, ...]
) -> None:
    for series, group in enumerate(groups):
        part = table[table.group == group].set_index(by).loc[names]
        rows = np.arange(len(names)) + 0.24 * (series - (len(groups) - 1) / 2)
        ax.hlines(rows, part.gain_low, part.gain_high, color=LOOKS[group]["color"], linewidth=1.6)
        ax.plot(part.gain, rows, linestyle="", label=NAMES.get(group, group), **LOOKS[group])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.axvline(0, color=GREY, linewidth=1, zorder=0)
    ax.grid(visible=False, axis="y")


@plotting.style()
def corruption(table: pd.DataFrame) -> "Figure":
    """Draw the gain by severity, a panel a group, a thin line a corruption (contrast dashed).

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.fair_ensemble.measures.corruption`; a row of panels for each
        value of a column ``data``, where there is one.

    Returns
    -------
    matplotlib.figure.Figure
    """
    sets = plotting.by_data(table)
    fig, axes = plotting.small_multiples(2 * len(sets), height=3.6 if len(sets) < 2 else 2.9)
    for row, (data, found) in enumerate(sets.items()):
        for ax, group in zip(axes[2 * row :], ("bottom", "top"), strict=False):
            _by_severity(ax, found[found.group == group], group)
            ax.set_title(NAMES[group].capitalize())
        axes[2 * row].set_ylabel(f"{data}gain, points")
    for ax in axes[-2:]:
        ax.set_xlabel("severity (0: clean)")
    return fig


def _by_severity(ax: "Axes", found: pd.DataFrame, group: str) -> None:
    clean = found.gain[found.severity == 0].iloc[0]
    part = found[found.severity > 0]
    for name, one in part.groupby("corruption"):
        ax.plot([0, *one.severity], [clean, *one.gain], color=GREY, marker="",
                linewidth=1, linestyle="--" if name == "contrast" else "-")  # fmt: skip
    mean = part.groupby("severity").gain.mean()
    ax.plot([0, *mean.index], [clean, *mean], label=NAMES[group], **LOOKS[group])
    ax.axhline(0, color=GREY, linewidth=1, zorder=0)


@plotting.style()
def corruption_curves(table: pd.DataFrame) -> "Figure":
    """Draw the gain by size, a line a severity, a panel a group.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.fair_ensemble.measures.corruption_curves`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = plotting.small_multiples(2, height=3.3)
    levels = sorted(table.severity.unique())
    for ax, group in zip(axes, ("bottom", "top"), strict=True):
        for place, level in enumerate(levels):
            part = table[(table.group == group) & (table.severity == level)]
            look: dict[str, Any] = {"color": plotting.PALETTE[place % 7]}
            name = "clean" if level == 0 else f"severity {level}"
            ax.plot(part.members, part.gain, label=name, marker=plotting.MARKERS[place % 7],
                    markersize=4, **look)  # fmt: skip
        ax.set(title=NAMES[group].capitalize(), xlabel="members")
    axes[0].set_ylabel("gain, points")
    _legend(fig, axes[0])
    return fig


@plotting.style()
def strong_noise(table: pd.DataFrame) -> "Figure":
    """Draw accuracy and gain under stronger and stronger Gaussian noise.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.fair_ensemble.measures.strong_noise`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = plotting.small_multiples(2, height=3.3, share=False)
    for group in ("top", "bottom"):
        part = table[table.group == group].sort_values("strength")
        axes[0].plot(part.strength, part.one, label=NAMES[group], **LOOKS[group])
        axes[1].plot(part.strength, part.gain, **LOOKS[group])
    axes[0].set(title="Accuracy of one, %", xlabel="noise (sd)", ylim=(0, 100))
    axes[1].set(title="Gain, points", xlabel="noise (sd)")
    axes[1].axhline(0, color=GREY, linewidth=1, zorder=0)
    _legend(fig, axes[0])
    return fig


@plotting.style()
def table_1(table: pd.DataFrame) -> "Figure":
    """Draw relative gains of the paper's Table 1 and of this run.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.fair_ensemble.table_1.beside`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt

    short = {"here, paper protocol": "here", "here, unbiased protocol": "here, unbiased"}
    table = table.assign(
        row=[
            f"{data}, {network}" if source == "paper" else f"{data}, {short[source]}"
            for data, network, source in zip(table.data, table.network, table.source, strict=True)
        ]
    )
    names = list(dict.fromkeys(table.row))
    fig, ax = plt.subplots(figsize=(plotting.WIDTH, 0.9 + 0.3 * len(names)))
    for group in ("top", "all", "bottom"):
        shown = table[table.group == group].set_index("row").loc[names].relative.to_numpy()
        ax.plot(shown.clip(max=WIDEST), range(len(names)), linestyle="", label=NAMES[group],
                **LOOKS[group])  # fmt: skip
        for place in np.flatnonzero(shown > WIDEST):
            ax.annotate(
                f"{shown[place]:,.0f} % \N{RIGHTWARDS ARROW}", (WIDEST, place), xytext=(-8, 0),
                textcoords="offset points", ha="right", va="center",
            )  # fmt: skip
    first = next(place for place, name in enumerate(names) if "here" in name)
    ax.axhline(first - 0.5, color=GREY, linewidth=1)
    ax.axvline(0, color=GREY, linewidth=1, zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.set(ylim=(len(names) - 0.5, -0.5), xlabel="relative gain of the ensemble, %")
    _legend(fig, ax)
    return fig
