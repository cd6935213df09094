"""Numbers of each training set, whose spread decides claims; percent and points."""

import pandas as pd

from ssl_lib.papers.fair_ensemble.recipes import CLEAN, WORST, severity

__all__ = ["by_set", "disagreement_allowed", "harmed", "late_gain"]


def by_set(table: pd.DataFrame, measure: str, **where: object) -> pd.Series:
    """Return a measure of each training set.

    Parameters
    ----------
    table : pandas.DataFrame
        Of a run.
    measure : str
    **where : object
        Values of columns, such as ``protocol``, ``group`` and ``members``, that leave a row a
        training set.

    Returns
    -------
    pandas.Series
        By seed.

    Examples
    --------
    >>> rows = [(0, "top", "gain", 2.0), (0, "bottom", "gain", 5.0), (1, "top", "gain", 4.0)]
    >>> table = pd.DataFrame(rows, columns=["seed", "group", "measure", "value"])
    >>> by_set(table, "gain", group="top").to_dict()
    {0: 2.0, 1: 4.0}
    """
    for column, value in {"measure": measure, **where}.items():
        table = table[table[column] == value]
    return table.set_index("seed").value


def late_gain(table: pd.DataFrame, group: str, start: int) -> pd.Series:
    """Return what a group gains from so many members to all, in points by training set.

    Parameters
    ----------
    table : pandas.DataFrame
        "curves" of a run; unbiased protocol.
    group : str
    start : int
        Members; the largest size that is measured up to it.

    Returns
    -------
    pandas.Series
        By seed.
    """
    sizes = table[(table.measure == "gain") & (table.protocol == "unbiased")].members
    both = {"protocol": "unbiased", "group": group}
    first = sizes[sizes <= start].max()
    return by_set(table, "gain", **both, members=sizes.max()) - by_set(
        table, "gain", **both, members=first
    )


def disagreement_allowed(table: pd.DataFrame, group: str) -> pd.Series:
    """Return churn in percent of the most that a member's accuracy allows, by training set.

    Members that disagree are not both right: churn is at most twice the share of errors.

    Parameters
    ----------
    table : pandas.DataFrame
        "curves" of a run; groups of the unbiased protocol.
    group : str

    Returns
    -------
    pandas.Series
        By seed.
    """
    both = {"protocol": "unbiased", "group": group}
    errors = 100 - by_set(table, "accuracy", **both, members=1)
    return 100 * by_set(table, "churn", **both) / (2 * errors).clip(upper=100)


def harmed(table: pd.DataFrame, group: str) -> pd.Series:
    """Return the gain at the highest severity minus that on clean images, by training set.

    Parameters
    ----------
    table : pandas.DataFrame
        "corruption" of a run.
    group : str

    Returns
    -------
    pandas.Series
        By seed, in points, mean over corruptions.
    """
    own = table[(table.protocol == "unbiased") & (table.measure == "accuracy")]
    own = own[own.group == group].sort_values("members")
    ends = own.groupby(["seed", "corruption", "strength"]).value.agg(["first", "last"])
    gain = (ends["last"] - ends["first"]).rename("value").reset_index()
    worst = [severity(*copy) == WORST for copy in zip(gain.corruption, gain.strength, strict=True)]
    clean = gain[gain.corruption == CLEAN].set_index("seed").value
    return gain[worst].groupby("seed").value.mean() - clean
