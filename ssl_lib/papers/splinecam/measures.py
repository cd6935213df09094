"""Numbers from the chapter's tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ssl_lib.claims.intervals import mean_interval
from ssl_lib.papers.splinecam.implicit import BAND
from ssl_lib.results import Result

__all__ = [
    "BAND", "LIMIT", "between", "by_network", "costs", "factors", "failed", "larger", "moves",
    "nearer", "stacked", "surface_factor", "toy_changes",
]  # fmt: skip

#: The largest relative error of an exact number.
LIMIT = 1e-12


def failed(checks: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table of checks for which one fails."""
    good = (checks.area_error <= LIMIT) & (checks.map_error <= LIMIT)
    good &= (checks.repeated_codes == 0) & (checks.patterns_missed == 0)
    return checks[~good]


def toy_changes(table: pd.DataFrame) -> pd.DataFrame:
    """Return the relative changes over the second half of training, by task and seed.

    Examples
    --------
    >>> made = pd.DataFrame({"task": "a", "seed": 0, "step": [0, 100, 200], "length": [1, 10, 11],
    ...                      "slope": [1, 2, 3]})
    >>> toy_changes(made)[["length", "slope"]].round(9).to_numpy().tolist()
    [[0.1, 0.5]]
    """
    last = table.step.max()
    ends = table[table.step.isin([last // 2, last])]
    wide = ends.pivot(index=["task", "seed"], columns="step", values=["length", "slope"])
    found = {name: wide[name, last] / wide[name, last // 2] - 1 for name in ("length", "slope")}
    return pd.DataFrame(found).reset_index()


def by_network(density: pd.DataFrame) -> pd.DataFrame:
    """Return means over images and seeds, by network and training."""
    values = ["accuracy", "regions", "area", "eccentricity"]
    return density.groupby(["network", "training"], sort=False)[values].mean().reset_index()


def factors(density: pd.DataFrame) -> pd.DataFrame:
    """Return by what factor the mean number of regions changes, with 95 % intervals over seeds.

    Intervals are t intervals of the logarithm; networks with and without augmentation share
    initial weights and are paired, as are two networks of one seed without.

    Parameters
    ----------
    density : pandas.DataFrame
        Of two networks, the smaller first, each trained "plain" and "augmented".

    Returns
    -------
    pandas.DataFrame
        Columns what, factor, low, high, n (seeds). Rows: each network (augmented over plain),
        "larger over smaller" (plain), and "difference", of the two networks' factors.

    Examples
    --------
    >>> import itertools
    >>> rows = itertools.product(("a", "b"), ("plain", "augmented"), range(3))
    >>> made = pd.DataFrame(rows, columns=["network", "training", "seed"])
    >>> made["regions"] = [10, 11, 12, 20, 22, 24, 30, 33, 36, 30, 33, 36]
    >>> factors(made).factor.round(6).tolist()
    [2.0, 1.0, 3.0, 1.0]
    """
    small, large = dict.fromkeys(density.network)
    means = density.groupby(["network", "training", "seed"]).regions.mean()
    logs = means.map(np.log).unstack("seed")
    plain, augmented = logs.xs("plain", level="training"), logs.xs("augmented", level="training")
    gains = augmented - plain
    rows = [_factor(one, gains.loc[one].to_numpy()) for one in (small, large)]
    ratio = plain.loc[large] - plain.loc[small]
    rows += [_factor("larger over smaller", ratio.to_numpy()), _difference(*rows)]
    names = ["what", "factor", "low", "high"]
    return pd.DataFrame(rows, columns=names).assign(n=logs.shape[1])


def _factor(what: str, logs: np.ndarray) -> tuple[str, float, float, float]:
    middle, low, high = (float(np.exp(end)) for end in mean_interval(logs))
    return what, middle, low, high


def _difference(
    one: tuple[str, float, float, float], other: tuple[str, float, float, float]
) -> tuple[str, float, float, float]:
    """Difference of two factors with independent intervals, by adding them in quadrature."""
    (_, a, a_low, a_high), (_, b, b_low, b_high) = one, other
    low = a - b - float(np.hypot(a - a_low, b_high - b))
    return "difference", a - b, low, a - b + float(np.hypot(a_high - a, b - b_low))


def between(found: pd.DataFrame, name: str) -> str:
    """Write a factor with its interval.

    Examples
    --------
    >>> between(pd.DataFrame({"factor": 1.5, "low": 1.0, "high": 2.0}, index=["64x3"]), "64x3")
    '1.50 (1.00 to 2.00)'
    """
    row = found.loc[name]
    return f"{row.factor:.2f} ({row.low:.2f} to {row.high:.2f})"


def larger(ratio: float) -> str:
    """Say which way a ratio goes: "larger", "smaller" or "the same"."""
    return "larger" if ratio > 1 else "smaller" if ratio < 1 else "the same"


def moves(lengths: pd.DataFrame, *, share: float = 0.1) -> pd.DataFrame:
    """Return whether the boundary's length falls and rises by more than a share of its largest.

    Parameters
    ----------
    lengths : pandas.DataFrame
        Columns seed, slice, epoch, length.
    share : float

    Returns
    -------
    pandas.DataFrame
        Columns seed, slice, rises, falls, both, returns (whether it left the slice and came back).

    Examples
    --------
    >>> made = pd.DataFrame({"seed": 0, "slice": [0, 0, 0, 1, 1, 1], "epoch": [1, 2, 3] * 2})
    >>> moves(made.assign(length=[1, 0, 1, 1, 2, 2]))[["both", "returns"]].to_numpy().tolist()
    [[True, True], [False, False]]
    """
    rows = []
    for (seed, number), part in lengths.sort_values("epoch").groupby(["seed", "slice"]):
        values = part.length.to_numpy(float)
        step = np.triu(values[None, :] - values[:, None], 1) / max(values.max(), 1e-300)
        rises, falls = bool(step.max() > share), bool(step.min() < -share)
        there = np.flatnonzero(values > 0)
        gap = len(there) > 0 and bool((values[there[0] : there[-1] + 1] == 0).any())
        rows.append((seed, number, rises, falls, rises and falls, gap))
    return pd.DataFrame(rows, columns=["seed", "slice", "rises", "falls", "both", "returns"])


def nearer(attacked: pd.DataFrame) -> str:
    """Say whether attacks or images lie nearer to the boundary on average."""
    first = attacked.beyond.mean() < attacked.margin.mean()
    return "attack to boundary" if first else "image to boundary"


def stacked(**tables: pd.DataFrame) -> pd.DataFrame:
    """Put tables one below the other, with the name of each in a column ``part``.

    Examples
    --------
    >>> stacked(a=pd.DataFrame({"x": [1]}), b=pd.DataFrame({"x": [2]})).to_dict("list")
    {'x': [1, 2], 'part': ['a', 'b']}
    """
    parts = [table.assign(part=name) for name, table in tables.items()]
    return pd.concat(parts, ignore_index=True)


def surface_factor(density: pd.DataFrame) -> pd.Series:
    """Return regions per area near the surface over those elsewhere, by plane and seed.

    Examples
    --------
    >>> made = pd.DataFrame({"plane": "x = 0", "seed": 0, "distance": [0.05, 0.15, 0.25],
    ...                      "regions": [30, 10, 10], "area": [1.0, 1.0, 1.0]})
    >>> surface_factor(made).tolist()
    [3.0]
    """
    near = np.where(density.distance < BAND, "near", "elsewhere")
    summed = density.groupby(["plane", "seed", near])[["regions", "area"]].sum()
    ratio = (summed.regions / summed.area).unstack()
    return ratio["near"] / ratio["elsewhere"]


#: What a table on photographs holds, in words.
_SAID = {
    "training-shapes": "one plane in training",
    "training": "squares in training",
    "augmentation": "squares, by augmentation",
    "evolution-shapes": "two planes between classes",
    "evolution": "planes between classes",
    "architectures": "one plane, two networks",
    "samples": "points of the boundary",
    "attack-shapes": "the plane of one attack",
    "attacks": "attacks",
}
_DATA = {"cifar10": "CIFAR-10", "tiny-imagenet": "TinyImageNet"}


def costs(tables: dict[str, Result]) -> pd.DataFrame:
    """Return what was trained on photographs, and how long it took.

    Parameters
    ----------
    tables : dict of str to Result

    Returns
    -------
    pandas.DataFrame
        Columns table, trained on, networks, epochs, seeds, seconds (of training and partitions).
    """
    return pd.DataFrame([_cost(name, made) for name, made in tables.items()])


def _cost(name: str, made: Result) -> dict[str, object]:
    config = made.manifest.key["config"]
    part, epochs = config["part"], config["epochs"]
    networks = config.get("networks") or [config["network"]]
    classes = f", {len(part['classes'])} classes" if part["classes"] else ""
    most = f", the first {part['most']:,} images" if part["most"] else ""
    return {
        "table": _SAID[name],
        "trained on": f"{_DATA.get(part['data'], part['data'])}{classes}{most}",
        "networks": ", ".join(network["name"] for network in networks),
        "epochs": max(epochs) if isinstance(epochs, list) else epochs,
        "seeds": len(made.manifest.seeds),
        "seconds": made.manifest.seconds,
    }
