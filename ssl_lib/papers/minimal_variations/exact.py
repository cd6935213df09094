"""Estimates beside what is known exactly: on the circle and for N(0, 1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ssl_lib.papers.minimal_variations.settings import Sizes
from ssl_lib.papers.minimal_variations.variants import JOINED, NEIGHBOURS, PENALTY
from ssl_lib.randomness import numpy_generator
from ssl_lib.theory import DiffusionMap, Gaussian, KernelDirichlet, KernelSSL, Noise, alignment
from ssl_lib.theory.checks import Array
from ssl_lib.theory.estimators import Estimator
from ssl_lib.theory.heat import (
    circle_energies,
    circle_modes,
    gaussian_eigenvalues,
    gaussian_walk_eigenvalues,
    heat_eigenvalues,
    hermite_modes,
)
from ssl_lib.theory.noise import AngularNoise

__all__ = ["SPACES", "Space", "exact"]

FAMILIES = ("dirichlet", "views", "half")


@dataclass(frozen=True, kw_only=True)
class Space:
    """A distribution whose functions of least variation are known.

    Parameters
    ----------
    name, title : str
        In tables, and for readers.
    k : int
        Functions besides the constant.
    noise, bandwidth, scale : float
        Of a view, of a graph, and of the kernel; wider where tails hold few points.
    """

    name: str
    title: str
    k: int
    noise: float
    bandwidth: float
    scale: float

    def energies(self, family: str) -> Array:
        """Return the exact eigenvalues, less the constant's: of views 1 - mu."""
        k = self.k + 1
        if self.name == "circle":
            found = circle_energies(k)
            return (1 - heat_eigenvalues(found, self.noise) if family == "views" else found)[1:]
        if family == "views":
            return 1 - gaussian_eigenvalues(k, self.noise)[1:]
        if family == "half":
            walk = gaussian_walk_eigenvalues(k, self.bandwidth, alpha=0.5)[1:]
            return np.asarray((1 - walk) / (self.bandwidth**2 / 2))
        return np.arange(1.0, k)


SPACES = (
    Space(name="circle", title="circle", k=6, noise=0.3, bandwidth=0.2, scale=0.5),
    Space(name="normal", title="N(0, 1)", k=3, noise=0.5, bandwidth=0.4, scale=2.0),
)


def exact(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Estimate the known functions from samples.

    Parameters
    ----------
    config : mapping
        ``sizes``.
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns space, family, measure, at, value: "energy" by number and the "exact" one, of a
        family of views 1 - mu; "alignment" with the exact functions on fresh points.
    """
    sizes, seed = config["sizes"], cell["seed"]
    rows: list[Any] = []
    for space in SPACES:
        train, _ = _points(space, sizes.dense, seed, "train")
        fresh, modes = _points(space, sizes.test, seed, "test")
        for family in FAMILIES:
            model: Any = _model(space, family, sizes, seed).fit(train)
            shown = 1 - model.eigenvalues_ if family == "views" else model.eigenvalues_
            pairs = enumerate(zip(shown, space.energies(family), strict=True), start=1)
            for number, values in pairs:
                names = ("energy", "exact")
                rows += [
                    (space.name, family, n, number, v) for n, v in zip(names, values, strict=True)
                ]
            aligned = alignment(model.transform(fresh), modes, centre=True)
            rows.append((space.name, family, "alignment", space.k, aligned))
    frame = pd.DataFrame(rows, columns=["space", "family", "measure", "at", "value"])
    return frame.astype({"at": float, "value": float})


def _points(space: Space, n: int, seed: int, stream: str) -> tuple[Array, Array]:
    """Draw points, and evaluate the exact functions there."""
    generator = numpy_generator(seed, stream, space.name)
    if space.name == "circle":
        angle = 2 * np.pi * generator.random(n)
        turned = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return turned, circle_modes(angle, space.k + 1)[:, 1:]
    line = generator.standard_normal(n)
    return line[:, None], hermite_modes(line, space.k + 1)[:, 1:]


def _model(space: Space, family: str, sizes: Sizes, seed: int) -> Estimator:
    common: dict[str, Any] = {
        "kernel": Gaussian(space.scale), "landmarks": min(100, sizes.landmarks), "centre": True,
        "seed": seed,
    }  # fmt: skip
    if family == "dirichlet":
        return KernelDirichlet(space.k, penalty=PENALTY, **common)
    if family == "half":
        near = None if sizes.dense <= JOINED else NEIGHBOURS
        return DiffusionMap(space.k, bandwidth=space.bandwidth, neighbours=near, centre=True)
    views = AngularNoise(space.noise) if space.name == "circle" else Noise(space.noise)
    return KernelSSL(
        views, n_components=space.k, penalty=PENALTY * space.noise**2, n_views=8, scaled=False,
        **common,
    )  # fmt: skip
