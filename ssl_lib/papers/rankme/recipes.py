"""What each profile trains: data, encoder, head, optimisation."""

from dataclasses import dataclass, field, replace
from typing import Any

from ssl_lib import profiles
from ssl_lib.papers.rankme.settings import SWEEPS, Settings

__all__ = ["Recipe", "recipes", "usual_data"]

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
        A key of :data:`ssl_lib.papers.rankme.settings.SWEEPS`.
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
    if base.encoder == "mlp":
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
        standard=_SMALL,
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
