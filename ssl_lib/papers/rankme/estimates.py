"""The estimates that decide the chapter's claims."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.papers.rankme.experiments import Tables
from ssl_lib.papers.rankme.measures import selection, spectra, sweeps
from ssl_lib.papers.rankme.measures.statistics import by_seed, correlation, mean_estimate
from ssl_lib.papers.rankme.settings import SWEEPS, TITLES, recipes
from ssl_lib.plotting import words

__all__ = ["NOT_TESTED", "estimates"]

ROUNDING = 1e-9
POINTS = (-100.0, 100.0)

#: Why a claim may have no estimate.
NOT_TESTED: dict[str, str] = {
    "C10b": "fine-tuning with few labels and object detection need ImageNet and VOC at full size",
    "C11": "at the paper's threshold every embedding has the same classical rank: no order to test",
}

Given = Estimate | Mapping[str, Estimate]


def estimates(
    tables: Tables, photos: Mapping[str, Tables] | None = None, *, tolerance: float = 0.01
) -> dict[str, Given]:
    """Return the estimate, or estimates by name, of each claim.

    Parameters
    ----------
    tables : Tables
        Of the run.
    photos : mapping of str to Tables, optional
        From :func:`ssl_lib.papers.rankme.experiments.photographs`: where a claim says that there
        are cases, theirs count too.
    tolerance : float, default=0.01
        See :func:`ssl_lib.papers.rankme.measures.selection.pick`.

    Returns
    -------
    dict
        By claim id.
    """
    runs = [tables, *(found for found in (photos or {}).values() if found is not tables)]
    table = sweeps.encoders(tables)
    swept, half = sweeps.swept(table), table[table.experiment == "transfer"]
    halves = sweeps.transfer(*runs).groupby("data")
    lost = _lost(swept, tolerance)
    found: dict[str, Given | None] = {
        "C1": _tracks(swept),
        "C2": _mean(lost["RankMe"], POINTS),
        "C3": _mean(lost["alpha-ReQ"] - lost["RankMe"], POINTS),
        "C4": _strongest(
            {words.images(str(name)): _beaten(part, tolerance) for name, part in halves}
        ),
        "C5": {"necessary": _necessary(swept), "not sufficient": _strongest(_insufficient(runs))},
        "C6": _one_method(swept),
        "C7": _bound(tables),
        "C8a": _link(swept, "train accuracy", "accuracy", "pearson"),
        "C8b": _link(swept, "embedding accuracy", "accuracy", "spearman"),
        "C8c": _proportional(half),
        "C9": _enough(tables),
        "C10a": _readouts(swept),
        "C11": _agreement(swept),
    }
    return {name: given for name, given in found.items() if given is not None}


def _mean(values: pd.Series, limits: tuple[float, float]) -> Estimate:
    return mean_estimate([float(value) for value in values], limits=limits)


def _averaged(each: pd.DataFrame, limits: tuple[float, float] = (-1, 1)) -> Estimate:
    """Average over sweeps for each seed, then over seeds: one seed's sweeps share their data."""
    return _mean(each.groupby("seed", sort=False).value.mean(), limits)


def _strongest(cases: Mapping[str, pd.Series]) -> Estimate:
    """Estimate the largest of several means, for claims that there is such a case.

    Bonferroni's level makes the intervals hold for all cases together; then the largest mean lies
    between the largest of their lower and the largest of their upper ends. One seed leaves all that
    points can be.
    """
    level = 1 - 0.05 / len(cases)
    each = {name: mean_estimate(list(v), limits=POINTS, level=level) for name, v in cases.items()}
    value = max(one.value for one in each.values())
    clearest = max(each, key=lambda name: each[name].bounds[0])
    low, high = (max(one.bounds[end] for one in each.values()) for end in (0, 1))
    note = f"largest of {len(cases)} cases, clearest: {clearest}; t intervals at {level:.1%}"
    return Estimate(value, low, high, n=each[clearest].n, note=note)


def _link(table: pd.DataFrame, x: str, y: str, kind: str = "kendall") -> Estimate:
    return _averaged(sweeps.within(table, x, y, kind=kind))


def _tracks(swept: pd.DataFrame) -> dict[str, Estimate]:
    each = sweeps.within(swept)
    found = {
        name: mean_estimate(
            list(each[each.experiment == name].value), limits=(-1, 1),
            resolution=sweeps.kendall_step(swept, name),
        )
        for name in SWEEPS
    }  # fmt: skip
    return {**found, "mean of the sweeps": _averaged(each)}


def _lost(swept: pd.DataFrame, tolerance: float) -> pd.DataFrame:
    """Points lost against labels held out, mean over sweeps: rows seeds, columns rules."""
    lost = selection.gaps(selection.selections(swept, tolerance=tolerance))
    return lost.groupby(["seed", "rule"]).gap.mean().unstack()


def _beaten(half: pd.DataFrame, tolerance: float) -> pd.Series:
    picks = selection.selections(half, tolerance=tolerance, outcome="target accuracy")
    wide = picks.pivot(index="seed", columns="rule", values="accuracy")
    return 100 * (wide["RankMe"] - wide["labelled oracle"])


def _necessary(swept: pd.DataFrame) -> Estimate:
    def share(part: pd.DataFrame) -> float:
        return float(part.rankme.to_numpy()[part.accuracy.argmax()] / part.rankme.max())

    return _averaged(by_seed(swept, share, within=["experiment"]), (0, 1))


def _insufficient(runs: list[Tables]) -> dict[str, pd.Series]:
    """Points that the setting of highest rank loses against labels held out, by sweep."""
    cases = {}
    for tables in runs:
        data, table = recipes(tables.settings)["temperature"].data, sweeps.encoders(tables)
        each = by_seed(table[table.experiment != "transfer"], _wasted, within=["experiment"])
        for name, part in each.groupby("experiment", sort=False):
            cases[f"{TITLES[str(name)]}, {words.images(data)}"] = part.value
    return cases


def _wasted(sweep: pd.DataFrame) -> float:
    highest = sweep.accuracy.to_numpy()[sweep.rankme.argmax()]
    return 100 * (selection.held_out(sweep) - float(highest))


def _one_method(swept: pd.DataFrame) -> Estimate:
    found = sweeps.pooled(swept)
    return _mean(found.across - found.within, (-2, 2))


def _bound(tables: Tables) -> Estimate:
    table = spectra.path(tables)
    broken = int((table.residual < table.bound - ROUNDING).sum())
    return Estimate(broken, n=len(table), note="exact")


def _proportional(half: pd.DataFrame) -> dict[str, Estimate]:
    def uneven(part: pd.DataFrame) -> float:
        ratio = part["target rankme"] / part.rankme
        return float(ratio.max() / ratio.min())

    return {
        "correlation": _link(half, "rankme", "target rankme", "pearson"),
        "largest over smallest ratio": _mean(by_seed(half, uneven).value, (1, np.inf)),
    }


def _enough(tables: Tables) -> dict[str, Estimate]:
    table = spectra.samples(tables)
    part = table[table.images == spectra.scaled_count(tables)]
    kept = spectra.order_kept(part).groupby("seed", sort=False).value.mean()
    off = (part.ratio - 1).abs().groupby(part.seed, sort=False).mean()
    step = sweeps.kendall_step(part, "temperature") / len(SWEEPS)
    order = mean_estimate(list(kept), limits=(-1, 1), resolution=step)
    return {"relative error": _mean(off, (0, np.inf)), "order": order}


def _agreement(swept: pd.DataFrame) -> Estimate | None:
    """Average over the sweeps whose settings differ in their classical rank; None without any."""

    def agreement(part: pd.DataFrame) -> float:
        return correlation(part.rankme, part["classical rank"], kind="spearman")

    each = by_seed(swept, agreement, within=["experiment"]).dropna()
    return _averaged(each) if len(each) else None


def _readouts(swept: pd.DataFrame) -> dict[str, Estimate]:
    return {sweeps.READOUTS[name]: _link(swept, "rankme", name) for name in ("kNN", "few labels")}
