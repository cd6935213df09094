"""Which groupings of points a hyperplane separates, and how many there are (Cover, 1965).

A representation suits every binary task on K equivalence classes exactly when all 2^K groupings
(*dichotomies*) of its K codes are linearly separable. That takes K - 1 dimensions, the third
condition of Theorem 1 in Dubois et al. (2022).
"""

from __future__ import annotations

from itertools import combinations, product
from math import comb

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError

__all__ = [
    "cover_count",
    "cover_fraction",
    "is_separable",
    "separable_dichotomies",
    "separable_fraction",
    "simplex_code",
]

_LARGEST = 16
# A point nearer to a hyperplane than this, on centred points of unit size, counts as on it.
_ON = 1e-9

Points = npt.NDArray[np.floating]


def cover_count(n_points: int, dim: int, *, bias: bool = True) -> int:
    """Count the linearly separable dichotomies of points in general position (Cover, 1965).

    ``2 * sum_{i=0}^{d} C(K - 1, i)`` for K points in d dimensions and hyperplanes with a bias.

    Parameters
    ----------
    n_points : int
        K, at least 1.
    dim : int
        d, at least 0.
    bias : bool, default=True
        Whether hyperplanes may miss the origin; without a bias one dimension counts less.

    Returns
    -------
    int
        Of the 2^K dichotomies; a grouping and its opposite count as two.

    Examples
    --------
    Of the 16 groupings of four points in a plane, the two crosswise ones are out of reach:

    >>> cover_count(4, 2)
    14
    """
    if n_points < 1 or dim < 0:
        raise InputError(
            f"n_points must be at least 1 and dim at least 0, got {n_points} and {dim}."
        )
    return 2 * sum(comb(n_points - 1, i) for i in range(dim + 1 if bias else dim))


def cover_fraction(n_points: int, dim: int, *, bias: bool = True) -> float:
    """Return the share of all 2^K dichotomies that :func:`cover_count` counts.

    It is 1 exactly from ``dim = n_points - 1`` on.

    Parameters
    ----------
    n_points, dim, bias
        See :func:`cover_count`.

    Returns
    -------
    float

    Examples
    --------
    >>> [round(cover_fraction(8, d), 4) for d in range(1, 8)]
    [0.0625, 0.2266, 0.5, 0.7734, 0.9375, 0.9922, 1.0]
    """
    return float(cover_count(n_points, dim, bias=bias) / 2**n_points)


def is_separable(points: Points, grouping: npt.ArrayLike) -> bool:
    """Say whether a hyperplane with bias separates two groups of points, by linear programming.

    Parameters
    ----------
    points : numpy.ndarray of shape (k, d)
        One row a point.
    grouping : array_like of shape (k,)
        True for the points of one group, False for the others; an empty group is separable.

    Returns
    -------
    bool
        Whether some (w, b) has ``w . x + b >= 1`` on one group and ``<= -1`` on the other.

    Examples
    --------
    >>> square = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    >>> is_separable(square, [True, True, False, False])
    True
    >>> is_separable(square, [True, False, False, True])
    False
    """
    from scipy.optimize import linprog

    points = _checked(points)
    sign = np.where(np.asarray(grouping, dtype=bool), 1.0, -1.0)
    if sign.shape != (len(points),):
        raise InputError(f"grouping must have {len(points)} entries, got shape {sign.shape}.")
    rows = np.column_stack([points, np.ones(len(points))])
    found = linprog(
        np.zeros(rows.shape[1]),
        A_ub=-sign[:, None] * rows,
        b_ub=-np.ones(len(points)),
        bounds=(None, None),
        method="highs",
    )
    return bool(found.status == 0)


def separable_dichotomies(points: Points) -> npt.NDArray[np.bool_]:
    """List all linearly separable groupings of a few points, exactly.

    A separating hyperplane can be moved until it touches as many points as their affine span has
    dimensions. So every separable grouping is found on a hyperplane through such a subset: the
    points of the subset may go to either side, the others stay where they are. Points that are not
    in general position are decided one grouping at a time by :func:`is_separable`.

    Parameters
    ----------
    points : numpy.ndarray of shape (k, d)
        At most 16 points.

    Returns
    -------
    numpy.ndarray of shape (m, k), bool
        Each row a grouping, in lexicographic order; a grouping and its opposite are both there.

    Examples
    --------
    >>> line = np.array([[0.0], [1.0], [2.0]])
    >>> separable_dichotomies(line).astype(int).tolist()
    [[0, 0, 0], [0, 0, 1], [0, 1, 1], [1, 0, 0], [1, 1, 0], [1, 1, 1]]
    """
    points = _checked(points)
    if len(points) > _LARGEST:
        raise InputError(f"at most {_LARGEST} points have few enough groupings, got {len(points)}.")
    reduced = _in_affine_span(points)
    everything = np.array(list(product([False, True], repeat=len(points))))
    if reduced.shape[1] == len(points) - 1:
        return everything  # affinely independent: every grouping
    sides = _sides(reduced)
    if sides is None:
        return everything[[is_separable(points, grouping) for grouping in everything]]
    return np.unique(np.concatenate([sides, ~sides]), axis=0)


def separable_fraction(points: Points) -> float:
    """Return the share of all groupings of the points that a hyperplane separates.

    Parameters
    ----------
    points : numpy.ndarray of shape (k, d)
        At most 16 points, such as the mean representation of each class.

    Returns
    -------
    float
        1 exactly when the points are affinely independent.

    Examples
    --------
    >>> separable_fraction(simplex_code(5))
    1.0
    >>> separable_fraction(np.array([[0.0, 0], [0, 1], [1, 0], [1, 1.1]]))
    0.875
    """
    return float(len(separable_dichotomies(points)) / 2 ** len(points))


def simplex_code(n_points: int) -> npt.NDArray[np.float64]:
    """Return the vertices of a regular simplex around the origin: an ideal code for K classes.

    Parameters
    ----------
    n_points : int
        K, at least 2.

    Returns
    -------
    numpy.ndarray of shape (K, K - 1)
        Unit vectors, any two at cosine -1 / (K - 1).

    Examples
    --------
    >>> code = simplex_code(4)
    >>> code.shape, round(float(code[0] @ code[1]), 4)
    ((4, 3), -0.3333)
    >>> simplex_code(2).tolist()
    [[1.0], [-1.0]]
    """
    if n_points < 2:
        raise InputError(f"a simplex needs at least 2 points, got {n_points}.")
    # Helmert's contrasts: a decomposition would turn the simplex as each processor's LAPACK likes.
    steps = np.arange(1, n_points)
    contrasts = np.triu(np.ones((n_points, n_points - 1))) - np.diag(steps, -1)[:, :-1]
    length = np.sqrt((n_points - 1) / n_points * steps * (steps + 1))
    unit: npt.NDArray[np.float64] = contrasts / length
    return unit


def _checked(points: Points) -> npt.NDArray[np.float64]:
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.size == 0 or not np.isfinite(array).all():
        raise InputError(f"points must be a finite matrix (k, d), got shape {array.shape}.")
    return array


def _in_affine_span(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return coordinates of the points in their affine span, scaled to unit size: (k, r)."""
    centred = points - points.mean(0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    kept = size > size[0] * max(points.shape) * np.finfo(float).eps if size[0] > 0 else size > 0
    coordinates: npt.NDArray[np.float64] = left[:, kept] * (size[kept] / max(size[0], 1e-300))
    return coordinates


def _sides(points: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_] | None:
    """Return the groupings that hyperplanes through r points give; None when more lie on one."""
    k, r = points.shape
    if r == 0:
        return None
    subsets = np.array(list(combinations(range(k), r)))
    rows = np.concatenate([points, np.ones((k, 1))], axis=1)
    normals = np.linalg.svd(rows[subsets])[2][:, -1]
    height = normals @ rows.T
    outside = np.ones((len(subsets), k), dtype=bool)
    np.put_along_axis(outside, subsets, False, axis=1)
    if (np.abs(height[outside]) < _ON).any():
        return None
    choices = np.array(list(product([False, True], repeat=r)), dtype=bool)
    sides = np.repeat((height > 0)[:, None], len(choices), axis=1)
    index = np.broadcast_to(subsets[:, None], (len(subsets), len(choices), r))
    np.put_along_axis(sides, index, np.broadcast_to(choices, index.shape), axis=2)
    return sides.reshape(-1, k)
