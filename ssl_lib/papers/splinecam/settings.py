"""What the SplineCam chapter can be run with."""

from dataclasses import dataclass

from ssl_lib import profiles

__all__ = ["Settings"]


@dataclass(frozen=True, kw_only=True)
class Settings(profiles.Settings):
    """Parameters of the chapter; every value is checked by name.

    Parameters
    ----------
    profile : {"smoke", "quick", "standard", "paper"}, default="quick"
        Sizes of everything; from standard on, CIFAR-10 and TinyImageNet instead of digits.
    seed : int, default=0
        Seed of every network, order and slice.
    device : str, default="auto"
        Where networks are trained and partitions computed.
    runs : int, default=0
        Networks trained for each interval; 0 takes the profile's number, else at least 2.

    Raises
    ------
    InputError
        When a value has the wrong type or range.

    Examples
    --------
    >>> Settings(profile="quick").n_runs
    3
    >>> Settings(runs=1)
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: runs must be 0 (the profile's number) or from 2 to 100, got 1.
    """

    runs: int = 0

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        super().__post_init__()
        profiles.check_count("runs", self.runs, least=2, most=100)

    @property
    def n_runs(self) -> int:
        """Networks trained for each interval."""
        return self.runs or profiles.choose(self.profile, smoke=2, quick=3, standard=3, paper=5)
