"""Which units compete in max-pooling, maxout and elementwise maxima, as tables of indices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_lib.errors import InputError

Windows = Callable[[list[torch.Size]], tuple[Tensor, torch.Size]]


def unit_numbers(shape: Sequence[int]) -> Tensor:
    """0, 1, 2, .. in the given shape."""
    return torch.arange(math.prod(shape)).reshape(tuple(shape))


def pooling_output(size: int, kernel: int, stride: int, pad: int, dilation: int, ceil: bool) -> int:
    """Return number of windows along one axis, as torch counts them."""
    reach = size + 2 * pad - dilation * (kernel - 1) - 1
    count = (-(-reach // stride) if ceil else reach // stride) + 1
    # With ceil, a last window that would start in the padding on the right is left out.
    return count - 1 if ceil and (count - 1) * stride >= size + pad else count


@dataclass(frozen=True)
class PoolWindows:
    """Windows of max-pooling over the last ``len(kernel)`` axes."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil: bool

    def __call__(self, shapes: list[torch.Size]) -> tuple[Tensor, torch.Size]:
        """Return indices (groups, candidates) into the flat activation, and the pooled shape."""
        (shape,) = shapes
        n = len(self.kernel)
        index, valid, pooled = torch.zeros((), dtype=torch.int64), torch.ones(()).bool(), []
        for axis, size in enumerate(shape[-n:]):
            place, inside = self._axis(size, axis)
            index = index[..., None, None] * size + place
            valid = valid[..., None, None] & inside
            pooled.append(len(place))
        order = [*range(0, 2 * n, 2), *range(1, 2 * n, 2)]
        index, valid = (t.permute(order).reshape(math.prod(pooled), -1) for t in (index, valid))
        # A place in the padding repeats a real candidate, which changes no maximum.
        first = index.gather(1, valid.to(torch.uint8).argmax(1, keepdim=True))
        index = torch.where(valid, index, first)
        channel = torch.arange(math.prod(shape[:-n])) * math.prod(shape[-n:])
        numbers = (channel[:, None, None] + index).flatten(0, 1)
        return numbers, torch.Size([*shape[:-n], *pooled])

    def _axis(self, size: int, axis: int) -> tuple[Tensor, Tensor]:
        """Places (windows, kernel) along an axis and which of them are not padding."""
        kernel, stride, pad, dilation = (
            part[axis] for part in (self.kernel, self.stride, self.padding, self.dilation)
        )
        count = pooling_output(size, kernel, stride, pad, dilation, self.ceil)
        place = torch.arange(count)[:, None] * stride - pad + torch.arange(kernel) * dilation
        inside = (place >= 0) & (place < size)
        return place.clamp(0, size - 1), inside


@dataclass(frozen=True)
class AxisWindows:
    """A maximum over one axis of the activation, counted with the batch axis as 0."""

    axis: int
    keepdim: bool = False

    def __call__(self, shapes: list[torch.Size]) -> tuple[Tensor, torch.Size]:
        """Return indices (groups, candidates) and the shape of the result."""
        (shape,) = shapes
        axis = self.axis % (len(shape) + 1) - 1
        if axis < 0:
            raise InputError("a maximum over the batch axis compares samples with each other")
        numbers = unit_numbers(shape).movedim(axis, -1)
        left = list(shape)
        left[axis : axis + 1] = [1] if self.keepdim else []
        return numbers.reshape(-1, shape[axis]), torch.Size(left)


def elementwise_windows(shapes: list[torch.Size]) -> tuple[Tensor, torch.Size]:
    """Return an elementwise maximum of several activations, broadcast against each other."""
    shape = torch.broadcast_shapes(*shapes)
    columns, used = [], 0
    for each in shapes:
        columns.append((used + unit_numbers(each)).expand(shape).flatten())
        used += math.prod(each)
    return torch.stack(columns, 1), shape
