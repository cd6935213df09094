"""Prototypes alone: MSN and PMSN on features that stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from ssl_lib.methods.msn import prototype_log_probabilities
from ssl_lib.methods.pmsn import pmsn_loss
from ssl_lib.methods.prior import uniform_prior
from ssl_lib.papers.cluster_prior import tails
from ssl_lib.papers.cluster_prior.mixtures import kmeans

__all__ = ["MODELS", "Fit", "Fitted", "fit", "fixed_cell", "means", "principal"]

#: What clusters the features, by name.
MODELS = {
    "kmeans": "K-means",
    "uniform": "MSN, uniform prior",
    "rank": "PMSN, true prior by rank",
    "index": "PMSN, true prior by index",
}


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How prototypes are fitted.

    Attributes
    ----------
    exponents : tuple of float
        Of the long tails of digits.
    dimensions : int
        Principal components that are kept.
    steps : int
    learning_rate, weight : float
        Of Adam, and of the divergence from the prior.
    starts : int
        Of K-means, where prototypes start.
    """

    exponents: tuple[float, ...] = (0.0, 1.0, 1.5)
    dimensions: int = 20
    steps: int = 400
    learning_rate: float = 2e-2
    weight: float = 5.0
    starts: int = 5


@dataclass(frozen=True)
class Fitted:
    """Prototypes of some features.

    Attributes
    ----------
    probabilities : torch.Tensor of shape (n, K)
        Of each sample's prototypes.
    prototypes : torch.Tensor of shape (K, d)
    """

    probabilities: Tensor
    prototypes: Tensor

    @property
    def clusters(self) -> Any:
        """The most probable prototype of each sample, a NumPy array."""
        return self.probabilities.argmax(1).numpy()

    @property
    def usage(self) -> Tensor:
        """Share of the samples whose most probable prototype each is, (K,)."""
        count = self.probabilities.argmax(1).bincount(minlength=len(self.prototypes))
        return count.double() / len(self.probabilities)

    def nearest(self, rows: int = 8, columns: int = 8) -> tuple[Tensor, Tensor]:
        """Return positions of the samples most probable under the most used prototypes.

        Returns
        -------
        torch.Tensor of shape (rows, columns)
        torch.Tensor of shape (rows,)
            Shares of the samples.
        """
        most = self.usage.argsort(descending=True)[:rows]
        return self.probabilities[:, most].topk(columns, dim=0).indices.T, self.usage[most]


def principal(x: Tensor, dimensions: int) -> Tensor:
    """Return the leading principal components at unit length, (n, d).

    Examples
    --------
    >>> principal(torch.tensor([[1.0, 0.0], [3.0, 0.1], [5.0, 0.0]]), 1).abs().flatten()[::2]
    tensor([1., 1.])
    """
    centred = x - x.mean(0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    return functional.normalize(centred @ directions[:dimensions].T, dim=1)


def fit(
    z: Tensor,
    start: Tensor,
    prior: Tensor,
    *,
    alignment: str = "rank",
    config: Fit = Fit(),
) -> Fitted:
    """Fit prototypes to fixed features by PMSN's loss, whose targets are their own predictions.

    Parameters
    ----------
    z : torch.Tensor of shape (n, d)
        Features of unit length.
    start : torch.Tensor of shape (K, d)
        Where the prototypes start.
    prior : torch.Tensor of shape (K,)
    alignment : {"rank", "index"}
    config : Fit

    Returns
    -------
    Fitted
    """
    prototypes = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([prototypes], lr=config.learning_rate)
    for _ in range(config.steps):
        optimiser.zero_grad()
        loss = pmsn_loss([z], z, prototypes, prior=prior, weight=config.weight, alignment=alignment)
        loss.backward()
        optimiser.step()
    return Fitted(prototype_log_probabilities(z, prototypes.detach()).exp(), prototypes.detach())


def means(z: Tensor, cluster: Any, k: int) -> Tensor:
    """Return the means of the clusters, (k, d)."""
    return torch.stack([z[torch.as_tensor(cluster == own)].mean(0) for own in range(k)])


def fixed_cell(config: Fit, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Cluster principal components of long-tailed digits by K-means, MSN and PMSN.

    Parameters
    ----------
    config : Fit
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns exponent, model, agreement (adjusted Rand index), largest (share of a cluster).
    """
    from sklearn.metrics import adjusted_rand_score

    rows = []
    for exponent in config.exponents:
        made = tails.digits(exponent, cell["seed"])
        z = principal(made.images.flatten(1), config.dimensions)
        found = kmeans(z.double().numpy(), 10, config.starts, cell["seed"])
        start, true = means(z, found, 10), torch.tensor(np.sort(made.shares)[::-1].copy())
        for model in MODELS:
            cluster = found
            if model != "kmeans":
                prior = uniform_prior(10) if model == "uniform" else true
                by = "index" if model == "index" else "rank"
                cluster = fit(z, start, prior, alignment=by, config=config).clusters
            agreement = float(adjusted_rand_score(made.labels, cluster))
            rows.append((exponent, model, agreement, np.bincount(cluster).max() / len(cluster)))
    return pd.DataFrame(rows, columns=["exponent", "model", "agreement", "largest"])
