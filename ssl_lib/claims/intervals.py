"""Intervals of means over independent runs."""

import numpy as np
import numpy.typing as npt

__all__ = ["half_width", "mean_interval"]

Floats = npt.NDArray[np.float64]


def half_width(
    deviation: npt.ArrayLike, number: float, *, freedom: float | None = None, level: float = 0.95
) -> Floats:
    """Return half of the Student t interval of a mean.

    Parameters
    ----------
    deviation : array_like
        Standard deviation of a single run.
    number : float
        Of runs; with one there is no interval, and the result is NaN.
    freedom : float, optional
        Degrees of freedom of the deviation; by default ``number - 1``.
    level : float, default=0.95
        Of confidence.

    Returns
    -------
    float64 array of the shape of `deviation`

    Examples
    --------
    >>> float(half_width(1.0, 3).round(3))
    2.484
    """
    # scipy.stats takes a second to import, and few of those who import this need it.
    from scipy import stats

    degrees = number - 1 if freedom is None else freedom
    factor = stats.t.ppf((1 + level) / 2, degrees) if degrees > 0 else np.nan
    return np.asarray(factor * np.asarray(deviation, np.float64) / number**0.5)


def mean_interval(
    values: npt.ArrayLike, *, level: float = 0.95, resolution: float = 0.0
) -> tuple[Floats, Floats, Floats]:
    """Return the mean over the first axis and its Student t interval.

    Parameters
    ----------
    values : array_like of shape (n, ...)
        Independent runs; with only one, the ends are NaN.
    level : float, default=0.95
        Of confidence.
    resolution : float, default=0
        Step between neighbouring values that one run can have, such as one test image of all: runs
        that coincide do not vary less than rounding to that step hides, a standard deviation of
        ``resolution / 12 ** 0.5``.

    Returns
    -------
    mean, low, high : float64 arrays of shape (...)

    Examples
    --------
    >>> [float(x.round(3)) for x in mean_interval([1.0, 2.0, 3.0])]
    [2.0, -0.484, 4.484]
    >>> [float(x.round(3)) for x in mean_interval([0.6, 0.6, 0.6], resolution=0.2)]
    [0.6, 0.457, 0.743]
    """
    array = np.asarray(values, np.float64)
    mean = array.mean(axis=0)
    if len(array) < 2:
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    deviation = np.maximum(array.std(axis=0, ddof=1), resolution / 12**0.5)
    half = half_width(deviation, len(array), level=level)
    return mean, mean - half, mean + half
