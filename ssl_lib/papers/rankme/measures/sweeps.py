"""One row a trained encoder, and what follows from it: correlations, curves, other classes."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.claims.intervals import mean_interval
from ssl_lib.papers.rankme.experiments import KEYS, Tables
from ssl_lib.papers.rankme.measures.statistics import correlation, mean_estimate
from ssl_lib.papers.rankme.settings import SWEEPS, TITLES, recipes
from ssl_lib.plotting import words

__all__ = [
    "PREDICTORS",
    "RANK",
    "READOUTS",
    "SHOWN",
    "between_settings",
    "correlations",
    "curves",
    "described",
    "encoders",
    "kendall_step",
    "pooled",
    "readouts",
    "spans",
    "swept",
    "transfer",
    "trends",
    "within",
]

#: What may stand in for accuracy, by the column of :func:`encoders`; larger must mean better.
PREDICTORS: dict[str, str] = {
    "rankme": "RankMe",
    "rankme, centred": "RankMe, centred",
    "rankme, representation": "RankMe of the representation",
    "alpha score, representation": "α-ReQ of the representation",
    "alpha score, embedding": "α-ReQ of the embedding",
    "lidar": "LiDAR",
    "std, embedding": "spread of the embedding",
}
RANK = {"rankme": PREDICTORS["rankme"]}
#: What pages offer of each encoder.
SHOWN = [*KEYS, "rankme", "accuracy", "embedding accuracy"]
#: How sentences name measures.
_SAID = {"rankme": "RankMe", "std, embedding": "spread"}
#: What reads a representation out.
READOUTS: dict[str, str] = {
    "accuracy": "linear probe",
    "few labels": "linear probe, ten labels a class",
    "kNN": "20 nearest neighbours",
    "embedding accuracy": "linear probe on the embedding",
}


def encoders(tables: Tables) -> pd.DataFrame:
    """Return one row a trained encoder with its measures in columns.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    pandas.DataFrame
        Columns experiment, seed, setting, and one for each measure that is a single number. "alpha
        score" is ``-|alpha - 1|``, so that larger is what alpha-ReQ prefers.
    """
    long = tables.long()
    single = long.groupby("measure")["at"].transform("max") == 0
    wide = long[single].pivot(index=KEYS, columns="measure", values="value").reset_index()
    wide.columns.name = None
    for what in ("embedding", "representation"):
        wide[f"alpha score, {what}"] = -(wide[f"alpha, {what}"] - 1).abs()
    # Pivoting sorts experiments by name; the chapter has an order of its own.
    place = {name: place for place, name in enumerate(TITLES)}
    wide = wide.sort_values("experiment", key=lambda names: names.map(place), kind="stable")
    return wide.reset_index(drop=True)


def described(tables: Tables) -> str:
    """Say what the encoders of a run are, how long they were trained, and how they stand."""
    how, nets = recipes(tables.settings)["temperature"], swept(encoders(tables))
    seen = int(tables.long("rankme of n")["at"].max())
    return (
        f"{len(nets)} encoders ({how.encoder}), {len(how.values)} settings a sweep, "
        f"{words.count(len(tables.seeds), 'seed')}, {how.steps} steps of {how.batch_size} images; "
        f"projector {how.head}; measured on {seen:,} training images; {tables.origin}."
    )


def swept(table: pd.DataFrame) -> pd.DataFrame:
    """Return the encoders of the three sweeps."""
    return table[table.experiment.isin(SWEEPS)]


def within(
    table: pd.DataFrame, x: str = "rankme", y: str = "accuracy", *, kind: str = "kendall"
) -> pd.DataFrame:
    """Correlate two columns over the settings of each sweep and seed.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`encoders`.
    x, y : str
        Columns.
    kind : str, default="kendall"
        See :func:`ssl_lib.papers.rankme.measures.statistics.correlation`.

    Returns
    -------
    pandas.DataFrame
        Columns experiment, seed, value.
    """
    rows = [
        (*key, correlation(part[x], part[y], kind=kind))
        for key, part in table.groupby(["experiment", "seed"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["experiment", "seed", "value"])


def correlations(
    table: pd.DataFrame,
    *,
    predictors: Mapping[str, str] = PREDICTORS,
    outcome: str = "accuracy",
) -> pd.DataFrame:
    """Correlate label-free measures with accuracy within each sweep (Kendall's tau-b).

    Tables that are older than a measure do not have it.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`encoders`.
    predictors : mapping of str to str
        Columns and how figures name them.
    outcome : str, default="accuracy"
        The column to predict.

    Returns
    -------
    pandas.DataFrame
        Columns experiment, predictor, mean, low, high (95 % t interval over seeds), seeds (in
        words: each of a few, or the range of many).
    """
    rows = []
    for name, title in ((n, t) for n, t in predictors.items() if n in table):
        for experiment, each in within(table, name, outcome).groupby("experiment", sort=False):
            found = mean_estimate(
                list(each.value), limits=(-1, 1), resolution=kendall_step(table, str(experiment))
            )
            rows.append((experiment, title, found.value, *found.bounds, _each(each.value)))
    columns = ["experiment", "predictor", "mean", "low", "high", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def kendall_step(table: pd.DataFrame, experiment: str) -> float:
    """Return by how much one swapped pair of settings changes Kendall's correlation of a sweep.

    Examples
    --------
    >>> kendall_step(pd.DataFrame({"experiment": "a", "setting": [1, 2, 3, 4, 5]}), "a")
    0.2
    """
    settings = table[table.experiment == experiment].setting.nunique()
    return 4 / (settings * (settings - 1))


def _each(values: pd.Series) -> str:
    if len(values) > 5:
        return words.spread(values, ".2f")
    return " / ".join(f"{value:.2f}" for value in values).replace("-", "−")


def readouts(table: pd.DataFrame) -> pd.DataFrame:
    """Correlate RankMe with each way to read a representation out, within each sweep.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`encoders`.

    Returns
    -------
    pandas.DataFrame
        As :func:`correlations`, with column readout instead of predictor.
    """
    parts = [
        correlations(swept(table), predictors={"rankme": title}, outcome=name)
        for name, title in READOUTS.items()
    ]
    return pd.concat(parts, ignore_index=True).rename(columns={"predictor": "readout"})


def curves(table: pd.DataFrame, measures: Sequence[str] = ("accuracy", "rankme")) -> pd.DataFrame:
    """Average measures over seeds at each setting.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`encoders`.
    measures : sequence of str, default=("accuracy", "rankme")
        Columns.

    Returns
    -------
    pandas.DataFrame
        Columns experiment, setting, measure, mean, low, high (95 % t interval over seeds).
    """
    long = table.melt(KEYS, list(measures), "measure", "value")
    grouped = long.groupby(["experiment", "setting", "measure"], sort=False).value
    rows = [(*key, *map(float, mean_interval(values))) for key, values in grouped]
    return pd.DataFrame(rows, columns=["experiment", "setting", "measure", "mean", "low", "high"])


def between_settings(table: pd.DataFrame, column: str = "rankme") -> pd.Series:
    """Return which share of a column's variance in each sweep the setting explains.

    The rest is between seeds: differences between settings that are no larger select nothing.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`encoders`.
    column : str, default="rankme"

    Returns
    -------
    pandas.Series
        By experiment; variances of seeds within settings and of the settings' means, without what
        the former adds to the latter.

    Examples
    --------
    >>> table = pd.DataFrame({"experiment": "a", "setting": [1, 1, 2, 2], "rankme": [3, 5, 7, 9]})
    >>> float(between_settings(table)["a"].round(3))
    0.778
    """
    shares = {}
    for name, part in table.groupby("experiment", sort=False):
        each = part.groupby("setting")[column]
        noise = each.var().mean()
        signal = max(float(each.mean().var() - noise / each.count().mean()), 0.0)
        shares[str(name)] = signal / (signal + noise)
    return pd.Series(shares)


def trends(lines: pd.DataFrame) -> str:
    """Say how measures go over the settings of each sweep, for descriptions of figures.

    Parameters
    ----------
    lines : pandas.DataFrame
        From :func:`curves`.

    Returns
    -------
    str

    Examples
    --------
    >>> lines = pd.DataFrame({"experiment": "temperature", "setting": [0.1, 1.0, 3.0],
    ...                       "measure": "rankme", "mean": [9.0, 8.0, 2.0]})
    >>> trends(lines)
    'SimCLR, temperature: RankMe falls'
    """
    said = []
    for name, part in lines.groupby("experiment", sort=False):
        each = part.sort_values("setting").groupby("measure", sort=False)["mean"]
        ways = [f"{_SAID.get(str(m), m)} {words.trend(list(mean))}" for m, mean in each]
        said.append(f"{TITLES[str(name)]}: {', '.join(ways)}")
    return "; ".join(said)


def spans(table: pd.DataFrame) -> pd.Series:
    """Return how many points of accuracy lie between the settings of each sweep and seed."""
    accuracy = table.groupby(["experiment", "seed"]).accuracy
    return 100 * (accuracy.max() - accuracy.min())


def transfer(*runs: Tables) -> pd.DataFrame:
    """Return the encoders pretrained on half of the classes, of one or several data sets.

    Parameters
    ----------
    *runs : Tables

    Returns
    -------
    pandas.DataFrame
        Columns data and those of :func:`encoders`.
    """
    parts = []
    for tables in runs:
        table = encoders(tables)
        name = recipes(tables.settings)["transfer"].data
        parts.append(table[table.experiment == "transfer"].assign(data=name))
    return pd.concat(parts, ignore_index=True)


def pooled(table: pd.DataFrame) -> pd.DataFrame:
    """Compare the order of pairs of encoders of one method with that of pairs across methods.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`encoders`.

    Returns
    -------
    pandas.DataFrame
        Columns seed, within, across: concordant minus discordant pairs of RankMe and accuracy over
        the pairs that differ in both, of encoders of one method (in whichever of its sweeps) and
        of two methods.

    Examples
    --------
    >>> names = ["temperature", "temperature", "invariance", "covariance"]
    >>> table = pd.DataFrame({"experiment": names, "seed": 0, "rankme": [1, 2, 3, 4],
    ...                       "accuracy": [0.6, 0.7, 0.4, 0.5]})
    >>> pooled(table).values.tolist()
    [[0.0, 1.0, -1.0]]
    """
    rows = []
    for seed, part in swept(table).groupby("seed", sort=False):
        signs = _order(part.rankme) * _order(part.accuracy)
        method = part.experiment.map(lambda name: SWEEPS[name].method).to_numpy()
        same = method[:, None] == method
        rows.append((seed, *(signs[(signs != 0) & kind].mean() for kind in (same, ~same))))
    return pd.DataFrame(rows, columns=["seed", "within", "across"])


def _order(values: pd.Series) -> npt.NDArray[np.float64]:
    numbers = values.to_numpy(float)
    signs: npt.NDArray[np.float64] = np.sign(numbers[:, None] - numbers)
    return signs
