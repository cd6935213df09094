"""Which prior suits features of one's own: prototypes fitted to them under several power laws."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from torch import Tensor

from ssl_lib.arguments import ArrayLike, check_whole
from ssl_lib.errors import InputError
from ssl_lib.evaluation.checks import check_features, check_labels
from ssl_lib.evaluation.clusters import cluster_agreement
from ssl_lib.methods.collapse import distinct_prototypes, merged_usage
from ssl_lib.methods.prior import power_law_prior, prior_divergence
from ssl_lib.papers.cluster_prior.mixtures import kmeans
from ssl_lib.papers.cluster_prior.prototypes import Fitted, fit, means, principal

__all__ = ["compare", "fitted"]


def fitted(
    features: ArrayLike,
    exponent: float,
    *,
    n_prototypes: int = 16,
    dimensions: int = 20,
    seed: int = 0,
) -> Fitted:
    """Fit prototypes to fixed features under a power-law prior, from those of K-means.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        Of any encoder.
    exponent : float
        Of the prior; 0 is uniform.
    n_prototypes : int
    dimensions : int
        Principal components that are kept, at most all.
    seed : int
        Of K-means.

    Returns
    -------
    Fitted

    Raises
    ------
    InputError
        When there are fewer samples than prototypes.

    Examples
    --------
    >>> import torch
    >>> x = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    >>> fitted(x, 0.5, n_prototypes=4).usage.shape
    torch.Size([4])
    """
    x = check_features(features).float()
    k = check_whole("n_prototypes", n_prototypes)
    check_whole("dimensions", dimensions)
    if k > len(x):
        raise InputError(f"n_prototypes must be at most the {len(x)} samples, got {k}.")
    z = principal(x, min(dimensions, *x.shape))
    start = means(z, kmeans(z.double().numpy(), k, 1, seed), k)
    return fit(z, start, power_law_prior(k, exponent=exponent))


def compare(
    features: ArrayLike,
    exponents: Sequence[float] = (0.0, 0.25, 0.5, 1.0),
    *,
    labels: ArrayLike | None = None,
    n_prototypes: int = 16,
    seed: int = 0,
) -> pd.DataFrame:
    """Fit prototypes under several power laws, and say what each makes of the features.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
    exponents : sequence of float
    labels : torch.Tensor of shape (n,), optional
        Classes, where they are known.
    n_prototypes, seed : int
        See :func:`fitted`.

    Returns
    -------
    pandas.DataFrame
        A row an exponent: used, distinct (prototypes), largest (share), divergence (of the mean
        prediction from the prior), merged (the same where copies count once), and with labels
        agreement (adjusted Rand index) and purity.

    Examples
    --------
    >>> import torch
    >>> x = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    >>> list(compare(x, (0.0, 1.0), n_prototypes=4).columns)
    ['exponent', 'used', 'distinct', 'largest', 'divergence', 'merged']
    """
    known = None if labels is None else check_labels(labels, n=len(check_features(features)))
    rows = []
    for exponent in exponents:
        made = fitted(features, exponent, n_prototypes=n_prototypes, seed=seed)
        rows.append({"exponent": exponent, **_described(made, exponent, known)})
    return pd.DataFrame(rows)


def _described(made: Fitted, exponent: float, labels: Tensor | None) -> dict[str, float]:
    mean = made.probabilities.mean(0).double()
    merged = merged_usage(mean, made.prototypes)
    found = {
        "used": int((made.usage > 0).sum()),
        "distinct": int(distinct_prototypes(made.prototypes)), "largest": float(made.usage.max()),
        "divergence": _divergence(mean, exponent),
        "merged": _divergence(merged, exponent),
    }  # fmt: skip
    if labels is None:
        return found
    agreement = cluster_agreement(labels, made.probabilities.argmax(1))
    return found | {"agreement": agreement.ari, "purity": agreement.purity}


def _divergence(usage: Tensor, exponent: float) -> float:
    prior = power_law_prior(len(usage), exponent=exponent)
    return float(prior_divergence(usage, prior, alignment="rank"))
