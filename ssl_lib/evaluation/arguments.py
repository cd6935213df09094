"""What public functions are given beside features: arrays of any kind, counts, numbers.

Needs no torch, so that scoring a file does not load it.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError

__all__ = ["as_array", "check_between", "check_whole"]


def as_array(values: Any, *, name: str) -> npt.NDArray[Any]:
    """Return lists, arrays and tensors, of any device and with a gradient or not, as one array.

    Parameters
    ----------
    values : array-like
        What a user gave.
    name : str
        What an error calls it.

    Returns
    -------
    numpy.ndarray
        The same memory where that is possible: to be read, not written.

    Raises
    ------
    InputError
        For rows of different lengths, and for what is no array of real numbers or bools.

    Examples
    --------
    >>> as_array([[1, 2], [3]], name="features")
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: features must be numbers, all rows of one length.
    """
    if hasattr(values, "detach"):  # a tensor
        values = values.detach().cpu()
        if str(values.dtype) == "torch.bfloat16":  # numpy has no such type
            values = values.float()
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise InputError(f"{name} must be numbers, all rows of one length.") from error
    if array.dtype.kind not in "biuf":
        found = array.dtype if array.ndim else type(values).__name__
        raise InputError(f"{name} must be numbers, got {found}.")
    return array


def check_whole(name: str, value: Any, *, least: int = 1) -> int:
    """Return a count as an integer.

    Parameters
    ----------
    name : str
        What an error calls it.
    value : int
        Of Python, numpy or torch.
    least : int, default=1
        The smallest that makes sense.

    Returns
    -------
    int

    Raises
    ------
    InputError
        For floats (whole ones too), bools, and what is below ``least``.

    Examples
    --------
    >>> check_whole("k", 2.0)
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: k must be a whole number, got 2.0.
    """
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise InputError(f"{name} must be a whole number, got {value!r}.") from None
    if number < least:
        raise InputError(f"{name} must be at least {least}, got {number}.")
    return int(number)


def check_between(
    name: str, value: float, *, least: float = 0.0, most: float = math.inf, open: bool = False
) -> float:
    """Return a number that lies in a range.

    Parameters
    ----------
    name : str
        What an error calls it.
    value : float
    least, most : float
        The ends of the range; infinity itself is never in it.
    open : bool, default=False
        Whether ``least`` itself is refused.

    Returns
    -------
    float

    Raises
    ------
    InputError
        For numbers outside, NaN, and what is no number.

    Examples
    --------
    >>> check_between("tolerance", -0.1, most=1)
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: tolerance must be a number from 0 to 1, got -0.1.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not least <= number <= most or math.isinf(number) or (open and number == least):
        wanted = f"above {least:g}" if open else f"from {least:g}"
        wanted += "" if most == math.inf else f" to {most:g}"
        raise InputError(f"{name} must be a number {wanted}, got {value!r}.")
    return number
