"""The chapter's experiments: what a cell is, and how one is computed.

A cell is a network, by the seed that draws its initial weights, its training and what it is looked
at with. Pictures are one cell, of the first seed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ssl_lib.papers import chapter
from ssl_lib.papers.splinecam import (
    attacks,
    boundaries,
    exactness,
    growth,
    implicit,
    shapes,
    toy,
    training,
)  # fmt: skip
from ssl_lib.papers.splinecam.classifiers import TRAININGS
from ssl_lib.papers.splinecam.recipes import recipes
from ssl_lib.papers.splinecam.settings import Settings
from ssl_lib.profiles import PROFILES
from ssl_lib.results import Store
from ssl_lib.results.experiments import Experiment
from ssl_lib.results.verification import Checks

__all__ = ["TABLES", "Table", "experiments", "load", "on_photographs"]

#: Of a mean loss over the first ten steps, on another processor.
EARLY = {"early_loss": 1e-5}


@dataclass(frozen=True, kw_only=True)
class Table:
    """How a table is computed, and how its cells are compared.

    Attributes
    ----------
    compute : callable
    checks : Checks
    seeds : tuple of int or None
        How many at smoke, quick, standard and paper; None for one, whatever the reader asks for.
    photographs : bool
        Whether it is measured on photographs too.
    timed, images : bool
        What is not published: seconds of the machine at hand; and pixels of photographs, which
        even blended stay with their data set.
    """

    compute: Callable[[Any, dict[str, Any]], pd.DataFrame]
    checks: Checks
    seeds: tuple[int, int, int, int] | None = None
    photographs: bool = False
    timed: bool = False
    images: bool = False

    def place(self, name: str, settings: Settings) -> str:
        """Return where the table is published; empty where it is not."""
        if self.timed or (self.images and settings.photographs):
            return ""
        return chapter.place(settings.slug, name, settings, data="", usual="")

    def chosen(self, settings: Settings) -> tuple[int, ...]:
        """Return the seeds of a run."""
        if self.seeds is None:
            return settings.some(1)[:1]
        return settings.some(self.seeds[PROFILES.index(settings.profile)])


_COUNTS = Checks(keys=("dimension", "width"), exact=("regions",))
_TIMES = Checks(keys=("dimension", "width"), exact=("regions", "by_formula"), times=("seconds",))
_EXACT = Checks(keys=(), exact=("regions", "repeated_codes", "patterns", "patterns_missed", "seen"))
_TOY = Checks(keys=("step",), early=EARLY, spread={"regions": 1, "slope": 0.01, "length": 0.01})
_TRAINING = Checks(
    keys=("epoch", "place", "slice"), early=EARLY, spread={"regions": 1, "accuracy": 0.003}
)
_AUGMENTATION = Checks(keys=("image",), early=EARLY, spread={"regions": 1, "accuracy": 0.003})
_EVOLUTION = Checks(keys=("slice", "epoch"), spread={"regions": 1, "length": 0.01})
_SQUARES = Checks(keys=("side", "image", "direction"), spread={"regions": 1})
_SURFACE = Checks(
    keys=("step", "plane", "distance"), exact=("area",), early=EARLY, spread={"regions": 1}
)


def _largest_tie(drawn: pd.DataFrame) -> pd.DataFrame:
    """Where the boundary lies, and so what is drawn from it, depends on the processor."""
    return drawn.groupby(["seed", "network"], sort=False).tie.max().reset_index()


_SAMPLES = Checks(keys=("network",), spread={"tie": 1e-12}, summary=_largest_tie)
_ATTACKS = Checks(keys=("stop",), spread={"beyond": 0.01, "moved": 0.01}, summary=attacks.summary)

TABLES = {
    "toy-shapes": Table(compute=toy.pictures, checks=shapes.CHECKS),
    "toy": Table(compute=toy.curves, checks=_TOY, seeds=(2, 20, 20, 20)),
    "exactness": Table(compute=exactness.checks, checks=_EXACT),
    "growth": Table(compute=growth.counts, checks=_COUNTS, seeds=(3, 20, 20, 40)),
    "growth-times": Table(compute=growth.times, checks=_TIMES, seeds=(2, 5, 5, 5), timed=True),
    "training-shapes": Table(compute=training.pictures, checks=shapes.CHECKS, photographs=True),
    "training": Table(
        compute=training.over_epochs, checks=_TRAINING, seeds=(2, 2, 3, 5), photographs=True
    ),
    "squares": Table(compute=training.by_square, checks=_SQUARES, seeds=(2, 20, 5, 5)),
    "augmentation": Table(
        compute=training.at_test_images, checks=_AUGMENTATION, seeds=(2, 20, 3, 5), photographs=True
    ),
    "evolution-shapes": Table(
        compute=boundaries.evolution_pictures, checks=shapes.SLICES, photographs=True
    ),
    "evolution": Table(
        compute=boundaries.evolution, checks=_EVOLUTION, seeds=(2, 20, 3, 5), photographs=True
    ),
    "architectures": Table(
        compute=boundaries.architectures, checks=shapes.CHECKS, photographs=True
    ),
    "samples": Table(compute=boundaries.samples, checks=_SAMPLES, photographs=True, images=True),
    "attack-shapes": Table(compute=attacks.pictures, checks=shapes.CHECKS, photographs=True),
    "attacks": Table(
        compute=attacks.attacks, checks=_ATTACKS, seeds=(2, 20, 3, 5), photographs=True
    ),
    "photo": Table(compute=implicit.photo_pictures, checks=shapes.CHECKS),
    "surface-shapes": Table(compute=implicit.surface_pictures, checks=shapes.CHECKS),
    "surface": Table(compute=implicit.density, checks=_SURFACE, seeds=(2, 20, 5, 5)),
}


def experiments(settings: Settings) -> dict[str, Experiment]:
    """Return the chapter's experiments by the names of their tables.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    dict of str to Experiment
        See :data:`TABLES` and :mod:`ssl_lib.papers.splinecam.recipes`.

    Examples
    --------
    >>> made = experiments(Settings(profile="quick"))
    >>> made["training"].place, len(made["training"].cells), len(made["augmentation"].cells)
    ('splinecam/training.quick', 2, 80)
    """
    configs = recipes(settings)
    return {
        name: Experiment(
            name=f"splinecam-{name}",
            compute=table.compute,
            config=configs[name],
            cells=_cells(configs[name], table.chosen(settings)),
            data=configs[name].part.hashes if table.photographs else {},
            place=table.place(name, settings),
            checks=table.checks,
        )
        for name, table in TABLES.items()
    }


def _cells(config: object, seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return a cell for each seed, and for what else tells networks apart."""
    by: dict[str, Any] = {}
    if isinstance(config, toy.Toy):
        by = {"task": toy.TASKS}
    elif isinstance(config, exactness.Exactness):
        by = {"network": exactness.NETWORKS}
    elif isinstance(config, training.Augmentation):
        by = {"network": [network.name for network in config.networks], "training": TRAININGS}
    values = itertools.product(*by.values(), seeds)
    return [dict(zip([*by, "seed"], chosen, strict=True)) for chosen in values]


def load(
    settings: Settings, *, store: Store | None = None, seconds: float = 30.0
) -> chapter.Tables:
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
    made = experiments(settings)
    found = chapter.fetch(made, settings, slug=settings.slug, store=store, seconds=seconds)
    return chapter.Tables(settings, found)


def on_photographs(own: chapter.Tables, *, store: Store | None = None) -> chapter.Tables:
    """Return what is measured on photographs: by the run itself, or what is published of it.

    Parameters
    ----------
    own : Tables
        Of the run.
    store : Store, optional
        Default: the user's.

    Returns
    -------
    Tables
        Of the profile `standard`, unless the run's own learned photographs.
    """
    wanted = [name for name, table in TABLES.items() if table.photographs]
    settings = Settings(profile="standard")
    if own.settings.profile in ("standard", "paper"):
        return chapter.Tables(own.settings, {name: own.tables[name] for name in wanted})
    made = {name: experiments(settings)[name] for name in wanted}
    return chapter.Tables(settings, chapter.published(made, slug=settings.slug, store=store))
