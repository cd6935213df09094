"""The networks of the chapter, and how they are trained with snapshots on the way."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

from ssl_lib.data import ImageData
from ssl_lib.data.views import Policy
from ssl_lib.errors import InputError
from ssl_lib.methods.supervised import Supervised
from ssl_lib.models import MLP, ConvNet, seeded
from ssl_lib.models.heads import linear_layers
from ssl_lib.randomness import torch_generator
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain
from ssl_lib.training.many import pretrain_many

__all__ = [
    "PLAIN",
    "TriangleWaves",
    "build_classifier",
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

VGG = {
    "vgg11": (1, "M", 2, "M", 4, 4, "M", 8, 8, "M", 8, 8),
    "vgg16": (1, 1, "M", 2, 2, "M", 4, 4, 4, "M", 8, 8, 8, "M", 8, 8, 8),
}


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


def build_classifier(name: str, data: ImageData, *, seed: int) -> Supervised:
    """Return an untrained classifier of the chapter for a data set.

    Parameters
    ----------
    name : str
        "64x3": three hidden layers of 64 units. "cnn16": the six convolutions of the released
        script with f = 16 first filters. "convnet": three convolutions and a hidden layer with
        BatchNorm. "small-cnn": two convolutions and a hidden layer of 50 units. "vgg11-8",
        "vgg16-8": VGG with average-pooling, stride 2 first and 8 first filters (64 in the paper).
    data : ImageData
    seed : int

    Returns
    -------
    Supervised

    Raises
    ------
    InputError
        For a name of another form.

    Examples
    --------
    >>> from ssl_lib import data
    >>> build_classifier("64x3", data.load("digits"), seed=0).encoder_dim
    64
    """
    channels, size = data.images.shape[1], data.images.shape[-1]
    with seeded(seed, "encoder"):
        encoder = _encoder(name, channels, size)
    return Supervised(encoder, n_classes=len(data.class_names), seed=seed)


def _encoder(name: str, channels: int, size: int) -> nn.Module:
    if found := re.fullmatch(r"(\d+)x(\d+)", name):
        width, depth = int(found[1]), int(found[2])
        hidden = (width,) * (depth - 1)
        return MLP(channels * size**2, width, hidden=hidden, norm="none", activation="relu")
    if found := re.fullmatch(r"cnn(\d+)", name):
        return _Stack(_cifar_layers(channels, int(found[1])), channels, size, 128)
    if found := re.fullmatch(r"(vgg11|vgg16)-(\d+)", name):
        layers = _vgg_layers(VGG[found[1]], channels, int(found[2]))
        return _Stack(layers, channels, size, 512 if found[1] == "vgg11" else 2048, relu=True)
    if name == "small-cnn":
        layers = [nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU()]
        layers += [nn.Conv2d(4, 8, 3, stride=2, padding=1), nn.ReLU()]
        return _Stack(layers, channels, size, 50, relu=True)
    if name == "convnet":
        return ConvNet(channels, 12, widths=(2, 3, 4))
    known = "'64x3', 'cnn16', 'vgg11-8', 'vgg16-8', 'small-cnn' or 'convnet'"
    raise InputError(f"a network is named like {known}, got {name!r}.")


class _Stack(nn.Module):
    """Layers on images, then a linear layer to ``out_dim`` features, then perhaps a ReLU."""

    def __init__(
        self, layers: list[nn.Module], channels: int, size: int, out_dim: int, *, relu: bool = False
    ) -> None:
        super().__init__()
        self.out_dim = out_dim
        body = nn.Sequential(*layers, nn.Flatten()).eval()
        with torch.no_grad():
            features = body(torch.zeros(1, channels, size, size)).shape[1]
        end = [nn.Linear(features, out_dim), nn.ReLU() if relu else nn.Identity()]
        self.layers = nn.Sequential(*body.train(), *end)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.layers(images)
        return features


def _cifar_layers(channels: int, f: int) -> list[nn.Module]:
    """Six convolutions, every second one halving the image, and two average-poolings."""
    widths = (channels, f, f, 2 * f, 2 * f, 4 * f, 4 * f)
    layers: list[nn.Module] = []
    for place in range(6):
        stride = 1 + place % 2
        conv = nn.Conv2d(widths[place], widths[place + 1], 3, stride=stride, padding=1)
        layers += [conv, nn.ReLU()]
    return [*layers, nn.AvgPool2d(2), nn.AvgPool2d(2)]


def _vgg_layers(plan: Sequence[int | str], channels: int, f: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    width, stride = channels, 2
    for step in plan:
        if isinstance(step, str):
            layers.append(nn.AvgPool2d(2))
            continue
        conv = nn.Conv2d(width, step * f, 3, stride=stride, padding=1, bias=False)
        width, stride = step * f, 1
        layers += [conv, nn.BatchNorm2d(width), nn.ReLU()]
    return layers


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
        See `build_classifier`.
    data : ImageData
        The training images.
    keep : sequence of int
        Epochs after which a copy is kept, 0 for the initial network; training ends at the last.
    learning_rate, batch_size, policy, seed, device
        Of the run.

    Returns
    -------
    dict of int to nn.Module
    """
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
        See `build_classifier`.
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
