"""What decides the chapter's claims."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.papers.police import timing

__all__ = ["estimates"]

#: Affine maps that differ by less than this share of the largest slope count as one.
SAME = 1e-6


def estimates(
    *,
    by_depth: pd.DataFrame,
    snapshots: pd.DataFrame,
    regions: pd.DataFrame,
    optimisers: pd.DataFrame,
    architectures: pd.DataFrame,
    fits: pd.DataFrame,
    slowdowns: pd.DataFrame,
    merging: pd.DataFrame,
    several_error: float,
) -> dict[str, Estimate | Mapping[str, Estimate]]:
    """Return an estimate for each claim that the tables can decide.

    Parameters
    ----------
    by_depth, optimisers, architectures : pandas.DataFrame
        From :mod:`ssl_lib.papers.police.affinity`.
    snapshots, regions, fits, merging : pandas.DataFrame
        From :mod:`ssl_lib.papers.police.measures`; ``regions`` of all trained networks.
    slowdowns : pandas.DataFrame
        From :mod:`ssl_lib.papers.police.timing`.
    several_error : float
        Largest error of affinity over three regions.

    Returns
    -------
    dict
        By claim; C6 is missing where none of the paper's networks was timed.
    """
    exact = by_depth[(by_depth.model == "constrained") & (by_depth.precision == "float64")]
    one = fits[fits.model == "constrained"]
    own = regions[regions.run.str.endswith("-police")]
    square = own[own.run.str.startswith("stars-")]
    found: dict[str, Estimate | Mapping[str, Estimate]] = {
        "C1": {
            "initial networks": Estimate(exact.error.max(), n=len(exact)),
            "during training": Estimate(snapshots.float64.max(), n=len(snapshots)),
            "most linear regions inside": Estimate(int(own.inside.max()), n=len(own)),
        },
        "C2": {
            "error of affinity": Estimate(optimisers.error.max(), n=len(optimisers)),
            "remaining share of the loss": Estimate(_remaining(optimisers)),
        },
        "C3": Estimate(architectures.constrained.max(), n=len(architectures)),
        "C4": Estimate(int(square.segments.iloc[0])),
        "C5": {
            "error of affinity inside": Estimate(one.affinity.max(), n=len(one)),
            "error of affinity on the enlarged region": Estimate(one.affinity_enlarged.min()),
            "variance explained outside": Estimate(one.explained_far.min()),
        },
        "C7": {
            "additional parameters": Estimate(int(merging.parameters.abs().max())),
            "additional layers": Estimate(int(merging.layers.abs().max())),
            "difference of outputs": Estimate(merging.difference.max(), n=len(merging)),
        },
        "C8": _several(own[own.run.str.contains("-three-")], several_error),
    }
    factors = timing.beside_paper(slowdowns).dropna(subset="slowdown")
    if len(factors):
        ordered = factors.sort_values("slowdown")
        found["C6"] = {
            "smallest factor": _factor(ordered.iloc[0]),
            "largest factor": _factor(ordered.iloc[-1]),
        }
    return found


def _remaining(optimisers: pd.DataFrame) -> float:
    losses = optimisers.groupby("optimiser").loss
    return float((losses.last() / losses.first()).max())


def _factor(row: pd.Series) -> Estimate:
    note = f"D = {row.dimension:.0f}, width {row.width:.0f}, depth {row.depth:.0f}"
    # The ratio of medians can lie at the edge of the bootstrap of few rounds.
    low, high = min(row.low, row.slowdown), max(row.high, row.slowdown)
    return Estimate(float(row.slowdown), float(low), float(high), n=int(row.rounds), note=note)


def _several(rows: pd.DataFrame, error: float) -> dict[str, Estimate]:
    slopes = rows[["slope_x", "slope_y"]].to_numpy()
    apart = np.linalg.norm(slopes[:, None] - slopes, axis=2) > SAME * np.abs(slopes).max()
    # A map counts unless an earlier one is the same.
    different = sum(bool(apart[place, :place].all()) for place in range(len(rows)))
    return {
        "error of affinity": Estimate(error, n=len(rows)),
        "most linear regions inside": Estimate(int(rows.inside.max()), n=len(rows)),
        "different maps": Estimate(different),
    }
