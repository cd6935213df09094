"""The moment ladder on photographs: as tuned on digits, and at its defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from ssl_lib import profiles
from ssl_lib.data import ImageData, parts
from ssl_lib.data.channels import channel_statistics
from ssl_lib.data.views import Normalise, policy
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.knn import knn_accuracy
from ssl_lib.evaluation.linear import ridge_probe
from ssl_lib.evaluation.rank import rankme
from ssl_lib.methods import build_method
from ssl_lib.models import build_encoder
from ssl_lib.papers.vicreg_info.ladder import choices, setting
from ssl_lib.papers.vicreg_info.settings import LADDER, Loss, Settings
from ssl_lib.randomness import torch_generator
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import Run, pretrain

__all__ = ["Photographs", "cell", "hashes", "photographs"]


@dataclass(frozen=True, kw_only=True)
class Photographs:
    """How the ladder is trained on photographs.

    A cell takes a core with bfloat16 about one to two minutes, so that five seeds of Fashion-MNIST
    (``ssl-lib publish vicreg_info photographs --profile standard``) and three of CIFAR-10
    (``--data cifar10 --seeds 3``) take about two core-hours.

    Attributes
    ----------
    data, device : str
    images : int
        Training images, drawn class by class, the same for all seeds; 0 takes all.
    size : int
        Pixels of a side of images in a folder; a named set has its own.
    encoder : str
    encoder_options : mapping
    head : tuple of int
    epochs, batch_size : int
    precision : str
        Of the forward pass, as in :class:`ssl_lib.training.config.TrainingConfig`.
    """

    data: str
    device: str = "cpu"
    images: int = 10_000
    size: int = 32
    encoder: str = "convnet"
    encoder_options: Mapping[str, object] = field(
        default_factory=lambda: {"out_dim": 128, "widths": (16, 32, 64, 128)}
    )
    head: tuple[int, ...] = (256, 128)
    epochs: int = 12
    batch_size: int = 256
    precision: str = "bfloat16"


#: What ``paper`` changes: the usual network of 32 pixels for as long as a GPU takes hours.
_PAPER: dict[str, Any] = {
    "images": 0, "encoder": "resnet18", "encoder_options": {}, "head": (2048, 2048, 2048),
    "epochs": 200,
}  # fmt: skip


def photographs(settings: Settings) -> Photographs:
    """Return how a run trains on photographs; its data must be named.

    Examples
    --------
    >>> photographs(Settings(profile="paper")).encoder
    'resnet18'
    """
    more = _PAPER if settings.profile == "paper" else {}
    device = str(profiles.device(settings.device))
    return Photographs(data=settings.photographs, device=device, **more)


@lru_cache(maxsize=2)
def _images(name: str, most: int, size: int) -> tuple[ImageData, ImageData]:
    """Return training and test images; of a folder, a fifth of each class is held back."""
    return parts.split(name, most, size, torch_generator(0, "vicreg_info", "photographs"))


def hashes(config: Photographs) -> dict[str, str]:
    """Return the content of both sets, for the key of the results."""
    return parts.hashes(_images(config.data, config.images, config.size))


def cell(config: Photographs, cell: Mapping[str, Any], workdir: Path) -> pd.DataFrame:
    """Train one rung at one setting with one seed.

    Parameters
    ----------
    config : Photographs
    cell : mapping
        ``seed``; ``rung``, a key of ``LADDER``; ``setting``, "default" or "tuned".
    workdir : pathlib.Path
        For checkpoints.

    Returns
    -------
    pandas.DataFrame
        Columns measure ("accuracy", "kNN", "rankme", "early loss"), value.
    """
    rung = LADDER[cell["rung"]]
    loss, rate = setting(rung, choices(rung)[cell["setting"]])
    return pd.DataFrame(
        list(_rows(config, loss, rate, cell["seed"], workdir)), columns=["measure", "value"]
    )


def _rows(
    config: Photographs, loss: Loss, rate: float, seed: int, workdir: Path
) -> Iterator[tuple[str, float]]:
    images, test = _images(config.data, config.images, config.size)
    mean, std = channel_statistics(images)
    prepare = Normalise(mean=mean, std=std)
    run = _train(config, loss, rate, images, prepare, seed, workdir)

    def transform(batch: Tensor) -> Tensor:
        return prepare.apply(batch, {})

    encoder = run.method.encoder
    x, z = (extract(encoder, part.images, transform=transform) for part in (images, test))
    yield "accuracy", ridge_probe(x, images.labels, z, test.labels).accuracy
    yield "kNN", knn_accuracy(x, images.labels, z, test.labels)
    if len(x) >= 2 * x.shape[1]:  # fewer samples would limit the rank themselves
        yield "rankme", rankme(x)
    yield "early loss", float(run.history[-1]["early_loss"])


def _train(
    config: Photographs,
    loss: Loss,
    rate: float,
    images: ImageData,
    prepare: Normalise,
    seed: int,
    workdir: Path,
) -> Run:
    channels, size, _ = images.shape
    options: dict[str, Any] = dict(config.encoder_options)
    encoder = build_encoder(
        config.encoder, in_channels=channels, image_size=size, seed=seed, **options
    ).to(config.device)
    method = build_method(loss.method, encoder, head=config.head, seed=seed, **loss.options)
    batch = min(config.batch_size, len(images))
    how = TrainingConfig(
        epochs=config.epochs, batch_size=batch, learning_rate=rate, weight_decay=1e-4,
        warmup_epochs=min(2, config.epochs // 2), seed=seed, precision=config.precision,
        checkpoint_every=max(1, config.epochs // 5),
    )  # fmt: skip
    views = policy("vicreg", size=size).then(prepare)
    return pretrain(
        method, images, policy=views, config=how, device=config.device, out=workdir / "run",
        progress=False,
    )  # fmt: skip
