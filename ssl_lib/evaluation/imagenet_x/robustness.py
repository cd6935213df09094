"""Many models side by side: do they fail alike, and which are better than their accuracy says."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.evaluation.imagenet_x.counts import FactorCounts, ratio

__all__ = [
    "Consistency",
    "LogitLine",
    "OnTheLine",
    "accuracy_on_the_line",
    "alexander_govern",
    "effective_robustness",
    "logit_line",
    "pairwise_spearman",
    "partial_correlation",
    "rank_consistency",
]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


class LogitLine(NamedTuple):
    """A line through logit accuracies for each factor, ``slope`` and ``intercept`` (k,)."""

    slope: Floats
    intercept: Floats

    def predict(self, accuracy: Array) -> Floats:
        """Return the accuracy on each factor (m, k) that the line expects from (m,)."""
        logits = self.intercept + self.slope * _logit(np.asarray(accuracy, np.float64))[:, None]
        return 1 / (1 + np.exp(-logits))


def logit_line(accuracy: Array, factor_accuracy: Array, *, reference: Array) -> LogitLine:
    """Fit ``logit A_f = a_f + b_f logit A`` by least squares on the reference models.

    Parameters
    ----------
    accuracy : float array (m,)
    factor_accuracy : float array (m, k)
    reference : bool array (m,)
        Which models the line goes through. Those with an accuracy of 0 or 1 on a factor have no
        logit and are left out for that factor.

    Returns
    -------
    LogitLine
        NaN for a factor with fewer than two distinct models.

    Examples
    --------
    >>> line = logit_line(np.array([0.5, 0.8, 0.9]), np.array([[0.5], [0.8], [0.1]]),
    ...                   reference=np.array([True, True, False]))
    >>> line.slope.round(6), abs(line.intercept).round(6)
    (array([1.]), array([0.]))
    """
    chosen = np.asarray(reference, np.bool_)
    if chosen.shape != np.shape(accuracy):
        raise InputError(f"reference must be a mask of shape {np.shape(accuracy)}")
    x, y = _logit(np.asarray(accuracy)[chosen]), _logit(np.asarray(factor_accuracy)[chosen])
    fits = np.array([_line(x, column) for column in y.T])
    return LogitLine(fits[:, 0], fits[:, 1])


def effective_robustness(counts: FactorCounts, *, reference: Array) -> Floats:
    """Return accuracy on each factor minus what the reference models' line expects.

    Positive: more robust to the factor than a reference model of the same accuracy would be
    (Taori et al., 2020, with a factor in the place of a shifted test set).

    Parameters
    ----------
    counts : FactorCounts
        Of m models.
    reference : bool array (m,)
        Usually the models trained on ImageNet-1k in the standard way.

    Returns
    -------
    float64 array (m, k)
        A fraction: 0.01 is one percentage point.

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x import factor_counts
    >>> correct = np.array([[1, 0, 1, 0, 0], [1, 0, 1, 1, 0], [1, 1, 1, 0, 1]])
    >>> counts = factor_counts(correct, np.array([[1], [1], [0], [0], [0]]))
    >>> effective_robustness(counts, reference=np.array([True, True, False])).round(2)
    array([[0. ],
           [0. ],
           [0.5]])
    """
    line = logit_line(counts.accuracy, counts.factor_accuracy, reference=reference)
    return counts.factor_accuracy - line.predict(counts.accuracy)


def _logit(accuracy: Array) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(accuracy) - np.log1p(-accuracy)


def _line(x: Floats, y: Floats) -> tuple[float, float]:
    """Return slope and intercept of the least-squares line, NaN where there is none."""
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    if len(x) < 2:
        return np.nan, np.nan
    dx = x - x.mean()
    slope = float(ratio(dx @ (y - y.mean()), dx @ dx))
    return slope, float(y.mean() - slope * x.mean())


class OnTheLine(NamedTuple):
    """How closely accuracy on each factor follows accuracy on all images; arrays (k,)."""

    pearson: Floats
    spearman: Floats
    slope: Floats
    intercept: Floats
    above: Floats


def accuracy_on_the_line(counts: FactorCounts) -> OnTheLine:
    """Relate accuracy on each factor to overall accuracy, across models.

    Returns
    -------
    OnTheLine
        Correlations, the least-squares line, and the share of models above the diagonal, where
        the factor costs nothing.

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x import factor_counts
    >>> correct = np.tri(4, 3, k=-1, dtype=bool)
    >>> accuracy_on_the_line(factor_counts(correct, np.array([[0], [1], [1]]))).pearson.round(3)
    array([0.944])
    """
    x, factors = counts.accuracy, counts.factor_accuracy
    rows = [(_pearson(x, y), _pearson(_ranks(x), _ranks(y)), *_line(x, y)) for y in factors.T]
    pearson, spearman, slope, intercept = np.array(rows).T
    above = (factors > x[:, None]).mean(axis=0)
    return OnTheLine(pearson, spearman, slope, intercept, above)


def _pearson(x: Floats, y: Floats) -> float:
    dx, dy = x - x.mean(), y - y.mean()
    return float(ratio(dx @ dy, np.sqrt((dx @ dx) * (dy @ dy))))


def _ranks(values: Floats) -> Floats:
    from scipy import stats

    return np.asarray(stats.rankdata(values, axis=-1, nan_policy="propagate"), np.float64)


def pairwise_spearman(values: Array) -> Floats:
    """Return Spearman's correlation between each two rows.

    Parameters
    ----------
    values : float array (m, k)
        For example the error ratios of m models.

    Returns
    -------
    float64 array (m, m)
        NaN for rows with a NaN, and for constant ones.

    Examples
    --------
    >>> pairwise_spearman(np.array([[1.0, 2.0, 3.0], [3.0, 5.0, 9.0], [2.0, 1.0, 0.0]]))
    array([[ 1.,  1., -1.],
           [ 1.,  1., -1.],
           [-1., -1.,  1.]])
    """
    ranks = _ranks(np.asarray(values, np.float64))
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).sum(axis=1))
    return np.clip(ratio(centred @ centred.T, np.outer(spread, spread)), -1.0, 1.0)


class Consistency(NamedTuple):
    """How alike models order the factors.

    ``mean``, ``median`` and ``low`` (5th percentile) are over the pairs of models; ``to_mean``
    (m,) is each model's Spearman correlation with the order of the mean error ratios.
    """

    mean: float
    median: float
    low: float
    pairs: int
    to_mean: Floats


def rank_consistency(error_ratios: Array) -> Consistency:
    """Summarise the pairwise rank correlations of error ratios (m, k), m at least 2.

    Examples
    --------
    >>> summary = rank_consistency(np.array([[1, 2, 3, 4], [3, 5, 8, 9], [2, 1, 3, 4]]))
    >>> round(summary.mean, 3), summary.pairs
    (0.867, 3)
    """
    values = np.asarray(error_ratios, np.float64)
    if values.ndim != 2 or len(values) < 2:
        raise InputError("error_ratios must have shape (m, k) with at least two models")
    pairs = pairwise_spearman(values)[np.triu_indices(len(values), 1)]
    to_mean = pairwise_spearman(np.vstack([values.mean(axis=0), values]))[0, 1:]
    mean, median, low = np.mean(pairs), np.median(pairs), np.quantile(pairs, 0.05)
    return Consistency(float(mean), float(median), float(low), len(pairs), to_mean)


def alexander_govern(values: Array, groups: Sequence[str] | Array) -> Floats:
    """Test for each factor whether groups of models have the same mean.

    Parameters
    ----------
    values : float array (m, k)
    groups : sequence of m labels

    Returns
    -------
    float64 array (k,)
        p-values of the Alexander-Govern test, which allows for unequal variances. NaN where a
        group has fewer than two models, or no spread.

    Examples
    --------
    >>> values = np.array([[1.0], [1.1], [1.2], [2.0], [2.1], [2.2]])
    >>> alexander_govern(values, list("aaabbb")).round(4)
    array([0.0004])
    """
    labels, values = np.asarray(groups), np.asarray(values, np.float64)
    samples = [values[labels == label] for label in np.unique(labels)]
    if len(samples) < 2 or min(map(len, samples)) < 2:
        return np.full(values.shape[1], np.nan)
    by_factor = zip(*(sample.T for sample in samples), strict=True)
    return np.array([_alexander_govern(*columns) for columns in by_factor])


def _alexander_govern(*samples: Floats) -> float:
    from scipy import stats

    spread = min(float(np.ptp(sample)) for sample in samples)
    return float(stats.alexandergovern(*samples).pvalue) if spread > 0 else float("nan")


def partial_correlation(x: Array, y: Array, controls: Array) -> float:
    """Return the correlation of x and y after regressing both on the controls and a constant.

    Parameters
    ----------
    x, y : float arrays (m,)
    controls : float array (m,) or (m, c)

    Returns
    -------
    float
        NaN when nothing of x or y is left.

    Examples
    --------
    >>> z = np.arange(6.0)
    >>> e = np.array([1.0, -1, 1, 1, -1, 1])
    >>> round(partial_correlation(z + e, z - e, z), 6)
    -1.0
    """
    design = np.column_stack([np.ones(len(x)), controls])
    series = np.column_stack([x, y])
    left = series - design @ np.linalg.lstsq(design, series, rcond=None)[0]
    # What rounding leaves of a series that the controls explain wholly is not a residual.
    explained = np.linalg.norm(left, axis=0) <= 1e-12 * np.linalg.norm(series, axis=0)
    return float("nan") if explained.any() else _pearson(left[:, 0], left[:, 1])
