"""Tasks over processes or a Slurm cluster: what :mod:`ssl_lib.results.executors` runs on.

A task is computed into the store by whoever runs it; a failure is its outcome, not an error.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from ssl_lib.errors import InputError, closest
from ssl_lib.profiles import cores
from ssl_lib.results.origin import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EXECUTORS", "Compute", "Failure", "Outcome", "Runner", "Task", "runner"]

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


@dataclass(frozen=True)
class Task:
    """What a process needs to compute something into the store.

    Attributes
    ----------
    root : str
        The store's folder.
    name : str
        The experiment's.
    """

    root: str
    name: str

    def __call__(self) -> Outcome:
        """Return the result, or the failure."""
        try:
            return self.result()
        except Exception as error:
            return self.failure(error, traceback.format_exc())

    def result(self) -> pd.DataFrame | Result | None:
        """Compute it, or read it where it is stored."""
        raise NotImplementedError

    def stored(self) -> bool:
        """Tell whether it is stored."""
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """Return what tells the task from others."""
        raise NotImplementedError

    def failure(self, error: Exception | str, details: str = "") -> Failure:
        """Return the outcome of a task that failed."""
        what = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        return Failure(self.settings(), what, details)


Outcomes: TypeAlias = "Iterator[tuple[int, Outcome]]"
"""Pairs of a task's number and its outcome, in the order in which they end."""
Runner: TypeAlias = "Callable[[Mapping[int, Any]], Outcomes]"


def runner(
    executor: str, function: Compute, jobs: int | None, threads: int, options: dict[str, Any]
) -> Runner:
    """Return what runs tasks with an executor and yields their outcomes as they end.

    Parameters
    ----------
    executor : str
        One of :data:`EXECUTORS`.
    function : callable
        What the tasks compute; other processes import it.
    jobs, threads, options
        See :func:`ssl_lib.results.executors.sweep`.

    Returns
    -------
    callable
        From a mapping of number to task to pairs of number and outcome.

    Raises
    ------
    InputError
        When executor, function, jobs or threads cannot work.
    """
    if executor not in EXECUTORS:
        raise InputError(f"unknown executor {executor!r}.{closest(executor, EXECUTORS)}")
    if threads < 1 or (jobs is not None and jobs < 1):
        raise InputError(f"jobs and threads must be at least 1, got {jobs} and {threads}.")
    if executor == "debug":
        return lambda tasks: ((number, task()) for number, task in tasks.items())
    if executor == "local":
        _check_importable(function)
        return partial(_in_processes, jobs=_jobs(jobs, threads), threads=threads)
    cluster = executor.removeprefix("submitit-")
    return partial(_in_jobs, cluster=cluster, jobs=jobs, threads=threads, options=options)


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


def _in_processes(tasks: Mapping[int, Task], *, jobs: int, threads: int) -> Outcomes:
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
    tasks: Mapping[int, Task], jobs: int, threads: int
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

    def __call__(self, task: Task, threads: int) -> Outcome:
        torch.set_num_threads(threads)
        return task()

    def checkpoint(self, task: Task, threads: int) -> Any:
        import submitit

        return submitit.helpers.DelayedSubmission(self, task, threads)


def _in_jobs(
    tasks: Mapping[int, Task],
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
