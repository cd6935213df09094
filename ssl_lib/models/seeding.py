"""Build modules from a seed without touching the global random state.

PyTorch initialises layers from the global generator. :func:`seeded` swaps that generator's state
for one derived from a seed, and puts the old state back afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ssl_lib.randomness import torch_generator

_LARGEST = 2**63 - 1


@contextmanager
def seeded(seed: int | torch.Generator, *stream: str | int) -> Iterator[None]:
    """Run a block whose modules are initialised from a seed.

    Parameters
    ----------
    seed : int or torch.Generator
        An integer (with `stream` it names one independent stream), or a CPU generator from which
        one number is drawn, so that two blocks in turn differ.
    *stream : str or int
        Names of the stream, used with an integer seed only.

    Notes
    -----
    Only the CPU generator is involved: build modules on the CPU and move them afterwards. That also
    makes the initial weights independent of the device.

    Examples
    --------
    >>> import torch
    >>> before = torch.random.get_rng_state()
    >>> with seeded(0, "head"):
    ...     first = torch.nn.Linear(2, 3)
    >>> with seeded(0, "head"):
    ...     second = torch.nn.Linear(2, 3)
    >>> bool(torch.equal(first.weight, second.weight))
    True
    >>> bool(torch.equal(before, torch.random.get_rng_state()))
    True
    """
    generator = seed if isinstance(seed, torch.Generator) else torch_generator(seed, *stream)
    drawn = int(torch.randint(_LARGEST, (), generator=generator))
    # `devices=[]` and the CPU generator alone: torch.manual_seed would reseed the GPU as well.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(drawn)
        yield
