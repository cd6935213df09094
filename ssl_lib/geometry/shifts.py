"""How far to move the kinks of a layer so that none lies inside given polytopes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.geometry.steps import MaxStep

Sign = Literal["majority", "smallest"]


def kink_shift(corners: Tensor, sizes: Sequence[int], sign: Sign = "majority") -> Tensor:
    """Return what to subtract from pre-activations so that each has one sign on every polytope.

    A pre-activation that is affine on a polytope takes values between those at its vertices, an
    interval. The shift is the end of an interval that holds the kink, [1]_ step 2 and 3; where
    intervals of several polytopes overlap there, the end of their union.

    Parameters
    ----------
    corners : Tensor of shape (n_vertices, *shape)
        Pre-activations at the vertices of all polytopes, one polytope after the other.
    sizes : sequence of int
        The number of vertices of each polytope.
    sign : {"majority", "smallest"}
        The side that more vertices are on (the negative one for a tie), as published; or the side
        that takes the smaller shift.

    Returns
    -------
    Tensor of shape (*shape)
        0 where all vertices of each polytope agree. Differentiable.

    References
    ----------
    .. [1] Balestriero and LeCun, POLICE, arXiv 2211.01340.

    Examples
    --------
    >>> kink_shift(torch.tensor([[-1.0], [2.0], [3.0]]), [3])
    tensor([-1.])
    >>> kink_shift(torch.tensor([[-1.0], [2.0], [1.0], [5.0]]), [2, 2], "majority")
    tensor([-1.])
    """
    parts = corners.split(list(sizes))
    low = torch.stack([part.amin(0) for part in parts])
    high = torch.stack([part.amax(0) for part in parts])
    joined = (low < 0) & (high > 0)
    bottom, top = _span(low, high, joined)
    for _ in parts[1:]:
        joined = joined | ((low < top) & (high > bottom))
        bottom, top = _span(low, high, joined)
    up = -bottom <= top if sign == "smallest" else _majority(parts, joined)
    return torch.where(up, bottom, top)


def _majority(parts: Sequence[Tensor], joined: Tensor) -> Tensor:
    """Whether most vertices of the joined polytopes are above the kink, (*shape).

    Counted in integers: in floating point a tie can lose its small offset, and then nothing is
    shifted and the guarantee is gone.
    """
    surplus = [(2 * (part > 0).sum(0) - len(part)) for part in parts]
    return (torch.stack(surplus) * joined).sum(0) > 0


def _span(low: Tensor, high: Tensor, joined: Tensor) -> tuple[Tensor, Tensor]:
    """Return the union of the joined intervals, (0, 0) where there are none."""
    bottom = torch.where(joined, low, 0.0).amin(0)
    return bottom, torch.where(joined, high, 0.0).amax(0)


def window_shift(corners: Tensor) -> Tensor:
    """Return what to subtract from competing units so that one wins at every vertex.

    Parameters
    ----------
    corners : Tensor of shape (n_vertices, groups, candidates)

    Returns
    -------
    Tensor of shape (groups, candidates)
        The candidate that wins at most vertices stays; the others are lowered just enough.

    Examples
    --------
    >>> window_shift(torch.tensor([[[1.0, 0.0]], [[1.0, 0.5]], [[0.0, 0.25]]]))
    tensor([[0.0000, 0.2500]])
    """
    wins = F.one_hot(corners.argmax(2), corners.shape[2]).sum(0)
    winner = wins.argmax(1, keepdim=True).expand(len(corners), -1, -1)
    lead = corners - corners.gather(2, winner.reshape(len(corners), -1, 1))
    return lead.amax(0).clamp_min(0.0)


class ShiftedLinear(nn.Module):
    """A linear layer whose bias is moved by what a call says."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, data: Tensor, shift: Tensor) -> Tensor:
        """Return the layer's output minus the shift, without a pass over the data for it."""
        if shift.ndim > 1:
            moved: Tensor = self.linear(data) - shift
            return moved
        bias = -shift if self.linear.bias is None else self.linear.bias - shift
        return F.linear(data, self.linear.weight, bias)


class SharedNorm(nn.Module):
    """Batch normalisation of the data, and of the vertices with the data's statistics."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, data: Tensor, corners: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised data and vertices."""
        norm = self.norm
        if not norm.training:
            return norm(data), norm(corners)
        axes = [axis for axis in range(data.ndim) if axis != 1]
        mean, variance = data.mean(axes), data.var(axes, correction=0)
        shape = (-1, *[1] * (data.ndim - 2))
        scale = (variance + norm.eps).rsqrt() * (1.0 if norm.weight is None else norm.weight)
        moved = (corners - mean.reshape(shape)) * scale.reshape(shape)
        if norm.bias is not None:
            moved = moved + norm.bias.reshape(shape)
        return norm(data), moved


class ShiftedMax(nn.Module):
    """A maximum over windows in which one candidate wins at every vertex."""

    def __init__(self, step: MaxStep) -> None:
        super().__init__()
        self.windows: Callable[..., Any] = step.windows
        self.sign = step.sign
        self.shapes: list[torch.Size] = []

    def forward(self, data: list[Tensor], corners: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Maxima of the data, of the vertices, and the shift (groups, candidates)."""
        shapes = [part.shape[1:] for part in data]
        if shapes != self.shapes:
            self.shapes = shapes
            index, self.shape = self.windows(shapes)
            self.index = index.to(corners[0].device)
        at_corners = self._gather(corners)
        shift = window_shift(at_corners)
        return self._largest(self._gather(data) - shift), self._largest(at_corners - shift), shift

    def _gather(self, parts: list[Tensor]) -> Tensor:
        flat = torch.cat([part.flatten(1) for part in parts], 1)
        return self.sign * flat[:, self.index]

    def _largest(self, candidates: Tensor) -> Tensor:
        return self.sign * candidates.amax(2).reshape(-1, *self.shape)


class Attribute(nn.Module):
    """A parameter or buffer of a module, wherever it has been moved since."""

    def __init__(self, owner: nn.Module, name: str) -> None:
        super().__init__()
        self.owner, self.name = owner, name

    def forward(self) -> Any:
        """Its present value."""
        return getattr(self.owner, self.name)


class Constant(nn.Module):
    """A tensor that the forward of a model makes whatever its input."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value

    def forward(self) -> Any:
        """Return the tensor."""
        return self.value


class MergedMax(nn.Module):
    """A maximum over windows with fixed shifts, (groups, candidates)."""

    index: Tensor
    shift: Tensor

    def __init__(self, index: Tensor, shift: Tensor, shape: Sequence[int], sign: float) -> None:
        super().__init__()
        self.register_buffer("index", index)
        self.register_buffer("shift", shift)
        self.shape = tuple(shape)
        self.sign = sign

    def forward(self, *parts: Tensor) -> Tensor:
        """Maxima of each window, (n, *shape)."""
        flat = torch.cat([part.flatten(1) for part in parts], 1)
        candidates = self.sign * flat[:, self.index] - self.shift
        return self.sign * candidates.amax(2).reshape(-1, *self.shape)


class Offset(nn.Module):
    """Subtracts a fixed shift from every sample."""

    shift: Tensor

    def __init__(self, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("shift", shift)

    def forward(self, data: Tensor) -> Tensor:
        """Return data - shift."""
        return data - self.shift
