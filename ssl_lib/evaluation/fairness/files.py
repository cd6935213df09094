"""Predictions and attributes from files that users saved."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ssl_lib.errors import InputError, MissingData, closest
from ssl_lib.evaluation.fairness.ensembles import softmax
from ssl_lib.evaluation.fairness.groups import Groups, subgroups
from ssl_lib.evaluation.fairness.inputs import Floats, Ints, checked_members

__all__ = ["Predictions", "load_groups", "load_predictions"]

_TRUE = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True, eq=False)
class Predictions:
    """What members predict and what is true.

    Attributes
    ----------
    probabilities : array (m, n, c)
    labels : int64 array (n,)
    """

    probabilities: Floats
    labels: Ints


def load_predictions(
    files: Sequence[str | Path], *, logits: bool = False, fewest: int = 2
) -> Predictions:
    """Read members' predictions.

    Parameters
    ----------
    files : sequence of path
        ``.npz`` with arrays ``probabilities`` (or ``logits``), of shape (images, classes) for one
        member or (members, images, classes), and ``labels``; or ``.csv``, a member a file: header
        ``label`` and a name for each class, then a row an image. All files have the same images in
        the same order.
    logits : bool, default=False
        Whether the CSV files hold logits.
    fewest : int, default=2
        Fewest members in all.

    Returns
    -------
    Predictions

    Raises
    ------
    InputError
        Naming the file and what is wrong in it.
    """
    if not files:
        raise InputError("no file of predictions was given.")
    parts = [_read(Path(file), logits=logits) for file in files]
    (first, labels), where = parts[0], Path(files[0])
    for file, (values, others) in zip(files[1:], parts[1:], strict=True):
        if values.shape[1:] != first.shape[1:]:
            raise InputError(
                f"{file} has {values.shape[1]} images and {values.shape[2]} classes, "
                f"{where} {first.shape[1]} and {first.shape[2]}."
            )
        if not np.array_equal(others, labels):
            raise InputError(f"{file} and {where} have different labels: are the rows in order?")
    together = np.concatenate([values for values, _ in parts])
    return Predictions(*checked_members(together, labels, fewest=fewest))


def _read(path: Path, *, logits: bool) -> tuple[Floats, Ints]:
    if not path.is_file():
        raise MissingData(f"no such file: {path}.")
    if path.suffix == ".npz":
        values, labels = _read_npz(path)
    elif path.suffix == ".csv":
        values, labels = _read_csv(path, logits=logits)
    else:
        raise InputError(f"{path}: predictions are .npz or .csv files.")
    try:
        return checked_members(values[None] if values.ndim == 2 else values, labels)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _read_npz(path: Path) -> tuple[Floats, Ints]:
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    except (ValueError, OSError, EOFError, BadZipFile, AttributeError) as error:
        raise InputError(f"{path} is not an archive of plain numpy arrays: {error}") from error
    if "labels" not in arrays or not {"probabilities", "logits"} & set(arrays):
        raise InputError(
            f"{path} must hold 'labels' and 'probabilities' (or 'logits')."
            f"{closest('probabilities', arrays)}"
        )
    if "probabilities" in arrays:
        return arrays["probabilities"], arrays["labels"]
    try:
        return softmax(arrays["logits"]), arrays["labels"]
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _read_csv(path: Path, *, logits: bool) -> tuple[Floats, Ints]:
    header, rows = _rows(path)
    if header[0] != "label" or len(header) < 3:
        raise InputError(f"{path}, line 1: the header must be 'label' and a name for each class.")
    values = np.empty((len(rows), len(header)))
    for place, row in enumerate(rows):
        try:
            values[place] = [float(cell) for cell in row]
        except ValueError as error:
            raise InputError(f"{path}, line {place + 2}: {error}.") from error
    scores = softmax(values[:, 1:]) if logits else values[:, 1:]
    return scores, values[:, 0]  # type: ignore[return-value] # labels are checked by the caller


def _rows(path: Path) -> tuple[list[str], list[list[str]]]:
    import csv

    try:
        with path.open(newline="", encoding="utf-8") as stream:
            header, *rows = csv.reader(stream)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is empty, or not a text file.") from error
    if not rows:
        raise InputError(f"{path} has no row below its header.")
    for place, row in enumerate(rows):
        if len(row) != len(header):
            raise InputError(
                f"{path}, line {place + 2}: {len(row)} cells, but the header has {len(header)}."
            )
    return [cell.strip() for cell in header], rows


def load_groups(path: str | Path, n: int) -> Groups:
    """Read a table of attributes.

    Parameters
    ----------
    path : path
        CSV: a header with the groups' names, then a row an image of 1/0, true/false or yes/no.
    n : int
        Images there must be.

    Returns
    -------
    Groups

    Raises
    ------
    InputError
        Naming the file and what is wrong in it.
    """
    file = Path(path)
    if not file.is_file():
        raise MissingData(f"no such file: {file}.")
    header, rows = _rows(file)
    if len(rows) != n:
        raise InputError(f"{file} has {len(rows)} rows for {n} images.")
    cells = [[_TRUE.get(cell.strip().lower()) for cell in row] for row in rows]
    for place, row in enumerate(cells):
        if None in row:
            raise InputError(f"{file}, line {place + 2}: {rows[place]} must be of 1 or 0.")
    table = np.array(cells, dtype=np.bool_)
    try:
        return subgroups(dict(zip(header, table.T, strict=True)))
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
