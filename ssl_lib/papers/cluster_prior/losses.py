"""The loss of every method where images lie on points, by the shares of the points.

All images of a cluster lie on one point and both views agree, so invariance costs nothing and what
is left is what the method says about cluster sizes. The losses are the library's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from ssl_lib.methods.barlow_twins import cross_correlation
from ssl_lib.methods.msn import msn_loss
from ssl_lib.methods.pmsn import pmsn_loss
from ssl_lib.methods.prior import power_law_prior, prior_divergence, uniform_prior
from ssl_lib.methods.simclr import simclr_loss
from ssl_lib.methods.sinkhorn import sinkhorn
from ssl_lib.methods.spectral import spectral_loss
from ssl_lib.methods.swav import swav_loss
from ssl_lib.methods.vicreg import vicreg_loss
from ssl_lib.randomness import torch_generator

__all__ = [
    "LOSSES",
    "Loss",
    "counts",
    "curves",
    "of_shares",
    "pmsn",
    "points",
    "power_law_shares",
    "reduction",
    "simplex",
    "swav_standard",
    "vicreg_free",
]

#: Images on the points, of numbers and, fewer, of curves.
IMAGES, CURVE = 1000, 400
Shares: TypeAlias = Sequence[float] | npt.NDArray[np.float64]


@dataclass(frozen=True)
class Loss:
    """A loss on points.

    Attributes
    ----------
    name, title : str
    value : callable
        From cluster labels (n,) and the number of clusters to the loss.
    """

    name: str
    title: str
    value: Callable[[Tensor, int], Tensor]


def points(labels: Tensor, k: int) -> Tensor:
    """Return images on k orthonormal points, (n, k)."""
    return torch.eye(k, dtype=torch.float64)[labels]


def simplex(labels: Tensor, k: int) -> Tensor:
    """Return images on the corners of a regular simplex, (n, k - 1).

    Equal shares have mean 0 and covariance 1: the code of VICReg, for two clusters one feature that
    is 1 or -1.

    Examples
    --------
    >>> simplex(torch.tensor([0, 1]), 2).flatten().abs()
    tensor([1., 1.], dtype=torch.float64)
    """
    centred = torch.eye(k, dtype=torch.float64) - 1 / k
    _, _, directions = torch.linalg.svd(centred)
    corners: Tensor = k**0.5 * centred @ directions[: k - 1].T
    return corners[labels]


def _simclr(labels: Tensor, k: int) -> Tensor:
    z = points(labels, k)
    return simclr_loss(z, z, temperature=0.5)


def _spectral(labels: Tensor, k: int) -> Tensor:
    z = points(labels, k)
    return spectral_loss(z, z)


def _vicreg(labels: Tensor, k: int) -> Tensor:
    z = simplex(labels, k)
    return vicreg_loss(z, z)


def _barlow(labels: Tensor, k: int) -> Tensor:
    z = points(labels, k)
    correlation = cross_correlation(z, z)
    off: Tensor = correlation - torch.diag(correlation.diagonal())
    return off.square().sum()


def _swav(labels: Tensor, k: int) -> Tensor:
    # With the usual kernel of 0.05 points are so far apart that transport moves nothing.
    scores = points(labels, k)
    codes = sinkhorn(scores, epsilon=0.5, iterations=50)
    return swav_loss([scores, scores], [codes, codes])


def _msn(labels: Tensor, k: int) -> Tensor:
    z = points(labels, k)
    return msn_loss([z], z, torch.eye(k).double(), sinkhorn_iterations=0)


#: The losses that have no parameter here. Barlow Twins is its redundancy term.
LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss("simclr", "SimCLR", _simclr),
        Loss("spectral", "spectral contrastive", _spectral),
        Loss("vicreg", "VICReg", _vicreg),
        Loss("barlow", "Barlow Twins", _barlow),
        Loss("swav", "SwAV", _swav),
        Loss("msn", "MSN", _msn),
    )
}


def counts(shares: Shares, images: int = IMAGES) -> Tensor:
    """Return labels of images with these shares of clusters, to the nearest image.

    Examples
    --------
    >>> counts([0.7, 0.3], images=10)
    tensor([0, 0, 0, 0, 0, 0, 0, 1, 1, 1])
    """
    edges = np.round(np.cumsum(shares) / np.sum(shares) * images).astype(int)
    sizes = np.diff(edges, prepend=0)
    return torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))


def of_shares(name: str, shares: Shares, images: int = IMAGES) -> float:
    """Return a loss of :data:`LOSSES` where clusters have these shares of the images.

    Examples
    --------
    >>> round(of_shares("simclr", [0.5, 0.5]), 4), round(of_shares("simclr", [0.9, 0.1]), 4)
    (7.0338, 7.3682)
    """
    return float(LOSSES[name].value(counts(shares, images), len(shares)))


def pmsn(shares: Shares, prior: Shares, images: int = IMAGES) -> float:
    """Return PMSN's loss where clusters have these shares: nearly KL(shares || prior).

    Examples
    --------
    >>> round(pmsn([0.5, 0.5], [0.9, 0.1]), 4), round(pmsn([0.9, 0.1], [0.9, 0.1]), 4)
    (0.5109, 0.0)
    """
    k = len(shares)
    z = points(counts(shares, images), k)
    masses = torch.tensor(np.asarray(prior), dtype=torch.float64)
    return float(pmsn_loss([z], z, torch.eye(k).double(), prior=masses))


def swav_standard(shares: Shares, images: int = IMAGES) -> float:
    """Return SwAV's loss on points with the usual kernel of 0.05 and three iterations.

    Examples
    --------
    >>> f"{swav_standard([0.9, 0.1]):.1e}"
    '5.9e-05'
    """
    scores = points(counts(shares, images), len(shares))
    codes = sinkhorn(scores, epsilon=0.05, iterations=3)
    return float(swav_loss([scores, scores], [codes, codes]))


def vicreg_free(shares: Shares, images: int = IMAGES) -> float:
    """Return VICReg's loss where a linear map may move the points: it whitens any shares.

    No term of the loss bounds how far a feature goes from its mean, so that a small cluster can lie
    far off.

    Examples
    --------
    >>> abs(vicreg_free([0.9, 0.1])) < 1e-9, round(of_shares("vicreg", [0.9, 0.1]), 2)
    (True, 9.99)
    """
    z = simplex(counts(shares, images), len(shares))
    scale, directions = torch.linalg.eigh(torch.atleast_2d(z.T.cov()))
    whitened = (z - z.mean(0)) @ directions / scale.sqrt()
    return max(0.0, float(vicreg_loss(whitened, whitened)))  # rounding may end below 0


def power_law_shares(k: int, exponent: float) -> npt.NDArray[np.float64]:
    """Return shares of k clusters that fall as a power of their rank."""
    return np.asarray(power_law_prior(k, exponent=exponent))


def curves(exponents: Sequence[float], prior: float, k: int = 10) -> pd.DataFrame:
    """Return every loss, less its value at equal shares, where shares follow a power law.

    Parameters
    ----------
    exponents : sequence of float
        Of the clusters' shares.
    prior : float
        Exponent of PMSN's prior.
    k : int
        Clusters.

    Returns
    -------
    pandas.DataFrame
        Columns exponent, share (of the largest cluster), loss (a title), value.
    """
    masses, equal = power_law_shares(k, prior), _of_power_law(0.0, k)
    equal = {**equal, "PMSN": pmsn(power_law_shares(k, 0.0), masses, CURVE)}
    rows = []
    for exponent in exponents:
        shares = power_law_shares(k, exponent)
        at = {**_of_power_law(exponent, k), "PMSN": pmsn(shares, masses, CURVE)}
        rows += [(exponent, shares[0], name, at[name] - equal[name]) for name in at]
    return pd.DataFrame(rows, columns=["exponent", "share", "loss", "value"])


@lru_cache(maxsize=256)
def _of_power_law(exponent: float, k: int) -> dict[str, float]:
    """Return every loss that has no parameter, by its title."""
    shares = power_law_shares(k, exponent)
    return {loss.title: of_shares(name, shares, CURVE) for name, loss in LOSSES.items()}


def reduction(seed: int = 0) -> tuple[float, float]:
    """Compare PMSN with MSN, and its divergence with that at a prior.

    Returns
    -------
    tuple of float
        Largest relative difference of loss and gradients between PMSN with a uniform prior and
        MSN, over random embeddings; and the divergence of shares from themselves.
    """
    draw = torch_generator(seed, "cluster-prior", "reduction")
    anchor, target, c = (
        torch.randn(n, 8, generator=draw, dtype=torch.float64, requires_grad=True)
        for n in (32, 32, 6)
    )
    options = {"sinkhorn_iterations": 3, "weight": 1.0}
    values = [
        msn_loss([anchor], target, c, **options),  # type: ignore[arg-type]
        pmsn_loss([anchor], target, c, prior=uniform_prior(6), **options),  # type: ignore[arg-type]
    ]
    gradients = [torch.autograd.grad(value, (anchor, c)) for value in values]
    both = [torch.cat([v[None], *(g.flatten() for g in own)]) for v, own in
            zip(values, gradients, strict=True)]  # fmt: skip
    prior = power_law_prior(6, exponent=0.5)
    difference = (both[0] - both[1]).abs().max() / both[0].abs().max()
    return float(difference.detach()), abs(float(prior_divergence(prior, prior)))
