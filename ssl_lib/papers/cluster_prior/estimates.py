"""The estimates that decide the chapter's claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import mean_interval
from ssl_lib.methods.prior import power_law_prior
from ssl_lib.papers.cluster_prior import information, losses, measures
from ssl_lib.papers.cluster_prior.experiments import Tables, on_photographs
from ssl_lib.papers.cluster_prior.photographs import Overlay
from ssl_lib.papers.cluster_prior.settings import PHOTOGRAPHS, Settings

__all__ = ["ALLOWED", "NOT_TESTED", "estimates"]

Given: TypeAlias = Estimate | Mapping[str, Estimate]
Photographs: TypeAlias = Mapping[str, pd.DataFrame]

#: Points of accuracy that a method may lose and be nearly unaffected.
ALLOWED = 2.0
#: Claims that tables may not decide, and why.
NOT_TESTED: dict[str, str] = {
    "C4b": "it is not sure that the autoencoder gains more over an untrained encoder than the "
    "points that the rule would let it lose",
}

#: Losses on points. SwAV has its usual kernel here, VICReg features of bounded length.
LOSSES: dict[str, Callable[[Sequence[float]], float]] = {
    "SimCLR": lambda shares: losses.of_shares("simclr", shares),
    "VICReg": lambda shares: losses.of_shares("vicreg", shares),
    "SwAV": losses.swav_standard,
    "MSN": lambda shares: losses.of_shares("msn", shares),
}
#: Gaussians and digits that are shown.
RATIO, EXPONENT = 30, 1.5
#: Photographs whose tables may be published.
IMAGES = ("Fashion-MNIST", "CIFAR-10")
#: Laws of photographs that are no control.
TAILS = tuple(name for name, law in PHOTOGRAPHS.items() if law.kind != "balanced")
_MISSING = Estimate(float("nan"), n=0, note="not measured")


def estimates(tables: Tables) -> dict[str, Given]:
    """Return the estimate, or estimates by name, of each claim that the tables can decide.

    Parameters
    ----------
    tables : Tables
        What the chapter published of photographs is read beside them.

    Returns
    -------
    dict
        By claim id.
    """
    encoders, batches = tables["encoders"], tables["batches"]
    every = on_photographs(Tables(settings=Settings())) | on_photographs(tables)
    photos = {name: made["photographs"] for name, made in every.items() if name in IMAGES}
    over = [made["overlay"] for made in every.values() if "overlay" in made.tables]
    return {
        "C1": _losses(),
        "C2": _equalised(tables["gaussians"], tables["kmeans"]),
        "C3": _identities(tables["identities"]),
        **_batches(batches),
        "C5": _groups(batches, tables["galleries"]),
        "C6": _reduces(),
        "C7": {**_factors(tables["factors"]), **_overlay(over)},
        "C8a": _represented(encoders),
        "C8b": _hurts(encoders, photos),
        "C8c": _followed(encoders, photos, "tail", 0.5),
        "C8d": _followed(encoders, photos, "balanced", 0.5),
        "C9": {"largest over smallest mass": _skew(), **_followed(encoders, photos, "tail", 0.25)},
    }


def _mean(values: pd.Series, *, level: float = 0.95) -> Estimate:
    """Return the mean over seeds with its t interval."""
    if len(values) < 2:
        return Estimate(float(values.iloc[0]), n=1, note="one seed")
    mean, low, high = (float(end) for end in mean_interval(values.to_numpy(), level=level))
    note = f"{100 * level:.4g} % t interval over seeds"
    return Estimate(mean, low, high, n=len(values), note=note)


def _between(bounds: information.Bounds) -> Estimate:
    """Return the middle of what a table allows, with the outer ends of both t intervals."""
    least, most = (_mean(end) for end in bounds)
    note = "95 % t interval over seeds and bounds of the prototypes' entropy"
    low, high = least.bounds[0], most.bounds[1]
    return Estimate((least.value + most.value) / 2, low, high, n=least.n, note=note)


def _losses() -> dict[str, Estimate]:
    """Find where each loss is least among power laws of ten clusters, and how far it rises."""
    exponents = np.linspace(0, 1, 21)
    shares = [losses.power_law_shares(10, x).tolist() for x in exponents]
    curves = {name: [loss(one) for one in shares] for name, loss in LOSSES.items()}
    least = max(exponents[int(np.argmin(curve))] for curve in curves.values())
    found = {"exponent of the least loss": Estimate(float(least), n=len(curves), note="exact")}
    for name, curve in curves.items():
        found[f"rise of {name}"] = Estimate(curve[-1] - curve[0], note="exact")
    return found


def _equalised(plane: pd.DataFrame, digits: pd.DataFrame) -> dict[str, Estimate]:
    """Say how far K-means goes towards equal sizes on all data that are imbalanced."""
    means = plane[(plane.model == "kmeans") & (plane.ratio > 1)]
    found = {
        f"Gaussians {ratio:g} : 1 : 1": _mean(measures.equalised(own.largest, own.true, 3))
        for ratio, own in means.groupby("ratio")
    }
    for exponent, own in digits[digits.exponent > 0].groupby("exponent"):
        found[f"digits {exponent:g}"] = _mean(measures.equalised(own.largest, own.true, 10))
    return found


def _identities(table: pd.DataFrame) -> dict[str, Estimate]:
    most = table.groupby("check").difference.max()
    least = table.groupby("check").difference.min()
    n = table.seed.nunique()
    names = {"equal sizes": "invariance", "whitening": "spectral", "mixture": "msn"}
    found = {name: Estimate(float(most[own]), n=n, note="exact") for name, own in names.items()}
    found["transport"] = Estimate(float(most["transport"]), n=n, note="largest of all draws")
    found["unequal sizes"] = Estimate(float(least["unequal"]), n=n, note="smallest of all draws")
    return found


def _batches(table: pd.DataFrame) -> dict[str, Given]:
    """Compare ten classes with two; the autoencoder only where it has more to lose than it may."""
    few = measures.few(table)
    drop = {name: few[name][10] - few[name][2] for name in ("simclr", "vicreg", "msn")}
    found: dict[str, Given] = {"C4a": {name: _mean(values) for name, values in drop.items()}}
    if measures.lost_gain(table).low["autoencoder"] > ALLOWED:
        own = few["autoencoder"][10] - few["autoencoder"][2]
        others = sum(drop.values()) / len(drop)
        found["C4b"] = {"autoencoder": _mean(own), "against the others": _mean(own - others)}
    return found


def _groups(batches: pd.DataFrame, galleries: pd.DataFrame) -> dict[str, Estimate]:
    told = measures.attributes(batches)
    nearest = {name: measures.of_galleries(galleries, name) for name in ("purity", "ink")}
    pure, alike = (one["classes-10"] - one["classes-2"] for one in nearest.values())
    return {
        "class, nearest images": _mean(pure),
        "ink, nearest images": _mean(-alike),
        "class, all images": _mean(told["class"][10] - told["class"][2]),
        "ink, all images": _mean(told["ink"][2] - told["ink"][10]),
    }


def _reduces() -> dict[str, Estimate]:
    uniform, minimum = losses.reduction()
    return {
        "uniform prior": Estimate(uniform, note="exact"),
        "minimum": Estimate(minimum, note="exact"),
    }


def _factors(table: pd.DataFrame) -> dict[str, Estimate]:
    found: dict[str, Estimate] = {}
    for exponent in table.exponent.unique():
        both = (information.glyphs(table, model, exponent) for model in ("uniform", "rank"))
        found |= _toy(*both, exponent=exponent, what=f"at {exponent:g}")
    return found


def _overlay(tables: Sequence[pd.DataFrame]) -> dict[str, Estimate]:
    """Judge the paper's own toy, where its table is published."""
    what = "over photographs"
    if not tables:
        return {f"discarded {what}": _MISSING, f"kept {what}": _MISSING}
    both = (information.layers(tables[0], model) for model in ("uniform", "rank"))
    return _toy(*both, exponent=Overlay().exponent, what=what)


def _toy(
    uniform: pd.DataFrame, matching: pd.DataFrame, *, exponent: float, what: str
) -> dict[str, Estimate]:
    bounds = information.discarded(uniform, exponent)
    return {
        f"discarded {what}": _between(bounds),
        f"kept {what}": _mean(matching.rare - uniform.rare),
    }


def _represented(encoders: pd.DataFrame) -> dict[str, Estimate]:
    """Return what exponent 0.5 gains over the uniform prior on the long tail, in points."""
    wide = {name: 100 * measures.of_runs(encoders, f"probe {name}") for name in ("accuracy", "F1")}
    return {name: _mean(own["tail-0.5"] - own["tail-0"]) for name, own in wide.items()}


def _hurts(encoders: pd.DataFrame, photos: Photographs) -> Estimate:
    """Return the power law that hurts most surely, its interval made to hold for all of them."""
    cases = dict(_on_balanced(encoders, photos))
    level = 1 - 0.05 / len(cases)
    each = {name: _mean(own, level=level) for name, own in cases.items() if len(own) > 1}
    if not each:
        return _MISSING
    surest = min(each, key=lambda name: each[name].bounds[1])
    own = each[surest]
    return Estimate(own.value, *own.bounds, n=own.n,
                    note=f"{surest}, the surest of {len(cases)}; {own.note}")  # fmt: skip


def _on_balanced(encoders: pd.DataFrame, photos: Photographs) -> Iterator[tuple[str, pd.Series]]:
    """Yield points of accuracy gained over the uniform prior, for every power law of the page."""
    digits = 100 * measures.of_runs(encoders, "probe accuracy")
    for name in measures.BALANCED[1:]:
        yield (
            f"digits, {name.removeprefix('balanced-')}",
            digits[name] - digits[measures.BALANCED[0]],
        )
    many = digits["balanced-0.25-many"] - digits["balanced-0-many"]
    yield "digits, 0.25, 64 prototypes", many
    for name, table in photos.items():
        wide = 100 * measures.of_photographs(table, "accuracy")["balanced"]
        for exponent in wide.columns[wide.columns > 0]:
            yield f"{name}, {exponent:g}", wide[exponent] - wide[0.0]


def _followed(
    encoders: pd.DataFrame, photos: Photographs, data: str, exponent: float
) -> dict[str, Estimate]:
    """Compare a power law with the uniform prior by normalised information with the classes.

    With 64 prototypes on digits 0.25 is the only power law.
    """
    wide = measures.of_runs(encoders, "information")
    found = {
        "digits": _mean(wide[f"{data}-{exponent:g}"] - wide[f"{data}-0"]),
        "digits, 64 prototypes": _mean(wide[f"{data}-0.25-many"] - wide[f"{data}-0-many"]),
    }
    laws = TAILS if data == "tail" else ("balanced",)
    for name in IMAGES:
        gains = measures.gained(photos[name], laws, exponent) if name in photos else None
        found[name] = _MISSING if gains is None else _mean(gains)
    return found


def _skew() -> Estimate:
    masses = power_law_prior(1024)
    return Estimate(float(masses[0] / masses[-1]), note="exact")
