"""Every number that is measured on one encoder."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from ssl_lib.data import ImageData
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.few_shot import few_shot_probe
from ssl_lib.evaluation.linear import logistic_probe, ridge_path, ridge_probe
from ssl_lib.evaluation.rank import rankme
from ssl_lib.methods import DIET
from ssl_lib.papers.diet.training import Trained

__all__ = [
    "SHOTS",
    "Row",
    "accuracies",
    "features",
    "few_labels",
    "row_neighbours",
    "told",
    "trained",
]

#: A measure, what it was measured at (labels a class, an epoch, ...), and its value.
Row = tuple[str, float, float]

SHOTS = (1, 5, 10)
NEIGHBOURS = (1, 2, 5, 10, 20, 50)


def features(encode: nn.Module, images: ImageData) -> Tensor:
    """Return an encoder's features of images as they are, (n, d)."""
    return extract(encode, images.images)


def few_labels(
    encode: nn.Module, images: ImageData, test: ImageData, seed: int, draws: int = 5
) -> float:
    """Return the accuracy of a probe on ten labels a class, mean over draws."""
    x, z = (extract(encode, part.images) for part in (images, test))
    found = few_shot_probe(x, images.labels, z, test.labels, shots=[10], draws=draws, seed=seed)
    return float(found.accuracy.mean())


def accuracies(
    encode: nn.Module, images: ImageData, test: ImageData, seed: int, draws: int = 5
) -> Iterator[Row]:
    """Measure features by labels: few of each class, all of them; and their rank, without."""
    x, z = (extract(encode, part.images) for part in (images, test))
    found = few_shot_probe(x, images.labels, z, test.labels, shots=SHOTS, draws=draws, seed=seed)
    for shots in SHOTS:
        yield "accuracy", shots, float(found.accuracy[found.shots == shots].mean())
    every = logistic_probe(x, images.labels, z, test.labels, max_iter=100)
    yield "accuracy", 0, every.accuracy
    if len(x) >= 2 * x.shape[1]:  # fewer samples would limit the rank themselves
        yield "rankme", 0, rankme(x)


def trained(found: Trained, images: ImageData, test: ImageData) -> Iterator[Row]:
    """Measure what training left: the loss and its probe, epoch by epoch, and rows of W."""
    history = found.history
    yield "early loss", 0, history[-1]["early_loss"]
    yield "online", 0, _online(found, test)
    for entry in history:
        if "few labels" in entry:
            yield "accuracy at", entry["epoch"], entry["few labels"]
            yield "online at", entry["epoch"], entry["probe_accuracy"]
    if isinstance(found.method, DIET):
        for entry in history:
            yield "excess at", entry["epoch"], entry["loss"] - found.method.floor
        yield "excess", 0, history[-1]["loss"] - found.method.floor
        yield "index accuracy", 0, _memorised(found.method, images)
        yield from row_neighbours(found.method.classifier.weight.detach(), images.labels)


def _online(found: Trained, test: ImageData) -> float:
    scores = found.probe(extract(found.method.encoder, test.images))
    return float((scores.argmax(1) == test.labels).double().mean())


@torch.no_grad()
def _memorised(method: DIET, images: ImageData) -> float:
    """Return the share of images, as they are, that are told from all others."""
    z = method.head(extract(method.encoder, images.images))
    z = functional.normalize(z, dim=1) if method.normalise else z
    hits = method.classifier(z).argmax(1) == torch.arange(len(images))
    return float(hits.double().mean())


def row_neighbours(weight: Tensor, labels: Tensor) -> Iterator[Row]:
    """Measure the share of a row's nearest rows, by cosine, whose images are of its class.

    Examples
    --------
    >>> rows = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    >>> next(row_neighbours(rows, torch.tensor([0, 0, 1, 0])))
    ('same class', 1.0, 0.5)
    """
    unit = functional.normalize(weight, dim=1)
    cosines = (unit @ unit.T).fill_diagonal_(-2)
    most = min(max(NEIGHBOURS), len(weight) - 1)
    same = labels[cosines.topk(most).indices] == labels[:, None]
    for count in NEIGHBOURS:
        if count <= most:
            yield "same class", float(count), float(same[:, :count].double().mean())


def told(
    train: Tensor, factors: pd.DataFrame, test: Tensor, test_factors: pd.DataFrame
) -> Iterator[Row]:
    """Measure how well features tell the factors of drawn shapes.

    Continuous factors: R2 of ridge regression, of angles and colours on sine and cosine.
    Categories: accuracy above chance, as a share of what chance leaves. Factors that all images
    share are passed over.
    """
    for name in factors.columns[factors.nunique() > 1]:
        both = factors[name], test_factors[name]
        if factors[name].dtype.kind == "f":
            yield name, 0, _r2(train, test, *(_target(name, part) for part in both))
        else:
            yield name, 0, _category(train, test, *both)


_TURNS = {"rotation": 360.0, "occlusion_angle": 360.0, "hue": 1.0, "background_hue": 1.0}


def _target(name: str, values: pd.Series) -> Tensor:
    column = torch.tensor(values.to_numpy(), dtype=torch.float64)[:, None]
    if name not in _TURNS:
        return column
    angle = 2 * torch.pi * column / _TURNS[name]
    return torch.cat([angle.cos(), angle.sin()], 1)


def _r2(train: Tensor, test: Tensor, y: Tensor, held: Tensor) -> float:
    mean, scale = train.mean(0), train.std(0).clamp_min(1e-6)
    x, z = ((part - mean).double() / scale.double() for part in (train, test))
    path = ridge_path(x, y, penalties=(1e-4, 1e-3, 1e-2, 1e-1, 1.0))
    scores = path.scores(z, index=int(path.loo_error.argmin()))
    left = (held - scores).square().sum() / (held - held.mean(0)).square().sum()
    return float(1 - left)


def _category(train: Tensor, test: Tensor, names: pd.Series, held: pd.Series) -> float:
    known = {name: number for number, name in enumerate(sorted(names.unique()))}
    labels, judged = (torch.tensor([known[name] for name in part]) for part in (names, held))
    right = ridge_probe(train, labels, test, judged).accuracy
    return (right - 1 / len(known)) / (1 - 1 / len(known))
