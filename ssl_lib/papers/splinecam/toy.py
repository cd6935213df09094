"""Two moons, two circles and a pinwheel: points, and small networks that learn them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ssl_lib.geometry import box, decision_boundary, partition
from ssl_lib.papers.splinecam import shapes
from ssl_lib.papers.splinecam.networks import Fitted, fit, relu_network
from ssl_lib.randomness import numpy_generator

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ARMS", "DOMAIN", "TASKS", "Toy", "curves", "learned_pinwheel", "pictures", "pinwheel"]

DOMAIN = (-3.0, 3.0, -3.0, 3.0)
LAYERS = (2, 10, 10, 10, 10, 10, 1)  # width 10, depth 5, as in the released animation
ARMS = ("arm 1", "arm 2", "arm 3")

Points = tuple[Tensor, Tensor]


@dataclass(frozen=True, kw_only=True)
class Toy:
    """How the classifiers of two classes are trained, and at which steps one looks at them."""

    points: int = 400
    steps: tuple[int, ...]
    learning_rate: float = 0.01


def curves(config: Toy, cell: dict[str, Any]) -> pd.DataFrame:
    """Measure one network at every snapshot.

    Parameters
    ----------
    config : Toy
    cell : mapping
        ``task``, a key of :data:`TASKS`, and ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns step, regions, slope (norm averaged over the area), length (of the boundary),
        early_loss.
    """
    import pandas as pd

    trained, rows = _train(config, cell), []
    for step, model in sorted(trained.at.items()):
        found = partition(model, box(*DOMAIN))
        measured = shapes.measure(found, decision_boundary(found))
        rows.append({"step": step, **measured, "early_loss": trained.early})
    return pd.DataFrame(rows)


def pictures(config: Toy, cell: dict[str, Any]) -> pd.DataFrame:
    """Return the regions and the boundary of one network at every snapshot, and its points.

    Returns
    -------
    pandas.DataFrame
        A table of shapes (:mod:`ssl_lib.papers.splinecam.shapes`); panels are "step 0" and so on,
        and "data".
    """
    drawn = [shapes.points(*_points(config, cell), "data")]
    for step, model in sorted(_train(config, cell).at.items()):
        found = partition(model, box(*DOMAIN))
        drawn += shapes.picture(found, f"step {step}", decision_boundary(found))
    return shapes.table(drawn)


def _points(config: Toy, cell: dict[str, Any]) -> Points:
    return TASKS[cell["task"]](config.points, cell["seed"])


def _train(config: Toy, cell: dict[str, Any]) -> Fitted:
    inputs, labels = _points(config, cell)
    return fit(
        relu_network(LAYERS, seed=cell["seed"], stream=cell["task"]),
        lambda _: (inputs, labels[:, None]),
        nn.functional.binary_cross_entropy_with_logits,
        steps=max(config.steps),
        learning_rate=config.learning_rate,
        keep=config.steps,
    )


def _moons(n: int, seed: int) -> Points:
    from sklearn.datasets import make_moons

    inputs, labels = make_moons(n, noise=0.1, random_state=seed % 2**32)
    return _tensors((inputs - [0.5, 0.25]) * 1.6, labels)


def _circles(n: int, seed: int) -> Points:
    from sklearn.datasets import make_circles

    inputs, labels = make_circles(n, noise=0.08, factor=0.5, random_state=seed % 2**32)
    return _tensors(inputs * 1.7, labels)


def _tensors(inputs: np.ndarray, labels: np.ndarray) -> Points:
    return torch.as_tensor(inputs, dtype=torch.float32), torch.as_tensor(labels).float()


#: scikit-learn's points, scaled to fill the middle of the domain.
TASKS: dict[str, Callable[[int, int], Points]] = {"two moons": _moons, "two circles": _circles}


def pinwheel(n: int, seed: int) -> Points:
    """Return points on three bent arms, (n, 2), and the arm of each, (n,).

    Examples
    --------
    >>> points, arms = pinwheel(300, seed=0)
    >>> tuple(points.shape), arms.bincount().tolist()
    ((300, 2), [100, 100, 100])
    """
    draw = numpy_generator(seed, "pinwheel")
    arm = np.arange(n) % len(ARMS)
    radius = draw.uniform(0.3, 2.6, n)
    angle = 2 * np.pi * arm / len(ARMS) + 1.2 * radius + draw.normal(0, 0.16, n)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return torch.as_tensor(points, dtype=torch.float32), torch.as_tensor(arm)


def learned_pinwheel(seed: int, *, steps: int = 400) -> nn.Module:
    """Train two layers of twelve units to tell the arms apart.

    Parameters
    ----------
    seed : int
    steps : int

    Returns
    -------
    nn.Module
        Three outputs, in evaluation mode.
    """
    points, labels = pinwheel(450, seed)
    model = relu_network((2, 12, 12, len(ARMS)), seed=seed, stream="pinwheel")
    loss = nn.functional.cross_entropy
    return fit(model, lambda _: (points, labels), loss, steps=steps, learning_rate=0.02).last
