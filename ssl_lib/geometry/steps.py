"""The steps of a traced network, acting on affine functions of the plane.

An activation that is affine in the plane coordinates (u1, u2) is held as three images: its
derivative by u1, its derivative by u2, and its value at the origin. Linear layers act on the
three as on a batch, so a convolution is never written out as a matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.fx.node import Argument, map_arg
from torch.utils import _pytree as pytree

from ssl_lib.errors import InputError
from ssl_lib.geometry.chords import block_rows, evaluate, find_chords
from ssl_lib.geometry.maxima import split_by_winner
from ssl_lib.geometry.polygons import Polygons
from ssl_lib.geometry.splitting import Cells, Pivot, split


@dataclass(frozen=True, eq=False)
class Images:
    """An activation of n regions as affine functions: (n, 3, *shape) float64."""

    data: Tensor

    def flat(self) -> Tensor:
        """(n, 3, units)."""
        return self.data.flatten(2)

    def batch(self) -> Tensor:
        """(3 n, *shape), the batch that a linear layer sees."""
        return self.data.flatten(0, 1)


Environment = dict[str, Any]


@dataclass(frozen=True)
class Precision:
    """How to cut.

    Parameters
    ----------
    tolerance : float
        Distance in the plane below which a point lies on a line.
    diameter : float
        Of the domain.
    rule : {"centroid", "longest", "random"}
    generator : torch.Generator, optional
    """

    tolerance: float
    diameter: float
    rule: Pivot = "centroid"
    generator: torch.Generator | None = None


def resolve(arguments: Any, environment: Mapping[str, Any]) -> Any:
    """Arguments of a traced call with the results of earlier steps in place of their names."""
    return map_arg(arguments, lambda node: environment[node.name])


def node_names(arguments: Any) -> tuple[str, ...]:
    """Return the names of the earlier steps that arguments refer to, each once."""
    names: dict[str, None] = {}
    map_arg(arguments, lambda node: names.setdefault(node.name))
    return tuple(names)


def map_images(function: Callable[[Images], Any], values: Any) -> Any:
    """Apply a function to every ``Images`` in nested tuples, lists and dictionaries."""
    return pytree.tree_map_only(
        Images, function, values, is_leaf=lambda value: isinstance(value, Images)
    )


def has_images(values: Any) -> bool:
    """Whether nested tuples, lists and dictionaries hold ``Images`` anywhere."""
    return any(isinstance(leaf, Images) for leaf in pytree.tree_leaves(values))


@dataclass(frozen=True, eq=False)
class AffineStep:
    """A layer that is affine: ``function(*args, **kwargs)``.

    ``homogeneous`` says that it maps zero to zero whatever its parameters (a reshape, a mean);
    else its value at zero is subtracted from the derivatives.
    """

    name: str
    path: str
    function: Callable[..., Any]
    args: tuple[Argument, ...]
    kwargs: dict[str, Argument]
    homogeneous: bool = False

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the earlier steps it needs."""
        return node_names((self.args, self.kwargs))

    def apply(self, environment: Environment) -> Any:
        """Return the layer's result on the images, or on constants where it reads no activation."""
        args = resolve((self.args, self.kwargs), environment)
        if not has_images(args):
            return self.function(*args[0], **args[1])
        n = next(a for a in pytree.tree_leaves(args) if isinstance(a, Images)).data.shape[0]
        result = self._call(map_images(Images.batch, args))
        if self.homogeneous:
            return self._unbatch(result, n)
        at_zero = self._call(map_images(lambda a: torch.zeros_like(a.data[0, :1]), args))
        images = self._unbatch(result, n)
        images.data[:, :2] -= at_zero
        return images

    def _call(self, arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:
        return self.function(*arguments[0], **arguments[1])

    def _unbatch(self, result: Any, n: int) -> Any:
        def unflatten(value: Tensor) -> Images:
            if value.ndim == 0 or value.shape[0] != 3 * n:
                raise InputError(
                    f"{self.path} must act on each sample of a batch alone and keep the batch as "
                    f"the first dimension, but gives shape {tuple(value.shape)} from a batch of "
                    f"{3 * n}"
                )
            return Images(value.unflatten(0, (n, 3)))

        return pytree.tree_map_only(Tensor, unflatten, result)


@dataclass(frozen=True, eq=False)
class BiasedStep:
    """A linear layer and its bias apart, so that derivatives never see the bias."""

    name: str
    path: str
    linear: Callable[[Tensor], Tensor]
    bias: Tensor | None
    source: str

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the earlier steps it needs."""
        return (self.source,)

    def apply(self, environment: Environment) -> Images:
        """Return the layer's result on the images."""
        images: Images = environment[self.source]
        result = self.linear(images.batch()).unflatten(0, images.data.shape[:2])
        if self.bias is not None:
            result[:, 2] += self.bias
        return Images(result)


@dataclass(frozen=True, eq=False)
class KinkStep:
    """An elementwise nonlinearity with slope 1 above zero and another one below."""

    name: str
    path: str
    source: str
    slope: Tensor  # one number, or one a channel

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the earlier steps it needs."""
        return (self.source,)

    def split(
        self, environment: Environment, polygons: Polygons, label: int, how: Precision
    ) -> Cells:
        """Return the cells on which every unit keeps its sign."""
        images = environment[self.source].flat()
        chords, lines, unit = find_chords(
            polygons, images, tolerance=how.tolerance, diameter=how.diameter
        )
        if (self.slope == 1).any():
            bends = self._slopes(environment[self.source].data) != 1
            chords = chords.select(bends[unit[chords.line]])
        return split(
            polygons,
            chords,
            lines,
            tolerance=how.tolerance,
            label=label,
            rule=how.rule,
            generator=how.generator,
        )

    def gate(self, environment: Environment, parent: Tensor, points: Tensor) -> Images:
        """Return the activation of cells, each with its signs at an interior point (n_cells, 2)."""
        data = environment[self.source].data
        images, slope = data.flatten(2), self._slopes(data)
        result = images.new_empty(len(parent), *images.shape[1:])
        rows = block_rows(images.shape[2], images.device)
        one = slope.new_ones(())
        for begin in range(0, len(parent), rows):
            block = result[begin : begin + rows]
            torch.index_select(images, 0, parent[begin : begin + rows], out=block)
            value = evaluate(block, points[begin : begin + rows])
            block *= torch.where(value > 0, one, slope)[:, None]
        return Images(result.unflatten(2, data.shape[2:]))

    def code(self, environment: Environment, points: Tensor) -> Tensor:
        """Whether each unit is positive at a point of each region, (n, units) uint8."""
        return (evaluate(environment[self.source].flat(), points) > 0).to(torch.uint8)

    def _slopes(self, data: Tensor) -> Tensor:
        shape = data.shape[2:]
        return self.slope.reshape(-1, *[1] * (len(shape) - 1)).expand(shape).flatten()


@dataclass(frozen=True, eq=False)
class MaxStep:
    """The largest of several units: max-pooling, maxout, an elementwise maximum.

    ``windows(shapes)`` gives, for the shapes of the sources, the indices (groups, candidates) into
    their flattened concatenation and the shape of the result. ``sign`` is -1 for a minimum.
    """

    name: str
    path: str
    sources: tuple[str, ...]
    windows: Callable[[list[torch.Size]], tuple[Tensor, torch.Size]]
    sign: float = 1.0
    _known: dict[Any, tuple[Tensor, torch.Size]] = field(default_factory=dict, repr=False)

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the earlier steps it needs."""
        return self.sources

    def units(self, environment: Environment) -> tuple[Tensor, Tensor, torch.Size]:
        """Return the units (n, 3, units), which of them compete (groups, k), and the shape."""
        images = [environment[source] for source in self.sources]
        shapes = tuple(image.data.shape[2:] for image in images)
        if shapes not in self._known:
            self._known[shapes] = self.windows(list(shapes))
        index, shape = self._known[shapes]
        flat = [image.flat() for image in images]
        units = flat[0] if len(flat) == 1 else torch.cat(flat, 2)
        return units if self.sign == 1 else -units, index.to(units.device), shape

    def split(
        self, environment: Environment, polygons: Polygons, label: int, how: Precision
    ) -> Cells:
        """Return the cells on which every group keeps its winner."""
        images, groups, _ = self.units(environment)
        return split_by_winner(
            polygons,
            images,
            groups,
            tolerance=how.tolerance,
            label=label,
            rule=how.rule,
            generator=how.generator,
        )

    def gate(self, environment: Environment, parent: Tensor, points: Tensor) -> Images:
        """Return the winners' functions in cells, each at an interior point (n_cells, 2)."""
        images, groups, shape = self.units(environment)
        result = images.new_empty(len(parent), 3, len(groups))
        rows = block_rows(groups.numel(), images.device)
        every = torch.arange(len(groups), device=groups.device)
        for begin in range(0, len(parent), rows):
            block = images[parent[begin : begin + rows]]
            unit = groups[every, _winner(block, groups, points[begin : begin + rows])]
            result[begin : begin + rows] = block.gather(2, unit[:, None].expand(-1, 3, -1))
        result = result if self.sign == 1 else -result
        return Images(result.reshape(len(parent), 3, *shape))

    def code(self, environment: Environment, points: Tensor) -> Tensor:
        """Return the winner of each group at a point of each region, (n, groups)."""
        images, groups, _ = self.units(environment)
        kind = torch.uint8 if groups.shape[1] < 256 else torch.int16
        return _winner(images, groups, points).to(kind)


def _winner(images: Tensor, groups: Tensor, points: Tensor) -> Tensor:
    """Return the first largest candidate of each group at points (n, 2), (n, n_groups)."""
    return evaluate(images, points)[:, groups].argmax(2)


Step: TypeAlias = AffineStep | BiasedStep | KinkStep | MaxStep
