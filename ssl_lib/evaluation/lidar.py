"""LiDAR: how many directions tell images apart by more than their views differ.

Thilak et al., "LiDAR: Sensing Linear Probing Performance in Joint Embedding SSL Architectures"
(arXiv 2312.04000). Each image is a class of its own, its views are the class's samples. RankMe
counts every direction that the embedding fills, noise included; LiDAR only those in which images
are further apart than the views of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ssl_lib.arguments import ArrayLike, as_tensor, check_whole
from ssl_lib.data.views import Policy, views
from ssl_lib.errors import InputError
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.rank import entropic_rank
from ssl_lib.randomness import torch_generator

__all__ = ["lidar", "view_features"]


def lidar(features: ArrayLike, *, delta: float = 1e-4, eps: float = 1e-8) -> float:
    r"""Compute LiDAR from several views of each image.

    .. math:: \Sigma = \Sigma_w^{-1/2}\, \Sigma_b\, \Sigma_w^{-1/2}, \qquad
       \mathrm{LiDAR} = \exp\Big(-\sum_i p_i \ln p_i\Big), \qquad
       p_i = \frac{\lambda_i}{\sum_j \lambda_j} + \epsilon

    with the eigenvalues :math:`\lambda` of :math:`\Sigma`, the covariance :math:`\Sigma_b` of the
    images' mean features, and the mean covariance of one image's views plus :math:`\delta I` as
    :math:`\Sigma_w`.

    Parameters
    ----------
    features : torch.Tensor of shape (n, q, d)
        q views of each of n images, see :func:`view_features`. The paper takes 50 of 1,000.
    delta : float, default=1e-4
        Of the ridge, in units of the features' variance. With 0 the value does not change under
        invertible linear maps of the features, and needs more views in all than dimensions.
    eps : float, default=1e-8
        Added to each share.

    Returns
    -------
    float
        Between 1 and ``min(n - 1, d)`` for ``eps=0``.

    Raises
    ------
    InputError
        When the features are not finite numbers of that shape, there are fewer than two images or
        views, all images have the same mean, or views vary in too few directions for ``delta=0``.

    Examples
    --------
    Images differ in two directions, views in all sixteen.

    >>> draw = torch.Generator().manual_seed(0)
    >>> images = 10 * torch.randn(500, 1, 16, generator=draw) * (torch.arange(16) < 2)
    >>> z = images + torch.randn(500, 8, 16, generator=draw)
    >>> round(lidar(z), 2)
    2.12
    """
    z = _checked(features)
    for name, value in (("delta", delta), ("eps", eps)):
        if not 0 <= value < math.inf:
            raise InputError(f"{name} must be at least 0 and finite, got {value}.")
    n, q, d = z.shape
    means = z.mean(1)
    spread = (z - means[:, None]).reshape(n * q, d)
    within = spread.T @ spread / (n * (q - 1)) + delta * torch.eye(d).to(z)
    factor, failed = torch.linalg.cholesky_ex(within)
    # Differences between equal views are rounding, by the features' size.
    if failed or not factor.diagonal().min() > 1e-12 * z.abs().max():
        raise InputError("views vary in too few directions to compare with: use delta > 0.")
    # The eigenvalues are the squared singular values of the whitened means.
    centred = torch.linalg.solve_triangular(factor, (means - means.mean(0)).T, upper=False)
    if not centred.any():
        raise InputError("all images have the same mean features: no direction tells them apart.")
    eigenvalues = torch.zeros(d).to(z)
    eigenvalues[: min(n, d)] = torch.linalg.svdvals(centred).square()
    return entropic_rank(eigenvalues, eps=eps)


def _checked(features: ArrayLike) -> Tensor:
    z = as_tensor(features, name="features").detach().to(torch.float64)
    if z.ndim != 3 or z.shape[0] < 2 or z.shape[1] < 2 or z.shape[2] < 1:
        raise InputError(
            "features must have shape (n, q, d), at least two views of at least two images, got "
            f"{tuple(z.shape)}."
        )
    if not bool(z.isfinite().all()):
        raise InputError("features must be finite.")
    return z


def view_features(
    encoder: Callable[[Tensor], Tensor],
    images: Tensor,
    policy: Policy | str,
    *,
    count: int = 10,
    seed: int = 0,
    batch_size: int = 512,
) -> Tensor:
    """Compute an encoder's features of several views of each image.

    Parameters
    ----------
    encoder : callable
        See :func:`ssl_lib.evaluation.features.extract`; for LiDAR the encoder with its projector.
    images : torch.Tensor of shape (n, c, h, w)
    policy : Policy or str
        What the encoder was trained with; all its recipes take turns.
    count : int, default=10
        Views of each image.
    seed : int, default=0
        Draws the views.
    batch_size : int, default=512
        Views encoded at a time.

    Returns
    -------
    torch.Tensor of shape (n, count, d)

    Examples
    --------
    >>> pictures = torch.rand(6, 1, 8, 8)
    >>> view_features(torch.nn.Flatten(), pictures, "digits", count=4).shape
    torch.Size([6, 4, 64])
    """
    check_whole("count", count, least=2)
    generator = torch_generator(seed, "lidar", "views")
    made: list[Tensor] = []
    while len(made) < count:
        made += views(images, generator, policy)
    parts = [extract(encoder, view, batch_size=batch_size) for view in made[:count]]
    return torch.stack(parts, 1)
