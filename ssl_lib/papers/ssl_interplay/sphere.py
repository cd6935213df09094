"""The sphere with cyclic shifts: eigenfunctions, and which penalty serves which task."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ssl_lib.papers.ssl_interplay.recipes import Tradeoff
from ssl_lib.randomness import numpy_generator
from ssl_lib.theory.checks import Array
from ssl_lib.theory.cyclic import shift_mean
from ssl_lib.theory.dot_products import gegenbauer, sphere_points
from ssl_lib.theory.kernels import DotProduct, Gaussian, relu, shift_average
from ssl_lib.theory.solving import Modes, Problem, range_of
from ssl_lib.theory.ssl import KernelSSL

__all__ = ["BETWEEN", "TARGETS", "Target", "eigenfunctions", "errors", "mesh", "sample", "tradeoff"]

RIDGES = np.logspace(-5, 0, 10)


@dataclass(frozen=True)
class Target:
    """A Gegenbauer polynomial of one coordinate, averaged over cyclic shifts."""

    name: str
    title: str
    degree: int
    invariant: bool

    def __call__(self, x: Array) -> Array:
        """Return its values (n,)."""
        d = x.shape[1]
        steps = range(d) if self.invariant else (-1, 0, 1)
        return shift_mean(gegenbauer(self.degree, x, d=d), steps=steps)


TARGETS = (
    Target("other", "degree 1, not invariant", 1, invariant=False),
    Target("invariant", "degree 3, invariant", 3, invariant=True),
)
#: The target that the released code shows beside the invariant one where a network is stopped.
BETWEEN = Target("between", "degree 2, not invariant", 2, invariant=False)


@dataclass(frozen=True)
class Sample:
    """Inputs with their shifts (m, n, d), and points for validation and test."""

    x: Array
    views: Array
    validation: Array
    test: Array


def sample(n: int, points: int, d: int, shifts: tuple[int, ...], seed: int) -> Sample:
    """Draw inputs and points on the sphere; the views are all shifts."""
    x = sphere_points(points, d, numpy_generator(seed, "sphere"))
    half = n + (points - n) // 2
    views = np.stack([np.roll(x[:n], shift, axis=1) for shift in shifts])
    return Sample(x[:n], views, x[n:half], x[half:])


def tradeoff(config: Tradeoff, cell: Mapping[str, int]) -> pd.DataFrame:
    """Measure downstream errors along the penalties, by one factorisation.

    Returns
    -------
    pandas.DataFrame
        Columns ridge, penalty, positive (features in use), target, error.
    """
    drawn = sample(config.inputs, config.points, config.dimension, config.shifts, cell["seed"])
    m = len(config.shifts)
    penalties = [ridge / ((m - 1) * m * config.inputs) for ridge in config.ridges]
    model = KernelSSL(
        list(drawn.views), n_components=config.components, kernel=DotProduct(relu),
        penalty=penalties[0],
    ).fit(drawn.x)  # fmt: skip
    rows = []
    for ridge, fitted in zip(config.ridges, model.path(penalties), strict=True):
        row = {"ridge": ridge, "penalty": fitted.penalty, "positive": len(fitted.eigenvalues_)}
        rows += [row | one for one in errors(fitted.transform, drawn)]
    return pd.DataFrame(rows)


def errors(
    transform: Callable[[Array], Array],
    drawn: Sample,
    *,
    targets: Sequence[Target] = TARGETS,
    ridge: bool = True,
) -> list[dict[str, Any]]:
    """Return the relative error of a linear probe on each target.

    The probe's own penalty is chosen on validation points, not on those of the test.
    """
    train, validation, test = (transform(x) for x in (drawn.x, drawn.validation, drawn.test))
    rows = []
    for target in targets:
        y, yv, yt = (target(x) for x in (drawn.x, drawn.validation, drawn.test))
        fits = [_ridge(train, y, r) for r in (RIDGES if ridge else [0.0])]
        best = min(fits, key=lambda weights: ((validation @ weights - yv) ** 2).mean())
        error = float(((test @ best - yt) ** 2).mean() / (yt**2).mean())
        rows.append({"target": target.name, "error": error})
    return rows


def _ridge(features: Array, y: Array, ridge: float) -> Array:
    if ridge == 0:
        return np.asarray(np.linalg.lstsq(features, y, rcond=None)[0])
    gram = features.T @ features + ridge * len(y) * np.eye(features.shape[1])
    return np.asarray(np.linalg.solve(gram, features.T @ y))


def mesh(side: int) -> tuple[Array, Array, Array]:
    """Return angles u, v (side, side) and points (side², 3) of the sphere, as the scripts do."""
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, side), np.linspace(0, np.pi, side))
    points = np.stack([np.cos(u) * np.sin(v), np.sin(u) * np.sin(v), np.cos(v)], axis=2)
    return u, v, points.reshape(-1, 3)


def eigenfunctions(side: int, penalties: tuple[float, ...], k: int) -> dict[float, Modes]:
    """Return the leading eigenfunctions on a mesh of the sphere, penalty by penalty.

    The augmentation's matrix averages a narrow Gaussian over the shifts of three coordinates; the
    model class's is a wide Gaussian.
    """
    _, _, points = mesh(side)
    augmentation = shift_average(Gaussian(np.sqrt(0.1)), points, shifts=(0, 1, 2))
    size, axes = range_of(Gaussian(np.sqrt(2.5))(points, points), 1e-9)
    problem = Problem(axes.T @ augmentation @ axes, 1 / size)
    found = {}
    for penalty in penalties:
        matrix = augmentation if penalty == 0 else problem.operator(penalty=penalty)
        values, vectors = np.linalg.eigh(matrix)
        vectors = vectors[:, ::-1][:, :k]
        found[penalty] = Modes(values[::-1][:k], vectors if penalty == 0 else axes @ vectors)
    return found
