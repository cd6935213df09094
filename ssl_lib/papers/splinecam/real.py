"""The chapter on CIFAR-10 and TinyImageNet, in tables small enough to be committed.

``python -m ssl_lib.papers.splinecam.publish`` trains what is not stored yet and writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd

from ssl_lib.papers.splinecam import attacks, augmentation, boundaries, training
from ssl_lib.papers.splinecam.settings import Settings
from ssl_lib.paths import share
from ssl_lib.results import Result, Store

__all__ = ["PARTS", "Part", "committed_store", "compute", "measured"]

PARTS: dict[str, Callable[[Settings], Result]] = {
    "training-shapes": training.pictures,
    "evolution-shapes": boundaries.evolution_shapes,
    "evolution": boundaries.evolution,
    "architectures": boundaries.architectures,
    "samples": boundaries.boundary_samples,
    "attack-shapes": attacks.attack_shapes,
    "attacks": attacks.attacks,
    "training": training.over_epochs,
    "augmentation": augmentation.density,
}
"""What makes each table; those that share a trained network follow each other."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of the tables.

    Attributes
    ----------
    name : str
        A key of `PARTS`.
    settings : Settings
        Of the run that it is taken from.
    """

    name: str
    settings: Settings


def compute(config: Part) -> pd.DataFrame:
    """Make one table; coordinates and pixels are rounded to what a picture can show."""
    table = PARTS[config.name](config.settings).table
    drawn: pd.Index[str] | list[str] = (
        table.columns.intersection(["x", "y", "value"]) if "shape" in table else []
    )
    rounded = [*drawn, *table.filter(regex=r"^p\d+$").columns]
    small = table.astype(dict.fromkeys(rounded, "float32"))
    small[rounded] = small[rounded].round(3)
    return small


def committed_store() -> Store:
    """Return the store whose committed tables are this chapter's."""
    return Store(committed=share("results") / "splinecam")


def measured(
    settings: Settings, store: Store | None = None, names: Iterable[str] = tuple(PARTS)
) -> dict[str, Result]:
    """Return the tables: the run's own where it trains on photographs, else the committed ones.

    Parameters
    ----------
    settings : Settings
    store : Store, optional
        Where to look; by default the user's store and ``results/splinecam``.
    names : iterable of str
        Which tables; by default all of `PARTS`.

    Returns
    -------
    dict of str to Result
        By name; empty where none are committed.
    """
    store, own = store or committed_store(), settings.profile in ("standard", "paper")
    found = {}
    for name in names:
        key = f"splinecam-real-{name}"
        if own:
            found[name] = store.table(key, compute, Part(name=name, settings=settings))
        elif (store.committed_root / f"{key}.json").is_file():
            found[name] = store.committed(key)
    return found
