"""Write the chapter's tables of real images: ``python -m ssl_lib.papers.rankme.publish``.

The three sweeps, and that of the temperature on half of the classes, at the ``standard`` profile:
CIFAR-10, forty minutes of one CPU core. ``--only temperature`` measures one of them. Needs the
images (see ``SSL_LIB_DATA``) and a checkout; a killed run goes on where it stopped.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

from ssl_lib.errors import InputError, closest
from ssl_lib.papers.rankme.experiments import FOLDER, table
from ssl_lib.papers.rankme.real import TABLES
from ssl_lib.papers.rankme.settings import Settings
from ssl_lib.paths import share
from ssl_lib.results import Store

__all__ = ["PUBLISHED", "publish"]

#: The experiments whose tables are committed.
PUBLISHED = TABLES


def publish(
    settings: Settings | None = None,
    *,
    only: Iterable[str] = (),
    directory: str | Path | None = None,
) -> list[Path]:
    """Train sweeps and write each one's table, when it is done, with its manifest.

    Parameters
    ----------
    settings : Settings, optional
        Default: the ``standard`` profile.
    only : iterable of str, default=()
        Some of :data:`PUBLISHED`; empty takes all.
    directory : path, optional
        Default: ``results/rankme``.

    Returns
    -------
    list of pathlib.Path
        The tables' files.

    Raises
    ------
    InputError
        When there is no such table.
    MissingData
        When the images cannot be had.
    """
    settings = settings or Settings(profile="standard")
    folder = Path(directory) if directory is not None else share("results") / FOLDER
    names = tuple(only) or PUBLISHED
    for name in names:
        if name not in PUBLISHED:
            raise InputError(f"there is no table {name!r}.{closest(name, PUBLISHED)}")
    paths = []
    for name in names:
        paths.append(Store().publish(table(settings, name), folder))
        print(f"{paths[-1].name}: {paths[-1].stat().st_size:,} bytes", flush=True)
    return paths


def _main() -> None:
    parser = argparse.ArgumentParser(description="Write the RankMe chapter's committed tables.")
    parser.add_argument("--only", nargs="+", default=(), choices=PUBLISHED)
    publish(only=parser.parse_args().only)


if __name__ == "__main__":
    _main()
