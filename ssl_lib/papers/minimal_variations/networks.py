"""Small networks trained with losses of self-supervised learning, beside the exact functions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from ssl_lib.methods.simclr import simclr_loss
from ssl_lib.methods.vicreg import vicreg_loss
from ssl_lib.models import seeded
from ssl_lib.papers.minimal_variations.moons import plane, sample
from ssl_lib.papers.minimal_variations.settings import Sizes
from ssl_lib.papers.minimal_variations.variants import KERNEL, NOISE, PENALTY
from ssl_lib.randomness import numpy_generator
from ssl_lib.theory import KernelDirichlet, explained, principal_cosines
from ssl_lib.theory.checks import Array
from ssl_lib.theory.heat import circle_modes

__all__ = ["LOSSES", "WORLDS", "Loss", "World", "fields", "networks", "principal", "train"]

#: Chosen on seeds of no published run.
TEMPERATURE = 1.0
RATE, BATCH, EARLY = 5e-3, 256, 10
Pair = Callable[[Tensor, Tensor], Tensor]


def variational_loss(z1: Tensor, z2: Tensor) -> Tensor:
    """Return the loss whose minimiser is known: E|z - z'|^2 + |E z z^T - I|^2, both views pooled.

    The constant is one of its functions: it takes one output more.

    Examples
    --------
    >>> z = torch.tensor([[1.0], [-1.0]])
    >>> variational_loss(z, z).item()
    0.0
    """
    both = torch.cat([z1, z2])
    second = both.T @ both / len(both) - torch.eye(z1.shape[1])
    return (z1 - z2).square().sum(1).mean() + second.square().sum()


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A loss and how its network is read out.

    Parameters
    ----------
    name, title : str
        In tables, and for readers.
    pair : callable
        From two views' outputs to the loss.
    extra : int
        Outputs beyond the functions that are asked for.
    spherical : bool
        Whether outputs count by their direction only, with the loss's own exponential kernel.
    """

    name: str
    title: str
    pair: Pair
    extra: int = 0
    spherical: bool = False

    def gram(self, outputs: Array) -> Array:
        """Return the kernel between outputs that the loss itself uses."""
        if not self.spherical:
            return np.asarray(outputs @ outputs.T)
        unit = outputs / np.linalg.norm(outputs, axis=1, keepdims=True)
        return np.asarray(np.exp(unit @ unit.T / TEMPERATURE))


LOSSES = {
    loss.name: loss
    for loss in (
        Loss(name="variational", title="variational VICReg", pair=variational_loss, extra=1),
        Loss(name="vicreg", title="VICReg", pair=vicreg_loss),
        Loss(name="simclr", title="SimCLR", extra=5, spherical=True,
             pair=lambda z1, z2: simclr_loss(z1, z2, temperature=TEMPERATURE)),
    )
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class World:
    """Points whose functions of least variation are known, and noise along them.

    Parameters
    ----------
    name, title : str
        In tables, and for readers.
    k : int
        How many functions besides the constant; up to a gap of the spectrum.
    """

    name: str
    title: str
    k: int


WORLDS = {
    world.name: world
    for world in (
        World(name="circle", title="circle", k=2),
        World(name="moons", title="half-moons", k=3),
    )
}
#: Of a view on the circle, in radians.
TURN = 0.3


def _circle(n: int, seed: int, stream: str) -> Array:
    return 2 * np.pi * numpy_generator(seed, stream).random(n)


def _on_circle(angle: Array) -> Array:
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _batches(world: World, sizes: Sizes, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Draw pairs of views of batches for ever."""
    generator = numpy_generator(seed, "views")
    on_circle = world.name == "circle"
    points = (
        _circle(sizes.points, seed, "train")
        if on_circle
        else sample(sizes.points, seed, "train").points
    )
    while True:
        some = points[generator.integers(len(points), size=BATCH)]
        scale = TURN if on_circle else NOISE
        views = [some + scale * generator.standard_normal(some.shape) for _ in range(2)]
        first, second = (_on_circle(view) if on_circle else view for view in views)
        yield torch.from_numpy(first).float(), torch.from_numpy(second).float()


def train(loss: Loss, world: World, sizes: Sizes, seed: int) -> tuple[nn.Module, float]:
    """Train a network of two hidden layers.

    Returns
    -------
    network : torch.nn.Module
    early : float
        Mean of the loss over the first steps.
    """
    with seeded(seed, "network"):
        network = nn.Sequential(
            nn.Linear(2, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(),
            nn.Linear(100, world.k + loss.extra),
        )  # fmt: skip
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, sizes.steps)
    early: list[float] = []
    for first, second in islice(_batches(world, sizes, seed), sizes.steps):
        value = loss.pair(network(first), network(second))
        early += [value.item()] if len(early) < EARLY else []
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        schedule.step()
    return network, sum(early) / len(early)


def principal(gram: Array, k: int) -> Array:
    """Return the first kernel principal components, of unit second moment.

    Parameters
    ----------
    gram : numpy.ndarray of shape (n, n)
        Kernel between points.
    k : int
        How many.

    Examples
    --------
    >>> x = np.array([[-1.0], [0.0], [1.0]])
    >>> abs(principal(x @ x.T, 1).round(4)).ravel()
    array([1.2247, 0.    , 1.2247])
    """
    from scipy.linalg import eigh

    mean = gram.mean(0)
    centred = gram - mean - mean[:, None] + mean.mean()
    n = len(gram)
    _, vectors = eigh(centred, subset_by_index=[n - k, n - 1])
    return np.asarray(vectors[:, ::-1] * np.sqrt(n))


def networks(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train a network and compare what it spans with the exact functions.

    Parameters
    ----------
    config : mapping
        ``sizes``.
    cell : mapping
        ``loss``, ``world`` and ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns measure, at, value: "early loss"; "angle", the principal angles in degrees by
        number, and "alignment", of the leading components with the exact functions; "whole", the
        alignment with all outputs' span; on half-moons the "share" of the moon they explain.
    """
    loss, world, sizes = LOSSES[cell["loss"]], WORLDS[cell["world"]], config["sizes"]
    network, early = train(loss, world, sizes, cell["seed"])
    inputs, exact, moon = _judges(world, sizes, cell["seed"])
    outputs = _outputs(network, inputs)
    found = principal(loss.gram(outputs), world.k)
    cosines = principal_cosines(found, exact, centre=True)
    rows = [("early loss", 0, early), ("alignment", world.k, float((cosines**2).mean()))]
    angles = np.degrees(np.arccos(cosines))
    rows += [("angle", i + 1, angle) for i, angle in enumerate(angles)]
    whole = principal_cosines(exact, outputs, centre=True)
    rows.append(("whole", outputs.shape[1], float((whole**2).sum() / world.k)))
    if moon is not None:
        rows.append(("share", world.k, float(explained(found, moon))))
    return pd.DataFrame(rows, columns=["measure", "at", "value"]).astype({"at": float})


@lru_cache(maxsize=4)
def _known(sizes: Sizes, k: int) -> KernelDirichlet:
    """Return functions of least energy of mean zero, from a large sample."""
    points = sample(sizes.reference, 0, "reference").points
    model = KernelDirichlet(
        k, kernel=KERNEL, penalty=PENALTY, landmarks=sizes.landmarks, centre=True
    )
    return model.fit(points)


def _judges(world: World, sizes: Sizes, seed: int) -> tuple[Array, Array, Array | None]:
    """Return fresh points, the exact functions there but for the constant, and the moon."""
    if world.name == "circle":
        angle = _circle(sizes.test, seed, "test")
        return _on_circle(angle), circle_modes(angle, world.k + 1)[:, 1:], None
    test = sample(sizes.test, seed, "test")
    return test.points, _known(sizes, world.k).transform(test.points), test.moon


def _outputs(network: nn.Module, points: Array) -> Array:
    with torch.no_grad():
        return np.asarray(network(torch.from_numpy(points).float()).double().numpy())


def fields(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train a network on half-moons and evaluate its leading components on a grid of the plane.

    Returns
    -------
    pandas.DataFrame
        Columns x, y and f1 to f3, of unit second moment on the sample, extended by their kernel.
    """
    loss, world, sizes = LOSSES[cell["method"]], WORLDS["moons"], config["sizes"]
    network, _ = train(loss, world, sizes, config["seed"])
    points, grid = sample(sizes.points, config["seed"], "train").points, plane(sizes.grid)
    outputs = _outputs(network, np.concatenate([points, grid]))
    values = _extended(loss.gram(outputs), len(points), world.k)
    frame = pd.DataFrame(values, columns=[f"f{i}" for i in range(1, world.k + 1)])
    return pd.concat([pd.DataFrame(grid, columns=["x", "y"]), frame], axis=1)


def _extended(gram: Array, n: int, k: int) -> Array:
    """Extend components of the first n points to the others (Nyström)."""
    found = principal(gram[:n, :n], k)
    mean = gram[:n, :n].mean(0)
    centred = gram[:n, :n] - mean - mean[:, None] + mean.mean()
    sizes = (found * (centred @ found)).sum(0) / n
    others = gram[n:, :n]
    others = others - others.mean(1, keepdims=True) - mean + mean.mean()
    return np.asarray(others @ found / sizes)
