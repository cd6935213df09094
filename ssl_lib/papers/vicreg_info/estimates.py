"""What decides the chapter's claims."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.papers.vicreg_info import measures
from ssl_lib.papers.vicreg_info.experiments import Tables
from ssl_lib.papers.vicreg_info.measures import mean

__all__ = ["NOT_TESTED", "estimates"]

#: Claims that no run of this chapter can decide, and why: none.
NOT_TESTED: dict[str, str] = {}

Given = Estimate | Mapping[str, Estimate]
#: The losses that stand in VICReg's place, and what readers and rules call them.
_NEW = {"logdet": "LogDet", "pairwise": "pairwise"}
_OLD = {"vicreg": "VICReg", "simclr": "SimCLR"}


def estimates(tables: Tables) -> dict[str, Given]:
    """Return by claim what decides it."""
    return {
        "C1": _disjoint(tables),
        **_normality(tables["encoders"]),
        "C3a": Estimate(measures.slope(measures.expansion()), note="exact"),
        **_entropies(measures.training(tables["encoders"])),
        **_losses(measures.at_end(tables["encoders"])),
        **_ladder(measures.rungs(tables["encoders"], tables["ladder"])),
        **_bound(tables["bounds"]),
        "C8": _moons(tables["moons"]),
        "C10": mean(_differ(measures.small_batches(tables["batches"]), "pairwise", "vicreg")),
    }


def _differ(table: pd.DataFrame, one: str, other: str) -> pd.Series:
    return table[one] - table[other]


def _disjoint(tables: Tables) -> Estimate:
    distances = tables["distances"]
    touching = distances[(distances.measure == "touching") & (distances.data == "digits")]
    noise = tables["encoders"]
    least = float(touching.value.min())
    return Estimate(least / measures.passing_until(noise), n=noise.seed.nunique(), note="of means")


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
        "C11": mean(_differ(over_images, "sigreg", "vicreg")),
    }


def _entropies(training: pd.DataFrame) -> dict[str, Given]:
    change, tightest = measures.changes(training, "entropy"), measures.tightest(training)
    looks = len(measures.looks(training))
    bound, inside = (measures.changes(training, name) for name in ("gaussian", "monte_carlo"))
    return {
        "C3b": Estimate(measures.violations(training), n=looks, note="looks"),
        "C3c": {title: mean(tightest[name]) for name, title in (_OLD | _NEW).items()},
        "C5a": {title: mean(change[name]) for name, title in _OLD.items()},
        "C5b": mean(change["vicreg-3"]),
        "C9": {"Gaussian bound": mean(bound["logdet"]), "entropy": mean(inside["logdet"])},
    }


def _losses(found: pd.DataFrame) -> dict[str, Given]:
    return {
        claim: {title: mean(_differ(found, name, other)) for name, title in _NEW.items()}
        for claim, other in (("C6a", "vicreg"), ("C6b", "simclr"))
    }


def _ladder(ladder: pd.DataFrame) -> dict[str, Given]:
    tuned = measures.above(ladder, "tuned")
    return {
        "C6c": {title: mean(tuned[name]) for name, title in _NEW.items()},
        "C6d": mean(measures.gain_by_tuning(ladder, list(_NEW))),
        "C6e": mean(tuned["sigreg"]),
    }


def _bound(bounds: pd.DataFrame) -> dict[str, Given]:
    found, embedding = measures.tau(bounds), measures.tau(bounds, "embedding")
    residuals = {"unlabelled residual": "unlabelled", "labelled residual": "labelled"}
    return {
        "C7a": {title: mean(found[name]) for title, name in residuals.items()},
        "C7b": mean(embedding["gap"]),
    }


def _moons(moons: pd.DataFrame) -> dict[str, Estimate]:
    ends = measures.moon_ends(moons)
    return {
        "trainable less start": mean(_differ(ends, "trainable", "start")),
        "fixed less trainable": mean(_differ(ends, "fixed", "trainable")),
        "nearest centre less start": mean(_differ(ends, "hard", "start")),
        "slow less trainable": mean(_differ(ends, "slow", "trainable")),
    }
