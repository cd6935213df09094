"""Encoders of digits: their images, views, training, and looks at them on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ssl_lib import data
from ssl_lib.data import ImageData
from ssl_lib.data.subsets import stratified_split
from ssl_lib.data.views import policy, views
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.linear import ridge_probe
from ssl_lib.methods import Method, build_method
from ssl_lib.methods.base import ViewBatch
from ssl_lib.models import build_encoder
from ssl_lib.papers.vicreg_info.settings import RATE, Loss
from ssl_lib.randomness import torch_generator
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain
from ssl_lib.training.many import pretrain_many

__all__ = [
    "ENCODER", "HEAD", "Part", "Trained", "accuracy", "build", "embed", "halves", "split", "train",
    "train_many",
]  # fmt: skip

#: Every network of the chapter on digits: 64-128-64, and 128-64 as projector.
ENCODER: Mapping[str, Any] = {"out_dim": 64, "hidden": (128,), "activation": "relu"}
HEAD = (128, 64)
VIEWS = policy("digits", size=8)
TEST_IMAGES = 500
WARMUP, BATCH = 20, 128

#: All digits, or the half that chooses settings, or the half that is reported.
Part = Literal["all", "tuning", "reported"]
Look = Callable[[Method], dict[str, float]]


def halves() -> tuple[ImageData, ImageData]:
    """Return the digits on which settings are chosen, and those on which they are judged.

    Examples
    --------
    >>> [len(half) for half in halves()]
    [897, 900]
    """
    every = data.load("digits", split="all")
    generator = torch_generator(0, "vicreg_info", "halves")
    first, second = stratified_split(every.labels, generator=generator, n_test=900)
    return every.subset(first), every.subset(second)


def split(seed: int, part: Part = "all") -> tuple[ImageData, ImageData]:
    """Return the training and the test digits of a seed, each class in proportion.

    Examples
    --------
    >>> [len(images) for part in ("all", "reported") for images in split(0, part)]
    [1297, 500, 600, 300]
    """
    if part == "all":
        every, held = data.load("digits", split="all"), TEST_IMAGES
    else:
        every = halves()[part == "reported"]
        held = len(every) // 3
    generator = torch_generator(seed, "vicreg_info", "split")
    fit, judge = stratified_split(every.labels, generator=generator, n_test=held)
    return every.subset(fit), every.subset(judge)


def build(loss: Loss, images: ImageData, seed: int) -> Method:
    """Build a loss's method around a fresh encoder; equal seeds draw equal weights."""
    channels, size, _ = images.shape
    encoder = build_encoder("mlp", in_channels=channels, image_size=size, seed=seed, **ENCODER)
    return build_method(loss.method, encoder, head=HEAD, seed=seed, **loss.options)


@dataclass(frozen=True)
class Trained:
    """A trained method in evaluation mode, and what its training left.

    Attributes
    ----------
    method : Method
    early : float
        Mean loss over the first ten steps.
    history : list of dict
        An entry an epoch, with what was looked at.
    """

    method: Method
    early: float
    history: list[dict[str, Any]]


def train(
    loss: Loss,
    images: ImageData,
    seed: int,
    *,
    steps: int,
    batch_size: int = BATCH,
    rate: float = RATE,
    looks: int = 0,
    look: Look | None = None,
) -> Trained:
    """Train a loss with one seed.

    Parameters
    ----------
    loss : Loss
    images : ImageData
    seed : int
        Draws weights, order and views.
    steps : int
        At the usual batch; another batch sees each image as often, with the square root of the
        rate's share.
    batch_size : int
    rate : float
        Of learning, at the usual batch.
    looks : int, default=0
        How often `look` is called, beside the start.
    look : callable, optional
        Measures the method in evaluation mode.
    """
    method = build(loss, images, seed)
    how = _config(len(images), seed, steps, batch_size, rate)
    how = replace(how, evaluate_every=max(1, how.epochs // looks) if looks else 0)
    history = [] if look is None else [{"step": 0, **look(_settled(method, images, seed))}]
    run = pretrain(method, images, policy=VIEWS, config=how, metrics=look, progress=False)
    history += run.history
    return Trained(method.eval(), float(run.history[-1]["early_loss"]), history)


def train_many(
    losses: Sequence[Loss], images: ImageData, seed: int, *, steps: int
) -> list[tuple[Method, float]]:
    """Train losses of one method side by side from the same weights, batches and views.

    Parameters
    ----------
    losses : sequence of Loss
        That differ in options which :func:`ssl_lib.training.many.pretrain_many` can sweep.
    images : ImageData
    seed, steps : int
        See :func:`train`.

    Returns
    -------
    list of (Method, float)
        In evaluation mode, with the mean loss over the first ten steps.
    """
    members = [build(loss, images, seed) for loss in losses]
    how = _config(len(images), seed, steps, BATCH, RATE)
    history = pretrain_many(members, images, policy=VIEWS, config=how, progress=False)
    early = history[-1]["early_losses"]
    return [(member.eval(), float(loss)) for member, loss in zip(members, early, strict=True)]


def _config(images: int, seed: int, steps: int, batch: int, rate: float) -> TrainingConfig:
    epochs = max(1, round(steps / max(1, images // BATCH)))
    return TrainingConfig(
        epochs=epochs,
        batch_size=min(batch, images),
        learning_rate=rate * (batch / BATCH) ** 0.5,
        weight_decay=1e-4,
        warmup_epochs=min(epochs, WARMUP * BATCH / images),
        seed=seed,
    )


@torch.no_grad()
def _settled(method: Method, images: ImageData, seed: int) -> Method:
    """Return a copy of an untrained method whose normalisation has seen images."""
    settled = deepcopy(method).train()
    generator = torch_generator(seed, "vicreg_info", "settle")
    for batch in images.images.split(BATCH):
        settled(ViewBatch(views=tuple(views(batch, generator, VIEWS))))
    return settled.eval()


def embed(method: Method, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return representations and embeddings of images, float64.

    Parameters
    ----------
    method : Method
        In evaluation mode.
    images : torch.Tensor of shape (n, c, h, w)
    """
    head = method.head
    assert isinstance(head, nn.Module)
    with torch.no_grad():
        h = extract(method.encoder, images)
        z: Tensor = head(h)
    return h.double(), z.double()


def accuracy(method: Method, images: ImageData, test: ImageData) -> float:
    """Return the accuracy of a ridge probe on representations, its penalty chosen without test."""
    x, z = (embed(method, part.images)[0] for part in (images, test))
    return ridge_probe(x, images.labels, z, test.labels).accuracy
