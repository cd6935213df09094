"""A process's share of a batch: its images, and the views that one process would give them.

Augmentation parameters belong to an image and an epoch, not to a place in a batch: another order of
the batches leaves every image its views, so that the two sources of randomness vary one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_lib.data import Batch, ImageData
from ssl_lib.data.views import Parameters, Policy, patch_keep, take
from ssl_lib.errors import InputError
from ssl_lib.methods.base import ViewBatch
from ssl_lib.randomness import torch_generator
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.distributed import Processes

__all__ = ["Share", "draw_epoch", "memory_format", "order_of"]

Drawn = Sequence[Sequence[Parameters]]
"""Parameters by view, then by operation, with the image as first axis."""


def order_of(data: ImageData, config: TrainingConfig, epoch: int) -> Tensor:
    """Return the images of an epoch in the order in which batches take them, (n,) on the host."""
    return torch.randperm(len(data), generator=torch_generator(config.order_stream, "order", epoch))


def draw_epoch(
    policy: Policy, data: ImageData, config: TrainingConfig, epoch: int
) -> list[list[Parameters]]:
    """Draw the augmentation parameters of every image for an epoch.

    Parameters
    ----------
    policy : Policy
        Its operations draw them.
    data : ImageData
        Row i of the parameters is for its image i.
    config : TrainingConfig
        Whose ``views_stream`` seeds them.
    epoch : int
        From 0.

    Returns
    -------
    list of list of dict
        See :meth:`ssl_lib.data.views.Policy.sample`.

    Examples
    --------
    >>> from ssl_lib import data
    >>> digits = data.load("digits")
    >>> drawn = draw_epoch(data.views.policy("weak", size=8), digits, TrainingConfig(), 0)
    >>> {len(values) for values in drawn[0][0].values()} == {len(digits)}
    True
    """
    generator = torch_generator(config.views_stream, "views", epoch)
    return policy.sample((len(data), *data.shape), generator)


def memory_format(device: torch.device) -> torch.memory_format:
    """Return the layout of weights and views: channels last where kernels are made for it.

    On a CPU a ResNet-9 trains 1.3 times as fast in it, small networks for digits 1.1 times.

    Examples
    --------
    >>> memory_format(torch.device("cpu"))
    torch.channels_last
    """
    return torch.channels_last if device.type in ("cpu", "cuda") else torch.contiguous_format


@contextmanager
def batch_norm_explained(config: TrainingConfig, *, processes: int = 1) -> Iterator[None]:
    """Turn torch's error about a batch of one image into one that says what to change.

    Raises
    ------
    InputError
        When BatchNorm saw a single value a channel in the block.

    Examples
    --------
    >>> with batch_norm_explained(TrainingConfig(batch_size=1)):
    ...     torch.nn.BatchNorm1d(4)(torch.zeros(1, 4))
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: BatchNorm needs at least 2 images at a time to normalise, and a
    batch_size of 1 in 1 part(s) gives it 1: use a larger batch_size.
    """
    try:
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        parts = config.accumulate * processes
        raise InputError(
            f"BatchNorm needs at least 2 images at a time to normalise, and a batch_size of "
            f"{config.batch_size} in {parts} part(s) gives it {config.batch_size // parts}: use a "
            f"larger batch_size."
        ) from error


@dataclass(frozen=True)
class Share:
    """Makes the views of this process's part of each batch.

    Every process draws the parameters of all images, so that its own get the views that they would
    get in a single process.

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
    >>> digits = data.load("digits")
    >>> drawn = draw_epoch(share.policy, digits, share.config, 0)
    >>> batch = next(digits.batches(None, 256))
    >>> [len(part) for part in share(batch, take(drawn, torch.arange(256)), step=0)]
    [128, 128]
    """

    policy: Policy
    config: TrainingConfig
    processes: Processes
    device: torch.device
    n_patches: int | None = None

    def __call__(self, batch: Batch, drawn: Drawn, step: int) -> Iterator[ViewBatch]:
        """Yield the parts of a batch, whose parameters are given, that a step accumulates."""
        keep = self.keep(step)
        size = len(batch.images) // (self.config.accumulate * self.processes.count)
        for part in range(self.config.accumulate):
            start = (self.processes.rank * self.config.accumulate + part) * size
            here = slice(start, start + size)
            mine = take(drawn, torch.arange(start, start + size))
            views = self.policy.apply(batch.images[here], mine)
            layout = memory_format(self.device)
            yield ViewBatch(
                views=tuple(view.contiguous(memory_format=layout) for view in views),
                indices=batch.index[here],
                labels=None if batch.labels is None else batch.labels[here],
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
