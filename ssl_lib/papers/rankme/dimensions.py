"""RankMe across the dimension sweep of the ISSL chapter, read as a table.

Chapters do not import each other: what one measured reaches another as a stored table, by name. At
``smoke`` and ``quick`` it is the table that the project ships, of real images, so that what the
page shows does not depend on which chapter ran first.
"""

import pandas as pd

from ssl_lib.results import Result, Store
from ssl_lib.results import published as committed

__all__ = ["FOLDER", "NAMES", "find", "sweep"]

#: Names under which the table may be stored, the most wanted first.
NAMES = ("issl-dimension-sweep", "issl-dimensions")
#: Where it is committed, below ``results``.
FOLDER = "issl"
#: Column of the tidy table -> names it may have there.
COLUMNS = {
    "dimension": ("dimension", "dim", "dims", "d"),
    "rankme": ("rankme", "RankMe"),
    "accuracy": ("accuracy", "full", "linear", "ridge", "logistic"),
    "method": ("method", "variant", "objective"),
}
#: Not a representation of some dimension.
LEFT_OUT = ("raw pixels",)


def find(store: Store, *, profile: str) -> Result | None:
    """Return the dimension sweep that the project ships or the store holds.

    Parameters
    ----------
    store : Store
        Its committed tables are looked for in their folder and in ``issl`` below it.
    profile : str
        At "standard" and "paper" the newest table that this profile computed here comes before
        the committed one; otherwise it comes after.

    Returns
    -------
    Result or None
        None where that chapter has not run here and ships no table.

    Raises
    ------
    InputError
        When the table that the project ships is damaged.
    """
    ways = [_committed, _stored]
    if profile in ("standard", "paper"):
        ways.reverse()
    return next((found for way in ways if (found := way(store, profile)) is not None), None)


def _stored(store: Store, profile: str) -> Result | None:
    """Return the newest table of the cache; those of other profiles are passed over."""
    for name in NAMES:
        for made in store.entries(name):
            if made.profile in (None, "", profile):
                folder = store.root / "tables" / name / made.digest
                return Result(pd.read_parquet(folder / "table.parquet"), made, "cache")
    return None


def _committed(store: Store, profile: str) -> Result | None:
    for folder in (store.committed_root / FOLDER, store.committed_root):
        for name in NAMES:
            if committed.exists(folder, name):
                return Store(store.root, committed=folder).committed(name)
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
        Columns method, dimension, rankme, accuracy; raw pixels are left out.
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
    kept = renamed[~renamed.method.isin(LEFT_OUT)]
    return kept[["method", "dimension", "rankme", "accuracy"]].dropna()
