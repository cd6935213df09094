"""Digits whose classes have a long tail, with a balanced test set and held-out images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ssl_lib import data
from ssl_lib.data import ImageData
from ssl_lib.data.subsets import long_tail, long_tail_counts, stratified_split
from ssl_lib.randomness import torch_generator

__all__ = ["TEST", "Digits", "digits", "hashes"]

#: Test images of each class, and images of the largest class.
TEST, MOST = 40, 134


@dataclass(frozen=True)
class Digits:
    """Digits with a law of class sizes.

    Attributes
    ----------
    images, labels : torch.Tensor
        For training, in [0, 1].
    test, test_labels : torch.Tensor
        Balanced.
    held : torch.Tensor
        Some of the test images, with the law of the training images.
    order : tuple of int
        Classes by their size, the largest first.
    """

    images: Tensor
    labels: Tensor
    test: Tensor
    test_labels: Tensor
    held: Tensor
    order: tuple[int, ...]

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """Shares of the classes, in the order of the labels."""
        return self.labels.bincount(minlength=10).double().numpy() / len(self.labels)


@lru_cache(maxsize=1)
def _every() -> ImageData:
    return data.load("digits", split="all")


def hashes() -> dict[str, str]:
    """Return the hash of the digits."""
    return {_every().name: _every().fingerprint}


def digits(exponent: float, seed: int) -> Digits:
    """Return digits whose class sizes fall as a power of their rank, in an order that is drawn.

    Examples
    --------
    >>> made = digits(1.5, 0)
    >>> len(made.images), len(made.test), made.labels.bincount().sort().values.tolist()
    (267, 400, [4, 5, 6, 7, 9, 12, 17, 26, 47, 134])
    """
    every = _every()
    stream = torch_generator(seed, "cluster-prior", "digits")
    fit, judge = stratified_split(every.labels, generator=stream, per_class=TEST)
    kept = fit[_tail(every.labels[fit], exponent, MOST, seed)]
    held = judge[_tail(every.labels[judge], exponent, TEST, seed)]
    sizes = every.labels[kept].bincount(minlength=10)
    order = tuple(sizes.argsort(descending=True, stable=True).tolist())
    return Digits(
        *_pair(every, kept), *_pair(every, judge), held=_pair(every, held)[0], order=order
    )


def _tail(labels: Tensor, exponent: float, most: int, seed: int) -> Tensor:
    counts = long_tail_counts("power", n_max=most, n_classes=10, exponent=exponent, at_least=2)
    drawn = torch.randperm(10, generator=torch_generator(seed, "cluster-prior", "classes"))
    stream = torch_generator(seed, "cluster-prior", "tail")
    return long_tail(labels, counts[drawn], generator=stream)


def _pair(every: ImageData, rows: Tensor) -> tuple[Tensor, Tensor]:
    return every.images[rows].float() / 255, every.labels[rows]
