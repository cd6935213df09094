"""Parts of data sets, and planes through their images."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ssl_lib import data
from ssl_lib.data import ImageData
from ssl_lib.geometry import Slice, slice_through

__all__ = ["Part", "cross_class_planes", "pixels", "plane_of", "some_images"]


@dataclass(frozen=True)
class Part:
    """Which images of a data set.

    Parameters
    ----------
    data : str
        As :func:`ssl_lib.data.load` takes it.
    classes : tuple of int
        Only these classes, numbered anew in this order; empty for all.
    most : int
        Only this many images, the first of those classes; 0 for all.

    Examples
    --------
    >>> Part("digits", classes=(0, 1, 2), most=100).load()
    ImageData('digits/train', 100 images of 1 x 8 x 8, 3 classes, cpu)
    """

    data: str
    classes: tuple[int, ...] = ()
    most: int = 0

    def load(self, split: str = "train") -> ImageData:
        """Return the images."""
        return _load(self, split)

    @property
    def unseen(self) -> str:
        """The split that is not trained on."""
        return "valid" if self.data == "tiny-imagenet" else "test"

    def hashes(self) -> dict[str, str]:
        """Return what identifies the images of both splits."""
        return {
            f"{self.data}/{split}": self.load(split).fingerprint for split in ("train", self.unseen)
        }


@functools.lru_cache(maxsize=8)
def _load(part: Part, split: str) -> ImageData:
    found = data.load(part.data, split=split)
    if part.classes:
        wanted = torch.tensor(part.classes)
        chosen = found.subset(torch.isin(found.labels, wanted))
        labels = (chosen.labels[:, None] == wanted).long().argmax(1)
        names = tuple(found.class_names[label] for label in part.classes)
        found = replace(chosen, labels=labels, class_names=names)
    return found.subset(slice(part.most)) if part.most else found


def pixels(images: Tensor) -> Tensor:
    """Return images (n, c, h, w) uint8 as float64 in [0, 1], as the networks see them."""
    return images.double() / 255


def some_images(images: ImageData, n: int, generator: torch.Generator) -> Tensor:
    """Draw n images (n, c, h, w)."""
    return images.images[torch.randperm(len(images), generator=generator)[:n]]


def plane_of(images: ImageData, rows: Sequence[int]) -> tuple[Slice, Tensor]:
    """Lay a plane through three images, and return their labels."""
    chosen = list(rows)
    return slice_through(*pixels(images.images[chosen])), images.labels[chosen]


def cross_class_planes(images: ImageData, n: int) -> list[tuple[Slice, Tensor]]:
    """Lay planes through an image of class 0 and its two nearest images of class 1.

    The images of class 0 come in order of their distance from class 1.

    Parameters
    ----------
    images : ImageData
        Of two classes.
    n : int

    Returns
    -------
    list of (Slice, Tensor)
        Each plane and the labels of its three anchors.
    """
    flat = pixels(images.images).flatten(1)
    first, second = ((images.labels == label).nonzero()[:, 0] for label in (0, 1))
    distance, nearest = torch.cdist(flat[first], flat[second]).topk(2, largest=False)
    order = distance[:, 0].argsort()[:n].tolist()
    return [plane_of(images, [int(first[row]), *second[nearest[row]].tolist()]) for row in order]
