"""What is measured on half-moons: the methods beside each other, little noise, density, bounds.

Each function takes a configuration and a cell, and returns rows of ``measure``, ``at``, ``value``.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from ssl_lib.papers.minimal_variations import probes, variants
from ssl_lib.papers.minimal_variations.settings import Sizes
from ssl_lib.papers.minimal_variations.tasks import TARGETS, TASKS, Task, variation
from ssl_lib.papers.minimal_variations.variants import METHODS, REFERENCE, Method
from ssl_lib.randomness import numpy_generator
from ssl_lib.theory import DiffusionMap, alignment, explained, half_moons
from ssl_lib.theory.checks import Array
from ssl_lib.theory.downstream import bias_bound
from ssl_lib.theory.estimators import Estimator
from ssl_lib.theory.heat import energies_of
from ssl_lib.theory.moons import Moons

__all__ = ["LABELS", "NOISES", "POINTS", "K", "bounds", "density", "noise", "plane", "unification"]

Row = tuple[str, float, float]
#: Functions of each method, the constant among them, and where spans are cut: at gaps.
K, CUTS = 6, (2, 4, 6)
LABELS = (10, 20, 50, 100, 200)
NOISES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
ALPHAS = (0.0, 0.5, 1.0)
#: Kernel ridge regression on the points: the best of a grid in hindsight, and as the functions are.
POINTS: dict[str, dict[str, Any]] = {
    "points": {},
    "plain": {"scales": (variants.KERNEL.scale,), "penalties": (probes.RIDGE,)},
}
#: Bandwidths of the density exponent on half-moons and on N(0, 1).
MOONS, NORMAL = 0.1, 0.4


def sample(n: int, seed: int, stream: str) -> Moons:
    """Draw half-moons.

    Examples
    --------
    >>> sample(5, 0, "train").points.shape
    (5, 2)
    """
    return half_moons(n, numpy_generator(seed, stream))


@lru_cache(maxsize=4)
def known(sizes: Sizes) -> Estimator:
    """Return functions of least Dirichlet energy from a large sample, the same for all seeds."""
    points = sample(sizes.reference, 0, "reference").points
    return REFERENCE.make(sizes, K, 0).fit(points)


def unification(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Fit every method to one sample and judge its functions on fresh points.

    Parameters
    ----------
    config : mapping
        ``sizes``.
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns method, measure, at, value: "eigenvalue" by number, "alignment" and "share" of the
        moon explained by the number of functions, "side share", "TASK excess" by labels. Of the
        methods :data:`POINTS` only the last: kernel ridge regression on the points.
    """
    sizes: Sizes = config["sizes"]
    train, test = (
        sample(sizes.points, cell["seed"], "train"),
        sample(sizes.test, cell["seed"], "test"),
    )
    reference = known(sizes).transform(test.points)
    rows: list[Any] = []
    for method in METHODS.values():
        model = method.make(sizes, K, cell["seed"]).fit(train.points)
        features = model.transform(test.points)
        found: list[Row] = [
            ("eigenvalue", i + 1, v) for i, v in enumerate(_energies(method, model))
        ]
        found += _spans(features, reference, test.moon)
        found.append(_side(features, test.points))
        found += _excess(model.transform(train.points), train, features, test, cell["seed"])
        rows += [(method.name, *row) for row in found]
    for name, choice in POINTS.items():
        rows += [
            (name, *row) for row in _excess(train.points, train, None, test, cell["seed"], choice)
        ]
    return _table(rows, "method")


def _table(rows: list[Any], *first: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[*first, "measure", "at", "value"])
    return frame.astype({"at": "float64", "value": "float64"})


def _energies(method: Method, model: Any) -> Array:
    """Return eigenvalues in units of the Dirichlet energy where there are such."""
    return (
        energies_of(model.eigenvalues_, variants.NOISE)
        if method.name == "views"
        else np.asarray(model.eigenvalues_)
    )


def _spans(features: Array, known: Array, moon: Array) -> list[Row]:
    """Compare leading functions with known ones, and with the moon, at each cut."""
    aligned: list[Row] = [("alignment", k, alignment(features[:, :k], known[:, :k])) for k in CUTS]
    return aligned + [("share", k, float(explained(features[:, :k], moon))) for k in CUTS]


def _side(features: Array, points: Array) -> Row:
    """Return how much of the side of the moon all functions explain."""
    outer = TASKS[-1].probabilities(points)[:, 1]
    return "side share", K, float(explained(features, outer))


def _excess(
    features: Array,
    train: Moons,
    fresh: Array | None,
    test: Moons,
    seed: int,
    choice: Mapping[str, Any] | None = None,
) -> Iterator[Row]:
    """Read each task out: of functions, or without fresh values of the points, with a kernel."""
    for task in TASKS:
        labels = _labels(task, train.points, seed)
        truth = task.probabilities(test.points)
        for n in (n for n in LABELS if n <= len(labels)):
            if fresh is None:
                value = probes.ridge_excess(
                    features, labels, test.points, truth, n=n, **choice or {}
                )
            else:
                value = probes.probe_excess(features, labels, fresh, truth, n=n)
            yield f"{task.name} excess", n, value


def _labels(task: Task, points: Array, seed: int) -> Array:
    chance = task.probabilities(points)
    drawn = numpy_generator(seed, "labels").random((len(points), 1))
    return probes.one_hot((chance.cumsum(1) < drawn).sum(1).clip(max=chance.shape[1] - 1),
                          chance.shape[1])  # fmt: skip


def noise(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Fit kernel VICReg at each noise and compare it with the Dirichlet energy.

    Returns
    -------
    pandas.DataFrame
        Columns noise, measure, at, value, as of :func:`unification`; at noise 0 the "eigenvalue"
        of the energy itself.
    """
    sizes: Sizes = config["sizes"]
    train, test = (
        sample(sizes.dense, cell["seed"], "train"),
        sample(sizes.test, cell["seed"], "test"),
    )
    exact = known(sizes)
    reference = exact.transform(test.points)
    rows: list[Any] = [(0.0, "eigenvalue", i + 1, v) for i, v in enumerate(exact.eigenvalues_)]  # type: ignore[attr-defined]
    for scale in NOISES:
        model = variants.noisy(sizes, K, cell["seed"], scale).fit(train.points)
        energies = energies_of(model.eigenvalues_, scale)
        found: list[Row] = [("eigenvalue", i + 1, v) for i, v in enumerate(energies)]
        found += _spans(model.transform(test.points), reference, test.moon)
        rows += [(scale, *row) for row in found]
    return _table(rows, "noise")


def density(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Take diffusion maps of half-moons and of N(0, 1) at each exponent.

    Returns
    -------
    pandas.DataFrame
        Columns data ("moons" or "normal"), alpha, measure, at, value: "energy", the eigenvalue by
        number, in units of the Dirichlet eigenvalue: on the half-moons the kernel's estimate on the
        same points, on N(0, 1) the number itself, which is exact.
    """
    sizes: Sizes = config["sizes"]
    points = sample(sizes.dense, cell["seed"], "train").points
    ours: Any = REFERENCE.make(sizes, K, cell["seed"]).fit(points)
    line = numpy_generator(cell["seed"], "normal").standard_normal((sizes.dense, 1))
    rows: list[Any] = []
    for alpha in ALPHAS:
        moons = _walk(points, MOONS, alpha)[2:] / ours.eigenvalues_[2:]
        normal = _walk(line, NORMAL, alpha)[1:4] / [1, 2, 3]
        rows += [("moons", alpha, "energy", i + 3, v) for i, v in enumerate(moons)]
        rows += [("normal", alpha, "energy", i + 1, v) for i, v in enumerate(normal)]
    return _table(rows, "data", "alpha")


def _walk(points: Array, bandwidth: float, alpha: float) -> Array:
    near = None if len(points) <= variants.JOINED else variants.NEIGHBOURS
    model = DiffusionMap(K, bandwidth=bandwidth, alpha=alpha, neighbours=near)
    return np.asarray(model.fit(points).eigenvalues_)


def bounds(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Measure how much of each target the first functions miss, beside the bound.

    Returns
    -------
    pandas.DataFrame
        Columns target, measure, at, value: "variation", the target's energy per unit of its second
        moment, at 0; "missed" and "bound" by the number of functions.
    """
    sizes: Sizes = config["sizes"]
    train, test = (
        sample(sizes.points, cell["seed"], "train"),
        sample(sizes.test, cell["seed"], "test"),
    )
    model: Any = REFERENCE.make(sizes, K + 1, cell["seed"]).fit(train.points)
    features = model.transform(test.points)
    rows: list[Any] = []
    for target in TARGETS:
        values = target.value(test.points)
        size = variation(target.value, test.points) / float((values**2).mean())
        rows.append((target.name, "variation", 0, size))
        for k in range(1, K + 1):
            inside = float(explained(features[:, :k], values, centre=False))
            rows.append((target.name, "missed", k, 1 - inside))
            bound = float(bias_bound(size, np.maximum.accumulate(model.eigenvalues_), k))
            rows.append((target.name, "bound", k, bound))
    return _table(rows, "target")


def fields(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Evaluate a method's first functions on a grid of the plane.

    Parameters
    ----------
    config : mapping
        ``sizes`` and ``seed``.
    cell : mapping
        ``method``: its name.

    Returns
    -------
    pandas.DataFrame
        Columns x, y and f1 to f4, of unit second moment on the sample.
    """
    sizes: Sizes = config["sizes"]
    train = sample(sizes.points, config["seed"], "train").points
    model = METHODS[cell["method"]].make(sizes, 4, config["seed"]).fit(train)
    grid = plane(sizes.grid)
    values = pd.DataFrame(model.transform(grid), columns=[f"f{i}" for i in range(1, 5)])
    return pd.concat([pd.DataFrame(grid, columns=["x", "y"]), values], axis=1)


def plane(side: int) -> Array:
    """Return a grid over [-1.5, 1.5] x [-1.5, 2.5], so many points along y.

    Examples
    --------
    >>> plane(5)[-1].tolist(), len(plane(5))
    ([1.5, 2.5], 20)
    """
    x, y = np.linspace(-1.5, 1.5, max(3 * side // 4 + 1, 2)), np.linspace(-1.5, 2.5, side)
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
