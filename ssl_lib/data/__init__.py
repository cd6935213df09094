"""Data sets, batched views and long tails.

>>> from ssl_lib import data
>>> data.load("digits")
ImageData('digits/train', 1,297 images of 1 x 8 x 8, 10 classes, cpu)

Names are imported when first used, so that ``ssl_lib.data.downloads`` alone does not load torch.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssl_lib.data.channels import STATISTICS, Statistics, normalise, normaliser, statistics
    from ssl_lib.data.few_classes import ClassPoorData, class_poor
    from ssl_lib.data.images import Batch, ImageData, fingerprint
    from ssl_lib.data.loading import NAMES, load
    from ssl_lib.data.subsets import (
        balanced_subset,
        class_poor_batches,
        long_tail,
        long_tail_counts,
        stratified_fraction,
        stratified_split,
    )

__all__ = [
    "NAMES",
    "STATISTICS",
    "Batch",
    "ClassPoorData",
    "ImageData",
    "Statistics",
    "balanced_subset",
    "class_poor",
    "class_poor_batches",
    "fingerprint",
    "load",
    "long_tail",
    "long_tail_counts",
    "normalise",
    "normaliser",
    "statistics",
    "stratified_fraction",
    "stratified_split",
]

_HOMES = {
    "few_classes": ("ClassPoorData", "class_poor"),
    "images": ("Batch", "ImageData", "fingerprint"),
    "loading": ("NAMES", "load"),
    "channels": ("STATISTICS", "Statistics", "normalise", "normaliser", "statistics"),
    "subsets": (
        "balanced_subset",
        "class_poor_batches",
        "long_tail",
        "long_tail_counts",
        "stratified_fraction",
        "stratified_split",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name == "views":
        return importlib.import_module("ssl_lib.data.views")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
