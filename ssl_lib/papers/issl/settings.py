"""What the ISSL chapter can be run with, and which runs follow from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from ssl_lib import profiles
from ssl_lib.data import NAMES
from ssl_lib.errors import InputError, closest
from ssl_lib.papers import chapter

__all__ = ["STAGES", "WIDTH", "Settings"]

WIDEST = 65_536
STAGES = 8  # channels of ResNet-9's last stage, in widths
WIDTH = 8  # of ResNet-9 at every profile but paper: what one core trains in minutes


@dataclass(frozen=True, kw_only=True)
class Settings(chapter.Seeded):
    """Parameters of the chapter; every value is checked by name.

    Parameters
    ----------
    profile : {"smoke", "quick", "standard", "paper"}, default="quick"
        Data, encoder, number of runs and their length.
    seed : int, default=0
        The seeds of all runs derive from it.
    device : str, default="auto"
        Where models train. Small perceptrons train on the processor, whatever it says.
    fresh : bool, default=False
        Compute all cells anew where published ones would be shown.
    seeds : int, default=0
        Runs of each configuration, 2 to 100; 0 takes the profile's number.
    data : str, default=""
        "digits", "cifar10", "cifar100", "shapes", "tiny-imagenet"; empty takes the profile's.
    dims : sequence of int, default=()
        Dimensions of the sweep, at least two, increasing; empty takes the profile's.
    images : str, default=""
        Folder of class folders for the section on an encoder of one's own; empty draws shapes.
    encoder_name : str, default="convnet"
        The encoder of that section.

    Raises
    ------
    InputError
        When a value has the wrong type or range.

    Examples
    --------
    >>> Settings(dims=[8, 64]).dims
    (8, 64)
    >>> Settings(profile="quick").sweep
    (2, 8, 64, 256)
    >>> Settings(data="cifar10", dims=[64, 100])
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: dims above 64 must be multiples of 64, got 100.
    """

    slug: ClassVar[str] = "issl"
    usual_seeds: ClassVar = {"smoke": 2, "quick": 20, "standard": 3, "paper": 3}
    spent_seeds: ClassVar = {"quick": 5}
    fewest_seeds: ClassVar[int] = 2  # with an interval

    data: str = ""
    dims: tuple[int, ...] = ()
    images: str = ""
    encoder_name: str = "convnet"

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        super().__post_init__()
        chapter.check_texts(self, "images", "encoder_name")
        chapter.check_place("images", self.images)
        known = sorted(NAMES)
        if not isinstance(self.data, str) or (self.data and self.data not in known):
            raise InputError(
                f"data must be empty or one of {', '.join(known)}, got {self.data!r}."
                f"{closest(str(self.data), known)}"
            )
        object.__setattr__(self, "dims", _checked_dims(self.dims, self.channels))

    @property
    def usual_data(self) -> str:
        """The profile's own data set."""
        return profiles.choose(
            self.profile, smoke="digits", quick="digits", standard="cifar10", paper="tiny-imagenet"
        )

    @property
    def data_name(self) -> str:
        """The data set that the models are trained on."""
        return self.data or self.usual_data

    @property
    def natural(self) -> bool:
        """Whether the data are pictures that take a convolutional network."""
        return self.data_name != "digits"

    @property
    def channels(self) -> int:
        """Channels before the block that sets the dimension; 0 for perceptrons, without one."""
        if not self.natural:
            return 0
        return 512 if self.profile == "paper" else STAGES * WIDTH

    @property
    def sweep(self) -> tuple[int, ...]:
        """Dimensions of the sweep."""
        small = profiles.choose(
            self.profile,
            smoke=(2, 16),
            quick=(2, 8, 64, 256),
            standard=(2, 4, 8, 16, 32, 64, 128, 256, 512),
            paper=(2, 4, 8, 16, 32, 64, 128, 256, 512),
        )
        large = profiles.choose(
            self.profile,
            smoke=(16, 64),
            quick=(16, 64, 256),
            standard=(16, 64, 256, 1024),
            paper=(128, 512, 2048, 8192),
        )
        return self.dims or (large if self.natural else small)

    @property
    def reference(self) -> int:
        """The dimension of all figures that do not vary it: the channels', 64 on digits."""
        goal = self.channels or 64
        return max((d for d in self.sweep if d <= goal), default=self.sweep[0])

    @property
    def probe_dims(self) -> tuple[int, ...]:
        """Dimensions at which MLP heads are trained too: three where a page waits for them."""
        if self.profile in ("standard", "paper"):
            return self.sweep
        few = (self.sweep[0], self.sweep[(len(self.sweep) - 1) // 4], self.reference)
        return tuple(sorted({*few}))

    @property
    def all_heads(self) -> bool:
        """Whether every pair of heads is trained: not on digits for a page that waits."""
        return self.natural or self.profile in ("standard", "paper")

    @property
    def strengths(self) -> tuple[float, ...]:
        """Augmentation strengths of the label figure."""
        return (0.25, 0.5, 1.0) if self.natural else (0.125, 0.25, 0.5, 1.0)


def _checked_dims(dims: object, channels: int) -> tuple[int, ...]:
    if isinstance(dims, str) or not isinstance(dims, Iterable):
        raise InputError(f"dims must be a list of integers, got {dims!r}.")
    values = tuple(dims)
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= WIDEST:
            raise InputError(f"dims must be integers from 1 to {WIDEST:,}, got {value!r}.")
        if channels and value > channels and value % channels:
            raise InputError(f"dims above {channels} must be multiples of {channels}, got {value}.")
    if values and (len(values) < 2 or list(values) != sorted({*values})):
        raise InputError(
            f"dims must be two or more different numbers in increasing order, got {list(values)}."
        )
    return values
