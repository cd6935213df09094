"""The same on an encoder of one's own: normality, entropy and its bounds, terms of the bound."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from torch import nn

from ssl_lib import data, profiles
from ssl_lib.data import ImageData
from ssl_lib.data.subsets import stratified_split
from ssl_lib.data.views import Policy, policy
from ssl_lib.evaluation.bound import BoundTerms, bound_terms
from ssl_lib.evaluation.entropy import EntropyBounds, entropy_bounds
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.normality import input_noise_normality, normality_control
from ssl_lib.methods import VICRegInfo
from ssl_lib.models import build_encoder
from ssl_lib.papers.vicreg_info.brackets import view_variance
from ssl_lib.papers.vicreg_info.settings import Settings
from ssl_lib.randomness import torch_generator
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain

__all__ = ["Report", "images", "pretrained", "report"]

SIZE, DRAWN = 32, 16  # pixels of images in a folder, and of drawn shapes
_DRAWS = 128  # noisy copies of an image


@dataclass(frozen=True)
class Report:
    """What was found about an encoder.

    Attributes
    ----------
    normal : pandas.DataFrame
        See :func:`ssl_lib.evaluation.normality.input_noise_normality`.
    control : float
        The share of normal numbers that pass.
    variance : float
        What views of one image vary by.
    entropy : EntropyBounds
        Of embeddings with that much noise.
    terms : BoundTerms
    """

    normal: pd.DataFrame
    control: float
    variance: float
    entropy: EntropyBounds
    terms: BoundTerms


def images(settings: Settings) -> tuple[ImageData, ImageData]:
    """Return training and test images of a folder, or drawn shapes where none is named.

    Examples
    --------
    >>> [len(part) for part in images(Settings(profile="smoke"))]
    [192, 64]
    """
    if settings.images:
        every = data.load(settings.images, size=SIZE)
    else:
        count = profiles.choose(settings.profile, smoke=256, quick=1200, standard=2000, paper=2000)
        every = data.load("shapes", n=count, size=DRAWN, seed=settings.seed)
    generator = torch_generator(settings.seed, "vicreg_info", "own")
    labels = every.labels_for("the bound (from a folder for each class)")
    fit, judge = stratified_split(labels, generator=generator, n_test=len(every) // 4)
    return every.subset(fit), every.subset(judge)


def views(found: ImageData) -> Policy:
    """Return the augmentation that trains and judges."""
    return policy("vicreg", size=found.shape[1])


def pretrained(found: ImageData, *, epochs: int, seed: int = 0) -> nn.Sequential:
    """Train a small perceptron with LogDet and return it with its head.

    Parameters
    ----------
    found : ImageData
    epochs : int
    seed : int, default=0
    """
    channels, size, _ = found.shape
    encoder = build_encoder(
        "mlp", in_channels=channels, image_size=size, seed=seed, out_dim=64, activation="relu"
    )
    method = VICRegInfo(encoder, head=(64, 32), seed=seed)
    config = TrainingConfig(
        epochs=epochs, batch_size=min(128, len(found)), learning_rate=2e-3, seed=seed
    )
    pretrain(method, found, policy=views(found), config=config, progress=False)
    return nn.Sequential(method.encoder, method.head).eval()


def report(
    encoder: nn.Module,
    train: ImageData,
    test: ImageData,
    *,
    policy: Policy | str,
    labelled: int = 100,
    anchors: int = 2,
    seed: int = 0,
) -> Report:
    """Look at an encoder as the chapter looks at its own.

    Parameters
    ----------
    encoder : torch.nn.Module
        With linear outputs, such as an encoder with its projector.
    train, test : ImageData
        The labels judge only.
    policy : Policy or str
        The augmentation that the encoder was trained with.
    labelled : int, default=100
        Labelled images of the bound.
    anchors : int, default=2
        Test images around which noise is drawn.
    seed : int, default=0

    Returns
    -------
    Report
    """
    variance = view_variance(encoder, test.images, policy, seed=seed)
    z = extract(encoder, test.images)
    return Report(
        normal=input_noise_normality(encoder, test.images[:anchors], draws=_DRAWS, seed=seed),
        control=normality_control(_DRAWS, coordinates=4000, seed=seed).share,
        variance=variance,
        entropy=entropy_bounds(z, variance=variance, seed=seed),
        terms=bound_terms(
            encoder, train, test, policy=policy, labelled=min(labelled, len(train)), seed=seed
        ),
    )
