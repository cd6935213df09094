"""The plane in input space that a partition is computed on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ssl_lib.errors import InputError
from ssl_lib.randomness import torch_generator

ArrayLike: TypeAlias = Tensor | Sequence[Any] | Any


def as_points(points: ArrayLike, name: str = "points") -> Tensor:
    """Return a float64 tensor (n, 2) of finite plane coordinates from anything array-like."""
    try:
        tensor = torch.as_tensor(points).detach().to(torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} must be numbers of shape (n, 2): {error}") from error
    if tensor.ndim != 2 or tensor.shape[1] != 2:
        raise InputError(f"{name} must have shape (n, 2), got {tuple(tensor.shape)}")
    if not torch.isfinite(tensor).all():
        raise InputError(f"{name} must be finite, but some are NaN or infinite")
    return tensor


def convex_polygon(vertices: ArrayLike) -> Tensor:
    """Check that vertices (n, 2) go round a convex polygon; return them counter-clockwise.

    A repeated vertex, such as a closing one, is dropped.

    >>> convex_polygon([[0, 0], [0, 1], [1, 1], [0, 0]]).tolist()
    [[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
    """
    polygon = as_points(vertices, "the domain's vertices")
    size = (polygon - polygon.mean(0)).abs().amax().item() if len(polygon) else 0.0
    step = (polygon - polygon.roll(-1, 0)).norm(dim=1)
    polygon = polygon[step > 1e-14 * size]
    if len(polygon) < 3:
        raise InputError(f"a domain needs at least 3 different vertices, got {len(polygon)}")
    edge = polygon.roll(-1, 0) - polygon
    following = edge.roll(-1, 0)
    cross = edge[:, 0] * following[:, 1] - edge[:, 1] * following[:, 0]
    turn = torch.atan2(cross, (edge * following).sum(1)).sum().item()
    rounding = 1e-12 * size**2
    if not (cross > rounding).any() and not (cross < -rounding).any():
        raise InputError("the domain has no area: all its vertices lie on one line")
    one_way = bool((cross >= -rounding).all() or (cross <= rounding).all())
    if not one_way or abs(abs(turn) - 2 * math.pi) > 1e-6:
        raise InputError("the domain must be convex, with its vertices in order round its border")
    return polygon if turn > 0 else polygon.flip(0)


def box(x_min: float, x_max: float, y_min: float, y_max: float) -> Tensor:
    """Return the vertices of a rectangle, (4, 2) float64.

    Examples
    --------
    >>> box(-1, 1, 0, 2).tolist()
    [[-1.0, 0.0], [1.0, 0.0], [1.0, 2.0], [-1.0, 2.0]]
    """
    corners = [[x_min, y_min], [x_max, y_min], [x_max, y_max], [x_min, y_max]]
    return torch.tensor(corners, dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class Slice:
    """A convex polygon in a plane of the input space.

    The point with plane coordinates ``u`` is ``origin + u[0] * basis[0] + u[1] * basis[1]``. The
    basis is orthonormal, so areas and lengths in the plane are those of the input space.

    Parameters
    ----------
    origin : Tensor of shape (*input_shape)
    basis : Tensor of shape (2, *input_shape)
        Orthonormal.
    domain : Tensor of shape (n, 2)
        Vertices of a convex polygon, in plane coordinates.
    anchors : Tensor of shape (n_anchors, 2)
        Plane coordinates of the inputs that the plane was laid through.
    """

    origin: Tensor
    basis: Tensor
    domain: Tensor
    anchors: Tensor

    @classmethod
    def plane(cls, domain: ArrayLike) -> Slice:
        """Return the plane itself, for a network with two inputs.

        >>> Slice.plane(box(0, 1, 0, 1)).embed([[0.5, 0.25]])
        tensor([[0.5000, 0.2500]], dtype=torch.float64)
        """
        polygon = convex_polygon(domain)
        identity = torch.eye(2, dtype=torch.float64, device=polygon.device)
        return cls(identity.new_zeros(2), identity, polygon, identity.new_zeros(0, 2))

    def to(self, device: torch.device) -> Slice:
        """Return the same slice on another device."""
        parts = (self.origin, self.basis, self.domain, self.anchors)
        return Slice(*(part.to(device, torch.float64) for part in parts))

    def embed(self, points: ArrayLike) -> Tensor:
        """Return inputs, (n, *input_shape) float64, of plane coordinates (n, 2)."""
        plane = as_points(points).to(self.origin.device)
        inputs: Tensor = self.origin + torch.tensordot(plane, self.basis, dims=1)
        return inputs

    def project(self, inputs: Tensor) -> Tensor:
        """Plane coordinates (n, 2) of the points of the plane nearest to inputs (n, *input_shape).

        >>> Slice.plane(box(0, 1, 0, 1)).project(torch.tensor([[0.5, 0.25]])).tolist()
        [[0.5, 0.25]]
        """
        difference = inputs.to(self.origin) - self.origin
        return difference.flatten(1) @ self.basis.flatten(1).T

    def diameter(self) -> float:
        """Return the largest distance between two vertices of the domain."""
        return torch.cdist(self.domain, self.domain).amax().item()


def slice_through(
    *anchors: Tensor, half_side: float | None = None, domain: ArrayLike | None = None, seed: int = 0
) -> Slice:
    """Return a square, or another polygon, in a plane through one, two or three inputs.

    Plane coordinates are centred at the mean of the anchors. The first axis points to the first
    anchor (to a random direction for one anchor); the second, orthogonal to it, spans the plane
    through all three (a random direction for fewer). [1]_

    Parameters
    ----------
    *anchors : Tensor of shape (*input_shape)
        One to three inputs of the network, without a batch dimension.
    half_side : float, optional
        Half the side of the square; by default 1.25 times what it takes to hold all anchors, 1 for
        one anchor. The published code gives half the diagonal, ``half_side * sqrt(2)``.
    domain : array-like of shape (n, 2), optional
        Vertices of a convex polygon in plane coordinates, instead of the square.
    seed : int
        Of the random directions.

    Returns
    -------
    Slice

    Raises
    ------
    InputError
        If there are not one to three anchors, they differ in shape, have NaN, coincide or lie on
        one line, or the domain is not convex.

    References
    ----------
    .. [1] Humayun et al., SplineCam, CVPR 2023, arXiv 2302.12828.

    Examples
    --------
    >>> first, second = torch.tensor([3.0, 0.0, 4.0]), torch.tensor([-3.0, 0.0, -4.0])
    >>> slice_through(first, second).anchors[:, 0].tolist()
    [5.0, -5.0]
    """
    points = _stack_anchors(anchors)
    origin = points.mean(0)
    first, second = _orthonormal(points - origin, seed)
    basis = torch.stack([first, second])
    plane = (points - origin) @ basis.T
    if domain is None:
        reach = plane.abs().amax().item()
        side = half_side if half_side is not None else 1.25 * reach if len(points) > 1 else 1.0
        if not (math.isfinite(side) and side > 0):
            raise InputError(f"half_side must be a positive number, got {half_side}")
        domain = box(-side, side, -side, side)
    polygon = convex_polygon(domain).to(points.device)
    shape = anchors[0].shape
    return Slice(origin.reshape(shape), basis.reshape(2, *shape), polygon, plane)


def _stack_anchors(anchors: Sequence[Tensor]) -> Tensor:
    if not 1 <= len(anchors) <= 3:
        raise InputError(f"a slice goes through one, two or three anchors, got {len(anchors)}")
    shapes = {tuple(anchor.shape) for anchor in anchors}
    if len(shapes) > 1:
        raise InputError(f"the anchors must have one shape, got {sorted(shapes)}")
    points = torch.stack([a.detach().to(torch.float64).flatten() for a in anchors])
    if points.shape[1] < 2:
        raise InputError("an input of fewer than 2 numbers has no plane through it")
    if not torch.isfinite(points).all():
        raise InputError("the anchors must be finite, but some are NaN or infinite")
    return points


def _orthonormal(offsets: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Gram-Schmidt on the first two offsets from the centre, or random ones where they lack."""
    random = torch.randn(
        2, offsets.shape[1], dtype=torch.float64, generator=torch_generator(seed, "slice")
    ).to(offsets.device)
    first = random[0] if len(offsets) == 1 else offsets[0]
    second = offsets[1] if len(offsets) == 3 else random[1]
    size = max(first.norm().item(), second.norm().item())
    flat = 1e-10 * size
    if len(offsets) == 1 or first.norm() > flat:
        first = first / first.norm()
        # Twice, because once leaves an angle of rounding error over the sine between the two.
        for _ in range(2):
            second = second - (second @ first) * first
        if second.norm() > flat:
            return first, second / second.norm()
    what = "coincide" if len(offsets) == 2 else "coincide or lie on one line"
    raise InputError(f"the {len(offsets)} anchors {what}, so they span no plane")
