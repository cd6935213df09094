"""Sweeps and cells: one function for many configurations, over processes or a Slurm cluster.

Each table, of a configuration or a cell, goes into the results store as soon as it is there, so
that a second call computes only what is missing: after a crash, a failure, or when some are added.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pickle
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from ssl_lib.errors import InputError, closest
from ssl_lib.profiles import cores
from ssl_lib.results import Store
from ssl_lib.results.experiments import Cell, Experiment
from ssl_lib.results.keys.canonical import canonical, to_json
from ssl_lib.results.origin import Result
from ssl_lib.results.store import Tell

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EXECUTORS", "Failure", "SweepError", "cells", "sweep"]

EXECUTORS = ("local", "debug", "slurm", "submitit-local", "submitit-debug")
"""Processes here, this process, jobs on Slurm, and submitit's own stand-ins for Slurm."""

Compute = Callable[..., "pd.DataFrame"]
Outcome: TypeAlias = "pd.DataFrame | Result | Failure | None"


@dataclass(frozen=True)
class Failure:
    """A configuration or a cell whose computation failed.

    Attributes
    ----------
    config : dict
        The configuration, or the cell.
    error : str
        Type and message of the error.
    details : str
        The traceback, where there is one.
    """

    config: dict[str, Any]
    error: str
    details: str = field(default="", repr=False)


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
class _Task:
    """What a process needs to compute something into the store."""

    root: str
    name: str

    def __call__(self) -> Outcome:
        try:
            return self.result()
        except Exception as error:
            return self.failure(error, traceback.format_exc())

    def result(self) -> pd.DataFrame | Result | None:
        raise NotImplementedError

    def stored(self) -> bool:
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """Return what tells the task from others."""
        raise NotImplementedError

    def failure(self, error: Exception | str, details: str = "") -> Failure:
        what = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        return Failure(self.settings(), what, details)


@dataclass(frozen=True)
class _Configuration(_Task):
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
class _OneCell(_Task):
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
    _check_executor(executor)
    modules = tuple(used.__name__ for used in uses if isinstance(used, ModuleType))
    others = tuple(used for used in uses if not isinstance(used, ModuleType))
    root = str((store or Store()).root)
    tasks = [
        _Configuration(root, name, function, config, dict(data or {}), others, modules)
        for config in configurations
    ]
    if not tasks:
        raise InputError("a sweep needs at least one configuration.")
    run = _runner(executor, function, jobs, threads, dict(options or {}))
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
    _check_executor(executor)
    kept = store or Store()
    # The key stands for what was used, and the hashes for the data: neither has to travel.
    known = {"key": experiment.key, "hashes": experiment.hashes}
    light = replace(experiment, uses=(), data=experiment.hashes)
    light.__dict__.update(known)
    tasks = [_OneCell(str(kept.root), experiment.name, light, cell) for cell in experiment.cells]
    run = _runner(executor, experiment.compute, jobs, threads, dict(options or {}))
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


def _check_executor(executor: str) -> None:
    if executor not in EXECUTORS:
        raise InputError(f"unknown executor {executor!r}.{closest(executor, EXECUTORS)}")


def _others(tell: Tell | None, told: Sequence[Cell]) -> Tell | None:
    """Return what tells of cells that were not told of yet."""
    if tell is None:
        return None
    return lambda cell, result: None if cell in told else tell(cell, result)


# Pairs of a task's number and its outcome, in the order in which they end.
Outcomes: TypeAlias = "Iterator[tuple[int, Outcome]]"
Runner: TypeAlias = "Callable[[Mapping[int, Any]], Outcomes]"


def _runner(
    executor: str, function: Compute, jobs: int | None, threads: int, options: dict[str, Any]
) -> Runner:
    if threads < 1 or (jobs is not None and jobs < 1):
        raise InputError(f"jobs and threads must be at least 1, got {jobs} and {threads}.")
    if executor == "debug":
        return lambda tasks: ((number, task()) for number, task in tasks.items())
    if executor == "local":
        _check_importable(function)
        return partial(_in_processes, jobs=_jobs(jobs, threads), threads=threads)
    cluster = executor.removeprefix("submitit-")
    return partial(_in_jobs, cluster=cluster, jobs=jobs, threads=threads, options=options)


def _collect(run: Runner, tasks: Sequence[_Task], progress: bool | None) -> list[Outcome]:
    from tqdm import tqdm

    missing = {number: task for number, task in enumerate(tasks) if not task.stored()}
    hidden = None if progress is None else not progress
    done = run(missing) if missing else ()
    name = tasks[0].name
    found = dict(tqdm(done, total=len(missing), desc=name, unit="run", disable=hidden))
    return [
        found[number] if number in found else task.result() for number, task in enumerate(tasks)
    ]


def _jobs(jobs: int | None, threads: int) -> int:
    there = cores()
    if jobs is not None and jobs * threads > there:
        raise InputError(
            f"{jobs} jobs of {threads} thread(s) need more than the {there} cores there are."
        )
    return jobs or max(1, there // threads)


def _check_importable(function: Compute) -> None:
    main = getattr(sys.modules["__main__"], "__file__", None) is None
    try:
        pickle.dumps(function)
        lost = function.__module__ == "__main__" and main
    except (pickle.PicklingError, AttributeError, TypeError):
        lost = True
    if lost:
        raise InputError(
            f"{getattr(function, '__name__', function)} must be defined at the top level of a "
            "module that other processes can import; executor='debug' needs no other process."
        )


def _in_processes(tasks: Mapping[int, _Task], *, jobs: int, threads: int) -> Outcomes:
    suspects = {}
    for number, outcome in _pool(tasks, jobs, threads):
        if isinstance(outcome, BrokenProcessPool):
            suspects[number] = tasks[number]
        else:
            yield number, outcome
    # A process that dies takes the pool's other tasks with it: each gets a pool of its own.
    for number, task in suspects.items():
        for _, outcome in _pool({number: task}, 1, threads):
            if isinstance(outcome, BrokenProcessPool):
                outcome = task.failure("its process died, perhaps for want of memory.")
            yield number, outcome


def _pool(
    tasks: Mapping[int, _Task], jobs: int, threads: int
) -> Iterator[tuple[int, Outcome | BrokenProcessPool]]:
    pool = ProcessPoolExecutor(
        min(jobs, len(tasks)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(threads,),
    )
    try:
        with _threads(threads):
            running = {pool.submit(task): number for number, task in tasks.items()}
        for future in as_completed(running):
            number, error = running[future], future.exception()
            if error is None or isinstance(error, BrokenProcessPool):
                yield number, error or future.result()
            else:  # the task itself, or its outcome, could not travel
                yield number, tasks[number].failure(f"{type(error).__name__}: {error}")
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Tell processes that start in the block their number of threads, as libraries read it."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(count)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class _Job:
    """A task as submitit calls it: a job that is preempted or runs out of time is queued again."""

    def __call__(self, task: _Task, threads: int) -> Outcome:
        torch.set_num_threads(threads)
        return task()

    def checkpoint(self, task: _Task, threads: int) -> Any:
        import submitit

        return submitit.helpers.DelayedSubmission(self, task, threads)


def _in_jobs(
    tasks: Mapping[int, _Task],
    *,
    cluster: str,
    jobs: int | None,
    threads: int,
    options: dict[str, Any],
) -> Outcomes:
    try:
        import submitit
    except ImportError as error:
        raise InputError(
            f'executor {cluster!r} needs submitit: pip install "ssl_lib[cluster]".'
        ) from error
    root = next(iter(tasks.values())).root
    executor = submitit.AutoExecutor(folder=f"{root}/jobs/%j", cluster=cluster)
    limit = {} if jobs is None else {"slurm_array_parallelism": jobs}
    executor.update_parameters(cpus_per_task=threads, **limit, **options)
    with executor.batch():
        submitted = {n: executor.submit(_Job(), task, threads) for n, task in tasks.items()}
    for number, job in submitted.items():
        try:
            yield number, job.result()
        except Exception as error:  # the job was killed, or never ran
            first, _, rest = str(error).partition("\n")
            yield number, tasks[number].failure(f"{type(error).__name__}: {first}", rest)


def _together(tasks: Sequence[_Task], outcomes: Sequence[Any]) -> pd.DataFrame:
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
