"""The chapter's experiments: a cell is a training set with the members of one ensemble."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from ssl_lib import profiles
from ssl_lib.evaluation.fairness import subgroups
from ssl_lib.papers import chapter
from ssl_lib.papers.chapter import Tables
from ssl_lib.papers.fair_ensemble import statistics, training
from ssl_lib.papers.fair_ensemble.recipes import (
    CLEAN,
    Copy,
    Recipe,
    copies,
    imbalances,
    minority,
    recipe,
)
from ssl_lib.papers.fair_ensemble.settings import ARMS, DATA, EVERYTHING, Arm, Settings
from ssl_lib.papers.fair_ensemble.statistics import (
    Floats,
    Members,
    Row,
    Sample,
    class_sample,
)
from ssl_lib.papers.fair_ensemble.training import Sets
from ssl_lib.results import Store
from ssl_lib.results.experiments import Cell, Experiment
from ssl_lib.results.verification import Checks

__all__ = ["experiments", "load", "real"]

CONTROLS = 3  # members of an arm in which nothing varies, and two of them are followed
UNHARMED: Copy = (CLEAN, 0.0)
#: Of a mean loss over the first ten steps, on another processor; bfloat16 keeps eight bits.
EARLY = {"float32": 1e-5, "auto": 1e-5, "bfloat16": 1e-2}


def curves(config: Recipe, cell: Cell, workdir: Path) -> pd.DataFrame:
    """Train an ensemble on a training set and follow the groups of classes by its size.

    Parameters
    ----------
    config : Recipe
    cell : mapping
        ``seed``: draws the training set, and all of the members' seeds.
    workdir : path
        For checkpoints.

    Returns
    -------
    pandas.DataFrame
        Columns protocol, group, members, measure, value; see
        :mod:`ssl_lib.papers.fair_ensemble.statistics`.
    """
    sets = training.draw(config, cell["seed"])
    (given,), early = _members(config, sets, [EVERYTHING], cell["seed"], workdir)
    rows = [*early, *_counted(sets), *statistics.curves(given, config.k)]
    return statistics.table(rows)


def sources(config: Recipe, cell: Cell, workdir: Path) -> pd.DataFrame:
    """Train ensembles whose members differ in some sources of randomness.

    Parameters
    ----------
    config : Recipe
    cell : mapping
        ``seed`` as of :func:`curves`.
    workdir : path

    Returns
    -------
    pandas.DataFrame
        As of :func:`curves`, with a column varied in front; unbiased protocol, the groups of all
        arms chosen by the members of the last one, which varies most.
    """
    sets = training.draw(config, cell["seed"])
    arms = [ARMS[name] for name in config.arms]
    found, early = _members(config, sets, arms, cell["seed"], workdir)
    parts: list[pd.DataFrame] = []
    chooser = found[-1]
    sample = class_sample("unbiased", chooser.right()[0], chooser, config.k)
    for arm, given in zip(arms, found, strict=True):
        rows = [
            *statistics.curve_rows(sample, given.right(), given.sizes),
            *statistics.disagreement_rows(sample, given),
            *([] if parts else early),
        ]
        parts.append(statistics.table(rows))
        parts[-1].insert(0, "varied", arm.name)
    return pd.concat(parts, ignore_index=True)


def imbalance(config: Recipe, cell: Cell, workdir: Path) -> pd.DataFrame:
    """Train an ensemble on a training set with a constructed minority.

    Parameters
    ----------
    config : Recipe
    cell : mapping
        ``seed`` as of :func:`curves`; ``majority`` and ``minority``, training images of a class.
    workdir : path

    Returns
    -------
    pandas.DataFrame
        As of :func:`curves`, groups "majority" and "minority".
    """
    seed, counts = cell["seed"], (cell["majority"], cell["minority"])
    n_classes = training.images(config)[0].n_classes
    few = minority(config.data, n_classes, counts, seed)
    sets = training.draw(config, seed, counts=counts, minority=few)
    (given,), early = _members(config, sets, [EVERYTHING], seed, workdir)
    scarce = np.isin(given.labels, few)
    groups = subgroups({"majority": ~scarce, "minority": scarce})
    sample = Sample.of("minority", groups, seed)
    followed = statistics.curve_rows(sample, given.right(), given.sizes)
    return statistics.table([*early, *followed, *statistics.disagreement_rows(sample, given)])


def corruption(config: Recipe, cell: Cell, workdir: Path) -> pd.DataFrame:
    """Measure an ensemble on corrupted copies of the test images.

    Parameters
    ----------
    config : Recipe
    cell : mapping
        ``seed`` as of :func:`curves`.
    workdir : path

    Returns
    -------
    pandas.DataFrame
        As of :func:`curves`, with columns corruption and strength in front: the accuracy of the
        groups that were chosen on clean images.
    """
    seed = cell["seed"]
    sets = training.draw(config, seed)
    everyone = training.members(EVERYTHING, config.members, seed)
    methods, early = training.train(config, sets.train, everyone, workdir)
    copied = {
        copy: _given(config, training.logits(config, methods, images), sets, seed)
        for copy, images in training.copies(config, sets.test, seed)
    }
    # Corrupted copies are many.
    few = max(1, config.draws // 4)
    right = {
        copy: (given if copy == UNHARMED else replace(given, draws=few)).right()
        for copy, given in copied.items()
    }
    sample = class_sample("unbiased", right[UNHARMED][0], copied[UNHARMED], config.k)
    accuracy = {copy: sample.percent(rows) for copy, rows in right.items()}
    rows = {copy: _followed(sample, values, config.sizes) for copy, values in accuracy.items()}
    rows[UNHARMED] += _early(config, early)
    parts = [statistics.table(own) for own in rows.values()]
    for part, (name, strength) in zip(parts, rows, strict=True):
        part.insert(0, "corruption", name)
        part.insert(1, "strength", float(strength))
    return pd.concat(parts, ignore_index=True)


def _followed(sample: Sample, accuracy: Floats, sizes: Sequence[int]) -> list[Row]:
    return [
        row
        for place, size in enumerate(sizes)
        for row in sample.rows("accuracy", accuracy[:1, place], members=size)
    ]


def learning(config: Recipe, cell: Cell, workdir: Path) -> pd.DataFrame:
    """Follow members by epoch while one source of randomness varies (sections 4.2 and 4.3).

    As in the authors' code, classes are ranked by their final accuracy in the mean of the runs in
    which everything varies. Ties go to the lower label.

    Parameters
    ----------
    config : Recipe
    cell : mapping
        ``seed`` as of :func:`curves`.
    workdir : path

    Returns
    -------
    pandas.DataFrame
        Columns varied, repeat, epoch, group, accuracy in percent.
    """
    sets = training.draw(config, cell["seed"])
    runs = {
        (arm.name, repeat): training.follow(config, sets, member, workdir / f"{arm.name}-{repeat}")
        for arm in map(ARMS.__getitem__, (*config.arms, EVERYTHING.name))
        for repeat, member in enumerate(
            training.members(arm, 2 if arm.control else config.repeats, cell["seed"])
        )
    }  # fmt: skip
    final = np.mean([run[-1] for (arm, _), run in runs.items() if arm == EVERYTHING.name], axis=0)
    order = np.argsort(final, kind="stable")
    groups = {"all": order, "top": order[-config.k :], "bottom": order[: config.k]}
    rows = [
        (arm, repeat, epoch, group, 100 * float(np.mean(np.asarray(accuracy)[labels])))
        for (arm, repeat), run in runs.items()
        for epoch, accuracy in enumerate(run, start=1)
        for group, labels in groups.items()
    ]
    return pd.DataFrame(rows, columns=["varied", "repeat", "epoch", "group", "accuracy"])


def _members(
    config: Recipe, sets: Sets, arms: Sequence[Arm], seed: int, workdir: Path
) -> tuple[list[Members], list[Row]]:
    """Train the members of arms; return each on the test images, and the early loss of all."""
    counts = [min(CONTROLS, config.members) if arm.control else config.members for arm in arms]
    both = zip(arms, counts, strict=True)
    everyone = [member for arm, m in both for member in training.members(arm, m, seed)]
    methods, early = training.train(config, sets.train, everyone, workdir)
    predicted = training.logits(config, methods, sets.test.floats())
    given = [_given(config, part, sets, seed) for part in predicted.split(counts)]
    return given, list(_early(config, early))


def _given(config: Recipe, predicted: Tensor, sets: Sets, seed: int) -> Members:
    m = len(predicted)
    return Members(
        logits=predicted.numpy(), labels=sets.test.labels.numpy(), seed=seed,
        sizes=[*(size for size in config.sizes if size < m), m],
        draws=config.draws, aggregate=config.aggregate,
    )  # fmt: skip


def _early(config: Recipe, early: float) -> Iterator[Row]:
    yield "training", "all", config.members, "early loss", early


def _counted(sets: Sets) -> Iterator[Row]:
    for group, images in (("training", sets.train), ("test", sets.test)):
        yield "training", group, 0, "images", float(len(images))


#: What decides claims, in percent or points.
DECISIVE = {
    "curves": ("accuracy", "gain", "advantage", "churn"),
    "sources": ("accuracy", "gain", "advantage"),
    "imbalance": ("accuracy", "gain", "advantage"),
    "corruption": ("accuracy",),
}


def experiments(settings: Settings) -> dict[str, Experiment]:
    """Return the chapter's experiments by the names of their tables.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    dict of str to Experiment
        Members are followed by epoch on the first training set, and not at ``standard``.

    Examples
    --------
    >>> made = experiments(Settings(seeds=2))
    >>> {name: len(experiment.cells) for name, experiment in made.items()}
    {'curves': 2, 'sources': 2, 'corruption': 2, 'imbalance': 8, 'learning': 1}
    >>> made["sources"].place
    'fair_ensemble/sources.quick'
    """
    base, profile = recipe(settings), settings.profile
    ends = replace(base, sizes=base.ends)
    others = [arm for arm in ARMS.values() if arm is not EVERYTHING]
    single = tuple(arm.name for arm in others if len(arm.varies) < 2)
    arms = tuple(ARMS) if base.data == "digits" else single
    # At standard, corrupted copies are followed by one member and by all of them.
    harmed = replace(ends if profile == "standard" else base, corruptions=copies(profile))
    each = [{"seed": seed} for seed in settings.every_seed]
    scarce = [
        {"majority": majority, "minority": minority, **cell}  # in a manifest's order of names
        for cell in each for majority, minority in imbalances(profile)
    ]  # fmt: skip
    made = {
        "curves": _experiment("curves", curves, base, each, settings),
        "sources": _experiment("sources", sources, replace(ends, arms=arms), each, settings),
        "corruption": _experiment("corruption", corruption, harmed, each, settings),
        "imbalance": _experiment(
            "imbalance", imbalance, replace(ends, train_images=0), scarce, settings
        ),
    }
    repeats = profiles.choose(profile, smoke=2, quick=4, standard=0, paper=4)
    if repeats:
        followed = replace(base, arms=single, repeats=repeats)
        made["learning"] = _experiment("learning", learning, followed, each[:1], settings)
    return made


def _experiment(
    name: str, compute: Callable[..., pd.DataFrame], config: Recipe, cells: list[Any],
    settings: Settings,
) -> Experiment:  # fmt: skip
    return Experiment(
        name=f"fair_ensemble-{name}",
        compute=compute,
        config=config,
        cells=cells,
        data=partial(_hashes, config),
        place=chapter.place(
            settings.slug, name, settings, data=config.data, usual=DATA[settings.profile][0]
        ),
        checks=_checks(name, config),
    )


def _hashes(config: Recipe) -> dict[str, str]:
    return {part.name: part.fingerprint for part in training.images(config)}


def _checks(name: str, config: Recipe) -> Checks:
    if name == "learning":
        return Checks(keys=("varied", "repeat", "epoch", "group"), spread={"accuracy": 1.0})
    front = {"corruption": ("corruption", "strength"), "sources": ("varied",)}
    return Checks(
        keys=(*front.get(name, ()), "protocol", "group", "members", "measure"),
        early={"early loss": EARLY[config.precision]},
        spread=dict.fromkeys(DECISIVE[name], 0.1),
        summary=_lasting,
    )


def _lasting(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out a measure of older tables that follows from the others."""
    return table[table.measure != "change"]


def load(settings: Settings, *, store: Store | None = None, seconds: float = 30.0) -> Tables:
    """Fetch all tables of a run: published ones, or what no earlier run has computed.

    Parameters
    ----------
    settings : Settings
    store : Store, optional
        Default: the user's.
    seconds : float, default=30
        Of a core, for published cells that are computed again.

    Returns
    -------
    Tables
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

    # On images this small several threads would mostly wait for each other.
    with threadpool_limits(1 if settings.dataset == "digits" else None):
        found = chapter.fetch(
            experiments(settings), settings, slug=settings.slug, store=store, seconds=seconds
        )
    return Tables(settings, found)


def real(*, store: Store | None = None) -> dict[str, Tables]:
    """Return what is published of the profile `standard`, by data set; computes nothing.

    Parameters
    ----------
    store : Store, optional
        Default: the user's.

    Returns
    -------
    dict of str to Tables
        Only data sets with a table.
    """
    found = {}
    for data in DATA["standard"]:
        settings = Settings(profile="standard", data=data)
        kept = chapter.published(experiments(settings), slug=settings.slug, store=store)
        if kept:
            found[data] = Tables(settings, kept)
    return found
