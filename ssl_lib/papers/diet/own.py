"""DIET on images of one's own: train, and look at the loss, the features and the rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from ssl_lib import data, profiles
from ssl_lib.data import ImageData
from ssl_lib.errors import InputError
from ssl_lib.methods import DIET
from ssl_lib.papers.diet.settings import Settings
from ssl_lib.training.config import RunSpec
from ssl_lib.training.loop import pretrain
from ssl_lib.training.runs import assemble, specify
from ssl_lib.training.usual import usual_training

__all__ = ["Pretrained", "images", "nearest", "train"]

SIZE, DRAWN = 32, 16  # pixels of images in a folder, and of drawn shapes


@dataclass(frozen=True)
class Pretrained:
    """An encoder trained by DIET.

    Attributes
    ----------
    encoder : torch.nn.Module
    weight : torch.Tensor of shape (n, d)
        The rows of the images, which are otherwise thrown away.
    history : pandas.DataFrame
        A row an epoch.
    spec : RunSpec
        How it was trained.
    """

    encoder: nn.Module
    weight: torch.Tensor
    history: pd.DataFrame
    spec: RunSpec


def images(settings: Settings) -> ImageData:
    """Return the images of a folder, or drawn shapes where none is named.

    Examples
    --------
    >>> images(Settings(profile="smoke"))
    ImageData('shapes/train', 128 images of 3 x 16 x 16, 8 classes, cpu)
    """
    if settings.images:
        return data.load(settings.images, size=SIZE)
    count = profiles.choose(settings.profile, smoke=128, quick=512, standard=2000, paper=2000)
    return data.load("shapes", n=count, size=DRAWN, seed=settings.seed)


def train(found: ImageData, *, epochs: int, seed: int = 0, **options: Any) -> Pretrained:
    """Train a small network on images by DIET's usual recipe.

    Parameters
    ----------
    found : ImageData
    epochs : int
        Showings of each image. The rate is four times the usual one below 100.
    seed : int, default=0
    **options
        Of :class:`ssl_lib.methods.DIET`.

    Returns
    -------
    Pretrained
    """
    config = usual_training("diet", len(found), epochs=epochs, seed=seed)
    if epochs < 100:
        config = replace(config, learning_rate=4 * config.learning_rate)
    spec = specify(
        method="diet", data=found, encoder="convnet", method_options=options, training=config
    )
    method, policy = assemble(spec)
    assert isinstance(method, DIET)
    run = pretrain(method, found, policy=policy, config=config, progress=False)
    weight = method.classifier.weight.detach()
    return Pretrained(method.encoder.eval(), weight, run.table, spec)


def nearest(made: Pretrained, chosen: list[int], count: int = 6) -> torch.Tensor:
    """Return the images whose rows are nearest to those of some images, by cosine.

    Returns
    -------
    torch.Tensor of shape (len(chosen), count)
        Positions in the training set.

    Raises
    ------
    InputError
        When there are too few images.
    """
    fewest = max(count, *chosen) + 1
    if len(made.weight) < fewest:
        raise InputError(
            f"{count} neighbours of images {min(chosen)} to {max(chosen)} take at least {fewest} "
            f"images, got {len(made.weight)}."
        )
    unit = functional.normalize(made.weight.float(), dim=1)
    cosines = unit[chosen] @ unit.T
    cosines[torch.arange(len(chosen)), chosen] = -2
    return cosines.topk(count, dim=1).indices
