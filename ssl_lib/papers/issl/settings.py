"""What the ISSL chapter can be run with, and the recipe that each profile stands for."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ssl_lib import profiles
from ssl_lib.data import NAMES
from ssl_lib.errors import InputError, closest
from ssl_lib.randomness import seeds as derive_seeds

__all__ = ["Recipe", "Settings"]

WIDEST = 65_536
MOST_SEEDS = 100
STAGES = 8  # channels of ResNet-9's last stage, in widths
WIDTH = 8  # of ResNet-9 at every profile but paper: what one core trains in half an hour


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How models are trained and probed; plain values, so that it can be part of a result's key.

    Attributes
    ----------
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
    epochs, batch_size, learning_rate, weight_decay, warmup_epochs
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


@dataclass(frozen=True, kw_only=True)
class Settings(profiles.Settings):
    """Parameters of the chapter; every value is checked by name.

    Parameters
    ----------
    profile : {"smoke", "quick", "standard", "paper"}, default="quick"
        Data, encoder, number of runs and their length.
    seed : int, default=0
        The seeds of all runs derive from it.
    device : str, default="auto"
        Where models train. Small perceptrons train on the processor, whatever it says.
    data : str, default=""
        "digits", "cifar10", "cifar100", "shapes", "tiny-imagenet"; empty takes the profile's.
    dims : sequence of int, default=()
        Dimensions of the sweep, at least two, increasing; empty takes the profile's.
    seeds : int, default=0
        Runs of each configuration, 2 to 100; 0 takes the profile's number.

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

    data: str = ""
    dims: tuple[int, ...] = ()
    seeds: int = 0

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        super().__post_init__()
        known = sorted(NAMES)
        if not isinstance(self.data, str) or (self.data and self.data not in known):
            raise InputError(
                f"data must be empty or one of {', '.join(known)}, got {self.data!r}."
                f"{closest(str(self.data), known)}"
            )
        object.__setattr__(self, "dims", _checked_dims(self.dims, self.channels))
        # Two are the fewest with an interval.
        profiles.check_count("seeds", self.seeds, least=2, most=MOST_SEEDS)

    @property
    def data_name(self) -> str:
        """The data set that the models are trained on."""
        chosen = profiles.choose(
            self.profile,
            smoke="digits",
            quick="digits",
            standard="cifar10",
            paper="tiny-imagenet",
        )
        return self.data or chosen

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
        """Whether every pair of heads is trained: not on digits for a page that waits.

        There five runs of each show no difference between them.
        """
        return self.natural or self.profile in ("standard", "paper")

    @property
    def strengths(self) -> tuple[float, ...]:
        """Augmentation strengths of the label figure."""
        return (0.25, 0.5, 1.0) if self.natural else (0.125, 0.25, 0.5, 1.0)

    @property
    def run_seeds(self) -> tuple[int, ...]:
        """Seeds of the runs of one configuration."""
        number = profiles.choose(self.profile, smoke=2, quick=3, standard=3, paper=3)
        return tuple(derive_seeds(self.seed, self.seeds or number, "issl"))

    @property
    def recipe(self) -> Recipe:
        """How models are trained and probed."""
        return _pictures(self) if self.natural else _digits(self)


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


def _digits(settings: Settings) -> Recipe:
    return Recipe(
        encoder="mlp",
        encoder_options={"hidden": (128, 128), "activation": "relu"},
        size=0,
        policy="digits",
        policy_options={"variant": "issl"},
        epochs=profiles.choose(settings.profile, smoke=2, quick=22, standard=22, paper=22),
        batch_size=128,
        warmup_epochs=1,
        hidden=128,
        embedding=64,
        latents=128,
        rank=None,
        dissl_temperatures=(0.25, 0.5),
        momentum=0.99,
        strength=0.5,
        shots=(1, 2, 5, 10, 30),
        few=10,
    )


def _pictures(settings: Settings) -> Recipe:
    full = settings.profile == "paper"
    tiny = settings.data_name == "tiny-imagenet"
    sizes = _official(tiny) if full else _small(settings, tiny)
    return Recipe(
        policy="issl",
        policy_options={"data": "tiny-imagenet" if tiny else "cifar10"},
        embedding=128,
        momentum=0.996,
        strength=1.0,
        shots=(1, 5, 50) if tiny else (1, 10, 100),
        few=5 if tiny else 10,
        **sizes,
    )


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
    }
