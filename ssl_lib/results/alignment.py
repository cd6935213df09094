"""The rows of two computations of the same cells of a table, side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ssl_lib.errors import InputError, closest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats: TypeAlias = npt.NDArray[np.float64]

__all__ = ["Pairs", "long_form"]

_SIDE = " side"  # no column of a table is called so
_SMALL = 1e-3  # of a measure's largest value: what is smaller is judged relative to this


def long_form(
    table: pd.DataFrame, *, cell: Sequence[str], keys: Sequence[str], times: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the numbers of a table, one a row.

    Parameters
    ----------
    table : pandas.DataFrame
        Long, with ``measure`` among the keys and a column ``value``; or wide, where every other
        column of numbers is a measure.
    cell, keys : sequence of str
        The columns that name a cell, which may be none, and a row within it; without keys, rows
        are told apart by their order, in a column ``row``.
    times : sequence of str, default=()
        Columns or measures that are left out.

    Returns
    -------
    pandas.DataFrame
        Columns: those of the cell, keys, ``measure``, ``value``.

    Raises
    ------
    InputError
        When a column is missing, rows share their name, or a number is neither key nor value.

    Examples
    --------
    >>> import pandas as pd
    >>> wide = pd.DataFrame({"seed": [0], "accuracy": [0.9], "rank": [7], "seconds": [1.5]})
    >>> long_form(wide, cell=["seed"], keys=(), times=["seconds"]).values.tolist()
    [[0, 0, 'accuracy', 0.9], [0, 0, 'rank', 7.0]]
    """
    import numpy as np

    table, names = _named_rows(table, cell, keys)
    numbers = [c for c in _others(table, names, times) if _numeric(table[c])]
    if "measure" not in names:
        melted = table[[*names, *numbers]].melt(names, var_name="measure", value_name="melted")
        table = melted.rename(columns={"melted": "value"})  # which may be one of the numbers
    elif numbers != ["value"]:
        raise InputError(
            "a table with measure among its keys must have one more column of numbers, value, "
            f"got {', '.join(numbers) or 'none'}: name the others in keys or times."
        )
    names = [name for name in names if name != "measure"] + ["measure"]
    long = table.loc[~table["measure"].isin(list(times)), [*names, "value"]]
    if long.duplicated(names).any():
        raise InputError(f"{', '.join(names)} must name one row each: some rows share them.")
    return long.assign(value=long["value"].astype(np.float64)).reset_index(drop=True)


class Pairs:
    """The rows of fresh cells beside the published ones.

    Parameters
    ----------
    published, fresh : pandas.DataFrame
        The whole table, and the rows of some of its cells, long or wide (:func:`long_form`).
    cell, keys, times : sequence of str
        As in :func:`long_form`.

    Attributes
    ----------
    published : pandas.DataFrame
        The whole table in long form.
    measures, unpublished : list of str
        Measures of the published table, and those that only the fresh rows have.
    rows : pandas.DataFrame
        What both have: names, ``old``, ``new``.
    differences : float64 array of shape (rows,)
        Relative to the published value, or to a thousandth of the measure's largest where that is
        more; infinite where only one of the two is finite.

    Raises
    ------
    InputError
        When a table has no such columns, or there is no fresh row.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"seed": [0, 1], "loss": [2.0, 4.0]})
    >>> pairs = Pairs(table, pd.DataFrame({"seed": [1], "loss": [4.4]}), cell=["seed"], keys=())
    >>> pairs.differences.round(6).tolist(), pairs.count(["seed"])
    ([0.1], 1)
    """

    def __init__(
        self,
        published: pd.DataFrame,
        fresh: pd.DataFrame,
        *,
        cell: Sequence[str],
        keys: Sequence[str],
        times: Sequence[str] = (),
    ) -> None:
        self.cell, self.keys, self.times = list(cell), keys, times
        self.tables = published, fresh
        self.published = long_form(published, cell=cell, keys=keys, times=times)
        new = long_form(fresh, cell=cell, keys=keys, times=times)
        if new.empty:
            raise InputError("fresh must hold at least one cell of the published table.")
        self.names = [str(name) for name in self.published if name != "value"]
        self._check_kinds(new)
        self.cells = new[self.cell].drop_duplicates()
        self.measures = list(dict.fromkeys(self.published["measure"]))
        known = new["measure"].isin(self.measures)
        self.unpublished = list(dict.fromkeys(new.loc[~known, "measure"]))
        old = self.published.merge(self.cells, on=self.cell) if self.cell else self.published
        old = old.rename(columns={"value": "old"})
        new = new[known].rename(columns={"value": "new"})
        every = old.merge(new, on=self.names, how="outer", indicator=_SIDE)
        self._alone = every[every[_SIDE] != "both"]
        self.rows = every[every[_SIDE] == "both"].drop(columns=_SIDE).reset_index(drop=True)
        self.differences = self._differences()

    def count(self, columns: Sequence[str]) -> int:
        """Return how many different values the fresh cells have in some of their columns."""
        return len(self.cells[list(columns)].drop_duplicates()) if columns else 1

    def alone(self) -> Iterator[tuple[str, float, str]]:
        """Yield, where rows are missing or new: ``"rows"``, how many, which."""
        if self._alone.empty:
            return
        missing = int((self._alone[_SIDE] == "left_only").sum())
        more = len(self._alone) - missing
        where = self._named(self._alone.iloc[0])
        yield "rows", len(self._alone), f"{missing} missing, {more} unpublished, first: {where}"

    def texts(self) -> Iterator[tuple[str, float, str]]:
        """Yield every column of text that differs: its name, in how many rows, the first."""
        old, new = (self._text(table) for table in self.tables)
        names = [name for name in self.names if name in old]
        for column in (str(c) for c in old if c not in names):
            if column not in new:
                yield column, len(new), "the column is missing"
                continue
            both = old[[*names, column]].merge(new[[*names, column]], on=names)
            before, after = both[f"{column}_x"], both[f"{column}_y"]
            differ = both[(before != after) & ~(before.isna() & after.isna())]
            if len(differ):
                first = differ.iloc[0]
                was, now = first[f"{column}_x"], first[f"{column}_y"]
                yield column, len(differ), f"{was!r} is now {now!r} at {self._named(first)}"

    def worst(self, measure: str) -> tuple[float, str]:
        """Return a measure's largest relative difference, and where it is; ``"*"`` for all."""
        import numpy as np

        chosen = np.flatnonzero((self.rows["measure"] == measure) | (measure == "*"))
        if not len(chosen):
            return math.inf, "no row to compare"
        place = int(chosen[self.differences[chosen].argmax()])
        size, row = float(self.differences[place]), self.rows.iloc[place]
        if size == 0:
            return 0.0, ""
        return size, f"{row['old']:.10g} is now {row['new']:.10g} at {self._named(row)}"

    def grids(
        self, measure: str, repeats: Sequence[str]
    ) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Return a measure's values with one row a repetition and one column a setting.

        Returns
        -------
        published, old, new : pandas.DataFrame
            All that is published; what is published, and what is fresh, of the fresh cells, and
            NaN elsewhere.
        """
        settings = [name for name in self.names if name not in repeats]
        chosen = self.published[self.published["measure"] == measure]
        rows = chosen.merge(self.rows, on=self.names, how="left")
        # Settings by number: pivoting would drop those named by a NaN.
        rows["#"] = rows.groupby(settings, dropna=False, sort=False).ngroup()
        whole, old, new = (
            rows.pivot(index=list(repeats), columns="#", values=value)
            for value in ("value", "old", "new")
        )
        return whole, old, new

    def _differences(self) -> Floats:
        import numpy as np

        old, new = self.rows["old"].to_numpy(), self.rows["new"].to_numpy()
        values = self.published["value"].abs()
        values = values.where(np.isfinite(values))
        largest = values.groupby(self.published["measure"]).max()
        floor = self.rows["measure"].map(largest).to_numpy() * _SMALL
        with np.errstate(invalid="ignore", divide="ignore"):
            relative = np.abs(new - old) / np.fmax(np.abs(old), floor)
        same = (old == new) | (np.isnan(old) & np.isnan(new))
        finite = np.isfinite(old) & np.isfinite(new)
        return np.where(same, 0.0, np.where(finite, relative, np.inf))

    def _check_kinds(self, new: pd.DataFrame) -> None:
        """Refuse a column that holds numbers in one table and text in the other."""
        for name in self.names:
            if _numeric(self.published[name]) != _numeric(new[name]):
                raise InputError(
                    f"column {name!r} must hold numbers in both tables or in none, got "
                    f"{self.published[name].dtype} and {new[name].dtype}."
                )

    def _text(self, table: pd.DataFrame) -> pd.DataFrame:
        """Keep the columns that name rows, and those of text."""
        table, names = _named_rows(table, self.cell, self.keys)
        texts = [c for c in _others(table, names, self.times) if not _numeric(table[c])]
        return table[[*names, *texts]]

    def _named(self, row: pd.Series[Any]) -> str:
        return ", ".join(f"{name} {row[name]}" for name in self.names if name in row)


def _named_rows(
    table: pd.DataFrame, cell: Sequence[str], keys: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Return a table and the columns that name its rows."""
    names = list(dict.fromkeys([*cell, *keys]))
    for name in names:
        if name not in table:
            raise InputError(f"the table has no column {name!r}.{closest(name, list(table))}")
    if keys:
        return table, names
    if "row" in table:
        raise InputError("a table with a column row needs keys that name its rows.")
    order = table.groupby(names, sort=False).cumcount() if names else range(len(table))
    return table.assign(row=order), [*names, "row"]


def _others(table: pd.DataFrame, names: list[str], times: Sequence[str]) -> list[str]:
    return [str(c) for c in table if c not in names and c not in times]


def _numeric(column: pd.Series[Any]) -> bool:
    from pandas.api.types import is_numeric_dtype

    return is_numeric_dtype(column)
