"""The estimates that decide the chapter's claims."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.papers.rankme import measures
from ssl_lib.papers.rankme.experiments import Tables
from ssl_lib.papers.rankme.measures import by_seed, correlation, mean_estimate
from ssl_lib.papers.rankme.settings import SWEEPS

__all__ = ["NOT_TESTED", "estimates"]

ROUNDING = 1e-9

#: Claims that no run of this chapter can decide, and why.
NOT_TESTED: dict[str, str] = {
    "C10b": "fine-tuning with few labels and object detection need ImageNet and VOC at full size",
}


def estimates(
    tables: Tables, *, tolerance: float = 0.01
) -> dict[str, Estimate | Mapping[str, Estimate]]:
    """Return the estimate, or estimates by name, of each claim.

    Parameters
    ----------
    tables : Tables
    tolerance : float, default=0.01
        See :func:`ssl_lib.papers.rankme.measures.pick`.

    Returns
    -------
    dict
        By claim id.
    """
    table = measures.encoders(tables)
    sweeps, half = measures.swept(table), table[table.experiment == "transfer"]
    lost = _lost(sweeps, tolerance)
    return {
        "C1": _tracks(sweeps),
        "C2": _mean(lost["RankMe"], (-100, 100)),
        "C3": _mean(lost["alpha-ReQ"] - lost["RankMe"], (-100, 100)),
        "C4": _out_of_distribution(half, tolerance),
        "C5": {"necessary": _necessary(sweeps), "not sufficient": _insufficient(table)},
        "C6": _one_method(sweeps),
        "C7": _bound(tables),
        "C8a": _link(sweeps, "train accuracy", "accuracy", "pearson"),
        "C8b": _link(sweeps, "embedding accuracy", "accuracy", "spearman"),
        "C8c": _link(half, "rankme", "target rankme", "pearson"),
        "C9": _enough(tables),
        "C10a": _readouts(sweeps),
        "C11": _averaged(by_seed(sweeps, _agreement, within=["experiment"])),
    }


def _mean(values: pd.Series, limits: tuple[float, float]) -> Estimate:
    return mean_estimate([float(value) for value in values], limits=limits)


def _averaged(each: pd.DataFrame, limits: tuple[float, float] = (-1, 1)) -> Estimate:
    """Average over sweeps for each seed, then over seeds: one seed's sweeps share their data."""
    return _mean(each.groupby("seed", sort=False).value.mean(), limits)


def _link(table: pd.DataFrame, x: str, y: str, kind: str = "kendall") -> Estimate:
    return _averaged(measures.within(table, x, y, kind=kind))


def _tracks(sweeps: pd.DataFrame) -> dict[str, Estimate]:
    each = measures.within(sweeps)
    found = {name: _mean(each[each.experiment == name].value, (-1, 1)) for name in SWEEPS}
    return {**found, "mean of the sweeps": _averaged(each)}


def _lost(sweeps: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """Points lost against the oracle, mean over sweeps: rows seeds, columns rules."""
    lost = measures.gaps(measures.selections(sweeps, tolerance=tolerance))
    return lost.groupby(["seed", "rule"]).gap.mean().unstack()


def _out_of_distribution(half: pd.DataFrame, tolerance: float) -> Estimate:
    picks = measures.selections(half, tolerance=tolerance, outcome="target accuracy")
    wide = picks.pivot(index="seed", columns="rule", values="accuracy")
    return _mean(100 * (wide["RankMe"] - wide["labelled oracle"]), (-100, 100))


def _necessary(sweeps: pd.DataFrame) -> Estimate:
    def share(part: pd.DataFrame) -> float:
        return float(part.rankme.to_numpy()[part.accuracy.argmax()] / part.rankme.max())

    return _averaged(by_seed(sweeps, share, within=["experiment"]), (0, 1))


def _insufficient(table: pd.DataFrame) -> Estimate:
    shallow = table[table.experiment == "shallow"]
    if shallow.empty:
        return Estimate(float("nan"), n=0, note="not run with this encoder")
    return _link(shallow, "rankme", "accuracy")


def _one_method(sweeps: pd.DataFrame) -> Estimate:
    found = measures.pooled(sweeps)
    return _mean(found.pooled - found.within, (-2, 2))


def _bound(tables: Tables) -> Estimate:
    table = measures.path(tables)
    broken = int((table.residual < table.bound - ROUNDING).sum())
    return Estimate(broken, n=len(table), note="exact")


def _enough(tables: Tables) -> dict[str, Estimate]:
    table = measures.samples(tables)
    part = table[table.images == measures.scaled_count(tables)]
    kept = measures.order_kept(part).groupby("seed", sort=False).value.mean()
    off = (part.ratio - 1).abs().groupby(part.seed, sort=False).mean()
    return {"relative error": _mean(off, (0, np.inf)), "order": _mean(kept, (-1, 1))}


def _agreement(part: pd.DataFrame) -> float:
    found = correlation(part.rankme, part["classical rank"], kind="spearman")
    # A rank that is the same for all settings orders none of them.
    return 0.0 if np.isnan(found) else found


def _readouts(sweeps: pd.DataFrame) -> dict[str, Estimate]:
    return {
        measures.READOUTS[name]: _link(sweeps, "rankme", name) for name in ("kNN", "few labels")
    }
