"""Published tables of cells, and what is known of cells that ran since.

A published table is ``results/PLACE.csv`` (or ``.parquet``) with ``PLACE.json``.
``PLACE.verified.json`` beside it says which cells have been computed again since, by which code,
and how they compared.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssl_lib.errors import InputError
from ssl_lib.results import published
from ssl_lib.results.experiments import Cell, Experiment
from ssl_lib.results.manifest import Manifest, code_changes, differences
from ssl_lib.results.origin import Result, Status
from ssl_lib.results.store import Store

__all__ = [
    "Verified", "failed", "find", "judged", "other_settings", "record", "record_file", "rows_of",
    "seconds_a_cell", "seeds_of", "where",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Verified:
    """The record of cells that were computed again.

    Attributes
    ----------
    source : dict of str to str
        Definition to hash, of the code that computed them.
    cells : list of dict
        ``cell``, ``day``, ``commit``, ``hardware``, ``failed``; the latest look at each. What
        failed stays so, for the same code, until a look at that cell holds.
    outcome : str
        Of the last look, see :class:`ssl_lib.results.verification.Finding`.
    said : str
        The same in a sentence.
    looks : list of dict
        Each comparison with its size and limit.
    """

    source: dict[str, str]
    cells: list[dict[str, Any]]
    outcome: str
    said: str
    looks: list[dict[str, Any]]

    def __post_init__(self) -> None:
        """Refuse what no record holds: its file may have been edited."""
        whole = isinstance(self.source, dict) and isinstance(self.cells, list)
        if not whole or not all(map(_is_entry, self.cells)):
            raise TypeError("it needs source, and cells with cell and day each")

    @property
    def holds(self) -> bool:
        """Whether nothing spoke against the published numbers."""
        return self.outcome != "does not hold" and not any(map(failed, self.cells))

    @property
    def day(self) -> str:
        """When cells were last computed again."""
        return max((str(entry["day"]) for entry in self.cells), default="")

    def ran(self, experiment: Experiment) -> bool:
        """Tell whether the cells were computed by the code as it is."""
        return not code_changes({"source": self.source}, experiment.key)


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("cell"), dict) and "day" in entry


def failed(entry: Mapping[str, Any]) -> bool:
    """Tell whether the latest look at a cell of a record failed; records may be from before."""
    return bool(entry.get("failed", False))


def find(store: Store, experiment: Experiment) -> Result | None:
    """Return an experiment's published table, all cells of it.

    Parameters
    ----------
    store : Store
        Its folder of published tables is where ``experiment.place`` lies.
    experiment : Experiment

    Returns
    -------
    Result or None
        None where none is published for this very configuration; the device is no part of it.

    Raises
    ------
    InputError
        When the table does not match its manifest.
    """
    folder, name = where(store, experiment)
    if not experiment.place or not published.exists(folder, name):
        return None
    table, made = published.read(folder, name)
    other = _plain(made.key["config"]) != _plain(experiment.key["config"])
    if other or not made.cells or set(made.cells[0]) != set(experiment.columns):
        return None
    # JSON has sorted the columns of each cell.
    cells = [{name: cell[name] for name in experiment.columns} for cell in made.cells]
    made = dataclasses.replace(made, cells=cells)
    kept = Result(table, made, "published", tuple(code_changes(made.key, experiment.key)))
    return judged(kept, record(store, experiment), experiment)


def other_settings(store: Store, experiment: Experiment) -> list[str]:
    """Say how the configuration of a published table differs from an experiment's, a line each."""
    made = published.read(*where(store, experiment))[1]
    keys = ({"config": _plain(key["config"])} for key in (made.key, experiment.key))
    return differences(*keys)


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != "device"}


def where(store: Store, experiment: Experiment) -> tuple[Path, str]:
    """Return the folder and the name of an experiment's published table."""
    path = store.published_root / experiment.place
    return path.parent, path.name


def record_file(store: Store, experiment: Experiment) -> Path:
    """Return where the record of a published table's verification lies."""
    folder, name = where(store, experiment)
    return folder / f"{name}.verified.json"


def record(store: Store, experiment: Experiment) -> Verified | None:
    """Return what is known of cells of a published table that ran since; None without a record."""
    path = record_file(store, experiment)
    if not path.is_file():
        return None
    try:
        return Verified(**json.loads(path.read_text("utf-8")))
    except (TypeError, ValueError) as error:
        raise InputError(f"{path.name} is not the record of a verification: {error}.") from error


def judged(kept: Result, known: Verified | None, experiment: Experiment) -> Result:
    """Return a published table with its status: from what changed, and from the record."""
    if known is None:
        return dataclasses.replace(kept, status=_status(kept.changes, seen=False))
    ours = known.ran(experiment)
    refuted = ours and not known.holds  # whether or not code has changed
    status = "not verified since" if refuted else _status(kept.changes, seen=ours)
    return dataclasses.replace(kept, status=status, refuted=refuted, verified=known.day)


def _status(changes: Sequence[str], *, seen: bool) -> Status:
    if not changes:
        return "current"
    return "verified" if seen else "not verified since"


def seeds_of(cells: Iterable[Cell]) -> list[int]:
    """Return the seeds of some cells, each once."""
    return list(dict.fromkeys(cell["seed"] for cell in cells if "seed" in cell))


def rows_of(kept: Result, cells: Sequence[Cell]) -> Any:
    """Return the rows of some cells of a published table, in the order of the cells."""
    import pandas as pd

    if not cells[0]:
        return kept.table
    wanted = pd.DataFrame([dict(cell) for cell in cells])
    columns = list(wanted)
    places = {tuple(row): place for place, row in enumerate(wanted.itertuples(index=False))}
    own = [places.get(row, -1) for row in kept.table[columns].itertuples(index=False, name=None)]
    order = pd.Series(own, index=kept.table.index)
    chosen = order[order >= 0].sort_values(kind="stable")
    return kept.table.loc[chosen.index].reset_index(drop=True)


def seconds_a_cell(made: Manifest) -> float:
    """Return what a cell of a published table took on average."""
    return made.seconds / max(1, len(made.cells))
