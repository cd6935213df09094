"""Intervals where units are crossed, paired or noisy: seeds and images, models and images.

The test images of a table are the same for all its seeds, so an interval over seeds alone says how
another training would come out on these very images. What a claim says of images in general needs
both to be drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.randomness import numpy_generator

__all__ = ["corrected_correlation", "crossed_bootstrap", "exact_p", "paired_bootstrap"]

Floats = npt.NDArray[np.float64]
Units = int | npt.ArrayLike


def crossed_bootstrap(
    statistic: Callable[..., npt.ArrayLike],
    units: Sequence[Units],
    *,
    replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Floats, Floats]:
    """Return the percentile interval of a statistic when all kinds of units are drawn again.

    Owen (2007), "The pigeonhole bootstrap": each kind is drawn independently, with replacement.

    Parameters
    ----------
    statistic : callable
        Takes the drawn positions, an int array for each kind of unit, and returns a number or an
        array.
    units : sequence of int or array-like
        For each kind how many there are, or a group for each unit: then units are drawn within
        their group, whose size stays.
    replicates : int, default=1000
    seed : int, default=0
        Of the draws.
    level : float, default=0.95
        Of confidence.

    Returns
    -------
    low, high : float64 arrays, shaped as the statistic

    Raises
    ------
    InputError
        For a kind without units, less than two replicates or a level outside (0, 1).

    Examples
    --------
    >>> right = np.random.default_rng(0).random((5, 400)) < 0.8  # of 5 seeds on 400 images
    >>> low, high = crossed_bootstrap(lambda s, i: right[np.ix_(s, i)].mean(), right.shape)
    >>> bool(low < right.mean() < high)
    True
    """
    if replicates < 2 or not 0 < level < 1:
        raise InputError(
            f"replicates must be at least 2 and level in (0, 1), got {replicates} and {level}."
        )
    blocks = [_blocks(kind) for kind in units]
    generator = numpy_generator(seed, "crossed bootstrap")
    draws = [
        statistic(*(np.concatenate([generator.choice(b, len(b)) for b in kind]) for kind in blocks))
        for _ in range(replicates)
    ]
    ends = [50 * (1 - level), 50 * (1 + level)]
    low, high = np.percentile(np.asarray(draws, np.float64), ends, axis=0)
    return low, high


def _blocks(kind: Units) -> list[npt.NDArray[np.int64]]:
    groups = np.zeros(kind, np.int64) if isinstance(kind, int) else np.asarray(kind)
    if groups.ndim != 1 or not len(groups):
        raise InputError(f"units must be a count above 0 or a group for each, got {kind!r}.")
    return [np.flatnonzero(groups == name) for name in np.unique(groups)]


def paired_bootstrap(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Return how much larger one method's mean is than another's on the same seeds and images.

    Parameters
    ----------
    first, second : array-like of shape (seeds, images)
        For example whether each image was classified rightly; row by row with the same seed, column
        by column on the same image.
    replicates, seed, level
        As of :func:`crossed_bootstrap`.

    Returns
    -------
    difference, low, high : float

    Raises
    ------
    InputError
        When the shapes differ, or are not of two dimensions.

    Examples
    --------
    >>> one = np.zeros((3, 500))
    >>> one[:, :10] = 1
    >>> difference, low, high = paired_bootstrap(one, np.zeros((3, 500)))
    >>> difference, bool(0 < low < 0.02 < high)
    (0.02, True)
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != other.shape or one.ndim != 2 or not one.size:
        raise InputError(
            f"both must have the same shape (seeds, images), got {one.shape} and {other.shape}."
        )
    gains = one - other
    low, high = crossed_bootstrap(
        lambda seeds, images: gains[seeds].mean(0)[images].mean(), gains.shape,
        replicates=replicates, seed=seed, level=level,
    )  # fmt: skip
    return float(gains.mean()), float(low), float(high)


def corrected_correlation(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    noise_x: npt.ArrayLike = 0.0,
    noise_y: npt.ArrayLike = 0.0,
) -> float:
    r"""Return the correlation that two measured quantities would have without their noise.

    .. math:: r^* = \frac{\mathrm{cov}(x, y)}
       {\sqrt{(\mathrm{var}\,x - \overline{v_x}) (\mathrm{var}\,y - \overline{v_y})}}

    Spearman (1904); the noise of the two is independent. An accuracy p on n images has the variance
    p (1 - p) / n.

    Parameters
    ----------
    x, y : array-like of shape (n,)
    noise_x, noise_y : array-like, broadcast to (n,)
        Variances of what was measured, for each value or for all.

    Returns
    -------
    float
        Around 1 it may exceed 1 by chance; NaN where the noise explains all variance.

    Raises
    ------
    InputError
        When lengths differ, there are fewer than three values, or a variance is negative.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> true = draw.normal(size=2000)
    >>> x, y = true + draw.normal(size=2000), true + draw.normal(size=2000)
    >>> round(float(np.corrcoef(x, y)[0, 1]), 2)
    0.49
    >>> round(corrected_correlation(x, y, noise_x=1.0, noise_y=1.0), 2)
    0.99
    """
    one, other = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if one.ndim != 1 or one.shape != other.shape or len(one) < 3:
        raise InputError(f"x and y must be as long, at least 3; got {one.shape}, {other.shape}.")
    noise = [np.asarray(given, np.float64) for given in (noise_x, noise_y)]
    if any(variances.min() < 0 for variances in noise):
        raise InputError("a variance of noise must not be negative.")
    covariance = np.cov(one, other)
    left = covariance.diagonal() - [variances.mean() for variances in noise]
    return float(covariance[0, 1] / np.sqrt(left.prod())) if (left > 0).all() else float("nan")


def exact_p(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Return how often chance orders a few values as much alike, by Kendall's tau.

    Parameters
    ----------
    x, y : array-like of shape (n,)
        From 3 to 8 pairs; ties are as common in every order.

    Returns
    -------
    float
        Two-sided: the share of all n! orders of `y` whose tau is at least as far from 0.

    Raises
    ------
    InputError
        When lengths differ or are out of range.

    Examples
    --------
    Five settings in perfect order are one order, or its reverse, of 120.

    >>> round(exact_p([1, 2, 3, 4, 5], [2, 3, 5, 7, 11]), 4)
    0.0167
    """
    one, other = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if one.ndim != 1 or one.shape != other.shape or not 3 <= len(one) <= 8:
        raise InputError(f"x and y must be as long, 3 to 8; got {one.shape} and {other.shape}.")
    first, second = np.triu_indices(len(one), 1)
    signs = np.sign(one[first] - one[second])
    orders = other[np.array(list(permutations(range(len(one)))))]  # as it is comes first
    found = np.abs(np.sign(orders[:, first] - orders[:, second]) @ signs)
    return float(np.mean(found >= found[0] - 1e-9))
