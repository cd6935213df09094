"""RankMe across the dimension sweep of the ISSL chapter, read from the results store.

Chapters do not import each other: what one measured reaches another as a stored table, by name.
"""

import pandas as pd

from ssl_lib.errors import InputError
from ssl_lib.results import Result, Store

__all__ = ["NAMES", "find", "sweep"]

#: Names under which the table may be stored, the most wanted first.
NAMES = ("issl-dimensions-standard", "issl-dimension-sweep", "issl-dimensions")
#: Column of the tidy table -> names it may have there.
COLUMNS = {
    "dimension": ("dimension", "dim", "dims", "d"),
    "rankme": ("rankme", "RankMe"),
    "accuracy": ("accuracy", "full", "linear", "ridge", "logistic"),
    "method": ("method", "variant", "objective"),
}


def find(store: Store, *, profile: str) -> Result | None:
    """Return the newest dimension sweep that the store or the project's results hold.

    Parameters
    ----------
    store : Store
    profile : str
        Tables that another profile computed here are passed over; committed ones are not.

    Returns
    -------
    Result or None
        None where that chapter has not run here and ships no table.
    """
    for name in NAMES:
        kept = [made for made in store.entries(name) if made.profile in (None, "", profile)]
        if kept:
            folder = store.root / "tables" / name / kept[0].digest
            return Result(pd.read_parquet(folder / "table.parquet"), kept[0], "cache")
        try:
            return store.committed(name)
        except InputError:
            continue
    return None


def sweep(result: Result) -> pd.DataFrame | None:
    """Return its columns under this chapter's names, None where rank or accuracy is missing.

    Parameters
    ----------
    result : Result
        From :func:`find`.

    Returns
    -------
    pandas.DataFrame or None
        Columns method, dimension, rankme, accuracy.
    """
    table = result.table
    found = {
        name: next((column for column in known if column in table), None)
        for name, known in COLUMNS.items()
    }
    if any(found[name] is None for name in ("dimension", "rankme", "accuracy")):
        return None
    renamed = table.rename(columns={old: new for new, old in found.items() if old})
    if found["method"] is None:
        renamed = renamed.assign(method="all")
    return renamed[["method", "dimension", "rankme", "accuracy"]].dropna()
