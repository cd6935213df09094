"""What the spectrum of each embedding says: samples, epsilon, classical rank, the bound."""

from collections.abc import Mapping, Sequence

import pandas as pd

from ssl_lib.evaluation.rank import entropic_rank
from ssl_lib.papers.rankme.experiments import KEYS, Tables
from ssl_lib.papers.rankme.measures.statistics import by_seed, correlation
from ssl_lib.papers.rankme.measures.sweeps import encoders
from ssl_lib.papers.rankme.settings import SWEEPS

__all__ = [
    "agreement",
    "classical",
    "noise",
    "order_kept",
    "path",
    "samples",
    "scaled_count",
    "spectra",
]

#: Images for each of the projector's outputs in the paper: 25,600 for 2,048.
PER_WIDTH = 12.5
PAPERS = "the paper's"
#: Singular values count above which share of the largest; the paper's threshold is another.
THRESHOLDS: dict[str, float] = {"1% of the largest": 0.01, "5% of the largest": 0.05}


def samples(tables: Tables) -> pd.DataFrame:
    """Compare RankMe from the first n images with RankMe from all of them.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    pandas.DataFrame
        Columns experiment, seed, setting, images, rankme, full, ratio; the last row of an encoder
        is that of all images.
    """
    long = tables.long("rankme of n", experiments=tuple(SWEEPS))
    long = long.rename(columns={"at": "images", "value": "rankme"}).drop(columns="measure")
    full = long.groupby(KEYS).rankme.transform("last")
    return long.assign(images=long.images.astype(int), full=full, ratio=long.rankme / full)


def scaled_count(tables: Tables) -> int:
    """Return the largest number of images tried that is no more a dimension than the paper's.

    All images are left out, since they are what the smaller numbers are compared with.
    """
    images = tables.long("rankme of n", experiments=tuple(SWEEPS))["at"]
    width = tables.long("sigma", experiments=tuple(SWEEPS))["at"].max()
    return int(images[(images <= PER_WIDTH * width) & (images < images.max())].max())


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


def spectra(tables: Tables, epsilons: Sequence[float] = (0.0, 1e-7, 1e-5)) -> pd.DataFrame:
    """Compute RankMe of every embedding for several epsilons.

    Parameters
    ----------
    tables : Tables
    epsilons : sequence of float

    Returns
    -------
    pandas.DataFrame
        Columns experiment, seed, setting, eps, rankme.
    """
    import torch

    rows = [
        (*key, eps, entropic_rank(torch.tensor(part.value.to_numpy()), eps=eps))
        for key, part in tables.long("sigma", experiments=tuple(SWEEPS)).groupby(KEYS, sort=False)
        for eps in epsilons
    ]
    return pd.DataFrame(rows, columns=[*KEYS, "eps", "rankme"])


def classical(tables: Tables) -> pd.DataFrame:
    """Count the singular values of every embedding above several thresholds.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    pandas.DataFrame
        Columns experiment, seed, setting, threshold (as text), rank, rankme.
    """
    runs = encoders(tables)[[*KEYS, "classical rank", "rankme"]]
    long = tables.long("sigma", experiments=tuple(SWEEPS)).merge(runs, on=KEYS)
    rows = []
    for key, part in long.groupby(KEYS, sort=False):
        own = part.iloc[0]
        rows.append((*key, PAPERS, int(own["classical rank"]), own.rankme))
        for name, share in THRESHOLDS.items():
            above = part.value > share * part.value.max()
            rows.append((*key, name, int(above.sum()), own.rankme))
    return pd.DataFrame(rows, columns=[*KEYS, "threshold", "rank", "rankme"])


def agreement(table: pd.DataFrame) -> pd.Series:
    """Correlate the classical rank at each threshold with RankMe, over all encoders.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`classical`.

    Returns
    -------
    pandas.Series
        By threshold (Spearman; NaN where all encoders have one rank).
    """
    return pd.Series(
        {
            str(name): correlation(part.rankme, part["rank"], kind="spearman")
            for name, part in table.groupby("threshold", sort=False)
        }
    )


def path(tables: Tables) -> pd.DataFrame:
    """Return what probes on the first R principal components leave, and what they must leave.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    pandas.DataFrame
        Columns experiment, seed, setting, rank, residual, bound, accuracy.
    """
    names = {"residual": "residual", "bound": "bound", "train accuracy at rank": "accuracy"}
    return _side_by_side(tables, names, "rank", tuple(SWEEPS)).astype({"rank": int})


def noise(tables: Tables) -> pd.DataFrame:
    """Return rank and accuracy of embeddings to which noise was added.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    pandas.DataFrame
        Columns experiment, seed, setting, strength (noise over spread), rankme, accuracy.
    """
    names = {"rankme with noise": "rankme", "accuracy with noise": "accuracy"}
    return _side_by_side(tables, names, "strength", ("temperature",))


def _side_by_side(
    tables: Tables, names: Mapping[str, str], at: str, experiments: tuple[str, ...]
) -> pd.DataFrame:
    """Put measures in columns of these names, what they were measured at in the column `at`."""
    long = tables.long(*names, experiments=experiments).rename(columns={"at": at})
    wide = long.pivot(index=[*KEYS, at], columns="measure", values="value").rename(columns=names)
    wide.columns.name = None
    # Pivoting sorts experiments by name.
    return wide.loc[list(experiments)].reset_index()
