"""The exact partition of a plane by a piecewise linear network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ssl_lib.errors import InputError
from ssl_lib.geometry.chords import evaluate
from ssl_lib.geometry.police import Constrained
from ssl_lib.geometry.polygons import Polygons
from ssl_lib.geometry.slices import ArrayLike, Slice, as_points
from ssl_lib.geometry.splitting import Cells, Pivot, by_vertex_count
from ssl_lib.geometry.steps import Environment, Images, KinkStep, MaxStep, Precision, map_images
from ssl_lib.geometry.trace import Program, trace
from ssl_lib.randomness import torch_generator

__all__ = ["Layer", "Partition", "Region", "partition"]

_BYTES_PER_UNIT = 3 * 8  # three images in float64
_LAST_CHUNK = 2**25


class Layer(NamedTuple):
    """A nonlinear layer and the number of regions of the network up to and with it."""

    path: str
    kind: str
    n_regions: int


class Region(NamedTuple):
    """One linear region: there the network is ``slope @ u + intercept``."""

    vertices: Tensor  # (n, 2)
    slope: Tensor  # (n_outputs, 2)
    intercept: Tensor  # (n_outputs,)


@dataclass(frozen=True, eq=False)
class Partition:
    """The linear regions of a network in a plane; made by `partition`.

    Parameters
    ----------
    slice : Slice
        The plane and the domain in it.
    polygons : Polygons
        The regions, in no particular order.
    outputs : Tensor of shape (n_regions, 3, n_outputs)
        The network on each region: its derivatives by the two plane coordinates, and its value
        at the plane's origin.
    layers : tuple of Layer
        How the number of regions grows from layer to layer.
    program : Program
        The traced network.
    tolerance : float
        Distance below which points were taken to lie on a line.
    """

    slice: Slice
    polygons: Polygons
    outputs: Tensor
    layers: tuple[Layer, ...]
    program: Program
    tolerance: float

    def __len__(self) -> int:
        return len(self.polygons)

    def __getitem__(self, index: int) -> Region:
        if not -len(self) <= index < len(self):
            raise IndexError(f"region {index} of {len(self)}")
        start = self.polygons.start[index % len(self)], self.polygons.start[index % len(self) + 1]
        image = self.outputs[index]
        return Region(self.polygons.vertices[start[0] : start[1]], image[:2].T, image[2])

    def __repr__(self) -> str:
        return f"Partition({len(self)} regions, {len(self.layers)} nonlinear layers)"

    @property
    def slopes(self) -> Tensor:
        """The network's derivative on each region, (n_regions, n_outputs, 2)."""
        return self.outputs[:, :2].transpose(1, 2)

    @property
    def intercepts(self) -> Tensor:
        """The network's affine map on each region at the plane's origin, (n_regions, n_outputs)."""
        return self.outputs[:, 2]

    def slope_norms(self) -> Tensor:
        """Largest singular value of each region's slope, (n_regions,)."""
        found: Tensor = torch.linalg.matrix_norm(self.slopes, ord=2)
        return found

    def areas(self) -> Tensor:
        """Area of each region in input space, (n_regions,)."""
        return self.polygons.areas()

    def centers(self) -> Tensor:
        """Return a point inside each region, the mean of its vertices, (n_regions, 2)."""
        return self.polygons.means()

    def codes(self, index: Tensor | None = None) -> list[Tensor]:
        """Activation codes, computed afresh at a point inside each region.

        Parameters
        ----------
        index : Tensor of int64, optional
            Which regions; all by default.

        Returns
        -------
        list of Tensor of shape (n, units), uint8 (int16 for more than 255 candidates)
            One for each nonlinear layer: 1 where a unit is above its kink, else 0; for a maximum,
            the number of the winning candidate, the first of equal ones.
        """
        centers = self.centers() if index is None else self.polygons.select(index).means()
        rows = max(1, 2**25 // (_BYTES_PER_UNIT * self._width))
        parts = [
            self.program.follow(root_images(self.slice, len(points)), points)[1]
            for points in centers.split(rows)
        ]
        return [torch.cat(layer) for layer in zip(*parts, strict=True)]

    def input_maps(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Differentiate the network: its affine maps on regions as functions of the whole input.

        Parameters
        ----------
        index : Tensor of int64, shape (n,)

        Returns
        -------
        jacobian : Tensor of shape (n, n_outputs, *input_shape)
        offset : Tensor of shape (n, n_outputs)
            The network is ``jacobian . x + offset`` near the region.
        """
        inputs = self.slice.embed(self.polygons.select(index).means()).requires_grad_()
        with torch.enable_grad():
            outputs = self.program.model(inputs).flatten(1)
            rows = [
                torch.autograd.grad(column.sum(), inputs, retain_graph=True)[0]
                for column in outputs.unbind(1)
            ]
        jacobian = torch.stack(rows, 1)
        at_zero = outputs - torch.einsum("nof,nf->no", jacobian.flatten(2), inputs.flatten(1))
        return jacobian, at_zero.detach()

    def values(self, index: Tensor, points: ArrayLike) -> Tensor:
        """Apply the affine maps of regions ``index`` (n,) to plane points (n, 2)."""
        return evaluate(self.outputs[index], as_points(points).to(self.outputs))

    def locate(self, points: ArrayLike) -> Tensor:
        """Return the region that holds each plane point (n, 2); -1 outside the domain.

        A point on a border belongs to one of its regions.
        """
        plane = as_points(points).to(self.outputs)
        first, last = self.polygons.vertices, self.polygons.vertices[self.polygons.following]
        edge = last - first
        length = edge.norm(dim=1).clamp_min(1e-300)
        line = torch.stack([-edge[:, 1], edge[:, 0]], 1) / length[:, None]
        offset = -(line * first).sum(1)
        rows = max(1, 2**23 // len(first))
        found = [self._nearest_region(line, offset, part) for part in plane.split(rows)]
        index, depth = (torch.cat(column) for column in zip(*found, strict=True))
        return torch.where(depth >= -1e3 * self.tolerance, index, -1)

    def _nearest_region(
        self, line: Tensor, offset: Tensor, points: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the region in which each point is deepest, and how deep it is."""
        depth = torch.addmm(offset, points, line.T)
        least = depth.new_full((len(points), len(self)), torch.inf)
        least.scatter_reduce_(1, self.polygons.owner.expand(len(points), -1), depth, "amin")
        best = least.max(1)
        return best.indices, best.values

    @property
    def _width(self) -> int:
        center = self.slice.domain.mean(0, keepdim=True)
        return max(self.program.follow(root_images(self.slice, 1), center)[2])


def root_images(where: Slice, n: int) -> Images:
    """Return the input as an affine function of the plane coordinates, for n regions."""
    one = torch.cat([where.basis, where.origin[None]])
    return Images(one.expand(n, *one.shape))


@torch.no_grad()
def partition(
    model: nn.Module,
    domain: Slice | ArrayLike,
    *,
    layers: int | None = None,
    memory: int | None = None,
    pivot: Pivot = "centroid",
    seed: int = 0,
    tolerance: float = 1e-12,
) -> Partition:
    """All linear regions of a network in a convex polygon of a plane of its input space.

    Exact up to floating point: the pre-activations of a layer are affine on every region of the
    layers below, so their kinks are straight chords that split convex polygons into convex
    polygons [1]_. No point is sampled. The computation is in float64 on the model's device, with
    a copy of the model.

    Parameters
    ----------
    model : nn.Module
        In eval mode. Built of the layers that the error for any other layer lists, in any graph
        that `torch.fx` can trace. Of a `Constrained` network its merged form is taken.
    domain : Slice or array-like of shape (n, 2)
        A convex polygon, by its vertices for a network with two inputs, else a `Slice`.
    layers : int, optional
        Stop after so many nonlinear layers; the partition's outputs are then theirs.
    memory : int, optional
        About how many bytes of activations to hold at a time: by default 256 MiB, or what the
        parameters take in float64 if that is more. Regions beyond that are worked on in chunks,
        depth first. The regions found come on top.
    pivot : {"centroid", "longest", "random"}
        Order in which lines cut a region; changes the time, not the regions.
    seed : int
        Of the random order.
    tolerance : float
        Distance, relative to the domain's diameter, below which a point lies on a line.

    Returns
    -------
    Partition

    Raises
    ------
    InputError
        For a layer that is not supported (with its path), a model in training mode or with NaN, a
        domain that is not convex, or inputs of another shape than the model's.

    References
    ----------
    .. [1] Humayun et al., SplineCam: Exact Visualization and Characterization of Deep Network
       Geometry and Decision Boundaries, CVPR 2023, arXiv 2302.12828.

    Examples
    --------
    A layer of four units whose kinks are two horizontal and two vertical lines:

    >>> model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1)).eval()
    >>> weight = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> _ = model[0].weight.data.copy_(weight)
    >>> _ = model[0].bias.data.copy_(torch.tensor([-0.25, 0.25, -0.25, 0.25]))
    >>> regions = partition(model, [[-1, -1], [1, -1], [1, 1], [-1, 1]])
    >>> len(regions), regions.areas().sum().item()
    (9, 4.0)
    """
    program = trace(model.merge() if isinstance(model, Constrained) else model)
    program = program if layers is None else program.truncated(layers)
    place = domain if isinstance(domain, Slice) else Slice.plane(domain)
    tensors = [*program.model.parameters(), *program.model.buffers(), place.origin]
    place = place.to(tensors[0].device)
    _check_options(memory, pivot, tolerance)
    widths = _rehearse(program, place, check=layers is None)
    diameter = place.diameter()
    how = Precision(tolerance * diameter, diameter, pivot, torch_generator(seed, "pivot"))
    walk = _Walk(program, how, _bytes_per_region(program, widths))
    start = {program.input: root_images(place, 1)}
    walk.run(Polygons.single(place.domain), start, 0, 0, _memory(program, memory))
    return walk.result(place)


def _memory(program: Program, memory: int | None) -> int:
    """By default as much for activations as the parameters take, and 256 MiB at least."""
    parameters = sum(p.numel() for p in program.model.parameters())
    return max(2**28, 8 * parameters) if memory is None else memory


def _check_options(memory: int | None, pivot: str, tolerance: float) -> None:
    if memory is not None and memory < 1:
        raise InputError(f"memory must be a positive number of bytes, got {memory}")
    if pivot not in ("centroid", "longest", "random"):
        raise InputError(f"pivot must be 'centroid', 'longest' or 'random', got {pivot!r}")
    if not 0 < tolerance < 1e-3:
        raise InputError(f"tolerance must be between 0 and 1e-3, got {tolerance}")


def _rehearse(program: Program, place: Slice, *, check: bool) -> list[int]:
    """Follow a few points and compare with the model itself; returns the units at each step."""
    weights = torch.rand(8, len(place.domain), dtype=torch.float64, generator=torch_generator(0))
    points = (weights / weights.sum(1, keepdim=True)).to(place.domain) @ place.domain
    inputs = place.embed(points)
    try:
        expected = program.model(inputs)
    except (RuntimeError, ValueError, IndexError) as error:
        raise InputError(
            f"the model fails on inputs of shape {tuple(inputs.shape[1:])}, those of the slice or "
            f"domain: {error}"
        ) from error
    images, _, widths = program.follow(root_images(place, len(points)), points)
    if check:
        _compare(evaluate(images.flat(), points), expected.flatten(1))
    return widths


def _compare(found: Tensor, expected: Tensor) -> None:
    """Raise unless the steps do what the model does: a change in place, say, would slip through."""
    close = found.shape == expected.shape
    close = close and bool((found - expected).abs().max() <= 1e-9 * (1e-9 + expected.abs().max()))
    if not close:
        raise InputError(
            "the traced model does not give the model's outputs: its forward is not deterministic, "
            "mixes the samples of a batch, or changes an activation in place that it reads again"
        )


def _bytes_per_region(program: Program, widths: list[int]) -> list[int]:
    """How many bytes of activations a region needs from each nonlinear layer to the next."""
    places = [n for n, step in enumerate(program.steps) if isinstance(step, KinkStep | MaxStep)]
    ends = [*places[1:], len(widths)][: len(places)]
    peaks = [max(widths[a : b + 1]) for a, b in zip(places, ends, strict=True)]
    return [_BYTES_PER_UNIT * peak for peak in peaks]


@dataclass
class _Walk:
    """Carries regions through a program, depth first when they are too many for one chunk."""

    program: Program
    how: Precision
    bytes_per_region: list[int]
    counts: list[int] = field(default_factory=list)
    leaves: list[tuple[Polygons, Tensor]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts = [0] * len(self.bytes_per_region)

    def run(
        self, polygons: Polygons, environment: Environment, number: int, layer: int, memory: float
    ) -> None:
        """Carry regions from step ``number`` to the end; empties the environment on its way."""
        for n, step in enumerate(self.program.steps[number:], start=number):
            if not isinstance(step, KinkStep | MaxStep):
                environment[step.name] = step.apply(environment)
                self.program.forget(environment, n)
                continue
            cells = by_vertex_count(step.split(environment, polygons, layer + 1, self.how))
            self.counts[layer] += len(cells.parent)
            size, share = self._chunk_size(layer, memory)
            layer += 1
            if len(cells.parent) > size:
                for begin in range(0, len(cells.parent), size):
                    part = _chunk(cells, begin, size)
                    entered = self._enter(n, environment, part)
                    self.run(part.polygons, entered, n + 1, layer, memory - share)
                return
            entered = self._enter(n, environment, cells)
            # In place, because the caller's frame still refers to this dictionary.
            environment.clear()
            environment.update(entered)
            polygons = cells.polygons
        self.leaves.append((polygons, environment[self.program.output].flat()))

    def _chunk_size(self, layer: int, memory: float) -> tuple[int, float]:
        """How many regions may leave a layer at a time, and what of the memory that takes.

        A layer that needs chunks holds one while the layers after it work, and they may, too.
        """
        left = len(self.bytes_per_region) - layer - 1
        share = memory / (left + 2)
        # What leaves the last layer is not cut again, so its chunks can fit a cache.
        share = share if left else min(share, _LAST_CHUNK)
        return max(1, int(share / self.bytes_per_region[layer])), share

    def _enter(self, number: int, environment: Environment, cells: Cells) -> Environment:
        """Return the activations of cells after the nonlinear step that cut them."""
        step = self.program.steps[number]
        assert isinstance(step, KinkStep | MaxStep)
        entered: Environment = {}
        for name, value in environment.items():
            if self.program.last_use.get(name, -1) > number:
                entered[name] = map_images(lambda a: Images(a.data[cells.parent]), value)
        entered[step.name] = step.gate(environment, cells.parent, cells.polygons.means())
        return entered

    def result(self, place: Slice) -> Partition:
        """All regions found."""
        polygons = Polygons.cat([leaf[0] for leaf in self.leaves])
        outputs = torch.cat([leaf[1] for leaf in self.leaves])
        layers = tuple(
            Layer(step.path, "kink" if isinstance(step, KinkStep) else "maximum", count)
            for step, count in zip(self.program.nonlinear, self.counts, strict=True)
        )
        return Partition(place, polygons, outputs, layers, self.program, self.how.tolerance)


def _chunk(cells: Cells, begin: int, size: int) -> Cells:
    end = min(begin + size, len(cells.parent))
    return Cells(cells.polygons.slice(begin, end), cells.parent[begin:end])
