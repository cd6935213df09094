"""Estimators of the differential entropy of a batch of embeddings, in nats.

Shwartz-Ziv et al. (2023), "An Information Theory Perspective on Variance-Invariance-Covariance
Regularization": better estimators than VICReg's variance and covariance can stand in their place.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ssl_lib.arguments import check_between
from ssl_lib.errors import InputError, closest
from ssl_lib.methods.precision import full_precision

Divergence = Literal["kl", "bhattacharyya"]

# Exponent D(p_i || p_j) = |z_i - z_j|^2 / (c s^2) for two Gaussians of covariance s^2 I.
_DIVERGENCES = {"kl": 2.0, "bhattacharyya": 8.0}


@full_precision
def logdet_entropy(z: Tensor, *, ridge: float = 1e-3, constant: bool = False) -> Tensor:
    r"""Return the log-determinant (Gaussian) entropy of a batch.

    .. math:: \hat H = \tfrac12 \log\det (\hat C + \beta I) \; [+ \tfrac{D}{2} \log 2 \pi e]

    Zhouyin and Liu (2021). With fewer samples than dimensions the smaller Gram matrix gives the
    same number.

    Parameters
    ----------
    z : torch.Tensor
        (n, d) embeddings, n at least 2.
    ridge : float
        :math:`\beta`. 1e-3 works; 1 hides a collapse, and much less makes gradients explode.
    constant : bool
        Whether to add (D/2) log 2 pi e, which makes the value the entropy of a Gaussian: an upper
        bound on that of any distribution with this covariance.

    Returns
    -------
    torch.Tensor
        0-d, nats.

    Raises
    ------
    InputError
        When z is no matrix of two rows and more or not finite, or the ridge is not positive, or so
        small beside z that it is lost in rounding.

    Examples
    --------
    >>> round(logdet_entropy(torch.zeros(5, 2), ridge=1e-2).item(), 4)
    -4.6052
    """
    if z.ndim != 2 or z.shape[0] < 2:
        raise InputError(f"z must be (n, d) with n >= 2, got {tuple(z.shape)}")
    check_between("ridge", ridge, open=True)
    n, d = z.shape
    centred = (z - z.mean(0)) / math.sqrt(n - 1)
    small = centred @ centred.T if n < d else centred.T @ centred
    identity = torch.eye(len(small), dtype=z.dtype, device=z.device)
    try:
        factor = torch.linalg.cholesky(small + ridge * identity)
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
        raise InputError(
            f"the covariance has no determinant in {str(z.dtype)[6:]}: z is not finite (has a run "
            f"diverged?), or so large that a ridge of {ridge:g} is lost in rounding"
        ) from error
    value: Tensor = factor.diagonal().log().sum() + max(d - n, 0) / 2 * math.log(ridge)
    return value + d / 2 * math.log(2 * math.pi * math.e) if constant else value


@full_precision
def pairwise_entropy(z: Tensor, *, variance: float = 1.0, divergence: str = "kl") -> Tensor:
    r"""Return the pairwise-distance entropy of the mixture of Gaussians centred on a batch.

    .. math:: \hat H = \tfrac{D}{2} \log(2 \pi e s^2)
       - \frac1N \sum_i \log \frac1N \sum_j e^{-D(p_i \| p_j)}, \qquad p_i = N(z_i, s^2 I)

    Kolchinsky and Tracey (2017). The Kullback-Leibler divergence makes it an upper bound on the
    mixture's entropy, Bhattacharyya's distance a lower one; the sum includes j = i.

    Parameters
    ----------
    z : torch.Tensor
        (n, d) embeddings. On the unit sphere KL at variance t is InfoNCE's log-sum-exp at
        temperature t.
    variance : float
        :math:`s^2` of the components.
    divergence : {"kl", "bhattacharyya"}
        :math:`\|z_i - z_j\|^2` over :math:`2 s^2` or over :math:`8 s^2`.

    Returns
    -------
    torch.Tensor
        0-d, nats; between the entropy of one component and that plus log n.

    Raises
    ------
    InputError
        For an unknown divergence, or a variance that is not positive.

    Notes
    -----
    Bhattacharyya at s^2 and KL at 4 s^2 differ by the constant d log 2: they train alike.

    Examples
    --------
    >>> upper = pairwise_entropy(torch.zeros(5, 2), divergence="kl")
    >>> lower = pairwise_entropy(torch.zeros(5, 2), divergence="bhattacharyya")
    >>> upper, lower
    (tensor(2.8379), tensor(2.8379))
    """
    if z.ndim != 2 or not len(z):
        raise InputError(f"z must be (n, d) with n >= 1, got {tuple(z.shape)}")
    if divergence not in _DIVERGENCES:
        raise InputError(f"unknown divergence {divergence!r}.{closest(divergence, _DIVERGENCES)}")
    check_between("variance", variance, open=True)
    n, d = z.shape
    component = d / 2 * math.log(2 * math.pi * math.e * variance)
    exponents = -squared_distances(z) / (_DIVERGENCES[divergence] * variance)
    return component - (exponents.logsumexp(1) - math.log(n)).mean()


def squared_distances(z: Tensor) -> Tensor:
    """Return the squared distances (n, n) between the rows of `z` (n, d).

    From the Gram matrix, clamped at 0: the square root of a distance has no gradient at 0.

    Examples
    --------
    >>> squared_distances(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    tensor([[ 0., 25.],
            [25.,  0.]])
    """
    # Centring costs nothing and keeps digits when the embeddings share a large offset.
    z = z - z.mean(0)
    squares = z.square().sum(1)
    return (squares[:, None] + squares - 2 * z @ z.T).clamp_min(0)


ESTIMATORS = ("logdet", "pairwise_kl", "pairwise_bhattacharyya")


@full_precision
def batch_entropy(
    z: Tensor, *, estimator: str = "logdet", scale: float = 1e-3, normalise: bool = False
) -> Tensor:
    """Return the entropy of a batch by the named estimator.

    Parameters
    ----------
    z : torch.Tensor
        (n, d) embeddings.
    estimator : {"logdet", "pairwise_kl", "pairwise_bhattacharyya"}
        :func:`logdet_entropy` or :func:`pairwise_entropy` with either divergence.
    scale : float
        The ridge of the first, the variance of the others.
    normalise : bool
        Whether the embeddings are first put on the unit sphere.

    Returns
    -------
    torch.Tensor
        0-d, nats; of logdet without its constant, (d/2) log 2 pi e.

    Raises
    ------
    InputError
        For an unknown estimator, or a scale that is not positive.

    Examples
    --------
    >>> round(batch_entropy(torch.zeros(5, 2), estimator="pairwise_kl", scale=1.0).item(), 4)
    2.8379
    """
    if estimator not in ESTIMATORS:
        raise InputError(f"unknown estimator {estimator!r}.{closest(estimator, ESTIMATORS)}")
    if normalise:
        z = F.normalize(z, dim=-1)
    if estimator == "logdet":
        return logdet_entropy(z, ridge=scale)
    return pairwise_entropy(z, variance=scale, divergence=estimator.removeprefix("pairwise_"))
