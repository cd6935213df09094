"""What numbers and arrays the geometry takes."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from ssl_lib.errors import InputError

ArrayLike: TypeAlias = Tensor | Sequence[Any] | Any


def check_whole(name: str, value: Any, *, least: int, most: int | None = None) -> int:
    """Return an integer in a range.

    Raises
    ------
    InputError
        For what is not an integer (a float, a truth value) or out of range.

    Examples
    --------
    >>> check_whole("layers", 2, least=1, most=3)
    2
    >>> check_whole("layers", 2.0, least=1, most=3)
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: layers must be an integer between 1 and 3, got 2.0
    """
    wanted = f"of at least {least}" if most is None else f"between {least} and {most}"
    try:
        number = None if isinstance(value, bool | np.bool_) else operator.index(value)
    except (TypeError, RuntimeError):
        number = None
    if number is None or number < least or (most is not None and number > most):
        raise InputError(f"{name} must be an integer {wanted}, got {value!r}")
    return number


def check_number(name: str, value: Any) -> float:
    """Return a finite number as a float; InputError for anything else.

    Examples
    --------
    >>> check_number("value", float("nan"))
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: value must be a finite number, got nan
    """
    try:
        number = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError, RuntimeError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{name} must be a finite number, got {value!r}")
    return number


def as_tensor(values: ArrayLike, what: str) -> Tensor:
    """Return a tensor of anything array-like, without a gradient, in the precision given.

    Numbers in lists keep all their digits: torch alone would round them to float32.

    Raises
    ------
    InputError
        For what is no array of numbers.

    Examples
    --------
    >>> as_tensor([0.1, 0.2], "weights").dtype
    torch.float64
    """
    try:
        tensor = values if isinstance(values, Tensor) else _from_numbers(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{what} must be numbers: {error}") from error
    if tensor.is_complex():
        raise InputError(f"{what} must be real numbers, got {tensor.dtype}")
    return tensor.detach()


def _from_numbers(values: Any) -> Tensor:
    if any(isinstance(leaf, Tensor) for leaf in pytree.tree_leaves(values)):
        return torch.stack([as_tensor(value, "rows") for value in values])
    # A copy, because torch warns of arrays that cannot be written to.
    return torch.from_numpy(np.array(values))


def rounding(values: Tensor) -> float:
    """Return how far the rounding of their own precision may have moved points (n, *shape).

    Two or three operations lose up to half a unit of the last place each in every coordinate.

    Examples
    --------
    >>> rounding(torch.tensor([[3.0, 4.0]])) / torch.finfo(torch.float32).eps
    5.0
    """
    if not values.is_floating_point() or not values.numel():
        return 0.0
    largest = torch.linalg.vector_norm(values.to(torch.float64).flatten(1), dim=1).amax().item()
    return float(torch.finfo(values.dtype).eps * largest)
