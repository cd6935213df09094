"""What all chapters share: common parameters, the seeds of a run, and where its tables are from.

A chapter's module ``experiments`` has ``experiments(settings)``, which returns its experiments by
the names of their tables; each says where its table is published.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import pandas as pd

from ssl_lib import profiles, randomness
from ssl_lib.errors import InputError, closest
from ssl_lib.plotting.words import count, images
from ssl_lib.results import Result, Store
from ssl_lib.results.evidence import find, show
from ssl_lib.results.experiments import Experiment
from ssl_lib.results.wording import summary

__all__ = [
    "Seeded", "Settings", "Tables", "check_place", "check_texts", "fetch", "place", "published",
    "published_by_data", "seeds",
]  # fmt: skip

MOST_SEEDS = 100
T = TypeVar("T", bound="Tables")


@dataclass(frozen=True, kw_only=True)
class Settings(profiles.Settings):
    """The parameters that all chapters have.

    Parameters
    ----------
    profile, seed, device
        See :class:`ssl_lib.profiles.Settings`.
    fresh : bool, default=False
        Compute all cells anew where published ones would be shown.

    Raises
    ------
    InputError
        When a value has the wrong type or range.
    """

    fresh: bool = False

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        super().__post_init__()
        if not isinstance(self.fresh, bool):
            raise InputError(f"fresh must be true or false, got {self.fresh!r}.")


@dataclass(frozen=True, kw_only=True)
class Seeded(Settings):
    """The parameters of chapters whose cells have a seed.

    A subclass sets ``slug``, ``usual_seeds`` (how many each profile takes), and ``spent_seeds``
    where a profile's first ones chose settings or rules: they are left out, so that what is
    published was not chosen by.

    Parameters
    ----------
    profile, seed, device, fresh
        See :class:`Settings`. All seeds of the run derive from `seed`.
    seeds : int, default=0
        How many; 0 takes the profile's number.

    Raises
    ------
    InputError
        When a value has the wrong type or range.
    """

    slug: ClassVar[str]
    usual_seeds: ClassVar[Mapping[str, int]]
    spent_seeds: ClassVar[Mapping[str, int]] = {}
    fewest_seeds: ClassVar[int] = 1

    seeds: int = 0

    def __post_init__(self) -> None:
        """Refuse values that no run can use."""
        super().__post_init__()
        profiles.check_count("seeds", self.seeds, least=self.fewest_seeds, most=MOST_SEEDS)

    @property
    def every_seed(self) -> tuple[int, ...]:
        """The seeds of this run's cells."""
        return self.first_seeds(self.seeds or self.usual_seeds[self.profile])

    def first_seeds(self, count: int) -> tuple[int, ...]:
        """Return the first seeds of this run that no setting and no rule was chosen on."""
        spent = self.spent_seeds.get(self.profile, 0)
        return seeds(self.slug, self.seed, spent + count)[spent:]

    @property
    def left_out(self) -> str:
        """Which seeds are left out, as a sentence for pages; empty where none are."""
        spent = self.spent_seeds.get(self.profile, 0)
        said = f"The first {count(spent, 'seed')} chose settings and rules, and are left out."
        return said if spent else ""


def seeds(slug: str, seed: int, count: int) -> tuple[int, ...]:
    """Derive the seeds of a chapter's cells: two values of `seed` share none.

    Parameters
    ----------
    slug : str
        The chapter.
    seed : int
        The run's parameter.
    count : int
        How many; asking for more keeps the first ones.

    Returns
    -------
    tuple of int

    Examples
    --------
    >>> seeds("rankme", 0, 1) == seeds("rankme", 0, 2)[:1]
    True
    """
    return tuple(randomness.seeds(seed, count, slug))


def check_texts(settings: object, *names: str) -> None:
    """Refuse parameters that are not text.

    Raises
    ------
    InputError
        When one of these fields is not.
    """
    for name in names:
        if not isinstance(value := getattr(settings, name), str):
            raise InputError(f"{name} must be text, got {value!r}.")


def check_place(name: str, value: str, *, known: Iterable[str] = ()) -> None:
    """Refuse a parameter that is neither empty, nor a path that exists, nor a data set's name.

    Parameters
    ----------
    name, value : str
        The parameter.
    known : iterable of str
        Names of data sets, where it may be one.

    Raises
    ------
    InputError
        When it is none of them.

    Examples
    --------
    >>> check_place("images", "no/such/folder")
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: images must be a folder, got 'no/such/folder': there is none.
    """
    if not value or value in known or Path(value).expanduser().exists():
        return
    if not known:
        raise InputError(f"{name} must be a folder, got {value!r}: there is none.")
    near = closest(value, known)
    raise InputError(f"{name} must be a folder or a data set, got {value!r}.{near}")


def place(slug: str, table: str, settings: profiles.Settings, *, data: str, usual: str) -> str:
    """Return where a table is published, below ``results``.

    Parameters
    ----------
    slug : str
        The chapter.
    table : str
        The table's name.
    settings : Settings
        Their profile; ``smoke`` publishes nothing.
    data : str
        The data set that is used.
    usual : str
        The profile's own data set.

    Returns
    -------
    str

    Examples
    --------
    >>> place("rankme", "temperature", Settings(), data="digits", usual="digits")
    'rankme/temperature.quick'
    >>> place("rankme", "temperature", Settings(), data="cifar10", usual="digits")
    'rankme/temperature.quick.cifar10'
    >>> place("rankme", "temperature", Settings(profile="smoke"), data="digits", usual="digits")
    ''
    """
    if settings.profile == "smoke" or "/" in data:
        return ""
    return f"{slug}/{table}.{settings.profile}" + (f".{data}" if data != usual else "")


@dataclass(frozen=True)
class Tables:
    """The tables of a run.

    In a column ``seed`` stands a seed's short number: 0 for the first that derives from the run's
    parameter, whether spent or not. The seeds themselves are in the manifests.

    Attributes
    ----------
    settings : Settings
        Of the run that made them.
    tables : dict of str to Result
        By experiment.
    """

    settings: Settings
    tables: Mapping[str, Result] = field(default_factory=dict)

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return the table of an experiment."""
        return self.tables[name].table

    @property
    def all(self) -> tuple[Result, ...]:
        """Every result, for the provenance of the page."""
        return tuple(self.tables.values())

    @property
    def seeds(self) -> tuple[int, ...]:
        """Every short number in the tables."""
        found = [made.table.seed for made in self.all if "seed" in made.table]
        return tuple(sorted({int(seed) for column in found for seed in column.unique()}))

    def runs(self, *names: str, noun: str = "seed") -> str:
        """Return over how many seeds some tables are, or all of them: tables may differ in that."""
        tables = [self[name] for name in names or self.tables]
        counts = [table.seed.nunique() for table in tables if "seed" in table]
        most = count(max(counts), noun)
        return most if min(counts) == max(counts) else f"{min(counts)} to {most}"

    @property
    def origin(self) -> str:
        """Which run the numbers are from, and how what was computed again compares."""
        return summary(self.all)

    @property
    def again(self) -> Self | None:
        """The published cells that this run computed again; None where there are none."""
        found = {name: made.fresh for name, made in self.tables.items() if made.fresh is not None}
        return dataclasses.replace(self, tables=found) if found else None

    def only(self, *names: str) -> list[Result]:
        """Return some results, for the provenance of a figure."""
        return [self.tables[name] for name in names if name in self.tables]


def fetch(
    experiments: Mapping[str, Experiment],
    settings: Settings,
    *,
    slug: str,
    store: Store | None = None,
    seconds: float = 30.0,
) -> dict[str, Result]:
    """Return a chapter's tables: published ones with a sample computed again, or all of its own.

    Parameters
    ----------
    experiments : mapping of str to Experiment
    settings : Settings
        Another ``seed`` than 0 uses no published table; ``seeds``, where there are such, says how
        many to show, and 0 all that are published, or the profile's; ``fresh`` computes the same
        cells all anew.
    slug : str
        The chapter.
    store : Store, optional
        Default: the user's.
    seconds : float, default=30
        Of a core, for the sample.

    Returns
    -------
    dict of str to Result
        With short numbers of seeds, see :class:`Tables`.
    """
    found = show(
        experiments, store=store or Store(), use_published=settings.seed == 0,
        fresh=settings.fresh, count=getattr(settings, "seeds", 0), seconds=seconds,
    )  # fmt: skip
    return {name: _numbered(result, slug, settings.seed) for name, result in found.items()}


def published(
    experiments: Mapping[str, Experiment], *, slug: str, store: Store | None = None
) -> dict[str, Result]:
    """Return those tables that are published, and compute nothing.

    Parameters
    ----------
    experiments : mapping of str to Experiment
        Of the profile whose tables are wanted.
    slug : str
        The chapter.
    store : Store, optional
        Default: the user's.

    Returns
    -------
    dict of str to Result
        With short numbers of seeds, see :class:`Tables`.
    """
    kept = {name: find(store or Store(), made) for name, made in experiments.items()}
    return {name: _numbered(made, slug, 0) for name, made in kept.items() if made is not None}


def published_by_data(
    tables: type[T],
    every: Iterable[Any],
    experiments: Callable[[Any], Mapping[str, Experiment]],
    *,
    store: Store | None = None,
) -> dict[str, T]:
    """Return the published tables of several data sets, and compute nothing.

    Parameters
    ----------
    tables : type
        The chapter's tables.
    every : iterable of Settings
        One for each data set, with the profile whose tables are wanted.
    experiments : callable
        Makes the experiments of one.
    store : Store, optional
        Default: the user's.

    Returns
    -------
    dict of str to Tables
        By the name that readers know; without sets that have none.
    """
    found = {}
    for settings in every:
        if made := published(experiments(settings), slug=settings.slug, store=store):
            found[images(settings.data)] = tables(settings=settings, tables=made)
    return found


def _numbered(result: Result, slug: str, seed: int) -> Result:
    """Write short numbers for seeds, in what was computed again too."""
    if "seed" not in result.table:
        return result
    numbers = {key: number for number, key in enumerate(seeds(slug, seed, 2 * MOST_SEEDS))}
    short = result.table.seed.map(lambda key: numbers.get(key, key))
    fresh = None if result.fresh is None else _numbered(result.fresh, slug, seed)
    return dataclasses.replace(result, table=result.table.assign(seed=short), fresh=fresh)
