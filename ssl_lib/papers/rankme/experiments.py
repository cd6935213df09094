"""The chapter's experiments: a cell is a seed, a row a number measured on a trained encoder."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ssl_lib.data import ImageData
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.lidar import lidar, view_features
from ssl_lib.methods import Method
from ssl_lib.papers import chapter
from ssl_lib.papers.rankme import training
from ssl_lib.papers.rankme.probing import Features, Row, measure
from ssl_lib.papers.rankme.settings import Recipe, Settings, for_photographs, recipes, usual_data
from ssl_lib.plotting import words
from ssl_lib.results import Store
from ssl_lib.results.experiments import Experiment
from ssl_lib.results.verification import Checks

__all__ = ["COLUMNS", "KEYS", "Tables", "cell_table", "experiments", "load", "photographs"]

COLUMNS = ["seed", "setting", "measure", "at", "value"]
#: What names an encoder where the tables of several experiments are joined.
KEYS = ["experiment", "seed", "setting"]
#: Views of each image, and images, from which LiDAR is measured; its paper has 50 of 1,000.
LIDAR_VIEWS, LIDAR_IMAGES = 10, 1000
#: Data sets whose sweeps are published at the profile ``standard``.
PICTURES = ("fashion-mnist", "cifar10")
#: What decides claims, and the resolution of its measurement at the profile's test set.
DECISIVE = ("rankme", "accuracy", "embedding accuracy", "few labels", "kNN")
TARGET = ("target rankme", "target accuracy")
#: Of a mean loss over the first ten steps, on another processor; bfloat16 keeps eight bits.
EARLY = {"auto": 1e-5, "bfloat16": 1e-2}


def cell_table(config: Recipe, cell: Mapping[str, Any], workdir: Path) -> pd.DataFrame:
    """Train a sweep with one seed and measure its encoders.

    Parameters
    ----------
    config : Recipe
    cell : mapping
        ``seed``: draws split, initial weights, batches and views.
    workdir : pathlib.Path
        For checkpoints.

    Returns
    -------
    pandas.DataFrame
        Columns setting (the hyper-parameter's value), measure, at, value; see
        :mod:`ssl_lib.papers.rankme.probing`.
    """
    rows = [
        (setting, *row) for setting, found in _measured(config, cell["seed"], workdir)
        for row in found
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS[1:]).astype({"at": "float64", "value": "float64"})


def _measured(config: Recipe, seed: int, workdir: Path) -> Iterator[tuple[float, Iterator[Row]]]:
    every, test = training.split(config, seed)
    source, held = (_classes(part, config.half, first=True) for part in (every, test))
    trained = training.train(config, source, seed, workdir=workdir)
    pairs = [(source, held)]
    if config.half:
        pairs.append((_classes(every, True, first=False), _classes(test, True, first=False)))
    for setting, (member, early) in zip(config.values, trained, strict=True):
        features = [_features(config, member, pair, source, seed) for pair in pairs]
        noise = config.sweep == "temperature" and not config.half
        target = features[1] if config.half else None
        yield (
            setting,
            iter([("early loss", 0, early), ("lidar", 0, _lidar(config, member, source))]),
        )
        yield setting, measure(*features[0], target=target, seed=seed, noise=noise)


def _lidar(config: Recipe, member: Method, images: ImageData) -> float:
    """Measure LiDAR of the embeddings of one set of views, the same for all settings."""
    policy, _ = training.views(config, images)
    assert isinstance(member.head, torch.nn.Module)
    both = torch.nn.Sequential(member.encoder, member.head)
    shown = training.measured(config, images, 0, LIDAR_IMAGES).images
    return lidar(view_features(both, shown, policy, count=LIDAR_VIEWS))


def _classes(images: ImageData, half: bool, *, first: bool) -> ImageData:
    if not half:
        return images
    return images.subset((images.labels < images.n_classes / 2) == first)


def _features(
    config: Recipe,
    member: Method,
    pair: tuple[ImageData, ImageData],
    source: ImageData,
    seed: int,
) -> tuple[Features, Features]:
    _, normalise = training.views(config, source)
    encode = partial(extract, member.encoder, transform=normalise)
    head = member.head
    assert isinstance(head, torch.nn.Module)
    chosen = (training.measured(config, pair[0], seed, config.samples), pair[1])
    train, test = (Features.of(encode, head, part) for part in chosen)
    return train, test


class Tables(chapter.Tables):
    """The tables of one run, see :func:`experiments`."""

    settings: Settings

    def long(self, *measure: str, experiments: tuple[str, ...] = ()) -> pd.DataFrame:
        """Return the rows of some measures over all experiments, or some of them.

        Parameters
        ----------
        *measure : str
            Names of measures; none gives all.
        experiments : tuple of str, default=()
            Names of experiments; empty gives all.

        Returns
        -------
        pandas.DataFrame
            Columns experiment and those of the tables.
        """
        chosen = experiments or tuple(self.tables)
        parts = [self[name].assign(experiment=name) for name in chosen]
        table = pd.concat(parts, ignore_index=True)[["experiment", *COLUMNS]]
        keep = table.measure.isin(measure) if measure else table.measure.notna()
        return table[keep].reset_index(drop=True)


def experiments(settings: Settings) -> dict[str, Experiment]:
    """Return the chapter's experiments by the names of their tables.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    dict of str to Experiment
        A cell is a seed; see :func:`ssl_lib.papers.rankme.settings.recipes`.

    Examples
    --------
    >>> made = experiments(Settings(seeds=2))["temperature"]
    >>> made.place, len(made.cells)
    ('rankme/temperature.quick', 2)
    """
    usual = usual_data(settings)
    return {
        name: Experiment(
            name=f"rankme-{name}",
            compute=cell_table,
            config=recipe,
            cells=[{"seed": seed} for seed in settings.every_seed],
            data=partial(_hashes, recipe),
            place=chapter.place("rankme", name, settings, data=recipe.data, usual=usual),
            checks=_checks(recipe),
        )
        for name, recipe in recipes(settings).items()
    }


def _hashes(recipe: Recipe) -> dict[str, str]:
    both = training.images(recipe.data, recipe.images)
    return {part.name: part.fingerprint for part in both if part}


def _checks(recipe: Recipe) -> Checks:
    resolution = 1 / training.TEST_IMAGES.get(recipe.data, 500)
    return Checks(
        keys=("setting", "measure", "at"),
        early={"early loss": EARLY[recipe.precision]},
        spread=dict.fromkeys((*DECISIVE, *(TARGET if recipe.half else ())), resolution),
    )


def load(settings: Settings, *, store: Store | None = None, seconds: float = 30.0) -> Tables:
    """Fetch all tables of a run: published ones, or what no earlier run has trained.

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
    tables = chapter.fetch(
        experiments(settings), settings, slug="rankme", store=store, seconds=seconds
    )
    return Tables(settings=settings, tables=tables)


def photographs(own: Tables, *, store: Store | None = None) -> dict[str, Tables]:
    """Return tables of pictures: a run's own, or the published ones where it trained on digits.

    Parameters
    ----------
    own : Tables
        Of the run.
    store : Store, optional
        Default: the user's.

    Returns
    -------
    dict of str to Tables
        By the name of the data set that readers know; without those that have none.

    Raises
    ------
    InputError
        When a published table is damaged.
    """
    recipe = recipes(own.settings)["temperature"]
    if for_photographs(recipe):
        return {words.images(recipe.data): own}
    every = (Settings(profile="standard", data=name) for name in PICTURES)
    return chapter.published_by_data(Tables, every, experiments, store=store)
