"""What the estimators and formulas of this room ask of their input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.randomness import numpy_generator

__all__ = ["Array", "Views", "as_count", "as_matrix", "as_positive", "as_stack", "draw_views"]

Array: TypeAlias = npt.NDArray[np.float64]
Views: TypeAlias = Callable[[Array, np.random.Generator], npt.ArrayLike] | Sequence[npt.ArrayLike]
"""A function that draws one view of all inputs, or the views themselves, each (n, d)."""


def as_matrix(values: npt.ArrayLike, *, name: str = "X", width: int | None = None) -> Array:
    """Return finite numbers as a matrix of doubles.

    Parameters
    ----------
    values : array_like of shape (n, d)
        At least one row and one column.
    name : str
        What an error calls them.
    width : int, optional
        The number of columns there has to be.

    Returns
    -------
    numpy.ndarray of shape (n, d)

    Examples
    --------
    >>> as_matrix([[1, 2], [3, float("nan")]])
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: X must be finite: 1 value(s) are NaN or infinite, the first in row 1.
    """
    array = _as_doubles(values, name)
    if array.ndim != 2:
        raise InputError(
            f"{name} must be a matrix (n, d), got shape {array.shape}. Reshape your data: "
            "one row a sample, one column a feature."
        )
    for count, what in zip(array.shape, ("sample", "feature"), strict=True):
        if count == 0:
            raise InputError(
                f"{name} has 0 {what}(s) (shape={array.shape}) while a minimum of 1 is required."
            )
    if not np.isfinite(array).all():
        bad = ~np.isfinite(array)
        raise InputError(
            f"{name} must be finite: {int(bad.sum())} value(s) are NaN or infinite, "
            f"the first in row {int(np.argmax(bad.any(1)))}."
        )
    if width is not None and array.shape[1] != width:
        raise InputError(f"{name} must have {width} columns, got {array.shape[1]}.")
    return array


class _NoNumbers(InputError, TypeError):
    """Things that no number can be made of: scikit-learn's checks ask for a TypeError."""


def _as_doubles(values: npt.ArrayLike, name: str) -> Array:
    if hasattr(values, "toarray"):
        raise InputError(f"{name} must be dense: sparse input is not supported, call toarray().")
    if hasattr(values, "detach"):  # a network's features still hang on its graph
        values = values.detach().cpu()
    array = np.asarray(values)
    if array.dtype.kind == "c":
        raise InputError(f"{name} must be real. Complex data not supported: got {array.dtype}.")
    try:
        return np.asarray(array, dtype=np.float64)
    except TypeError as error:
        raise _NoNumbers(f"{name} must be numbers: {error}.") from error
    except ValueError as error:
        raise InputError(f"{name} must be numbers: {error}.") from error


def as_stack(views: Sequence[npt.ArrayLike], *, n: int | None = None, least: int = 2) -> Array:
    """Return views of the same inputs as one array.

    Parameters
    ----------
    views : sequence of array_like of shape (n, d)
        Row i of each is a view of input i.
    n : int, optional
        How many inputs there are.
    least : int
        The fewest views that make sense.

    Returns
    -------
    numpy.ndarray of shape (m, n, d)

    Examples
    --------
    >>> as_stack([np.ones((3, 2)), np.zeros((3, 2))]).shape
    (2, 3, 2)
    >>> as_stack([np.ones((3, 2)), np.zeros((4, 2))])
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: views must each have one row an input: view 0 has shape (3, 2), view
    1 has (4, 2).
    """
    if len(views) < least:
        raise InputError(f"there must be at least {least} views of each input, got {len(views)}.")
    found = [as_matrix(view, name=f"view {number}") for number, view in enumerate(views)]
    for number, view in enumerate(found):
        if view.shape != found[0].shape:
            raise InputError(
                f"views must each have one row an input: view 0 has shape {found[0].shape}, "
                f"view {number} has {view.shape}."
            )
    if n is not None and len(found[0]) != n:
        raise InputError(f"each view must have {n} rows, one an input, got {len(found[0])}.")
    return np.stack(found)


def draw_views(views: Views | None, inputs: Array, *, n_views: int, seed: int) -> Array:
    """Draw views of all inputs, or check those that are given.

    Parameters
    ----------
    views : callable, or sequence of array_like of shape (n, d)
        ``views(X, generator)`` returns one view of every input; or m views drawn before.
    inputs : numpy.ndarray of shape (n, d)
        The inputs.
    n_views : int
        How often a callable is called; of given views all are used.
    seed : int
        Seeds the generator that a callable draws from.

    Returns
    -------
    numpy.ndarray of shape (m, n, d)

    Examples
    --------
    >>> double = lambda x, generator: 2 * x
    >>> draw_views(double, np.ones((3, 2)), n_views=4, seed=0).shape
    (4, 3, 2)
    """
    if callable(views):
        as_count(n_views, name="n_views", least=2)
        generator = numpy_generator(seed, "views")
        return as_stack([views(inputs, generator) for _ in range(n_views)], n=len(inputs))
    if views is None or isinstance(views, str) or not hasattr(views, "__len__"):
        raise InputError(
            "views must be a function (X, generator) -> one view of X, or a list of views, "
            f"got {views!r}: without views nothing says what may vary."
        )
    return as_stack(views, n=len(inputs))


def as_count(value: int, *, name: str, least: int = 1, most: int | None = None) -> int:
    """Return an integer in a range.

    Parameters
    ----------
    value : int
        The number.
    name : str
        What an error calls it.
    least, most : int
        The range, both ends included.

    Returns
    -------
    int

    Examples
    --------
    >>> as_count(0, name="n_components")
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: n_components must be an integer of at least 1, got 0.
    """
    whole = hasattr(value, "__index__") and not isinstance(value, (bool, np.bool_))
    if not whole or value < least or (most is not None and value > most):
        upper = "" if most is None else f" and at most {most}"
        raise InputError(f"{name} must be an integer of at least {least}{upper}, got {value!r}.")
    return int(value)


def as_positive(value: float, *, name: str, zero: bool = False) -> float:
    """Return a finite number above zero.

    Parameters
    ----------
    value : float
        The number.
    name : str
        What an error calls it.
    zero : bool
        Whether zero will do too.

    Returns
    -------
    float

    Examples
    --------
    >>> as_positive(0.0, name="penalty", zero=True)
    0.0
    """
    number = isinstance(value, (int, float, np.number)) and np.isfinite(value)
    if not number or value < 0 or (value == 0 and not zero):
        raise InputError(f"{name} must be {'at least' if zero else 'above'} 0, got {value!r}.")
    return float(value)
