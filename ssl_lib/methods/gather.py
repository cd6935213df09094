"""Gather embeddings from all processes, with gradients that equal those of one process.

DistributedDataParallel averages parameter gradients over the W processes. When every process
computes the same loss L of the gathered embeddings, process r must therefore send back W dL/dz_r,
which is the sum over processes of their (equal) gradients: that sum is the backward pass here.
Without torch.distributed, or with one process, all functions are the identity.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Return the number of processes; 1 without torch.distributed.

    Examples
    --------
    >>> world_size()
    1
    """
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gather(z: Tensor) -> Tensor:
    """Concatenate `z` of all processes along the first axis, in the order of ranks.

    Parameters
    ----------
    z : torch.Tensor
        (n, ...), the same shape in every process.

    Returns
    -------
    torch.Tensor
        (W n, ...); `z` itself without torch.distributed.

    Examples
    --------
    >>> gather(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    return z if world_size() == 1 else cast(Tensor, _Gather.apply(z))  # type: ignore[no-untyped-call]


def mean_over_processes(x: Tensor) -> Tensor:
    """Average a tensor over processes, with gradient.

    Examples
    --------
    >>> mean_over_processes(torch.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    return x if world_size() == 1 else gather(x[None]).mean(0)


def local_rows(gathered: Tensor, n: int) -> Tensor:
    """Return this process's `n` rows of a gathered tensor; what follows the last one's is ignored.

    Examples
    --------
    >>> local_rows(torch.arange(6), 4)
    tensor([0, 1, 2, 3])
    """
    rank = 0 if world_size() == 1 else dist.get_rank()
    return gathered.narrow(0, rank * n, n)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.rows = z.shape[0]
        parts = [torch.empty_like(z) for _ in range(world_size())]
        dist.all_gather(parts, z.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous().clone()
        dist.all_reduce(gradient)
        return local_rows(gradient, ctx.rows)
