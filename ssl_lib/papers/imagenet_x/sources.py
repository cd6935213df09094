"""The exact counts that every statistic about models starts from.

Four small tables stand between the published files and the chapter: how many images of which kind
each of the four base models gets right; how many images with each factor each of the 2,510
published models gets right, for either selection of factors; and the calibration errors, which
need probabilities. They are computed from the files of the pinned commit where these can be had,
and read from ``results/imagenet_x`` where not, so that both ways lead through the same code.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.evaluation.imagenet_x import published
from ssl_lib.evaluation.imagenet_x.annotations import (
    FactorTable,
    Prototypes,
    Selection,
    load_annotations,
    real_labels,
)
from ssl_lib.evaluation.imagenet_x.counts import FactorCounts
from ssl_lib.evaluation.imagenet_x.mistakes import calibration_error
from ssl_lib.evaluation.imagenet_x.scoring import SCORINGS, Empty, Scored, Scoring, score
from ssl_lib.evaluation.imagenet_x.wheel import FACTORS, annotation_sources
from ssl_lib.papers.imagenet_x.settings import Settings
from ssl_lib.paths import share
from ssl_lib.results import Result, Store

__all__ = [
    "BASE",
    "FOLDER",
    "Sources",
    "calibration_errors",
    "default_store",
    "image_counts",
    "load",
    "model_counts",
    "scored",
    "tables",
]

#: The four base models, in the order of every table about them.
BASE = ("ViT", "ResNet50", "SimCLR", "DINO")
#: Where the committed tables are, below ``results``.
FOLDER = "imagenet_x"

NO_FACTOR = -1
BITS = 1 << np.arange(len(FACTORS))
ALL_IMAGES = "all images"


def image_counts(config: Mapping[str, Any]) -> pd.DataFrame:
    """Count the annotated validation images of each kind; needs the four prediction files.

    Parameters
    ----------
    config : mapping
        Nothing can be chosen.

    Returns
    -------
    pandas.DataFrame
        One row a kind of image: label, ticks (bit f is set when factor f is ticked), top (position
        of the top factor, -1 for none), prototype, empty (no reassessed label is left), and for
        each scoring which of the base models are right (bit m for model m). ``images`` is how many
        of them there are; they sum to 48,868.

    Raises
    ------
    MissingData
        When the prediction files are neither on disk nor to be downloaded.
    """
    predictions = published.predictions()
    everything = load_annotations(prototypes="keep")
    kinds = _kinds(everything)
    for scoring in SCORINGS:
        correct = score(predictions, everything, scoring=scoring).select(BASE).correct
        kinds[scoring] = (correct.T @ (1 << np.arange(len(BASE)))).astype(np.int8)
    counts = kinds.groupby(list(kinds), sort=True).size()
    return counts.rename("images").astype(np.int16).reset_index()


def _kinds(top: FactorTable) -> pd.DataFrame:
    multi = load_annotations(selection="multi", prototypes="keep")
    ordinary = load_annotations(prototypes="drop").image_ids
    position = np.where(top.factors.any(axis=1), top.factors.argmax(axis=1), NO_FACTOR)
    return pd.DataFrame(
        {
            "label": top.labels.astype(np.int16),
            "ticks": (multi.factors @ BITS).astype(np.int32),
            "top": position.astype(np.int8),
            "prototype": ~np.isin(top.image_ids, ordinary),
            "empty": real_labels()[top.image_ids - 1, 0] < 0,
        }
    )


def model_counts(config: Mapping[str, Any]) -> pd.DataFrame:
    """Count the images each published model gets right; needs the published accuracy tables.

    Parameters
    ----------
    config : mapping
        ``selection``: "top" or "multi".

    Returns
    -------
    pandas.DataFrame
        One row a scoring and model: scoring, group (the zoo or sweep it was released with), model,
        images, correct, then FACTOR_images and FACTOR_correct for each factor.

    Raises
    ------
    MissingData
        When a table is neither on disk nor to be downloaded.
    """
    parts = []
    for scoring in SCORINGS:
        for group in published.GROUPS:
            counts = published.counts(group, selection=config["selection"], scoring=scoring)
            frame = counts.to_frame().drop(columns="worst_classes", errors="ignore")
            frame.insert(0, "scoring", scoring)
            frame.insert(1, "group", group)
            parts.append(frame[frame.model != "human"])
    table = pd.concat(parts, ignore_index=True)
    whole = table.select_dtypes("int64").columns
    return table.astype(dict.fromkeys(whole, np.uint16))


def calibration_errors(config: Mapping[str, Any]) -> pd.DataFrame:
    """Return the expected calibration error of the base models; needs their probabilities.

    Parameters
    ----------
    config : mapping
        Nothing can be chosen: 15 equally wide bins, class scoring, top factors, prototypes removed.

    Returns
    -------
    pandas.DataFrame
        Columns model, factor (or "all images"), images, error.

    Raises
    ------
    MissingData
        When the prediction files are neither on disk nor to be downloaded.
    """
    rows = score(published.predictions(probabilities=True), load_annotations()).select(BASE)
    calibration = calibration_error(rows)
    images = [len(rows.table), *rows.table.factors.sum(axis=0)]
    errors = np.column_stack([calibration.average, calibration.factors])
    names = [ALL_IMAGES, *FACTORS]
    parts = [
        pd.DataFrame({"model": model, "factor": names, "images": images, "error": error})
        for model, error in zip(BASE, errors, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


#: Name of each committed table -> what computes it, and its configuration.
TABLES: dict[str, tuple[Callable[[Mapping[str, Any]], pd.DataFrame], dict[str, str]]] = {
    "imagenet_x-images": (image_counts, {}),
    "imagenet_x-calibration": (calibration_errors, {}),
    "imagenet_x-models-top": (model_counts, {"selection": "top"}),
    "imagenet_x-models-multi": (model_counts, {"selection": "multi"}),
}


def default_store() -> Store:
    """Return the user's store, with this chapter's committed tables behind it."""
    return Store(committed=share("results") / FOLDER)


def tables(store: Store, *, fallback: bool = True) -> dict[str, Result]:
    """Fetch the four tables: from the cache, from the published files, or the committed ones.

    Parameters
    ----------
    store : Store
    fallback : bool, default=True
        Take the committed table where the published files cannot be had, rather than raise
        :class:`ssl_lib.errors.MissingData`.

    Returns
    -------
    dict of str to Result
    """
    data = {**annotation_sources(), **{k: remote.sha256 for k, remote in published.REMOTES.items()}}
    return {
        name: store.table(
            name, compute, config, data=data, fallback="committed" if fallback else None
        )
        for name, (compute, config) in TABLES.items()
    }


@dataclasses.dataclass(frozen=True)
class Sources:
    """The counts of one run, and where each came from.

    Attributes
    ----------
    images : Result
        Of :func:`image_counts`.
    top, multi : Result
        Of :func:`model_counts`.
    calibration : Result
        Of :func:`calibration_errors`.
    settings : Settings
    """

    images: Result
    top: Result
    multi: Result
    calibration: Result
    settings: Settings

    @property
    def all(self) -> tuple[Result, ...]:
        """Every table, for the provenance of the page."""
        return (self.images, self.top, self.multi, self.calibration)

    @property
    def models(self) -> Result:
        """The models' counts at the chapter's selection."""
        return self.top if self.settings.selection == "top" else self.multi

    def scored(self, **options: Any) -> Scored:
        """Return the base models, right or wrong on each image, as the settings say.

        Parameters
        ----------
        **options : str
            selection, scoring, empty or prototypes, where they shall differ: see :func:`scored`.
        """
        own = self.settings
        return scored(
            self.images.table, **{"selection": own.selection, "scoring": own.scoring, **options}
        )

    def rows(self, selection: str | None = None) -> pd.DataFrame:
        """Return the counts of all published models at the chapter's scoring.

        Parameters
        ----------
        selection : {"top", "multi"}, optional
            Default: the chapter's.
        """
        wanted = selection or self.settings.selection
        chosen = self.top.table if wanted == "top" else self.multi.table
        return chosen[chosen.scoring == self.settings.scoring].reset_index(drop=True)

    def counts(self, group: str) -> FactorCounts:
        """Return the counts of the models of one released group.

        Parameters
        ----------
        group : str
            One of ``published.GROUPS``.
        """
        rows = self.rows()
        return FactorCounts.from_frame(rows[rows.group == group])


def load(settings: Settings, *, store: Store | None = None) -> Sources:
    """Fetch all counts of a run.

    Parameters
    ----------
    settings : Settings
    store : Store, optional
        Default: :func:`default_store`.

    Returns
    -------
    Sources
    """
    found = tables(store or default_store())
    return Sources(
        images=found["imagenet_x-images"],
        top=found["imagenet_x-models-top"],
        multi=found["imagenet_x-models-multi"],
        calibration=found["imagenet_x-calibration"],
        settings=settings,
    )


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
        From :func:`image_counts`.
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
