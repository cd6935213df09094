"""What moved between two built books: every figure's and table's numbers, and the verdicts."""

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ssl_lib.publishing.site import Cell, Site, Table

__all__ = ["Comparison", "Difference", "Verdict", "compare", "difference", "is_time_column"]

State = Literal["equal", "moved", "new", "gone"]

#: Words that make a column one of time: units, clocks, and what is made of two times.
TIME_WORDS = frozenset(
    {
        "seconds", "secs", "sec", "milliseconds", "ms", "minutes", "hours", "duration", "elapsed",
        "wall", "cpu", "runtime", "slowdown", "speedup", "speed",
    }
)  # fmt: skip
#: Whole names that do it, where the words alone do not say so.
TIME_NAMES = frozenset(
    {
        "time", "times", "run time", "images/s", "images per second",
    }
)  # fmt: skip

_LOW, _HIGH = ("low", "lowest"), ("high", "highest")
_SPREAD = ("sd", "std", "se")


def is_time_column(name: str) -> bool:
    """Say whether a column holds times, which are shown and never compared.

    It does when its name is one of ``TIME_NAMES`` or has one of ``TIME_WORDS`` as a word.

    Examples
    --------
    >>> [is_time_column(name) for name in ("seconds", "Run time", "plain_ms", "second", "step")]
    [True, True, True, False, False]
    """
    words = re.split(r"[^a-z0-9]+", name.lower())
    return name.strip().lower() in TIME_NAMES or not TIME_WORDS.isdisjoint(words)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How one figure or table differs.

    Parameters
    ----------
    label, chapter : str
        Which, and the notebook it is from.
    state : {"equal", "moved", "new", "gone"}
        Whether it stands in both books and says the same.
    column : str
        Where the largest relative change of a number is; "" without one.
    absolute, relative : float
        That largest relative change, and the largest absolute one of the same column. Relative
        is to the larger of the two values, so that it is finite, from 0 to 2.
    within : bool or None
        Whether all numbers that moved and have an interval beside them in the old book lie in
        it; None when none has.
    replaced : int
        Cells of which one is text or missing, and that are not the same.
    rows_added, rows_gone : int
        Rows without a partner.
    columns_added, columns_gone : tuple of str
        Columns without a partner.
    """

    label: str
    chapter: str
    state: State
    column: str = ""
    absolute: float = 0.0
    relative: float = 0.0
    within: bool | None = None
    replaced: int = 0
    rows_added: int = 0
    rows_gone: int = 0
    columns_added: tuple[str, ...] = ()
    columns_gone: tuple[str, ...] = ()

    def exceeds(self, tolerance: float) -> bool:
        """Say whether more moved than a relative change of `tolerance`, or something is gone."""
        lost = self.replaced or self.rows_gone or self.columns_gone
        return self.state == "gone" or bool(lost) or self.relative > tolerance


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A claim whose verdict differs; None stands for a book without it."""

    chapter: str
    claim: str
    old: str | None
    new: str | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What moved between two books.

    Parameters
    ----------
    tables : list of Difference
        Of every figure and table, by label.
    verdicts : list of Verdict
        Those that differ.
    """

    tables: list[Difference]
    verdicts: list[Verdict]

    def exceeds(self, tolerance: float) -> bool:
        """Say whether a table exceeds the tolerance, or a verdict changed or is gone."""
        changed = any(verdict.old is not None for verdict in self.verdicts)
        return changed or any(table.exceeds(tolerance) for table in self.tables)

    def counts(self) -> dict[str, int]:
        """Return how many figures and tables are equal, moved, new and gone."""
        found = Counter(table.state for table in self.tables)
        return {state: found[state] for state in ("equal", "moved", "new", "gone")}

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values, the same for the same two books."""
        return {
            "counts": self.counts(),
            "tables": [asdict(table) for table in self.tables],
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
        }


def compare(old: Site, new: Site) -> Comparison:
    """Compare two built books.

    Parameters
    ----------
    old, new : Site
        From :func:`ssl_lib.publishing.site.read`.
    """
    labels = sorted(old.tables.keys() | new.tables.keys())
    tables = [difference(name, old.tables.get(name), new.tables.get(name)) for name in labels]
    verdicts = [
        Verdict(chapter=key[0], claim=key[1], old=old.verdicts.get(key), new=new.verdicts.get(key))
        for key in sorted(old.verdicts.keys() | new.verdicts.keys())
        if old.verdicts.get(key) != new.verdicts.get(key)
    ]
    return Comparison(tables=tables, verdicts=verdicts)


def difference(label: str, old: Table | None, new: Table | None) -> Difference:
    """Compare one table in two books.

    Rows are matched by their keys: text columns first, then those of whole numbers, as few as
    tell all rows of either table apart. Where that leaves rows over and both tables are as long,
    with the same texts in the same order, or where there is no such key, rows are matched by
    their place. Fresh rows (``run`` is ``fresh``) and columns of time are left out.

    Parameters
    ----------
    label : str
        The figure's or table's label.
    old, new : Table or None
        None for a book without it.
    """
    if old is None or new is None:
        present, state = (new, "new") if old is None else (old, "gone")
        assert present is not None
        return Difference(label=label, chapter=present.chapter, state=state)  # type: ignore[arg-type]
    names_old, names_new = _compared(old), _compared(new)
    shared = [name for name in names_old if name in names_new]
    pairs, gone, added = _matched(_rows(old, shared), _rows(new, shared), shared)
    changes = list(_changes(pairs, shared, _intervals(old.columns)))
    parts: dict[str, Any] = {
        **_largest(changes),
        "rows_added": added,
        "rows_gone": gone,
        "columns_added": tuple(name for name in names_new if name not in names_old),
        "columns_gone": tuple(name for name in names_old if name not in names_new),
    }
    columns = parts["columns_added"] or parts["columns_gone"]
    state = "moved" if changes or gone or added or columns else "equal"
    return Difference(label=label, chapter=new.chapter, state=state, **parts)  # type: ignore[arg-type]


# Which columns and rows count

Row = dict[str, Cell]


def _compared(table: Table) -> list[str]:
    """Return the columns that hold no times, nor which run a row is from.

    The bounds of a time are times.
    """
    bounds = {bound: value for value, pair in _intervals(table.columns).items() for bound in pair}
    kept = [name for name in table.columns if not is_time_column(bounds.get(name, name))]
    return [name for name in kept if name != "run" or not _fresh_or_published(table)]


def _fresh_or_published(table: Table) -> bool:
    place = table.columns.index("run")
    return {row[place] for row in table.rows} <= {"fresh", "published"}


def _intervals(columns: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the columns of low and high bounds by the column they belong to.

    ``gain_low`` belongs to ``gain``; a bare ``low`` to the nearest column left of it that is
    neither a bound nor a spread.
    """
    found = {}
    for low, high in itertools.pairwise(columns):
        stem, _, word = low.rpartition("_")
        if word in _LOW and high.rpartition("_")[::2] == (stem, _HIGH[_LOW.index(word)]):
            left = columns[: columns.index(low)]
            value = stem or next((n for n in reversed(left) if _is_value(n)), "")
            if value in columns:
                found[value] = (low, high)
    return found


def _is_value(name: str) -> bool:
    return name.rpartition("_")[2] not in (*_LOW, *_HIGH, *_SPREAD)


def _rows(table: Table, shared: Sequence[str]) -> list[Row]:
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return [{name: row[name] for name in shared} for row in rows if row.get("run") != "fresh"]


# Which row is which


def _matched(
    old: list[Row], new: list[Row], columns: Sequence[str]
) -> tuple[list[tuple[Row, Row]], int, int]:
    """Return pairs of rows, and how many old and new ones have no partner."""
    texts = [n for n in columns if any(isinstance(row[n], str) for row in old + new)]
    key = _key(old, new, columns, texts)
    by_place = [_id(r, texts) for r in old] == [_id(r, texts) for r in new]
    if key is not None:
        left, right = ({_id(row, key): row for row in rows} for rows in (old, new))
        both = [name for name in left if name in right]
        if len(both) == len(left) == len(right) or not by_place:
            return (
                [(left[n], right[n]) for n in both],
                len(left) - len(both),
                len(right) - len(both),
            )
    if by_place or len(old) == len(new):
        return list(zip(old, new, strict=True)), 0, 0
    ours, theirs = (Counter(_id(row, columns) for row in rows) for rows in (old, new))
    return [], (ours - theirs).total(), (theirs - ours).total()


def _key(
    old: list[Row], new: list[Row], columns: Sequence[str], texts: Sequence[str]
) -> list[str] | None:
    """Return the fewest leading columns, texts before whole numbers, that tell rows apart."""
    whole = [n for n in columns if n not in texts and all(_whole(row[n]) for row in old + new)]
    candidates = [*texts, *whole]
    for count in range(len(candidates) + 1):
        key = candidates[:count]
        if all(len({_id(row, key) for row in rows}) == len(rows) for rows in (old, new)):
            return key
    return None


def _whole(cell: Cell) -> bool:
    return isinstance(cell, float) and cell.is_integer()


def _id(row: Row, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the cells as text, in which not-a-number equals itself."""
    return tuple(str(row[name]) for name in columns)


# How far numbers moved


@dataclass(frozen=True, kw_only=True)
class _Change:
    """One cell that moved; the sizes are None where either side is no finite number."""

    column: str
    absolute: float | None = None
    relative: float | None = None
    within: bool | None = None


def _changes(
    pairs: list[tuple[Row, Row]], columns: Sequence[str], intervals: dict[str, tuple[str, str]]
) -> Iterator[_Change]:
    for old, new in pairs:
        for name in columns:
            a, b = old[name], new[name]
            if a == b or str(a) == str(b) == "nan":
                continue
            if isinstance(a, str) or isinstance(b, str) or not math.isfinite(a - b):
                yield _Change(column=name)
                continue
            size = abs(b - a)
            within = _within(a, b, old, intervals.get(name))
            relative = size / max(abs(a), abs(b))
            yield _Change(column=name, absolute=size, relative=relative, within=within)


def _within(a: float, b: float, old: Row, bounds: tuple[str, str] | None) -> bool | None:
    """Say whether a new value lies in the old one's interval; None when it has none."""
    if bounds is None or any(name not in old for name in bounds):
        return None
    low, high = (old[name] for name in bounds)
    # Two columns may stand before one interval, which is that of neither or of their difference.
    if isinstance(low, str) or isinstance(high, str) or not low <= a <= high:
        return None
    return low <= b <= high


def _largest(changes: list[_Change]) -> dict[str, Any]:
    sized = [change for change in changes if change.relative is not None]
    if not sized:
        return {"replaced": len(changes)}
    worst = max(sized, key=lambda change: change.relative or 0.0)
    column = [change.absolute or 0.0 for change in sized if change.column == worst.column]
    judged = [change.within for change in sized if change.within is not None]
    return {
        "column": worst.column,
        "absolute": max(column),
        "relative": worst.relative,
        "within": all(judged) if judged else None,
        "replaced": len(changes) - len(sized),
    }
