"""RankMe across the dimension sweep of the ISSL chapter, read as its published table.

Chapters do not import each other: what one measured reaches another as a published table, whatever
profile runs and whichever chapter ran first.
"""

import pandas as pd

from ssl_lib.results import Result, Store, published

__all__ = ["FOLDER", "METHODS", "TABLE", "find", "sweep"]

#: Where the sweep on real images is published, below ``results``.
FOLDER, TABLE = "issl", "dimensions.standard"
#: Its variants that are representations of some dimension, and how readers know them.
METHODS = {"cissl": "CISSL", "dissl": "DISSL", "untrained": "random encoder"}


def find(store: Store) -> Result | None:
    """Return the published dimension sweep.

    Parameters
    ----------
    store : Store
        Its published tables are looked for in ``issl`` below their folder.

    Returns
    -------
    Result or None
        None where the project ships no such table.

    Raises
    ------
    InputError
        When the table is damaged.
    """
    folder = store.published_root / FOLDER
    if not published.exists(folder, TABLE):
        return None
    return Store(store.root, published=folder).published(TABLE)


def sweep(result: Result) -> pd.DataFrame:
    """Return its columns under this chapter's names.

    Parameters
    ----------
    result : Result
        From :func:`find`.

    Returns
    -------
    pandas.DataFrame
        Columns method, dimension, rankme, accuracy (linear probe, all labels); raw pixels are left
        out.

    Examples
    --------
    >>> sweep(find(Store())).groupby("method").dimension.unique()["CISSL"].tolist()
    [16, 64, 256, 1024]
    """
    table = result.table[result.table.variant.isin(METHODS)]
    columns = {"dim": "dimension", "rankme": "rankme", "full": "accuracy"}
    kept = table[[*columns]].rename(columns=columns)
    kept.insert(0, "method", table.variant.map(METHODS))
    return kept.reset_index(drop=True)
