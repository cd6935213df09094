"""Figures about encoders of digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.diet import measures
from ssl_lib.papers.diet.figures import _marks as marks
from ssl_lib.papers.diet.settings import PANELS, RUNS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ablations", "budgets", "curves", "informative", "rates", "rivals", "rows"]


@plotting.style()
def curves(table: pd.DataFrame) -> Figure:
    """Draw the loss above its floor, and accuracies, by showings of each image.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.diet.measures.curves`.
    """
    fig, axes = marks.panels(2, 1, height=4.4, sharex=True)
    where = {"loss above its floor": 0, "accuracy": 1, "online": 1}
    names = {"accuracy": "probe on 10 labels a class", "online": "probe trained along, on views"}
    for place, (measure, panel) in enumerate(where.items()):
        part = table[table.measure == measure]
        factor = 100 if panel else 1
        for number, (_, own) in enumerate(part.groupby("seed")):
            axes[panel].plot(
                own.epoch, factor * own.value, color=plotting.PALETTE[place], alpha=0.7, marker="",
                linewidth=1.2, label=names.get(measure, "_") if number == 0 else "_",
            )  # fmt: skip
    axes[0].set_ylabel("loss above\nits floor, nats")
    axes[1].set_ylabel("accuracy, %")
    axes[1].set_xlabel("showings of each image")
    axes[1].legend(loc="lower right")
    return fig


@plotting.style()
def informative(run: pd.DataFrame, settings: pd.DataFrame) -> Figure:
    """Draw accuracy against loss, along one run and across settings.

    Parameters
    ----------
    run : pandas.DataFrame
        From :func:`ssl_lib.papers.diet.measures.curves`.
    settings : pandas.DataFrame
        From :func:`ssl_lib.papers.diet.measures.across_settings`.
    """
    fig, axes = marks.panels(2, 1, height=5.6)
    wide = run.pivot(index=["seed", "epoch"], columns="measure", values="value").dropna()
    for _, part in wide.groupby(level="seed"):
        axes[0].plot(
            part["loss above its floor"], 100 * part.accuracy, color=plotting.PALETTE[0], alpha=0.6,
            linewidth=1, markersize=4,
        )  # fmt: skip
    for place, (panel, part) in enumerate(settings.groupby("panel", sort=False)):
        mean = part.groupby("run")[["excess", "accuracy"]].mean()
        axes[1].plot(mean.excess, mean.accuracy, linestyle="", label=panel, **marks.look(place))
    axes[0].set_title("along a run, a line a seed")
    axes[1].set_title("across settings, mean over seeds")
    axes[1].set_xlabel("loss above its floor, nats")
    for ax in axes:
        ax.set_ylabel("accuracy, %")
    marks.legend(fig, axes[1])
    return fig


@plotting.style()
def budgets(table: pd.DataFrame) -> Figure:
    """Draw accuracy by labels a class of several representations.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.diet.measures.budgets`.
    """
    fig, (ax,) = marks.panels(height=3.6)
    labels = [1.0, 5.0, measures.FEW, 0.0]
    for place, (title, part) in enumerate(table.groupby("title", sort=False)):
        own = part.assign(x=part.labels.map(labels.index) + 0.06 * place)
        marks.line(ax, own, "x", place, str(title))
    ax.set_xticks(range(4), ["1", "5", "10", "all"])
    ax.set_xlabel("labels a class")
    ax.set_ylabel("accuracy, %")
    marks.legend(fig, ax)
    return fig


@plotting.style()
def ablations(digits: pd.DataFrame) -> Figure:
    """Draw accuracy with few labels as one thing changes, a panel each, and with fewer images.

    Parameters
    ----------
    digits : pandas.DataFrame
        The table of that name.
    """
    names = ("smoothing", "strength", "batch", "length", "copies")
    fig, axes = marks.panels(3, 2, height=6.4)
    for place, (ax, name) in enumerate(zip(axes, names, strict=False)):
        chosen = PANELS[name]
        marks.line(ax, measures.panel(digits, chosen), "x", place)
        _axis(ax, chosen.title, chosen.values, log=chosen.log)
    runs = ("images-300", "images-600", "diet")
    few = measures.summary(measures.of_runs(digits)[list(runs)]).reset_index(names="run")
    total = few.run.map(lambda name: RUNS[name].images or TRAIN_IMAGES)
    marks.line(axes[5], few.assign(x=total), "x", 5)
    _axis(axes[5], "images, as many steps", (300, 600, TRAIN_IMAGES), log=True)
    for ax in axes[::2]:
        ax.set_ylabel("accuracy, %")
    return fig


TRAIN_IMAGES = 1297


def _axis(ax: Axes, title: str, values: tuple[float, ...], *, log: bool) -> None:
    if log:
        ax.set_xscale("log")
    ax.set_xticks(values, [f"{value:g}".replace("0.", ".") for value in values])
    ax.minorticks_off()
    ax.set_title(title)


@plotting.style()
def rates(digits: pd.DataFrame) -> Figure:
    """Draw accuracy with few labels by learning rate, DIET and SimCLR.

    Parameters
    ----------
    digits : pandas.DataFrame
        The table of that name.
    """
    fig, (ax,) = marks.panels(height=3.0)
    diet = PANELS["rate"]
    marks.line(ax, measures.panel(digits, diet), "x", 0, "DIET")
    runs = ("simclr-rate-0.001", "simclr", "simclr-rate-0.016")
    few = measures.summary(measures.of_runs(digits)[list(runs)]).assign(x=diet.values)
    marks.line(ax, few, "x", 1, "SimCLR")
    _axis(ax, "", diet.values, log=True)
    ax.set_xlabel("learning rate")
    ax.set_ylabel("accuracy, %")
    ax.legend()
    return fig


@plotting.style()
def rivals(table: pd.DataFrame) -> Figure:
    """Draw accuracy by labels and RankMe of DIET, its variants and its rivals, a panel each.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.diet.measures.rivals`.
    """
    fig, axes = marks.panels(3, 2, height=9.0, sharey=True)
    for ax, kind in zip(axes, (*measures.LABELS.values(), "RankMe"), strict=False):
        marks.dots(ax, table, list(table.title), f"{kind} ")
        ax.set(title=kind, xlabel="" if kind == "RankMe" else "accuracy, %")
    axes[-1].set_axis_off()
    return fig


@plotting.style()
def rows(table: pd.DataFrame) -> Figure:
    """Draw how many of a row's nearest rows are of its class.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.diet.measures.row_neighbours`.
    """
    fig, (ax,) = marks.panels(height=3.2)
    for place, (title, part) in enumerate(table.groupby("title", sort=False)):
        marks.line(ax, part, "neighbours", place, str(title))
    _axis(ax, "", tuple(sorted(table.neighbours.unique())), log=True)
    ax.axhline(10, color=marks.GREY, linewidth=1, linestyle="--")
    ax.set_ylim(0, 100)
    ax.set_xlabel("nearest rows of W")
    ax.set_ylabel("of the same class, %")
    ax.legend()
    return fig
