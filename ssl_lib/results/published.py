"""Tables that the project ships: small, measured elsewhere, each with its manifest.

``NAME.csv``, or ``NAME.parquet`` where CSV is large or would lose something, beside ``NAME.json``.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from ssl_lib.atomic import write_file
from ssl_lib.errors import InputError, closest
from ssl_lib.results import tables
from ssl_lib.results.keys.fingerprint import current
from ssl_lib.results.manifest import Manifest, differences, sha256

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["changes_since", "exists", "read", "write"]

_LARGEST_CSV = 500_000
_SUFFIXES = (".csv", ".parquet")


def exists(folder: Path, name: str) -> bool:
    """Tell whether a table is published."""
    return (folder / f"{name}.json").is_file()


def read(folder: Path, name: str) -> tuple[pd.DataFrame, Manifest]:
    """Read a published table and its manifest.

    Parameters
    ----------
    folder : pathlib.Path
        The project's ``results``.
    name : str
        The table's name.

    Returns
    -------
    table : pandas.DataFrame
    manifest : Manifest

    Raises
    ------
    InputError
        When there is no such table, or it does not match its manifest.
    """
    if not exists(folder, name):
        known = (path.stem for path in folder.glob("*.json"))
        raise InputError(f"there is no published table {name!r}.{closest(name, known)}")
    try:
        made = Manifest.from_json((folder / f"{name}.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{name}.json is not the manifest of a table: {error}.") from error
    path = next((p for s in _SUFFIXES if (p := folder / f"{name}{s}").is_file()), None)
    if path is None:
        raise InputError(f"{name}.json has no table beside it (.csv or .parquet).")
    content = path.read_bytes()
    if sha256(content) != made.sha256:
        raise InputError(f"{path.name} is not the table that {name}.json describes.")
    if path.suffix == ".csv":
        return tables.from_csv(content, made.columns), made
    return tables.from_parquet(content), made


def write(folder: Path, name: str, table: pd.DataFrame, made: Manifest) -> Path:
    """Write a table and its manifest.

    Parameters
    ----------
    folder : pathlib.Path
        The project's ``results``.
    name : str
        The table's name.
    table : pandas.DataFrame
        The table.
    made : Manifest
        How it came about; the checksum and the columns are replaced by the file's.

    Returns
    -------
    pathlib.Path
        The table's file.
    """
    suffix, content = _form(table)
    for other in _SUFFIXES:
        if other != suffix:
            (folder / f"{name}{other}").unlink(missing_ok=True)
    described = dataclasses.replace(made, sha256=sha256(content), columns=tables.dtypes(table))
    write_file(folder / f"{name}{suffix}", content)
    write_file(folder / f"{name}.json", described.to_json().encode())
    return folder / f"{name}{suffix}"


def changes_since(made: Manifest) -> list[str]:
    """Say which of the definitions that a published table used have changed since.

    Versions are not compared: what the table was measured with is in its manifest, and other
    versions here do not make it another experiment.

    Parameters
    ----------
    made : Manifest
        The table's manifest.

    Returns
    -------
    list of str
        One line a difference.
    """
    # What a script defined in __main__ cannot be looked up from elsewhere, so it is not judged.
    source = made.key["source"].items()
    recorded = {name: value for name, value in source if not name.startswith("__main__:")}
    return differences({"source": recorded}, {"source": current(recorded)})


def _form(table: pd.DataFrame) -> tuple[str, bytes]:
    content = tables.to_csv(table)
    if len(content) <= _LARGEST_CSV and _survives_csv(table, content):
        return ".csv", content
    return ".parquet", tables.to_parquet(table)


def _survives_csv(table: pd.DataFrame, content: bytes) -> bool:
    try:
        return tables.from_csv(content, tables.dtypes(table)).equals(table)
    except (TypeError, ValueError):
        return False
