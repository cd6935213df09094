"""Accuracy, by class and balanced over classes."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_lib.errors import InputError
from ssl_lib.evaluation.checks import check_labels

__all__ = ["accuracy", "balanced_accuracy", "per_class_accuracy"]


def accuracy(predictions: Tensor, labels: Tensor) -> float:
    """Compute the share of samples that are classified correctly.

    Parameters
    ----------
    predictions : torch.Tensor of shape (n,) or (n, c)
        Predicted classes, or scores of which the largest counts.
    labels : torch.Tensor of shape (n,)
        True classes.

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> accuracy(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 2, 2]))
    0.75
    """
    classes, labels = _classes(predictions, labels)
    return float((classes == labels).double().mean())


def per_class_accuracy(
    predictions: Tensor, labels: Tensor, *, n_classes: int | None = None
) -> Tensor:
    """Compute the accuracy on the samples of each class.

    Parameters
    ----------
    predictions : torch.Tensor of shape (n,) or (n, c)
        Predicted classes, or scores.
    labels : torch.Tensor of shape (n,)
        True classes.
    n_classes : int, optional
        How many classes there are; by default those of the labels.

    Returns
    -------
    torch.Tensor of shape (n_classes,), float64
        NaN for a class without samples.

    Examples
    --------
    >>> per_class_accuracy(torch.tensor([0, 1, 1, 0]), torch.tensor([0, 1, 0, 0]), n_classes=3)
    tensor([0.6667, 1.0000,    nan], dtype=torch.float64)
    """
    classes, labels = _classes(predictions, labels)
    largest = int(labels.max()) + 1
    n_classes = largest if n_classes is None else n_classes
    if largest > n_classes:
        raise InputError(f"labels must be below n_classes = {n_classes}, got {largest - 1}.")
    right = torch.bincount(labels[classes == labels], minlength=n_classes)
    return right.double() / torch.bincount(labels, minlength=n_classes).double()


def balanced_accuracy(predictions: Tensor, labels: Tensor) -> float:
    """Compute the mean of the accuracies on each class that has samples.

    Parameters
    ----------
    predictions : torch.Tensor of shape (n,) or (n, c)
        Predicted classes, or scores.
    labels : torch.Tensor of shape (n,)
        True classes.

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> balanced_accuracy(torch.tensor([0, 0, 0, 0]), torch.tensor([0, 0, 0, 1]))
    0.5
    """
    return float(per_class_accuracy(predictions, labels).nanmean())


def _classes(predictions: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    if predictions.ndim == 2:
        predictions = predictions.argmax(1)
    if predictions.ndim != 1 or len(predictions) == 0:
        raise InputError(
            "predictions must have shape (n,) or (n, c) with n > 0, "
            f"got {tuple(predictions.shape)}."
        )
    labels = check_labels(labels, n=len(predictions))
    return predictions.to(labels.device), labels
