"""The estimates that decide the chapter's claims."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.methods.prior import power_law_prior
from ssl_lib.papers.cluster_prior import losses, measures
from ssl_lib.papers.cluster_prior.experiments import Tables

__all__ = ["NOT_TESTED", "estimates"]

#: Claims that no run of this chapter can decide, and why.
NOT_TESTED: dict[str, str] = {}

#: Losses that the paper names.
NAMED = ("simclr", "vicreg", "swav", "msn")
#: Gaussians and digits on which K-means is judged.
RATIO, EXPONENT = 30, 1.5


def estimates(tables: Tables) -> dict[str, Estimate | Mapping[str, Estimate]]:
    """Return the estimate, or estimates by name, of each claim.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    dict
        By claim id.
    """
    encoders, batches = tables["encoders"], tables["batches"]
    return {
        "C1": _losses(),
        "C2": _equalised(tables),
        "C3": _identities(tables["identities"]),
        **_batches(batches),
        "C6": _reduces(),
        "C7": _kept(tables["factors"]),
        **_priors(encoders),
        "C9": _mild(encoders),
    }


def _mean(values: pd.Series) -> Estimate:
    """Return the mean over seeds with its t interval."""
    mean, low, high = measures.summary(values.to_frame()).iloc[0].tolist()
    if len(values) < 2:
        return Estimate(mean, n=1, note="one seed")
    return Estimate(mean, low, high, n=len(values), note="95 % t interval over seeds")


def _losses() -> dict[str, Estimate]:
    """Find where each loss is least among power laws of ten clusters, and how far it rises."""
    exponents = np.linspace(0, 1, 21).tolist()
    table = losses.curves(exponents, 0.0)
    titles = [losses.LOSSES[name].title for name in NAMED]
    wide = table.pivot(index="exponent", columns="loss", values="value")[titles]
    least, rise = max(wide.idxmin().tolist()), wide.iloc[-1].min()
    count = len(NAMED)
    return {
        "exponent of the least loss": Estimate(float(least), n=count, note="exact"),
        "smallest rise": Estimate(float(rise), n=count, note="exact"),
    }


def _equalised(tables: Tables) -> dict[str, Estimate]:
    plane, digits = tables["gaussians"], tables["kmeans"]
    plane = plane[(plane.ratio == RATIO) & (plane.model == "kmeans")].set_index("seed")
    digits = digits[digits.exponent == EXPONENT].set_index("seed")
    return {
        "Gaussians": _mean(measures.equalised(plane.largest, plane.true, 3)),
        "digits": _mean(measures.equalised(digits.largest, digits.true, 10)),
    }


def _identities(table: pd.DataFrame) -> dict[str, Estimate]:
    most = table.groupby("check").difference.max()
    least = table.groupby("check").difference.min()
    n = table.seed.nunique()
    names = {"equal sizes": "invariance", "whitening": "spectral", "mixture": "msn"}
    found = {name: Estimate(float(most[own]), n=n, note="exact") for name, own in names.items()}
    found["transport"] = Estimate(float(most["transport"]), n=n, note="largest of all draws")
    found["unequal sizes"] = Estimate(float(least["unequal"]), n=n, note="smallest of all draws")
    return found


def _batches(table: pd.DataFrame) -> dict[str, Mapping[str, Estimate]]:
    few, told = measures.few(table), measures.attributes(table)
    drop = {name: few[name][10] - few[name][2] for name in ("simclr", "vicreg", "msn")}
    own = few["autoencoder"][10] - few["autoencoder"][2]
    others = sum(drop.values()) / len(drop)
    return {
        "C4a": {name: _mean(values) for name, values in drop.items()},
        "C4b": {"autoencoder": _mean(own), "against the others": _mean(own - others)},
        "C5": {
            "class": _mean(told["class"][10] - told["class"][2]),
            "ink": _mean(told["ink"][2] - told["ink"][10]),
        },
    }


def _reduces() -> dict[str, Estimate]:
    uniform, minimum = losses.reduction()
    return {
        "uniform prior": Estimate(uniform, note="exact"),
        "minimum": Estimate(minimum, note="exact"),
    }


def _kept(table: pd.DataFrame) -> dict[str, Estimate]:
    rare = measures.by(table, ["exponent", "model"], "rare")
    even = measures.by(table, ["exponent", "model"], "even")
    kept = {f"kept at {x:g}": _mean(rare[x]["rank"] - rare[x]["uniform"]) for x in (1.5, 2.0)}
    return {"discarded": _mean(even[2.0]["uniform"] - rare[2.0]["uniform"]), **kept}


def _priors(encoders: pd.DataFrame) -> dict[str, Estimate | Mapping[str, Estimate]]:
    """Compare exponent 0.5 with the uniform prior, in points where it is a share of images."""
    accuracy, f1 = (100 * measures.of_runs(encoders, f"probe {m}") for m in ("accuracy", "F1"))
    agreement = measures.of_runs(encoders, "agreement")

    def gain(wide: pd.DataFrame, data: str) -> Estimate:
        return _mean(wide[f"{data}-0.5"] - wide[f"{data}-0"])

    return {
        "C8a": {"accuracy": gain(accuracy, "tail"), "F1": gain(f1, "tail")},
        "C8b": gain(accuracy, "balanced"),
        "C8c": gain(agreement, "tail"),
        "C8d": gain(agreement, "balanced"),
    }


def _mild(encoders: pd.DataFrame) -> dict[str, Estimate]:
    masses = power_law_prior(1024)
    agreement = measures.of_runs(encoders, "agreement")
    return {
        "largest over smallest mass": Estimate(float(masses[0] / masses[-1]), note="exact"),
        "gain": _mean(agreement["tail-0.25-many"] - agreement["tail-0-many"]),
    }
