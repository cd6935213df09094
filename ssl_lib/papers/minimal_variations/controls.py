"""Controls of some claims that no table holds: seconds each, computed where the page runs.

They take the samples of the tables, seed by seed, and their rows look like those of the tables.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from ssl_lib.models import seeded
from ssl_lib.papers.chapter import Tables
from ssl_lib.papers.minimal_variations import moons, networks, probes
from ssl_lib.papers.minimal_variations.settings import Settings
from ssl_lib.papers.minimal_variations.tasks import TASKS
from ssl_lib.papers.minimal_variations.variants import JOINED, NEIGHBOURS, REFERENCE
from ssl_lib.randomness import numpy_generator
from ssl_lib.theory import DiffusionMap, Gaussian, principal_cosines
from ssl_lib.theory.checks import Array
from ssl_lib.theory.downstream import classification_excess

__all__ = ["leave_one_out", "matched", "own_energies", "shown", "start", "untrained", "validated"]

#: Fresh points that judge an untrained network; fewer than judge a trained one, for time.
JUDGES = 500


def shown(tables: Tables) -> Settings:
    """Return the settings of a run with as many seeds as its tables hold."""
    given: Any = tables.settings
    found: Settings = replace(given, seeds=max(tables.seeds) + 1)
    return found


def _rows(rows: Iterator[Any], *first: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["seed", *first, "measure", "at", "value"])
    return frame.astype({"at": "float64", "value": "float64"})


@lru_cache(maxsize=2)
def own_energies(settings: Settings) -> pd.DataFrame:
    """Estimate the Dirichlet eigenvalues of the very samples that the table of noise is from.

    Returns
    -------
    pandas.DataFrame
        Columns seed, measure ("eigenvalue"), at (its number), value.
    """

    def rows() -> Iterator[Any]:
        for short, seed in enumerate(settings.every_seed):
            points = moons.sample(settings.sizes.dense, seed, "train").points
            model: Any = REFERENCE.make(settings.sizes, moons.K, seed).fit(points)
            for number, value in enumerate(model.eigenvalues_, start=1):
                yield short, "eigenvalue", number, value

    return _rows(rows())


@lru_cache(maxsize=2)
def matched(settings: Settings) -> pd.DataFrame:
    """Find among a diffusion map's functions on N(0, 1) the one nearest to x, the first exact one.

    Where the tails hold few points, functions that are about those alone can come before it: then
    an eigenvalue's number does not say whose it is.

    Returns
    -------
    pandas.DataFrame
        Columns seed, alpha, measure, at (1, the degree of x), value: "energy", the eigenvalue of
        the function whose squared correlation with x is largest on the sample; its "number" among
        the functions, and the "correlation".
    """

    def rows() -> Iterator[Any]:
        for short, seed in enumerate(settings.every_seed):
            line = numpy_generator(seed, "normal").standard_normal((settings.sizes.dense, 1))
            for alpha in moons.ALPHAS:
                for measure, value in _nearest(line, alpha).items():
                    yield short, alpha, measure, 1, value

    return _rows(rows(), "alpha")


def _nearest(line: Array, alpha: float) -> dict[str, float]:
    joined = None if len(line) <= JOINED else NEIGHBOURS
    model = DiffusionMap(moons.K, bandwidth=moons.NORMAL, alpha=alpha, neighbours=joined).fit(line)
    near = [np.corrcoef(one, line[:, 0])[0, 1] ** 2 for one in model.embedding_[:, 1:].T]
    number = int(np.argmax(near)) + 1
    energy = float(model.eigenvalues_[number])
    return {"energy": energy, "number": number, "correlation": float(max(near))}


@lru_cache(maxsize=2)
def untrained(settings: Settings) -> pd.DataFrame:
    """Judge each network as it is before its first step.

    Returns
    -------
    pandas.DataFrame
        Columns seed, loss, world, measure, at, value: "alignment" and "whole", as of
        :func:`ssl_lib.papers.minimal_variations.networks.networks`.
    """

    def rows() -> Iterator[Any]:
        sizes = replace(settings.sizes, test=min(JUDGES, settings.sizes.test))
        for short, seed in enumerate(settings.every_seed):
            for world in networks.WORLDS.values():
                inputs, exact, _ = networks._judges(world, sizes, seed)
                for loss in networks.LOSSES.values():
                    outputs = networks._outputs(start(loss, world, seed), inputs)
                    found = networks.principal(loss.gram(outputs), world.k)
                    for name, span in (("alignment", found), ("whole", outputs)):
                        held = _held(exact, span)
                        yield short, loss.name, world.name, name, span.shape[1], held

    return _rows(rows(), "loss", "world")


def start(loss: networks.Loss, world: networks.World, seed: int) -> nn.Module:
    """Return the network with which :func:`networks.train` starts."""
    with seeded(seed, "network"):
        return nn.Sequential(
            nn.Linear(2, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(),
            nn.Linear(100, world.k + loss.extra),
        )  # fmt: skip


def _held(exact: Array, span: Array) -> float:
    cosines = principal_cosines(exact, span, centre=True)
    return float((cosines**2).sum() / exact.shape[1])


@lru_cache(maxsize=2)
def validated(settings: Settings) -> pd.DataFrame:
    """Read the quarter arcs out of the points themselves, as well as labels alone can choose how.

    Kernel ridge regression whose bandwidth and penalty have the least squared error when each
    labelled point is left out in turn; on the samples and labels of the table of methods.

    Returns
    -------
    pandas.DataFrame
        Columns seed, method ("validated"), measure ("arcs excess"), at (labels), value.
    """

    def rows() -> Iterator[Any]:
        for short, seed in enumerate(settings.every_seed):
            for n, value in _arcs(settings, seed):
                yield short, "validated", "arcs excess", n, value

    return _rows(rows(), "method")


def _arcs(settings: Settings, seed: int) -> Iterator[tuple[int, float]]:
    task, sizes = TASKS[0], settings.sizes
    train = moons.sample(sizes.points, seed, "train").points
    test = moons.sample(sizes.test, seed, "test").points
    labels, truth = moons._labels(task, train, seed), task.probabilities(test)
    for n in (n for n in moons.LABELS if n <= len(train)):
        parts = probes._draws(n, len(train))
        predicted = [_chosen(train[part], labels[part], test) for part in parts]
        yield n, float(np.mean([classification_excess(one, truth) for one in predicted]))


def _chosen(train: Array, targets: Array, test: Array) -> Array:
    errors = [leave_one_out(train, targets, scale=scale) for scale in probes.SCALES]
    scale, penalty = np.unravel_index(np.argmin(errors), np.shape(errors))
    return probes.kernel_ridge(
        train, targets, test, scale=probes.SCALES[scale], penalties=[probes.PENALTIES[penalty]]
    )[0]


def leave_one_out(train: Array, targets: Array, *, scale: float) -> list[float]:
    """Return the mean squared error of kernel ridge regression on points left out, by penalty.

    Without a regression for each: the residual of a point left out is its weight over the diagonal
    of the inverse matrix. The mean of the targets is that of all points.

    Examples
    --------
    >>> x = np.array([[0.0], [10.0]])  # so far apart that one says nothing of the other
    >>> [round(error, 6) for error in leave_one_out(x, x, scale=1.0)[:2]]
    [25.0, 25.0]
    """
    values, axes = np.linalg.eigh(Gaussian(scale)(train, train))
    turned = axes.T @ (targets - targets.mean(0))
    inverses = [
        1 / (values.clip(0) + penalty * len(train))[:, None] for penalty in probes.PENALTIES
    ]
    left = [axes @ (inverse * turned) / (axes**2 @ inverse) for inverse in inverses]
    return [float((residuals**2).mean()) for residuals in left]
