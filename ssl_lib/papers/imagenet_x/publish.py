"""Write the chapter's committed tables: ``python -m ssl_lib.papers.imagenet_x.publish``.

Needs the published files (see ``SSL_LIB_DATA``) and a checkout. The tables are computed anew when
anything they depend on has changed since they were kept.
"""

from pathlib import Path

from ssl_lib.papers.imagenet_x.sources import default_store, tables
from ssl_lib.results import Store

__all__ = ["publish"]


def publish(store: Store | None = None) -> list[Path]:
    """Compute the four tables of counts and write them with their manifests.

    Parameters
    ----------
    store : Store, optional
        Default: the user's, which writes to ``results/imagenet_x``.

    Returns
    -------
    list of pathlib.Path
        The tables' files.

    Raises
    ------
    MissingData
        When the published files cannot be had.
    """
    store = store or default_store()
    return [store.publish(result) for result in tables(store, fallback=False).values()]


if __name__ == "__main__":
    for path in publish():
        print(f"{path.name}: {path.stat().st_size:,} bytes")
