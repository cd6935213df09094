"""The chapter's experiments: exact counts that every statistic about models starts from.

Four small tables stand between the published files and the chapter: how many images of which kind
each of the four base models gets right; how many images with each factor each of the 2,510
published models gets right, for either selection of factors; and the calibration errors, which
need probabilities.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ssl_lib.evaluation.imagenet_x import published
from ssl_lib.evaluation.imagenet_x.annotations import FactorTable, load_annotations, real_labels
from ssl_lib.evaluation.imagenet_x.counts import FactorCounts
from ssl_lib.evaluation.imagenet_x.mistakes import calibration_error
from ssl_lib.evaluation.imagenet_x.scoring import SCORINGS, Scored, score
from ssl_lib.evaluation.imagenet_x.wheel import FACTORS, annotation_sources
from ssl_lib.papers import chapter
from ssl_lib.papers.imagenet_x.rows import BASE, BITS, scored
from ssl_lib.papers.imagenet_x.settings import Settings
from ssl_lib.results import Result, Store
from ssl_lib.results.experiments import Experiment
from ssl_lib.results.verification import Checks

__all__ = [
    "ALL_IMAGES",
    "Tables",
    "calibration_errors",
    "experiments",
    "image_counts",
    "load",
    "model_counts",
]

#: What stands for a factor where all images count.
ALL_IMAGES = "all images"

NO_FACTOR = -1


def image_counts(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Count the annotated validation images of each kind; needs the four prediction files.

    Parameters
    ----------
    config, cell : mapping
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


def model_counts(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Count the images each published model gets right; needs the published accuracy tables.

    Parameters
    ----------
    config : mapping
        ``selection``: "top" or "multi".
    cell : mapping
        The only one, empty.

    Returns
    -------
    pandas.DataFrame
        One row a scoring and model: scoring, group (the zoo or sweep it was released with), model,
        images, correct, then FACTOR_images and FACTOR_correct for each factor, and worst_classes
        (accuracy pooled over the model's 100 worst classes).

    Raises
    ------
    MissingData
        When a table is neither on disk nor to be downloaded.
    """
    parts = []
    for scoring in SCORINGS:
        for group in published.GROUPS:
            counts = published.counts(group, selection=config["selection"], scoring=scoring)
            frame = counts.to_frame()
            frame.insert(0, "scoring", scoring)
            frame.insert(1, "group", group)
            parts.append(frame[frame.model != "human"])
    table = pd.concat(parts, ignore_index=True)
    whole = table.select_dtypes("int64").columns
    return table.astype(dict.fromkeys(whole, np.uint16))


def calibration_errors(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Return the expected calibration error of the base models; needs their probabilities.

    Parameters
    ----------
    config, cell : mapping
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


_Compute: TypeAlias = "Callable[[Mapping[str, Any], Mapping[str, Any]], pd.DataFrame]"

#: Table -> what computes it, its configuration, and the columns that name a row.
TABLES: dict[str, tuple[_Compute, dict[str, str], tuple[str, ...]]] = {
    "images": (image_counts, {}, ("label", "ticks", "top", "prototype", "empty", *SCORINGS)),
    "calibration": (calibration_errors, {}, ("model", "factor")),
    "models-top": (model_counts, {"selection": "top"}, ("scoring", "group", "model")),
    "models-multi": (model_counts, {"selection": "multi"}, ("scoring", "group", "model")),
}


def experiments(settings: Settings) -> dict[str, Experiment]:
    """Return the chapter's experiments by the names of their tables.

    Parameters
    ----------
    settings : Settings
        Change nothing: these are the paper's own data, whatever the profile. So all profiles share
        the tables that are published under ``paper``.

    Returns
    -------
    dict of str to Experiment
        Each has one cell.

    Examples
    --------
    >>> made = experiments(Settings(profile="quick"))
    >>> list(made)
    ['images', 'calibration', 'models-top', 'models-multi']
    >>> made["models-top"].place, made["models-top"].config
    ('imagenet_x/models-top.paper', {'selection': 'top'})
    """
    return {
        name: Experiment(
            name=f"imagenet_x-{name}",
            compute=compute,
            config=config,
            cells=[{}],
            data=_hashes,
            place=f"imagenet_x/{name}.paper",
            checks=Checks(keys=keys, exact=("*",)),
        )
        for name, (compute, config, keys) in TABLES.items()
    }


def _hashes() -> dict[str, str]:
    """Return what identifies the annotations and the published files."""
    return {**annotation_sources(), **{k: v.sha256 for k, v in published.REMOTES.items()}}


class Tables(chapter.Tables):
    """The counts of one run, see :func:`experiments`, and the rows that statistics take."""

    settings: Settings

    @property
    def models(self) -> Result:
        """The models' counts at the chapter's selection."""
        return self.tables[f"models-{self.settings.selection}"]

    def scored(self, **options: Any) -> Scored:
        """Return the base models, right or wrong on each image, as the settings say.

        Parameters
        ----------
        **options : str
            selection, scoring, empty or prototypes, where they shall differ: see
            :func:`ssl_lib.papers.imagenet_x.rows.scored`.
        """
        own = {"selection": self.settings.selection, "scoring": self.settings.scoring}
        return scored(self["images"], **{**own, **options})

    def rows(self, selection: str | None = None) -> pd.DataFrame:
        """Return the counts of all published models at the chapter's scoring.

        Parameters
        ----------
        selection : {"top", "multi"}, optional
            Default: the chapter's.
        """
        chosen = self[f"models-{selection or self.settings.selection}"]
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


def load(settings: Settings, *, store: Store | None = None, seconds: float = 30.0) -> Tables:
    """Fetch all counts of a run: the published tables, counted again where their files are.

    Parameters
    ----------
    settings : Settings
        With ``fresh``, what is counted again is returned in place of what is published, where the
        files can be had.
    store : Store, optional
        Default: the user's.
    seconds : float, default=30
        Of a core, for what is counted again.

    Returns
    -------
    Tables
    """
    # A seed draws intervals only, so that it changes no table.
    unseeded = dataclasses.replace(settings, seed=0)
    found = chapter.fetch(
        experiments(settings), unseeded, slug="imagenet_x", store=store, seconds=seconds
    )
    return Tables(settings=settings, tables=found)
