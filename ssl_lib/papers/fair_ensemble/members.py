"""Train the members of a run, predict, and keep what every figure needs of each test image."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ssl_lib import data
from ssl_lib.data import ImageData
from ssl_lib.data.views import Normalise, Policy, policy
from ssl_lib.errors import InputError
from ssl_lib.evaluation import fairness
from ssl_lib.evaluation.fairness.corruptions import corrupt
from ssl_lib.methods import Method, build_method
from ssl_lib.models import build_encoder
from ssl_lib.papers.fair_ensemble.settings import VARIED, Run, Settings
from ssl_lib.randomness import seeds, torch_generator
from ssl_lib.results import Result, Store
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.loop import pretrain
from ssl_lib.training.many import pretrain_many

__all__ = ["CLEAN", "Chapter", "Member", "images", "load", "measure", "members", "train"]

CLEAN = "clean"
CONTROLS = 3  # members of the arm in which nothing varies


@dataclasses.dataclass(frozen=True)
class Member:
    """One member: the arm it belongs to and the seeds of its three sources of randomness."""

    arm: str
    initialisation: int
    order: int
    augmentation: int


def members(run: Run) -> list[Member]:
    """Return the members of all arms.

    A source that an arm holds fixed has the seed of the first member, which all arms share.

    Parameters
    ----------
    run : Run

    Returns
    -------
    list of Member

    Examples
    --------
    >>> found = members(Run(data="digits", members=4, arms=("order",)))
    >>> [len({getattr(m, s) for m in found}) for s in ("initialisation", "order", "augmentation")]
    [1, 4, 1]
    """
    found = []
    for arm in run.arms:
        count = CONTROLS if arm == "nothing" else run.members
        each = {
            source: seeds(run.seed, count, source)
            for source in ("initialisation", "order", "augmentation")
        }
        found += [
            Member(arm, **{s: own[m if s in VARIED[arm] else 0] for s, own in each.items()})
            for m in range(count)
        ]
    return found


def images(run: Run) -> tuple[ImageData, ImageData]:
    """Return training and test images of a run.

    Digits have no fixed split here: what is not drawn for training tests. Other data sets are
    tested on all their test images, TinyImageNet on its validation images.

    Parameters
    ----------
    run : Run

    Returns
    -------
    train, test : ImageData

    Raises
    ------
    InputError
        When a class has fewer images than the run wants.
    """
    if run.data == "digits":
        everything = data.load("digits", split="all")
        chosen = _chosen(run, everything)
        rest = torch.ones(len(everything), dtype=torch.bool)
        rest[chosen] = False
        return everything.subset(chosen), everything.subset(rest)
    held = "valid" if run.data == "tiny-imagenet" else "test"
    train, test = (data.load(run.data, split=s, size=run.size or None) for s in ("train", held))
    return train.subset(_chosen(run, train)), test


def _chosen(run: Run, train: ImageData) -> Tensor:
    order = torch.randperm(len(train), generator=torch_generator(run.seed, "training images"))
    if not run.per_class:
        return order[: run.train_images or len(train)].sort().values
    majority, minority = run.per_class
    parts = []
    for label in range(train.n_classes):
        wanted = minority if label in run.minority else majority
        here = order[train.labels[order] == label]
        if len(here) < wanted:
            raise InputError(f"class {label} of {run.data} has {len(here)} images, not {wanted}.")
        parts.append(here[:wanted])
    return torch.cat(parts).sort().values


def train(run: Run, images: ImageData, chosen: Sequence[Member], workdir: Path) -> list[Method]:
    """Train members, each with its own seeds: perceptrons at once, other networks one by one.

    Parameters
    ----------
    run : Run
    images : ImageData
        To train on.
    chosen : sequence of Member
    workdir : path
        For checkpoints of members that are trained one by one.

    Returns
    -------
    list of Method
        In evaluation mode.
    """
    methods = [_method(run, images, member) for member in chosen]
    recipe, config = _policy(run, images), _config(run)
    orders = [member.order for member in chosen]
    augmentations = [member.augmentation for member in chosen]
    if run.encoder == "mlp":
        pretrain_many(
            methods, images, policy=recipe, config=config, order_seeds=orders,
            views_seeds=augmentations, device=run.device,
        )  # fmt: skip
    else:
        for number, method in enumerate(methods):
            own = dataclasses.replace(
                config, order_seed=orders[number], views_seed=augmentations[number]
            )
            folder = workdir / f"{chosen[number].arm}-{number}"
            pretrain(method, images, policy=recipe, config=own, device=run.device, out=folder)
    return [method.eval() for method in methods]


def _config(run: Run) -> TrainingConfig:
    return TrainingConfig(
        epochs=run.epochs, batch_size=run.batch_size, optimiser="sgd", precision=run.precision,
        learning_rate=run.learning_rate, weight_decay=run.weight_decay,
        warmup_epochs=run.warmup_epochs,
    )  # fmt: skip


def _method(run: Run, images: ImageData, member: Member) -> Method:
    channels, size, _ = images.shape
    encoder = build_encoder(
        run.encoder, in_channels=channels, image_size=size, seed=member.initialisation,
        **run.encoder_options,
    )  # fmt: skip
    return build_method(
        "supervised", encoder, n_classes=images.n_classes, seed=member.initialisation,
        label_smoothing=run.label_smoothing,
    )  # fmt: skip


def _policy(run: Run, images: ImageData) -> Policy:
    found = policy(run.policy, size=images.shape[1], **run.policy_options)
    one_view = dataclasses.replace(found, recipes=found.recipes[:1], n_global=1)
    normalise = _normalise(run)
    return one_view.then(normalise) if normalise else one_view


def _normalise(run: Run) -> Normalise | None:
    # Digits stay in [0, 1].
    return None if run.data == "digits" else data.normaliser(run.data)


@torch.no_grad()
def _logits(methods: Sequence[Method], images: Tensor, run: Run) -> Tensor:
    """Return the members' logits on images in [0, 1], (m, n, c)."""
    normalise, rows = _normalise(run), []
    for chunk in images.split(2048):
        batch = chunk.to(run.device)
        batch = normalise.apply(batch, {}) if normalise else batch
        rows.append(torch.stack([m.classifier(m.encoder(batch)) for m in methods]).cpu())  # type: ignore[operator]
    return torch.cat(rows, dim=1)


def _copies(run: Run, test: ImageData) -> Iterator[tuple[str, float, Tensor]]:
    """Yield the test images as they are, then every corrupted copy."""
    clean = test.floats()
    yield CLEAN, 0.0, clean
    for name, strength in run.corruptions:
        generator = torch_generator(run.seed, "corruption", name, str(strength))
        yield name, strength, corrupt(clean, name, strength, generator=generator)


def measure(config: Run, workdir: Path) -> pd.DataFrame:
    """Train a run's members and keep, for each test image, how ensembles of them do on it.

    Parameters
    ----------
    config : Run
    workdir : path
        Keeps the logits of members that are trained, for a run that is stopped.

    Returns
    -------
    pandas.DataFrame
        One row an arm, copy of the test images and image, with columns

        * arm, corruption, strength, image, label, minority;
        * right_K: share of drawn ensembles of K members that are right (right_1: of members);
        * base_K: the same for ensembles that contain the first member;
        * logit, vote: whether the ensemble of all is right by the other two aggregates;
        * churn, room, vote_gain: see :func:`ssl_lib.evaluation.fairness.vote_bound`;
        * spread: largest difference between two members of a logit.

        Corrupted copies have the first four kinds of column, right_K among them, and the members
        of the first arm alone.
    """
    return _measured(config, workdir, "prob")


def measure_logit(config: Run, workdir: Path) -> pd.DataFrame:
    """Do what :func:`measure` does, averaging logits in the curves."""
    return _measured(config, workdir, "logit")


def measure_vote(config: Run, workdir: Path) -> pd.DataFrame:
    """Do what :func:`measure` does, by majority vote in the curves."""
    return _measured(config, workdir, "vote")


_MEASURES = {"prob": measure, "logit": measure_logit, "vote": measure_vote}


def _measured(run: Run, workdir: Path, aggregate: Any) -> pd.DataFrame:
    """Work in one thread on digits: several would mostly wait for each other."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

    with threadpool_limits(1 if run.data == "digits" else None):
        return _measure(run, workdir, aggregate)


def _measure(run: Run, workdir: Path, aggregate: Any) -> pd.DataFrame:
    training, test = images(run)
    everyone = members(run)
    groups = [everyone[at : at + run.together] for at in range(0, len(everyone), run.together)]
    found = [
        _predictions(run, training, test, group, workdir / f"logits-{number}.pt")
        for number, group in enumerate(groups)
    ]
    tables = []
    for place, (name, strength) in enumerate(((CLEAN, 0.0), *run.corruptions)):
        for arm in run.arms if place == 0 else run.arms[:1]:
            rows = [
                part[place][_of(arm, group)] if place == 0 else part[place]
                for part, group in zip(found, groups, strict=True)
                if place < len(part)
            ]
            logits, labels = torch.cat(rows).float().numpy(), test.labels.numpy()
            columns = _right(logits, labels, run, aggregate, clean=place == 0)
            columns |= _compared(logits, labels) if place == 0 else {}
            head = {"arm": arm, "corruption": name, "strength": strength, "label": labels}
            head |= {"image": np.arange(len(labels)), "minority": np.isin(labels, run.minority)}
            tables.append(pd.DataFrame(head | columns))
    return pd.concat(tables, ignore_index=True)


def _of(arm: str, group: Sequence[Member]) -> Tensor:
    return torch.tensor([member.arm == arm for member in group])


def _predictions(
    run: Run, training: ImageData, test: ImageData, group: Sequence[Member], file: Path
) -> list[Tensor]:
    """Return logits (m, n, c) on each copy of the test images, of all on the clean ones.

    Corrupted copies are for the first arm alone.
    """
    if file.is_file():
        kept: list[Tensor] = torch.load(file, weights_only=True)
        return kept
    methods = train(run, training, group, file.with_suffix(""))
    first = [m for m, member in zip(methods, group, strict=True) if member.arm == run.arms[0]]
    found = [
        _logits(methods if name == CLEAN else first, copy, run)
        for name, _, copy in _copies(run, test)
        if name == CLEAN or first
    ]
    partial = file.with_suffix(".part")
    torch.save(found, partial)
    partial.rename(file)
    return found


def _right(
    logits: np.ndarray, labels: np.ndarray, run: Run, aggregate: Any, *, clean: bool
) -> dict[str, Any]:
    """Return how often ensembles of each size are right on each image."""
    probabilities = fairness.softmax(logits)
    sizes = [size for size in run.sizes if size < len(logits)] + [len(logits)]
    options: dict[str, Any] = {"sizes": sizes, "aggregate": aggregate, "seed": run.seed}
    # Corrupted copies are many, and only followed by the unbiased protocol.
    curves = {"right": fairness.ensemble_curve(
        probabilities, labels, draws=run.draws if clean else max(1, run.draws // 4), **options
    )}  # fmt: skip
    if clean:
        curves["base"] = fairness.ensemble_curve(
            probabilities, labels, draws=run.draws, base=0, **options
        )
    return {
        f"{name}_{size}": row
        for name, curve in curves.items()
        for size, row in zip(sizes, curve.right, strict=True)
    }


def _compared(logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Return how members differ on each image, and what each aggregate makes of them all."""
    probabilities = fairness.softmax(logits)
    bound = fairness.vote_bound(probabilities, labels)
    columns: dict[str, Any] = {
        "churn": bound.churn,
        "room": bound.room,
        "vote_gain": bound.gain,
        "spread": np.ptp(logits, axis=0).max(axis=1),
    }
    for name in fairness.AGGREGATES:
        columns[name] = fairness.ensemble_predictions(probabilities, aggregate=name) == labels
    return columns


@dataclasses.dataclass(frozen=True, eq=False)
class Chapter:
    """The stored tables of a run of the chapter.

    Attributes
    ----------
    settings : Settings
    balanced : dict of Run to Result
        Tables of :func:`measure`.
    imbalanced : dict of Run to Result
        The same for the runs with a constructed minority.
    """

    settings: Settings
    balanced: list[tuple[Run, Result]]
    imbalanced: list[tuple[Run, Result]]

    @property
    def results(self) -> list[Result]:
        """All tables."""
        return [result for _, result in (*self.balanced, *self.imbalanced)]

    @property
    def main(self) -> list[tuple[Run, Result]]:
        """The balanced runs on the first data set."""
        first = self.balanced[0][0].data
        return [(run, result) for run, result in self.balanced if run.data == first]


def load(settings: Settings, store: Store | None = None) -> Chapter:
    """Train what is not stored yet, and read the rest.

    Parameters
    ----------
    settings : Settings
    store : Store, optional
        By default the user's.

    Returns
    -------
    Chapter

    Raises
    ------
    MissingData
        When the profile's data set is neither on disk nor to be downloaded.
    """
    store = store or Store()
    return Chapter(
        settings,
        [(run, _stored(store, settings, run)) for run in settings.runs],
        [(run, _stored(store, settings, run)) for run in settings.imbalanced],
    )


def _stored(store: Store, settings: Settings, run: Run) -> Result:
    kind = "minority" if run.minority else "members"
    hashes = {run.data: "-".join(part.fingerprint for part in images(run))}
    name = f"fair_ensemble-{run.data}-{kind}"
    return store.table(name, _MEASURES[settings.aggregate], run, data=hashes)
