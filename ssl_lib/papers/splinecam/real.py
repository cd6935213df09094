"""The chapter on CIFAR-10 and TinyImageNet, in tables small enough to be committed.

``python -m ssl_lib.papers.splinecam.publish`` trains what is not stored yet and writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from ssl_lib.papers.splinecam import attacks, augmentation, boundaries, training
from ssl_lib.papers.splinecam.settings import Settings
from ssl_lib.paths import share
from ssl_lib.results import Result, Store
from ssl_lib.results import published as committed

__all__ = [
    "CLASSES",
    "PARTS",
    "TRAINED",
    "UNPUBLISHED",
    "committed_store",
    "costs",
    "measured",
    "packed",
    "unpacked",
]

#: The labels of CIFAR-10.
CLASSES = dict(
    enumerate(["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]),
)

PARTS: dict[str, Callable[[Settings, Store | None], Result]] = {
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

#: Pixels of photographs, even blended, stay with their data set: shown where it is, not committed.
UNPUBLISHED = ("samples",)

#: What the tables at the profile standard were measured on: data, images of one training, networks,
#: epochs, runs. A table and its shapes share their trainings.
TRAINED = {
    "training-shapes": ("CIFAR-10", "10,000", "patch2", 10, 1),
    "evolution": ("CIFAR-10, cats and dogs", "about 2,000", "patch3", 32, 1),
    "architectures": ("CIFAR-10", "10,000", "50x3, patch3", 20, 1),
    "attacks": ("CIFAR-10", "10,000", "patch3", 20, 1),
    "training": ("CIFAR-10", "10,000", "cnn8", 10, 3),
    "augmentation": ("TinyImageNet, 20 classes", "about 5,000", "vgg11-8, vgg16-8", 6, 3),
}


def packed(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table without what no picture shows, for a small file.

    Coordinates are rounded to a thousandth, and images to 256 levels, as text.

    Examples
    --------
    >>> made = pd.DataFrame({"tie": [1e-17], "p0": [0.5], "p1": [1.25]})
    >>> packed(made).pixels[0]
    '80ff'
    """
    if "shape" in table:
        return _one_row_a_shape(table)
    pixels = table.filter(regex=r"^p\d+$")
    if not len(pixels.columns):
        return table
    levels = (255 * pixels.fillna(0).to_numpy().clip(0, 1)).round().astype(np.uint8)
    there = pixels.notna().all(axis=1)
    texts = [row.tobytes().hex() if own else "" for row, own in zip(levels, there, strict=True)]
    return table.drop(columns=pixels.columns).assign(pixels=texts)


def unpacked(table: pd.DataFrame) -> pd.DataFrame:
    """Return a packed table as the figures take it.

    Examples
    --------
    >>> made = pd.DataFrame({"tie": [0.0], "p0": [0.5], "p1": [1.25]})
    >>> unpacked(packed(made)).round(3).to_dict("list")
    {'tie': [0.0], 'p0': [0.502], 'p1': [1.0]}
    """
    if "x" in table and "shape" in table:
        return _one_row_a_vertex(table)
    if "pixels" not in table:
        return table
    images = [np.frombuffer(bytes.fromhex(text), np.uint8) / 255 for text in table.pixels]
    length = max(len(image) for image in images)
    rows = [image if len(image) else np.full(length, np.nan) for image in images]
    pixels = pd.DataFrame(np.stack(rows), index=table.index).add_prefix("p")
    return pd.concat([table.drop(columns="pixels"), pixels], axis=1)


def _one_row_a_shape(table: pd.DataFrame) -> pd.DataFrame:
    keys = table[[name for name in ("slice", "panel", "kind", "shape") if name in table]]
    starts = np.flatnonzero(keys.ne(keys.shift()).any(axis=1).to_numpy())
    columns = {"x": "float32", "y": "float32", "layer": "int8"}
    lists = {
        name: pd.Series(map(list, np.split(table[name].round(3).to_numpy(kind), starts[1:])))
        for name, kind in columns.items()
    }
    value = table.value.round(3).to_numpy("float32")[starts]
    return table.iloc[starts].reset_index(drop=True).assign(**lists, value=value)


def _one_row_a_vertex(table: pd.DataFrame) -> pd.DataFrame:
    long = table.explode(["x", "y", "layer"], ignore_index=True)
    return long.astype({"x": float, "y": float, "value": float, "layer": int})


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
            found[name] = PARTS[name](settings, store)
        elif committed.exists(store.committed_root, key):
            kept = store.committed(key)
            found[name] = replace(kept, table=unpacked(kept.table))
    return found


def costs(found: Mapping[str, Result]) -> pd.DataFrame:
    """Return what was trained at the profile standard and how long each table took.

    Parameters
    ----------
    found : mapping of str to Result
        From :func:`measured`.

    Returns
    -------
    pandas.DataFrame
        Columns table, data, images, networks, epochs, runs, seconds (training and partitions).
    """
    names = ["data", "images", "networks", "epochs", "runs"]
    rows = [
        {"table": name, **dict(zip(names, about, strict=True)), "seconds": _seconds(found, name)}
        for name, about in TRAINED.items()
        if name in found
    ]
    return pd.DataFrame(rows)


def _seconds(found: Mapping[str, Result], name: str) -> float:
    """Of a table and of those that are computed from the same networks."""
    same = {"evolution": ["evolution-shapes"], "architectures": ["samples"]}
    same["attacks"] = ["attack-shapes"]
    parts = [name, *same.get(name, [])]
    return sum(found[part].manifest.seconds for part in parts if part in found)
