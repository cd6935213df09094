"""How the chapter draws a partition: calm regions, hairlines, one strong line, marked points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.splinecam.shapes import edges, polygons

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


BOUNDARY = "#E8321E"
HAIRLINE = "#FFFFFF"
#: From still to steep: sand, sea, night.
SLOPES = ("#EFE9DC", "#CFE0D6", "#93C0C2", "#5593AE", "#356893", "#2B4273", "#1F2148")
#: Layers from first to last, on a light ground.
LAYERS = ("#16324F", "#2A6F97", "#2FA39A", "#86AF58", "#DFA32B")
DOTS = 160  # an inch, of what is drawn as pixels inside a vector picture


def panels(
    rows: int, columns: int, *, height: float, dots: int = DOTS
) -> tuple[Figure, list[Axes]]:
    """Return a figure for pictures and its axes, flat."""
    import matplotlib.pyplot as plt

    size = (plotting.WIDTH, height)
    fig, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, dpi=dots)
    return fig, list(axes.flat)


def picture(
    ax: Axes,
    drawn: pd.DataFrame,
    *,
    limits: tuple[float, float] | None = None,
    title: str = "",
    hairline: float = 0.35,
    boundary: float = 1.7,
) -> None:
    """Draw regions by the norm of their slope, their edges, and the boundary of one panel."""
    own = drawn[drawn.kind == "region"]
    shapes, slope = polygons(own)
    low, high = limits or slope_limits(slope)
    fill(ax, shapes, colormap()(scaled(slope, low, high)))
    hairlines(ax, edges(own)[0], width=hairline)
    line(ax, drawn, width=boundary)
    frame(ax, shapes, title=title)


def slope_limits(slope: np.ndarray) -> tuple[float, float]:
    """Leave out the steepest and the flattest hundredth, often slivers."""
    low, high = np.quantile(slope, [0.01, 0.99])
    return float(low), float(high)


def scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map values to [0, 1] between two limits; the square root lifts the quiet half."""
    return np.sqrt(np.clip((values - low) / max(high - low, 1e-300), 0, 1))


def colormap() -> Any:
    """Return the chapter's colours from a flat region to a steep one."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("slopes", list(SLOPES))


def fill(ax: Axes, shapes: list[np.ndarray], colours: np.ndarray) -> None:
    """Fill polygons, each with a hairline of its own colour so that no ground shows between."""
    from matplotlib.collections import PolyCollection

    # As vectors, thousands of polygons would weigh megabytes.
    look: dict[str, Any] = {
        "facecolors": colours,
        "edgecolors": colours,
        "linewidths": 0.3,
        "zorder": 1,
    }
    drawn = PolyCollection(shapes, rasterized=True, **look)
    plotting.keep_colours(drawn)
    ax.add_collection(drawn, autolim=False)


def hairlines(ax: Axes, segments: np.ndarray, *, width: float, colour: Any = HAIRLINE) -> None:
    """Draw the edges between regions."""
    from matplotlib.collections import LineCollection

    look: dict[str, Any] = {
        "colors": colour,
        "linewidths": width,
        "alpha": 0.8,
        "capstyle": "round",
        "zorder": 2,
    }
    drawn = LineCollection(list(segments), rasterized=True, **look)
    plotting.keep_colours(drawn)
    ax.add_collection(drawn, autolim=False)


def line(ax: Axes, drawn: pd.DataFrame, *, width: float = 1.7, colour: str = BOUNDARY) -> None:
    """Draw the boundary of a panel, if it has one, in a strong colour on a thin white rim."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    own = drawn[drawn.kind == "line"]
    if not len(own):
        return
    # One path of all segments: as paths of their own they would be most of the picture's weight.
    moves = np.tile([Path.MOVETO, Path.LINETO], len(own) // 2)
    segments = Path(own[["x", "y"]].to_numpy(float), moves)
    for tint, thick in (("#FFFFFF", width + 0.9), (colour, width)):
        style = {"edgecolor": tint, "linewidth": thick, "capstyle": "round", "zorder": 3}
        rim = PathPatch(segments, fill=False, **style)
        plotting.keep_colours(rim)
        ax.add_patch(rim)


def frame(ax: Axes, shapes: list[np.ndarray], *, title: str = "") -> None:
    """Show exactly the domain, without ticks."""
    corners = np.concatenate(shapes)
    ax.set(xlim=(corners[:, 0].min(), corners[:, 0].max()), xticks=[], yticks=[])
    ax.set_ylim(corners[:, 1].min(), corners[:, 1].max())
    ax.set_aspect("equal")
    ax.grid(False)
    ax.spines[:].set_visible(False)
    if title:
        ax.set_title(title, fontsize=10, pad=4)


def mark(
    ax: Axes,
    x: float,
    y: float,
    text: str,
    *,
    colour: str = "#14181E",
    marker: str = "o",
    offset: tuple[float, float] = (6, 5),
) -> None:
    """Mark a point with a white-rimmed sign and a name in a white plate, on its inner side."""
    look: dict[str, Any] = {
        "markersize": 11 if marker == "*" else 7,
        "markeredgecolor": "white",
        "zorder": 5,
    }
    (sign,) = ax.plot(x, y, marker=marker, color=colour, **look)
    plotting.keep_colours(sign)
    if not text:
        return
    low, high = ax.get_xlim()
    right = (x - low) / (high - low) > 0.7
    label = ax.annotate(
        text,
        (x, y),
        xytext=(-offset[0] if right else offset[0], offset[1]),
        ha="right" if right else "left",
        textcoords="offset points",
        fontsize=10,
        zorder=6,
    )
    label.set_color("#14181E")
    plate = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
    label.set_bbox(plate)
    plotting.keep_colours(label)
    if (patch := label.get_bbox_patch()) is not None:
        plotting.keep_colours(patch)
