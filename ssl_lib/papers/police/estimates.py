"""What decides the chapter's claims."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import mean_interval
from ssl_lib.papers.police.experiments import Tables
from ssl_lib.papers.police.measures import MERGED

__all__ = ["NOT_TESTED", "estimates", "remaining"]

#: Claims that no table decides, and why.
NOT_TESTED = {
    "C6": "the published factors are of another implementation on a GPU, not synchronised and with "
    "its warm-up; ours stand beside them row by row, and a faster one does not contradict them"
}
#: Affine maps that differ by less than this share of the largest slope count as one.
SAME = 1e-6

Given = Estimate | Mapping[str, Estimate]


def estimates(tables: Tables) -> dict[str, Given]:
    """Return by claim what decides it; claims of :data:`NOT_TESTED` are missing."""
    return {
        "C1": _affine(tables),
        "C2": _trained(tables["optimisers"]),
        "C3": _largest(tables["architectures"].constrained),
        "C4": _straight(tables),
        "C5": _fits(tables),
        "C7": _merged(tables),
        "C8": several(tables.wide(*_MAPS, figure="several")),
    }


_MAPS = ("affinity", "inside", "slope x", "slope y")


def _largest(column: pd.Series) -> Estimate:
    return Estimate(float(column.max()), n=len(column))


def _affine(tables: Tables) -> dict[str, Estimate]:
    counts = tables.wide("inside")
    return {
        "initial networks": _largest(tables["initial"].float64),
        "during training": _largest(tables.wide("float64")["float64"]),
        "most linear regions inside": _largest(counts[counts.constrained].inside),
    }


def _trained(optimisers: pd.DataFrame) -> dict[str, Estimate]:
    own = optimisers[optimisers.constrained]
    fall = 1 - remaining(optimisers).unstack("constrained")
    shares = (fall[True] / fall[False]).groupby("optimiser", sort=False)
    return {
        "error of affinity": _largest(own.groupby(["optimiser", "seed"]).error.max()),
        **{str(name): _mean(values.to_numpy(float)) for name, values in shares},
    }


def _mean(values: npt.NDArray[np.float64]) -> Estimate:
    middle, low, high = map(float, mean_interval(values))
    if len(values) < 2:
        return Estimate(middle, n=len(values))
    return Estimate(middle, low, high, n=len(values))


def remaining(optimisers: pd.DataFrame) -> pd.Series:
    """Return the last loss of each training as a share of its first."""
    losses = optimisers.groupby(["optimiser", "constrained", "seed"], sort=False).loss
    return losses.last() / losses.first()


def _straight(tables: Tables) -> Estimate:
    """Return the number of segments that is farthest from one."""
    counts = tables.wide("segments", figure="classification")
    own = counts[counts.constrained].segments
    return Estimate(float(own.iloc[(own - 1).abs().argmax()]), n=len(own))


def _fits(tables: Tables) -> dict[str, Estimate]:
    fits = tables.wide("affinity", "enlarged", "explained", figure="regression")
    own = fits[fits.constrained]
    return {
        "error of affinity inside": _largest(own.affinity),
        "error of affinity on the enlarged region": Estimate(own.enlarged.min(), n=len(own)),
        "variance explained outside": _worst(own.groupby("network", sort=False).explained),
    }


def _worst(cases: Any) -> Estimate:
    """Return the mean over seeds of the case with the smallest, and its interval."""
    name = str(cases.mean().idxmin())
    found = _mean(cases.get_group(name).to_numpy(float))
    most = None if found.high is None else min(found.high, 1.0)  # no share is larger
    return dataclasses.replace(found, high=most, note=name)


def _merged(tables: Tables) -> dict[str, Estimate]:
    own = tables.wide(*MERGED)
    return {
        "additional parameters": _largest(own.parameters.abs()),
        "additional layers": _largest(own.layers.abs()),
        "difference of outputs": _largest(own.difference),
    }


def several(rows: pd.DataFrame) -> dict[str, Estimate]:
    """Judge networks with several regions; of the numbers of different maps the smallest."""
    different = [_different(own) for _, own in rows.groupby("seed")]
    return {
        "error of affinity": _largest(rows.affinity),
        "most linear regions inside": _largest(rows.inside),
        "different maps": Estimate(min(different), n=len(different)),
    }


def _different(rows: pd.DataFrame) -> int:
    slopes = rows[["slope x", "slope y"]].to_numpy()
    apart = np.linalg.norm(slopes[:, None] - slopes, axis=2) > SAME * np.abs(slopes).max()
    # A map counts unless an earlier one is the same.
    return sum(bool(apart[place, :place].all()) for place in range(len(rows)))
