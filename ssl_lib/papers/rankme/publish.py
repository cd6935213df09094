"""Write the chapter's tables of real images: ``python -m ssl_lib.papers.rankme.publish``.

The sweeps of temperature and covariance weight at the ``standard`` profile: CIFAR-10, fifteen
minutes of one CPU core. Needs the images (see ``SSL_LIB_DATA``) and a checkout; a killed run goes
on where it stopped.
"""

from pathlib import Path

from ssl_lib.papers.rankme.experiments import FOLDER, table
from ssl_lib.papers.rankme.settings import Settings
from ssl_lib.paths import share
from ssl_lib.results import Store

__all__ = ["PUBLISHED", "publish"]

#: The experiments whose tables are committed.
PUBLISHED = ("temperature", "covariance")


def publish(settings: Settings | None = None, *, directory: str | Path | None = None) -> list[Path]:
    """Train the two sweeps and write their tables with their manifests.

    Parameters
    ----------
    settings : Settings, optional
        Default: the ``standard`` profile.
    directory : path, optional
        Default: ``results/rankme``.

    Returns
    -------
    list of pathlib.Path
        The tables' files.

    Raises
    ------
    MissingData
        When the images cannot be had.
    """
    settings = settings or Settings(profile="standard")
    folder = Path(directory) if directory is not None else share("results") / FOLDER
    return [Store().publish(table(settings, name), folder) for name in PUBLISHED]


if __name__ == "__main__":
    for path in publish():
        print(f"{path.name}: {path.stat().st_size:,} bytes")
