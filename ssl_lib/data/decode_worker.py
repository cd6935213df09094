"""Decode a run of encoded images into a stretch of one array.

Runs as a program, ``python decode_worker.py JOB.json``, once for each core: a fresh interpreter
with neither torch nor the caller's main module, so that it starts in a fraction of a second and
needs no ``if __name__ == "__main__"`` in the caller's script. (Threads gain a tenth: for small
images most of the time goes by under the interpreter's lock.) Writes the number of images done,
a line at a time, or an error as JSON.
"""

import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["UndecodableError", "decode", "decode_pieces", "encoded"]

_REPORT_EVERY = 200
_MODES = {1: "L", 3: "RGB"}


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
    import pyarrow.parquet as pq

    parquet = pq.ParquetFile(piece["file"])
    first = 0
    for group in range(parquet.num_row_groups):
        last = first + parquet.metadata.row_group(group).num_rows
        start, stop = max(first, piece["start"]), min(last, piece["stop"])
        if start < stop:
            table = parquet.read_row_group(group, columns=[piece["column"]])
            cells = table.column(0).slice(start - first, stop - start)
            for row, cell in enumerate(cells.to_pylist(), start):
                data = cell.get("bytes") if isinstance(cell, dict) else cell
                yield f"row {row} of {piece['file']}", data
        first = last


def decode(where: str, data: bytes | None, *, channels: int, size: int | None) -> np.ndarray:
    """Decode one image.

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
        Naming the image.
    """
    if not data:
        raise UndecodableError(f"{where}: no image bytes")
    try:
        with Image.open(io.BytesIO(data)) as image:
            pixels = image.convert(_MODES[channels])
    except Exception as error:  # PIL's plugins raise whatever the damage makes them raise
        raise UndecodableError(f"{where}: the image cannot be decoded ({error})") from error
    array = np.asarray(_square(pixels, size) if size else pixels)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)


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
    try:
        for done in decode_pieces(job["pieces"], part, size=job["size"]):
            print(done, flush=True)
    except (UndecodableError, OSError) as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 1
    array.flush()
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
