"""Keep what ran well, remember what failed, and say whether a copy still stands."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ssl_lib.paths import cache_root
from ssl_lib.publishing import keys, notebooks, parameters
from ssl_lib.publishing.layout import Book
from ssl_lib.publishing.notebooks import Notebook

__all__ = ["Run", "Slot", "record_of", "slot"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """The record of one execution.

    Parameters
    ----------
    slug : str
        The notebook's name.
    profile : str
        The profile it ran at, or "" when it has no such parameter.
    parameters : dict
        All parameters by name.
    depends : dict
        What it depended on, from :func:`ssl_lib.publishing.keys.dependencies`.
    seconds : float
        Wall time of the execution.
    finished : str
        Day it ran, ISO 8601.
    sha256 : str
        Hash of the kept notebook.
    error : dict or None
        ``kind``, ``name``, ``message``, ``cell`` (number of the code cell), ``source``,
        ``traceback``.
    """

    slug: str
    profile: str
    parameters: dict[str, Any]
    depends: dict[str, dict[str, str]]
    seconds: float
    finished: str
    sha256: str
    error: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One notebook with one set of parameters: where its runs are kept and what they rest on."""

    slug: str
    source: Notebook
    values: dict[str, Any]
    depends: dict[str, dict[str, str]] = field(repr=False)
    folder: Path

    @property
    def profile(self) -> str:
        """The profile among the parameters."""
        return str(self.values.get("profile", ""))

    @property
    def good(self) -> Run | None:
        """The record of the last run that went through, if its notebook is intact."""
        return _read(self.folder / "good")

    @property
    def failed(self) -> Run | None:
        """The record of a failure later than the last good run."""
        return _read(self.folder / "failed")

    @property
    def notebook(self) -> Path:
        """The kept notebook of the last good run."""
        return self.folder / "good.ipynb"

    @property
    def failed_notebook(self) -> Path:
        """The notebook of the last failure, with what it had done before."""
        return self.folder / "failed.ipynb"

    @property
    def log(self) -> Path:
        """What the kernel wrote to its terminal during the last run."""
        return self.folder / "kernel.log"

    def stale(self) -> list[str]:
        """Return why the kept copy does not stand; nothing when it does."""
        run = self.good
        if run is None:
            return ["never run"] if not self.notebook.is_file() else ["the kept copy is damaged"]
        return keys.changes(run.depends, self.depends)

    def keep(self, notebook: Notebook, run: Run) -> Run:
        """Store a run: a good one replaces all, a failed one stands beside the last good one."""
        name = "failed" if run.error else "good"
        notebooks.write(notebook, self.folder / f"{name}.ipynb")
        run = Run(**{**asdict(run), "sha256": _sha256(self.folder / f"{name}.ipynb")})
        notebooks.write_text(self.folder / f"{name}.json", _text(run))
        if not run.error:
            for suffix in (".json", ".ipynb"):
                (self.folder / f"failed{suffix}").unlink(missing_ok=True)
        return run


def slot(book: Book, slug: str, given: Mapping[str, Any]) -> Slot:
    """Return the slot of a notebook with these parameters, which are checked first.

    Raises
    ------
    InputError
        For an unknown or ill-typed parameter, or a path that leads nowhere.
    """
    source = notebooks.read(book.notebook(slug))
    defaults = parameters.declared(source, slug)
    values = parameters.located(parameters.checked(given, defaults, slug))
    depends = keys.dependencies(book, slug, source, values)
    folder = cache_root() / "notebooks" / slug / _name(values, defaults)
    return Slot(slug=slug, source=source, values=values, depends=depends, folder=folder)


def _name(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Return a folder name: the profile, and a hash of whatever else differs from its default."""
    profile = str(values.get("profile", "default"))
    others = {k: v for k, v in values.items() if k != "profile" and v != defaults[k]}
    if not others:
        return profile
    return (
        f"{profile}-{hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()[:8]}"
    )


def record_of(run: Run) -> dict[str, Any]:
    """Return a run as plain JSON values."""
    return asdict(run)


def _text(run: Run) -> str:
    return json.dumps(asdict(run), indent=1, sort_keys=True) + "\n"


def _read(stem: Path) -> Run | None:
    record = stem.with_suffix(".json")
    copy = stem.with_suffix(".ipynb")
    try:
        run = Run(**json.loads(record.read_text("utf-8")))
        return run if run.sha256 == _sha256(copy) else None
    except (OSError, ValueError, TypeError):  # absent, half copied or of an older form
        return None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
