"""torchvision's ResNets with a stem for small images and, optionally, a raised dimension."""

from __future__ import annotations

from typing import Any

from torch import nn

from ssl_lib.models.expansion import Expansion

_LARGEST_WITHOUT_POOL = 49
_LARGEST_SMALL = 112


def build_resnet(
    name: str,
    *,
    in_channels: int,
    image_size: int,
    out_dim: int | None = None,
    expansion_hidden: int = 512,
    **options: Any,
) -> nn.Module:
    """Return torchvision's ResNet `name` without its classifier.

    Parameters
    ----------
    name : str
        "resnet18", "resnet34", "resnet50" or another ResNet of torchvision.
    in_channels, image_size : int
        Below 50 pixels the stem is a 3x3 convolution of stride 1 without max-pool (CIFAR); up to
        112 pixels the same convolution with the max-pool (TinyImageNet); above, torchvision's.
    out_dim : int, optional
        When given, an :class:`~ssl_lib.models.expansion.Expansion` block before the pooling gives
        this dimension, also when it equals the plain one (the clean comparison of dimensions).
    expansion_hidden : int
        Hidden channels of that block.
    **options
        Passed to torchvision, such as ``zero_init_residual=True``.

    Returns
    -------
    torch.nn.Module
        With attribute `out_dim`.

    Examples
    --------
    >>> encoder = build_resnet("resnet18", in_channels=3, image_size=64)
    >>> encoder.out_dim, sum(p.numel() for p in encoder.parameters())
    (512, 11168832)
    """
    from ssl_lib.vision import torchvision

    model = torchvision().models.get_model(name, weights=None, **options)
    channels = model.fc.in_features
    model.fc = nn.Identity()
    _replace_stem(model, in_channels, image_size)
    if out_dim is not None:
        expansion = Expansion(channels, out_dim, hidden=expansion_hidden)
        model.layer4 = nn.Sequential(model.layer4, expansion)
    model.out_dim = channels if out_dim is None else out_dim
    return model  # type: ignore[no-any-return]


def _replace_stem(model: Any, in_channels: int, image_size: int) -> None:
    small = image_size <= _LARGEST_SMALL
    if small or in_channels != model.conv1.in_channels:
        width = model.conv1.out_channels
        size, stride, padding = (3, 1, 1) if small else (7, 2, 3)
        model.conv1 = nn.Conv2d(in_channels, width, size, stride, padding, bias=False)
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    if image_size <= _LARGEST_WITHOUT_POOL:
        model.maxpool = nn.Identity()
