"""Images in Hugging Face style parquet files: a column of ``{bytes, path}``, often one of labels.

Where there is no column of labels, or all labels are -1 (as where test labels are withheld), the
images have none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ssl_lib.data.decode import pixels
from ssl_lib.data.images import ImageData, fingerprint, joined
from ssl_lib.errors import InputError

__all__ = ["IMAGE_COLUMNS", "load_parquet"]

IMAGE_COLUMNS = ("image", "img")
_WITHHELD = -1
_LABEL_COLUMNS = ("label", "labels", "fine_label")


def load_parquet(
    files: Path | Sequence[Path],
    *,
    size: int | None = None,
    channels: int = 3,
    image_column: str | None = None,
    label_column: str | None = None,
    class_names: Sequence[str] | None = None,
    name: str | None = None,
    source: str | None = None,
    progress: bool | None = None,
) -> ImageData:
    """Read images, and labels where there are any, from parquet files.

    Parameters
    ----------
    files : pathlib.Path or sequence of pathlib.Path
        Shards, in the order of their images.
    size : int, optional
        Resize the shorter side to this and cut out the central square. Needed when sizes differ.
    channels : {3, 1}, default=3
        RGB or grey.
    image_column, label_column : str, optional
        By default "image" or "img", and "label", "labels" or "fine_label"; without one of these
        the images have no labels.
    class_names : sequence of str, optional
        By default those in the file's Hugging Face metadata, else the numbers up to the largest.
    name, source : str, optional
        See :class:`ssl_lib.data.ImageData`.
    progress : bool, optional
        Show a bar; by default when standard error is a terminal.

    Returns
    -------
    ImageData

    Raises
    ------
    InputError
        For a file that is truncated, damaged or no parquet file, a missing column, a label that is
        not an integer or out of range, an image that cannot be decoded, or mixed sizes; naming the
        file and the row.

    Examples
    --------
    >>> import io, tempfile
    >>> import pyarrow as pa, pyarrow.parquet as pq
    >>> from PIL import Image
    >>> Image.new("RGB", (16, 16)).save(file := io.BytesIO(), "PNG")
    >>> columns = {"image": [{"bytes": file.getvalue(), "path": None}] * 2, "label": [0, 1]}
    >>> with tempfile.TemporaryDirectory() as scratch:
    ...     pq.write_table(pa.table(columns), Path(scratch) / "pets.parquet")
    ...     load_parquet(Path(scratch) / "pets.parquet", name="pets")
    ImageData('pets', 2 images of 3 x 16 x 16, 2 classes, cpu)
    """
    files = [files] if isinstance(files, Path) else list(files)
    opened = [_open(file) for file in files]
    schemas = [file.schema_arrow for file in opened]
    image = _column(files[0], schemas[0].names, image_column, IMAGE_COLUMNS, "image_column")
    label = _label_column(files[0], schemas[0].names, label_column)
    for file, schema in zip(files[1:], schemas[1:], strict=True):
        _column(file, schema.names, image, (), "image_column")
    pieces = [
        {"file": str(file), "column": image, "start": 0, "stop": parquet.metadata.num_rows}
        for file, parquet in zip(files, opened, strict=True)
    ]
    labels = _all_labels(files, schemas, label)
    known = tuple(class_names) if class_names else _class_names(schemas[0], label)
    if labels is None and class_names:
        raise InputError(f"{files[0]} has no labels, but class_names are given")
    classes = () if labels is None else _check_range(files, labels, known)
    array, key = pixels(pieces, files, size=size, channels=channels, progress=progress)
    targets = None if labels is None else torch.from_numpy(np.concatenate(labels))
    return ImageData(
        torch.from_numpy(array),
        targets,
        classes,
        name=name or files[0].stem,
        fingerprint=joined(key, "no labels" if targets is None else fingerprint(targets)),
        source=source or _source(files, len(array), schemas[0].names if targets is None else None),
    )


def _source(files: Sequence[Path], n: int, columns: Sequence[str] | None) -> str:
    """Say where images come from; where they have no labels, name the `columns` there are."""
    place = ", ".join(file.name for file in files)
    if columns is None:
        return f"{n:,} images in {place}"
    return f"{n:,} images without labels in {place}, whose columns are {', '.join(columns)}"


def _open(file: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not file.is_file():
        raise InputError(f"there is no file {file}")
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{file} is truncated, or is no parquet file ({reason})") from error


def _column(
    file: Path, names: Sequence[str], wanted: str | None, usual: Sequence[str], option: str
) -> str:
    candidates = [wanted] if wanted else [column for column in usual if column in names]
    if candidates and candidates[0] in names:
        return candidates[0]
    missing = f"column {wanted!r}" if wanted else f"column {' or '.join(map(repr, usual))}"
    raise InputError(
        f"{file} has no {missing}; its columns are {', '.join(names)}: choose one by {option}="
    )


def _label_column(file: Path, names: Sequence[str], wanted: str | None) -> str | None:
    if wanted is None and not any(column in names for column in _LABEL_COLUMNS):
        return None
    return _column(file, names, wanted, _LABEL_COLUMNS, "label_column")


def _class_names(schema: Any, label: str | None) -> tuple[str, ...] | None:
    """Names in the metadata that Hugging Face's ``datasets`` writes, where there are any."""
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        return tuple(map(str, features[label]["names"]))
    except (KeyError, TypeError, ValueError):
        return None


def _all_labels(
    files: Sequence[Path], schemas: Sequence[Any], column: str | None
) -> list[np.ndarray] | None:
    """Return the labels of each file, or None where there are none."""
    if column is None:
        return None
    known = _class_names(schemas[0], column)
    for file, schema in zip(files, schemas, strict=True):
        _column(file, schema.names, column, (), "label_column")
        if _class_names(schema, column) != known:
            raise InputError(f"{file} names other classes than {files[0]}")
    labels = [_labels(file, column) for file in files]
    withheld = all((rows == _WITHHELD).all() for rows in labels) and any(map(len, labels))
    return None if withheld else labels


def _labels(file: Path, column: str) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        values = pq.read_table(file, columns=[column]).column(0)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file}: column {column!r} cannot be read ({error})") from error
    if not pa.types.is_integer(values.type):
        raise InputError(f"{file}: column {column!r} holds {values.type}, not integer labels")
    if values.null_count:
        row = int(np.flatnonzero(values.is_null().to_numpy())[0])
        raise InputError(f"row {row} of {file} has no label")
    return np.asarray(values.to_numpy(), dtype=np.int64)


def _check_range(
    files: Sequence[Path], labels: Sequence[np.ndarray], known: tuple[str, ...] | None
) -> tuple[str, ...]:
    largest = max((int(rows.max()) for rows in labels if len(rows)), default=-1)
    classes = known or tuple(map(str, range(largest + 1)))
    for file, rows in zip(files, labels, strict=True):
        wrong = np.flatnonzero((rows < 0) | (rows >= len(classes)))
        if len(wrong):
            end = (
                f" to {len(classes) - 1}" if known else ", with -1 only where no image has a label"
            )
            raise InputError(
                f"row {wrong[0]} of {file} has the label {rows[wrong[0]]}; labels go from 0{end}"
            )
    return classes
