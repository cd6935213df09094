"""Pictures in a plane: the region around an image, moons, and an encoder of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.geometry import Partition, edge_segments
from ssl_lib.papers.vicreg_info.figures.curves import GREY, HUES
from ssl_lib.papers.vicreg_info.moons import REGIMES, Floats
from ssl_lib.papers.vicreg_info.regions import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["moon_maps", "own", "region"]


@plotting.style()
def region(seen: Picture, noises: Mapping[str, float]) -> Figure:
    """Draw the exact regions of two squares in a plane around an image, and where noise leads.

    Parameters
    ----------
    seen : Picture
    noises : mapping of str to float
        Names and standard deviations of noise, drawn as circles of two of them.
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(plotting.WIDTH, 3.6))
    for ax, plane, title in zip(axes, seen.planes, ("near", "from afar"), strict=True):
        _edges(ax, plane)
        ax.plot(*seen.copies.numpy().T, ls="", marker=".", ms=3, color=HUES[0], alpha=0.7)
        circles = {"largest ball inside": seen.region.radius} | {
            name: 2 * noise for name, noise in noises.items()
        }
        for place, (name, radius) in enumerate(circles.items(), start=1):
            _circle(ax, radius, HUES[place], name)
        ax.set_title(title)
    fig.supxlabel("towards the nearest kink", fontsize=10)
    axes[0].set_ylabel("towards another image")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", fontsize=9)
    return fig


def _edges(ax: Axes, plane: Partition) -> None:
    from matplotlib.collections import LineCollection

    segments: Any = edge_segments(plane)[0]
    ax.add_collection(LineCollection(segments, colors=GREY, linewidths=0.6))
    half = float(plane.slice.domain.abs().max())
    ax.set(xlim=(-half, half), ylim=(-half, half), aspect="equal")
    ax.tick_params(labelsize=8)
    ax.locator_params(nbins=4)
    ax.grid(visible=False)


def _circle(ax: Axes, radius: float, colour: str, name: str) -> None:
    turn = np.linspace(0, 2 * np.pi, 121)
    ax.plot(radius * np.cos(turn), radius * np.sin(turn), color=colour, marker="", label=name)


@plotting.style()
def moon_maps(start: tuple[Floats, Floats], ends: Mapping[str, tuple[Floats, Floats]]) -> Figure:
    """Draw points and centres at the end of each regime; the points' start in grey."""
    fig, axes = plotting.small_multiples(len(ends), columns=2, height=2.0)
    for ax, (name, (points, centres)) in zip(axes, ends.items(), strict=True):
        ax.plot(*start[0].T, ls="", marker=".", ms=2, color=GREY, alpha=0.5)
        ax.plot(*points.T, ls="", marker=".", ms=4, color=HUES[0])
        ax.plot(*centres.T, ls="", marker="x", ms=5, color=HUES[1])
        ax.set_title(REGIMES[name].title)
        _plain(ax)
    return fig


def _plain(ax: Axes) -> None:
    ax.set(xticks=[], yticks=[], aspect="equal")
    ax.grid(visible=False)


@plotting.style()
def own(normal: pd.DataFrame, entropies: Mapping[str, float], control: float) -> Figure:
    """Draw, for an encoder, what passes for normal against the noise, and its entropy's bounds."""
    import matplotlib.pyplot as plt

    fig, (ax, below) = plt.subplots(
        2, 1, figsize=(plotting.WIDTH, 4.6), height_ratios=[3, 2], layout="constrained"
    )
    for place, name in enumerate(("share", "same region")):
        means = normal.groupby("noise")[name].mean()
        label = "coordinates that pass" if name == "share" else "copies in the image's region"
        ax.plot(means.index, means, color=HUES[place], marker=plotting.MARKERS[place], label=label)
    ax.axhline(control, color=GREY, ls="--", lw=1.2, marker="", label="normal numbers")
    ax.set(xscale="log", xlabel="standard deviation of the noise", ylabel="share")
    ax.legend(fontsize=9)
    values = np.array(list(entropies.values()))
    below.barh(range(len(values)), values - values.min(), color=HUES[2], height=0.6)
    below.set_yticks(range(len(values)), list(entropies))
    below.invert_yaxis()
    below.set_xlabel("nats above the lower bound")
    return fig
