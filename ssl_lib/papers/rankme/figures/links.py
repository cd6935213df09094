"""Figures about why rank should tell accuracy, and where it does not."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.rankme.figures import _marks as marks
from ssl_lib.papers.rankme.settings import SWEEPS, TITLES
from ssl_lib.plotting import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["bound", "degenerate", "links", "transfer"]


#: Two columns over the three sweeps, with the axes' names and the panel's title.
PAIRS = (
    ("train accuracy", "accuracy", "train accuracy, %", "test accuracy, %",
     "probes do not overfit"),
    ("embedding accuracy", "accuracy", "embedding, %", "representation, %",
     "embedding and representation agree"),
)  # fmt: skip


@plotting.style()
def links(table: pd.DataFrame) -> "Figure":
    """Draw the three links from rank to downstream accuracy.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.sweeps.encoders`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = marks.panels(3, 1, height=8.2)
    for ax, (x, y, across, up, title) in zip(axes, PAIRS, strict=False):
        for name in SWEEPS:
            part = table[table.experiment == name]
            marks.cloud(ax, 100 * part[x], 100 * part[y], name)
        _name(ax, across, up, title)
    half = table[table.experiment == "transfer"]
    axes[2].plot(half.rankme, half["target rankme"], linestyle="", **marks.look("transfer"))
    _name(axes[2], "RankMe on the source classes", "RankMe on the target", "rank carries over")
    marks.legend(fig, axes[0], columns=1)
    return fig


def _name(ax: "Axes", x: str, y: str, title: str) -> None:
    ax.set(xlabel=x, ylabel=y, title=title)


@plotting.style()
def transfer(table: pd.DataFrame) -> "Figure":
    """Draw accuracy on source and target classes against RankMe on the source.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.sweeps.transfer`; one row of panels a data set.

    Returns
    -------
    matplotlib.figure.Figure
    """
    sets = list(table.data.unique())
    fig, axes = marks.panels(len(sets), 2, height=2.5 * len(sets) + 0.5)
    columns = {"accuracy": "source classes", "target accuracy": "target classes"}
    for row, data in enumerate(sets):
        for ax, (column, title) in zip(axes[2 * row :], columns.items(), strict=False):
            for setting, part in table[table.data == data].groupby("setting"):
                ax.plot(
                    part.rankme, 100 * part[column], label=f"τ = {setting:g}",
                    **_temperature(float(str(setting))),
                )  # fmt: skip
            ax.set_title(f"{words.images(data)}, {title}")
        axes[2 * row].set_ylabel("accuracy, %")
    for ax in axes[-2:]:
        ax.set_xlabel("RankMe, source")
    marks.legend(fig, max(axes, key=lambda ax: len(ax.lines)), columns=4)
    return fig


def _temperature(setting: float) -> dict[str, Any]:
    """Return a temperature's look, the same for all data sets: from dark to light."""
    import matplotlib as mpl

    values = SWEEPS["temperature"].values
    place = values.index(setting)
    colour = mpl.colormaps["viridis"](0.9 * place / (len(values) - 1))
    return {
        "color": colour, "marker": plotting.MARKERS[place % 7], "linestyle": "", "markersize": 5,
        "alpha": 0.8,
    }  # fmt: skip


@plotting.style()
def bound(table: pd.DataFrame, *, classes: int) -> "Figure":
    """Draw what a probe on the first R components leaves, with the bound, and its accuracy.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.spectra.path`.
    classes : int
        Where the bound reaches 0, plus one.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = marks.panels(2, 1, height=4.8, sharex=True)
    for name, part in table.groupby("experiment", sort=False):
        each = part.groupby("rank")
        look: dict[str, Any] = {"color": marks.look(str(name))["color"], "marker": ""}
        for ax, column in zip(axes, ("residual", "accuracy"), strict=True):
            mean, low, high = (getattr(each[column], f)() for f in ("mean", "min", "max"))
            ax.plot(mean.index, 100 * mean, label=TITLES[str(name)], **look)
            ax.fill_between(
                mean.index, 100 * low, 100 * high, color=look["color"], alpha=0.12, linewidth=0
            )
    least = table.groupby("rank").bound.mean()
    axes[0].plot(least.index, 100 * least, color=marks.GREY, linestyle="--", marker="")
    end = classes - 1
    axes[0].annotate("bound", (end, 0), xytext=(6, 4), textcoords="offset points", va="bottom")
    for ax in axes:
        ax.axvline(end, color=marks.GREY, linewidth=1, linestyle=":", zorder=0)
    axes[0].set_ylabel("left unexplained, %")
    axes[1].set_ylabel("train accuracy, %")
    axes[1].set_xlabel("rank R of the probe's input")
    marks.legend(fig, axes[0], columns=1)
    return fig


@plotting.style()
def degenerate(runs: pd.DataFrame, noisy: pd.DataFrame) -> "Figure":
    """Draw three ways to a high rank without accuracy.

    Parameters
    ----------
    runs : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.sweeps.encoders`.
    noisy : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.spectra.noise`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = marks.panels(3, 1, height=8.4)
    _noise(axes[0], noisy)
    _start(axes[1], runs)
    _scale(axes[2], runs[runs.experiment == "invariance"])
    return fig


def _noise(ax: "Axes", table: pd.DataFrame) -> None:
    mean = table.groupby("strength")[["rankme", "accuracy"]].mean()
    ax.plot(mean.rankme, 100 * mean.accuracy, marker="o", color=plotting.PALETTE[5])
    for strength, row in mean.iloc[[0, 3, -1]].iterrows():
        first = strength == mean.index[0]
        ax.annotate(
            f"noise × {strength:g}", (row.rankme, 100 * row.accuracy),
            xytext=(6, 4) if first else (-7, -3), textcoords="offset points",
            ha="left" if first else "right", va="bottom" if first else "top",
        )  # fmt: skip
    ax.margins(x=0.12, y=0.18)
    _name(ax, "RankMe", "accuracy, %", "noise added to the embedding")


def _start(ax: "Axes", runs: pd.DataFrame) -> None:
    names = {"covariance": "deep, no norm", "shallow": "shallow, batch norm"}
    for name, title in names.items():
        part = runs[runs.experiment == name]
        if len(part):
            marks.cloud(ax, part.rankme, 100 * part.accuracy, name, label=title)
    ax.legend(loc="lower right")
    _name(ax, "RankMe", "accuracy, %", "covariance weight, two networks")


def _scale(ax: "Axes", part: pd.DataFrame) -> None:
    each = part.groupby("setting")[["rankme", "std, embedding", "accuracy"]].mean()
    shown = {"rankme": "RankMe", "std, embedding": "spread", "accuracy": "accuracy"}
    places = marks.settings_axis(ax, list(each.index))
    for place, (column, title) in enumerate(shown.items()):
        colour = plotting.PALETTE[(0, 4, 2)[place]]
        values = each[column] / each[column].max()
        x = [places[value] for value in each.index]
        ax.plot(x, values, label=title, color=colour, marker=plotting.MARKERS[place])
    ax.set_ylim(0, 1.08)
    title = "rank is blind to scale: invariance weight"
    _name(ax, "invariance weight", "share of the largest", title)
    plotting.direct_labels(ax)
