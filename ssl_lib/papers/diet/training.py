"""Encoders of digits and shapes: their images, views and training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ssl_lib import data
from ssl_lib.data import ImageData
from ssl_lib.data.channels import channel_statistics
from ssl_lib.data.subsets import stratified_split
from ssl_lib.data.views import Affine, Cutout, Intensity, Noise, Normalise, Operation, Policy
from ssl_lib.methods import Method, OnlineProbe, build_method
from ssl_lib.models import build_encoder
from ssl_lib.papers.diet.settings import Run
from ssl_lib.randomness import torch_generator
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain

__all__ = ["Trained", "encoder", "method", "split", "train", "twice", "views"]

TEST_IMAGES = 500
_ENCODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "convnet": ("convnet", {"out_dim": 128}),
    "small": ("convnet", {"out_dim": 32, "widths": (4, 8, 16)}),
    "mlp": ("mlp", {"out_dim": 128, "hidden": (128,), "activation": "relu"}),
}
#: Heads of the rivals, at the size of these encoders.
HEADS: dict[str, dict[str, Any]] = {
    "simclr": {"head": (128, 32)},
    "vicreg": {"head": (128, 128)},
}
#: Measures of one encoder; the test labels are the reader's, not the method's.
Look = Callable[[nn.Module], dict[str, float]]


def split(seed: int) -> tuple[ImageData, ImageData]:
    """Return the training and the test digits of a seed, each class in proportion.

    Examples
    --------
    >>> [len(part) for part in split(0)]
    [1297, 500]
    """
    every = data.load("digits", split="all")
    generator = torch_generator(seed, "diet", "split")
    fit, judge = stratified_split(every.labels, generator=generator, n_test=TEST_IMAGES)
    return every.subset(fit), every.subset(judge)


def fewer(images: ImageData, run: Run, seed: int) -> ImageData:
    """Return what a run trains on: some of the images, or some of them twice."""
    generator = torch_generator(seed, "diet", "images")
    order = torch.randperm(len(images), generator=generator)
    if run.images:
        images = images.subset(order[: run.images])
    return twice(images, order[: round(run.copies * len(images))]) if run.copies else images


def twice(images: ImageData, rows: Tensor) -> ImageData:
    """Return images with some of them once more, under indices of their own.

    Examples
    --------
    >>> len(twice(split(0)[0], torch.arange(100)))
    1397
    """
    return images.subset(torch.cat([torch.arange(len(images)), rows]))


def views(strength: int, count: int = 1) -> Policy:
    """Return the augmentation of digits at one of DIET's strengths.

    0 leaves images as they are; 1 zooms and shifts; 2 also turns and changes contrast and
    brightness; 3 adds noise and erases a square. Zoom, shift and turn are one resampling: several
    in a row would blur 8 x 8 pixels.

    Parameters
    ----------
    strength : {0, 1, 2, 3}
    count : int, default=1
        Views of each image.

    Examples
    --------
    >>> [len(views(strength).recipes[0]) for strength in range(4)]
    [0, 1, 2, 4]
    """
    zoom = Affine(degrees=15 if strength > 1 else 0, scale=(1.0, 1 / 0.7), translate=1)
    tiers: tuple[tuple[Operation, ...], ...] = (
        (zoom,),
        (Intensity(contrast=(0.7, 1.3), offset=(-0.2, 0.2)),),
        (Noise(std=0.2), Cutout(size=3, p=0.25)),
    )
    recipe = tuple(step for tier in tiers[:strength] for step in tier)
    return Policy(name=f"diet-digits-{strength}", recipes=(recipe,) * count, n_global=count)


def encoder(name: str, images: ImageData, seed: int) -> nn.Module:
    """Build one of the chapter's encoders.

    Examples
    --------
    >>> encoder("small", split(0)[0], 0).out_dim
    32
    """
    kind, options = _ENCODERS[name]
    channels, size, _ = images.shape
    return build_encoder(kind, in_channels=channels, image_size=size, seed=seed, **options)


def method(run: Run, images: ImageData, seed: int) -> Method:
    """Build a run's method around a fresh encoder."""
    options = dict(HEADS.get(run.method, {}))
    if run.method == "diet":
        smoothing = {"label_smoothing": run.smoothing}
        options = {"normalise": run.normalise, "head": run.head, **smoothing}
    return build_method(
        run.method,
        encoder(run.encoder, images, seed),
        n_data=len(images),
        n_classes=images.n_classes,
        seed=seed,
        **options,
    )


class Trained:
    """A trained encoder with what its training left.

    Attributes
    ----------
    method : Method
    probe : torch.nn.Module
        The linear layer that learned the labels along the way.
    history : list of dict
    """

    def __init__(self, online: OnlineProbe, history: list[dict[str, Any]]) -> None:
        self.method, self.probe, self.history = online.method.eval(), online.probe, history


def train(
    run: Run,
    images: ImageData,
    seed: int,
    *,
    policy: Policy | None = None,
    look: Look | None = None,
) -> Trained:
    """Train a run with one seed, a linear probe beside it.

    Parameters
    ----------
    run : Run
    images : ImageData
        As :func:`fewer` gives them.
    seed : int
        Draws weights, order and views.
    policy : Policy, optional
        Makes the views; by default the digits'.
    look : callable, optional
        Measures the encoder on the way, `run.looks` times.
    """
    bare = method(run, images, seed)
    if policy is None:
        policy = views(run.strength, bare.min_views)
    online = OnlineProbe(bare, n_classes=images.n_classes, seed=seed)
    metrics = None if look is None or not run.looks else lambda _: look(bare.encoder)
    found = pretrain(
        online, images, policy=policy, config=_config(run, len(images), seed), metrics=metrics,
        progress=False,
    )  # fmt: skip
    return Trained(online, found.history)


def _config(run: Run, images: int, seed: int) -> TrainingConfig:
    return TrainingConfig(
        epochs=run.epochs,
        batch_size=min(run.batch_size, images),
        learning_rate=run.learning_rate,
        weight_decay=0.05,
        warmup_epochs=min(10, run.epochs // 10 + 1),
        evaluate_every=max(1, run.epochs // run.looks) if run.looks else 0,
        seed=seed,
    )


def normalised(images: ImageData) -> Normalise:
    """Return the normalisation of a set's channels."""
    mean, std = channel_statistics(images)
    return Normalise(mean=mean, std=std)
