"""The classifiers of the chapter: what they are, and how they are trained."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from ssl_lib.data import ImageData
from ssl_lib.data.views import Affine, HorizontalFlip, Policy, RandomResizedCrop
from ssl_lib.methods.supervised import Supervised
from ssl_lib.models import MLP, ConvNet, seeded
from ssl_lib.papers.splinecam.images import Part
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain

__all__ = ["TRAININGS", "Network", "Trained", "accuracy", "build", "predicted", "train"]

Kind = Literal["mlp", "cnn", "vgg11", "vgg16", "patches", "small", "norm"]


@dataclass(frozen=True)
class Network:
    """A classifier of images.

    Parameters
    ----------
    name : str
        In tables.
    kind : str
        "mlp": hidden layers. "cnn": the six convolutions of the released script. "vgg11",
        "vgg16": with average-pooling and stride 2 first. "patches": few filters on patches of
        4 x 4 pixels and twice as many after, then 50 units. "small": two convolutions and 50
        units. "norm": three convolutions and a hidden layer with BatchNorm.
    width : int
        Units of a hidden layer, or filters of the first convolution (64 in the paper).
    depth : int
        Hidden layers.

    Examples
    --------
    >>> Network("64x3", "mlp", 64, 3).title
    'fully connected'
    """

    name: str
    kind: Kind
    width: int = 0
    depth: int = 0

    @property
    def title(self) -> str:
        """What it is, for readers."""
        return "fully connected" if self.kind == "mlp" else "convolutional"


def build(network: Network, images: ImageData, *, seed: int) -> Supervised:
    """Return an untrained classifier for a data set.

    Examples
    --------
    >>> from ssl_lib import data
    >>> build(Network("64x3", "mlp", 64, 3), data.load("digits"), seed=0).encoder_dim
    64
    """
    channels, size = images.images.shape[1], images.images.shape[-1]
    with seeded(seed, "encoder"):
        encoder = _ENCODERS[network.kind](network, channels, size)
    return Supervised(encoder, n_classes=len(images.class_names), seed=seed)


class _Stack(nn.Module):
    """Layers on images, then a linear layer to ``out_dim`` features, then perhaps a ReLU."""

    def __init__(
        self, layers: list[nn.Module], channels: int, size: int, out_dim: int, *, relu: bool = True
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


def _mlp(network: Network, channels: int, size: int) -> nn.Module:
    hidden = (network.width,) * (network.depth - 1)
    return MLP(channels * size**2, network.width, hidden=hidden, norm="none", activation="relu")


def _cnn(network: Network, channels: int, size: int) -> nn.Module:
    """Six convolutions, every second one halving the image, and two average-poolings."""
    f = network.width
    widths = (channels, f, f, 2 * f, 2 * f, 4 * f, 4 * f)
    layers: list[nn.Module] = []
    for place in range(6):
        stride = 1 + place % 2
        conv = nn.Conv2d(widths[place], widths[place + 1], 3, stride=stride, padding=1)
        layers += [conv, nn.ReLU()]
    end = [nn.AvgPool2d(2), nn.AvgPool2d(2)]
    return _Stack([*layers, *end], channels, size, 128, relu=False)


def _vgg(
    network: Network, channels: int, size: int, *, plan: Sequence[int], out_dim: int
) -> nn.Module:
    """Convolutions of so many times the first's filters; 0 stands for a pooling."""
    layers: list[nn.Module] = []
    width, stride = channels, 2
    for times in plan:
        if not times:
            layers.append(nn.AvgPool2d(2))
            continue
        conv = nn.Conv2d(width, times * network.width, 3, stride=stride, padding=1, bias=False)
        width, stride = times * network.width, 1
        layers += [conv, nn.BatchNorm2d(width), nn.ReLU()]
    return _Stack(layers, channels, size, out_dim)


def _patches(network: Network, channels: int, size: int) -> nn.Module:
    """Few enough units that a plane through several photographs has thousands of regions."""
    f = network.width
    layers: list[nn.Module] = [nn.Conv2d(channels, f, 4, stride=4), nn.ReLU()]
    layers += [nn.Conv2d(f, 2 * f, 3, stride=2, padding=1), nn.ReLU()]
    return _Stack(layers, channels, size, 50)


def _small(network: Network, channels: int, size: int) -> nn.Module:
    f = network.width
    layers = [nn.Conv2d(channels, f, 3, padding=1), nn.ReLU()]
    layers += [nn.Conv2d(f, 2 * f, 3, stride=2, padding=1), nn.ReLU()]
    return _Stack(layers, channels, size, 50)


def _norm(network: Network, channels: int, size: int) -> nn.Module:
    f = network.width
    return ConvNet(channels, 12, widths=(f, f + 1, f + 2))


_VGG11 = (1, 0, 2, 0, 4, 4, 0, 8, 8, 0, 8, 8)
_VGG16 = (1, 1, 0, 2, 2, 0, 4, 4, 4, 0, 8, 8, 8, 0, 8, 8, 8)
_ENCODERS: dict[Kind, Callable[[Network, int, int], nn.Module]] = {
    "mlp": _mlp,
    "cnn": _cnn,
    "vgg11": functools.partial(_vgg, plan=_VGG11, out_dim=512),
    "vgg16": functools.partial(_vgg, plan=_VGG16, out_dim=2048),
    "patches": _patches,
    "small": _small,
    "norm": _norm,
}


def _plain(_: ImageData) -> Policy:
    """One view, the image as it is."""
    return Policy(name="plain", recipes=((),), n_global=1)


def _augmented(images: ImageData) -> Policy:
    """Small turns and shifts of digits; crops and flips of natural images."""
    size = images.images.shape[-1]
    if images.images.shape[1] == 1:
        moves = Affine(degrees=14.3, translate=1.0)  # 0.25 rad, an eighth of the side
        return Policy(name="turn-and-shift", recipes=((moves,),), n_global=1)
    crop = RandomResizedCrop(size=size, scale=(0.5, 1.0))
    return Policy(name="crop-and-flip", recipes=((crop, HorizontalFlip()),), n_global=1)


#: How images are moved in training, by the name of the training.
TRAININGS: dict[str, Callable[[ImageData], Policy]] = {"plain": _plain, "augmented": _augmented}

Snapshots: TypeAlias = dict[int, nn.Module]


@dataclass(frozen=True)
class Trained:
    """A trained classifier.

    Attributes
    ----------
    at : dict of int to nn.Module
        Copies by epoch, images (n, c, h, w) to logits, in evaluation mode.
    early : float
        Mean loss of the first ten steps.
    """

    at: Snapshots
    early: float


def train(
    network: Network,
    part: Part,
    keep: Sequence[int],
    seed: int,
    *,
    training: str = "plain",
    batch_size: int = 128,
    device: str = "cpu",
) -> Trained:
    """Train a classifier with Adam at a constant rate, and keep copies after some epochs.

    Parameters
    ----------
    network : Network
    part : Part
        The training images.
    keep : sequence of int
        Epochs after which a copy is kept, 0 for the initial network; training ends at the last.
    seed : int
        Of initial weights, order and views.
    training : str
        A key of :data:`TRAININGS`.
    batch_size, device
        Of the run.

    Returns
    -------
    Trained
        Copies of the last few trainings, which are remembered: a picture and a curve share one.
    """
    found = _trained(network, part, tuple(sorted(keep)), seed, training, batch_size, device)
    return copy.deepcopy(found)


@functools.lru_cache(maxsize=8)
def _trained(
    network: Network,
    part: Part,
    keep: tuple[int, ...],
    seed: int,
    training: str,
    batch_size: int,
    device: str,
) -> Trained:
    images = part.load()
    method = build(network, images, seed=seed).to(device)
    kept: Snapshots = {0: _copy(method)} if 0 in keep else {}
    epochs = iter(range(1, keep[-1] + 1))

    def snapshot(_: nn.Module) -> dict[str, float]:
        if (epoch := next(epochs)) in keep:
            kept[epoch] = _copy(method)
        return {}

    config = TrainingConfig(
        epochs=keep[-1], batch_size=batch_size, learning_rate=1e-3, weight_decay=0.0,
        schedule="constant", evaluate_every=1, precision="float32", seed=seed,
    )  # fmt: skip
    policy = TRAININGS[training](images)
    run = pretrain(
        method, images, policy=policy, config=config, device=device, metrics=snapshot,
        progress=False,
    )  # fmt: skip
    return Trained(kept, run.history[-1]["early_loss"])


def _copy(method: Supervised) -> nn.Module:
    parts = (method.encoder, method.classifier)
    return nn.Sequential(*(copy.deepcopy(part) for part in parts)).eval()


def accuracy(model: nn.Module, images: ImageData) -> float:
    """Return the share of images that a network classifies correctly."""
    return float((predicted(model, images) == images.labels).double().mean())


@torch.no_grad()
def predicted(model: nn.Module, images: ImageData) -> Tensor:
    """Return the class (n,) that a network gives each image."""
    weight = next(model.parameters())
    parts = [model(part.to(weight) / 255).argmax(1) for part in images.images.split(1000)]
    return torch.cat(parts).to(images.labels.device)
