"""A result and the words that say which run it is from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ssl_lib import markup
from ssl_lib.results import tables
from ssl_lib.results.manifest import Manifest, key_digest

if TYPE_CHECKING:
    import pandas as pd

    from ssl_lib.results.experiments import Experiment
    from ssl_lib.results.verification import Finding

__all__ = ["Origin", "Result", "Status", "provenance", "summary", "together"]

Origin = Literal["computed", "cache", "committed"]


Status = Literal["current", "verified", "not verified since"]


@dataclass(frozen=True)
class Result:
    """A table and where it came from.

    Attributes
    ----------
    table : pandas.DataFrame
        The tidy table.
    manifest : Manifest
        How it came about.
    origin : {"computed", "cache", "committed"}
        Whether this call computed it, the cache had it, or the project ships it.
    changes : tuple of str
        For a committed table: what has changed since it was measured.
    status : {"current", "verified", "not verified since"}
        For a published table of cells: no definition it used has changed; some have, and cells
        that ran since agree; or none ran since.
    fresh : Result, optional
        For a published table of cells: the cells that this run computed again.
    finding : Finding, optional
        How these compare.
    missed : str, default=""
        Why no cell was computed again.
    """

    table: pd.DataFrame
    manifest: Manifest
    origin: Origin
    changes: tuple[str, ...] = ()
    status: Status = "current"
    fresh: Result | None = None
    finding: Finding | None = None
    missed: str = ""

    @property
    def provenance(self) -> str:
        """One sentence that says which run the numbers are from."""
        return _sentence([self])


def together(experiment: Experiment, parts: Sequence[Result]) -> Result:
    """Put the cells of an experiment together.

    Parameters
    ----------
    experiment : Experiment
        Whose cells they are.
    parts : sequence of Result
        One for each cell, in the order of the cells.

    Returns
    -------
    Result
        "computed" where this call computed one of them; seconds add up.
    """
    import pandas as pd

    table = pd.concat([part.table for part in parts], ignore_index=True)
    cells = [cell for part in parts for cell in part.manifest.cells]
    made = dataclasses.replace(
        max((part.manifest for part in parts), key=lambda made: made.created),
        digest=key_digest(experiment.name, {**experiment.key, "cells": cells}),
        key=experiment.key,
        sha256="",
        dirty=_dirty(part.manifest for part in parts),
        rows=len(table),
        columns=tables.dtypes(table),
        seconds=round(sum(part.manifest.seconds for part in parts), 4),
        seeds=list(dict.fromkeys(seed for part in parts for seed in part.manifest.seeds)),
        reasons=list(dict.fromkeys(why for part in parts for why in part.manifest.reasons)),
        cells=cells,
    )
    computed = any(part.origin == "computed" for part in parts)
    return Result(table, made, "computed" if computed else "cache")


def _dirty(parts: Iterable[Manifest]) -> bool | None:
    """Tell whether one of the parts was made with local changes; None where none can say."""
    known = [made.dirty for made in parts if made.dirty is not None]
    return any(known) if known else None


def summary(results: Iterable[Result]) -> str:
    """Say in a few words which runs a figure is from, tables of one kind of run together.

    Parameters
    ----------
    results : iterable of Result
        All that went into the figure. One result reads as its ``provenance``; of several made on
        one machine at one commit, seconds are added up and seeds left to :func:`provenance`.

    Returns
    -------
    str
        Sentences joined by semicolons; empty without results.

    Examples
    --------
    >>> summary([])
    ''
    """
    unique = {result.manifest.digest: result for result in results}.values()
    groups: dict[object, list[Result]] = {}
    for result in unique:
        made = result.manifest
        day = "" if result.origin == "computed" else made.created
        kind = (result.origin, day, made.hardware, made.profile, _commit(made), result.changes)
        groups.setdefault(kind, []).append(result)
    return "; ".join(_sentence(group) for group in groups.values())


def _sentence(group: Sequence[Result]) -> str:
    """Return the words for results of one kind of run."""
    first, made = group[0], group[0].manifest
    seconds = markup.duration(sum(result.manifest.seconds for result in group))
    parts = [f"in {seconds} on {made.hardware}", *_run_parts(group)]
    count = f"{len(group)} tables " if len(group) > 1 else ""
    if first.origin == "computed":
        return f"{count}computed {', '.join(parts)}"
    if first.origin == "cache":
        return f"{count}computed {made.created} {', '.join(parts)}; read from the cache"
    text = f"{count}measured {made.created} {', '.join(parts)}; read from the project's results"
    return f"{text}; {_changed(first.changes)}" if first.changes else text


def _run_parts(group: Sequence[Result]) -> list[str]:
    made = group[0].manifest
    seeds = f"seed{'s' if len(made.seeds) > 1 else ''} {_seeds(made.seeds)}"
    keys = [result.manifest.digest[:8] for result in group]
    more = f" and {len(keys) - 2} more" if len(keys) > 2 else ""
    return [
        *([f"profile {made.profile}"] if made.profile else []),
        *([seeds] if made.seeds and len(group) == 1 else []),
        *([f"commit {_commit(made)}"] if made.commit else []),
        f"key{'s' if len(keys) > 1 else ''} {', '.join(keys[:2])}{more}",
    ]


def provenance(*results: Result) -> markup.Markup:
    """Show which runs the numbers of a notebook are from.

    Parameters
    ----------
    *results : Result
        All that the notebook used.

    Returns
    -------
    Markup
        A table with a row a result: origin, rows, seconds, device, profile, seeds, commit, key,
        and what has changed since.

    Examples
    --------
    >>> print(provenance())
    No stored results were used.
    """
    if not results:
        text = "No stored results were used."
        return markup.Markup(f"<p>{text}</p>", text)
    unique = {result.manifest.digest: result for result in results}.values()
    rows = [[markup.escape(cell) for cell in _provenance_row(result)] for result in unique]
    html = markup.table(
        _PROVENANCE, rows, caption="Where the numbers on this page come from.",
        numeric=[column in {"rows", "run time"} for column in _PROVENANCE],
    )  # fmt: skip
    return markup.Markup(html, "\n".join(f"{r.manifest.name}: {r.provenance}" for r in unique))


_PROVENANCE = [
    "table", "origin", "rows", "run time", "device", "profile", "seeds", "measured", "commit",
    "key", "changed since",
]  # fmt: skip


def _provenance_row(result: Result) -> list[str]:
    made = result.manifest
    changed = "; ".join(result.changes) or "nothing"
    return [
        made.name, result.origin, markup.number(made.rows), markup.duration(made.seconds),
        made.hardware, made.profile or "–", _seeds(made.seeds) or "–", made.created,
        _commit(made) or "–", made.digest[:8], changed,
    ]  # fmt: skip


def _seeds(seeds: Sequence[object]) -> str:
    shown = ", ".join(str(seed) for seed in seeds[:3])
    return f"{shown} and {len(seeds) - 3} more" if len(seeds) > 3 else shown


def _commit(made: Manifest) -> str:
    return f"{made.commit[:7]}{' with local changes' if made.dirty else ''}" if made.commit else ""


def _changed(changes: Sequence[str]) -> str:
    more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
    return f"the code has since changed ({'; '.join(changes[:3])}{more})"
