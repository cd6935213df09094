"""Landmarks: a class of functions spanned by a kernel at p points, and rows in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.randomness import numpy_generator
from ssl_lib.theory.checks import Array, as_count, as_matrix
from ssl_lib.theory.kernels import Kernel
from ssl_lib.theory.solving import range_of

__all__ = ["Landmarks", "blocks", "choose_landmarks", "nystroem_map"]

Landmarks: TypeAlias = int | npt.ArrayLike | None
"""How many of the points at hand, or which points (p, d), or all that there are."""

# Numbers in one block: 4 MB of doubles.
_BLOCK = 2**19


def blocks(n: int, width: int) -> Iterator[slice]:
    """Cut n rows into blocks of about 4 MB where each row makes ``width`` numbers.

    Parameters
    ----------
    n, width : int
        Rows, and numbers a row.

    Yields
    ------
    slice

    Examples
    --------
    >>> [(part.start, part.stop) for part in blocks(5, 2**18)]
    [(0, 2), (2, 4), (4, 5)]
    """
    step = max(1, _BLOCK // max(width, 1))
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def choose_landmarks(landmarks: Landmarks, points: Array, *, seed: int) -> Array:
    """Return landmarks: those given, or some of the points drawn without replacement.

    Parameters
    ----------
    landmarks : int, array_like of shape (p, d), or None
        None takes all points.
    points : numpy.ndarray of shape (n, d)
        Where to draw from.
    seed : int
        Draws.

    Returns
    -------
    numpy.ndarray of shape (p, d)

    Examples
    --------
    >>> choose_landmarks(2, np.arange(8.0).reshape(4, 2), seed=0)
    array([[2., 3.],
           [6., 7.]])
    """
    if landmarks is None:
        return points
    if np.ndim(landmarks) == 2:
        return as_matrix(landmarks, name="landmarks", width=points.shape[1])
    if np.ndim(landmarks) != 0:
        raise InputError(f"landmarks must be a number or points (p, d), got {landmarks!r}.")
    p = as_count(landmarks, name="landmarks", most=len(points))  # type: ignore[arg-type]
    chosen = numpy_generator(seed, "landmarks").choice(len(points), size=p, replace=False)
    return points[np.sort(chosen)]


def nystroem_map(kernel: Kernel, landmarks: Array, threshold: float) -> Array:
    r"""Return W such that features :math:`k(x, y) W` have the kernel's products, projected.

    Parameters
    ----------
    kernel : callable
        From points (n, d) and (p, d) to (n, p).
    landmarks : numpy.ndarray of shape (p, d)
        y; copies of a point count once.
    threshold : float
        Eigenvalues of their Gram matrix below this share of the largest are left out.

    Returns
    -------
    numpy.ndarray of shape (p, q)
        :math:`U \Lambda^{-1/2}` from the eigenvalues of the landmarks' Gram matrix.

    Examples
    --------
    >>> from ssl_lib.theory.kernels import Gaussian
    >>> points = np.array([[0.0], [0.0], [1.0]])
    >>> features = Gaussian()(points, points) @ nystroem_map(Gaussian(), points, 1e-9)
    >>> features.shape, (features @ features.T).round(4)[0]
    ((3, 2), array([1.    , 1.    , 0.6065]))
    """
    size, axes = range_of(np.asarray(kernel(landmarks, landmarks)), threshold)
    return axes / np.sqrt(size)
