"""Decision boundaries and level sets inside a partition, exactly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_lib.arguments import ArrayLike, check_between, check_whole
from ssl_lib.errors import InputError
from ssl_lib.geometry.chords import evaluate, find_chords
from ssl_lib.geometry.maxima import split_by_winner
from ssl_lib.geometry.partitions import Partition
from ssl_lib.geometry.polygons import DOMAIN_EDGE, Polygons
from ssl_lib.geometry.slices import Slice, as_points
from ssl_lib.randomness import torch_generator

__all__ = ["Boundary", "decision_boundary", "level_set"]

# Midpoints of one edge seen from both sides differ by rounding, those of two edges by far more.
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Boundary:
    """Line segments in a plane of the input space.

    Parameters
    ----------
    slice : Slice
        The plane.
    segments : Tensor of shape (n, 2, 2)
        Both ends of each segment in plane coordinates.
    region : Tensor of shape (n,)
        The region of the partition that holds the segment, or has it on its border.
    classes : Tensor of shape (n, 2)
        The outputs that tie there; -1 for a level set.
    """

    slice: Slice
    segments: Tensor
    region: Tensor
    classes: Tensor

    def __len__(self) -> int:
        return len(self.segments)

    @property
    def lengths(self) -> Tensor:
        """Length of each segment in input space, (n,)."""
        lengths: Tensor = torch.linalg.vector_norm(self.segments.diff(dim=1)[:, 0], dim=1)
        return lengths

    def sample(self, n: int, *, seed: int = 0) -> Tensor:
        """Points drawn uniformly by length, (n, 2), on the boundary to rounding.

        `Slice.embed` gives their inputs.

        Raises
        ------
        InputError
            If there is no boundary in the domain.
        """
        self._require_segments()
        n = check_whole("n", n, least=1)
        generator = torch_generator(seed, "boundary")
        weights = self.lengths.cpu()
        chosen = torch.multinomial(weights, n, replacement=True, generator=generator)
        fraction = torch.rand(n, 1, dtype=torch.float64, generator=generator).to(self.segments)
        first, last = self.segments[chosen.to(self.segments.device)].unbind(1)
        return torch.lerp(first, last, fraction)

    def nearest(self, points: ArrayLike) -> tuple[Tensor, Tensor]:
        """Return the nearest boundary point of each plane point (n, 2), and its distance.

        The distance is the margin on the slice, an upper bound of the margin in input space.

        Returns
        -------
        nearest : Tensor of shape (n, 2)
        distance : Tensor of shape (n,)

        Raises
        ------
        InputError
            If there is no boundary in the domain.
        """
        self._require_segments()
        plane = as_points(points).to(self.segments)
        rows = max(1, 2**22 // len(self))
        found = [self._nearest(part) for part in plane.split(rows)]
        nearest = torch.cat(found) if found else plane
        return nearest, (nearest - plane).norm(dim=1)

    def _nearest(self, points: Tensor) -> Tensor:
        first, last = self.segments.unbind(1)
        along = last - first
        square = along.square().sum(1).clamp_min(1e-300)
        fraction = ((points[:, None] - first) * along).sum(2) / square
        foot = first + fraction.clamp(0, 1)[..., None] * along
        best = (foot - points[:, None]).square().sum(2).argmin(1)
        return foot[torch.arange(len(points), device=best.device), best]

    def _require_segments(self) -> None:
        if not len(self):
            raise InputError("there is no boundary in the domain")


@torch.no_grad()
def level_set(partition: Partition, value: float = 0.0, *, output: int = 0) -> Boundary:
    """Where an output of the network equals a value.

    Where the output has the value on a whole region, the border of that region is given.

    Parameters
    ----------
    partition : Partition
    value : float
    output : int
        Which output.

    Returns
    -------
    Boundary

    Raises
    ------
    InputError
        If there is no such output.

    Examples
    --------
    The unit sphere of the 1-norm in the plane, a diamond of four sides:

    >>> from torch import nn
    >>> from ssl_lib.geometry import Maxout, box, partition
    >>> norm = nn.Sequential(nn.Linear(2, 4, bias=False), Maxout(4)).eval()
    >>> corners = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> _ = norm[0].weight.data.copy_(corners)
    >>> diamond = level_set(partition(norm, box(-2, 2, -2, 2)), 1.0)
    >>> len(diamond), round(diamond.lengths.sum().item() ** 2, 9)
    (4, 32.0)
    """
    images = partition.outputs[:, :, _output(partition, output)].clone()
    images[:, 2] -= check_between("value", value, least=-math.inf)
    inside, region = _chords(partition, images)
    edges, owner = _zero_edges(partition, images)
    keep = ~_same_as_earlier(_middles(edges), partition.slice.diameter())
    segments, region = torch.cat([inside, edges[keep]]), torch.cat([region, owner[keep]])
    classes = torch.full((len(region), 2), -1, device=region.device)
    return Boundary(partition.slice, segments, region, classes)


@torch.no_grad()
def decision_boundary(partition: Partition, classes: tuple[int, int] | None = None) -> Boundary:
    """Where the network's decision changes.

    Parameters
    ----------
    partition : Partition
    classes : (int, int), optional
        Where these two outputs tie, whatever the others do. By default the border of {f > 0} for
        a network with one output, and for more where the largest output changes.

    Returns
    -------
    Boundary

    Raises
    ------
    InputError
        If there are no such outputs.

    Examples
    --------
    Three classes that meet in the middle of a square:

    >>> from torch import nn
    >>> from ssl_lib.geometry import box, partition
    >>> model = nn.Linear(2, 3, bias=False).eval()
    >>> _ = model.weight.data.copy_(torch.tensor([[1.0, 0.0], [-0.5, 1.0], [-0.5, -1.0]]))
    >>> border = decision_boundary(partition(model, box(-1, 1, -1, 1)))
    >>> border.classes.tolist()
    [[0, 1], [0, 2], [1, 2]]
    >>> nearest, distance = border.nearest([[-0.5, 0.25]])
    >>> nearest.tolist(), distance.tolist()
    ([[-0.5, 0.0]], [0.25])
    """
    n_outputs = partition.outputs.shape[2]
    if classes is None and n_outputs > 1:
        return _argmax_boundary(partition)
    if classes is None:
        pair, images = (-1, -1), partition.outputs[:, :, 0]
    else:
        pair = _pair_of_outputs(partition, classes)
        images = partition.outputs[:, :, pair[0]] - partition.outputs[:, :, pair[1]]
    inside, region = _chords(partition, images)
    edges, owner = _positive_borders(partition, images)
    region = torch.cat([region, owner])
    ties = torch.tensor(pair, device=region.device).expand(len(region), 2)
    return Boundary(partition.slice, torch.cat([inside, edges]), region, ties)


def _output(partition: Partition, output: int) -> int:
    n = partition.outputs.shape[2]
    if not -n <= check_whole("output", output, least=-(2**63)) < n:
        raise InputError(f"output {output} of a network with {n} outputs")
    return output % n


def _pair_of_outputs(partition: Partition, classes: Sequence[int]) -> tuple[int, int]:
    pair = [_output(partition, n) for n in classes] if isinstance(classes, Iterable) else []
    if len(pair) != 2 or pair[0] == pair[1]:
        raise InputError(f"classes must be two different outputs, got {classes}")
    return pair[0], pair[1]


def _sorted(partition: Partition) -> tuple[Polygons, Tensor]:
    """Return the regions in the order that the splitting passes expect, and where each was."""
    order = partition.polygons.counts.argsort(descending=True, stable=True)
    return partition.polygons.select(order), order


def _chords(partition: Partition, images: Tensor) -> tuple[Tensor, Tensor]:
    """Segments on which an affine function (n_regions, 3) is zero inside its region."""
    polygons, order = _sorted(partition)
    diameter = partition.slice.diameter()
    chords, _, _ = find_chords(
        polygons, images[order, :, None], tolerance=partition.tolerance, diameter=diameter
    )
    return torch.stack([chords.p, chords.q], 1), order[chords.polygon]


def _on_edges(polygons: Polygons, per_vertex: Tensor) -> Tensor:
    """Edges both of whose ends have a property."""
    return per_vertex & per_vertex[polygons.following]


def _edge_ends(polygons: Polygons, edge: Tensor) -> Tensor:
    """Both ends of edges, (n, 2, 2)."""
    ends = torch.stack([edge, polygons.following[edge]], 1)
    return polygons.vertices[ends]


def _middles(segments: Tensor) -> Tensor:
    return segments.mean(1)


def _zero_edges(
    partition: Partition, images: Tensor, *, positive: bool = False
) -> tuple[Tensor, Tensor]:
    """Edges of regions on which their affine function (n_regions, 3) is zero.

    With ``positive`` only those of regions inside which it is positive.
    """
    polygons = partition.polygons
    value = evaluate(images[polygons.owner, :, None], polygons.vertices)[:, 0]
    slope = torch.hypot(images[:, 0], images[:, 1])
    zero = (value.abs() <= partition.tolerance * slope[polygons.owner]) & (
        slope[polygons.owner] > 0
    )
    found = _on_edges(polygons, zero)
    if positive:
        inside = evaluate(images[:, :, None], polygons.means)[:, 0] > 0
        found &= inside[polygons.owner]
    edge = found.nonzero()[:, 0]
    return _edge_ends(polygons, edge), polygons.owner[edge]


def _positive_borders(partition: Partition, images: Tensor) -> tuple[Tensor, Tensor]:
    """Edges between a region where the function is positive and one where it is not."""
    edges, owner = _zero_edges(partition, images, positive=True)
    middle = _middles(edges)
    diameter = partition.slice.diameter()
    shared = torch.zeros(len(edges), dtype=torch.bool, device=edges.device)
    shared[_pairs(middle, diameter).flatten()] = True
    keep = ~shared & ~_on_border(partition.slice, middle)
    return edges[keep], owner[keep]


def _on_border(where: Slice, points: Tensor) -> Tensor:
    """Whether points (n, 2) lie on the border of the domain."""
    first = where.domain
    edge = first.roll(-1, 0) - first
    normal = torch.stack([-edge[:, 1], edge[:, 0]], 1) / edge.norm(dim=1, keepdim=True)
    distance = ((points[:, None] - first) * normal).sum(2)
    near: Tensor = distance.amin(1) <= _SAME * where.diameter()
    return near


def _pairs(points: Tensor, diameter: float) -> Tensor:
    """Pairs of points (n, 2) that are one and the same up to rounding, (n_pairs, 2)."""
    if len(points) < 2:
        return torch.zeros(0, 2, dtype=torch.int64, device=points.device)
    from scipy.spatial import cKDTree

    pairs = cKDTree(points.cpu().numpy()).query_pairs(_SAME * diameter, output_type="ndarray")
    return torch.from_numpy(pairs).to(points.device, torch.int64)


def _same_as_earlier(points: Tensor, diameter: float) -> Tensor:
    """Which points (n, 2) repeat an earlier one."""
    repeated = torch.zeros(len(points), dtype=torch.bool, device=points.device)
    repeated[_pairs(points, diameter).amax(1)] = True
    return repeated


def _argmax_boundary(partition: Partition) -> Boundary:
    """Edges between the cells of the largest output."""
    polygons, order = _sorted(partition)
    label = int(polygons.edge.max()) + 1
    cells = split_by_winner(
        polygons,
        partition.outputs[order],
        torch.arange(partition.outputs.shape[2], device=order.device)[None],
        tolerance=partition.tolerance,
        label=label,
    )
    parent, cut = order[cells.parent], cells.polygons
    winner = _argmax(partition.outputs, parent, cut.means)
    edge, rival = _tied_edges(partition, cut, parent, winner)
    new = cut.edge[edge] == label
    # The two cells beside a new edge both have it; one of them speaks for both.
    once = new & (winner[cut.owner[edge]] < rival)
    seams = _seams(partition, cut, winner, edge[~new])
    edge = torch.cat([edge[once], seams[:, 0]])
    ties = torch.stack([winner[cut.owner[edge[: int(once.sum())]]], rival[once]], 1)
    ties = torch.cat([ties, winner[cut.owner[seams]]])
    return Boundary(partition.slice, _edge_ends(cut, edge), parent[cut.owner[edge]], ties)


def _argmax(outputs: Tensor, region: Tensor, points: Tensor) -> Tensor:
    return evaluate(outputs[region], points).argmax(1)


def _tied_edges(
    partition: Partition, cells: Polygons, region: Tensor, winner: Tensor
) -> tuple[Tensor, Tensor]:
    """Edges, not of the domain, on which another output equals the winner, and which output."""
    inner = (cells.edge != DOMAIN_EDGE).nonzero()[:, 0]
    owner = cells.owner[inner]
    middle = _middles(_edge_ends(cells, inner))
    value = evaluate(partition.outputs[region[owner]], middle)
    won = winner[owner, None]
    best = value.gather(1, won)[:, 0]
    rival = value.scatter(1, won, -torch.inf).argmax(1)
    images = partition.outputs[region[owner]]
    difference = _column(images, won[:, 0]) - _column(images, rival)
    slope = torch.hypot(difference[:, 0], difference[:, 1])
    gap = best - value.gather(1, rival[:, None])[:, 0]
    ends = cells.vertices[torch.stack([inner, cells.following[inner]])]
    worst = torch.stack([evaluate(difference[:, :, None], end)[:, 0].abs() for end in ends]).amax(0)
    slack = 10 * partition.tolerance * slope
    tied = (gap.abs() <= slack) & (worst <= slack) & (slope > 0)
    new = cells.edge[inner] > partition.polygons.edge.max()
    keep = tied | new
    return inner[keep], rival[keep]


def _column(images: Tensor, index: Tensor) -> Tensor:
    """One affine function (n, 3) of each row of images (n, 3, k)."""
    return images.gather(2, index[:, None, None].expand(-1, 3, 1))[:, :, 0]


def _seams(partition: Partition, cells: Polygons, winner: Tensor, edge: Tensor) -> Tensor:
    """Edges (n, 2), each seen from both sides, between regions with different winners."""
    pairs = edge[_pairs(_middles(_edge_ends(cells, edge)), partition.slice.diameter())]
    sides = winner[cells.owner[pairs]]
    return pairs[sides[:, 0] != sides[:, 1]]
