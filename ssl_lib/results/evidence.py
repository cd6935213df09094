"""What a page shows: published cells with a sample of them computed again, or cells of its own.

See :mod:`ssl_lib.results.kept` for the files.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ssl_lib.atomic import write_file
from ssl_lib.errors import InputError, MissingData
from ssl_lib.markup import duration
from ssl_lib.results.experiments import Cell, Experiment
from ssl_lib.results.kept import (
    Verified,
    failed,
    find,
    judged,
    record,
    record_file,
    rows_of,
    seconds_a_cell,
    seeds_of,
)
from ssl_lib.results.keys.canonical import to_json
from ssl_lib.results.manifest import describe_run
from ssl_lib.results.origin import Result, elsewhere
from ssl_lib.results.publication import publish
from ssl_lib.results.store import Store
from ssl_lib.results.turns import Table, choose
from ssl_lib.results.verification import Finding, Look, compare, count_comparisons

__all__ = ["Verified", "find", "gather", "publish", "show", "verify"]

_REPEATS = 3  # cells on which an alarm is repeated before it counts


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
        How many seeds to show, the first that are published; 0 shows all. Where fewer are
        published, all that are wanted are computed.
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
    shown = {
        name: _first(kept, count)
        for name, kept in found.items() if kept is not None and _enough(kept, count)
    }  # fmt: skip
    tables = {name: _waiting(store, experiments[name], kept) for name, kept in shown.items()}
    samples = choose(tables, seconds=0.0 if fresh else seconds, salt=_salt())
    results = {}
    for name, experiment in experiments.items():
        kept = shown.get(name)
        if kept is None:
            results[name] = store.cells(experiment, fresh=fresh)
        elif fresh:
            results[name] = _anew(experiment, kept, store)
        else:
            missed = "" if samples[name] else _why_not(tables[name], kept, seconds)
            results[name] = _beside(experiment, kept, samples[name], store, missed)
    return results


def _anew(experiment: Experiment, kept: Result, store: Store) -> Result:
    try:
        return store.cells(experiment.of(kept.manifest.cells), fresh=True)
    except MissingData:
        return dataclasses.replace(kept, missed=_NO_DATA)


def _enough(kept: Result, count: int) -> bool:
    """Tell whether a table has so many seeds; one without seeds has all there are."""
    return count <= max(len(kept.manifest.seeds), 1) or not kept.manifest.seeds


def _first(kept: Result, count: int) -> Result:
    """Return a table's cells of its first seeds; 0 stands for all."""
    seeds = kept.manifest.seeds[:count] if count else kept.manifest.seeds
    if seeds == kept.manifest.seeds:
        return kept
    cells = [cell for cell in kept.manifest.cells if cell.get("seed") in seeds]
    table = rows_of(kept, cells)
    made = dataclasses.replace(
        kept.manifest, cells=cells, seeds=seeds_of(cells), rows=len(table),
        seconds=seconds_a_cell(kept.manifest) * len(cells),
    )  # fmt: skip
    return dataclasses.replace(kept, table=table, manifest=made)


def _waiting(store: Store, experiment: Experiment, kept: Result) -> Table:
    known = record(store, experiment)
    entries = known.cells if known else []
    days = {to_json(entry["cell"]): entry["day"] for entry in entries if not failed(entry)}
    made = kept.manifest
    here = str(experiment.key["config"].get("device", "cpu"))
    # What took a GPU a second may take this processor an hour.
    unknown = made.device["type"] != "cpu" and here.partition(":")[0] == "cpu"
    cost = math.inf if unknown else seconds_a_cell(made)
    return Table(cells=made.cells, seconds=cost, days=days)


def _salt() -> str:
    """Return what decides which of equally old cells come first: the commit, else the version."""
    from ssl_lib import __version__

    return str(describe_run({})["commit"] or __version__)


def _beside(
    experiment: Experiment, kept: Result, cells: list[Cell], store: Store, missed: str
) -> Result:
    if not cells:
        return dataclasses.replace(kept, missed=missed)
    try:
        again = store.cells(experiment.of(cells))
    except MissingData:  # what is published can be shown without
        return dataclasses.replace(kept, missed=_NO_DATA)
    return dataclasses.replace(kept, fresh=again, finding=_compare(experiment, kept, again))


_NO_DATA = "its data are not here"
_NO_TIME = "other tables had their turn"


def _why_not(table: Table, kept: Result, seconds: float) -> str:
    """Say why no cell of a table had its turn."""
    if table.seconds <= seconds:
        return _NO_TIME
    return f"a cell took {duration(seconds_a_cell(kept.manifest))} on {kept.manifest.hardware}"


def _compare(
    experiment: Experiment, kept: Result, again: Result, comparisons: int | None = None
) -> Finding:
    try:
        return compare(
            kept.table,
            again.table,
            experiment.judged,
            cell=experiment.columns,
            alike=_alike(kept, again),
            comparisons=comparisons,
        )
    except InputError as error:  # such as a column that only one of the tables has
        count = len(again.manifest.cells)
        look = Look(
            look="exact", measure="columns", cells=count, size=1.0, limit=0.0, holds=False,
            note=str(error),
        )  # fmt: skip
        return Finding(cells=count, looks=(look,), largest=math.nan)


def _alike(kept: Result, again: Result) -> bool:
    """Tell whether both ran the same code with the same versions on the same kind of processor."""
    return "mixed" not in kept.manifest.device and not elsewhere(kept.manifest, again.manifest)


def gather(
    experiments: Mapping[str, Experiment],
    *,
    store: Store,
    cells: int | None = None,
    seconds: float | None = None,
    write: bool = False,
    tell: Callable[[str, Result], None] | None = None,
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
        Of a core, in all, by what the published cells took; the least recently verified cells of
        all tables come first, ties by the commit. No table is begun when they are over.
    write : bool, default=False
        Keep what was found beside each table.
    tell : callable, optional
        Called with the name and the result of each table as soon as it is there.

    Returns
    -------
    dict of str to Result
        With ``fresh`` and ``finding``; for a table that was not reached ``missed`` says why: its
        cells take longer, or its data cannot be had.
    """
    found = {name: find(store, experiment) for name, experiment in experiments.items()}
    kept = {name: result for name, result in found.items() if result is not None}
    limit = math.inf if seconds is None else seconds
    most = cells if cells is not None or seconds is not None else 1
    tables = {name: _waiting(store, experiments[name], result) for name, result in kept.items()}
    chosen = choose(tables, seconds=limit, most=most, salt=_salt())
    comparisons = sum(
        count_comparisons(
            kept[name].table, experiments[name].judged,
            cell=experiments[name].columns, cells=len(some),
        )
        for name, some in chosen.items() if some
    )  # fmt: skip
    began = time.monotonic()
    results = dict(kept)
    for name, some in chosen.items():
        if time.monotonic() - began >= limit:
            missed, some = _NO_TIME, []
        else:
            missed = _why_not(tables[name], kept[name], limit)
        results[name] = _looked_at(
            experiments[name], dataclasses.replace(kept[name], missed="" if some else missed),
            some, store=store, comparisons=comparisons, write=write,
        )  # fmt: skip
        if tell is not None:
            tell(name, results[name])
    return results


def _looked_at(
    experiment: Experiment, kept: Result, cells: Sequence[Cell], **options: Any
) -> Result:
    """Verify cells of a table, if any; without its data it is not reached."""
    if not cells:
        return kept
    try:
        return verify(experiment, kept, cells, **options)
    except MissingData:
        return dataclasses.replace(kept, missed=_NO_DATA)


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
    again = store.cells(experiment.of(cells), fresh=True)
    finding = _compare(experiment, kept, again, comparisons)
    waiting = _waiting(store, experiment, kept).waiting(_salt())
    more = [cell for *_, cell in waiting if cell not in cells][:_REPEATS]
    if finding.alarms and not finding.broken and more:
        again = store.cells(experiment.of(more), fresh=True)
        finding = _compare(experiment, kept, again, comparisons)
        cells = [*cells, *more]
    known = _merged(record(store, experiment), experiment, again, cells, finding)
    if write:
        text = json.dumps(dataclasses.asdict(known), indent=1, sort_keys=True) + "\n"
        write_file(record_file(store, experiment), text.encode())
    return judged(dataclasses.replace(kept, fresh=again, finding=finding), known, experiment)


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
            "cell": dict(cell), "day": _today(), "commit": made.commit, "hardware": made.hardware,
            "failed": finding.outcome == "does not hold",
        }
        for cell in cells
    }  # fmt: skip
    # A failure of other code says nothing of this one.
    same = known is not None and known.ran(experiment)
    before = {
        to_json(entry["cell"]): {**entry, "failed": same and failed(entry)}
        for entry in (known.cells if known else [])
    }
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
