"""Mistakes image by image: how many factors, which together, shared by whom, how confident."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ssl_lib.arguments import check_whole
from ssl_lib.errors import InputError
from ssl_lib.evaluation.imagenet_x.counts import ratio
from ssl_lib.evaluation.imagenet_x.scoring import Scored

__all__ = [
    "Calibration",
    "ErrorByTicks",
    "SharedMistakes",
    "calibration_error",
    "error_by_active_factors",
    "linear_probability_model",
    "shared_mistakes",
]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


class ErrorByTicks(NamedTuple):
    """Error rate (m, k) and number of images (m, k) by number of factors, ``ticks`` (k,)."""

    ticks: npt.NDArray[np.int64]
    images: npt.NDArray[np.int64]
    error: Floats


def error_by_active_factors(scored: Scored, *, most: int = 6) -> ErrorByTicks:
    """Return each model's error rate on images with 1, 2, ..., ``most`` factors.

    Use annotations with ``selection="multi"``. NaN where no image has that many.

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x import human, load_annotations, score
    >>> table = load_annotations(selection="multi")
    >>> error_by_active_factors(score(human(table), table, scoring="real")).error.round(2)
    array([[0.11, 0.13, 0.18, 0.23, 0.34, 0.42]])
    """
    ticks = np.arange(1, check_whole("most", most) + 1)
    groups = scored.table.factors.sum(axis=1)[:, None] == ticks
    images = scored.valid_mask().astype(np.int64) @ groups
    return ErrorByTicks(
        ticks, images, ratio(images - scored.correct.astype(np.int64) @ groups, images)
    )


def linear_probability_model(scored: Scored) -> Floats:
    """Regress the error (0 or 1) on all factors at once, by least squares.

    A coefficient says by how much the probability of a mistake rises with that factor, the others
    held equal. Use annotations with ``selection="multi"``: top factors exclude each other.

    Returns
    -------
    float64 array (m, 17)
        Intercept, then the 16 coefficients; NaN for a factor that no scored image has.

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x import human, load_annotations, score
    >>> table = load_annotations(selection="multi")
    >>> linear_probability_model(score(human(table), table, scoring="real"))[0, :3].round(3)
    array([0.103, 0.007, 0.01 ])
    """
    valid = scored.valid_mask()
    ticks = scored.table.factors
    fits = []
    for row, right in enumerate(scored.correct):
        rows = valid[row]
        design = np.column_stack([np.ones(rows.sum()), ticks[rows]])
        seen = np.asarray(design.any(axis=0))
        fit = np.full(len(seen), np.nan)
        fit[seen] = np.linalg.lstsq(design[:, seen], 1.0 - right[rows], rcond=None)[0]
        fits.append(fit)
    return np.stack(fits)


class SharedMistakes(NamedTuple):
    """Share of images that all models miss, that all get right, and phi of each pair (m, m)."""

    all_wrong: float
    all_right: float
    phi: Floats


def shared_mistakes(scored: Scored) -> SharedMistakes:
    """Say how far models err on the same images, among images that all have a score on.

    Returns
    -------
    SharedMistakes
        ``phi`` is the correlation of correctness; NaN for a model that is always right or wrong.

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x import human, load_annotations, score
    >>> table = load_annotations()
    >>> shared_mistakes(score(human(table), table, scoring="real")).phi
    array([[1.]])
    """
    correct = scored.correct[:, scored.valid_mask().all(axis=0)]
    centred = correct - correct.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).sum(axis=1))
    phi = ratio(centred @ centred.T, np.outer(spread, spread))
    both = ratio(
        np.array([(~correct).all(axis=0).sum(), correct.all(axis=0).sum()]), correct.shape[1]
    )
    return SharedMistakes(float(both[0]), float(both[1]), np.clip(phi, -1.0, 1.0))


class Calibration(NamedTuple):
    """Expected calibration error on all images (m,) and by factor (m, 16)."""

    average: Floats
    factors: Floats


def calibration_error(scored: Scored, *, bins: int = 15) -> Calibration:
    """Return the expected calibration error, overall and on each factor's images.

    Images are sorted into equally wide bins of the predicted class's probability; the error is
    the mean, over images, of their bin's gap between accuracy and mean probability.

    Parameters
    ----------
    scored : Scored
        Made from predictions with probabilities.
    bins : int

    Returns
    -------
    Calibration
        NaN where there are no images.

    Raises
    ------
    InputError
        When a model has no probabilities.

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x import human, load_annotations, score
    >>> table = load_annotations()
    >>> calibration_error(score(human(table), table, scoring="real")).average.round(4)
    array([0.1648])
    """
    if scored.probabilities is None:
        raise InputError(
            "calibration needs the probabilities of the predicted classes of all models"
        )
    check_whole("bins", bins)
    edges = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    valid, errors = scored.valid_mask(), []
    for row, probability in enumerate(scored.probabilities):
        rows = valid[row]
        gap = scored.correct[row, rows] - probability[rows]
        bin_of = np.searchsorted(edges, probability[rows])
        ticks = np.column_stack([np.ones(rows.sum()), scored.table.factors[rows]])
        weighted = [np.bincount(bin_of, gap * column, bins) for column in ticks.T]
        errors.append(ratio(np.abs(weighted).sum(axis=1), ticks.sum(axis=0)))
    table = np.stack(errors)
    return Calibration(table[:, 0], table[:, 1:])
