"""What the chapter can be run with, and what varies between the members of an ensemble."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ssl_lib import profiles
from ssl_lib.errors import InputError, closest
from ssl_lib.evaluation.fairness.ensembles import AGGREGATES, Aggregate
from ssl_lib.papers import chapter

__all__ = ["ARMS", "DATA", "EVERYTHING", "SOURCES", "Arm", "Settings"]

#: The sources of randomness of a training run.
SOURCES = ("initialisation", "order", "augmentation")
#: The data sets of each profile, the usual one first.
DATA: dict[str, tuple[str, ...]] = {
    "smoke": ("digits",),
    "quick": ("digits",),
    "standard": ("cifar10", "tiny-imagenet", "fashion-mnist"),
    "paper": ("cifar100", "tiny-imagenet"),
}
MOST_MEMBERS = 1000


@dataclass(frozen=True, kw_only=True)
class Arm:
    """Which sources of randomness differ between members (section 4.2 of the paper).

    Attributes
    ----------
    name : str
        How tables name it.
    title : str
        How figures name it.
    varies : tuple of str
        Of `SOURCES`; all members have the first one's seeds of the others.
    """

    name: str
    title: str
    varies: tuple[str, ...]

    @property
    def control(self) -> bool:
        """Whether nothing varies."""
        return not self.varies


EVERYTHING = Arm(name="everything", title="everything", varies=SOURCES)
#: From what varies least.
ARMS: dict[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm(name="nothing", title="nothing", varies=()),
        Arm(name="augmentation", title="augmentation", varies=("augmentation",)),
        Arm(name="order", title="order", varies=("order",)),
        Arm(name="initialisation", title="initialisation", varies=("initialisation",)),
        Arm(name="both", title="initialisation\nand order", varies=("initialisation", "order")),
        EVERYTHING,
    )
}


@dataclass(frozen=True, kw_only=True)
class Settings(chapter.Seeded):
    """Parameters of the chapter; every value is checked by name.

    Parameters
    ----------
    profile, seed, device, fresh
        See :class:`ssl_lib.papers.chapter.Settings`. Digits are always trained on the CPU, which
        gives the same numbers everywhere and is faster for networks this small.
    seeds : int, default=0
        Training sets, each with members of its own; 0 takes the profile's number.
    data : str, default=""
        Another data set of the profile than its first, see `DATA`.
    aggregate : {"prob", "logit", "vote"}, default="prob"
        What an ensemble averages in the curves.
    members : int, default=0
        Members of each ensemble; 0 takes the profile's number.

    Raises
    ------
    InputError
        When a value has the wrong type or range.

    Examples
    --------
    >>> len(Settings(profile="smoke").every_seed)
    2
    >>> Settings(aggregate="mean")
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: unknown aggregate 'mean'. Known: logit, prob, vote.
    """

    slug: ClassVar[str] = "fair_ensemble"
    usual_seeds: ClassVar[Mapping[str, int]] = {"smoke": 2, "quick": 20, "standard": 1, "paper": 1}
    spent_seeds: ClassVar[Mapping[str, int]] = {"quick": 6}

    data: str = ""
    aggregate: Aggregate = "prob"
    members: int = 0

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        super().__post_init__()
        chapter.check_texts(self, "data", "aggregate")
        if self.aggregate not in AGGREGATES:
            raise InputError(
                f"unknown aggregate {self.aggregate!r}.{closest(self.aggregate, AGGREGATES)}"
            )
        known = DATA[self.profile]
        if self.data and self.data not in known:
            raise InputError(
                f"data must be one of {', '.join(known)} at the profile {self.profile}, "
                f"got {self.data!r}."
            )
        profiles.check_count("members", self.members, least=3, most=MOST_MEMBERS)

    @property
    def dataset(self) -> str:
        """The data set that the run trains on."""
        return self.data or DATA[self.profile][0]
