"""Writing the table of an experiment where the project keeps published tables."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable
from pathlib import Path

from ssl_lib.atomic import lock
from ssl_lib.errors import InputError
from ssl_lib.results import published
from ssl_lib.results.experiments import Cell, Experiment
from ssl_lib.results.kept import find, record_file, rows_of, seconds_a_cell, seeds_of, where
from ssl_lib.results.keys.canonical import canonical, to_json
from ssl_lib.results.origin import Result, together
from ssl_lib.results.store import Store, Tell

__all__ = ["publish"]


def publish(
    experiment: Experiment, *, store: Store, jobs: int = 1, tell: Tell | None = None
) -> Path:
    """Write the table of all cells of an experiment where the project keeps published tables.

    Cells that are published already, by code that is the same or was verified, are read from
    there; the others come from the store, which computes what it lacks. A table keeps the cells
    that it has beyond the experiment's: three seeds after twenty leave twenty.

    Parameters
    ----------
    experiment : Experiment
        With its place.
    store : Store
    jobs : int, default=1
        How many cells are computed at a time.
    tell : callable, optional
        Called with each cell and its rows as soon as they are there.

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
    before = _readable(store, experiment)
    whole = experiment.of(_union(experiment.cells, before.manifest.cells if before else []))
    kept = before if before is not None and before.status != "not verified since" else None
    there = [_name(cell) for cell in kept.manifest.cells] if kept is not None else []
    missing = [cell for cell in whole.cells if _name(cell) not in there]
    if missing:
        _fill(whole.of(missing), store, jobs, tell)
    parts = [
        store.cell(whole, cell) if kept is None or _name(cell) not in there else _part(kept, cell)
        for cell in whole.cells
    ]
    return _write(store, whole, together(whole, parts), keep_record=kept is not None)


def _name(cell: Cell) -> str:
    return to_json(canonical(dict(cell)))


def _union(first: Iterable[Cell], second: Iterable[Cell]) -> list[Cell]:
    return list({_name(cell): cell for cell in (*second, *first)}.values())


def _readable(store: Store, experiment: Experiment) -> Result | None:
    """Return the published table; one that a killed run left half written counts as none."""
    try:
        return find(store, experiment)
    except InputError as error:
        warnings.warn(f"{error} It is written anew.", UserWarning, stacklevel=3)
        return None


def _fill(experiment: Experiment, store: Store, jobs: int, tell: Tell | None) -> None:
    if jobs == 1:
        store.cells(experiment, tell=tell)
    else:
        from ssl_lib.results.executors import cells

        cells(experiment, store=store, jobs=jobs, tell=tell)


def _write(store: Store, experiment: Experiment, whole: Result, *, keep_record: bool) -> Path:
    folder, name = where(store, experiment)
    with lock(store.root / "published.lock"):
        for leftover in folder.glob(f".{name}.*.part"):  # of a run that was killed while it wrote
            leftover.unlink()
        if not keep_record:
            record_file(store, experiment).unlink(missing_ok=True)
        return published.write(folder, name, whole.table, whole.manifest)


def _part(kept: Result, cell: Cell) -> Result:
    seconds = seconds_a_cell(kept.manifest)
    made = dataclasses.replace(
        kept.manifest, cells=[dict(cell)], seconds=seconds, seeds=seeds_of([cell])
    )
    return Result(rows_of(kept, [cell]), made, "published")
