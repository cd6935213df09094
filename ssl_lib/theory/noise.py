"""Noise as augmentation: functions that draw one view of every point.

What they do to functions is known where the points are: see :mod:`ssl_lib.theory.heat`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ssl_lib.theory.checks import Array, as_positive

__all__ = ["AngularNoise", "Noise", "ReflectedNoise"]


@dataclass(frozen=True)
class Noise:
    """A view adds independent Gaussian noise to every coordinate.

    Parameters
    ----------
    scale : float
        Its standard deviation; the difference of two views has variance ``2 * scale**2``.

    Examples
    --------
    >>> Noise(0.1)(np.zeros((1, 2)), np.random.default_rng(0)).round(3)
    array([[ 0.013, -0.013]])
    """

    scale: float

    def __post_init__(self) -> None:
        as_positive(self.scale, name="scale", zero=True)

    def __call__(self, x: Array, generator: np.random.Generator) -> Array:
        """Draw one view of each row: (n, d) to (n, d)."""
        return x + self.scale * generator.standard_normal(x.shape)


@dataclass(frozen=True)
class AngularNoise:
    """A view turns points of the plane by a Gaussian angle.

    Parameters
    ----------
    scale : float
        Its standard deviation in radians.

    Examples
    --------
    >>> AngularNoise(0.1)(np.array([[1.0, 0.0]]), np.random.default_rng(0)).round(3)
    array([[1.   , 0.013]])
    """

    scale: float

    def __post_init__(self) -> None:
        as_positive(self.scale, name="scale", zero=True)

    def __call__(self, x: Array, generator: np.random.Generator) -> Array:
        """Draw one view of each row: (n, d) to (n, d)."""
        angle = self.scale * generator.standard_normal(len(x))
        cos, sin = np.cos(angle), np.sin(angle)
        return np.stack([cos * x[:, 0] - sin * x[:, 1], sin * x[:, 0] + cos * x[:, 1]], axis=1)


@dataclass(frozen=True)
class ReflectedNoise:
    """A view adds Gaussian noise to points of [0, 1] and reflects them at both ends.

    Parameters
    ----------
    scale : float
        Its standard deviation.

    Examples
    --------
    >>> ReflectedNoise(0.5)(np.array([[0.9], [0.1]]), np.random.default_rng(0)).round(3)
    array([[0.963],
           [0.034]])
    """

    scale: float

    def __post_init__(self) -> None:
        as_positive(self.scale, name="scale", zero=True)

    def __call__(self, x: Array, generator: np.random.Generator) -> Array:
        """Draw one view of each row: (n, d) to (n, d)."""
        folded = np.abs(x + self.scale * generator.standard_normal(x.shape)) % 2
        return np.asarray(np.minimum(folded, 2 - folded))
