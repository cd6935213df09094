"""Figures about the sweeps: accuracy and rank, correlations, selection."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from ssl_lib import plotting
from ssl_lib.claims.intervals import mean_interval
from ssl_lib.papers.rankme.figures import _marks as marks
from ssl_lib.papers.rankme.settings import TITLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["correlations", "gaps", "picks", "readouts", "scatter"]


@plotting.style()
def picks(
    curves: pd.DataFrame,
    runs: pd.DataFrame,
    selections: pd.DataFrame,
    again: pd.DataFrame | None = None,
) -> "Figure":
    """Draw accuracy and RankMe against the hyper-parameter, with the picks (Fig. 4).

    Parameters
    ----------
    curves : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.sweeps.curves`, of accuracy and rankme.
    runs : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.sweeps.encoders`.
    selections : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.selection.selections`; marks are larger the more
        seeds pick a setting.
    again : pandas.DataFrame, optional
        Encoders that were trained again, drawn as hollow circles.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = list(dict.fromkeys(curves.experiment))
    fig, axes = marks.panels(len(names), 2, height=2.1 * len(names) + 0.5)
    for row, name in enumerate(names):
        part = curves[curves.experiment == name]
        own = runs[runs.experiment == name].groupby("setting")
        fresh = None if again is None else again[again.experiment == name]
        chosen = selections[selections.experiment == name]
        for ax, measure in zip(axes[2 * row : 2 * row + 2], ("accuracy", "rankme"), strict=True):
            factor = 100 if measure == "accuracy" else 1
            places = _curve(ax, part[part.measure == measure], factor, name)
            _mark_picks(ax, factor * own[measure].mean(), chosen, places)
            if fresh is not None and len(fresh):
                x = [places[setting] for setting in fresh.setting]
                ax.plot(x, factor * fresh[measure], label="trained again by this run", **_HOLLOW)
        # The left panel's title may run over the right one's place.
        axes[2 * row].set_title(f"{TITLES[name]}: accuracy, %")
        axes[2 * row + 1].set_title("RankMe", loc="right")
    marks.legend(fig, axes[0])
    return fig


def _curve(ax: "Axes", part: pd.DataFrame, factor: float, name: str) -> dict[float, int]:
    part = part.sort_values("setting")
    places = marks.settings_axis(ax, list(part.setting))
    x = list(places.values())
    colour = marks.look(name)["color"]
    ax.plot(x, factor * part["mean"], color=colour, marker="", label="_")
    ax.fill_between(x, factor * part.low, factor * part.high, color=colour, alpha=0.2, linewidth=0)
    return places


_HOLLOW: dict[str, Any] = {
    "linestyle": "", "marker": "o", "markersize": 5, "markerfacecolor": "none",
    "color": marks.GREY, "zorder": 3,
}  # fmt: skip


def _mark_picks(
    ax: "Axes", values: pd.Series, chosen: pd.DataFrame, places: dict[float, int]
) -> None:
    # The oracle's marks are hollow, so that a star shows inside where both pick alike.
    looks: dict[str, dict[str, Any]] = {
        "labelled oracle": {"marker": "^", "facecolors": "none", "color": plotting.PALETTE[6]},
        "RankMe": {"marker": "*", "color": plotting.PALETTE[5]},
    }
    for (rule, look), most in zip(looks.items(), (300, 150), strict=True):
        shares = chosen[chosen.rule == rule].setting.value_counts(normalize=True)
        x = [places[setting] for setting in shares.index]
        sizes = most * shares.clip(lower=0.1)  # or a single seed's mark cannot be seen
        ax.scatter(
            x, values.loc[shares.index], sizes, label=f"picked by {rule}", zorder=4, clip_on=False,
            **look,
        )  # fmt: skip


@plotting.style()
def scatter(runs: pd.DataFrame) -> "Figure":
    """Draw accuracy against RankMe for every encoder (Figs. 1 and S).

    Parameters
    ----------
    runs : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.sweeps.encoders`, of the three sweeps; a row of
        panels for each value of a column ``data``, where there is one.

    Returns
    -------
    matplotlib.figure.Figure
    """
    sets = plotting.by_data(runs)
    fig, axes = marks.panels(len(sets), 2, height=2.4 * len(sets) + 1.0, sharey="row")
    columns = {"accuracy": "probe on representation", "embedding accuracy": "probe on embedding"}
    for row, (data, table) in enumerate(sets.items()):
        for ax, (column, title) in zip(axes[2 * row :], columns.items(), strict=False):
            for name, part in table.groupby("experiment", sort=False):
                marks.cloud(ax, part.rankme, 100 * part[column], str(name), markersize=5)
            ax.set_title(title)
            ax.set_xlabel("RankMe")
        axes[2 * row].set_ylabel(f"{data}accuracy, %")
    marks.legend(fig, axes[0], columns=1)
    return fig


@plotting.style()
def correlations(table: pd.DataFrame) -> "Figure":
    """Draw Kendall's correlation of every label-free measure with accuracy.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.sweeps.correlations`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return _rows(table, "predictor", height=4.9)


@plotting.style()
def readouts(table: pd.DataFrame) -> "Figure":
    """Draw Kendall's correlation of RankMe with every read-out.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.sweeps.readouts`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return _rows(table, "readout", height=3.6)


def _rows(table: pd.DataFrame, column: str, *, height: float) -> "Figure":
    fig, (ax,) = marks.panels(height=height)
    names = list(dict.fromkeys(table[column]))
    experiments = list(dict.fromkeys(table.experiment))
    for series, name in enumerate(experiments):
        part = table[table.experiment == name].set_index(column).loc[names]
        y = [row + (series - (len(experiments) - 1) / 2) * 0.24 for row in range(len(names))]
        look = marks.look(name)
        ax.hlines(y, part.low, part.high, color=look["color"], linewidth=1.5)
        ax.plot(part["mean"], y, linestyle="", label=TITLES[name], **look)
    ax.axvline(0, color=marks.GREY, linewidth=1, linestyle="--", zorder=0)
    ax.set_yticks(range(len(names)), [_two_lines(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(False, axis="y")
    ax.set_xlim(-1.04, 1.04)
    ax.set_xticks([-1, -0.5, 0, 0.5, 1])
    ax.set_xlabel("Kendall correlation with accuracy")
    marks.legend(fig, ax, columns=1)
    return fig


def _two_lines(name: str, most: int = 18) -> str:
    if len(name) <= most:
        return name
    words, first = name.split(), ""
    while words and len(first) + len(words[0]) < most:
        first = f"{first} {words.pop(0)}".strip()
    return f"{first}\n{' '.join(words)}"


@plotting.style()
def gaps(ours: pd.DataFrame, papers: pd.DataFrame) -> "Figure":
    """Draw what selection without labels loses: our sweeps above, the paper's below.

    Parameters
    ----------
    ours : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.selection.gaps`.
    papers : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.selection.paper_gaps`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, (ax,) = marks.panels(height=5.2)
    mine = [name for name in TITLES if name in set(ours.experiment)]
    theirs = list(dict.fromkeys(papers.sweep))
    names = [f"{TITLES[name]} (ours)" for name in mine] + theirs
    looks = {"RankMe": ("*", 10, plotting.PALETTE[5]), "alpha-ReQ": ("s", 6, plotting.PALETTE[4])}
    least = -0.15
    for offset, (rule, (marker, size, colour)) in zip((-0.17, 0.17), looks.items(), strict=True):
        each = ours[ours.rule == rule].pivot(index="seed", columns="experiment", values="gap")[mine]
        mean, low, high = mean_interval(each)
        least = min(least, float(low.min()))
        rows = [row + offset for row in range(len(mine))]
        ax.hlines(rows, low, high, color=colour, linewidth=1.6)
        ax.plot(mean, rows, marker, color=colour, markersize=size)
        there = papers[papers.rule == rule].set_index("sweep").gap.loc[theirs]
        y = [len(mine) + row + offset for row in range(len(theirs))]
        label = rule.replace("alpha", "α")
        ax.plot(there, y, marker, color=colour, markersize=size, label=label)
    ax.axhline(len(mine) - 0.5, color=marks.GREY, linewidth=1)
    ax.set_yticks(range(len(names)), [_two_lines(name, 26) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(False, axis="y")
    ax.set_xscale("symlog", linthresh=1)
    ax.set_xticks([-1, 0, 1, 3, 10, 30], ["\N{MINUS SIGN}1", "0", "1", "3", "10", "30"])
    ax.set_xlim(1.1 * least, 45)
    ax.set_xlabel("points lost against labels")
    marks.legend(fig, ax)
    return fig
