"""The chapter's experiments: a cell is a seed, mostly with a loss or a rung of the ladder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from ssl_lib import data
from ssl_lib.papers import chapter
from ssl_lib.papers.vicreg_info import (
    bounds,
    distances,
    encoders,
    ladder,
    moons,
    photographs,
)
from ssl_lib.papers.vicreg_info.settings import LADDER, SETTINGS, Settings, Sizes, sizes
from ssl_lib.plotting import words
from ssl_lib.results import Result, Store
from ssl_lib.results.experiments import Experiment
from ssl_lib.results.verification import Checks

__all__ = ["PICTURES", "Tables", "experiments", "load", "on_photographs"]

#: Data sets beside the digits whose pixel distances are measured.
PICTURES = ("fashion-mnist", "cifar10", "tiny-imagenet")
_PIXELS = "pixels"

#: Of a mean loss over ten steps on another processor, float32.
_EARLY = {"early loss": 1e-5}
#: What decides claims, with one test image as resolution.
_HALF, _NATS = 1 / 300, 0.1


def experiments(settings: Settings) -> dict[str, Experiment]:
    """Return the chapter's experiments by the names of their tables.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    dict of str to Experiment
        On digits and points, which all profiles but ``smoke`` share; ``photographs``, where the
        profile has such; and, at ``standard``, ``pixels``, the distances between photographs.

    Examples
    --------
    >>> made = experiments(Settings(seeds=2))
    >>> made["encoders"].place, len(made["encoders"].cells)
    ('vicreg_info/encoders.quick', 14)
    >>> experiments(Settings(profile="standard", data="cifar10"))["photographs"].place
    'vicreg_info/photographs.standard.cifar10'
    """
    made = _digits(settings) | {"distances": _distances(("digits",), _place("distances", settings))}
    if settings.profile == "standard":
        made[_PIXELS] = _distances(PICTURES, f"vicreg_info/{_PIXELS}.standard")
    return made | (_photographs(settings) if settings.photographs else {})


def _place(name: str, settings: Settings) -> str:
    """Return where a table lies that no larger profile changes."""
    return "" if settings.profile == "smoke" else f"vicreg_info/{name}.quick"


Compute = Callable[[Sizes, Mapping[str, Any]], pd.DataFrame]


def _digits(settings: Settings) -> dict[str, Experiment]:
    size, seeds = sizes(settings), settings.every_seed
    plain = [{"seed": seed} for seed in seeds]
    losses = [{"seed": seed, "loss": name} for seed in seeds for name in encoders.COMPARED]
    draws = [{"draw": d, "rung": rung} for d in range(size.tuning) for rung in LADDER]
    rungs = [{"seed": seed, "rung": rung} for seed in seeds for rung in LADDER]
    made: dict[str, tuple[Compute, Sequence[Mapping[str, Any]], Checks]] = {
        "encoders": (encoders.encoders, losses,
                     _checks("part", "measure", "at", accuracy=_HALF, entropy=_NATS,
                             gaussian=_NATS, monte_carlo=_NATS, share=1e-3, pooled=1 / 64)),
        "moons": (moons.moons, plain,
                  Checks(keys=("regime", "step"), spread={"entropy": 1e-3})),
        "bounds": (bounds.sweep, plain,
                   _checks("weight", "features", "measure", labelled=1e-3, loss=1e-3)),
        "tuning": (ladder.tuning, draws, _checks("trial", "measure", repeats=("draw",),
                                                 accuracy=_HALF)),
        "ladder": (ladder.ladder, rungs, _checks("measure", accuracy=_HALF)),
        "batches": (ladder.batches, rungs, _checks("batch", "measure", accuracy=_HALF)),
    }  # fmt: skip
    return {
        name: Experiment(
            name=f"vicreg_info-{name}", compute=compute, config=size, cells=cells, checks=checks,
            place=_place(name, settings), data={} if name == "moons" else _hashes,
        )
        for name, (compute, cells, checks) in made.items()
    }  # fmt: skip


def _checks(*keys: str, repeats: tuple[str, ...] = ("seed",), **spread: float) -> Checks:
    return Checks(keys=keys, early=_EARLY, spread=spread, repeats=repeats)


def _hashes() -> dict[str, str]:
    every = data.load("digits", split="all")
    return {every.name: every.fingerprint}


def _distances(names: Sequence[str], place: str) -> Experiment:
    most = distances.Sample().most
    return Experiment(
        name="vicreg_info-distances", compute=distances.distances, config=distances.Sample(),
        cells=[{"data": name} for name in names], place=place,
        data=lambda: {k: v for name in names for k, v in distances.hashes(name, most).items()},
        checks=Checks(keys=("measure", "at"), exact=("*",), repeats=("data",)),
    )  # fmt: skip


def _photographs(settings: Settings) -> dict[str, Experiment]:
    config = photographs.photographs(settings)
    cells = [
        {"seed": seed, "rung": rung, "setting": name}
        for seed in settings.every_seed for rung in LADDER for name in SETTINGS
    ]  # fmt: skip
    place = chapter.place(
        Settings.slug, "photographs", settings, data=config.data, usual=settings.usual_photographs
    )
    return {
        "photographs": Experiment(
            name="vicreg_info-photographs", compute=photographs.cell, config=config, cells=cells,
            data=partial(photographs.hashes, config), place=place,
            checks=_checks("measure", accuracy=1e-3),
        )
    }  # fmt: skip


class Tables(chapter.Tables):
    """The tables of one run, see :func:`experiments`."""

    settings: Settings


def load(settings: Settings, store: Store | None = None, seconds: float = 30.0) -> Tables:
    """Fetch all tables of a run, see :func:`ssl_lib.papers.chapter.fetch`.

    Distances between photographs are left out: they need all data sets, see :func:`pictures`.
    """
    made = experiments(settings)
    made.pop(_PIXELS, None)
    tables = chapter.fetch(made, settings, slug=Settings.slug, store=store, seconds=seconds)
    return Tables(settings=settings, tables=tables)


def pictures(store: Store | None = None) -> Result | None:
    """Return the published distances between photographs; None where there are none."""
    made = experiments(Settings(profile="standard"))
    found = chapter.published({_PIXELS: made[_PIXELS]}, slug=Settings.slug, store=store)
    return found.get(_PIXELS)


def on_photographs(own: Tables, *, store: Store | None = None) -> dict[str, Tables]:
    """Return the ladder on photographs by data set: a run's own, or what is published.

    Parameters
    ----------
    own : Tables
        Of the run.
    store : Store, optional
        Default: the user's.

    Returns
    -------
    dict of str to Tables
        By the name that readers know. Empty where none is published.
    """
    if name := own.settings.photographs:
        return {words.images(name): own}
    usual = replace(own.settings, profile="standard", seed=0)
    every = (replace(usual, data=name) for name in ("fashion-mnist", "cifar10"))
    return chapter.published_by_data(Tables, every, _photographs, store=store)
