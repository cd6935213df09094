"""What the chapter on the SSL interplay can be run with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ssl_lib.papers import chapter

__all__ = ["Settings"]


@dataclass(frozen=True, kw_only=True)
class Settings(chapter.Seeded):
    """Parameters of the chapter; every value is checked by name.

    Parameters
    ----------
    profile : {"smoke", "quick", "standard", "paper"}, default="quick"
        Decides sizes of samples and networks, and how long the latter are trained.
    seed : int, default=0
        From which the seeds of samples, views and initial weights derive.
    device : str, default="auto"
        There as in all chapters; everything here is computed on the CPU, in double precision.
    fresh : bool, default=False
        See :class:`ssl_lib.papers.chapter.Settings`.
    seeds : int, default=0
        How many samples and networks of each kind; 0 takes the profile's number. Claims need three.

    Examples
    --------
    >>> len(Settings().every_seed), len(Settings(seeds=20).every_seed)
    (3, 20)
    """

    slug: ClassVar[str] = "ssl_interplay"
    usual_seeds: ClassVar[Mapping[str, int]] = {
        "smoke": 2,
        "quick": 3,
        "standard": 20,
        "paper": 100,
    }
