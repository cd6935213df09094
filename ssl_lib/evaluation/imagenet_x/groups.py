"""The same statistics within metaclasses and classes."""

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ssl_lib.arguments import check_whole
from ssl_lib.evaluation.imagenet_x.counts import error_ratio, ratio, tick_sums
from ssl_lib.evaluation.imagenet_x.scoring import Scored
from ssl_lib.evaluation.imagenet_x.wheel import FACTORS, METACLASSES, N_CLASSES

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "MetaclassCounts",
    "class_adjusted_error_ratio",
    "metaclass_counts",
    "worst_class_accuracy",
]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MetaclassCounts:
    """Counts by model and metaclass (m, 17), and by factor within (m, 17, 16).

    Ratios are NaN in empty cells; ``factor_images`` says on how many images each rests, which is
    often few: 129 of the 272 cells of the validation set have fewer than ten.
    """

    models: tuple[str, ...]
    images: Counts
    correct: Counts
    factor_images: Counts
    factor_correct: Counts

    @property
    def accuracy(self) -> Floats:
        """Accuracy within each metaclass (m, 17)."""
        return ratio(self.correct, self.images)

    @property
    def factor_accuracy(self) -> Floats:
        """Accuracy on each factor within each metaclass (m, 17, 16)."""
        return ratio(self.factor_correct, self.factor_images)

    @property
    def error_ratio(self) -> Floats:
        """``(1 - A_fg) / (1 - A_g)`` (m, 17, 16)."""
        return error_ratio(self.factor_accuracy, self.accuracy)

    def to_frame(self) -> "pd.DataFrame":
        """Return a tidy table: model, metaclass, factor, images, correct, accuracy, error_ratio."""
        import pandas as pd

        index = pd.MultiIndex.from_product(
            [self.models, METACLASSES, FACTORS], names=["model", "metaclass", "factor"]
        )
        columns = {
            "images": self.factor_images.reshape(-1),
            "correct": self.factor_correct.reshape(-1),
            "metaclass_images": np.repeat(self.images.reshape(-1), len(FACTORS)),
            "metaclass_correct": np.repeat(self.correct.reshape(-1), len(FACTORS)),
            "error_ratio": self.error_ratio.reshape(-1),
        }
        return pd.DataFrame(columns, index=index).reset_index()


def metaclass_counts(scored: Scored) -> MetaclassCounts:
    """Count images and correct images by metaclass and factor.

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x import human, load_annotations, score
    >>> table = load_annotations()
    >>> counts = metaclass_counts(score(human(table), table, scoring="real"))
    >>> counts.images[0, :3], int(np.isnan(counts.error_ratio).sum())
    (array([5772, 5496, 2804]), 21)
    """
    valid, groups = scored.valid_mask(), scored.table.metaclasses
    shape = (len(scored), len(METACLASSES), len(FACTORS))
    totals = [np.zeros(shape[:2], np.int64) for _ in range(2)]
    by_factor = [np.zeros(shape, np.int64) for _ in range(2)]
    for group in range(len(METACLASSES)):
        inside = groups == group
        for kind, rows in enumerate((valid, scored.correct)):
            totals[kind][:, group] = rows[:, inside].sum(axis=1)
            by_factor[kind][:, group] = tick_sums(rows[:, inside], scored.table.factors[inside])
    return MetaclassCounts(
        models=scored.models,
        images=totals[0],
        correct=totals[1],
        factor_images=by_factor[0],
        factor_correct=by_factor[1],
    )


def worst_class_accuracy(scored: Scored, *, k: int = 100) -> Floats:
    """Return each model's accuracy pooled over the images of its k worst classes.

    Among classes of equal accuracy at the edge, the lower class number comes first. The
    denominator differs between models, because classes have different numbers of images.

    Returns
    -------
    float64 array (m,)

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x import human, load_annotations, score
    >>> table = load_annotations()
    >>> worst_class_accuracy(score(human(table), table, scoring="real")).round(3)
    array([0.512])
    """
    check_whole("k", k)
    images, correct = _class_counts(scored)
    accuracy = ratio(correct, images)
    worst = np.argsort(accuracy, axis=1, kind="stable")[
        :, : check_whole("k", k)
    ]  # NaN, no image, sorts last
    pooled = [np.take_along_axis(counts, worst, axis=1).sum(axis=1) for counts in (correct, images)]
    return ratio(pooled[0], pooled[1])


def _class_counts(scored: Scored) -> tuple[Counts, Counts]:
    """Return images and correct images by model and class, two arrays (m, 1000)."""
    labels, valid = scored.table.labels, scored.valid_mask()

    def count(rows: Array) -> Counts:
        return np.stack([np.bincount(labels[row], minlength=N_CLASSES) for row in rows])

    return count(valid), count(scored.correct)


def class_adjusted_error_ratio(scored: Scored, *, leave_one_out: bool = False) -> Floats:
    """Return observed errors on a factor over those expected from its images' classes.

    The expectation is each image's class error rate, averaged over the factor's images. What stays
    above 1 is not explained by the factor occurring more often in hard classes.

    Parameters
    ----------
    scored : Scored
    leave_one_out : bool
        Take each image out of its own class error rate; images alone in their class do not count.

    Returns
    -------
    float64 array (m, 16)
        NaN for a factor without images or without an expected error.

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x import human, load_annotations, score
    >>> table = load_annotations()
    >>> class_adjusted_error_ratio(score(human(table), table, scoring="real"))[0, :2].round(2)
    array([0.79, 1.01])
    """
    images, correct = _class_counts(scored)
    valid, labels = scored.valid_mask(), scored.table.labels
    ratios = []
    for row, right in enumerate(scored.correct):
        n, wrong = images[row, labels], (images - correct)[row, labels]
        own = ~right & valid[row]
        counted = valid[row] & (n > 1) if leave_one_out else valid[row]
        expected = ratio(wrong - own, n - 1) if leave_one_out else ratio(wrong, n)
        ticks = scored.table.factors[counted].astype(np.float64)
        ratios.append(ratio(own[counted] @ ticks, expected[counted] @ ticks))
    return np.stack(ratios)
