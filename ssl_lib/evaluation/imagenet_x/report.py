"""One call from predictions to a report by factor, as text, CSV, JSON or a table."""

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ssl_lib.evaluation.imagenet_x import text
from ssl_lib.evaluation.imagenet_x.annotations import (
    FactorTable,
    Prototypes,
    Selection,
    load_annotations,
)
from ssl_lib.evaluation.imagenet_x.bootstrap import Intervals, bootstrap_error_ratio
from ssl_lib.evaluation.imagenet_x.comparison import PairedDifference, paired_difference
from ssl_lib.evaluation.imagenet_x.counts import FactorCounts
from ssl_lib.evaluation.imagenet_x.groups import worst_class_accuracy
from ssl_lib.evaluation.imagenet_x.predictions import Predictions
from ssl_lib.evaluation.imagenet_x.scoring import Empty, Scored, Scoring, score

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FactorReport", "evaluate", "report"]

_LEVEL = 0.95
_REPLICATES = 1000
_COMPARISON_COLUMNS = (
    "difference",
    "low",
    "high",
    "sd",
    "p_value",
    "holm",
    "benjamini_hochberg",
)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FactorReport:
    """Accuracy and error ratio of models by factor, with how they were obtained.

    Attributes
    ----------
    scored : Scored
        What was right, image by image.
    counts : FactorCounts
    intervals : Intervals or None
        Of the error ratios, when asked for.
    comparisons : tuple of PairedDifference
        The first model against each other one, when asked for.

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x import human, load_annotations
    >>> print(evaluate(human(load_annotations()), scoring="real"))
    ImageNet-X: top factors, real scoring (empty lists wrong), 46,110 val images, prototypes dropped
    ...
    pose                15,064   0.877  0.746
    ...
    """

    scored: Scored
    counts: FactorCounts
    intervals: Intervals | None = None
    comparisons: tuple[PairedDifference, ...] = ()

    @property
    def table(self) -> FactorTable:
        """The annotated images that were asked about."""
        return self.scored.table

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return self.counts.models

    def __str__(self) -> str:
        return text.report_text(self.scored, self.counts, self.intervals, self.comparisons)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row a model and factor, and one a model for all images ("average")."""
        accuracy, ratios = self.counts.factor_accuracy, self.counts.error_ratio
        for row, model in enumerate(self.models):
            images, correct = int(self.counts.images[row]), int(self.counts.correct[row])
            own = self.counts.accuracy[row]
            average: dict[str, Any] = {"model": model, "factor": "average"}
            average |= {"images": images, "correct": correct, "accuracy": float(own)}
            average |= {"error_ratio": 1.0 if own < 1 else math.nan}
            yield average | self._interval_columns(None, row)
            for column, factor in enumerate(self.counts.factors):
                yield {
                    "model": model,
                    "factor": factor,
                    "images": int(self.counts.factor_images[row, column]),
                    "correct": int(self.counts.factor_correct[row, column]),
                    "accuracy": float(accuracy[row, column]),
                    "error_ratio": float(ratios[row, column]),
                } | self._interval_columns(column, row)

    def _interval_columns(self, column: int | None, row: int) -> dict[str, float]:
        if self.intervals is None:
            return {}
        if column is None:
            return {"error_ratio_low": math.nan, "error_ratio_high": math.nan}
        low, high = self.intervals.low[row, column], self.intervals.high[row, column]
        return {"error_ratio_low": float(low), "error_ratio_high": float(high)}

    def to_frame(self) -> "pd.DataFrame":
        """Return :meth:`rows` as a table."""
        import pandas as pd

        return pd.DataFrame(list(self.rows()))

    def to_csv(self) -> str:
        """Return :meth:`rows` as CSV; an undefined number is an empty cell."""
        return _csv(list(self.rows()))

    def comparisons_to_csv(self) -> str:
        """Return the comparisons as CSV, a row a pair of models and factor."""
        return _csv([row for one in self.comparisons for row in self._comparison_rows(one)])

    def _comparison_rows(self, one: PairedDifference) -> Iterator[dict[str, Any]]:
        for column, factor in enumerate(self.counts.factors):
            numbers = {name: float(getattr(one, name)[column]) for name in _COMPARISON_COLUMNS}
            yield {"first": one.first, "second": one.second, "factor": factor} | numbers

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values; an undefined number is None."""
        scored, table = self.scored, self.table
        settings = {
            "split": table.split,
            "selection": table.selection,
            "prototypes": table.prototypes,
            "scoring": scored.scoring,
            "empty": scored.empty,
            "images": len(table),
            "level": None if self.intervals is None else self.intervals.level,
            "replicates": None if self.intervals is None else self.intervals.replicates,
        }
        models = [self._model(row, name) for row, name in enumerate(self.models)]
        comparisons = [
            {"first": one.first, "second": one.second, "factors": list(self._comparison_rows(one))}
            for one in self.comparisons
        ]
        plain = {"settings": settings, "models": models, "comparisons": comparisons}
        cleaned: dict[str, Any] = _without_nan(plain)
        return cleaned

    def _model(self, row: int, name: str) -> dict[str, Any]:
        rows = [line for line in self.rows() if line["model"] == name]
        factors = {
            line["factor"]: {key: value for key, value in line.items() if key not in _KEYS}
            for line in rows[1:]
        }
        accuracy = self.counts.factor_accuracy[row]
        known = not np.isnan(accuracy).all()
        worst = self.counts.worst_classes
        return {
            "model": name,
            "images": int(self.counts.images[row]),
            "coverage": float(self.scored.coverage[row]),
            "accuracy": rows[0]["accuracy"],
            "worst_factor": self.counts.factors[int(np.nanargmin(accuracy))] if known else None,
            "worst_100_classes": None if worst is None else float(worst[row]),
            "factors": factors,
        }

    def to_json(self) -> str:
        """Return :meth:`to_dict` as JSON; an undefined number is null."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)


_KEYS = ("model", "factor")


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    if rows:
        writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {key: "" if value is None else value for key, value in _without_nan(row).items()}
            for row in rows
        )
    return buffer.getvalue()


def evaluate(
    predictions: Predictions | Sequence[Predictions],
    *,
    selection: Selection = "top",
    scoring: Scoring = "class",
    empty: Empty = "wrong",
    prototypes: Prototypes = "drop",
    partial: bool = False,
    bootstrap: int = 0,
    compare: bool = False,
    seed: int = 0,
) -> FactorReport:
    """Score models by factor: annotations, scoring and statistics in one call.

    Parameters
    ----------
    predictions : Predictions or sequence of them
    selection, prototypes
        As in :func:`load_annotations`.
    scoring, empty, partial
        As in :func:`score`.
    bootstrap : int
        Number of resampled data sets for 95 % intervals; 0 for none.
    compare : bool
        Compare the first model with each other one, with the number of replicates of
        ``bootstrap``, or 1,000.
    seed : int
        Of the resampling.

    Returns
    -------
    FactorReport

    Raises
    ------
    InputError
        As :func:`score` does.

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x import human, load_annotations
    >>> evaluate(human(load_annotations()), scoring="real").counts.accuracy.round(4)
    array([0.8352])
    """
    table = load_annotations(selection=selection, prototypes=prototypes)
    scored = score(predictions, table, scoring=scoring, empty=empty, partial=partial)
    return report(scored, bootstrap=bootstrap, compare=compare, seed=seed)


def report(
    scored: Scored, *, bootstrap: int = 0, compare: bool = False, seed: int = 0
) -> FactorReport:
    """Return the report of what is scored already; see :func:`evaluate`.

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x import human, load_annotations
    >>> table = load_annotations()
    >>> report(score(human(table), table)).counts.accuracy
    array([1.])
    """
    intervals = (
        bootstrap_error_ratio(scored, replicates=bootstrap, level=_LEVEL, seed=seed)
        if bootstrap
        else None
    )
    counts = dataclasses.replace(scored.counts(), worst_classes=worst_class_accuracy(scored))
    first, *others = scored.models
    comparisons = [
        paired_difference(scored, first, other, replicates=bootstrap or _REPLICATES, seed=seed)
        for other in (others if compare else [])
    ]
    return FactorReport(
        scored=scored, counts=counts, intervals=intervals, comparisons=tuple(comparisons)
    )
