"""Adversarial examples, and their distance from the exact boundary in a slice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib import profiles
from ssl_lib.geometry import Slice, decision_boundary, partition, slice_through
from ssl_lib.papers.splinecam import shapes
from ssl_lib.papers.splinecam.images import load
from ssl_lib.papers.splinecam.networks import train_classifier
from ssl_lib.papers.splinecam.settings import Settings
from ssl_lib.papers.splinecam.training import pixels, predicted
from ssl_lib.results import Result, Store

__all__ = ["Attacks", "attack_shapes", "attacks"]


@dataclass(frozen=True, kw_only=True)
class Attacks:
    """Projected gradient steps against a classifier of digits or photographs."""

    network: str
    epochs: int
    images: int
    radius: float
    step: float
    seed: int
    data: str = "digits"
    train_images: int = 0  # the first of the training images; 0: all


def _attack_config(settings: Settings) -> Attacks:
    smoke, large = settings.profile == "smoke", settings.profile in ("standard", "paper")
    return Attacks(
        network=profiles.choose(
            settings.profile, smoke="16x2", quick="64x3", standard="patch3", paper="patch6"
        ),
        epochs=profiles.choose(settings.profile, smoke=3, quick=30, standard=20, paper=20),
        images=10 if smoke else 40,
        radius=8 / 255 if large else 0.3,
        step=1 / 255 if large else 0.02,
        seed=settings.seed,
        data="cifar10" if large else "digits",
        train_images=10_000 if settings.profile == "standard" else 0,
    )


def attacks(settings: Settings, store: Store | None = None) -> Result:
    """Attack test images, and measure distances in the slice through image and attack.

    Returns
    -------
    Result
        Columns image, label, to (the class it is taken for), moved (distance of the attack from
        the image), margin (of the image from the boundary in the slice), beyond (distance of the
        attack from the boundary), crossing (share of the straight way from the image to the attack
        at which the boundary is crossed first).
    """
    config = _attack_config(settings)
    data = load(config.data, split="test").fingerprint
    store = store or Store()
    return store.table("splinecam-attacks", _attacks, config, data={config.data: data})


def attack_shapes(settings: Settings, store: Store | None = None) -> Result:
    """Return the slice through an image, its attack and another image of its class.

    Returns
    -------
    Result
        A table of shapes of the panel "slice"; points are "image", "attack" and "same class" in
        this order, and the nearest boundary points of the first two.
    """
    config = _attack_config(settings)
    data = load(config.data, split="test").fingerprint
    store = store or Store()
    return store.table("splinecam-attack-shapes", _attack_shapes, config, data={config.data: data})


def _attacks(config: Attacks) -> pd.DataFrame:
    rows = []
    for number, (model, place, labels) in enumerate(_attacked(config)):
        found = partition(model, place)
        border = decision_boundary(found)
        _, distance = border.nearest(place.anchors[:2])
        moved = (place.anchors[1] - place.anchors[0]).norm().item()
        row = {"image": number, "label": labels[0], "to": labels[1], "moved": moved}
        row |= {"margin": distance[0].item(), "beyond": distance[1].item()}
        rows.append(row | {"crossing": _crossing(place, border.segments)})
    return pd.DataFrame(rows)


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


def _attack_shapes(config: Attacks) -> pd.DataFrame:
    model, place, _ = next(_attacked(config))
    found = partition(model, place)
    border = decision_boundary(found)
    nearest, _ = border.nearest(place.anchors[:2])
    marked = torch.cat([place.anchors, nearest])
    parts = [shapes.regions(found, "slice"), shapes.lines(border, "slice")]
    parts.append(shapes.points(marked, "slice", torch.arange(len(marked))))
    return shapes.table(parts)


def _attacked(config: Attacks) -> Iterator[tuple[nn.Module, Slice, tuple[int, int]]]:
    """Successful attacks on correctly classified images, with the slice through each."""
    train = load(config.data, most=config.train_images)
    test = load(config.data, split="test", most=config.train_images)
    models = train_classifier(config.network, train, keep=(config.epochs,), seed=config.seed)
    model = models[config.epochs].double()
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
