"""Cells on which one of several affine functions is the largest (max-pooling, maxout, argmax).

The line on which two candidates tie bounds a cell only where no third one is larger, so cutting
by whole tie lines would cut too often. Where three or more candidates compete, the polygon is
clipped to the cell of each; where two compete, their tie line is a whole chord.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ssl_lib.geometry.chords import (
    FLAT,
    Chords,
    block_rows,
    clip_lines,
    evaluate,
    extremes,
    prefix_sizes,
)
from ssl_lib.geometry.polygons import Polygons, ragged_range
from ssl_lib.geometry.splitting import (
    Cells,
    Pivot,
    by_vertex_count,
    crossings,
    keep_side,
    snapped_distance,
    split,
)


class Contests(NamedTuple):
    """Groups with more than one possible winner in a polygon."""

    polygon: Tensor  # (n,) ascending
    images: Tensor  # (n, 3, k)
    alive: Tensor  # (n, k) which candidates may win

    def select(self, index: Tensor) -> Contests:
        """Return the contests at ``index``, or where it is true."""
        return Contests(*(part[index] for part in self))


def find_contests(polygons: Polygons, images: Tensor, groups: Tensor) -> Contests:
    """Return groups in which two candidates or more may win.

    A candidate that is below the least value of another one everywhere is out. ``groups``
    (n_groups, k) are indices into the units of ``images`` (n_polygons, 3, units).
    """
    found = []
    rows = block_rows(groups.numel(), images.device)
    for begin in range(0, len(polygons), rows):
        block = polygons.slice(begin, min(begin + rows, len(polygons)))
        low, high = extremes(block, images[begin : begin + rows])
        alive = high[:, groups] >= low[:, groups].amax(2, keepdim=True)
        row, group = (alive.sum(2) > 1).nonzero(as_tuple=True)
        found.append((row + begin, group, alive[row, group]))
    polygon, group, alive = (torch.cat(column) for column in zip(*found, strict=True))
    competing = images[polygon[:, None], :, groups[group]].transpose(1, 2)
    return _narrow(Contests(polygon, competing, alive))


def _narrow(contests: Contests) -> Contests:
    """Drop the columns that no contest needs: with many classes few of them compete anywhere."""
    if not len(contests.polygon):
        return contests
    width = int(contests.alive.sum(1).max())
    order = contests.alive.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :width]
    images = contests.images.gather(2, order[:, None].expand(-1, 3, -1))
    return Contests(contests.polygon, images, contests.alive.gather(1, order))


def settle(polygons: Polygons, contests: Contests, tolerance: float) -> Contests:
    """Drop candidates that another one beats at every vertex, and contests that are decided."""
    if not len(contests.polygon):
        return contests
    k = contests.alive.shape[1]
    rows = block_rows(k * k, contests.images.device)
    alive = [
        _unbeaten(
            polygons,
            Contests(*(part[begin : begin + rows] for part in contests)),
            tolerance,
        )
        for begin in range(0, len(contests.polygon), rows)
    ]
    contests = contests._replace(alive=torch.cat(alive))
    return _narrow(contests.select(contests.alive.sum(1) > 1))


def _unbeaten(polygons: Polygons, contests: Contests, tolerance: float) -> Tensor:
    """Which candidates are not beaten; of equal ones the first stays."""
    images, alive = contests.images, contests.alive
    first = polygons.start[contests.polygon]
    margin = images.new_full((*alive.shape, alive.shape[1]), torch.inf)
    scale = images.new_zeros(len(images))
    for slot, size in enumerate(prefix_sizes(polygons.counts[contests.polygon])):
        value = evaluate(images[:size], polygons.vertices[first[:size] + slot])
        torch.minimum(margin[:size], value[:, :, None] - value[:, None], out=margin[:size])
        torch.maximum(scale[:size], value.abs().amax(1), out=scale[:size])
    slopes = images[:, :2, :, None] - images[:, :2, None]
    slack = tolerance * torch.hypot(slopes[:, 0], slopes[:, 1]) + (FLAT * scale)[:, None, None]
    above = (margin >= -slack) & alive[:, :, None] & alive[:, None]
    earlier = torch.ones_like(above[0]).triu(1)
    beaten = (above & (~above.transpose(1, 2) | earlier)).any(1)
    middle = evaluate(images, polygons.means[contests.polygon])
    best = middle.masked_fill(~alive, -torch.inf).argmax(1, keepdim=True)
    # Ties within the tolerance need not be transitive, and a winner there must be.
    unbeaten: Tensor = (alive & ~beaten).scatter(1, best, True)
    return unbeaten


def tie_lines(images: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Lines (n, 3) with unit normals, positive where candidate ``first`` beats ``second``.

    Candidates of one slope have no line; then the result is a constant +1 or -1 everywhere.
    """
    columns = images.gather(2, torch.stack([first, second], 1)[:, None].expand(-1, 3, -1))
    line = columns[:, :, 0] - columns[:, :, 1]
    slope = torch.hypot(line[:, 0], line[:, 1])
    constant = torch.where(line[:, 2] != 0, line[:, 2].sign(), (second - first).sign())
    flat = torch.stack([torch.zeros_like(slope), torch.zeros_like(slope), constant], 1)
    return torch.where((slope > 0)[:, None], line / slope[:, None], flat)


def clip_to_winners(
    polygons: Polygons, contests: Contests, *, tolerance: float, label: int
) -> Cells:
    """Return the cell of each candidate in its contest's polygon; empty cells are dropped."""
    contest, candidate = contests.alive.nonzero(as_tuple=True)
    parent = contests.polygon[contest]
    cells = Cells(polygons.select(parent), parent)
    for rival in range(contests.alive.shape[1]):
        line = tie_lines(contests.images[contest], candidate, torch.full_like(candidate, rival))
        idle = ~contests.alive[contest, rival] | (candidate == rival)
        line[idle] = line.new_tensor([0.0, 0.0, 1.0])
        owner, points = cells.polygons.owner, cells.polygons.vertices
        distance = snapped_distance(line[owner], points, tolerance)
        exists = cells.polygons.sum((distance > 0).to(torch.int32)) > 0
        crossing = crossings(cells.polygons, distance)
        clipped = keep_side(cells.polygons, distance, crossing, exists, label)
        left = exists.nonzero()[:, 0]
        cells = Cells(clipped.select(left), cells.parent[left])
        contest, candidate = contest[left], candidate[left]
    return cells


def inherit(contests: Contests, parent: Tensor, n_parents: int) -> Contests:
    """Return the contests of cells (their polygons' numbers), given those of their parents."""
    order = parent.argsort(stable=True)
    children = torch.bincount(parent, minlength=n_parents)
    begin = children.cumsum(0) - children
    copies = children[contests.polygon]
    source = torch.repeat_interleave(copies)
    child = order[begin[contests.polygon][source] + ragged_range(copies)]
    by_child = child.argsort(stable=True)
    return contests.select(source[by_child])._replace(polygon=child[by_child])


def _first_of_each(polygon: Tensor) -> Tensor:
    """Where an ascending sequence takes a new value."""
    return torch.cat([polygon.new_ones(1, dtype=torch.bool), polygon[1:] != polygon[:-1]])


def split_by_winner(
    polygons: Polygons,
    images: Tensor,
    groups: Tensor,
    *,
    tolerance: float,
    label: int,
    rule: Pivot = "centroid",
    generator: torch.Generator | None = None,
) -> Cells:
    """Cells of each polygon on which every group has one winner.

    Parameters
    ----------
    polygons : Polygons
        In descending order of their number of vertices.
    images : Tensor of shape (n_polygons, 3, units)
        Affine functions.
    groups : Tensor of shape (n_groups, k)
        Which units compete with each other.
    tolerance, label, rule, generator
        As for `splitting.split`.

    Returns
    -------
    Cells
        In no particular order.
    """
    cells = Cells.whole(polygons)
    contests = find_contests(polygons, images, groups)
    while True:
        contests = settle(cells.polygons, contests, tolerance)
        crowded = contests.alive.sum(1) > 2
        if not crowded.any():
            break
        chosen = contests.select(crowded)
        chosen = chosen.select(_first_of_each(chosen.polygon))
        n_before = len(cells.polygons)
        cells, step = _clip_some(cells, chosen, tolerance=tolerance, label=label)
        contests = inherit(contests, step, n_before)
    if not len(contests.polygon):
        return cells
    first, second = contests.alive.to(torch.uint8).topk(2, 1).indices.sort(1).values.unbind(1)
    line = tie_lines(contests.images, first, second)
    p, q, cuts = clip_lines(cells.polygons, contests.polygon, line, tolerance)
    line = line[cuts]
    number = torch.arange(len(line), device=line.device)
    chords = Chords(contests.polygon[cuts], number, p[cuts], q[cuts])
    final = split(
        cells.polygons,
        chords,
        line,
        tolerance=tolerance,
        label=label,
        rule=rule,
        generator=generator,
    )
    return Cells(final.polygons, cells.parent[final.parent])


def _clip_some(
    cells: Cells, contests: Contests, *, tolerance: float, label: int
) -> tuple[Cells, Tensor]:
    """Clip the cells that have a contest; returns all cells and which earlier cell each is of."""
    clipped = clip_to_winners(cells.polygons, contests, tolerance=tolerance, label=label)
    rest = torch.ones(len(cells.polygons), dtype=torch.bool, device=contests.polygon.device)
    rest[contests.polygon] = False
    rest = rest.nonzero()[:, 0]
    both = Cells.cat([Cells(cells.polygons.select(rest), rest), clipped])
    both = by_vertex_count(both)
    return Cells(both.polygons, cells.parent[both.parent]), both.parent
