"""Several processes train one model, as ``torchrun`` starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from ssl_lib.methods.base import Method

__all__ = ["Processes", "process_group", "processes"]


@dataclass(frozen=True)
class Processes:
    """Place of a process among those that train together.

    Attributes
    ----------
    rank : int
        Number of this process, from 0.
    count : int
        How many there are.

    Examples
    --------
    >>> Processes(rank=0, count=1).first
    True
    """

    rank: int
    count: int

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.rank == 0

    def wrap(self, method: Method) -> Method | DistributedDataParallel:
        """Return the module to call: the method, or its distributed wrapper."""
        return method if self.count == 1 else DistributedDataParallel(method)

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a number over the processes."""
        if self.count > 1:
            dist.all_reduce(value)
        return value / self.count

    def synchronise(
        self, module: Method | DistributedDataParallel, *, last: bool
    ) -> AbstractContextManager[None]:
        """Share gradients in the backward pass of the last part of a batch only."""
        if isinstance(module, DistributedDataParallel) and not last:
            return module.no_sync()
        return nullcontext()


def processes() -> Processes:
    """Return this process's place; alone where no process group exists.

    Examples
    --------
    >>> processes()
    Processes(rank=0, count=1)
    """
    if not (dist.is_available() and dist.is_initialized()):
        return Processes(rank=0, count=1)
    return Processes(rank=dist.get_rank(), count=dist.get_world_size())


@contextmanager
def process_group() -> Iterator[torch.device | None]:
    """Join the processes that ``torchrun`` started, for the time of a block.

    Yields
    ------
    torch.device or None
        This process's GPU under torchrun (its CPU without one); None when started alone.

    Examples
    --------
    >>> with process_group() as device:
    ...     device is None
    True
    """
    if "LOCAL_RANK" not in os.environ:
        yield None
        return
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()
