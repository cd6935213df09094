"""The estimates that decide the chapter's claims."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.papers.rankme.experiments import Tables
from ssl_lib.papers.rankme.measures import selection, spectra, sweeps
from ssl_lib.papers.rankme.measures.statistics import by_seed, correlation, mean_estimate
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
        See :func:`ssl_lib.papers.rankme.measures.selection.pick`.

    Returns
    -------
    dict
        By claim id.
    """
    table = sweeps.encoders(tables)
    swept, half = sweeps.swept(table), table[table.experiment == "transfer"]
    lost = _lost(swept, tolerance)
    return {
        "C1": _tracks(swept),
        "C2": _mean(lost["RankMe"], (-100, 100)),
        "C3": _mean(lost["alpha-ReQ"] - lost["RankMe"], (-100, 100)),
        "C4": _out_of_distribution(half, tolerance),
        "C5": {"necessary": _necessary(swept), "not sufficient": _insufficient(table)},
        "C6": _one_method(swept),
        "C7": _bound(tables),
        "C8a": _link(swept, "train accuracy", "accuracy", "pearson"),
        "C8b": _link(swept, "embedding accuracy", "accuracy", "spearman"),
        "C8c": _link(half, "rankme", "target rankme", "pearson"),
        "C9": _enough(tables),
        "C10a": _readouts(swept),
        "C11": _averaged(by_seed(swept, _agreement, within=["experiment"])),
    }


def _mean(values: pd.Series, limits: tuple[float, float]) -> Estimate:
    return mean_estimate([float(value) for value in values], limits=limits)


def _averaged(each: pd.DataFrame, limits: tuple[float, float] = (-1, 1)) -> Estimate:
    """Average over sweeps for each seed, then over seeds: one seed's sweeps share their data."""
    return _mean(each.groupby("seed", sort=False).value.mean(), limits)


def _link(table: pd.DataFrame, x: str, y: str, kind: str = "kendall") -> Estimate:
    return _averaged(sweeps.within(table, x, y, kind=kind))


def _tracks(swept: pd.DataFrame) -> dict[str, Estimate]:
    each = sweeps.within(swept)
    found = {name: _mean(each[each.experiment == name].value, (-1, 1)) for name in SWEEPS}
    return {**found, "mean of the sweeps": _averaged(each)}


def _lost(swept: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """Points lost against the oracle, mean over sweeps: rows seeds, columns rules."""
    lost = selection.gaps(selection.selections(swept, tolerance=tolerance))
    return lost.groupby(["seed", "rule"]).gap.mean().unstack()


def _out_of_distribution(half: pd.DataFrame, tolerance: float) -> Estimate:
    picks = selection.selections(half, tolerance=tolerance, outcome="target accuracy")
    wide = picks.pivot(index="seed", columns="rule", values="accuracy")
    return _mean(100 * (wide["RankMe"] - wide["labelled oracle"]), (-100, 100))


def _necessary(swept: pd.DataFrame) -> Estimate:
    def share(part: pd.DataFrame) -> float:
        return float(part.rankme.to_numpy()[part.accuracy.argmax()] / part.rankme.max())

    return _averaged(by_seed(swept, share, within=["experiment"]), (0, 1))


def _insufficient(table: pd.DataFrame) -> Estimate:
    shallow = table[table.experiment == "shallow"]
    if shallow.empty:
        return Estimate(float("nan"), n=0, note="not run with this encoder")
    return _link(shallow, "rankme", "accuracy")


def _one_method(swept: pd.DataFrame) -> Estimate:
    found = sweeps.pooled(swept)
    return _mean(found.pooled - found.within, (-2, 2))


def _bound(tables: Tables) -> Estimate:
    table = spectra.path(tables)
    broken = int((table.residual < table.bound - ROUNDING).sum())
    return Estimate(broken, n=len(table), note="exact")


def _enough(tables: Tables) -> dict[str, Estimate]:
    table = spectra.samples(tables)
    part = table[table.images == spectra.scaled_count(tables)]
    kept = spectra.order_kept(part).groupby("seed", sort=False).value.mean()
    off = (part.ratio - 1).abs().groupby(part.seed, sort=False).mean()
    return {"relative error": _mean(off, (0, np.inf)), "order": _mean(kept, (-1, 1))}


def _agreement(part: pd.DataFrame) -> float:
    found = correlation(part.rankme, part["classical rank"], kind="spearman")
    # A rank that is the same for all settings orders none of them.
    return 0.0 if np.isnan(found) else found


def _readouts(swept: pd.DataFrame) -> dict[str, Estimate]:
    return {sweeps.READOUTS[name]: _link(swept, "rankme", name) for name in ("kNN", "few labels")}
