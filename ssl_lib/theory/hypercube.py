r"""Uniform bit strings {-1, 1}^d: their characters, and what augmentations do to them.

The augmentations of this file are diagonal in the Walsh characters
:math:`\chi_S(x) = \prod_{i \in S} x_i`, and so commute with all dot-product kernels. Called with
bit strings and a generator, one draws a view of each: it can be the ``views`` of an estimator.
Cyclic shifts are in :mod:`ssl_lib.theory.cyclic`: they mix the characters of an orbit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.theory.checks import Array, as_count

__all__ = [
    "Augmentation", "Crop", "Flip", "FlipAll", "Resample", "Sets", "characters", "members",
    "subsets", "vertices",
]  # fmt: skip

Sets = npt.NDArray[np.bool_]
"""Subsets of the d positions as rows of membership, (s, d)."""

_LARGEST = 20


def vertices(d: int) -> Array:
    """Return all bit strings of length ``d``.

    Parameters
    ----------
    d : int
        At most 20.

    Returns
    -------
    numpy.ndarray of shape (2**d, d)
        Of -1 and 1.

    Examples
    --------
    >>> vertices(2)
    array([[ 1.,  1.],
           [-1.,  1.],
           [ 1., -1.],
           [-1., -1.]])
    """
    as_count(d, name="d", most=_LARGEST)
    return np.asarray(1.0 - 2 * ((np.arange(2**d)[:, None] >> np.arange(d)) & 1))


def subsets(d: int, most: int | None = None) -> Sets:
    """Return the subsets of ``d`` positions, smaller ones first.

    Parameters
    ----------
    d : int
        At most 20 where all subsets are asked for.
    most : int, optional
        The largest size.

    Returns
    -------
    numpy.ndarray of shape (s, d), bool

    Examples
    --------
    >>> subsets(3, most=1).astype(int).tolist()
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    """
    as_count(d, name="d", most=_LARGEST if most is None else None)
    sizes = range((d if most is None else min(most, d)) + 1)
    return members((chosen for size in sizes for chosen in combinations(range(d), size)), d)


def members(sets: Iterable[Iterable[int]], d: int) -> Sets:
    """Return subsets as rows of membership.

    Parameters
    ----------
    sets : iterable of iterable of int
        Positions from 0 on, modulo ``d``: on the cycle, positions counted from 1 do as well.
    d : int
        How many positions there are.

    Returns
    -------
    numpy.ndarray of shape (s, d), bool

    Examples
    --------
    >>> members([(0, 2), ()], 3).astype(int).tolist()
    [[1, 0, 1], [0, 0, 0]]
    """
    chosen = [list(positions) for positions in sets]
    found = np.zeros((len(chosen), d), dtype=bool)
    for row, positions in enumerate(chosen):
        found[row, np.asarray(positions, dtype=int) % d] = True
    return found


def characters(x: Array, sets: Sets) -> Array:
    r"""Evaluate Walsh characters :math:`\chi_S`, orthonormal under the uniform measure.

    Parameters
    ----------
    x : numpy.ndarray of shape (n, d)
        Bit strings.
    sets : numpy.ndarray of shape (s, d), bool
        See :func:`members`.

    Returns
    -------
    numpy.ndarray of shape (n, s)

    Examples
    --------
    >>> characters(np.array([[1.0, -1.0, -1.0]]), members([(0, 1), (1, 2)], 3))
    array([[-1.,  1.]])
    """
    if x.shape[1] != sets.shape[1]:
        raise InputError(f"x has {x.shape[1]} bits and the subsets {sets.shape[1]} positions.")
    minus = (x < 0).astype(np.float64) @ sets.T.astype(np.float64)
    return 1.0 - 2 * (minus % 2)


class Augmentation:
    """Random views of bit strings whose operator T is diagonal in the characters.

    Examples
    --------
    >>> isinstance(Crop(3), Augmentation), isinstance(Flip(0.1), Augmentation)
    (True, True)
    """

    def eigenvalues(self, sets: Sets) -> Array:
        """Return T's eigenvalue on the character of each subset: (s,)."""
        raise NotImplementedError

    def __call__(self, x: Array, generator: np.random.Generator) -> Array:
        """Draw one view of each bit string: (n, d) to (n, d)."""
        raise NotImplementedError


@dataclass(frozen=True)
class Flip(Augmentation):
    r"""Flip each bit with probability p: :math:`(1 - 2p)^{2|S|}`.

    Parameters
    ----------
    p : float
        In [0, 1].

    Examples
    --------
    >>> Flip(0.1).eigenvalues(members([(), (0,), (0, 1)], 3)).round(4)
    array([1.    , 0.64  , 0.4096])
    """

    p: float

    def __post_init__(self) -> None:
        _probability(self.p)

    def eigenvalues(self, sets: Sets) -> Array:
        """Return T's eigenvalue on the character of each subset: (s,)."""
        return np.asarray((1.0 - 2 * self.p) ** (2 * sets.sum(1)))

    def __call__(self, x: Array, generator: np.random.Generator) -> Array:
        """Draw one view of each row: (n, d) to (n, d)."""
        return np.where(generator.random(x.shape) < self.p, -x, x)


@dataclass(frozen=True)
class Resample(Augmentation):
    r"""Draw each bit anew with probability p: :math:`(1 - p)^{2|S|}`.

    Parameters
    ----------
    p : float
        In [0, 1].

    Examples
    --------
    >>> Resample(0.5).eigenvalues(members([(), (0,), (0, 1)], 3))
    array([1.    , 0.25  , 0.0625])
    """

    p: float

    def __post_init__(self) -> None:
        _probability(self.p)

    def eigenvalues(self, sets: Sets) -> Array:
        """Return T's eigenvalue on the character of each subset: (s,)."""
        return np.asarray((1.0 - self.p) ** (2 * sets.sum(1)))

    def __call__(self, x: Array, generator: np.random.Generator) -> Array:
        """Draw one view of each row: (n, d) to (n, d)."""
        return np.where(generator.random(x.shape) < self.p, _bits(x, generator), x)


@dataclass(frozen=True)
class Crop(Augmentation):
    r"""Keep a cyclic window at a uniform place and draw the bits outside it anew.

    The eigenvalue is the squared share of windows that contain S. One arc of the cycle holds S in
    :math:`w + 1 - \mathrm{diam}\,S` of d windows, but windows longer than d / 2 may hold it by two
    different arcs.

    Parameters
    ----------
    width : int
        w, from 1 to d.
    one_arc : bool
        Count the shortest arc only: the formula :math:`((w + 1 - \mathrm{diam}\,S)_+ / d)^2`, which
        is wrong where two arcs fit. It is here to show what difference that makes.

    Examples
    --------
    The pair fits 4 of 12 windows, one of them around the other way:

    >>> pair = members([(1, 6)], 12)
    >>> Crop(8).eigenvalues(pair).round(4), Crop(8, one_arc=True).eigenvalues(pair)
    (array([0.1111]), array([0.0625]))
    """

    width: int
    one_arc: bool = False

    def __post_init__(self) -> None:
        as_count(self.width, name="width")

    def eigenvalues(self, sets: Sets) -> Array:
        """Return T's eigenvalue on the character of each subset: (s,)."""
        windows = self._windows(sets.shape[1])
        held = (sets.astype(int) @ (~windows).T.astype(int) == 0).sum(1)
        if self.one_arc:
            arc = np.maximum(self.width + 1 - diameters(sets), 0)
            held = np.where(sets.any(1), np.minimum(arc, len(windows)), held)
        return np.asarray((held / len(windows)) ** 2)

    def __call__(self, x: Array, generator: np.random.Generator) -> Array:
        """Draw one view of each row: (n, d) to (n, d)."""
        kept = self._windows(x.shape[1])[generator.integers(x.shape[1], size=len(x))]
        return np.where(kept, x, _bits(x, generator))

    def _windows(self, d: int) -> Sets:
        as_count(self.width, name="width", most=d)
        return np.asarray((np.arange(d) - np.arange(d)[:, None]) % d < self.width)


@dataclass(frozen=True)
class FlipAll(Augmentation):
    r"""Flip all bits together with probability p: 1 for even |S|, :math:`(1 - 2p)^2` for odd.

    Parameters
    ----------
    p : float
        In [0, 1].

    Examples
    --------
    >>> FlipAll(0.25).eigenvalues(members([(), (0,), (0, 1)], 3))
    array([1.  , 0.25, 1.  ])
    """

    p: float

    def __post_init__(self) -> None:
        _probability(self.p)

    def eigenvalues(self, sets: Sets) -> Array:
        """Return T's eigenvalue on the character of each subset: (s,)."""
        return np.where(sets.sum(1) % 2 == 0, 1.0, (1.0 - 2 * self.p) ** 2)

    def __call__(self, x: Array, generator: np.random.Generator) -> Array:
        """Draw one view of each row: (n, d) to (n, d)."""
        return np.where(generator.random((len(x), 1)) < self.p, -x, x)


def diameters(sets: Sets) -> npt.NDArray[np.int64]:
    """Return the length of the shortest arc of the cycle that holds each subset, 0 for none.

    Examples
    --------
    >>> diameters(members([(1, 6), (0, 11), (3,), ()], 12)).tolist()
    [6, 2, 1, 0]
    """
    d = sets.shape[1]
    starts = (np.arange(d) + np.arange(d)[:, None]) % d
    turned = sets[:, starts]  # (s, start, d): the subset read from each position on
    last = d - np.argmax(turned[:, :, ::-1], axis=2)
    return np.where(sets.any(1), last.min(1), 0)


def _bits(x: Array, generator: np.random.Generator) -> Array:
    return np.asarray(1.0 - 2 * generator.integers(2, size=x.shape))


def _probability(p: float) -> None:
    if not 0 <= p <= 1:
        raise InputError(f"p must be a probability in [0, 1], got {p!r}.")
