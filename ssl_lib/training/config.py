"""What a training run does, as frozen values that a checkpoint carries with it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ssl_lib.errors import InputError, closest

__all__ = ["OPTIMISERS", "PRECISIONS", "SCHEDULES", "RunSpec", "TrainingConfig"]

OPTIMISERS = ("adamw", "sgd", "lars")
SCHEDULES = ("cosine", "constant")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a method is trained.

    Attributes
    ----------
    epochs : int
        Passes over the data.
    batch_size : int
        Images an optimiser step, over all processes and accumulated parts.
    optimiser : {"adamw", "sgd", "lars"}
        SGD and LARS use `momentum`, AdamW uses `betas`.
    learning_rate : float
        At the end of the warm-up; not scaled by the batch size.
    weight_decay : float
        On matrices and kernels; biases and norms are left out.
    momentum : float
        Of SGD and LARS.
    betas : tuple of float
        Of AdamW.
    trust : float
        LARS's coefficient eta.
    schedule : {"cosine", "constant"}
        What follows the warm-up.
    warmup_epochs : float
        Epochs of linear warm-up from 0.
    final_factor : float
        Share of the learning rate at the end of the cosine.
    clip_norm : float or None
        Largest norm of the whole gradient.
    accumulate : int
        Parts that a batch is split into; refused for losses that use batch statistics.
    precision : {"auto", "float32", "bfloat16"}
        Autocast of the forward pass; "auto" is bfloat16 on a GPU and float32 elsewhere.
    compile : bool
        Compile the encoder; the first steps then take tens of seconds.
    drop_patches : float
        Share of a vision transformer's patches hidden from the second view (MSN's anchor).
    seed : int
        Seed of order and views; each has its own stream.
    order_seed, views_seed : int or None
        Seeds of the batches' order and of the views alone, where one of them is to vary or to stay
        while the other does not; None takes `seed`.
    checkpoint_every : int
        Epochs between checkpoints.
    evaluate_every : int
        Epochs between calls of the run's metrics; 0 means at the end only.

    Examples
    --------
    >>> TrainingConfig(epochs=0)
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: epochs must be at least 1, got 0.
    """

    epochs: int = 100
    batch_size: int = 256
    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    momentum: float = 0.9
    betas: tuple[float, float] = (0.9, 0.999)
    trust: float = 1e-3
    schedule: str = "cosine"
    warmup_epochs: float = 0.0
    final_factor: float = 0.0
    clip_norm: float | None = None
    accumulate: int = 1
    precision: str = "auto"
    compile: bool = False
    drop_patches: float = 0.0
    seed: int = 0
    order_seed: int | None = None
    views_seed: int | None = None
    checkpoint_every: int = 1
    evaluate_every: int = 0

    @property
    def order_stream(self) -> int:
        """Seed of the batches' order."""
        return self.seed if self.order_seed is None else self.order_seed

    @property
    def views_stream(self) -> int:
        """Seed of the views and of the patches that are dropped."""
        return self.seed if self.views_seed is None else self.views_seed

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "checkpoint_every"):
            _at_least(name, getattr(self, name), 1)
        for name in ("weight_decay", "warmup_epochs", "evaluate_every", "momentum", "final_factor"):
            _at_least(name, getattr(self, name), 0)
        for name in ("seed", "order_stream", "views_stream"):
            _at_least(name, getattr(self, name), 0)
        for name, value in (("learning_rate", self.learning_rate), ("clip_norm", self.clip_norm)):
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"{name} must be a finite number above 0, got {value}.")
        if not 0 <= self.drop_patches < 1:
            raise InputError(f"drop_patches must be from 0 to below 1, got {self.drop_patches}.")
        if self.warmup_epochs > self.epochs:
            raise InputError(
                f"warmup_epochs must be at most the {self.epochs} epochs, got {self.warmup_epochs}."
            )
        if self.batch_size % self.accumulate:
            raise InputError(
                f"batch_size must be a multiple of accumulate, got {self.batch_size} "
                f"and {self.accumulate}."
            )
        _one_of("optimiser", self.optimiser, OPTIMISERS)
        _one_of("schedule", self.schedule, SCHEDULES)
        _one_of("precision", self.precision, PRECISIONS)


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """All that is needed to build a run's method again.

    Attributes
    ----------
    method, encoder, data, policy : str
        Their names.
    method_options, encoder_options, policy_options : dict
        Their options, of plain values.
    in_channels, image_size : int
        Of the images.
    n_data, n_classes : int
        Of the training set.
    mean, std : tuple of float
        Of the training set's channels; views and evaluation images are normalised with them.
    loaded : dict
        The arguments of :func:`ssl_lib.data.load` that give the training images again; empty for
        images that came from elsewhere.
    fingerprint : str
        Of the training images.
    training : TrainingConfig
        How it is trained.

    Examples
    --------
    >>> spec = RunSpec(method="vicreg", encoder="mlp", data="digits", policy="digits",
    ...                in_channels=1, image_size=8, n_data=1297, n_classes=10)
    >>> RunSpec.from_dict(spec.to_dict()) == spec
    True
    """

    method: str
    encoder: str
    data: str
    policy: str
    in_channels: int
    image_size: int
    n_data: int
    n_classes: int
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    method_options: dict[str, Any] = field(default_factory=dict)
    encoder_options: dict[str, Any] = field(default_factory=dict)
    policy_options: dict[str, Any] = field(default_factory=dict)
    loaded: dict[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def to_dict(self) -> dict[str, Any]:
        """Return the values as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunSpec:
        """Build the specification from :meth:`to_dict`'s values, refusing unknown names."""
        _known(cls, values)
        training = dict(values.get("training", {}))
        _known(TrainingConfig, training)
        if "betas" in training:
            training["betas"] = tuple(training["betas"])
        channels: dict[str, Any] = {
            key: tuple(values[key]) for key in ("mean", "std") if key in values
        }
        return cls(**{**values, **channels, "training": TrainingConfig(**training)})


def _at_least(name: str, value: float, least: float) -> None:
    if not value >= least:
        raise InputError(f"{name} must be at least {least}, got {value}.")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"unknown {name} {value!r}.{closest(value, known)}")


def _known(cls: type, values: dict[str, Any]) -> None:
    names = [item.name for item in fields(cls)]
    for name in values:
        if name not in names:
            raise InputError(f"{cls.__name__} has no entry {name!r}.{closest(name, names)}")
