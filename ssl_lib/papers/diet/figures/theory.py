"""Figures about latents, noise, the spectral contrastive loss and streamed classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.diet.figures import _marks as marks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["identifies", "noise", "spectral", "streaming", "violations"]


@plotting.style()
def identifies(table: pd.DataFrame) -> Figure:
    """Draw R2 of latents and of cluster centres by steps, for the four cases of unit length.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.diet.measures.recovery`.
    """
    fig, axes = marks.panels(2, 1, height=5.0, sharex=True)
    titles = {"latents": "latents from features", "centres": "cluster centres from rows of W"}
    for ax, (measure, title) in zip(axes, titles.items(), strict=True):
        part = table[table.measure == measure]
        for place, (name, own) in enumerate(part.groupby("title", sort=False)):
            marks.line(ax, own, "steps", place, str(name))
        ax.set_title(title)
        ax.set_ylabel("R²")
        ax.set_xscale("log")
    axes[1].set_xlabel("optimiser steps")
    marks.legend(fig, axes[0])
    return fig


@plotting.style()
def violations(table: pd.DataFrame) -> Figure:
    """Draw R2 of the latents in every world, beside the paper's and raw observations'.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.diet.measures.violations`.
    """
    fig, (ax,) = marks.panels(height=4.6)
    names = list(table.title)
    plotting.intervals(
        ax, names, table["mean"].tolist(), table.low.tolist(), table.high.tolist(), label="here"
    )
    ax.plot(
        table.paper, range(len(table)), linestyle="", marker="D", markerfacecolor="none",
        color=plotting.PALETTE[1], label="paper",
    )  # fmt: skip
    ax.plot(
        table.observed, range(len(table)), linestyle="", marker="x", color=marks.GREY,
        label="raw observations",
    )  # fmt: skip
    ax.set_xlabel("R² of latents from features")
    marks.legend(fig, ax, columns=3)
    return fig


@plotting.style()
def noise(table: pd.DataFrame) -> Figure:
    """Draw how well features tell a factor by the factor's noise.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.diet.measures.noise_kept`.
    """
    fig, (ax,) = marks.panels(height=3.4)
    for place, (title, part) in enumerate(table.groupby("title", sort=False)):
        marks.line(ax, part, "noise", place, str(title))
    ax.set_xlabel("noise of the factor between views (its own spread is 1)")
    ax.set_ylabel("R² of a linear map")
    marks.legend(fig, ax)
    return fig


@plotting.style()
def spectral(table: pd.DataFrame) -> Figure:
    """Draw how far apart the minima of both losses are.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.diet.measures.spectral_gaps`.
    """
    fig, (ax,) = marks.panels(height=2.6)
    names = {
        "planes": "planes", "squared error": "DIET's loss", "spectral": "spectral loss",
        "closed form": "closed form",
    }  # fmt: skip
    for place, column in enumerate(names):
        values = table[column].abs().clip(lower=1e-17)
        ax.plot(values, [place] * len(values), linestyle="", alpha=0.6, **marks.look(place))
    ax.set_xscale("log")
    ax.axvline(1e-6, color=marks.GREY, linewidth=1, linestyle="--")
    ax.set_yticks(range(len(names)), list(names.values()))
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel("gap, relative")
    return fig


@plotting.style()
def streaming(table: pd.DataFrame) -> Figure:
    """Draw what autograd keeps beside W, all classes at once and streamed.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.diet.measures.streaming_gaps`.
    """
    fig, (ax,) = marks.panels(height=2.8)
    for place, (column, label) in enumerate(
        {"kept, plain": "all classes at once", "kept, streamed": "streamed"}.items()
    ):
        ax.plot(table.classes, table[column], label=label, **marks.look(place))
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("classes: images in the training set")
    ax.set_ylabel("numbers kept")
    ax.legend()
    return fig
