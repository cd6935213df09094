"""Enumerating the linear regions of a network, layer by layer and chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ssl_lib.arguments import ArrayLike, check_between, check_whole
from ssl_lib.errors import InputError
from ssl_lib.geometry.chords import evaluate
from ssl_lib.geometry.partitions import BYTES_PER_UNIT, Layer, Partition, root_images
from ssl_lib.geometry.police import Constrained
from ssl_lib.geometry.polygons import Polygons
from ssl_lib.geometry.slices import Slice
from ssl_lib.geometry.splitting import Cells, Pivot, by_vertex_count
from ssl_lib.geometry.steps import Environment, Images, KinkStep, MaxStep, Precision, map_images
from ssl_lib.geometry.trace import Program, trace
from ssl_lib.geometry.verification import check_followed
from ssl_lib.randomness import torch_generator

__all__ = ["partition"]

_LAST_CHUNK = 2**25


@torch.inference_mode(False)
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
        that `torch.fx` can trace. Of a `Constrained` network its merged form is taken, in float64.
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
        domain that is not convex, inputs of another shape than the model's, or a model whose graph
        does not give its outputs at a few points (it mixes the samples of a batch, or reads an
        activation that it has changed in place).

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
    >>> len(regions), regions.areas.sum().item()
    (9, 4.0)
    """
    program = trace(model._in_double().merge() if isinstance(model, Constrained) else model)
    program = program if layers is None else program.truncated(layers)
    place = domain if isinstance(domain, Slice) else Slice.plane(domain)
    tensors = [*program.model.parameters(), *program.model.buffers(), place.origin]
    place = place.to(tensors[0].device)
    _check_options(memory, pivot, tolerance)
    widths = _rehearse(program, place, layers)
    diameter = place.diameter()
    # Far from the plane's origin coordinates are rounded more coarsely.
    size = max(diameter, 0.01 * place.domain.abs().max().item())
    how = Precision(tolerance * size, diameter, pivot, torch_generator(seed, "pivot"))
    walk = _Walk(program, how, _bytes_per_region(program, widths))
    start = {program.input: root_images(place, 1)}
    walk.run(Polygons.single(place.domain), start, 0, 0, _memory(program, memory))
    return walk.result(place)


def _memory(program: Program, memory: int | None) -> int:
    """By default as much for activations as the parameters take, and 256 MiB at least."""
    parameters = sum(p.numel() for p in program.model.parameters())
    return max(2**28, 8 * parameters) if memory is None else memory


def _check_options(memory: int | None, pivot: str, tolerance: float) -> None:
    if memory is not None:
        check_whole("memory", memory, least=1)
    if pivot not in ("centroid", "longest", "random"):
        raise InputError(f"pivot must be 'centroid', 'longest' or 'random', got {pivot!r}")
    check_between("tolerance", tolerance, most=1e-3, open=True)


def _rehearse(program: Program, place: Slice, layers: int | None) -> list[int]:
    """Follow a few points and compare with the model itself; returns the units at each step."""
    weights = torch.rand(8, len(place.domain), dtype=torch.float64, generator=torch_generator(0))
    points = (weights / weights.sum(1, keepdim=True)).to(place.domain) @ place.domain
    widths: list[int] = []

    def follow(inputs: Tensor) -> Tensor:
        images, _, widths[:] = program.follow(root_images(place, len(inputs)), points)
        return evaluate(images.flat(), points)

    last = None if layers is None else program.output
    check_followed(program.traced, program.model, place.embed(points), follow, last=last)
    return widths


def _bytes_per_region(program: Program, widths: list[int]) -> list[int]:
    """How many bytes of activations a region needs from each nonlinear layer to the next."""
    places = [n for n, step in enumerate(program.steps) if isinstance(step, KinkStep | MaxStep)]
    ends = [*places[1:], len(widths)][: len(places)]
    peaks = [max(widths[a : b + 1]) for a, b in zip(places, ends, strict=True)]
    return [BYTES_PER_UNIT * peak for peak in peaks]


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
        entered[step.name] = step.gate(environment, cells.parent, cells.polygons.means)
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
