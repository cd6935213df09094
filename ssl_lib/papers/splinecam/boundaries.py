"""The decision boundary: between two classes in training, by architecture, and points on it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from ssl_lib.data import ImageData
from ssl_lib.geometry import Slice, decision_boundary, partition
from ssl_lib.papers.splinecam import shapes
from ssl_lib.papers.splinecam.classifiers import Network, predicted, train
from ssl_lib.papers.splinecam.images import Part, cross_class_planes, plane_of

__all__ = [
    "Comparison", "Evolution", "architectures", "evolution", "evolution_pictures", "samples",
]  # fmt: skip

PICTURED = 6  # samples of a boundary that are kept as images
COMPARED = (3, 5, 8)  # the classes of the images that span the plane of two networks
SHOWN = 4  # snapshots in the picture of the boundary's evolution


@dataclass(frozen=True, kw_only=True)
class Evolution:
    """A network between two classes, and slices through three of its training images."""

    part: Part
    network: Network
    epochs: tuple[int, ...]
    slices: int
    device: str = "cpu"


def evolution(config: Evolution, cell: dict[str, Any]) -> pd.DataFrame:
    """Measure the boundary in many slices at every snapshot.

    Parameters
    ----------
    config : Evolution
    cell : mapping
        ``seed``: of the network and its training. The slices are those of the data.

    Returns
    -------
    pandas.DataFrame
        Columns slice, epoch, regions, slope, length.
    """
    rows = []
    for epoch, model, number, place, _ in _walk(config, cell["seed"]):
        found = partition(model, place)
        measured = shapes.measure(found, decision_boundary(found))
        rows.append({"slice": number, "epoch": epoch} | measured)
    return pd.DataFrame(rows)


def evolution_pictures(config: Evolution, cell: dict[str, Any]) -> pd.DataFrame:
    """Return regions and boundary in the slices at the last snapshots.

    Returns
    -------
    pandas.DataFrame
        A table of shapes with the column slice; panels "epoch 1" and so on, and "anchors".
    """
    parts, last = [], config.epochs[-SHOWN:]
    for epoch, model, number, place, labels in _walk(config, cell["seed"]):
        if epoch not in last:
            continue
        found = partition(model, place)
        drawn = shapes.picture(found, f"epoch {epoch}", decision_boundary(found))
        if epoch == last[0]:
            drawn.append(shapes.points(place.anchors, labels, "anchors"))
        parts.append(shapes.table(drawn).assign(slice=number))
    return pd.concat(parts, ignore_index=True)


def _walk(config: Evolution, seed: int) -> Iterator[tuple[int, nn.Module, int, Slice, Tensor]]:
    planes = cross_class_planes(config.part.load(), config.slices)
    trained = train(
        config.network, config.part, config.epochs, seed, batch_size=32, device=config.device
    )
    for epoch, model in sorted(trained.at.items()):
        for number, (place, labels) in enumerate(planes):
            yield epoch, model, number, place, labels


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Networks on the same images, seen in one plane."""

    part: Part
    networks: tuple[Network, ...]
    epochs: int
    samples: int = 200


def architectures(config: Comparison, cell: dict[str, Any]) -> pd.DataFrame:
    """Compare networks in one plane through images that all classify correctly.

    Returns
    -------
    pandas.DataFrame
        A table of shapes; panels are the networks, and "anchors".
    """
    models, place, labels = _compared(config, cell["seed"])
    parts = [shapes.points(place.anchors, labels, "anchors")]
    for name, model in models.items():
        found = partition(model, place)
        parts += shapes.picture(found, name, decision_boundary(found))
    return shapes.table(parts)


def samples(config: Comparison, cell: dict[str, Any]) -> pd.DataFrame:
    """Draw points from the decision boundaries of the same networks in the same plane.

    Returns
    -------
    pandas.DataFrame
        Columns network, x, y, tie (difference of the two largest outputs, relative), first and
        second (their classes) and p0, p1 and so on: the image there, of the first few samples of
        each network.
    """
    models, place, _ = _compared(config, cell["seed"])
    parts = []
    for name, model in models.items():
        border = decision_boundary(partition(model, place))
        if len(border):
            drawn = border.sample(config.samples, seed=cell["seed"])
            parts.append(_samples(model, place, drawn).assign(network=name))
    return pd.concat(parts, ignore_index=True)


def _compared(config: Comparison, seed: int) -> tuple[dict[str, nn.Module], Slice, Tensor]:
    models = {
        one.name: train(one, config.part, (config.epochs,), seed).at[config.epochs]
        for one in config.networks
    }
    images = config.part.load()
    return models, *plane_of(images, _agreed(list(models.values()), images))


def _agreed(models: list[nn.Module], images: ImageData) -> list[int]:
    """Return one image of each class that all networks classify correctly, else the first."""
    right = torch.stack([predicted(model, images) == images.labels for model in models]).all(0)
    rows = []
    for label in COMPARED:
        own = images.labels == label
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
