"""Priors on how often each prototype is used."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_lib.errors import InputError, closest

ALIGNMENTS = ("index", "rank")


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
    if n_prototypes < 1 or exponent < 0:
        raise InputError(
            f"need at least one prototype and an exponent >= 0, got {n_prototypes}, {exponent}"
        )
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


def checked_prior(prior: Tensor, n_prototypes: int) -> Tensor:
    """Return `prior` (K,) normalised; raise InputError unless it is positive and of length K.

    Examples
    --------
    >>> checked_prior(torch.tensor([3.0, 1.0]), 2)
    tensor([0.7500, 0.2500], dtype=torch.float64)
    """
    prior = torch.as_tensor(prior, dtype=torch.float64)
    if prior.shape != (n_prototypes,) or not bool((prior > 0).all()):
        raise InputError(
            f"the prior needs {n_prototypes} positive masses, one per prototype; got shape "
            f"{tuple(prior.shape)} with minimum {prior.min().item() if prior.numel() else None}"
        )
    return prior / prior.sum()


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

    Examples
    --------
    >>> usage, prior = torch.tensor([0.1, 0.2, 0.7]), torch.tensor([0.5, 0.3, 0.2])
    >>> align_prior(usage, prior, alignment="rank")
    tensor([0.2000, 0.3000, 0.5000])
    """
    if alignment not in ALIGNMENTS:
        raise InputError(f"unknown alignment {alignment!r}.{closest(alignment, ALIGNMENTS)}")
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
    entropy: Tensor = torch.special.entr(mean).sum()
    return -entropy - (mean * masses.log()).sum()
