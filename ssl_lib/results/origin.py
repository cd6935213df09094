"""A result, and the words that say which run it is from and whether it still holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ssl_lib import markup
from ssl_lib.errors import InputError
from ssl_lib.results import tables
from ssl_lib.results.manifest import Manifest, differences, key_digest

if TYPE_CHECKING:
    import pandas as pd

    from ssl_lib.results.experiments import Experiment
    from ssl_lib.results.verification import Finding

__all__ = [
    "Origin",
    "Result",
    "Status",
    "elsewhere",
    "provenance",
    "standing",
    "summary",
    "together",
    "with_fresh",
]

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
    verified : str, default=""
        For a published table of cells: the day when cells were last verified.
    refuted : bool, default=False
        Whether a recorded look by the code as it is failed, which no look at other cells mends.
    """

    table: pd.DataFrame
    manifest: Manifest
    origin: Origin
    changes: tuple[str, ...] = ()
    status: Status = "current"
    fresh: Result | None = None
    finding: Finding | None = None
    missed: str = ""
    verified: str = ""
    refuted: bool = False

    @property
    def provenance(self) -> str:
        """One sentence that says which run the numbers are from, and whether they still hold."""
        made = self.manifest
        run = ", ".join([f"{markup.duration(made.seconds)} on {made.hardware}", *_details(made)])
        if self.origin == "computed":
            return f"computed in {run}"
        if self.origin == "cache":
            return f"computed {made.created} in {run}; read from the cache"
        measured = f"measured in {run}{_changed(self.changes)}"
        return _joined(_published([self]), _missed(self), measured)


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
        "computed" where this call computed one of them; seconds add up. Where cells were made by
        other code, on other devices or with other versions, the manifest names the code that
        differs and a ``mixed`` device: computed again, they need not be equal to the bit.
    """
    import pandas as pd

    table = pd.concat([part.table for part in parts], ignore_index=True)
    cells = [cell for part in parts for cell in part.manifest.cells]
    newest = max((part.manifest for part in parts), key=lambda made: made.created)
    every = [part.manifest.key for part in parts]
    older = next((key for key in every if _other_code(key, experiment.key)), experiment.key)
    key = {**experiment.key, "data": newest.key["data"], "source": older["source"]}
    mixed = any(elsewhere(part.manifest, newest) for part in parts)
    made = dataclasses.replace(
        newest,
        digest=key_digest(experiment.name, {**key, "cells": cells}),
        key=key,
        device={**newest.device, **({"mixed": True} if mixed else {})},
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


def elsewhere(one: Manifest, other: Manifest) -> bool:
    """Tell whether device, versions or code differ."""
    same = one.device == other.device and one.key["versions"] == other.key["versions"]
    return not same or _other_code(one.key, other.key)


def _other_code(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether code of two keys differs; in which module it lies makes no difference."""
    return bool(differences({"source": one["source"]}, {"source": other["source"]}))


def _dirty(parts: Iterable[Manifest]) -> bool | None:
    """Tell whether one of the parts was made with local changes; None where none can say."""
    known = [made.dirty for made in parts if made.dirty is not None]
    return any(known) if known else None


def summary(results: Iterable[Result]) -> str:
    """Say in a few words which runs a figure is from, tables of one kind of run together.

    Parameters
    ----------
    results : iterable of Result
        All that went into the figure. Commits, keys and what has changed are left to
        :func:`provenance`.

    Returns
    -------
    str
        Parts joined by semicolons; empty without results.

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
        run = () if result.origin == "committed" else (made.hardware, made.profile)
        groups.setdefault((result.origin, day, run, _state(result)), []).append(result)
    return "; ".join(_short(group) for group in groups.values())


def _short(group: Sequence[Result]) -> str:
    """Return the words for results of one kind of run."""
    first, made = group[0], group[0].manifest
    if first.origin == "committed":
        return _published(group)
    count = f"{len(group)} tables " if len(group) > 1 else ""
    day = f" {made.created}" if first.origin == "cache" else ""
    took = markup.duration(sum(result.manifest.seconds for result in group))
    seeds = {_seeds(result.manifest.seeds) for result in group}
    parts = [f"{count}computed{day} in {took} on {made.hardware}", *_profile(made)]
    return ", ".join([*parts, *(seeds if len(seeds) == 1 else ())]).removesuffix(", ")


def _published(group: Sequence[Result]) -> str:
    """Return the words for published tables of one day and state."""
    count = f"{len(group)} tables " if len(group) > 1 else ""
    cells = _cells(sum(_count(result) for result in group))
    text = ", ".join(filter(None, (f"{count}published {group[0].manifest.created}", cells)))
    return _joined(f"{text}, {_state(group[0])}", _again(group))


def _joined(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def _missed(result: Result) -> str:
    return f"not computed again: {result.missed}" if result.missed else ""


def _count(result: Result) -> int:
    """Return the cells of a table; none where there is nothing to tell apart."""
    return sum(map(bool, result.manifest.cells))


def _cells(count: int) -> str:
    return f"{count} cell{'s' if count > 1 else ''}" if count else ""


def _state(result: Result) -> str:
    """Say of a published table whether the code has changed since, and what is known since."""
    if result.origin != "committed":
        return ""
    if not result.manifest.cells:
        return "not verified since" if result.changes else "current"
    changed = result.status == "not verified since"
    day = _holding(result) if changed else result.verified
    return result.status if result.status == "current" or not day else f"verified {day}"


def _holding(result: Result) -> str:
    """Return the day of this run's own look at a published table; empty unless it holds."""
    if result.fresh is None or result.finding is None or not result.finding.looks:
        return ""
    if result.refuted or result.finding.outcome == "does not hold":
        return ""
    return result.fresh.manifest.created


def _again(group: Iterable[Result]) -> str:
    """Say how cells compare that were computed again; empty where none were."""
    found = [(r, r.fresh, r.finding) for r in group if r.fresh is not None and r.finding]
    if not found:
        return ""
    here = all(fresh.origin == "computed" for _, fresh, _ in found)
    day = "here" if here else f"on {max(fresh.manifest.created for _, fresh, _ in found)}"
    cells = _cells(sum(finding.cells for result, _, finding in found if _count(result)))
    failing = [str(look) for _, _, finding in found for look in (*finding.broken, *finding.alarms)]
    said = list(dict.fromkeys(finding.outcome for _, _, finding in found))
    outcome = f"does not hold: {failing[0]}" if failing else " or ".join(said)
    return f"{cells} computed again {day}: {outcome}".strip()


def standing(results: Iterable[Result]) -> str:
    """Say in two or three words how far the tables behind a statement can be relied on.

    Parameters
    ----------
    results : iterable of Result

    Returns
    -------
    str
        That of the worst of them, from best to worst: "computed" (by the run itself), "current",
        "verified DAY" (the earliest), "not verified since", "does not hold"; empty without
        results. See :class:`Result`.

    Examples
    --------
    >>> standing([])
    ''
    """
    states = [_judged(result) for result in results]
    for worst in ("does not hold", "not verified since", "verified", "current", "computed"):
        if found := sorted(state for state in states if state.startswith(worst)):
            return found[0]
    return ""


def _judged(result: Result) -> str:
    if result.finding is not None and result.finding.outcome == "does not hold":
        return "does not hold"
    return _state(result) or "computed"


def with_fresh(shown: pd.DataFrame, fresh: pd.DataFrame | None) -> pd.DataFrame:
    """Add to what a figure shows the same from cells that were computed again, for its data file.

    Parameters
    ----------
    shown : pandas.DataFrame
        What the figure shows, from published cells.
    fresh : pandas.DataFrame or None
        The same columns, from cells that this run computed again; None where it did not.

    Returns
    -------
    pandas.DataFrame
        `shown`, then `fresh`, with a column ``run`` ("published" or "fresh"); `shown` itself
        without fresh cells.

    Raises
    ------
    InputError
        When the columns differ, or ``run`` is one of them.

    Examples
    --------
    >>> import pandas as pd
    >>> shown = pd.DataFrame({"seed": [0, 1], "rank": [7.0, 8.0]})
    >>> with_fresh(shown, shown[1:]).values.tolist()
    [[0, 7.0, 'published'], [1, 8.0, 'published'], [1, 8.0, 'fresh']]
    """
    import pandas as pd

    if fresh is None:
        return shown
    if "run" in shown:
        raise InputError(
            "a table with a column 'run' of its own can have no fresh rows: rename it."
        )
    if set(shown) != set(fresh):
        raise InputError(f"fresh must have the columns {list(shown)}, got {list(fresh)}.")
    both = [shown.assign(run="published"), fresh[list(shown)].assign(run="fresh")]
    return pd.concat(both, ignore_index=True)


def provenance(*results: Result) -> markup.Markup:
    """Show which runs the numbers of a notebook are from.

    Parameters
    ----------
    *results : Result
        All that the notebook used.

    Returns
    -------
    Markup
        A table with a row a result: which run it is from, and of a published one whether it still
        holds; folded below it the whole sentences, with device, profile, seeds, commit and key.

    Examples
    --------
    >>> print(provenance())
    No stored results were used.
    """
    if not results:
        text = "No stored results were used."
        return markup.Markup(f"<p>{text}</p>", text)
    unique = list({result.manifest.digest: result for result in results}.values())
    rows = [[markup.escape(cell) for cell in _provenance_row(result)] for result in unique]
    names = ["table", "run", "since then"]
    if not any(result.origin == "committed" for result in unique):
        names, rows = names[:2], [row[:2] for row in rows]
    html = markup.table(names, rows, caption="Where the numbers on this page come from.")
    lines = [f"{result.manifest.name}: {result.provenance}" for result in unique]
    return markup.Markup(html + _folded(lines), "\n".join(lines))


def _provenance_row(result: Result) -> list[str]:
    made = result.manifest
    run = {"computed": "computed here", "cache": f"computed {made.created}"}
    took = f"{_cells(_count(result))} in {markup.duration(made.seconds)}".strip()
    since = _joined(_state(result), _again([result]), _missed(result))
    return [
        made.name,
        f"{run.get(result.origin, f'published {made.created}')}, {took}",
        since or "–",
    ]


def _folded(lines: Iterable[str]) -> str:
    items = "\n".join(f"<li>{markup.escape(line)}</li>" for line in lines)
    title = "Devices, seeds, commits and keys"
    return f"\n<details><summary>{title}</summary>\n<ul>\n{items}\n</ul>\n</details>"


def _details(made: Manifest) -> list[str]:
    seeds, commit = _seeds(made.seeds), _commit(made)
    return [
        *_profile(made),
        *([seeds] if seeds else []),
        *([f"commit {commit}"] if commit else []),
        f"key {made.digest[:8]}",
    ]


def _profile(made: Manifest) -> list[str]:
    return [f"profile {made.profile}"] if made.profile else []


_LARGE = 10_000  # seeds from here on are drawn, and their digits say nothing


def _seeds(seeds: Sequence[int]) -> str:
    """Name the seeds of a run; say how many, where they are drawn."""
    count, many = len(seeds), "s" if len(seeds) > 1 else ""
    if count and max(seeds) >= _LARGE:
        return f"{count} seed{many}"
    if count > 3 and list(seeds) == list(range(seeds[0], seeds[0] + count)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    more = f" and {count - 3} more" if count > 3 else ""
    return f"seed{many} {', '.join(map(str, seeds[:3]))}{more}" if count else ""


def _commit(made: Manifest) -> str:
    return f"{made.commit[:7]}{' with local changes' if made.dirty else ''}" if made.commit else ""


def _changed(changes: Sequence[str]) -> str:
    more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
    return f"; the code has since changed ({'; '.join(changes[:3])}{more})" if changes else ""
