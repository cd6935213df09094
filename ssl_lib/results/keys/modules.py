"""Find the files of modules, and read them once, without importing anything."""

from __future__ import annotations

import functools
import importlib.util
import sys
import sysconfig
import time
from pathlib import Path

from ssl_lib.results.keys import source
from ssl_lib.results.keys.source import Module

__all__ = ["is_installed", "locate", "modules_below", "read"]

_RACY_NS = 2_000_000_000
_read: dict[str, tuple[tuple[int, int, int], int, Module]] = {}


@functools.cache
def is_installed(top: str) -> bool:
    """Tell whether a top-level package is a library's, or Python's own, and not the user's code.

    Examples
    --------
    >>> is_installed("json"), is_installed("numpy"), is_installed("__main__")
    (True, True, False)
    """
    if top == "__main__" or top in sys.stdlib_module_names:
        return top != "__main__"
    location = locate(top)
    folders = {sysconfig.get_path(kind) for kind in ("purelib", "platlib", "stdlib")}
    return location is not None and any(location.is_relative_to(folder) for folder in folders)


def locate(name: str) -> Path | None:
    """Find a module's source file.

    Parameters
    ----------
    name : str
        Its dotted name.

    Returns
    -------
    pathlib.Path or None
        None when there is no such module, or it has no Python source.

    Examples
    --------
    >>> locate("ssl_lib.errors").name, locate("ssl_lib.nothing")
    ('errors.py', None)
    """
    loaded = getattr(sys.modules.get(name), "__file__", None)
    if loaded is not None:
        return Path(loaded) if loaded.endswith(".py") else None
    package, _, last = name.rpartition(".")
    if not package:
        return _locate_top(name)
    for folder in _folders(package):
        for candidate in (folder / last / "__init__.py", folder / f"{last}.py"):
            if candidate.is_file():
                return candidate
    return None


def _locate_top(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    origin = spec.origin if spec is not None else None
    return Path(origin) if origin is not None and origin.endswith(".py") else None


def _folders(package: str) -> list[Path]:
    """Return the folders that hold a package's modules; several for a namespace package."""
    location = locate(package)
    if location is not None:
        return [location.parent] if location.name == "__init__.py" else []
    loaded = getattr(sys.modules.get(package), "__path__", None)
    if loaded is not None:
        return [Path(folder) for folder in loaded]
    above, _, last = package.rpartition(".")
    folders = [folder / last for folder in _folders(above)] if above else []
    return [folder for folder in folders if folder.is_dir()]


def modules_below(top: str) -> list[str]:
    """Name a package and all modules in it.

    Examples
    --------
    >>> "ssl_lib.publishing.stage" in modules_below("ssl_lib")
    True
    """
    found = {top}
    for folder in _folders(top):
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            found.add(".".join([top, *(part for part in parts if part != "__init__")]))
    return sorted(found)


def read(name: str) -> Module | None:
    """Parse a module's file, once for each state of the file.

    Parameters
    ----------
    name : str
        The module's dotted name.

    Returns
    -------
    Module or None
        None when :func:`locate` finds no file.

    Examples
    --------
    >>> "InputError" in read("ssl_lib.errors").statements
    True
    """
    location = locate(name)
    if location is None:
        return None
    status = location.stat()
    stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
    key = f"{name} {location}"
    known = _read.get(key)
    # A file changed twice within the clock's grain keeps its stamp: a fresh one is read again.
    if known is None or known[0] != stamp or known[1] - stamp[0] < _RACY_NS:
        text = location.read_text(encoding="utf-8")
        module = source.parse(name, text, is_package=location.name == "__init__.py")
        known = _read[key] = (stamp, time.time_ns(), module)
    return known[2]
