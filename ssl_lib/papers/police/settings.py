"""What the POLICE chapter can be run with."""

from dataclasses import dataclass

import torch

from ssl_lib import profiles
from ssl_lib.errors import InputError, closest
from ssl_lib.geometry.shifts import Sign

__all__ = ["SIGNS", "Settings"]

SIGNS: tuple[Sign, ...] = ("majority", "smallest")
LARGEST = 1_000_000
NINE = tuple((t, r) for t in ("wave", "rays", "spiral") for r in ("triangle", "polygon", "circle"))
THREE = (("wave", "triangle"), ("spiral", "polygon"), ("rays", "circle"))


@dataclass(frozen=True, kw_only=True)
class Settings(profiles.Settings):
    """Parameters of the chapter; every value is checked by name.

    Parameters
    ----------
    profile : {"smoke", "quick", "standard", "paper"}, default="quick"
        Decides the size of networks, of their data, and how long they are trained.
    seed : int, default=0
        Of initial weights and noise.
    device : str, default="auto"
        Where networks are trained and timed.
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
    >>> Settings(profile="paper").hidden, Settings(profile="paper").regression_steps
    (256, 2000)
    >>> Settings(sign="biggest")
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: sign must be 'majority' or 'smallest', got 'biggest'.
    """

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

    @property
    def place(self) -> torch.device:
        """The device of this run."""
        return profiles.device(self.device)

    @property
    def hidden(self) -> int:
        """Units of a hidden layer in regression."""
        chosen = profiles.choose(self.profile, smoke=16, quick=64, standard=128, paper=256)
        return self.width or chosen

    @property
    def regression_steps(self) -> int:
        """Training steps in regression."""
        chosen = profiles.choose(self.profile, smoke=12, quick=800, standard=1200, paper=2000)
        return self.steps or chosen

    @property
    def classification_steps(self) -> int:
        """Training steps in classification."""
        chosen = profiles.choose(self.profile, smoke=12, quick=1000, standard=2000, paper=2000)
        return self.steps or chosen

    @property
    def side(self) -> int:
        """Points along a side of the training grid."""
        return profiles.choose(self.profile, smoke=12, quick=40, standard=64, paper=100)

    @property
    def cases(self) -> tuple[tuple[str, str], ...]:
        """Targets and regions of Figure 2 that are run."""
        return profiles.choose(
            self.profile, smoke=THREE[:2], quick=THREE, standard=NINE, paper=NINE
        )
