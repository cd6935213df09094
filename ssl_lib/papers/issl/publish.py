"""Write the chapter's table of real images: ``python -m ssl_lib.papers.issl.publish``.

The dimension sweep of the ``standard`` profile: CIFAR-10, half an hour of one CPU core. Needs the
images (see ``SSL_LIB_DATA``) and a checkout; a killed run goes on where it stopped.
"""

from pathlib import Path

from ssl_lib.papers.issl import experiments
from ssl_lib.papers.issl.settings import Settings
from ssl_lib.paths import share
from ssl_lib.results import Store

__all__ = ["publish"]


def publish(settings: Settings | None = None, *, directory: str | Path | None = None) -> list[Path]:
    """Train the dimension sweep and write its table with its manifest.

    Parameters
    ----------
    settings : Settings, optional
        Default: the ``standard`` profile.
    directory : path, optional
        Default: ``results/issl``.

    Returns
    -------
    list of pathlib.Path
        The table's file.

    Raises
    ------
    MissingData
        When the images cannot be had.
    """
    result = experiments.dimensions(settings or Settings(profile="standard"))
    folder = Path(directory) if directory is not None else share("results") / experiments.FOLDER
    return [Store().publish(result, folder)]


if __name__ == "__main__":
    for path in publish():
        print(f"{path.name}: {path.stat().st_size:,} bytes")
