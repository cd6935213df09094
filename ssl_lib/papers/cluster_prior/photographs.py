"""Encoders of long-tailed photographs, and the paper's toy of digits over photographs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from ssl_lib import data
from ssl_lib.data import ImageData
from ssl_lib.data.channels import channel_statistics
from ssl_lib.data.subsets import long_tail, long_tail_counts
from ssl_lib.data.views import Normalise, Policy, policy
from ssl_lib.evaluation.clusters import cluster_agreement
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.linear import ridge_probe
from ssl_lib.methods import Method, build_method
from ssl_lib.methods.collapse import distinct_prototypes
from ssl_lib.methods.msn import prototype_log_probabilities
from ssl_lib.models import build_encoder
from ssl_lib.papers.cluster_prior import training
from ssl_lib.papers.cluster_prior.encoders import of_classes
from ssl_lib.papers.cluster_prior.settings import PHOTOGRAPHS, Photograph
from ssl_lib.randomness import torch_generator

__all__ = [
    "Overlay",
    "Photographs",
    "Small",
    "counts",
    "hashes",
    "overlaid",
    "overlay_cell",
    "photographs_cell",
]

_TEST = {"tiny-imagenet": "valid"}
_RECIPE = training.Recipe(steps=600, learning_rate=2e-3)


@dataclass(frozen=True, kw_only=True)
class Small:
    """A small network of photographs, and its training.

    Attributes
    ----------
    data, device : str
    prototypes : int
    encoder : str
    encoder_options : dict
    recipe : Recipe
    bfloat16 : bool
        Whether the forward pass is computed in it.
    """

    data: str = "cifar10"
    device: str = "cpu"
    prototypes: int = 64
    encoder: str = "convnet"
    encoder_options: Mapping[str, Any] = field(
        default_factory=lambda: {"out_dim": 128, "widths": (16, 32, 64)}
    )
    recipe: training.Recipe = _RECIPE
    bfloat16: bool = True


@dataclass(frozen=True, kw_only=True)
class Photographs(Small):
    """Encoders of long-tailed photographs.

    Attributes
    ----------
    most : int
        Images of the largest class.
    laws : tuple of str
        Keys of :data:`ssl_lib.papers.cluster_prior.settings.PHOTOGRAPHS`.
    exponents : tuple of float
        Of the prior.
    """

    most: int = 5000
    laws: tuple[str, ...] = tuple(PHOTOGRAPHS)
    exponents: tuple[float, ...] = (0.0, 0.25, 0.5)


def counts(law: Photograph, most: int, classes: int) -> Tensor:
    """Return the sizes of the classes by rank.

    Examples
    --------
    >>> [int(counts(law, 5000, 10).sum()) for law in PHOTOGRAPHS.values()]
    [20431, 12406, 14645, 12400]
    """
    if law.kind == "balanced":
        total = int(counts(PHOTOGRAPHS[law.of], most, classes).sum())
        return torch.full((classes,), total // classes)
    given = {"exponent": law.exponent} if law.kind == "power" else {"imbalance": law.imbalance}
    return long_tail_counts(law.kind, n_max=most, n_classes=classes, **given)  # type: ignore[arg-type]


@lru_cache(maxsize=2)
def _both(name: str) -> tuple[ImageData, ImageData]:
    return data.load(name), data.load(name, split=_TEST.get(name, "test"))


def hashes(config: Small) -> dict[str, str]:
    """Return the content of both sets, for the key of the results."""
    return {part.name: part.fingerprint for part in _both(config.data)}


def photographs_cell(config: Photographs, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train PMSN with one prior on photographs of one law of class sizes.

    Parameters
    ----------
    config : Photographs
    cell : mapping
        ``seed``; ``law``, one of the configuration's; ``exponent`` of the prior.

    Returns
    -------
    pandas.DataFrame
        Columns measure, value: ``early loss``; of the prototypes ``agreement``, ``information``,
        ``purity``, ``used``, ``distinct``, ``largest``; of a probe, on balanced test images,
        ``accuracy``, ``F1``, ``head``, ``middle``, ``tail``.
    """
    every, test = _both(config.data)
    law, seed = PHOTOGRAPHS[cell["law"]], cell["seed"]
    order = torch.randperm(every.n_classes, generator=_stream(seed, "classes"))
    sizes = counts(law, config.most, every.n_classes)[order]
    images = every.subset(long_tail(every.labels, sizes, generator=_stream(seed, "tail")))
    method, early = _trained(config, images, cell["exponent"], seed)
    ranks = tuple(sizes.argsort(descending=True, stable=True).tolist())
    found = {"early loss": early, **_prototypes(method, images, config.device)}
    found |= _probe(method, images, test, ranks, config.device)
    return pd.DataFrame(found.items(), columns=["measure", "value"])


def _stream(seed: int, name: str) -> torch.Generator:
    return torch_generator(seed, "cluster-prior", name)


def _trained(config: Small, images: ImageData, exponent: float, seed: int) -> tuple[Method, float]:
    channels, size, _ = images.shape
    encoder = build_encoder(
        config.encoder, in_channels=channels, image_size=size, seed=seed,
        **config.encoder_options,
    )  # fmt: skip
    method = build_method(
        "pmsn", encoder, seed=seed, exponent=exponent, alignment="rank", weight=5.0,
        n_prototypes=config.prototypes, head=(256, 64), momentum=0.99, momentum_end=1.0,
        momentum_schedule="cosine",
    ).to(config.device)  # fmt: skip
    rows = training.drawn(len(images), config.recipe.batch_size, _stream(seed, "order"))
    placed = images.images.to(config.device)
    half = torch.autocast(torch.device(config.device).type, torch.bfloat16, config.bfloat16)
    method.forward = half(method.forward)  # type: ignore[method-assign]
    early = training.train(method, placed, views(images), rows, config.recipe, seed=seed)
    return method.eval(), early


def views(images: ImageData) -> Policy:
    """Return two views of photographs, cropped and changed in colour."""
    return policy("simclr", size=images.shape[1]).then(_normalise(images))


def _normalise(images: ImageData) -> Normalise:
    mean, std = channel_statistics(images)
    return Normalise(mean=mean, std=std)


def _features(encode: nn.Module, images: ImageData, like: ImageData, device: str) -> Tensor:
    prepare = _normalise(like)
    found: Tensor = extract(
        encode, images.images.to(device), transform=lambda batch: prepare.apply(batch, {})
    )
    return found.cpu()


@torch.no_grad()
def _assigned(method: Any, images: ImageData, device: str) -> Tensor:
    z = method.head(_features(method.encoder, images, images, device).to(device))
    return prototype_log_probabilities(z, method.prototypes.weight).argmax(1).cpu()


def _prototypes(method: Any, images: ImageData, device: str) -> dict[str, float]:
    found = _assigned(method, images, device)
    agreement = cluster_agreement(images.labels, found)
    return {
        "agreement": agreement.ari, "information": agreement.nmi, "purity": agreement.purity,
        "used": float(len(found.unique())),
        "distinct": float(distinct_prototypes(method.prototypes.weight.detach())),
        "largest": float(found.bincount().max()) / len(found),
    }  # fmt: skip


def _probe(
    method: Any, images: ImageData, test: ImageData, ranks: tuple[int, ...], device: str
) -> dict[str, float]:
    x, z = (_features(method.encoder, part, images, device) for part in (images, test))
    scores = ridge_probe(x, images.labels, z, test.labels).scores
    return of_classes(scores.argmax(1).cpu(), test.labels, ranks)


@dataclass(frozen=True, kw_only=True)
class Overlay(Small):
    """Digits over photographs, the digits' frequencies by a power law.

    Attributes
    ----------
    images, test : int
    exponent : float
        Of the digits' frequencies, and of the prior that matches them.
    """

    images: int = 10_000
    test: int = 5_000
    exponent: float = 1.5
    prototypes: int = 10


def overlaid(
    photographs: ImageData, n: int, exponent: float, generator: torch.Generator
) -> tuple[ImageData, Tensor]:
    """Draw photographs with a digit over each, and the digits' numbers.

    Parameters
    ----------
    photographs : ImageData
        Of three channels.
    n : int
        How many are drawn.
    exponent : float
        Of the digits' frequencies; 0 makes them equal.
    generator : torch.Generator

    Returns
    -------
    ImageData
        With the photographs' labels.
    torch.Tensor of shape (n,)
    """
    rows = torch.randperm(len(photographs), generator=generator)[:n]
    ground = photographs.subset(rows)
    law = torch.arange(1, 11, dtype=torch.float64) ** -exponent
    digit = torch.multinomial(law, len(ground), replacement=True, generator=generator)
    every = data.load("digits", split="all")
    which = torch.rand(len(ground), len(every), generator=generator)
    which[every.labels != digit[:, None]] = -1
    drawn = every.images[which.argmax(1)].float()
    large = functional.interpolate(drawn, size=ground.shape[1:], mode="bilinear")
    pictures = torch.maximum(ground.images.float(), large).round().to(torch.uint8)
    name = f"{ground.name} under digits"
    made = ImageData(pictures, ground.labels, ground.class_names, name=name, source=ground.source)
    return made, digit


def overlay_cell(config: Overlay, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train PMSN on digits over photographs, with a uniform prior or that of the digits.

    Parameters
    ----------
    config : Overlay
    cell : mapping
        ``seed``, and ``model``: "uniform" or "rank".

    Returns
    -------
    pandas.DataFrame
        Columns measure, value: ``early loss``, and of ``digit`` and ``photograph`` the normalised
        mutual information with the prototypes and the accuracy of a ridge probe on test images
        with even digits.
    """
    seed, (every, held) = cell["seed"], _both(config.data)
    images, digit = overlaid(every, config.images, config.exponent, _stream(seed, "train"))
    test, told = overlaid(held, config.test, 0.0, _stream(seed, "test"))
    exponent = 0.0 if cell["model"] == "uniform" else config.exponent
    method, early = _trained(config, images, exponent, seed)
    found = _assigned(method, images, config.device)
    x, z = (_features(method.encoder, part, images, config.device) for part in (images, test))
    rows = {"early loss": early}
    factors = {"digit": (digit, told), "photograph": (images.labels, test.labels)}
    for name, (own, judged) in factors.items():
        rows[f"{name} information"] = cluster_agreement(own, found).nmi
        rows[f"{name} accuracy"] = ridge_probe(x, own, z, judged).accuracy
    return pd.DataFrame(rows.items(), columns=["measure", "value"])
