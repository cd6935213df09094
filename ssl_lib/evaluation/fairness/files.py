"""Predictions and attributes from files that users saved.

Columns go by their names: where labels name a class too, classes are put into the order of their
names, so that no order of files or columns matters. Labels that are positions mean another class in
another order, so files that differ in it are refused then.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from ssl_lib.arguments import check_whole
from ssl_lib.errors import InputError, MissingData, closest
from ssl_lib.evaluation.fairness.ensembles import softmax
from ssl_lib.evaluation.fairness.groups import Groups, subgroups
from ssl_lib.evaluation.fairness.inputs import TOLERANCE, Floats, Ints, checked_members

__all__ = ["Predictions", "load_groups", "load_predictions"]

_LABEL = "label"
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
        member or (members, images, classes), and ``labels``; or ``.csv``, a member a file: a header
        with ``label`` and a name for each class, then a row an image. The label is the name of a
        column, or the position of one among the classes, from 0. All files have the same images in
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
        Naming the file and what is wrong in it; probabilities where logits were announced, too.
    """
    if not files:
        raise InputError("no file of predictions was given.")
    check_whole("fewest", fewest)
    members = [_read(Path(file), logits=logits) for file in files]
    members = _aligned(members)
    first = members[0]
    for member in members[1:]:
        if member.values.shape[1:] != first.values.shape[1:]:
            raise InputError(
                f"{member.path} has {member.values.shape[1]} images and "
                f"{member.values.shape[2]} classes, {first.path} {first.values.shape[1]} and "
                f"{first.values.shape[2]}."
            )
        if not np.array_equal(member.labels, first.labels):
            raise InputError(
                f"{member.path} and {first.path} have different labels: are the rows in order?"
            )
    together = np.concatenate([member.values for member in members])
    return Predictions(*checked_members(together, first.labels, fewest=fewest))


class _Members(NamedTuple):
    """What a file holds: scores (m, n, c), labels (n,), and its classes where it names them."""

    path: Path
    values: Floats
    labels: Ints
    names: tuple[str, ...] = ()
    by_name: bool = False


def _aligned(members: Sequence[_Members]) -> list[_Members]:
    """Return the members with their classes in one order."""
    first = next((member for member in members if member.names), members[0])
    if all(member.by_name for member in members):
        first = _in_order(first, first._replace(names=tuple(sorted(first.names, key=_number))))
    return [_in_order(member, first) for member in members]


def _number(name: str) -> tuple[float, str]:
    """Order names that are numbers as numbers, before all others."""
    return (int(name) if name.isdecimal() else math.inf, name)


def _in_order(member: _Members, first: _Members) -> _Members:
    """Return a member with its classes in the order of the first."""
    if not member.names or member.names == first.names:
        return member
    unknown = [name for name in member.names if name not in first.names]
    if unknown or len(member.names) != len(first.names):
        named = f"class {unknown[0]!r}" if unknown else f"{len(member.names)} classes"
        raise InputError(
            f"{member.path} has {named}, which {first.path} has not."
            + (closest(unknown[0], first.names) if unknown else "")
        )
    if not (member.by_name and first.by_name):
        raise InputError(
            f"the classes of {member.path} stand in another order than those of {first.path}: "
            "bring the columns into one order, or write the name of the class as the label."
        )
    order = np.array([member.names.index(name) for name in first.names])
    return member._replace(
        values=member.values[:, :, order],
        labels=np.argsort(order)[member.labels],
        names=first.names,
    )


def _read(path: Path, *, logits: bool) -> _Members:
    if not path.is_file():
        raise MissingData(f"no such file: {path}.")
    if path.suffix == ".npz":
        member = _read_npz(path, logits=logits)
    elif path.suffix == ".csv":
        member = _read_csv(path, logits=logits)
    else:
        raise InputError(f"{path}: predictions are .npz or .csv files.")
    values = member.values[None] if member.values.ndim == 2 else member.values
    try:
        values, labels = checked_members(values, member.labels)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return member._replace(values=values, labels=labels)


def _read_npz(path: Path, *, logits: bool) -> _Members:
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
    if "logits" not in arrays and logits:
        raise InputError(f"{path} holds probabilities by its own account, not logits.")
    if "probabilities" in arrays:
        return _Members(path, arrays["probabilities"], arrays["labels"])
    return _Members(path, _from_logits(path, arrays["logits"]), arrays["labels"])


def _from_logits(path: Path, logits: Floats) -> Floats:
    try:
        shares = softmax(logits)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if logits.min() >= 0 and (np.abs(logits.sum(axis=-1) - 1) <= TOLERANCE).all():
        raise InputError(
            f"{path}: these are probabilities, not logits: no number is negative, "
            "and each row sums to 1."
        )
    return shares


def _read_csv(path: Path, *, logits: bool) -> _Members:
    header, rows, lines = _rows(path)
    if header.count(_LABEL) != 1 or len(header) < 3:
        raise InputError(
            f"{path}, line 1: the header must be {_LABEL!r} and a name for each class."
        )
    at = header.index(_LABEL)
    names = tuple(header[:at] + header[at + 1 :])
    by_name = all(row[at] in names for row in rows)
    values = np.empty((len(rows), len(names)))
    labels = np.empty(len(rows))
    for place, (row, line) in enumerate(zip(rows, lines, strict=True)):
        try:
            labels[place] = names.index(row[at]) if by_name else float(row[at])
            values[place] = [float(cell) for cell in row[:at] + row[at + 1 :]]
        except ValueError as error:
            raise InputError(f"{path}, line {line}: {error}.") from error
    scores = _from_logits(path, values) if logits else values
    # Whether the labels are whole numbers is checked with everything else.
    return _Members(path, scores, labels, names, by_name)  # type: ignore[arg-type]


def _rows(path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Return the header, the rows below it that are not blank, and the line of each."""
    import csv

    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            table = [([cell.strip() for cell in row], reader.line_num) for row in reader]
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV file in UTF-8: {error}.") from error
    table = [(row, line) for row, line in table if any(row)]
    if len(table) < 2:
        raise InputError(f"{path} has no row below its header." if table else f"{path} is empty.")
    header = table[0][0]
    for name in header:
        if not name or header.count(name) > 1:
            wrong = f"name {name!r} more than once" if name else "column without a name"
            raise InputError(f"{path}, line {table[0][1]}: the header has a {wrong}.")
    for row, line in table[1:]:
        if len(row) != len(header):
            raise InputError(
                f"{path}, line {line}: {len(row)} cells, but the header has {len(header)}."
            )
    return header, [row for row, _ in table[1:]], [line for _, line in table[1:]]


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
        Naming the file and what is wrong in it; two groups of one name, and one without, too.
    """
    file = Path(path)
    if not file.is_file():
        raise MissingData(f"no such file: {file}.")
    header, rows, lines = _rows(file)
    if len(rows) != n:
        raise InputError(f"{file} has {len(rows)} rows for {n} images.")
    cells = [[_TRUE.get(cell.lower()) for cell in row] for row in rows]
    for row, line, given in zip(cells, lines, rows, strict=True):
        if None in row:
            raise InputError(f"{file}, line {line}: {given} must be of 1 or 0.")
    table = np.array(cells, dtype=np.bool_)
    try:
        return subgroups(dict(zip(header, table.T, strict=True)))
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
