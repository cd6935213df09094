"""The chapter's experiments: a cell is a seed, or a network's seed, width and crop."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ssl_lib.papers import chapter
from ssl_lib.papers.ssl_interplay import (
    cube,
    dynamics,
    identities,
    moons,
    networks,
    own,
    reconstruction,
    sphere,
)
from ssl_lib.papers.ssl_interplay.recipes import Recipes, recipes
from ssl_lib.papers.ssl_interplay.settings import Settings
from ssl_lib.results import Store
from ssl_lib.results.experiments import Experiment
from ssl_lib.results.verification import Checks

__all__ = ["Tables", "experiments", "load"]

IDENTITIES = {"inputs": 60, "width": 20, "components": 4}


def experiments(settings: Settings) -> dict[str, Experiment]:
    """Return the chapter's experiments by the names of their tables.

    Examples
    --------
    >>> made = experiments(Settings())
    >>> list(made)[:4], made["sizes"].place
    (['identities', 'tradeoff', 'sizes', 'capacity'], 'ssl_interplay/sizes.quick')
    """
    made = recipes(settings)
    seeds = settings.every_seed
    each = [{"seed": seed} for seed in seeds]
    return {
        name: Experiment(name=f"ssl_interplay-{name}", place=_place(name, settings), **options)
        for name, options in (
            _exact(made, each) | _trained(made, each, seeds) | _digits(settings, each)
        ).items()
    }


def _place(name: str, settings: Settings) -> str:
    return chapter.place("ssl_interplay", name, settings, data="", usual="")


def _exact(made: Recipes, cells: Sequence[Mapping[str, int]]) -> dict[str, dict[str, Any]]:
    """Return what is solved in closed form."""
    return {
        "identities": {
            "compute": identities.identities, "config": IDENTITIES, "cells": cells,
            "checks": Checks(keys=("check",), spread={"difference": 1e-7}),
        },
        "tradeoff": {
            "compute": sphere.tradeoff, "config": made.tradeoff, "cells": cells,
            "checks": Checks(keys=("ridge", "target"), spread={"error": 1e-4}),
        },
        "sizes": {
            "compute": moons.sizes, "config": made.sizes, "cells": cells,
            "checks": Checks(keys=("inputs", "labels", "measure"), spread={
                    "regression": 1e-5, "classification": 1e-5,
                }),
        },
        "capacity": {
            "compute": moons.capacity, "config": made.capacity, "cells": cells,
            "checks": Checks(keys=("ridge",), spread={"explained": 1e-2}),
        },
        "dimensions": {
            "compute": moons.dimensions, "config": made.dimensions, "cells": cells,
            "checks": Checks(
                keys=("penalty", "features"), exact=("useful",),
                spread={"largest": 1e-6, "excess": 1e-4},
            ),
        },
        "rates": {
            "compute": cube.rates, "config": made.rates, "cells": cells,
            "checks": Checks(keys=("views", "inputs"), exact=("excess",)),
        },
        "crops": {
            "compute": cube.crops, "config": made.crops, "cells": cells,
            "checks": Checks(
                keys=("width", "task"), exact=("complexity", "estimated", "predicted"),
                spread={"excess": 1e-4},
            ),
        },
    }  # fmt: skip


def _trained(
    made: Recipes, cells: Sequence[Mapping[str, int]], seeds: Sequence[int]
) -> dict[str, dict[str, Any]]:
    """Return what trains networks; of those that are drawn the first seed's alone."""
    every = made.dynamics.cells
    # The forecasts need the recipe of a training, not which networks there are.
    alone = dataclasses.replace(made.dynamics, widths=(), crops=())
    drawn = (every[0], every[-1])
    return {
        "stopping": {
            "compute": networks.stopping, "config": made.stopping, "cells": cells,
            "checks": Checks(keys=("step", "target"), spread={"error": 1e-3}),
        },
        "dynamics": {
            "compute": dynamics.steps, "config": alone, "cells": [
                {"seed": seed, "width": width, "crop": crop}
                for seed in seeds for width, crop in every
            ],
            "checks": Checks(keys=("mode",), spread={"predicted": 1, "measured": 1}),
        },
        "paths": {
            "compute": dynamics.paths, "config": alone,
            "cells": [{"seed": seeds[0], "width": width, "crop": crop} for width, crop in drawn],
            "checks": Checks(keys=("step", "mode"), early={"amplitude": 1e-5}),
        },
        "level": {
            "compute": networks.level, "config": made.level, "cells": cells[:1],
            "checks": Checks(keys=("x", "y"), early={"value": 1e-3}),
        },
    }  # fmt: skip


def _digits(settings: Settings, cells: Sequence[Mapping[str, int]]) -> dict[str, dict[str, Any]]:
    small = settings.profile == "smoke"
    config = {
        "inputs": 200 if small else 800, "labels": 100 if small else 200,
        "landmarks": 60 if small else 300, "components": 10 if small else 30,
    }  # fmt: skip
    heads = {
        "inputs": config["inputs"], "labels": config["labels"], "irrelevant": 64,
        "components": 5 if small else 20,
    }  # fmt: skip
    return {
        "digits": {
            "compute": own.digits, "config": config, "cells": cells, "data": own.fingerprints,
            "checks": Checks(
                keys=("features", "penalty"), spread={"accuracy": 1e-3, "shifted": 1e-3}
            ),
        },
        "reconstruction": {
            "compute": reconstruction.reconstruction, "config": heads, "cells": cells,
            "data": own.fingerprints,
            "checks": Checks(
                keys=("irrelevant", "features", "alignment"), spread={"accuracy": 1e-3}
            ),
        },
    }  # fmt: skip


class Tables(chapter.Tables):
    """The chapter's tables, and what the profile computes."""

    settings: Settings

    @property
    def recipes(self) -> Recipes:
        """What the run's profile computes."""
        return recipes(self.settings)

    @property
    def second(self) -> pd.DataFrame:
        """What the second function alone explains, see :func:`moons.second`."""
        count = 1 + int(self["capacity"].seed.max())
        keys = chapter.seeds(self.settings.slug, self.settings.seed, count)
        return moons.second(self.recipes.capacity, keys)


def load(settings: Settings, store: Store | None = None, seconds: float = 30.0) -> Tables:
    """Fetch all tables of a run, see :func:`ssl_lib.papers.chapter.fetch`, on one thread.

    Matrices this small gain nothing from more, and lose much where cores are shared.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

    with threadpool_limits(1):
        fetched = chapter.fetch(
            experiments(settings), settings, slug="ssl_interplay", store=store, seconds=seconds
        )
    return Tables(settings, fetched)
