"""Write the chapter's committed tables: ``python -m ssl_lib.papers.splinecam.publish``.

Trains on CIFAR-10 and TinyImageNet (see ``SSL_LIB_DATA``) what is not stored yet: some minutes of
one CPU core.
"""

from dataclasses import replace
from pathlib import Path

import torch

from ssl_lib.papers.splinecam.real import PARTS, UNPUBLISHED, committed_store, measured, packed
from ssl_lib.papers.splinecam.settings import Settings

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
    store, settings = committed_store(), settings or Settings(profile="standard")
    paths = []
    # One by one, so that what is done is written.
    for name in (part for part in PARTS if part not in UNPUBLISHED):
        found = measured(settings, store, [name])
        small = replace(found[name], table=packed(found[name].table))
        paths.append(store.publish(small, name=f"splinecam-real-{name}"))
        print(f"{paths[-1].name}: {paths[-1].stat().st_size:,} bytes", flush=True)
    return paths


if __name__ == "__main__":
    torch.set_num_threads(1)
    publish()
