"""Several processes train one model, as ``torchrun`` starts them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ssl_lib import profiles
from ssl_lib.errors import InputError
from ssl_lib.methods.base import Method

Made = TypeVar("Made")

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
        """Return the module to call: the method, or its distributed wrapper.

        On GPUs, BatchNorm layers become SyncBatchNorm, so that statistics are those of the whole
        batch as in one process. PyTorch has none for the CPU: there, each process normalises by its
        own share of the batch, and only networks without BatchNorm equal one process exactly.
        """
        if self.count == 1:
            return method
        if all(parameter.is_cuda for parameter in method.parameters()):
            nn.SyncBatchNorm.convert_sync_batchnorm(method)
        return DistributedDataParallel(method)

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a tensor over the processes."""
        if self.count == 1:
            return value
        total = value.clone()
        dist.all_reduce(total)
        return total / self.count

    def from_first(self, make: Callable[[], Made]) -> Made:
        """Return to every process what the first one makes, or raise its error in all of them."""
        if self.count == 1:
            return make()
        box: list[Any] = [None, None]
        if self.first:
            try:
                box[0] = make()
            except InputError as error:
                box[1] = error
        dist.broadcast_object_list(box)
        if box[1] is not None:
            raise box[1]
        made: Made = box[0]
        return made

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
def process_group(device: str = "auto") -> Iterator[torch.device]:
    """Join the processes that ``torchrun`` started, for the time of a block.

    Parameters
    ----------
    device : str, default="auto"
        See :func:`ssl_lib.profiles.device`. Under torchrun, "cuda" is the process's own GPU.

    Yields
    ------
    torch.device
        Where this process computes.

    Examples
    --------
    >>> with process_group("cpu") as device:
    ...     device, processes().count
    (device(type='cpu'), 1)
    """
    chosen = profiles.device(device)
    if "LOCAL_RANK" not in os.environ:
        yield chosen
        return
    if chosen.type == "cuda":
        chosen = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(chosen)
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield chosen
    finally:
        dist.destroy_process_group()
