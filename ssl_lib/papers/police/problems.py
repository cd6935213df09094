"""The regions, targets and points of the paper's figures."""

import math

import torch
from torch import Tensor

from ssl_lib.errors import InputError, closest

__all__ = [
    "REGIONS", "TARGETS", "distance", "enlarged", "grid", "inside", "polygons", "region",
    "simplex", "stars", "target",
]  # fmt: skip

TARGETS = ("wave", "rays", "spiral")
REGIONS = ("square", "triangle", "polygon", "circle", "three")
ROOT = math.sqrt(2)
CORNERS = {
    "square": [(0, 0), (1.5, 0), (1.5, 1.5), (0, 1.5)],
    "triangle": [(-ROOT, -ROOT), (ROOT, -ROOT), (0, 2)],
    "polygon": [
        (-0.5, -1.5), (0.5, -1.5), (1.5, -0.5), (1.5, 1), (0.5, 2), (-0.5, 2), (-1.5, 1),
        (-1.5, -0.5),
    ],
}  # fmt: skip
#: Of the chapter's own figure with several regions.
SEVERAL = (
    [(-2.64, -2.44), (-1.26, -2.8), (-1.5, -1.36)],
    [(1.23, -1.56), (2.55, -1.74), (2.79, -0.54), (1.53, -0.36)],
    [(-1.96, 1.38), (-0.88, 1.32), (-0.28, 2.04), (-0.7, 2.82), (-1.66, 2.88), (-2.32, 2.16)],
)


def region(name: str) -> Tensor:
    """Return the vertices (n, 2) of a region of the paper, counter-clockwise, float64.

    The "square" of Figure 1, or "triangle", "polygon" or "circle" of Figure 2. The circle of radius
    2 is a polygon with 25 abscissae ``2 sin(pi x / 2)``, x equispaced in [-1, 1].

    Examples
    --------
    >>> [len(region(name)) for name in ("square", "triangle", "polygon", "circle")]
    [4, 3, 8, 48]
    """
    if name == "circle":
        x = 2 * torch.sin(math.pi / 2 * torch.linspace(1, -1, 25, dtype=torch.float64))
        y = (4 - x.square()).clamp_min(0).sqrt()
        upper = torch.stack([x, y], 1)
        return torch.cat([upper, -upper[1:-1]])
    if name not in CORNERS:
        raise InputError(f"there is no region {name!r}.{closest(name, REGIONS)}")
    return torch.tensor(CORNERS[name], dtype=torch.float64)


def polygons(name: str) -> list[Tensor]:
    """Return the polygons on which a network of the chapter is affine: one, or those of "three".

    Examples
    --------
    >>> [len(polygon) for polygon in polygons("three")]
    [3, 4, 6]
    """
    if name == "three":
        return [torch.tensor(part, dtype=torch.float64) for part in SEVERAL]
    return [region(name)]


def target(name: str, points: Tensor) -> Tensor:
    """Return the values (n,) that a network of Figure 2 learns at points (n, 2).

    "wave" is cos(3x) cos(y), "rays" cos(6 phi), "spiral" cos(6r + phi), with r and phi the polar
    coordinates. Not yet centred and scaled: the scripts do that over the training grid.

    Examples
    --------
    >>> target("wave", torch.zeros(1, 2)).item()
    1.0
    """
    x, y = points.unbind(1)
    radius, angle = points.norm(dim=1), torch.atan2(y, x)
    if name == "wave":
        return torch.cos(3 * x) * torch.cos(y)
    if name == "rays":
        return torch.cos(6 * angle)
    if name == "spiral":
        return torch.cos(6 * radius + angle)
    raise InputError(f"there is no target {name!r}.{closest(name, TARGETS)}")


def grid(side: int, half: float = 4.0) -> Tensor:
    """Return the points of a square grid round the origin, (side², 2) float64.

    Examples
    --------
    >>> grid(2, 1.0).tolist()
    [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    axis = torch.linspace(-half, half, side, dtype=torch.float64)
    return torch.cartesian_prod(axis, axis)


def stars(n: int, generator: torch.Generator, *, noise: float = 0.025) -> tuple[Tensor, Tensor]:
    """Two nested stars with ten rays, the classes of Figure 1.

    Parameters
    ----------
    n : int
        Points of each class, at equal angles from 0 to 2 pi with both ends.
    generator : torch.Generator
    noise : float
        Standard deviation of what is added to each coordinate.

    Returns
    -------
    points : Tensor of shape (2n, 2), float64
    labels : Tensor of shape (2n,), float64
        0 for the star of radius 1 + 0.2 cos(10 angle), 1 for the one 1.3 times as large.

    Examples
    --------
    >>> points, labels = stars(5, torch.Generator(), noise=0.0)
    >>> points[0].tolist(), points[5].tolist()
    ([1.2, 0.0], [1.56, 0.0])
    """
    angle = torch.linspace(0, 2 * math.pi, n, dtype=torch.float64)
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    inner = (1 + 0.2 * torch.cos(10 * angle))[:, None] * circle
    points = torch.cat([inner, 1.3 * inner])
    drawn = torch.randn(points.shape, dtype=torch.float64, generator=generator)
    return points + noise * drawn, torch.arange(2, dtype=torch.float64).repeat_interleave(n)


def simplex(dimension: int) -> Tensor:
    """Return the vertices {0, e_1, ..., e_D} / sqrt(D) of the timing table, (D + 1, D).

    Examples
    --------
    >>> simplex(4)[:2].tolist()
    [[0.0, 0.0, 0.0, 0.0], [0.5, 0.0, 0.0, 0.0]]
    """
    return torch.cat([torch.zeros(1, dimension), torch.eye(dimension)]) / math.sqrt(dimension)


def enlarged(vertices: Tensor, factor: float) -> Tensor:
    """Scale a polygon about the mean of its vertices.

    Examples
    --------
    >>> enlarged(torch.tensor([[0.0, 0.0], [2.0, 0.0], [1.0, 3.0]]), 2.0).tolist()
    [[-1.0, -1.0], [3.0, -1.0], [1.0, 5.0]]
    """
    middle = vertices.mean(0)
    return middle + factor * (vertices - middle)


def inside(points: Tensor, vertices: Tensor) -> Tensor:
    """Whether points (n, 2) lie in a convex polygon with counter-clockwise vertices, (n,).

    Examples
    --------
    >>> inside(torch.tensor([[0.5, 0.5], [2.0, 0.0]]).double(), region("square")).tolist()
    [True, False]
    """
    edge = vertices.roll(-1, 0) - vertices
    offset = points[:, None] - vertices
    left: Tensor = (edge[:, 0] * offset[..., 1] - edge[:, 1] * offset[..., 0] >= 0).all(1)
    return left


def distance(points: Tensor, vertices: Tensor) -> Tensor:
    """Distance of points (n, 2) from the border of a convex polygon, negative inside, (n,).

    Examples
    --------
    >>> distance(torch.tensor([[0.75, 0.5], [1.5, 3.5]]).double(), region("square")).tolist()
    [-0.5, 2.0]
    """
    edge = vertices.roll(-1, 0) - vertices
    offset = points[:, None] - vertices
    along = ((offset * edge).sum(2) / edge.square().sum(1)).clamp(0, 1)
    far = (offset - along[..., None] * edge).norm(dim=2).amin(1)
    return torch.where(inside(points, vertices), -far, far)
