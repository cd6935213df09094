"""Three ways to make one prediction of many: mean probability, mean logit, majority vote."""

from typing import Literal, get_args

import numpy as np

from ssl_lib.arguments import as_array
from ssl_lib.errors import InputError, closest
from ssl_lib.evaluation.fairness.inputs import Floats, Ints, checked_probabilities

__all__ = ["AGGREGATES", "Aggregate", "ensemble_predictions", "member_scores", "softmax"]

Aggregate = Literal["prob", "logit", "vote"]
AGGREGATES: tuple[Aggregate, ...] = get_args(Aggregate)


def softmax(logits: object) -> Floats:
    """Turn logits into probabilities along the last axis.

    Parameters
    ----------
    logits : array-like (..., c)

    Returns
    -------
    array (..., c)
        Single precision unless the logits were double.

    Raises
    ------
    InputError
        When they are no numbers, or the largest of a row is not finite.

    Examples
    --------
    >>> softmax([[0.0, 0.0]])
    array([[0.5, 0.5]])
    """
    given = as_array(logits, name="logits")
    if given.dtype.kind == "b" or given.ndim == 0 or given.shape[-1] == 0:
        raise InputError(f"logits must be numbers (..., c), got {given.dtype} {given.shape}.")
    values = given if given.dtype == np.float64 else given.astype(np.float32)
    largest = values.max(axis=-1, keepdims=True)
    if not np.isfinite(largest).all():
        row = tuple(int(place) for place in np.argwhere(~np.isfinite(largest))[0][:-1])
        raise InputError(f"the largest of the logits of row {row} is {float(largest[row][0])}.")
    exponentials = np.exp(values - largest)
    shares: Floats = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return shares


def member_scores(probabilities: object, *, aggregate: Aggregate = "prob") -> Floats:
    """Return what an ensemble adds up: its prediction is the largest sum over its members.

    Parameters
    ----------
    probabilities : array-like (m, n, c)
    aggregate : {"prob", "logit", "vote"}, default="prob"
        "prob" adds probabilities, ``p_M(x) = (1/M) sum_m softmax(f_m(x))`` up to the factor.
        "logit" adds logarithms of probabilities, which differ from logits by a number that all
        classes of an image share. "vote" adds one for the member's prediction; equal votes are
        decided by the mean probability, which enters with a weight of 1 / (m + 1), too small to
        change anything else.

    Returns
    -------
    array (m, n, c)

    Examples
    --------
    >>> member_scores([[[0.25, 0.75]], [[1.0, 0.0]]], aggregate="vote").round(2).tolist()
    [[[0.08, 1.25]], [[1.33, 0.0]]]
    """
    values = checked_probabilities(probabilities)
    if aggregate == "prob":
        return values
    if aggregate == "logit":
        logarithms: Floats = np.log(np.maximum(values, np.finfo(values.dtype).tiny))
        return logarithms
    if aggregate == "vote":
        scores: Floats = values / np.asarray(len(values) + 1, dtype=values.dtype)
        chosen = values.argmax(axis=2)[..., None]
        np.put_along_axis(scores, chosen, np.take_along_axis(scores, chosen, 2) + 1, 2)
        return scores
    raise InputError(f"unknown aggregate {aggregate!r}.{closest(aggregate, AGGREGATES)}")


def ensemble_predictions(probabilities: object, *, aggregate: Aggregate = "prob") -> Ints:
    """Predict with the ensemble of all members.

    Parameters
    ----------
    probabilities : array-like (m, n, c)
    aggregate : {"prob", "logit", "vote"}, default="prob"
        See :func:`member_scores`.

    Returns
    -------
    int64 array (n,)
        Classes; of equal sums the first.

    Examples
    --------
    >>> members = [[[0.4, 0.6]], [[0.4, 0.6]], [[0.9, 0.1]]]
    >>> [ensemble_predictions(members, aggregate=a).item() for a in AGGREGATES]
    [0, 0, 1]
    """
    scores = member_scores(probabilities, aggregate=aggregate)
    predictions: Ints = scores.sum(axis=0, dtype=np.float64).argmax(axis=1)
    return predictions
