"""Weighted k-nearest-neighbour classification of frozen features.

Similarities are products of matrices wherever those are exact enough. They are not where all
features are close together compared with their norms, or where two rows all but coincide: a
product then rounds away what tells neighbours apart, and differences are formed instead.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ssl_lib.arguments import ArrayLike, check_between, check_whole
from ssl_lib.errors import InputError, closest
from ssl_lib.evaluation.accuracy import accuracy
from ssl_lib.evaluation.checks import check_labels, check_pair, unit_rows

__all__ = ["knn_accuracy", "knn_votes"]

_METRICS = ("cosine", "euclidean")

# From this mean cosine on, single precision has lost three of the digits that differ.
_CONCENTRATED = 1 - 1e-4

# Below this share of the rows' norms a distance found by a product has lost half of its digits.
_CLOSE = 1e-4


def knn_votes(
    train: ArrayLike,
    labels: ArrayLike,
    test: ArrayLike,
    *,
    k: int = 20,
    temperature: float | None = 0.07,
    metric: str = "cosine",
    n_classes: int | None = None,
    chunk: int = 1024,
) -> Tensor:
    """Compute each class's share of the votes of the nearest training samples.

    A neighbour votes with ``exp(similarity / temperature)`` (Wu et al., 2018, Section 3.4).

    Parameters
    ----------
    train : torch.Tensor of shape (n, d)
        Features of the labelled samples.
    labels : torch.Tensor of shape (n,)
        Their classes.
    test : torch.Tensor of shape (m, d)
        Features to classify.
    k : int, default=20
        How many neighbours vote; 200 in the CIFAR and ImageNet protocols of instance
        discrimination.
    temperature : float or None, default=0.07
        None lets all neighbours vote alike.
    metric : {"cosine", "euclidean"}, default="cosine"
        With "euclidean", the similarity is minus the distance. A row of zeros has cosine 0 with
        every row.
    n_classes : int, optional
        Width of the result; by default one more than the largest label.
    chunk : int, default=1024
        Test samples compared at a time.

    Returns
    -------
    torch.Tensor of shape (m, n_classes)
        Rows sum to 1.

    Raises
    ------
    InputError
        When ``k`` exceeds the labelled samples, or shapes, labels or options do not fit.

    Examples
    --------
    >>> train = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> knn_votes(train, torch.tensor([0, 0, 1]), torch.tensor([[1.0, 0.2]]), k=3,
    ...           temperature=None)
    tensor([[0.6667, 0.3333]])
    """
    train, test = check_pair(train, test)
    labels = check_labels(labels, n=len(train)).to(train.device)
    if not 1 <= check_whole("k", k) <= len(train):
        raise InputError(f"k must be between 1 and the {len(train)} labelled samples, got {k}.")
    if temperature is not None:
        check_between("temperature (if not None)", temperature, open=True)
    if metric not in _METRICS:
        raise InputError(f"unknown metric {metric!r}.{closest(metric, _METRICS)}")
    largest = int(labels.max())
    width = largest + 1 if n_classes is None else check_whole("n_classes", n_classes)
    if largest >= width:
        raise InputError(f"labels must be below n_classes = {width}, got {largest}.")
    similarity = _cosine(train) if metric == "cosine" else _minus_distance(train)
    parts = [
        _vote(similarity(part), labels, k, temperature, width)
        for part in test.split(check_whole("chunk", chunk))
    ]
    return torch.cat(parts).to(test.dtype) if parts else test.new_zeros(0, width)


def _cosine(train: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the function from rows to their cosines with `train`, up to one constant a row."""
    unit = unit_rows(train)
    if float(unit.mean(0).norm()) < _CONCENTRATED:
        return lambda test: unit_rows(test) @ unit.T
    unit = unit_rows(train.double())
    distance = _distance(unit)
    # cos - 1 = -distance^2 / 2, but -1 for a row of zeros, whose distance from all is 1.
    less = (unit == 0).all(1) / 2
    return lambda test: -distance(unit_rows(test.double())).square() / 2 - less


def _minus_distance(train: Tensor) -> Callable[[Tensor], Tensor]:
    distance = _distance(train.double())
    return lambda test: -distance(test.double())


def _distance(train: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the function from rows to their distances from `train`, all in double precision."""
    size = train.abs().amax().clamp_min(torch.finfo(train.dtype).tiny)
    centre = (train / size).mean(0)
    train = train / size - centre
    longest = train.norm(dim=1).max()

    def distance(test: Tensor) -> Tensor:
        test = test / size - centre
        found = torch.cdist(test, train)
        close = found.amin(1) < _CLOSE * (longest + test.norm(dim=1))
        exact = "donot_use_mm_for_euclid_dist"
        found[close] = torch.cdist(test[close], train, compute_mode=exact)
        return found * size

    return distance


def _vote(
    similarity: Tensor, labels: Tensor, k: int, temperature: float | None, width: int
) -> Tensor:
    nearest, index = similarity.topk(k, dim=1)
    weight = torch.ones_like(nearest) / k
    if temperature is not None:
        weight = torch.softmax(nearest / temperature, dim=1)
    return similarity.new_zeros(len(similarity), width).scatter_add_(1, labels[index], weight)


def knn_accuracy(
    train: ArrayLike,
    labels: ArrayLike,
    test: ArrayLike,
    test_labels: ArrayLike,
    *,
    k: int = 20,
    temperature: float | None = 0.07,
    metric: str = "cosine",
) -> float:
    """Compute the accuracy of weighted k nearest neighbours.

    Parameters
    ----------
    train : torch.Tensor of shape (n, d)
        Features of the labelled samples.
    labels : torch.Tensor of shape (n,)
        Their classes.
    test : torch.Tensor of shape (m, d)
        Features to classify.
    test_labels : torch.Tensor of shape (m,)
        Their true classes.
    k, temperature, metric
        See :func:`knn_votes`.

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> train = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> knn_accuracy(train, torch.tensor([0, 0, 1]), torch.tensor([[1.0, 0.2], [0.1, 1.0]]),
    ...              torch.tensor([0, 1]), k=1)
    1.0
    """
    votes = knn_votes(train, labels, test, k=k, temperature=temperature, metric=metric)
    return accuracy(votes, check_labels(test_labels, n=len(votes)).to(votes.device))
