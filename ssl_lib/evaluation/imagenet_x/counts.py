"""Integer counts by model and factor, and the ratios that follow from them."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ssl_lib.arguments import as_array
from ssl_lib.errors import InputError, closest
from ssl_lib.evaluation.imagenet_x.wheel import FACTORS

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FactorCounts",
    "error_ratio",
    "factor_counts",
    "misclassification_shift",
    "ratio",
    "tick_sums",
]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_BLOCK_CELLS = 1 << 22  # correctness cells turned to float32 at a time: 16 MB


def ratio(part: Array, whole: Array) -> Floats:
    """Return ``part / whole`` in float64, NaN where the whole is 0.

    Examples
    --------
    >>> ratio(np.array([1, 0]), np.array([4, 0]))
    array([0.25,  nan])
    """
    part, whole = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    quotient: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole != 0)
    return quotient


def error_ratio(factor_accuracy: Array, accuracy: Array) -> Floats:
    """Return how many times more often a model errs on a factor's images than on all.

    ``ER_f = (1 - A_f) / (1 - A)``: above 1 the model is more fragile there than on average. By
    Bayes' rule it equals ``P(f | mistake) / P(f)``; it is at most ``1 / (1 - A)``.

    Parameters
    ----------
    factor_accuracy : array (..., k)
        Accuracy on the images with each factor.
    accuracy : array (...)
        Accuracy on all images.

    Returns
    -------
    float64 array (..., k)
        NaN where a factor has no image (NaN accuracy), and everywhere for a model without
        mistakes, which no ratio describes.

    Examples
    --------
    >>> error_ratio(np.array([0.6, 0.9]), np.array(0.8)).round(2)
    array([2. , 0.5])
    >>> error_ratio(np.array([1.0]), np.array(1.0))
    array([nan])
    """
    return ratio(1 - np.asarray(factor_accuracy), (1 - np.asarray(accuracy))[..., None])


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FactorCounts:
    """What every accuracy by factor is made of: whole numbers of images.

    Parameters
    ----------
    models : tuple of str (m,)
    images, correct : int64 arrays (m,)
        Images scored, and those scored correct.
    factor_images, factor_correct : int64 arrays (m, k)
        The same among images with each factor.
    worst_classes : float64 array (m,), optional
        Accuracy pooled over the model's 100 worst classes.
    factors : tuple of str (k,)

    Examples
    --------
    >>> counts = factor_counts(np.array([[1, 1, 0, 0]]), np.array([[1], [0], [1], [1]]))
    >>> counts.factor_accuracy, counts.accuracy, counts.error_ratio.round(3)
    (array([[0.33333333]]), array([0.5]), array([[1.333]]))
    """

    models: tuple[str, ...]
    images: Counts
    correct: Counts
    factor_images: Counts
    factor_correct: Counts
    worst_classes: Floats | None = None
    factors: tuple[str, ...] = FACTORS

    def __len__(self) -> int:
        return len(self.models)

    def __repr__(self) -> str:
        return f"FactorCounts({len(self)} models, {len(self.factors)} factors)"

    @property
    def accuracy(self) -> Floats:
        """Accuracy on all images (m,), also on those without a factor."""
        return ratio(self.correct, self.images)

    @property
    def factor_accuracy(self) -> Floats:
        """Accuracy on each factor's images (m, k); NaN where there are none."""
        return ratio(self.factor_correct, self.factor_images)

    @property
    def error_ratio(self) -> Floats:
        """Error ratios (m, k), see :func:`error_ratio`."""
        return error_ratio(self.factor_accuracy, self.accuracy)

    @property
    def worst_factor(self) -> Floats:
        """Accuracy on the factor with the lowest one (m,); NaN when no factor has an image."""
        lowest: Floats = np.fmin.reduce(self.factor_accuracy, axis=1)
        return lowest

    def select(self, which: Array | Sequence[str]) -> "FactorCounts":
        """Return the models given by name, mask or position, in that order."""
        rows = _positions(which, self.models)
        arrays = ("images", "correct", "factor_images", "factor_correct")
        worst = self.worst_classes
        return dataclasses.replace(
            self,
            models=tuple(self.models[row] for row in rows),
            worst_classes=None if worst is None else worst[rows],
            **{name: getattr(self, name)[rows] for name in arrays},
        )

    @staticmethod
    def concatenate(parts: Sequence["FactorCounts"]) -> "FactorCounts":
        """Return the models of several tables below each other."""
        if len({part.factors for part in parts}) != 1:
            raise InputError("only tables of the same factors can be joined, and at least one")
        worst = [part.worst_classes for part in parts if part.worst_classes is not None]
        return FactorCounts(
            models=tuple(model for part in parts for model in part.models),
            images=np.concatenate([part.images for part in parts]),
            correct=np.concatenate([part.correct for part in parts]),
            factor_images=np.concatenate([part.factor_images for part in parts]),
            factor_correct=np.concatenate([part.factor_correct for part in parts]),
            worst_classes=np.concatenate(worst) if len(worst) == len(parts) else None,
            factors=parts[0].factors,
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return the counts as a table: a lossless form to store and to publish."""
        import pandas as pd

        columns: dict[str, Any] = {"model": list(self.models)}
        columns |= {"images": self.images, "correct": self.correct}
        for position, factor in enumerate(self.factors):
            columns[f"{factor}_images"] = self.factor_images[:, position]
            columns[f"{factor}_correct"] = self.factor_correct[:, position]
        if self.worst_classes is not None:
            columns["worst_classes"] = self.worst_classes
        return pd.DataFrame(columns)

    @classmethod
    def from_frame(cls, frame: "pd.DataFrame") -> "FactorCounts":
        """Return the counts of a table written by :meth:`to_frame`."""
        ending = "_images"
        factors = tuple(name[: -len(ending)] for name in frame.columns if name.endswith(ending))
        return cls(
            models=tuple(frame["model"].astype(str)),
            images=frame["images"].to_numpy(np.int64),
            correct=frame["correct"].to_numpy(np.int64),
            factor_images=frame[[f"{name}_images" for name in factors]].to_numpy(np.int64),
            factor_correct=frame[[f"{name}_correct" for name in factors]].to_numpy(np.int64),
            worst_classes=(
                frame["worst_classes"].to_numpy(np.float64) if "worst_classes" in frame else None
            ),
            factors=factors,
        )

    def accuracy_frame(self) -> "pd.DataFrame":
        """Return accuracies in the released layout: factors, worst factor, average."""
        import pandas as pd

        index = pd.Index(self.models, name="model")
        frame = pd.DataFrame(self.factor_accuracy, index=index, columns=list(self.factors))
        frame["worst_factor"], frame["average"] = self.worst_factor, self.accuracy
        if self.worst_classes is not None:
            frame["worst_100_classes"] = self.worst_classes
        return frame

    def error_ratio_frame(self) -> "pd.DataFrame":
        """Return the error ratios, a row a model and a column a factor."""
        import pandas as pd

        index = pd.Index(self.models, name="model")
        return pd.DataFrame(self.error_ratio, index=index, columns=list(self.factors))


def _positions(which: Array | Sequence[str], models: tuple[str, ...]) -> list[int]:
    chosen = np.atleast_1d(np.asarray(which))
    if chosen.dtype == np.bool_:
        return [int(row) for row in np.flatnonzero(chosen)]
    if np.issubdtype(chosen.dtype, np.integer):
        return [int(row) for row in chosen]
    for name in chosen.tolist():
        if name not in models:
            raise InputError(f"no model is called {name!r}.{closest(name, models)}")
    return [models.index(str(name)) for name in chosen]


def factor_counts(
    correct: Array,
    factors: Array,
    *,
    valid: Array | None = None,
    models: Iterable[str] | None = None,
    names: Iterable[str] | None = None,
) -> FactorCounts:
    """Count images and correct images by factor, for many models in one matrix product.

    Works for any data set whose images carry binary factors.

    Parameters
    ----------
    correct : bool array (m, n)
        Whether model i is right on image j.
    factors : bool array (n, k)
    valid : bool array (m, n), optional
        False where a model has no score on an image; all True by default.
    models, names : iterables of str, optional
        Names of models and of factors.

    Returns
    -------
    FactorCounts

    Examples
    --------
    >>> counts = factor_counts(np.array([[1, 0], [1, 1]]), np.eye(2), names=["a", "b"])
    >>> counts.factor_correct
    array([[1, 0],
           [1, 1]])
    """
    right, ticks = np.atleast_2d(_bools(correct, "correct")), _bools(factors, "factors")
    if ticks.ndim != 2 or right.shape[1] != len(ticks):
        raise InputError(
            f"correct (m, n) and factors (n, k) disagree: {right.shape} and {ticks.shape}"
        )
    m, k = len(right), ticks.shape[1]
    if valid is None:
        images = np.full(m, len(ticks))
        # A product with ones: ten times faster than summing a bool matrix along its long axis.
        factor_images = np.tile(tick_sums(np.ones((1, len(ticks)), np.bool_), ticks), (m, 1))
    else:
        scored = np.broadcast_to(_bools(valid, "valid"), right.shape)
        right = right & scored
        images, factor_images = scored.sum(axis=1), tick_sums(scored, ticks)
    default_names = FACTORS if k == len(FACTORS) else [f"factor_{f}" for f in range(k)]
    return FactorCounts(
        models=tuple(models) if models else tuple(f"model_{row}" for row in range(m)),
        images=images.astype(np.int64),
        correct=np.count_nonzero(right, axis=1).astype(np.int64),
        factor_images=factor_images.astype(np.int64),
        factor_correct=tick_sums(right, ticks),
        factors=tuple(names) if names else tuple(default_names),
    )


def _bools(values: Array, name: str) -> npt.NDArray[np.bool_]:
    """Return what is true or false, or 1 or 0, as bools."""
    given = as_array(values, name=name)
    if given.dtype != np.bool_ and not ((given == 0) | (given == 1)).all():
        raise InputError(f"{name} must be true or false, or 1 or 0")
    return given.astype(np.bool_, copy=False)


def tick_sums(rows: Array, ticks: Array) -> Counts:
    """Return ``rows @ ticks`` of two bool arrays (m, n) and (n, k) as exact integers.

    Products run in single precision, where sums of fewer than 2**24 ones are exact.

    Examples
    --------
    >>> tick_sums(np.ones((1, 3), bool), np.eye(3, dtype=bool))
    array([[1, 1, 1]])
    """
    if len(ticks) >= 1 << 24:
        return rows.astype(np.int64) @ ticks.astype(np.int64)
    weights = ticks.astype(np.float32)
    step = max(1, _BLOCK_CELLS // max(1, len(ticks)))
    sums = np.empty((len(rows), ticks.shape[1]), dtype=np.int64)
    for start in range(0, len(rows), step):
        sums[start : start + step] = rows[start : start + step].astype(np.float32) @ weights
    return sums


def misclassification_shift(counts: FactorCounts) -> Floats:
    """Return how much more often a model's mistakes carry each factor, relative to all images.

    With shares among ticks, ``(P(f | mistake) - P(f)) / P(f)``. For disjoint factors this is
    ``ER_f - 1`` but for images without a factor; for overlapping ones it is not.

    Returns
    -------
    float64 array (m, k)
        NaN for a factor without images and for a model without mistakes.

    Examples
    --------
    >>> counts = factor_counts(np.array([[1, 1, 0, 0]]), np.array([[1, 0], [0, 1], [1, 0], [1, 0]]))
    >>> misclassification_shift(counts).round(2)
    array([[ 0.33, -1.  ]])
    """
    wrong = counts.factor_images - counts.factor_correct
    among_wrong = ratio(wrong, wrong.sum(axis=1, keepdims=True))
    among_all = ratio(counts.factor_images, counts.factor_images.sum(axis=1, keepdims=True))
    return ratio(among_wrong - among_all, among_all)
