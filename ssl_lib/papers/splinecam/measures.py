"""Numbers from the chapter's tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ssl_lib.claims.intervals import mean_interval
from ssl_lib.claims.resampling import crossed_bootstrap
from ssl_lib.papers.splinecam.attacks import STOPS
from ssl_lib.papers.splinecam.implicit import BAND
from ssl_lib.plotting import words
from ssl_lib.results import Result

__all__ = [
    "BAND", "LIMIT", "between", "by_network", "by_stop", "costs", "exponents", "factors", "failed",
    "larger", "nearer", "returns", "spreads", "stacked", "surface_factor", "surface_factors",
    "toy_changes",
]  # fmt: skip

ALONG = "z = 0"  # the plane along the ring

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
    """Return by what factor the mean number of regions changes, geometric mean over seeds.

    All networks are seen at the same images, and those of one seed share initial weights. Each end
    of an interval is the farther one of two: of a bootstrap that draws seeds and test images again,
    and of Student's t over seeds, which few seeds need.

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
    >>> rows = itertools.product(("a", "b"), ("plain", "augmented"), range(3), range(2))
    >>> made = pd.DataFrame(rows, columns=["network", "training", "seed", "image"])
    >>> made["regions"] = np.repeat([10, 11, 12, 20, 22, 24, 30, 33, 36, 30, 33, 36], 2)
    >>> factors(made).factor.round(6).tolist()
    [2.0, 1.0, 3.0, 1.0]
    """
    small, large = dict.fromkeys(density.network)
    wide = density.pivot(index=["network", "training", "seed"], columns="image", values="regions")
    counts = np.array(
        [[wide.loc[one, how] for how in ("plain", "augmented")] for one in (small, large)]
    )

    def statistic(seeds: np.ndarray, images: np.ndarray) -> np.ndarray:
        means = np.log(counts[:, :, seeds][..., images].mean(3)).mean(2)
        gains = np.exp(means[:, 1] - means[:, 0])
        return np.array([*gains, np.exp(means[1, 0] - means[0, 0]), gains[0] - gains[1]])

    size = counts.shape[2:]
    seeds, images = map(np.arange, size)
    values = statistic(seeds, images)
    ends = (
        crossed_bootstrap(statistic, size),
        _over_seeds([statistic(s, images) for s in seeds[:, None]]),
    )
    low, high = np.minimum(ends[0][0], ends[1][0]), np.maximum(ends[0][1], ends[1][1])
    names = [small, large, "larger over smaller", "difference"]
    return pd.DataFrame({"what": names, "factor": values, "low": low, "high": high, "n": size[0]})


def _over_seeds(each: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return t intervals of three ratios, on a logarithmic scale, and of a difference."""
    table = np.stack(each)
    _, *ratios = mean_interval(np.log(table[:, :3]))
    _, *differences = mean_interval(table[:, 3:])
    low, high = (np.append(np.exp(one), two) for one, two in zip(ratios, differences, strict=True))
    return low, high


def spreads(squares: pd.DataFrame) -> pd.DataFrame:
    """Return how far the number of regions differs, as standard deviations over the mean.

    Returns
    -------
    pandas.DataFrame
        Columns side, mean (regions), directions (between squares at one image, of one network),
        images (between the means of images) and networks (between the means of networks).

    Examples
    --------
    >>> rows = {"side": 1.0, "seed": [0, 0, 0, 0], "image": [0, 0, 1, 1], "direction": [0, 1, 0, 1]}
    >>> spreads(pd.DataFrame(rows).assign(regions=[9, 11, 9, 11])).iloc[0, 1:4].tolist()
    [10.0, 0.1414213562373095, 0.0]
    """
    return pd.DataFrame([_spreads(own) for _, own in squares.groupby("side")])


def _spreads(own: pd.DataFrame) -> dict[str, float]:
    mean = own.regions.mean()
    within = own.groupby(["seed", "image"]).regions.var().mean() ** 0.5
    between = {f"{by}s": own.groupby(by).regions.mean().std() for by in ("image", "seed")}
    sizes = {"directions": within, "images": between["images"], "networks": between["seeds"]}
    about = {"side": float(own.side.iloc[0]), "mean": float(mean)}
    return about | {name: float(size / mean) for name, size in sizes.items()}


def exponents(times: pd.DataFrame, *, least: int = 110) -> pd.DataFrame:
    """Return by which power of the number of regions the seconds grow.

    Parameters
    ----------
    times : pandas.DataFrame
    least : int, default=110
        Narrower layers take too short a time to measure.

    Returns
    -------
    pandas.DataFrame
        Columns dimension, seed, exponent: the slope of a line through the logarithms.

    Examples
    --------
    >>> made = pd.DataFrame({"dimension": 2, "seed": 0, "width": [200, 400], "regions": [10, 100]})
    >>> exponents(made.assign(seconds=[1.0, 100.0])).exponent.round(9).tolist()
    [2.0]
    """
    wide = times[times.width >= least]
    rows = [
        (*names, np.polyfit(np.log(own.regions), np.log(own.seconds), 1)[0])
        for names, own in wide.groupby(["dimension", "seed"])
    ]
    return pd.DataFrame(rows, columns=["dimension", "seed", "exponent"])


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


def returns(lengths: pd.DataFrame) -> pd.DataFrame:
    """Return whether the boundary left a slice that it had met, and met it again later.

    Parameters
    ----------
    lengths : pandas.DataFrame
        Columns seed, slice, epoch, length.

    Returns
    -------
    pandas.DataFrame
        Columns seed, slice, returns.

    Examples
    --------
    >>> made = pd.DataFrame({"seed": 0, "slice": [0, 0, 0, 1, 1, 1], "epoch": [1, 2, 3] * 2})
    >>> returns(made.assign(length=[1, 0, 1, 0, 1, 2])).returns.tolist()
    [True, False]
    """
    met = lengths.sort_values("epoch").groupby(["seed", "slice"]).length
    return met.agg(_returns).rename("returns").reset_index()


def _returns(length: pd.Series) -> bool:
    there = np.flatnonzero(length > 0)
    return len(there) > 0 and bool((length.iloc[there[0] : there[-1]] == 0).any())


def by_stop(attacked: pd.DataFrame) -> pd.DataFrame:
    """Return means over the attacks of a network, and how far of its way an attack lies beyond.

    Returns
    -------
    pandas.DataFrame
        Columns stop (in their order), seed, attacks, share (of the attack's way that lies beyond
        the boundary), crossing.
    """
    table = attacked.assign(share=attacked.beyond / attacked.moved)
    groups = table.groupby(["stop", "seed"])
    means = groups[["share", "crossing"]].mean().assign(attacks=groups.size())
    return means.reset_index().sort_values("stop", key=lambda names: names.map(STOPS.index))


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


def surface_factor(density: pd.DataFrame) -> pd.DataFrame:
    """Return regions per area near the surface over those elsewhere, mean over kinds of plane.

    Two of the planes go through the axis of the ring and are the same by symmetry: they count as
    one kind, the plane along the ring as the other.

    Parameters
    ----------
    density : pandas.DataFrame
        "surface" of a run.

    Returns
    -------
    pandas.DataFrame
        By seed, columns untrained and trained.

    Examples
    --------
    >>> made = pd.DataFrame({"plane": "x = 0", "seed": 0, "distance": [0.05, 0.15, 0.25] * 2,
    ...                      "step": [0, 0, 0, 9, 9, 9], "regions": [10, 10, 10, 30, 10, 10]})
    >>> surface_factor(made.assign(area=1.0)).to_numpy().tolist()
    [[1.0, 3.0]]
    """
    return surface_factors(density).groupby("seed").mean()


def surface_factors(density: pd.DataFrame) -> pd.DataFrame:
    """Return the same for each kind of plane: rows seed and kind."""
    near = np.where(density.distance < BAND, "near", "elsewhere")
    kind = np.where(density.plane == ALONG, "along the ring", "through its axis")
    summed = density.groupby(["step", "plane", "seed", kind, near])[["regions", "area"]].sum()
    ratio = (summed.regions / summed.area).unstack()
    factor = (ratio["near"] / ratio["elsewhere"]).rename_axis(["step", "plane", "seed", "kind"])
    means = factor.groupby(["seed", "kind", "step"]).mean().unstack()
    return means.set_axis(["untrained", "trained"], axis=1)


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
        "trained on": f"{words.images(part['data'])}{classes}{most}",
        "networks": ", ".join(network["name"] for network in networks),
        "epochs": max(epochs) if isinstance(epochs, list) else epochs,
        "seeds": len(made.manifest.seeds),
        "seconds": made.manifest.seconds,
    }
