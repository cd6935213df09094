"""One row a trained encoder, and what follows from it: correlations, curves, trajectories."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from ssl_lib.evaluation.rank import entropic_rank
from ssl_lib.papers.rankme.experiments import Tables
from ssl_lib.papers.rankme.settings import SWEEPS
from ssl_lib.papers.rankme.statistics import by_seed, correlation, mean_estimate

__all__ = [
    "PREDICTORS",
    "READOUTS",
    "THRESHOLDS",
    "agreement",
    "classical",
    "correlations",
    "curves",
    "encoders",
    "noise",
    "order_kept",
    "path",
    "pooled",
    "readouts",
    "samples",
    "spectra",
    "transfer",
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
#: What reads a representation out.
READOUTS: dict[str, str] = {
    "accuracy": "linear probe",
    "few labels": "linear probe, ten labels a class",
    "kNN": "20 nearest neighbours",
    "embedding accuracy": "linear probe on the embedding",
}


def encoders(results: Tables) -> pd.DataFrame:
    """Return one row a trained encoder with its measures in columns.

    Parameters
    ----------
    results : Tables

    Returns
    -------
    pandas.DataFrame
        Columns experiment, seed, setting, method, and one for each measure that is a single
        number. "alpha score" is ``-|alpha - 1|``, so that larger is what alpha-ReQ prefers.
    """
    long = results.long()
    single = long.groupby("measure")["at"].transform("max") == 0
    keys = ["experiment", "seed", "setting"]
    wide = long[single].pivot(index=keys, columns="measure", values="value").reset_index()
    wide.columns.name = None
    for what in ("embedding", "representation"):
        wide[f"alpha score, {what}"] = -(wide[f"alpha, {what}"] - 1).abs()
    methods = {name: sweep.method for name, sweep in SWEEPS.items()}
    methods |= {"transfer": "simclr", "shallow": "vicreg"}
    return _ordered(wide.assign(method=wide.experiment.map(methods)))


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Put experiments in the order of the chapter; pivoting sorts them by name."""
    order = {name: place for place, name in enumerate((*SWEEPS, "transfer", "shallow"))}
    table = table.sort_values("experiment", key=lambda names: names.map(order), kind="stable")
    return table.reset_index(drop=True)


def _sweeps(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[runs.experiment.isin(SWEEPS)]


def correlations(
    runs: pd.DataFrame,
    *,
    predictors: Mapping[str, str] = PREDICTORS,
    outcome: str = "accuracy",
    kind: str = "kendall",
) -> pd.DataFrame:
    """Correlate each label-free measure with accuracy within each sweep.

    Parameters
    ----------
    runs : pandas.DataFrame
        From :func:`encoders`.
    predictors : mapping of str to str
        Columns and how figures name them.
    outcome : str, default="accuracy"
        The column to predict.
    kind : str, default="kendall"
        See :func:`ssl_lib.papers.rankme.statistics.correlation`.

    Returns
    -------
    pandas.DataFrame
        Columns experiment, predictor, mean, low, high (95 % t interval over seeds), seeds (values
        as text).
    """
    rows = []
    for name, title in predictors.items():
        for experiment, part in runs.groupby("experiment", sort=False):
            each = by_seed(part, partial(_between, x=name, y=outcome, kind=kind)).value
            found = mean_estimate(list(each), limits=(-1, 1))
            seeds = " / ".join(f"{value:.2f}" for value in each)
            rows.append((experiment, title, found.value, *found.bounds, seeds))
    columns = ["experiment", "predictor", "mean", "low", "high", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def _between(part: pd.DataFrame, *, x: str, y: str, kind: str) -> float:
    return correlation(part[x], part[y], kind=kind)


def readouts(runs: pd.DataFrame) -> pd.DataFrame:
    """Correlate RankMe with each way to read a representation out, within each sweep.

    Parameters
    ----------
    runs : pandas.DataFrame
        From :func:`encoders`.

    Returns
    -------
    pandas.DataFrame
        As :func:`correlations`, with column readout instead of predictor.
    """
    parts = [
        correlations(_sweeps(runs), predictors={"rankme": title}, outcome=name)
        for name, title in READOUTS.items()
    ]
    return pd.concat(parts, ignore_index=True).rename(columns={"predictor": "readout"})


def curves(runs: pd.DataFrame, measures: Sequence[str]) -> pd.DataFrame:
    """Average measures over seeds at each setting.

    Parameters
    ----------
    runs : pandas.DataFrame
        From :func:`encoders`.
    measures : sequence of str
        Columns.

    Returns
    -------
    pandas.DataFrame
        Columns experiment, setting, measure, mean, lowest, highest over seeds.
    """
    long = runs.melt(["experiment", "seed", "setting"], list(measures), "measure", "value")
    grouped = long.groupby(["experiment", "setting", "measure"], sort=False).value
    return grouped.agg(mean="mean", lowest="min", highest="max").reset_index()


def samples(results: Tables) -> pd.DataFrame:
    """Compare RankMe from the first n images with RankMe from all of them.

    Parameters
    ----------
    results : Tables

    Returns
    -------
    pandas.DataFrame
        Columns experiment, seed, setting, images, rankme, full, ratio; the last row of an encoder
        is that of all images.
    """
    long = results.long("rankme of n", experiments=tuple(SWEEPS))
    long = long.rename(columns={"at": "images", "value": "rankme"}).drop(columns="measure")
    full = long.groupby(["experiment", "seed", "setting"]).rankme.transform("last")
    return long.assign(images=long.images.astype(int), full=full, ratio=long.rankme / full)


def order_kept(table: pd.DataFrame) -> pd.DataFrame:
    """Correlate the order of a sweep's settings from n images with that from all.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`samples`.

    Returns
    -------
    pandas.DataFrame
        Columns experiment, images, seed, value (Kendall's tau-b).
    """
    return by_seed(
        table, lambda part: correlation(part.rankme, part.full), within=["experiment", "images"]
    )


def spectra(results: Tables, epsilons: Sequence[float] = (0.0, 1e-7, 1e-5)) -> pd.DataFrame:
    """Compute RankMe of every embedding for several epsilons.

    Parameters
    ----------
    results : Tables
    epsilons : sequence of float

    Returns
    -------
    pandas.DataFrame
        Columns experiment, seed, setting, eps, rankme.
    """
    import torch

    long = results.long("sigma", experiments=tuple(SWEEPS))
    keys = ["experiment", "seed", "setting"]
    rows = [
        (*key, eps, entropic_rank(torch.tensor(part.value.to_numpy()), eps=eps))
        for key, part in long.groupby(keys, sort=False)
        for eps in epsilons
    ]
    return pd.DataFrame(rows, columns=[*keys, "eps", "rankme"])


#: Singular values above this share of the largest count; None is the paper's threshold.
THRESHOLDS: tuple[float | None, ...] = (None, 0.01, 0.05)


def classical(results: Tables) -> pd.DataFrame:
    """Count the singular values of every embedding above several thresholds.

    Parameters
    ----------
    results : Tables

    Returns
    -------
    pandas.DataFrame
        Columns experiment, seed, setting, threshold (as text), rank, rankme.
    """
    keys = ["experiment", "seed", "setting"]
    runs = _sweeps(encoders(results))[[*keys, "classical rank", "rankme"]]
    long = results.long("sigma", experiments=tuple(SWEEPS)).merge(runs, on=keys)
    rows = []
    for key, part in long.groupby(keys, sort=False):
        own = part.iloc[0]
        for threshold in THRESHOLDS:
            above = part.value > (threshold or 0) * part.value.max()
            count = own["classical rank"] if threshold is None else above.sum()
            name = "the paper's" if threshold is None else f"{threshold:.0%} of the largest"
            rows.append((*key, name, int(count), own.rankme))
    return pd.DataFrame(rows, columns=[*keys, "threshold", "rank", "rankme"])


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Correlate the classical rank at each threshold with RankMe, over all encoders.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`classical`.

    Returns
    -------
    pandas.DataFrame
        Columns threshold, value (Spearman; NaN where all encoders have one rank).
    """
    rows = [
        (name, correlation(part.rankme, part["rank"], kind="spearman"))
        for name, part in table.groupby("threshold", sort=False)
    ]
    return pd.DataFrame(rows, columns=["threshold", "value"])


def path(results: Tables) -> pd.DataFrame:
    """Return what probes on the first R principal components leave, and what they must leave.

    Parameters
    ----------
    results : Tables

    Returns
    -------
    pandas.DataFrame
        Columns experiment, seed, setting, rank, residual, bound, accuracy.
    """
    names = {"residual": "residual", "bound": "bound", "train accuracy at rank": "accuracy"}
    long = results.long(*names, experiments=tuple(SWEEPS)).rename(columns={"at": "rank"})
    keys = ["experiment", "seed", "setting", "rank"]
    wide = long.pivot(index=keys, columns="measure", values="value").rename(columns=names)
    wide.columns.name = None
    return _ordered(wide.reset_index().astype({"rank": int}))


def noise(results: Tables) -> pd.DataFrame:
    """Return rank and accuracy of embeddings to which noise was added.

    Parameters
    ----------
    results : Tables

    Returns
    -------
    pandas.DataFrame
        Columns seed, setting, strength (noise over spread), rankme, accuracy.
    """
    names = {"rankme with noise": "rankme", "accuracy with noise": "accuracy"}
    long = results.long(*names, experiments=("temperature",)).rename(columns={"at": "strength"})
    keys = ["seed", "setting", "strength"]
    wide = long.pivot(index=keys, columns="measure", values="value").rename(columns=names)
    wide.columns.name = None
    return wide.reset_index()


def transfer(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the encoders pretrained on half of the classes.

    Parameters
    ----------
    runs : pandas.DataFrame
        From :func:`encoders`.

    Returns
    -------
    pandas.DataFrame
        Columns seed, setting, rankme, target rankme, accuracy, target accuracy.
    """
    columns = ["seed", "setting", "rankme", "target rankme", "accuracy", "target accuracy"]
    return runs.loc[runs.experiment == "transfer", columns].reset_index(drop=True)


def pooled(runs: pd.DataFrame) -> pd.DataFrame:
    """Compare the correlation over all encoders of both methods with those within sweeps.

    Parameters
    ----------
    runs : pandas.DataFrame
        From :func:`encoders`.

    Returns
    -------
    pandas.DataFrame
        Columns seed, within (mean over sweeps), pooled; Kendall's tau-b with accuracy.
    """

    def tau(part: pd.DataFrame) -> float:
        return correlation(part.rankme, part.accuracy)

    rows = [
        (seed, np.mean([tau(p) for _, p in part.groupby("experiment")]), tau(part))
        for seed, part in _sweeps(runs).groupby("seed", sort=False)
    ]
    return pd.DataFrame(rows, columns=["seed", "within", "pooled"])
