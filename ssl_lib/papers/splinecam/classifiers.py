"""The classifiers of the chapter, by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ssl_lib.data import ImageData
from ssl_lib.errors import InputError
from ssl_lib.methods.supervised import Supervised
from ssl_lib.models import MLP, ConvNet, seeded

__all__ = ["build_classifier"]

VGG = {
    "vgg11": (1, "M", 2, "M", 4, 4, "M", 8, 8, "M", 8, 8),
    "vgg16": (1, 1, "M", 2, 2, "M", 4, 4, 4, "M", 8, 8, 8, "M", 8, 8, 8),
}


def build_classifier(name: str, data: ImageData, *, seed: int) -> Supervised:
    """Return an untrained classifier of the chapter for a data set.

    Parameters
    ----------
    name : str
        "64x3": three hidden layers of 64 units. "cnn16": the six convolutions of the released
        script with f = 16 first filters. "convnet": three convolutions and a hidden layer with
        BatchNorm. "small-cnn": two convolutions and a hidden layer of 50 units. "patch3": the
        same for larger images, 3 filters on patches of 4 x 4 pixels and then 6. "vgg11-8",
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
    if found := re.fullmatch(r"patch(\d+)", name):
        return _Stack(_patch_layers(channels, int(found[1])), channels, size, 50, relu=True)
    if name == "small-cnn":
        layers = [nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU()]
        layers += [nn.Conv2d(4, 8, 3, stride=2, padding=1), nn.ReLU()]
        return _Stack(layers, channels, size, 50, relu=True)
    if name == "convnet":
        return ConvNet(channels, 12, widths=(2, 3, 4))
    known = "'64x3', 'cnn16', 'vgg11-8', 'vgg16-8', 'small-cnn', 'patch3' or 'convnet'"
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


def _patch_layers(channels: int, f: int) -> list[nn.Module]:
    """Few enough units that a plane through several photographs has thousands of regions."""
    layers: list[nn.Module] = [nn.Conv2d(channels, f, 4, stride=4), nn.ReLU()]
    return [*layers, nn.Conv2d(f, 2 * f, 3, stride=2, padding=1), nn.ReLU()]


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
