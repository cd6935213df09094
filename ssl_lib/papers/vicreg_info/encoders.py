"""Encoders of digits at default settings: looked at on their way, probed, tested for normality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from ssl_lib.data import ImageData
from ssl_lib.evaluation.rank import rankme
from ssl_lib.methods import Method
from ssl_lib.papers.vicreg_info import brackets, normality
from ssl_lib.papers.vicreg_info.settings import LOSSES, Sizes
from ssl_lib.papers.vicreg_info.training import Trained, accuracy, embed, split, train

__all__ = ["COLUMNS", "COMPARED", "encoders", "ends"]

#: The losses that are trained.
COMPARED = (
    "vicreg", "vicreg-3", "logdet", "pairwise", "pairwise-raw", "simclr", "sigreg",
)  # fmt: skip
COLUMNS = ["part", "measure", "at", "value"]


def encoders(config: Sizes, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train a loss on the half of the digits that is reported, and measure all there is.

    Parameters
    ----------
    config : Sizes
    cell : mapping
        ``seed``, and ``loss``, one of ``COMPARED``.

    Returns
    -------
    pandas.DataFrame
        Columns part, measure, at, value. Parts: ``training``, with a step in `at` (see
        :func:`ssl_lib.papers.vicreg_info.brackets.look`); ``end`` (see :func:`ends`); and those of
        :func:`ssl_lib.papers.vicreg_info.normality.tested`.
    """
    seed = cell["seed"]
    images, test = split(seed, "reported")

    def look(method: Method) -> dict[str, float]:
        return brackets.look(method, test.images, config.draws, seed)

    found = train(
        LOSSES[cell["loss"]], images, seed, steps=config.steps, looks=config.looks, look=look
    )
    rows: list[tuple[str, str, float, float]] = [
        ("training", name, entry["step"], entry[name])
        for entry in found.history if "kl" in entry for name in brackets.MEASURES
    ]  # fmt: skip
    rows += [("end", name, 0.0, value) for name, value in ends(found, images, test)]
    if cell["loss"] in normality.TESTED:
        rows += normality.tested(found.method, test, config, seed)
    made = pd.DataFrame(rows, columns=COLUMNS)
    return made.astype({"at": "float64", "value": "float64"})


def ends(found: Trained, images: ImageData, test: ImageData) -> Iterator[tuple[str, float]]:
    """Measure a trained encoder.

    Yields
    ------
    tuple
        ``accuracy``; of embeddings of the training images ``rankme`` and ``std``, the mean over
        coordinates; ``early loss``.
    """
    z = embed(found.method, images.images)[1]
    yield "accuracy", accuracy(found.method, images, test)
    yield "rankme", rankme(z)
    yield "std", float(z.std(0).mean())
    yield "early loss", found.early
