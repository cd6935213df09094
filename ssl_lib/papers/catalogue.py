"""All chapters whose tables are made of cells, and what they have published.

Such a chapter has a class ``Settings`` and, in its module ``experiments``, a function
``experiments(settings)`` that returns its experiments by the names of their tables. A published
table lies at ``results/SLUG/TABLE.PROFILE`` or, of other data than the profile's,
``results/SLUG/TABLE.PROFILE.DATA``.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ssl_lib import papers
from ssl_lib.errors import InputError, closest
from ssl_lib.profiles import PROFILES
from ssl_lib.results.experiments import Experiment

__all__ = ["Entry", "chapters", "experiments", "listed"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A published table.

    Attributes
    ----------
    slug : str
        The chapter.
    table : str
        The table's name in the chapter.
    profile : str
    data : str
        The data set; empty for the profile's.
    experiment : Experiment or None
        What the code as it is makes; None where it makes no such table.
    """

    slug: str
    table: str
    profile: str
    data: str
    experiment: Experiment | None

    @property
    def place(self) -> str:
        """Where the table lies, below ``results``."""
        return f"{self.slug}/{self.table}.{self.profile}" + (f".{self.data}" if self.data else "")


def chapters() -> list[str]:
    """Return the names of the chapters whose tables are made of cells.

    Examples
    --------
    >>> "no_such_chapter" in chapters()
    False
    """
    names = sorted(found.name for found in pkgutil.iter_modules(papers.__path__) if found.ispkg)
    return [name for name in names if _module(name) is not None]


def _module(slug: str) -> ModuleType | None:
    """Return a chapter's module of experiments, if it has one with that function."""
    name = f"{papers.__name__}.{slug}.experiments"
    if importlib.util.find_spec(name) is None:
        return None
    module = importlib.import_module(name)
    return module if hasattr(module, "experiments") else None


def experiments(slug: str, **parameters: Any) -> dict[str, Experiment]:
    """Return a chapter's experiments at some parameters.

    Parameters
    ----------
    slug : str
        The chapter.
    **parameters
        Of its settings, such as ``profile``; the others keep their defaults. An empty text and 0
        leave a default too.

    Returns
    -------
    dict of str to Experiment
        By the names of their tables.

    Raises
    ------
    InputError
        When there is no such chapter, or it has no such parameter or value.
    """
    known = chapters()
    if slug not in known:
        raise InputError(
            f"there is no chapter {slug!r} whose tables are made of cells.{closest(slug, known)}"
        )
    module = _module(slug)
    assert module is not None
    made: dict[str, Experiment] = module.experiments(_settings(slug, parameters))
    return made


def _settings(slug: str, parameters: Mapping[str, Any]) -> Any:
    kind = importlib.import_module(f"{papers.__name__}.{slug}").Settings
    known = [field.name for field in dataclasses.fields(kind)]
    given = {name: value for name, value in parameters.items() if value not in ("", 0)}
    for name in given:
        if name not in known:
            raise InputError(f"the chapter {slug} has no parameter {name!r}.")
    return kind(**given)


def listed(results: Path, slug: str | None = None, *, device: str = "auto") -> list[Entry]:
    """List the published tables of all chapters in cells, or of one.

    Parameters
    ----------
    results : pathlib.Path
        The folder of published tables.
    slug : str, optional
        One chapter.
    device : str, default="auto"
        Where their cells would be computed.

    Returns
    -------
    list of Entry
        Sorted by place.
    """
    wanted = chapters() if slug is None else [slug]
    found: dict[tuple[str, str, str], dict[str, Experiment]] = {}
    entries = []
    for name, table, profile, data in _files(results, wanted):
        at = (name, profile, data)
        if at not in found:
            found[at] = _made(name, profile=profile, data=data, device=device)
        made = found[at].get(table)
        entry = Entry(slug=name, table=table, profile=profile, data=data, experiment=made)
        # Data named that are the profile's own: the code would publish under a shorter name.
        elsewhere = made is not None and made.place != entry.place
        entries.append(dataclasses.replace(entry, experiment=None) if elsewhere else entry)
    return sorted(entries, key=lambda entry: entry.place)


def _made(slug: str, **parameters: str) -> dict[str, Experiment]:
    """Return the experiments at a table's parameters; none where they are parameters no longer."""
    try:
        return experiments(slug, **parameters)
    except InputError:
        if slug not in chapters():
            raise
        return {}


def _files(results: Path, slugs: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """Yield slug, table, profile and data of each published table."""
    for slug in slugs:
        for path in sorted((results / slug).glob("*.json")):
            table, _, rest = path.stem.partition(".")
            profile, _, data = rest.partition(".")
            if profile in PROFILES and not path.stem.endswith(".verified"):
                yield slug, table, profile, data
