"""What the RankMe chapter can be run with, and the sweeps it runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ssl_lib.data import NAMES
from ssl_lib.errors import InputError
from ssl_lib.papers import chapter

__all__ = ["SWEEPS", "Settings", "Sweep"]

LARGEST_TOLERANCE = 0.5


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """One hyper-parameter of one method, all others fixed.

    Attributes
    ----------
    name : str
        How tables name it.
    method : str
        A key of :data:`ssl_lib.methods.METHODS`.
    option : str
        The method's option that varies.
    values : tuple of float
        Its settings, increasing.
    title : str
        How figures name it.
    """

    name: str
    method: str
    option: str
    values: tuple[float, ...]
    title: str


#: The three sweeps of the chapter; VICReg's other weights are 25 (invariance, variance) and 1.
SWEEPS: dict[str, Sweep] = {
    "temperature": Sweep(
        name="temperature",
        method="simclr",
        option="temperature",
        values=(0.05, 0.1, 0.2, 0.5, 1.0, 3.0, 10.0, 30.0),
        title="SimCLR, temperature",
    ),
    "invariance": Sweep(
        name="invariance",
        method="vicreg",
        option="invariance",
        values=(1.0, 3.0, 8.0, 15.0, 25.0, 50.0, 100.0, 200.0),
        title="VICReg, invariance weight",
    ),
    "covariance": Sweep(
        name="covariance",
        method="vicreg",
        option="covariance",
        values=(0.0, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
        title="VICReg, covariance weight",
    ),
}

#: How figures and tables name the experiments.
TITLES: dict[str, str] = {name: sweep.title for name, sweep in SWEEPS.items()} | {
    "transfer": "SimCLR, half of the classes",
    "shallow": "VICReg, shallow with batch norm",
}


@dataclass(frozen=True, kw_only=True)
class Settings(chapter.Seeded):
    """Parameters of the chapter; every value is checked by name.

    Parameters
    ----------
    profile, seed, device, fresh, seeds
        See :class:`ssl_lib.papers.chapter.Seeded`. Intervals need two seeds, claims three.
    data : str, default=""
        A named data set, or a folder of images in class folders; empty takes the profile's.
    tolerance : float, default=0.01
        Share of the largest RankMe that counts as the same rank in a selection; the paper states
        none.
    images : str, default=""
        Folder of pictures for the section on an encoder of one's own; empty draws shapes.
    model : str, default="resnet18"
        The torchvision encoder of that section.

    Raises
    ------
    InputError
        When a value has the wrong type or range.

    Examples
    --------
    >>> len(Settings(profile="smoke").every_seed)
    2
    >>> Settings(seeds=-1)
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: seeds must be 0 (the profile's number) or from 1 to 100, got -1.
    """

    slug: ClassVar[str] = "rankme"
    usual_seeds: ClassVar[Mapping[str, int]] = {
        "smoke": 2, "quick": 3, "standard": 3, "paper": 3,
    }  # fmt: skip

    data: str = ""
    tolerance: float = 0.01
    images: str = ""
    model: str = "resnet18"

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        super().__post_init__()
        chapter.check_texts(self, "data", "images", "model")
        if not self.model:
            raise InputError("model must not be empty; give a name such as 'resnet18'.")
        _check_tolerance(self.tolerance)
        _check_data(self.data)


def _check_tolerance(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"tolerance must be a number, got {value!r}.")
    if not 0 <= value <= LARGEST_TOLERANCE:
        raise InputError(f"tolerance must be from 0 to {LARGEST_TOLERANCE}, got {value}.")


def _check_data(value: str) -> None:
    from pathlib import Path

    from ssl_lib.errors import closest

    if value and value not in NAMES and not Path(value).expanduser().exists():
        raise InputError(
            f"data must be a folder of images or the name of a data set, got {value!r}."
            f"{closest(value, NAMES)}"
        )
