"""Weighted k-nearest-neighbour classification of frozen features."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ssl_lib.errors import InputError, closest
from ssl_lib.evaluation.accuracy import accuracy
from ssl_lib.evaluation.checks import check_labels, check_pair

__all__ = ["knn_accuracy", "knn_votes"]

_METRICS = ("cosine", "euclidean")


def knn_votes(
    train: Tensor,
    labels: Tensor,
    test: Tensor,
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
        With "euclidean", the similarity is minus the distance.
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
    if not 1 <= k <= len(train):
        raise InputError(f"k must be between 1 and the {len(train)} labelled samples, got {k}.")
    if temperature is not None and temperature <= 0:
        raise InputError(f"temperature must be above 0 (or None), got {temperature}.")
    if metric not in _METRICS:
        raise InputError(f"unknown metric {metric!r}.{closest(metric, _METRICS)}")
    width = int(labels.max()) + 1 if n_classes is None else n_classes
    if int(labels.max()) >= width:
        raise InputError(f"labels must be below n_classes = {width}, got {int(labels.max())}.")
    if metric == "cosine":
        train, test = functional.normalize(train, dim=1), functional.normalize(test, dim=1)
    parts = [
        _vote(_similarity(part, train, metric), labels, k, temperature, width)
        for part in test.split(chunk)
    ]
    return torch.cat(parts) if parts else test.new_zeros(0, width)


def _similarity(test: Tensor, train: Tensor, metric: str) -> Tensor:
    return test @ train.T if metric == "cosine" else -torch.cdist(test, train)


def _vote(
    similarity: Tensor, labels: Tensor, k: int, temperature: float | None, width: int
) -> Tensor:
    nearest, index = similarity.topk(k, dim=1)
    weight = torch.ones_like(nearest) / k
    if temperature is not None:
        weight = torch.softmax(nearest / temperature, dim=1)
    return similarity.new_zeros(len(similarity), width).scatter_add_(1, labels[index], weight)


def knn_accuracy(
    train: Tensor,
    labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
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
    return accuracy(votes, test_labels.to(votes.device))
