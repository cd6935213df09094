"""Many convex polygons in a few flat tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

DOMAIN_EDGE = 0


def ragged_range(counts: Tensor) -> Tensor:
    """0, 1, .., counts[0] - 1, 0, 1, .., counts[1] - 1, and so on.

    >>> ragged_range(torch.tensor([2, 3]))
    tensor([0, 1, 0, 1, 2])
    """
    ends = counts.cumsum(0)
    total = int(ends[-1]) if len(ends) else 0
    first = torch.repeat_interleave(ends - counts, counts, output_size=total)
    return torch.arange(total, device=counts.device) - first


@dataclass(frozen=True, eq=False)
class Polygons:
    """Convex polygons, counter-clockwise, stored one after the other.

    Parameters
    ----------
    vertices : Tensor of shape (n_vertices, 2), float64
    start : Tensor of shape (n_polygons + 1,), int64
        Polygon ``i`` owns the vertices ``start[i]`` to ``start[i + 1]``.
    edge : Tensor of shape (n_vertices,), int16
        What made the edge from a vertex to the next one of its polygon: 0 for the border of the
        domain, else the number (from 1) of the nonlinear layer whose kink it is.

    Examples
    --------
    >>> square = Polygons.single(torch.tensor([[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]]))
    >>> len(square), square.areas.item()
    (1, 2.0)
    """

    vertices: Tensor
    start: Tensor
    edge: Tensor

    @classmethod
    def single(cls, vertices: Tensor) -> Polygons:
        """One polygon whose edges are the border of the domain."""
        start = torch.tensor([0, len(vertices)], device=vertices.device)
        edge = torch.full((len(vertices),), DOMAIN_EDGE, dtype=torch.int16, device=vertices.device)
        return cls(vertices, start, edge)

    @classmethod
    def cat(cls, parts: Sequence[Polygons]) -> Polygons:
        """All polygons of ``parts`` in order."""
        if len(parts) == 1:
            return parts[0]
        ends = torch.cat([part.counts for part in parts]).cumsum(0)
        return cls(
            torch.cat([part.vertices for part in parts]),
            torch.cat([ends.new_zeros(1), ends]),
            torch.cat([part.edge for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.start) - 1

    @cached_property
    def counts(self) -> Tensor:
        """Number of vertices of each polygon, (n_polygons,)."""
        return self.start[1:] - self.start[:-1]

    @cached_property
    def owner(self) -> Tensor:
        """The polygon of each vertex, (n_vertices,)."""
        index = torch.arange(len(self), device=self.start.device)
        return torch.repeat_interleave(index, self.counts, output_size=len(self.vertices))

    @cached_property
    def following(self) -> Tensor:
        """The index of the next vertex of the same polygon, (n_vertices,)."""
        index = torch.arange(1, len(self.vertices) + 1, device=self.start.device)
        index[self.start[1:] - 1] = self.start[:-1]
        return index

    def select(self, index: Tensor) -> Polygons:
        """Return the polygons at ``index``, in that order."""
        counts = self.counts[index]
        ends = counts.cumsum(0)
        total = int(ends[-1]) if len(ends) else 0
        shift = self.start[index] - (ends - counts)
        source = torch.arange(total, device=ends.device)
        source += torch.repeat_interleave(shift, counts, output_size=total)
        start = torch.cat([ends.new_zeros(1), ends])
        return Polygons(self.vertices[source], start, self.edge[source])

    def slice(self, begin: int, end: int) -> Polygons:
        """Polygons ``begin`` to ``end``, without a copy of the vertices."""
        start = self.start[begin : end + 1]
        first, last = int(start[0]), int(start[-1])
        return Polygons(self.vertices[first:last], start - first, self.edge[first:last])

    def sum(self, per_vertex: Tensor) -> Tensor:
        """Sum of a per-vertex quantity over each polygon."""
        shape = (len(self), *per_vertex.shape[1:])
        return per_vertex.new_zeros(shape).index_add_(0, self.owner, per_vertex)

    def any(self, per_vertex: Tensor) -> Tensor:
        """Whether each polygon has a vertex for which a condition holds."""
        return torch.bincount(self.owner[per_vertex], minlength=len(self)) > 0

    @cached_property
    def means(self) -> Tensor:
        """Mean of each polygon's vertices, an interior point, (n_polygons, 2)."""
        return self.sum(self.vertices) / self.counts[:, None]

    def boxes(self) -> tuple[Tensor, Tensor]:
        """Return each polygon's `means`, and how far its vertices are from there along each axis.

        Both are (n_polygons, 2).
        """
        center = self.means
        offset = (self.vertices - center[self.owner]).abs_()
        index = self.owner[:, None].expand(-1, 2)
        half = torch.zeros_like(center).scatter_reduce_(0, index, offset, "amax")
        return center, half

    @cached_property
    def areas(self) -> Tensor:
        """Area of each polygon by the shoelace formula about its first vertex, (n_polygons,)."""
        spoke = self.vertices - self.vertices[self.start[:-1]][self.owner]
        other = spoke[self.following]
        return self.sum(spoke[:, 0] * other[:, 1] - spoke[:, 1] * other[:, 0]) / 2
