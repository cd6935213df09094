"""Images: variation in all directions against variation along translations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib import data
from ssl_lib.papers.minimal_variations.probes import one_hot, ridge
from ssl_lib.papers.minimal_variations.settings import Sizes
from ssl_lib.randomness import numpy_generator
from ssl_lib.theory import Gaussian, KernelDirichlet, KernelSSL, Noise
from ssl_lib.theory.checks import Array
from ssl_lib.theory.estimators import Estimator

Whole = npt.NDArray[np.int64]

__all__ = [
    "LABELS", "METRICS", "SCALES", "Images", "Metric", "Translation", "images", "median_distance",
    "model", "sample",
]  # fmt: skip

LABELS = (50, 200)
#: The kernel's scale as a share of the median distance between images, the first for the claims.
SCALES = (1.2, 0.9, 0.6)
#: Views of an image; where all are the same two will do.
PENALTY, VIEWS = 1e-6, 10


@dataclass(frozen=True)
class Translation:
    """A view moves an image by up to so many pixels in either direction; what enters is 0.

    Parameters
    ----------
    channels, side : int
        Shape of the images, which come as rows.
    most : int
        Pixels.

    Examples
    --------
    >>> Translation(1, 2, 1).moved(np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([[1, 0]]))
    array([[0., 0., 1., 2.]])
    """

    channels: int
    side: int
    most: int

    def __call__(self, x: Array, generator: np.random.Generator) -> Array:
        """Draw one view of each row: (n, d) to (n, d)."""
        return self.moved(x, generator.integers(-self.most, self.most + 1, size=(len(x), 2)))

    def moved(self, x: Array, steps: Whole) -> Array:
        """Move each row by its steps (n, 2), down and right."""
        m, side = self.most, self.side
        images = x.reshape(len(x), self.channels, side, side)
        padded = np.pad(images, [(0, 0), (0, 0), (m, m), (m, m)])
        result = np.empty_like(images)
        for step in np.unique(steps, axis=0):
            here = (steps == step).all(1)
            down, right = m - step
            result[here] = padded[here, :, down : down + side, right : right + side]
        return result.reshape(len(x), -1)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """In which directions functions should vary little.

    Parameters
    ----------
    name, title : str
        In tables, and for readers.
    """

    name: str
    title: str


METRICS = (
    Metric(name="pca", title="none: kernel PCA"),
    Metric(name="dirichlet", title="all directions: kernel Dirichlet"),
    Metric(name="noise", title="all directions: VICReg, noise"),
    Metric(name="translation", title="translations: VICReg"),
)


@dataclass(frozen=True)
class Images:
    """Rows of images and labels, to learn from and to test on, and how they move."""

    train: Array
    labels: Whole
    test: Array
    truth: Whole
    move: Translation
    classes: int


def sample(name: str, sizes: Sizes, seed: int) -> Images:
    """Draw images to learn from and images to test on."""
    parts: list[Any] = []
    for split, most in (("train", sizes.images), ("test", sizes.test)):
        loaded = data.load(name, split=split)
        chosen = numpy_generator(seed, split).permutation(len(loaded))[:most]
        rows = loaded.images.numpy()[chosen].reshape(len(chosen), -1) / 255.0
        parts += [rows, loaded.labels.numpy()[chosen]]
    _, channels, side, _ = loaded.images.shape
    move = Translation(channels, side, max(1, side // 14))
    train, labels, test, truth = parts
    return Images(train, labels, test, truth, move, loaded.n_classes)


def model(metric: Metric, kernel: Gaussian, given: Images, sizes: Sizes, seed: int) -> Estimator:
    """Return the estimator of a metric's functions."""
    few = min(2 * sizes.landmarks, len(given.train))
    if metric.name == "dirichlet":
        return KernelDirichlet(sizes.kept, kernel=kernel, landmarks=few, centre=True, seed=seed)
    moved = given.move(given.train, numpy_generator(seed, "size"))
    size = np.sqrt(((moved - given.train) ** 2).mean())  # noise that moves images as far
    views: dict[str, Any] = {
        "pca": Noise(0.0),
        "noise": Noise(float(size)),
        "translation": given.move,
    }
    return KernelSSL(
        views[metric.name], n_components=sizes.kept, kernel=kernel, penalty=PENALTY,
        n_views=2 if metric.name == "pca" else VIEWS, beta=float(metric.name != "pca"),
        landmarks=few, centre=True, scaled=False, seed=seed,
    )  # fmt: skip


def images(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Fit functions that vary little, and probe them with few labels.

    Parameters
    ----------
    config : mapping
        ``sizes``, ``data`` and ``scales``, of :data:`SCALES`.
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns metric, scale, measure, at, value: "accuracy" on test images and "shifted" on the
        same moved as far as a view goes, both by the number of labels.
    """
    sizes, seed = config["sizes"], cell["seed"]
    given = sample(config["data"], sizes, seed)
    middle = median_distance(given.train)
    rows = [
        (metric.name, scale, *row)
        for scale in config["scales"]
        for metric in METRICS
        for row in _judged(model(metric, Gaussian(scale * middle), given, sizes, seed), given, seed)
    ]
    return pd.DataFrame(rows, columns=["metric", "scale", "measure", "at", "value"]).astype(
        {"at": float}
    )


def median_distance(rows: Array) -> float:
    """Return the median distance between the first rows."""
    some = rows[:500]
    square = (some**2).sum(1)
    distance = square[:, None] + square - 2 * some @ some.T
    return float(np.sqrt(np.median(distance[np.triu_indices(len(some), 1)])))


def _judged(fitted: Estimator, given: Images, seed: int) -> Iterator[tuple[str, float, float]]:
    train = fitted.fit(given.train).transform(given.train)
    steps = _steps(len(given.test), given.move.most, seed)
    tests = {"accuracy": given.test, "shifted": given.move.moved(given.test, steps)}
    for measure, rows in tests.items():
        fresh = fitted.transform(rows)
        for n in LABELS:
            targets = one_hot(given.labels[:n], given.classes)
            predicted = ridge(train[:n], targets, fresh).argmax(1)
            yield measure, n, float((predicted == given.truth).mean())


def _steps(n: int, most: int, seed: int) -> Whole:
    """Draw moves that are as far as a view's farthest along at least one axis."""
    generator = numpy_generator(seed, "shifts")
    steps = generator.integers(-most, most + 1, size=(n, 2))
    still = np.abs(steps).max(1) < most
    steps[still, 0] = most * generator.choice([-1, 1], size=int(still.sum()))
    return np.asarray(steps)
