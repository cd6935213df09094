"""What prototypes tell of a factor of the images, as a share of the factor's own entropy.

The normalised mutual information divides by the mean of two entropies, so that of a rare factor
cannot reach 1 where prototypes are evenly used. The tables hold it, but not the entropy of the
prototypes; that has bounds, see :func:`told`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.methods.prior import power_law_prior
from ssl_lib.plotting import words

__all__ = [
    "LEVELS",
    "Bounds",
    "Told",
    "ceiling",
    "chance",
    "discarded",
    "entropy",
    "glyphs",
    "layers",
    "shares",
    "told",
]

#: Values of each factor, and prototypes.
LEVELS = 10
_NAMES = ["even", "rare"]


class Bounds(NamedTuple):
    """The least and the greatest value that a table allows, by seed."""

    least: pd.Series
    most: pd.Series


class Told(NamedTuple):
    """Shares of each factor's entropy, rows seeds, columns even and rare.

    ``least`` is at the least entropy that the prototypes can have, ``most`` at the greatest.
    """

    least: pd.DataFrame
    most: pd.DataFrame


def entropy(exponent: float) -> float:
    """Return the entropy in nats of a factor whose ten values follow a power law.

    Examples
    --------
    >>> round(entropy(0.0), 4), round(entropy(2.0), 4)
    (2.3026, 1.2363)
    """
    law: npt.NDArray[np.float64] = power_law_prior(LEVELS, exponent=exponent).numpy()
    return float(-(law * np.log(law)).sum())


def ceiling(exponent: float) -> float:
    """Return the normalised information of evenly used prototypes that tell all of a factor.

    Examples
    --------
    >>> ceiling(0.0), round(ceiling(2.0), 2)
    (1.0, 0.7)
    """
    return 2 / (1 + entropy(0.0) / entropy(exponent))


def chance(images: int, exponent: float) -> float:
    """Return the normalised information of evenly used prototypes that are drawn at random.

    To first order in the number of images.

    Examples
    --------
    >>> round(chance(10_000, 0.0), 5)
    0.00176
    """
    return (LEVELS - 1) ** 2 / images / (entropy(exponent) + entropy(0.0))


def told(nmi: pd.DataFrame, exponent: float) -> Told:
    """Return the shares of two independent factors' entropies that prototypes tell.

    Parameters
    ----------
    nmi : pandas.DataFrame
        Normalised mutual information; rows seeds, columns even and rare.
    exponent : float
        Of the rare factor's power law.

    Returns
    -------
    Told
        The entropy of ten prototypes is at most log 10, and at least the sum of what they tell of
        independent factors.

    Examples
    --------
    Prototypes that are the even factor have an entropy of log 10, whichever bound is taken:

    >>> found = told(pd.DataFrame({"even": [1.0], "rare": [0.0]}), 2.0)
    >>> found.least.even.round(6).tolist(), found.most.even.tolist()
    ([1.0], [1.0])
    """
    nmi, own = nmi[_NAMES], np.array([entropy(0.0), entropy(exponent)])
    least = (nmi * own).sum(axis=1) / (2 - nmi.sum(axis=1))
    ends = least.to_numpy(), np.full(len(nmi), entropy(0.0))
    return Told(*(nmi * (1 + np.divide.outer(end, own)) / 2 for end in ends))


def discarded(nmi: pd.DataFrame, exponent: float) -> Bounds:
    """Return how much more is told of the even factor than of the rare one, as in :func:`told`.

    Examples
    --------
    >>> nmi = pd.DataFrame({"even": [0.5], "rare": [0.5]})
    >>> [end.round(3).tolist() for end in discarded(nmi, 2.0)]
    [[-0.216], [-0.166]]
    """
    ends = pd.concat([part.even - part.rare for part in told(nmi, exponent)], axis=1)
    return Bounds(ends.min(axis=1), ends.max(axis=1))


def glyphs(factors: pd.DataFrame, model: str, exponent: float) -> pd.DataFrame:
    """Return what a prior's prototypes tell of both glyphs: rows seeds, columns even and rare."""
    own = factors[(factors.exponent == exponent) & (factors.model == model)]
    return own.set_index("seed")[_NAMES]


def shares(factors: pd.DataFrame) -> pd.DataFrame:
    """Return, for readers, what prototypes of a uniform prior tell of both glyphs.

    Returns
    -------
    pandas.DataFrame
        A row an exponent: exponent, ceiling (see :func:`ceiling`), even and rare (means over seeds
        of both bounds, as text).
    """
    rows = []
    for exponent in factors.exponent.unique():
        ends = told(glyphs(factors, "uniform", exponent), exponent)
        means = [words.spread((part[name].mean() for part in ends), ".0%") for name in _NAMES]
        rows.append((exponent, ceiling(exponent), *means))
    return pd.DataFrame(rows, columns=["exponent", "ceiling", *_NAMES])


def layers(overlay: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the same of digits, the rare factor, over photographs of even classes."""
    wide = overlay[overlay.model == model].pivot(index="seed", columns="measure", values="value")
    names = {"photograph information": "even", "digit information": "rare"}
    return wide[list(names)].rename(columns=names)
