"""Tables -> numbers, each a small pure function."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import mean_interval
from ssl_lib.papers.ssl_interplay.cube import PARITIES, Cube, parities
from ssl_lib.papers.ssl_interplay.dynamics import Modes
from ssl_lib.theory.solving import Problem

__all__ = [
    "REGIMES", "ahead", "best_widths", "by_others", "change", "chosen", "crossings",
    "forecast", "gains", "learned", "left", "mean", "mean_correlation", "meeting",
    "misfits", "needed", "over_seeds", "rank_by", "regimes", "related", "said", "sides",
    "slopes", "solved_switches", "together",
]  # fmt: skip

#: The paper's names of the three regimes, from small penalties on.
REGIMES = ("augmentation", "interplay", "architecture")


def mean(values: npt.ArrayLike, note: str = "") -> Estimate:
    """Return the mean over seeds with its 95 % interval.

    Examples
    --------
    >>> print(mean([1.0, 2.0, 3.0]))
    2 (−0.4841 to 4.484, n = 3)
    """
    array = np.asarray(values, dtype=np.float64)
    if len(array) < 2:
        return Estimate(float(array.mean()), n=len(array), note=note)
    centre, low, high = (float(part) for part in mean_interval(array))
    return Estimate(centre, low, high, n=len(array), note=note)


def left(table: pd.DataFrame) -> pd.DataFrame:
    """Return by penalty what it leaves and what each number of features errs: medians over seeds.

    Of errors with few labels a mean is that of the worst samples.
    """
    by = table.groupby("penalty")
    found = pd.DataFrame({
        "penalty": by.size().index, "largest eigenvalue": by.largest.median().to_numpy(),
        "positive": by.useful.median().to_numpy(),
    })  # fmt: skip
    # Where a sample leaves fewer features than are asked for, the median would be of the others.
    middle = table.groupby(["penalty", "features"]).excess.agg(lambda own: own.median(skipna=False))
    for count, errors in middle.unstack().items():
        found[f"error, {count} features"] = errors.to_numpy()
    return found


def mean_correlation(values: npt.ArrayLike) -> Estimate:
    """Return the mean over seeds of correlations, on Fisher's scale, with its 95 % interval.

    Examples
    --------
    >>> print(mean_correlation([0.9, 0.95, 0.99]))
    0.9628 (0.4532 to 0.9981, n = 3)
    """
    scaled = mean(np.arctanh(np.clip(np.asarray(values, dtype=np.float64), -1 + 1e-12, 1 - 1e-12)))
    if scaled.low is None or scaled.high is None:
        return Estimate(float(np.tanh(scaled.value)), n=scaled.n)
    value, low, high = np.tanh([scaled.value, scaled.low, scaled.high]).tolist()
    return Estimate(value, low, high, n=scaled.n)


def over_seeds(table: pd.DataFrame, by: list[str], value: str) -> pd.DataFrame:
    """Return mean, low and high (95 % interval) of a column over the seeds."""
    found = table.groupby(by, sort=False)[value].apply(list).reset_index()
    parts = [mean_interval(values) for values in found[value]]
    shown = pd.DataFrame(parts, columns=["mean", "low", "high"]).astype(float)
    return pd.concat([found[by], shown], axis=1)


def regimes(cube: Cube, upto: float | None = None) -> list[int]:
    """Return which parities are the best at some penalty, from small ones on.

    Examples
    --------
    >>> from ssl_lib.papers.ssl_interplay.cube import CUBES
    >>> [regimes(cube) for cube in CUBES]
    [[2, 1, 0], [2, 0], [2, 1, 0]]
    """
    found = parities(cube)
    edges = [0.0, *found.switches(), found.collapse() if upto is None else upto]
    middles = [(a + b) / 2 for a, b in itertools.pairwise(edges)]
    return list(dict.fromkeys(int(found.best(penalty)) for penalty in middles))


def chosen(cube: Cube, penalty: float) -> tuple[int, str]:
    """Return the best parity at a penalty, and the name of its regime."""
    best = int(parities(cube).best(penalty))
    return best, REGIMES[regimes(cube).index(best)]


def solved_switches(
    invariance: Sequence[float], norms: Sequence[float], most: float
) -> tuple[int, list[float]]:
    """Find where the best feature changes by the general eigensolver on turned matrices.

    Parameters
    ----------
    invariance, norms : sequence of float
        Of features.
    most : float
        Where to stop.

    Returns
    -------
    tuple
        How many features are the best at some penalty, and the penalties at which they change.

    Examples
    --------
    >>> count, switches = solved_switches([0.9, 0.75, 0.5], [0.4, 0.25, 0.125], 3.0)
    >>> count, [round(value, 6) for value in switches]
    (3, [1.0, 2.0])
    """
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((len(norms),) * 2))[0]
    # In coordinates that make K's inverse diagonal T is full: a general eigenproblem.
    problem = Problem(np.diag(np.asarray(invariance, float)), np.asarray(norms, float))

    def best(penalty: float) -> int:
        matrix = turn @ problem.operator(penalty=penalty) @ turn.T
        return int(np.abs(turn.T @ np.linalg.eigh(matrix)[1][:, -1]).argmax())

    grid = np.linspace(0, most, 61)
    names = [best(penalty) for penalty in grid]
    pairs = zip(grid, grid[1:], names, names[1:], strict=False)
    edges = [_bisect(best, a, b) for a, b, before, after in pairs if before != after]
    return len(set(names)), edges


def _bisect(best: Callable[[float], int], low: float, high: float) -> float:
    before = best(low)
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if best(middle) == before else (low, middle)
    return float(high)


def change(table: pd.DataFrame, along: str, target: str) -> pd.Series:
    """Return by seed the error at the end of a sweep less that at its start."""
    own = table[table.target == target].sort_values(along).groupby("seed").error
    return own.last() - own.first()


def crossings(table: pd.DataFrame, along: str, target: str = "other") -> pd.Series:
    """Return by seed how often the errors of a target and the invariant one cross along a sweep.

    Examples
    --------
    >>> rows = [(0, 1, "other", 0.9), (0, 2, "other", 0.1), (0, 1, "invariant", 0.2),
    ...         (0, 2, "invariant", 0.8)]
    >>> crossings(pd.DataFrame(rows, columns=["seed", "at", "target", "error"]), "at").to_dict()
    {0: 1}
    """
    wide = table.pivot(index=["seed", along], columns="target", values="error").sort_index()
    above = (wide[target] > wide["invariant"]).groupby("seed")
    return pd.Series({seed: int(np.diff(own.to_numpy()).sum()) for seed, own in above})


def meeting(table: pd.DataFrame, along: str, target: str = "other") -> tuple[float, float]:
    """Return the neighbours in a sweep between which mean errors first cross; NaN where none do.

    Of a target and the invariant one.
    """
    means = table.pivot_table(index=along, columns="target", values="error").sort_index()
    first = means[target] > means["invariant"]
    place = np.flatnonzero(first.to_numpy()[1:] != first.to_numpy()[:-1])
    if not len(place):
        return np.nan, np.nan
    return float(means.index[place[0]]), float(means.index[place[0] + 1])


def gains(table: pd.DataFrame, measure: str, along: str) -> pd.Series:
    """Return by seed the logarithm of the excess at the least over that at the largest size.

    The other size is at its largest.
    """
    other = {"inputs": "labels", "labels": "inputs"}[along]
    rows = table[(table.measure == measure) & (table[other] == table[other].max())]
    own = rows.sort_values(along).assign(log=np.log(rows.value)).groupby("seed").log
    gain: pd.Series = own.first() - own.last()
    return gain


def slopes(table: pd.DataFrame, views: int) -> pd.Series:
    """Return by seed the slope of log excess over log inputs, on the larger half of the sizes."""
    sizes = np.sort(table.inputs.unique())
    kept = table[(table.views == views) & table.inputs.isin(sizes[len(sizes) // 2 :])]
    kept = kept[kept.excess > 0]
    return pd.Series({
        seed: float(np.polyfit(np.log(own.inputs), np.log(own.excess), 1)[0])
        for seed, own in kept.groupby("seed")
    })  # fmt: skip


def together(table: pd.DataFrame, bits: int) -> pd.DataFrame:
    """Join when modes were learned with what is exact about them, see :attr:`Modes.table`."""
    known = [Modes(bits, int(crop)).table.assign(crop=crop) for crop in table.crop.unique()]
    return table.merge(pd.concat(known), on=["crop", "mode"])


def learned(table: pd.DataFrame, width: int | None = None) -> pd.DataFrame:
    """Return the modes that every seed has learned in the networks of a width (the widest)."""
    own = table[table.width == (table.width.max() if width is None else width)]
    every = own.groupby(["crop", "mode"]).measured.transform(lambda times: times.notna().all())
    return own[every]


def forecast(rows: pd.DataFrame, x: str, y: str = "measured") -> pd.Series:
    """Return by seed the correlation of the logarithms of a column and of the measured steps.

    Or of another column `y`.

    Examples
    --------
    >>> rows = pd.DataFrame({"seed": 0, "predicted": [1.0, 10.0], "measured": [2.0, 20.0]})
    >>> forecast(rows, "predicted").round(9).to_dict()
    {0: 1.0}
    """
    return pd.Series({
        seed: float(np.corrcoef(np.log(own[x]), np.log(own[y]))[0, 1])
        for seed, own in rows.groupby("seed")
    })  # fmt: skip


def related(rows: pd.DataFrame) -> dict[str, float]:
    """Return for readers how steps, forecasts and penalties correlate, on logarithmic scales."""
    pairs = {
        "penalty and step": ("penalty", "measured"), "forecast and step": ("predicted", "measured"),
        "K's eigenvalue alone and step": ("nu", "measured"),
        "penalty and forecast": ("penalty", "predicted"),
    }  # fmt: skip
    return {name: mean_correlation(forecast(rows, *pair)).value for name, pair in pairs.items()}


def misfits(rows: pd.DataFrame) -> pd.DataFrame:
    """Return by seed by how much forecasts of the steps are off, on a logarithmic scale.

    Returns
    -------
    pandas.DataFrame
        Root mean squares: forecast (of both operators, as it stands) and alone (of the better power
        law in an eigenvalue of T, or of K, alone, which is fitted to the measured steps).

    Examples
    --------
    >>> rows = pd.DataFrame({"seed": 0, "nu": [1.0, 0.1, 0.01], "invariance": [1.0, 0.5, 0.1],
    ...                      "predicted": [1.0, 20.0, 1000.0], "measured": [1.0, 20.0, 1000.0]})
    >>> misfits(rows).round(3).values.tolist()
    [[0.0, 0.216]]
    """
    found = {
        seed: {
            "forecast": _size(np.log(own.measured / own.predicted)),
            "alone": min(_size(_misfit(own, x)) for x in ("nu", "invariance")),
        }
        for seed, own in rows.groupby("seed")
    }
    return pd.DataFrame.from_dict(found, orient="index")


def _size(values: npt.ArrayLike) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _misfit(rows: pd.DataFrame, x: str) -> npt.NDArray[np.float64]:
    """Return what the best power law in a column leaves of the logarithm of measured steps."""
    design = np.stack([np.log(rows[x]), np.ones(len(rows))], axis=1)
    wanted = np.log(rows.measured.to_numpy())
    return np.asarray(wanted - design @ np.linalg.lstsq(design, wanted, rcond=None)[0])


def best_widths(table: pd.DataFrame) -> pd.Series:
    """Return by task the crop width with the least mean excess."""
    means = table.groupby(["task", "width"]).excess.mean().unstack()
    return means.idxmin(axis=1)


def rank_by(table: pd.DataFrame, task: str, by: str) -> pd.Series:
    """Return by seed the rank correlation of a column with the excess over the crop widths."""
    own = table[table.task == task]
    return own.groupby("seed")[[by, "excess"]].apply(
        lambda rows: rows[by].corr(rows.excess, method="spearman")
    )


def ahead(table: pd.DataFrame, irrelevant: str) -> pd.Series:
    """Return by seed the accuracy of joint embedding less that of reconstruction, over alignments.

    Examples
    --------
    >>> rows = [(0, "small", "joint", 0.5, 0.8), (0, "small", "reconstruction", 0.5, 0.9)]
    >>> columns = ["seed", "irrelevant", "features", "alignment", "accuracy"]
    >>> ahead(pd.DataFrame(rows, columns=columns), "small").round(9).to_dict()
    {0: -0.1}
    """
    own = table[table.irrelevant == irrelevant]
    means = own.groupby(["seed", "features"]).accuracy.mean().unstack()
    gain: pd.Series = means["joint"] - means["reconstruction"]
    return gain


def needed(table: pd.DataFrame, irrelevant: str, share: float = 0.95) -> pd.DataFrame:
    """Return the least alignment with a share of the best accuracy of either method.

    Parameters
    ----------
    table : pandas.DataFrame
        ``seed``, ``irrelevant``, ``features``, ``alignment``, ``accuracy``.
    irrelevant : str
        Name of the kind of irrelevant features.
    share : float
        Of a seed's best accuracy.

    Returns
    -------
    pandas.DataFrame
        By seed, a column for each method. One that never gets there counts as getting there at
        twice the largest alignment, and one that is there without any at the least above 0.

    Examples
    --------
    >>> rows = [(0, "large", "joint", 1.0, 0.8), (0, "large", "reconstruction", 1.0, 0.5),
    ...         (0, "large", "joint", 2.0, 0.8), (0, "large", "reconstruction", 2.0, 0.79)]
    >>> columns = ["seed", "irrelevant", "features", "alignment", "accuracy"]
    >>> needed(pd.DataFrame(rows, columns=columns), "large").loc[0].to_dict()
    {'joint': 1.0, 'reconstruction': 2.0}
    """
    own = table[(table.irrelevant == irrelevant) & (table.features != "all")]
    enough = own[own.accuracy >= share * own.groupby("seed").accuracy.transform("max")]
    least = enough.groupby(["seed", "features"]).alignment.min().unstack()
    least = least.reindex(columns=sorted(own.features.unique()))
    floor = own.alignment[own.alignment > 0].min()
    return least.fillna(2 * own.alignment.max()).clip(lower=floor)


def by_others(table: pd.DataFrame) -> pd.DataFrame:
    """Return by seed the closed form's accuracies at the penalty that suits the other seeds best.

    No seed chooses for itself, and one penalty is chosen for both columns. With a single seed there
    are no others: it does.

    Examples
    --------
    >>> rows = [(0, 0.1, 0.9, 0.5), (0, 1.0, 0.8, 0.7), (1, 0.1, 0.7, 0.5), (1, 1.0, 0.8, 0.6)]
    >>> table = pd.DataFrame(rows, columns=["seed", "penalty", "accuracy", "shifted"])
    >>> by_others(table.assign(features="closed form")).values.tolist()
    [[1.0, 0.8, 0.7], [0.1, 0.7, 0.5]]
    """
    own = table[table.features == "closed form"]
    wide = own.pivot(index="seed", columns="penalty", values="accuracy")
    best = {
        seed: (wide.drop(seed) if len(wide) > 1 else wide).mean().idxmax() for seed in wide.index
    }
    chosen = own[own.penalty == own.seed.map(best)]
    return chosen.set_index("seed")[["penalty", "accuracy", "shifted"]]


def said(cube: Cube, position: float) -> str:
    """Say which parity is best at a penalty in units of 1e-7, and which tasks that is bad for.

    Examples
    --------
    >>> from ssl_lib.papers.ssl_interplay.cube import CUBES
    >>> said(CUBES[2], 9.0)[:83]
    'At a penalty of 9 the best single feature is the parity of bits 1 and 6 (architectu'
    """
    return f"At a penalty of {position:g} {_serves(cube, position * 1e-7)}"


def sides(cube: Cube) -> list[str]:
    """Say which parity is best in each range of penalties (in 1e-7), and what it does not serve.

    Examples
    --------
    >>> from ssl_lib.papers.ssl_interplay.cube import CUBES
    >>> [side[:10] for side in sides(CUBES[1])]
    ['Below 9.18', 'Above 9.18']
    """
    edges = [0.0, *parities(cube).switches(), 2 * parities(cube).switches()[-1]]
    names = [f"{edge * 1e7:.2f}" for edge in edges]
    between = [f"From {low} to {high}" for low, high in itertools.pairwise(names[1:-1])]
    ranges = [f"Below {names[1]}", *between, f"Above {names[-2]}"]
    middles = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    return [f"{where} {_serves(cube, at)}" for where, at in zip(ranges, middles, strict=True)]


def _serves(cube: Cube, penalty: float) -> str:
    best, regime = chosen(cube, penalty)
    titles = [parity.title for parity in PARITIES]
    others = " or ".join(title for place, title in enumerate(titles) if place != best)
    return (
        f"the best single feature is the parity of {titles[best]} ({regime}). It serves a task "
        f"that follows this parity, and is no better than guessing on one that follows {others}."
    )
