"""How an embedding fills its space: spread, alignment and uniformity.

Collapse shows here before it shows in the loss: a constant embedding has spread 0, and a method
such as BYOL reaches the minimum of its loss exactly there. A row of zeros has no direction: where
rows are scaled to unit length it stays at the origin, at distance 1 from all others.
"""

from __future__ import annotations

import math

import torch

from ssl_lib.arguments import ArrayLike, check_between, check_whole
from ssl_lib.errors import InputError
from ssl_lib.evaluation.checks import check_features, check_pair, unit_rows

__all__ = ["alignment", "embedding_std", "uniformity"]


def embedding_std(features: ArrayLike, *, normalise: bool = True) -> float:
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
        features = unit_rows(features)
    return float(features.std(0).mean())


def alignment(first: ArrayLike, second: ArrayLike, *, power: float = 2.0) -> float:
    """Compute the mean distance between two views' unit embeddings.

    ``mean_i ||n(a_i) - n(b_i)||^power`` (Wang and Isola, 2020, Section 4.1).

    Parameters
    ----------
    first, second : torch.Tensor of shape (n, d)
        Row i of both belongs to one image.
    power : float, default=2.0
        Exponent of the distance, above 0.

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
    check_between("power", power, open=True)
    gap = unit_rows(first.double()) - unit_rows(second.double())
    return float(gap.norm(dim=1).pow(power).mean())


def uniformity(features: ArrayLike, *, temperature: float = 2.0, chunk: int = 2048) -> float:
    """Compute the logarithm of the mean Gaussian potential between unit embeddings.

    ``ln mean_{i<j} exp(-t ||n(z_i) - n(z_j)||^2)`` (Wang and Isola, 2020, Section 4.1).

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        One row a sample, at least two.
    temperature : float, default=2.0
        The scale t, above 0.
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
    check_between("temperature", temperature, open=True)
    unit = unit_rows(check_features(features, least=2).double())
    n, squares = len(unit), (unit != 0).any(1).to(unit)
    parts = []
    for at in range(0, n, check_whole("chunk", chunk)):
        rows = slice(at, at + chunk)
        # A row's square is 1, or 0 at the origin, which rounding is kept out of.
        exponents = 2 * unit[rows] @ unit.T - (squares[rows, None] + squares)
        exponents.diagonal(at).fill_(-torch.inf)  # no sample meets itself
        parts.append(torch.logsumexp(temperature * exponents, (0, 1)))
    return float(torch.logsumexp(torch.stack(parts), 0)) - math.log(n * (n - 1))
