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

__all__ = ["STOPS", "Attacks", "attacks", "pictures", "summary"]

#: Where one looks at an attack: at the first step that changes the class, and at the last.
STOPS = ("first step across", "last step")


@dataclass(frozen=True, kw_only=True)
class Attacks:
    """Projected gradient steps against a classifier, as many as cross the cube twice."""

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
        it classifies correctly and that the last step of an attack has turned.

    Returns
    -------
    pandas.DataFrame
        Columns image, stop (one of :data:`STOPS`), label, to (the class it is taken for), moved
        (distance of the attack from the image), margin (of the image from the boundary in the
        slice), beyond (distance of the attack from the boundary), crossing (share of the straight
        way from the image to the attack at which the boundary is crossed first).
    """
    rows = []
    for number, (model, label, places) in enumerate(_attacked(config, cell["seed"])):
        for stop, place in zip(STOPS, places, strict=True):
            about = {"image": number, "stop": stop, "label": label}
            rows.append(about | _measured(model, place))
    return pd.DataFrame(rows)


def _measured(model: nn.Module, place: Slice) -> dict[str, float]:
    border = decision_boundary(partition(model, place))
    image, attack = place.anchors[:2]
    _, distance = border.nearest(place.anchors[:2])
    with torch.no_grad():
        to = int(model(place.embed(attack[None])).argmax())
    return {
        "to": to,
        "moved": (attack - image).norm().item(),
        "margin": distance[0].item(),
        "beyond": distance[1].item(),
        "crossing": _crossing(place, border.segments),
    }


def summary(attacked: pd.DataFrame) -> pd.DataFrame:
    """Return the means over each network's attacks: elsewhere other images may be turned."""
    names = ["moved", "margin", "beyond", "crossing"]
    return attacked.groupby(["seed", "stop"], sort=False)[names].mean().reset_index()


def pictures(config: Attacks, cell: dict[str, Any]) -> pd.DataFrame:
    """Return the slice through an image, its attack's last step and another image of its class.

    Returns
    -------
    pandas.DataFrame
        A table of shapes of the panel "slice"; points are "image", "attack" and "same class" in
        this order, and the nearest boundary points of the first two.
    """
    model, _, (_, place) = next(_attacked(config, cell["seed"]))
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


def _attacked(config: Attacks, seed: int) -> Iterator[tuple[nn.Module, int, list[Slice]]]:
    """Successful attacks on correctly classified images: the class and the slice at each stop."""
    test = config.part.load("test")
    model = train(config.network, config.part, (config.epochs,), seed).at[config.epochs].double()
    right = predicted(model, test) == test.labels
    done = 0
    for row in right.nonzero()[:, 0].tolist():
        image, label = pixels(test.images[row]), int(test.labels[row])
        path = torch.stack(list(_steps(model, image, label, config)))
        with torch.no_grad():
            across = model(path).argmax(1) != label
        if not across[-1]:
            continue
        same = (test.labels == label) & right
        same[row] = False
        other = pixels(test.images[same][0])
        stops = (path[across][0], path[-1])
        yield model, label, [slice_through(image, attack, other) for attack in stops]
        done += 1
        if done == config.images:
            return


def _steps(model: nn.Module, image: Tensor, label: int, config: Attacks) -> Iterator[Tensor]:
    """Take sign-gradient steps within a cube about the image, whatever the class."""
    low, high = (image - config.radius).clamp_min(0), (image + config.radius).clamp_max(1)
    attack, target = image.clone(), torch.tensor([label])
    for _ in range(2 * round(config.radius / config.step)):
        attack.requires_grad_()
        loss = F.cross_entropy(model(attack[None]), target)
        (gradient,) = torch.autograd.grad(loss, attack)
        attack = (attack.detach() + config.step * gradient.sign()).clamp(low, high)
        yield attack
