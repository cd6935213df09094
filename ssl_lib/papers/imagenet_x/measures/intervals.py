"""Small intervals that several tables of the chapter share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from ssl_lib.randomness import numpy_generator

__all__ = ["Resampled", "bootstrap_over_models", "wilson"]

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


def bootstrap_over_models(
    statistic: Callable[[npt.NDArray[np.int64]], npt.ArrayLike],
    models: int,
    *,
    replicates: int,
    seed: int,
    stream: str,
    groups: npt.NDArray[np.object_] | None = None,
) -> tuple[Floats, Floats]:
    """Return the 95 % percentile interval of a statistic when models are drawn again.

    Parameters
    ----------
    statistic : callable
        Takes the drawn rows, int (models,), and returns a number or an array.
    models : int
        Number of models.
    replicates, seed : int
        How many draws, and the seed they derive from.
    stream : str
        Name of the random stream, so that two intervals do not share draws.
    groups : array (models,), optional
        Draw within each group, keeping its size.

    Returns
    -------
    low, high : float64 arrays, shaped as the statistic

    Examples
    --------
    >>> values = np.arange(10.0)
    >>> low, high = bootstrap_over_models(
    ...     lambda rows: values[rows].mean(), 10, replicates=500, seed=0, stream="doctest"
    ... )
    >>> bool(low < values.mean() < high)
    True
    """
    generator = numpy_generator(seed, "imagenet_x", stream)
    blocks = _blocks(models, groups)
    draws = [
        np.asarray(statistic(np.concatenate([generator.choice(b, len(b)) for b in blocks])))
        for _ in range(replicates)
    ]
    low, high = np.percentile(np.stack(draws), [2.5, 97.5], axis=0)
    return low, high


def _blocks(models: int, groups: npt.NDArray[np.object_] | None) -> list[npt.NDArray[np.int64]]:
    if groups is None:
        return [np.arange(models)]
    return [np.flatnonzero(groups == name) for name in np.unique(groups)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Resampled:
    """Models that are drawn again for intervals.

    Attributes
    ----------
    draws, seed : int
        How often, and the seed.
    """

    draws: int
    seed: int

    def interval(
        self,
        statistic: Callable[[npt.NDArray[np.int64]], npt.ArrayLike],
        models: int,
        stream: str,
        groups: npt.NDArray[np.object_] | None = None,
    ) -> tuple[Floats, Floats]:
        """Return the interval of a statistic over models; see :func:`bootstrap_over_models`."""
        return bootstrap_over_models(
            statistic, models, replicates=self.draws, seed=self.seed, stream=stream, groups=groups
        )
