"""Tables to numbers: what is read from cells, by seed and over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import mean_interval
from ssl_lib.papers.minimal_variations.images import METRICS
from ssl_lib.papers.minimal_variations.moons import CUTS
from ssl_lib.papers.minimal_variations.tasks import TARGETS
from ssl_lib.papers.minimal_variations.variants import METHODS

__all__ = [
    "against_bound", "by_seed", "compared", "dictionary", "gaps", "means", "promised",
    "ratio_to_limit", "stacked", "summary", "tightest",
]  # fmt: skip


def by_seed(table: pd.DataFrame, measure: str, at: float | None = None, **where: Any) -> pd.Series:
    """Return a measure by seed, in the order of seeds.

    Examples
    --------
    >>> table = pd.DataFrame({"seed": [1, 0], "measure": "share", "at": 2.0, "value": [0.5, 0.25]})
    >>> by_seed(table, "share", 2).to_dict()
    {0: 0.25, 1: 0.5}
    """
    here = table.measure == measure
    if at is not None:
        here &= np.isclose(table["at"], at)
    for name, value in where.items():
        here &= table[name] == value
    return table[here].set_index("seed").value.sort_index()


def summary(values: pd.Series) -> Estimate:
    """Return the mean over seeds with its t interval.

    Examples
    --------
    >>> print(summary(pd.Series([1.0, 2.0, 3.0])))
    2 (−0.4841 to 4.484, n = 3)
    """
    mean, low, high = (float(part) for part in mean_interval(values.to_numpy()))
    return Estimate(mean, low, high, n=len(values))


def means(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return mean, low and high over seeds of the column value, for each combination of `by`.

    Examples
    --------
    >>> table = pd.DataFrame({"at": [1, 1], "seed": [0, 1], "value": [1.0, 3.0]})
    >>> means(table, ["at"])[["at", "mean"]].to_dict("records")
    [{'at': 1, 'mean': 2.0}]
    """
    grouped = table.groupby(list(by), sort=False).value
    rows = [
        (*(key if isinstance(key, tuple) else (key,)), *map(float, mean_interval(part.to_numpy())))
        for key, part in grouped
    ]
    return pd.DataFrame(rows, columns=[*by, "mean", "low", "high"])


def dictionary() -> pd.DataFrame:
    """Return what each method calls variation, for readers."""
    return pd.DataFrame(
        {
            "method": method.title,
            "variation measured": method.variation,
            "over": method.functions,
            "eigenvalues tend to those of": method.limit,
        }
        for method in METHODS.values()
    )


def compared(table: pd.DataFrame) -> pd.DataFrame:
    """Return the methods beside each other, for readers: means over seeds."""
    chosen = {
        "third eigenvalue": ("eigenvalue", 3), "alignment of 4": ("alignment", 4),
        "moon explained by 2": ("share", 2), "excess error, 20 labels": ("arcs excess", 20),
    }  # fmt: skip
    rows = [
        {"method": method.title}
        | {title: by_seed(table, *key, method=name).mean() for title, key in chosen.items()}
        for name, method in METHODS.items()
    ]
    found = pd.DataFrame(rows)
    found.loc[found.method == METHODS["pca"].title, "third eigenvalue"] = np.nan
    return found


def ratio_to_limit(table: pd.DataFrame, noise: float, number: int = 3) -> pd.Series:
    """Return by seed (1 - mu) / noise^2 in units of the Dirichlet eigenvalue."""
    here, limit = (by_seed(table, "eigenvalue", number, noise=scale) for scale in (noise, 0.0))
    return here / limit


def against_bound(table: pd.DataFrame) -> pd.DataFrame:
    """Return missed and bound beside each other: columns target, title, seed, k, missed, bound."""
    rows = table[table.measure.isin(["missed", "bound"])]
    wide = rows.pivot(index=["target", "seed", "at"], columns="measure", values="value")
    titles = {target.name: target.title for target in TARGETS}
    found = wide.reset_index().rename(columns={"at": "k"}).rename_axis(columns=None)
    found.insert(1, "title", found.target.map(titles))
    return found


def tightest(table: pd.DataFrame) -> pd.Series:
    """Return by seed the largest ratio of missed to bound, where the bound says anything."""
    found = against_bound(table)
    found = found[found.bound < 1]
    return (found.missed / found.bound).groupby(found.seed).max()


def promised(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return from how many functions on the bound is below one, by metric and set, for readers.

    Examples
    --------
    >>> rows = [("noise", "bound", 1.0, 2.0), ("noise", "bound", 5.0, 0.5)]
    >>> table = pd.DataFrame(rows, columns=["metric", "measure", "at", "value"])
    >>> promised({"digits": table}).digits.to_list()
    ['never to 5', 'from 5 on', 'never to 5']
    """
    found: dict[str, list[str]] = {"metric": [metric.title for metric in METRICS[1:]]}
    for name, table in tables.items():
        bounds = table[table.measure == "bound"].groupby(["metric", "at"]).value.mean()
        says = bounds[bounds < 1].reset_index("at").groupby("metric")["at"].min()
        never = f"never to {table['at'].max():.0f}"
        starts = (says.get(metric.name) for metric in METRICS[1:])
        found[name] = [never if k is None else f"from {k:.0f} on" for k in starts]
    return pd.DataFrame(found)


def stacked(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return tables of several sets of images below each other, with a column data.

    Examples
    --------
    >>> stacked({"digits": pd.DataFrame({"value": [1.0]})}).to_dict("records")
    [{'data': 'digits', 'value': 1.0}]
    """
    return pd.concat(tables, names=["data"]).reset_index("data").reset_index(drop=True)


def gaps() -> str:
    """Name the cuts at which spans are compared.

    Examples
    --------
    >>> gaps()
    '2, 4 and 6'
    """
    return ", ".join(map(str, CUTS[:-1])) + f" and {CUTS[-1]}"
