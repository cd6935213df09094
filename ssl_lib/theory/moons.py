"""Two half-moons with four classes whose probabilities are known: the set-up of both papers.

The angle is uniform, the right half of the circle is moved up by 1, and noise is added. Each moon's
two quarter arcs are classes; a point's class probabilities follow from its distances to them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ssl_lib.theory.checks import Array, as_count, as_positive
from ssl_lib.theory.kernels import squared_distances

__all__ = ["Moons", "class_probabilities", "half_moons"]


class Moons(NamedTuple):
    """Points (n, 2) and which moon each is on (n,), -1 or 1.

    Examples
    --------
    >>> half_moons(3, np.random.default_rng(0)).points.shape
    (3, 2)
    """

    points: Array
    moon: Array


def half_moons(n: int, generator: np.random.Generator, *, noise: float = 0.1) -> Moons:
    """Draw points of two half-moons.

    Parameters
    ----------
    n : int
        How many.
    generator : numpy.random.Generator
        What draws.
    noise : float
        Standard deviation of the noise on each coordinate.

    Returns
    -------
    Moons
        ``points`` (n, 2) and ``moon`` (n,): 1 for the right, upper moon and -1 for the other.

    Examples
    --------
    >>> points, moon = half_moons(4, np.random.default_rng(0), noise=0.0)
    >>> points.round(2).tolist(), moon.tolist()
    ([[-0.65, -0.76], [-0.12, 0.99], [0.97, 1.25], [0.99, 1.1]], [-1.0, -1.0, 1.0, 1.0])
    """
    angle = 2 * np.pi * generator.random(as_count(n, name="n"))
    points = _arc(angle)
    points += as_positive(noise, name="noise", zero=True) * generator.standard_normal((n, 2))
    return Moons(points, np.where(np.cos(angle) > 0, 1.0, -1.0))


def class_probabilities(points: Array, *, sharpness: float = 8.0, anchors: int = 10) -> Array:
    """Return the probability of each of the four quarter arcs: p(y | x).

    Parameters
    ----------
    points : numpy.ndarray of shape (n, 2)
        Anywhere in the plane.
    sharpness : float
        The probabilities are the softmax of minus this times the least squared distance to an arc.
    anchors : int
        Points by which each arc is represented, both ends included.

    Returns
    -------
    numpy.ndarray of shape (n, 4)

    Examples
    --------
    >>> class_probabilities(np.array([[1.0, 1.0], [-1.0, 0.0]])).round(3)
    array([[0.5, 0. , 0. , 0.5],
           [0. , 0.5, 0.5, 0. ]])
    """
    from scipy.special import softmax

    quarter = np.linspace(0, np.pi / 2, as_count(anchors, name="anchors", least=2))
    # The ends of an arc belong to it: neither must fall to the other moon.
    arcs = [_arc(part * np.pi / 2 + quarter, right=part in (0, 3)) for part in range(4)]
    nearest = [squared_distances(points, arc).min(1) for arc in arcs]
    return np.asarray(softmax(-sharpness * np.stack(nearest, axis=1), axis=1))


def _arc(angle: Array, *, right: bool | None = None) -> Array:
    raised = np.cos(angle) > 0 if right is None else np.full(angle.shape, right)
    return np.stack([np.cos(angle), np.sin(angle) + raised], axis=1)
