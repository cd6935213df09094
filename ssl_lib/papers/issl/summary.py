"""Means over runs and their intervals, by Student's t."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.claims import Estimate

__all__ = ["difference", "mean_interval", "over_runs"]


def mean_interval(values: npt.ArrayLike, *, level: float = 0.95) -> tuple[float, float, float]:
    """Return the mean of independent runs and its interval.

    Parameters
    ----------
    values : array_like of shape (n,)
        At least two for an interval; with one, both ends are NaN.
    level : float, default=0.95
        Of confidence, by Student's t with n - 1 degrees of freedom.

    Returns
    -------
    mean, low, high : float

    Examples
    --------
    >>> [round(x, 3) for x in mean_interval([1.0, 2.0, 3.0])]
    [2.0, -0.484, 4.484]
    """
    from scipy import stats

    array = np.asarray(values, dtype=float)
    mean = float(array.mean())
    if len(array) < 2:
        return mean, float("nan"), float("nan")
    half = stats.t.ppf((1 + level) / 2, len(array) - 1) * array.std(ddof=1) / len(array) ** 0.5
    return mean, mean - float(half), mean + float(half)


def over_runs(table: pd.DataFrame, by: Sequence[str], column: str) -> pd.DataFrame:
    """Return mean, interval and number of runs of each group.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a run.
    by : sequence of str
        Columns that name a group.
    column : str
        What to average.

    Returns
    -------
    pandas.DataFrame
        ``by``, ``mean``, ``low``, ``high``, ``runs``; in the order of the table.

    Examples
    --------
    >>> runs = pd.DataFrame({"d": [2, 2, 4, 4], "accuracy": [0.5, 0.7, 0.8, 0.8]})
    >>> over_runs(runs, ["d"], "accuracy")["mean"].tolist()
    [0.6, 0.8]
    """
    rows = []
    for key, part in table.groupby(list(by), sort=False):
        mean, low, high = mean_interval(part[column])
        rows.append((*key, mean, low, high, len(part)))
    return pd.DataFrame(rows, columns=[*by, "mean", "low", "high", "runs"])


def difference(
    first: npt.ArrayLike, second: npt.ArrayLike, *, scale: float = 1.0, note: str = ""
) -> Estimate:
    """Estimate a mean difference between paired runs.

    Parameters
    ----------
    first, second : array_like of shape (n,)
        Values of the runs with the same seeds, in the same order.
    scale : float, default=1.0
        100 turns accuracies into percentage points.
    note : str, default=""
        Shown beside the number.

    Returns
    -------
    Estimate
        ``first - second``.

    Examples
    --------
    >>> print(difference([0.8, 0.9], [0.7, 0.8], scale=100))
    10 (10 to 10, n = 2)
    """
    gaps = scale * (np.asarray(first, dtype=float) - np.asarray(second, dtype=float))
    mean, low, high = mean_interval(gaps)
    return Estimate(mean, low, high, n=len(gaps), note=note)
