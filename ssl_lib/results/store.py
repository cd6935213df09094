"""A store of tables, each computed once for everything it depends on.

The key of a table is the hash of its configuration, of the source that its computation uses
(:mod:`ssl_lib.results.keys`), of its data, and of the versions of numerical packages. Under the
store's root::

    tables/NAME/DIGEST/table.parquet    the table
    tables/NAME/DIGEST/manifest.json    how it came about (ssl_lib.results.manifest)
    work/NAME/DIGEST/                   checkpoints of a computation that has not ended

Small tables measured on hardware that a reader lacks are published as ``results/NAME.csv`` (or
``.parquet``) with ``results/NAME.json``; they are shown with their manifest, and marked when the
code has since changed.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import logging
import re
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ssl_lib.atomic import lock, write_folder
from ssl_lib.errors import InputError
from ssl_lib.paths import cache_root, share
from ssl_lib.results import published as shipped
from ssl_lib.results import tables
from ssl_lib.results.experiments import Cell, Experiment
from ssl_lib.results.manifest import (
    Manifest,
    describe_run,
    differences,
    key_digest,
    make_key,
    sha256,
)
from ssl_lib.results.origin import Result, Status, together

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Result", "Store", "Tell"]

Tell: TypeAlias = "Callable[[Cell, Result], None]"
"""What is told of each cell that is there."""

_CANDIDATES = 30  # of an experiment with hundreds of cells, all say the same
_TABLE, _MANIFEST = "table.parquet", "manifest.json"
_log = logging.getLogger(__name__)


class Store:
    """Tables by name and key, in the user's cache and among the project's published results.

    Parameters
    ----------
    root : path, optional
        The store's folder; by default :func:`ssl_lib.paths.cache_root`.
    published : path, optional
        The folder of published tables; by default the project's ``results``.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> def squares(config):
    ...     return pd.DataFrame({"x": range(config["n"])}).assign(square=lambda t: t.x**2)
    >>> store = Store(tempfile.mkdtemp())
    >>> store.table("squares", squares, {"n": 3}).table["square"].tolist()
    [0, 1, 4]
    >>> store.table("squares", squares, {"n": 3}).origin
    'cache'
    >>> store.explain("squares", squares, {"n": 4})
    ['config n: 3 -> 4']
    """

    def __init__(self, root: str | Path | None = None, published: str | Path | None = None) -> None:
        self.root = Path(root) if root is not None else cache_root()
        self.published_root = Path(published) if published is not None else share("results")

    def table(
        self,
        name: str,
        compute: Callable[..., pd.DataFrame],
        config: object,
        *,
        data: Mapping[str, str] | None = None,
        uses: Sequence[object] = (),
    ) -> Result:
        """Return the table of a key, computing it when the store lacks it.

        Two processes that ask for one key at once do the work once: the second waits, then reads.

        Parameters
        ----------
        name : str
            The experiment, such as ``"rankme-sweep"``.
        compute : callable
            ``compute(config) -> DataFrame``, or ``compute(config, workdir)``: the folder
            ``workdir`` outlives a killed run, so that the next one resumes from its checkpoints,
            and is removed when the table is stored.
        config : dataclass or mapping
            What the computation is called with; values that JSON can hold.
        data : mapping of str to str, optional
            Data set to hash of its content.
        uses : sequence of object, optional
            Further functions, classes or modules whose source matters but that ``compute`` does
            not refer to by name.

        Returns
        -------
        Result

        Raises
        ------
        InputError
            When the configuration cannot be part of a key, or the table is not tidy.
        """
        key = make_key(compute, config, data or {}, uses)
        work = functools.partial(_call, compute, config)
        return self._fetch(_checked_name(name), key, work)

    def cells(
        self, experiment: Experiment, *, fresh: bool = False, tell: Tell | None = None
    ) -> Result:
        """Return the rows of an experiment's cells, computing those that the store lacks.

        Two processes share the cells: what one computes, the other leaves to it and reads at the
        end.

        Parameters
        ----------
        experiment : Experiment
        fresh : bool, default=False
            Compute all of them anew, stored or not.
        tell : callable, optional
            Called with each cell and its rows as soon as they are there.

        Returns
        -------
        Result
            The rows of all cells in the order of the cells, their own columns in front.

        Raises
        ------
        InputError
            When the rows of a cell are not tidy, or the key cannot be made.
        """
        found: dict[int, Result] = {}
        for wait in (False, True):
            for place, cell in enumerate(experiment.cells):
                if place in found:
                    continue
                try:
                    found[place] = self.cell(experiment, cell, fresh=fresh, wait=wait)
                except BlockingIOError:
                    if wait:  # no lock held by another, but the cell's own error
                        raise
                    continue
                if tell is not None:
                    tell(cell, found[place])
        return together(experiment, [found[place] for place in range(len(experiment.cells))])

    def cell(
        self, experiment: Experiment, cell: Cell, *, fresh: bool = False, wait: bool = True
    ) -> Result:
        """Return the rows of one cell, computing it when the store lacks it.

        Parameters
        ----------
        experiment : Experiment
        cell : mapping
            One that the experiment could have; it need not be among its cells.
        fresh : bool, default=False
            Compute it anew.
        wait : bool, default=True
            Whether to wait for another process that computes it.

        Raises
        ------
        BlockingIOError
            When another process computes it and `wait` is false.
        """
        work = functools.partial(experiment.run, cell)
        name = _checked_name(experiment.name)
        return self._fetch(name, experiment.key_of(cell), work, fresh=fresh, wait=wait)

    def has(self, experiment: Experiment, cell: Cell) -> bool:
        """Tell whether a cell is stored."""
        digest = key_digest(experiment.name, experiment.key_of(cell))
        return _read_entry(self.root / "tables" / experiment.name / digest) is not None

    def explain(
        self,
        name: str,
        compute: Callable[..., pd.DataFrame],
        config: object,
        *,
        data: Mapping[str, str] | None = None,
        uses: Sequence[object] = (),
    ) -> list[str]:
        """Say why :meth:`table` would compute rather than read.

        Parameters
        ----------
        name, compute, config, data, uses
            As for :meth:`table`.

        Returns
        -------
        list of str
            Empty when the store has the table. Otherwise what differs from the stored table of
            that name that differs least, of the newest thirty.
        """
        key = make_key(compute, config, data or {}, uses)
        folder = self.root / "tables" / _checked_name(name) / key_digest(name, key)
        return [] if _read_entry(folder) is not None else self._reasons(name, key)

    def entries(self, name: str | None = None) -> list[Manifest]:
        """List the manifests of the tables in the cache, newest first.

        Parameters
        ----------
        name : str, optional
            Only this experiment's.
        """
        return list(self._newest(name))

    def prune(self, *, keep: int = 1) -> list[Manifest]:
        """Remove all but the newest tables of each name, and return the removed ones' manifests.

        Parameters
        ----------
        keep : int, default=1
            How many of each name stay, at least 0; the cells of one experiment count as one.
        """
        if keep < 0:
            raise InputError(f"keep must be at least 0, got {keep}.")
        seen: dict[str, list[str]] = {}
        removed = []
        for manifest in self.entries():
            whole = key_digest(manifest.name, {**manifest.key, "cell": None})
            known = seen.setdefault(manifest.name, [])
            if whole not in known:
                known.append(whole)
            if known.index(whole) >= keep:
                self._remove(manifest)
                removed.append(manifest)
        return removed

    def published(self, name: str) -> Result:
        """Read a published table.

        Parameters
        ----------
        name : str
            ``results/NAME.csv`` or ``results/NAME.parquet``, with ``results/NAME.json``.

        Returns
        -------
        Result
            With ``changes`` naming each definition whose source differs from the measured one.

        Raises
        ------
        InputError
            When there is no such table, or it does not match its manifest.
        """
        table, made = shipped.read(self.published_root, _checked_name(name))
        changes = tuple(shipped.changes_since(made))
        status: Status = "not verified since" if changes else "current"
        return Result(table, made, "published", changes, status)

    def publish(
        self,
        result: Result,
        directory: str | Path | None = None,
        *,
        name: str | None = None,
    ) -> Path:
        """Write a result where the project keeps published tables.

        Parameters
        ----------
        result : Result
            What to write.
        directory : path, optional
            By default the store's folder of published tables.
        name : str, optional
            The name to write it under; by default its own.

        Returns
        -------
        pathlib.Path
            The table's file: CSV, or parquet where CSV is large or would lose something.
        """
        folder = Path(directory) if directory is not None else self.published_root
        stem = _checked_name(name or result.manifest.name)
        return shipped.write(folder, stem, result.table, result.manifest)

    def _fetch(
        self,
        name: str,
        key: dict[str, Any],
        work: Callable[[Path], pd.DataFrame],
        *,
        fresh: bool = False,
        wait: bool = True,
    ) -> Result:
        """Read the entry of a key, or do the work under its lock and keep what it returns."""
        digest = key_digest(name, key)
        folder = self.root / "tables" / name / digest
        if not fresh and (found := _read_entry(folder)) is not None:
            return found
        with lock(folder.with_name(f".{digest}.lock"), wait=wait):
            if not fresh and (found := _read_entry(folder, notice=True)) is not None:
                return found
            return self._compute(name, digest, key, work)

    def _compute(
        self, name: str, digest: str, key: dict[str, Any], work: Callable[[Path], pd.DataFrame]
    ) -> Result:
        reasons = self._reasons(name, key)
        _log.info("computing %s: %s", name, "; ".join(reasons))
        workdir = self.root / "work" / name / digest
        start = time.perf_counter()
        table = work(workdir)
        seconds = time.perf_counter() - start
        content = tables.to_parquet(table, f"the table of {name!r}")
        # What is returned is what a later call will read, dtypes included.
        table = tables.from_parquet(content)
        cell = key.get("cell", {})
        made = Manifest(
            name=name, digest=digest, key=key, sha256=sha256(content), rows=len(table),
            columns=tables.dtypes(table), seconds=round(seconds, 4), reasons=reasons,
            cells=[cell] if "cell" in key else [], **describe_run({**key["config"], **cell}),
        )  # fmt: skip
        folder = self.root / "tables" / name / digest
        write_folder(folder, {_TABLE: content, _MANIFEST: made.to_json().encode()})
        shutil.rmtree(workdir, ignore_errors=True)
        return Result(table, made, "computed")

    def _reasons(self, name: str, key: Mapping[str, Any]) -> list[str]:
        newest = itertools.islice(self._newest(name), _CANDIDATES)
        candidates = [differences(manifest.key, key) for manifest in newest]
        if not candidates:
            return [f"nothing is stored under the name {name!r}"]
        return min(candidates, key=len) or ["the stored table is damaged"]

    def _newest(self, name: str | None) -> Iterator[Manifest]:
        """Yield the manifests of tables, the newest first."""
        manifests = (self.root / "tables").glob(f"{name or '*'}/*/manifest.json")
        for path in sorted(manifests, key=lambda path: path.stat().st_mtime_ns, reverse=True):
            manifest = _read_manifest(path)
            if manifest is not None:
                yield manifest

    def _remove(self, manifest: Manifest) -> None:
        folder = self.root / "tables" / manifest.name / manifest.digest
        with lock(folder.with_name(f".{manifest.digest}.lock")):
            shutil.rmtree(folder, ignore_errors=True)


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise InputError(
            f"a result's name is letters, digits, '-', '_' and '.', such as 'rankme-sweep'; "
            f"got {name!r}."
        )
    return name


def _call(compute: Callable[..., pd.DataFrame], config: object, workdir: Path) -> pd.DataFrame:
    if "workdir" not in inspect.signature(compute).parameters:
        return compute(config)
    workdir.mkdir(parents=True, exist_ok=True)
    return compute(config, workdir=workdir)


def _read_entry(folder: Path, *, notice: bool = False) -> Result | None:
    """Read an entry of the cache; a damaged one counts as absent, with a warning if asked."""
    try:
        made = Manifest.from_json((folder / _MANIFEST).read_text(encoding="utf-8"))
        content = (folder / _TABLE).read_bytes()
        if made.digest != folder.name or made.sha256 != sha256(content):
            raise ValueError("the table does not match its checksum")
    except (FileNotFoundError, NotADirectoryError):
        if not folder.exists():
            return None
        problem: Exception = ValueError("a file is missing")
    except ValueError as error:
        problem = error
    else:
        return Result(tables.from_parquet(content), made, "cache")
    if notice:
        text = f"the stored table {folder.parent.name!r} is damaged ({problem}); computing it again"
        warnings.warn(text, UserWarning, stacklevel=4)
    return None


def _read_manifest(path: Path) -> Manifest | None:
    try:
        return Manifest.from_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
