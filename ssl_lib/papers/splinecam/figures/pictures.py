"""Pictures of partitions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.splinecam.figures import _marks
from ssl_lib.papers.splinecam.shapes import edges, polygons

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Classes = Mapping[int, str]

__all__ = [
    "architectures",
    "attack",
    "boundary_evolution",
    "evolution",
    "explored",
    "photo",
    "samples",
    "surface",
    "training_pictures",
]


DIGITS: Classes = MappingProxyType({digit: str(digit) for digit in range(10)})


@plotting.style()
def evolution(table: pd.DataFrame, *, task: str) -> Figure:
    """Draw the partition of a toy classifier at every snapshot, with the data in the last."""
    own = table[table.task == task]
    steps = [name for name in own.panel.unique() if name != "data"]
    fig, axes = _marks.panels(-(-len(steps) // 2), 2, height=2.72 * -(-len(steps) // 2))
    for ax, step in zip(axes, steps, strict=False):
        drawn = own[own.panel == step]
        regions = drawn[drawn.kind == "region"]["shape"].nunique()
        _marks.picture(ax, drawn, title=f"{step}: {regions} regions")
    data = own[own.kind == "point"]
    for label, colour in ((0, "#F6C445"), (1, "#FFFFFF")):
        dots = data[data.value == label]
        drawn_dots = axes[len(steps) - 1].scatter(
            dots.x, dots.y, s=5, color=colour, edgecolors="#14181E", linewidths=0.4, zorder=4
        )
        plotting.keep_colours(drawn_dots)
    for ax in axes[len(steps) :]:
        ax.remove()
    return fig


@plotting.style()
def explored(table: pd.DataFrame) -> Figure:
    """Draw the regions and the boundary of one small network."""
    fig, (ax,) = _marks.panels(1, 1, height=5.2)
    _marks.picture(ax, table, hairline=0.4, boundary=2)
    return fig


@plotting.style()
def training_pictures(table: pd.DataFrame, *, classes: Classes = DIGITS) -> Figure:
    """Draw one plane through three images at every snapshot."""
    epochs = [name for name in table.panel.unique() if name != "anchors"]
    rows = -(-len(epochs) // 2)
    fig, axes = _marks.panels(rows, 2, height=2.72 * rows)
    anchors = table[table.kind == "point"]
    for ax, epoch in zip(axes, epochs, strict=False):
        drawn = table[table.panel == epoch]
        regions = drawn[drawn.kind == "region"]["shape"].nunique()
        _marks.picture(ax, drawn, title=f"{epoch}: {regions:,} regions", hairline=0.25)
        _anchors(ax, anchors, classes)
    for ax in axes[len(epochs) :]:
        ax.remove()
    return fig


@plotting.style()
def boundary_evolution(table: pd.DataFrame, *, names: tuple[str, str]) -> Figure:
    """Draw two slices (columns) at every snapshot (rows)."""
    epochs = list(dict.fromkeys(table[table.kind == "region"].panel))
    fig, axes = _marks.panels(len(epochs), 2, height=2.72 * len(epochs), dots=98)
    for row, epoch in enumerate(epochs):
        for number in (0, 1):
            own = table[table["slice"] == number]
            ax = axes[2 * row + number]
            _marks.picture(ax, own[own.panel == epoch], title=epoch, hairline=0.25, boundary=2.2)
            anchors = own[own.kind == "point"][["x", "y", "value"]].to_numpy(float)
            for x, y, value in anchors:
                _marks.mark(ax, x, y, names[int(value)] if not row else "")
    return fig


@plotting.style()
def photo(table: pd.DataFrame) -> Figure:
    """Draw what two networks make of a photograph: every region in its colour, and the edges."""
    names = list(dict.fromkeys(table.panel))
    fig, axes = _marks.panels(len(names), 2, height=2.72 * len(names))
    for row, name in enumerate(names):
        own = table[table.panel == name]
        shapes, _ = polygons(own)
        colours = own.groupby("shape", sort=False)[["red", "green", "blue"]].first().to_numpy()
        left, right = axes[2 * row : 2 * row + 2]
        _marks.fill(left, shapes, colours)
        _marks.frame(left, shapes, title=name)
        _marks.fill(right, shapes, 0.35 * colours + 0.65)
        _layers(right, own)
        _marks.frame(right, shapes, title=f"{len(shapes):,} regions")
    return fig


def _layers(ax: object, own: pd.DataFrame, *, width: float = 0.35) -> None:
    """Draw edges in the colour of the layer whose kink they are."""
    segments, layer = edges(own)
    last = int(layer.max(initial=1))
    for number in range(1, last + 1):
        place = (number - 1) * (len(_marks.LAYERS) - 1) // max(last - 1, 1)
        _marks.hairlines(
            ax,  # type: ignore[arg-type]
            segments[layer == number],
            width=width,
            colour=_marks.LAYERS[place],
        )


@plotting.style()
def surface(table: pd.DataFrame) -> Figure:
    """Draw planes of a signed-distance network: edges by layer and the exact zero level."""
    names = list(dict.fromkeys(table.panel))
    fig, axes = _marks.panels(1, len(names), height=2.72, dots=200)
    for ax, name in zip(axes, names, strict=True):
        drawn = table[table.panel == name]
        own = drawn[drawn.kind == "region"]
        shapes, _ = polygons(own)
        ground = np.tile([0.957, 0.945, 0.918, 1.0], (len(shapes), 1))
        _marks.fill(ax, shapes, ground)
        _layers(ax, own, width=0.4)
        _marks.line(ax, drawn, width=1.8)
        _marks.frame(ax, shapes, title=f"{name}: {len(shapes):,} regions")
    return fig


@plotting.style()
def architectures(
    table: pd.DataFrame, *, names: dict[str, str], classes: Classes = DIGITS
) -> Figure:
    """Draw the same plane through three images for each network."""
    fig, axes = _marks.panels(len(names), 1, height=4.7 * len(names))
    for ax, (network, name) in zip(axes, names.items(), strict=True):
        drawn = table[table.panel == network]
        regions = drawn[drawn.kind == "region"]["shape"].nunique()
        _marks.picture(ax, drawn, title=f"{name}: {regions:,} regions", hairline=0.3, boundary=2)
        _anchors(ax, table[table.kind == "point"], classes)
    return fig


def _anchors(ax: Axes, points: pd.DataFrame, classes: Classes) -> None:
    """Mark the images that span a plane with their classes."""
    for x, y, value in points[["x", "y", "value"]].to_numpy(float):
        _marks.mark(ax, x, y, classes[int(value)])


@plotting.style()
def samples(
    table: pd.DataFrame, *, names: dict[str, str], classes: Classes = DIGITS, each: int = 6
) -> Figure:
    """Show images drawn from the decision boundary of each network."""
    fig, axes = _marks.panels(2 * len(names), each // 2, height=2.05 * 2 * len(names))
    for ax in axes:
        ax.axis("off")
    for row, (network, name) in enumerate(names.items()):
        own = table[table.network == network].head(each)
        pixels = own.filter(regex=r"^p\d+$").to_numpy(float)
        ties = own[["first", "second"]].to_numpy(int)
        for place, (values, (one, other)) in enumerate(zip(pixels, ties, strict=True)):
            ax = axes[row * each + place]
            ax.imshow(_image(values), cmap="gray", vmin=0, vmax=1)
            title = f"{classes[one]} = {classes[other]}"
            ax.set_title(f"{name}\n{title}" if place == 0 else title, fontsize=10)
    return fig


def _image(values: np.ndarray) -> np.ndarray:
    """Return pixels (c h w) of a grey or a colour image as (h, w) or (h, w, 3)."""
    channels = 3 if len(values) % 3 == 0 else 1
    size = round((len(values) / channels) ** 0.5)
    image = values.reshape(channels, size, size).transpose(1, 2, 0)
    return np.asarray(image.clip(0, 1).squeeze())


@plotting.style()
def attack(table: pd.DataFrame) -> Figure:
    """Draw the slice through an image, its attack and another image of its class."""
    fig, (ax,) = _marks.panels(1, 1, height=5.2)
    _marks.picture(ax, table, hairline=0.4, boundary=2)
    points = table[table.kind == "point"][["x", "y"]].to_numpy(float)
    for start, end in ((points[0], points[3]), (points[1], points[4])):
        for colour, width in (("#14181E", 3.2), ("#FFD166", 1.6)):  # seen on light and on night
            (way,) = ax.plot(
                *zip(start, end, strict=True), color=colour, linewidth=width, marker=""
            )
            plotting.keep_colours(way)
    for place, text in zip(points[:3], ("image", "attack", "same class"), strict=True):
        _marks.mark(ax, place[0], place[1], text, marker="o" if text == "image" else "*")
    return fig
