"""What each paper claims, the rule that decides it, and the verdict a run gives.

``book/claims.yml`` is a list of claims, written before their experiments run::

    - id: C1                       # unique within the paper
      paper: rankme                # the chapter's slug
      claim: RankMe ranks runs by ImageNet accuracy.
      where: Table 1
      paper_value: 0.9             # number or text
      statistic: Kendall's tau between RankMe and accuracy, 20 runs
      rule: {at_least: 0.7}        # or at_most: x, between: [a, b], equals: x with tolerance: t
      reason: shown when the claim fails (optional)

A rule may ask for ``min_n`` observations. A claim about several statistics has
``rule: {all: [{statistic: tau, at_least: 0.7}, {statistic: gap, at_most: 0.01}]}``; each part's
``statistic`` is the name under which the notebook gives its estimate.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssl_lib import markup
from ssl_lib.atomic import write_file
from ssl_lib.claims.rules import Estimate, Rule, check_keys, decide, parse_rules
from ssl_lib.errors import InputError, closest
from ssl_lib.paths import cache_root, share
from ssl_lib.profiles import PROFILES, check
from ssl_lib.results.origin import Result, standing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MIME", "SYMBOLS", "Claim", "load", "report", "restore", "scoreboard"]

#: The mime type under which a notebook's output carries its record.
MIME = "application/vnd.ssl-lib.claims+json"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One entry of ``claims.yml``; the module's docstring explains the fields.

    ``rules`` has one part, or one for each named statistic.
    """

    id: str
    paper: str
    claim: str
    where: str
    paper_value: str
    statistic: str
    rules: tuple[Rule, ...]
    reason: str = ""

    @property
    def rule_text(self) -> str:
        """The whole rule in words."""
        return " and ".join(f"{part.statistic} {part.text}".strip() for part in self.rules)


def load(path: str | Path | None = None) -> list[Claim]:
    """Read and check the file of claims.

    Parameters
    ----------
    path : path, optional
        By default the project's ``book/claims.yml``.

    Returns
    -------
    list of Claim
        In the order of the file.

    Raises
    ------
    InputError
        Naming the claim and what is wrong with it.
    """
    import yaml

    file = Path(path) if path is not None else share("claims.yml")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"there is no file of claims {file.name!r}.") from error
    except yaml.YAMLError as error:
        raise InputError(f"{file.name} is not YAML: {error}") from error
    if content is not None and not isinstance(content, list):
        raise InputError(f"{file.name} must be a list of claims, got {type(content).__name__}.")
    claims = [_claim(entry, place) for place, entry in enumerate(content or [], start=1)]
    _check_unique(claims)
    return claims


def report(
    slug: str,
    estimates: Mapping[str, Estimate | Mapping[str, Estimate]],
    *,
    profile: str,
    results: Iterable[Result] = (),
    not_tested: Mapping[str, str] | None = None,
    claims: str | Path | None = None,
    settings: object | None = None,
) -> markup.Markup:
    """Judge the claims of a chapter, record the verdicts, and show them.

    The record goes to ``verdicts/SLUG.PROFILE.json`` in the cache, and is what the scorecard shows.
    A run with a parameter away from its default leaves none: it answers another question.

    Parameters
    ----------
    slug : str
        The chapter.
    estimates : mapping of str to Estimate or mapping
        By claim id; a mapping by statistic where the rule has several parts.
    profile : str
        The profile that ran.
    results : iterable of Result, default=()
        The tables the estimates are from.
    not_tested : mapping of str to str, optional
        Claim id to the reason why this run does not test it.
    claims : path, optional
        The file of claims; by default the project's.
    settings : dataclass, optional
        The parameters of the run: a record is kept where all but ``profile``, ``device`` and
        ``fresh``, which leave the question as it is, have their defaults. Without settings it is
        kept.

    Returns
    -------
    Markup
        A table with the verdicts, and below it which parameters left no record.

    Raises
    ------
    InputError
        When a claim of the chapter has neither estimate nor reason, or an id is unknown.
    """
    own = _claims_of(slug, load(claims))
    behind = list(results)
    skipped = dict(not_tested or {})
    _check_covered(slug, own, estimates, skipped)
    record = {
        "slug": slug,
        "profile": check(profile),
        "estimates": {name: _estimate_to_json(given) for name, given in estimates.items()},
        "not_tested": skipped,
        "results": sorted({result.provenance for result in behind}),
        "evidence": standing(behind),
    }
    rows = [_row(claim, estimates.get(claim.id), skipped.get(claim.id, "")) for claim in own]
    html, plain = _html(rows, slug, profile, standing(behind)), _plain(rows)
    if changed := _away_from_defaults(settings):
        note = f"The scorecard keeps no record of this run: {', '.join(changed)}."
        return markup.Markup(f"{html}<p>{markup.escape(note)}</p>", f"{plain}\n{note}")
    restore(record)
    return markup.Markup(html, plain, {MIME: record})


#: Parameters that leave the question of a claim as it is.
_SAME_QUESTION = ("profile", "device", "fresh")


def _away_from_defaults(settings: object | None) -> list[str]:
    """Name the parameters that have other values than their defaults, with the values."""
    if settings is None:
        return []
    if not dataclasses.is_dataclass(settings) or isinstance(settings, type):
        raise InputError(f"settings must be a dataclass, got {type(settings).__name__}.")
    fields = [field for field in dataclasses.fields(settings) if field.name not in _SAME_QUESTION]
    values = [(field, getattr(settings, field.name)) for field in fields]
    return [f"{field.name} = {value!r}" for field, value in values if value != _default(field)]


def _default(field: dataclasses.Field[Any]) -> Any:
    made = field.default_factory
    return field.default if made is dataclasses.MISSING else made()


def restore(record: Mapping[str, Any]) -> Path:
    """Write a chapter's record, such as one found in a cached notebook, to the cache.

    Parameters
    ----------
    record : mapping
        What :func:`report` puts under the mime type ``MIME``.

    Returns
    -------
    pathlib.Path
        The record's file.
    """
    slug = str(record["slug"])
    if not slug.isidentifier():
        raise InputError(f"a chapter's slug is letters, digits and '_', got {slug!r}.")
    path = cache_root() / "verdicts" / f"{slug}.{check(record['profile'])}.json"
    write_file(path, json.dumps(record, indent=1, sort_keys=True).encode())
    return path


def scoreboard(
    *, claims: str | Path | None = None, committed: str | Path | None = None
) -> pd.DataFrame:
    """Collect the verdicts of all chapters and profiles.

    Verdicts are decided anew from the recorded estimates, so that they always follow the rules as
    they are now. A record in the cache comes before a committed one.

    Parameters
    ----------
    claims : path, optional
        The file of claims; by default the project's.
    committed : path, optional
        Folder of committed records; by default ``results/verdicts``.

    Returns
    -------
    pandas.DataFrame
        One row a claim and profile that ran, with columns ``paper``, ``id``, ``profile``,
        ``claim``, ``where``, ``paper_value``, ``statistic``, ``rule``, ``estimate``, ``verdict``,
        ``reason``, ``origin`` (``"cache"`` or ``"committed"``), ``evidence`` (how far the tables
        of that run can be relied on, see :func:`ssl_lib.results.origin.standing`; empty where that
        was not recorded). The verdict of a claim that a run left out is ``"not tested"``; a claim
        that never ran has one row, with the profile empty.
    """
    import pandas as pd

    folder = Path(committed) if committed is not None else share("results") / "verdicts"
    records = {**_records(folder, "committed"), **_records(cache_root() / "verdicts", "cache")}
    rows = [row for claim in load(claims) for row in _score(claim, records)]
    return pd.DataFrame(rows, columns=_SCORE_COLUMNS)


_SCORE_COLUMNS = [
    "paper", "id", "profile", "claim", "where", "paper_value", "statistic", "rule", "estimate",
    "verdict", "reason", "origin", "evidence",
]  # fmt: skip

# Reading claims.yml

_REQUIRED = ("id", "paper", "claim", "where", "paper_value", "statistic", "rule")


def _claim(entry: object, place: int) -> Claim:
    if not isinstance(entry, Mapping):
        raise InputError(f"claim number {place} must be a mapping, got {entry!r}.")
    what = f"claim {entry.get('paper', '?')}/{entry.get('id', f'number {place}')}"
    check_keys(entry, what, required=_REQUIRED, optional=("reason",))
    for name in ("id", "paper", "claim", "where", "statistic"):
        if not isinstance(entry[name], str) or not entry[name].strip():
            raise InputError(f"{what}: {name} must be text, got {entry[name]!r}.")
    value = entry["paper_value"]
    fields = {name: str(entry[name]).strip() for name in _REQUIRED if name != "rule"}
    if isinstance(value, int | float) and not isinstance(value, bool):
        fields["paper_value"] = markup.number(value, digits=6)
    rules = parse_rules(entry["rule"], what)
    return Claim(**fields, rules=rules, reason=str(entry.get("reason") or "").strip())


def _check_unique(claims: Iterable[Claim]) -> None:
    seen = set()
    for claim in claims:
        if (claim.paper, claim.id) in seen:
            raise InputError(f"claim {claim.paper}/{claim.id}: this id is used twice.")
        seen.add((claim.paper, claim.id))


def _claims_of(slug: str, claims: Sequence[Claim]) -> list[Claim]:
    own = [claim for claim in claims if claim.paper == slug]
    if not own:
        known = {claim.paper for claim in claims}
        raise InputError(f"claims.yml has no claims of {slug!r}.{closest(slug, known)}")
    return own


def _check_covered(
    slug: str, own: Sequence[Claim], estimates: Iterable[str], not_tested: Mapping[str, str]
) -> None:
    ids = [claim.id for claim in own]
    for name in (*estimates, *not_tested):
        if name not in ids:
            raise InputError(f"{slug} has no claim {name!r}.{closest(name, ids)}")
    both = sorted({*estimates} & {*not_tested})
    if both:
        raise InputError(f"{slug}: {', '.join(both)} both tested and not tested.")
    missing = [name for name in ids if name not in {*estimates, *not_tested}]
    if missing:
        raise InputError(f"{slug}: no estimate for {', '.join(missing)}; give one or not_tested.")


# Records


def _estimate_to_json(given: Estimate | Mapping[str, Estimate]) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return {name: _estimate_to_json(part) for name, part in given.items()}
    fields = dataclasses.asdict(given)
    numbers = {name: _plain_number(fields[name]) for name in ("value", "low", "high", "n")}
    return {**fields, **numbers}


def _plain_number(value: Any) -> float | int | None:
    """Turn numpy's scalars into Python's, and what JSON lacks (not-a-number) into None."""
    if value is None or math.isnan(value):
        return None
    return int(value) if float(value).is_integer() and hasattr(value, "__index__") else float(value)


def _estimate_from_json(given: Mapping[str, Any]) -> Estimate | dict[str, Estimate]:
    if not isinstance(given.get("note"), str):
        return {name: _one_from_json(part) for name, part in given.items()}
    return _one_from_json(given)


def _one_from_json(given: Mapping[str, Any]) -> Estimate:
    return Estimate(**{**given, "value": math.nan if given["value"] is None else given["value"]})


def _records(folder: Path, origin: str) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        found[record["slug"], record["profile"]] = {**record, "origin": origin}
    return found


def _score(
    claim: Claim, records: Mapping[tuple[str, str], Mapping[str, Any]]
) -> list[dict[str, str]]:
    texts = {name: getattr(claim, name) for name in ("paper", "id", "claim", "where", "statistic")}
    base = {**texts, "paper_value": claim.paper_value, "rule": claim.rule_text}
    rows = []
    for profile in PROFILES:
        if (record := records.get((claim.paper, profile))) is not None:
            rows.append({**base, "profile": profile, **_scored(claim, record)})
    never = dict.fromkeys(("profile", "estimate", "reason", "origin", "evidence"), "")
    return rows or [{**base, **never, "verdict": "not run"}]


def _scored(claim: Claim, record: Mapping[str, Any]) -> dict[str, str]:
    given = record["estimates"].get(claim.id)
    run = {"origin": record["origin"], "evidence": record.get("evidence", "")}
    untested = {"estimate": "", "verdict": "not tested", **run, "evidence": ""}
    if given is None:
        why = record["not_tested"].get(claim.id, "the claim is newer than the run")
        return {**untested, "reason": why}
    try:
        return {**_judged(claim, _estimate_from_json(given)), **run}
    except InputError:
        return {**untested, "reason": "the rule is newer than the run"}


def _judged(claim: Claim, estimate: Estimate | Mapping[str, Estimate]) -> dict[str, str]:
    try:
        verdict: str = decide(claim.rules, estimate)
    except InputError as error:
        raise InputError(f"claim {claim.paper}/{claim.id}: {error}") from error
    reason = claim.reason if verdict != "reproduced" else ""
    return {"estimate": _estimate_text(estimate), "verdict": verdict, "reason": reason}


# Showing

SYMBOLS = {"reproduced": "✓", "not reproduced": "✗", "inconclusive": "?", "not tested": "–"}
"""A sign for each verdict, so that a table can be scanned without colours."""

_TITLES = ["claim", "verdict", "what the paper says", "paper", "here", "rule"]


def _estimate_text(estimate: Estimate | Mapping[str, Estimate]) -> str:
    if isinstance(estimate, Estimate):
        return str(estimate)
    return "; ".join(f"{name}: {part}" for name, part in estimate.items())


def _row(
    claim: Claim, estimate: Estimate | Mapping[str, Estimate] | None, why_not: str
) -> dict[str, str]:
    untested = {"estimate": "–", "verdict": "not tested", "reason": why_not}
    shown = untested if estimate is None else _judged(claim, estimate)
    return {"id": claim.id, "claim": claim.claim, "where": claim.where, **shown} | {
        "paper_value": claim.paper_value,
        "statistic": claim.statistic,
        "rule": claim.rule_text,
    }


def _html(rows: Iterable[Mapping[str, str]], slug: str, profile: str, evidence: str) -> str:
    tables = f" Its tables: {evidence}." if evidence else ""
    caption = f"Claims of the paper and what this run ({profile} profile) finds.{tables} ({slug})"
    return markup.table(_TITLES, [_cells(row) for row in rows], caption=caption)


def _cells(row: Mapping[str, str]) -> list[str]:
    shown = {name: markup.escape(text) for name, text in row.items()}
    verdict = shown["verdict"]
    css = f"ssl-verdict ssl-{verdict.replace(' ', '-')}"
    symbol = f'<span aria-hidden="true">{SYMBOLS[verdict]}</span>'
    reason = f"<br><small>{shown['reason']}</small>" if shown["reason"] else ""
    return [
        shown["id"],
        f'<span class="{css}">{symbol} <strong>{verdict}</strong></span>{reason}',
        f"{shown['claim']}<br><small>{shown['where']}</small>",
        shown["paper_value"],
        f"{shown['estimate']}<br><small>{shown['statistic']}</small>",
        shown["rule"],
    ]


def _plain(rows: Iterable[Mapping[str, str]]) -> str:
    return "\n".join(
        f"{row['id']} {SYMBOLS[row['verdict']]} {row['verdict']}: {row['estimate']} "
        f"(rule: {row['rule']}; paper: {row['paper_value']})"
        for row in rows
    )
