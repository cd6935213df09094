"""Encoders of photographs: DIET beside its rivals at as many views, and on all images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor, nn

from ssl_lib import profiles
from ssl_lib.data import ImageData, parts
from ssl_lib.data.views import Policy, RandomResizedCrop, policy
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.few_shot import few_shot_probe
from ssl_lib.evaluation.linear import ridge_probe
from ssl_lib.evaluation.rank import rankme
from ssl_lib.methods import DIET, build_method
from ssl_lib.models import build_encoder
from ssl_lib.papers import chapter
from ssl_lib.papers.diet.settings import METHODS, Settings
from ssl_lib.papers.diet.training import normalised
from ssl_lib.randomness import torch_generator
from ssl_lib.results.experiments import Experiment
from ssl_lib.results.verification import Checks
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import Run, pretrain

__all__ = [
    "LONG",
    "PHOTOGRAPHS",
    "SETS",
    "Photographs",
    "cell",
    "experiments",
    "hashes",
    "load",
    "photographs_data",
]


@dataclass(frozen=True, kw_only=True)
class Photographs:
    """Encoders of photographs.

    Attributes
    ----------
    data, device : str
    images : int
        Training images, drawn class by class, the same for all seeds; 0 takes all.
    size : int
        Pixels of a side of images in a folder; a named set has its own.
    encoder : str
    encoder_options : dict
    views : int
        How many views of each image are seen in all: DIET's showings; methods of two views take
        half as many epochs.
    supervised_epochs, batch_size : int
    learning_rate : float
    crop : float
        Least share of an image's area that a view shows.
    strength : int
        From 1; of DIET's augmentation, which all methods share.
    chunk : int
        Rows of W at a time; 0 leaves it to DIET.
    """

    data: str
    device: str = "cpu"
    images: int = 10_000
    size: int = 64
    encoder: str = "convnet"
    encoder_options: Mapping[str, object] = field(
        default_factory=lambda: {"out_dim": 64, "widths": (8, 16, 32, 64)}
    )
    views: int = 40
    supervised_epochs: int = 10
    batch_size: int = 200
    learning_rate: float = 8e-3
    crop: float = 0.5
    strength: int = 3
    chunk: int = 0


def photographs_data(settings: Settings) -> str:
    """Return the photographs of a profile.

    Examples
    --------
    >>> photographs_data(Settings(profile="standard"))
    'fashion-mnist'
    """
    return settings.data or profiles.choose(
        settings.profile, smoke="", quick="", standard="fashion-mnist", paper="cifar100"
    )


#: Views of each image in ``long``.
LONG = 200
#: Sets that the page has tables of, by profile, with their training images.
SETS: dict[profiles.Profile, dict[str, int]] = {
    "standard": {"fashion-mnist": 60_000, "cifar10": 50_000},
    "paper": {"cifar100": 50_000, "tiny-imagenet": 100_000},
}
#: What a profile changes; ``paper`` takes a network of the papers, for small images.
PHOTOGRAPHS: dict[str, dict[str, object]] = {
    "smoke": {"images": 500, "views": 4, "supervised_epochs": 2},
    "paper": {
        "images": 0,
        "encoder": "resnet18",
        "encoder_options": {},
        "views": 300,
        "supervised_epochs": 100,
        "batch_size": 256,
        "learning_rate": 1e-3,
        "crop": 0.08,
    },
}


_HEADS: dict[str, dict[str, Any]] = {
    "simclr": {"head": (256, 64)},
    "vicreg": {"head": (256, 256)},
}
_LOOKS = 4
_CHUNK = 2048  # faster than all rows at once from some ten thousand on


@lru_cache(maxsize=2)
def load(name: str, most: int, size: int = 64) -> tuple[ImageData, ImageData]:
    """Return training and test images; of a folder, a fifth of each class is held back.

    Parameters
    ----------
    name : str
        A named set, or a folder of class folders.
    most : int
        Training images, drawn class by class with a fixed seed; 0 takes all.
    size : int, default=64
        Pixels of a side of images in a folder.
    """
    return parts.split(name, most, size, torch_generator(0, "diet", "photographs"))


def hashes(config: Photographs) -> dict[str, str]:
    """Return the content of both sets, for the key of the results."""
    return parts.hashes(load(config.data, config.images, config.size))


def cell(config: Photographs, cell: Mapping[str, Any], workdir: Path) -> pd.DataFrame:
    """Train one method with one seed and measure it, also on the way.

    Parameters
    ----------
    config : Photographs
    cell : mapping
        ``seed``, ``method``.
    workdir : pathlib.Path
        For checkpoints.

    Returns
    -------
    pandas.DataFrame
        Measures ``accuracy`` at 10 labels a class and at all (0), ``rankme``, and, of what is
        trained, ``accuracy at`` and ``loss at`` a number of views.
    """
    images, test = load(config.data, config.images, config.size)
    rows = list(_rows(config, images, test, cell["method"], cell["seed"], workdir))
    table = pd.DataFrame(rows, columns=["measure", "at", "value"])
    return table.astype({"at": "float64", "value": "float64"})


def _rows(
    config: Photographs, images: ImageData, test: ImageData, method: str, seed: int, workdir: Path
) -> Iterator[tuple[str, float, float]]:
    prepare = normalised(images)
    encode: nn.Module = nn.Flatten()
    if method != "pixels":
        encode = _encoder(config, images, seed).to(config.device)

    def transform(batch: Tensor) -> Tensor:
        return prepare.apply(batch, {})

    if method not in ("pixels", "untrained"):
        look = _look(images, test, transform, seed)
        found = _train(config, images, method, encode, seed, workdir, look)
        each = len(_views(config, images, method).recipes)
        yield "early loss", 0, found.history[-1]["early_loss"]
        for entry in found.history:
            yield "loss at", each * entry["epoch"], entry["loss"] - _floor(found)
            if "few labels" in entry:
                yield "accuracy at", each * entry["epoch"], entry["few labels"]
    x, z = (extract(encode, part.images, transform=transform) for part in (images, test))
    yield "accuracy", 10, _few(x, images, z, test, seed)
    yield "accuracy", 0, ridge_probe(x, images.labels, z, test.labels).accuracy
    if len(x) >= 2 * x.shape[1]:  # fewer samples would limit the rank themselves
        yield "rankme", 0, rankme(x)


def _floor(found: Run) -> float:
    return found.method.floor if isinstance(found.method, DIET) else 0.0


def _encoder(config: Photographs, images: ImageData, seed: int) -> nn.Module:
    channels, size, _ = images.shape
    options: dict[str, Any] = dict(config.encoder_options)
    return build_encoder(
        config.encoder, in_channels=channels, image_size=size, seed=seed, **options
    )


def _views(config: Photographs, images: ImageData, method: str) -> Policy:
    """Return DIET's augmentation, for methods that compare views two draws of it."""
    size, count = images.shape[1], 1 if method in ("diet", "supervised") else 2
    _, *others = policy("diet", size=size, strength=config.strength).recipes[0]
    crop = RandomResizedCrop(size=size, scale=(config.crop, 1.0), flip=0.5)
    name = f"diet-{config.strength} from {config.crop:g}"
    made = Policy(name=name, recipes=((crop, *others),) * count, n_global=count)
    return made.then(normalised(images))


def _train(
    config: Photographs,
    images: ImageData,
    method: str,
    encode: nn.Module,
    seed: int,
    workdir: Path,
    look: Callable[[Any], dict[str, float]],
) -> Run:
    recipe = _views(config, images, method)
    options = dict(_HEADS.get(method, {}))
    if method == "diet" and config.chunk:
        options["chunk"] = config.chunk
    made = build_method(
        method, encode, n_data=len(images), n_classes=images.n_classes, seed=seed, **options
    )
    epochs = config.supervised_epochs
    if method != "supervised":
        epochs = max(1, config.views // len(recipe.recipes))
    how = TrainingConfig(
        epochs=epochs, batch_size=min(config.batch_size, len(images)),
        learning_rate=config.learning_rate, weight_decay=0.05, warmup_epochs=min(10, epochs // 10),
        evaluate_every=max(1, epochs // _LOOKS), checkpoint_every=max(1, epochs // _LOOKS),
        seed=seed,
    )  # fmt: skip
    out = workdir / f"{method}-{seed}"
    return pretrain(
        made, images, policy=recipe, config=how, device=config.device, out=out, metrics=look,
        progress=False,
    )  # fmt: skip


def _look(
    images: ImageData, test: ImageData, transform: Callable[[Tensor], Tensor], seed: int
) -> Callable[[Any], dict[str, float]]:
    def look(method: Any) -> dict[str, float]:
        x, z = (
            extract(method.encoder, part.images, transform=transform) for part in (images, test)
        )
        return {"few labels": _few(x, images, z, test, seed)}

    return look


def _few(x: Tensor, images: ImageData, z: Tensor, test: ImageData, seed: int) -> float:
    found = few_shot_probe(x, images.labels, z, test.labels, shots=[10], draws=5, seed=seed)
    return float(found.accuracy.mean())


def experiments(settings: Settings) -> dict[str, Experiment]:
    """Return ``photographs``; ``whole`` and ``long`` where that trains on a part of a named set.

    ``whole`` is DIET on all images with as many views in all, ``long`` DIET and SimCLR on the part
    with more views of each.

    Examples
    --------
    >>> made = experiments(Settings(profile="standard", data="cifar10"))
    >>> made["photographs"].place, [len(one.cells) for one in made.values()]
    ('diet/photographs.standard.cifar10', [18, 1, 2])
    >>> list(experiments(Settings(profile="paper")))
    ['photographs']
    """
    changed: Mapping[str, Any] = PHOTOGRAPHS.get(settings.profile, {})
    device = str(profiles.device(settings.device))
    config = Photographs(data=photographs_data(settings), device=device, **changed)
    every = settings.every_seed
    cells = [{"seed": seed, "method": method} for seed in every for method in METHODS]
    made = {"photographs": _experiment("photographs", settings, config, cells)}
    count = SETS["standard"].get(config.data, 0)
    if 0 < config.images < count:
        showings = config.images * config.views // count  # as many views in all
        all_images = replace(config, images=0, views=showings, chunk=_CHUNK)
        one = [{"seed": every[0], "method": "diet"}]
        made["whole"] = _experiment("whole", settings, all_images, one)
        both = [{"seed": every[0], "method": method} for method in ("diet", "simclr")]
        made["long"] = _experiment("long", settings, replace(config, views=LONG), both)
    return made


def _experiment(
    table: str, settings: Settings, config: Photographs, cells: list[dict[str, Any]]
) -> Experiment:
    usual = photographs_data(replace(settings, data=""))
    return Experiment(
        name=f"diet-{table}", compute=cell, config=config, cells=cells,
        data=partial(hashes, config),
        place=chapter.place("diet", table, settings, data=config.data, usual=usual),
        checks=Checks(keys=("measure", "at"), early={"early loss": 1e-2},
                      spread={"accuracy": 1e-3, "rankme": 0.1}),
    )  # fmt: skip
