"""Functions on the half-moons and on the sphere, and eigenvalues as heat maps."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.ssl_interplay import moons as halves
from ssl_lib.papers.ssl_interplay import sphere as round_
from ssl_lib.papers.ssl_interplay.measures import over_seeds
from ssl_lib.papers.ssl_interplay.recipes import Capacity
from ssl_lib.theory.checks import Array
from ssl_lib.theory.solving import Modes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["capacity", "level", "moons", "spectra", "sphere"]

INK, SIDE = "#222832", 81
MAPS = {"T": "T: kept by crops", "K": "K: cheap for the network", "combined": r"$T_\lambda$: both"}


def _panel(ax: "Axes") -> None:
    ax.set(xticks=[], yticks=[], aspect="equal")
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def _fill(ax: "Axes", x: Array, y: Array, value: Array) -> Any:
    """Fill levels from the least to the largest, symmetric about zero."""
    limit = max(float(np.abs(value).max()), 1e-12)
    drawn = ax.contourf(x, y, value, levels=np.linspace(-limit, limit, 14), cmap="RdBu_r")
    drawn.set_rasterized(True)
    plotting.keep_colours(drawn)
    _panel(ax)
    return drawn


@plotting.style()
def spectra(grid: pd.DataFrame) -> "Figure":
    """Draw :func:`cube.grid`: each map relative to its largest value."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(3, 1, figsize=(plotting.WIDTH, 5.2))
    for ax, (name, title) in zip(axes, MAPS.items(), strict=True):
        shown = grid.assign(share=grid[name] / grid[name].max())
        plotting.heatmap(
            ax, shown.pivot(index="size", columns="extent", values="share"), limit=1, form=".1g"
        )
        ax.set_title(title)
        ax.set_ylabel("bits")
        for text in ax.texts:
            text.set_fontsize(7)
    axes[-1].set_xlabel("extent of the parity on the circle of bits")
    return fig


@plotting.style()
def sphere(found: dict[float, Modes], side: int, shown: int = 5) -> "Figure":
    """Draw the leading eigenfunctions in rows, one column a penalty, on a map of the sphere."""
    import matplotlib.pyplot as plt

    u, v, _ = round_.mesh(side)
    fig, axes = plt.subplots(shown, len(found), figsize=(plotting.WIDTH, 4.8), layout="constrained")
    for column, (penalty, modes) in zip(axes.T, found.items(), strict=True):
        column[0].set_title(rf"$\alpha = {penalty:g}$", fontsize=10)
        for place, ax in enumerate(column):
            _fill(ax, u, v, modes.vectors[:, place].reshape(side, side))
            ax.set_aspect("auto")
    for place, ax in enumerate(axes[:, 0]):
        ax.set_ylabel(f"{place + 1}")
    return fig


@plotting.style()
def moons(model: Any, views: Array) -> "Figure":
    """Draw the eigenfunctions on the half-moons, with the views they were learned from."""
    x, y, values = halves.field(model, SIDE)
    fig, axes = plotting.small_multiples(len(values), columns=3, height=2.2)
    for place, (ax, value) in enumerate(zip(axes, values, strict=True)):
        _fill(ax, x, y, value)
        _dots(ax, views)
        ax.set_title(f"#{place}")
    return fig


def _dots(ax: "Axes", views: Array, most: int = 150) -> None:
    points = views[:, :most].reshape(-1, 2)
    ax.plot(points[:, 0], points[:, 1], ls="", marker=".", ms=2, color=INK, alpha=0.6)
    ax.set(xlim=halves.WINDOW[0], ylim=halves.WINDOW[1])


@plotting.style()
def capacity(
    second: pd.DataFrame,
    both: pd.DataFrame,
    config: Capacity,
    ridges: tuple[float, ...],
    seed: int,
) -> "Figure":
    """Draw the second function at some ridges, and what it explains alone and with the first."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplot_mosaic(
        [list("abc"), ["d"] * 3], figsize=(plotting.WIDTH, 4.6), height_ratios=[3, 2]
    )
    _, views = halves.pairs(config.inputs, seed)
    for name, ridge in zip("abc", ridges, strict=True):
        x, y, values = halves.field(halves.fitted(config, ridge, seed), SIDE)
        _fill(axes[name], x, y, values[1])
        for pair in views.transpose(1, 0, 2):
            axes[name].plot(*pair.T, color=INK, lw=0.8, marker="")
        axes[name].set(xlim=halves.WINDOW[0], ylim=halves.WINDOW[1])
        axes[name].set_title("no views" if ridge == halves.NONE else _power(ridge), fontsize=10)
    _explained(axes["d"], both, 1, "first two")
    _explained(axes["d"], second, 2, "second")
    axes["d"].set_xscale("log")
    axes["d"].set(xlabel="ridge of the released code", ylabel="moon explained", ylim=(-0.05, 1.05))
    fig.legend(loc="outside lower center", ncols=2, fontsize=9)
    return fig


def _power(value: float) -> str:
    return rf"ridge $10^{{{round(np.log10(value))}}}$"


def _explained(ax: "Axes", table: pd.DataFrame, place: int, name: str) -> None:
    rows = over_seeds(table, ["ridge"], "explained").sort_values("ridge")
    none, rest = rows[rows.ridge == halves.NONE], rows[rows.ridge != halves.NONE]
    bars = [rest["mean"] - rest.low, rest.high - rest["mean"]]
    hue, marker = plotting.PALETTE[place], plotting.MARKERS[place]
    ax.errorbar(rest.ridge, rest["mean"], bars, color=hue, marker=marker, label=name)
    level = none["mean"].iloc[0]
    ax.axhline(level, color=hue, ls="--", marker="", label=f"{name}, without views")


@plotting.style()
def level(table: pd.DataFrame, views: Array) -> "Figure":
    """Draw the network's one output on the half-moons."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(plotting.WIDTH * 0.62, 3.6))
    wide = table.pivot(index="y", columns="x", values="value")
    _fill(ax, wide.columns.to_numpy(), wide.index.to_numpy(), wide.to_numpy())
    ax.contour(wide.columns, wide.index, wide, levels=9, colors=INK, linewidths=0.6)
    _dots(ax, views)
    return fig
