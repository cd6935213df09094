"""Data sets, or the first classes and images of them."""

from __future__ import annotations

from dataclasses import replace

from ssl_lib import data
from ssl_lib.data import ImageData

__all__ = ["load"]


def load(name: str, *, split: str = "train", classes: int = 0, most: int = 0) -> ImageData:
    """Load a data set, or a part of it.

    Parameters
    ----------
    name, split : str
        As :func:`ssl_lib.data.load` takes them.
    classes : int
        Only this many classes, the first; 0 for all.
    most : int
        Only this many images, the first of those classes; 0 for all.

    Returns
    -------
    ImageData

    Examples
    --------
    >>> load("digits", classes=3, most=100)
    ImageData('digits/train', 100 images of 1 x 8 x 8, 3 classes, cpu)
    """
    found = data.load(name, split=split)
    if classes:
        chosen = found.subset(found.labels < classes)
        found = replace(chosen, class_names=found.class_names[:classes])
    return found.subset(slice(most)) if most else found
