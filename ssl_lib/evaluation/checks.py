"""What every measure asks of its input: finite features, labels that fit them."""

from __future__ import annotations

import torch
from torch import Tensor

from ssl_lib.errors import InputError

__all__ = ["check_features", "check_labels", "check_pair"]


def check_features(features: Tensor, *, name: str = "features", least: int = 1) -> Tensor:
    """Return features as a finite floating-point matrix.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
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
    if not isinstance(features, Tensor) or features.ndim != 2:
        shape = tuple(getattr(features, "shape", ())) or type(features).__name__
        raise InputError(f"{name} must be a tensor of shape (n, d), got {shape}.")
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


def check_labels(labels: Tensor, *, n: int, name: str = "labels") -> Tensor:
    """Return labels as non-negative integers, one for each of ``n`` rows.

    Parameters
    ----------
    labels : torch.Tensor of shape (n,)
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
    if not isinstance(labels, Tensor) or labels.shape != (n,):
        shape = tuple(getattr(labels, "shape", ())) or type(labels).__name__
        raise InputError(f"{name} must have shape ({n},), one for each feature row, got {shape}.")
    if labels.dtype.is_floating_point or labels.dtype.is_complex or labels.dtype == torch.bool:
        raise InputError(f"{name} must be integers (class indices), got {labels.dtype}.")
    if n and int(labels.min()) < 0:
        raise InputError(f"{name} must be at least 0, got {int(labels.min())}.")
    return labels.to(torch.int64)


def check_pair(
    train: Tensor, test: Tensor, *, names: tuple[str, str] = ("train", "test")
) -> tuple[Tensor, Tensor]:
    """Return two feature matrices of one width, dtype and device.

    Parameters
    ----------
    train, test : torch.Tensor of shape (n, d), (m, d)
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
