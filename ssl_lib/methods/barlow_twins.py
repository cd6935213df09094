"""Barlow Twins (Zbontar et al. 2021): the cross-correlation of two views is the identity."""

from __future__ import annotations

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
from ssl_lib.models.heads import projection_head
from ssl_lib.models.seeding import seeded


@full_precision
def cross_correlation(z1: Tensor, z2: Tensor, *, eps: float = 1e-5) -> Tensor:
    """Return C = n(z1)^T n(z2) / N, with coordinates standardised over the batch.

    The variance is biased and `eps` is added to it, as BatchNorm without affine parameters does.

    Parameters
    ----------
    z1, z2 : torch.Tensor
        (n, d) embeddings of the two views.
    eps : float
        Added to the variances.

    Returns
    -------
    torch.Tensor
        (d, d).

    Examples
    --------
    >>> z = torch.tensor([[1.0, 1.0], [-1.0, -1.0]])
    >>> cross_correlation(z, -z)
    tensor([[-1.0000, -1.0000],
            [-1.0000, -1.0000]])
    """
    check_pair(z1, z2)
    return _standardised(z1, eps).T @ _standardised(z2, eps) / len(z1)


def _standardised(z: Tensor, eps: float) -> Tensor:
    return (z - z.mean(0)) * (z.var(0, correction=0) + eps).rsqrt()


@full_precision
def barlow_twins_loss(
    z1: Tensor, z2: Tensor, *, redundancy: float = 5.1e-3, eps: float = 1e-5
) -> Tensor:
    r"""Return the Barlow Twins loss of two views.

    .. math:: L = \sum_i (C_{ii} - 1)^2 + \lambda \sum_{i \neq j} C_{ij}^2

    with the :func:`cross_correlation` C (equation 1 of the paper): sums, not means.

    Parameters
    ----------
    z1, z2 : torch.Tensor
        (n, d) embeddings of the two views, n at least 2.
    redundancy : float
        :math:`\lambda`; 5.1e-3 at d = 8192, about 1/d at small d.
    eps : float
        Added to the variances.

    Returns
    -------
    torch.Tensor
        0-d loss.

    Notes
    -----
    Collapse (constant z): exactly d. Invariant to affine maps of single coordinates of either view,
    up to eps.

    Examples
    --------
    >>> barlow_twins_loss(torch.ones(8, 4), torch.ones(8, 4))
    tensor(4.)
    """
    on_diagonal, off_diagonal = _terms(cross_correlation(z1, z2, eps=eps))
    return on_diagonal + redundancy * off_diagonal


def _terms(correlation: Tensor) -> tuple[Tensor, Tensor]:
    diagonal = correlation.diagonal()
    off_diagonal = correlation.square().sum() - diagonal.square().sum()
    return (diagonal - 1).square().sum(), off_diagonal


class BarlowTwins(Method):
    """Barlow Twins: head and :func:`barlow_twins_loss`, averaged over pairs of views.

    Parameters
    ----------
    encoder : torch.nn.Module
        With attribute `out_dim`.
    head : sequence of int
        Widths of the projection head; (8192, 8192, 8192) on ImageNet.
    head_norm : {"batch", "layer", "none"}
        Normalisation of the hidden layers.
    redundancy : float
        Weight of the off-diagonal part.
    loss_scale : float
        Factor on the loss (0.1 in solo-learn's CIFAR recipe).
    bias_lr_scale : float
        Factor on the learning rate of biases and norms (0.024 in the authors' ImageNet recipe).
    concatenate_views : bool
        See :class:`~ssl_lib.methods.base.Method`.
    seed : int or torch.Generator
        Draws the head's weights.

    Examples
    --------
    >>> from ssl_lib.models import MLP
    >>> method = BarlowTwins(MLP(64, 16), head=(16, 32))
    >>> views = (torch.rand(4, 1, 8, 8), torch.rand(4, 1, 8, 8))
    >>> sorted(method(ViewBatch(views=views)).logs)
    ['embedding_std', 'feature_std', 'off_diagonal', 'on_diagonal']
    """

    name = "barlow_twins"

    def __init__(
        self,
        encoder: nn.Module,
        *,
        head: Sequence[int] = (2048, 2048, 2048),
        head_norm: str = "batch",
        redundancy: float = 5.1e-3,
        loss_scale: float = 1.0,
        bias_lr_scale: float = 1.0,
        concatenate_views: bool = False,
        seed: int | torch.Generator = 0,
    ) -> None:
        super().__init__(encoder, concatenate_views=concatenate_views)
        if redundancy < 0 or loss_scale <= 0:
            raise InputError(
                "redundancy must not be negative and loss_scale positive, got "
                f"{redundancy} and {loss_scale}"
            )
        self.redundancy, self.loss_scale = redundancy, loss_scale
        self.bias_lr_scale = bias_lr_scale
        with seeded(seed, "head"):
            self.head = projection_head(self.encoder_dim, head, norm=head_norm, final_bias=False)

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return the loss of the global batch, averaged over pairs of views."""
        z = [gather(z) for z in self.map_views(self.head, features)]
        return mean_over_pairs(self._pair, z)

    def _pair(self, z1: Tensor, z2: Tensor) -> tuple[Tensor, Logs]:
        on_diagonal, off_diagonal = _terms(cross_correlation(z1, z2))
        loss = self.loss_scale * (on_diagonal + self.redundancy * off_diagonal)
        logs = {"on_diagonal": on_diagonal, "off_diagonal": off_diagonal}
        return loss, {"embedding_std": embedding_std(z1), **logs}
