"""Multi-layer perceptron on flattened images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from ssl_lib.models.heads import linear_layers


class MLP(nn.Module):
    """Multi-layer perceptron: image (n, c, h, w) or vector (n, d) to (n, `out_dim`).

    Parameters
    ----------
    in_features : int
        Numbers in one input.
    out_dim : int
        Features of the output.
    hidden : sequence of int
        Widths of the hidden layers.
    norm : {"batch", "layer", "none"}
        Normalisation after each layer.
    activation : {"relu", "gelu"}
        Non-linearity after each layer. "gelu" is that of the cluster-prior experiments on digits;
        those of ISSL and of the table of all methods take "relu".
    final_norm, final_activation : bool
        Whether they also follow the last layer; both do in the digits experiments.

    Examples
    --------
    >>> import torch
    >>> MLP(64, 32, hidden=(128,))(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 32])
    """

    def __init__(
        self,
        in_features: int,
        out_dim: int = 64,
        *,
        hidden: Sequence[int] = (128,),
        norm: str = "batch",
        activation: str = "gelu",
        final_norm: bool = True,
        final_activation: bool = True,
    ) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.layers = linear_layers(
            in_features,
            (*hidden, out_dim),
            norm=norm,
            activation=activation,
            final_norm=final_norm,
            final_activation=final_activation,
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the features (n, `out_dim`) of `images` (n, ...)."""
        return cast(Tensor, self.layers(images.flatten(1)))
