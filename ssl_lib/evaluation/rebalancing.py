"""Rebalanced sampling without labels, by k-means of k-means.

Vo et al. (2024), "Automatic data curation for self-supervised learning: a clustering-based
approach": k-means puts many of its clusters where the data are dense; clusters of its centres, and
of theirs, even that out level by level. Sampling each level evenly then shows rare kinds of images
more often.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ssl_lib.arguments import ArrayLike, as_tensor, check_whole
from ssl_lib.errors import InputError
from ssl_lib.evaluation.checks import check_features
from ssl_lib.randomness import stream_seed, torch_generator

__all__ = ["hierarchical_clusters", "rebalanced_rows", "rebalanced_weights"]


def hierarchical_clusters(
    features: ArrayLike, sizes: Sequence[int], *, seed: int = 0, starts: int = 1
) -> list[Tensor]:
    """Cluster features, then the clusters' centres, and so on.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        One row a sample.
    sizes : sequence of int
        Clusters of each level, the finest first, decreasing, such as (100, 10).
    seed : int, default=0
        Of the starts of k-means.
    starts : int, default=1
        How often each k-means starts; the best is kept.

    Returns
    -------
    list of torch.Tensor of shape (n,), int64
        The cluster of each sample at each level, the finest first.

    Examples
    --------
    >>> x = torch.tensor([[0.0], [0.1], [1.0], [9.0]])
    >>> fine, coarse = hierarchical_clusters(x, [3, 2])
    >>> len(fine.unique()), bool(coarse[0] == coarse[2]), bool(coarse[0] == coarse[3])
    (3, True, False)
    """
    from sklearn.cluster import KMeans

    points = check_features(features).double().cpu().numpy()
    _check_sizes(sizes, len(points))
    levels: list[Tensor] = []
    for level, size in enumerate(sizes):
        start = stream_seed(seed, "k-means", level) % 2**32
        fitted = KMeans(size, n_init=starts, random_state=start).fit(points)
        found = torch.as_tensor(fitted.labels_, dtype=torch.int64)
        levels.append(found[levels[-1]] if levels else found)
        points = fitted.cluster_centers_
    return levels


def _check_sizes(sizes: Sequence[int], n: int) -> None:
    bounds = [n, *sizes]
    for size in sizes:
        check_whole("a number of clusters", size, least=0)
    decreasing = all(1 <= b <= a for a, b in zip(bounds, sizes, strict=False))
    if not len(sizes) or not decreasing:
        raise InputError(
            f"sizes must be one or more numbers of clusters, decreasing from at most the {n} "
            f"samples, such as (100, 10); got {tuple(sizes)}."
        )


def rebalanced_weights(levels: Sequence[ArrayLike]) -> Tensor:
    """Return how likely each sample is when every level of a hierarchy is sampled evenly.

    Parameters
    ----------
    levels : sequence of torch.Tensor of shape (n,)
        Clusters of each sample, the finest level first, from :func:`hierarchical_clusters`.

    Returns
    -------
    torch.Tensor of shape (n,), float64
        Positive, summing to 1: the coarsest clusters have equal shares, in each its own clusters
        have, and so on down to the samples of a finest one.

    Raises
    ------
    InputError
        When levels differ in their samples, or a cluster lies in two of the next level.

    Examples
    --------
    >>> rebalanced_weights([[0, 0, 1, 2], [0, 0, 0, 1]])
    tensor([0.1250, 0.1250, 0.2500, 0.5000], dtype=torch.float64)
    """
    if not len(levels):
        raise InputError("levels must hold at least one level of clusters.")
    tensors = [as_tensor(level, name="levels").cpu() for level in levels]
    clusters = [level.unique(return_inverse=True)[1] for level in tensors]
    n = len(clusters[0])
    if any(level.shape != (n,) for level in clusters):
        raise InputError(
            f"all levels need as many samples, got {[tuple(level.shape) for level in clusters]}."
        )
    inside, weights = torch.zeros(n, dtype=torch.int64), torch.ones(n, dtype=torch.float64)
    for level in reversed(clusters):
        pairs = torch.stack([inside, level], 1).unique(dim=0)
        if len(pairs) != level.max() + 1:
            raise InputError("each cluster must lie in one cluster of the next, coarser level.")
        weights /= pairs[:, 0].bincount()[inside]
        inside = level
    return weights / inside.bincount()[inside]


def rebalanced_rows(
    features: ArrayLike, size: int, *, clusters: Sequence[int] = (100, 10), seed: int = 0
) -> Tensor:
    """Draw samples so that every kind of image is seen about as often.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        Of an encoder trained on the data as they are, or pixels.
    size : int
        How many to draw, with replacement: n keeps the compute of an epoch.
    clusters : sequence of int, default=(100, 10)
        Clusters of each level, the finest first.
    seed : int, default=0
        Of the clusters and of the draw.

    Returns
    -------
    torch.Tensor of shape (size,), int64
        Positions, for :meth:`ssl_lib.data.ImageData.subset`.

    Examples
    --------
    Ninety samples of one kind and ten of another.

    >>> draw = torch.Generator().manual_seed(0)
    >>> x = torch.randn(100, 2, generator=draw) + 20 * (torch.arange(100)[:, None] < 90)
    >>> rows = rebalanced_rows(x, 1000, clusters=(10, 2))
    >>> round(float((rows < 90).float().mean()), 1)
    0.5
    """
    check_whole("size", size)
    weights = rebalanced_weights(hierarchical_clusters(features, clusters, seed=seed))
    generator = torch_generator(seed, "rebalanced rows")
    return torch.multinomial(weights, size, replacement=True, generator=generator)
