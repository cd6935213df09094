"""Raise the dimension of a convolutional encoder at a nearly constant number of parameters."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.errors import InputError


class Expansion(nn.Module):
    """Bottleneck block between the last stage and the pooling, with a tiled shortcut.

    1x1 convolution to `hidden` channels, 3x3, 1x1 to `out_channels`, BN after each and ReLU
    between; the input, repeated along the channels, is added before the last ReLU. Dubois et al.
    (2022), "Improving self-supervised learning by characterizing idealized representations", claim
    that a higher dimension helps linear probes (their code inserts this block).

    Parameters
    ----------
    in_channels : int
        c: 512 for ResNet-18, 2,048 for ResNet-50.
    out_channels : int
        d. At or above c it must be a multiple of c; below c there is no shortcut.
    hidden : int
        Channels inside the block.

    Notes
    -----
    For c = hidden = 512 the block has 2,623,488 + 514 d parameters.

    Examples
    --------
    >>> sum(p.numel() for p in Expansion(512, 2048).parameters()) - 514 * 2048
    2623488
    """

    def __init__(self, in_channels: int, out_channels: int, *, hidden: int = 512) -> None:
        super().__init__()
        if out_channels < 1 or (out_channels > in_channels and out_channels % in_channels):
            raise InputError(
                f"out_dim={out_channels} must be a multiple of {in_channels}, the channels of the "
                "last stage (the shortcut repeats them), or smaller than that"
            )
        self.repeats = out_channels // in_channels
        self.first = nn.Conv2d(in_channels, hidden, 1, bias=False)
        self.body = nn.Sequential(
            nn.BatchNorm2d(hidden),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, 3, padding=1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, out_channels, 1, bias=False),
        )
        self.last_norm = nn.BatchNorm2d(out_channels)
        self._initialise(hidden)

    def _initialise(self, hidden: int) -> None:
        # Johnson-Lindenstrauss scaling: the first map keeps lengths whatever the input's width.
        nn.init.normal_(self.first.weight, std=hidden**-0.5)
        for layer in self.body:
            if isinstance(layer, nn.Conv2d):
                fan_in = layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
                nn.init.trunc_normal_(layer.weight, std=fan_in**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, h, w) to (n, d, h, w), all non-negative."""
        y: Tensor = self.last_norm(self.body(self.first(x)))
        if self.repeats:
            y = y + x.repeat(1, self.repeats, 1, 1)
        return F.relu(y)
