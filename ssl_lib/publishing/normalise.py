"""Make an executed notebook say the same thing whoever ran it, wherever and whenever."""

import contextlib
import copy
import getpass
import re
import socket
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ssl_lib.paths import cache_root, data_root, repository
from ssl_lib.publishing.notebooks import Cell, Notebook, code_cells, source, tags, text_of
from ssl_lib.publishing.parameters import rewritten

__all__ = ["normalised", "scrubbed"]

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")
_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?([.,]\d+)?(Z|[+-]\d\d:?\d\d)?")
_CLOCK = re.compile(r"\b\d{1,2}:\d\d:\d\d([.,]\d+)?\b")
_KERNEL_FILE = re.compile(r"(/tmp|<tmp>)/ipykernel_\d+/\d+\.py")
_IN = re.compile(r"\bIn ?\[(\d+)\]")
_TEXTUAL = re.compile(r"^(text/(plain|html|markdown|latex)|application/json)$")
_PAPERMILL_TAGS = {"injected-parameters", "papermill-error-cell-tag"}


def normalised(notebook: Notebook, values: Mapping[str, Any]) -> Notebook:
    """Return a clean copy of a notebook that papermill executed.

    The cells papermill put in are gone and the visible parameters cell holds the values used.
    What depends on the machine or the moment is gone from metadata and outputs: paths, host and
    user names, clock times, memory addresses, the standard error stream.

    Parameters
    ----------
    notebook : dict
        The executed notebook.
    values : mapping
        The parameters it ran with.
    """
    clean: Notebook = copy.deepcopy(dict(notebook))
    clean["cells"] = [_clean(cell) for cell in clean["cells"] if not _injected(cell)]
    clean["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in clean["cells"]:
        if "parameters" in tags(cell):
            cell["source"] = rewritten(source(cell), values)
    _number(clean)
    return clean


def _injected(cell: Cell) -> bool:
    return bool(_PAPERMILL_TAGS & set(tags(cell)))


def _clean(cell: Cell) -> Cell:
    metadata = {k: v for k, v in cell["metadata"].items() if k not in {"papermill", "execution"}}
    cell = {**cell, "metadata": metadata}
    if cell["cell_type"] == "code":
        cell["outputs"] = [_clean_output(output) for output in _kept(cell["outputs"])]
    return cell


def _kept(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [output for output in outputs if output.get("name") != "stderr"]


def _clean_output(output: dict[str, Any]) -> dict[str, Any]:
    output = {**output}
    if output["output_type"] == "stream":
        output["text"] = scrubbed(text_of(output["text"]))
    elif output["output_type"] == "error":
        output["evalue"] = scrubbed(output["evalue"])
        output["traceback"] = [scrubbed(line) for line in output["traceback"]]
    else:
        output["metadata"] = {}
        output["data"] = {mime: _clean_data(mime, data) for mime, data in output["data"].items()}
    if "execution_count" in output:
        output["execution_count"] = None
    return output


def _clean_data(mime: str, data: Any) -> Any:
    if isinstance(data, str | list) and (_TEXTUAL.match(mime) or mime == "image/svg+xml"):
        return scrubbed(text_of(data)) if _TEXTUAL.match(mime) else text_of(data)
    return data


def _number(notebook: Notebook) -> None:
    """Count the code cells from 1, as if the cell papermill put in had never been."""
    numbers: dict[str, str] = {}
    for count, cell in enumerate(code_cells(notebook), 1):
        before = cell.get("execution_count")
        numbers[str(before)] = str(count)
        cell["execution_count"] = count if before is not None else None
        for output in cell.get("outputs", []):
            if "execution_count" in output:
                output["execution_count"] = cell["execution_count"]
            if "traceback" in output:
                output["traceback"] = [_renumbered(text, numbers) for text in output["traceback"]]


def _renumbered(text: str, numbers: Mapping[str, str]) -> str:
    return _IN.sub(lambda match: f"In[{numbers.get(match[1], match[1])}]", text)


def scrubbed(text: str) -> str:
    """Return text without terminal colours and without what tells machine or moment.

    Examples
    --------
    >>> scrubbed("<A object at 0x7f3a12bc9d10> at 2026-01-31 12:30:05")
    '<A object at 0x…> at <time>'
    """
    text = _ANSI.sub("", text)
    for place, name in _places():
        text = text.replace(place, name)
    for word, name in _names():
        text = re.sub(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])", name, text)
    text = _KERNEL_FILE.sub("<cell>", text)
    text = _ADDRESS.sub("0x…", text)
    return _CLOCK.sub("<time>", _MOMENT.sub("<time>", text))


@lru_cache(maxsize=1)
def _places() -> list[tuple[str, str]]:
    """Return folders and what stands for them, the longest first."""
    root = repository()
    named = {
        str(data_root()): "<data>",
        str(cache_root()): "<cache>",
        sysconfig.get_path("purelib"): "<site-packages>",
        sys.prefix: "<python>",
        sys.base_prefix: "<python>",
        tempfile.gettempdir(): "<tmp>",
        str(Path.home()): "~",
    }
    if root:
        named[str(root)] = "<repository>"
    # A folder as short as "/" would blot out every path.
    pairs = [(place, name) for place, name in named.items() if len(place) > 3]
    return sorted(pairs, key=lambda pair: -len(pair[0]))


@lru_cache(maxsize=1)
def _names() -> list[tuple[str, str]]:
    """Return this machine's and this user's name, unless they are everyday words."""
    names = [(socket.gethostname(), "<host>")]
    with contextlib.suppress(KeyError, OSError):  # a container may run under a nameless number
        names.append((getpass.getuser(), "<user>"))
    common = {"root", "user", "localhost", "main", "runner", "test", "build", "data", "model"}
    return [(name, mark) for name, mark in names if len(name) > 3 and name not in common]
