"""Cross-entropy over so many classes that their logits are never held at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from ssl_lib.errors import InputError

__all__ = ["rows_of", "streamed_loss"]


def streamed_loss(
    features: Tensor, weight: Tensor, targets: Tensor, *, label_smoothing: float, chunk: int
) -> tuple[Tensor, Tensor]:
    """Return the smoothed cross-entropy of a linear classifier, `chunk` classes at a time.

    The forward pass keeps a running log-sum-exp; the backward pass computes the logits again and
    writes the gradient of each block of rows in its place. Beside that gradient, n `chunk`
    numbers are held.

    Parameters
    ----------
    features : torch.Tensor
        (n, d), float32 or float64.
    weight : torch.Tensor
        (N, d) rows of the classes, of the features' type or bfloat16.
    targets : torch.Tensor
        (n,) int64.
    label_smoothing : float
        Mass spread evenly over all N classes.
    chunk : int
        Classes at a time.

    Returns
    -------
    loss : torch.Tensor
        0-d.
    hits : torch.Tensor
        0-d, the share of targets whose logit is the largest.

    Raises
    ------
    InputError
        Unless there is one target in [0, N) for each row of the features.

    Examples
    --------
    >>> eye = torch.eye(4)
    >>> streamed_loss(eye, eye, torch.arange(4), label_smoothing=0.8, chunk=3)
    (tensor(1.3437), tensor(1.))
    """
    if targets.shape != features.shape[:1]:
        raise InputError(f"{len(features)} rows of features for targets {tuple(targets.shape)}")
    loss, hits = _Streamed.apply(  # type: ignore[no-untyped-call]
        features, weight, targets, label_smoothing, chunk
    )
    return loss, hits


def rows_of(weight: Tensor, indices: Tensor, *, sparse: bool = False) -> Tensor:
    """Return rows of a matrix; a negative index, which would count from its end, is refused.

    Examples
    --------
    >>> rows_of(torch.eye(2), torch.tensor([-1]))
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: an index lies outside [0, 2), the rows of W.
    """
    try:
        return functional.embedding(indices, weight, sparse=sparse)
    except IndexError as error:
        raise InputError(f"an index lies outside [0, {len(weight)}), the rows of W.") from error


def _blocks(weight: Tensor, chunk: int, like: Tensor) -> Iterator[tuple[slice, Tensor]]:
    for start in range(0, len(weight), chunk):
        rows = slice(start, start + chunk)
        yield rows, weight[rows].to(like.dtype)


class _Streamed(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, h: Tensor, weight: Tensor, targets: Tensor, smoothing: float, chunk: int
    ) -> tuple[Tensor, Tensor]:
        partition = h.new_full((len(h),), -torch.inf)
        largest, total = partition.clone(), torch.zeros_like(partition)
        for _, rows in _blocks(weight, chunk, h):
            logits = h @ rows.T
            largest = torch.maximum(largest, logits.amax(1))
            partition = torch.logaddexp(partition, logits.logsumexp(1))
            total += h @ rows.sum(0)
        own = (h * rows_of(weight, targets).to(h.dtype)).sum(1)
        loss = (partition - (1 - smoothing) * own - smoothing / len(weight) * total).mean()
        # The product of two blocks may round the target's own logit differently.
        hits = (own >= largest - 1e-5 * largest.abs()).to(h.dtype).mean()
        ctx.save_for_backward(h, weight, targets, partition)
        ctx.smoothing, ctx.chunk = smoothing, chunk
        ctx.mark_non_differentiable(hits)
        return loss, hits

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        h, weight, targets, partition = ctx.saved_tensors
        each, even = slope / len(h), ctx.smoothing / len(weight)
        to_h, to_weight = torch.zeros_like(h), torch.empty_like(weight)
        for block, rows in _blocks(weight, ctx.chunk, h):
            excess = (h @ rows.T).sub_(partition[:, None]).exp_().sub_(even).mul_(each)
            to_h.addmm_(excess, rows)
            to_weight[block] = (excess.T @ h).to(weight.dtype)
        pull = (1 - ctx.smoothing) * each
        to_h.sub_(pull * weight[targets].to(h.dtype))
        to_weight.index_add_(0, targets, (-pull * h).to(weight.dtype))
        return to_h, to_weight, None, None, None
