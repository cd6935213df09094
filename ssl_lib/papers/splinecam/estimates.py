"""The estimates that decide the chapter's claims, from the same tables as its figures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import half_width, mean_interval
from ssl_lib.papers.splinecam import augmentation, boundaries, exactness, growth, implicit
from ssl_lib.results import Result

__all__ = ["estimates", "mean", "surface_factor", "toy_changes"]

Given = Estimate | dict[str, Estimate]


def estimates(tables: Mapping[str, Result]) -> dict[str, Given]:
    """Return the estimate of every claim of the chapter.

    Parameters
    ----------
    tables : mapping of str to Result
        By name: exactness, counts, times, augmentation, evolution, surface, toy, samples, attacks.

    Returns
    -------
    dict of str to Estimate or dict
        By claim id, as :func:`ssl_lib.claims.report` takes it.
    """
    table = {name: result.table for name, result in tables.items()}
    checks = table["exactness"]
    return {
        "C1": _exact(checks),
        "C2": Estimate(len(exactness.failed(checks)), n=len(checks), note="exact"),
        "C3a": _growth(table["counts"], growth.LARGEST**2 / 5),
        "C3b": _growth(table["counts"], 1.0),
        "C3c": _dimension(table["counts"]),
        "C3d": _seconds(table["times"]),
        **_augmentation(table["augmentation"]),
        "C5": _moves(table["evolution"]),
        "C6": mean(surface_factor(table["surface"])),
        "C7": _settled(table["toy"]),
        "C8": Estimate(table["samples"].tie.max(), n=len(table["samples"]), note="largest"),
        "C9": mean(table["attacks"].beyond / table["attacks"].moved),
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
    chosen = (counts.width == growth.LARGEST) & (counts.dimension == dimension)
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


def _augmentation(table: pd.DataFrame) -> dict[str, Given]:
    smaller, larger, ratio, difference = (
        Estimate(factor, low, high, n=int(n))
        for factor, low, high, n in augmentation.factors(table)[
            ["factor", "low", "high", "n"]
        ].to_numpy(float)
    )
    return {
        "C4a": {"smaller network": smaller, "larger network": larger},
        "C4b": {"larger over smaller": ratio, "difference of the factors": difference},
    }


def _moves(table: pd.DataFrame) -> Estimate:
    """Share of slices, with a 95 % Wilson interval."""
    both = boundaries.moves(table).both
    interval = stats.binomtest(int(both.sum()), len(both)).proportion_ci(method="wilson")
    return Estimate(float(both.mean()), float(interval.low), float(interval.high), n=len(both))


def surface_factor(table: pd.DataFrame) -> pd.Series:
    """Return regions per area near the surface over those elsewhere, by plane and seed.

    Examples
    --------
    >>> made = pd.DataFrame({"plane": "x = 0", "seed": 0, "distance": [0.05, 0.15, 0.25],
    ...                      "regions": [30, 10, 10], "area": [1.0, 1.0, 1.0]})
    >>> surface_factor(made).tolist()
    [3.0]
    """
    near = np.where(table.distance < implicit.BAND, "near", "elsewhere")
    summed = table.groupby(["plane", "seed", near])[["regions", "area"]].sum()
    density = (summed.regions / summed.area).unstack()
    return density["near"] / density["elsewhere"]


def toy_changes(table: pd.DataFrame) -> pd.DataFrame:
    """Return the relative changes over the second half of training, by task and seed.

    Examples
    --------
    >>> made = pd.DataFrame({"task": "a", "seed": 0, "step": [0, 100, 200], "length": [1, 10, 11],
    ...                      "slope": [1, 2, 3]})
    >>> toy_changes(made)[["length", "slope"]].round(9).to_numpy().tolist()
    [[0.1, 0.5]]
    """
    last = table.step.max()
    ends = table[table.step.isin([last // 2, last])]
    wide = ends.pivot(index=["task", "seed"], columns="step", values=["length", "slope"])
    found = {name: wide[name, last] / wide[name, last // 2] - 1 for name in ("length", "slope")}
    return pd.DataFrame(found).reset_index()


def _settled(table: pd.DataFrame) -> dict[str, Estimate]:
    change = toy_changes(table)
    return {
        "change of the boundary": mean(change.length.abs()),
        "growth of the slope": mean(change.slope),
    }
