"""What the tables of photographs take: measured where they are published, else by their views."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ssl_lib.papers.diet import photographs
from ssl_lib.papers.diet.photographs import SETS, Photographs
from ssl_lib.papers.diet.settings import Settings
from ssl_lib.paths import share
from ssl_lib.plotting import words
from ssl_lib.profiles import Profile
from ssl_lib.results import Store, evidence
from ssl_lib.results.experiments import Cell

__all__ = ["bill", "views"]


def views(config: Photographs, cell: Cell) -> int:
    """Return how many views a cell trains on.

    Examples
    --------
    >>> views(Photographs(data="cifar10", images=0, views=20), {"method": "diet"})
    1000000
    """
    if cell["method"] in ("pixels", "untrained"):
        return 0
    counts = {name: count for sets in SETS.values() for name, count in sets.items()}
    supervised = cell["method"] == "supervised"
    showings = config.supervised_epochs if supervised else config.views
    return (config.images or counts[config.data]) * showings


def bill(store: Store | None = None) -> pd.DataFrame:
    """Return what each table of photographs takes of a CPU core.

    Parameters
    ----------
    store : Store, optional
        Default: the user's.

    Returns
    -------
    pandas.DataFrame
        A row a table: ``images``, ``table``, ``profile``; ``cells`` in all, ``published`` of them,
        the ``hours`` that those took, and those ``left``, by what a view took of the published
        cells, else in the benchmark of that set; NaN where neither was measured. Last, the
        ``command`` that computes what is missing.
    """
    store = store or Store()
    rows = [
        row
        for profile, sets in SETS.items()
        for name in sets
        for row in _rows(profile, name, store)
    ]
    return pd.DataFrame(rows)


def _rows(profile: Profile, name: str, store: Store) -> Iterator[dict[str, object]]:
    settings = Settings(profile=profile, data=name)
    for table, made in photographs.experiments(settings).items():
        kept = evidence.find(store, made)
        done = [] if kept is None else kept.manifest.cells
        hours = 0.0 if kept is None else kept.manifest.seconds / 3600
        seen = sum(views(made.config, cell) for cell in done)
        rate = seen / hours if seen else _benchmark(name)
        missing = [cell for cell in made.cells if dict(cell) not in done]
        yield {
            "images": words.images(name), "table": table, "profile": profile,
            "cells": len(made.cells), "published": len(done), "hours": hours,
            "left": sum(views(made.config, cell) for cell in missing) / rate,
            "command": f"ssl-lib publish diet {table} --profile {profile} --data {name}",
        }  # fmt: skip


def _benchmark(name: str) -> float:
    """Return the views an hour that a core was measured to train on."""
    found = Store(published=share("results") / "benchmarks").published("diet_views").table
    return 3600 * float(found.set_index("data")["views/s"].get(name, float("nan")))
