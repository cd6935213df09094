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

from ssl_lib.geometry.arrays import Array
from ssl_lib.geometry.chords import Chords, signed_distance
from ssl_lib.geometry.polygons import Polygons
from ssl_lib.geometry.rounds import (
    Lines,
    Pieces,
    Score,
    Shapes,
    from_center,
    longest_first,
    split_all,
)

Pivot = Literal["centroid", "longest", "random"]

_SCORES: dict[str, Score] = {"centroid": from_center, "longest": longest_first}


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
        Of lines that cut their polygon; polygons ascending.
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
    # A numpy call costs a third of a torch call, which is what counts in rounds of few polygons.
    form = Tensor.numpy if lines.device.type == "cpu" else Tensor.clone
    every = torch.arange(len(polygons), device=lines.device)
    corners = (_complex(polygons.vertices), polygons.edge, polygons.owner, polygons.counts, every)
    ends = torch.stack([_complex(chords.p), _complex(chords.q)])
    table = (torch.complex(lines[:, 0], -lines[:, 1]), lines[:, 2])
    done = split_all(
        Shapes(*map(form, corners)),
        Pieces(*map(form, (chords.polygon, chords.line, ends))),
        Lines(*map(form, table)),
        tolerance=tolerance,
        label=label,
        score=_SCORES.get(rule) or _random_score(generator),
    )
    return Cells.cat([_cells(part) for part in done])


def _complex(points: Tensor) -> Tensor:
    return torch.complex(points[:, 0], points[:, 1])


def _random_score(generator: torch.Generator | None) -> Score:
    def score(shapes: Shapes, start: Array, pieces: Pieces, lines: Lines) -> Array:
        drawn = torch.rand(len(pieces.line), dtype=torch.float64, generator=generator)
        is_tensor = isinstance(pieces.line, Tensor)
        return drawn.to(pieces.line.device) if is_tensor else drawn.numpy()

    return score


def _cells(shapes: Shapes) -> Cells:
    """From the form of the rounds, numpy arrays or tensors, to the library's."""
    points, edge, _, counts, parent = (torch.as_tensor(part) for part in shapes)
    start = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return Cells(Polygons(torch.view_as_real(points), start, edge), parent)
