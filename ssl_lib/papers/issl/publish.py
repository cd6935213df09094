"""Write the chapter's tables of real images: ``python -m ssl_lib.papers.issl.publish``.

The dimension sweep, the other methods, the pairs of heads, the strengths and the lengths of
training at the ``standard`` profile: CIFAR-10, nearly three hours of one CPU core in all.
``--only rivals`` measures one of them, ``--data tiny-imagenet`` takes other images. Needs the
images (see ``SSL_LIB_DATA``) and a checkout; a killed run goes on where it stopped.
"""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from ssl_lib.errors import InputError, closest
from ssl_lib.papers.issl import experiments
from ssl_lib.papers.issl.real import committed_name
from ssl_lib.papers.issl.settings import Settings
from ssl_lib.paths import share
from ssl_lib.results import Result, Store

__all__ = ["PUBLISHED", "publish"]

#: What is committed of CIFAR-10; of other images it is the first alone.
PUBLISHED: dict[str, Callable[[Settings], Result]] = {
    "dimensions": experiments.dimensions,
    "rivals": experiments.rivals,
    "heads": experiments.heads,
    "mlp_heads": experiments.mlp_heads,
    "strengths": experiments.strengths,
    "epochs": experiments.epochs,
}


def publish(
    settings: Settings | None = None,
    *,
    only: Iterable[str] = (),
    directory: str | Path | None = None,
) -> list[Path]:
    """Measure tables and write each, when it is done, with its manifest.

    Parameters
    ----------
    settings : Settings, optional
        Default: the ``standard`` profile.
    only : iterable of str, default=()
        Keys of :data:`PUBLISHED`; empty takes all.
    directory : path, optional
        Default: ``results/issl``.

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
    folder = Path(directory) if directory is not None else share("results") / experiments.FOLDER
    names = tuple(only) or tuple(PUBLISHED)
    for name in names:
        if name not in PUBLISHED:
            raise InputError(f"there is no table {name!r}.{closest(name, PUBLISHED)}")
    paths = []
    for name in names:
        result = PUBLISHED[name](settings)
        stem = committed_name(result.manifest.name, settings.data_name)
        paths.append(Store().publish(result, folder, name=stem))
        print(f"{paths[-1].name}: {paths[-1].stat().st_size:,} bytes", flush=True)
    return paths


def _main() -> None:
    parser = argparse.ArgumentParser(description="Write the ISSL chapter's committed tables.")
    parser.add_argument("--only", nargs="+", default=(), choices=tuple(PUBLISHED))
    parser.add_argument("--data", default="", help="another data set than the profile's")
    given = parser.parse_args()
    publish(Settings(profile="standard", data=given.data), only=given.only)


if __name__ == "__main__":
    _main()
