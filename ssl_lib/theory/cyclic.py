r"""Cyclic shifts as augmentation, on bit strings and on the sphere.

A shift permutes the coordinates. Inside each degree of functions (characters of one size on the
cube, harmonics of one degree on the sphere) functions split by their frequency
:math:`\omega \in \{0, \dots, d - 1\}` under the shift, and T depends on the frequency alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Literal

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.theory.checks import Array, as_count

__all__ = ["Shift", "frequency_counts", "shift_mean"]


@dataclass(frozen=True)
class Shift:
    r"""Shift the coordinates by a step drawn uniformly from a few: a view of points of any kind.

    Parameters
    ----------
    steps : sequence of int
        Such as ``(-1, 0, 1)``.

    Examples
    --------
    >>> Shift((-1, 0, 1)).eigenvalues(6).round(4)
    array([1.    , 0.4444, 0.    , 0.1111, 0.    , 0.4444])
    """

    steps: Sequence[int]

    def __post_init__(self) -> None:
        if len(self.steps) == 0:
            raise InputError("steps must hold at least one shift.")

    def eigenvalues(self, d: int) -> Array:
        r"""Return T's eigenvalue at each frequency.

        :math:`|\mathrm{mean}_s e^{2 \pi i \omega s / d}|^2`, for (-1, 0, 1)
        :math:`((1 + 2 \cos(2 \pi \omega / d)) / 3)^2`.

        Parameters
        ----------
        d : int
            The number of coordinates.

        Returns
        -------
        numpy.ndarray of shape (d,)
        """
        angle = 2 * np.pi * np.outer(np.arange(d), np.asarray(self.steps)) / d
        return np.asarray(np.abs(np.exp(1j * angle).mean(1)) ** 2)

    def __call__(self, x: Array, generator: np.random.Generator) -> Array:
        """Draw one view of each row: (n, d) to (n, d)."""
        step = np.asarray(self.steps)[generator.integers(len(self.steps), size=len(x))]
        d = x.shape[1]
        return np.take_along_axis(x, (np.arange(d) - step[:, None]) % d, axis=1)


def frequency_counts(
    d: int, degree: int, *, space: Literal["cube", "sphere"] = "cube"
) -> npt.NDArray[np.int64]:
    r"""Count the functions of a degree that have each frequency under the cyclic shift.

    By characters: the shift by s has trace :math:`\chi(s)` on the functions of the degree, and the
    frequency :math:`\omega` occurs :math:`\frac1d \sum_s \chi(s) e^{-2 \pi i \omega s / d}` times.
    With g = gcd(s, d) the trace is the coefficient of :math:`z^\ell` in
    :math:`(1 + z^{d/g})^g` on the cube and in :math:`(1 - z^2)(1 - z^{d/g})^{-g}` on the sphere.

    Parameters
    ----------
    d : int
        Coordinates.
    degree : int
        :math:`\ell`, at most ``d`` on the cube.
    space : {"cube", "sphere"}
        Bit strings of length d, or the unit sphere of R^d.

    Returns
    -------
    numpy.ndarray of shape (d,), int
        They sum to C(d, degree) and to the sphere's multiplicity.

    Examples
    --------
    Of the 64 characters of 6 bits, 14 can be made invariant under all shifts:

    >>> sum(int(frequency_counts(6, degree)[0]) for degree in range(7))
    14
    >>> frequency_counts(3, 1, space="sphere").tolist()
    [1, 1, 1]
    """
    as_count(d, name="d", least=2)
    as_count(degree, name="degree", least=0)
    if space not in ("cube", "sphere"):
        raise InputError(f"space must be 'cube' or 'sphere', got {space!r}.")
    traces = [_trace(d, degree, gcd(step, d), space) for step in range(d)]
    return np.rint(np.fft.fft(traces).real / d).astype(np.int64)


def shift_mean(values: Array, *, steps: Sequence[int]) -> Array:
    """Average a function of one coordinate over cyclic shifts.

    Parameters
    ----------
    values : numpy.ndarray of shape (n, d)
        The function at each coordinate of each point.
    steps : sequence of int
        Which coordinates count, from the first one.

    Returns
    -------
    numpy.ndarray of shape (n,)

    Examples
    --------
    >>> shift_mean(np.array([[1.0, 2.0, 6.0]]), steps=[-1, 0])
    array([1.5])
    """
    d = values.shape[1]
    return np.asarray(values[:, [-step % d for step in steps]].mean(1))


def _trace(d: int, degree: int, g: int, space: str) -> float:
    """Return the trace of a shift with g cycles of length d / g, by its generating function."""
    length = d // g
    if space == "cube":
        return _binomial(g, degree / length)
    harmonic = _binomial(g - 1 + degree // length, g - 1) if degree % length == 0 else 0.0
    below = degree - 2
    if below >= 0 and below % length == 0:
        harmonic -= _binomial(g - 1 + below // length, g - 1)
    return harmonic


def _binomial(n: int, k: float) -> float:
    from math import comb

    return float(comb(n, int(k))) if k == int(k) else 0.0
