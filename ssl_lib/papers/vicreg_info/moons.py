"""Mixtures fitted to two moons whose points may move too: collapse as maximum likelihood."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from ssl_lib.methods.entropy import pairwise_entropy
from ssl_lib.papers.vicreg_info.settings import Sizes
from ssl_lib.randomness import numpy_generator

__all__ = ["REGIMES", "Floats", "Regime", "ends", "fit", "moons", "start"]

Floats = npt.NDArray[np.float64]

POINTS, CENTRES, NOISE = 200, 50, 0.05
#: Standard deviation of a component, the centres' learning rate, and the entropy's variance.
DEVIATION, RATE, VARIANCE = 0.3, 0.5, 0.05
LOOKS = 20


@dataclass(frozen=True, kw_only=True)
class Regime:
    """How a mixture is fitted.

    Attributes
    ----------
    name, title : str
        In tables, and for readers.
    inputs : float
        Learning rate of the points; 0 fixes them.
    hard : bool
        Whether a point belongs to its nearest centre alone.
    """

    name: str
    title: str
    inputs: float
    hard: bool = False


REGIMES: dict[str, Regime] = {
    regime.name: regime
    for regime in (
        Regime(name="fixed", title="fixed points", inputs=0.0),
        Regime(name="trainable", title="trainable points", inputs=0.5),
        Regime(name="hard", title="trainable, nearest centre", inputs=0.5, hard=True),
        Regime(name="slow", title="trainable, slow", inputs=0.05),
    )
}


def fit(
    regime: Regime, points: Floats, centres: Floats, *, steps: int
) -> Iterator[tuple[int, Floats, Floats]]:
    """Minimise the mean negative log-likelihood by gradient descent.

    Parameters
    ----------
    regime : Regime
    points : numpy.ndarray of shape (n, 2)
    centres : numpy.ndarray of shape (k, 2)
    steps : int

    Yields
    ------
    tuple
        Step, points and centres, ``LOOKS`` times and at the start.
    """
    x, c, n = points.copy(), centres.copy(), len(points)
    every = max(1, steps // LOOKS)
    for step in range(steps + 1):
        if step % every == 0:
            yield step, x, c
        apart = x[:, None] - c
        share = _shares((apart**2).sum(2), hard=regime.hard)[..., None]
        pull = share * apart / (n * DEVIATION**2)
        x = x - regime.inputs * pull.sum(1)
        c = c + RATE * pull.sum(0)


def _shares(squares: Floats, *, hard: bool) -> Floats:
    """Return what each centre has of each point, (n, k)."""
    if hard:
        nearest: Floats = np.eye(squares.shape[1])[squares.argmin(1)]
        return nearest
    logits = -squares / (2 * DEVIATION**2)
    weights = np.exp(logits - logits.max(1, keepdims=True))
    shares: Floats = weights / weights.sum(1, keepdims=True)
    return shares


def start(seed: int) -> tuple[Floats, Floats]:
    """Return points on two moons, and centres at some of them."""
    from sklearn.datasets import make_moons

    generator = numpy_generator(seed, "vicreg_info", "moons")
    drawn = int(generator.integers(2**31))
    points, _ = make_moons(POINTS, noise=NOISE, random_state=drawn)
    return points, points[generator.choice(POINTS, CENTRES, replace=False)]


def moons(config: Sizes, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Fit a mixture in every regime from one start.

    Parameters
    ----------
    config : Sizes
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns regime, step, entropy (of the centres, in nats), spread (of the points).
    """
    points, centres = start(cell["seed"])
    rows = [
        (regime.name, step, _entropy(c), math.sqrt(float(x.var(0).mean())))
        for regime in REGIMES.values()
        for step, x, c in fit(regime, points, centres, steps=config.moons)
    ]
    return pd.DataFrame(rows, columns=["regime", "step", "entropy", "spread"])


def ends(config: Sizes, seed: int) -> dict[str, tuple[Floats, Floats]]:
    """Return points and centres at the end of each regime."""
    points, centres = start(seed)
    return {
        name: [found[1:] for found in fit(regime, points, centres, steps=config.moons)][-1]
        for name, regime in REGIMES.items()
    }


def _entropy(centres: Floats) -> float:
    return float(pairwise_entropy(torch.from_numpy(centres), variance=VARIANCE))
