"""Tables to numbers: what is read from cells, by seed and over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import mean_interval
from ssl_lib.claims.resampling import crossed_bootstrap
from ssl_lib.papers.minimal_variations.images import METRICS
from ssl_lib.papers.minimal_variations.moons import CUTS
from ssl_lib.papers.minimal_variations.tasks import TARGETS
from ssl_lib.papers.minimal_variations.variants import METHODS

__all__ = [
    "against_bound", "beyond_promise", "by_seed", "compared", "dictionary", "enough", "fall",
    "gaps", "grain", "labels_needed", "means", "on_shared_images", "promised", "ratio_to_limit",
    "savings", "stacked", "steeper", "summary", "tightest",
]  # fmt: skip

Floats = npt.NDArray[np.float64]


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


def ratio_to_limit(
    table: pd.DataFrame, limits: pd.DataFrame, noise: float, number: int = 3
) -> pd.Series:
    """Return by seed (1 - mu) / noise^2 in units of the Dirichlet eigenvalue of the same sample.

    Parameters
    ----------
    table : pandas.DataFrame
        Of the noise.
    limits : pandas.DataFrame
        Of :func:`ssl_lib.papers.minimal_variations.controls.own_energies`.
    noise : float
        Of a view.
    number : int, default=3
        Of the function.
    """
    here = by_seed(table, "eigenvalue", number, noise=noise)
    return here / by_seed(limits, "eigenvalue", number).loc[here.index]


def labels_needed(reached: Floats, curve: Floats, labels: Floats) -> Floats:
    """Return with how many labels a curve of errors reaches given errors.

    Straight between its points on logarithmic axes; never less or more labels than the curve has.

    Examples
    --------
    >>> labels_needed(np.array([0.1, 0.01]), np.array([0.4, 0.2, 0.05]), np.array([10, 20, 40]))
    array([28.28427125, 40.        ])
    """
    # An error of nothing has no logarithm, and noise may raise a curve.
    falling, wanted = (-np.log(np.maximum(part, 1e-9)) for part in (curve, reached))
    return np.exp(np.interp(wanted, np.maximum.accumulate(falling), np.log(labels)))


def savings(ours: pd.DataFrame, rival: pd.DataFrame) -> dict[int, Estimate]:
    """Return by number of labels how many times as many a rival needs for the error of ours.

    Parameters
    ----------
    ours, rival : pandas.DataFrame
        Errors, a row a seed and a column a number of labels. Means over seeds are compared, with
        an interval from seeds drawn again. A rival that never comes so far is taken to do so with
        the largest number.

    Examples
    --------
    >>> ours = pd.DataFrame([[0.2, 0.1, 0.05]] * 3, columns=[10, 20, 40])
    >>> print(savings(ours, 2 * ours)[10])
    2 (2 to 2, n = 3, bootstrap over seeds)
    """
    labels = ours.columns.to_numpy(np.float64)

    def ratios(rows: Any) -> Floats:
        reached, curve = (part.iloc[rows].mean().to_numpy() for part in (ours, rival))
        return (labels_needed(reached, curve, labels) / labels)[:-1]

    ends = zip(*_resampled(ratios, len(ours)), strict=True)
    return {
        int(n): Estimate(
            float(value), float(low), float(high), n=len(ours), note="bootstrap over seeds"
        )
        for n, (value, low, high) in zip(labels[:-1], ends, strict=True)
    }


def _resampled(statistic: Any, n: int) -> tuple[Floats, Floats, Floats]:
    """Return a statistic of seeds, and the ends of its interval from seeds drawn again."""
    value = np.asarray(statistic(np.arange(n)))
    low, high = crossed_bootstrap(statistic, [n])
    return value, np.minimum(low, value), np.maximum(high, value)


def fall(worse: pd.Series, better: pd.Series, *, decisions: int) -> Any:
    """Return a function of drawn seeds: the logarithm of by how much their mean error falls.

    Parameters
    ----------
    worse, better : pandas.Series
        Accuracies by seed.
    decisions : int
        Behind each; where none is wrong, half a mistake is counted for all that were drawn.

    Examples
    --------
    >>> two = fall(pd.Series([0.8, 0.8]), pd.Series([1.0, 0.8]), decisions=100)
    >>> round(float(np.exp(two([0, 1]))), 2), round(float(np.exp(two([0, 0]))), 2)
    (2.0, 80.0)
    """
    errors = [1 - part.to_numpy() for part in (worse, better)]

    def logarithm(rows: Any) -> float:
        least = 0.5 / (len(rows) * decisions)
        before, after = (max(float(part[rows].mean()), least) for part in errors)
        return float(np.log(before / after))

    return logarithm


def steeper(first: Any, second: Any, n: int) -> Estimate:
    """Return how much more an error falls than another, of n seeds, drawn again for the interval.

    Parameters
    ----------
    first, second : callable
        Of :func:`fall`.
    n : int
        Seeds.
    """
    value, low, high = _resampled(lambda rows: first(rows) - second(rows), n)
    return Estimate(float(value), float(low), float(high), n=n, note="bootstrap over seeds")


def grain(shares: pd.Series) -> int:
    """Return of how many all shares can be: the least number that makes whole numbers of them.

    Examples
    --------
    >>> grain(pd.Series([0.5, 0.75, 0.2]))
    20
    """
    values = shares.to_numpy()
    counts = (n for n in range(1, 100_000) if np.abs(values * n - np.rint(values * n)).max() < 1e-6)
    return next(counts)


def on_shared_images(better: pd.Series, worse: pd.Series, judges: int) -> Estimate:
    """Return a gain in accuracy with an interval over seeds and, at most, over test images.

    All seeds share their test images. Which of those are classified rightly is not in the tables,
    but two methods differ at most where one of them errs, and an image's part in the gain varies
    at most as much as that.

    Parameters
    ----------
    better, worse : pandas.Series
        Accuracies by seed.
    judges : int
        Test images.

    Examples
    --------
    >>> print(on_shared_images(pd.Series([0.9, 0.9]), pd.Series([0.8, 0.8]), 500))
    0.1 (0.0528 to 0.1472, n = 2, over seeds, and at most over images)
    """
    gain = summary(better - worse)
    differ = min(1.0, float((2 - better - worse).mean()))
    images = 1.96 * np.sqrt(max(differ - gain.value**2, 0.0) / judges)
    half = float(np.hypot(gain.bounds[1] - gain.value, images))
    note = "over seeds, and at most over images"
    return Estimate(gain.value, gain.value - half, gain.value + half, n=gain.n, note=note)


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
    """Return what the target holds, and from how many functions on it is promised, for readers.

    Examples
    --------
    >>> rows = [("noise", "fitted", 0.0, 0.7), ("noise", "bound", 1.0, 2.0),
    ...         ("noise", "bound", 5.0, 0.5)]
    >>> table = pd.DataFrame(rows, columns=["metric", "measure", "at", "value"])
    >>> promised({"digits": table})["bound below one"][1]
    'from 5 on'
    """
    rows = [
        {
            "images": name,
            "metric": metric.title,
            "classes that the target holds": _mean(own, "fitted"),
            "bound below one": _starts(own),
        }
        for name, table in tables.items()
        for metric in METRICS[1:]
        for own in [table[table.metric == metric.name]]
    ]
    return pd.DataFrame(rows)


def _mean(table: pd.DataFrame, measure: str) -> float:
    """Return a measure's mean over seeds, with the most functions."""
    own = table[table.measure == measure]
    return float(own[own["at"] == own["at"].max()].value.mean())


def _starts(table: pd.DataFrame) -> str:
    bounds = table[table.measure == "bound"].groupby("at").value.mean()
    says = bounds[bounds < 1]
    return f"from {says.index.min():.0f} on" if len(says) else f"never to {bounds.index.max():.0f}"


def beyond_promise(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return where more is missed of the classes than the bound allows of the target.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Of promises, by set of images.

    Returns
    -------
    pandas.DataFrame
        Columns images, metric, bound, missed (of the classes), with the most functions; only rows
        whose missed share is larger.

    Examples
    --------
    >>> rows = [("noise", "bound", 5.0, 0.3), ("noise", "labels missed", 5.0, 0.5)]
    >>> table = pd.DataFrame(rows, columns=["metric", "measure", "at", "value"])
    >>> beyond_promise({"digits": table})[["bound", "missed"]].to_numpy().tolist()
    [[0.3, 0.5]]
    """
    rows = [
        (name, metric.title, _mean(own, "bound"), _mean(own, "labels missed"))
        for name, table in tables.items()
        for metric in METRICS[1:]
        for own in [table[table.metric == metric.name]]
    ]
    found = pd.DataFrame(rows, columns=["images", "metric", "bound", "missed"])
    return found[found.missed > found.bound].reset_index(drop=True)


def enough(table: pd.DataFrame, close: float) -> dict[int, float]:
    """Return from which weight on accuracy is close to its best, by number of inputs.

    Parameters
    ----------
    table : pandas.DataFrame
        Of the weights, of one kind of pairs.
    close : float
        How far the mean accuracy may be from the best one.

    Examples
    --------
    >>> rows = [(30, 0.1, 0.6), (30, 0.5, 0.79), (30, 1.0, 0.8)]
    >>> enough(pd.DataFrame(rows, columns=["inputs", "at", "value"]), 0.02)
    {30: 0.5}
    """
    found = table.pivot_table(index="at", columns="inputs", values="value")
    near = (found >= found.max() - close)[::-1].cummin()[::-1]
    starts = zip(found.columns.to_list(), near.idxmax().to_list(), strict=True)
    return {int(n): float(start) for n, start in starts}


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
