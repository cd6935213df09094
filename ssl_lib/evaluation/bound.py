"""The measurable terms of a bound on the loss of a linear probe (Shwartz-Ziv et al. 2023, sec. 6).

With W the least squares of smallest norm from labelled features to one-hot labels, the expected
loss ||W f(x) - y|| is bounded by the gap between two views, by what unlabelled features leave of
their (hidden) labels, by what labelled features leave of theirs, and by terms that vanish with
more data. VICReg's invariance lowers the first; variance and covariance raise the features' rank,
which lowers the second.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ssl_lib.arguments import ArrayLike, check_whole
from ssl_lib.data import ImageData
from ssl_lib.data.views import Policy
from ssl_lib.errors import InputError
from ssl_lib.evaluation.checks import check_features, check_labels
from ssl_lib.evaluation.features import check_images, extract, subsample
from ssl_lib.evaluation.lidar import view_features

__all__ = ["BoundTerms", "bound_terms", "label_residual"]

_CUT = 1e-6  # of the largest singular value


@dataclass(frozen=True)
class BoundTerms:
    """Terms of the bound, and the loss that they bound; all in units of one-hot labels but `gap`.

    Attributes
    ----------
    gap : float
        Mean distance of the features of two views of an image, in units of the features.
    scale : float
        Mean length of those features: a gap shrinks with them, and ``gap / scale`` does not.
    weight : float
        Largest singular value of W; the constant before the gap grows with it.
    unlabelled, labelled : float
        See :func:`label_residual`, of the first views of all images and of the labelled images.
    rank : int
        Of the first views' features.
    loss : float
        Mean length of W f(x) - y over the test images.

    Examples
    --------
    >>> BoundTerms(gap=1.0, scale=2.0, weight=1.0, unlabelled=0.5, labelled=0.0, rank=3, loss=0.8)
    BoundTerms(gap=1.0, scale=2.0, weight=1.0, unlabelled=0.5, labelled=0.0, rank=3, loss=0.8)
    """

    gap: float
    scale: float
    weight: float
    unlabelled: float
    labelled: float
    rank: int
    loss: float


def label_residual(features: ArrayLike, labels: ArrayLike) -> float:
    r"""Compute what no linear map of features tells of their own labels.

    .. math:: \|P_Z Y\|_F / \sqrt n, \qquad P_Z = I - Z^\top (Z Z^\top)^\dagger Z

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        Not centred; directions below 1e-6 of the largest singular value count as none.
    labels : torch.Tensor of shape (n,)
        Classes; one-hot in Y.

    Returns
    -------
    float
        From 0 (rank n: every label fits) to 1; more features never raise it.

    Examples
    --------
    >>> one, zero = torch.ones(4, 1), torch.zeros(4, 1)
    >>> y = torch.tensor([0, 0, 1, 1])
    >>> label_residual(zero, y), round(label_residual(one, y) ** 2, 4)
    (1.0, 0.5)
    """
    z = check_features(features).double()
    basis = _basis(z)[0]
    y = _one_hot(check_labels(labels, n=len(z)).to(z.device))
    return float((y - basis @ (basis.T @ y)).norm() / math.sqrt(len(z)))


def _basis(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the singular value decomposition of features (n, d) without what is rounding."""
    left, values, right = torch.linalg.svd(z, full_matrices=False)
    kept = values > _CUT * values.max()
    return left[:, kept], values[kept], right[kept]


def _one_hot(labels: Tensor, n_classes: int = -1) -> Tensor:
    return functional.one_hot(labels, n_classes).double()


def bound_terms(
    encoder: Callable[[Tensor], Tensor],
    train: ImageData,
    test: ImageData,
    *,
    policy: Policy | str,
    labelled: int = 100,
    seed: int = 0,
    batch_size: int = 512,
) -> BoundTerms:
    """Compute the terms of the bound for an encoder.

    Parameters
    ----------
    encoder : callable
        See :func:`ssl_lib.evaluation.features.extract`.
    train : ImageData
        The unlabelled images. Their labels enter the terms only, and those of ``labelled`` of them
        the probe.
    test : ImageData
        Images that judge the probe.
    policy : Policy or str
        The augmentation that makes both views.
    labelled : int, default=100
        Labelled images, drawn from ``train``. Well above or below the number of features: near it
        the least squares of smallest norm have their spike (double descent).
    seed : int, default=0
        Draws the views and the labelled images.
    batch_size : int, default=512
        Images encoded at a time.

    Returns
    -------
    BoundTerms

    Raises
    ------
    InputError
        When train or test is no ImageData with labels, there are too few images, or features are
        not finite.

    Examples
    --------
    >>> from ssl_lib import data
    >>> train, test = data.load("digits"), data.load("digits", split="test")
    >>> found = bound_terms(torch.nn.Flatten(), train, test, policy="digits", labelled=300)
    >>> found.rank, round(found.labelled, 2), round(found.unlabelled, 2)
    (64, 0.51, 0.84)
    """
    check_images("the bound", train, test)
    if check_whole("labelled", labelled, least=2) > len(train):
        raise InputError(f"labelled={labelled} must be at most {len(train)}, the training images.")
    pair = view_features(
        encoder, train.images, policy, count=2, seed=seed, batch_size=batch_size
    ).double()
    first = check_features(pair[:, 0], name="the encoder's outputs")
    few = subsample(train, labelled, seed=seed)
    x, z = (check_features(extract(encoder, part.images, batch_size=batch_size)).double()
            for part in (few, test))  # fmt: skip
    classes = max(train.n_classes, test.n_classes)
    left, values, right = _basis(x)
    weights = right.T @ ((left.T @ _one_hot(few.labels.to(x.device), classes)) / values[:, None])
    error = z @ weights - _one_hot(test.labels.to(z.device), classes)
    return BoundTerms(
        gap=float((pair[:, 0] - pair[:, 1]).norm(dim=1).mean()),
        scale=float(first.norm(dim=1).mean()),
        weight=float(torch.linalg.matrix_norm(weights, ord=2)),
        unlabelled=label_residual(first, train.labels),
        labelled=label_residual(x, few.labels),
        rank=len(_basis(first)[1]),
        loss=float(error.norm(dim=1).mean()),
    )
