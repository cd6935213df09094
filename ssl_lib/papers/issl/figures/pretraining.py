"""Figures of the pretraining experiments."""

from typing import TYPE_CHECKING, Literal

import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.issl.figures import _marks as marks
from ssl_lib.papers.issl.summary import over_runs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "comparison",
    "dimensions",
    "epochs",
    "gains",
    "head_pairs",
    "label_curve",
    "probe_family",
    "ranks",
    "strengths",
]

#: Families of student and teacher.
PAIRS = {
    "CISSL": "CISSL: linear, MLP",
    "CISSL, MLP heads": "CISSL: MLP, MLP",
    "CISSL, linear heads": "CISSL: linear, linear",
    "SimCLR": "SimCLR: one MLP",
    "DISSL": "DISSL: linear, MLP",
    "DISSL, MLP heads": "DISSL: MLP, MLP",
    "DISSL, linear heads": "DISSL: linear, linear",
}
METRICS = {"full": "all labels", "few": "few labels", "augmented": "augmented images"}


@plotting.style()
def dimensions(table: pd.DataFrame) -> "Figure":
    """Draw accuracy against dimension: all labels, few labels, augmented images.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.issl.experiments.dimensions`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = marks.panels(3, 1, height=7.6, sharex=True)
    trained = table[table.variant != "raw pixels"]
    pixels = table[table.variant == "raw pixels"]
    dims = sorted(trained.dim.unique())
    for ax, (column, title) in zip(axes, METRICS.items(), strict=True):
        for name, part in trained.groupby("variant", sort=False):
            marks.band(ax, part, "dim", column, label=str(name), look=marks.LOOK[str(name)])
        level = pixels[column].mean()
        ax.axhline(level, color=marks.GREY, linestyle="--", linewidth=1.2)
        end, side = _freest_place(trained, column, level, ax.get_ylim())
        across = "left" if end == 0 else "right"
        ax.text(dims[end], level, "raw pixels", fontsize=10, va=side, ha=across)
        ax.set_title(title)
        ax.set_ylabel("accuracy")
        marks.log_dims(ax, dims)
    axes[-1].set_xlabel("dimension d of the representation")
    marks.top_legend(fig, axes[0])
    return fig


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
        From :func:`ssl_lib.papers.issl.experiments.dimensions`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = marks.panels(2, 1, height=5.6)
    trained = table[table.variant != "raw pixels"]
    dims = sorted(trained.dim.unique())
    axes[0].plot(dims, dims, ":", marker="", color=marks.GREY)
    axes[0].text(dims[-1], dims[-1], "d ", fontsize=10, ha="right", va="bottom")
    for name, part in trained.groupby("variant", sort=False):
        look = marks.LOOK[str(name)]
        marks.band(axes[0], part, "dim", "rankme", label=str(name), look=look)
        axes[1].plot(part.rankme, part.few, look[1], color=look[0], alpha=0.8)
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
def gains(table: pd.DataFrame, *, paper: pd.DataFrame | None = None) -> "Figure":
    """Draw the accuracy gained against the dimension over that of the channels.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.issl.real.gains`.
    paper : pandas.DataFrame, optional
        Columns ``ratio`` and ``gain`` of the paper's figure, for the shape alone.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, (ax,) = marks.panels(1, 1, height=3.8)
    for name, part in table.groupby("variant", sort=False):
        marks.band(ax, part, "ratio", "gain", label=str(name), look=marks.LOOK[str(name)])
    if paper is not None:
        ax.plot(
            paper.ratio, paper.gain, linestyle="", marker="_", markersize=18, markeredgewidth=2.5,
            color=marks.GREY, label="paper, CISSL (shape only)",
        )  # fmt: skip
    ax.axhline(0, color=marks.GREY, linewidth=1, linestyle="--", zorder=0)
    ratios = sorted({*table.ratio, *(paper.ratio if paper is not None else ())})
    marks.log_dims(ax, ratios)
    ax.set_xticks(ratios, [f"1/{1 / r:g}" if r < 1 else f"{r:g}" for r in ratios])
    ax.set_xlabel("dimension over channels, d / c")
    ax.set_ylabel("points gained over d = c")
    marks.top_legend(fig, ax, columns=2)
    return fig


@plotting.style()
def probe_family(
    sweep: pd.DataFrame, mlp: pd.DataFrame, *, paper: pd.DataFrame | None = None
) -> "Figure":
    """Draw linear against MLP heads and probes (Fig. 7c).

    Parameters
    ----------
    sweep, mlp : pandas.DataFrame
        From :func:`ssl_lib.papers.issl.experiments.dimensions` and ``mlp_heads``.
    paper : pandas.DataFrame, optional
        From :func:`ssl_lib.papers.issl.paper.figure_7c`, where the setting is the paper's.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, (ax,) = marks.panels(1, 1, height=3.6)
    linear = sweep[sweep.variant == "CISSL"]
    marks.band(ax, linear, "dim", "full", label="linear head\nand probe", look=marks.LOOK["CISSL"])
    look = marks.LOOK["CISSL, MLP heads"]
    marks.band(ax, mlp, "dim", "mlp", label="MLP heads\nand probe", look=look, style="--")
    if paper is not None:
        for column, name in (("linear", "CISSL"), ("mlp", "CISSL, MLP heads")):
            ax.plot(paper.dim, paper[column], "_", color=marks.LOOK[name][0], markersize=16)
    marks.log_dims(ax, sorted(linear.dim.unique()))
    ax.set_xlabel("dimension d of the representation")
    ax.set_ylabel("accuracy, all labels")
    ax.legend(loc="lower right")
    return fig


@plotting.style()
def strengths(table: pd.DataFrame, *, paper: pd.DataFrame | None = None) -> "Figure":
    """Draw DISSL's accuracy against the number of labels, by augmentation strength (Fig. 7a).

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.issl.experiments.strengths`, with the sweep's usual strength.
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


def label_curve(table: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy by number of labels as long rows.

    Parameters
    ----------
    table : pandas.DataFrame
        With columns ``labels_N`` and ``full``; ``full`` counts as the training images.

    Returns
    -------
    pandas.DataFrame
        ``variant``, ``strength``, ``run``, ``labels``, ``accuracy``.
    """
    few = {name: int(name[7:]) for name in map(str, table) if name.startswith("labels_")}
    columns = {**few, "full": int(table.images.iloc[0])}
    keys = table[["variant", "strength", "run"]]
    parts = [keys.assign(labels=n, accuracy=table[name]) for name, n in columns.items()]
    return pd.concat(parts, ignore_index=True)


def head_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the variants that differ in their heads, under names that say how, in a fixed order.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of several variants at one dimension.

    Returns
    -------
    pandas.DataFrame
        For :func:`comparison`.

    Examples
    --------
    >>> head_pairs(pd.DataFrame({"variant": ["SwAV", "DISSL", "CISSL"]})).variant.tolist()
    ['CISSL: linear, MLP', 'DISSL: linear, MLP']
    """
    parts = [table[table.variant == name].assign(variant=said) for name, said in PAIRS.items()]
    return pd.concat(parts, ignore_index=True)


@plotting.style()
def comparison(table: pd.DataFrame) -> "Figure":
    """Draw variants as dots with intervals, in three panels by what is asked of them.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of several variants at one dimension.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = list(dict.fromkeys(table.variant))
    fig, axes = marks.panels(3, 1, height=0.9 + 3 * (0.45 + 0.27 * len(names)))
    for ax, (column, title) in zip(axes, METRICS.items(), strict=True):
        means = over_runs(table, ["variant"], column)
        ends = [means[name].tolist() for name in ("mean", "low", "high")]
        plotting.intervals(ax, names, *ends)
        for place, name in enumerate(names):
            values = table[table.variant == name][column]
            ax.plot(values, [place] * len(values), "|", color=marks.GREY, markersize=7)
        ax.set_title(title)
    axes[-1].set_xlabel("accuracy, linear probe")
    return fig


@plotting.style()
def epochs(table: pd.DataFrame) -> "Figure":
    """Draw accuracy against the loss of runs of different length.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.issl.experiments.epochs`, with the sweep's usual length.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, (ax,) = marks.panels(1, 1, height=3.4)
    for place, length in enumerate(sorted({int(n) for n in table.epochs})):
        part = table[table.epochs == length]
        colour, marker = marks.colour((1, 2, 5, 4)[place % 4])
        ax.plot(part.loss, part.full, marker, color=colour)
        ax.annotate(
            f"{length} epoch{'s' if length > 1 else ''}", (part.loss.mean(), part.full.min()),
            xytext=(0, -9), textcoords="offset points", ha="center", va="top", fontsize=10,
        )  # fmt: skip
    ax.margins(0.12, 0.2)
    ax.set_xlabel("CISSL loss in nats")
    ax.set_ylabel("accuracy, all labels")
    return fig
