"""One row a trained encoder, and what follows from it: correlations, curves, other classes."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ssl_lib.papers.rankme.experiments import KEYS, Tables
from ssl_lib.papers.rankme.measures.statistics import correlation, mean_estimate
from ssl_lib.papers.rankme.settings import SWEEPS, TITLES, recipes
from ssl_lib.plotting import words

__all__ = [
    "PREDICTORS",
    "RANK",
    "READOUTS",
    "SHOWN",
    "correlations",
    "curves",
    "encoders",
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
        Columns experiment, predictor, mean, low, high (95 % t interval over seeds), seeds (values
        as text).
    """
    rows = []
    for name, title in predictors.items():
        for experiment, each in within(table, name, outcome).groupby("experiment", sort=False):
            found = mean_estimate(list(each.value), limits=(-1, 1))
            seeds = " / ".join(f"{value:.2f}" for value in each.value).replace("-", "−")
            rows.append((experiment, title, found.value, *found.bounds, seeds))
    columns = ["experiment", "predictor", "mean", "low", "high", "seeds"]
    return pd.DataFrame(rows, columns=columns)


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
        Columns experiment, setting, measure, mean, lowest, highest over seeds.
    """
    long = table.melt(KEYS, list(measures), "measure", "value")
    grouped = long.groupby(["experiment", "setting", "measure"], sort=False).value
    return grouped.agg(mean="mean", lowest="min", highest="max").reset_index()


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
    """Compare the correlation over all encoders of both methods with those within sweeps.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`encoders`.

    Returns
    -------
    pandas.DataFrame
        Columns seed, within (mean over sweeps), pooled; Kendall's tau-b with accuracy.
    """
    rows = [
        (seed, np.mean(within(part).value), correlation(part.rankme, part.accuracy))
        for seed, part in swept(table).groupby("seed", sort=False)
    ]
    return pd.DataFrame(rows, columns=["seed", "within", "pooled"])
