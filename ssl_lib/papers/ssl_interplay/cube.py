"""Bit strings and crops: every operator is known, so every picture stands beside the truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.papers.ssl_interplay.recipes import Crops, Rates
from ssl_lib.randomness import numpy_generator
from ssl_lib.theory.checks import Array
from ssl_lib.theory.dot_products import cube_eigenvalues
from ssl_lib.theory.downstream import excess_risk
from ssl_lib.theory.hypercube import (
    Crop,
    Flip,
    FlipAll,
    Resample,
    Sets,
    characters,
    diameters,
    members,
    subsets,
)
from ssl_lib.theory.kernels import arc_cosine, relu
from ssl_lib.theory.losses import moments
from ssl_lib.theory.spectra import Interplay, augmentation_complexity
from ssl_lib.theory.ssl import LinearSSL

__all__ = [
    "AUGMENTATIONS", "CUBES", "PARITIES", "TASKS", "Cube", "Parity", "Task", "World", "crops",
    "grid", "kept", "lines", "parities", "rates",
]  # fmt: skip


@dataclass(frozen=True)
class Parity:
    """A product of bits: the features of the paper's Figure 8, bits counted from 1."""

    name: str
    title: str
    bits: tuple[int, ...]


PARITIES = (
    Parity("pair", "bits 1 and 6", (1, 6)),
    Parity("triple", "bits 1, 3, 5", (1, 3, 5)),
    Parity("four", "bits 1 to 4", (1, 2, 3, 4)),
)


@dataclass(frozen=True)
class Cube:
    """Bit strings, their crops, and which eigenvalues are taken."""

    name: str
    title: str
    bits: int
    crop: int
    one_arc: bool = False


CUBES = (
    Cube("code", "12 bits, shortest arc alone (released code)", 12, 8, one_arc=True),
    Cube("exact", "12 bits, exact", 12, 8),
    Cube("ours", "16 bits, exact", 16, 8),
)


def parities(cube: Cube) -> Interplay:
    """Return what penalties make of :data:`PARITIES`, by a two-layer ReLU kernel.

    Examples
    --------
    >>> [parities(cube).switches() for cube in CUBES[:2]]
    [array([1.19524290e-06, 3.08018603e-06]), array([9.18138726e-07])]
    """
    sets = members([parity.bits for parity in PARITIES], cube.bits)
    invariance = Crop(cube.crop, one_arc=cube.one_arc).eigenvalues(sets)
    return Interplay.of(invariance, cube_eigenvalues(arc_cosine, cube.bits)[sets.sum(1)])


#: Augmentations of the table of what is kept.
AUGMENTATIONS = {
    "each bit flipped, p = 0.1": Flip(0.1),
    "each bit drawn anew, p = 0.25": Resample(0.25),
    "all bits flipped, p = 0.25": FlipAll(0.25),
    "crop of 3 bits": Crop(3),
    "crop of 4 bits": Crop(4),
}


def kept(bits: int) -> pd.DataFrame:
    """Return T's eigenvalues of some augmentations on some parities, for readers.

    Examples
    --------
    >>> kept(6).iloc[-1, 1:].astype(float).round(4).to_list()
    [0.4444, 0.25, 0.1111, 0.1111]
    """
    sets = {"bit 1": (1,), "bits 1, 2": (1, 2), "bits 1, 4": (1, 4), "bits 1 to 3": (1, 2, 3)}
    rows = members(sets.values(), bits)
    values = {name: one.eigenvalues(rows) for name, one in AUGMENTATIONS.items()}
    found = pd.DataFrame.from_dict(values, orient="index", columns=list(sets))
    return found.rename_axis("augmentation").reset_index()


def lines() -> pd.DataFrame:
    """Return invariance and squared norm of each parity on each of :data:`CUBES`."""
    parts = [
        pd.DataFrame({
            "cube": one.title, "parity": [parity.title for parity in PARITIES],
            "invariance": parities(one).invariance, "squared norm": parities(one).norms,
        })
        for one in CUBES
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def grid(cube: Cube, most: int, penalty: float) -> pd.DataFrame:
    """Return the eigenvalues of T, K and their combination by size and extent of a parity.

    Columns size, extent (of the shortest arc that holds it), T, K, combined.
    """
    sets = subsets(cube.bits, most)[1:]
    table = pd.DataFrame({"size": sets.sum(1), "extent": diameters(sets)})
    table["T"] = Crop(cube.crop).eigenvalues(sets)
    table["K"] = cube_eigenvalues(arc_cosine, cube.bits)[table["size"]]
    table = table.drop_duplicates(["size", "extent"]).reset_index(drop=True)
    return table.assign(combined=np.maximum(Interplay.of(table["T"], table["K"]).at(penalty), 0))


@dataclass(frozen=True)
class World:
    """All bit strings of a length with their crops: exact expectations."""

    bits: int
    crop: int

    @cached_property
    def sets(self) -> Sets:
        """All parities."""
        return subsets(self.bits)

    @cached_property
    def invariance(self) -> Array:
        """Eigenvalues of T on them."""
        return Crop(self.crop).eigenvalues(self.sets)

    @cached_property
    def nu(self) -> Array:
        """Eigenvalues of the kernel (1 + u) times the arc-cosine kernel of order one."""
        return np.asarray(cube_eigenvalues(relu, self.bits)[self.sets.sum(1)])

    @cached_property
    def interplay(self) -> Interplay:
        """What penalties make of all parities."""
        return Interplay.of(self.invariance, self.nu)

    @cached_property
    def kept(self) -> npt.NDArray[np.int64]:
        """Which parities the kernel has."""
        return np.flatnonzero(self.nu > 0)

    def features(self, x: Array) -> Array:
        """Return the kernel's features: parities times the roots of their eigenvalues."""
        return np.asarray(characters(x, self.sets[self.kept]) * np.sqrt(self.nu[self.kept]))

    def coefficients(self, model: LinearSSL, k: int) -> Array:
        """Return learned functions by their coefficients of the parities: (parities, k)."""
        weights = model.transform(np.eye(len(self.kept)))[:, :k]
        found = np.zeros((len(self.nu), k))
        found[self.kept, : weights.shape[1]] = weights * np.sqrt(self.nu[self.kept])[:, None]
        return found

    def loss(self, coefficients: Array, penalty: float) -> float:
        """Return the exact regularised loss of functions given by coefficients."""
        second = coefficients.T @ coefficients
        cross = coefficients.T @ (self.invariance[:, None] * coefficients)
        cost = (coefficients[self.kept] ** 2 / self.nu[self.kept, None]).sum()
        square = ((second - np.eye(len(second))) ** 2).sum()
        return float(2 * np.trace(second - cross) + square + 2 * penalty * cost)

    def learn(
        self, n: int, m: int, penalty: float, seed: int, stream: str
    ) -> tuple[LinearSSL, Array]:
        """Draw inputs with m views each and solve; return the model and the inputs."""
        generator = numpy_generator(seed, stream)
        x: Array = 1.0 - 2.0 * generator.integers(2, size=(n, self.bits)).astype(np.float64)
        views = [self.features(Crop(self.crop)(x, generator)) for _ in range(m)]
        model = LinearSSL(views, n_components=None, penalty=penalty)
        return model.fit(self.features(x)), x


def rates(config: Rates, cell: Mapping[str, int]) -> pd.DataFrame:
    """Measure by how much the loss of what a sample teaches is above the least possible.

    Returns
    -------
    pandas.DataFrame
        Columns views, inputs, excess.
    """
    world, k = World(config.bits, config.width), config.components
    least = float(world.interplay.least_loss(config.penalty, k))
    rows = []
    for m in config.views:
        for n in config.inputs:
            model, _ = world.learn(n, m, config.penalty, cell["seed"], f"rates {m} {n}")
            loss = world.loss(world.coefficients(model, k), config.penalty)
            rows.append({"views": m, "inputs": n, "excess": loss - least})
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Task:
    """A target: the mean of parities, those that all shifts of these bits make."""

    name: str
    title: str
    bits: tuple[int, ...]

    def target(self, sets: Sets) -> Array:
        """Return its coefficients on parities, of unit length."""
        d = sets.shape[1]
        own = members([[bit + shift for bit in self.bits] for shift in range(d)], d)
        hit = (sets[:, None] == own).all(2).any(1).astype(float)
        return np.asarray(hit / np.linalg.norm(hit))


TASKS = (
    Task("near", "neighbouring bits", (0, 1)),
    Task("far", "bits two apart", (0, 2)),
)


def crops(config: Crops, cell: Mapping[str, int]) -> pd.DataFrame:
    """Learn from crops of every width and probe two tasks.

    Returns
    -------
    pandas.DataFrame
        Columns width, task, complexity (exact trace of T), estimated (of the views,
        without bias), excess (of a probe on noisy labels, exact over all bit
        strings), predicted (by the exact spectrum).
    """
    rows = []
    for width in range(1, config.bits + 1):
        world = World(config.bits, width)
        drawn = config.inputs, config.views, config.penalty, cell["seed"], f"crops {width}"
        model, x = world.learn(*drawn)
        estimated = _complexity(world, model)
        learned = world.coefficients(model, min(config.components, len(model.eigenvalues_)))
        for task in TASKS:
            target = task.target(world.sets)
            row = {"width": width, "task": task.name}
            row["complexity"] = augmentation_complexity(world.invariance)
            row["estimated"] = estimated
            row["excess"] = _probe(world, learned, target, x, config, cell["seed"])
            rows.append(row | {"predicted": _predicted(world, target, config)})
    return pd.DataFrame(rows)


def _complexity(world: World, model: LinearSSL) -> float:
    """Return the trace of T by pairs of different views."""
    views = [view / np.sqrt(world.nu[world.kept]) for view in model.views]  # type: ignore[union-attr]
    return float(np.trace(moments(views).cross))


def _probe(
    world: World, learned: Array, target: Array, x: Array, config: Crops, seed: int
) -> float:
    """Return the excess of least squares on the first inputs, exact over all bit strings."""
    values = characters(x[: config.labels], world.sets)
    noise = numpy_generator(seed, "noise").standard_normal(config.labels) * config.noise
    weights = np.linalg.lstsq(values @ learned, values @ target + noise, rcond=None)[0]
    return float(((learned @ weights - target) ** 2).sum())


def _predicted(world: World, target: Array, config: Crops) -> float:
    levels = world.interplay.at(config.penalty)
    order = np.argsort(-levels, kind="stable")[: config.components]
    order = order[levels[order] > 0]
    # Of parities with equal eigenvalues any may be taken: each counts by its share.
    tied = np.isclose(levels, levels[order[-1]], rtol=1e-9)
    sure = np.isin(np.arange(len(levels)), order) & ~tied
    share = (len(order) - sure.sum()) / tied.sum()
    bias = 1 - (target[sure] ** 2).sum() - share * (target[tied] ** 2).sum()
    return float(excess_risk(max(bias, 0.0), noise=config.noise, k=len(order), n=config.labels))
