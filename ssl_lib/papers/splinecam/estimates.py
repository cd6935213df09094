"""The estimates that decide the chapter's claims, from the same tables as its figures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import half_width, mean_interval
from ssl_lib.papers.chapter import Tables
from ssl_lib.papers.splinecam import measures
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
    checks, counts = tables["exactness"], tables["growth"]
    attacked, samples = tables["attacks"], tables["samples"]
    return {
        "C1": _exact(checks),
        "C2": Estimate(len(measures.failed(checks)), n=len(checks), note="exact"),
        "C3a": _growth(counts, LARGEST**2 / 5),
        "C3b": _growth(counts, 1.0),
        "C3c": _dimension(counts),
        "C3d": _seconds(tables["growth-times"]),
        **_augmentation(tables["augmentation"]),
        "C5": _moves(tables["evolution"]),
        "C6": mean(measures.surface_factor(tables["surface"])),
        "C7": _settled(tables["toy"]),
        "C8": Estimate(samples.tie.max(), n=len(samples), note="largest"),
        "C9": mean(attacked.beyond / attacked.moved),
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


def _seconds(times: pd.DataFrame) -> Estimate:
    wide = times[times.width >= 110]
    ratio = wide.seconds / (wide.width**2 / 5000)
    return Estimate(float(ratio.max()), n=len(wide), note="largest; depends on the machine")


def _augmentation(density: pd.DataFrame) -> dict[str, Given]:
    table = measures.factors(density)[["factor", "low", "high", "n"]].to_numpy(float)
    found = [Estimate(factor, low, high, n=int(n)) for factor, low, high, n in table]
    smaller, larger, ratio, difference = found
    return {
        "C4a": {"smaller network": smaller, "larger network": larger},
        "C4b": {"larger over smaller": ratio, "difference of the factors": difference},
    }


def _moves(lengths: pd.DataFrame) -> Estimate:
    """Share of slices, with a 95 % Wilson interval."""
    both = measures.moves(lengths).both
    interval = stats.binomtest(int(both.sum()), len(both)).proportion_ci(method="wilson")
    return Estimate(float(both.mean()), float(interval.low), float(interval.high), n=len(both))


def _settled(table: pd.DataFrame) -> dict[str, Estimate]:
    change = measures.toy_changes(table)
    return {
        "change of the boundary": mean(change.length.abs()),
        "growth of the slope": mean(change.slope),
    }
