"""The small convolutional network for 8x8 digits, and ResNet-9 for 32 and 64 pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from ssl_lib.errors import InputError
from ssl_lib.models.expansion import Expansion


def _convolution(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class ConvNet(nn.Module):
    """Three 3x3 convolutions, 2x2 average pooling, one linear layer; BN and ReLU after each.

    The encoder of the digits experiments with DIET: 16, 32 (stride 2) and 64 channels.

    Parameters
    ----------
    in_channels : int
        Channels of the images; any size of at least 4 pixels will do.
    out_dim : int
        Features of the output.
    widths : sequence of int
        Channels of the convolutions; every one but the first and the last halves the resolution.

    Examples
    --------
    >>> import torch
    >>> ConvNet(1)(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 128])
    """

    def __init__(
        self, in_channels: int, out_dim: int = 128, *, widths: Sequence[int] = (16, 32, 64)
    ) -> None:
        super().__init__()
        if not widths or out_dim < 1:
            raise InputError(f"widths and out_dim must be positive, got {widths}, {out_dim}")
        self.out_dim = out_dim
        channels = (in_channels, *widths)
        strides = [2 if 0 < k < len(widths) - 1 else 1 for k in range(len(widths))]
        self.convolutions = nn.Sequential(
            *(_convolution(channels[k], channels[k + 1], s) for k, s in enumerate(strides))
        )
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.linear = nn.Sequential(
            nn.Linear(4 * widths[-1], out_dim, bias=False),
            nn.BatchNorm1d(out_dim),
            nn.ReLU(inplace=True),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the features (n, `out_dim`) of `images` (n, c, h, w)."""
        return cast(Tensor, self.linear(self.pool(self.convolutions(images)).flatten(1)))


class _Residual(nn.Module):
    """x + two convolutions of x."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _convolution(channels, channels), _convolution(channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, x + self.body(x))


class ResNet9(nn.Module):
    """Eight convolutions in four stages, two of them residual, then average pooling.

    The network of the CIFAR-10 speed records: (w), (2w, pool, residual), (4w, pool), (8w, pool,
    residual), with BN and ReLU after every convolution.

    Parameters
    ----------
    in_channels : int
        Channels of the images, whose size is at least 8 pixels.
    out_dim : int, optional
        When given, an :class:`~ssl_lib.models.expansion.Expansion` block before the pooling raises
        the dimension to it; else the output has 8 `width` features.
    width : int
        w, channels of the first stage.
    expansion_hidden : int
        Hidden channels of the expansion block.

    Examples
    --------
    >>> import torch
    >>> ResNet9(3, width=8)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 64])
    """

    def __init__(
        self,
        in_channels: int,
        out_dim: int | None = None,
        *,
        width: int = 64,
        expansion_hidden: int = 512,
    ) -> None:
        super().__init__()
        w = width
        self.stages = nn.Sequential(
            _convolution(in_channels, w),
            nn.Sequential(_convolution(w, 2 * w), nn.MaxPool2d(2), _Residual(2 * w)),
            nn.Sequential(_convolution(2 * w, 4 * w), nn.MaxPool2d(2)),
            nn.Sequential(_convolution(4 * w, 8 * w), nn.MaxPool2d(2), _Residual(8 * w)),
        )
        self.expansion: nn.Module = nn.Identity()
        if out_dim is not None:
            self.expansion = Expansion(8 * w, out_dim, hidden=expansion_hidden)
        self.out_dim = 8 * w if out_dim is None else out_dim

    def forward(self, images: Tensor) -> Tensor:
        """Return the features (n, `out_dim`) of `images` (n, c, h, w)."""
        return cast(Tensor, self.expansion(self.stages(images)).mean((2, 3)))
