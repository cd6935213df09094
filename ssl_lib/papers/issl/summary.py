"""Means over runs and their intervals, by Student's t."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import mean_interval

__all__ = ["difference", "over_runs"]


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
        rows.append((*key, *map(float, mean_interval(part[column])), len(part)))
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
    mean, low, high = map(float, mean_interval(gaps))
    return Estimate(mean, low, high, n=len(gaps), note=note)
