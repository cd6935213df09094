"""What every measure asks of its input: finite features, labels that fit them."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_lib.arguments import ArrayLike, as_tensor
from ssl_lib.errors import InputError

__all__ = [
    "check_features",
    "check_labels",
    "check_pair",
    "predicted_classes",
    "unit_rows",
]

# Below this norm, or at an infinite one, squares have left the range of their type.
_SHORTEST = 1e-12


def unit_rows(features: Tensor) -> Tensor:
    """Return the rows scaled to length 1; a row of zeros has no direction and stays.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        Finite. Norms may be so small or large that their squares are no numbers of the type.

    Returns
    -------
    torch.Tensor of shape (n, d)

    Examples
    --------
    >>> unit_rows(torch.tensor([[3e-30, 4e-30], [3e30, 4e30], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    norm = features.norm(dim=1, keepdim=True)
    unit: Tensor = features / norm.clamp_min(_SHORTEST)
    odd = ((norm < _SHORTEST) | ~torch.isfinite(norm)).flatten()
    if bool(odd.any()):
        rows = features[odd].double()
        largest = rows.abs().amax(1, keepdim=True)
        rows = rows / torch.where(largest > 0, largest, 1.0)
        unit[odd] = (rows / rows.norm(dim=1, keepdim=True).clamp_min(0.5)).to(unit)
    return unit


def predicted_classes(scores: Tensor, *, name: str = "scores") -> Tensor:
    """Return the class with the largest score in each row, of equal ones the first.

    Parameters
    ----------
    scores : torch.Tensor of shape (n, c)
        Logits or probabilities. Minus infinity rules a class out.
    name : str
        What an error calls them.

    Returns
    -------
    torch.Tensor of shape (n,), int64

    Raises
    ------
    InputError
        When a row's largest score is not finite: such a row says nothing of a class.

    Examples
    --------
    >>> predicted_classes(torch.tensor([[0.1, 0.9], [-torch.inf, 0.0]]))
    tensor([1, 1])
    """
    if scores.ndim != 2 or scores.shape[1] == 0:
        raise InputError(f"{name} must have shape (n, c), got {tuple(scores.shape)}.")
    if len(scores) == 0:
        return torch.zeros(0, dtype=torch.int64, device=scores.device)
    largest, classes = scores.max(1)
    bad = ~torch.isfinite(largest)
    if bool(bad.any()):
        row = int(torch.nonzero(bad)[0])
        raise InputError(
            f"{name} of row {row} choose no class: the largest is {float(largest[row])} "
            f"({int(bad.sum())} such row(s))."
        )
    return classes


def check_features(features: ArrayLike, *, name: str = "features", least: int = 1) -> Tensor:
    """Return features as a finite floating-point matrix.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d), or array-like
        Half precision is cast up to float32, integers to float32; float64 is kept.
    name : str
        What an error calls them.
    least : int
        The fewest rows that make sense.

    Returns
    -------
    torch.Tensor of shape (n, d)
        Detached.

    Raises
    ------
    InputError
        When they are no matrix, have too few rows or no column, or hold NaN or infinity.

    Examples
    --------
    >>> check_features(torch.tensor([[1, 2], [3, 4]])).dtype
    torch.float32
    """
    features = as_tensor(features, name=name)
    if features.ndim != 2 or features.is_complex():
        raise InputError(
            f"{name} must be real numbers of shape (n, d), "
            f"got {features.dtype} of shape {tuple(features.shape)}."
        )
    n, d = features.shape
    if n < least or d < 1:
        raise InputError(
            f"{name} must have at least {least} row(s) and one column, got {tuple(features.shape)}."
        )
    features = features.detach()
    if features.dtype != torch.float64:
        features = features.to(torch.float32)
    # A finite sum has finite terms, and costs a tenth of looking at each of them.
    if not bool(torch.isfinite(features.sum())) and not bool(torch.isfinite(features).all()):
        finite = torch.isfinite(features)
        row, column = (int(i) for i in torch.nonzero(~finite)[0])
        bad = int((~finite).sum())
        raise InputError(
            f"{name} must be finite: {bad} value(s) are NaN or infinite, "
            f"the first in row {row}, column {column}."
        )
    return features


def check_labels(labels: ArrayLike, *, n: int, name: str = "labels") -> Tensor:
    """Return labels as non-negative integers, one for each of ``n`` rows.

    Parameters
    ----------
    labels : torch.Tensor of shape (n,), or array-like
        Class indices.
    n : int
        How many rows the features have.
    name : str
        What an error calls them.

    Returns
    -------
    torch.Tensor of shape (n,), int64

    Raises
    ------
    InputError
        When the shape differs or a label is negative or not an integer.

    Examples
    --------
    >>> check_labels(torch.tensor([0, 2, 1]), n=3)
    tensor([0, 2, 1])
    """
    labels = as_tensor(labels, name=name)
    if labels.shape != (n,):
        raise InputError(
            f"{name} must have shape ({n},), one for each row, got {tuple(labels.shape)}."
        )
    if labels.dtype.is_floating_point or labels.dtype.is_complex or labels.dtype == torch.bool:
        raise InputError(f"{name} must be integers (class indices), got {labels.dtype}.")
    if n and int(labels.min()) < 0:
        row = int(labels.argmin())
        raise InputError(
            f"{name} must be at least 0, got {int(labels[row])} in row {row}: "
            "leave out what has no label."
        )
    return labels.to(torch.int64)


def check_pair(
    train: ArrayLike, test: ArrayLike, *, names: tuple[str, str] = ("train", "test")
) -> tuple[Tensor, Tensor]:
    """Return two feature matrices of one width, dtype and device.

    Parameters
    ----------
    train, test : torch.Tensor of shape (n, d), (m, d), or array-like
        Features of the images that fit a probe and of those that judge it.
    names : tuple of str
        What errors call them.

    Returns
    -------
    tuple of torch.Tensor

    Raises
    ------
    InputError
        When one is not a finite matrix or the widths differ.

    Examples
    --------
    >>> a, b = check_pair(torch.zeros(3, 2), torch.zeros(1, 2, dtype=torch.float64))
    >>> a.dtype, b.dtype
    (torch.float64, torch.float64)
    """
    train = check_features(train, name=names[0])
    test = check_features(test, name=names[1])
    if train.shape[1] != test.shape[1]:
        raise InputError(
            f"{names[0]} and {names[1]} must have one width, "
            f"got {train.shape[1]} and {test.shape[1]} columns."
        )
    dtype = torch.promote_types(train.dtype, test.dtype)
    return train.to(dtype), test.to(train.device, dtype)
