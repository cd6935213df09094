"""What decides the chapter's claims."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.papers.vicreg_info import measures
from ssl_lib.papers.vicreg_info.bounds import FEATURES
from ssl_lib.papers.vicreg_info.experiments import Tables
from ssl_lib.papers.vicreg_info.measures import mean
from ssl_lib.papers.vicreg_info.normality import TESTED
from ssl_lib.papers.vicreg_info.settings import LOSSES

__all__ = ["NOT_TESTED", "estimates"]

#: Claims that no run of this chapter can decide, and why: none.
NOT_TESTED: dict[str, str] = {}

Given = Estimate | Mapping[str, Estimate]
#: The losses that stand in VICReg's place, and what readers and rules call them.
_NEW = {"logdet": "LogDet", "pairwise": "pairwise"}
_OLD = {"vicreg": "VICReg", "simclr": "SimCLR"}
#: Those that do not test the whole distribution.
_UNTESTED = _OLD | {"logdet": "LogDet"}
#: The data sets on which claims about gains over VICReg are decided.
_SETS = ("digits", "Fashion-MNIST", "CIFAR-10")


def estimates(tables: Tables, photos: Mapping[str, Tables] | None = None) -> dict[str, Given]:
    """Return by claim what decides it.

    Parameters
    ----------
    tables : Tables
        From :func:`ssl_lib.papers.vicreg_info.load`.
    photos : mapping of str to Tables, optional
        From :func:`ssl_lib.papers.vicreg_info.on_photographs`; sets that are missing leave parts
        of the claims about gains without an estimate.

    Returns
    -------
    dict of str to Estimate or mapping
        As :func:`ssl_lib.claims.report` takes it.
    """
    encoders = tables["encoders"]
    found = measures.at_end(encoders)
    sets = {"digits": measures.rungs(encoders, tables["ladder"])}
    sets |= {name: kept["photographs"] for name, kept in (photos or {}).items()}
    lost = measures.small_batches(tables["batches"])
    return {
        "C1": _disjoint(tables),
        **_normality(encoders),
        "C3a": Estimate(measures.slope(measures.expansion()), note="exact"),
        **_entropies(measures.training(encoders)),
        "C6b": {title: mean(_differ(found, name, "simclr")) for name, title in _NEW.items()},
        **_ladder(sets),
        **_bound(tables["bounds"]),
        "C8": _moons(tables["moons"]),
        "C10": {title: mean(_differ(lost, name, "vicreg")) for name, title in _NEW.items()},
    }


def _differ(table: pd.DataFrame, one: str, other: str) -> pd.Series:
    return table[one] - table[other]


def _disjoint(tables: Tables) -> dict[str, Estimate]:
    distances = tables["distances"]
    touching = distances[(distances.measure == "touching") & (distances.data == "digits")]
    passing = measures.passing_from(tables["encoders"])
    ratios = float(touching.value.min()) / passing
    titles = {name: LOSSES[name].title for name in TESTED}
    return {
        title: Estimate(float(ratios[name].min()), n=len(ratios), note="least of the networks")
        for name, title in titles.items()
    }


def _normality(noise: pd.DataFrame) -> dict[str, Given]:
    gap = noise[noise.measure == "covariance gap"].value.dropna()
    images = noise[noise.measure == "covariance images"].value.sum()
    share = measures.shares(noise)
    wide = share.pivot(index=["seed", "loss"], columns="at", values="value")
    first, last = wide[wide.columns[0]].unstack(), wide[wide.columns[-1]].unstack()
    control = noise[noise.part == "control"].groupby(["seed", "loss"]).value.first().unstack()
    pooled = noise[(noise.part == "embedding") & (noise.measure == "pooled")]
    over_images = pooled.pivot(index="seed", columns="loss", values="value")
    return {
        "C2a": Estimate(float(gap.max()), n=int(images), note="exact"),
        "C2b": {title: mean((first - control)[name]) for name, title in _OLD.items()},
        "C2c": {title: mean((last - first)[name]) for name, title in _OLD.items()},
        "C2d": Estimate(measures.outliving(noise), n=noise.seed.nunique(), note="of means"),
        "C4": mean(_differ(last, "vicreg", "simclr")),
        "C11": {
            f"less {title}": mean(_differ(over_images, "sigreg", name))
            for name, title in _UNTESTED.items()
        },
    }


def _entropies(training: pd.DataFrame) -> dict[str, Given]:
    change, tightest = measures.changes(training, "entropy"), measures.tightest(training)
    looks, always = len(measures.looks(training)), tightest == 1
    return {
        "C3b": Estimate(measures.violations(training), n=looks, note="looks"),
        "C3c": {
            title: measures.share(int(always[name].sum()), len(always))
            for name, title in (_OLD | _NEW).items()
        },
        "C5a": {title: mean(change[name]) for name, title in _OLD.items()},
        "C5b": mean(change["vicreg-3"]),
        "C9": _raised(training[(training.loss == "logdet") & (training.step > 0)]),
    }


def _raised(later: pd.DataFrame) -> dict[str, Estimate]:
    """Return how bound and entropy change from the first look on, and where they part."""
    names = {"Gaussian bound": "gaussian", "entropy": "monte_carlo"}
    ends = {title: mean(measures.changes(later, name)["logdet"]) for title, name in names.items()}
    falls = measures.rises(later).falls
    count = float(falls.sum()) if len(falls) else math.nan
    return {**ends, "falls at a rise": Estimate(count, n=len(falls), note="rises of the bound")}


def _ladder(sets: Mapping[str, pd.DataFrame]) -> dict[str, Given]:
    return {
        "C6a": _gains(sets, "default", _NEW),
        "C6c": _gains(sets, "tuned", _NEW),
        "C6d": {name: _tuning(sets.get(name)) for name in dict.fromkeys((*_SETS, *sets))},
        "C6e": _gains(sets, "tuned", {"sigreg": "SIGReg"}),
    }


#: Of a data set that a run lacks.
_MISSING = Estimate(math.nan, note="no table of these images")


def _gains(
    sets: Mapping[str, pd.DataFrame], setting: str, losses: Mapping[str, str]
) -> dict[str, Estimate]:
    """Return by loss and data set how far it lies above VICReg, in points."""
    above = {name: measures.above(table, setting) for name, table in sets.items()}
    return {
        f"{title}, {name}": mean(above[name][loss]) if name in above else _MISSING
        for name in dict.fromkeys((*_SETS, *sets)) for loss, title in losses.items()
    }  # fmt: skip


def _tuning(table: pd.DataFrame | None) -> Estimate:
    """Return what tuning takes from a gain; no estimate where defaults do not gain."""
    if table is None:
        return _MISSING
    gain = mean(measures.above(table, "default")[list(_NEW)].mean(axis=1))
    if not gain.bounds[0] > 0:
        return Estimate(math.nan, n=gain.n, note="no gain at defaults")
    return mean(measures.gain_by_tuning(table, list(_NEW)))


def _bound(bounds: pd.DataFrame) -> dict[str, Given]:
    found = {name: measures.tau(bounds, name) for name in FEATURES}
    residuals = {"unlabelled residual": "unlabelled", "labelled residual": "labelled"}
    return {
        "C7a": {
            f"{title}, {features}": mean(table[name])
            for features, table in found.items() for title, name in residuals.items()
        },
        "C7b": {features: mean(table["gap"]) for features, table in found.items()},
    }  # fmt: skip


def _moons(moons: pd.DataFrame) -> dict[str, Estimate]:
    ends = measures.moon_ends(moons)
    return {
        "trainable less start": mean(_differ(ends, "trainable", "start")),
        "fixed less trainable": mean(_differ(ends, "fixed", "trainable")),
        "nearest centre less start": mean(_differ(ends, "hard", "start")),
        "slow less trainable": mean(_differ(ends, "slow", "trainable")),
    }
