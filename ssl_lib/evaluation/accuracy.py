"""Accuracy, by class and balanced over classes."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_lib.arguments import ArrayLike, as_tensor, check_whole
from ssl_lib.errors import InputError
from ssl_lib.evaluation.checks import check_labels, predicted_classes

__all__ = ["accuracy", "balanced_accuracy", "per_class_accuracy"]


def accuracy(predictions: ArrayLike, labels: ArrayLike) -> float:
    """Compute the share of samples that are classified correctly.

    Parameters
    ----------
    predictions : torch.Tensor of shape (n,) or (n, c), or array-like
        Predicted classes, or scores of which the largest counts, of equal ones the first.
    labels : torch.Tensor of shape (n,), or array-like
        True classes.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    InputError
        When shapes do not fit, predictions are floats but no scores, labels no class indices, or
        the largest score of a row is not finite.

    Examples
    --------
    >>> accuracy(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 2, 2]))
    0.75
    """
    classes, labels = _classes(predictions, labels)
    return float((classes == labels).double().mean())


def per_class_accuracy(
    predictions: ArrayLike, labels: ArrayLike, *, n_classes: int | None = None
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
    n_classes = largest if n_classes is None else check_whole("n_classes", n_classes)
    if largest > n_classes:
        raise InputError(f"labels must be below n_classes = {n_classes}, got {largest - 1}.")
    right = torch.bincount(labels[classes == labels], minlength=n_classes)
    return right.double() / torch.bincount(labels, minlength=n_classes).double()


def balanced_accuracy(predictions: ArrayLike, labels: ArrayLike) -> float:
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


def _classes(predictions: ArrayLike, labels: ArrayLike) -> tuple[Tensor, Tensor]:
    found = as_tensor(predictions, name="predictions")
    if found.ndim not in (1, 2) or len(found) == 0:
        raise InputError(
            f"predictions must have shape (n,) or (n, c) with n > 0, got {tuple(found.shape)}."
        )
    if found.ndim == 2:
        found = predicted_classes(found, name="predictions")
    elif found.is_floating_point() or found.is_complex():
        raise InputError(
            f"predictions of shape (n,) must be whole-number classes, got {found.dtype}."
        )
    labels = check_labels(labels, n=len(found))
    return found.to(labels.device), labels
