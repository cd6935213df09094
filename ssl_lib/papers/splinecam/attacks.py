"""Adversarial examples, and their distance from the exact boundary in a slice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.geometry import Slice, decision_boundary, partition, slice_through
from ssl_lib.papers.splinecam import shapes
from ssl_lib.papers.splinecam.classifiers import Network, predicted, train
from ssl_lib.papers.splinecam.images import Part, pixels

__all__ = ["Attacks", "attacks", "pictures", "summary"]


@dataclass(frozen=True, kw_only=True)
class Attacks:
    """Projected gradient steps against a classifier."""

    part: Part
    network: Network
    epochs: int
    images: int
    radius: float
    step: float


def attacks(config: Attacks, cell: dict[str, Any]) -> pd.DataFrame:
    """Attack test images, and measure distances in the slice through image and attack.

    Parameters
    ----------
    config : Attacks
    cell : mapping
        ``seed``: of the network and its training. The images are the first of the test set that
        it classifies correctly and an attack turns.

    Returns
    -------
    pandas.DataFrame
        Columns image, label, to (the class it is taken for), moved (distance of the attack from
        the image), margin (of the image from the boundary in the slice), beyond (distance of the
        attack from the boundary), crossing (share of the straight way from the image to the attack
        at which the boundary is crossed first).
    """
    rows = []
    for number, (model, place, labels) in enumerate(_attacked(config, cell["seed"])):
        border = decision_boundary(partition(model, place))
        _, distance = border.nearest(place.anchors[:2])
        moved = (place.anchors[1] - place.anchors[0]).norm().item()
        row = {"image": number, "label": labels[0], "to": labels[1], "moved": moved}
        row |= {"margin": distance[0].item(), "beyond": distance[1].item()}
        rows.append(row | {"crossing": _crossing(place, border.segments)})
    return pd.DataFrame(rows)


def summary(attacked: pd.DataFrame) -> pd.DataFrame:
    """Return the means over each network's attacks: elsewhere other images may be turned."""
    names = ["moved", "margin", "beyond", "crossing"]
    return attacked.groupby("seed", sort=False)[names].mean().reset_index()


def pictures(config: Attacks, cell: dict[str, Any]) -> pd.DataFrame:
    """Return the slice through an image, its attack and another image of its class.

    Returns
    -------
    pandas.DataFrame
        A table of shapes of the panel "slice"; points are "image", "attack" and "same class" in
        this order, and the nearest boundary points of the first two.
    """
    model, place, _ = next(_attacked(config, cell["seed"]))
    found = partition(model, place)
    border = decision_boundary(found)
    nearest, _ = border.nearest(place.anchors[:2])
    marked = torch.cat([place.anchors, nearest])
    parts = shapes.picture(found, "slice", border)
    return shapes.table([*parts, shapes.points(marked, torch.arange(len(marked)), "slice")])


def _crossing(place: Slice, segments: Tensor) -> float:
    """Return the smallest t at which image + t (attack - image) meets one of the segments."""
    start, along = place.anchors[0], place.anchors[1] - place.anchors[0]
    first, second = segments.unbind(1)
    side = second - first
    gap = first - start
    determinant = along[0] * side[:, 1] - along[1] * side[:, 0]
    t = (gap[:, 0] * side[:, 1] - gap[:, 1] * side[:, 0]) / determinant
    s = (gap[:, 0] * along[1] - gap[:, 1] * along[0]) / determinant
    met = (t >= 0) & (t <= 1) & (s >= -1e-9) & (s <= 1 + 1e-9)
    return float(t[met].min()) if bool(met.any()) else float("nan")


def _attacked(config: Attacks, seed: int) -> Iterator[tuple[nn.Module, Slice, tuple[int, int]]]:
    """Successful attacks on correctly classified images, with the slice through each."""
    test = config.part.load("test")
    model = train(config.network, config.part, (config.epochs,), seed).at[config.epochs].double()
    right = predicted(model, test) == test.labels
    done = 0
    for row in right.nonzero()[:, 0].tolist():
        image, label = pixels(test.images[row]), int(test.labels[row])
        attack = _attack(model, image, label, config)
        with torch.no_grad():
            to = int(model(attack[None]).argmax(1))
        if to == label:
            continue
        same = (test.labels == label) & right
        same[row] = False
        yield model, slice_through(image, attack, pixels(test.images[same][0])), (label, to)
        done += 1
        if done == config.images:
            return


def _attack(model: nn.Module, image: Tensor, label: int, config: Attacks) -> Tensor:
    """Take sign-gradient steps within a cube about the image until it is misclassified."""
    low, high = (image - config.radius).clamp_min(0), (image + config.radius).clamp_max(1)
    attack, target = image.clone(), torch.tensor([label])
    for _ in range(2 * round(config.radius / config.step)):
        attack.requires_grad_()
        outputs = model(attack[None])
        if int(outputs.argmax(1)) != label:
            break
        (gradient,) = torch.autograd.grad(F.cross_entropy(outputs, target), attack)
        attack = (attack.detach() + config.step * gradient.sign()).clamp(low, high)
    return attack.detach()
