"""Figures about the ranks themselves: samples, epsilon, classical rank, dimension."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.rankme.figures import _marks as marks

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

__all__ = ["classical", "dimensions", "epsilon", "own", "samples"]


@plotting.style()
def samples(table: pd.DataFrame, *, experiment: str = "temperature") -> "Figure":
    """Draw RankMe against the number of images for every setting of a sweep (Fig. S11).

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.spectra.samples`.
    experiment : str, default="temperature"
        Which sweep.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib as mpl

    fig, (ax,) = marks.panels(height=3.6)
    part = table[table.experiment == experiment]
    means = part.groupby(["setting", "images"]).rankme.mean().unstack("images")
    shades = mpl.colormaps["viridis"](np.linspace(0.32, 0.72, len(means)))
    for shade, (setting, row) in zip(shades, means.iterrows(), strict=True):
        ax.plot(row.index, row, color=shade, marker="o", markersize=3.5, label=f"{setting:g}")
    ax.set_xscale("log", base=2)
    counts = [int(str(n)) for n in means.columns]
    ticks = [n for n in counts if n & (n - 1) == 0]
    ax.set_xticks(ticks, [f"{n:,}" for n in ticks])
    ax.set_xlabel("images")
    ax.set_ylabel("RankMe")
    plotting.direct_labels(ax)
    ax.set_title("at each temperature", loc="right")
    return fig


@plotting.style()
def epsilon(table: pd.DataFrame) -> "Figure":
    """Draw RankMe over the true rank against epsilon, for exact spectra.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.theory.inflation`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = marks.panels(1, 2, height=3.2, sharey=True)
    for ax, (spectrum, part) in zip(axes, table.groupby("spectrum", sort=False), strict=True):
        for place, (width, row) in enumerate(part.groupby("width")):
            colour, marker = plotting.PALETTE[(4, 0, 2)[place % 3]], plotting.MARKERS[place % 3]
            ax.plot(row.eps, row.ratio, label=f"width {width:,}", color=colour, marker=marker)
        ax.axvline(1e-7, color=marks.GREY, linewidth=1, linestyle="--", zorder=0)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_title(f"{spectrum} spectrum")
        ax.set_xlabel("ε")
    axes[0].set_yticks([1, 2, 5, 10], ["1", "2", "5", "10"])
    axes[0].minorticks_off()
    axes[0].set_ylabel("RankMe / true rank")
    marks.legend(fig, axes[0], columns=3)
    return fig


@plotting.style()
def classical(table: pd.DataFrame) -> "Figure":
    """Draw the number of singular values above several thresholds against RankMe.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.measures.spectra.classical`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, (ax,) = marks.panels(height=3.7)
    for place, (name, part) in enumerate(table.groupby("threshold", sort=False)):
        ax.plot(
            part.rankme, part["rank"], linestyle="", alpha=0.8, label=str(name),
            color=plotting.PALETTE[(5, 4, 2)[place % 3]], marker=plotting.MARKERS[place % 7],
        )  # fmt: skip
    low, high = table.rankme.min(), table.rankme.max()
    ax.plot([low, high], [low, high], color=marks.GREY, linewidth=1, marker="", label="_")
    ax.set_xlabel("RankMe (entropic rank)")
    ax.set_ylabel("singular values above")
    marks.legend(fig, ax, columns=3)
    return fig


@plotting.style()
def dimensions(table: pd.DataFrame) -> "Figure":
    """Draw RankMe and accuracy across a dimension sweep.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.dimensions.sweep`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = marks.panels(2, 1, height=5.0, sharex=True)
    for ax, column in zip(axes, ("rankme", "accuracy"), strict=True):
        for place, (name, part) in enumerate(table.groupby("method", sort=False)):
            runs = part.groupby("dimension")[column]
            mean, low, high = runs.mean(), runs.min(), runs.max()
            colour = plotting.PALETTE[place % len(plotting.PALETTE)]
            ax.fill_between(mean.index, low, high, color=colour, alpha=0.2, linewidth=0)
            marker = plotting.MARKERS[place % len(plotting.MARKERS)]
            ax.plot(mean.index, mean, color=colour, marker=marker, label=str(name))
        ax.set_ylabel({"rankme": "RankMe", "accuracy": "accuracy"}[column])
    dims = sorted(int(d) for d in table.dimension.unique())
    axes[0].set_xscale("log", base=2)
    axes[0].set_yscale("log", base=2)
    axes[0].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes[1].set_xticks(dims, [str(d) for d in dims])
    axes[1].set_xlabel("dimension of the representation")
    for ax in axes:
        # Labels are placed in pixels: after the scales of the axes.
        plotting.direct_labels(ax)
    return fig


@plotting.style()
def own(singular: "Tensor", *, rank: float) -> "Figure":
    """Draw the singular values of one encoder's features, and its RankMe.

    Parameters
    ----------
    singular : torch.Tensor of shape (m,)
        In descending order.
    rank : float
        RankMe.

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, (ax,) = marks.panels(height=3.0)
    values = (singular / singular.sum()).numpy()
    ax.plot(np.arange(1, len(values) + 1), values, marker="", color=plotting.PALETTE[4])
    ax.axvline(rank, color=plotting.PALETTE[5], linewidth=1.4, linestyle="--")
    ax.annotate(f"RankMe {rank:.1f}", (rank, values[0]), xytext=(6, -4), textcoords="offset points")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_ylim(max(values[values > 0].min(), values[0] * 1e-8), 1.5 * values[0])
    ax.set_xlabel("position k")
    ax.set_ylabel("share of singular value k")
    return fig
