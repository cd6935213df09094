"""The chapter's experiments: what a cell is, and how one is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pandas as pd
from torch import nn

from ssl_lib import data
from ssl_lib.data.shapes import load_shapes
from ssl_lib.data.views import policy
from ssl_lib.papers import chapter
from ssl_lib.papers.diet import exact, latents, noise, photographs, probing, training
from ssl_lib.papers.diet.photographs import photographs_data
from ssl_lib.papers.diet.settings import (
    FACTORS,
    NOISE_CASES,
    RUNS,
    WORLDS,
    Factors,
    NoiseWorld,
    Run,
    Settings,
)
from ssl_lib.plotting import words
from ssl_lib.results import Store
from ssl_lib.results.experiments import Experiment
from ssl_lib.results.verification import Checks

__all__ = ["COLUMNS", "Tables", "experiments", "load", "on_photographs"]

#: Of every long table, after the cell's own.
COLUMNS = ["measure", "at", "value"]
_KEYS = ("measure", "at")
#: Of a mean loss over ten steps on another processor.
_EARLY = {"early loss": 1e-5}
#: What decides claims, with one test image in the mean of five draws as resolution.
_DECISIVE = {"accuracy": 1 / 2500, "rankme": 0.1}


@dataclass(frozen=True, kw_only=True)
class Digits:
    """How the runs on digits are cut down.

    Attributes
    ----------
    length : float
        Share of each run's epochs.
    images : int
        Training images at most; 0 takes all.
    draws : int
        Of the few labels.
    """

    length: float = 1.0
    images: int = 0
    draws: int = 5


@dataclass(frozen=True, kw_only=True)
class Latents:
    """How the worlds of latents are cut down: a share of their steps."""

    length: float = 1.0


def _table(rows: Iterator[probing.Row] | Sequence[probing.Row]) -> pd.DataFrame:
    made = pd.DataFrame(rows, columns=COLUMNS)
    return made.astype({"at": "float64", "value": "float64"})


def digits_cell(config: Digits, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train a run on digits with one seed and measure its encoder.

    Parameters
    ----------
    config : Digits
    cell : mapping
        ``seed`` draws split, weights, order and views; ``run`` is a key of
        :data:`ssl_lib.papers.diet.settings.RUNS`.

    Returns
    -------
    pandas.DataFrame
        Columns measure, at, value; see :mod:`ssl_lib.papers.diet.probing`.
    """
    run, seed = RUNS[cell["run"]], cell["seed"]
    run = replace(run, epochs=max(2, round(run.epochs * config.length)))
    every, test = training.split(seed)
    every = every.subset(slice(0, config.images or len(every)))
    return _table(_digits(run, every, test, seed, config.draws))


def _digits(
    run: Run, every: data.ImageData, test: data.ImageData, seed: int, draws: int
) -> Iterator[probing.Row]:
    images, encode = training.fewer(every, run, seed), _untrained(run, every, seed)
    if encode is None:
        look = partial(_look, images=every, test=test, seed=seed, draws=draws)
        found = training.train(run, images, seed, look=look)
        encode = found.method.encoder
        yield from probing.trained(found, images, test)
    yield from probing.accuracies(encode, every, test, seed, draws)


def _untrained(run: Run, images: data.ImageData, seed: int) -> nn.Module | None:
    """Return what needs no training: no encoder, or one as it starts; else None."""
    if run.method == "pixels":
        return nn.Flatten()
    return training.encoder(run.encoder, images, seed) if run.method == "untrained" else None


def _look(encode: nn.Module, **given: Any) -> dict[str, float]:
    return {"few labels": probing.few_labels(encode, **given)}


def latents_cell(config: Latents, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train DIET on one world of latents with one seed.

    Parameters
    ----------
    config : Latents
    cell : mapping
        ``seed``, and ``world``, a key of :data:`ssl_lib.papers.diet.settings.WORLDS`.

    Returns
    -------
    pandas.DataFrame
        Measures ``latents`` and ``centres`` (R2) and ``loss``, at a number of steps; ``early
        loss``, the mean over the steps up to the first look.
    """
    world, seed = WORLDS[cell["world"]], cell["seed"]
    looks = tuple(max(2, round(step * config.length)) for step in world.looks)
    world = replace(world, steps=looks[-1], looks=tuple(dict.fromkeys(looks)))
    drawn = latents.Data.draw(world, seed)
    rows: list[probing.Row] = []
    for step, model, losses in latents.train(drawn, seed):
        if not rows:
            rows.append(("early loss", 0, sum(losses[:10]) / len(losses[:10])))
        rows.append(("loss", step, sum(losses) / len(losses)))
        rows += [(name, step, r2) for name, r2 in latents.measure(drawn, model, seed).items()]
    return _table(rows)


def noise_cell(config: NoiseWorld, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train DIET on factors of growing noise; ``case`` is a key of ``NOISE_CASES``."""
    rows = noise.kept(config, NOISE_CASES[cell["case"]], cell["seed"])
    return _table([("kept", level, r2) for level, r2 in rows])


def shapes_cell(config: Factors, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train a method on drawn shapes and measure which of their factors its features tell.

    Parameters
    ----------
    config : Factors
    cell : mapping
        ``seed``, ``method``.

    Returns
    -------
    pandas.DataFrame
        A measure a factor, and those of :func:`ssl_lib.papers.diet.probing.accuracies`.
    """
    seed, name = cell["seed"], cell["method"]
    images, test = (
        load_shapes(split=split, n=count, size=config.size, seed=seed, fixed=config.fixed)
        for split, count in (("train", config.images), ("test", config.test))
    )
    run = Run(
        name=name, title=name, method=name, epochs=config.epochs, batch_size=config.batch_size,
        learning_rate=config.learning_rate,
    )  # fmt: skip
    return _table(_shapes(run, images, test, seed))


def _shapes(
    run: Run, images: data.ImageData, test: data.ImageData, seed: int
) -> Iterator[probing.Row]:
    encode = _untrained(run, images, seed)
    if encode is None:
        recipe = policy("diet", size=images.shape[1], strength=2)
        views = replace(recipe, recipes=recipe.recipes * 2, n_global=2)
        one = run.method in ("diet", "supervised")
        found = training.train(run, images, seed, policy=recipe if one else views)
        yield "early loss", 0, found.history[-1]["early_loss"]
        encode = found.method.encoder
    yield from probing.accuracies(encode, images, test, seed)
    assert images.factors is not None
    assert test.factors is not None
    train, held = (probing.features(encode, part) for part in (images, test))
    yield from probing.told(train, images.factors, held, test.factors)


def streaming_cell(config: exact.Streaming, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Compare streamed classes with all at once; the cell says how many ``classes``."""
    found = exact.streaming(config, cell["classes"])
    return _table([(name, 0, value) for name, value in found.items()])


def spectral_cell(config: exact.Linear, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Compare the minima of squared error and of the spectral contrastive loss, one ``draw``."""
    return _table([(name, 0, gap) for name, gap in exact.spectral(config, cell["draw"])])


class Tables(chapter.Tables):
    """The tables of one run, see :func:`experiments`."""

    settings: Settings


def experiments(settings: Settings) -> dict[str, Experiment]:
    """Return the chapter's experiments by the names of their tables.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    dict of str to Experiment
        ``digits``, ``latents``, ``noise``, ``shapes``, ``streaming`` and ``spectral``, which all
        profiles but ``smoke`` share; of photographs ``photographs``, ``whole`` and ``long``.

    Examples
    --------
    >>> made = experiments(Settings(seeds=2))
    >>> made["latents"].place, len(made["latents"].cells)
    ('diet/latents.quick', 26)
    >>> experiments(Settings(profile="standard", data="cifar10"))["photographs"].place
    'diet/photographs.standard.cifar10'
    """
    made = _small(settings) | _exact(settings)
    return made | (photographs.experiments(settings) if photographs_data(settings) else {})


def _small(settings: Settings) -> dict[str, Experiment]:
    smoke = settings.profile == "smoke"
    digits = Digits(length=0.07, images=400, draws=1) if smoke else Digits()
    shapes = replace(FACTORS, images=200, test=200, epochs=2) if smoke else FACTORS
    worlds = Latents(length=0.03) if smoke else Latents()
    disturbed = NoiseWorld(steps=30) if smoke else NoiseWorld()
    r2, spread = dict.fromkeys(("latents", "centres"), 1e-3), {"kept": 1e-3}
    return {
        "digits": _experiment("digits", settings, digits_cell, digits, {"run": RUNS},
                              _checks(_DECISIVE, early=True)),
        "latents": _experiment("latents", settings, latents_cell, worlds, {"world": WORLDS},
                               _checks(r2, early=True)),
        "noise": _experiment("noise", settings, noise_cell, disturbed, {"case": NOISE_CASES},
                             _checks(spread)),
        "shapes": _experiment("shapes", settings, shapes_cell, shapes, {"method": shapes.methods},
                              _checks(_DECISIVE, early=True)),
    }  # fmt: skip


def _checks(spread: Mapping[str, float], *, early: bool = False) -> Checks:
    return Checks(keys=_KEYS, early=_EARLY if early else {}, spread=spread)


def _experiment(
    name: str,
    settings: Settings,
    compute: Callable[..., pd.DataFrame],
    config: Any,
    variants: Mapping[str, Sequence[str] | Mapping[str, Any]],
    checks: Checks,
) -> Experiment:
    """Make an experiment whose cells are seeds and variants."""
    ((column, names),) = variants.items()
    return Experiment(
        name=f"diet-{name}",
        compute=compute,
        config=config,
        cells=[{"seed": seed, column: which} for seed in settings.every_seed for which in names],
        data=_digits_hashes if name == "digits" else {},
        place=_place(name, settings),
        checks=checks,
    )


def _place(name: str, settings: Settings) -> str:
    """Return where a table lies that no larger profile changes."""
    return "" if settings.profile == "smoke" else f"diet/{name}.quick"


def _digits_hashes() -> dict[str, str]:
    every = data.load("digits", split="all")
    return {every.name: every.fingerprint}


def _exact(settings: Settings) -> dict[str, Experiment]:
    smoke = settings.profile == "smoke"
    streamed = exact.Streaming(classes=(1_000,)) if smoke else exact.Streaming()
    rounding = Checks(keys=_KEYS, exact=("kept, plain", "kept, streamed"))
    return {
        "streaming": Experiment(
            name="diet-streaming", compute=streaming_cell, config=streamed, checks=rounding,
            cells=[{"classes": classes} for classes in streamed.classes],
            place=_place("streaming", settings),
        ),
        "spectral": Experiment(
            name="diet-spectral", compute=spectral_cell, config=exact.Linear(),
            checks=Checks(keys=_KEYS, spread=dict.fromkeys(("planes", "spectral"), 1e-6),
                          repeats=("draw",)),
            cells=[{"draw": draw} for draw in range(3 if smoke else 20)],
            place=_place("spectral", settings),
        ),
    }  # fmt: skip


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
        experiments(settings), settings, slug="diet", store=store, seconds=seconds
    )
    return Tables(settings=settings, tables=tables)


def on_photographs(own: Tables, *, store: Store | None = None) -> dict[str, Tables]:
    """Return the tables of photographs by data set: a run's own, or those that are published.

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
    if name := photographs_data(own.settings):
        return {words.images(name): own}
    every = (Settings(profile="standard", data=name) for name in photographs.SETS["standard"])
    return chapter.published_by_data(Tables, every, photographs.experiments, store=store)
