"""Where the zero lines of affine functions cut convex polygons."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ssl_lib.geometry.polygons import Polygons

# Elements of one temporary: small enough for a CPU's cache, large enough to fill a GPU.
_BLOCK = {"cpu": 1 << 15, "cuda": 1 << 24}

# An affine function whose slope is this small beside the values in its layer is a constant up to
# rounding: rounding alone would decide where its zero line is.
FLAT = 1e-14


class Chords(NamedTuple):
    """Pieces of lines inside polygons: where a line enters and leaves its polygon."""

    polygon: Tensor  # (n,) int64
    line: Tensor  # (n,) int64, a row of the table of lines
    p: Tensor  # (n, 2)
    q: Tensor  # (n, 2)

    def select(self, index: Tensor) -> Chords:
        """Return the chords at ``index``, or where it is true."""
        return Chords(*(part[index] for part in self))


def block_rows(width: int, device: torch.device) -> int:
    """How many rows of ``width`` elements make one block of work on this device."""
    return max(1, _BLOCK.get(device.type, _BLOCK["cpu"]) // max(1, width))


def signed_distance(line: Tensor, point: Tensor) -> Tensor:
    """Signed distance of points (n, 2) from lines (n, 3) = (unit normal, offset)."""
    distance = torch.addcmul(line[:, 2], line[:, 0], point[:, 0])
    return distance.addcmul_(line[:, 1], point[:, 1])


def evaluate(images: Tensor, point: Tensor) -> Tensor:
    """Affine functions at points: images (n, 3, units), points (n, 2) -> (n, units)."""
    value = torch.addcmul(images[:, 2], images[:, 0], point[:, 0:1])
    return value.addcmul_(images[:, 1], point[:, 1:2])


def prefix_sizes(counts: Tensor) -> list[int]:
    """How many polygons have more than 0, 1, 2, .. vertices, for counts in descending order.

    >>> prefix_sizes(torch.tensor([5, 4, 3]))
    [3, 3, 3, 2, 1]
    """
    if not len(counts):
        return []
    slots = torch.arange(int(counts[0]), device=counts.device)
    sizes: list[int] = torch.searchsorted(-counts, -slots).tolist()
    return sizes


def extremes(polygons: Polygons, images: Tensor) -> tuple[Tensor, Tensor]:
    """Least and largest value of affine functions over each polygon, (n_polygons, units) each.

    The polygons are in descending order of their number of vertices.
    """
    first = polygons.start[:-1]
    low = evaluate(images, polygons.vertices[first])
    high = low.clone()
    for slot, size in enumerate(prefix_sizes(polygons.counts)[1:], start=1):
        value = evaluate(images[:size], polygons.vertices[first[:size] + slot])
        torch.minimum(low[:size], value, out=low[:size])
        torch.maximum(high[:size], value, out=high[:size])
    return low, high


def candidates(polygons: Polygons, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which affine functions (n_polygons, 3, units) may change sign on which polygons.

    A function that changes sign is no further from zero at the polygon's center than it can get
    from there to the sides of a box around the polygon. Returns for each pair the polygon, the
    unit, and a bound on the values of all units there.
    """
    center, half = polygons.boxes()
    pairs = []
    rows = block_rows(images.shape[2], images.device)
    for begin in range(0, len(polygons), rows):
        block = images[begin : begin + rows]
        x, y = half[begin : begin + rows].unbind(1)
        value = evaluate(block, center[begin : begin + rows]).abs_()
        reach = (block[:, 0].abs() * x[:, None]).addcmul_(block[:, 1].abs(), y[:, None])
        row, unit = (value <= reach).nonzero(as_tuple=True)
        bound = value.amax(1) + reach.amax(1)
        pairs.append((row + begin, unit, bound[row]))
    polygon, unit, scale = (torch.cat(column) for column in zip(*pairs, strict=True))
    return polygon, unit, scale


def clip_lines(
    polygons: Polygons, polygon: Tensor, line: Tensor, tolerance: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ends of the chords of lines (n, 3) in polygons (n,), and whether they truly cut.

    A line cuts where vertices lie further than the tolerance from it on both sides.
    """
    copies = polygons.select(polygon)
    distance = signed_distance(line[copies.owner], copies.vertices)
    ahead = distance[copies.following]
    p = _crossings(copies, distance, ahead, (distance > 0) & (ahead <= 0))
    q = _crossings(copies, distance, ahead, (distance <= 0) & (ahead > 0))
    return p, q, copies.any(distance > tolerance) & copies.any(distance < -tolerance)


def _crossings(polygons: Polygons, distance: Tensor, ahead: Tensor, edges: Tensor) -> Tensor:
    """Where each polygon's edge, one of ``edges`` (n_vertices,), meets a line, (n_polygons, 2)."""
    edge = edges.nonzero()[:, 0]
    fraction = distance[edge] / (distance[edge] - ahead[edge])
    first, last = polygons.vertices[edge], polygons.vertices[polygons.following[edge]]
    found = polygons.vertices.new_zeros(len(polygons), 2)
    return found.index_copy_(0, polygons.owner[edge], torch.lerp(first, last, fraction[:, None]))


def find_chords(
    polygons: Polygons, images: Tensor, *, tolerance: float, diameter: float
) -> tuple[Chords, Tensor, Tensor]:
    """Chords of the zero lines of affine functions, images (n_polygons, 3, units).

    Returns the chords, the table of their lines, (n, 3) with unit normals, and the unit of each.
    """
    polygon, unit, scale = candidates(polygons, images)
    line = images[polygon, :, unit]
    slope = torch.hypot(line[:, 0], line[:, 1])
    clear = slope * diameter > FLAT * scale
    polygon, unit, line = polygon[clear], unit[clear], (line / slope[:, None])[clear]
    p, q, cuts = clip_lines(polygons, polygon, line, tolerance)
    line = line[cuts]
    number = torch.arange(len(line), device=line.device)
    return Chords(polygon[cuts], number, p[cuts], q[cuts]), line, unit[cuts]
