"""What the RankMe chapter can be run with, and what each profile trains."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from ssl_lib import profiles
from ssl_lib.data import NAMES
from ssl_lib.errors import InputError
from ssl_lib.papers import chapter

__all__ = [
    "SWEEPS",
    "TITLES",
    "Recipe",
    "Settings",
    "Sweep",
    "for_photographs",
    "recipes",
    "usual_data",
]

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
        "smoke": 2, "quick": 20, "standard": 3, "paper": 3,
    }  # fmt: skip
    spent_seeds: ClassVar[Mapping[str, int]] = {"quick": 3}

    data: str = ""
    tolerance: float = 0.01
    images: str = ""
    model: str = "resnet18"

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        super().__post_init__()
        chapter.check_texts(self, "data", "images", "model")
        chapter.check_place("images", self.images)
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


#: Deep and without normalisation: starts at a low rank, as large networks do.
DEEP = {"hidden": (96, 96, 96), "norm": "none", "activation": "relu"}
#: Shallow with batch normalisation: starts at nearly full rank.
SHALLOW = {"hidden": (96,), "norm": "batch", "activation": "relu"}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the encoders of one sweep are trained on one data set, whatever the seed.

    Attributes
    ----------
    profile, data, device : str
        As in the settings, resolved.
    sweep : str
        A key of :data:`SWEEPS`.
    values : tuple of float
        The settings that are trained.
    half : bool
        Pretrain on the first half of the classes and keep the rest as target.
    encoder : str
    encoder_options : dict
    out_dim : int or None
        See :func:`ssl_lib.models.build_encoder`.
    he : bool
        Draw linear layers from He's normal distribution with zero bias, as the paper-sized
        networks do, instead of torch's narrower uniform one.
    head : tuple of int
    head_norm : str
        Of the projector.
    steps, warmup, batch_size : int
        Optimiser steps in all and of warm-up, and images in each.
    learning_rate : float
    together : bool
        Train all settings of a seed as one stacked model.
    samples : int
        Pretraining images that are measured, at most: ranks and probes.
    images : int
        Pretraining images, drawn class by class, the same for all seeds; 0 takes all.
    precision : str
        See :class:`ssl_lib.training.config.TrainingConfig`.
    """

    profile: str
    data: str
    device: str
    sweep: str
    values: tuple[float, ...]
    half: bool = False
    encoder: str = "mlp"
    encoder_options: dict[str, Any] = field(default_factory=lambda: dict(DEEP))
    out_dim: int | None = 48
    he: bool = True
    head: tuple[int, ...] = (96, 64)
    head_norm: str = "none"
    steps: int = 300
    warmup: int = 20
    batch_size: int = 128
    learning_rate: float = 1e-3
    together: bool = True
    samples: int = 25_600
    images: int = 0
    precision: str = "auto"


def for_photographs(recipe: Recipe) -> bool:
    """Tell whether a recipe's networks are convolutional ones for photographs."""
    return recipe.encoder != "mlp"


def recipes(settings: Settings) -> dict[str, Recipe]:
    """Return the recipes of a run by the names of their tables.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    dict of str to Recipe
        The three sweeps; "transfer", the temperature sweep on half of the classes; "shallow", the
        covariance sweep of a network that starts at full rank.

    Examples
    --------
    >>> list(recipes(Settings(profile="smoke")))
    ['temperature', 'invariance', 'covariance', 'transfer', 'shallow']
    """
    base = _base(settings)
    made = {name: replace(base, sweep=name, values=_some(name, settings)) for name in SWEEPS}
    made["transfer"] = replace(made["temperature"], half=True)
    if not for_photographs(base):
        made["shallow"] = replace(made["covariance"], encoder_options=dict(SHALLOW))
    return made


def _some(name: str, settings: Settings) -> tuple[float, ...]:
    values = SWEEPS[name].values
    places = profiles.choose(
        settings.profile, smoke=(0, 3, 6), quick=range(8), standard=_FIVE, paper=range(8)
    )
    return tuple(values[place] for place in places)


def _base(settings: Settings) -> Recipe:
    chosen = profiles.choose(
        settings.profile,
        smoke={"steps": 40, "warmup": 5},
        quick={},
        standard={**_SMALL, **_MORE.get(settings.data, {})},
        paper=_LARGE,
    )
    return Recipe(
        profile=settings.profile,
        data=settings.data or usual_data(settings),
        device=str(profiles.device(settings.device)),
        sweep="",
        values=(),
        **chosen,
    )


def usual_data(settings: Settings) -> str:
    """Return the data set of a profile.

    Examples
    --------
    >>> usual_data(Settings(profile="standard"))
    'cifar10'
    """
    return profiles.choose(
        settings.profile, smoke="digits", quick="digits", standard="cifar10", paper="tiny-imagenet"
    )


#: Places in a sweep of what a CPU core trains: both ends nearly, and the middle.
_FIVE = (0, 2, 3, 4, 6)

_SMALL: dict[str, Any] = {
    "encoder": "resnet9",
    "encoder_options": {"width": 8},
    "out_dim": None,
    "he": False,
    "head": (256, 256, 256),
    "head_norm": "batch",
    "steps": 156,
    "warmup": 31,
    "batch_size": 128,
    "learning_rate": 2e-3,
    "together": False,
    "images": 5000,
    "precision": "bfloat16",
}
#: What is smaller is trained for longer.
_MORE: dict[str, dict[str, Any]] = {"fashion-mnist": {"steps": 390, "warmup": 78, "images": 10_000}}
_LARGE: dict[str, Any] = {
    "encoder": "resnet18",
    "encoder_options": {},
    "out_dim": None,
    "he": False,
    "head": (2048, 2048, 2048),
    "head_norm": "batch",
    "steps": 7800,
    "warmup": 780,
    "batch_size": 512,
    "together": False,
}
