"""The counts of one run, and the rows that statistics take.

The published tables of :mod:`ssl_lib.papers.imagenet_x.experiments` are shown, and counted again
where the files of the pinned commit can be had: the page needs neither these nor a network.
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.evaluation.imagenet_x.annotations import FactorTable, Prototypes, Selection
from ssl_lib.evaluation.imagenet_x.counts import FactorCounts
from ssl_lib.evaluation.imagenet_x.scoring import Empty, Scored, Scoring
from ssl_lib.evaluation.imagenet_x.wheel import FACTORS
from ssl_lib.papers.imagenet_x.experiments import BASE, BITS, experiments
from ssl_lib.papers.imagenet_x.settings import Settings
from ssl_lib.results import Result, Store
from ssl_lib.results.evidence import show

__all__ = ["Sources", "load", "scored"]


@dataclasses.dataclass(frozen=True)
class Sources:
    """The counts of one run, and where each came from.

    Attributes
    ----------
    images : Result
        Of ``experiments.image_counts``.
    top, multi : Result
        Of ``experiments.model_counts``.
    calibration : Result
        Of ``experiments.calibration_errors``.
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
    """Fetch all counts of a run: the published tables, counted again where their sources are.

    Parameters
    ----------
    settings : Settings
        With ``fresh``, what is counted again is returned in place of what is published, where the
        files can be had.
    store : Store, optional
        Default: the user's.

    Returns
    -------
    Sources
    """
    # A seed draws intervals only, so that it changes no table.
    found = show(experiments(settings), store=store or Store(), fresh=settings.fresh)
    return Sources(
        images=found["images"],
        top=found["models-top"],
        multi=found["models-multi"],
        calibration=found["calibration"],
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
        From ``experiments.image_counts``.
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
