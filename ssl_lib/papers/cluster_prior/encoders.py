"""Encoders of long-tailed digits under priors and remedies, and what is measured on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from ssl_lib.evaluation.clusters import cluster_agreement, majority_classes
from ssl_lib.evaluation.linear import logistic_probe
from ssl_lib.evaluation.rank import rankme
from ssl_lib.evaluation.rebalancing import hierarchical_clusters, rebalanced_weights
from ssl_lib.methods import Method
from ssl_lib.methods.base import ViewBatch
from ssl_lib.methods.collapse import distinct_prototypes, merged_usage
from ssl_lib.methods.prior import power_law_prior, prior_divergence
from ssl_lib.papers.cluster_prior import tails, training
from ssl_lib.papers.cluster_prior.settings import RUNS, Run
from ssl_lib.papers.cluster_prior.tails import Digits
from ssl_lib.randomness import torch_generator

__all__ = ["COLUMNS", "Digit", "encoders_cell", "of_classes"]

#: Of the long table, after the cell's own.
COLUMNS = ["measure", "at", "value"]
#: Clusters of features whose images are drawn evenly, the finest level first.
CLUSTERS = (40, 10)
#: Of the classes, by their size, that are head and that are tail.
SHARE = 0.3
_HELD_DRAWS = 5
_RECIPE = training.Recipe(steps=300)
Row = tuple[str, float, float]


@dataclass(frozen=True, kw_only=True)
class Digit:
    """How encoders of digits are trained."""

    recipe: training.Recipe = _RECIPE


class Sampler:
    """Batches of images, drawn by weights that may change on the way."""

    def __init__(self, n: int, batch_size: int, generator: torch.Generator) -> None:
        self.weights, self.batch_size = torch.ones(n, dtype=torch.float64), batch_size
        self.generator = generator

    def __iter__(self) -> Iterator[Tensor]:
        """Return itself."""
        return self

    def __next__(self) -> Tensor:
        """Draw the rows of a batch, with replacement."""
        return torch.multinomial(
            self.weights, self.batch_size, replacement=True, generator=self.generator
        )


def _method(run: Run, seed: int) -> tuple[Method, training.Views]:
    if run.method == "simclr":
        cycling = {"temperature": 0.1, "temperature_schedule": (1.0, 5.0)}
        return training.make("simclr", seed, **(cycling if run.cycling else {}))
    return training.make(
        "pmsn", seed, exponent=run.exponent, n_prototypes=run.prototypes, weight=run.weight,
        sinkhorn_iterations=run.sinkhorn, alignment=run.alignment,
    )  # fmt: skip


def train(run: Run, made: Digits, recipe: training.Recipe, seed: int) -> tuple[Method, list[Row]]:
    """Train a run, and return it with what was counted on the way and its first losses."""
    method, views = _method(run, seed)
    sampler = Sampler(
        len(made.images), recipe.batch_size, torch_generator(seed, "cluster-prior", "order")
    )
    rows: list[Row] = []
    every = recipe.steps // run.looks if run.looks else 0

    def look(step: int, method: Method) -> None:
        if run.rebalanced and step == recipe.steps // 2:
            x = training.features(training.settled(method, made.images), made.images)
            sampler.weights = rebalanced_weights(hierarchical_clusters(x, CLUSTERS, seed=seed))
        if every and step % every == 0:
            rows.extend(_on_the_way(run, training.settled(method, made.images), made, step))

    early = training.train(method, made.images, views, sampler, recipe, seed=seed, look=look)
    return training.settled(method, made.images), [*rows, ("early loss", 0, early)]


def _on_the_way(run: Run, method: Any, made: Digits, step: int) -> Iterator[Row]:
    for name, value in of_prototypes(run, method, made).items():
        if name in ("used", "distinct", "divergence", "merged", "agreement"):
            yield f"{name} at", step, value


def of_prototypes(run: Run, method: Any, made: Digits) -> dict[str, float]:
    """Measure what prototypes make of the training images.

    Returns
    -------
    dict of str to float
        ``agreement`` (adjusted Rand index of most probable prototypes and classes), ``information``
        (normalised mutual), ``purity``, ``used``, ``distinct``, ``largest`` (share), ``head``
        (prototypes whose majority is the largest class), ``divergence`` (of the mean prediction
        from the prior) and ``merged`` (the same where copies count as one prototype).
    """
    p = training.shares(method, made.images)
    found, weight = p.argmax(1), method.prototypes.weight.detach()
    agreement = cluster_agreement(made.labels, found)
    majority = majority_classes(made.labels, found)
    return {
        "agreement": agreement.ari, "information": agreement.nmi, "purity": agreement.purity,
        "used": float(len(found.unique())),
        "distinct": float(distinct_prototypes(weight)),
        "largest": float(found.bincount().max()) / len(found),
        "head": float((majority == made.order[0]).sum()),
        "divergence": float(prior_divergence(p.mean(0), method.prior, alignment=run.alignment)),
        "merged": float(_merged(p.mean(0), weight, run)),
    }  # fmt: skip


def _merged(mean: Tensor, weight: Tensor, run: Run) -> Tensor:
    """Return the divergence of the usage of groups of copies from the prior of as many."""
    usage = merged_usage(mean, weight).double()
    prior = power_law_prior(len(usage), exponent=run.exponent)
    return prior_divergence(usage, prior, alignment="rank")


def of_classes(predicted: Tensor, labels: Tensor, order: tuple[int, ...]) -> dict[str, float]:
    """Return the share of right answers, macro F1, and recall of head, middle and tail classes.

    Examples
    --------
    >>> labels = torch.arange(10)
    >>> found = of_classes(labels.clamp(max=8), labels, tuple(range(10)))
    >>> {name: round(value, 3) for name, value in found.items()}
    {'accuracy': 0.9, 'F1': 0.867, 'head': 1.0, 'middle': 1.0, 'tail': 0.667}
    """
    from sklearn.metrics import f1_score

    recall = torch.stack([(predicted[labels == k] == k).double().mean() for k in order])
    ends = max(1, round(SHARE * len(order)))
    parts = {"head": recall[:ends], "middle": recall[ends:-ends], "tail": recall[-ends:]}
    return {
        "accuracy": float((predicted == labels).double().mean()),
        "F1": float(f1_score(labels, predicted, average="macro")),
        **{name: float(part.mean()) for name, part in parts.items()},
    }


@torch.no_grad()
def _held_out(method: Method, views: training.Views, held: Tensor, seed: int) -> dict[str, float]:
    """Return loss and cross-entropy on held-out images with the law of the training images."""
    stream = torch_generator(seed, "cluster-prior", "held")
    outputs = [method(ViewBatch(views=tuple(views(held, stream)))) for _ in range(_HELD_DRAWS)]
    return {
        "held-out loss": float(torch.stack([one.loss for one in outputs]).mean()),
        "held-out cross-entropy": float(
            torch.stack([one.logs["cross_entropy"] for one in outputs]).mean()
        ),
    }


def _probe(method: Method, made: Digits) -> dict[str, float]:
    """Return what a probe that has all labels of the training images is worth on balanced ones."""
    x, z = (training.features(method, part) for part in (made.images, made.test))
    found = logistic_probe(x, made.labels, z, made.test_labels)
    told = of_classes(found.scores.argmax(1), made.test_labels, made.order)
    return {**{f"probe {name}": value for name, value in told.items()}, "rankme": rankme(x)}


def encoders_cell(config: Digit, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train one run with one seed, and measure prototypes and features.

    Parameters
    ----------
    config : Digit
    cell : mapping
        ``seed`` draws images, weights, batches and views; ``run`` is a key of
        :data:`ssl_lib.papers.cluster_prior.settings.RUNS`.

    Returns
    -------
    pandas.DataFrame
        Columns measure, at (a step, where a measure has such), value.
    """
    run, seed = RUNS[cell["run"]], cell["seed"]
    made = tails.digits(run.tail, seed)
    method, rows = train(run, made, config.recipe, seed)
    found = _probe(method, made)
    if run.method != "simclr":
        found |= of_prototypes(run, method, made)
        found |= _held_out(method, _method(run, seed)[1], made.held, seed)
    rows += [(name, 0, value) for name, value in found.items()]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"at": "float64", "value": "float64"})
