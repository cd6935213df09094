"""The estimates that decide the chapter's claims, from the same tables as its figures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import half_width, mean_interval
from ssl_lib.papers.chapter import Tables
from ssl_lib.papers.splinecam import measures
from ssl_lib.papers.splinecam.attacks import STOPS
from ssl_lib.papers.splinecam.growth import LARGEST

__all__ = ["NOT_TESTED", "estimates", "mean"]

Given = Estimate | dict[str, Estimate]

#: Claims that no table decides.
NOT_TESTED: dict[str, str] = {}


def estimates(tables: Tables) -> dict[str, Given]:
    """Return the estimate of every claim of the chapter.

    Parameters
    ----------
    tables : Tables
        From :func:`ssl_lib.papers.splinecam.load`.

    Returns
    -------
    dict of str to Estimate or dict
        By claim id, as :func:`ssl_lib.claims.report` takes it.
    """
    checks, counts, samples = tables["exactness"], tables["growth"], tables["samples"]
    surface = measures.surface_factor(tables["surface"])
    return {
        "C1": _exact(checks),
        "C2": Estimate(len(measures.failed(checks)), n=len(checks), note="exact"),
        "C3a": _growth(counts, LARGEST**2 / 5),
        "C3b": _growth(counts, 1.0),
        "C3c": _dimension(counts),
        "C3d": _times(tables["growth-times"]),
        **_augmentation(tables["augmentation"]),
        "C5": _returns(tables["evolution"]),
        "C6": mean(surface.trained / surface.untrained),
        "C7": _settled(tables["toy"]),
        "C8": Estimate(samples.tie.max(), n=len(samples), note="largest"),
        "C9": _beyond(tables["attacks"]),
    }


def mean(values: npt.ArrayLike) -> Estimate:
    """Return a mean with its 95 % t interval.

    Examples
    --------
    >>> print(mean([1.0, 2.0, 3.0]))
    2 (−0.4841 to 4.484, n = 3)
    """
    middle, low, high = (float(end) for end in mean_interval(values))
    return Estimate(middle, low, high, n=len(np.asarray(values)))


def _exact(checks: pd.DataFrame) -> dict[str, Estimate]:
    def over(value: float) -> Estimate:
        return Estimate(float(value), note=f"exact, {len(checks)} networks")

    return {
        "error of the area": over(checks.area_error.max()),
        "repeated codes": over(checks.repeated_codes.sum()),
        "patterns missed": over(checks.patterns_missed.sum()),
        "error of the affine maps": over(checks.map_error.max()),
    }


def _largest(counts: pd.DataFrame, dimension: int) -> npt.NDArray[np.float64]:
    chosen = (counts.width == LARGEST) & (counts.dimension == dimension)
    return counts[chosen].sort_values("seed").regions.to_numpy(float)


def _growth(counts: pd.DataFrame, unit: float) -> dict[str, Estimate]:
    return {f"{d:,} inputs": mean(_largest(counts, d) / unit) for d in (2, 2002, 8002)}


def _dimension(counts: pd.DataFrame) -> Estimate:
    """Ratio of two independent means, with an interval by the delta method."""
    high, low = (_largest(counts, d) for d in (8002, 2))
    ratio = high.mean() / low.mean()
    variation = sum(v.var(ddof=1) / len(v) / v.mean() ** 2 for v in (high, low))
    freedom = len(high) + len(low) - 2
    half = float(half_width(ratio * variation**0.5, 1, freedom=freedom))
    return Estimate(ratio, ratio - half, ratio + half, n=len(high))


def _times(times: pd.DataFrame) -> dict[str, Estimate]:
    found = measures.exponents(times).groupby("dimension").exponent
    return {f"{dimension:,} inputs": mean(values) for dimension, values in found}


def _augmentation(density: pd.DataFrame) -> dict[str, Given]:
    table = measures.factors(density)[["factor", "low", "high", "n"]].to_numpy(float)
    found = [Estimate(factor, low, high, n=int(n)) for factor, low, high, n in table]
    smaller, larger, ratio, difference = found
    return {
        "C4a": {"smaller network": smaller, "larger network": larger},
        "C4b": {"larger over smaller": ratio, "difference of the factors": difference},
    }


def _returns(lengths: pd.DataFrame) -> Estimate:
    """Count networks with such a slice: at least so many, since others were not looked at."""
    each = measures.returns(lengths).groupby("seed").returns.any()
    found, networks = int(each.sum()), len(each)
    return Estimate(found, found, networks, n=networks, note="networks; a lower bound")


def _settled(table: pd.DataFrame) -> dict[str, Estimate]:
    """Compare sizes of changes, means over the tasks of a seed, which share their noise."""
    change = measures.toy_changes(table).set_index("seed")[["length", "slope"]].abs()
    size = change.groupby("seed").mean()
    return {
        "change of the boundary": mean(size.length),
        "change of the slope beyond it": mean(size.slope - size.length),
    }


def _beyond(attacked: pd.DataFrame) -> Estimate:
    found = measures.by_stop(attacked)
    return mean(found[found.stop == STOPS[-1]].share)
