"""Split convex polygons by many straight lines at once.

Polygons stay convex, so no graph is searched. In a round every polygon with lines left takes one
of them as its pivot, all polygons are split by their pivots in one vectorised pass, and the other
lines are handed to the two halves with constant work each, because of a line only its chord in
the polygon is kept. The set of cells does not depend on the choice of the pivots.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ssl_lib.geometry.chords import Chords, signed_distance
from ssl_lib.geometry.polygons import Polygons

Pivot = Literal["centroid", "longest", "random"]


class Cells(NamedTuple):
    """Polygons and the index of what each was cut from."""

    polygons: Polygons
    parent: Tensor  # (n_polygons,) int64

    def select(self, index: Tensor) -> Cells:
        """Return the cells at ``index``, in that order."""
        return Cells(self.polygons.select(index), self.parent[index])

    @classmethod
    def cat(cls, parts: list[Cells]) -> Cells:
        """All cells of ``parts`` in order."""
        polygons = Polygons.cat([part.polygons for part in parts])
        return cls(polygons, torch.cat([part.parent for part in parts]))

    @classmethod
    def whole(cls, polygons: Polygons) -> Cells:
        """Uncut polygons."""
        return cls(polygons, torch.arange(len(polygons), device=polygons.start.device))


def by_vertex_count(cells: Cells) -> Cells:
    """Sort by number of vertices, descending: the order that all passes expect."""
    return cells.select(cells.polygons.counts.argsort(descending=True, stable=True))


def choose_pivots(
    polygons: Polygons,
    chords: Chords,
    lines: Tensor,
    rule: Pivot,
    generator: torch.Generator | None,
) -> Tensor:
    """One chord of each polygon, (n_polygons,); every polygon has one at least."""
    if rule == "random":
        score = torch.rand(len(chords.polygon), dtype=lines.dtype, generator=generator)
        score = score.to(lines.device)
    elif rule == "longest":
        score = (chords.p - chords.q).square().sum(1)
    else:
        middle = polygons.means()[chords.polygon]
        score = -signed_distance(lines[chords.line], middle).abs()
    best = score.new_full((len(polygons),), -torch.inf)
    best.scatter_reduce_(0, chords.polygon, score, "amax")
    winners = (score == best[chords.polygon]).nonzero()[:, 0]
    pivot = winners.new_zeros(len(polygons))
    pivot[chords.polygon[winners]] = winners
    return pivot


def snapped_distance(line: Tensor, point: Tensor, tolerance: float) -> Tensor:
    """Return signed distances of points (n, 2) from lines (n, 3); near ones are zero."""
    return F.hardshrink(signed_distance(line, point), tolerance)


def crossings(polygons: Polygons, distance: Tensor) -> Tensor:
    """Return where the edge after each vertex meets its line, if it does, (n_vertices, 2)."""
    following = polygons.following
    fraction = distance / (distance - distance[following])
    return torch.lerp(polygons.vertices, polygons.vertices[following], fraction[:, None])


def keep_side(
    polygons: Polygons, distance: Tensor, crossing: Tensor, exists: Tensor, label: int
) -> Polygons:
    """Return the part of each polygon where ``distance`` (n_vertices,) is not negative.

    ``crossing`` (n_vertices, 2) is where the edge after each vertex meets the line. Polygons
    without ``exists`` become empty; the new edges carry ``label``.
    """
    ahead = distance[polygons.following]
    inside = torch.stack([distance >= 0, distance * ahead < 0], 1)
    keep = (inside & exists[polygons.owner, None]).reshape(-1)
    along_line = torch.stack([(distance == 0) & (ahead < 0), distance > 0], 1)
    edge = polygons.edge[:, None].expand(-1, 2).masked_fill(along_line, label)
    points = torch.stack([polygons.vertices, crossing], 1).reshape(-1, 2)
    kept_before = torch.cat([polygons.start.new_zeros(1), keep.cumsum(0)])
    return Polygons(points[keep], kept_before[2 * polygons.start], edge.reshape(-1)[keep])


def halve(polygons: Polygons, line: Tensor, *, tolerance: float, label: int) -> Polygons:
    """Split each polygon by its own line, (n_polygons, 3).

    Returns all positive sides, then all negative sides; where a line does not separate its
    polygon, one of the two is empty. A vertex nearer than the tolerance to the line belongs to
    both sides and no new one is made beside it.
    """
    distance = snapped_distance(line[polygons.owner], polygons.vertices, tolerance)
    crossing = crossings(polygons, distance)
    positive = polygons.sum((distance > 0).to(torch.int32)) > 0
    negative = polygons.sum((distance < 0).to(torch.int32)) > 0
    sides = [
        keep_side(polygons, distance, crossing, positive, label),
        keep_side(polygons, -distance, crossing, negative | ~positive, label),
    ]
    return Polygons.cat(sides)


def hand_down(chords: Chords, line: Tensor, halves: Polygons, tolerance: float) -> Chords:
    """Give each chord to the half that holds it; one that crosses its polygon's pivot is cut.

    ``line`` (n_polygons, 3) are the pivots. A chord that lies on its pivot is done.
    """
    n = len(line)
    pivot = line[chords.polygon]
    at_p = snapped_distance(pivot, chords.p, tolerance)
    at_q = snapped_distance(pivot, chords.q, tolerance)
    middle = torch.lerp(chords.p, chords.q, (at_p / (at_p - at_q))[:, None])
    crosses = at_p * at_q < 0
    pieces = []
    for sign, offset in ((1, 0), (-1, n)):
        a, b = at_p * sign, at_q * sign
        held = (a > 0) | (b > 0)
        p = torch.where((crosses & (a < 0))[:, None], middle, chords.p)[held]
        q = torch.where((crosses & (b < 0))[:, None], middle, chords.q)[held]
        pieces.append(Chords(chords.polygon[held] + offset, chords.line[held], p, q))
    joined = Chords(*(torch.cat(pair) for pair in zip(*pieces, strict=True)))
    # A pivot that does not separate its polygon leaves one half, which keeps every chord.
    other = (joined.polygon + n) % (2 * n)
    empty = halves.counts[joined.polygon] == 0
    return joined._replace(polygon=torch.where(empty, other, joined.polygon))


def split(
    polygons: Polygons,
    chords: Chords,
    lines: Tensor,
    *,
    tolerance: float,
    label: int,
    rule: Pivot = "centroid",
    generator: torch.Generator | None = None,
) -> Cells:
    """Cells of each polygon under the arrangement of its chords.

    Parameters
    ----------
    polygons : Polygons
    chords : Chords
        Of lines that cut their polygon.
    lines : Tensor of shape (n_lines, 3)
        Unit normals and offsets.
    tolerance : float
        Distance below which a point lies on a line.
    label : int
        Number that the new edges carry.
    rule : {"centroid", "longest", "random"}
        Which chord is the next pivot; changes the speed, not the result.
    generator : torch.Generator, optional
        Source of the random rule.

    Returns
    -------
    Cells
        In no particular order.
    """
    done: list[Cells] = []
    cells = Cells.whole(polygons)
    while True:
        pending = torch.bincount(chords.polygon, minlength=len(cells.polygons)) > 0
        done.append(cells.select((~pending & (cells.polygons.counts > 0)).nonzero()[:, 0]))
        if not len(chords.polygon):
            return Cells.cat(done)
        cells = cells.select(pending.nonzero()[:, 0])
        chords = chords._replace(polygon=(pending.cumsum(0) - 1)[chords.polygon])
        pivot = choose_pivots(cells.polygons, chords, lines, rule, generator)
        line = lines[chords.line[pivot]]
        halves = halve(cells.polygons, line, tolerance=tolerance, label=label)
        others = torch.ones_like(chords.polygon, dtype=torch.bool)
        others[pivot] = False
        chords = hand_down(chords.select(others), line, halves, tolerance)
        cells = Cells(halves, cells.parent.repeat(2))
