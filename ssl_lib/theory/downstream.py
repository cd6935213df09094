r"""What a linear probe on a representation errs: bias, noise, and bounds on the bias.

For a target f* with label noise of variance :math:`\sigma^2`, k features and n labels the excess
risk of least squares is about :math:`b + (\sigma^2 + b) k / (n - k - 1)`, with the bias
:math:`b = \|(I - \Pi) f^*\|^2` the part of the target outside their span.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.theory.checks import Array, as_count, as_matrix, as_positive

__all__ = [
    "bias_bound", "classification_excess", "excess_risk", "nested_probes", "regression_excess",
    "source_bound",
]  # fmt: skip


def excess_risk(bias: npt.ArrayLike, *, noise: float, k: int, n: npt.ArrayLike) -> Array:
    r"""Return :math:`b + (\sigma^2 + b) k / (n - k - 1)`, the excess risk of a linear probe.

    Exact for Gaussian features without intercept; in general right where n is many times k.

    Parameters
    ----------
    bias : array_like
        b, per unit of the target's own scale.
    noise : float
        :math:`\sigma`, the standard deviation of label noise.
    k : int
        Features.
    n : array_like
        Labels, above k + 1.

    Returns
    -------
    numpy.ndarray

    Examples
    --------
    >>> excess_risk(0.1653, noise=0.5, k=25, n=[300, 1000, 3000]).round(3)
    array([0.203, 0.176, 0.169])
    """
    labels = np.asarray(n, dtype=np.float64)
    if (labels <= k + 1).any():
        raise InputError(f"n must be above k + 1 = {k + 1}, where the risk explodes; got {n!r}.")
    outside = np.asarray(bias, dtype=np.float64)
    return np.asarray(outside + (noise**2 + outside) * k / (labels - k - 1))


def bias_bound(variation: npt.ArrayLike, energies: npt.ArrayLike, k: int) -> Array:
    r"""Return the most of a target that the k functions of least variation can miss.

    :math:`\|(I - \Pi_k) f^*\|^2 \le V(f^*) / \eta_{k + 1}`, with equality for the next function.

    Parameters
    ----------
    variation : array_like
        :math:`V(f^*)` of targets.
    energies : array_like of shape (s,)
        :math:`\eta`, ascending, s above k.
    k : int
        Features.

    Returns
    -------
    numpy.ndarray
        Infinite where :math:`\eta_{k + 1}` is zero: nothing is promised inside a group of clusters.

    Examples
    --------
    >>> float(bias_bound(0.5, [0.0, 1.0, 4.0], 2))
    0.125
    """
    levels = np.asarray(energies, dtype=np.float64)
    if (np.diff(levels) < -1e-9 * np.abs(levels).max()).any():
        raise InputError("energies must ascend: for eigenvalues mu of T give 1 - mu.")
    level = levels[as_count(k, name="k", least=0, most=len(levels) - 1)]
    target = np.asarray(variation, dtype=np.float64)
    return target / level if level > 0 else np.where(target > 0, np.inf, 0.0)


def source_bound(eigenvalues: npt.ArrayLike, k: int, *, power: float, size: float = 1.0) -> float:
    r"""Return the bias of a smooth target :math:`f^* = T^r g`: :math:`\lambda_{k+1}^{2r} \|g\|^2`.

    Parameters
    ----------
    eigenvalues : array_like of shape (s,)
        :math:`\lambda` of T, largest first, s above k.
    k : int
        Features, those of no penalty.
    power : float
        r.
    size : float
        :math:`\|g\|^2`.

    Returns
    -------
    float

    Examples
    --------
    >>> source_bound([1.0, 0.8, 0.5], 2, power=1.0)
    0.25
    """
    levels = -np.sort(-np.asarray(eigenvalues, dtype=np.float64))
    level = levels[as_count(k, name="k", least=0, most=len(levels) - 1)]
    return float(max(level, 0.0) ** (2 * as_positive(power, name="power", zero=True)) * size)


def nested_probes(features: npt.ArrayLike, targets: npt.ArrayLike, sizes: Sequence[int]) -> Array:
    """Fit least squares without an intercept to the first rows of a sample, for many sizes at once.

    Products are summed once over the sample: the cost is that of the largest size.

    Parameters
    ----------
    features : array_like of shape (n, k)
        Features.
    targets : array_like of shape (n, t)
        Targets.
    sizes : sequence of int
        Rows of each fit, at least k and at most n.

    Returns
    -------
    numpy.ndarray of shape (len(sizes), k, t)
        Weights.

    Examples
    --------
    >>> x = np.array([[1.0], [1.0], [1.0]])
    >>> nested_probes(x, [[1.0], [3.0], [8.0]], [1, 2, 3]).ravel()
    array([1., 2., 4.])
    """
    x, y = as_matrix(features, name="features"), as_matrix(targets, name="targets")
    if len(x) != len(y):
        raise InputError(f"features and targets must have the same rows, got {len(x)}, {len(y)}.")
    k = x.shape[1]
    counts = np.asarray(sizes, dtype=np.int64)
    if (counts < k).any() or (counts > len(x)).any():
        raise InputError(
            f"sizes must be at least {k}, the features, and at most {len(x)}, the rows."
        )
    order = np.argsort(counts, kind="stable")
    gram, cross = np.zeros((len(counts), k, k)), np.zeros((len(counts), k, y.shape[1]))
    start, square, product = 0, np.zeros((k, k)), np.zeros((k, y.shape[1]))
    for place in order:
        part = slice(start, start := int(counts[place]))
        square, product = square + x[part].T @ x[part], product + x[part].T @ y[part]
        gram[place], cross[place] = square, product
    try:
        return np.asarray(np.linalg.solve(gram, cross))
    except np.linalg.LinAlgError as error:
        raise InputError("the features of some size are linearly dependent: take fewer.") from error


def regression_excess(predictions: Array, probabilities: Array) -> Array:
    r"""Return the squared error summed over classes, averaged over points.

    Parameters
    ----------
    predictions : numpy.ndarray of shape (..., n, c)
        Of a probe on one-hot labels.
    probabilities : numpy.ndarray of shape (n, c)
        p(y | x).

    Returns
    -------
    numpy.ndarray of shape (...)

    Examples
    --------
    >>> regression_excess(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])).item()
    0.5
    """
    return np.asarray(((predictions - probabilities) ** 2).sum((-2, -1)) / len(probabilities))


def classification_excess(predictions: Array, probabilities: Array) -> Array:
    """Return by how much the error of the predicted classes is above the least possible (Bayes).

    Parameters
    ----------
    predictions : numpy.ndarray of shape (..., n, c)
        Scores; the largest is the prediction.
    probabilities : numpy.ndarray of shape (n, c)
        p(y | x).

    Returns
    -------
    numpy.ndarray of shape (...)

    Examples
    --------
    >>> classification_excess(np.array([[0.2, 0.8]]), np.array([[0.75, 0.25]])).item()
    0.5
    """
    chosen = predictions.argmax(-1)
    reached = probabilities[np.arange(len(probabilities)), chosen]
    return np.asarray((probabilities.max(1) - reached).mean(-1))
