"""A classifier's partition while it trains: at data, away from them, and what augmentation does."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import nn

from ssl_lib.geometry import Slice, decision_boundary, partition, slice_through, statistics
from ssl_lib.papers.splinecam import shapes
from ssl_lib.papers.splinecam.classifiers import Network, Trained, accuracy, train
from ssl_lib.papers.splinecam.images import Part, pixels, plane_of, some_images
from ssl_lib.randomness import torch_generator

__all__ = [
    "PLACES", "Augmentation", "Squares", "Training", "at_test_images", "by_square", "over_epochs",
    "pictures",
]  # fmt: skip

PLACES = ("training images", "test images", "random points")
SHOWN = (3, 5, 8)  # the classes of the images that span the plane of the pictures


@dataclass(frozen=True, kw_only=True)
class Training:
    """A classifier, its snapshots, and the squares to look at."""

    part: Part
    network: Network
    epochs: tuple[int, ...]
    slices: int = 0
    half_side: float = 0.0
    device: str = "cpu"


def over_epochs(config: Training, cell: dict[str, Any]) -> pd.DataFrame:
    """Measure small squares at training images, test images and random points.

    Parameters
    ----------
    config : Training
    cell : mapping
        ``seed``: draws the network, its training, the images and the squares.

    Returns
    -------
    pandas.DataFrame
        Columns epoch, accuracy (on the test images), place, slice, regions, area (mean),
        eccentricity (median), early_loss.
    """
    test = config.part.load("test")
    places, trained = _places(config, cell["seed"]), _train(config, cell["seed"])
    rows = []
    for epoch, model in sorted(trained.at.items()):
        about = {"epoch": epoch, "accuracy": accuracy(model, test), "early_loss": trained.early}
        for place, slices in places.items():
            for number, one in enumerate(slices):
                rows.append(about | {"place": place, "slice": number} | _measured(model, one))
    return pd.DataFrame(rows)


def pictures(config: Training, cell: dict[str, Any]) -> pd.DataFrame:
    """Return the partition of one plane through three training images, at every snapshot.

    Returns
    -------
    pandas.DataFrame
        A table of shapes; panels "epoch 0" and so on. The anchors are points whose value is their
        class.
    """
    images = config.part.load()
    rows = [int((images.labels == label).nonzero()[0]) for label in SHOWN]
    place, labels = plane_of(images, rows)
    drawn = [shapes.points(place.anchors, labels, "anchors")]
    for epoch, model in sorted(_train(config, cell["seed"]).at.items()):
        found = partition(model, place)
        drawn += shapes.picture(found, f"epoch {epoch}", decision_boundary(found))
    return shapes.table(drawn)


def _train(config: Training, seed: int) -> Trained:
    return train(config.network, config.part, config.epochs, seed, device=config.device)


def _places(config: Training, seed: int) -> dict[str, list[Slice]]:
    """Lay small squares in random directions at images and at points of uniform noise."""
    generator = torch_generator(seed, "slices")
    both = (config.part.load(split) for split in ("train", "test"))
    chosen = [pixels(some_images(images, config.slices, generator)) for images in both]
    noise = torch.rand(chosen[0].shape, dtype=torch.float64, generator=generator)
    return {
        place: [
            slice_through(one, half_side=config.half_side, seed=seed + number)
            for number, one in enumerate(points)
        ]
        for place, points in zip(PLACES, (*chosen, noise), strict=True)
    }


def _measured(model: nn.Module, place: Slice) -> dict[str, float]:
    found = statistics(partition(model, place))
    names = {"regions": "regions", "area": "area_mean", "eccentricity": "eccentricity_median"}
    return {name: found[own] for name, own in names.items()}


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Two networks, the smaller first, and the squares to look at: the same for all seeds."""

    part: Part
    networks: tuple[Network, Network]
    epochs: int
    images: int
    half_side: float
    device: str = "cpu"


def at_test_images(config: Augmentation, cell: dict[str, Any]) -> pd.DataFrame:
    """Train a network with or without augmentation, and measure small squares at test images.

    Parameters
    ----------
    config : Augmentation
    cell : mapping
        ``network``: the name of one; ``training``: a key of
        :data:`ssl_lib.papers.splinecam.classifiers.TRAININGS`; ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns image, regions, area (mean), eccentricity (median), accuracy, early_loss.
    """
    network = next(one for one in config.networks if one.name == cell["network"])
    test = config.part.load(config.part.unseen)
    trained = train(
        network, config.part, (config.epochs,), cell["seed"], training=cell["training"],
        device=config.device,
    )  # fmt: skip
    model = trained.at[config.epochs]
    about = {"accuracy": accuracy(model, test), "early_loss": trained.early}
    images = pixels(some_images(test, config.images, torch_generator(0, "images")))
    places = (
        slice_through(image, half_side=config.half_side, seed=number)
        for number, image in enumerate(images)
    )
    rows = [{"image": n, **_measured(model, place), **about} for n, place in enumerate(places)]
    return pd.DataFrame(rows)


@dataclass(frozen=True, kw_only=True)
class Squares:
    """A classifier, and squares of several sizes and directions at test images."""

    part: Part
    network: Network
    epochs: int
    images: int
    directions: int
    half_sides: tuple[float, ...]


def by_square(config: Squares, cell: dict[str, Any]) -> pd.DataFrame:
    """Count the regions in squares at test images, by size and direction of the square.

    Parameters
    ----------
    config : Squares
    cell : mapping
        ``seed``: of the network and its training. Images and directions are the same for all.

    Returns
    -------
    pandas.DataFrame
        Columns side (of the square), image, direction, regions.
    """
    model = train(config.network, config.part, (config.epochs,), cell["seed"]).at[config.epochs]
    test = config.part.load(config.part.unseen)
    images = pixels(some_images(test, config.images, torch_generator(0, "images")))
    rows = []
    for half, (number, image) in itertools.product(config.half_sides, enumerate(images)):
        for direction in range(config.directions):
            place = slice_through(image, half_side=half, seed=direction)
            rows.append((2 * half, number, direction, len(partition(model, place))))
    return pd.DataFrame(rows, columns=["side", "image", "direction", "regions"])
