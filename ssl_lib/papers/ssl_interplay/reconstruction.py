"""Joint embedding beside reconstruction, where digits have features that say nothing of the class.

After Van Assel et al. (arXiv 2505.12477). Views shift the digit by a pixel and add noise to the
irrelevant features: the *alignment* of the augmentation is that noise's size, in units of theirs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ssl_lib.papers.ssl_interplay.own import digits_split, one_pixel_shifts, probe
from ssl_lib.randomness import numpy_generator
from ssl_lib.theory import LinearReconstruction, LinearSSL
from ssl_lib.theory.checks import Array
from ssl_lib.theory.estimators import Estimator

__all__ = ["ALIGNMENTS", "IRRELEVANT", "METHODS", "Irrelevant", "Method", "reconstruction"]

ALIGNMENTS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
PENALTY = 1e-6


@dataclass(frozen=True)
class Irrelevant:
    """Features of Gaussian noise, of one standard deviation; pixels are in [0, 1]."""

    name: str
    title: str
    size: float


IRRELEVANT = (
    Irrelevant("small", "small irrelevant features", 0.05),
    Irrelevant("large", "large irrelevant features", 1.0),
)


@dataclass(frozen=True)
class Method:
    """A linear head in closed form."""

    name: str
    title: str

    def fit(self, inputs: Array, views: list[Array], k: int) -> Estimator:
        """Learn k features."""
        if self.name == "joint":
            made: Estimator = LinearSSL(views, n_components=k, penalty=PENALTY, centre=True)
        else:
            made = LinearReconstruction(views, n_components=k, centre=True)
        return made.fit(inputs)


METHODS = (Method("joint", "joint embedding"), Method("reconstruction", "reconstruction"))


def reconstruction(config: Mapping[str, int], cell: Mapping[str, int]) -> pd.DataFrame:
    """Learn heads at each alignment, and probe them with few labels.

    Parameters
    ----------
    config : mapping
        ``inputs``, ``labels``, ``components``, ``irrelevant`` (how many such features).
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns irrelevant, features (of :data:`METHODS`, or "all": what they are given), alignment,
        accuracy.
    """
    rows = [row for kind in IRRELEVANT for row in _judged(kind, config, cell["seed"])]
    return pd.DataFrame(rows, columns=["irrelevant", "features", "alignment", "accuracy"])


def _judged(
    kind: Irrelevant, config: Mapping[str, int], seed: int
) -> Iterator[tuple[str, str, float, float]]:
    images, labels, test, wanted = digits_split(config["inputs"], seed)
    few, generator = config["labels"], numpy_generator(seed, "irrelevant")
    shape = config["irrelevant"]
    x, z = (
        np.hstack([part.reshape(len(part), -1), kind.size * _noise(generator, len(part), shape)])
        for part in (images, test)
    )
    shifted = one_pixel_shifts(images)
    drawn = [_noise(generator, len(images), shape) for _ in shifted]
    yield kind.name, "all", 0.0, probe(x[:few], labels[:few], z, wanted)
    for alignment in ALIGNMENTS:
        noises = [x[:, -shape:] + alignment * kind.size * noise for noise in drawn]
        views = [np.hstack(pair) for pair in zip(shifted, noises, strict=True)]
        for method in METHODS:
            model = method.fit(x, views, config["components"])
            train, fresh = model.transform(x[:few]), model.transform(z)
            yield kind.name, method.name, alignment, probe(train, labels[:few], fresh, wanted)


def _noise(generator: np.random.Generator, n: int, count: int) -> Array:
    return generator.standard_normal((n, count))
