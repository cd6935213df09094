"""Training and test images of a named set or of a folder, as many as are wanted."""

from __future__ import annotations

import torch

from ssl_lib.data.images import ImageData
from ssl_lib.data.loading import NAMES, load
from ssl_lib.data.subsets import stratified_fraction, stratified_split

__all__ = ["hashes", "split"]

_TEST = {"tiny-imagenet": "valid"}
_HELD_SHARE = 0.2  # of a folder


def split(
    name: str, most: int, size: int, generator: torch.Generator
) -> tuple[ImageData, ImageData]:
    """Return training and test images; of a folder, a fifth of each class is held back.

    Parameters
    ----------
    name : str
        A named set, or a folder of class folders.
    most : int
        Training images, drawn class by class; 0 takes all.
    size : int
        Pixels of a side of images in a folder.
    generator : torch.Generator
    """
    if name in NAMES:
        every, test = load(name), load(name, split=_TEST.get(name, "test"))
    else:
        both = load(name, size=size)
        held = round(_HELD_SHARE * len(both))
        fit, judge = stratified_split(both.labels, generator=generator, n_test=held)
        every, test = both.subset(fit), both.subset(judge)
    if 0 < most < len(every):
        share = most / len(every)
        every = every.subset(stratified_fraction(every.labels, share, generator=generator))
    return every, test


def hashes(both: tuple[ImageData, ImageData]) -> dict[str, str]:
    """Return the content of both sets, for the key of the results."""
    return {f"{part.name} {len(part)}": part.fingerprint for part in both}
