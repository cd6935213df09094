"""Two predictions of Balestriero and LeCun (arXiv 2205.11508) on the weight of invariance.

Pairs within a moon agree with the task "which moon"; pairs of a point and its mirror image on the
other moon do not. The features are the closed form of variational VICReg with the weight beta.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ssl_lib.papers.minimal_variations.moons import sample
from ssl_lib.papers.minimal_variations.probes import one_hot, ridge
from ssl_lib.papers.minimal_variations.variants import KERNEL
from ssl_lib.randomness import numpy_generator
from ssl_lib.theory import KernelSSL
from ssl_lib.theory.checks import Array

__all__ = ["PAIRS", "SIZES", "WEIGHTS", "Pairs", "weights"]

WEIGHTS = (0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
#: Inputs without labels: little data, and much.
SIZES = (30, 300)
LABELS, K, VIEWS, PENALTY = 10, 2, 4, 1e-2
DRAWS, TEST = 20, 1000


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """How the views of one point relate to the task.

    Parameters
    ----------
    name, title : str
        In tables, and for readers.
    across : bool
        Whether every other view is on the other moon.
    """

    name: str
    title: str
    across: bool

    def __call__(self, x: Array, generator: np.random.Generator) -> Array:
        """Draw one view of each row: turned along its moon, and mirrored or not."""
        right = x[:, 0] > 0
        centred = x - np.stack([np.zeros(len(x)), right.astype(float)], axis=1)
        radius = np.linalg.norm(centred, axis=1)
        start = np.arctan2(np.where(right, 1, -1) * centred[:, 1], np.abs(centred[:, 0]))
        angle = (start + generator.standard_normal(len(x))).clip(-np.pi / 2, np.pi / 2)
        turned = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None]
        if self.across:
            right = right ^ (generator.random(len(x)) < 0.5)
        raised = turned + np.array([0.0, 1.0])
        return np.asarray(np.where(right[:, None], raised, -turned))


PAIRS = (
    Pairs(name="aligned", title="pairs within a moon", across=False),
    Pairs(name="misaligned", title="pairs across the moons", across=True),
)


def weights(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Take VICReg's closed form at each weight of invariance and probe it for the moon.

    Parameters
    ----------
    config : mapping
        ``weights``.
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns pairs, inputs, measure ("accuracy"), at (the weight), value.
    """
    test = sample(TEST, cell["seed"], "test")
    rows = [
        (pairs.name, n, "accuracy", weight, value)
        for pairs in PAIRS
        for n in SIZES
        for weight, value in _path(
            pairs, n, config["weights"], test.points, test.moon, cell["seed"]
        )
    ]
    return pd.DataFrame(rows, columns=["pairs", "inputs", "measure", "at", "value"])


def _path(pairs: Pairs, n: int, beta: Any, test: Array, moon: Array, seed: int) -> Any:
    """Yield each weight and its accuracy, a mean over samples."""
    found = np.zeros((DRAWS, len(beta)))
    for draw in range(DRAWS):
        train = sample(n, seed, f"sample {draw}")
        stack = [pairs(train.points, numpy_generator(seed, "views", draw, i)) for i in range(VIEWS)]
        labels = one_hot((train.moon[:LABELS] + 1) / 2, 2)
        for place, weight in enumerate(beta):
            model = KernelSSL(stack, n_components=None, kernel=KERNEL, penalty=PENALTY, beta=weight,
                              landmarks=train.points[:100], centre=True)  # fmt: skip
            features = model.fit(train.points).transform(np.concatenate([train.points, test]))[
                :, :K
            ]
            chosen = ridge(features[:LABELS], labels, features[n:]).argmax(1)
            found[draw, place] = (chosen == (moon + 1) / 2).mean()
    return zip(beta, found.mean(0), strict=True)
