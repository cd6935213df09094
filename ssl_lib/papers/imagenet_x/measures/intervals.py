"""Intervals that several tables of the chapter share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from ssl_lib.claims.resampling import Units, crossed_bootstrap

__all__ = ["Resampled", "wilson"]

Floats = npt.NDArray[np.float64]
Z = stats.norm.ppf(0.975)


def wilson(successes: npt.ArrayLike, trials: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return the 95 % Wilson score interval of a proportion.

    Parameters
    ----------
    successes, trials : array_like, broadcast against each other
        Counts; no trials give the interval from 0 to 1.

    Returns
    -------
    low, high : float64 arrays

    Examples
    --------
    >>> low, high = wilson([5], [10])
    >>> low.round(4), high.round(4)
    (array([0.2366]), array([0.7634]))
    """
    k, n = np.broadcast_arrays(np.asarray(successes, float), np.asarray(trials, float))
    with np.errstate(invalid="ignore", divide="ignore"):
        share, weight = k / n, Z**2 / n
        centre = (share + weight / 2) / (1 + weight)
        half = np.sqrt(share * (1 - share) * weight + weight**2 / 4) / (1 + weight)
    none = n == 0
    return np.where(none, 0.0, centre - half), np.where(none, 1.0, centre + half)


@dataclass(frozen=True, eq=False, kw_only=True)
class Resampled:
    """What is drawn again for intervals.

    Attributes
    ----------
    draws, seed : int
        How often, and the seed.
    """

    draws: int
    seed: int

    def interval(
        self, statistic: Callable[..., npt.ArrayLike], *units: Units
    ) -> tuple[Floats, Floats]:
        """Return the 95 % interval of a statistic of drawn units, see :func:`crossed_bootstrap`."""
        return crossed_bootstrap(statistic, units, replicates=self.draws, seed=self.seed)
