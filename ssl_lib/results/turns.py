"""Whose turn it is: which cells of published tables are computed again, while time allows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ssl_lib.results.experiments import Cell
from ssl_lib.results.keys.canonical import digest, to_json

__all__ = ["Table", "choose"]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A published table whose cells wait for their turn.

    Attributes
    ----------
    cells : sequence of mapping
        All that are published.
    seconds : float
        What one of them takes; infinite where this machine cannot say.
    days : mapping of str to str, default={}
        A cell as JSON to the day on which it was last computed again.
    """

    cells: Sequence[Cell]
    seconds: float
    days: Mapping[str, str] = field(default_factory=dict)

    def waiting(self, salt: str) -> list[tuple[str, str, Cell]]:
        """Return day, tie-break and cell, in the order of their turns."""
        found = [
            (self.days.get(to_json(dict(cell)), ""), digest([salt, dict(cell)]), cell)
            for cell in self.cells
        ]
        return sorted(found, key=lambda entry: entry[:2])


def choose(
    tables: Mapping[str, Table],
    *,
    seconds: float = math.inf,
    most: int | None = None,
    salt: str = "",
) -> dict[str, list[Cell]]:
    """Choose cells of all tables, the least recently verified first, as many as time allows.

    Of cells that waited equally long each table has one before any has two. What does not fit into
    the time that is left is passed over; where the days are recorded it comes first the next time.

    Parameters
    ----------
    tables : mapping of str to Table
    seconds : float, default=inf
        In all.
    most : int, optional
        Of each table.
    salt : str, default=""
        Decides ties: with another commit, other cells.

    Returns
    -------
    dict of str to list of mapping
        For each table its cells, none where it was not reached; tables in the order of their turns.

    Examples
    --------
    >>> days = {'{"seed":0}': "2026-11-02", '{"seed":1}': "2026-11-01"}
    >>> new = Table(cells=[{"seed": 5}], seconds=10.0)
    >>> old = Table(cells=[{"seed": 0}, {"seed": 1}], seconds=10.0, days=days)
    >>> choose({"old": old, "new": new}, seconds=25.0)
    {'new': [{'seed': 5}], 'old': [{'seed': 1}]}
    """
    turns = [
        (day, place, digest([salt, name]), name, cell)
        for name, table in tables.items()
        for place, (day, _, cell) in enumerate(table.waiting(salt))
    ]
    chosen: dict[str, list[Cell]] = {}
    left = seconds
    for *_, name, cell in sorted(turns, key=lambda turn: turn[:4]):
        mine = chosen.get(name, [])
        cost = tables[name].seconds
        if cost <= left and (most is None or len(mine) < most):
            chosen[name] = [*mine, cell]
            left -= cost if left < math.inf else 0.0
    return {**chosen, **{name: [] for name in tables if name not in chosen}}
