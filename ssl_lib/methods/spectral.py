"""Spectral contrastive learning (HaoChen et al. 2021)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ssl_lib.errors import InputError
from ssl_lib.methods.base import (
    Logs,
    Method,
    ViewBatch,
    check_pair,
    embedding_std,
    mean_over_pairs,
)
from ssl_lib.methods.gather import gather
from ssl_lib.methods.precision import full_precision
from ssl_lib.methods.simclr import cosine_logs
from ssl_lib.models.heads import projection_head
from ssl_lib.models.seeding import seeded


@full_precision
def spectral_loss(z1: Tensor, z2: Tensor, *, mu: float = 1.0) -> Tensor:
    r"""Return the spectral contrastive loss of two views.

    .. math:: L = \frac1\mu \Big[ -\frac2N \sum_i z_i^\top z'_i
       + \frac{1}{N(N-1)} \sum_{i \neq j} (z_i^\top z'_j)^2 \Big]

    Embeddings longer than :math:`\sqrt\mu` are first scaled down to that length; shorter ones are
    untouched. Only products across the two views count.

    Parameters
    ----------
    z1, z2 : torch.Tensor
        (n, d) embeddings of the two views, n at least 2.
    mu : float
        Squared largest length; 1 on CIFAR, 10 on ImageNet.

    Returns
    -------
    torch.Tensor
        0-d loss.

    Notes
    -----
    At mu = 1 and unit norm: collapse -1; orthonormal -2; K balanced orthonormal clusters
    -2 + (n/K - 1)/(n - 1). In expectation it is the factorisation :math:`\|A - F F^\top\|_F^2` of
    the augmentation graph, up to a constant.

    Examples
    --------
    >>> spectral_loss(torch.eye(8), torch.eye(8)), spectral_loss(torch.ones(8, 4), torch.ones(8, 4))
    (tensor(-2.), tensor(-1.))
    """
    check_pair(z1, z2)
    n = len(z1)
    products = shorten(z1, mu=mu) @ shorten(z2, mu=mu).T
    positive = products.diagonal()
    negative = products.square().sum() - positive.square().sum()
    return (negative / (n * (n - 1)) - 2 * positive.mean()) / mu


def shorten(z: Tensor, *, mu: float) -> Tensor:
    """Scale the rows of `z` (n, d) that are longer than sqrt(`mu`) down to that length.

    Examples
    --------
    >>> shorten(torch.tensor([[3.0, 4.0], [0.3, 0.4]]), mu=1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    length: Tensor = torch.linalg.vector_norm(z, dim=-1, keepdim=True)
    radius = math.sqrt(mu)
    return z * (radius / length.clamp_min(radius))


class Spectral(Method):
    """Spectral contrastive learning: head and :func:`spectral_loss`, averaged over pairs of views.

    Parameters
    ----------
    encoder : torch.nn.Module
        With attribute `out_dim`.
    head : sequence of int
        Widths of the projection head; (2048, 1000) on CIFAR, (8192, 8192, 8192) on ImageNet.
    head_norm : {"batch", "layer", "none"}
        Normalisation of every layer of the head.
    mu : float
        See :func:`spectral_loss`.
    concatenate_views : bool
        See :class:`~ssl_lib.methods.base.Method`.
    seed : int or torch.Generator
        Draws the head's weights.

    Examples
    --------
    >>> from ssl_lib.models import MLP
    >>> method = Spectral(MLP(64, 16), head=(16, 8))
    >>> views = (torch.rand(4, 1, 8, 8), torch.rand(4, 1, 8, 8))
    >>> method(ViewBatch(views=views)).loss.shape
    torch.Size([])
    """

    name = "spectral"

    def __init__(
        self,
        encoder: nn.Module,
        *,
        head: Sequence[int] = (2048, 1000),
        head_norm: str = "batch",
        mu: float = 1.0,
        concatenate_views: bool = False,
        seed: int | torch.Generator = 0,
    ) -> None:
        super().__init__(encoder, concatenate_views=concatenate_views)
        if mu <= 0:
            raise InputError(f"mu={mu} must be positive")
        self.mu = mu
        with seeded(seed, "head"):
            self.head = projection_head(self.encoder_dim, head, norm=head_norm, final_norm=True)

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return the loss of the global batch, averaged over pairs of views."""
        z = [gather(z) for z in self.map_views(self.head, features)]
        return mean_over_pairs(self._pair, z)

    def _pair(self, z1: Tensor, z2: Tensor) -> tuple[Tensor, Logs]:
        logs = {"embedding_std": embedding_std(z1), **cosine_logs(z1, z2)}
        return spectral_loss(z1, z2, mu=self.mu), logs
