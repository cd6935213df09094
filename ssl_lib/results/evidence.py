"""What a page shows: published cells with a sample of them computed again, or cells of its own.

A published table is many cells measured once, ``results/PLACE.csv`` (or ``.parquet``) with
``PLACE.json``. ``PLACE.verified.json`` beside it says which cells have been computed again since,
by which code, and how they compared.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssl_lib.atomic import write_file
from ssl_lib.errors import InputError, MissingData
from ssl_lib.results import published
from ssl_lib.results.experiments import Cell, Experiment
from ssl_lib.results.keys.canonical import to_json
from ssl_lib.results.manifest import Manifest, differences
from ssl_lib.results.origin import Result, Status, together
from ssl_lib.results.store import Store
from ssl_lib.results.verification import Finding, compare, count_comparisons

__all__ = ["Verified", "gather", "publish", "show", "verify"]

#: Parts of a key that other code may change: what remains is the same experiment.
_SAME = ("config", "schema")
_REPEATS = 3  # cells on which an alarm is repeated before it counts


@dataclass(frozen=True, kw_only=True)
class Verified:
    """The record of cells that were computed again.

    Attributes
    ----------
    source : dict of str to str
        Definition to hash, of the code that computed them.
    cells : list of dict
        ``cell``, ``day``, ``commit``, ``hardware``; the latest look at each.
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

    @property
    def holds(self) -> bool:
        """Whether nothing spoke against the published numbers."""
        return self.outcome != "does not hold"


def find(store: Store, experiment: Experiment) -> Result | None:
    """Return an experiment's published table, all cells of it.

    Parameters
    ----------
    store : Store
        Its folder of committed tables is where ``experiment.place`` lies.
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
    folder, name = _where(store, experiment)
    if not experiment.place or not published.exists(folder, name):
        return None
    table, made = published.read(folder, name)
    if _plain(made.key["config"]) != _plain(experiment.key["config"]):
        return None
    changes = differences(*({"source": key["source"]} for key in (made.key, experiment.key)))
    status = _status(changes, record(store, experiment), experiment)
    return Result(table, made, "committed", tuple(changes), status)


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != "device"}


def _where(store: Store, experiment: Experiment) -> tuple[Path, str]:
    path = store.committed_root / experiment.place
    return path.parent, path.name


def record(store: Store, experiment: Experiment) -> Verified | None:
    """Return what is known of cells of a published table that ran since; None without a record."""
    folder, name = _where(store, experiment)
    path = folder / f"{name}.verified.json"
    if not path.is_file():
        return None
    try:
        return Verified(**json.loads(path.read_text("utf-8")))
    except (TypeError, ValueError) as error:
        raise InputError(f"{path.name} is not the record of a verification: {error}.") from error


def _status(changes: Sequence[str], known: Verified | None, experiment: Experiment) -> Status:
    if not changes:
        return "current"
    source = experiment.key["source"]
    if known is None or differences({"source": known.source}, {"source": source}):
        return "not verified since"
    return "verified" if known.holds else "not verified since"


def show(
    experiments: Mapping[str, Experiment],
    *,
    store: Store,
    use_published: bool = True,
    fresh: bool = False,
    count: int = 0,
    seconds: float = 30.0,
) -> dict[str, Result]:
    """Return the tables of a page.

    Parameters
    ----------
    experiments : mapping of str to Experiment
        By name; their cells are what is computed where nothing is published.
    store : Store
    use_published : bool, default=True
        Whether published tables may serve: not where the reader changed what trains.
    fresh : bool, default=False
        Compute the same cells all anew.
    count : int, default=0
        How many cells to show; 0 shows all that are published.
    seconds : float, default=30
        Of a core, by what the published cells took, for the sample that is computed again.

    Returns
    -------
    dict of str to Result
        A published one has the cells that this run computed again in ``fresh`` and how they compare
        in ``finding``.

    Raises
    ------
    MissingData
        When cells must be computed and their data cannot be had.
    """
    found = {
        name: find(store, experiment) if use_published else None
        for name, experiment in experiments.items()
    }
    shown = {name: _first(kept, count) for name, kept in found.items() if kept is not None}
    samples = _sample(experiments, shown, store, 0.0 if fresh else seconds)
    results = {}
    for name, experiment in experiments.items():
        kept = shown.get(name)
        if kept is None:
            results[name] = store.cells(experiment, fresh=fresh)
        elif fresh:
            results[name] = store.cells(experiment.of(kept.manifest.cells), fresh=True)
        else:
            results[name] = _beside(experiment, kept, samples[name], store)
    return results


def _first(kept: Result, count: int) -> Result:
    if not count or count >= len(kept.manifest.cells):
        return kept
    cells = kept.manifest.cells[:count]
    made = dataclasses.replace(kept.manifest, cells=cells, seeds=_seeds(cells))
    table = _rows(kept, cells)
    return dataclasses.replace(kept, table=table, manifest=made)


def _seeds(cells: Iterable[Cell]) -> list[int]:
    return list(dict.fromkeys(cell["seed"] for cell in cells if "seed" in cell))


def _rows(kept: Result, cells: Sequence[Cell]) -> Any:
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


def _sample(
    experiments: Mapping[str, Experiment],
    shown: Mapping[str, Result],
    store: Store,
    seconds: float,
) -> dict[str, list[Cell]]:
    """Choose cells of each table in turn, the least recently verified first, while time allows."""
    waiting = {name: due(store, experiments[name], kept) for name, kept in shown.items()}
    chosen: dict[str, list[Cell]] = {name: [] for name in shown}
    left = seconds
    while waiting:
        for name in list(waiting):
            cost = seconds_a_cell(shown[name].manifest)
            if not waiting[name] or cost > left:
                del waiting[name]
            else:
                chosen[name].append(waiting[name].pop(0))
                left -= cost
    return chosen


def seconds_a_cell(made: Manifest) -> float:
    """Return what a cell of a published table took on average."""
    return made.seconds / max(1, len(made.cells))


def due(store: Store, experiment: Experiment, kept: Result) -> list[Cell]:
    """Return the cells of a published table, the least recently verified first."""
    known = record(store, experiment)
    days = {to_json(entry["cell"]): entry["day"] for entry in (known.cells if known else [])}
    return sorted(kept.manifest.cells, key=lambda cell: days.get(to_json(cell), ""))


def _beside(experiment: Experiment, kept: Result, cells: list[Cell], store: Store) -> Result:
    if not cells:
        return kept
    try:
        again = store.cells(experiment.of(cells))
    except MissingData:  # what is published can be shown without
        return kept
    return dataclasses.replace(kept, fresh=again, finding=_compare(experiment, kept, again))


def _compare(
    experiment: Experiment, kept: Result, again: Result, comparisons: int | None = None
) -> Finding:
    return compare(
        kept.table,
        again.table,
        experiment.judged,
        cell=experiment.columns,
        alike=_alike(kept, again),
        comparisons=comparisons,
    )


def _alike(kept: Result, again: Result) -> bool:
    """Tell whether both ran the same code with the same versions on the same kind of processor."""
    then, now = kept.manifest, again.manifest
    same = then.device == now.device and then.key["versions"] == now.key["versions"]
    return same and not differences(*({"source": made.key["source"]} for made in (then, now)))


def gather(
    experiments: Mapping[str, Experiment],
    *,
    store: Store,
    cells: int | None = None,
    seconds: float | None = None,
    write: bool = False,
) -> dict[str, Result]:
    """Compute cells of published tables again with the code as it is, and compare.

    Parameters
    ----------
    experiments : mapping of str to Experiment
        Those without a published table are left out.
    store : Store
    cells : int, optional
        Of each table, at most; default: as many as `seconds` allow, or one.
    seconds : float, optional
        Of a core, in all; a table whose next cell is longer than what is left is not reached.
    write : bool, default=False
        Keep what was found beside each table.

    Returns
    -------
    dict of str to Result
        With ``fresh`` and ``finding``; both None for a table that was not reached: its cells take
        longer, or its data cannot be had.
    """
    found = {name: find(store, experiment) for name, experiment in experiments.items()}
    kept = {name: result for name, result in found.items() if result is not None}
    chosen = _sample(experiments, kept, store, float("inf") if seconds is None else seconds)
    most = cells if cells is not None else (1 if seconds is None else None)
    chosen = {name: some[:most] for name, some in chosen.items()}
    tests = {
        name: count_comparisons(
            kept[name].table, experiments[name].judged,
            cell=experiments[name].columns, cells=len(some),
        )
        for name, some in chosen.items() if some
    }  # fmt: skip
    results = {}
    for name, result in kept.items():
        results[name] = result
        if not chosen[name]:
            continue
        with contextlib.suppress(MissingData):
            results[name] = verify(
                experiments[name], result, chosen[name], store=store,
                comparisons=sum(tests.values()), write=write,
            )  # fmt: skip
    return results


def verify(
    experiment: Experiment,
    kept: Result,
    cells: Sequence[Cell],
    *,
    store: Store,
    comparisons: int | None = None,
    write: bool = False,
) -> Result:
    """Compute some cells of a published table again; an alarm is repeated before it counts.

    Parameters
    ----------
    experiment : Experiment
    kept : Result
        The published table.
    cells : sequence of mapping
        Which of its cells.
    store : Store
    comparisons : int, optional
        Statistical comparisons in the whole run, which share one rate of false alarms.
    write : bool, default=False
        Keep what was found beside the table.

    Returns
    -------
    Result
        ``kept`` with ``fresh``, ``finding`` and the status that follows.
    """
    again = store.cells(experiment.of(cells))
    finding = _compare(experiment, kept, again, comparisons)
    more = [cell for cell in due(store, experiment, kept) if cell not in cells][:_REPEATS]
    if finding.alarms and not finding.broken and more:
        again = store.cells(experiment.of(more))
        finding = _compare(experiment, kept, again, comparisons)
        cells = [*cells, *more]
    known = _merged(record(store, experiment), experiment, again, cells, finding)
    if write:
        folder, name = _where(store, experiment)
        text = json.dumps(dataclasses.asdict(known), indent=1, sort_keys=True) + "\n"
        write_file(folder / f"{name}.verified.json", text.encode())
    status = _status(kept.changes, known, experiment)
    return dataclasses.replace(kept, fresh=again, finding=finding, status=status)


def _merged(
    known: Verified | None,
    experiment: Experiment,
    again: Result,
    cells: Sequence[Cell],
    finding: Finding,
) -> Verified:
    made = again.manifest
    now = {
        to_json(cell): {
            "cell": dict(cell), "day": _today(), "commit": made.commit, "hardware": made.hardware
        }
        for cell in cells
    }  # fmt: skip
    before = {to_json(entry["cell"]): entry for entry in (known.cells if known else [])}
    found = finding.to_dict()
    return Verified(
        source=dict(experiment.key["source"]),
        cells=list({**before, **now}.values()),
        outcome=finding.outcome,
        said=str(finding),
        looks=list(found["looks"]),
    )


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())


def publish(experiment: Experiment, *, store: Store) -> Path:
    """Write the table of all cells of an experiment where the project keeps published tables.

    Cells that are published already, by code that is the same or was verified, are read from
    there; the others come from the store, which computes what it lacks.

    Parameters
    ----------
    experiment : Experiment
        With its place.
    store : Store

    Returns
    -------
    pathlib.Path
        The table's file.

    Raises
    ------
    InputError
        When the experiment has no place among published tables.
    MissingData
        When cells must be computed and their data cannot be had.
    """
    if not experiment.place:
        raise InputError(f"{experiment.name} has no published table at these settings.")
    kept = find(store, experiment)
    usable = kept is not None and kept.status != "not verified since"
    known = [dict(cell) for cell in kept.manifest.cells] if kept is not None and usable else []
    parts = [
        _part(kept, cell)
        if kept is not None and dict(cell) in known
        else store.cell(experiment, cell)
        for cell in experiment.cells
    ]
    whole = together(experiment, parts)
    folder, name = _where(store, experiment)
    return published.write(folder, name, whole.table, whole.manifest)


def _part(kept: Result, cell: Cell) -> Result:
    seconds = seconds_a_cell(kept.manifest)
    made = dataclasses.replace(
        kept.manifest, cells=[dict(cell)], seconds=seconds, seeds=_seeds([cell])
    )
    return Result(_rows(kept, [cell]), made, "committed")
