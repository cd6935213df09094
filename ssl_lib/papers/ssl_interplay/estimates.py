"""What decides the chapter's claims."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.papers.ssl_interplay import measures
from ssl_lib.papers.ssl_interplay.cube import CUBES
from ssl_lib.papers.ssl_interplay.experiments import Tables
from ssl_lib.papers.ssl_interplay.measures import mean
from ssl_lib.papers.ssl_interplay.moons import NONE
from ssl_lib.papers.ssl_interplay.sphere import BETWEEN

__all__ = ["NOT_TESTED", "PAPER", "SENSIBLE", "TOO_SMALL", "estimates"]

#: Why a profile may leave a claim open: none does.
NOT_TESTED: dict[str, str] = {}
#: Eigenvalues of T and squared norms of the paper's Figure 2.
PAPER = ((0.9, 0.75, 0.5), (0.4, 0.25, 0.125))
#: Ridges of the released scripts for the capacity of the class.
SENSIBLE, TOO_SMALL = 1e-10, 1e-20

Given = Estimate | Mapping[str, Estimate]


def estimates(tables: Tables) -> dict[str, Given]:
    """Return by claim what decides it."""
    _code, exact, ours = CUBES
    return {
        **_identities(tables),
        "C3": _switches(),
        "C4a": Estimate(len(measures.regimes(exact)), note="exact"),
        "C4b": Estimate(len(measures.regimes(ours)), note="exact"),
        "C5": _tradeoff(tables),
        "C6": _stopping(tables),
        "C7": _sizes(tables),
        "C8": _capacity(tables),
        "C9": mean(measures.slopes(tables["rates"], tables["rates"].views.min())),
        **_dynamics(tables),
        "C12": _reconstruction(tables),
    }


def _identities(tables: Tables) -> dict[str, Given]:
    found = tables["identities"]
    worst = {}
    for name, rows in found.groupby("check").difference:
        worst[name] = Estimate(float(rows.iloc[rows.abs().argmax()]), n=len(rows))
    return {
        "C1": worst["losses"],
        "C2": {name: worst[name] for name in ("eigenfunctions", "optimiser")},
    }


def _switches() -> dict[str, Estimate]:
    count, switches = measures.solved_switches(*PAPER, most=3.0)
    first, second = ([*switches, np.nan, np.nan])[:2]
    return {
        "features": Estimate(count, note="exact"),
        "first switch": Estimate(first, note="exact"),
        "second switch": Estimate(second, note="exact"),
    }


def _tradeoff(tables: Tables) -> dict[str, Estimate]:
    table = tables["tradeoff"]
    return {
        "invariant target": mean(measures.change(table, "ridge", "invariant")),
        "other target": mean(measures.change(table, "ridge", "other")),
        "crossing once": _share(measures.crossings(table, "ridge") == 1),
    }


def _share(hits: pd.Series) -> Estimate:
    """Return a share with Wilson's 95 % interval."""
    array = np.asarray(hits, dtype=float)
    n, share, z = len(array), float(array.mean()), 1.959964
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Estimate(
        share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)), n=n
    )


def _stopping(tables: Tables) -> dict[str, Estimate]:
    table = tables["stopping"]
    # An error above 1 is that of a probe which fits what is not there: guessing 0 errs 1.
    capped = table.assign(error=table.error.clip(upper=1))
    return {
        "invariant target": mean(measures.change(capped, "step", "invariant")),
        "target of degree 2": mean(measures.change(capped, "step", BETWEEN.name)),
        "crossing once": _share(measures.crossings(capped, "step", BETWEEN.name) == 1),
    }


def _sizes(tables: Tables) -> dict[str, Estimate]:
    return {
        f"{measure}, {along}": _ratio(mean(measures.gains(tables["sizes"], measure, along)))
        for measure in ("regression", "classification")
        for along in ("inputs", "labels")
    }


def _ratio(logarithm: Estimate) -> Estimate:
    value, (low, high) = np.exp(logarithm.value), np.exp(logarithm.bounds)
    return Estimate(float(value), float(low), float(high), n=logarithm.n)


def _capacity(tables: Tables) -> dict[str, Estimate]:
    by = tables.second.groupby("ridge").explained
    places = {"no augmentations": NONE, "sensible penalty": SENSIBLE, "far too small": TOO_SMALL}
    return {name: mean(by.get_group(ridge)) for name, ridge in places.items()}


def _dynamics(tables: Tables) -> dict[str, Given]:
    rows = measures.learned(measures.together(tables["dynamics"], tables.recipes.dynamics.bits))
    off = measures.misfits(rows)
    return {
        "C10": {
            "correlation": measures.mean_correlation(measures.forecast(rows, "predicted")),
            "error beside one operator": mean(off.forecast - off.alone),
        },
        "C11": measures.mean_correlation(measures.forecast(rows, "penalty")),
    }


def _reconstruction(tables: Tables) -> dict[str, Estimate]:
    table = tables["reconstruction"]
    least = measures.needed(table, "large")
    return {
        "alignment, large irrelevant features": _ratio(
            mean(np.log(least["joint"] / least["reconstruction"]))
        ),
        "accuracy, small irrelevant features": mean(measures.ahead(table, "small")),
    }
