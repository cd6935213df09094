"""What data augmentation does to the partition at test images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ssl_lib import profiles
from ssl_lib.claims.intervals import mean_interval
from ssl_lib.data import ImageData
from ssl_lib.data.views import Affine, HorizontalFlip, Policy, RandomResizedCrop
from ssl_lib.geometry import partition, slice_through, statistics
from ssl_lib.papers.splinecam.images import load
from ssl_lib.papers.splinecam.networks import PLAIN, train_classifiers
from ssl_lib.papers.splinecam.settings import Settings
from ssl_lib.papers.splinecam.training import accuracy, pixels, some_images
from ssl_lib.randomness import torch_generator
from ssl_lib.results import Result, Store

__all__ = ["Augmentation", "by_network", "density", "factors"]

TRAININGS = ("plain", "augmented")


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Two networks, each trained with and without augmentation, and the slices to look at."""

    data: str
    networks: tuple[str, str]
    epochs: int
    images: int
    half_side: float
    seeds: tuple[int, ...]
    classes: int = 0  # the first of the data set; 0: all
    train_images: int = 0  # the first of those classes; 0: all
    device: str = "cpu"


def density(settings: Settings, store: Store | None = None) -> Result:
    """Return statistics of small slices at test images, by network and training.

    Returns
    -------
    Result
        Columns network, training, seed, image, regions, area (mean), eccentricity (mean),
        eccentricity_median, accuracy.
    """
    large = settings.profile in ("standard", "paper")
    config = Augmentation(
        data="tiny-imagenet" if large else "digits",
        networks=profiles.choose(
            settings.profile,
            smoke=("16x2", "32x2"),
            quick=("64x3", "128x4"),
            standard=("vgg11-8", "vgg16-8"),
            paper=("vgg11-64", "vgg16-64"),
        ),
        epochs=profiles.choose(settings.profile, smoke=2, quick=100, standard=6, paper=20),
        images=profiles.choose(settings.profile, smoke=4, quick=15, standard=20, paper=90),
        # The paper's own area, 3e-5; networks with an eighth of its filters need a larger square.
        half_side=profiles.choose(
            settings.profile, smoke=0.5, quick=0.5, standard=0.02, paper=0.5 * 3e-5**0.5
        ),
        classes=20 if settings.profile == "standard" else 0,
        train_images=5000 if settings.profile == "standard" else 0,
        seeds=tuple(range(settings.seed, settings.seed + settings.n_runs)),
        device=str(profiles.device(settings.device)),
    )
    train = load(config.data, split="train").fingerprint
    return (store or Store()).table(
        "splinecam-augmentation", _density, config, data={config.data: train}
    )


def _density(config: Augmentation) -> pd.DataFrame:
    valid = "valid" if config.data == "tiny-imagenet" else "test"
    train = load(config.data, classes=config.classes, most=config.train_images)
    test = load(config.data, split=valid, classes=config.classes)
    generator = torch_generator(config.seeds[0], "images")
    images = pixels(some_images(test, config.images, generator))
    slices = [
        slice_through(image, half_side=config.half_side, seed=number)
        for number, image in enumerate(images)
    ]
    rows = []
    for network in config.networks:
        for training, policy in zip(TRAININGS, (PLAIN, _policy(train)), strict=True):
            models = train_classifiers(
                network,
                train,
                epochs=config.epochs,
                seeds=config.seeds,
                policy=policy,
                device=config.device,
            )
            for seed, model in zip(config.seeds, models, strict=True):
                about = {"network": network, "training": training, "seed": seed}
                about["accuracy"] = accuracy(model, test)
                for number, place in enumerate(slices):
                    found = statistics(partition(model, place))
                    rows.append(about | {"image": number} | _named(found))
    return pd.DataFrame(rows)


def _named(found: dict[str, float]) -> dict[str, float]:
    return {
        "regions": found["regions"],
        "area": found["area_mean"],
        "eccentricity": found["eccentricity_mean"],
        "eccentricity_median": found["eccentricity_median"],
    }


def _policy(data: ImageData) -> Policy:
    """Small turns and shifts of digits; crops and flips of natural images."""
    size = data.images.shape[-1]
    if data.images.shape[1] == 1:
        moves = Affine(degrees=14.3, translate=1.0)  # 0.25 rad, an eighth of the side
        return Policy(name="turn-and-shift", recipes=((moves,),), n_global=1)
    crop = RandomResizedCrop(size=size, scale=(0.5, 1.0))
    return Policy(name="crop-and-flip", recipes=((crop, HorizontalFlip()),), n_global=1)


def by_network(table: pd.DataFrame) -> pd.DataFrame:
    """Return means over images and runs.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`density`.

    Returns
    -------
    pandas.DataFrame
        Columns network, training, accuracy, regions, area, eccentricity_median.
    """
    values = ["accuracy", "regions", "area", "eccentricity_median"]
    means = table.groupby(["network", "training"], sort=False)[values].mean()
    return means.reset_index()


def factors(table: pd.DataFrame) -> pd.DataFrame:
    """Return by what factor the mean number of regions changes, with 95 % intervals over runs.

    Intervals are t intervals of the logarithm; runs with and without augmentation share initial
    weights and are paired, runs of two networks are not.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`density`.

    Returns
    -------
    pandas.DataFrame
        Columns what, factor, low, high, n (runs). Rows: each network (augmented over plain),
        "larger over smaller" (plain), and "difference", of the two networks' factors.

    Examples
    --------
    >>> import itertools
    >>> rows = itertools.product(("a", "b"), TRAININGS, range(3))
    >>> made = pd.DataFrame(rows, columns=["network", "training", "seed"])
    >>> made["regions"] = [10, 11, 12, 20, 22, 24, 30, 33, 36, 30, 33, 36]
    >>> factors(made).factor.round(6).tolist()
    [2.0, 1.0, 3.0, 1.0]
    """
    means = np.log(table.groupby(["network", "training", "seed"], sort=False).regions.mean())
    networks = list(dict.fromkeys(table.network))
    gain = {one: (means[one, "augmented"] - means[one, "plain"]).to_numpy() for one in networks}
    small, large = networks
    rows = [_factor(one, gain[one]) for one in networks]
    ratio = means[large, "plain"].to_numpy() - means[small, "plain"].to_numpy()
    rows.append(_factor("larger over smaller", ratio))
    rows.append(_difference(rows[0], rows[1]))
    return pd.DataFrame(rows)


def _factor(what: str, logs: np.ndarray) -> dict[str, object]:
    middle, low, high = (float(np.exp(end)) for end in mean_interval(logs))
    return {"what": what, "factor": middle, "low": low, "high": high, "n": len(logs)}


def _difference(one: dict[str, object], other: dict[str, object]) -> dict[str, object]:
    """Difference of two factors with independent intervals, by adding them in quadrature."""
    (a, a_low, a_high), (b, b_low, b_high) = (
        [float(str(row[name])) for name in ("factor", "low", "high")] for row in (one, other)
    )
    value = a - b
    low = value - np.hypot(a - a_low, b_high - b)
    high = value + np.hypot(a_high - a, b - b_low)
    return {"what": "difference", "factor": value, "low": low, "high": high, "n": one["n"]}
