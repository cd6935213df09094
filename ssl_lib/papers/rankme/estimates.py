"""The estimates that decide the chapter's claims."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.papers.rankme import runs, selection
from ssl_lib.papers.rankme.experiments import Tables
from ssl_lib.papers.rankme.settings import SWEEPS
from ssl_lib.papers.rankme.statistics import by_seed, correlation, mean_estimate

__all__ = ["NOT_TESTED", "PER_WIDTH", "estimates", "scaled_count"]

#: Images for each of the projector's outputs in the paper: 25,600 for 2,048.
PER_WIDTH = 12.5
ROUNDING = 1e-9

#: Claims that no run of this chapter can decide, and why.
NOT_TESTED: dict[str, str] = {
    "C10b": "fine-tuning with few labels and object detection need ImageNet and VOC at full size",
}


def estimates(
    results: Tables, *, tolerance: float = 0.01
) -> dict[str, Estimate | Mapping[str, Estimate]]:
    """Return the estimate, or estimates by name, of each claim.

    Parameters
    ----------
    results : Tables
    tolerance : float, default=0.01
        See :func:`ssl_lib.papers.rankme.selection.pick`.

    Returns
    -------
    dict
        By claim id.
    """
    table = runs.encoders(results)
    sweeps = table[table.experiment.isin(SWEEPS)]
    return {
        "C1": _tracks(sweeps),
        "C2": _mean(_lost(sweeps, tolerance)["RankMe"], (-100, 100)),
        "C3": _weaker(_lost(sweeps, tolerance)),
        "C4": _out_of_distribution(table[table.experiment == "transfer"], tolerance),
        "C5": {"necessary": _necessary(sweeps), "not sufficient": _insufficient(table)},
        "C6": _one_method(sweeps),
        "C7": _bound(results),
        "C8a": _link(sweeps, "train accuracy", "accuracy", "pearson"),
        "C8b": _link(sweeps, "embedding accuracy", "accuracy", "spearman"),
        "C8c": _link(
            table[table.experiment == "transfer"], "rankme", "target rankme", "pearson"
        ),
        "C9": _enough(results),
        "C10a": _readouts(sweeps),
        "C11": _averaged(sweeps, _agreement, (-1, 1)),
    }  # fmt: skip


def scaled_count(results: Tables) -> int:
    """Return the largest number of images tried that is no more a dimension than the paper's.

    All images are left out, since they are what the smaller numbers are compared with.
    """
    images = results.long("rankme of n", experiments=tuple(SWEEPS))["at"]
    width = results.long("sigma", experiments=tuple(SWEEPS))["at"].max()
    allowed = images[(images <= PER_WIDTH * width) & (images < images.max())]
    return int(allowed.max())


def _mean(values: pd.Series, limits: tuple[float, float]) -> Estimate:
    return mean_estimate([float(value) for value in values], limits=limits)


def _tau(part: pd.DataFrame, outcome: str = "accuracy") -> float:
    return correlation(part.rankme, part[outcome])


def _averaged(
    table: pd.DataFrame, statistic: Callable[[pd.DataFrame], float], limits: tuple[float, float]
) -> Estimate:
    """Average over sweeps for each seed, then over seeds: one seed's sweeps share their data."""
    each = by_seed(table, statistic, within=["experiment"])
    return _mean(each.groupby("seed", sort=False).value.mean(), limits)


def _tracks(sweeps: pd.DataFrame) -> dict[str, Estimate]:
    found = {
        name: _mean(by_seed(sweeps[sweeps.experiment == name], _tau).value, (-1, 1))
        for name in SWEEPS
    }
    return {**found, "mean of the sweeps": _averaged(sweeps, _tau, (-1, 1))}


def _lost(sweeps: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """Points lost against the oracle, mean over sweeps: rows seeds, columns rules."""
    lost = selection.gaps(selection.selections(sweeps, tolerance=tolerance))
    return lost.groupby(["seed", "rule"]).gap.mean().unstack()


def _weaker(lost: pd.DataFrame) -> Estimate:
    return _mean(lost["alpha-ReQ"] - lost["RankMe"], (-100, 100))


def _out_of_distribution(table: pd.DataFrame, tolerance: float) -> Estimate:
    picks = selection.selections(table, tolerance=tolerance, outcome="target accuracy")
    wide = picks.pivot(index="seed", columns="rule", values="accuracy")
    return _mean(100 * (wide["RankMe"] - wide["labelled oracle"]), (-100, 100))


def _necessary(sweeps: pd.DataFrame) -> Estimate:
    def share(part: pd.DataFrame) -> float:
        return float(part.rankme.to_numpy()[part.accuracy.argmax()] / part.rankme.max())

    return _averaged(sweeps, share, (0, 1))


def _insufficient(table: pd.DataFrame) -> Estimate:
    shallow = table[table.experiment == "shallow"]
    if shallow.empty:
        return Estimate(float("nan"), n=0, note="not run with this encoder")
    return _mean(by_seed(shallow, _tau).value, (-1, 1))


def _one_method(sweeps: pd.DataFrame) -> Estimate:
    found = runs.pooled(sweeps)
    return _mean(found.pooled - found.within, (-2, 2))


def _bound(results: Tables) -> Estimate:
    table = runs.path(results)
    broken = int((table.residual < table.bound - ROUNDING).sum())
    return Estimate(broken, n=len(table), note="exact")


def _link(table: pd.DataFrame, x: str, y: str, kind: str) -> Estimate:
    return _averaged(table, lambda part: correlation(part[x], part[y], kind=kind), (-1, 1))


def _enough(results: Tables) -> dict[str, Estimate]:
    table = runs.samples(results)
    part = table[table.images == scaled_count(results)]
    kept = runs.order_kept(part).groupby("seed", sort=False).value.mean()
    off = (part.ratio - 1).abs().groupby(part.seed, sort=False).mean()
    return {"relative error": _mean(off, (0, np.inf)), "order": _mean(kept, (-1, 1))}


def _agreement(part: pd.DataFrame) -> float:
    found = correlation(part.rankme, part["classical rank"], kind="spearman")
    # A rank that is the same for all settings orders none of them.
    return 0.0 if np.isnan(found) else found


def _readouts(sweeps: pd.DataFrame) -> dict[str, Estimate]:
    return {
        runs.READOUTS[name]: _averaged(sweeps, partial(_tau, outcome=name), (-1, 1))
        for name in ("kNN", "few labels")
    }
