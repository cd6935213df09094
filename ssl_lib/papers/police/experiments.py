"""The chapter's experiments: a cell is a network's seed; timings are one, not published."""

from functools import cached_property
from typing import Any

import pandas as pd

from ssl_lib import profiles
from ssl_lib.papers import chapter
from ssl_lib.papers.police import affinity, measures, own, timing, training
from ssl_lib.papers.police.recipes import networks, pictured, recipes
from ssl_lib.papers.police.settings import Settings
from ssl_lib.papers.police.training import Trained
from ssl_lib.results import Store
from ssl_lib.results.experiments import Experiment
from ssl_lib.results.verification import Checks

__all__ = ["Tables", "experiments", "load"]

DEPTHS = (1, 2, 4, 8, 16)
#: The rounding of either precision, below which a difference says nothing.
DOUBLE, SINGLE = 1e-12, 1e-5
EARLY = {"early loss": 1e-5}


def experiments(settings: Settings) -> dict[str, Experiment]:
    """Return the chapter's experiments by the names of their tables.

    Examples
    --------
    >>> made = experiments(Settings(seeds=2))
    >>> list(made), len(made["networks"].cells)
    (['initial', 'ties', 'architectures', 'optimisers', 'networks', 'weights', 'timing'], 20)
    >>> made["networks"].place, made["timing"].place
    ('police/networks.quick', '')
    """
    seeds = settings.every_seed
    each = [{"seed": seed} for seed in seeds]
    made = {**_small(settings, each), **_networks(settings, seeds)}
    return {
        **{name: _placed(name, options, settings) for name, options in made.items()},
        "timing": Experiment(
            name="police-timing",
            compute=timing.slowdowns,
            config=timing.config(settings),
            cells=[{}],
            checks=timing.CHECKS,
        ),
    }


def _placed(name: str, options: dict[str, Any], settings: Settings) -> Experiment:
    where = chapter.place("police", name, settings, data="", usual="")
    return Experiment(name=f"police-{name}", place=where, **options)


def _small(settings: Settings, cells: list[dict[str, int]]) -> dict[str, dict[str, Any]]:
    """Return what trains no network of a figure."""
    width, steps = profiles.choose(
        settings.profile, smoke=(16, 3), quick=(64, 80), standard=(128, 200), paper=(256, 400)
    )
    regions, sign = ["triangle", "square", "circle"], {"sign": settings.sign}
    return {
        "initial": {
            "compute": affinity.initial, "cells": cells,
            "config": {"depths": DEPTHS, "regions": regions, "width": width, **sign},
            "checks": Checks(
                keys=("depth", "region"), exact=("free",),
                spread={"float64": DOUBLE, "float32": SINGLE},
            ),
        },
        "ties": {
            "compute": affinity.ties, "cells": cells,
            "config": {"regions": [*regions, "polygon"], "width": 64, "depth": 4},
            "checks": Checks(
                keys=("region",), exact=("vertices", "tied", "half_precision"),
                spread={"integers": DOUBLE},
            ),
        },
        "architectures": {
            "compute": own.architectures, "cells": cells, "config": sign,
            "checks": Checks(
                keys=("network",), exact=("free", "parameters", "layers"),
                spread={"constrained": DOUBLE, "difference": DOUBLE},
            ),
        },
        "optimisers": {
            "compute": affinity.optimisers, "cells": cells,
            "config": {"width": 16, "steps": steps, "side": 20, **sign},
            "checks": Checks(
                keys=("optimiser", "constrained", "step"), early={"loss": 1e-5},
                spread={"error": DOUBLE},
            ),
        },
    }  # fmt: skip


def _networks(settings: Settings, seeds: tuple[int, ...]) -> dict[str, dict[str, Any]]:
    """Return what trains the networks of the figures; those that are drawn have the first seed."""
    config = {
        "recipes": recipes(settings), "sign": settings.sign,
        "device": profiles.device(settings.device).type,
    }  # fmt: skip
    spread = {
        "affinity": DOUBLE, "enlarged": 1e-3, "explained": 1e-3, "inside": 1, "segments": 1,
        "accuracy inside": 1e-2, "accuracy outside": 1e-2,
    }  # fmt: skip
    return {
        "networks": {
            "compute": measures.measured, "config": config,
            "cells": [one.cell(seed) for one in networks(settings) for seed in seeds],
            "checks": Checks(keys=("measure", "at"), early=EARLY, spread=spread),
        },
        "weights": {
            "compute": training.weights, "config": config,
            "cells": [one.cell(seeds[0]) for one in pictured(settings)],
            "checks": Checks(keys=("step", "measure", "at"), early=EARLY),
        },
    }  # fmt: skip


class Tables(chapter.Tables):
    """The chapter's tables, and the networks that are drawn."""

    settings: Settings

    @cached_property
    def drawn(self) -> dict[str, list[Trained]]:
        """By figure, each network that is drawn, after each number of updates that is shown."""
        made = recipes(self.settings)
        found: dict[str, list[Trained]] = {}
        for network in pictured(self.settings):
            where = self["weights"], network, made[network.figure], self.settings.sign
            found.setdefault(network.figure, []).extend(training.restore(*where))
        return found

    def wide(self, *names: str, figure: str = "") -> pd.DataFrame:
        """Return measures of trained networks, see :func:`measures.wide`."""
        return measures.wide(self["networks"], *names, figure=figure)


def load(settings: Settings, store: Store | None = None, seconds: float = 30.0) -> Tables:
    """Fetch all tables of a run, see :func:`ssl_lib.papers.chapter.fetch`."""
    fetched = chapter.fetch(
        experiments(settings), settings, slug="police", store=store, seconds=seconds
    )
    return Tables(settings, fetched)
