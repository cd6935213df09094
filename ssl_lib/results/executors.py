"""Sweeps and cells: one function for many configurations, over processes or a Slurm cluster.

Each table, of a configuration or a cell, goes into the results store as soon as it is there, so
that a second call computes only what is missing: after a crash, a failure, or when some are added.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ssl_lib.errors import InputError
from ssl_lib.results import Store
from ssl_lib.results.experiments import Cell, Experiment
from ssl_lib.results.keys.canonical import canonical, to_json
from ssl_lib.results.origin import Result
from ssl_lib.results.pools import EXECUTORS, Compute, Failure, Outcome, Runner, Task, runner
from ssl_lib.results.store import Tell

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EXECUTORS", "Failure", "SweepError", "cells", "sweep"]


class SweepError(RuntimeError):
    """Some configurations or cells failed; the results of the others are in the store.

    Attributes
    ----------
    failures : tuple of Failure
        One for each.
    """

    def __init__(
        self, failures: Sequence[Failure], count: int, what: str = "configurations"
    ) -> None:
        self.failures = tuple(failures)
        lines = [f"{len(failures)} of {count} {what} failed; the others are stored:"]
        lines += [f"{to_json(failure.config)}: {failure.error}" for failure in failures]
        super().__init__("\n".join([*lines, failures[0].details]).rstrip())


@dataclass(frozen=True)
class _Configuration(Task):
    function: Compute
    config: Any
    data: dict[str, str]
    uses: tuple[Any, ...]
    modules: tuple[str, ...]  # those among what it uses, which cannot be pickled

    def result(self) -> pd.DataFrame:
        store = Store(self.root)
        return store.table(self.name, self.function, self.config, **self.depends()).table

    def stored(self) -> bool:
        store = Store(self.root)
        return not store.explain(self.name, self.function, self.config, **self.depends())

    def depends(self) -> dict[str, Any]:
        modules = (importlib.import_module(module) for module in self.modules)
        return {"data": self.data, "uses": (*self.uses, *modules)}

    def settings(self) -> dict[str, Any]:
        plain: dict[str, Any] = canonical(self.config)
        return plain


@dataclass(frozen=True)
class _OneCell(Task):
    experiment: Experiment
    cell: Cell

    def result(self) -> Result | None:
        """Return the rows; None while another process computes them."""
        try:
            return Store(self.root).cell(self.experiment, self.cell, wait=False)
        except BlockingIOError:
            return None

    def stored(self) -> bool:
        return Store(self.root).has(self.experiment, self.cell)

    def settings(self) -> dict[str, Any]:
        return dict(self.cell)


def sweep(
    function: Compute,
    configurations: Iterable[Any],
    *,
    name: str,
    executor: str = "local",
    jobs: int | None = None,
    threads: int = 1,
    store: Store | None = None,
    data: Mapping[str, str] | None = None,
    uses: Sequence[object] = (),
    options: Mapping[str, Any] | None = None,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Compute a table for each configuration and put them together.

    Parameters
    ----------
    function : callable
        ``function(config)`` or ``function(config, workdir)`` returns a tidy table; see
        :meth:`ssl_lib.results.Store.table`. Other processes import it, so it must be defined at the
        top level of a module.
    configurations : iterable of dataclass or mapping
        Of values that JSON can hold.
    name : str
        Of the experiment in the store.
    executor : {"local", "debug", "slurm", "submitit-local", "submitit-debug"}
        "local": processes on this machine; "debug": one after another in this process; "slurm":
        jobs of a Slurm array through submitit (``pip install "ssl_lib[cluster]"``), with the store
        on a disk that the nodes share; the last two are submitit's backends without Slurm.
    jobs : int, optional
        How many run at once; locally by default as many as the cores allow.
    threads : int, default=1
        CPU threads of each.
    store : Store, optional
        Where results are kept, by default the user's cache.
    data, uses
        See :meth:`ssl_lib.results.Store.table`.
    options : mapping, optional
        Parameters of submitit's executor, for example ``{"slurm_partition": "gpu",
        "gpus_per_node": 1, "timeout_min": 60}``.
    progress : bool, optional
        Whether to show a progress bar; by default when the terminal can.

    Returns
    -------
    pandas.DataFrame
        The tables below each other in the order of the configurations, behind one column for each
        entry of a configuration.

    Raises
    ------
    SweepError
        When some configurations failed, after all others were computed and stored; it names each
        with its error.
    InputError
        When executor, function or configurations cannot work.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> def power(config):
    ...     return pd.DataFrame({"power": [config["base"] ** config["exponent"]]})
    >>> grid = [{"base": base, "exponent": 3} for base in (2, 5)]
    >>> sweep(power, grid, name="powers", executor="debug", store=Store(tempfile.mkdtemp()))
       base  exponent  power
    0     2         3      8
    1     5         3    125
    """
    modules = tuple(used.__name__ for used in uses if isinstance(used, ModuleType))
    others = tuple(used for used in uses if not isinstance(used, ModuleType))
    root = str((store or Store()).root)
    tasks = [
        _Configuration(root, name, function, config, dict(data or {}), others, modules)
        for config in configurations
    ]
    if not tasks:
        raise InputError("a sweep needs at least one configuration.")
    run = runner(executor, function, jobs, threads, dict(options or {}))
    outcomes = _collect(run, tasks, progress)
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    if failures:
        raise SweepError(failures, len(tasks))
    return _together(tasks, outcomes)


def cells(
    experiment: Experiment,
    *,
    executor: str = "local",
    jobs: int | None = None,
    threads: int = 1,
    store: Store | None = None,
    options: Mapping[str, Any] | None = None,
    tell: Tell | None = None,
) -> Result:
    """Compute the cells of an experiment that the store lacks, several at once.

    Parameters
    ----------
    experiment : Experiment
        Its ``compute`` is imported by other processes, so it must be defined at the top level of a
        module.
    executor, jobs, threads, store, options
        As for :func:`sweep`.
    tell : callable, optional
        Called with each cell and its rows as soon as they are there.

    Returns
    -------
    Result
        As from :meth:`ssl_lib.results.Store.cells`; "computed" where this call computed a cell.

    Raises
    ------
    SweepError
        When some cells failed, after all others were computed and stored.
    InputError
        When executor or function cannot work.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> def power(config, cell):
    ...     return pd.DataFrame({"power": [cell["base"] ** config["exponent"]]})
    >>> made = Experiment(name="powers", compute=power, config={"exponent": 3},
    ...                   cells=[{"base": 2}, {"base": 5}])
    >>> cells(made, executor="debug", store=Store(tempfile.mkdtemp())).table["power"].tolist()
    [8, 125]
    """
    kept = store or Store()
    # The key stands for what was used, and the hashes for the data: neither has to travel.
    known = {"key": experiment.key, "hashes": experiment.hashes}
    light = replace(experiment, uses=(), data=experiment.hashes)
    light.__dict__.update(known)
    tasks = [_OneCell(str(kept.root), experiment.name, light, cell) for cell in experiment.cells]
    run = runner(executor, experiment.compute, jobs, threads, dict(options or {}))
    missing = {number: task for number, task in enumerate(tasks) if not task.stored()}
    done: dict[int, Any] = {}
    for number, outcome in run(missing) if missing else ():
        done[number] = outcome
        if tell is not None and isinstance(outcome, Result):
            tell(tasks[number].cell, outcome)
    failures = [outcome for outcome in done.values() if isinstance(outcome, Failure)]
    if failures:
        raise SweepError(failures, len(tasks), "cells")
    told = [tasks[number].cell for number, outcome in done.items() if outcome is not None]
    whole = kept.cells(experiment, tell=_others(tell, told))
    return replace(whole, origin="computed") if told else whole


def _others(tell: Tell | None, told: Sequence[Cell]) -> Tell | None:
    """Return what tells of cells that were not told of yet."""
    if tell is None:
        return None
    return lambda cell, result: None if cell in told else tell(cell, result)


def _collect(run: Runner, tasks: Sequence[Task], progress: bool | None) -> list[Outcome]:
    from tqdm import tqdm

    missing = {number: task for number, task in enumerate(tasks) if not task.stored()}
    hidden = None if progress is None else not progress
    done = run(missing) if missing else ()
    name = tasks[0].name
    found = dict(tqdm(done, total=len(missing), desc=name, unit="run", disable=hidden))
    return [
        found[number] if number in found else task.result() for number, task in enumerate(tasks)
    ]


def _together(tasks: Sequence[Task], outcomes: Sequence[Any]) -> pd.DataFrame:
    import pandas as pd

    tables = []
    for task, table in zip(tasks, outcomes, strict=True):
        settings = {key: _cell(value) for key, value in task.settings().items()}
        both = [key for key in settings if key in table.columns]
        if both:
            raise InputError(f"the table of {task.name} and its configurations both have {both}.")
        left = pd.DataFrame([settings] * len(table), index=table.index, columns=list(settings))
        tables.append(pd.concat([left, table], axis=1))
    whole: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return whole


def _cell(value: Any) -> Any:
    plain = isinstance(value, (bool, int, float, str, type(None)))
    return value if plain else to_json(value)
