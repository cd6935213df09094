"""Counted kinds of images back to the rows that statistics take."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.evaluation.imagenet_x.annotations import FactorTable, Prototypes, Selection
from ssl_lib.evaluation.imagenet_x.scoring import Empty, Scored, Scoring
from ssl_lib.evaluation.imagenet_x.wheel import FACTORS

__all__ = ["BASE", "BITS", "scored"]

#: The four base models, in the order of every table about them.
BASE = ("ViT", "ResNet50", "SimCLR", "DINO")
#: The bit of each factor among an image's ticks.
BITS = 1 << np.arange(len(FACTORS))


def scored(
    counts: pd.DataFrame,
    *,
    selection: Selection = "top",
    scoring: Scoring = "class",
    empty: Empty = "wrong",
    prototypes: Prototypes = "drop",
) -> Scored:
    """Turn counted kinds of images back into the rows that the statistics take.

    Parameters
    ----------
    counts : pandas.DataFrame
        From :func:`ssl_lib.papers.imagenet_x.experiments.image_counts`.
    selection, scoring, empty, prototypes : str
        As in :func:`ssl_lib.evaluation.imagenet_x.load_annotations` and ``score``.

    Returns
    -------
    Scored
        Of the base models in the order of ``BASE``. Image numbers are made up, in the order of the
        counts: no statistic of this chapter depends on which image is which.
    """
    chosen = counts[~counts.prototype] if prototypes == "drop" else counts
    rows = chosen.loc[chosen.index.repeat(chosen.images)]
    correct = (rows[scoring].to_numpy() >> np.arange(len(BASE))[:, None] & 1).astype(np.bool_)
    labelled = np.ones(len(rows), np.bool_)
    if scoring == "real" and empty == "exclude":
        labelled = ~rows["empty"].to_numpy(np.bool_)
    table = FactorTable(
        image_ids=np.arange(1, len(rows) + 1),
        labels=rows.label.to_numpy(np.int16),
        factors=_factors(rows, selection),
        selection=selection,
        prototypes=prototypes,
    )
    return Scored(
        models=BASE,
        table=table,
        correct=correct & labelled,
        predicted=np.full(len(BASE), len(rows)),
        valid=None if labelled.all() else np.broadcast_to(labelled, correct.shape),
        scoring=scoring,
        empty=empty,
    )


def _factors(rows: pd.DataFrame, selection: str) -> npt.NDArray[np.bool_]:
    if selection == "top":
        return np.asarray(rows.top.to_numpy()[:, None] == np.arange(len(FACTORS)))
    return np.asarray((rows.ticks.to_numpy()[:, None] & BITS) > 0)
