"""Decode many images on all cores, once: the pixels are kept in the cache.

An entry is one ``.npy`` file that is mapped, not read, and a JSON file with its checksum. Its key
is the hash of the encoded files and of what shapes the pixels, so changed files make a new entry.
Both files are renamed into place when whole; one that does not match its checksum is made again.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
import sys
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ssl_lib.atomic import lock, write_file
from ssl_lib.data import decode_worker
from ssl_lib.errors import InputError
from ssl_lib.paths import cache_root
from ssl_lib.profiles import cores

__all__ = ["Piece", "decode_images", "hash_files", "pixels"]

Piece = Mapping[str, Any]
"""A run of encoded images: see :func:`ssl_lib.data.decode_worker.encoded`."""

_FORMAT = 1
_DECODER = 2  # what made the pixels of an entry; older ones cut 16 bits off at 255
_LAST_WORDS = 2000  # bytes of a failed worker's complaints that are shown
_IMAGES_PER_WORKER = 2000
_BLOCK = 1 << 24


def hash_files(files: Sequence[Path]) -> str:
    """Return the SHA-256 of the contents of files, in their order, 64 hexadecimal digits.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as scratch:
    ...     file = Path(scratch) / "images.bin"
    ...     _ = file.write_bytes(b"pixels")
    ...     hash_files([file])[:12], hash_files([file, file])[:12]
    ('eb1f45ddf192', '1a11ffc7cba4')
    """
    digest = hashlib.sha256()
    for file in files:
        try:
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        except OSError as error:
            raise InputError(f"{file} cannot be read ({error.strerror or error})") from error
    return digest.hexdigest()


def count(piece: Piece) -> int:
    """Return the number of images of a piece."""
    return len(piece["paths"]) if "paths" in piece else int(piece["stop"] - piece["start"])


def pixels(
    pieces: Sequence[Piece],
    files: Sequence[Path],
    *,
    size: int | None,
    channels: int,
    progress: bool | None = None,
) -> tuple[np.ndarray, str]:
    """Return decoded images, from the cache when the same files were decoded before.

    Parameters
    ----------
    pieces : sequence of mapping
        What to decode.
    files : sequence of pathlib.Path
        All files that the pieces read.
    size, channels, progress
        See :func:`decode_images`.

    Returns
    -------
    images : numpy.ndarray
        (n, c, h, w) uint8, mapped copy-on-write: changing it leaves the cache as it is.
    key : str
        Hash of files, size and channels.

    Raises
    ------
    InputError
        As :func:`decode_images`, and when the cache cannot be used.
    """
    _check_channels(channels)
    described = [
        {k: v for k, v in piece.items() if k in ("column", "start", "stop")} for piece in pieces
    ]
    facts = [_FORMAT, hash_files(files), described, size, channels]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    folder = cache_root() / "images"
    with lock(folder / f"{key}.lock"):
        cached = _read(folder, key)  # another process may have made it meanwhile
        if cached is None:
            _make(folder, key, pieces, size=size, channels=channels, progress=progress)
            cached = np.load(folder / f"{key}.npy", mmap_mode="c")
    return cached, key


def _make(
    folder: Path,
    key: str,
    pieces: Sequence[Piece],
    *,
    size: int | None,
    channels: int,
    progress: bool | None,
) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".decoding-") as scratch:
        made = Path(scratch) / "images.npy"
        decode_images(pieces, made, size=size, channels=channels, progress=progress)
        note = {
            "crc32": _checksum(made),
            "decoder": _DECODER,
            "images": sum(map(count, pieces)),
        }
        made.replace(folder / f"{key}.npy")
        write_file(folder / f"{key}.json", json.dumps(note).encode())


def _read(folder: Path, key: str) -> np.ndarray | None:
    array, note = folder / f"{key}.npy", folder / f"{key}.json"
    if not (array.is_file() and note.is_file()):
        return None
    try:
        facts = json.loads(note.read_text(encoding="utf-8"))
        if facts.get("decoder", 1) != _DECODER:
            return None
        cached = np.load(array, mmap_mode="c") if facts["crc32"] == _checksum(array) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        cached = None
    if cached is None:
        warnings.warn(f"{array} is damaged: decoding the images again", stacklevel=2)
    return cached


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            value = zlib.crc32(block, value)
    return value


def decode_images(
    pieces: Sequence[Piece],
    output: Path,
    *,
    size: int | None,
    channels: int,
    progress: bool | None = None,
    workers: int | None = None,
) -> None:
    """Decode images into a ``.npy`` file, (n, c, h, w) uint8.

    Parameters
    ----------
    pieces : sequence of mapping
        What to decode, in order.
    output : pathlib.Path
        The file to make.
    size : int, optional
        Side of the result: shorter side resized, centre cut out. By default all images must have
        the size of the first.
    channels : {1, 3}
        Grey or RGB.
    progress : bool, optional
        Show a bar; by default when standard error is a terminal.
    workers : int, optional
        Processes; by default all cores, fewer for fewer than 2,000 images each.

    Raises
    ------
    InputError
        Naming the first image found that cannot be decoded or has another size.
    """
    _check_channels(channels)
    n = sum(map(count, pieces))
    if n == 0:
        raise InputError("there are no images to decode")
    shape = (n, *_first_image(pieces, channels, size).shape)
    array = np.lib.format.open_memmap(output, mode="w+", dtype=np.uint8, shape=shape)
    if workers is None:
        workers = max(1, min(cores(), n // _IMAGES_PER_WORKER)) if sys.executable else 1
    with _bar(n, progress) as advance, _reported():
        if workers == 1:
            for done in decode_worker.decode_pieces(pieces, array, size=size):
                advance(done)
        else:
            _in_processes(pieces, output, n, size=size, workers=workers, advance=advance)
    array.flush()


def _check_channels(channels: int) -> None:
    if channels not in (1, 3):
        raise InputError(f"channels must be 1 (grey) or 3 (RGB); got {channels!r}")


@contextmanager
def _reported() -> Iterator[None]:
    """Turn what the decoder raises into the error that users see."""
    try:
        yield
    except decode_worker.UndecodableError as error:
        raise InputError(str(error)) from error


def _first_image(pieces: Sequence[Piece], channels: int, size: int | None) -> np.ndarray:
    with _reported():
        where, data = next(image for piece in pieces for image in decode_worker.encoded(piece))
        return decode_worker.decode(where, data, channels=channels, size=size)


@contextmanager
def _bar(n: int, progress: bool | None) -> Iterator[Callable[[int], object]]:
    from tqdm import tqdm

    shown = sys.stderr.isatty() if progress is None else progress
    with tqdm(total=n, desc="decoding images", unit="image", disable=not shown) as bar:
        yield bar.update


def _in_processes(
    pieces: Sequence[Piece],
    output: Path,
    n: int,
    *,
    size: int | None,
    workers: int,
    advance: Callable[[int], object],
) -> None:
    bounds = [n * k // workers for k in range(workers + 1)]
    processes = {}
    with tempfile.TemporaryDirectory(prefix="ssl_lib-") as scratch:
        for k, (start, stop) in enumerate(itertools.pairwise(bounds)):
            job = {
                "pieces": _stretch(pieces, start, stop),
                "output": str(output),
                "offset": start,
                "n": stop - start,
                "size": size,
            }
            file = Path(scratch) / f"{k}.json"
            file.write_text(json.dumps(job), encoding="utf-8")
            processes[file] = _start(file)
        with ThreadPoolExecutor(workers) as readers:
            try:
                follow = partial(_follow, advance=advance)
                for error in readers.map(follow, processes.values(), processes):
                    if error:
                        raise decode_worker.UndecodableError(error)
            finally:  # before the readers are waited for: after an error the rest is in vain
                for process in processes.values():
                    process.kill()
                    process.wait()


def _start(job: Path) -> subprocess.Popen[str]:
    # -P: the worker's folder must not shadow the modules it imports.
    command = [sys.executable, "-P", decode_worker.__file__, str(job)]
    # A file takes whatever decoders complain of; a pipe that nobody reads would stop them.
    with _said(job).open("wb") as said:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)


def _said(job: Path) -> Path:
    return job.with_suffix(".stderr")


def _follow(process: subprocess.Popen[str], job: Path, advance: Callable[[int], object]) -> str:
    """Read what a worker writes until it ends; return its error, or nothing."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            return str(json.loads(line)["error"])
        advance(int(line))
    if process.wait() == 0:
        return ""
    said = _said(job).read_bytes()[-_LAST_WORDS:].decode(errors="replace").strip()
    return f"a decoding process ended early: {said}"


def _stretch(pieces: Sequence[Piece], start: int, stop: int) -> list[dict[str, Any]]:
    """Return the part of pieces that holds images `start` to `stop`."""
    parts, first = [], 0
    for piece in pieces:
        low, high = max(start - first, 0), min(stop - first, count(piece))
        if low < high and "paths" in piece:
            parts.append({"paths": list(piece["paths"][low:high])})
        elif low < high:
            at = piece["start"]
            parts.append({**piece, "start": at + low, "stop": at + high})
        first += count(piece)
    return parts
