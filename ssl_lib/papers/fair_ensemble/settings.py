"""What the chapter can be run with, and what each profile trains."""

from dataclasses import dataclass, field
from typing import Any

from ssl_lib import profiles
from ssl_lib.errors import InputError, closest
from ssl_lib.evaluation.fairness.ensembles import AGGREGATES, Aggregate
from ssl_lib.randomness import seeds

__all__ = ["SOURCES", "VARIED", "Run", "Settings"]

#: The sources of randomness of a training run.
SOURCES = ("initialisation", "order", "augmentation")

#: Arms of the ablation: which sources differ between members (section 4.2 of the paper).
VARIED: dict[str, tuple[str, ...]] = {
    "everything": SOURCES,
    "initialisation": ("initialisation",),
    "order": ("order",),
    "augmentation": ("augmentation",),
    "initialisation and order": ("initialisation", "order"),
    "nothing": (),
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """Members trained on one training set; all that its stored table depends on.

    Attributes
    ----------
    data : str
        Name of the data set.
    train_images : int
        Random images to train on; 0 for all.
    per_class : tuple of int
        Instead: training images of a majority and of a minority class.
    minority : tuple of int
        Classes of the minority.
    size : int
        Pixels of a side; 0 keeps the data's.
    encoder, encoder_options, policy, policy_options
        By name, see :mod:`ssl_lib.models` and :mod:`ssl_lib.data.views`.
    epochs, batch_size, learning_rate, weight_decay, warmup_epochs, label_smoothing
        SGD with momentum 0.9; linear warm-up, then a cosine.
    precision : str
        See :class:`ssl_lib.training.config.TrainingConfig`.
    members : int
        Of each arm; "nothing" has three.
    arms : tuple of str
        Keys of `VARIED`.
    together : int
        Perceptrons trained at once. Convolutions gain nothing from it and train one by one.
    k : int
        Classes in the top and bottom groups.
    sizes : tuple of int
        Ensemble sizes that are evaluated.
    draws : int
        Ensembles drawn of each size.
    corruptions : tuple of (str, float)
        Name and strength of each corrupted copy of the test images.
    seed : int
        Draws the training set and every member's seeds.
    device : str
        Where members are trained.
    """

    data: str
    train_images: int = 0
    per_class: tuple[int, ...] = ()
    minority: tuple[int, ...] = ()
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
    arms: tuple[str, ...] = ("everything",)
    together: int = 200
    k: int = 3
    sizes: tuple[int, ...] = (1, 2, 3, 5, 8, 10, 15, 21)
    draws: int = 200
    corruptions: tuple[tuple[str, float], ...] = ()
    seed: int = 0
    device: str = "cpu"


_MLP: dict[str, Any] = {"hidden": (16,), "out_dim": 16, "norm": "none", "activation": "relu"}
_DIGITS: dict[str, Any] = {
    "data": "digits", "train_images": 200, "encoder": "mlp", "encoder_options": _MLP,
    "policy": "digits", "policy_options": {"variant": "shift"},
}  # fmt: skip
# The paper's recipe for its CIFAR ResNets, but for the schedule (a cosine for its triangle).
_RESNET: dict[str, Any] = {
    "encoder": "resnet9", "policy": "cutout", "epochs": 24, "batch_size": 512,
    "learning_rate": 0.5, "warmup_epochs": 5.0, "precision": "auto", "members": 20,
    "sizes": (1, 2, 3, 4, 5, 8, 10, 15, 20),
}  # fmt: skip
# Narrow enough for ten members in CPU minutes; a tenth of CIFAR-10 leaves the members room.
_NARROW: dict[str, Any] = {
    **_RESNET, "members": 10, "size": 32, "precision": "bfloat16", "batch_size": 128,
    "learning_rate": 0.2,
}  # fmt: skip
_STANDARD = (
    Run(data="cifar10", **{**_NARROW, "train_images": 5000, "encoder_options": {"width": 8},
                           "epochs": 16, "warmup_epochs": 3.0, "k": 3}),
    Run(data="tiny-imagenet", **{**_NARROW, "encoder_options": {"width": 16}, "policy": "weak",
                                 "batch_size": 256, "learning_rate": 0.3, "epochs": 5,
                                 "warmup_epochs": 1.5, "k": 10}),
)  # fmt: skip
_PAPER = (
    Run(data="cifar100", **{**_RESNET, "k": 10}),
    Run(data="tiny-imagenet", **{**_RESNET, "learning_rate": 0.1, "policy": "weak", "epochs": 100,
                                 "warmup_epochs": 10.0, "k": 10}),
)  # fmt: skip

#: Majority and minority images a class of the constructed minority, mildest first.
IMBALANCE = ((25, 15), (20, 10), (30, 12), (25, 6))
#: The same on pictures, by profile.
PICTURES: dict[str, tuple[tuple[int, int], ...]] = {
    "standard": ((500, 300), (500, 50)),
    "paper": ((500, 300), (500, 50)),
}
HARD_DIGITS = (3, 8, 9)
MOST = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Settings(profiles.Settings):
    """Parameters of the chapter; every value is checked by name.

    Parameters
    ----------
    profile : {"smoke", "quick", "standard", "paper"}, default="quick"
    seed : int, default=0
        Of training sets, members, draws and resampling.
    device : str, default="auto"
        Where members are trained. Digits are always trained on the CPU, which gives the same
        numbers everywhere and is faster for networks this small.
    aggregate : {"prob", "logit", "vote"}, default="prob"
        What an ensemble averages in the curves.
    members : int, default=0
        Members of each ensemble; 0 takes the profile's number.
    splits : int, default=0
        Training sets, each with members of its own; 0 takes the profile's number.

    Raises
    ------
    InputError
        When a value has the wrong type or range.

    Examples
    --------
    >>> settings = Settings(profile="smoke")
    >>> len(settings.runs), settings.runs[0].members
    (2, 5)
    >>> Settings(aggregate="mean")
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: unknown aggregate 'mean'. Known: logit, prob, vote.
    """

    aggregate: Aggregate = "prob"
    members: int = 0
    splits: int = 0

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        super().__post_init__()
        if self.aggregate not in AGGREGATES:
            raise InputError(
                f"unknown aggregate {self.aggregate!r}.{closest(self.aggregate, AGGREGATES)}"
            )
        for name, least in (("members", 3), ("splits", 1)):
            profiles.check_count(name, getattr(self, name), least=least, most=MOST)

    @property
    def on_digits(self) -> bool:
        """Whether the profile trains on digits."""
        return self.profile in ("smoke", "quick")

    @property
    def runs(self) -> tuple[Run, ...]:
        """Balanced runs, one a training set and data set; those of the first data set first."""
        base = profiles.choose(
            self.profile,
            smoke=(Run(**_DIGITS, epochs=25, warmup_epochs=5.0, members=5, draws=20),),
            quick=(Run(**_DIGITS),),
            standard=_STANDARD,
            paper=_PAPER,
        )
        count = self.splits or profiles.choose(self.profile, smoke=2, quick=6, standard=1, paper=1)
        return tuple(
            self._with(run, seed, arms=self._arms(place), corruptions=self._corruptions(place))
            if run.data == base[0].data
            else self._with(run, seed)
            for run in base
            for place, seed in enumerate(seeds(self.seed, count, "training sets"))
        )

    @property
    def imbalanced(self) -> tuple[Run, ...]:
        """Runs with a constructed minority, for each imbalance and training set."""
        first = self.runs[0]
        count = profiles.choose(self.profile, smoke=1, quick=3, standard=1, paper=1)
        # The claim is about the mildest imbalance, which gets as many training sets as the rest.
        first_count = sum(run.data == first.data for run in self.runs)
        each = PICTURES.get(self.profile, IMBALANCE)
        each = each[:: len(each) - 1] if self.profile == "smoke" else each
        found = []
        for per_class in each:
            sets = max(count, first_count) if per_class == each[0] else count
            for seed in seeds(self.seed, sets, "training sets"):
                minority = self._minority(per_class, seed, first.data)
                found.append(
                    self._with(first, seed, arms=("everything",), corruptions=(), train_images=0,
                               per_class=per_class, minority=minority)
                )  # fmt: skip
        return tuple(found)

    @property
    def everything(self) -> tuple[Run, ...]:
        """All runs of the profile."""
        return (*self.runs, *self.imbalanced)

    def _with(self, run: Run, seed: int, **changes: Any) -> Run:
        from dataclasses import replace

        members = self.members or run.members
        sizes = tuple(sorted({size for size in run.sizes if size < members} | {members}))
        device = "cpu" if self.on_digits else str(profiles.device(self.device))
        return replace(run, members=members, sizes=sizes, seed=seed, device=device, **changes)

    def _arms(self, place: int) -> tuple[str, ...]:
        """Ablate on the first three training sets; on pictures one source at a time."""
        single = tuple(arm for arm in VARIED if arm != "initialisation and order")
        every = tuple(VARIED) if self.on_digits else single
        return every if place < 3 else ("everything",)

    def _corruptions(self, place: int) -> tuple[tuple[str, float], ...]:
        from ssl_lib.papers.fair_ensemble.severities import strengths

        return strengths(self.profile) if place < 3 else ()

    def _minority(self, per_class: tuple[int, int], seed: int, data: str) -> tuple[int, ...]:
        if data == "digits" and per_class == IMBALANCE[-1]:
            return HARD_DIGITS
        from ssl_lib.randomness import numpy_generator

        classes = 100 if data == "cifar100" else 10
        chosen = numpy_generator(seed, "minority").permutation(classes)[: 3 * classes // 10]
        return tuple(sorted(int(k) for k in chosen))
