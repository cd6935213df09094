"""How each profile trains and probes: data, encoder, heads, optimisation."""

from dataclasses import dataclass
from typing import Any

from ssl_lib import profiles
from ssl_lib.papers.issl.settings import STAGES, WIDTH, Settings

__all__ = ["Recipe", "recipe"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How models are trained and probed; plain values, the same for all cells.

    Attributes
    ----------
    profile, data, device : str
        As in the settings, resolved.
    encoder : str
        Name for :func:`ssl_lib.models.build_encoder`.
    encoder_options : dict
        Its options.
    size : int
        Pixels of a side; 0 keeps the data's.
    policy : str
        Name for :func:`ssl_lib.data.views.policy`, which is also given a strength.
    policy_options : dict
        Its other options.
    epochs : int
        Of a full-length run.
    batch_size, learning_rate, weight_decay, warmup_epochs
        See :class:`ssl_lib.training.config.TrainingConfig`.
    hidden, embedding : int
        Width of the MLP heads' hidden layers and of the projections.
    temperature : float
        Of CISSL and SimCLR.
    latents : int
        Classes of DISSL, SwAV and DINO.
    rank : int or None
        Of DISSL's heads.
    dissl_temperatures : tuple of float
        Teacher and student.
    momentum : float
        Of DINO's teacher at the start.
    strength : float
        Of the augmentation, outside the strength figure.
    shots : tuple of int
        Labels of each class in the few-label probes.
    few : int
        The one that "few labels" means.
    images : int
        Training images, drawn class by class with a fixed seed; 0 takes all.
    precision : str
        See :class:`ssl_lib.training.config.TrainingConfig`.
    probe : str
        Linear probe of all labels: "logistic" with penalty 1, or "ridge" with the penalty that
        leave-one-out errors choose, which is cheaper in many dimensions. Few labels always take
        the logistic one.
    """

    profile: str
    data: str
    device: str
    encoder: str
    encoder_options: dict[str, Any]
    size: int
    policy: str
    policy_options: dict[str, Any]
    epochs: int
    batch_size: int
    learning_rate: float = 2e-3
    weight_decay: float = 1e-6
    warmup_epochs: float
    hidden: int
    embedding: int
    temperature: float = 0.07
    latents: int
    rank: int | None
    dissl_temperatures: tuple[float, float]
    momentum: float
    strength: float
    shots: tuple[int, ...]
    few: int
    images: int = 0
    precision: str = "auto"
    probe: str = "logistic"


def recipe(settings: Settings) -> Recipe:
    """Return the recipe of a run.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    Recipe

    Examples
    --------
    >>> recipe(Settings(profile="paper")).encoder
    'resnet18'
    """
    # Alone on a processor, perceptrons take no longer than on a GPU.
    device = str(profiles.device(settings.device)) if settings.natural else "cpu"
    return Recipe(
        profile=settings.profile, data=settings.data_name, device=device,
        **(_pictures(settings) if settings.natural else _digits(settings)),
    )  # fmt: skip


def _digits(settings: Settings) -> dict[str, Any]:
    return {
        "encoder": "mlp",
        "encoder_options": {"hidden": (128, 128), "activation": "relu"},
        "size": 0,
        "policy": "digits",
        "policy_options": {"variant": "issl"},
        "epochs": profiles.choose(settings.profile, smoke=2, quick=22, standard=22, paper=22),
        "batch_size": 128,
        "warmup_epochs": 1,
        "hidden": 128,
        "embedding": 64,
        "latents": 128,
        "rank": None,
        "dissl_temperatures": (0.25, 0.5),
        "momentum": 0.99,
        "strength": 0.5,
        "shots": (1, 2, 5, 10, 30),
        "few": 10,
    }


def _pictures(settings: Settings) -> dict[str, Any]:
    full = settings.profile == "paper"
    tiny = settings.data_name == "tiny-imagenet"
    return {
        "policy": "issl",
        "policy_options": {"data": "tiny-imagenet" if tiny else "cifar10"},
        "embedding": 128,
        "momentum": 0.996,
        "strength": 1.0,
        "shots": (1, 5, 50) if tiny else (1, 10, 100),
        "few": 5 if tiny else 10,
        **(_official(tiny) if full else _small(settings, tiny)),
    }


def _official(tiny: bool) -> dict[str, Any]:
    return {
        "encoder": "resnet18",
        "encoder_options": {},
        "size": 64 if tiny else 32,
        "epochs": 300,
        "batch_size": 512,
        "warmup_epochs": 10.0,
        "hidden": 1024,
        "latents": 16_384,
        "rank": 512,
        "dissl_temperatures": (0.5, 1.0),
    }


def _small(settings: Settings, tiny: bool) -> dict[str, Any]:
    """Return what two cores can train: encoders eight times narrower, heads four times.

    DISSL's classes are as many as a batch's images, its temperatures sharper than the paper's, as
    on digits. The paper's, with a bottleneck before the classes, did no better: after four epochs
    linear probes on held-out training images were .382 against .379, one seed each.
    """
    return {
        "encoder": "resnet9",
        "encoder_options": {"width": WIDTH, "expansion_hidden": STAGES * WIDTH},
        "size": 32,
        "epochs": profiles.choose(settings.profile, smoke=1, quick=2, standard=8, paper=8),
        "batch_size": 128,
        "warmup_epochs": 1.0,
        "hidden": 256,
        "latents": 128,
        "rank": None,
        "dissl_temperatures": (0.25, 0.5),
        "images": 20_000 if tiny else 8000,
        "precision": "bfloat16",
        "probe": "ridge",
        **_MORE.get(settings.data_name, {}),
    }


#: Grey images are smaller, and are trained for longer.
_MORE: dict[str, dict[str, Any]] = {"fashion-mnist": {"size": 28, "images": 10_000, "epochs": 10}}
