"""The terms of the generalisation bound that can be measured, beside the loss that they bound."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pandas as pd
from torch import nn

from ssl_lib.evaluation.bound import bound_terms
from ssl_lib.methods import Method
from ssl_lib.papers.vicreg_info.regions import network
from ssl_lib.papers.vicreg_info.settings import LOSSES, Sizes
from ssl_lib.papers.vicreg_info.training import VIEWS, split, train_many

__all__ = ["FEATURES", "TERMS", "WEIGHTS", "sweep"]

#: Invariance weights of VICReg; variance 25, covariance 1.
WEIGHTS = (1.0, 3.0, 8.0, 15.0, 25.0, 50.0, 100.0, 200.0)
#: Terms that should fall with the loss, with names for readers.
TERMS = {
    "gap": "gap of two views", "relative gap": "gap over length",
    "unlabelled": "unlabelled residual", "labelled": "labelled residual",
}  # fmt: skip
FEATURES = ("representation", "embedding")


def sweep(config: Sizes, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train VICReg at several invariance weights and compute the terms of the bound.

    Parameters
    ----------
    config : Sizes
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns weight (of the invariance), features (one of ``FEATURES``), measure, value. Measures
        are the fields of :class:`ssl_lib.evaluation.bound.BoundTerms`, ``relative gap`` (the gap
        over the features' length) and ``early loss``.
    """
    seed = cell["seed"]
    images, test = split(seed)
    losses = [
        dataclasses.replace(LOSSES["vicreg"], options={"invariance": weight}) for weight in WEIGHTS
    ]
    rows = []
    for weight, (method, early) in zip(
        WEIGHTS, train_many(losses, images, seed, steps=config.steps), strict=True
    ):
        rows.append((weight, FEATURES[0], "early loss", early))
        for name, part in zip(FEATURES, _parts(method), strict=True):
            found = bound_terms(part, images, test, policy=VIEWS, labelled=config.labels, seed=seed)
            terms = {**dataclasses.asdict(found), "relative gap": found.gap / found.scale}
            rows += [(weight, name, measure, float(value)) for measure, value in terms.items()]
    return pd.DataFrame(rows, columns=["weight", "features", "measure", "value"])


def _parts(method: Method) -> tuple[nn.Module, nn.Module]:
    """Return the encoder, and the encoder with its head."""
    return method.encoder, network(method).float()
