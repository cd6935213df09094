"""The decision boundary: between two classes in training, and by architecture."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from ssl_lib import profiles
from ssl_lib.data import ImageData
from ssl_lib.geometry import Slice, decision_boundary, partition, slice_through
from ssl_lib.papers.splinecam import shapes
from ssl_lib.papers.splinecam.images import load
from ssl_lib.papers.splinecam.networks import train_classifier
from ssl_lib.papers.splinecam.settings import Settings
from ssl_lib.papers.splinecam.training import pixels, predicted
from ssl_lib.results import Result, Store

__all__ = [
    "Comparison",
    "Evolution",
    "architectures",
    "boundary_samples",
    "evolution",
    "evolution_shapes",
    "moves",
]


PICTURED = 6  # samples of a boundary that are kept as images
SHOWN = 4  # snapshots in the picture of the boundary's evolution


@dataclass(frozen=True, kw_only=True)
class Evolution:
    """A convnet between two classes, and slices through three of its training images."""

    data: str
    classes: tuple[int, int]
    network: str
    epochs: tuple[int, ...]
    slices: int
    seed: int
    images: int = 0  # of all classes, the first of the training images; 0: all
    device: str = "cpu"


def _evolution_config(settings: Settings, slices: int) -> Evolution:
    large = settings.profile in ("standard", "paper")
    return Evolution(
        data="cifar10" if large else "digits",
        classes=(3, 5) if large else (3, 8),
        network=profiles.choose(
            settings.profile, smoke="16x2", quick="convnet", standard="patch3", paper="patch6"
        ),
        epochs=profiles.choose(
            settings.profile,
            smoke=(1, 2, 3),
            quick=(1, 2, 4, 8, 16, 32),
            standard=(1, 2, 4, 8, 16, 32),
            paper=(50, 100, 150, 200, 300),
        ),
        slices=slices,
        seed=settings.seed,
        images=10_000 if settings.profile == "standard" else 0,
        device=str(profiles.device(settings.device)),
    )


def evolution(settings: Settings, store: Store | None = None) -> Result:
    """Return the length of the boundary in many slices at every snapshot.

    Returns
    -------
    Result
        Columns slice, epoch, regions, slope, length.
    """
    slices = profiles.choose(settings.profile, smoke=3, quick=10, standard=20, paper=100)
    config = _evolution_config(settings, slices)
    data = load(config.data, split="train").fingerprint
    store = store or Store()
    return store.table("splinecam-evolution", _evolution, config, data={config.data: data})


def evolution_shapes(settings: Settings, store: Store | None = None) -> Result:
    """Return regions and boundary in two slices at the last snapshots.

    Returns
    -------
    Result
        A table of shapes with the column slice; panels "epoch 1" and so on, and "anchors".
    """
    config = _evolution_config(settings, 2)
    data = load(config.data, split="train").fingerprint
    store = store or Store()
    return store.table(
        "splinecam-evolution-shapes", _evolution_shapes, config, data={config.data: data}
    )


def _evolution(config: Evolution) -> pd.DataFrame:
    rows = []
    for epoch, model, number, place, _ in _walk(config):
        found = partition(model, place)
        measured = shapes.measure(found, decision_boundary(found))
        rows.append({"slice": number, "epoch": epoch} | measured)
    return pd.DataFrame(rows)


def _evolution_shapes(config: Evolution) -> pd.DataFrame:
    parts = []
    for epoch, model, number, place, labels in _walk(config):
        if epoch not in config.epochs[-SHOWN:]:
            continue
        found, panel = partition(model, place), f"epoch {epoch}"
        drawn = [shapes.regions(found, panel), shapes.lines(decision_boundary(found), panel)]
        if epoch == config.epochs[-SHOWN:][0]:
            drawn.append(shapes.points(place.anchors, "anchors", labels))
        parts.append(shapes.table(drawn).assign(slice=number))
    return pd.concat(parts, ignore_index=True)


def _walk(config: Evolution) -> Iterator[tuple[int, nn.Module, int, Slice, Tensor]]:
    data = two_classes(load(config.data, most=config.images), config.classes)
    planes = cross_class_planes(data, config.slices)
    models = train_classifier(
        config.network,
        data,
        keep=config.epochs,
        batch_size=32,
        seed=config.seed,
        device=config.device,
    )
    for epoch, model in sorted(models.items()):
        for number, (place, labels) in enumerate(planes):
            yield epoch, model, number, place, labels


def two_classes(data: ImageData, classes: tuple[int, int]) -> ImageData:
    """Keep the images of two classes, labelled 0 and 1."""
    rows = torch.isin(data.labels, torch.tensor(classes))
    labels = (data.labels[rows] == classes[1]).long()
    names = tuple(data.class_names[label] for label in classes)
    return ImageData(data.images[rows], labels, names, name=f"{data.name}, two classes")


def cross_class_planes(data: ImageData, n: int) -> list[tuple[Slice, Tensor]]:
    """Lay planes through an image of class 0 and its two nearest images of class 1.

    The images of class 0 come in order of their distance from class 1.

    Parameters
    ----------
    data : ImageData
        Of two classes.
    n : int

    Returns
    -------
    list of (Slice, Tensor)
        Each plane and the labels of its three anchors.
    """
    images = pixels(data.images).flatten(1)
    first, second = ((data.labels == label).nonzero()[:, 0] for label in (0, 1))
    distance, nearest = torch.cdist(images[first], images[second]).topk(2, largest=False)
    planes = []
    for row in distance[:, 0].argsort()[:n].tolist():
        rows = torch.cat([first[row : row + 1], second[nearest[row]]])
        planes.append((slice_through(*pixels(data.images[rows])), data.labels[rows]))
    return planes


def moves(table: pd.DataFrame, *, share: float = 0.1) -> pd.DataFrame:
    """Return whether the boundary's length falls and rises by more than a share of its largest.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`evolution`.
    share : float

    Returns
    -------
    pandas.DataFrame
        Columns slice, rises, falls, both.

    Examples
    --------
    >>> made = pd.DataFrame({"slice": [0, 0, 0, 1, 1, 1], "epoch": [1, 2, 3] * 2})
    >>> moves(made.assign(length=[1, 2, 1, 1, 2, 2])).both.tolist()
    [True, False]
    """
    rows = []
    for number, part in table.sort_values("epoch").groupby("slice"):
        lengths = part.length.to_numpy(float)
        later = lengths[None, :] - lengths[:, None]
        step = np.triu(later, 1) / max(lengths.max(), 1e-300)
        rises, falls = bool(step.max() > share), bool(step.min() < -share)
        rows.append({"slice": number, "rises": rises, "falls": falls, "both": rises and falls})
    return pd.DataFrame(rows)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Networks on digits or photographs, seen in one plane."""

    networks: tuple[str, ...]
    epochs: int
    samples: int
    seed: int
    data: str = "digits"
    images: int = 0  # the first of the training images; 0: all


def architectures(settings: Settings, store: Store | None = None) -> Result:
    """Compare a fully connected and a convolutional network in one plane of images.

    Returns
    -------
    Result
        A table of shapes; panels are the networks, and "anchors".
    """
    config = _comparison_config(settings)
    data = load(config.data).fingerprint
    store = store or Store()
    return store.table("splinecam-architectures", _architectures, config, data={config.data: data})


def boundary_samples(settings: Settings, store: Store | None = None) -> Result:
    """Draw points from the decision boundaries of the same networks in the same plane.

    Returns
    -------
    Result
        Columns network, x, y, tie (difference of the two largest outputs, relative), first and
        second (their classes) and p0, p1 and so on: the image there, of the first few samples of
        each network.
    """
    config = _comparison_config(settings)
    data = load(config.data).fingerprint
    store = store or Store()
    return store.table("splinecam-samples", _boundary_samples, config, data={config.data: data})


def _comparison_config(settings: Settings) -> Comparison:
    smoke, large = settings.profile == "smoke", settings.profile in ("standard", "paper")
    return Comparison(
        networks=("16x2" if smoke else "50x3", "patch3" if large else "small-cnn"),
        epochs=2 if smoke else 20,
        samples=200,
        seed=settings.seed,
        data="cifar10" if large else "digits",
        images=10_000 if settings.profile == "standard" else 0,
    )


def _architectures(config: Comparison) -> pd.DataFrame:
    models, place, labels = _compared(config)
    parts = [shapes.points(place.anchors, "anchors", labels)]
    for name, model in models.items():
        found = partition(model, place)
        parts += [shapes.regions(found, name), shapes.lines(decision_boundary(found), name)]
    return shapes.table(parts)


def _boundary_samples(config: Comparison) -> pd.DataFrame:
    models, place, _ = _compared(config)
    parts = []
    for name, model in models.items():
        border = decision_boundary(partition(model, place))
        if len(border):
            drawn = border.sample(config.samples, seed=config.seed)
            parts.append(_samples(model, place, drawn).assign(network=name))
    return pd.concat(parts, ignore_index=True)


def _compared(config: Comparison) -> tuple[dict[str, nn.Module], Slice, Tensor]:
    data = load(config.data, most=config.images)
    models = {
        name: train_classifier(name, data, keep=(config.epochs,), seed=config.seed)[config.epochs]
        for name in config.networks
    }
    rows = _agreed(list(models.values()), data, (3, 5, 8))
    return models, slice_through(*pixels(data.images[rows])), data.labels[rows]


def _agreed(models: list[nn.Module], data: ImageData, classes: tuple[int, ...]) -> list[int]:
    """Return one image of each class that all networks classify correctly, else the first."""
    right = torch.stack([predicted(model, data) == data.labels for model in models]).all(0)
    rows = []
    for label in classes:
        own = data.labels == label
        found = (own & right).nonzero()[:, 0]
        rows.append(int(found[0] if len(found) else own.nonzero()[0, 0]))
    return rows


@torch.no_grad()
def _samples(model: nn.Module, place: Slice, plane: Tensor) -> pd.DataFrame:
    images = place.embed(plane)
    outputs = copy.deepcopy(model).double()(images)
    best = outputs.topk(2, dim=1)
    tie = (best.values[:, 0] - best.values[:, 1]).abs() / outputs.abs().amax(1)
    first, second = best.indices.sort(dim=1).values.T.numpy()
    x, y = plane.T.numpy()
    about = {"x": x, "y": y, "tie": tie.numpy(), "first": first, "second": second}
    image = pd.DataFrame(images[:PICTURED].flatten(1).numpy()).add_prefix("p")
    return pd.concat([pd.DataFrame(about), image], axis=1)
