"""What the POLICE chapter can be run with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ssl_lib import profiles
from ssl_lib.errors import InputError, closest
from ssl_lib.geometry.shifts import Sign
from ssl_lib.papers import chapter

__all__ = ["SIGNS", "Settings"]

SIGNS: tuple[Sign, ...] = ("majority", "smallest")
LARGEST = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Settings(chapter.Seeded):
    """Parameters of the chapter; every value is checked by name.

    Parameters
    ----------
    profile : {"smoke", "quick", "standard", "paper"}, default="quick"
        Decides the size of networks, of their data, and how long they are trained.
    seed : int, default=0
        From which the seeds of initial weights and noise derive.
    device : str, default="auto"
        Where networks are trained and timed.
    fresh : bool, default=False
        See :class:`ssl_lib.papers.chapter.Settings`.
    seeds : int, default=0
        How many networks of each kind; 0 takes the profile's number.
    sign : {"majority", "smallest"}, default="majority"
        To which side a unit moves, see :func:`ssl_lib.geometry.constrain`.
    width : int, default=0
        Units of a hidden layer; 0 takes the profile's.
    steps : int, default=0
        Training steps; 0 takes the profile's.

    Raises
    ------
    InputError
        When a value has the wrong type or range.

    Examples
    --------
    >>> len(Settings().every_seed), len(Settings(seeds=20).every_seed)
    (3, 20)
    >>> Settings(sign="biggest")
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: sign must be 'majority' or 'smallest', got 'biggest'.
    """

    slug: ClassVar[str] = "police"
    usual_seeds: ClassVar[Mapping[str, int]] = {"smoke": 1, "quick": 3, "standard": 3, "paper": 3}

    sign: Sign = "majority"
    width: int = 0
    steps: int = 0

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        super().__post_init__()
        if self.sign not in SIGNS:
            hint = closest(self.sign, SIGNS) if isinstance(self.sign, str) else ""
            hint = hint if "Did you mean" in hint else ""
            raise InputError(f"sign must be 'majority' or 'smallest', got {self.sign!r}.{hint}")
        for name in ("width", "steps"):
            profiles.check_count(name, getattr(self, name), most=LARGEST)
