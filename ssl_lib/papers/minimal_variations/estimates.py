"""What decides the chapter's claims."""

from collections.abc import Mapping

import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.papers.chapter import Tables
from ssl_lib.papers.minimal_variations import controls
from ssl_lib.papers.minimal_variations.images import SCALES
from ssl_lib.papers.minimal_variations.measures import (
    by_seed,
    fall,
    grain,
    on_shared_images,
    ratio_to_limit,
    savings,
    steeper,
    summary,
    tightest,
)
from ssl_lib.papers.minimal_variations.moons import K
from ssl_lib.papers.minimal_variations.pairs import DRAWS, SIZES, TEST, WEIGHTS

__all__ = ["NOT_TESTED", "estimates", "fewer_labels"]

#: Why a profile may leave a claim open.
NOT_TESTED = dict.fromkeys(("C4", "C5"), "the sample of this profile has too few points")

Given = Estimate | Mapping[str, Estimate]


def estimates(tables: Tables) -> dict[str, Given]:
    """Return by claim what decides it; claims of :data:`NOT_TESTED` may be missing."""
    beside, drawn = tables["unification"], controls.shown(tables)
    found: dict[str, Given] = {
        "C1": {
            title: summary(by_seed(beside, "alignment", 4, method=name))
            for title, name in _METHODS.items()
        },
        "C2": {
            f"noise {scale}": summary(
                ratio_to_limit(tables["noise"], controls.own_energies(drawn), scale)
            )
            for scale in (0.05, 0.1)
        },
        "C3": {
            title: summary(by_seed(controls.matched(drawn), "energy", alpha=alpha))
            for title, alpha in _EXPONENTS.items()
        },
        "C6": Estimate(float((most := tightest(tables["bounds"])).max()), n=len(most)),
        "C7": _networks(tables["networks"], controls.untrained(drawn)),
        **_weights(tables["weights"]),
        **_metric(tables["images"]),
    }
    if len(by_seed(beside, "side excess", 200, method="points")):
        found |= _labels(beside, controls.validated(drawn))
    return found


_METHODS = {
    "kernel VICReg": "views", "graph Laplacian": "graph", "diffusion map": "diffusion",
    "kernel PCA": "pca",
}  # fmt: skip
_EXPONENTS = {"one half": 0.5, "none": 0.0, "one": 1.0}


def _networks(trained: pd.DataFrame, untrained: pd.DataFrame) -> dict[str, Estimate]:
    """Return alignments on half-moons, and by how much training raises them."""
    found: dict[str, Estimate] = {}
    for title, loss in (("VICReg", "vicreg"), ("SimCLR", "simclr")):
        after, before = (
            by_seed(table, "alignment", loss=loss, world="moons") for table in (trained, untrained)
        )
        found |= {title: summary(after), f"{title}, gain": summary(after - before)}
    return found


def _labels(table: pd.DataFrame, validated: pd.DataFrame) -> dict[str, Given]:
    functions, points = (
        by_seed(table, "side excess", 200, method=name) for name in ("dirichlet", "points")
    )
    return {
        "C4": {f"{n} labels": value for n, value in fewer_labels(table, validated).items()},
        "C5": {
            "share explained": summary(by_seed(table, "side share", K, method="dirichlet")),
            "error beyond kernel ridge": summary(functions - points),
        },
    }


def fewer_labels(table: pd.DataFrame, validated: pd.DataFrame) -> dict[int, Estimate]:
    """Return how many times as many labels kernel ridge regression needs for the functions' error.

    Parameters
    ----------
    table : pandas.DataFrame
        Of the methods.
    validated : pandas.DataFrame
        Of :func:`ssl_lib.papers.minimal_variations.controls.validated`.

    Returns
    -------
    dict of int to Estimate
        By the number of labels of the functions.
    """
    ours, rival = (
        rows[rows.measure == "arcs excess"].pivot(index="seed", columns="at", values="value")
        for rows in (table[table.method == "dirichlet"], validated)
    )
    return savings(ours, rival.loc[ours.index, ours.columns])


def _weights(table: pd.DataFrame) -> dict[str, Given]:
    def accuracies(pairs: str, inputs: int) -> tuple[pd.Series, pd.Series]:
        least, most = (
            by_seed(table, "accuracy", weight, pairs=pairs, inputs=inputs)
            for weight in (min(WEIGHTS), max(WEIGHTS))
        )
        return least, most

    few, many = (accuracies("aligned", n) for n in SIZES)
    small, large = (fall(*both, decisions=DRAWS * TEST) for both in (few, many))
    against = [accuracies("misaligned", n) for n in SIZES]
    return {
        "C9": {
            "little data": summary(few[1] - few[0]),
            "little data beyond much data": steeper(small, large, len(few[0])),
        },
        "C10": {
            name: summary(least - most)
            for name, (least, most) in zip(("little data", "much data"), against, strict=True)
        },
    }


def _metric(table: pd.DataFrame) -> dict[str, Given]:
    judges = grain(table.value)

    def gain(measure: str) -> Estimate:
        moved, noisy = (
            by_seed(table, measure, 200, metric=name, scale=SCALES[0])
            for name in ("translation", "noise")
        )
        return on_shared_images(moved, noisy, judges)

    return {"C8": {"as they are": gain("accuracy"), "shifted": gain("shifted")}}
