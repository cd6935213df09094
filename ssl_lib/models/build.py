"""Encoders by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ssl_lib.errors import InputError, closest
from ssl_lib.models.convnet import ConvNet, ResNet9
from ssl_lib.models.external import build_timm, build_torchvision
from ssl_lib.models.mlp import MLP
from ssl_lib.models.resnet import build_resnet
from ssl_lib.models.seeding import seeded
from ssl_lib.models.vit import ViT

ENCODERS = (
    "mlp",
    "convnet",
    "resnet9",
    "resnet18",
    "resnet34",
    "resnet50",
    "vit_micro",
    "vit_tiny",
    "vit_small",
)

_VIT = {
    "vit_micro": {"dim": 64, "depth": 4, "heads": 4},
    "vit_tiny": {"dim": 192, "depth": 12, "heads": 3},
    "vit_small": {"dim": 384, "depth": 12, "heads": 6},
}


def build_encoder(
    name: str,
    *,
    in_channels: int,
    image_size: int,
    out_dim: int | None = None,
    seed: int | torch.Generator = 0,
    **options: Any,
) -> nn.Module:
    """Return a randomly initialised encoder.

    Parameters
    ----------
    name : str
        One of `ENCODERS`, "torchvision:NAME" or, when timm is installed, "timm:NAME".
    in_channels, image_size : int
        Channels and side of the images in pixels.
    out_dim : int, optional
        Features of the output; None takes the architecture's own. For "mlp" and "convnet" it is the
        width of the last layer, for "vit_*" the width of the tokens, and for ResNets an expansion
        block before the pooling raises (or lowers) the dimension to it.
    seed : int or torch.Generator
        Draws the initial weights; the same seed gives the same bits. The global random state
        stays as it was.
    **options
        Passed to the architecture, e.g. ``hidden=(96, 96), activation="relu"`` for "mlp", whose
        activation is GELU by default; the convolutional networks have ReLU.

    Returns
    -------
    torch.nn.Module
        Maps (n, c, h, w) to (n, `encoder.out_dim`).

    Raises
    ------
    InputError
        For an unknown name or option, sizes that are not positive, or an `out_dim` that the
        architecture cannot give.

    Examples
    --------
    >>> import torch
    >>> encoder = build_encoder("mlp", in_channels=1, image_size=8, seed=0)
    >>> encoder(torch.zeros(2, 1, 8, 8)).shape, encoder.out_dim
    (torch.Size([2, 64]), 64)
    """
    if in_channels < 1 or image_size < 1 or (out_dim is not None and out_dim < 1):
        raise InputError(
            "in_channels, image_size and out_dim must be positive, got "
            f"{in_channels}, {image_size}, {out_dim}"
        )
    builder = _builder(name)
    with seeded(seed, "encoder"):
        return builder(name, in_channels, image_size, out_dim, options)


Builder = Callable[[str, int, int, int | None, dict[str, Any]], nn.Module]


def _builder(name: str) -> Builder:
    if name.startswith(("torchvision:", "timm:")):
        return _external
    if name not in ENCODERS:
        known = [*ENCODERS, "torchvision:NAME", "timm:NAME"]
        raise InputError(f"unknown encoder {name!r}.{closest(name, known)}")
    if name.startswith("vit_"):
        return _vit
    return {"mlp": _mlp, "convnet": _convnet, "resnet9": _resnet9}.get(name, _resnet)


def check_options(name: str, function: Callable[..., Any], options: dict[str, Any]) -> None:
    """Raise InputError when `function` has no keyword-only parameter for one of `options`."""
    parameters = inspect.signature(function).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            raise InputError(f"{name} has no option {option!r}.{closest(option, known)}")


def _given(out_dim: int | None) -> dict[str, Any]:
    return {} if out_dim is None else {"out_dim": out_dim}


def _mlp(name: str, channels: int, size: int, out: int | None, options: dict[str, Any]) -> MLP:
    check_options(name, MLP, options)
    return MLP(channels * size**2, **_given(out), **options)


def _convnet(
    name: str, channels: int, size: int, out: int | None, options: dict[str, Any]
) -> ConvNet:
    check_options(name, ConvNet, options)
    if size < 4:
        raise InputError(f"convnet needs images of at least 4 pixels, got {size}")
    return ConvNet(channels, **_given(out), **options)


def _resnet9(
    name: str, channels: int, size: int, out: int | None, options: dict[str, Any]
) -> ResNet9:
    check_options(name, ResNet9, options)
    if size < 8:
        raise InputError(f"resnet9 needs images of at least 8 pixels, got {size}")
    return ResNet9(channels, out, **options)


def _resnet(
    name: str, channels: int, size: int, out: int | None, options: dict[str, Any]
) -> nn.Module:
    try:
        return build_resnet(name, in_channels=channels, image_size=size, out_dim=out, **options)
    except TypeError as error:
        raise InputError(f"{name}: {error}") from error


def _vit(name: str, channels: int, size: int, out: int | None, options: dict[str, Any]) -> ViT:
    check_options(name, ViT, options)
    settings = {**_VIT[name], **({} if out is None else {"dim": out}), **options}
    return ViT(channels, size, **settings)


def _external(
    name: str, channels: int, size: int, out: int | None, options: dict[str, Any]
) -> nn.Module:
    if out is not None:
        raise InputError(f"encoder {name!r} has its own dimension: leave out_dim at None")
    package, _, model = name.partition(":")
    build = build_torchvision if package == "torchvision" else build_timm
    try:
        return build(model, in_channels=channels, image_size=size, **options)
    except TypeError as error:
        raise InputError(f"{name}: {error}") from error
