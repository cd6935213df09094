"""What every function of this package is given, checked once."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ssl_lib.arguments import as_array
from ssl_lib.errors import InputError

__all__ = ["Bools", "Floats", "Ints", "checked_labels", "checked_members", "checked_probabilities"]

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]

#: How far the probabilities of an image may be from a sum of 1: half precision loses that much.
TOLERANCE = 0.01


def checked_probabilities(probabilities: object, *, fewest: int = 1) -> Floats:
    """Return members' probabilities as an array, or say what is wrong with them.

    Parameters
    ----------
    probabilities : array-like (m, n, c)
        Rows of probabilities: m members, n images, c classes.
    fewest : int, default=1
        Fewest members.

    Returns
    -------
    array (m, n, c)
        As given, in single precision unless it was double.

    Raises
    ------
    InputError
        For other shapes, too few members, numbers that are negative or not finite, or rows that do
        not sum to 1 within 0.01.

    Examples
    --------
    >>> checked_probabilities([[[0.5, 0.6]]])
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: the probabilities of member 0, image 0 sum to 1.1, not 1. ...
    """
    given = as_array(probabilities, name="probabilities")
    if given.ndim != 3 or 0 in given.shape:
        raise InputError(
            "probabilities must be numbers of shape (members, images, classes), "
            f"got {given.dtype} {given.shape}."
        )
    if len(given) < fewest:
        raise InputError(f"an ensemble needs {fewest} members at least, got {len(given)}.")
    values = given if given.dtype == np.float64 else given.astype(np.float32, copy=False)
    _check_rows(values)
    return values


def _check_rows(values: Floats) -> None:
    sums = values.sum(axis=2, dtype=np.float64)
    for bad, what in (
        (~np.isfinite(sums), "hold numbers that are not finite"),
        (values.min(axis=2) < 0, "hold a negative number"),
        (np.abs(sums - 1) > TOLERANCE, "sum to {:.4g}, not 1"),
    ):
        if bad.any():
            member, image = (int(place) for place in np.argwhere(bad)[0])
            raise InputError(
                f"the probabilities of member {member}, image {image} "
                f"{what.format(sums[member, image])}. Are they logits? Say so, or use softmax()."
            )


def checked_labels(labels: object, n: int, n_classes: int) -> Ints:
    """Return labels as int64, or say what is wrong with them.

    Parameters
    ----------
    labels : array-like (n,)
        Whole numbers from 0 to ``n_classes - 1``.
    n, n_classes : int
        Images and classes of the predictions.

    Returns
    -------
    int64 array (n,)

    Raises
    ------
    InputError
        For another shape, labels that are not whole numbers, or outside the range.

    Examples
    --------
    >>> checked_labels([0, 3], 2, 3)
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: labels must lie from 0 to 2 for 3 classes, got 3 (image 1).
    """
    given = as_array(labels, name="labels")
    if given.shape != (n,):
        raise InputError(f"labels must have shape ({n},), one an image, got {given.shape}.")
    if given.dtype.kind not in "fiu" or not (given == np.floor(given)).all():
        raise InputError(f"labels must be whole numbers, got {given.dtype}.")
    outside = (given < 0) | (given >= n_classes)
    if outside.any():
        image = int(outside.argmax())
        raise InputError(
            f"labels must lie from 0 to {n_classes - 1} for {n_classes} classes, "
            f"got {given[image]:g} (image {image})."
        )
    return given.astype(np.int64)


def checked_members(
    probabilities: object, labels: object, *, fewest: int = 1
) -> tuple[Floats, Ints]:
    """Return probabilities (m, n, c) and labels (n,) after both checks.

    Examples
    --------
    >>> checked_members([[[0.5, 0.5]]], [0], fewest=2)
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: an ensemble needs 2 members at least, got 1.
    """
    values = checked_probabilities(probabilities, fewest=fewest)
    return values, checked_labels(labels, values.shape[1], values.shape[2])
