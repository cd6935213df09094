"""K-means and Gaussian mixtures where clusters differ in size: three Gaussians, and digits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from ssl_lib.evaluation.clusters import majority_classes
from ssl_lib.papers.cluster_prior import tails
from ssl_lib.randomness import numpy_generator, stream_seed

__all__ = [
    "MODELS",
    "Mixtures",
    "digits_cell",
    "divide",
    "gaussians",
    "gaussians_cell",
    "kmeans",
    "mixture",
]

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

#: What divides the plane, by name.
MODELS = {
    "kmeans": "K-means",
    "uniform": "mixture, equal weights",
    "matched": "mixture, the true weights",
}


@dataclass(frozen=True, kw_only=True)
class Mixtures:
    """Data whose clusters differ in size.

    Attributes
    ----------
    points : int
        Drawn from three Gaussians of variance 1 in the corners of an equilateral triangle.
    side : float
        Of the triangle.
    ratios : tuple of float
        Of the first Gaussian's size to each of the other two.
    exponents : tuple of float
        Of the long tails of digits.
    starts, iterations : int
        Of K-means and of the mixtures.
    """

    points: int = 1000
    side: float = 4.0
    ratios: tuple[float, ...] = (1, 3, 10, 30, 100)
    exponents: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5)
    starts: int = 5
    iterations: int = 40


def gaussians(config: Mixtures, ratio: float, seed: int) -> tuple[Floats, Labels]:
    """Draw points of three Gaussians whose sizes are as ratio : 1 : 1.

    Examples
    --------
    >>> _, cluster = gaussians(Mixtures(), 3, 0)
    >>> np.bincount(cluster).tolist()
    [600, 200, 200]
    """
    sizes = _sizes(config.points, ratio)
    cluster = np.repeat(np.arange(3), sizes)
    angle = 2 * np.pi * np.arange(3) / 3
    corners = config.side / np.sqrt(3) * np.stack([np.cos(angle), np.sin(angle)], 1)
    generator = numpy_generator(seed, "cluster-prior", "gaussians", int(ratio))
    return corners[cluster] + generator.standard_normal((config.points, 2)), cluster


def _sizes(points: int, ratio: float) -> list[int]:
    small = max(1, round(points / (ratio + 2)))
    return [points - 2 * small, small, small]


def kmeans(x: Floats, k: int, starts: int, seed: int) -> Labels:
    """Return the clusters of K-means, the best of several starts."""
    from sklearn.cluster import KMeans

    state = stream_seed(seed, "cluster-prior", "kmeans") % 2**32
    found = KMeans(n_clusters=k, n_init=starts, random_state=state).fit(x)
    return np.asarray(found.labels_, dtype=np.int64)


def mixture(x: Floats, weights: Floats, config: Mixtures, seed: int) -> Labels:
    """Return the clusters of a Gaussian mixture of variance 1 whose weights are held.

    In every iteration the component that has most points gets the largest weight, and so on. Of
    several starts the one of the largest likelihood counts.
    """
    generator = numpy_generator(seed, "cluster-prior", "mixture")
    found = [_expectation_maximisation(x, weights, config, generator) for _ in range(config.starts)]
    return max(found, key=lambda one: one[0])[1]


def _expectation_maximisation(
    x: Floats, weights: Floats, config: Mixtures, generator: np.random.Generator
) -> tuple[float, Labels]:
    centres = x[generator.choice(len(x), len(weights), replace=False)]
    held = np.full(len(weights), 1 / len(weights))
    for _ in range(config.iterations):
        posterior, likelihood = _posterior(x, centres, held)
        usage = posterior.sum(0)
        centres = posterior.T @ x / np.maximum(usage, 1e-12)[:, None]
        held = np.empty_like(held)
        held[np.argsort(-usage)] = np.sort(weights)[::-1]
    posterior, likelihood = _posterior(x, centres, held)
    return likelihood, posterior.argmax(1)


def _posterior(x: Floats, centres: Floats, weights: Floats) -> tuple[Floats, float]:
    cost = ((x[:, None] - centres) ** 2).sum(2) - 2 * np.log(weights)
    least = cost.min(1, keepdims=True)
    joint = np.exp((least - cost) / 2)
    total = joint.sum(1, keepdims=True)
    return joint / total, float((np.log(total) - least / 2).sum())


def divide(model: str, x: Floats, true: Floats, config: Mixtures, seed: int) -> Labels:
    """Divide points by one of :data:`MODELS`."""
    if model == "kmeans":
        return kmeans(x, len(true), config.starts, seed)
    weights = true if model == "matched" else np.full(len(true), 1 / len(true))
    return mixture(x, weights, config, seed)


def gaussians_cell(config: Mixtures, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Divide three Gaussians of every ratio of sizes.

    Parameters
    ----------
    config : Mixtures
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns ratio, model, agreement (adjusted Rand index), largest (share of a cluster), true.
    """
    rows = []
    for ratio in config.ratios:
        x, cluster = gaussians(config, ratio, cell["seed"])
        true = np.bincount(cluster) / len(cluster)
        for model in MODELS:
            found = divide(model, x, true, config, cell["seed"])
            rows.append((ratio, model, *_described(found, cluster), true.max()))
    return pd.DataFrame(rows, columns=["ratio", "model", "agreement", "largest", "true"])


def _described(found: Labels, cluster: Labels) -> tuple[float, float]:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(cluster, found)), float(np.bincount(found).max() / len(found))


def digits_cell(config: Mixtures, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Divide pixels of long-tailed digits by K-means with ten clusters.

    Returns
    -------
    pandas.DataFrame
        Columns exponent, images, true (share of the largest class), largest (of a cluster), head
        (clusters in which the largest class is the majority), classes (that are some cluster's
        majority), agreement.
    """
    rows = []
    for exponent in config.exponents:
        made = tails.digits(exponent, cell["seed"])
        x, labels = made.images.flatten(1).double().numpy(), made.labels.numpy()
        found = kmeans(x, 10, config.starts, cell["seed"])
        majority = majority_classes(made.labels, torch.as_tensor(found))
        agreement, largest = _described(found, labels)
        rows.append((
            exponent, len(x), made.shares.max(), largest,
            int((majority == made.order[0]).sum()), len(set(majority.tolist())), agreement,
        ))  # fmt: skip
    columns = ["exponent", "images", "true", "largest", "head", "classes", "agreement"]
    return pd.DataFrame(rows, columns=columns)
