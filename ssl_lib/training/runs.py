"""Runs described by names: from a specification to a method, and back from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ssl_lib.data import ImageData
from ssl_lib.data.views import Normalise, Policy
from ssl_lib.data.views import policy as policy_by_name
from ssl_lib.errors import InputError
from ssl_lib.methods import Method, build_method
from ssl_lib.methods.build import method_class
from ssl_lib.models import build_encoder
from ssl_lib.training.checkpoints import load_checkpoint, restore
from ssl_lib.training.config import RunSpec, TrainingConfig

__all__ = ["POLICY_OF", "assemble", "load_encoder", "normalisation", "specify"]

POLICY_OF = {
    "barlow_twins": "barlow",
    "byol": "byol",
    "cissl": "issl",
    "diet": "diet",
    "dino": "dino",
    "dissl": "issl",
    "msn": "msn",
    "pmsn": "msn",
    "supervised": "weak",
    "swav": "swav",
    "vicreg": "vicreg",
    "vicreg_info": "vicreg",
}
"""Each method's own augmentation; the others take SimCLR's."""

_SMALLEST_NATURAL = 16


def specify(
    *,
    method: str,
    data: ImageData,
    encoder: str = "resnet18",
    policy: str | None = None,
    method_options: dict[str, Any] | None = None,
    encoder_options: dict[str, Any] | None = None,
    policy_options: dict[str, Any] | None = None,
    training: TrainingConfig | None = None,
) -> RunSpec:
    """Describe a run on a data set.

    Parameters
    ----------
    method : str
        One of :data:`ssl_lib.methods.METHODS`.
    data : ImageData
        The training images: their size, channels, number and statistics are recorded.
    encoder : str, default="resnet18"
        See :func:`ssl_lib.models.build_encoder`.
    policy : str, optional
        See :func:`ssl_lib.data.views.policy`; by default the method's own, and "digits" for images
        below 16 pixels.
    method_options, encoder_options, policy_options : dict, optional
        Options of the three, plain values.
    training : TrainingConfig, optional
        How to train.

    Returns
    -------
    RunSpec

    Raises
    ------
    InputError
        For an unknown name or option: the parts are built once to see that they can be.

    Examples
    --------
    >>> from ssl_lib import data
    >>> spec = specify(method="dissl", data=data.load("digits"), encoder="mlp")
    >>> spec.policy, spec.n_data
    ('digits', 1297)
    """
    method_class(method)
    channels, height, width = data.shape
    if height != width:
        raise InputError(f"images must be square, got {height} x {width}: load them with a size.")
    if policy is None:
        small = height < _SMALLEST_NATURAL
        policy = "digits" if small else POLICY_OF.get(method, "simclr")
    mean, std = data.mean_std()
    spec = RunSpec(
        method=method,
        encoder=encoder,
        data=data.name,
        policy=policy,
        in_channels=channels,
        image_size=height,
        n_data=len(data),
        n_classes=data.n_classes,
        mean=mean,
        std=std,
        method_options=method_options or {},
        encoder_options=encoder_options or {},
        policy_options=policy_options or {},
        training=training or TrainingConfig(),
    )
    assemble(spec)
    return spec


def assemble(spec: RunSpec) -> tuple[Method, Policy]:
    """Build a run's method, freshly initialised, and its views.

    Parameters
    ----------
    spec : RunSpec
        From :func:`specify` or a checkpoint.

    Returns
    -------
    method : Method
        On the CPU; encoder and heads draw from the run's seed.
    policy : Policy
        Ends with the normalisation.

    Examples
    --------
    >>> from ssl_lib import data
    >>> method, policy = assemble(specify(method="vicreg", data=data.load("digits"), encoder="mlp"))
    >>> method.name, policy.name
    ('vicreg', 'digits')
    """
    seed = spec.training.seed
    encoder = build_encoder(
        spec.encoder,
        in_channels=spec.in_channels,
        image_size=spec.image_size,
        seed=seed,
        **spec.encoder_options,
    )
    method = build_method(
        spec.method,
        encoder,
        n_data=spec.n_data,
        n_classes=spec.n_classes,
        seed=seed,
        **spec.method_options,
    )
    views = policy_by_name(spec.policy, size=spec.image_size, **spec.policy_options)
    return method, views.then(Normalise(mean=spec.mean, std=spec.std))


def normalisation(spec: RunSpec) -> Callable[[Tensor], Tensor]:
    """Return the function that normalises floating-point images as the run's views were.

    Examples
    --------
    >>> import torch
    >>> from ssl_lib import data
    >>> spec = specify(method="simclr", data=data.load("digits"), encoder="mlp")
    >>> round(float(normalisation(spec)(torch.zeros(1, 1, 8, 8)).mean()), 3)
    -0.814
    """
    step = Normalise(mean=spec.mean, std=spec.std)
    return lambda images: step.apply(images, {})


def load_encoder(path: str | Path) -> tuple[nn.Module, RunSpec]:
    """Build the encoder of a checkpoint and load its weights.

    Parameters
    ----------
    path : str or pathlib.Path
        A checkpoint, or the folder of a run.

    Returns
    -------
    encoder : torch.nn.Module
        On the CPU, in evaluation mode.
    spec : RunSpec
        How it was trained; :func:`normalisation` prepares images for it.

    Raises
    ------
    InputError
        When the file is no checkpoint, or was written without a specification.
    """
    checkpoint = load_checkpoint(path)
    if checkpoint.spec is None:
        raise InputError(
            f"{path} holds a method that its user built: load_checkpoint gives its weights, "
            "only he can build its encoder."
        )
    method, _ = assemble(checkpoint.spec)
    restore(method, checkpoint.model, what=str(path))
    return method.encoder.eval(), checkpoint.spec
