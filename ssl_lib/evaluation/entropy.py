"""How spread out embeddings are, in nats: estimates of differential entropy and what they bound.

All values have their constants, so that they can be compared with each other; that of a standard
normal in d dimensions is (d/2) ln(2 pi e). The losses that train with them, with gradients, are in
:mod:`ssl_lib.methods.entropy`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_lib.arguments import ArrayLike, check_between, check_whole
from ssl_lib.errors import InputError
from ssl_lib.evaluation.checks import check_features
from ssl_lib.methods.entropy import pairwise_entropy
from ssl_lib.randomness import torch_generator

__all__ = [
    "EntropyBounds", "entropy_bounds", "gaussian_entropy", "hadamard_entropy", "mixture_entropy",
]  # fmt: skip

_UNIT = math.log(2 * math.pi * math.e)
_LEAST_RIDGE = 1e-4  # of the mean variance: below, the null space decides
_CHUNK = 2**22


def gaussian_entropy(features: ArrayLike, *, ridge: float = 0.0, correction: int = 1) -> float:
    r"""Compute the entropy of a Gaussian with the features' covariance.

    .. math:: \hat H = \tfrac12 \ln \det \big( 2 \pi e (\hat C + \beta I) \big)

    With :math:`\beta = 0` an upper bound on the entropy of every distribution of this covariance,
    reached by the Gaussian alone; it is at most :func:`hadamard_entropy`. With :math:`\beta > 0`
    the coding length of Ma et al., and LogDet of Zhouyin and Liu (2021) with its constant.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
    ridge : float, default=0
        :math:`\beta`, in squared units of the features: the variance of noise that is added.
    correction : int, default=1
        The covariance is divided by n minus this; 0 for a population, such as a mixture's centres.

    Returns
    -------
    float
        Nats. Scaling features (and the ridge's root) by c adds d ln c.

    Raises
    ------
    InputError
        When features are not finite or span fewer dimensions than they have, as n samples of n or
        more do, and the ridge is below 1e-4 of the mean variance: the value would be the ridge's.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> round(gaussian_entropy(x, correction=0), 4), round(math.log(2 * math.pi * math.e), 4)
    (2.8379, 2.8379)
    """
    z = _samples(features, correction)
    check_between("ridge", ridge)
    eigenvalues = _eigenvalues(z, correction)
    n, d, least = *z.shape, _LEAST_RIDGE * float(eigenvalues.mean())
    rank = int((eigenvalues > 1e-12 * eigenvalues.max()).sum())
    if rank < d and (ridge < least or ridge == 0):
        raise InputError(
            f"{n} features of {d} dimensions span only {rank}: their entropy would be that of the "
            f"ridge, {ridge:g}. Give more features than dimensions, leave out constant ones, or "
            f"take a ridge above {least:.2g}, 1e-4 of their mean variance."
        )
    return _entropy(eigenvalues + ridge)


def _eigenvalues(z: Tensor, correction: int) -> Tensor:
    """Return the eigenvalues (d,) of the covariance; n samples have n - 1 above 0."""
    values = torch.zeros(z.shape[1]).to(z)
    spread = torch.linalg.svdvals(z - z.mean(0)).square() / (len(z) - correction)
    values[: len(spread)] = spread
    return values


def _entropy(variances: Tensor) -> float:
    """Return the entropy of independent Gaussians."""
    return 0.5 * float((variances.log() + _UNIT).sum())


def hadamard_entropy(features: ArrayLike, *, ridge: float = 0.0, correction: int = 1) -> float:
    r"""Compute the entropy of a Gaussian with the features' variances and no correlation.

    .. math:: \hat H = \tfrac12 \sum_j \ln \big( 2 \pi e (\hat C_{jj} + \beta) \big)

    An upper bound on :func:`gaussian_entropy` by Hadamard's inequality, reached where coordinates
    are uncorrelated. VICReg's variance hinge raises it, its covariance term closes the gap.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
    ridge, correction
        See :func:`gaussian_entropy`.

    Returns
    -------
    float
        Nats.

    Raises
    ------
    InputError
        When features are not finite, or some are constant and the ridge is 0.

    Examples
    --------
    >>> x = torch.tensor([[1.0, 1.0], [-1.0, -1.0]])
    >>> round(hadamard_entropy(x, correction=0), 4)
    2.8379
    """
    z = _samples(features, correction)
    check_between("ridge", ridge)
    variances = z.var(0, correction=correction)
    constant = int((variances + ridge <= 0).sum())
    if constant:
        raise InputError(
            f"{constant} of {z.shape[1]} coordinates are constant (units that never fire?): their "
            "entropy is minus infinity. Leave them out or take a ridge above 0."
        )
    return _entropy(variances + ridge)


def _samples(features: ArrayLike, correction: int) -> Tensor:
    least = 1 + check_whole("correction", correction, least=0, most=1)
    return check_features(features, least=least).double()


def mixture_entropy(
    centers: ArrayLike, *, variance: float, samples: int = 4096, seed: int = 0
) -> tuple[float, float]:
    r"""Estimate the entropy of a mixture of equal Gaussians by drawing from it.

    .. math:: H = H(p_i) + E \ln \frac{p_i(x)}{\frac1n \sum_j p_j(x)}, \qquad p_i = N(z_i, s^2 I)

    The first term is exact, and the logarithm at most ln n: this has a far smaller error than the
    mean of -ln p(x), and none where components are far apart.

    Parameters
    ----------
    centers : torch.Tensor of shape (n, d)
    variance : float
        :math:`s^2` of each component.
    samples : int, default=4096
        Draws, as many of each component as of any other but for one.
    seed : int, default=0
        Draws them.

    Returns
    -------
    value, error : float
        Nats; the mean and its standard error, rather too large because draws are spread evenly.

    Examples
    --------
    >>> value, error = mixture_entropy([[0.0], [100.0]], variance=1.0)
    >>> round(value, 4), error  # of one component, plus ln 2
    (2.1121, 0.0)
    """
    z = check_features(centers, name="centers").double()
    check_between("variance", variance, open=True)
    check_whole("samples", samples, least=2)
    z = z - z.mean(0)
    n, d = z.shape
    generator = torch_generator(seed, "entropy", "draws")
    order = torch.randperm(n, generator=generator)
    own = order.repeat(-(-samples // n))[:samples].to(z.device)
    noise = torch.randn(samples, d, dtype=torch.float64, generator=generator).to(z.device)
    rows = max(1, _CHUNK // n)
    pairs = zip(own.split(rows), noise.split(rows), strict=True)
    gains = torch.cat([_log_ratio(z, i, e, variance) for i, e in pairs])
    error = float(gains.std()) / math.sqrt(samples)
    return d / 2 * (_UNIT + math.log(variance)) + float(gains.mean()), error


def _log_ratio(z: Tensor, own: Tensor, noise: Tensor, variance: float) -> Tensor:
    """Return ln p_i(x) - ln p(x) at x = z_i + s e."""
    gap = torch.cdist(z[own] + math.sqrt(variance) * noise, z).square() / variance
    exponents = (noise.square().sum(1, keepdim=True) - gap) / 2
    exponents.scatter_(1, own[:, None], 0.0)  # up to rounding it is that already
    return math.log(len(z)) - exponents.logsumexp(1)


@dataclass(frozen=True)
class EntropyBounds:
    """What brackets the entropy of a mixture of Gaussians, in nats.

    Bhattacharyya is a lower bound; KL and Gaussian are upper bounds, neither of them always the
    smaller: where components overlap so much that the mixture is nearly one Gaussian it is the
    Gaussian, where they are apart KL. Hadamard lies above the Gaussian.

    Attributes
    ----------
    bhattacharyya : float
        Pairwise-distance lower bound of Kolchinsky and Tracey (2017).
    monte_carlo, error : float
        Estimate of the entropy itself and its standard error, see :func:`mixture_entropy`.
    kl : float
        Pairwise-distance upper bound; at most the entropy of one component plus ln n.
    gaussian, hadamard : float
        Entropies of the Gaussian with the mixture's covariance, and with its variances only.

    Examples
    --------
    >>> entropy_bounds([[0.0], [0.0]], variance=1.0).kl == entropy_bounds([[5.0]], variance=1.0).kl
    True
    """

    bhattacharyya: float
    monte_carlo: float
    error: float
    kl: float
    gaussian: float
    hadamard: float


def entropy_bounds(
    centers: ArrayLike, *, variance: float, samples: int = 4096, seed: int = 0
) -> EntropyBounds:
    r"""Bracket the entropy of embeddings to which Gaussian noise is added.

    The mixture :math:`\frac1n \sum_i N(z_i, s^2 I)` is what a network with noise on its input gives
    (Shwartz-Ziv et al. 2023), with one variance in all directions; its covariance is that of the
    centres, divided by n, plus :math:`s^2 I`.

    Parameters
    ----------
    centers : torch.Tensor of shape (n, d)
        Embeddings.
    variance, samples, seed
        See :func:`mixture_entropy`.

    Returns
    -------
    EntropyBounds

    Raises
    ------
    InputError
        When the centres are not finite or the variance is not positive.

    Examples
    --------
    Two components, three standard deviations from their middle:

    >>> found = entropy_bounds([[-3.0], [3.0]], variance=1.0)
    >>> [round(x, 2) for x in (found.bhattacharyya, found.kl, found.gaussian)]
    [2.1, 2.11, 2.57]
    """
    z = check_features(centers, name="centers").double()
    value, error = mixture_entropy(z, variance=variance, samples=samples, seed=seed)
    return EntropyBounds(
        bhattacharyya=float(pairwise_entropy(z, variance=variance, divergence="bhattacharyya")),
        monte_carlo=value,
        error=error,
        kl=float(pairwise_entropy(z, variance=variance, divergence="kl")),
        gaussian=_entropy(_eigenvalues(z, 0) + variance),
        hadamard=_entropy(z.var(0, correction=0) + variance),
    )
