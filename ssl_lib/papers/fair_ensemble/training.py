"""The images of a training set, its members, and what they predict."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ssl_lib import data
from ssl_lib.data import ImageData
from ssl_lib.data.views import Normalise, Policy, policy
from ssl_lib.errors import InputError
from ssl_lib.evaluation.fairness.corruptions import corrupt
from ssl_lib.methods import Method, build_method
from ssl_lib.models import build_encoder
from ssl_lib.papers.fair_ensemble.recipes import CLEAN, Copy, Recipe
from ssl_lib.papers.fair_ensemble.settings import SOURCES, Arm
from ssl_lib.randomness import seeds, torch_generator
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain
from ssl_lib.training.many import pretrain_many

__all__ = [
    "Member", "Sets", "copies", "draw", "follow", "images", "logits", "members", "train",
]  # fmt: skip

#: What a data set's images to train and to test on are called.
PARTS = {"digits": ("all", "all"), "tiny-imagenet": ("train", "valid")}


@dataclasses.dataclass(frozen=True)
class Member:
    """One member: the seeds of its three sources of randomness."""

    initialisation: int
    order: int
    augmentation: int


@dataclasses.dataclass(frozen=True, eq=False)
class Sets:
    """Training and test images."""

    train: ImageData
    test: ImageData


def members(arm: Arm, count: int, seed: int) -> list[Member]:
    """Return the members of an arm.

    A source that an arm holds fixed has the seed of the first member, which all arms share.

    Parameters
    ----------
    arm : Arm
    count : int
    seed : int
        The training set's.

    Returns
    -------
    list of Member

    Examples
    --------
    >>> from ssl_lib.papers.fair_ensemble.settings import ARMS
    >>> found = members(ARMS["order"], 4, seed=0)
    >>> [len({getattr(m, s) for m in found}) for s in SOURCES]
    [1, 4, 1]
    """
    each = {source: seeds(seed, count, source) for source in SOURCES}
    return [
        Member(**{s: own[m if s in arm.varies else 0] for s, own in each.items()})
        for m in range(count)
    ]


def images(recipe: Recipe) -> tuple[ImageData, ImageData]:
    """Return the images to draw training sets from, and those that test.

    Both are all digits, which have no fixed split here. Other data sets are tested on all their
    test images, TinyImageNet on its validation images.
    """
    parts = PARTS.get(recipe.data, ("train", "test"))
    train, test = (data.load(recipe.data, split=s, size=recipe.size or None) for s in parts)
    return train, test


def draw(
    recipe: Recipe,
    seed: int,
    *,
    counts: tuple[int, int] | None = None,
    minority: Sequence[int] = (),
) -> Sets:
    """Draw a training set; of digits, what is not drawn tests.

    Parameters
    ----------
    recipe : Recipe
    seed : int
    counts : (int, int), optional
        Training images of a majority and of a minority class; by default ``recipe.train_images``
        at random.
    minority : sequence of int, default=()
        The classes of which few train.

    Returns
    -------
    Sets

    Raises
    ------
    InputError
        When a class has fewer images than wanted.
    """
    train, test = images(recipe)
    chosen = _chosen(recipe, train, seed, counts, minority)
    if recipe.data == "digits":
        rest = torch.ones(len(train), dtype=torch.bool)
        rest[chosen] = False
        test = train.subset(rest)
    return Sets(train.subset(chosen), test)


def _chosen(
    recipe: Recipe,
    train: ImageData,
    seed: int,
    counts: tuple[int, int] | None,
    minority: Sequence[int],
) -> Tensor:
    order = torch.randperm(len(train), generator=torch_generator(seed, "training images"))
    if counts is None:
        return order[: recipe.train_images or len(train)].sort().values
    parts = []
    for label in range(train.n_classes):
        wanted = counts[label in minority]
        here = order[train.labels[order] == label]
        if len(here) < wanted:
            raise InputError(
                f"class {label} of {recipe.data} has {len(here)} images, not {wanted}."
            )
        parts.append(here[:wanted])
    return torch.cat(parts).sort().values


def train(
    recipe: Recipe, images: ImageData, chosen: Sequence[Member], workdir: Path
) -> tuple[list[Method], float]:
    """Train members, each with its own seeds: perceptrons at once, other networks one by one.

    Parameters
    ----------
    recipe : Recipe
    images : ImageData
        To train on.
    chosen : sequence of Member
    workdir : path
        For checkpoints of members that are trained one by one.

    Returns
    -------
    methods : list of Method
        In evaluation mode.
    early : float
        Mean loss of their first steps.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

    methods = [_method(recipe, images, member) for member in chosen]
    if recipe.encoder == "mlp":
        # Several threads would mostly wait for each other.
        with threadpool_limits(1):
            history = pretrain_many(
                methods, images, policy=_policy(recipe, images), config=_config(recipe),
                order_seeds=[member.order for member in chosen],
                views_seeds=[member.augmentation for member in chosen], device=recipe.device,
            )  # fmt: skip
        early = history[-1]["early_losses"]
    else:
        early = [
            _alone(recipe, images, method, _config(recipe, member), workdir / str(number))
            for number, (method, member) in enumerate(zip(methods, chosen, strict=True))
        ]
    return [method.eval() for method in methods], float(np.mean(early))


def _alone(
    recipe: Recipe, images: ImageData, method: Method, config: TrainingConfig, out: Path
) -> float:
    views = _policy(recipe, images)
    done = pretrain(method, images, policy=views, config=config, device=recipe.device, out=out)
    return float(done.history[-1]["early_loss"])


def follow(recipe: Recipe, sets: Sets, member: Member, out: Path) -> list[list[float]]:
    """Train one member and return its accuracy on each class after each epoch.

    Parameters
    ----------
    recipe : Recipe
    sets : Sets
    member : Member
    out : path
        For checkpoints.

    Returns
    -------
    list of list of float
        By epoch and class.
    """
    test = sets.test

    def evaluate(method: Method) -> dict[str, float]:
        right = logits(recipe, [method], test.floats())[0].argmax(1) == test.labels
        sums = torch.bincount(test.labels, weights=right.double(), minlength=test.n_classes)
        return {f"class {k}": float(a) for k, a in enumerate(sums / test.counts())}

    config = dataclasses.replace(
        _config(recipe, member), evaluate_every=1, checkpoint_every=recipe.epochs
    )
    done = pretrain(
        _method(recipe, sets.train, member), sets.train, policy=_policy(recipe, sets.train),
        config=config, device=recipe.device, out=out, metrics=evaluate, progress=False,
    )  # fmt: skip
    return [[float(entry[f"class {k}"]) for k in range(test.n_classes)] for entry in done.history]


def _config(recipe: Recipe, member: Member | None = None) -> TrainingConfig:
    config = TrainingConfig(
        epochs=recipe.epochs, batch_size=recipe.batch_size, optimiser="sgd",
        precision=recipe.precision, learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay, warmup_epochs=recipe.warmup_epochs,
    )  # fmt: skip
    if member is None:
        return config
    return dataclasses.replace(config, order_seed=member.order, views_seed=member.augmentation)


def _method(recipe: Recipe, images: ImageData, member: Member) -> Method:
    channels, size, _ = images.shape
    encoder = build_encoder(
        recipe.encoder, in_channels=channels, image_size=size, seed=member.initialisation,
        **recipe.encoder_options,
    )  # fmt: skip
    return build_method(
        "supervised", encoder, n_classes=images.n_classes, seed=member.initialisation,
        label_smoothing=recipe.label_smoothing,
    )  # fmt: skip


def _policy(recipe: Recipe, images: ImageData) -> Policy:
    found = policy(recipe.policy, size=images.shape[1], **recipe.policy_options)
    one_view = dataclasses.replace(found, recipes=found.recipes[:1], n_global=1)
    normalise = _normalise(recipe)
    return one_view.then(normalise) if normalise else one_view


def _normalise(recipe: Recipe) -> Normalise | None:
    # Digits stay in [0, 1].
    return None if recipe.data == "digits" else data.normaliser(recipe.data)


@torch.no_grad()
def logits(recipe: Recipe, methods: Sequence[Method], images: Tensor) -> Tensor:
    """Return the members' logits on images in [0, 1], (m, n, c)."""
    normalise, rows = _normalise(recipe), []
    for chunk in images.split(2048):
        batch = chunk.to(recipe.device)
        batch = normalise.apply(batch, {}) if normalise else batch
        rows.append(torch.stack([m.classifier(m.encoder(batch)) for m in methods]).cpu())  # type: ignore[operator]
    return torch.cat(rows, dim=1).float()


def copies(recipe: Recipe, test: ImageData, seed: int) -> Iterator[tuple[Copy, Tensor]]:
    """Yield the test images as they are, then every corrupted copy."""
    clean = test.floats()
    yield (CLEAN, 0.0), clean
    for name, strength in recipe.corruptions:
        generator = torch_generator(seed, "corruption", name, str(strength))
        yield (name, strength), corrupt(clean, name, strength, generator=generator)
