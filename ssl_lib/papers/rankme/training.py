"""The encoders of one sweep and seed: same initial weights, batches and views for all settings."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ssl_lib import data
from ssl_lib.data import ImageData
from ssl_lib.data.channels import channel_statistics
from ssl_lib.data.subsets import stratified_fraction, stratified_split
from ssl_lib.data.views import Normalise, Policy, policy
from ssl_lib.errors import InputError
from ssl_lib.evaluation.features import subsample
from ssl_lib.methods import Method, build_method
from ssl_lib.models import build_encoder
from ssl_lib.papers.rankme.settings import SWEEPS, Recipe
from ssl_lib.randomness import torch_generator
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain
from ssl_lib.training.many import pretrain_many

__all__ = ["images", "method", "split", "train", "views"]

SMALLEST_NATURAL = 16  # pixels; below, images are digits and flips or crops destroy them
TEST_SPLITS = {"tiny-imagenet": "valid"}
TEST_IMAGES = {"fashion-mnist": 10_000, "cifar10": 10_000, "tiny-imagenet": 10_000, "digits": 500}
TEST_SHARE = 500 / 1797  # of what has no test set of its own; 500 of the digits


@lru_cache(maxsize=2)
def images(name: str, most: int = 0) -> tuple[ImageData, ImageData | None]:
    """Return a data set's images and its test set, None where a seed shall draw one.

    Parameters
    ----------
    name : str
        A named data set or a folder.
    most : int, default=0
        Images to pretrain on, drawn class by class with a fixed seed; 0 takes all.

    Examples
    --------
    >>> every, test = images("digits")
    >>> len(every), test
    (1797, None)
    """
    if name == "digits":
        return data.load("digits", split="all"), None
    if name not in data.NAMES:
        return data.load(name, size=64), None
    every, held = data.load(name), data.load(name, split=TEST_SPLITS.get(name, "test"))
    if 0 < most < len(every):
        generator = torch_generator(0, "rankme", "images")
        chosen = stratified_fraction(every.labels, most / len(every), generator=generator)
        every = every.subset(chosen)
    return every, held


def split(config: Recipe, seed: int) -> tuple[ImageData, ImageData]:
    """Return the training and the test images of a seed.

    Examples
    --------
    >>> from ssl_lib.papers.rankme.settings import Settings, recipes
    >>> [len(part) for part in split(recipes(Settings())["temperature"], 0)]
    [1297, 500]
    """
    every, test = images(config.data, config.images)
    if test is None:
        generator = torch_generator(seed, "rankme", "split")
        held = round(TEST_SHARE * len(every))
        fit, judge = stratified_split(every.labels, generator=generator, n_test=held)
        every, test = every.subset(fit), every.subset(judge)
    if len(every) < config.batch_size:
        raise InputError(f"data must hold at least {config.batch_size} images to train on.")
    return every, test


def views(config: Recipe, train: ImageData) -> tuple[Policy, Callable[[Tensor], Tensor] | None]:
    """Return what makes the views, and the normalisation of images that are measured."""
    size = train.shape[1]
    if size < SMALLEST_NATURAL:
        return policy("digits", size=size), None
    mean, std = channel_statistics(train)
    normalise = Normalise(mean=mean, std=std)
    return policy("byol", size=size).then(normalise), lambda batch: normalise.apply(batch, {})


def method(config: Recipe, train: ImageData, value: float, seed: int) -> Method:
    """Build a method with one setting of the sweep; equal seeds draw equal weights."""
    sweep = SWEEPS[config.sweep]
    encoder = build_encoder(
        config.encoder,
        in_channels=train.shape[0],
        image_size=train.shape[1],
        out_dim=config.out_dim,
        seed=seed,
        **config.encoder_options,
    )
    options: dict[str, Any] = {"head": config.head, "head_norm": config.head_norm}
    options[sweep.option] = value
    made = build_method(sweep.method, encoder, seed=seed, **options)
    if config.he:
        he_normal(made, torch_generator(seed, "rankme", "weights"))
    return made


@torch.no_grad()
def he_normal(module: nn.Module, generator: torch.Generator) -> None:
    """Draw every linear layer's weights from N(0, 2 / in_features) and zero its bias.

    Examples
    --------
    >>> layer = nn.Linear(50, 4000)
    >>> he_normal(layer, torch.Generator().manual_seed(0))
    >>> round(float(layer.weight.std()), 2), float(layer.bias.abs().max())
    (0.2, 0.0)
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            drawn = torch.randn(layer.weight.shape, generator=generator)
            layer.weight.copy_(drawn * (2 / layer.in_features) ** 0.5)
            if layer.bias is not None:
                layer.bias.zero_()


def train(
    config: Recipe, source: ImageData, seed: int, *, workdir: Path
) -> list[tuple[Method, float]]:
    """Train all settings of a sweep with one seed.

    Parameters
    ----------
    config : Recipe
    source : ImageData
        The images to pretrain on.
    seed : int
    workdir : pathlib.Path
        For checkpoints of encoders that are trained one by one.

    Returns
    -------
    list of (Method, float)
        In the order of ``config.values``: the method in evaluation mode, and its mean loss over the
        first ten steps, by which another run of the same cell is recognised.
    """
    members = [method(config, source, value, seed) for value in config.values]
    recipe, _ = views(config, source)
    how = _how(config, len(source), seed)
    if config.together:
        history = pretrain_many(
            members, source, policy=recipe, config=how, device=config.device, progress=False
        )
        early = history[-1]["early_losses"]
    else:
        early = [
            pretrain(
                member, source, policy=recipe, config=how, device=config.device,
                out=workdir / f"{config.sweep}-{seed}-{number}",
            ).history[-1]["early_loss"]
            for number, member in enumerate(members)
        ]  # fmt: skip
    return [(member.eval(), float(loss)) for member, loss in zip(members, early, strict=True)]


def _how(config: Recipe, images: int, seed: int) -> TrainingConfig:
    batch = min(config.batch_size, images)
    steps = images // batch
    return TrainingConfig(
        epochs=max(1, round(config.steps / steps)),
        batch_size=batch,
        learning_rate=config.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=1e-4,
        warmup_epochs=config.warmup / steps,
        precision=config.precision,
        seed=seed,
    )


def measured(config: Recipe, images: ImageData, seed: int, limit: int) -> ImageData:
    """Return the images that a measure uses: at most ``limit``, the same for all settings."""
    return subsample(images, limit, seed=seed)
