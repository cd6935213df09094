"""What numpy and torch name differently, so that one text of an algorithm runs on either.

On a CPU a numpy call on a few hundred numbers takes a third of the time of torch's; on many
numbers, and on other devices, torch is the one to use.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

Array: TypeAlias = Any  # a numpy array or a tensor


def namespace(array: Array) -> ModuleType:
    """Return the module whose functions act on an array: numpy or torch."""
    return torch if isinstance(array, Tensor) else np


def arange(n: int, like: Array) -> Array:
    """0, 1, .., n - 1 where ``like`` is."""
    if isinstance(like, Tensor):
        return torch.arange(n, device=like.device)
    return np.arange(n)


def copy(array: Array) -> Array:
    """Return a copy that may be written to."""
    return array.clone() if isinstance(array, Tensor) else array.copy()


def repeat(values: Array, counts: Array, total: int) -> Array:
    """Each value as often as its count says; the counts add up to ``total``.

    >>> repeat(np.array([5, 7]), np.array([2, 1]), 3).tolist()
    [5, 5, 7]
    """
    if isinstance(values, Tensor):
        return torch.repeat_interleave(values, counts, output_size=total)
    return np.repeat(values, counts)


def where(condition: Array) -> Array:
    """Return the indices at which a vector is true."""
    return torch.where(condition)[0] if isinstance(condition, Tensor) else condition.nonzero()[0]


def order(values: Array) -> Array:
    """Return the permutation that sorts a vector, equal values in their order."""
    if isinstance(values, Tensor):
        return values.argsort(stable=True)
    return values.argsort(kind="stable")


def segment_sum(values: Array, start: Array, owner: Array) -> Array:
    """Sum over each of the consecutive, not empty, segments that begin at ``start``.

    ``owner`` says in which segment each value is.

    >>> segment_sum(np.array([1.0, 2.0, 4.0]), np.array([0, 2]), np.array([0, 0, 1])).tolist()
    [3.0, 4.0]
    """
    if isinstance(values, Tensor):
        return values.new_zeros(len(start)).index_add_(0, owner, values)
    return np.add.reduceat(values, start)


def segment_min(values: Array, start: Array, owner: Array) -> Array:
    """Least value of each of the consecutive, not empty, segments that begin at ``start``.

    >>> segment_min(np.array([3.0, 2.0, 4.0]), np.array([0, 2]), np.array([0, 0, 1])).tolist()
    [2.0, 4.0]
    """
    if isinstance(values, Tensor):
        least = values.new_full((len(start),), torch.inf)
        return least.scatter_reduce_(0, owner, values, "amin")
    return np.minimum.reduceat(values, start)


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
