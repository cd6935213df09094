"""Projection heads and the small layers that heads and encoders share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.errors import InputError, closest

Norm = Literal["batch", "layer", "none"]
Activation = Literal["relu", "gelu"]

_NORMS: dict[str, type[nn.Module]] = {
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
    "none": nn.Identity,
}
_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU}


def norm_layer(name: str, width: int) -> nn.Module:
    """Return the normalisation layer `name` for vectors of `width` features.

    Examples
    --------
    >>> norm_layer("layer", 4).normalized_shape
    (4,)
    """
    if name not in _NORMS:
        raise InputError(f"unknown norm {name!r}.{closest(name, list(_NORMS))}")
    return _NORMS[name](width)


def activation_layer(name: str) -> nn.Module:
    """Return the activation layer `name`.

    Examples
    --------
    >>> activation_layer("relu")
    ReLU()
    """
    if name not in _ACTIVATIONS:
        raise InputError(f"unknown activation {name!r}.{closest(name, list(_ACTIVATIONS))}")
    return _ACTIVATIONS[name]()


def linear_layers(
    in_dim: int,
    widths: Sequence[int],
    *,
    norm: str = "batch",
    activation: str = "relu",
    final_norm: bool = False,
    final_activation: bool = False,
    final_bias: bool = True,
) -> nn.Sequential:
    """Return linear layers with normalisation and activation between them.

    Parameters
    ----------
    in_dim : int
        Features of the input.
    widths : sequence of int
        Features after each layer; one entry is a linear head, none the identity.
    norm : {"batch", "layer", "none"}
        Normalisation after every hidden layer. The linear layer before it has no bias.
    activation : {"relu", "gelu"}
        Non-linearity after every hidden layer.
    final_norm, final_activation : bool
        Whether they also follow the last layer.
    final_bias : bool
        Whether the last layer has a bias (never when it is followed by a norm).

    Returns
    -------
    torch.nn.Sequential
        Maps (n, `in_dim`) to (n, `widths[-1]`).

    Examples
    --------
    >>> linear_layers(4, (8, 2), norm="none")
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
      (2): Linear(in_features=8, out_features=2, bias=True)
    )
    """
    _check_widths(in_dim, widths)
    layers: list[nn.Module] = []
    for position, width in enumerate(widths):
        last = position == len(widths) - 1
        normed = norm != "none" and (final_norm or not last)
        layers.append(nn.Linear(in_dim, width, bias=not normed and (final_bias or not last)))
        if normed:
            layers.append(norm_layer(norm, width))
        if final_activation or not last:
            layers.append(activation_layer(activation))
        in_dim = width
    return nn.Sequential(*layers)


def _check_widths(in_dim: int, widths: Sequence[int]) -> None:
    if in_dim < 1 or any(width < 1 for width in widths):
        raise InputError(f"layer widths must be positive, got {in_dim} -> {tuple(widths)}")


def projection_head(
    in_dim: int,
    widths: Sequence[int] = (512, 128),
    *,
    norm: str = "batch",
    activation: str = "relu",
    final_norm: bool = False,
    final_bias: bool = True,
) -> nn.Sequential:
    """Return the projection head g of a method: (n, `in_dim`) to (n, `widths[-1]`).

    The norms follow the papers: SimCLR normalises the output too (`final_norm=True`), VICReg and
    Barlow Twins end in a layer without bias (`final_bias=False`), DINO and MSN use
    `activation="gelu"`.

    Parameters
    ----------
    in_dim, widths, norm, activation, final_norm, final_bias
        See :func:`linear_layers`.

    Returns
    -------
    torch.nn.Sequential

    Examples
    --------
    >>> head = projection_head(512, (2048, 2048, 2048), final_bias=False)
    >>> sum(p.numel() for p in head.parameters())
    9445376
    """
    return linear_layers(
        in_dim,
        widths,
        norm=norm,
        activation=activation,
        final_norm=final_norm,
        final_bias=final_bias,
    )


def linear_head(in_dim: int, out_dim: int, *, bias: bool = True) -> nn.Linear:
    """Return a linear head: (n, `in_dim`) to (n, `out_dim`).

    Parameters
    ----------
    in_dim, out_dim : int
        Features of input and output.
    bias : bool
        Whether it has one.

    Examples
    --------
    >>> linear_head(4, 2)
    Linear(in_features=4, out_features=2, bias=True)
    """
    _check_widths(in_dim, (out_dim,))
    return nn.Linear(in_dim, out_dim, bias=bias)


class Prototypes(nn.Module):
    """K prototypes c_k of the unit sphere: scores are inner products with them.

    Parameters
    ----------
    in_dim : int
        Features of an embedding.
    n_prototypes : int
        K.

    Notes
    -----
    The rows are normalised where they are used, so any optimiser may move them. With normalised
    input the scores are cosines. DINO's weight-normalised last layer with gain 1 is this layer.

    Examples
    --------
    >>> layer = Prototypes(2, 3)
    >>> layer(torch.ones(5, 2)).shape
    torch.Size([5, 3])
    """

    weight: Tensor

    def __init__(self, in_dim: int, n_prototypes: int) -> None:
        super().__init__()
        _check_widths(in_dim, (n_prototypes,))
        bound = in_dim**-0.5
        self.weight = nn.Parameter(torch.empty(n_prototypes, in_dim).uniform_(-bound, bound))

    def forward(self, z: Tensor) -> Tensor:
        """Return the scores (n, K) of embeddings `z` (n, d)."""
        return F.linear(z, F.normalize(self.weight, dim=-1))

    def extra_repr(self) -> str:
        """Return the sizes, for ``repr``."""
        return f"in_dim={self.weight.shape[-1]}, n_prototypes={self.weight.shape[-2]}"


class DINOHead(nn.Module):
    """DINO's head: MLP, bottleneck, L2 normalisation, weight-normalised last layer.

    Parameters
    ----------
    in_dim : int
        Features of the encoder.
    widths : sequence of int
        Hidden layers and, last, the bottleneck (2048, 2048, 256 in the paper).
    n_prototypes : int
        K, the number of logits (65,536 in the paper, 2,048 to 4,096 on CIFAR).
    norm, activation : str
        As in :func:`linear_layers`; the paper's default for vision transformers is no norm.

    Examples
    --------
    >>> DINOHead(8, (16, 4), 32)(torch.randn(5, 8)).shape
    torch.Size([5, 32])
    """

    def __init__(
        self,
        in_dim: int,
        widths: Sequence[int],
        n_prototypes: int,
        *,
        norm: str = "none",
        activation: str = "gelu",
    ) -> None:
        super().__init__()
        self.mlp = linear_layers(in_dim, widths, norm=norm, activation=activation)
        self.last = Prototypes(widths[-1], n_prototypes)
        truncated_normal_weights(self.mlp)

    def forward(self, h: Tensor) -> Tensor:
        """Return the logits (n, K) of features `h` (n, d)."""
        return cast(Tensor, self.last(F.normalize(self.mlp(h), dim=-1)))


def truncated_normal_weights(module: nn.Module, *, std: float = 0.02) -> None:
    """Draw the weights of all linear layers from a truncated normal and zero their biases.

    The initialisation of DISSL's, DINO's and MSN's heads: predictions start almost uniform.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.
    std : float
        Standard deviation; draws beyond 2 are drawn again.

    Examples
    --------
    >>> head = linear_head(100, 100)
    >>> truncated_normal_weights(head)
    >>> bool(head.weight.std() < 0.03), bool(head.bias.any())
    (True, False)
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
