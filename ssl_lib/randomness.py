"""Independent random streams from one seed, none of which touches the global state.

A stream is named, not numbered: ``torch_generator(seed, "augmentation", epoch)``. Adding a draw to
one stream, or a new stream, leaves all others as they were. The seed of a stream is the first 63
bits of the SHA-256 of the seed and the names, so it is the same on every machine and version.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from ssl_lib.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import torch

__all__ = ["numpy_generator", "seeds", "stream_seed", "torch_generator"]


def stream_seed(seed: int, *stream: str | int) -> int:
    """Derive the seed of a named stream.

    Parameters
    ----------
    seed : int
        The run's seed.
    *stream : str or int
        Names of the stream, for example ``"initialisation"`` or ``"augmentation", epoch``.
        The text ``"1"`` and the number ``1`` name different streams.

    Returns
    -------
    int
        A number in [0, 2**63), the same for ever.

    Raises
    ------
    InputError
        When the seed is not an integer or a name is neither text nor integer.

    Examples
    --------
    >>> stream_seed(0, "augmentation", 1)
    4450306253774951988
    """
    names = [_integer(seed, what="seed"), *(_name(part) for part in stream)]
    digest = hashlib.sha256(json.dumps(names).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def torch_generator(
    seed: int, *stream: str | int, device: str | torch.device = "cpu"
) -> torch.Generator:
    """Make the torch generator of a named stream.

    Parameters
    ----------
    seed : int
        The run's seed.
    *stream : str or int
        Names of the stream, see :func:`stream_seed`.
    device : str or torch.device, default="cpu"
        Where the generator lives. Devices draw different numbers from one seed: draw on the CPU
        and move the result where runs on several devices must agree.

    Returns
    -------
    torch.Generator

    Examples
    --------
    >>> import torch
    >>> generator = torch_generator(0, "initialisation")
    >>> torch.randint(100, (4,), generator=generator).tolist()
    [10, 6, 21, 6]
    """
    import torch

    generator = torch.Generator(device=device)
    generator.manual_seed(stream_seed(seed, *stream))
    return generator


def numpy_generator(seed: int, *stream: str | int) -> np.random.Generator:
    """Make the numpy generator (PCG64) of a named stream.

    Parameters
    ----------
    seed : int
        The run's seed.
    *stream : str or int
        Names of the stream, see :func:`stream_seed`.

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> numpy_generator(0, "bootstrap").integers(100, size=4).tolist()
    [74, 98, 32, 37]
    """
    import numpy as np

    return np.random.default_rng(stream_seed(seed, *stream))


def seeds(seed: int, n: int, *stream: str | int) -> list[int]:
    """Derive the seeds of ``n`` repetitions of a run.

    Parameters
    ----------
    seed : int
        The seed they derive from.
    n : int
        How many, at least 0.
    *stream : str or int
        Names of the stream, see :func:`stream_seed`.

    Returns
    -------
    list of int
        ``n`` seeds in [0, 2**63). Asking for more keeps the first ones.

    Examples
    --------
    >>> seeds(0, 2, "repetitions") == seeds(0, 3, "repetitions")[:2]
    True
    """
    if _integer(n, what="n") < 0:
        raise InputError(f"n must be at least 0, got {n}.")
    return [stream_seed(seed, *stream, "repetition", number) for number in range(n)]


def _integer(value: int, *, what: str) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InputError(f"{what} must be an integer, got {value!r}.")
    return value.__index__()


def _name(part: str | int) -> str | int:
    return part if isinstance(part, str) else _integer(part, what="A stream's name, if not text,")
