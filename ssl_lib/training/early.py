"""The mean loss of the first steps of a training: equal wherever it runs, but for rounding.

Rounding grows along a training, so that later losses differ between processors; these tell other
code (a learning rate 1 % off, other views, another order) from other rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["EARLY_STEPS", "early_losses"]

#: How many steps of a training count as its first.
EARLY_STEPS = 10


def early_losses(losses: Tensor, *, step: int, before: Sequence[float]) -> list[float]:
    """Continue the mean over the first steps of a training by those of one epoch.

    Parameters
    ----------
    losses : torch.Tensor of shape (n, k)
        Of the epoch's n steps, for k members.
    step : int
        How many steps went before.
    before : sequence of float
        The mean over those of them that count; not looked at where none went before.

    Returns
    -------
    list of k floats

    Examples
    --------
    >>> first = early_losses(torch.tensor([[3.0], [2.0]]), step=0, before=())
    >>> first, early_losses(torch.tensor([[1.0], [0.0]]), step=2, before=first)
    ([2.5], [1.5])
    >>> early_losses(torch.tensor([[0.5]]), step=EARLY_STEPS, before=[1.5])
    [1.5]
    """
    known = min(step, EARLY_STEPS)
    fresh = losses[: EARLY_STEPS - known].cpu().double()
    if not len(fresh):
        return list(before)
    total = fresh.sum(0)
    if known:
        total = total + known * torch.tensor(before, dtype=torch.float64)
    mean: list[float] = (total / (known + len(fresh))).tolist()
    return mean
