"""What the SplineCam chapter can be run with."""

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
        Sizes of everything; from standard on, CIFAR-10 and TinyImageNet instead of digits.
    seed : int, default=0
        All seeds of the run derive from it.
    device : str, default="auto"
        Where networks are trained and partitions computed.
    seeds : int, default=0
        Networks trained for each table that has several seeds; 0 takes the profile's number of
        each, else at least 2.
    fresh : bool, default=False
        Compute all cells anew where published ones would be shown.

    Raises
    ------
    InputError
        When a value has the wrong type or range.

    Examples
    --------
    >>> Settings(profile="quick").usual_seeds["quick"]
    3
    >>> Settings(seeds=1)
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: seeds must be 0 (the profile's number) or from 2 to 100, got 1.
    """

    slug = "splinecam"
    usual_seeds: ClassVar = {"smoke": 2, "quick": 3, "standard": 3, "paper": 5}
    fewest_seeds = 2

    @property
    def photographs(self) -> bool:
        """Whether the classifiers learn photographs, rather than digits."""
        return self.profile in ("standard", "paper")

    def some(self, usual: int) -> tuple[int, ...]:
        """Return the seeds of a table that usually has so many."""
        return chapter.seeds(self.slug, self.seed, self.seeds or usual)

    @property
    def first(self) -> int:
        """The seed of pictures."""
        return self.some(1)[0]
