"""Priors on how often each prototype is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from ssl_lib.arguments import ArrayLike, as_tensor, check_between, check_whole
from ssl_lib.errors import InputError, closest

ALIGNMENTS = ("index", "rank")

Prior: TypeAlias = "ArrayLike | Callable[[int], ArrayLike]"
"""K masses, or a function that makes them from K."""


def power_law_prior(n_prototypes: int, *, exponent: float = 0.25) -> Tensor:
    r"""Return the power law :math:`\pi_k \propto k^{-\tau}` over K prototypes.

    Parameters
    ----------
    n_prototypes : int
        K.
    exponent : float
        :math:`\tau`, not negative; 0 is uniform, 0.25 the value associated with PMSN.

    Returns
    -------
    torch.Tensor
        (K,) float64, decreasing, summing to 1.

    Examples
    --------
    >>> power_law_prior(4, exponent=0.5)
    tensor([0.3591, 0.2539, 0.2073, 0.1796], dtype=torch.float64)
    """
    check_whole("n_prototypes", n_prototypes)
    check_between("exponent", exponent)
    masses = torch.arange(1, n_prototypes + 1, dtype=torch.float64) ** -exponent
    return masses / masses.sum()


def uniform_prior(n_prototypes: int) -> Tensor:
    """Return the uniform prior (K,).

    Examples
    --------
    >>> uniform_prior(4)
    tensor([0.2500, 0.2500, 0.2500, 0.2500], dtype=torch.float64)
    """
    return power_law_prior(n_prototypes, exponent=0.0)


def checked_prior(prior: Prior, n_prototypes: int) -> Tensor:
    """Return a prior's shares.

    Parameters
    ----------
    prior : array-like of shape (K,), or callable
        Positive masses, such as the sizes of classes; or a function of K that returns them.
    n_prototypes : int
        K.

    Returns
    -------
    torch.Tensor
        (K,) float64, summing to 1.

    Raises
    ------
    InputError
        Unless there are K masses whose shares are above 0 in single precision: a mass of 0 would
        make the divergence infinite.

    Examples
    --------
    >>> checked_prior([3, 1], 2)
    tensor([0.7500, 0.2500], dtype=torch.float64)
    >>> checked_prior(lambda k: 0.5 ** torch.arange(k), 3)
    tensor([0.5714, 0.2857, 0.1429], dtype=torch.float64)
    """
    given = prior(n_prototypes) if callable(prior) else prior
    masses = as_tensor(given, name="prior").double()
    if masses.shape != (n_prototypes,):
        raise InputError(
            f"the prior needs {n_prototypes} positive masses, one per prototype; got shape "
            f"{tuple(masses.shape)}"
        )
    shares = masses / masses.sum()
    bad = ~((masses > 0) & (shares.float() > 0))
    if bool(bad.any()):
        k = int(bad.nonzero()[0])
        raise InputError(
            f"the prior needs positive masses, finite and with shares above 0 in single "
            f"precision; number {k} is {masses[k].item()}, a share of {shares[k].item()}"
        )
    return shares


def align_prior(mean: Tensor, prior: Tensor, *, alignment: str = "index") -> Tensor:
    """Return the prior mass of each prototype.

    Parameters
    ----------
    mean : torch.Tensor
        (K,) current usage; no gradient is taken.
    prior : torch.Tensor
        (K,).
    alignment : {"index", "rank"}
        "index" gives prototype k the mass `prior[k]` for ever; "rank" gives the most used prototype
        the largest mass, and so on, which minimises the divergence over permutations.

    Returns
    -------
    torch.Tensor
        (K,) a permutation of `prior`.

    Raises
    ------
    InputError
        For an unknown alignment, or a prior of another length.

    Examples
    --------
    >>> usage, prior = torch.tensor([0.1, 0.2, 0.7]), torch.tensor([0.5, 0.3, 0.2])
    >>> align_prior(usage, prior, alignment="rank")
    tensor([0.2000, 0.3000, 0.5000])
    """
    if alignment not in ALIGNMENTS:
        raise InputError(f"unknown alignment {alignment!r}.{closest(alignment, ALIGNMENTS)}")
    if mean.shape != prior.shape or mean.ndim != 1:
        raise InputError(
            f"the prior needs one mass per prototype, got {tuple(prior.shape)} for a mean of shape "
            f"{tuple(mean.shape)}"
        )
    if alignment == "index":
        return prior
    order = mean.detach().argsort(descending=True)
    return torch.zeros_like(prior).scatter(0, order, prior.sort(descending=True).values)


def prior_divergence(mean: Tensor, prior: Tensor, *, alignment: str = "index") -> Tensor:
    r"""Return :math:`\mathrm{KL}(\bar p \,\|\, \pi)` in nats, the regulariser of MSN and PMSN.

    Parameters
    ----------
    mean : torch.Tensor
        (K,) mean prediction.
    prior : torch.Tensor
        (K,), positive, summing to 1. Uniform: log K - H(mean), as in MSN.
    alignment : {"index", "rank"}
        See :func:`align_prior`.

    Returns
    -------
    torch.Tensor
        0-d, at least 0; 0 only for mean = prior.

    Examples
    --------
    >>> prior_divergence(torch.tensor([0.5, 0.5]), torch.tensor([0.9, 0.1]))
    tensor(0.5108)
    """
    masses = align_prior(mean, prior.to(mean), alignment=alignment)
    # A mean that has underflowed to 0 would have an infinite slope.
    mean = mean.clamp_min(torch.finfo(mean.dtype).tiny)
    entropy: Tensor = torch.special.entr(mean).sum()
    return -entropy - (mean * masses.log()).sum()
