"""Notebooks as plain JSON: read, write, and find their cells."""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from ssl_lib.atomic import make_folder
from ssl_lib.errors import InputError

__all__ = [
    "Cell",
    "Notebook",
    "code_cells",
    "dumped",
    "outputs",
    "read",
    "source",
    "tagged",
    "tags",
    "text_of",
    "write",
    "write_text",
]

Cell: TypeAlias = dict[str, Any]
Notebook: TypeAlias = dict[str, Any]


def read(path: Path) -> Notebook:
    """Read a notebook; name the file when it is not one."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not a notebook: {error}") from error
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise InputError(f"{path} is not a notebook: it has no list of cells")
    return notebook


def dumped(notebook: Notebook) -> str:
    """Return a notebook as text with sorted keys: equal notebooks are equal files."""
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write(notebook: Notebook, path: Path) -> bool:
    """Write a notebook; see :func:`write_text`."""
    return write_text(path, dumped(notebook))


def write_text(path: Path, text: str) -> bool:
    """Write a file in one step, only when its content changes; return whether it did.

    An untouched file keeps its time stamp, by which Sphinx decides what to read again.
    """
    content = text.encode("utf-8")
    if path.is_file() and path.read_bytes() == content:
        return False
    make_folder(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.chmod(name, 0o644)
    os.replace(name, path)
    return True


def text_of(value: str | list[str] | None) -> str:
    r"""Join a multi-line field, which the format stores as a string or a list of lines.

    Examples
    --------
    >>> text_of(["a\\n", "b"])
    'a\\nb'
    """
    return value if isinstance(value, str) else "".join(value or [])


def source(cell: Cell) -> str:
    """Return a cell's source as one string."""
    return text_of(cell.get("source"))


def tags(cell: Cell) -> list[str]:
    """Return a cell's tags."""
    found = cell.get("metadata", {}).get("tags", [])
    return [str(tag) for tag in found]


def code_cells(notebook: Notebook) -> list[Cell]:
    """Return the code cells in order."""
    return [cell for cell in notebook["cells"] if cell.get("cell_type") == "code"]


def tagged(notebook: Notebook, tag: str) -> list[Cell]:
    """Return the cells that carry a tag."""
    return [cell for cell in notebook["cells"] if tag in tags(cell)]


def outputs(notebook: Notebook) -> Iterator[tuple[Cell, dict[str, Any]]]:
    """Yield every output with the cell it belongs to."""
    for cell in code_cells(notebook):
        for output in cell.get("outputs", []):
            yield cell, output
