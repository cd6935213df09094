"""The partition of a toy classifier while it trains: pictures and curves."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn

from ssl_lib import profiles
from ssl_lib.geometry import box, decision_boundary, partition
from ssl_lib.papers.splinecam import shapes
from ssl_lib.papers.splinecam.networks import Snapshots, fit, relu_network
from ssl_lib.papers.splinecam.settings import Settings
from ssl_lib.results import Result, Store

__all__ = ["DOMAIN", "TASKS", "Toy", "curves", "evolution"]

TASKS = ("two moons", "two circles")
DOMAIN = (-3.0, 3.0, -3.0, 3.0)
LAYERS = (2, 10, 10, 10, 10, 10, 1)  # width 10, depth 5, as in the released animation


@dataclass(frozen=True, kw_only=True)
class Toy:
    """How the toy classifiers are trained."""

    tasks: tuple[str, ...] = TASKS
    points: int = 400
    steps: tuple[int, ...] = (0, 10, 25, 50, 100, 200)
    learning_rate: float = 0.01
    seeds: tuple[int, ...] = (0,)


def evolution(settings: Settings, store: Store | None = None) -> Result:
    """Return the regions and the boundary at every snapshot of one run of each task.

    Returns
    -------
    Result
        A table of shapes (see `ssl_lib.papers.splinecam.shapes`) with the column task; panels
        are "step 0" and so on, and "data".
    """
    config = Toy(seeds=(settings.seed,))
    return (store or Store()).table("splinecam-toy-shapes", _shapes, config)


def curves(settings: Settings, store: Store | None = None) -> Result:
    """Return regions, mean slope and boundary length along several runs.

    Returns
    -------
    Result
        Columns task, seed, step, regions, slope (norm averaged over the area), length.
    """
    runs = profiles.choose(settings.profile, smoke=2, quick=5, standard=10, paper=20)
    seeds = tuple(range(settings.seed, settings.seed + max(runs, settings.n_runs)))
    config = Toy(steps=(0, 5, 10, 25, 50, 75, 100, 150, 200), seeds=seeds)
    return (store or Store()).table("splinecam-toy-curves", _curves, config)


def _shapes(config: Toy) -> pd.DataFrame:
    parts = []
    for task in config.tasks:
        inputs, labels = _points(task, config.points, config.seeds[0])
        drawn = [shapes.points(inputs, "data", labels)]
        for step, model in sorted(_train(task, config, config.seeds[0]).items()):
            found = partition(model, box(*DOMAIN))
            drawn += [
                shapes.regions(found, f"step {step}"),
                shapes.lines(decision_boundary(found), f"step {step}"),
            ]
        parts.append(shapes.table(drawn).assign(task=task))
    return pd.concat(parts, ignore_index=True)


def _curves(config: Toy) -> pd.DataFrame:
    rows = []
    for task in config.tasks:
        for seed in config.seeds:
            for step, model in sorted(_train(task, config, seed).items()):
                found = partition(model, box(*DOMAIN))
                measured = shapes.measure(found, decision_boundary(found))
                rows.append({"task": task, "seed": seed, "step": step} | measured)
    return pd.DataFrame(rows)


def _train(task: str, config: Toy, seed: int) -> Snapshots:
    inputs, labels = _points(task, config.points, seed)
    return fit(
        relu_network(LAYERS, seed=seed, stream=task),
        lambda _: (inputs, labels[:, None]),
        nn.functional.binary_cross_entropy_with_logits,
        steps=max(config.steps),
        learning_rate=config.learning_rate,
        keep=config.steps,
    )


def _points(task: str, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return scikit-learn's points, scaled to fill the middle of the domain."""
    from sklearn import datasets

    if task == "two moons":
        inputs, labels = datasets.make_moons(n, noise=0.1, random_state=seed % 2**32)
        inputs = (inputs - [0.5, 0.25]) * 1.6
    else:
        inputs, labels = datasets.make_circles(n, noise=0.08, factor=0.5, random_state=seed % 2**32)
        inputs = inputs * 1.7
    return torch.as_tensor(inputs, dtype=torch.float32), torch.as_tensor(labels).float()
