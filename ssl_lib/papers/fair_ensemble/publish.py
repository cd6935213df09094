"""Write the chapter's committed tables: ``python -m ssl_lib.papers.fair_ensemble.publish``.

Trains on CIFAR-10 and TinyImageNet (see ``SSL_LIB_DATA``) what is not stored yet: about an hour and
a half of one CPU core.
"""

from pathlib import Path

from ssl_lib.papers.fair_ensemble.pictures import committed_store, measured
from ssl_lib.papers.fair_ensemble.settings import Settings

__all__ = ["publish"]


def publish(settings: Settings | None = None) -> list[Path]:
    """Compute the tables of the profile `standard` and write them with their manifests.

    Parameters
    ----------
    settings : Settings, optional
        Default: those of the profile `standard`.

    Returns
    -------
    list of pathlib.Path
        The tables' files.

    Raises
    ------
    MissingData
        When a data set cannot be had.
    """
    store = committed_store()
    found = measured(settings or Settings(profile="standard"))
    return [store.publish(result) for result in found.values()]


if __name__ == "__main__":
    for path in publish():
        print(f"{path.name}: {path.stat().st_size:,} bytes")
