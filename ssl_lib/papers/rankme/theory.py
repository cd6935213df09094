"""Spectra and bounds that need no training: what epsilon adds, what rank allows."""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from ssl_lib.errors import InputError
from ssl_lib.evaluation.rank import entropic_rank

__all__ = ["EPSILONS", "WIDTHS", "inflation", "rank_path"]

#: Widths of the projector: ours, the paper's, and VICReg's own.
WIDTHS = (64, 2048, 8192)
EPSILONS = (1e-8, 1e-7, 1e-6, 3e-6, 1e-5, 3e-5)


def inflation(widths: Sequence[int] = WIDTHS, epsilons: Sequence[float] = EPSILONS) -> pd.DataFrame:
    """Compute RankMe of a flat and of a rank-one spectrum for several epsilons.

    Parameters
    ----------
    widths : sequence of int
        Numbers K of singular values.
    epsilons : sequence of float
        What is added to each share.

    Returns
    -------
    pandas.DataFrame
        Columns spectrum ("full rank", "rank one"), width, eps, rankme, and ratio, which is RankMe
        over the true rank.

    Examples
    --------
    >>> table = inflation([2048], [1e-5]).set_index("spectrum").ratio
    >>> round(float(table["full rank"]), 3), round(float(table["rank one"]), 3)
    (1.145, 1.266)
    """
    rows = []
    for width in widths:
        flat, one = torch.ones(width), torch.eye(width)[0]
        for name, spectrum, rank in (("full rank", flat, width), ("rank one", one, 1)):
            for eps in epsilons:
                value = entropic_rank(spectrum, eps=eps)
                rows.append((name, width, eps, value, value / rank))
    return pd.DataFrame(rows, columns=["spectrum", "width", "eps", "rankme", "ratio"])


def rank_path(
    features: Tensor, targets: Tensor, *, most: int = 64
) -> tuple[list[float], list[float], list[float]]:
    """Fit targets by least squares on the first R principal components, for every R.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        What the probe sees.
    targets : torch.Tensor of shape (n, c)
        One-hot labels.
    most : int, default=64
        Largest R.

    Returns
    -------
    residual : list of float
        Share of the centred targets' squared norm that is left, for R from 0.
    bound : list of float
        What no matrix of rank R can leave less than (Eckart, Young and Mirsky): the share of the
        targets' squared singular values beyond the first R. It is 0 from R = c - 1 on.
    accuracy : list of float
        Share of the samples whose largest prediction is their class.

    Raises
    ------
    InputError
        When the numbers of rows differ.

    Examples
    --------
    >>> y = torch.eye(3, dtype=torch.float64).repeat(4, 1)
    >>> residual, bound, accuracy = rank_path(y, y)
    >>> [round(value, 6) for value in bound]
    [1.0, 0.5, 0.0, 0.0]
    >>> accuracy[-1]
    1.0
    """
    if len(features) != len(targets):
        raise InputError(f"targets must have {len(features)} rows, got {len(targets)}.")
    x, y = features.double(), targets.double()
    mean, centred = y.mean(0), y - y.mean(0)
    # Directions that only rounding fills would fit the targets by chance.
    left, sigma, _ = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    left = left[:, sigma > 1e-10 * sigma[0].clamp_min(1e-300)][:, :most]
    weights = left.T @ centred
    total = centred.square().sum()
    spectrum = torch.linalg.svdvals(centred).square() / total
    scores, labels = mean.expand_as(y).clone(), y.argmax(1)
    residual, bound, right = [1.0], [1.0], [_right(scores, labels)]
    for rank in range(1, features.shape[1] + 1)[:most]:
        if rank <= left.shape[1]:
            scores += torch.outer(left[:, rank - 1], weights[rank - 1])
        residual.append(float((y - scores).square().sum() / total))
        bound.append(float(spectrum[rank:].sum()))
        right.append(_right(scores, labels))
    return residual, bound, right


def _right(scores: Tensor, labels: Tensor) -> float:
    return float((scores.argmax(1) == labels).double().mean())
