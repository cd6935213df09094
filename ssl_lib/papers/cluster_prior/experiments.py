"""The chapter's experiments: what a cell is, and how one is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from ssl_lib import profiles
from ssl_lib.papers import chapter
from ssl_lib.papers.cluster_prior import (
    batches,
    encoders,
    factors,
    galleries,
    identities,
    mixtures,
    photographs,
    prototypes,
    tails,
    training,
)
from ssl_lib.papers.cluster_prior.settings import BATCHES, GALLERIES, RUNS, Settings
from ssl_lib.plotting import words
from ssl_lib.results import Store
from ssl_lib.results.experiments import Cell, Experiment
from ssl_lib.results.verification import Checks

__all__ = ["Tables", "experiments", "load", "on_photographs", "photographs_data"]

SLUG = "cluster_prior"
#: Of a mean loss over ten steps on another processor.
_EARLY = {"early loss": 1e-5}
_SHORT = training.Recipe(steps=20)


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
        ``identities``, ``gaussians``, ``kmeans``, ``fixed``, ``factors``, ``batches``, ``encoders``
        and ``galleries``, which all profiles but ``smoke`` share; ``photographs`` and ``overlay``
        where the profile has such.

    Examples
    --------
    >>> made = experiments(Settings(seeds=2))
    >>> made["gaussians"].place, len(made["factors"].cells)
    ('cluster_prior/gaussians.quick', 12)
    >>> list(experiments(Settings(profile="standard")))[-2:]
    ['photographs', 'overlay']
    """
    made = _clusters(settings) | _trained(settings)
    return made | (_photographs(settings) if photographs_data(settings) else {})


def _clusters(settings: Settings) -> dict[str, Experiment]:
    """Return what trains no encoder."""
    smoke = settings.profile == "smoke"
    mixed = mixtures.Mixtures(points=200, starts=1) if smoke else mixtures.Mixtures()
    fitted = prototypes.Fit(steps=20, starts=1) if smoke else prototypes.Fit()
    agreement = {"agreement": 1e-3, "largest": 1e-3}
    make = partial(_experiment, settings)
    return {
        "identities": make("identities", identities.identities_cell, identities.Sizes(),
                           Checks(keys=("check",), spread={"difference": 1e-9}), digits=False),
        "gaussians": make("gaussians", mixtures.gaussians_cell, mixed,
                          Checks(keys=("ratio", "model"), spread=agreement), digits=False),
        "kmeans": make("kmeans", mixtures.digits_cell, mixed,
                       Checks(keys=("exponent",), spread=agreement)),
        "fixed": make("fixed", prototypes.fixed_cell, fitted,
                      Checks(keys=("exponent", "model"), spread=agreement)),
    }  # fmt: skip


def _trained(settings: Settings) -> dict[str, Experiment]:
    smoke = settings.profile == "smoke"
    canvas, poor, digit = factors.Canvas(), batches.Poor(), encoders.Digit()
    shown = galleries.Shown()
    if smoke:
        canvas = replace(canvas, recipe=replace(_SHORT, learning_rate=1e-2), images=300)
        poor = replace(poor, recipe=_SHORT, draws=1)
        digit = replace(digit, recipe=_SHORT)
        shown = replace(shown, poor=_SHORT, tailed=_SHORT)
    told = {"even": 1e-2, "rare": 1e-2}
    decisive = dict.fromkeys(("agreement", "probe accuracy", "probe F1"), 2.5e-3)
    make = partial(_experiment, settings)
    return {
        "factors": make("factors", factors.factors_cell, canvas,
                        Checks(keys=(), early={"early_loss": 1e-5}, spread=told),
                        [{"exponent": a, "model": m} for a in canvas.exponents
                         for m in factors.MODELS]),
        "batches": make("batches", batches.batches_cell, poor,
                        Checks(keys=("measure",), early=_EARLY, spread={"few": 1e-3, "all": 2e-3}),
                        _poor(poor)),
        "encoders": make("encoders", encoders.encoders_cell, digit,
                         Checks(keys=("measure", "at"), early=_EARLY, spread=decisive),
                         [{"run": name} for name in RUNS]),
        "galleries": make("galleries", galleries.galleries_cell, shown,
                          Checks(keys=("measure", "prototype", "place"), early=_EARLY,
                                 spread={"purity": 2e-3, "ink": 2e-3}),
                          [{"model": name} for name in GALLERIES]),
    }  # fmt: skip


def _poor(config: batches.Poor) -> list[Cell]:
    untrained: Cell = {"method": "untrained", "classes": 10}
    return [untrained, *({"method": m, "classes": k} for m in BATCHES for k in config.classes)]


def _experiment(
    settings: Settings,
    name: str,
    compute: Callable[..., pd.DataFrame],
    config: Any,
    checks: Checks,
    variants: Sequence[Cell] = ({},),
    *,
    digits: bool = True,
) -> Experiment:
    """Make an experiment whose cells are seeds and variants, the same at all larger profiles."""
    return Experiment(
        name=f"{SLUG}-{name}", compute=compute, config=config, checks=checks,
        cells=[{"seed": seed, **one} for seed in settings.every_seed for one in variants],
        data=tails.hashes if digits else {},
        place="" if settings.profile == "smoke" else f"{SLUG}/{name}.quick",
    )  # fmt: skip


def photographs_data(settings: Settings) -> str:
    """Return the photographs of a profile; none at the small ones.

    Examples
    --------
    >>> photographs_data(Settings(profile="standard"))
    'fashion-mnist'
    """
    return settings.data or profiles.choose(
        settings.profile, smoke="", quick="", standard="fashion-mnist", paper="tiny-imagenet"
    )


#: What ``paper`` changes: a larger network and as many prototypes as in the paper.
_PAPER: Mapping[str, Any] = {
    "encoder": "resnet18", "encoder_options": {}, "prototypes": 1024, "most": 500,
    "recipe": training.Recipe(steps=10_000, batch_size=1024, learning_rate=1e-3),
}  # fmt: skip


def _photographs(settings: Settings) -> dict[str, Experiment]:
    name = photographs_data(settings)
    usual = photographs_data(replace(settings, data=""))
    large = _PAPER if settings.profile == "paper" else {}
    device = str(profiles.device(settings.device))
    tailed = photographs.Photographs(data=name, device=device, **large)
    checks = Checks(keys=("measure",), early={"early loss": 1e-3},
                    spread=dict.fromkeys(("agreement", "accuracy", "F1"), 2e-3))  # fmt: skip
    made = {
        "photographs": Experiment(
            name=f"{SLUG}-photographs", compute=photographs.photographs_cell, config=tailed,
            cells=[{"seed": s, "law": law, "exponent": x} for s in settings.every_seed
                   for law in tailed.laws for x in tailed.exponents],
            data=partial(photographs.hashes, tailed), checks=checks,
            place=chapter.place(SLUG, "photographs", settings, data=name, usual=usual),
        )
    }  # fmt: skip
    return made | _overlay(settings, device)


def _overlay(settings: Settings, device: str) -> dict[str, Experiment]:
    over = photographs.Overlay(device=device)
    told = dict.fromkeys(("digit information", "photograph information"), 1e-2)
    return {
        "overlay": Experiment(
            name=f"{SLUG}-overlay", compute=photographs.overlay_cell, config=over,
            cells=[{"seed": s, "model": m} for s in settings.every_seed
                   for m in ("uniform", "rank")],
            data=partial(photographs.hashes, over),
            checks=Checks(keys=("measure",), early={"early loss": 1e-3}, spread=told),
            place=f"{SLUG}/overlay.standard",
        )
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
    found = chapter.fetch(experiments(settings), settings, slug=SLUG, store=store, seconds=seconds)
    return Tables(settings=settings, tables=found)


def on_photographs(own: Tables, *, store: Store | None = None) -> dict[str, Tables]:
    """Return the tables of photographs by data set: a run's own, or those that are published.

    Returns
    -------
    dict of str to Tables
        By the name that readers know. Empty where none is published.
    """
    if name := photographs_data(own.settings):
        return {words.images(name): own}
    every = (Settings(profile="standard", data=name) for name in ("fashion-mnist", "cifar10"))
    return chapter.published_by_data(Tables, every, _photographs, store=store)
