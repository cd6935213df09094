"""Encoders trained on batches of few classes, where every image is as likely as before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from torch import Tensor

from ssl_lib.data.subsets import class_poor_batches
from ssl_lib.evaluation.few_shot import few_shot_probe
from ssl_lib.evaluation.linear import logistic_probe
from ssl_lib.papers.cluster_prior import tails, training
from ssl_lib.randomness import torch_generator

__all__ = ["SHOTS", "Poor", "batches_cell", "ink"]

#: Labels of each class that the probe has.
SHOTS = 2
_BINS = 10
_RECIPE = training.Recipe(steps=250)


@dataclass(frozen=True, kw_only=True)
class Poor:
    """Batches of few classes.

    Attributes
    ----------
    classes : tuple of int
        In a batch.
    draws : int
        Of the few labels.
    recipe : Recipe
    """

    classes: tuple[int, ...] = (10, 5, 2)
    draws: int = 20
    recipe: training.Recipe = _RECIPE


def ink(images: Tensor) -> Tensor:
    """Return each image's tenth by how much ink it has: an attribute below any class.

    Examples
    --------
    >>> import torch
    >>> ink(torch.arange(20.0).reshape(20, 1, 1, 1)).bincount().tolist()
    [2, 2, 2, 2, 2, 2, 2, 2, 2, 2]
    """
    order = images.flatten(1).sum(1).argsort().argsort()
    return order * _BINS // len(order)


def batches_cell(config: Poor, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train a method on batches of few classes and probe it with few labels.

    Parameters
    ----------
    config : Poor
    cell : mapping
        ``seed``; ``method``, a key of :data:`ssl_lib.papers.cluster_prior.settings.BATCHES`, or
        "untrained"; ``classes`` of a batch.

    Returns
    -------
    pandas.DataFrame
        Columns measure, value: ``few`` and ``all`` (accuracy by labels), ``early loss``; of MSN
        ``class`` and ``ink`` (normalised mutual information of prototypes with each).
    """
    seed, name, classes = cell["seed"], cell["method"], cell["classes"]
    made = tails.digits(0.0, seed)
    method, views = training.make("simclr" if name == "untrained" else name, seed)
    found: dict[str, float] = {}
    if name != "untrained":
        rows = class_poor_batches(
            made.labels, generator=torch_generator(seed, "cluster-prior", "order"),
            n_batches=config.recipe.steps, classes_per_batch=classes,
            batch_size=config.recipe.batch_size // classes * classes,
        )  # fmt: skip
        found["early loss"] = training.train(
            method, made.images, views, rows, config.recipe, seed=seed
        )
    found |= _probed(training.settled(method, made.images), made, config, seed)
    if name == "msn":
        found |= _groups(training.settled(method, made.images), made.images, made.labels)
    return pd.DataFrame(found.items(), columns=["measure", "value"])


def _probed(method: Any, made: tails.Digits, config: Poor, seed: int) -> dict[str, float]:
    x, z = (training.features(method, part) for part in (made.images, made.test))
    few = few_shot_probe(
        x, made.labels, z, made.test_labels, shots=[SHOTS], draws=config.draws, seed=seed
    )
    every = logistic_probe(x, made.labels, z, made.test_labels, max_iter=100)
    return {"few": float(few.accuracy.mean()), "all": every.accuracy}


def _groups(method: Any, images: Tensor, labels: Tensor) -> dict[str, float]:
    from sklearn.metrics import normalized_mutual_info_score

    found = training.shares(method, images).argmax(1)
    attributes = {"class": labels, "ink": ink(images)}
    return {
        name: float(normalized_mutual_info_score(own, found)) for name, own in attributes.items()
    }
