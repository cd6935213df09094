"""Sinkhorn-Knopp: soft assignments of a batch with prescribed prototype usage."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_lib.errors import InputError
from ssl_lib.methods.precision import full_precision


@full_precision
@torch.no_grad()
def sinkhorn(
    scores: Tensor,
    *,
    epsilon: float = 0.05,
    iterations: int = 3,
    marginals: Tensor | None = None,
) -> Tensor:
    r"""Return the codes Q of a batch by alternating normalisation of exp(scores / epsilon).

    Each iteration scales the prototypes to their `marginals` and then every sample to sum 1, so
    samples are exact and prototypes approximate. SwAV (Caron et al. 2020), section 3.1.

    Parameters
    ----------
    scores : torch.Tensor
        (n, K) inner products of embeddings and prototypes.
    epsilon : float
        Smoothness; the kernel is exp(scores / epsilon).
    iterations : int
        At least 1; 3 in SwAV and MSN.
    marginals : torch.Tensor, optional
        (K,) wanted share of each prototype, summing to 1; uniform by default.

    Returns
    -------
    torch.Tensor
        (n, K) codes whose rows sum to 1. No gradient flows through them.

    Raises
    ------
    InputError
        When the scores are no matrix, or an option is not positive.

    Examples
    --------
    >>> codes = sinkhorn(torch.tensor([[1.0, 0.9], [0.5, 0.0]]), epsilon=1.0, iterations=50)
    >>> codes.sum(1), codes.sum(0)
    (tensor([1., 1.]), tensor([1., 1.]))
    """
    if scores.ndim != 2 or not len(scores) or iterations < 1 or not epsilon > 0:
        raise InputError(
            "sinkhorn needs scores of shape (n, K), iterations >= 1 and epsilon > 0; got "
            f"{tuple(scores.shape)}, {iterations}, {epsilon}"
        )
    # One constant for all scores changes nothing and keeps exp() from overflowing.
    log_q = (scores - scores.max()) / epsilon
    target = -torch.full_like(scores[0], scores.shape[1]).log()
    if marginals is not None:
        if marginals.shape != target.shape:
            raise InputError(
                f"marginals need one share for each of {len(target)} prototypes, got "
                f"{tuple(marginals.shape)}"
            )
        target = marginals.to(scores).log()
    for _ in range(iterations):
        log_q = log_q - log_q.logsumexp(0, keepdim=True) + target
        log_q = log_q - log_q.logsumexp(1, keepdim=True)
    return log_q.exp()
