"""VICReg (Bardes et al. 2022): invariance, variance and covariance of the embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
from ssl_lib.models.heads import projection_head
from ssl_lib.models.seeding import seeded


class VICRegTerms(NamedTuple):
    """The three unweighted terms of :func:`vicreg_loss`, each 0-d.

    Attributes
    ----------
    invariance, variance, covariance : torch.Tensor
        s, v and c.

    Examples
    --------
    >>> vicreg_terms(torch.zeros(4, 2), torch.ones(4, 2)).invariance
    tensor(1.)
    """

    invariance: Tensor
    variance: Tensor
    covariance: Tensor


@full_precision
def vicreg_terms(z1: Tensor, z2: Tensor, *, eps: float = 1e-4) -> VICRegTerms:
    """Return invariance, variance and covariance of :func:`vicreg_loss`.

    Parameters
    ----------
    z1, z2 : torch.Tensor
        (n, d) embeddings of two views.
    eps : float
        Added to each variance before the root.

    Returns
    -------
    VICRegTerms

    Examples
    --------
    >>> vicreg_terms(torch.zeros(4, 2), torch.zeros(4, 2)).variance
    tensor(0.9900)
    """
    check_pair(z1, z2)
    return VICRegTerms(
        invariance=F.mse_loss(z1, z2),
        variance=(variance_hinge(z1, eps=eps) + variance_hinge(z2, eps=eps)) / 2,
        covariance=off_diagonal_covariance(z1) + off_diagonal_covariance(z2),
    )


def variance_hinge(z: Tensor, *, eps: float = 1e-4) -> Tensor:
    """Return the mean over coordinates of max(0, 1 - sqrt(Var + eps)), unbiased variance.

    Parameters
    ----------
    z : torch.Tensor
        (n, d) embeddings of one view.
    eps : float
        Added to each variance.

    Examples
    --------
    >>> variance_hinge(torch.tensor([[0.0, -1.0], [0.0, 1.0]]))
    tensor(0.4950)
    """
    return F.relu(1 - (z.var(0) + eps).sqrt()).mean()


def off_diagonal_covariance(z: Tensor) -> Tensor:
    """Return the sum of squared off-diagonal covariances (unbiased), divided by d.

    Examples
    --------
    >>> off_diagonal_covariance(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))
    tensor(4.)
    """
    n, d = z.shape
    centred = z - z.mean(0)
    covariance = centred.T @ centred / (n - 1)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / d


@full_precision
def vicreg_loss(
    z1: Tensor,
    z2: Tensor,
    *,
    invariance: float = 25.0,
    variance: float = 25.0,
    covariance: float = 1.0,
    eps: float = 1e-4,
) -> Tensor:
    r"""Return the VICReg loss of two views.

    .. math:: L = \lambda\, \frac{\|Z - Z'\|_F^2}{N D}
       + \mu\, \frac{1}{2D} \sum_{\text{views}} \sum_j
       \big(1 - \sqrt{\mathrm{Var}(z_j) + \epsilon}\big)_+
       + \nu\, \frac1D \sum_{\text{views}} \sum_{i \neq j} C_{ij}^2

    Equations 1 to 6 of the paper with the factors of the authors' code: the squared distance is a
    mean over coordinates too, the hinge is averaged over the two views and the covariance summed.

    Parameters
    ----------
    z1, z2 : torch.Tensor
        (n, d) embeddings of the two views, n at least 2.
    invariance, variance, covariance : float
        Weights :math:`\lambda`, :math:`\mu`, :math:`\nu`.
    eps : float
        Added to the variance under the root.

    Returns
    -------
    torch.Tensor
        0-d loss.

    Notes
    -----
    Collapse: 24.75 = 25 (1 - sqrt(eps)) at the default weights. Identical whitened views: 0. The
    covariance of n standard normal samples is 2 (d - 1)/(n - 1) on average, not 0.

    Examples
    --------
    >>> vicreg_loss(torch.ones(8, 4), torch.ones(8, 4))
    tensor(24.7500)
    """
    terms = vicreg_terms(z1, z2, eps=eps)
    return invariance * terms[0] + variance * terms[1] + covariance * terms[2]


class VICReg(Method):
    """VICReg: expander and :func:`vicreg_loss`, averaged over pairs of views.

    Parameters
    ----------
    encoder : torch.nn.Module
        With attribute `out_dim`.
    head : sequence of int
        Widths of the expander; (8192, 8192, 8192) on ImageNet.
    head_norm : {"batch", "layer", "none"}
        Normalisation of the hidden layers.
    invariance, variance, covariance : float
        Weights of the terms. Small networks do not meet the hinge at 25, 25, 1: lower the first.
    concatenate_views : bool
        See :class:`~ssl_lib.methods.base.Method`.
    seed : int or torch.Generator
        Draws the expander's weights.

    Examples
    --------
    >>> from ssl_lib.models import MLP
    >>> method = VICReg(MLP(64, 16), head=(16, 32))
    >>> views = (torch.rand(4, 1, 8, 8), torch.rand(4, 1, 8, 8))
    >>> sorted(method(ViewBatch(views=views)).logs)
    ['covariance', 'embedding_std', 'feature_std', 'invariance', 'variance']
    """

    name = "vicreg"
    sweepable = ("weights",)

    def __init__(
        self,
        encoder: nn.Module,
        *,
        head: Sequence[int] = (2048, 2048, 2048),
        head_norm: str = "batch",
        invariance: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
        concatenate_views: bool = False,
        seed: int | torch.Generator = 0,
    ) -> None:
        super().__init__(encoder, concatenate_views=concatenate_views)
        self.weights = (invariance, variance, covariance)
        with seeded(seed, "head"):
            self.head = projection_head(self.encoder_dim, head, norm=head_norm, final_bias=False)

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return the loss of the global batch, averaged over pairs of views."""
        z = [gather(z) for z in self.map_views(self.head, features)]
        return mean_over_pairs(self._pair, z)

    def _pair(self, z1: Tensor, z2: Tensor) -> tuple[Tensor, Logs]:
        terms = vicreg_terms(z1, z2)
        invariance, variance, covariance = self.weights
        loss = invariance * terms[0] + variance * terms[1] + covariance * terms[2]
        return loss, {"embedding_std": embedding_std(z1), **terms._asdict()}
