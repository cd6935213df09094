"""The exact partition of a plane by a piecewise linear network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ssl_lib.arguments import ArrayLike, as_tensor, check_whole
from ssl_lib.errors import InputError
from ssl_lib.geometry.chords import evaluate
from ssl_lib.geometry.polygons import Polygons
from ssl_lib.geometry.slices import Slice, as_points
from ssl_lib.geometry.steps import Images
from ssl_lib.geometry.trace import Program

__all__ = ["Layer", "Partition", "Region"]

# Three images in float64.
BYTES_PER_UNIT = 3 * 8


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
        if not -len(self) <= check_whole("a region's number", index, least=-(2**63)) < len(self):
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

    @property
    def slope_norms(self) -> Tensor:
        """Largest singular value of each region's slope, (n_regions,)."""
        found: Tensor = torch.linalg.matrix_norm(self.slopes, ord=2)
        return found

    @property
    def areas(self) -> Tensor:
        """Area of each region in input space, (n_regions,)."""
        return self.polygons.areas

    @property
    def centers(self) -> Tensor:
        """A point inside each region, the mean of its vertices, (n_regions, 2)."""
        return self.polygons.means

    def codes(self, index: ArrayLike | None = None) -> list[Tensor]:
        """Activation codes, computed afresh at a point inside each region.

        Parameters
        ----------
        index : array-like of int, optional
            Which regions; all by default.

        Returns
        -------
        list of Tensor of shape (n, units), uint8 (int16 for more than 255 candidates)
            One for each nonlinear layer: 1 where a unit is above its kink, else 0; for a maximum,
            the number of the winning candidate, the first of equal ones.
        """
        chosen = self.polygons if index is None else self.polygons.select(self._index(index))
        centers = chosen.means
        rows = max(1, 2**25 // (BYTES_PER_UNIT * self._width))
        parts = [
            self.program.follow(root_images(self.slice, len(points)), points)[1]
            for points in centers.split(rows)
        ]
        return [torch.cat(layer) for layer in zip(*parts, strict=True)]

    def input_maps(self, index: ArrayLike) -> tuple[Tensor, Tensor]:
        """Differentiate the network: its affine maps on regions as functions of the whole input.

        Parameters
        ----------
        index : array-like of int, shape (n,)

        Returns
        -------
        jacobian : Tensor of shape (n, n_outputs, *input_shape)
        offset : Tensor of shape (n, n_outputs)
            The network is ``jacobian . x + offset`` near the region.
        """
        chosen = self.polygons.select(self._index(index))
        inputs = self.slice.embed(chosen.means).requires_grad_()
        with torch.enable_grad():
            # A copy, because a model may change its input in place.
            outputs = self.program.model(inputs.clone()).flatten(1)
            rows = [
                torch.autograd.grad(column.sum(), inputs, retain_graph=True)[0]
                for column in outputs.unbind(1)
            ]
        jacobian = torch.stack(rows, 1)
        at_zero = outputs - torch.einsum("nof,nf->no", jacobian.flatten(2), inputs.flatten(1))
        return jacobian, at_zero.detach()

    def values(self, index: ArrayLike, points: ArrayLike) -> Tensor:
        """Apply the affine maps of regions ``index`` (n,) to plane points (n, 2)."""
        return evaluate(self.outputs[self._index(index)], as_points(points).to(self.outputs))

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

    def _index(self, index: ArrayLike) -> Tensor:
        """Return numbers of regions as a tensor; InputError for what are none."""
        chosen = as_tensor(index, name="index").to(self.outputs.device)
        if chosen.is_floating_point() and chosen.numel():
            raise InputError(f"index must be integers, the numbers of regions, got {chosen.dtype}")
        if chosen.dtype == torch.bool:
            chosen = chosen.nonzero()[:, 0]
        chosen = chosen.to(torch.int64)
        if not ((chosen >= -len(self)) & (chosen < len(self))).all():
            raise InputError(f"index must be between 0 and {len(self) - 1}, the numbers of regions")
        return chosen % len(self)

    @property
    def _width(self) -> int:
        center = self.slice.domain.mean(0, keepdim=True)
        return max(self.program.follow(root_images(self.slice, 1), center)[2])


def root_images(where: Slice, n: int) -> Images:
    """Return the input as an affine function of the plane coordinates, for n regions."""
    one = torch.cat([where.basis, where.origin[None]])
    return Images(one.expand(n, *one.shape))
