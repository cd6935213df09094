"""VICReg as a bound on mutual information, with other entropy estimators."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.errors import InputError, closest
from ssl_lib.methods.base import (
    Logs,
    Method,
    ViewBatch,
    check_pair,
    embedding_std,
    mean_over_pairs,
)
from ssl_lib.methods.entropy import ESTIMATORS, batch_entropy
from ssl_lib.methods.gather import gather
from ssl_lib.methods.precision import full_precision
from ssl_lib.models.heads import projection_head
from ssl_lib.models.seeding import seeded


@full_precision
def vicreg_info_loss(
    z1: Tensor,
    z2: Tensor,
    *,
    estimator: str = "logdet",
    scale: float = 1e-3,
    invariance: float = 1.0,
    entropy: float = 1.0,
    normalise: bool = False,
) -> Tensor:
    r"""Return minus a lower bound on the mutual information of the views, up to a constant.

    .. math:: L = \frac{\alpha}{2N} \sum_n \|z_n - z'_n\|^2
       - \frac{\gamma}{2} \big( \hat H(Z) + \hat H(Z') \big)

    Shwartz-Ziv et al. (2023), section 4: VICReg's invariance in nats, and an entropy estimate where
    VICReg has its variance and covariance terms.

    Parameters
    ----------
    z1, z2 : torch.Tensor
        (n, d) embeddings of the two views, n at least 2.
    estimator : {"logdet", "pairwise_kl", "pairwise_bhattacharyya"}
        See :func:`~ssl_lib.methods.entropy.batch_entropy`.
    scale : float
        Ridge of "logdet", component variance of the others.
    invariance, entropy : float
        Weights :math:`\alpha` and :math:`\gamma`; 1 and 1 are the bound.
    normalise : bool
        Whether the embeddings are first put on the unit sphere; advisable for the pairwise
        estimators, which saturate at log n.

    Returns
    -------
    torch.Tensor
        0-d, nats.

    Examples
    --------
    >>> round(vicreg_info_loss(torch.zeros(8, 2), torch.zeros(8, 2), scale=1e-2).item(), 4)
    4.6052
    """
    distance, mean_entropy = _terms(z1, z2, estimator, scale, normalise)
    return invariance * distance - entropy * mean_entropy


def _terms(
    z1: Tensor, z2: Tensor, estimator: str, scale: float, normalise: bool
) -> tuple[Tensor, Tensor]:
    """Return half the mean squared distance, and the mean entropy of the two views."""
    check_pair(z1, z2)
    if normalise:
        z1, z2 = F.normalize(z1, dim=-1), F.normalize(z2, dim=-1)
    entropies = [batch_entropy(z, estimator=estimator, scale=scale) for z in (z1, z2)]
    return (z1 - z2).square().sum(1).mean() / 2, (entropies[0] + entropies[1]) / 2


class VICRegInfo(Method):
    """VICReg with another entropy estimator: head and :func:`vicreg_info_loss`.

    Parameters
    ----------
    encoder : torch.nn.Module
        With attribute `out_dim`.
    head : sequence of int
        Widths of the expander.
    head_norm : {"batch", "layer", "none"}
        Normalisation of the hidden layers.
    estimator, scale, invariance, entropy, normalise
        See :func:`vicreg_info_loss`. By default `scale` is 1e-3 for "logdet" on raw embeddings
        and 0.1 for the pairwise estimators on the unit sphere.
    concatenate_views : bool
        See :class:`~ssl_lib.methods.base.Method`.
    seed : int or torch.Generator
        Draws the expander's weights.

    Examples
    --------
    >>> from ssl_lib.models import MLP
    >>> method = VICRegInfo(MLP(64, 16), head=(16, 32), estimator="pairwise_kl", invariance=5.0)
    >>> method.scale, method.normalise
    (0.1, True)
    """

    name = "vicreg_info"

    def __init__(
        self,
        encoder: nn.Module,
        *,
        head: Sequence[int] = (2048, 2048, 2048),
        head_norm: str = "batch",
        estimator: str = "logdet",
        scale: float | None = None,
        invariance: float = 1.0,
        entropy: float = 1.0,
        normalise: bool | None = None,
        concatenate_views: bool = False,
        seed: int | torch.Generator = 0,
    ) -> None:
        super().__init__(encoder, concatenate_views=concatenate_views)
        if estimator not in ESTIMATORS:
            raise InputError(f"unknown estimator {estimator!r}.{closest(estimator, ESTIMATORS)}")
        pairwise = estimator != "logdet"
        self.estimator = estimator
        self.scale = (0.1 if pairwise else 1e-3) if scale is None else scale
        self.normalise = pairwise if normalise is None else normalise
        self.weights = (invariance, entropy)
        with seeded(seed, "head"):
            self.head = projection_head(self.encoder_dim, head, norm=head_norm, final_bias=False)

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return the loss of the global batch, averaged over pairs of views."""
        z = [gather(z) for z in self.map_views(self.head, features)]
        return mean_over_pairs(self._pair, z)

    def _pair(self, z1: Tensor, z2: Tensor) -> tuple[Tensor, Logs]:
        terms = full_precision(_terms)
        distance, entropy = terms(z1, z2, self.estimator, self.scale, self.normalise)
        loss = self.weights[0] * distance - self.weights[1] * entropy
        logs = {"invariance": distance, "entropy": entropy}
        return loss, {"embedding_std": embedding_std(z1), **logs}
