"""Images of two glyphs and a digit, and which of them prototypes follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from ssl_lib import data
from ssl_lib.data.views import BlockMask, Noise, Policy, Shift
from ssl_lib.methods import build_method
from ssl_lib.methods.prior import power_law_prior
from ssl_lib.papers.cluster_prior import training
from ssl_lib.randomness import torch_generator

__all__ = ["MODELS", "Canvas", "canvas", "factors_cell", "views"]

#: Priors by name.
MODELS = {
    "uniform": "uniform",
    "rank": "matching, by rank",
    "index": "matching, by index",
}
_GLYPHS = 7  # seed of the shapes, the same for all runs
_RECIPE = training.Recipe(steps=300, learning_rate=1e-2)


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """Images of 8 x 16 pixels: a digit that moves, an even glyph, and a rare one.

    Attributes
    ----------
    exponents : tuple of float
        The rare glyph's frequencies fall as these powers of their rank; the other's are equal.
    images : int
        At most; all digits have no more.
    brightness : float
        Of the rare glyph.
    recipe : Recipe
    """

    exponents: tuple[float, ...] = (1.5, 2.0)
    images: int = 1397
    brightness: float = 1.3
    recipe: training.Recipe = _RECIPE


def canvas(config: Canvas, exponent: float, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Draw images (n, 1, 8, 16) with the numbers of their even and their rare glyphs.

    Examples
    --------
    >>> images, even, rare = canvas(Canvas(), 2.0, 0)
    >>> images.shape, int(even.bincount().max()) < 200, int(rare.bincount().argmax())
    (torch.Size([1397, 1, 8, 16]), True, 0)
    """
    shapes = torch.rand((2, 10, 8, 4), generator=torch_generator(_GLYPHS, "glyphs")) < 0.5
    stream = torch_generator(seed, "cluster-prior", "canvas")
    every = data.load("digits", split="all")
    digit = every.images[torch.randperm(len(every), generator=stream)[: config.images], 0] / 255
    even = torch.randint(10, (len(digit),), generator=stream)
    law = power_law_prior(10, exponent=exponent)
    rare = torch.multinomial(law, len(digit), replacement=True, generator=stream)
    glyphs = shapes[0, even].float(), config.brightness * shapes[1, rare].float()
    return torch.cat([digit, *glyphs], 2)[:, None], even, rare


def views(images: Tensor, generator: torch.Generator) -> Sequence[Tensor]:
    """Move the digit alone; the second view also hides blocks."""
    move = Policy(name="move", recipes=((Shift(pixels=1),),) * 2)
    moved = [torch.cat([part, images[..., 8:]], 3) for part in move(images[..., :8], generator)]
    noisy = Policy(name="noise", recipes=((Noise(std=0.1),),), n_global=1)
    hide = Policy(name="hide", recipes=((BlockMask(p=0.1),),), n_global=1)
    target, anchor = noisy(torch.cat(moved), generator)[0].chunk(2)
    return [target, *hide(anchor, generator)]


class _Pixels(nn.Flatten):
    """No encoder: the head alone is linear in the pixels."""

    out_dim = 128


def factors_cell(config: Canvas, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train PMSN with one prior on images whose rare glyph has one law.

    A linear encoder: one with a hidden layer can follow any mixture of both glyphs.

    Parameters
    ----------
    config : Canvas
    cell : mapping
        ``seed``, ``exponent``, and ``model``, a key of :data:`MODELS`.

    Returns
    -------
    pandas.DataFrame
        A row: columns even, rare (normalised mutual information of prototypes with each glyph),
        early_loss.
    """
    from sklearn.metrics import normalized_mutual_info_score

    seed, exponent, model = cell["seed"], cell["exponent"], cell["model"]
    images, even, rare = canvas(config, exponent, seed)
    method = build_method(
        "pmsn", _Pixels(), seed=seed, head=(32,), n_prototypes=10, weight=5.0, momentum=0.99,
        momentum_end=1.0, momentum_schedule="cosine",
        exponent=0.0 if model == "uniform" else exponent,
        alignment="index" if model == "index" else "rank",
    )  # fmt: skip
    rows = training.drawn(
        len(images), config.recipe.batch_size, torch_generator(seed, "cluster-prior", "order")
    )
    early = training.train(method, images, views, rows, config.recipe, seed=seed)
    found = training.shares(method.eval(), images).argmax(1)
    told = [normalized_mutual_info_score(own, found) for own in (even, rare)]
    return pd.DataFrame([(*told, early)], columns=["even", "rare", "early_loss"])
