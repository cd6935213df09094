"""How a classifier's partition changes while it trains, at data and away from them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from ssl_lib import profiles
from ssl_lib.data import ImageData
from ssl_lib.geometry import Slice, decision_boundary, partition, slice_through, statistics
from ssl_lib.papers.splinecam import shapes
from ssl_lib.papers.splinecam.images import load
from ssl_lib.papers.splinecam.networks import Snapshots, train_classifier
from ssl_lib.papers.splinecam.settings import Settings
from ssl_lib.randomness import torch_generator
from ssl_lib.results import Result, Store

__all__ = ["Training", "over_epochs", "pictures", "pixels"]

PLACES = ("training images", "test images", "random points")


@dataclass(frozen=True, kw_only=True)
class Training:
    """One classifier, its snapshots, and the slices to look at."""

    data: str
    network: str
    epochs: tuple[int, ...]
    slices: int
    half_side: float
    seeds: tuple[int, ...]
    images: int = 0  # the first of the training images; 0: all
    device: str = "cpu"


def _config(settings: Settings, network: str, seeds: tuple[int, ...]) -> Training:
    large = settings.profile in ("standard", "paper")
    return Training(
        data="cifar10" if large else "digits",
        network=network,
        epochs=profiles.choose(
            settings.profile,
            smoke=(0, 1, 2),
            quick=(0, 2, 5, 10, 20, 50),
            standard=(0, 1, 2, 5, 10),
            paper=(0, 2, 5, 10, 20, 50, 100),
        ),
        slices=profiles.choose(settings.profile, smoke=3, quick=6, standard=12, paper=90),
        half_side=0.05 if large else 0.5,
        seeds=seeds,
        images=10_000 if settings.profile == "standard" else 0,
        device=str(profiles.device(settings.device)),
    )


def over_epochs(settings: Settings, store: Store | None = None) -> Result:
    """Return statistics of small slices at training images, test images and random points.

    Returns
    -------
    Result
        Columns network, seed, epoch, place, slice, regions, area (mean), eccentricity (median),
        accuracy (on the test images).
    """
    network = profiles.choose(
        settings.profile, smoke="16x2", quick="64x5", standard="cnn8", paper="cnn64"
    )
    runs = settings.n_runs if settings.profile in ("standard", "paper") else 2
    seeds = tuple(range(settings.seed, settings.seed + runs))
    config = _config(settings, network, seeds)
    data = load(config.data, split="test").fingerprint
    return (store or Store()).table(
        "splinecam-training", _over_epochs, config, data={config.data: data}
    )


def pictures(settings: Settings, store: Store | None = None) -> Result:
    """Return the partition of one plane through three training images, at every snapshot.

    Returns
    -------
    Result
        A table of shapes; panels "epoch 0" and so on. The anchors are points whose value is their
        class.
    """
    network = profiles.choose(
        settings.profile, smoke="16x2", quick="64x5", standard="patch2", paper="patch6"
    )
    config = _config(settings, network, (settings.seed,))
    data = load(config.data, split="train").fingerprint
    return (store or Store()).table(
        "splinecam-training-shapes", _pictures, config, data={config.data: data}
    )


def pixels(images: Tensor) -> Tensor:
    """Return images (n, c, h, w) uint8 as float64 in [0, 1], as the networks see them."""
    return images.double() / 255


def _over_epochs(config: Training) -> pd.DataFrame:
    train = load(config.data, split="train", most=config.images)
    test = load(config.data, split="test")
    rows = []
    for seed in config.seeds:
        places = _places(train, test, config, seed)
        for epoch, model in sorted(_train(train, config, seed).items()):
            about = {"network": config.network, "seed": seed, "epoch": epoch}
            about["accuracy"] = accuracy(model, test)
            for place, slices in places.items():
                for number, one in enumerate(slices):
                    rows.append(about | {"place": place, "slice": number} | _measure(model, one))
    return pd.DataFrame(rows)


def _train(train: ImageData, config: Training, seed: int) -> Snapshots:
    return train_classifier(
        config.network, train, keep=config.epochs, seed=seed, device=config.device
    )


def _places(
    train: ImageData, test: ImageData, config: Training, seed: int
) -> dict[str, list[Slice]]:
    """Lay small squares in random directions at images and at points of uniform noise."""
    generator = torch_generator(seed, "slices")
    chosen = [pixels(some_images(data, config.slices, generator)) for data in (train, test)]
    noise = torch.rand(chosen[0].shape, dtype=torch.float64, generator=generator)
    return {
        place: [
            slice_through(one, half_side=config.half_side, seed=seed + number)
            for number, one in enumerate(points)
        ]
        for place, points in zip(PLACES, (*chosen, noise), strict=True)
    }


def some_images(data: ImageData, n: int, generator: torch.Generator) -> Tensor:
    """Draw n images (n, c, h, w)."""
    return data.images[torch.randperm(len(data), generator=generator)[:n]]


def accuracy(model: torch.nn.Module, data: ImageData) -> float:
    """Return the share of images that a network classifies correctly."""
    return float((predicted(model, data) == data.labels).double().mean())


@torch.no_grad()
def predicted(model: torch.nn.Module, data: ImageData) -> Tensor:
    """Return the class (n,) that a network gives each image."""
    weight = next(model.parameters())
    parts = [model(part.to(weight) / 255).argmax(1) for part in data.images.split(1000)]
    return torch.cat(parts).to(data.labels.device)


def _measure(model: torch.nn.Module, place: Slice) -> dict[str, float]:
    found = statistics(partition(model, place))
    return {
        "regions": found["regions"],
        "area": found["area_mean"],
        "eccentricity": found["eccentricity_median"],
    }


def _pictures(config: Training) -> pd.DataFrame:
    train = load(config.data, split="train", most=config.images)
    place, labels = three_classes(train)
    drawn = [shapes.points(place.anchors, "anchors", labels)]
    for epoch, model in sorted(_train(train, config, config.seeds[0]).items()):
        found = partition(model, place)
        panel = f"epoch {epoch}"
        drawn += [shapes.regions(found, panel), shapes.lines(decision_boundary(found), panel)]
    return shapes.table(drawn)


def three_classes(data: ImageData) -> tuple[Slice, Tensor]:
    """Lay a plane through the first images of three classes, and return their labels."""
    rows = [int((data.labels == label).nonzero()[0]) for label in (3, 5, 8)]
    return slice_through(*pixels(data.images[rows])), data.labels[rows]
