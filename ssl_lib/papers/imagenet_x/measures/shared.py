"""What the images that all models share do to intervals and noise, from the four base models.

Of them alone is known which images they miss.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x.bootstrap import factor_patterns

__all__ = ["change_of_ratios", "own_luck"]

Floats = npt.NDArray[np.float64]


def change_of_ratios(scored: ix.Scored) -> Callable[[npt.NDArray[np.int64]], Floats]:
    """Return a function of drawn images: the factor by which mean error ratios change.

    Parameters
    ----------
    scored : Scored
        Of m models on n images.

    Returns
    -------
    callable
        From positions of images to the mean error ratios over the models (k,), relative to those on
        all images once each.
    """
    # Images of the same factors that the same models miss cannot be told apart.
    both = np.column_stack([scored.table.factors, ~scored.correct.T])
    kinds, kind = factor_patterns(both)
    ticks, missed = np.split(kinds.astype(np.float64), [scored.table.factors.shape[1]], axis=1)

    def ratios(images: npt.NDArray[np.int64]) -> Floats:
        counts = np.bincount(kind[images], minlength=len(kinds)).astype(np.float64)
        errors = counts @ missed / counts.sum()
        on_factor = (missed * counts[:, None]).T @ ticks / (counts @ ticks)
        return np.asarray((on_factor / errors[:, None]).mean(axis=0))

    whole = ratios(np.arange(len(kind)))
    return lambda images: ratios(images) / whole


def own_luck(scored: ix.Scored) -> float:
    """Return which share of an accuracy's binomial variance is a model's own.

    Returns
    -------
    float
        One minus the mean correlation between two models of being right on an image.
    """
    together = np.corrcoef(scored.correct)
    return float(1 - together[np.triu_indices(len(together), 1)].mean())
