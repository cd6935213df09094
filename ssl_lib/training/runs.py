"""Runs described by names: from a specification to a method, and back from a checkpoint."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ssl_lib.data import NAMES, ImageData, load
from ssl_lib.data.channels import channel_statistics
from ssl_lib.data.views import POLICIES, Normalise, Policy
from ssl_lib.data.views import policy as policy_by_name
from ssl_lib.errors import InputError, closest
from ssl_lib.methods import Method, build_method
from ssl_lib.methods.build import method_class, method_options
from ssl_lib.models import build_encoder
from ssl_lib.training.checkpoints import load_checkpoint, restore, save_checkpoint
from ssl_lib.training.config import RunSpec, TrainingConfig

__all__ = [
    "POLICY_OF",
    "assemble",
    "check_fits",
    "images_for",
    "load_encoder",
    "normalisation",
    "one_view",
    "save_encoder",
    "specify",
    "training_images",
]

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
    loaded: dict[str, Any] | None = None,
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
        below 16 pixels. Methods that need one view (DIET, supervised) take the recipe's first.
    method_options, encoder_options, policy_options : dict, optional
        Options of the three, plain values.
    loaded : dict, optional
        The arguments of :func:`ssl_lib.data.load` that gave ``data``, with whole paths:
        :func:`training_images` then finds the images again.
    training : TrainingConfig, optional
        How to train.

    Returns
    -------
    RunSpec

    Raises
    ------
    InputError
        For an unknown name or option (the parts are built once to see that they can be), a method
        that needs labels where there are none, or a channel without any variation.

    Examples
    --------
    >>> from ssl_lib import data
    >>> spec = specify(method="dissl", data=data.load("digits"), encoder="mlp")
    >>> spec.policy, spec.n_data
    ('digits', 1297)
    """
    if method_class(method).uses_labels:
        data.labels_for(f"the method {method!r}")
    channels, height, width = data.shape
    if height != width:
        raise InputError(f"images must be square, got {height} x {width}: load them with a size.")
    if policy is None:
        small = height < _SMALLEST_NATURAL
        policy = "digits" if small else POLICY_OF.get(method, "simclr")
    mean, std = channel_statistics(data)
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
        loaded=loaded or {},
        fingerprint=data.fingerprint,
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
    >>> method.name, len(policy.recipes)
    ('vicreg', 2)
    """
    seed, encoder = spec.training.seed, _encoder(spec)
    with _options("method", spec.method, spec.method_options, method_options(spec.method)):
        method = build_method(
            spec.method,
            encoder,
            n_data=spec.n_data,
            n_classes=spec.n_classes,
            seed=seed,
            **spec.method_options,
        )
    with _options("policy", spec.policy, spec.policy_options, _policy_options(spec.policy)):
        views = policy_by_name(spec.policy, size=spec.image_size, **spec.policy_options)
    views = one_view(views) if method.min_views == 1 else views
    return method, views.then(Normalise(mean=spec.mean, std=spec.std))


def _encoder(spec: RunSpec) -> nn.Module:
    with _options("encoder", spec.encoder, spec.encoder_options):
        return build_encoder(
            spec.encoder,
            in_channels=spec.in_channels,
            image_size=spec.image_size,
            seed=spec.training.seed,
            **spec.encoder_options,
        )


def one_view(policy: Policy) -> Policy:
    """Return a policy that makes the first view only, for methods that compare no views.

    Examples
    --------
    >>> len(one_view(policy_by_name("simclr", size=32)).recipes)
    1
    """
    return replace(policy, recipes=policy.recipes[:1], n_global=1)


# What the run itself decides.
_TAKEN = ("in_channels", "image_size", "n_data", "n_classes", "seed", "size")


@contextmanager
def _options(
    kind: str, name: str, options: dict[str, Any], known: tuple[str, ...] | None = None
) -> Iterator[None]:
    """Turn what is wrong with a part's options into an error that names part and option."""
    for option in options:
        if option in _TAKEN:
            raise InputError(f"{option!r} is not an option of the {kind}: the run sets it.")
        if known is not None and option not in known:
            free = [entry for entry in known if entry not in _TAKEN]
            raise InputError(f"{kind} {name} has no option {option!r}.{closest(option, free)}")
    try:
        yield
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError) or not options:
            raise
        given = ", ".join(f"{key}={value!r}" for key, value in options.items())
        raise InputError(f"{kind} {name} cannot be built with {given}: {error}.") from error


def _policy_options(name: str) -> tuple[str, ...] | None:
    if name not in POLICIES:
        return None
    return tuple(inspect.signature(POLICIES[name]).parameters)


def images_for(spec: RunSpec, name_or_path: str, *, split: str | None = None) -> ImageData:
    """Load images as an encoder takes them: of its size and number of channels.

    Parameters
    ----------
    spec : RunSpec
        Of the encoder.
    name_or_path : str
        See :func:`ssl_lib.data.load`.
    split : str, optional
        Likewise.

    Returns
    -------
    ImageData

    Raises
    ------
    InputError
        When the images cannot be loaded so.

    Examples
    --------
    >>> from ssl_lib import data
    >>> spec = specify(method="simclr", data=data.load("shapes", n=100, size=16), encoder="mlp")
    >>> images_for(spec, "shapes", split="test").shape
    (3, 16, 16)
    """
    channels: dict[str, Any] = {} if name_or_path in NAMES else {"channels": spec.in_channels}
    images = load(name_or_path, split=split, size=spec.image_size, **channels)
    check_fits(spec, images)
    return images


def training_images(spec: RunSpec) -> ImageData:
    """Load the images that a run was trained on, and see that they are the same.

    Parameters
    ----------
    spec : RunSpec
        With ``loaded`` and ``fingerprint``.

    Returns
    -------
    ImageData

    Raises
    ------
    InputError
        When the run does not say where they are, or what is there now is not what was.

    Examples
    --------
    >>> from ssl_lib import data
    >>> spec = specify(method="simclr", data=data.load("digits"), encoder="mlp",
    ...                loaded={"name_or_path": "digits"})
    >>> training_images(spec).name
    'digits/train'
    """
    if not spec.loaded or not spec.fingerprint:
        raise InputError(
            f"the run does not record where its images ({spec.data}) are: name them, "
            "with --data on the command line."
        )
    where = spec.loaded["name_or_path"]
    try:
        images = load(**spec.loaded)
    except InputError as error:
        raise InputError(
            f"the images that the run was trained on cannot be loaded from {where}: {error}"
        ) from error
    if images.fingerprint != spec.fingerprint:
        raise InputError(
            f"{where} no longer holds the images that the run was trained on: name the images, "
            "with --data on the command line."
        )
    return images


def check_fits(spec: RunSpec, data: ImageData) -> None:
    """Refuse images of another shape than those that an encoder was trained on.

    Parameters
    ----------
    spec : RunSpec
        Of the encoder.
    data : ImageData
        The images that it is to encode.

    Raises
    ------
    InputError
        When channels or size differ.

    Examples
    --------
    >>> from ssl_lib import data
    >>> spec = specify(method="simclr", data=data.load("digits"), encoder="mlp")
    >>> check_fits(spec, data.load("shapes", n=10, size=8))
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: the encoder takes images of 1 x 8 x 8, shapes/train has 3 x 8 x 8.
    """
    takes = (spec.in_channels, spec.image_size, spec.image_size)
    if data.shape != takes:
        wanted, found = (" x ".join(map(str, shape)) for shape in (takes, data.shape))
        raise InputError(f"the encoder takes images of {wanted}, {data.name} has {found}.")


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
    method_class(checkpoint.spec.method)  # refuses a damaged name
    encoder = _encoder(checkpoint.spec)
    restore(encoder, _weights(checkpoint.model), what=str(path))
    return encoder.eval(), checkpoint.spec


def save_encoder(run: str | Path, path: str | Path | None = None) -> Path:
    """Write the encoder of a checkpoint alone: no heads, no rows of DIET's images, no optimiser.

    Parameters
    ----------
    run : str or pathlib.Path
        A checkpoint, or the folder of a run.
    path : str or pathlib.Path, optional
        The file; by default ``encoder.safetensors`` beside the checkpoint.
        :func:`load_encoder` reads it.

    Returns
    -------
    pathlib.Path
        The file.
    """
    whole = load_checkpoint(run)
    beside = Path(run) if Path(run).is_dir() else Path(run).parent
    file = Path(path) if path is not None else beside / "encoder.safetensors"
    weights = {f"{_PREFIX}{name}": value for name, value in _weights(whole.model).items()}
    save_checkpoint(file, replace(whole, model=weights, optimiser={}))
    return file


_PREFIX = "encoder."


def _weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(_PREFIX): value
        for name, value in state.items()
        if name.startswith(_PREFIX)
    }
