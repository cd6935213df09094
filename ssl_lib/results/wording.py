"""The words that say which run a result is from and whether it still holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ssl_lib import markup
from ssl_lib.results.manifest import Manifest
from ssl_lib.results.origin import Result

__all__ = ["provenance", "sentence", "standing", "summary"]


def sentence(result: Result) -> str:
    """Say which run the numbers of a result are from, and whether they still hold.

    Parameters
    ----------
    result : Result

    Returns
    -------
    str
        With device, profile, seeds, commit and key.
    """
    made = result.manifest
    run = ", ".join([f"{markup.duration(made.seconds)} on {made.hardware}", *_details(made)])
    if result.origin == "computed":
        return f"computed in {run}"
    if result.origin == "cache":
        return f"computed {made.created} in {run}; read from the cache"
    measured = f"measured in {run}{_changed(result.changes)}"
    return _joined(_published([result]), _missed(result), measured)


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
        run = () if result.origin == "published" else (made.hardware, made.profile)
        groups.setdefault((result.origin, day, run, _state(result)), []).append(result)
    return "; ".join(_short(group) for group in groups.values())


def _short(group: Sequence[Result]) -> str:
    """Return the words for results of one kind of run."""
    first, made = group[0], group[0].manifest
    if first.origin == "published":
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
    if result.origin != "published":
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
    if not any(result.origin == "published" for result in unique):
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
