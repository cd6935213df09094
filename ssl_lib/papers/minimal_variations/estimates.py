"""What decides the chapter's claims."""

from collections.abc import Mapping

import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.papers.chapter import Tables
from ssl_lib.papers.minimal_variations.images import SCALES
from ssl_lib.papers.minimal_variations.measures import (
    by_seed,
    ratio_to_limit,
    summary,
    tightest,
)
from ssl_lib.papers.minimal_variations.moons import K
from ssl_lib.papers.minimal_variations.networks import WORLDS
from ssl_lib.papers.minimal_variations.pairs import SIZES, WEIGHTS

__all__ = ["NOT_TESTED", "estimates"]

#: Why a profile may leave a claim open.
NOT_TESTED = dict.fromkeys(("C4", "C5"), "the sample of this profile has too few points")

Given = Estimate | Mapping[str, Estimate]


def estimates(tables: Tables) -> dict[str, Given]:
    """Return by claim what decides it; claims of :data:`NOT_TESTED` may be missing."""
    beside, density = tables["unification"], tables["density"]
    found: dict[str, Given] = {
        "C1": {
            title: summary(by_seed(beside, "alignment", 4, method=name))
            for title, name in _METHODS.items()
        },
        "C2": {
            f"noise {scale}": summary(ratio_to_limit(tables["noise"], scale))
            for scale in (0.05, 0.1)
        },
        "C3": {
            title: summary(by_seed(density, "energy", number, data=data, alpha=alpha))
            for title, (data, alpha, number) in _EXPONENTS.items()
        },
        "C6": Estimate(float((most := tightest(tables["bounds"])).max()), n=len(most)),
        "C7": {
            f"{title}, {world.title}": summary(
                by_seed(tables["networks"], "alignment", world.k, loss=loss, world=name)
            )
            for name, world in WORLDS.items()
            for title, loss in (("VICReg", "vicreg"), ("SimCLR", "simclr"))
        },
        **_weights(tables["weights"]),
        **_metric(tables["images"]),
    }
    if len(by_seed(beside, "side excess", 200, method="points")):
        found |= _labels(beside)
    return found


_METHODS = {
    "kernel VICReg": "views", "graph Laplacian": "graph", "diffusion map": "diffusion",
    "kernel PCA": "pca",
}  # fmt: skip
_EXPONENTS = {
    "one half, N(0, 1)": ("normal", 0.5, 1),
    "none, N(0, 1)": ("normal", 0.0, 1),
    "one, N(0, 1)": ("normal", 1.0, 1),
    "one half, half-moons": ("moons", 0.5, 3),
}


def _beyond(table: pd.DataFrame, measure: str, labels: int) -> pd.Series:
    """Return by seed the probe's excess minus that of kernel ridge regression on the points."""
    ours, points = (
        by_seed(table, measure, labels, method=name) for name in ("dirichlet", "points")
    )
    return ours - points


def _labels(table: pd.DataFrame) -> dict[str, Given]:
    return {
        "C4": summary(-_beyond(table, "arcs excess", 20)),
        "C5": {
            "share explained": summary(by_seed(table, "side share", K, method="dirichlet")),
            "error beyond kernel ridge": summary(_beyond(table, "side excess", 200)),
        },
    }


def _weights(table: pd.DataFrame) -> dict[str, Given]:
    low, high = min(WEIGHTS), max(WEIGHTS)

    def gain(pairs: str, inputs: int) -> pd.Series:
        most, least = (
            by_seed(table, "accuracy", weight, pairs=pairs, inputs=inputs) for weight in (high, low)
        )
        return most - least

    little, much = (gain("aligned", n) for n in SIZES)
    return {
        "C9": {
            "little data": summary(little),
            "little data beyond much data": summary(little - much),
        },
        "C10": summary(-gain("misaligned", SIZES[-1])),
    }


def _metric(table: pd.DataFrame) -> dict[str, Given]:
    def gain(measure: str) -> pd.Series:
        moved, noisy = (
            by_seed(table, measure, 200, metric=name, scale=SCALES[0])
            for name in ("translation", "noise")
        )
        return moved - noisy

    return {"C8": {"as they are": summary(gain("accuracy")), "shifted": summary(gain("shifted"))}}
