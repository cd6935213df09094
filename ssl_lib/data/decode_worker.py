"""Decode a run of encoded images into a stretch of one array.

Runs as a program, ``python decode_worker.py JOB.json``, once for each core: a fresh interpreter
with neither torch nor the caller's main module, so that it starts in a fraction of a second and
needs no ``if __name__ == "__main__"`` in the caller's script. (Threads gain a tenth: for small
images most of the time goes by under the interpreter's lock.) Writes the number of images done,
a line at a time, or an error as JSON; whatever a decoder prints goes to standard error.
"""

import io
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["UndecodableError", "decode", "decode_pieces", "encoded"]

_REPORT_EVERY = 200
_MODES = {1: "L", 3: "RGB"}
_DEEP = {
    **dict.fromkeys(("I;16", "I;16L", "I;16B", "I;16N"), "pixels of 12 bits"),
    "I": "pixels of 32 or signed bits",
    "F": "floating-point pixels",
}
_TIFF_BITS, _TIFF_PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0


class UndecodableError(ValueError):
    """An image that cannot be decoded, or has another size than the first."""


def encoded(piece: Mapping[str, Any]) -> Iterator[tuple[str, bytes | None]]:
    """Yield where each image stands, in words, and its bytes.

    Parameters
    ----------
    piece : mapping
        ``{"paths": [...]}``, image files; or ``{"file": ..., "column": ..., "start": ...,
        "stop": ...}``, rows of a parquet file whose column holds bytes or ``{bytes, path}``.
    """
    if "paths" in piece:
        for path in piece["paths"]:
            yield str(path), Path(path).read_bytes()
        return
    yield from _rows(piece)


def _rows(piece: Mapping[str, Any]) -> Iterator[tuple[str, bytes | None]]:
    import pyarrow.parquet as pq

    parquet = pq.ParquetFile(piece["file"])
    first = 0
    for group in range(parquet.num_row_groups):
        last = first + parquet.metadata.row_group(group).num_rows
        start, stop = max(first, piece["start"]), min(last, piece["stop"])
        if start < stop:
            cells = _cells(parquet, piece, group).slice(start - first, stop - start)
            for row, cell in enumerate(cells.to_pylist(), start):
                data = cell.get("bytes") if isinstance(cell, dict) else cell
                yield f"row {row} of {piece['file']}", data
        first = last


def _cells(parquet: Any, piece: Mapping[str, Any], group: int) -> Any:
    """Read the images of a row group."""
    import pyarrow as pa

    try:
        return parquet.read_row_group(group, columns=[piece["column"]]).column(0)
    except (pa.ArrowException, OSError) as error:  # a damaged page
        raise UndecodableError(
            f"{piece['file']}: row group {group} of column {piece['column']!r} cannot be read "
            f"({error})"
        ) from error


def decode(where: str, data: bytes | None, *, channels: int, size: int | None) -> np.ndarray:
    """Decode one image.

    Sixteen bits a pixel are scaled to eight, ``round(value / 257)``. Orientation tags are not
    applied.

    Parameters
    ----------
    where : str
        For the error message.
    data : bytes or None
        What PIL can read: JPEG, PNG, ...
    channels : {1, 3}
        Grey or RGB.
    size : int, optional
        Resize the shorter side to this (bicubic, antialiased) and cut out the central square.

    Returns
    -------
    numpy.ndarray
        (channels, h, w) uint8.

    Raises
    ------
    UndecodableError
        Naming the image: one that is damaged, or holds floating-point or 32-bit numbers, of which
        nobody knows what is white.
    """
    if not data:
        raise UndecodableError(f"{where}: no image bytes")
    try:
        with Image.open(io.BytesIO(data)) as image:
            pixels = _eight_bits(where, image).convert(_MODES[channels])
    except UndecodableError:
        raise
    except Exception as error:  # PIL's plugins raise whatever the damage makes them raise
        raise UndecodableError(f"{where}: the image cannot be decoded ({error})") from error
    array = np.asarray(_square(pixels, size) if size else pixels)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)


def _eight_bits(where: str, image: Image.Image) -> Image.Image:
    """Scale 16-bit pixels, which PIL's ``convert`` would cut off at 255; refuse other numbers."""
    if image.mode not in _DEEP:
        return image
    if not _sixteen_bits(image):
        raise UndecodableError(
            f"{where}: {_DEEP[image.mode]}, of which no value is known to be white; images must "
            f"have 8 or 16 bits a channel"
        )
    values = np.asarray(image).astype(np.uint32)
    if _tag(image, _TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO:
        values = 65535 - values
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _sixteen_bits(image: Image.Image) -> bool:
    if image.mode in ("I", "F"):
        # PGM in all versions of PIL, and PNG before version 11: 16 bits in a mode of 32.
        return image.mode == "I" and image.format in ("PNG", "PPM")
    return _tag(image, _TIFF_BITS) in (None, 16)


def _tag(image: Image.Image, number: int) -> Any:
    """Return the value of a TIFF tag, None for other formats."""
    value = getattr(image, "tag_v2", {}).get(number)
    return value[0] if isinstance(value, tuple) else value


def _square(image: Image.Image, size: int) -> Image.Image:
    if image.size == (size, size):
        return image
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.BICUBIC, box=box)


def decode_pieces(
    pieces: Sequence[Mapping[str, Any]], output: np.ndarray, *, size: int | None
) -> Iterator[int]:
    """Decode pieces, one after the other, into `output`, and yield how many were done since.

    Parameters
    ----------
    pieces : sequence of mapping
        See :func:`encoded`.
    output : numpy.ndarray
        (n, c, h, w) uint8, written in place; n images in all pieces.
    size : int, optional
        See :func:`decode`.
    """
    images = (image for piece in pieces for image in encoded(piece))
    for row, (where, data) in enumerate(images):
        image = decode(where, data, channels=output.shape[1], size=size)
        if image.shape != output.shape[1:]:
            raise UndecodableError(
                f"{where}: {image.shape[1]} x {image.shape[2]} pixels, but the first image has "
                f"{output.shape[2]} x {output.shape[3]}: give size= to resize all"
            )
        output[row] = image
        if (row + 1) % _REPORT_EVERY == 0:
            yield _REPORT_EVERY
    yield len(output) % _REPORT_EVERY


def _main(job_file: str) -> int:
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    array = np.lib.format.open_memmap(job["output"], mode="r+")
    part = array[job["offset"] : job["offset"] + job["n"]]
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a library that prints must not be taken for a report
    try:
        for done in decode_pieces(job["pieces"], part, size=job["size"]):
            print(done, file=report, flush=True)
    except (UndecodableError, OSError) as error:
        print(json.dumps({"error": str(error)}), file=report, flush=True)
        return 1
    array.flush()
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
