"""Kernels: the bias of a model class, as functions of two sets of points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from ssl_lib.theory.checks import Array, as_count, as_positive

__all__ = [
    "DotProduct",
    "Gaussian",
    "Kernel",
    "Laplace",
    "Linear",
    "Profile",
    "RadialKernel",
    "arc_cosine",
    "relu",
    "shift_average",
]

Kernel: TypeAlias = Callable[[Array, Array], Array]
"""From points (n, d) and (p, d) to their Gram matrix (n, p)."""

Profile: TypeAlias = Callable[[Array], Array]
"""A dot-product kernel as a function of the cosine between two points."""


class RadialKernel(Protocol):
    """A kernel of the distance, which also knows its slope: grad_x k = -slope(x, y) (x - y).

    Examples
    --------
    >>> kernel: RadialKernel = Gaussian(2.0)
    >>> kernel.slope(np.zeros((1, 1)), np.zeros((1, 1))).item()
    0.25
    """

    def __call__(self, x: Array, y: Array, /) -> Array:
        """Return the Gram matrix (n, p)."""

    def slope(self, x: Array, y: Array) -> Array:
        """Return the factor (n, p) of x - y in the gradient."""


@dataclass(frozen=True)
class Gaussian:
    r"""The kernel :math:`\exp(-\|x - y\|^2 / 2 \sigma^2)`.

    Parameters
    ----------
    scale : float
        :math:`\sigma`.

    Examples
    --------
    >>> Gaussian(1.0)(np.zeros((1, 2)), np.array([[0.0, 1.0], [1.0, 1.0]])).round(4)
    array([[0.6065, 0.3679]])
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        as_positive(self.scale, name="scale")

    def __call__(self, x: Array, y: Array) -> Array:
        """Return the Gram matrix (n, p)."""
        gram: Array = np.exp(squared_distances(x, y) / (-2 * self.scale**2))
        return gram

    def slope(self, x: Array, y: Array) -> Array:
        """Return k / sigma^2."""
        return self(x, y) / self.scale**2


@dataclass(frozen=True)
class Laplace:
    r"""The exponential kernel :math:`\exp(-\|x - y\| / s)`; its Gram matrices are well conditioned.

    Parameters
    ----------
    scale : float
        :math:`s`.

    Examples
    --------
    >>> Laplace(0.5)(np.zeros((1, 1)), np.array([[0.0], [1.0]])).round(4)
    array([[1.    , 0.1353]])
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        as_positive(self.scale, name="scale")

    def __call__(self, x: Array, y: Array) -> Array:
        """Return the Gram matrix (n, p)."""
        gram: Array = np.exp(np.sqrt(squared_distances(x, y)) / -self.scale)
        return gram

    def slope(self, x: Array, y: Array) -> Array:
        """Return k / (s |x - y|), and 0 where the points coincide: there is no gradient there."""
        distance = np.sqrt(squared_distances(x, y))
        near = distance < 1e-12
        quotient: Array = np.exp(distance / -self.scale) / (
            self.scale * np.where(near, 1, distance)
        )
        return np.where(near, 0.0, quotient)


@dataclass(frozen=True)
class DotProduct:
    r"""The kernel :math:`\kappa(\cos(x, y))`; on the cube and on the sphere a dot-product kernel.

    Parameters
    ----------
    profile : callable
        :math:`\kappa` on [-1, 1], such as :func:`relu` and :func:`arc_cosine`.

    Examples
    --------
    >>> DotProduct(relu)(np.eye(2), np.array([[2.0, 0.0]])).round(4)
    array([[2.    ],
           [0.3183]])
    """

    profile: Profile

    def __call__(self, x: Array, y: Array) -> Array:
        """Return the Gram matrix (n, p)."""
        length = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(y, axis=1)
        return self.profile(np.clip(x @ y.T / np.maximum(length, 1e-300), -1, 1))


@dataclass(frozen=True)
class Linear:
    """The kernel of linear functions, for features that are given.

    Examples
    --------
    >>> Linear()(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]))
    array([[11.]])
    """

    def __call__(self, x: Array, y: Array) -> Array:
        """Return the Gram matrix (n, p)."""
        return x @ y.T


def relu(u: Array) -> Array:
    r"""Return :math:`(1 + u)\kappa_1(u)`, by the arc-cosine kernel of order 1: it has all degrees.

    Parameters
    ----------
    u : numpy.ndarray
        Cosines.

    Returns
    -------
    numpy.ndarray
        :math:`(1 + u) (\sqrt{1 - u^2} + u (\pi - \arccos u)) / \pi`.

    References
    ----------
    Cho and Saul, "Kernel methods for deep learning" (2009), equation 6.

    Examples
    --------
    >>> relu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([0.    , 0.3183, 2.    ])
    """
    return (1 + u) * _order_one(u)


def arc_cosine(u: Array, *, depth: int = 2) -> Array:
    r"""Return the covariance of the last layer of a wide ReLU network with no bias.

    Each layer maps the correlation of its inputs by the arc-cosine kernel of order 1,
    :math:`u \mapsto \kappa_1(u)`, and halves the variance; layers but the last are rescaled to unit
    variance.

    Parameters
    ----------
    u : numpy.ndarray
        Cosines of inputs.
    depth : int
        Hidden layers; at one layer odd degrees from 3 on are missing, from two on none.

    Returns
    -------
    numpy.ndarray
        1/2 where u is 1.

    References
    ----------
    Cho and Saul, "Kernel methods for deep learning" (2009), section 2.3.

    Examples
    --------
    >>> arc_cosine(np.array([-1.0, 0.0, 1.0])).round(4)
    array([0.1592, 0.2469, 0.5   ])
    """
    as_count(depth, name="depth")
    cosine: Array = np.asarray(u, dtype=np.float64)
    for _ in range(depth):
        cosine = _order_one(np.clip(cosine, -1, 1))
    return cosine / 2


def shift_average(kernel: Kernel, x: Array, *, shifts: Sequence[int]) -> Array:
    """Average a kernel over cyclic shifts of the coordinates of both points.

    Parameters
    ----------
    kernel : callable
        Takes points (n, d) and (n, d).
    x : numpy.ndarray of shape (n, d)
        Points.
    shifts : sequence of int
        Each pair of them counts equally.

    Returns
    -------
    numpy.ndarray of shape (n, n)
        The Gram matrix of the functions of the class, averaged over their views.

    Examples
    --------
    >>> shift_average(Linear(), np.eye(3), shifts=[0, 1, 2]).round(4)[0]
    array([0.3333, 0.3333, 0.3333])
    """
    shifted = [np.roll(x, shift, axis=1) for shift in shifts]
    pairs = [kernel(a, b) for a in shifted for b in shifted]
    return np.asarray(sum(pairs) / len(pairs))


def squared_distances(x: Array, y: Array) -> Array:
    """Return the squared distances between rows: (n, p).

    Examples
    --------
    >>> squared_distances(np.zeros((1, 2)), np.array([[3.0, 4.0]]))
    array([[25.]])
    """
    from scipy.spatial.distance import cdist

    # In many dimensions the expanded square is faster, in few the exact one is as fast.
    if x.shape[1] <= 16:
        return np.asarray(cdist(x, y, "sqeuclidean"))
    centre = y.mean(0)
    x, y = x - centre, y - centre
    square = (x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T
    return np.asarray(np.maximum(square, 0.0))


def _order_one(u: Array) -> Array:
    value: Array = (np.sqrt(1 - u * u) + u * (np.pi - np.arccos(u))) / np.pi
    return value
