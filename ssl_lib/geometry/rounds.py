"""Rounds of splitting: in each, every polygon that has lines left is split by one of them.

Runs on numpy arrays and on tensors. Points are complex numbers, and so are the unit normals of
lines: the signed distance of z from a line is Re(conj(normal) z) + offset.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ssl_lib.geometry.arrays import (
    Array,
    arange,
    copy,
    namespace,
    order,
    repeat,
    segment_min,
    segment_sum,
    where,
)


class Lines(NamedTuple):
    """Straight lines in the plane."""

    normal: Array  # (n,) complex, the conjugate of the unit normal
    offset: Array  # (n,)

    def distance(self, index: Array, points: Array) -> Array:
        """Signed distance of each point from its line."""
        return (self.normal[index] * points).real + self.offset[index]


class Shapes(NamedTuple):
    """Convex polygons, counter-clockwise, one after the other."""

    points: Array  # (n_vertices,) complex
    edge: Array  # (n_vertices,) what made the edge from a vertex to the next one
    owner: Array  # (n_vertices,) the polygon of each vertex, ascending
    counts: Array  # (n_polygons,)
    parent: Array  # (n_polygons,) what each was cut from

    def select(self, polygons: Array, vertices: Array) -> Shapes:
        """Return the polygons at some indices, whose vertices are those at ``vertices``."""
        counts = self.counts[polygons]
        owner = repeat(arange(len(counts), counts), counts, len(vertices))
        edge, parent = self.edge[vertices], self.parent[polygons]
        return Shapes(self.points[vertices], edge, owner, counts, parent)


class Pieces(NamedTuple):
    """Pieces of lines inside polygons."""

    polygon: Array  # (n,) ascending
    line: Array  # (n,)
    ends: Array  # (2, n) complex

    def select(self, index: Array) -> Pieces:
        """Return the pieces at ``index``."""
        return Pieces(self.polygon[index], self.line[index], self.ends[:, index])


Score = Callable[[Shapes, Array, Pieces, Lines], Array]


def from_center(shapes: Shapes, start: Array, pieces: Pieces, lines: Lines) -> Array:
    """Distance of each piece's line from the mean of its polygon's vertices."""
    middle = segment_sum(shapes.points, start, shapes.owner) / shapes.counts
    return abs(lines.distance(pieces.line, middle[pieces.polygon]))


def longest_first(shapes: Shapes, start: Array, pieces: Pieces, lines: Lines) -> Array:
    """Minus the length of each piece."""
    return -abs(pieces.ends[0] - pieces.ends[1])


def split_all(
    shapes: Shapes, pieces: Pieces, lines: Lines, *, tolerance: float, label: int, score: Score
) -> list[Shapes]:
    """Split until no piece is left; the cells, in parts.

    A round's pivots are the pieces of least ``score``. Points nearer than the tolerance to a line
    lie on it. New edges carry ``label``.
    """
    done: list[Shapes] = []
    while True:
        n = len(shapes.counts)
        pending = namespace(pieces.polygon).bincount(pieces.polygon, minlength=n)
        left = pending > 0
        finished, shapes = _part(shapes, left)
        done.append(finished)
        if not len(pieces.line):
            return done
        pieces = pieces._replace(polygon=(left.cumsum(0) - 1)[pieces.polygon])
        shapes, pieces = _round(shapes, pieces, pending[left], lines, tolerance, label, score)


def _part(shapes: Shapes, left: Array) -> tuple[Shapes, Shapes]:
    """Polygons without lines left, but for empty ones, and those with some."""
    of_vertex = left[shapes.owner]
    finished = shapes.select(where(~left & (shapes.counts > 0)), where(~of_vertex))
    return finished, shapes.select(where(left), where(of_vertex))


def _round(
    shapes: Shapes,
    pieces: Pieces,
    pending: Array,
    lines: Lines,
    tolerance: float,
    label: int,
    score: Score,
) -> tuple[Shapes, Pieces]:
    """Split each polygon once: the positive sides, then the negative ones, and their pieces."""
    start = shapes.counts.cumsum(0) - shapes.counts
    first = pending.cumsum(0) - pending
    pivot = _least(score(shapes, start, pieces, lines), first, pieces.polygon)
    line = pieces.line[pivot]
    distance = _snap(lines.distance(line[shapes.owner], shapes.points), tolerance)
    at_ends = _snap(lines.distance(line[pieces.polygon], pieces.ends), tolerance)
    at_ends[:, pivot] = 0.0  # a pivot is done, whatever rounding says
    halves = _halve(shapes, start, distance, label)
    return halves, _hand_down(pieces, at_ends, halves.counts)


def _least(score: Array, first: Array, polygon: Array) -> Array:
    """Return the piece of least score of each polygon."""
    best = where(score == segment_min(score, first, polygon)[polygon])
    pivot = copy(first)
    pivot[polygon[best]] = best
    return pivot


def _snap(distance: Array, tolerance: float) -> Array:
    distance[abs(distance) <= tolerance] = 0.0
    return distance


def _meet(first: Array, second: Array, at_first: Array, at_second: Array) -> Array:
    """Where segments meet a line, from the distances of their ends; the same from both sides."""
    return (first * at_second - second * at_first) / (at_second - at_first)


def _halve(shapes: Shapes, start: Array, distance: Array, label: int) -> Shapes:
    """Both sides of each polygon; one of them is empty where its pivot does not separate it."""
    xp = namespace(distance)
    n, n_vertices = len(shapes.counts), len(distance)
    following = arange(n_vertices, distance) + 1
    following[start + shapes.counts - 1] = start
    ahead = distance[following]
    crosses = distance * ahead < 0
    keep, along = _sides(distance, ahead, crosses)
    exists = _exist(shapes, distance)
    if not exists.all():
        keep &= exists[:, shapes.owner, None]
    kept = where(keep.reshape(-1))
    source = kept % (2 * n_vertices)
    edges = shapes.edge[source // 2]
    edges[along.reshape(-1)[kept]] = label
    owner = shapes.owner[source // 2] + n * (kept >= 2 * n_vertices)
    points = _with_crossings(shapes.points, following, distance, ahead, where(crosses))
    counts = xp.bincount(owner, minlength=2 * n)
    return Shapes(points[source], edges, owner, counts, xp.concatenate([shapes.parent] * 2))


def _sides(distance: Array, ahead: Array, crosses: Array) -> tuple[Array, Array]:
    """Which points are on each side, and the edges from which of them are on the line.

    Both are (2, n_vertices, 2), for each vertex and the point where the edge after it crosses.
    """
    xp = namespace(distance)
    positive, negative = distance > 0, distance < 0
    on_line = distance == 0
    keep = [xp.stack([~negative, crosses], 1), xp.stack([~positive, crosses], 1)]
    along = [
        xp.stack([on_line & (ahead < 0), positive], 1),
        xp.stack([on_line & (ahead > 0), negative], 1),
    ]
    return xp.stack(keep), xp.stack(along)


def _with_crossings(
    points: Array, following: Array, distance: Array, ahead: Array, edge: Array
) -> Array:
    """Each vertex, then where the edge after it crosses its line, (2 n_vertices,)."""
    both = namespace(points).stack([points, points], 1)
    both[edge, 1] = _meet(points[edge], points[following[edge]], distance[edge], ahead[edge])
    return both.reshape(-1)


def _exist(shapes: Shapes, distance: Array) -> Array:
    """Which sides of each polygon there are, (2, n_polygons); one at least."""
    xp = namespace(distance)
    n = len(shapes.counts)
    positive = xp.bincount(shapes.owner[distance > 0], minlength=n) > 0
    negative = xp.bincount(shapes.owner[distance < 0], minlength=n) > 0
    return xp.stack([positive, negative | ~positive])


def _hand_down(pieces: Pieces, at_ends: Array, counts: Array) -> Pieces:
    """Give each piece to the half that holds it, or cut it in two; drop what lies on the pivot."""
    xp = namespace(at_ends)
    n = len(counts) // 2
    above, below = at_ends > 0, at_ends < 0
    positive, negative = above[0] | above[1], below[0] | below[1]
    cut = where(positive & negative)
    middle = copy(pieces.ends[0])
    middle[cut] = _meet(*pieces.ends[:, cut], *at_ends[:, cut])
    high, low = where(positive), where(negative)
    polygon = xp.concatenate([pieces.polygon[high], pieces.polygon[low] + n])
    line = xp.concatenate([pieces.line[high], pieces.line[low]])
    upper = xp.where(below, middle, pieces.ends)[:, high]
    lower = xp.where(above, middle, pieces.ends)[:, low]
    held = Pieces(polygon, line, xp.concatenate([upper, lower], 1))
    empty = counts[polygon] == 0
    if not empty.any():
        return held
    # A pivot that does not separate its polygon leaves one half, which keeps every piece.
    polygon = xp.where(empty, (polygon + n) % (2 * n), polygon)
    return held._replace(polygon=polygon).select(order(polygon))
