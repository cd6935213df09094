"""Comparing representations by the functions they span, not by their coordinates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.theory.checks import Array, as_matrix

__all__ = ["alignment", "explained", "principal_cosines"]


def principal_cosines(a: npt.ArrayLike, b: npt.ArrayLike, *, centre: bool = False) -> Array:
    """Return the cosines of the principal angles between the spans of two sets of functions.

    Parameters
    ----------
    a, b : array_like of shape (n, k) and (n, l)
        Values of functions on the same n points.
    centre : bool
        Compare the functions less their means.

    Returns
    -------
    numpy.ndarray of shape (min(k, l),)
        Largest first; neither scaling nor rotating the columns changes them.

    References
    ----------
    Björck and Golub, "Numerical methods for computing angles between linear subspaces" (1973).

    Examples
    --------
    >>> a = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    >>> b = np.array([[1.0], [0.0], [1.0]])
    >>> principal_cosines(a, b).round(4)
    array([0.7071])
    """
    left, right = as_matrix(a, name="a"), as_matrix(b, name="b")
    if len(left) != len(right):
        raise InputError(f"a and b must have the same rows, got {len(left)} and {len(right)}.")
    cosines = np.linalg.svd(
        _basis(left, "a", centre).T @ _basis(right, "b", centre), compute_uv=False
    )
    return np.asarray(np.clip(cosines, 0, 1))


def alignment(a: npt.ArrayLike, b: npt.ArrayLike, *, centre: bool = False) -> float:
    """Return the mean squared cosine of the principal angles: 1 for one and the same span.

    Cut both at a gap of their spectra: in a group of near-equal eigenvalues spans are arbitrary.

    Parameters
    ----------
    a, b : array_like of shape (n, k) and (n, l)
        Values of functions on the same n points.
    centre : bool
        Compare the functions less their means.

    Returns
    -------
    float

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a = rng.standard_normal((50, 3))
    >>> round(alignment(a, a @ rng.standard_normal((3, 3))), 9)
    1.0
    """
    return float((principal_cosines(a, b, centre=centre) ** 2).mean())


def explained(
    features: npt.ArrayLike, targets: npt.ArrayLike, *, centre: bool = True
) -> npt.NDArray[np.float64]:
    r"""Return the share of each target that lies in the span of features: R^2.

    Parameters
    ----------
    features : array_like of shape (n, k)
        Values of functions on n points; k below n.
    targets : array_like of shape (n,) or (n, t)
        Targets on the same points.
    centre : bool
        Take means off both, as a regression with an intercept does.

    Returns
    -------
    numpy.ndarray of shape () or (t,)
        :math:`1 - \|(I - \Pi) f\|^2 / \|f\|^2`.

    Raises
    ------
    InputError
        When a target is constant, as labels of one class are.

    Examples
    --------
    >>> x = np.array([-1.0, 0.0, 1.0, 2.0])
    >>> explained(x[:, None], np.stack([3 * x + 1, x**2], axis=1)).round(2)
    array([1.  , 0.56])
    """
    values = np.asarray(targets, dtype=np.float64)
    found = as_matrix(features, name="features")
    columns = as_matrix(values.reshape(len(values), -1), name="targets")
    if len(columns) != len(found):
        raise InputError(
            f"features and targets must have the same rows, got {len(found)} and {len(columns)}."
        )
    size = (columns**2).sum(0)
    columns = columns - columns.mean(0) if centre else columns
    total = (columns**2).sum(0)
    if (total <= 1e-20 * size).any() or (size == 0).any():
        raise InputError("a target is constant (one class), so no share of it can be explained.")
    inside = _basis(found, "features", centre).T @ columns
    return np.asarray(((inside**2).sum(0) / total).reshape(values.shape[1:]))


def _basis(values: Array, name: str, centre: bool) -> Array:
    values = values - values.mean(0) if centre else values
    left, size, _ = np.linalg.svd(values, full_matrices=False)
    rank = int((size > 1e-10 * size[0]).sum())
    if size[0] == 0:
        raise InputError(f"{name} must not vanish{' less their means' if centre else ''}.")
    return np.asarray(left[:, :rank])
