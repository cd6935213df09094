"""How large a run is: the four profiles, the settings every chapter shares, the device.

The same code path runs at all four profiles; only sizes differ.

========== ============================================================ =====================
profile    data                                                         where it runs
========== ============================================================ =====================
smoke      a few embedded images                                        test suite, seconds
quick      embedded data (the default)                                  two cores, minutes
standard   Fashion-MNIST, CIFAR-10, TinyImageNet                        a GPU, or CPU hours
paper      the paper's own                                              one large GPU, cluster
========== ============================================================ =====================
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from ssl_lib.errors import InputError, closest

if TYPE_CHECKING:
    import torch

__all__ = ["PROFILES", "Profile", "Settings", "check", "check_count", "choose", "cores", "device"]

Profile = Literal["smoke", "quick", "standard", "paper"]
PROFILES: tuple[Profile, ...] = ("smoke", "quick", "standard", "paper")
LARGEST_SEED = 2**63 - 1

T = TypeVar("T")


def check(name: str) -> Profile:
    """Return ``name`` if it is a profile.

    Parameters
    ----------
    name : str
        One of ``"smoke"``, ``"quick"``, ``"standard"``, ``"paper"``.

    Returns
    -------
    str
        The same name, typed.

    Raises
    ------
    InputError
        For any other name; the message suggests the closest profile.

    Examples
    --------
    >>> check("quick")
    'quick'
    """
    if name not in PROFILES:
        raise InputError(f"Unknown profile {name!r}.{closest(str(name), PROFILES)}")
    return name


def check_count(name: str, value: object, *, least: int = 1, most: int) -> None:
    """Refuse what is not a count that a chapter can be run with.

    Parameters
    ----------
    name : str
        Of the parameter.
    value : object
        0 stands for the profile's number.
    least, most : int
        The range of all others.

    Raises
    ------
    InputError
        When `value` is no integer or out of range.

    Examples
    --------
    >>> check_count("runs", 1, least=2, most=100)
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: runs must be 0 (the profile's number) or from 2 to 100, got 1.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{name} must be an integer, got {value!r}.")
    if value and not least <= value <= most:
        raise InputError(
            f"{name} must be 0 (the profile's number) or from {least} to {most:,}, got {value}."
        )


def choose(profile: str, *, smoke: T, quick: T, standard: T, paper: T) -> T:
    """Pick the value of one profile.

    Parameters
    ----------
    profile : str
        The profile that runs.
    smoke, quick, standard, paper : T
        The value at each profile. All four are required, so that no chapter forgets one.

    Returns
    -------
    T
        The value that belongs to ``profile``.

    Examples
    --------
    >>> choose("standard", smoke=1, quick=10, standard=100, paper=800)
    100
    """
    return {"smoke": smoke, "quick": quick, "standard": standard, "paper": paper}[check(profile)]


def cores() -> int:
    """Return how many cores this process may use.

    Examples
    --------
    >>> cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def device(name: str = "auto") -> torch.device:
    """Turn a device name into a device that this machine has.

    Parameters
    ----------
    name : str, default="auto"
        ``"auto"`` takes the first of CUDA, MPS and CPU that is there; otherwise any name torch
        knows, such as ``"cpu"`` or ``"cuda:1"``.

    Returns
    -------
    torch.device

    Raises
    ------
    InputError
        When torch does not know the name or this machine lacks the device.

    Examples
    --------
    >>> device("cpu")
    device(type='cpu')
    """
    import torch

    if name == "auto":
        return torch.device(_best_device())
    try:
        found = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"Unknown device {name!r}; use 'auto', 'cpu', 'cuda' or 'mps'.") from error
    if not _available(found):
        raise InputError(f"This machine has no device {name!r}; use 'auto' or 'cpu'.")
    return found


def _best_device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _available(found: torch.device) -> bool:
    import torch

    if found.type == "cuda":
        return torch.cuda.is_available() and (found.index or 0) < torch.cuda.device_count()
    return found.type != "mps" or torch.backends.mps.is_available()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every chapter can be run with; a chapter subclasses it and adds its own fields.

    Parameters
    ----------
    profile : {"smoke", "quick", "standard", "paper"}, default="quick"
        How large the run is.
    seed : int, default=0
        Seed from which every random stream of the run derives, at least 0.
    device : str, default="auto"
        See :func:`device`.

    Raises
    ------
    InputError
        When a value has the wrong type or range.

    Notes
    -----
    A subclass that defines ``__post_init__`` calls ``super().__post_init__()`` first.

    Examples
    --------
    >>> Settings(profile="smoke", seed=3)
    Settings(profile='smoke', seed=3, device='auto')
    """

    profile: Profile = "quick"
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        check(self.profile)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise InputError(f"seed must be an integer, got {self.seed!r}.")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise InputError(f"seed must be between 0 and 2**63 - 1, got {self.seed}.")
        if not isinstance(self.device, str) or not self.device:
            raise InputError(f"device must be a name such as 'auto' or 'cpu', got {self.device!r}.")
