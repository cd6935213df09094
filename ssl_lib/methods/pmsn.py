"""PMSN (Assran et al. 2023): MSN with a chosen prior on prototype usage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from ssl_lib.errors import InputError, closest
from ssl_lib.methods.msn import MSN, anchor_terms, msn_targets
from ssl_lib.methods.precision import full_precision
from ssl_lib.methods.prior import (
    ALIGNMENTS,
    Prior,
    checked_prior,
    power_law_prior,
    prior_divergence,
)


@full_precision
def pmsn_loss(
    anchors: Sequence[Tensor],
    target: Tensor,
    prototypes: Tensor,
    *,
    prior: Prior,
    temperature: float = 0.1,
    sharpening: float = 0.25,
    sinkhorn_iterations: int = 0,
    weight: float = 1.0,
    alignment: str = "index",
) -> Tensor:
    r"""Return the PMSN loss.

    .. math:: L = \frac{1}{A N} \sum_{a, i} H(q_i, p_{a, i})
       + \lambda\, \mathrm{KL}(\bar p \,\|\, \pi)

    "The hidden uniform cluster prior in self-supervised learning", equation 9. A uniform prior
    gives :func:`~ssl_lib.methods.msn.msn_loss` back.

    Parameters
    ----------
    anchors, target, prototypes, temperature, sharpening, weight
        See :func:`~ssl_lib.methods.msn.msn_loss`.
    prior : array-like of shape (K,), or callable
        Positive masses, or a function of K that returns them, such as
        :func:`~ssl_lib.methods.prior.power_law_prior`.
    sinkhorn_iterations : int
        Iterations of Sinkhorn on the targets, with the prior as its marginals; none by default. (A
        uniform Sinkhorn pulls against the prior and wins.)
    alignment : {"index", "rank"}
        See :func:`~ssl_lib.methods.prior.align_prior`.

    Returns
    -------
    torch.Tensor
        0-d loss in nats.

    Examples
    --------
    >>> import torch
    >>> from ssl_lib.methods.prior import uniform_prior
    >>> z = torch.eye(16)
    >>> pmsn_loss([z], z, z, prior=uniform_prior(16))
    tensor(0.0007)
    >>> pmsn_loss([z], z, z, prior=power_law_prior(16, exponent=1.0))
    tensor(0.3632)
    """
    shares = checked_prior(prior, len(prototypes))
    q = msn_targets(
        target,
        prototypes,
        temperature=temperature,
        sharpening=sharpening,
        sinkhorn_iterations=sinkhorn_iterations,
        prior=shares,
        alignment=alignment,
    )
    cross_entropy, mean = anchor_terms(anchors, q, prototypes, temperature=temperature)
    return cross_entropy + weight * prior_divergence(mean, shares, alignment=alignment)


class PMSN(MSN):
    """PMSN: :class:`~ssl_lib.methods.msn.MSN` with :func:`pmsn_loss`.

    Parameters
    ----------
    encoder : torch.nn.Module
        With attribute `out_dim`.
    exponent : float
        Of the power-law prior; ignored when `prior` is given.
    prior : array-like of shape (K,), or callable, optional
        Any positive masses, such as the sizes of classes, or a function of K that returns them.
    alignment : {"index", "rank"}
        See :func:`~ssl_lib.methods.prior.align_prior`.
    sinkhorn_iterations : int
        See :func:`pmsn_loss`.
    n_prototypes : int
        K.
    **options
        The other options of :class:`~ssl_lib.methods.msn.MSN`.

    Examples
    --------
    >>> from ssl_lib.models import MLP
    >>> PMSN(MLP(64, 16), head=(32, 8), n_prototypes=4, exponent=0.5).prior
    tensor([0.3591, 0.2539, 0.2073, 0.1796])
    >>> PMSN(MLP(64, 16), head=(32, 8), n_prototypes=3, prior=lambda k: range(k, 0, -1)).prior
    tensor([0.5000, 0.3333, 0.1667])
    """

    name = "pmsn"
    sweepable = (*MSN.sweepable, "shares")

    def __init__(
        self,
        encoder: nn.Module,
        *,
        exponent: float = 0.25,
        prior: Prior | None = None,
        alignment: str = "index",
        sinkhorn_iterations: int = 0,
        n_prototypes: int = 1024,
        **options: Any,
    ) -> None:
        if alignment not in ALIGNMENTS:
            raise InputError(f"unknown alignment {alignment!r}.{closest(alignment, ALIGNMENTS)}")
        super().__init__(
            encoder,
            n_prototypes=n_prototypes,
            sinkhorn_iterations=sinkhorn_iterations,
            **options,
        )
        self.alignment = alignment
        masses = power_law_prior(n_prototypes, exponent=exponent) if prior is None else prior
        self.prior = checked_prior(masses, n_prototypes).float()
        # Plain numbers, so that a run is not continued with another prior.
        self.shares = tuple(self.prior.tolist())
