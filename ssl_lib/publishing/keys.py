"""What an executed notebook depends on, and what has changed since it ran."""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from ssl_lib.paths import cache_root, data_root
from ssl_lib.publishing import cells
from ssl_lib.publishing.layout import Book
from ssl_lib.publishing.notebooks import Notebook, code_cells, source, tags
from ssl_lib.results.keys.fingerprint import without_moved
from ssl_lib.results.keys.modules import locate

__all__ = ["changes", "data_state", "dependencies", "summarises_others", "versions"]

# Raised when what the runner keeps changes its form, so that older copies are run again.
_FORM = 1
_SUMMARIES = ("scoreboard", "scorecard")
_PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pandas", "scikit-learn", "matplotlib")
_MOST_FILES = 20_000


def dependencies(
    book: Book, slug: str, notebook: Notebook, values: Mapping[str, Any]
) -> dict[str, dict[str, str]]:
    """Return everything a run depends on, in parts; each part maps a name to a hash or text.

    Parameters
    ----------
    book : Book
        Where claims and published results are.
    slug : str
        The notebook's name.
    notebook : dict
        Its source.
    values : mapping
        All its parameters.

    Returns
    -------
    dict of str to dict of str to str
        ``form``, ``code cell``, ``parameter``, ``library``, ``version``, ``claim``, ``results``,
        ``data`` and, for a notebook that sums up the verdicts of others, ``verdicts``.
    """
    codes = [source(cell) for cell in code_cells(notebook)]
    library = cells.library(codes)
    parts = {
        "form": {"runner": str(_FORM), "accelerator": _accelerator()},
        "code cell": dict(_cell_hashes(notebook)),
        "parameter": {name: json.dumps(value) for name, value in values.items()},
        "library": library,
        "version": versions(),
        "claim": _claims(book, slug),
        "results": _results(book, slug, [*codes, *_texts(library)]),
        "data": data_state(),
    }
    if summarises_others(notebook):
        parts["verdicts"] = _file_hashes(cache_root() / "verdicts")
        parts["verdicts"] |= _file_hashes(book.results / "verdicts")
        parts["claim"] = _claims(book, None)
    return parts


Parts: TypeAlias = Mapping[str, Mapping[str, str]]


def changes(then: Parts, now: Parts) -> list[str]:
    """Say what differs between the parts of two runs, one phrase a difference.

    Examples
    --------
    >>> changes({"version": {"torch": "2.12"}}, {"version": {"torch": "2.13"}, "data": {"a": "1"}})
    ['torch 2.12 -> 2.13', 'data a is new']
    """
    found: list[str] = []
    for part in dict.fromkeys([*then, *now]):
        before, after = then.get(part, {}), now.get(part, {})
        if part == "library":
            before, after = without_moved(before, after)
        for name in dict.fromkeys([*before, *after]):
            if before.get(name) != after.get(name):
                found.append(_phrase(part, name, before.get(name), after.get(name)))
    return found


def _phrase(part: str, name: str, before: str | None, after: str | None) -> str:
    what = name if part in ("library", "version") else f"{part} {name}"
    if before is None:
        return f"{what} is new"
    if after is None:
        return f"{what} is gone"
    shown = part in ("version", "parameter", "form")
    return f"{what} {before} -> {after}" if shown else f"{what} changed"


def _cell_hashes(notebook: Notebook) -> Iterator[tuple[str, str]]:
    """Yield the number and hash of each code cell but the parameters', whose values count."""
    for number, cell in enumerate(code_cells(notebook), 1):
        if "parameters" not in tags(cell):
            yield str(number), _hash(source(cell).strip())


def summarises_others(notebook: Notebook) -> bool:
    """Say whether a notebook shows the verdicts that the other notebooks recorded."""
    codes = (source(cell) for cell in code_cells(notebook))
    return any(cells.calls(code, name) for code in codes for name in _SUMMARIES)


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages whose change may move a number.

    Examples
    --------
    >>> sorted(versions())[:3]
    ['matplotlib', 'numpy', 'pandas']
    """
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _accelerator() -> str:
    """Return what ``device="auto"`` would find, without the seconds that importing torch takes."""
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "mps"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1")
    return "cuda" if not hidden and any(Path("/dev").glob("nvidia[0-9]")) else "none"


def _claims(book: Book, slug: str | None) -> dict[str, str]:
    entries = yaml.safe_load(book.claims.read_text("utf-8")) if book.claims.is_file() else None
    chosen = [entry for entry in entries or [] if slug in (None, entry.get("paper"))]
    # An id is unique within its paper only.
    names = [
        entry.get("id") if slug else f"{entry.get('paper')} {entry.get('id')}" for entry in chosen
    ]
    # YAML has dates, which JSON lacks.
    hashes = [_hash(json.dumps(entry, sort_keys=True, default=str)) for entry in chosen]
    return dict(zip(map(str, names), hashes, strict=True))


def _results(book: Book, slug: str, texts: Sequence[str]) -> dict[str, str]:
    """Return the hashes of the published files that a notebook may read.

    Those are the ones in no folder, its own chapter's, and those of every folder whose name stands
    as a text, or as part of a path, in its cells or in a module that they use.
    """
    if not book.results.is_dir():
        return {}
    folders = sorted(path for path in book.results.iterdir() if path.is_dir())
    read = [f for f in folders if f.name == slug or any(_names(f.name, text) for text in texts)]
    loose = {path.name: _hash(path.read_bytes()) for path in sorted(book.results.glob("*.*"))}
    return loose | {
        f"{folder.name}/{name}": value
        for folder in read if folder.name != "verdicts"
        for name, value in _file_hashes(folder).items()
    }  # fmt: skip


def _names(folder: str, text: str) -> bool:
    return re.search(rf"""["'/]{re.escape(folder)}["'/]""", text) is not None


def _texts(library: Iterable[str]) -> list[str]:
    """Return the text of every module of the library that definitions are from."""
    modules = {name.partition(":")[0] for name in library}
    places = [locate(module) for module in sorted(modules)]
    return [place.read_text("utf-8") for place in places if place is not None]


def _file_hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _hash(path.read_bytes()) for path in files}


def data_state() -> dict[str, str]:
    """Return a hash of each top-level entry of the data folder: names, sizes, times of change.

    Contents are not read: the library checks the files it loads itself. Hidden files are left
    out, and of a very large data set only the first 20,000 files in order are looked at.
    """
    root = data_root()
    if not root.is_dir():
        return {}
    return {
        path.name: _hash("\n".join(islice(_listing(path), _MOST_FILES))) for path in _visible(root)
    }


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _listing(path: Path) -> Iterator[str]:
    if path.is_dir():
        yield path.name
        for inside in _visible(path):
            yield from _listing(inside)
    else:
        state = path.stat()
        yield f"{path.name} {state.st_size} {state.st_mtime_ns}"


def _hash(value: str | bytes) -> str:
    raw = value.encode() if isinstance(value, str) else value
    return hashlib.sha256(raw).hexdigest()[:16]
