"""Losses compute in float32 whatever the autocast around them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")

_HALF = (torch.float16, torch.bfloat16)


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a loss: half-precision tensors arrive as float32, and autocast is off inside.

    Exponentials, Sinkhorn's iterations and covariances of bfloat16 numbers lose what the loss is
    about. float32 and float64 arguments pass through unchanged.

    Examples
    --------
    >>> @full_precision
    ... def dot(a, b):
    ...     return a @ b
    >>> half = torch.ones(3, dtype=torch.bfloat16)
    >>> dot(half, half).dtype
    torch.float32
    """

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        arguments = (*args, *kwargs.values())
        device = next((t.device for t in map(_first_tensor, arguments) if t is not None), None)
        with torch.autocast(device_type=device.type if device else "cpu", enabled=False):
            return function(
                *(_promote(a) for a in args),
                **{name: _promote(a) for name, a in kwargs.items()},
            )

    return wrapper


def _first_tensor(argument: object) -> Tensor | None:
    if isinstance(argument, Tensor):
        return argument
    if isinstance(argument, list | tuple) and argument and isinstance(argument[0], Tensor):
        return argument[0]
    return None


def _promote(argument: Any) -> Any:
    if isinstance(argument, Tensor):
        return argument.float() if argument.dtype in _HALF else argument
    if isinstance(argument, list | tuple):
        return type(argument)(_promote(item) for item in argument)
    return argument
