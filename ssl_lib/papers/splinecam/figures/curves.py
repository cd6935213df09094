"""Curves and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ssl_lib import plotting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "attacks", "augmentation", "boundary_lengths", "growth", "surface_density", "toy_curves",
    "training",
]  # fmt: skip

GUIDE = "#6E7681"


@plotting.style()
def toy_curves(table: pd.DataFrame) -> Figure:
    """Draw regions, boundary length and mean slope against the step, mean and range over runs."""
    fig, axes = plotting.small_multiples(3, columns=1, height=1.8, share=False)
    names = {"regions": "regions", "length": "boundary length", "slope": "mean slope"}
    for ax, (value, name) in zip(axes, names.items(), strict=True):
        for number, (task, own) in enumerate(table.groupby("task", sort=False)):
            _spread(ax, own, "step", value, number, str(task))
        ax.set(ylabel=name, ylim=(0, None))
        ax.margins(x=0.02)
    axes[1].legend(loc="lower right")
    axes[-1].set_xlabel("step of training")
    return fig


def _spread(ax: Axes, own: pd.DataFrame, x: str, y: str, number: int, label: str) -> None:
    over = own.groupby(x)[y].agg(["mean", "min", "max"])
    colour = plotting.PALETTE[number]
    ax.plot(over.index, over["mean"], color=colour, marker=plotting.MARKERS[number], label=label)
    ax.fill_between(over.index, over["min"], over["max"], color=colour, alpha=0.18, linewidth=0)


@plotting.style()
def growth(counts: pd.DataFrame, times: pd.DataFrame) -> Figure:
    """Draw regions and seconds against width, with the paper's guides."""
    fig, (top, bottom) = plotting.small_multiples(2, columns=1, height=2.6, share=False)
    for number, (dimension, own) in enumerate(counts.groupby("dimension")):
        _spread(top, own, "width", "regions", number, f"{dimension:,} inputs")
    for number, (dimension, own) in enumerate(times.groupby("dimension")):
        _spread(bottom, own, "width", "seconds", number, f"{dimension:,} inputs")
    for ax, table, divisor, name in ((top, counts, 5, "n²/5"), (bottom, times, 5000, "n²/5000 s")):
        n = np.array(sorted(table.width.unique()), float)
        ax.plot(n, n**2 / divisor, color=GUIDE, linestyle="--", marker="", label=name)
        ax.set(xscale="log", yscale="log")
        ax.legend(loc="upper left")
    top.set(ylabel="regions")
    bottom.set(xlabel="units n of the layer", ylabel="seconds")
    return fig


@plotting.style()
def training(table: pd.DataFrame) -> Figure:
    """Draw regions, mean area and eccentricity of small slices against the epoch."""
    fig, axes = plotting.small_multiples(3, columns=1, height=1.9, share=False)
    names = {"regions": "regions", "area": "mean area", "eccentricity": "eccentricity\n(median)"}
    epochs = sorted(table.epoch.unique())
    for ax, (value, name) in zip(axes, names.items(), strict=True):
        for number, (place, own) in enumerate(table.groupby("place", sort=False)):
            means = own.groupby(["seed", "epoch"])[value].mean().reset_index()
            means["epoch"] = means.epoch.map(epochs.index)
            _spread(ax, means, "epoch", value, number, str(place))
        ax.set_xticks(range(len(epochs)), [str(epoch) for epoch in epochs])
        ax.set_ylabel(name)
    for ax in axes[:2]:
        _logarithmic(ax)
    axes[2].legend(loc="upper left")
    axes[-1].set_xlabel("epoch of training (not to scale)")
    return fig


def _logarithmic(ax: Axes) -> None:
    """Write 20, 50 and 100 where matplotlib would write powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


@plotting.style()
def augmentation(table: pd.DataFrame) -> Figure:
    """Draw the distribution over test images of regions and mean area, by training."""
    networks = list(dict.fromkeys(table.network))
    fig, axes = plotting.small_multiples(2 * len(networks), columns=2, height=2.1, share=False)
    names = {"regions": "regions in the slice", "area": "mean area"}
    for row, network in enumerate(networks):
        own = table[table.network == network]
        for ax, (value, name) in zip(axes[2 * row : 2 * row + 2], names.items(), strict=True):
            for number, (training, part) in enumerate(own.groupby("training", sort=False)):
                _density(ax, part[value].to_numpy(float), number, str(training))
            ax.set(xlabel=name, yticks=[], ylim=(0, None), xscale="log")
            ax.grid(False, axis="y")
            ax.spines["left"].set_visible(False)
        axes[2 * row].set_title(f"network {network}")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper left", ncols=2)
    return fig


def _density(ax: Axes, values: np.ndarray, number: int, label: str) -> None:
    """Draw a kernel density of the logarithm, with a mark for each value."""
    from scipy.stats import gaussian_kde

    logs = np.log(values[values > 0])
    colour = plotting.PALETTE[(0, 4)[number]]
    grid = np.linspace(logs.min() - 0.7, logs.max() + 0.7, 200)
    height = gaussian_kde(logs)(grid) if logs.std() > 0 else np.zeros_like(grid)
    style = ("--", "-")[number]
    ax.plot(np.exp(grid), height, color=colour, marker="", linestyle=style, label=label)
    ax.fill_between(np.exp(grid), height, color=colour, alpha=0.15, linewidth=0)


@plotting.style()
def boundary_lengths(table: pd.DataFrame) -> Figure:
    """Draw the length of the boundary in every slice against the epoch."""
    fig, (ax,) = plotting.small_multiples(1, columns=1, height=3.0)
    names = ("left slice of the picture", "right slice")
    for place, (_, own) in enumerate(table.groupby(["seed", "slice"])):
        strong = place < len(names)
        ax.plot(
            own.epoch,
            own.length,
            color=plotting.PALETTE[4 * place] if strong else GUIDE,
            marker=plotting.MARKERS[place] if strong else "",
            linewidth=1.8 if strong else 0.8,
            alpha=1 if strong else 0.6,
            label=names[place] if strong else None,
            zorder=3 - place if strong else 1,
        )
    ax.set(xlabel="epoch of training", ylabel="length of the boundary", ylim=(0, None))
    ax.set_xscale("log", base=2)
    ax.set_xticks(sorted(table.epoch.unique()), [str(e) for e in sorted(table.epoch.unique())])
    ax.legend(loc="upper left")
    return fig


@plotting.style()
def surface_density(table: pd.DataFrame) -> Figure:
    """Draw regions per area against the distance from the true surface, before and after."""
    fig, (ax,) = plotting.small_multiples(1, columns=1, height=2.8)
    each = table.assign(density=table.regions / table.area)
    trained = each[each.step > 0]
    for number, (plane, own) in enumerate(trained.groupby("plane")):
        _spread(ax, own, "distance", "density", number, str(plane))
    before = each[each.step == 0].groupby("distance").density.mean()
    look: dict[str, Any] = {"color": GUIDE, "linestyle": "--", "marker": ""}
    ax.plot(before.index, before, label="untrained", **look)
    ax.set(xlabel="distance from the surface", ylabel="regions per unit of area", ylim=(0, None))
    ax.legend(loc="upper right")
    return fig


@plotting.style()
def attacks(table: pd.DataFrame) -> Figure:
    """Draw each attack's and its image's distance from the boundary, a panel for each stop."""
    stops = list(dict.fromkeys(table.stop))
    fig, axes = plotting.small_multiples(len(stops), columns=2, height=2.8, share=False)
    for ax, stop in zip(axes, stops, strict=True):
        _distances(ax, table[table.stop == stop])
        ax.set(title=stop, xlabel="image to attack")
    axes[0].set_ylabel("distance in the slice")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper left", ncols=3)
    return fig


def _distances(ax: Axes, own: pd.DataFrame) -> None:
    top = float(own.moved.max()) * 1.08
    ax.plot([0, top], [0, top], color=GUIDE, linestyle="--", marker="", label="equal")
    named = {"margin": "image to boundary", "beyond": "attack to boundary"}
    look: dict[str, Any] = {"linestyle": "", "markersize": 2.6, "alpha": 0.7}
    for number, (name, label) in enumerate(named.items()):
        colour, marker = plotting.PALETTE[(4, 0)[number]], plotting.MARKERS[number]
        ax.plot(own.moved, own[name], label=label, color=colour, marker=marker, **look)
    ax.set(xlim=(0, top), ylim=(0, top))


@plotting.style()
def squares(table: pd.DataFrame) -> Figure:
    """Draw regions by the side of the square: a dot a direction, a column an image and network."""
    sides = sorted(table.side.unique())
    fig, axes = plotting.small_multiples(len(sides), columns=3, height=2.6, share=False)
    for ax, side in zip(axes, sides, strict=True):
        own = table[table.side == side]
        for number, (_, of_image) in enumerate(own.groupby("image")):
            _columns(ax, of_image, number)
        ax.set(title=f"side {side:g}", xticks=[], ylim=(0, None))
    axes[0].set_ylabel("regions in the square")
    fig.supxlabel("network, a colour for each image", fontsize="medium")
    return fig


def _columns(ax: Axes, own: pd.DataFrame, number: int) -> None:
    place = own.seed.rank(method="dense") + 0.14 * (number - 2)
    look: dict[str, Any] = {"linestyle": "", "markersize": 2.4, "alpha": 0.7}
    colour, marker = plotting.PALETTE[number], plotting.MARKERS[number]
    ax.plot(place, own.regions, color=colour, marker=marker, **look)
