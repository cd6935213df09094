"""Pictures of partitions: one collection each for regions, their edges, and a boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ssl_lib.arguments import check_between
from ssl_lib.errors import InputError, closest
from ssl_lib.geometry.boundary import Boundary
from ssl_lib.geometry.export import polygon_arrays
from ssl_lib.geometry.partitions import Partition
from ssl_lib.geometry.polygons import DOMAIN_EDGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.colors import Colormap

__all__ = ["draw_boundary", "draw_edges", "draw_regions", "edge_segments"]


def draw_regions(
    partition: Partition,
    ax: Axes,
    *,
    color: str | Tensor | np.ndarray = "slope",
    cmap: str = "viridis",
    clip: float = 0.01,
    **options: Any,
) -> PolyCollection:
    """Fill the regions of a partition.

    Parameters
    ----------
    partition : Partition
    ax : matplotlib Axes
        Gets the domain's limits and an equal aspect.
    color : {"slope", "area"} or array-like of shape (n_regions,)
        "slope": the norm of the network's derivative. "area": log10 of the area.
    cmap : str
    clip : float
        Share of the regions at either end that share the last colour, so that a few slivers do
        not take up the colour scale.
    **options
        For the `PolyCollection`, such as ``rasterized=True`` for very many regions.

    Returns
    -------
    PolyCollection

    Raises
    ------
    InputError
        For an unknown colour, or one value too many or too few.
    """
    from matplotlib.collections import PolyCollection

    values = _values(partition, color)
    # A hairline of the face's own colour, else the background shows between neighbours.
    settings: dict[str, Any] = {"edgecolors": "face", "linewidths": 0.25, "cmap": cmap} | options
    drawn = PolyCollection(polygon_arrays(partition.polygons), array=values, **settings)
    drawn.set_clim(*_limits(values, clip))
    ax.add_collection(drawn)
    _frame(partition, ax)
    return drawn


def face_colors(
    partition: Partition,
    color: str | Tensor | np.ndarray = "slope",
    cmap: str | Colormap = "viridis",
    clip: float = 0.01,
) -> list[str]:
    """Return the colours that `draw_regions` gives the regions, as "#rrggbb"."""
    import matplotlib as mpl
    from matplotlib.colors import Normalize, to_hex

    values = _values(partition, color)
    scale = Normalize(*_limits(values, clip), clip=True)
    return [to_hex(rgba) for rgba in mpl.colormaps.get_cmap(cmap)(scale(values))]


def draw_edges(
    partition: Partition,
    ax: Axes,
    *,
    color: str = "layer",
    cmap: str = "viridis",
    linewidth: float = 0.5,
    **options: Any,
) -> LineCollection:
    """Draw each edge between regions once.

    Parameters
    ----------
    partition : Partition
    ax : matplotlib Axes
    color : str
        "layer": by the nonlinear layer whose kink the edge is, in the colours of ``cmap``. Else
        one matplotlib colour for all.
    cmap : str
    linewidth : float
        In points.
    **options
        For the `LineCollection`.

    Returns
    -------
    LineCollection
    """
    from matplotlib.collections import LineCollection

    segments, layer = edge_segments(partition)
    drawn = LineCollection(list(segments), linewidths=linewidth, capstyle="round", **options)
    if color == "layer":
        drawn.set(array=layer.astype(float), cmap=cmap)
        drawn.set_clim(1, max(2, len(partition.layers)))
    else:
        drawn.set_color(color)
    ax.add_collection(drawn)
    _frame(partition, ax)
    return drawn


def draw_boundary(
    boundary: Boundary, ax: Axes, *, color: str = "#8b0000", linewidth: float = 1.8, **options: Any
) -> LineCollection:
    """Draw a decision boundary or a level set.

    Parameters
    ----------
    boundary : Boundary
    ax : matplotlib Axes
    color : str
    linewidth : float
        In points.
    **options
        For the `LineCollection`.

    Returns
    -------
    LineCollection
    """
    from matplotlib.collections import LineCollection

    settings: dict[str, Any] = {
        "colors": color,
        "linewidths": linewidth,
        "capstyle": "round",
    } | options
    drawn = LineCollection(list(boundary.segments.cpu().numpy()), **settings)
    ax.add_collection(drawn)
    return drawn


def edge_segments(partition: Partition) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges between regions, each once, (n, 2, 2), and the layer of each, (n,) from 1.

    Examples
    --------
    >>> from torch import nn
    >>> from ssl_lib.geometry import box, partition
    >>> half = nn.Sequential(nn.Linear(2, 1), nn.ReLU()).eval()
    >>> _ = half[0].weight.data.copy_(torch.tensor([[1.0, 0.0]])), half[0].bias.data.zero_()
    >>> segments, layer = edge_segments(partition(half, box(-1, 1, -1, 1)))
    >>> len(segments), layer.tolist()
    (1, [1])
    """
    polygons = partition.polygons
    first, last = polygons.vertices, polygons.vertices[polygons.following]
    # The two regions beside an edge run along it in opposite directions.
    ahead = (first[:, 0] < last[:, 0]) | ((first[:, 0] == last[:, 0]) & (first[:, 1] < last[:, 1]))
    keep = ahead & (polygons.edge != DOMAIN_EDGE)
    segments = torch.stack([first, last], 1)[keep]
    return segments.cpu().numpy(), polygons.edge[keep].cpu().numpy()


def _limits(values: np.ndarray, clip: float) -> tuple[float, float]:
    check_between("clip", clip, most=0.49)
    low, high = np.quantile(values, [clip, 1 - clip])
    return float(low), float(high)


def _values(partition: Partition, color: str | Tensor | np.ndarray) -> np.ndarray:
    if isinstance(color, str):
        if color not in ("slope", "area"):
            raise InputError(f"unknown color {color!r}.{closest(color, ('slope', 'area'))}")
        color = partition.slope_norms if color == "slope" else partition.areas.log10()
    values = np.asarray(color.cpu() if isinstance(color, Tensor) else color, dtype=float)
    if values.shape != (len(partition),):
        raise InputError(f"color must have shape ({len(partition)},), got {values.shape}")
    return values


def _frame(partition: Partition, ax: Axes) -> None:
    corners = partition.slice.domain.cpu().numpy()
    ax.set_xlim(corners[:, 0].min(), corners[:, 0].max())
    ax.set_ylim(corners[:, 1].min(), corners[:, 1].max())
    ax.set_aspect("equal")
