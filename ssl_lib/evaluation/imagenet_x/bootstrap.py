"""Intervals for error ratios that cost almost nothing.

Images that carry the same factors and are both right, or both wrong, cannot be told apart by any
statistic here. Drawing n images with replacement is therefore one multinomial draw over the cells
(pattern of factors, right or wrong): 34 cells with top factors, about 1,200 with all of them.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ssl_lib.arguments import check_whole
from ssl_lib.errors import InputError
from ssl_lib.evaluation.imagenet_x.counts import ratio
from ssl_lib.evaluation.imagenet_x.scoring import Scored
from ssl_lib.randomness import numpy_generator

__all__ = [
    "Intervals",
    "bootstrap_error_ratio",
    "error_ratio_sd",
    "factor_patterns",
    "influence",
    "quantiles",
    "resampled_error_ratios",
]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


class Intervals(NamedTuple):
    """Bootstrap percentile intervals.

    ``low``, ``high`` and ``sd`` are of the error ratios (m, k); ``average_low`` and
    ``average_high`` of the accuracy on all images (m,).
    """

    low: Floats
    high: Floats
    sd: Floats
    average_low: Floats
    average_high: Floats
    replicates: int
    level: float


def bootstrap_error_ratio(
    scored: Scored, *, replicates: int = 1000, level: float = 0.95, seed: int = 0
) -> Intervals:
    """Resample the images, exactly, by drawing the counts of their cells.

    Parameters
    ----------
    scored : Scored
        Of m models. Each is resampled with a stream of its own name, so that its interval does
        not depend on which other models are there.
    replicates : int
        Number of resampled data sets.
    level : float
        Coverage of the percentile interval, between 0 and 1.
    seed : int

    Returns
    -------
    Intervals
        NaN for a factor that no image has. Replicates in which a rare factor has no image, or the
        model no mistake, are left out of its quantiles.

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x import human, load_annotations, score
    >>> table = load_annotations()
    >>> intervals = bootstrap_error_ratio(score(human(table), table, scoring="real"))
    >>> intervals.average_low.round(3), intervals.average_high.round(3)
    (array([0.832]), array([0.838]))
    """
    _check(replicates, level)
    patterns, index = factor_patterns(scored.table.factors)
    per_model = [
        _interval(*_replicate(counts, patterns, replicates, seed, name), level)
        for name, counts in zip(scored.models, _cells(scored, index, len(patterns)), strict=True)
    ]
    low, high, sd, *average = (np.stack(column) for column in zip(*per_model, strict=True))
    return Intervals(low, high, sd, average[0], average[1], replicates, level)


def _check(replicates: int, level: float) -> None:
    check_whole("replicates", replicates, least=2)
    if not 0 < level < 1:
        raise InputError(f"level must be between 0 and 1; got {level}")


def factor_patterns(factors: Array) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Return the distinct rows of a bool matrix, and which of them each row is.

    Examples
    --------
    >>> patterns, index = factor_patterns(np.array([[1, 0], [0, 1], [1, 0]], bool))
    >>> patterns.astype(int).tolist(), index.tolist()
    ([[1, 0], [0, 1]], [0, 1, 0])
    """
    # Up to 63 factors fit the bits of one integer, whose sorting is much faster than that of rows.
    bits = factors.astype(np.int64) @ (1 << np.arange(factors.shape[1]))
    _, first, index = np.unique(bits, return_index=True, return_inverse=True)
    return factors[first].astype(np.bool_), index


def _cells(scored: Scored, index: Array, size: int) -> Array:
    """Return the number of images by model, pattern and (right, wrong): int64 (m, K, 2)."""
    counts = np.zeros((len(scored), size, 2), dtype=np.int64)
    valid = scored.valid_mask()
    for row in range(len(scored)):
        right = scored.correct[row]
        counts[row, :, 0] = np.bincount(index[right], minlength=size)
        counts[row, :, 1] = np.bincount(index[valid[row] & ~right], minlength=size)
    return counts


def _replicate(
    counts: Array, patterns: Array, replicates: int, seed: int, *stream: str
) -> tuple[Floats, Floats]:
    """Return resampled error ratios (replicates, k) and accuracies (replicates,)."""
    flat = counts.reshape(-1)
    draws = np.zeros((replicates, flat.size))
    filled = np.flatnonzero(flat)
    if filled.size:
        generator = numpy_generator(seed, "imagenet_x", "bootstrap", *stream)
        share = flat[filled] / flat.sum()
        draws[:, filled] = generator.multinomial(flat.sum(), share, size=replicates)
    right, wrong = draws[:, 0::2], draws[:, 1::2]
    return resampled_error_ratios(right, wrong, patterns)


def resampled_error_ratios(right: Array, wrong: Array, patterns: Array) -> tuple[Floats, Floats]:
    """Return error ratios (r, k) and accuracies (r,) from cell counts, two arrays (r, K).

    Examples
    --------
    >>> ratios, accuracy = resampled_error_ratios(
    ...     np.array([[3, 5]]), np.array([[1, 1]]), np.array([[True], [False]]))
    >>> ratios.tolist(), accuracy.tolist()
    ([[1.25]], [0.8])
    """
    ticks = patterns.astype(np.float64)
    images, mistakes = (right + wrong).sum(axis=1), wrong.sum(axis=1)
    error = ratio(mistakes, images)
    factor_error = ratio(wrong @ ticks, (right + wrong) @ ticks)
    return ratio(factor_error, error[:, None]), 1 - error


def _interval(ratios: Floats, accuracies: Floats, level: float) -> tuple[Array, ...]:
    low, high = quantiles(ratios, level)
    average_low, average_high = quantiles(accuracies[:, None], level)
    return low, high, _sd(ratios), average_low[0], average_high[0]


def quantiles(values: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the ends of the central interval of each column, without NaN; NaN if all are.

    Examples
    --------
    >>> quantiles(np.array([[0.0], [1.0], [np.nan], [2.0]]), 0.5)
    (array([0.5]), array([1.5]))
    """
    ends = np.full((2, values.shape[1]), np.nan)
    for column, series in enumerate(values.T):
        finite = series[~np.isnan(series)]
        if finite.size:
            ends[:, column] = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return ends[0], ends[1]


def _sd(values: Floats) -> Floats:
    counted = (~np.isnan(values)).sum(axis=0)
    centred = np.nan_to_num(values - ratio(np.nansum(values, axis=0), counted))
    return np.sqrt(ratio((centred**2).sum(axis=0), np.maximum(counted - 1, 0)))


def error_ratio_sd(scored: Scored, *, cluster: Literal["image", "class"] = "image") -> Floats:
    """Return the standard error of each error ratio in closed form (delta method).

    With error rates ``e`` overall and ``e_f`` on a factor, the influence of image i is
    ``x_if ((1 - c_i) - e_f) / (n_f e) - e_f ((1 - c_i) - e) / (N e^2)``; the variance is the sum
    of its squares.

    Parameters
    ----------
    scored : Scored
    cluster : {"image", "class"}
        What another data set would draw anew: images, or whole classes with all their images. The
        latter sums influences within each class before squaring, and is usually larger.

    Returns
    -------
    float64 array (m, k)
        NaN where the error ratio is.

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x import human, load_annotations, score
    >>> table = load_annotations()
    >>> error_ratio_sd(score(human(table), table, scoring="real"))[0, :3].round(4)
    array([0.014 , 0.0154, 0.0269])
    """
    if cluster not in ("image", "class"):
        raise InputError(f"cluster must be image or class; got {cluster!r}")
    patterns, index = factor_patterns(scored.table.factors)
    cells = _cells(scored, index, len(patterns))
    if cluster == "image":
        return np.sqrt(np.stack([_variance(counts, patterns) for counts in cells]))
    per_class = [
        _class_variance(scored, row, cells[row], patterns, index) for row in range(len(cells))
    ]
    return np.sqrt(np.stack(per_class))


def _variance(counts: Array, patterns: Array) -> Floats:
    right, wrong = counts[:, 0], counts[:, 1]
    of_right, of_wrong = influence(right, wrong, patterns)
    return right @ of_right**2 + wrong @ of_wrong**2


def _class_variance(
    scored: Scored, row: int, counts: Array, patterns: Array, index: Array
) -> Floats:
    of_right, of_wrong = influence(counts[:, 0], counts[:, 1], patterns)
    right = scored.correct[row]
    wrong = scored.valid_mask()[row] & ~right
    size = int(scored.table.labels.max(initial=0)) + 1
    sums = np.zeros((size, patterns.shape[1]))
    np.add.at(sums, scored.table.labels[right], of_right[index[right]])
    np.add.at(sums, scored.table.labels[wrong], of_wrong[index[wrong]])
    variance: Floats = (sums**2).sum(axis=0)
    return variance


def influence(right: Array, wrong: Array, patterns: Array) -> tuple[Floats, Floats]:
    """Return the influence on each error ratio of a right and of a wrong image of each pattern.

    Parameters
    ----------
    right, wrong : integer arrays (K,)
        Images of each pattern.
    patterns : bool array (K, k)

    Returns
    -------
    two float64 arrays (K, k)

    Examples
    --------
    >>> right, wrong = influence(np.array([3, 5]), np.array([1, 1]), np.array([[True], [False]]))
    >>> float((3 * right[0] + 5 * right[1] + wrong[0] + wrong[1]).round(12)[0])
    0.0
    """
    images, factor_images = (right + wrong).sum(), (right + wrong) @ patterns
    error, factor_error = ratio(wrong.sum(), images), ratio(wrong @ patterns, factor_images)

    def of(mistake: int) -> Floats:
        own = ratio(patterns * (mistake - factor_error), factor_images * error)
        return own - ratio(factor_error * (mistake - error), images * error**2)

    return of(0), of(1)
