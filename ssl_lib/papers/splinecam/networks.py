"""The networks of the chapter, and how they are trained with snapshots on the way."""

from __future__ import annotations

import copy
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

from ssl_lib.data import ImageData
from ssl_lib.data.views import Policy
from ssl_lib.methods.supervised import Supervised
from ssl_lib.models import seeded
from ssl_lib.models.heads import linear_layers
from ssl_lib.papers.splinecam.classifiers import build_classifier
from ssl_lib.randomness import torch_generator
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain
from ssl_lib.training.many import pretrain_many

__all__ = [
    "PLAIN",
    "TriangleWaves",
    "classifier",
    "fit",
    "relu_network",
    "train_classifier",
    "train_classifiers",
]

#: One view, the image as it is.
PLAIN = Policy(name="plain", recipes=((),), n_global=1)

Snapshots: TypeAlias = dict[int, nn.Module]
Draw: TypeAlias = Callable[[torch.Generator], tuple[Tensor, Tensor]]
Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]

#: The snapshots of the last trainings of this process: a picture and a curve often share one.
_TRAINED: OrderedDict[tuple[object, ...], Snapshots] = OrderedDict()
_MOST_KEPT = 8


def relu_network(widths: Sequence[int], *, seed: int, stream: str = "network") -> nn.Sequential:
    """Return Linear and ReLU in turn, with torch's default initial weights.

    Parameters
    ----------
    widths : sequence of int
        Inputs, hidden widths, outputs; no ReLU after the last.
    seed : int
    stream : str
        Names the random stream.

    Returns
    -------
    nn.Sequential

    Examples
    --------
    >>> len(relu_network((2, 10, 10, 1), seed=0))
    5
    """
    with seeded(seed, stream):
        return linear_layers(
            widths[0],
            widths[1:],
            norm="none",
            activation="relu",
            final_norm=False,
            final_activation=False,
        )


class TriangleWaves(nn.Module):
    """Positional encoding by triangle waves: x, 2|x| - 1, 2|2|x| - 1| - 1 and so on.

    Each fold doubles the frequency, as the sines and cosines of the usual encoding do, but stays
    piecewise linear, so that the partition of the whole network is exact.

    Parameters
    ----------
    folds : int
        Number of doublings.

    Examples
    --------
    >>> TriangleWaves(2)(torch.tensor([[0.0, 0.25]])).tolist()
    [[0.0, 0.25, -1.0, -0.5, 1.0, 0.0]]
    """

    def __init__(self, folds: int) -> None:
        super().__init__()
        self.folds = folds

    def forward(self, x: Tensor) -> Tensor:
        """Return the waves (n, d (folds + 1)) of coordinates (n, d) in [-1, 1]."""
        parts = [x]
        for _ in range(self.folds):
            parts.append(2 * torch.abs(parts[-1]) - 1)
        return torch.cat(parts, 1)


def fit(
    model: nn.Module,
    draw: Draw,
    loss: Loss,
    *,
    steps: int,
    learning_rate: float,
    keep: Sequence[int] = (),
    decay: bool = False,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Snapshots:
    """Train a network on drawn points with Adam, and keep copies on the way.

    Parameters
    ----------
    model : nn.Module
        Trained in place.
    draw : callable
        Given a generator, returns the inputs (n, d) and targets of one step.
    loss : callable
        Of outputs and targets.
    steps : int
    learning_rate : float
    keep : sequence of int
        Steps after which a copy is kept; 0 is the initial network. The last step always is.
    decay : bool
        Whether the learning rate goes to zero along a cosine.
    seed : int
        Of the drawn points.
    device : torch.device or str

    Returns
    -------
    dict of int to nn.Module
        Copies in evaluation mode by step.

    Examples
    --------
    >>> line = relu_network((1, 8, 1), seed=0)
    >>> def draw(generator):
    ...     x = torch.rand(64, 1, generator=generator)
    ...     return x, 3 * x
    >>> kept = fit(line, draw, nn.functional.mse_loss, steps=300, learning_rate=0.02, keep=(0,))
    >>> sorted(kept), bool((kept[300](torch.tensor([[0.5]])) - 1.5).abs() < 0.05)
    ([0, 300], True)
    """
    model.to(device).train()
    generator = torch_generator(seed, "points")
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    horizon = steps if decay else 10**12
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, horizon)
    kept = {0: _copy(model)} if 0 in keep else {}
    for step in range(1, steps + 1):
        inputs, targets = (part.to(device) for part in draw(generator))
        optimiser.zero_grad(set_to_none=True)
        loss(model(inputs), targets).backward()
        optimiser.step()
        schedule.step()
        if step in keep or step == steps:
            kept[step] = _copy(model)
    return kept


def _copy(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model).eval()


def classifier(method: Supervised) -> nn.Sequential:
    """Return a copy of a method's network, images (n, c, h, w) to logits, in evaluation mode."""
    parts = (method.encoder, method.classifier)
    return nn.Sequential(*(copy.deepcopy(part) for part in parts)).eval()


def train_classifier(
    name: str,
    data: ImageData,
    *,
    keep: Sequence[int],
    learning_rate: float = 1e-3,
    batch_size: int = 128,
    policy: Policy = PLAIN,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Snapshots:
    """Train a classifier with Adam at a constant rate, and keep copies after some epochs.

    Parameters
    ----------
    name : str
        See `ssl_lib.papers.splinecam.classifiers.build_classifier`.
    data : ImageData
        The training images.
    keep : sequence of int
        Epochs after which a copy is kept, 0 for the initial network; training ends at the last.
    learning_rate, batch_size, policy, seed, device
        Of the run.

    Returns
    -------
    dict of int to nn.Module
        Copies by epoch. The last few trainings are remembered and not repeated.
    """
    about = (tuple(sorted(keep)), learning_rate, batch_size, policy, seed, str(device))
    run = (name, data.fingerprint, data.class_names, *about)
    if run not in _TRAINED:
        _TRAINED[run] = _snapshots(
            name, data, keep, learning_rate, batch_size, policy, seed, device
        )
        while len(_TRAINED) > _MOST_KEPT:
            _TRAINED.popitem(last=False)
    return copy.deepcopy(_TRAINED[run])


def _snapshots(
    name: str,
    data: ImageData,
    keep: Sequence[int],
    learning_rate: float,
    batch_size: int,
    policy: Policy,
    seed: int,
    device: torch.device | str,
) -> Snapshots:
    method = build_classifier(name, data, seed=seed).to(device)
    kept: Snapshots = {0: classifier(method)} if 0 in keep else {}
    epoch = 0

    def snapshot(_: nn.Module) -> dict[str, float]:
        nonlocal epoch
        epoch += 1
        if epoch in keep:
            kept[epoch] = classifier(method)
        return {}

    config = _config(max(keep), learning_rate, batch_size, seed)
    pretrain(
        method,
        data,
        policy=policy,
        config=config,
        device=device,
        metrics=snapshot,
        progress=False,
    )
    return kept


def train_classifiers(
    name: str,
    data: ImageData,
    *,
    epochs: int,
    seeds: Sequence[int],
    policy: Policy = PLAIN,
    device: torch.device | str = "cpu",
) -> list[nn.Module]:
    """Train several classifiers that differ in their seed, side by side.

    Parameters
    ----------
    name : str
        See `ssl_lib.papers.splinecam.classifiers.build_classifier`.
    data : ImageData
    epochs : int
    seeds : sequence of int
        One for each: of its initial weights, order and views.
    policy : Policy
    device : torch.device or str

    Returns
    -------
    list of nn.Module
    """
    if not re.fullmatch(r"\d+x\d+", name):  # convolutions gain nothing side by side
        runs = (
            train_classifier(name, data, keep=(epochs,), policy=policy, seed=seed, device=device)
            for seed in seeds
        )
        return [kept[epochs] for kept in runs]
    methods = [build_classifier(name, data, seed=seed) for seed in seeds]
    config = _config(epochs, 1e-3, 128, seeds[0])
    pretrain_many(
        methods,
        data,
        policy=policy,
        config=config,
        order_seeds=seeds,
        views_seeds=seeds,
        device=device,
        progress=False,
    )
    return [classifier(method) for method in methods]


def _config(epochs: int, learning_rate: float, batch_size: int, seed: int) -> TrainingConfig:
    return TrainingConfig(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=0.0,
        schedule="constant",
        evaluate_every=1,
        precision="float32",
        seed=seed,
    )
