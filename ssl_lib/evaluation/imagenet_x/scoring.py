"""Which predictions count as correct: by class, by reassessed labels, by metaclass."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError, closest
from ssl_lib.evaluation.imagenet_x.annotations import FactorTable, class_metaclasses, real_labels
from ssl_lib.evaluation.imagenet_x.counts import FactorCounts, factor_counts
from ssl_lib.evaluation.imagenet_x.predictions import Predictions

__all__ = ["EMPTY", "SCORINGS", "Empty", "Scored", "Scoring", "score"]

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
Scoring = Literal["class", "real", "metaclass"]
Empty = Literal["wrong", "exclude"]
SCORINGS: tuple[Scoring, ...] = ("class", "real", "metaclass")
EMPTY: tuple[Empty, ...] = ("wrong", "exclude")

# One of a thousand classes is right by chance; no model that learned is near that.
_CHANCE, _ENOUGH = 0.005, 1000


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """Right or wrong, for each model and each annotated image.

    Attributes
    ----------
    models : tuple of str (m,)
    table : FactorTable
        Of n images.
    correct : bool array (m, n)
        False wherever ``valid`` is.
    valid : bool array (m, n) or None
        False where there is no prediction, or no ReaL label under ``empty="exclude"``. None: all
        images are scored.
    probabilities : float64 array (m, n) or None
        Of the predicted class, when every model has them.
    predicted : int64 array (m,)
        Number of the table's images for which the model has a prediction.
    scoring, empty : str
        What was asked of :func:`score`.
    """

    models: tuple[str, ...]
    table: FactorTable
    correct: Bools
    predicted: npt.NDArray[np.int64]
    valid: Bools | None = None
    probabilities: npt.NDArray[np.float64] | None = None
    scoring: Scoring = "class"
    empty: Empty = "wrong"

    def __len__(self) -> int:
        return len(self.models)

    def __repr__(self) -> str:
        return f"Scored({len(self)} models, {len(self.table):,} images, scoring={self.scoring!r})"

    @property
    def images(self) -> npt.NDArray[np.int64]:
        """Number of images scored, by model (m,)."""
        if self.valid is None:
            return np.full(len(self), len(self.table))
        return np.asarray(np.count_nonzero(self.valid, axis=1), np.int64)

    @property
    def coverage(self) -> npt.NDArray[np.float64]:
        """Share of the table's images with a prediction, by model (m,)."""
        return self.predicted / max(1, len(self.table))

    def hints(self) -> list[str]:
        """Return what looks like a mistake in the predictions, a sentence each."""
        chance = _CHANCE if self.scoring != "metaclass" else 0.0
        return [
            f"{model}: {right / images:.1%} of {images:,} images are right, as by chance: are its "
            "classes in another order than ImageNet's (0 tench, 1 goldfish, ... 999 toilet tissue)?"
            for model, right, images in zip(
                self.models, self.correct.sum(axis=1).tolist(), self.images.tolist(), strict=True
            )
            if images >= _ENOUGH and right < chance * images
        ]

    def valid_mask(self) -> Bools:
        """Return ``valid`` as an array (m, n) also where it is None."""
        return np.ones(self.correct.shape, np.bool_) if self.valid is None else self.valid

    def counts(self) -> FactorCounts:
        """Return the counts by factor that all ratios follow from."""
        return factor_counts(self.correct, self.table.factors, valid=self.valid, models=self.models)

    def select(self, names: Sequence[str]) -> "Scored":
        """Return some of the models, by name, in that order."""
        for name in names:
            if name not in self.models:
                raise InputError(f"no model is called {name!r}.{closest(name, self.models)}")
        rows = [self.models.index(name) for name in names]
        return dataclasses.replace(
            self,
            models=tuple(names),
            correct=self.correct[rows],
            predicted=self.predicted[rows],
            valid=None if self.valid is None else self.valid[rows],
            probabilities=None if self.probabilities is None else self.probabilities[rows],
        )


def score(
    predictions: Predictions | Sequence[Predictions],
    table: FactorTable,
    *,
    scoring: Scoring = "class",
    empty: Empty = "wrong",
    partial: bool = False,
) -> Scored:
    """Say for every model and annotated image whether the prediction is correct.

    Parameters
    ----------
    predictions : Predictions or sequence of them
        Of m models, each under its own name. Images that are not in the table are left out.
    table : FactorTable
        The annotated images.
    scoring : {"class", "real", "metaclass"}
        Correct is the image's label; or any of its reassessed (ReaL) labels; or any class of the
        label's metaclass, with "other" as one metaclass.
    empty : {"wrong", "exclude"}
        What to do under ReaL scoring with images whose list of labels is empty (3,085 of 46,110):
        the paper counts them as mistakes, the ReaL protocol leaves them out.
    partial : bool
        Accept models that lack a prediction for some images, and score them on the others.

    Returns
    -------
    Scored

    Raises
    ------
    InputError
        For an unknown name, two models of one name, or missing predictions without ``partial``.

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x.annotations import load_annotations
    >>> from ssl_lib.evaluation.imagenet_x.predictions import human
    >>> table = load_annotations()
    >>> score(human(table), table, scoring="real").counts().accuracy.round(4)
    array([0.8352])
    >>> score(human(table), table, scoring="real", empty="exclude").counts().accuracy.round(4)
    array([0.8951])
    """
    models = [predictions] if isinstance(predictions, Predictions) else list(predictions)
    _check(models, table, scoring, empty)
    found = np.empty((len(models), len(table)), dtype=np.bool_)
    classes = np.empty(found.shape, dtype=np.int16)
    places = []
    for row, model in enumerate(models):
        place, found[row] = _places(model, table)
        classes[row] = model.classes[place] if len(model) else -1
        places.append(place)
        if not partial and not found[row].all():
            raise _missing(model, table, found[row])
    valid = found & _has_labels(table, scoring, empty)
    known = [model.probabilities is not None and len(model) > 0 for model in models]
    return Scored(
        models=tuple(model.name for model in models),
        table=table,
        correct=_correct(classes, table, scoring) & valid,
        predicted=np.count_nonzero(found, axis=1),
        valid=None if valid.all() else valid,
        probabilities=_probabilities(models, places) if all(known) else None,
        scoring=scoring,
        empty=empty,
    )


def _check(models: Sequence[Predictions], table: FactorTable, scoring: str, empty: str) -> None:
    if scoring not in SCORINGS:
        raise InputError(f"scoring must be one of {', '.join(SCORINGS)}; got {scoring!r}")
    if empty not in EMPTY:
        raise InputError(f"empty must be one of {', '.join(EMPTY)}; got {empty!r}")
    if scoring == "real" and table.split != "val":
        raise InputError("ReaL labels exist for validation images only; use split='val'")
    if not models:
        raise InputError("no predictions given; give those of one model at least")
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two models are called {name!r}; give each its own name")


def _places(model: Predictions, table: FactorTable) -> tuple[Array, Bools]:
    """Return the row of each table image among the predictions, and whether there is one."""
    if not len(model):
        return np.zeros(len(table), np.int64), np.zeros(len(table), np.bool_)
    first, last = model.image_ids[0], model.image_ids[-1]
    if last - first == len(model) - 1:  # without gaps, as for all 50,000: no search needed
        place = table.image_ids - first
    else:
        place = np.searchsorted(model.image_ids, table.image_ids)
    np.clip(place, 0, len(model) - 1, out=place)
    return place, model.image_ids[place] == table.image_ids


def _missing(model: Predictions, table: FactorTable, found: Bools) -> InputError:
    absent = np.flatnonzero(~found)
    first = table.subset(absent[:1]).file_names[0]
    return InputError(
        f"{model.name}: no prediction for {len(absent):,} of the {len(table):,} annotated images, "
        f"the first is {first}; add them, or allow a partial file (partial=True, --partial)"
    )


def _has_labels(table: FactorTable, scoring: Scoring, empty: Empty) -> Bools:
    if scoring == "real" and empty == "exclude":
        return np.asarray(real_labels()[table.image_ids - 1, 0] >= 0)
    return np.ones(len(table), dtype=np.bool_)


def _correct(classes: Array, table: FactorTable, scoring: Scoring) -> Bools:
    if scoring == "class":
        return np.asarray(classes == table.labels)
    if scoring == "metaclass":
        return np.asarray(class_metaclasses()[classes] == table.metaclasses)
    correct = np.zeros(classes.shape, dtype=np.bool_)
    for labels in real_labels()[table.image_ids - 1].T:
        correct |= classes == labels
    # -1 marks both an unused place in the list and the model without predictions.
    correct &= classes >= 0
    return correct


def _probabilities(models: Sequence[Predictions], places: Sequence[Array]) -> Array:
    rows = [
        np.asarray(model.probabilities, np.float64)[place]
        for model, place in zip(models, places, strict=True)
    ]
    return np.stack(rows)
