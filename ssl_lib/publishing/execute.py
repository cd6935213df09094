"""Execute one notebook in a process of its own.

Everything here runs in a worker that :mod:`ssl_lib.publishing.runner` starts. The kernel is this
interpreter, whatever kernels are installed elsewhere; the worker tells its parent the kernel's
process id and each cell it begins, and takes the kernel down with itself.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

__all__ = ["Job", "end_kernel", "work"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One notebook to execute.

    Parameters
    ----------
    slug : str
        Its name.
    notebook, output, log : pathlib.Path
        The source, the executed copy to write, and where the kernel's own messages go.
    parameters : mapping
        Values to inject.
    environment : mapping of str to str
        Set before the kernel starts.
    start_timeout : int
        Seconds a kernel may take to answer for the first time.
    """

    slug: str
    notebook: Path
    output: Path
    log: Path
    parameters: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)
    start_timeout: int = 180


def work(job: Job, channel: Connection) -> None:
    """Execute a job and report through the channel: the body of a worker process.

    Messages are ``("kernel", pid)``, ``("cell", done, of)`` and, last,
    ``("done", {"seconds": float, "error": None or mapping})``.
    """
    _redirect_output(job.log)
    os.environ.update(job.environment)
    watch = _Watch(channel)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="ssl-lib-") as scratch:
        # The user's own start-up files and history have no part in the book.
        os.environ["IPYTHONDIR"] = scratch
        error = _attempt(job, watch)
        if error is not None and error["kind"] == "start-up":
            watch.forget()
            error = _attempt(job, watch)
    channel.send(("done", {"seconds": time.perf_counter() - start, "error": error}))


def _redirect_output(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)


class _Watch:
    """What the worker knows of its kernel; ends it when the worker or its parent ends."""

    def __init__(self, channel: Connection) -> None:
        self.channel = channel
        self.kernel: int | None = None
        self.last_cell: str | None = None
        signal.signal(signal.SIGTERM, lambda *_: self._leave())
        threading.Thread(target=self._await_parent, daemon=True).start()

    def forget(self) -> None:
        if self.kernel is not None:
            end_kernel(self.kernel)
        self.kernel = None

    def started(self, pid: int) -> None:
        self.kernel = pid
        self.channel.send(("kernel", pid))

    def began_cell(self, name: str, done: int, of: int) -> None:
        self.last_cell = name
        self.channel.send(("cell", done, of))

    def _await_parent(self) -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            self._leave()

    def _leave(self) -> None:
        self.forget()
        os._exit(1)


def end_kernel(pid: int) -> None:
    """Kill a kernel and what it started; a kernel leads a process group of its own."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _attempt(job: Job, watch: _Watch) -> dict[str, Any] | None:
    """Execute once; return None or what went wrong."""
    import papermill
    from papermill.engines import papermill_engines

    papermill_engines.register("ssl_lib", _engine(watch))
    watch.last_cell = None
    try:
        papermill.execute_notebook(
            job.notebook,
            job.output,
            parameters=dict(job.parameters),
            engine_name="ssl_lib",
            kernel_name="python3",
            start_timeout=job.start_timeout,
            progress_bar=False,
            cwd=job.notebook.parent,
        )
    except papermill.PapermillExecutionError as error:
        return _report("cell", error.ename, error.evalue, watch)
    except Exception as error:  # whatever went wrong is the report's business, not the pool's
        kind = "cell" if watch.last_cell else "start-up"
        return _report(kind, type(error).__name__, str(error), watch)
    return None


def _report(kind: str, name: str, message: str, watch: _Watch) -> dict[str, Any]:
    return {"kind": kind, "name": name, "message": message, "cell": watch.last_cell}


def _engine(watch: _Watch) -> type:
    """Return a papermill engine that uses this interpreter and reports to the watch."""
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine

    manager_class = _kernel_manager(watch)

    class Engine(NBClientEngine):  # type: ignore[misc]
        @classmethod
        def execute_managed_notebook(
            cls, nb_man: Any, kernel_name: str, *, start_timeout: int = 60, **_: Any
        ) -> None:
            client = _Client(
                nb_man,
                kernel_name=kernel_name,
                kernel_manager_class=manager_class,
                startup_timeout=start_timeout,
                timeout=None,
            )
            client.execute()

    class _Client(PapermillNotebookClient):  # type: ignore[misc]
        def execute_cell(self, cell: Any, cell_index: int, **options: Any) -> Any:
            if cell.cell_type == "code":
                codes = [c for c in self.nb.cells if c.cell_type == "code"]
                number = next(i for i, c in enumerate(codes, 1) if c is cell)
                watch.began_cell(cell.id, number, len(codes))
            return super().execute_cell(cell, cell_index, **options)

    return Engine


def _kernel_manager(watch: _Watch) -> type:
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    argv += ["--HistoryManager.enabled=False"]

    class Manager(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

        async def _async_post_start_kernel(self, **options: Any) -> None:
            await super()._async_post_start_kernel(**options)
            watch.started(int(getattr(self.provisioner, "pid", 0)))

    return Manager
