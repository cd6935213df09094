"""Reading tasks out of functions, and out of the points themselves, with few labels."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ssl_lib.theory import Gaussian
from ssl_lib.theory.checks import Array
from ssl_lib.theory.downstream import classification_excess

__all__ = ["kernel_ridge", "one_hot", "probe_excess", "ridge", "ridge_excess"]

#: Of the probe, on functions of unit second moment.
RIDGE = 1e-2
#: What kernel ridge regression on the points may choose from, in hindsight.
SCALES, PENALTIES = (0.15, 0.3, 0.6, 1.2), (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
#: At most so many disjoint draws of labelled points of a sample.
DRAWS = 5


def one_hot(labels: npt.ArrayLike, classes: int) -> Array:
    """Return a row of zeros with a one for each label.

    Examples
    --------
    >>> one_hot(np.array([1, 0]), 2)
    array([[0., 1.],
           [1., 0.]])
    """
    return np.asarray(np.eye(classes)[np.asarray(labels, dtype=int)])


def ridge(train: Array, targets: Array, test: Array, *, penalty: float = RIDGE) -> Array:
    """Return predictions of ridge regression with an intercept.

    Parameters
    ----------
    train, test : numpy.ndarray of shape (n, k) and (m, k)
        Functions' values.
    targets : numpy.ndarray of shape (n, c)
    penalty : float
        Beside the mean squared error.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [2.0]])
    >>> ridge(x, 2 * x + 1, np.array([[3.0]]), penalty=0.0).round(6)
    array([[7.]])
    """
    middle, mean = train.mean(0), targets.mean(0)
    x, y = train - middle, targets - mean
    weights = np.linalg.solve(x.T @ x + penalty * len(x) * np.eye(x.shape[1]), x.T @ y)
    return np.asarray((test - middle) @ weights + mean)


def kernel_ridge(
    train: Array, targets: Array, test: Array, *, scale: float, penalties: Sequence[float]
) -> list[Array]:
    """Return predictions of kernel ridge regression with a Gaussian kernel, one a penalty.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0]])
    >>> kernel_ridge(x, x, x, scale=1.0, penalties=[1e-9])[0].round(4)
    array([[0.],
           [1.]])
    """
    mean = targets.mean(0)
    values, axes = np.linalg.eigh(Gaussian(scale)(train, train))
    turned = axes.T @ (targets - mean)
    reach = Gaussian(scale)(test, train) @ axes
    return [
        np.asarray(reach @ (turned / (values[:, None].clip(0) + penalty * len(train))) + mean)
        for penalty in penalties
    ]


def _draws(n: int, total: int) -> list[slice]:
    return [slice(i * n, (i + 1) * n) for i in range(min(DRAWS, total // n))]


def probe_excess(
    train: Array, labels: Array, test: Array, probabilities: Array, *, n: int
) -> float:
    """Return the excess error of a ridge probe on functions with n labels, a mean over draws."""
    found = [
        classification_excess(ridge(train[part], labels[part], test), probabilities)
        for part in _draws(n, len(train))
    ]
    return float(np.mean(found))


def ridge_excess(
    train: Array,
    labels: Array,
    test: Array,
    probabilities: Array,
    *,
    n: int,
    scales: Sequence[float] = SCALES,
    penalties: Sequence[float] = PENALTIES,
) -> float:
    """Return the same of kernel ridge regression on the points, the best setting in hindsight."""
    found = [
        [
            classification_excess(predicted, probabilities)
            for scale in scales
            for predicted in kernel_ridge(
                train[part], labels[part], test, scale=scale, penalties=penalties
            )
        ]
        for part in _draws(n, len(train))
    ]
    return float(np.mean(found, axis=0).min())
