"""What the minimal-variations chapter can be run with, and how large each profile is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ssl_lib import profiles
from ssl_lib.data import NAMES
from ssl_lib.papers import chapter

__all__ = ["Settings", "Sizes"]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large a run is.

    Parameters
    ----------
    points, landmarks, test : int
        Of a sample of half-moons, of the kernel's functions, and of fresh points that judge.
    reference : int
        Points of the sample from which the functions are taken to be known.
    dense : int
        Points of a sample for small noise and for the density exponent.
    steps : int
        Updates of a network.
    images, kept : int
        Images without labels, and functions kept of them.
    grid : int
        Points along the longer side of a map.
    """

    points: int
    landmarks: int
    test: int
    reference: int
    dense: int
    steps: int
    images: int
    kept: int
    grid: int


@dataclass(frozen=True, kw_only=True)
class Settings(chapter.Seeded):
    """Parameters of the chapter; every value is checked by name.

    Parameters
    ----------
    profile : {"smoke", "quick", "standard", "paper"}, default="quick"
        Decides how many points, images and updates.
    seed : int, default=0
        From which the seeds of samples, views and networks derive.
    device : str, default="auto"
        Not used: everything here is computed on the processor.
    fresh : bool, default=False
        See :class:`ssl_lib.papers.chapter.Settings`.
    seeds : int, default=0
        How many; 0 takes the profile's number.
    data : str, default=""
        Images: ``"digits"``, ``"fashion-mnist"``, ``"cifar10"``, or a folder; empty takes the
        profile's.

    Raises
    ------
    InputError
        When a value has the wrong type or range.

    Examples
    --------
    >>> len(Settings().every_seed), Settings().images, Settings(profile="standard").images
    (20, 'digits', 'fashion-mnist')
    >>> Settings(seeds=1)
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: seeds must be 0 (the profile's number) or from 2 to 100, got 1.
    """

    slug: ClassVar[str] = "minimal_variations"
    usual_seeds: ClassVar[Mapping[str, int]] = {
        "smoke": 2, "quick": 20, "standard": 10, "paper": 10,
    }  # fmt: skip
    fewest_seeds: ClassVar[int] = 2

    data: str = ""

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        super().__post_init__()
        chapter.check_texts(self, "data")
        chapter.check_place("data", self.data, known=NAMES)

    @property
    def usual_images(self) -> str:
        """The profile's images."""
        return profiles.choose(
            self.profile, smoke="digits", quick="digits", standard="fashion-mnist", paper="cifar10"
        )

    @property
    def images(self) -> str:
        """The images of this run."""
        return self.data or self.usual_images

    @property
    def sizes(self) -> Sizes:
        """How large this run is."""
        large = Sizes(points=5000, landmarks=500, test=2000, reference=50_000, dense=5000,
                      steps=1500, images=4000, kept=30, grid=60)  # fmt: skip
        return profiles.choose(
            self.profile,
            smoke=Sizes(points=200, landmarks=80, test=300, reference=2000, dense=300,
                        steps=20, images=250, kept=10, grid=20),
            quick=Sizes(points=500, landmarks=200, test=2000, reference=5000, dense=1000,
                        steps=500, images=800, kept=30, grid=40),
            standard=large,
            paper=Sizes(points=100_000, landmarks=1000, test=2000, reference=1_000_000,
                        dense=20_000, steps=1500, images=20_000, kept=30, grid=60),
        )  # fmt: skip
