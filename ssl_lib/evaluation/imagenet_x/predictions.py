"""Predictions of a model on ImageNet's validation images: arrays, or a CSV file in any order."""

import csv
import dataclasses
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ssl_lib.arguments import as_array
from ssl_lib.errors import InputError
from ssl_lib.evaluation.imagenet_x.annotations import FactorTable
from ssl_lib.evaluation.imagenet_x.wheel import N_CLASSES, N_IMAGES

__all__ = ["Predictions", "human", "image_number", "load_predictions"]

Array = npt.NDArray[Any]

_PREFIX = b"ILSVRC2012_val_"
_SUFFIX = b".JPEG"
_DIGITS = 8
_CLASS_START = len(_PREFIX) + _DIGITS + len(_SUFFIX) + 1
_LONGEST_CLASS = 3
_LONGEST_NUMBER = 32
_AHEAD = 128
# The start of a row in the released layout as numbers that array operations can compare at once.
_EXAMPLE = b"ILSVRC2012_val_00000293.JPEG,999,"
_ROW = np.dtype(
    {
        "names": ["start", "middle", "digits", "end", "comma"],
        "formats": ["<u8", "<u8", "<u8", "<u4", "<u2"],
        "offsets": [0, 7, 15, 23, 27],
        "itemsize": len(_EXAMPLE),
    }
)
_FIXED_FIELDS = ("start", "middle", "end", "comma")
_FILE_NAME = re.compile(
    r"ILSVRC2012_val_(\d{8})(?:_n\d{8})?(?:\.(?i:jpeg|jpg|png))?", flags=re.ASCII
)
_COLUMNS = ("file_name", "predicted_class")
_NAME_RULE = f"a name like ILSVRC2012_val_00000293.JPEG, numbered 1 to {N_IMAGES}"
_CLASS_RULE = f"a whole number from 0 to {N_CLASSES - 1}"
_ROUNDING = 1e-6  # a softmax in single precision may exceed 1 by this much


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """Predicted classes of one model, by image.

    Parameters
    ----------
    name : str
        The model's name in every table.
    image_ids : integer array (n,)
        As in ``FactorTable.image_ids``, each once; kept in ascending order.
    classes : integer array (n,)
        Predicted ImageNet class, 0 to 999.
    probabilities : float array (n,), optional
        Probability of the predicted class, from 0 to 1; only calibration needs it.

    Raises
    ------
    InputError
        When lengths differ, an image comes twice, or a class or probability is out of range.

    Examples
    --------
    >>> Predictions(name="mine", image_ids=np.array([7, 2]), classes=np.array([1, 0])).image_ids
    array([2, 7])
    """

    name: str
    image_ids: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int16]
    probabilities: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        ids = as_array(self.image_ids, name="image_ids")
        classes = as_array(self.classes, name="classes")
        if ids.ndim != 1 or ids.shape != classes.shape:
            raise InputError("image_ids and classes must be one-dimensional and equally long")
        if not len(ids):  # an empty list has no type of its own
            ids, classes = ids.astype(np.int64), classes.astype(np.int64)
        for what, values in (("image_ids", ids), ("classes", classes)):
            if not np.issubdtype(values.dtype, np.integer):
                raise InputError(f"{what} must be integers; got {values.dtype}")
        if len(classes) and not 0 <= classes.min() <= classes.max() < N_CLASSES:
            raise InputError(f"{self.name}: each class must be {_CLASS_RULE}")
        self._sort(ids.astype(np.int64), classes.astype(np.int16), self._checked(len(ids)))

    def _checked(self, n: int) -> Array | None:
        """Return the probabilities as an array of n numbers from 0 to 1."""
        if self.probabilities is None:
            return None
        values = as_array(self.probabilities, name="probabilities")
        if values.shape != (n,):
            raise InputError(f"{self.name}: {n} classes but probabilities {values.shape}")
        if not ((values >= 0) & (values <= 1 + _ROUNDING)).all():
            raise InputError(f"{self.name}: probabilities must be from 0 to 1")
        return values

    def _sort(self, ids: Array, classes: Array, probabilities: Array | None) -> None:
        steps = np.diff(ids)
        if (steps <= 0).any():
            order = np.argsort(ids)
            ids, classes = ids[order], classes[order]
            probabilities = None if probabilities is None else probabilities[order]
            if (ids[1:] == ids[:-1]).any():
                twice = int(ids[1:][ids[1:] == ids[:-1]][0])
                raise InputError(f"{self.name}: image {twice} occurs twice; give each image once")
        object.__setattr__(self, "image_ids", ids)
        object.__setattr__(self, "classes", classes)
        object.__setattr__(self, "probabilities", probabilities)

    def __len__(self) -> int:
        return len(self.image_ids)

    def __repr__(self) -> str:
        return f"Predictions({self.name!r}, {len(self):,} images)"


def human(table: FactorTable) -> Predictions:
    """Return the "human" of the released tables: the original label taken as the prediction.

    Only ReaL scoring can find it wrong.

    Examples
    --------
    >>> from ssl_lib.evaluation.imagenet_x.annotations import load_annotations
    >>> human(load_annotations())
    Predictions('human', 46,110 images)
    """
    return Predictions(
        name="human",
        image_ids=table.image_ids,
        classes=table.labels,
        probabilities=np.ones(len(table)),
    )


def image_number(file_name: str) -> int | None:
    """Return the number of a validation image from its file name or path, None if it is none.

    The copies on Hugging Face add the class to the name; that is read over.

    Examples
    --------
    >>> image_number("ILSVRC2012_val_00000293_n01440764.JPEG")
    293
    >>> image_number("val/n01440764/ILSVRC2012_val_00000293.JPEG")
    293
    >>> image_number("cat.jpg") is None
    True
    """
    name = file_name.replace("\\", "/").rpartition("/")[2].strip()
    match = _FILE_NAME.fullmatch(name)
    number = int(match.group(1)) if match else 0
    return number if 1 <= number <= N_IMAGES else None


def load_predictions(
    path: str | os.PathLike[str], *, name: str | None = None, probabilities: bool = False
) -> Predictions:
    r"""Read a model's predictions from a CSV file.

    Parameters
    ----------
    path : path
        Header with ``file_name`` and ``predicted_class`` (and ``predicted_probability``), then a
        row an image in any order. Other columns are ignored; folders before the file name too.
    name : str, optional
        Name of the model, by default the file's name without its ending.
    probabilities : bool
        Read ``predicted_probability`` as well.

    Returns
    -------
    Predictions
        Of the images in the file, be they all 50,000 or some.

    Raises
    ------
    InputError
        For a file that is absent, empty or wrongly headed, and for the first row with an unknown
        or repeated file name, or a class or probability out of range. The message gives the line.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "mine.csv"
    >>> _ = file.write_text("file_name,predicted_class\nILSVRC2012_val_00000293.JPEG,0\n")
    >>> load_predictions(file)
    Predictions('mine', 1 images)
    """
    path = Path(path)
    text, size = _read_bytes(path)
    columns = _read_plain(text, size, probabilities)
    if columns is None:
        columns = _read_any(path, text[:size].tobytes(), probabilities)
    return Predictions(
        name=path.stem if name is None else name,
        image_ids=columns.ids,
        classes=columns.classes,
        probabilities=columns.probabilities,
    )


def _read_bytes(path: Path) -> tuple[Array, int]:
    """Return the file's bytes followed by enough line ends to look ahead, and their number."""
    try:
        with path.open("rb", buffering=0) as file:
            content = np.empty(path.stat().st_size + _AHEAD, dtype=np.uint8)
            size = file.readinto(content.data)
            rest = file.read()  # of a pipe, whose size is not known beforehand
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise InputError(f"{path}: {reason}; give a CSV file with predictions") from None
    if rest:
        tail = np.frombuffer(rest + b"\n" * _AHEAD, dtype=np.uint8)
        return np.concatenate([content[:size], tail]), size + len(rest)
    content[size:] = ord("\n")
    return content, size


class _Columns(NamedTuple):
    ids: Array
    classes: Array
    probabilities: Array | None


def _read_plain(text: Array, size: int, probabilities: bool) -> _Columns | None:
    """Read a file in the released layout with array operations, thirty times faster than by rows.

    None as soon as anything is out of the ordinary: the careful reader then decides what.
    """
    header = text[:_AHEAD].tobytes().partition(b"\n")[0]
    columns = header.count(b",") + 1
    unfinished = size > 0 and text[size - 1] != ord("\n")
    content = text[: size + unfinished]
    ends = np.flatnonzero(content == ord("\n"))
    known = header == ",".join([*_COLUMNS, "predicted_probability"][:columns]).encode()
    if not known or columns < 2 + probabilities or len(ends) < 2 or not _plain(content):
        return None
    starts, ends = ends[:-1] + 1, ends[1:]
    commas = np.count_nonzero(content == ord(","))
    if commas != (columns - 1) * (len(starts) + 1) or (ends - starts).min() <= _CLASS_START:
        return None
    rows = np.lib.stride_tricks.sliding_window_view(text, _ROW.itemsize)[starts]
    ids, parsed = _plain_ids(rows.view(_ROW)[:, 0]), _plain_classes(rows)
    if ids is None or parsed is None:
        return None
    classes, lengths = parsed
    if (text[starts + _CLASS_START + lengths] != ord(",\n"[columns == 2])).any():
        return None
    values = None
    if probabilities:
        values = _plain_numbers(text, starts + _CLASS_START + lengths + 1, ends)
        if values is None:
            return None
    return _by_image(ids, classes, values)


def _plain(content: Array) -> bool:
    """Return whether there are no quotes, control characters, or bytes beyond ASCII."""
    special = (content == ord('"')) | (content == ord("\r"))
    return bool(content.min() >= ord("\n") and content.max() < 128 and not special.any())


def _by_image(ids: Array, classes: Array, values: Array | None) -> _Columns | None:
    """Sort by image number, None when an image is unknown or comes twice."""
    if ids.max() > N_IMAGES or ids.min() < 1:
        return None
    row_of = np.full(N_IMAGES + 1, -1, dtype=np.int32)
    row_of[ids] = np.arange(len(ids), dtype=np.int32)
    present = np.flatnonzero(row_of >= 0)
    if len(present) < len(ids):
        return None
    order = row_of[present]
    return _Columns(present, classes[order], None if values is None else values[order])


def _plain_ids(rows: Array) -> Array | None:
    """Return the numbers in the file names, eight digits at a time in one 64-bit integer."""
    fixed = {field: np.frombuffer(_EXAMPLE, _ROW)[0][field] for field in _ROW.names or ()}
    if any((rows[field] != fixed[field]).any() for field in _FIXED_FIELDS):
        return None
    digits = rows["digits"] - np.uint64(0x3030303030303030)
    # The high bit of a byte shows that it was below "0", or that it is above 9.
    if ((digits | (digits + np.uint64(0x7676767676767676))) & np.uint64(0x8080808080808080)).any():
        return None
    pairs = digits * np.uint64(10) + (digits >> np.uint64(8))  # every second byte: two digits
    low, high = np.uint64(0x000000FF000000FF), np.uint64(16)
    number = (pairs & low) * np.uint64(0x000F424000000064)
    number += ((pairs >> high) & low) * np.uint64(0x0000271000000001)
    return (number >> np.uint64(32)).astype(np.int64)


def _plain_classes(rows: Array) -> tuple[Array, Array] | None:
    """Return the classes (n,) and how many digits each has."""
    field = np.ascontiguousarray(rows[:, _CLASS_START:].T)
    ended = (field == ord(",")) | (field == ord("\n"))
    classes = np.zeros(field.shape[1], dtype=np.int16)
    lengths = np.zeros(field.shape[1], dtype=np.int64)
    inside = ~ended[0]
    for characters, end in zip(field[:-1], ended[1:], strict=True):
        digits = characters - np.uint8(ord("0"))
        if (digits[inside] > 9).any():
            return None
        classes[inside] = classes[inside] * 10 + digits[inside]
        lengths += inside
        inside &= ~end
    return None if inside.any() or not lengths.all() else (classes, lengths)


def _plain_numbers(text: Array, starts: Array, ends: Array) -> Array | None:
    width = int((ends - starts).max())
    if (ends <= starts).any() or width > _LONGEST_NUMBER:
        return None
    fields = np.lib.stride_tricks.sliding_window_view(text, width)[starts]
    fields[np.arange(width) >= (ends - starts)[:, None]] = 0
    try:
        numbers = fields.view(f"S{width}")[:, 0].astype(np.float64)
    except ValueError:
        return None
    return numbers if ((numbers >= 0) & (numbers <= 1 + _ROUNDING)).all() else None


def _read_any(path: Path, content: bytes, probabilities: bool) -> _Columns:
    """Read row by row, and say what is wrong with the first row that is."""
    rows = _rows(path, content)
    wanted = (*_COLUMNS, *(["predicted_probability"] if probabilities else []))
    _, header = next(rows, (0, []))
    if not header:
        raise InputError(f"{path}: the file is empty; the first line must be {','.join(wanted)}")
    places = _places(path, header, wanted)
    seen: dict[int, int] = {}
    classes, values = [], []
    for line, row in rows:
        where = f"{path}, line {line}"
        cells = _cells(where, row, header, places)
        seen_at = seen.setdefault(_image(where, cells[0]), line)
        if seen_at != line:
            raise InputError(f"{where}: {cells[0]} is already on line {seen_at}; keep one of them")
        classes.append(_class(where, cells[1]))
        if probabilities:
            values.append(_probability(where, cells[2]))
    if not seen:
        raise InputError(f"{path}: no rows after the header; give a row for each image")
    ids = np.array(list(seen))
    return _Columns(ids, np.array(classes), np.array(values) if probabilities else None)


def _rows(path: Path, content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield line numbers and cells, without blank lines."""
    try:
        lines = io.StringIO(content.decode("utf-8-sig"), newline="")
    except UnicodeDecodeError:
        raise InputError(f"{path}: this is not a text file; give a CSV file in UTF-8") from None
    reader = csv.reader(lines)
    try:
        for row in reader:
            if row:
                yield reader.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}; give a CSV file") from None


def _places(path: Path, header: list[str], wanted: tuple[str, ...]) -> list[int]:
    for column in wanted:
        if header.count(column) != 1:
            problem = "has no column" if column not in header else "has more than one column"
            raise InputError(
                f"{path}, line 1: the header {','.join(header)[:80]!r} {problem} {column!r}; "
                f"it must be {','.join(wanted)}"
            )
    return [header.index(column) for column in wanted]


def _cells(where: str, row: list[str], header: list[str], places: list[int]) -> list[str]:
    if len(row) != len(header):
        raise InputError(f"{where}: {len(row)} cells, but the header has {len(header)}")
    return [row[place] for place in places]


def _image(where: str, cell: str) -> int:
    number = image_number(cell)
    if number is None:
        raise InputError(f"{where}: unknown file name {cell!r}; it must be {_NAME_RULE}")
    return number


def _class(where: str, cell: str) -> int:
    good = cell.isascii() and cell.isdigit() and int(cell) < N_CLASSES
    if not good:
        raise InputError(f"{where}: predicted_class {cell!r} must be {_CLASS_RULE}")
    return int(cell)


def _probability(where: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1 + _ROUNDING:
        raise InputError(f"{where}: predicted_probability {cell!r} must be from 0 to 1")
    return value
