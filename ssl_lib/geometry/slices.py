"""The plane in input space that a partition is computed on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_lib.arguments import ArrayLike, as_tensor, check_between
from ssl_lib.errors import InputError
from ssl_lib.geometry.arrays import rounding
from ssl_lib.randomness import torch_generator


def as_points(points: ArrayLike, name: str = "points") -> Tensor:
    """Return a float64 tensor (n, 2) of finite plane coordinates from anything array-like."""
    tensor = as_tensor(points, name=name).to(torch.float64)
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
    given = as_tensor(vertices, name="the domain's vertices")
    polygon = as_points(given, "the domain's vertices")
    size = (polygon - polygon.mean(0)).abs().amax().item() if len(polygon) else 0.0
    # Vertices of a lower precision are on one line, or one, only up to its rounding.
    lost = rounding(given) if given.dtype != torch.float64 else 0.0
    step = (polygon - polygon.roll(-1, 0)).norm(dim=1)
    polygon = polygon[step > max(1e-14 * size, lost)]
    if len(polygon) < 3:
        raise InputError(f"a domain needs at least 3 different vertices, got {len(polygon)}")
    edge = polygon.roll(-1, 0) - polygon
    following = edge.roll(-1, 0)
    cross = edge[:, 0] * following[:, 1] - edge[:, 1] * following[:, 0]
    turn = torch.atan2(cross, (edge * following).sum(1)).sum().item()
    flat = max(1e-12 * size, lost) * size
    if not (cross > flat).any() and not (cross < -flat).any():
        raise InputError("the domain has no area: all its vertices lie on one line")
    one_way = bool((cross >= -flat).all() or (cross <= flat).all())
    if not one_way or abs(abs(turn) - 2 * math.pi) > 1e-6:
        raise InputError("the domain must be convex, with its vertices in order round its border")
    return polygon if turn > 0 else polygon.flip(0)


def box(x_min: float, x_max: float, y_min: float, y_max: float) -> Tensor:
    """Return the vertices of a rectangle, (4, 2) float64.

    Raises
    ------
    InputError
        If a side is not finite, or a lower one not below the upper one.

    Examples
    --------
    >>> box(-1, 1, 0, 2).tolist()
    [[-1.0, 0.0], [1.0, 0.0], [1.0, 2.0], [-1.0, 2.0]]
    """
    sides = {"x_min": x_min, "x_max": x_max, "y_min": y_min, "y_max": y_max}
    x_min, x_max, y_min, y_max = (
        check_between(name, side, least=-math.inf) for name, side in sides.items()
    )
    if not (x_min < x_max and y_min < y_max):
        raise InputError(
            f"a box needs x_min < x_max and y_min < y_max, got {(x_min, x_max, y_min, y_max)}"
        )
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

    def __post_init__(self) -> None:
        for name in ("origin", "basis", "domain", "anchors"):
            value = as_tensor(getattr(self, name), name=name).to(torch.float64)
            # The class is frozen, but may be made of anything array-like.
            object.__setattr__(self, name, value)
        if self.basis.shape != (2, *self.origin.shape):
            raise InputError(
                f"the basis must have shape {(2, *self.origin.shape)}, two vectors like the "
                f"origin, got {tuple(self.basis.shape)}"
            )

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

    def project(self, inputs: ArrayLike) -> Tensor:
        """Plane coordinates (n, 2) of the points of the plane nearest to inputs (n, *input_shape).

        >>> Slice.plane(box(0, 1, 0, 1)).project(torch.tensor([[0.5, 0.25]])).tolist()
        [[0.5, 0.25]]
        """
        difference = as_tensor(inputs, name="inputs").to(self.origin) - self.origin
        return difference.flatten(1) @ self.basis.flatten(1).T

    def diameter(self) -> float:
        """Return the largest distance between two vertices of the domain."""
        return torch.cdist(self.domain, self.domain).amax().item()


def slice_through(
    *anchors: ArrayLike,
    half_side: float | None = None,
    domain: ArrayLike | None = None,
    seed: int = 0,
) -> Slice:
    """Return a square, or another polygon, in a plane through one, two or three inputs.

    Plane coordinates are centred at the mean of the anchors. The first axis points to the first
    anchor (to a random direction for one anchor); the second, orthogonal to it, spans the plane
    through all three (a random direction for fewer). [1]_

    Parameters
    ----------
    *anchors : array-like of shape (*input_shape)
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
        one line up to the rounding of their own precision, or the domain is not convex.

    References
    ----------
    .. [1] Humayun et al., SplineCam, CVPR 2023, arXiv 2302.12828.

    Examples
    --------
    >>> first, second = torch.tensor([3.0, 0.0, 4.0]), torch.tensor([-3.0, 0.0, -4.0])
    >>> slice_through(first, second).anchors[:, 0].tolist()
    [5.0, -5.0]
    """
    given = [as_tensor(anchor, name="an anchor") for anchor in anchors]
    points = _stack_anchors(given)
    origin = points.mean(0)
    lost = max(rounding(anchor[None]) for anchor in given)
    first, second = _orthonormal(points - origin, seed, lost)
    basis = torch.stack([first, second])
    plane = (points - origin) @ basis.T
    if domain is None:
        reach = plane.abs().amax().item()
        side = 1.25 * reach if len(points) > 1 else 1.0
        side = side if half_side is None else check_between("half_side", half_side, open=True)
        domain = box(-side, side, -side, side)
    polygon = convex_polygon(domain).to(points.device)
    shape = given[0].shape
    return Slice(origin.reshape(shape), basis.reshape(2, *shape), polygon, plane)


def _stack_anchors(anchors: Sequence[Tensor]) -> Tensor:
    if not 1 <= len(anchors) <= 3:
        raise InputError(f"a slice goes through one, two or three anchors, got {len(anchors)}")
    shapes = {tuple(anchor.shape) for anchor in anchors}
    if len(shapes) > 1:
        raise InputError(f"the anchors must have one shape, got {sorted(shapes)}")
    points = torch.stack([anchor.to(torch.float64).flatten() for anchor in anchors])
    if points.shape[1] < 2:
        raise InputError("an input of fewer than 2 numbers has no plane through it")
    if not torch.isfinite(points).all():
        raise InputError("the anchors must be finite, but some are NaN or infinite")
    return points


def _orthonormal(offsets: Tensor, seed: int, lost: float) -> tuple[Tensor, Tensor]:
    """Gram-Schmidt on the first two offsets from the centre, or random ones where they lack.

    A spread of the offsets below ``lost`` is rounding of the anchors.
    """
    random = torch.randn(
        2, offsets.shape[1], dtype=torch.float64, generator=torch_generator(seed, "slice")
    ).to(offsets.device)
    first = random[0] if len(offsets) == 1 else offsets[0]
    second = offsets[1] if len(offsets) == 3 else random[1]
    # Two of three anchors may be close: no single one tells whether all are on a line.
    spread = torch.linalg.svdvals(offsets)[: max(1, len(offsets) - 1)]
    flat = max(1e-10 * spread[0].item(), lost)
    if len(offsets) == 1 or spread[-1] > flat:
        first = first / first.norm()
        # Twice, because once leaves an angle of rounding error over the sine between the two.
        for _ in range(2):
            second = second - (second @ first) * first
        return first, second / second.norm()
    what = "coincide" if len(offsets) == 2 else "coincide or lie on one line"
    raise InputError(f"the {len(offsets)} anchors {what}, so they span no plane")
