"""Half-moons: eigenfunctions, downstream errors by sample sizes, and capacity."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd

from ssl_lib.papers.ssl_interplay.recipes import Capacity, Dimensions, Sizes
from ssl_lib.randomness import numpy_generator
from ssl_lib.theory.checks import Array
from ssl_lib.theory.downstream import classification_excess, nested_probes, regression_excess
from ssl_lib.theory.kernels import Gaussian, Laplace
from ssl_lib.theory.moons import Moons, class_probabilities, half_moons
from ssl_lib.theory.nested import NestedFeatures, nested_ssl
from ssl_lib.theory.noise import Noise
from ssl_lib.theory.spans import explained
from ssl_lib.theory.ssl import KernelSSL

__all__ = [
    "NONE",
    "WINDOW",
    "capacity",
    "dimensions",
    "field",
    "fitted",
    "label_noise",
    "pairs",
    "pictured",
    "second",
    "sizes",
]

NOISE, SCALE = 0.1, 0.2
WINDOW = ((-1.5, 1.5), (-1.5, 2.5))
#: The ridge that stands for no augmentations: kernel principal components.
NONE = 0.0


def pairs(n: int, seed: int) -> tuple[Moons, Array]:
    """Draw inputs and two views of each (2, n, 2)."""
    generator = numpy_generator(seed, "moons")
    drawn = half_moons(n, generator, noise=NOISE)
    return drawn, np.stack([Noise(NOISE)(drawn.points, generator) for _ in range(2)])


def pictured(n: int, k: int, seed: int, ridge: float) -> tuple[KernelSSL, Array]:
    """Return the eigenfunctions of the paper's set-up, and the views they were learned from."""
    drawn, views = pairs(n, seed)
    model = KernelSSL(
        list(views), n_components=k, kernel=Laplace(SCALE), statistic="V", scaled=False,
        penalty=ridge / (4 * n),
    )  # fmt: skip
    return model.fit(drawn.points), views


def field(model: KernelSSL, side: int) -> tuple[Array, Array, Array]:
    """Return axes (side,) and the features' values (k, side, side) in :data:`WINDOW`."""
    x, y = (np.linspace(*ends, side) for ends in WINDOW)
    points = np.stack(np.meshgrid(x, y), axis=2).reshape(-1, 2)
    return x, y, model.transform(points).T.reshape(-1, side, side)


def sizes(config: Sizes, cell: Mapping[str, int]) -> pd.DataFrame:
    """Pretrain on the first inputs of a sample and probe with the first labels of others.

    Returns
    -------
    pandas.DataFrame
        Columns inputs, labels, measure, value: mean excess over ``trials`` samples of labels.
    """
    _, views = pairs(max(config.inputs), cell["seed"])
    learned = nested_ssl(
        list(views), config.inputs, kernel=Laplace(SCALE), ridge=config.ridge / 2,
        n_components=config.components, statistic="V",
    )  # fmt: skip
    generator = numpy_generator(cell["seed"], "labels")
    flat = views.transpose(1, 0, 2).reshape(-1, 2)
    trials = [_trial(config, learned, flat, generator) for _ in range(config.trials)]
    mean = pd.concat(trials).groupby(["inputs", "labels", "measure"]).value.mean()
    return mean.reset_index()


def _trial(
    config: Sizes, learned: list[NestedFeatures], flat: Array, generator: np.random.Generator
) -> pd.DataFrame:
    labelled, test = (half_moons(n, generator).points for n in (max(config.labels), config.test))
    classes = _draw(class_probabilities(labelled), generator)
    truth = class_probabilities(test)
    kernel = Laplace(SCALE)
    grams = kernel(labelled, flat), kernel(test, flat)
    rows = []
    for n, features in zip(config.inputs, learned, strict=True):
        weights = nested_probes(features(grams[0]), classes, config.labels)
        predicted = features(grams[1]) @ weights
        for name, excess in (
            ("regression", regression_excess),
            ("classification", classification_excess),
        ):
            found = zip(config.labels, excess(predicted, truth), strict=True)
            rows += [(n, labels, name, value) for labels, value in found]
    return pd.DataFrame(rows, columns=["inputs", "labels", "measure", "value"])


def _draw(probabilities: Array, generator: np.random.Generator) -> Array:
    """Draw labels as rows of a one-hot matrix."""
    place = generator.random((len(probabilities), 1)) > probabilities.cumsum(1)
    last = probabilities.shape[1] - 1
    return np.asarray(np.eye(last + 1)[np.minimum(place.sum(1), last)])


def dimensions(config: Dimensions, cell: Mapping[str, int]) -> pd.DataFrame:
    """Measure how many features a penalty leaves, and which number serves few labels best.

    Returns
    -------
    pandas.DataFrame
        Columns penalty, largest (eigenvalue), useful (positive ones), features (asked for) and
        excess (regression; missing where fewer are left).
    """
    drawn, views = pairs(config.inputs, cell["seed"])
    model = KernelSSL(
        list(views), n_components=None, kernel=Laplace(SCALE), penalty=min(config.penalties)
    ).fit(drawn.points)
    generator = numpy_generator(cell["seed"], "few labels")
    samples = [_sample(config, generator) for _ in range(config.trials)]
    rows = []
    for one in model.path(config.penalties):
        top = float(one.eigenvalues_[0]) if len(one.eigenvalues_) else np.nan
        row = {"penalty": one.penalty, "largest": top, "useful": one.useful_dimension_}
        for k in config.counts:
            rows.append(row | {"features": k, "excess": _excess(one, k, samples)})
    return pd.DataFrame(rows)


def _sample(config: Dimensions, generator: np.random.Generator) -> tuple[Array, Array, Array]:
    labelled, test = (half_moons(n, generator).points for n in (config.labels, config.test))
    return labelled, _draw(class_probabilities(labelled), generator), test


def _excess(model: KernelSSL, k: int, samples: list[tuple[Array, Array, Array]]) -> float:
    if len(model.eigenvalues_) < k:
        return np.nan
    found = []
    for labelled, classes, test in samples:
        train, probed = (model.transform(points)[:, :k] for points in (labelled, test))
        weights = np.linalg.lstsq(train, classes, rcond=None)[0]
        found.append(regression_excess(probed @ weights, class_probabilities(test)))
    return float(np.mean(found))


def fitted(config: Capacity, ridge: float, seed: int) -> KernelSSL:
    """Return two features at a ridge; :data:`NONE` leaves the views out."""
    drawn, views = pairs(config.inputs, seed)
    return KernelSSL(
        list(views), n_components=2, kernel=Gaussian(np.sqrt(0.05)), statistic="V", scaled=False,
        penalty=1e-6 if ridge == NONE else ridge / 2, beta=0.0 if ridge == NONE else 1.0,
    ).fit(drawn.points)  # fmt: skip


def capacity(config: Capacity, cell: Mapping[str, int]) -> pd.DataFrame:
    """Measure how well two features tell the moons apart away from the sample.

    Returns
    -------
    pandas.DataFrame
        Columns ridge (:data:`NONE`: no augmentations) and explained.
    """
    test = half_moons(config.test, numpy_generator(cell["seed"], "test"), noise=NOISE)
    ridges = (NONE, *config.ridges)
    shares = [
        float(explained(fitted(config, ridge, cell["seed"]).transform(test.points), test.moon))
        for ridge in ridges
    ]
    return pd.DataFrame({"ridge": ridges, "explained": shares})


@cache
def second(config: Capacity, seeds: tuple[int, ...]) -> pd.DataFrame:
    """Measure what the second function alone tells of the moons, on the points of `capacity`.

    In no table: it is computed where it is asked for, in less than a second for each seed.

    Returns
    -------
    pandas.DataFrame
        Columns seed (its place in `seeds`), ridge and explained.
    """
    rows = []
    for number, seed in enumerate(seeds):
        test = half_moons(config.test, numpy_generator(seed, "test"), noise=NOISE)
        for ridge in (NONE, *config.ridges):
            function = fitted(config, ridge, seed).transform(test.points)[:, 1:]
            rows.append((number, ridge, float(explained(function, test.moon))))
    return pd.DataFrame(rows, columns=["seed", "ridge", "explained"])


def label_noise(points: int = 10_000) -> float:
    """Return the variance of a label on the half-moons, summed over classes.

    Examples
    --------
    >>> round(label_noise(), 2)
    0.16
    """
    drawn = half_moons(points, numpy_generator(0, "label noise"))
    return float((1 - (class_probabilities(drawn.points) ** 2).sum(1)).mean())
