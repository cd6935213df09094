"""What public functions are given: counts, numbers, arrays of any kind.

Needs no torch, so that scoring a file does not load it.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ArrayLike", "as_array", "as_tensor", "check_between", "check_whole"]

ArrayLike: TypeAlias = "Tensor | npt.ArrayLike"
"""What public functions take: tensors, numpy arrays, lists."""


def as_array(values: Any, *, name: str) -> npt.NDArray[Any]:
    """Return lists, arrays and tensors, of any device and with a gradient or not, as one array.

    Parameters
    ----------
    values : array-like
        What a user gave; lists may hold tensors.
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
    try:
        array = np.asarray(_without_tensors(values))
    except (ValueError, TypeError) as error:
        raise InputError(f"{name} must be numbers, all rows of one length.") from error
    if array.dtype.kind not in "biuf":
        found = array.dtype if array.ndim else type(values).__name__
        raise InputError(f"{name} must be numbers, got {found}.")
    return array


def _without_tensors(values: Any) -> Any:
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        # Numpy has no bfloat16.
        return (values.float() if str(values.dtype) == "torch.bfloat16" else values).numpy()
    if isinstance(values, list | tuple) and any(not isinstance(v, float | int) for v in values):
        return [_without_tensors(value) for value in values]
    return values


def as_tensor(values: ArrayLike, *, name: str) -> Tensor:
    """Return anything array-like as a tensor without a gradient, in the precision given.

    Parameters
    ----------
    values : array-like
        Numbers of any kind; numpy's unsigned, long and foreign-order ones too.
    name : str
        What an error calls them.

    Returns
    -------
    torch.Tensor
        Lists of floats are read in double precision. An array's memory is shared where possible.

    Raises
    ------
    InputError
        For what is no array of real numbers.

    Examples
    --------
    >>> as_tensor([[1, 2], [3, 4]], name="features").shape
    torch.Size([2, 2])
    """
    import torch

    if isinstance(values, torch.Tensor):
        if values.is_complex():
            raise InputError(f"{name} must be real numbers, got {values.dtype}.")
        return values.detach()
    array = as_array(values, name=name)
    # Torch has neither other byte orders nor wider floats, and few unsigned types.
    narrow = {"f": np.float64, "u": np.int64}.get(array.dtype.kind, array.dtype.type)
    if array.dtype.itemsize <= (1 if array.dtype.kind == "u" else 8):
        narrow = array.dtype.type
    return torch.from_numpy(np.require(array, dtype=narrow, requirements=["C", "W"]))


def check_whole(name: str, value: Any, *, least: int = 1, most: int | None = None) -> int:
    """Return a count as an integer.

    Parameters
    ----------
    name : str
        What an error calls it.
    value : int
        Of Python, numpy or torch.
    least : int, default=1
        The smallest that makes sense.
    most : int, optional
        The largest.

    Returns
    -------
    int

    Raises
    ------
    InputError
        For floats (whole ones too), bools, and what is out of range.

    Examples
    --------
    >>> check_whole("k", 2.0)
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: k must be a whole number, got 2.0.
    """
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(value)
    except (TypeError, RuntimeError):
        raise InputError(f"{name} must be a whole number, got {value!r}.") from None
    if number < least or (most is not None and number > most):
        wanted = f"at least {least}" if most is None else f"between {least} and {most}"
        raise InputError(f"{name} must be {wanted}, got {number}.")
    return number


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
        number = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError, RuntimeError):
        number = math.nan
    if not least <= number <= most or math.isinf(number) or (open and number == least):
        raise InputError(f"{name} must be {_range(least, most, open)}, got {value!r}.")
    return number


def _range(least: float, most: float, open: bool) -> str:
    if least == -math.inf:
        return "a finite number"
    wanted = f"above {least:g}" if open else f"from {least:g}"
    return f"a number {wanted}" + ("" if most == math.inf else f" to {most:g}")
