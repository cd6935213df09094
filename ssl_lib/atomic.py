"""Files that are whole or absent, and work that one process does while others wait."""

from __future__ import annotations

import importlib
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ssl_lib.errors import InputError
from ssl_lib.paths import cache_root

__all__ = ["lock", "make_folder", "write_file", "write_folder"]

# Windows has no such locks: writes stay atomic there, but two processes may do the same work.
_fcntl: Any = importlib.import_module("fcntl") if os.name == "posix" else None
_log = logging.getLogger(__name__)


def make_folder(folder: Path) -> None:
    """Make a folder that can be written, where it is not there.

    Parameters
    ----------
    folder : pathlib.Path
        Which; missing parents are made.

    Raises
    ------
    InputError
        When it cannot be made or written, with what to do about it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     make_folder(Path(file.name) / "cache")
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: cannot write to ...cache (Not a directory).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK | os.X_OK) else "no permission to write"
    except OSError as error:
        reason = error.strerror or str(error)
    if not reason:
        return
    cached = folder.is_relative_to(cache_root())
    advice = ": set SSL_LIB_CACHE to a folder that can be written" if cached else ""
    raise InputError(f"cannot write to {folder} ({reason}){advice}.")


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, sees all of it or what was there before.

    Parameters
    ----------
    path : pathlib.Path
        Where; missing folders are made.
    content : bytes
        The whole content.

    Raises
    ------
    InputError
        When the folder cannot be made or written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a" / "b.txt"
    >>> write_file(path, b"text")
    >>> path.read_bytes(), [p.name for p in path.parent.iterdir()]
    (b'text', ['b.txt'])
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _write(temporary, content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _flush_folder(path.parent)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files so that all of them appear at once; an old folder is replaced.

    The caller holds a lock on the folder: leftovers of writers that were killed are removed.

    Parameters
    ----------
    folder : pathlib.Path
        Where.
    files : mapping of str to bytes
        The content of each file.

    Raises
    ------
    InputError
        When the folder cannot be made or written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "entry"
    >>> write_folder(folder, {"a": b"1", "b": b"2"})
    >>> sorted(p.name for p in folder.iterdir()), len(list(folder.parent.iterdir()))
    (['a', 'b'], 1)
    """
    part, old = (folder.with_name(f".{folder.name}.{kind}") for kind in ("part", "old"))
    for leftover in (part, old):
        shutil.rmtree(leftover, ignore_errors=True)
    make_folder(part)
    for name, content in files.items():
        _write(part / name, content)
    _flush_folder(part)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    _flush_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def lock(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock that a second process, or thread, waits for.

    The operating system releases it when its holder dies, however it dies.

    Parameters
    ----------
    path : pathlib.Path
        The lock's file; it exists only while the lock is held or waited for.
    wait : bool, default=True
        Whether to wait while another holds it.

    Raises
    ------
    BlockingIOError
        When another holds the lock and `wait` is false.
    InputError
        When the folder cannot be made or written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "key.lock"
    >>> with lock(path):
    ...     path.exists()
    True
    >>> path.exists()
    False
    """
    make_folder(path.parent)
    descriptor = _acquire(path, wait)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path, wait: bool) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _flock(descriptor, path, wait)
        except BlockingIOError:
            os.close(descriptor)
            raise
        if _is_current(descriptor, path):
            return descriptor
        os.close(descriptor)


def _is_current(descriptor: int, path: Path) -> bool:
    """Tell whether the locked file is still the one at ``path``.

    The previous holder removed the file it held: a lock on that one excludes nobody.
    """
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _flock(descriptor: int, path: Path, wait: bool) -> None:
    if _fcntl is None:
        return
    try:
        _fcntl.flock(descriptor, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
    except BlockingIOError:
        if not wait:
            raise
        _log.info("waiting for the process that holds %s", path.name)
        _fcntl.flock(descriptor, _fcntl.LOCK_EX)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
