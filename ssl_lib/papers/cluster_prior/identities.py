"""What K-means presupposes, in numbers: four ways to write its objective, and SwAV's transport."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch.nn import functional

from ssl_lib.methods.msn import prototype_log_probabilities
from ssl_lib.methods.sinkhorn import sinkhorn
from ssl_lib.randomness import numpy_generator

__all__ = ["CHECKS", "Sizes", "identities_cell", "objective", "pair_form", "spectral_form"]

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

#: What is compared, for readers.
CHECKS = {
    "pairs": "K-means and squared distances of pairs, any sizes",
    "invariance": "K-means and an invariance term, equal sizes",
    "unequal": "the same, sizes as 4 : 1 : 1 : 1",
    "spectral": "K-means and a trace under whitening",
    "weights": "mixture's posterior and a cost with log weights",
    "msn": "MSN's prediction and an equal-weight mixture's",
    "transport": "SwAV's transport and K-means of held sizes",
}


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Random data: points, dimensions, clusters; sharpness of the transport."""

    points: int = 60
    dimensions: int = 5
    clusters: int = 4
    epsilon: float = 0.02
    iterations: int = 2000


def objective(x: Floats, cluster: Labels) -> float:
    """Return the sum of squared distances to the means of the clusters.

    Examples
    --------
    >>> objective(np.array([[0.0], [2.0], [5.0]]), np.array([0, 0, 1]))
    2.0
    """
    parts = (x[cluster == own] for own in np.unique(cluster))
    return float(sum(((part - part.mean(0)) ** 2).sum() for part in parts))


def _distances(x: Floats) -> Floats:
    return np.asarray(((x[:, None] - x) ** 2).sum(2))


def pair_form(x: Floats, cluster: Labels, *, equal: bool = False) -> float:
    """Return the sum of squared distances of pairs within clusters, over twice their sizes.

    With ``equal`` every size is taken to be the mean one: then it is an invariance term, the mean
    of squared distances over positive pairs, and the objective only if sizes are equal.

    Examples
    --------
    >>> x, cluster = np.array([[0.0], [2.0], [5.0]]), np.array([0, 0, 1])
    >>> pair_form(x, cluster), round(pair_form(x, cluster, equal=True), 2)
    (2.0, 2.67)
    """
    same = cluster[:, None] == cluster
    sizes = np.bincount(cluster)[cluster]
    size = len(x) / len(np.unique(cluster)) if equal else sizes[:, None]
    return float((same * _distances(x) / (2 * size)).sum())


def spectral_form(x: Floats, cluster: Labels) -> float:
    """Return the squared norm less a trace, with orthonormal indicators of the clusters.

    Examples
    --------
    >>> round(spectral_form(np.array([[0.0], [2.0], [5.0]]), np.array([0, 0, 1])), 12)
    2.0
    """
    y = np.eye(cluster.max() + 1)[cluster]
    y = y / np.sqrt(y.sum(0))
    return float((x**2).sum() - ((y.T @ x) ** 2).sum())


def identities_cell(config: Sizes, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Compare the forms on random data.

    Parameters
    ----------
    config : Sizes
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns check (a key of :data:`CHECKS`), difference.
    """
    generator = numpy_generator(cell["seed"], "cluster-prior", "identities")
    rows = [*_forms(config, generator), *_posteriors(config, generator)]
    rows.append(("transport", _transport(config, generator)))
    return pd.DataFrame(rows, columns=["check", "difference"])


def _forms(config: Sizes, generator: np.random.Generator) -> Iterator[tuple[str, float]]:
    x = generator.standard_normal((config.points, config.dimensions))
    equal = np.arange(config.points) % config.clusters
    unequal = np.maximum(np.arange(config.points) % (config.clusters + 3) - 3, 0)
    for name, cluster in (("invariance", equal), ("unequal", unequal)):
        found = pair_form(x, cluster, equal=True)
        yield name, _relative(found, objective(x, cluster))
    yield "pairs", _relative(pair_form(x, unequal), objective(x, unequal))
    yield "spectral", _relative(spectral_form(x, unequal), objective(x, unequal))


def _relative(one: float, other: float) -> float:
    return abs(one - other) / abs(other)


def _posteriors(config: Sizes, generator: np.random.Generator) -> Iterator[tuple[str, float]]:
    """Compare posteriors of mixtures with softmaxes of costs."""
    x, centres = (
        generator.standard_normal((n, config.dimensions)) for n in (config.points, config.clusters)
    )
    weights = generator.dirichlet(np.ones(config.clusters))
    distances = ((x[:, None] - centres) ** 2).sum(2)
    density = weights * np.exp(-distances / 2)
    cost = distances - 2 * np.log(weights)
    softmax = np.exp(-(cost - cost.min(1, keepdims=True)) / 2)
    yield "weights", _largest(density, softmax)
    z, c = (functional.normalize(torch.tensor(part), dim=1) for part in (x, centres))
    unit = ((z[:, None] - c) ** 2).sum(2).numpy()
    predicted = prototype_log_probabilities(z, c, temperature=0.1).exp().numpy()
    yield "msn", _largest(predicted, np.exp(-unit / 0.2))


def _largest(one: Floats, other: Floats) -> float:
    """Return the largest difference of rows that are normalised."""
    a, b = (part / part.sum(1, keepdims=True) for part in (one, other))
    return float(np.abs(a - b).max())


def _transport(config: Sizes, generator: np.random.Generator) -> float:
    """Return how much worse Sinkhorn's sharp plan is than the best assignment of equal sizes."""
    from scipy.optimize import linear_sum_assignment

    z, c = (
        functional.normalize(torch.tensor(generator.standard_normal((n, config.dimensions))), dim=1)
        for n in (config.points, config.clusters)
    )
    scores = z @ c.T
    plan = sinkhorn(scores, epsilon=config.epsilon, iterations=config.iterations)
    cost = (2 - 2 * scores).numpy()  # squared distances of unit vectors
    places = np.repeat(cost, config.points // config.clusters, axis=1)
    best = places[linear_sum_assignment(places)].sum()
    return float((plan.numpy() * cost).sum() / best - 1)
