"""Distances between images in pixels: how much noise balls around them bear before they touch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from ssl_lib import data
from ssl_lib.data import ImageData
from ssl_lib.data.subsets import stratified_fraction
from ssl_lib.randomness import torch_generator

__all__ = ["Sample", "distances", "hashes", "images", "touching"]

_SPLITS = {"digits": "all", "tiny-imagenet": "valid"}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Images whose distances are measured: about `most` of a set, all of the digits."""

    most: int = 1000


def images(name: str, most: int) -> ImageData:
    """Return a sample of test images, each class in proportion, the same for all runs.

    Examples
    --------
    >>> len(images("digits", 1000))
    1797
    """
    found = data.load(name, split=_SPLITS.get(name, "test"))
    if name == "digits" or len(found) <= most:
        return found
    generator = torch_generator(0, "vicreg_info", "distances")
    rows = stratified_fraction(found.labels, most / len(found), generator=generator)
    return found.subset(rows)


def hashes(name: str, most: int) -> dict[str, str]:
    """Return the hash of the images."""
    found = images(name, most)
    return {found.name: found.fingerprint}


def touching(distance: float, pixels: int) -> float:
    r"""Return the noise at which balls at a distance touch.

    N(0, s^2 I) in d dimensions keeps a distance of about :math:`s\sqrt d` from its centre.

    Examples
    --------
    >>> touching(16.0, 64)
    1.0
    """
    return distance / (2 * math.sqrt(pixels))


def distances(config: Sample, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Measure distances between images with pixels in [0, 1].

    Parameters
    ----------
    config : Sample
    cell : mapping
        ``data``, a named data set.

    Returns
    -------
    pandas.DataFrame
        Columns measure ("pairs", "nearest", "touching": the noise at which balls around nearest
        neighbours touch), at (quantile), value; and the measures "images", "pixels".
    """
    found = images(cell["data"], config.most)
    x = found.images.flatten(1).double() / 255
    apart = torch.cdist(x, x)
    pairs = apart[torch.triu(torch.ones_like(apart, dtype=torch.bool), 1)]
    nearest = apart.fill_diagonal_(float("inf")).amin(1)
    pixels = x.shape[1]
    rows: list[tuple[str, float, float]] = [("images", 0, len(x)), ("pixels", 0, pixels)]
    at = torch.linspace(0, 1, 101, dtype=torch.float64)
    for name, values in (("pairs", pairs), ("nearest", nearest)):
        rows += _quantiles(name, values, at)
    rows += [("touching", q, touching(v, pixels)) for _, q, v in rows if _ == "nearest"]
    return pd.DataFrame(rows, columns=["measure", "at", "value"]).astype(
        {"at": "float64", "value": "float64"}
    )


def _quantiles(name: str, values: Tensor, at: Tensor) -> list[tuple[str, float, float]]:
    ordered = values.sort().values
    places = (at * (len(ordered) - 1)).round().long()
    return [(name, round(float(q), 2), float(v)) for q, v in zip(at, ordered[places], strict=True)]
