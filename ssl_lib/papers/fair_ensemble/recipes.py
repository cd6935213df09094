"""What each profile trains on each data set."""

from dataclasses import dataclass, field, replace
from typing import Any

from ssl_lib import profiles
from ssl_lib.evaluation.fairness.corruptions import CORRUPTIONS
from ssl_lib.evaluation.fairness.ensembles import Aggregate
from ssl_lib.papers.fair_ensemble.settings import Settings

__all__ = [
    "CLEAN", "STRONG_NOISE", "WORST", "Copy", "Recipe", "copies", "imbalances", "minority",
    "recipe", "severity",
]  # fmt: skip

#: What stands for a corruption where images are as they are.
CLEAN = "clean"
#: The highest of CIFAR-C's severities.
WORST = 5

Copy = tuple[str, float]
"""Name and strength of a corruption."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How members are trained and ensembles of them measured, whatever the training set.

    Attributes
    ----------
    data : str
        Name of the data set.
    train_images : int
        Random images to train on; 0 for all.
    size : int
        Pixels of a side; 0 keeps the data's.
    encoder, encoder_options, policy, policy_options
        By name, see :mod:`ssl_lib.models` and :mod:`ssl_lib.data.views`.
    epochs, batch_size, learning_rate, weight_decay, warmup_epochs, label_smoothing
        SGD with momentum 0.9; linear warm-up, then a cosine.
    precision : str
        See :class:`ssl_lib.training.config.TrainingConfig`.
    members : int
        Of an ensemble.
    k : int
        Classes in the top and bottom groups.
    sizes : tuple of int
        Ensemble sizes that are evaluated.
    draws : int
        Ensembles drawn of each size.
    aggregate : {"prob", "logit", "vote"}
        What an ensemble averages.
    corruptions : tuple of (str, float)
        Name and strength of each corrupted copy of the test images.
    arms : tuple of str
        Keys of `ARMS` that are trained beside "everything".
    repeats : int
        Runs of an arm that are followed by epoch.
    device : str
        Where members are trained.
    """

    data: str
    train_images: int = 0
    size: int = 0
    encoder: str = "mlp"
    encoder_options: dict[str, Any] = field(default_factory=dict)
    policy: str = "digits"
    policy_options: dict[str, Any] = field(default_factory=dict)
    epochs: int = 40
    batch_size: int = 32
    learning_rate: float = 0.2
    weight_decay: float = 5e-4
    warmup_epochs: float = 8.0
    label_smoothing: float = 0.1
    precision: str = "float32"
    members: int = 21
    k: int = 3
    sizes: tuple[int, ...] = (1, 2, 3, 5, 8, 10, 15, 21)
    draws: int = 200
    aggregate: Aggregate = "prob"
    corruptions: tuple[Copy, ...] = ()
    arms: tuple[str, ...] = ()
    repeats: int = 0
    device: str = "cpu"

    @property
    def ends(self) -> tuple[int, int]:
        """One member, and all."""
        return 1, self.members


_MLP: dict[str, Any] = {"hidden": (16,), "out_dim": 16, "norm": "none", "activation": "relu"}
_DIGITS: dict[str, Any] = {
    "train_images": 200, "encoder_options": _MLP, "policy_options": {"variant": "shift"},
    "sizes": (1, 2, 3, 4, 5, 8, 10, 15, 21),
}  # fmt: skip
# The paper's recipe for its CIFAR ResNets, but for the schedule (a cosine for its triangle).
_RESNET: dict[str, Any] = {
    "encoder": "resnet9", "policy": "cutout", "epochs": 24, "batch_size": 512, "k": 10,
    "learning_rate": 0.5, "warmup_epochs": 5.0, "precision": "auto", "members": 20,
    "sizes": (1, 2, 3, 4, 5, 8, 10, 15, 20),
}  # fmt: skip
# Narrow enough for ten members in CPU minutes; a tenth of CIFAR-10 leaves the members room.
_NARROW: dict[str, Any] = {**_RESNET, "members": 10, "size": 32, "precision": "bfloat16"}
_RECIPES: dict[tuple[str, str], dict[str, Any]] = {
    ("smoke", "digits"): {
        **_DIGITS, "epochs": 25, "warmup_epochs": 5.0, "members": 5, "draws": 20
    },
    ("quick", "digits"): _DIGITS,
    ("standard", "cifar10"): {
        **_NARROW, "train_images": 5000, "encoder_options": {"width": 8}, "batch_size": 128,
        "learning_rate": 0.2, "epochs": 16, "warmup_epochs": 3.0, "k": 3,
    },
    ("standard", "fashion-mnist"): {
        **_NARROW, "train_images": 3000, "size": 0, "encoder_options": {"width": 8},
        "batch_size": 128, "learning_rate": 0.2, "epochs": 16, "warmup_epochs": 3.0, "k": 3,
    },
    ("standard", "tiny-imagenet"): {
        **_NARROW, "encoder_options": {"width": 16}, "policy": "weak", "batch_size": 256,
        "learning_rate": 0.3, "epochs": 5, "warmup_epochs": 1.5,
    },
    ("paper", "cifar100"): _RESNET,
    ("paper", "tiny-imagenet"): {
        **_RESNET, "learning_rate": 0.1, "policy": "weak", "epochs": 100, "warmup_epochs": 10.0
    },
}  # fmt: skip


def recipe(settings: Settings) -> Recipe:
    """Return the recipe of a run.

    Examples
    --------
    >>> recipe(Settings(members=7)).sizes
    (1, 2, 3, 4, 5, 7)
    """
    made = Recipe(data=settings.dataset, **_RECIPES[settings.profile, settings.dataset])
    members = settings.members or made.members
    sizes = tuple(sorted({size for size in made.sizes if size < members} | {members}))
    device = "cpu" if made.data == "digits" else str(profiles.device(settings.device))
    return replace(made, members=members, sizes=sizes, device=device, aggregate=settings.aggregate)


#: Gaussian noise far beyond CIFAR-C's, to see where the benefit ends.
STRONG_NOISE = (0.1, 0.2, 0.3, 0.4, 0.5)


def copies(profile: str) -> tuple[Copy, ...]:
    """Return the corrupted copies of the test images that a profile evaluates.

    Examples
    --------
    >>> [len(copies(profile)) for profile in ("smoke", "quick", "standard")]
    [4, 49, 15]
    """
    full = tuple((name, s) for name, each in CORRUPTIONS.items() for s in each)
    strong = tuple(("gaussian noise", s) for s in STRONG_NOISE)
    few = (("contrast", 0.75), ("contrast", 0.15), ("gaussian noise", 0.1), ("gaussian noise", 0.5))
    every = tuple(dict.fromkeys(full + strong))
    kinds = ("gaussian noise", "gaussian blur", "contrast")
    some = tuple(each for each in full if each[0] in kinds)
    return profiles.choose(profile, smoke=few, quick=every, standard=some, paper=every)


def severity(name: str, strength: float) -> int:
    """Return the severity from 1 to 5 of a strength of CIFAR-C, 0 for others and for clean images.

    Examples
    --------
    >>> severity("contrast", 0.15), severity("gaussian noise", 0.5), severity(CLEAN, 0.0)
    (5, 0, 0)
    """
    known = CORRUPTIONS.get(name, ())
    return known.index(strength) + 1 if strength in known else 0


#: Training images of a majority and of a minority class, mildest first.
_DIGIT_COUNTS = ((25, 15), (20, 10), (30, 12), (25, 6))
_PICTURE_COUNTS = ((500, 300), (500, 50))
#: Digits that look alike are the minority where it is smallest; elsewhere it is drawn.
_ALIKE = {("digits", _DIGIT_COUNTS[-1]): (3, 8, 9)}


def imbalances(profile: str) -> tuple[tuple[int, int], ...]:
    """Return training images of a majority and of a minority class, mildest first.

    Examples
    --------
    >>> imbalances("smoke")
    ((25, 15), (25, 6))
    """
    ends = (_DIGIT_COUNTS[0], _DIGIT_COUNTS[-1])
    return profiles.choose(
        profile, smoke=ends, quick=_DIGIT_COUNTS, standard=_PICTURE_COUNTS, paper=_PICTURE_COUNTS
    )


def minority(data: str, n_classes: int, counts: tuple[int, int], seed: int) -> tuple[int, ...]:
    """Return the classes of the constructed minority, three in ten.

    Examples
    --------
    >>> minority("digits", 10, (25, 6), seed=0)
    (3, 8, 9)
    """
    from ssl_lib.randomness import numpy_generator

    if (data, counts) in _ALIKE:
        return _ALIKE[data, counts]
    order = numpy_generator(seed, "minority").permutation(n_classes)
    return tuple(sorted(int(label) for label in order[: 3 * n_classes // 10]))
