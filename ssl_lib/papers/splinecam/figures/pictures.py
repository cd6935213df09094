"""Pictures of partitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.splinecam.figures import marks
from ssl_lib.papers.splinecam.shapes import count, edges, polygons

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "CLASSES", "architectures", "attack", "circles", "evolution", "explore", "moons", "photo",
    "samples", "surface", "training_pictures",
]  # fmt: skip


#: The classes of a data set, by its name.
CLASSES = {
    "digits": tuple("0123456789"),
    "cifar10": (
        "plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ),
}  # fmt: skip


@plotting.style()
def moons(table: pd.DataFrame) -> Figure:
    """Draw the partition of a network that learns two moons, at every snapshot."""
    return _learning(table[table.task == "two moons"])


@plotting.style()
def circles(table: pd.DataFrame) -> Figure:
    """Draw the same for two circles."""
    return _learning(table[table.task == "two circles"])


def _learning(own: pd.DataFrame) -> Figure:
    """Draw every snapshot, with the points in the last."""
    fig, axes = _snapshots(own)
    data = own[own.kind == "point"]
    for label, colour in ((0, "#F6C445"), (1, "#FFFFFF")):
        dots = data[data.value == label]
        drawn = axes[-1].scatter(
            dots.x, dots.y, s=5, color=colour, edgecolors="#14181E", linewidths=0.4, zorder=4
        )
        plotting.keep_colours(drawn)
    return fig


def _snapshots(table: pd.DataFrame, *, hairline: float = 0.35) -> tuple[Figure, list[Axes]]:
    """Draw every panel that has regions, two in a row, and say how many they are."""
    found = count(table)
    rows = -(-len(found) // 2)
    fig, axes = marks.panels(rows, 2, height=2.72 * rows)
    for ax, (panel, regions) in zip(axes, found.items(), strict=False):
        own, title = table[table.panel == panel], f"{panel}: {regions:,} regions"
        marks.picture(ax, own, title=title, hairline=hairline)
    for ax in axes[len(found) :]:
        ax.remove()
    return fig, axes[: len(found)]


@plotting.style()
def explore(table: pd.DataFrame) -> Figure:
    """Draw the regions and the boundary of one small network."""
    fig, (ax,) = marks.panels(1, 1, height=5.2)
    marks.picture(ax, table, hairline=0.4, boundary=2)
    return fig


@plotting.style()
def training_pictures(table: pd.DataFrame, *, data: str) -> Figure:
    """Draw one plane through three images at every snapshot."""
    fig, axes = _snapshots(table, hairline=0.25)
    for ax in axes:
        _anchors(ax, table[table.kind == "point"], CLASSES[data])
    return fig


@plotting.style()
def evolution(table: pd.DataFrame, *, names: Sequence[str]) -> Figure:
    """Draw two slices (columns) at every snapshot (rows)."""
    epochs = list(count(table).index)
    fig, axes = marks.panels(len(epochs), 2, height=2.72 * len(epochs), dots=98)
    for row, epoch in enumerate(epochs):
        for number in (0, 1):
            own = table[table["slice"] == number]
            ax = axes[2 * row + number]
            marks.picture(ax, own[own.panel == epoch], title=epoch, hairline=0.25, boundary=2.2)
            anchors = own[own.kind == "point"][["x", "y", "value"]].to_numpy(float)
            for x, y, value in anchors:
                marks.mark(ax, x, y, names[int(value)] if not row else "")
    return fig


@plotting.style()
def photo(table: pd.DataFrame) -> Figure:
    """Draw what two networks make of a photograph: every region in its colour, and the edges."""
    names = list(dict.fromkeys(table.panel))
    fig, axes = marks.panels(len(names), 2, height=2.72 * len(names))
    for row, name in enumerate(names):
        own = table[table.panel == name]
        shapes, _ = polygons(own)
        colours = own.groupby("shape", sort=False)[["red", "green", "blue"]].first().to_numpy()
        left, right = axes[2 * row : 2 * row + 2]
        marks.fill(left, shapes, colours)
        marks.frame(left, shapes, title=name)
        marks.fill(right, shapes, 0.35 * colours + 0.65)
        _layers(right, own)
        marks.frame(right, shapes, title=f"{len(shapes):,} regions")
    return fig


def _layers(ax: Axes, own: pd.DataFrame, *, width: float = 0.35) -> None:
    """Draw edges in the colour of the layer whose kink they are."""
    segments, layer = edges(own)
    last = int(layer.max(initial=1))
    for number in range(1, last + 1):
        place = (number - 1) * (len(marks.LAYERS) - 1) // max(last - 1, 1)
        marks.hairlines(ax, segments[layer == number], width=width, colour=marks.LAYERS[place])


@plotting.style()
def surface(table: pd.DataFrame) -> Figure:
    """Draw planes of a signed-distance network: edges by layer and the exact zero level."""
    names = list(dict.fromkeys(table.panel))
    fig, axes = marks.panels(1, len(names), height=2.72, dots=200)
    for ax, name in zip(axes, names, strict=True):
        drawn = table[table.panel == name]
        own = drawn[drawn.kind == "region"]
        shapes, _ = polygons(own)
        ground = np.tile([0.957, 0.945, 0.918, 1.0], (len(shapes), 1))
        marks.fill(ax, shapes, ground)
        _layers(ax, own, width=0.4)
        marks.line(ax, drawn, width=1.8)
        marks.frame(ax, shapes, title=f"{name}: {len(shapes):,} regions")
    return fig


@plotting.style()
def architectures(table: pd.DataFrame, *, names: Mapping[str, str], data: str) -> Figure:
    """Draw the same plane through three images for each network."""
    fig, axes = marks.panels(len(names), 1, height=4.7 * len(names))
    for ax, (network, name) in zip(axes, names.items(), strict=True):
        drawn, title = table[table.panel == network], f"{name}: {count(table)[network]:,} regions"
        marks.picture(ax, drawn, title=title, hairline=0.3, boundary=2)
        _anchors(ax, table[table.kind == "point"], CLASSES[data])
    return fig


def _anchors(ax: Axes, points: pd.DataFrame, classes: Sequence[str]) -> None:
    """Mark the images that span a plane with their classes."""
    for x, y, value in points[["x", "y", "value"]].to_numpy(float):
        marks.mark(ax, x, y, classes[int(value)])


@plotting.style()
def samples(table: pd.DataFrame, *, names: Mapping[str, str], data: str, each: int = 6) -> Figure:
    """Show images drawn from the decision boundary of each network."""
    fig, axes = marks.panels(2 * len(names), each // 2, height=2.05 * 2 * len(names))
    for ax in axes:
        ax.axis("off")
    for row, (network, name) in enumerate(names.items()):
        own = table[table.network == network].head(each)
        pixels = own.filter(regex=r"^p\d+$").to_numpy(float)
        ties = own[["first", "second"]].to_numpy(int)
        for place, (values, (one, other)) in enumerate(zip(pixels, ties, strict=True)):
            ax = axes[row * each + place]
            ax.imshow(_image(values), cmap="gray", vmin=0, vmax=1)
            title = f"{CLASSES[data][one]} = {CLASSES[data][other]}"
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
    fig, (ax,) = marks.panels(1, 1, height=5.2)
    marks.picture(ax, table, hairline=0.4, boundary=2)
    points = table[table.kind == "point"][["x", "y"]].to_numpy(float)
    for start, end in ((points[0], points[3]), (points[1], points[4])):
        for colour, width in (("#14181E", 3.2), ("#FFD166", 1.6)):  # seen on light and on night
            (way,) = ax.plot(
                *zip(start, end, strict=True), color=colour, linewidth=width, marker=""
            )
            plotting.keep_colours(way)
    for place, text in zip(points[:3], ("image", "attack", "same class"), strict=True):
        marks.mark(ax, place[0], place[1], text, marker="o" if text == "image" else "*")
    return fig
