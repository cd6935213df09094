"""Figures of the pretraining experiments."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.issl.figures import _marks as marks
from ssl_lib.papers.issl.measures import PROBES, label_curve, over_runs, trained
from ssl_lib.papers.issl.variants import VARIANTS
from ssl_lib.plotting import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "ablation", "dimensions", "epochs", "gains", "probe_family", "ranks", "rivals", "strengths",
]  # fmt: skip


@plotting.style()
def dimensions(tables: Mapping[str, pd.DataFrame], again: pd.DataFrame | None = None) -> "Figure":
    """Draw accuracy against dimension: all labels, few labels, augmented images.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Dimension sweeps by the names of their images, a column of panels each.
    again : pandas.DataFrame, optional
        Runs of the first that were trained again, as hollow marks.

    Returns
    -------
    matplotlib.figure.Figure
    """
    several, narrow = len(tables) > 1, len(tables) > 2
    fig, axes = marks.panels(3, len(tables), height=7.6, sharex="col")
    for place, (images, table) in enumerate(tables.items()):
        column = axes[place :: len(tables)]
        for ax, (probe, title) in zip(column, PROBES.items(), strict=True):
            _sweep(ax, table, probe, every=2 if narrow else 1)
            if again is not None and not place:
                _hollow(ax, again, probe)
            said = title.replace("augmented ", "augmented\n") if narrow else title
            ax.set_title(f"{images}\n{said}" if several and ax is column[0] else said)
        column[-1].set_xlabel("dimension d" if several else "dimension d of the representation")
    for ax in axes[:: len(tables)]:
        ax.set_ylabel("accuracy")
    marks.top_legend(fig, axes[0])
    return fig


def _sweep(ax: "Axes", table: pd.DataFrame, probe: str, *, every: int) -> None:
    """Draw one probe of a sweep, and raw pixels as a level."""
    encoders = trained(table)
    dims = sorted(encoders.dim.unique())
    for name, part in encoders.groupby("variant", sort=False):
        _variant(ax, part, "dim", probe, str(name))
    level = table.loc[table.variant == "pixels", probe].mean()
    ax.axhline(level, color=marks.GREY, linestyle="--", linewidth=1.2)
    end, side = _freest_place(encoders, probe, level, ax.get_ylim())
    across: Literal["left", "right"] = "left" if end == 0 else "right"
    ax.text(dims[end], level, VARIANTS["pixels"].title, fontsize=10, va=side, ha=across)
    marks.log_dims(ax, dims, every=every)


def _hollow(ax: "Axes", again: pd.DataFrame, probe: str) -> None:
    for name, part in trained(again).groupby("variant", sort=False):
        colour, marker = marks.LOOK[str(name)]
        ax.plot(part.dim, part[probe], marker, color=colour, markersize=9, markerfacecolor="none")


def _variant(ax: "Axes", part: pd.DataFrame, x: str, y: str, name: str) -> None:
    marks.band(ax, part, x, y, label=VARIANTS[name].title, look=marks.LOOK[name])


def _freest_place(
    table: pd.DataFrame, column: str, level: float, limits: tuple[float, float]
) -> tuple[int, Literal["top", "bottom"]]:
    """Return the end of a level's line, and the side of its label, with most room for it."""
    over = table.groupby(["dim", "variant"])[column].mean().unstack().to_numpy() - level
    sides: tuple[tuple[Literal["top", "bottom"], float, float], ...]
    sides = ("bottom", 1, limits[1] - level), ("top", -1, level - limits[0])
    room: dict[tuple[int, Literal["top", "bottom"]], float] = {}
    for end, near in ((0, over[:2]), (-1, over[-2:])):
        for side, sign, most in sides:
            # A curve that crosses the line is on both sides, and leaves less than no room.
            there = (sign * near)[:, (sign * near).max(0) > 0]
            room[end, side] = min(most, float(there.min())) if there.size else most
    return max(room, key=lambda place: room[place])


@plotting.style()
def ranks(table: pd.DataFrame) -> "Figure":
    """Draw RankMe against the nominal dimension, and few-label accuracy against RankMe.

    Parameters
    ----------
    table : pandas.DataFrame
        The table ``dimensions``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = marks.panels(2, 1, height=5.6)
    encoders = trained(table)
    dims = sorted(encoders.dim.unique())
    axes[0].plot(dims, dims, ":", marker="", color=marks.GREY)
    axes[0].text(dims[-1], dims[-1], "d ", fontsize=10, ha="right", va="bottom")
    for name, part in encoders.groupby("variant", sort=False):
        _variant(axes[0], part, "dim", "rankme", str(name))
        colour, marker = marks.LOOK[str(name)]
        axes[1].plot(part.rankme, part.few, marker, color=colour, alpha=0.8)
    for ax in axes:
        ax.set_xscale("log", base=2)
    axes[0].set_yscale("log", base=2)
    marks.log_dims(axes[0], dims)
    for axis in (axes[0].yaxis, axes[1].xaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
    axes[0].set_xlabel("dimension d of the representation")
    axes[0].set_ylabel("RankMe")
    axes[1].set_xlabel("RankMe")
    axes[1].set_ylabel("accuracy, few labels")
    marks.top_legend(fig, axes[0])
    return fig


@plotting.style()
def gains(tables: Mapping[str, pd.DataFrame], *, paper: pd.DataFrame | None = None) -> "Figure":
    """Draw the accuracy gained against the dimension over that of the channels.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        From :func:`ssl_lib.papers.issl.measures.gains`, by the names of their images.
    paper : pandas.DataFrame, optional
        Columns ``ratio`` and ``gain`` of the paper's figure, for the shape alone.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = marks.panels(len(tables), 1, height=0.9 + 2.8 * len(tables), sharex=True)
    ratios = {ratio for table in tables.values() for ratio in table.ratio}
    for ax, (images, table) in zip(axes, tables.items(), strict=True):
        for name, part in table.groupby("variant", sort=False):
            _variant(ax, part, "ratio", "gain", str(name))
        if paper is not None:
            ratios |= {*paper.ratio}
            ax.plot(
                paper.ratio, paper.gain, linestyle="", marker="_", markersize=18,
                markeredgewidth=2.5, color=marks.GREY, label="paper, CISSL (shape only)",
            )  # fmt: skip
        ax.axhline(0, color=marks.GREY, linewidth=1, linestyle="--", zorder=0)
        ax.set_title(images)
        ax.set_ylabel("points gained over d = c")
    marks.log_dims(axes[-1], ratios)
    places = sorted(ratios)
    axes[-1].set_xticks(places, [f"1/{1 / r:g}" if r < 1 else f"{r:g}" for r in places])
    axes[-1].set_xlabel("dimension over channels, d / c")
    marks.top_legend(fig, axes[0], columns=2)
    return fig


@plotting.style()
def probe_family(
    tables: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]], *, paper: pd.DataFrame | None = None
) -> "Figure":
    """Draw linear against MLP heads and probes (Fig. 7c).

    Parameters
    ----------
    tables : mapping of str to (pandas.DataFrame, pandas.DataFrame)
        The tables ``dimensions`` and ``mlp-heads`` by the names of their images, a panel each.
    paper : pandas.DataFrame, optional
        From :func:`ssl_lib.papers.issl.paper.figure_7c`, where the setting is the paper's.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = marks.panels(len(tables), 1, height=0.6 + 3.0 * len(tables), sharex="col")
    for ax, (images, (sweep, mlp)) in zip(axes, tables.items(), strict=True):
        linear, look = sweep[sweep.variant == "cissl"], marks.LOOK["cissl"]
        marks.band(ax, linear, "dim", "full", label="linear head\nand probe", look=look)
        look = marks.LOOK["cissl-mlp-heads"]
        marks.band(ax, mlp, "dim", "mlp", label="MLP heads\nand probe", look=look, style="--")
        if paper is not None:
            for column, name in (("linear", "cissl"), ("mlp", "cissl-mlp-heads")):
                ax.plot(paper.dim, paper[column], "_", color=marks.LOOK[name][0], markersize=16)
        marks.log_dims(ax, sorted(linear.dim.unique()))
        ax.set_title(images if len(tables) > 1 else "")
        ax.set_ylabel("accuracy, all labels")
    axes[-1].set_xlabel("dimension d of the representation")
    axes[0].legend(loc="lower right")
    return fig


@plotting.style()
def strengths(table: pd.DataFrame, *, paper: pd.DataFrame | None = None) -> "Figure":
    """Draw DISSL's accuracy against the number of labels, by augmentation strength (Fig. 7a).

    Parameters
    ----------
    table : pandas.DataFrame
        The table ``strengths``, with the sweep's runs of the usual strength.
    paper : pandas.DataFrame, optional
        From :func:`ssl_lib.papers.issl.paper.figure_7a`, where the setting is the paper's.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, (ax,) = marks.panels(1, 1, height=3.9)
    curve = label_curve(table)
    for place, (strength, part) in enumerate(curve.groupby("strength")):
        look = marks.colour((1, 2, 5, 6)[place % 4])
        marks.band(ax, part, "labels", "accuracy", label=f"s = {strength:g}", look=look)
        if paper is not None:
            mine = paper[paper.strength == strength]
            ax.plot(mine.labels, mine.accuracy, "_", color=look[0], markersize=16)
    ax.set_xscale("log")
    counts = sorted(curve["labels"].unique())
    ax.set_xticks(counts, [f"{n:,}" for n in counts])
    ax.minorticks_off()
    ax.set_xlabel("labelled images")
    ax.set_ylabel("accuracy, linear probe")
    ax.legend(loc="lower right", title="augmentation")
    return fig


@plotting.style()
def rivals(tables: Mapping[str, pd.DataFrame]) -> "Figure":
    """Draw methods as dots with intervals, in three panels by what is asked of them.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Rows of several variants at one dimension, by the names of their images, a column of panels
        each; what some images lack stays empty there.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return _comparison(tables, {name: VARIANTS[name].title for name in _variants(tables)})


@plotting.style()
def ablation(tables: Mapping[str, pd.DataFrame]) -> "Figure":
    """Draw pairs of heads as :func:`rivals` does; variants without such a pair are left out.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        As of :func:`rivals`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    there = _variants(tables)
    heads = {name: it.heads for name, it in VARIANTS.items() if name in there and it.heads}
    return _comparison(tables, heads)


def _variants(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return those of all tables, in their order."""
    return list(dict.fromkeys(str(name) for table in tables.values() for name in table.variant))


def _comparison(tables: Mapping[str, pd.DataFrame], names: Mapping[str, str]) -> "Figure":
    several = len(tables) > 1
    said = [name.replace(" (", "\n(") if several else name for name in names.values()]
    fig, axes = marks.panels(3, len(tables), height=0.9 + 3 * (0.45 + 0.27 * len(names)))
    for place, (images, table) in enumerate(tables.items()):
        labels = said if place == 0 else [""] * len(names)
        column = axes[place :: len(tables)]
        for ax, (probe, title) in zip(column, PROBES.items(), strict=True):
            _dots(ax, table, probe, dict(zip(names, labels, strict=True)))
            ax.set_title(f"{images}\n{title}" if several and ax is column[0] else title)
        column[-1].set_xlabel("accuracy" if several else "accuracy, linear probe")
    return fig


def _dots(ax: "Axes", table: pd.DataFrame, probe: str, names: Mapping[str, str]) -> None:
    means = over_runs(table, ["variant"], probe).set_index("variant").reindex([*names])
    ends = [means[name].tolist() for name in ("mean", "low", "high")]
    plotting.intervals(ax, [*names.values()], *ends)
    for place, name in enumerate(names):
        values = table[table.variant == name][probe]
        ax.plot(values, [place] * len(values), "|", color=marks.GREY, markersize=7)


@plotting.style()
def epochs(table: pd.DataFrame) -> "Figure":
    """Draw accuracy against the loss of runs of different length.

    Parameters
    ----------
    table : pandas.DataFrame
        The table ``epochs``, with the sweep's runs of the usual length.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, (ax,) = marks.panels(1, 1, height=3.4)
    for place, length in enumerate(sorted({int(n) for n in table.epochs})):
        part = table[table.epochs == length]
        colour, marker = marks.colour((1, 2, 5, 4)[place % 4])
        ax.plot(part.loss, part.full, marker, color=colour)
        above = place % 2  # neighbours' names do not meet
        end = part.full.max() if above else part.full.min()
        ax.annotate(
            words.count(length, "epoch"), (part.loss.mean(), end), fontsize=10, ha="center",
            xytext=(0, 9 if above else -9), textcoords="offset points",
            va="bottom" if above else "top",
        )  # fmt: skip
    ax.margins(0.12, 0.2)
    ax.set_xlabel("CISSL loss in nats")
    ax.set_ylabel("accuracy, all labels")
    return fig
