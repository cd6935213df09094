"""How an embedding fills its space: spread, alignment and uniformity.

Collapse shows here before it shows in the loss: a constant embedding has spread 0, and a method
such as BYOL reaches the minimum of its loss exactly there.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ssl_lib.errors import InputError
from ssl_lib.evaluation.checks import check_features, check_pair

__all__ = ["alignment", "embedding_std", "uniformity"]


def embedding_std(features: Tensor, *, normalise: bool = True) -> float:
    """Compute the mean over dimensions of the standard deviation over samples.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        One row a sample, at least two.
    normalise : bool, default=True
        Scale each row to unit length first. A healthy embedding is then near ``1 / sqrt(d)``, a
        collapsed one near 0. False keeps the scale, which tells shrinkage from collapse.

    Returns
    -------
    float

    Examples
    --------
    >>> z = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> round(embedding_std(z), 4)
    0.8165
    """
    features = check_features(features, least=2).double()
    if normalise:
        features = functional.normalize(features, dim=1)
    return float(features.std(0).mean())


def alignment(first: Tensor, second: Tensor, *, power: float = 2.0) -> float:
    """Compute the mean distance between two views' unit embeddings.

    ``mean_i ||n(a_i) - n(b_i)||^power`` (Wang and Isola, 2020, Section 4.1).

    Parameters
    ----------
    first, second : torch.Tensor of shape (n, d)
        Row i of both belongs to one image.
    power : float, default=2.0
        Exponent of the distance.

    Returns
    -------
    float
        0 where views agree; 4 for opposite views at ``power=2``.

    Examples
    --------
    >>> round(alignment(torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 3.0]])), 6)
    2.0
    """
    first, second = check_pair(first, second, names=("first", "second"))
    if len(first) != len(second):
        raise InputError(f"both views need as many rows, got {len(first)} and {len(second)}.")
    gap = functional.normalize(first.double(), dim=1) - functional.normalize(second.double(), dim=1)
    return float(gap.norm(dim=1).pow(power).mean())


def uniformity(features: Tensor, *, temperature: float = 2.0, chunk: int = 2048) -> float:
    """Compute the logarithm of the mean Gaussian potential between unit embeddings.

    ``ln mean_{i<j} exp(-t ||n(z_i) - n(z_j)||^2)`` (Wang and Isola, 2020, Section 4.1).

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        One row a sample, at least two.
    temperature : float, default=2.0
        The scale t.
    chunk : int, default=2048
        Rows compared at a time, so that memory stays at ``chunk * n``.

    Returns
    -------
    float
        0 for a constant embedding, lower where it spreads.

    Examples
    --------
    >>> round(uniformity(torch.tensor([[1.0, 0.0], [-1.0, 0.0]])), 6)
    -8.0
    """
    unit = functional.normalize(check_features(features, least=2).double(), dim=1)
    n = len(unit)
    total = unit.new_zeros(())
    for part in unit.split(chunk):
        total += torch.exp(temperature * (2 * part @ unit.T - 2)).sum()
    # Every sample also met itself, with potential 1.
    return float(torch.log((total - n) / (n * (n - 1))))
