"""Means over seeds with intervals, and correlations within a sweep."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import mean_interval

__all__ = ["by_seed", "correlation", "mean_estimate"]

KINDS: dict[str, Callable[..., tuple[float, float]]] = {
    "kendall": stats.kendalltau,
    "spearman": stats.spearmanr,
    "pearson": stats.pearsonr,
}


def correlation(x: npt.ArrayLike, y: npt.ArrayLike, *, kind: str = "kendall") -> float:
    """Compute a correlation; NaN where either side is constant.

    Parameters
    ----------
    x, y : array_like (n,)
        Pairs; those with a NaN are left out.
    kind : {"kendall", "spearman", "pearson"}, default="kendall"
        Kendall's is tau-b, which allows for ties.

    Returns
    -------
    float

    Examples
    --------
    >>> round(correlation([1, 2, 3, 4], [1, 2, 4, 3]), 4)
    0.6667
    """
    a, b = np.asarray(x, float), np.asarray(y, float)
    keep = np.isfinite(a) & np.isfinite(b)
    a, b = a[keep], b[keep]
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(KINDS[kind](a, b)[0])


def mean_estimate(
    values: npt.ArrayLike,
    *,
    limits: tuple[float, float] | None = None,
    level: float = 0.95,
    resolution: float = 0.0,
    note: str = "",
) -> Estimate:
    """Return the mean over seeds with its t interval.

    Parameters
    ----------
    values : array_like (n,)
        One a seed.
    limits : tuple of float, optional
        What the statistic cannot go beyond; the interval is cut there.
    level : float, default=0.95
        Of confidence.
    resolution : float, default=0
        See :func:`ssl_lib.claims.intervals.mean_interval`.
    note : str, default=""
        Shown beside it.

    Returns
    -------
    Estimate
        A single seed gives an interval without ends, between the limits where there are some.

    Examples
    --------
    >>> print(mean_estimate([0.7, 0.8, 0.9]))
    0.8 (0.5516 to 1.048, n = 3, 95 % t interval over seeds)
    """
    n = len(np.asarray(values))
    found = mean_interval(values, level=level, resolution=resolution)
    mean, low, high = (float(end) for end in found)
    if n == 1:
        low, high = -np.inf, np.inf
    if limits is not None:
        low, high = max(low, limits[0]), min(high, limits[1])
    if not (np.isfinite(low) and np.isfinite(high)) or np.isnan(mean):
        return Estimate(mean, n=n, note="one seed, no interval" if n == 1 else note)
    words = note or "95 % t interval over seeds"
    return Estimate(mean, min(low, mean), max(high, mean), n=n, note=words)


def by_seed(
    runs: pd.DataFrame, statistic: Callable[[pd.DataFrame], float], *, within: Sequence[str] = ()
) -> pd.DataFrame:
    """Compute a statistic of the runs of each seed.

    Parameters
    ----------
    runs : pandas.DataFrame
        With a column ``seed``.
    statistic : callable
        Takes the runs of one seed.
    within : sequence of str, default=()
        Further columns to group by.

    Returns
    -------
    pandas.DataFrame
        Columns ``within``, seed, value.
    """
    keys = [*within, "seed"]
    rows = [(*key, statistic(part)) for key, part in runs.groupby(keys, sort=False)]
    return pd.DataFrame(rows, columns=[*keys, "value"])
