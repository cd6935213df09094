"""Run notebooks in parallel, keep what went well, report what did not."""

import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from ssl_lib import plotting
from ssl_lib.atomic import make_folder
from ssl_lib.paths import cache_root, data_root
from ssl_lib.profiles import cores
from ssl_lib.publishing import keys, notebooks, verdicts
from ssl_lib.publishing.execute import Job, end_kernel, work
from ssl_lib.publishing.layout import Book
from ssl_lib.publishing.normalise import normalised, scrubbed
from ssl_lib.publishing.notebooks import Notebook, code_cells, source, text_of
from ssl_lib.publishing.parameters import declared
from ssl_lib.publishing.progress import Progress
from ssl_lib.publishing.shelf import Run, Slot, slot

__all__ = ["Outcome", "run", "slots"]

_GRACE_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one notebook.

    Parameters
    ----------
    slot : Slot
        Where it is kept.
    status : {"fresh", "ran", "failed"}
        "fresh": the kept copy stood and nothing ran.
    run : Run
        The record that holds now.
    reasons : list of str
        Why it had to run.
    """

    slot: Slot
    status: Literal["fresh", "ran", "failed"]
    run: Run
    reasons: list[str] = field(default_factory=list)

    @property
    def notebook(self) -> Path:
        """The executed notebook to show."""
        return self.slot.failed_notebook if self.status == "failed" else self.slot.notebook


def slots(book: Book, slugs: Sequence[str], given: Mapping[str, Any]) -> list[Slot]:
    """Return the slots of several notebooks; each takes the parameters it declares.

    Parameters
    ----------
    book : Book
        The book.
    slugs : sequence of str
        Notebooks.
    given : mapping
        Parameters meant for all, such as the profile.
    """
    found = []
    for slug in slugs:
        defaults = declared(notebooks.read(book.notebook(slug)), slug)
        found.append(slot(book, slug, {k: v for k, v in given.items() if k in defaults}))
    return found


def run(
    book: Book,
    wanted: Sequence[Slot],
    *,
    jobs: int | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Bring notebooks up to date.

    Parameters
    ----------
    book : Book
        The book they belong to.
    wanted : sequence of Slot
        Notebooks with their parameters. Those that sum up the verdicts of others run last.
    jobs : int, optional
        Notebooks at a time; by default as many as there are cores. The cores are shared out
        among them, so that jobs times threads never exceeds the cores.
    force : bool, default=False
        Run even what is fresh.
    progress : Progress, optional
        Where to show how far each is.

    Returns
    -------
    list of Outcome
        In the order of `wanted`. A failing notebook does not stop the others.
    """
    for item in wanted:
        make_folder(item.folder)  # one clear error, before kernels run for nothing
    progress = progress or Progress([item.slug for item in wanted])
    last = [item.slug for item in wanted if keys.summarises_others(item.source)]
    outcomes: dict[str, Outcome] = {}
    for wave in ([s for s in wanted if s.slug not in last], [s for s in wanted if s.slug in last]):
        if wave and wave[0].slug in last:
            wave = [slot(book, item.slug, item.values) for item in wave]
        outcomes |= _run_wave(wave, jobs, force, progress)
    return [outcomes[item.slug] for item in wanted]


def _run_wave(
    wave: Sequence[Slot], jobs: int | None, force: bool, progress: Progress
) -> dict[str, Outcome]:
    reasons = {item.slug: ["asked to"] if force else item.stale() for item in wave}
    outcomes = {}
    for item in wave:
        if not reasons[item.slug] and item.good:
            outcomes[item.slug] = Outcome(slot=item, status="fresh", run=item.good)
            verdicts.restore(notebooks.read(item.notebook))
            progress.end(item.slug, "fresh")
    todo = sorted((item for item in wave if reasons[item.slug]), key=_expected, reverse=True)
    if todo:
        for item, output, report in _execute(todo, reasons, jobs, progress):
            done = _shelve(item, output, report)
            outcomes[item.slug] = Outcome(
                slot=item,
                status="failed" if done.error else "ran",
                run=done,
                reasons=reasons[item.slug],
            )
            progress.end(item.slug, _ended(done))
    return outcomes


def _expected(item: Slot) -> float:
    """Return the seconds it took last time; what never ran may be the longest, so it goes first."""
    return item.good.seconds if item.good else float("inf")


def _ended(done: Run) -> str:
    if done.error:
        return f"FAILED after {done.seconds:.0f} s: {done.error['name']}"
    return f"done in {done.seconds:.1f} s"


def _shelve(item: Slot, output: Path, report: Mapping[str, Any]) -> Run:
    executed = notebooks.read(output) if output.is_file() else item.source
    clean = normalised(executed, item.values)
    error = report["error"] and _explained(report["error"], clean)
    record = Run(
        slug=item.slug,
        profile=item.profile,
        parameters=item.values,
        # What the run itself brought into the data folder is no reason to run again.
        depends={**item.depends, "data": keys.data_state()},
        seconds=round(report["seconds"], 2),
        finished=time.strftime("%Y-%m-%d"),
        sha256="",
        error=error,
    )
    return item.keep(clean, record)


def _explained(error: Mapping[str, Any], clean: Notebook) -> dict[str, Any]:
    """Return the error with the cell it happened in, for people to read."""
    cells = code_cells(clean)
    at = next((i for i, cell in enumerate(cells) if cell.get("id") == error["cell"]), None)
    cell = cells[at] if at is not None else None
    traceback = _error_of(cell) if cell else None
    return {
        "kind": error["kind"],
        "name": error["name"],
        "message": scrubbed(str(error["message"])),
        "cell": at + 1 if at is not None else None,
        "source": source(cell) if cell else "",
        "traceback": traceback or scrubbed(f"{error['name']}: {error['message']}"),
    }


def _error_of(cell: Mapping[str, Any]) -> str | None:
    for output in cell.get("outputs", []):
        if output["output_type"] == "error":
            return "\n".join(text_of(line) for line in output["traceback"])
    return None


def _execute(
    todo: Sequence[Slot],
    reasons: Mapping[str, Sequence[str]],
    jobs: int | None,
    progress: Progress,
) -> Iterator[tuple[Slot, Path, dict[str, Any]]]:
    """Yield each notebook with its raw output and the worker's report as soon as it is done."""
    at_once = max(1, min(jobs or cores(), len(todo), cores()))
    environment = _environment(threads=max(1, cores() // at_once))
    with tempfile.TemporaryDirectory(prefix="ssl-lib-") as scratch, _Workers(progress) as workers:
        waiting = list(todo)
        while waiting or workers.running:
            while waiting and len(workers.running) < at_once:
                item = waiting.pop(0)
                workers.start(item, _job(item, Path(scratch), environment))
                progress.begin(item.slug, reasons[item.slug])
            for item, job, report in workers.finished():
                yield item, job.output, report


def _job(item: Slot, scratch: Path, environment: Mapping[str, str]) -> Job:
    name = f"{item.slug}.ipynb"
    copy = scratch / "sources" / name
    notebooks.write(item.source, copy)
    return Job(
        slug=item.slug,
        notebook=copy,
        output=scratch / name,
        log=item.log,
        parameters=item.values,
        environment=environment,
    )


def _environment(threads: int) -> dict[str, str]:
    package = str(Path(__file__).resolve().parents[2])
    paths = [package, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    pools = ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM")
    return {
        **{f"{pool}_NUM_THREADS": str(threads) for pool in pools},
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join(paths),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "TQDM_DISABLE": "1",
        plotting.IN_BOOK: "1",
        "JUPYTER_PLATFORM_DIRS": "1",
        # Notebooks run in a folder of their own, where a relative path would mean another place.
        "SSL_LIB_DATA": str(data_root()),
        "SSL_LIB_CACHE": str(cache_root()),
    }


@dataclass
class _Worker:
    item: Slot
    job: Job
    process: BaseProcess
    channel: Connection
    began: float
    kernel: int | None = None
    report: dict[str, Any] | None = None


class _Workers:
    """The running worker processes. Leaving the context ends them and their kernels."""

    def __init__(self, progress: Progress) -> None:
        self.running: list[_Worker] = []
        self._progress = progress
        self._context = multiprocessing.get_context("spawn")

    def __enter__(self) -> "_Workers":
        self._before = signal.signal(signal.SIGTERM, _interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, self._before)
        for worker in self.running:
            worker.process.terminate()
        for worker in self.running:
            worker.process.join(_GRACE_SECONDS)
            worker.process.kill()
            self._drain(worker)
            if worker.kernel is not None:
                end_kernel(worker.kernel)

    def start(self, item: Slot, job: Job) -> None:
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=work, args=(job, theirs), name=job.slug)
        # An interrupt at the keyboard reaches every process of the terminal; this one deals
        # with it and ends the workers, which inherit that they ignore it.
        with _ignored_interrupt():
            process.start()
        theirs.close()
        self.running.append(_Worker(item, job, process, ours, time.perf_counter()))

    def finished(self) -> Iterator[tuple[Slot, Job, dict[str, Any]]]:
        """Wait a moment for news; yield the workers that are done."""
        handles = {worker.channel: worker for worker in self.running}
        for ready in wait(list(handles), timeout=0.5):
            assert isinstance(ready, Connection)
            self._drain(handles[ready])
        self._progress.tick()
        for worker in [w for w in self.running if w.report is not None]:
            worker.process.join(_GRACE_SECONDS)
            worker.process.kill()
            if worker.kernel is not None:
                end_kernel(worker.kernel)
            self.running.remove(worker)
            assert worker.report is not None
            yield worker.item, worker.job, worker.report

    def _drain(self, worker: _Worker) -> None:
        try:
            while worker.report is None and worker.channel.poll():
                self._take(worker, worker.channel.recv())
        except (EOFError, OSError):
            message = f"the worker process ended by itself; its output is in {worker.job.log}"
            worker.report = {
                "seconds": time.perf_counter() - worker.began,
                "error": {"kind": "worker", "name": "WorkerDied", "message": message, "cell": None},
            }

    def _take(self, worker: _Worker, message: tuple[Any, ...]) -> None:
        match message:
            case ("kernel", int(pid)):
                worker.kernel = pid
            case ("cell", int(done), int(of)):
                self._progress.cell(worker.job.slug, done, of)
            case ("done", dict(report)):
                worker.report = report


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _ignored_interrupt() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
