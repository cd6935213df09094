"""Which images each prototype stands for, and how often each is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from ssl_lib.data.subsets import class_poor_batches
from ssl_lib.evaluation.clusters import majority_classes, purity
from ssl_lib.papers.cluster_prior import batches, encoders, tails, training
from ssl_lib.papers.cluster_prior.settings import GALLERIES, RUNS, Gallery
from ssl_lib.randomness import torch_generator

__all__ = ["COLUMNS", "Nearest", "Shown", "alike", "galleries_cell", "nearest"]

#: Of the long table, after the cell's own.
COLUMNS = ["measure", "prototype", "place", "value"]
_DRAWS = 1000
_POOR, _TAILED = batches.Poor().recipe, encoders.Digit().recipe
Row = tuple[str, int, int, float]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How encoders are trained, and how much of a gallery is kept.

    Attributes
    ----------
    poor, tailed : Recipe
        Of batches of few classes, and of priors.
    prototypes, images : int
        Rows and columns of a gallery. Numbers are of all prototypes that are used.
    """

    poor: training.Recipe = _POOR
    tailed: training.Recipe = _TAILED
    prototypes: int = 8
    images: int = 8


class Nearest(NamedTuple):
    """The images most probable under each used prototype, the most used prototype first.

    Attributes
    ----------
    usage : torch.Tensor of shape (used,)
        Share of the images whose most probable prototype it is.
    images : torch.Tensor of shape (used, k)
        Positions of images, the most probable first.
    probabilities : torch.Tensor of shape (used, k)
    """

    usage: Tensor
    images: Tensor
    probabilities: Tensor


def nearest(p: Tensor, k: int) -> Nearest:
    """Return the k images most probable under each prototype that any image prefers.

    Parameters
    ----------
    p : torch.Tensor of shape (n, K)
        Each image's probabilities of the prototypes.
    k : int

    Examples
    --------
    >>> p = torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]])
    >>> nearest(p, 2).images.tolist()
    [[0, 2], [1, 2]]
    """
    usage = p.argmax(1).bincount(minlength=p.shape[1]).double() / len(p)
    order = usage.argsort(descending=True, stable=True)[: int((usage > 0).sum())]
    top = p[:, order].topk(min(k, len(p)), dim=0)
    return Nearest(usage[order], top.indices.T, top.values.T)


def alike(shown: Tensor, every: Tensor) -> float:
    """Return how much less a value varies within rows than over all images.

    Parameters
    ----------
    shown : torch.Tensor of shape (rows, k)
    every : torch.Tensor of shape (n,)

    Returns
    -------
    float
        1 less the mean variance of a row over that of all: 1 where rows are of one value, about 0
        where they are drawn at random.

    Examples
    --------
    >>> every = torch.tensor([0.0, 0.0, 2.0, 2.0])
    >>> alike(torch.tensor([[0.0, 0.0], [2.0, 2.0]]), every), alike(every[None], every)
    (1.0, 0.0)
    """
    return 1 - float(shown.double().var(1).mean() / every.double().var())


def galleries_cell(config: Shown, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train one model with one seed, and say which images its prototypes stand for.

    Parameters
    ----------
    config : Shown
    cell : mapping
        ``seed``; ``model``, a key of :data:`ssl_lib.papers.cluster_prior.settings.GALLERIES`.

    Returns
    -------
    pandas.DataFrame
        Columns measure, prototype, place (both ranks from 0), value. ``soft`` (mean prediction) and
        ``hard`` (share of images) have a row a prototype, each in its own falling order; ``image``
        (a row of the seed's :func:`ssl_lib.papers.cluster_prior.tails.digits`), ``class`` and
        ``probability`` one for each picture. Of all galleries: ``purity`` (share in a row's most
        frequent class), ``chance`` (the same of images drawn at random), ``ink`` (see
        :func:`alike`), ``classes`` (with a row), ``head`` (share of rows of the largest class).
    """
    model, seed = GALLERIES[cell["model"]], cell["seed"]
    made = tails.digits(model.tail, seed)
    method, early = _trained(model, made, config, seed)
    p = training.shares(method, made.images)
    found = nearest(p, config.images)
    rows = [*_usage(p), *_pictures(found, made.labels, config.prototypes)]
    numbers = {"early loss": early} | _numbers(found, made, seed)
    rows += [(name, 0, 0, value) for name, value in numbers.items()]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"value": "float64"})


def _trained(model: Gallery, made: tails.Digits, config: Shown, seed: int) -> tuple[Any, float]:
    """Train as the tables ``encoders`` and ``batches`` do, and return the mean of early losses."""
    if model.run:
        run = replace(RUNS[model.run], looks=0)
        method, counted = encoders.train(run, made, config.tailed, seed)
        return method, counted[-1][2]
    method, views = training.make("msn", seed)
    recipe, size = config.poor, config.poor.batch_size // model.classes * model.classes
    rows = class_poor_batches(
        made.labels, generator=torch_generator(seed, "cluster-prior", "order"),
        n_batches=recipe.steps, classes_per_batch=model.classes, batch_size=size,
    )  # fmt: skip
    early = training.train(method, made.images, views, rows, recipe, seed=seed)
    return training.settled(method, made.images), early


def _usage(p: Tensor) -> Iterator[Row]:
    hard = p.argmax(1).bincount(minlength=p.shape[1]).double() / len(p)
    for name, usage in (("soft", p.double().mean(0)), ("hard", hard)):
        for place, share in enumerate(usage.sort(descending=True).values.tolist()):
            yield name, place, 0, share


def _pictures(found: Nearest, labels: Tensor, rows: int) -> Iterator[Row]:
    shown = {"image": found.images, "class": labels[found.images],
             "probability": found.probabilities}  # fmt: skip
    for name, values in shown.items():
        for row, line in enumerate(values[:rows].tolist()):
            yield from ((name, row, place, float(value)) for place, value in enumerate(line))


def _numbers(found: Nearest, made: tails.Digits, seed: int) -> dict[str, float]:
    stream = torch_generator(seed, "cluster-prior", "chance")
    drawn = torch.randint(len(made.labels), (_DRAWS, found.images.shape[1]), generator=stream)
    tenths, classes = batches.ink(made.images), _rows(made.labels[found.images])
    majority = majority_classes(*classes)
    return {
        "purity": purity(*classes),
        "chance": purity(*_rows(made.labels[drawn])),
        "ink": alike(tenths[found.images], tenths),
        "classes": float(len(majority.unique())),
        "head": float((majority == made.order[0]).double().mean()),
    }


def _rows(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the values, flat, and the row of each."""
    return values.flatten(), torch.arange(len(values)).repeat_interleave(values.shape[1])
