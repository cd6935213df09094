"""A process's share of a batch: its images, and the views that one process would give them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_lib.data import Batch
from ssl_lib.data.views import Policy, patch_keep, take
from ssl_lib.methods.base import ViewBatch
from ssl_lib.randomness import torch_generator
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.distributed import Processes

__all__ = ["Share", "memory_format"]


def memory_format(device: torch.device) -> torch.memory_format:
    """Return the layout of weights and views: channels last where kernels are made for it.

    Examples
    --------
    >>> memory_format(torch.device("cpu"))
    torch.contiguous_format
    """
    return torch.channels_last if device.type == "cuda" else torch.contiguous_format


@dataclass(frozen=True)
class Share:
    """Makes the views of this process's part of each batch.

    Every process draws the whole batch's parameters, so that its images get the views that they
    would get in a single process.

    Attributes
    ----------
    policy : Policy
        Makes the views.
    config : TrainingConfig
        Its seeds, the number of parts and the share of patches to drop.
    processes : Processes
        Which part is this process's.
    device : torch.device
        Of the images.
    n_patches : int, optional
        Patches of the encoder, where it is a vision transformer.

    Examples
    --------
    >>> from ssl_lib import data
    >>> share = Share(data.views.policy("digits", size=8), TrainingConfig(accumulate=2),
    ...               Processes(rank=0, count=1), torch.device("cpu"))
    >>> batch = next(data.load("digits").batches(torch.Generator(), 256))
    >>> [len(part) for part in share(batch, 0)]
    [128, 128]
    """

    policy: Policy
    config: TrainingConfig
    processes: Processes
    device: torch.device
    n_patches: int | None = None

    def __call__(self, batch: Batch, step: int) -> Iterator[ViewBatch]:
        """Yield the parts that the optimiser's step ``step`` accumulates."""
        b, c, h, w = batch.images.shape
        generator = torch_generator(self.config.views_stream, "views", step)
        drawn = self.policy.sample((b, c, h, w), generator)
        keep = self.keep(step)
        size = b // (self.config.accumulate * self.processes.count)
        for part in range(self.config.accumulate):
            start = (self.processes.rank * self.config.accumulate + part) * size
            here = slice(start, start + size)
            mine = drawn if size == b else take(drawn, torch.arange(start, start + size))
            views = self.policy.apply(batch.images[here], mine)
            layout = memory_format(self.device)
            yield ViewBatch(
                views=tuple(view.contiguous(memory_format=layout) for view in views),
                indices=batch.index[here],
                labels=batch.labels[here],
                n_global=self.policy.n_global,
                keep=keep,
            )

    def keep(self, step: int) -> tuple[Tensor | None, ...] | None:
        """Return the patches kept of each view: all but those hidden from the second."""
        if not self.config.drop_patches:
            return None
        assert self.n_patches is not None
        generator = torch_generator(self.config.views_stream, "patches", step)
        kept = patch_keep(self.n_patches, drop=self.config.drop_patches, generator=generator)
        others = len(self.policy.recipes) - 2
        return (None, kept.to(self.device), *(None,) * others)
