"""The claims of a chapter as a run finds them, and those of all chapters together."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssl_lib import markup
from ssl_lib.claims import entries, records
from ssl_lib.claims.entries import Evidence, Outcome
from ssl_lib.claims.records import MIME, Given
from ssl_lib.claims.rules import SYMBOLS, VERDICTS, Estimate, decide
from ssl_lib.claims.stated import Claim, load
from ssl_lib.errors import InputError, closest
from ssl_lib.paths import cache_root, share
from ssl_lib.plotting.words import Text, text
from ssl_lib.profiles import PROFILES, check
from ssl_lib.results.origin import Result
from ssl_lib.results.wording import standing

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["brief", "not_tested", "report", "scoreboard", "scorecard"]


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
        An entry for each claim, and below them which parameters left no record.

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
        "estimates": {name: records.to_json(given) for name, given in estimates.items()},
        "not_tested": skipped,
        "results": sorted({result.provenance for result in behind}),
        **_recorded(behind),
    }
    outcomes = [(claim, _outcome(claim, record, estimates.get(claim.id))) for claim in own]
    html, plain = _html(slug, outcomes), "\n".join(_plain(*pair) for pair in outcomes)
    if changed := _away_from_defaults(settings):
        note = f"The scorecard keeps no record of this run: {', '.join(changed)}."
        return markup.Markup(f"{html}<p>{markup.escape(note)}</p>", f"{plain}\n{note}")
    records.restore(record)
    return markup.Markup(html, plain, {MIME: record})


def not_tested(
    reasons: Mapping[str, str], estimates: Mapping[str, Estimate | Mapping[str, Estimate]]
) -> dict[str, str]:
    """Return the reasons of those claims that a run has no estimate of, for :func:`report`.

    Parameters
    ----------
    reasons : mapping of str to str
        Why a claim may go without; by claim id.
    estimates : mapping
        What the run found; by claim id.

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> not_tested({"C1": "too few runs", "C2": "no such data"}, {"C1": Estimate(0.5)})
    {'C2': 'no such data'}
    """
    return {name: why for name, why in reasons.items() if name not in estimates}


def brief(
    slug: str,
    estimates: Mapping[str, Estimate | Mapping[str, Estimate]],
    *,
    profile: str,
    says: str,
    here: str,
    use: str,
    claims: str | Path | None = None,
) -> Text:
    """Say a chapter's result in three sentences and count its verdicts.

    The book shows it below the page's title, beside the chapter's picture.

    Parameters
    ----------
    slug, estimates, profile, claims
        As of :func:`report`.
    says : str
        What the paper says; Markdown, one sentence.
    here : str
        What came out here, with computed numbers.
    use : str
        How to use it on a model of one's own, with the command.

    Returns
    -------
    Text
        For a cell's last expression.

    Raises
    ------
    InputError
        When a sentence is missing or an estimate's claim unknown.
    """
    for name, sentence in (("says", says), ("here", here), ("use", use)):
        if not sentence.strip():
            raise InputError(f"in brief, {name!r} must be a sentence.")
    own = _claims_of(slug, load(claims))
    known = [claim.id for claim in own]
    for name in estimates:
        if name not in known:
            raise InputError(f"{slug} has no claim {name!r}.{closest(name, known)}")
    verdicts = [
        decide(claim.rules, given) if (given := estimates.get(claim.id)) else "not tested"
        for claim in own
    ]
    counted = f"{len(own)} [claims](#claims), profile {check(profile)}: {entries.counts(verdicts)}."
    return text("\n".join(["**In brief.** " + says, here, use, "", counted]))


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


def scoreboard(
    *, claims: str | Path | None = None, published: str | Path | None = None
) -> pd.DataFrame:
    """Collect the verdicts of all chapters and profiles.

    Verdicts are decided anew from the recorded estimates, so that they always follow the rules as
    they are now. A record in the cache comes before a published one.

    Parameters
    ----------
    claims : path, optional
        The file of claims; by default the project's.
    published : path, optional
        Folder of published records; by default ``results/verdicts``.

    Returns
    -------
    pandas.DataFrame
        One row a claim and profile that ran, with columns ``paper``, ``id``, ``profile``,
        ``claim``, ``where``, ``paper_value``, ``statistic``, ``rule``, ``estimate``, ``verdict``,
        ``reason``, ``origin`` (``"cache"`` or ``"published"``), ``evidence`` (how far the tables
        of that run can be relied on, see :func:`ssl_lib.results.wording.standing`; empty where that
        was not recorded). The verdict of a claim that a run left out is ``"not tested"``; a claim
        that never ran has one row, with the profile empty.
    """
    import pandas as pd

    found = _all_records(published)
    rows = [row for claim in load(claims) for row in _score(claim, found)]
    return pd.DataFrame(rows, columns=_SCORE_COLUMNS)


_SCORE_COLUMNS = [
    "paper", "id", "profile", "claim", "where", "paper_value", "statistic", "rule", "estimate",
    "verdict", "reason", "origin", "evidence",
]  # fmt: skip


def scorecard(
    *,
    verdicts: Collection[str] | None = None,
    claims: str | Path | None = None,
    published: str | Path | None = None,
) -> markup.Markup:
    """Show every claim with its best evidence, and the verdict of each other profile.

    The best evidence is that of the largest profile whose run tested the claim.

    Parameters
    ----------
    verdicts : collection of str, optional
        With them, only a list of the claims whose best evidence says one of these, each linked to
        its entry.
    claims, published : path, optional
        As of :func:`scoreboard`.

    Returns
    -------
    Markup
        An entry for each claim, chapter by chapter, as of :func:`report`.

    Raises
    ------
    InputError
        When a verdict is unknown.
    """
    for verdict in verdicts or ():
        if verdict not in (known := (*VERDICTS, "not tested", "not run")):
            raise InputError(f"there is no verdict {verdict!r}.{closest(verdict, known)}")
    found = _all_records(published)
    ranked = [(claim, _ranked(claim, found)) for claim in load(claims)]
    plain = "\n".join(f"{c.paper} {_plain(c, first)}" for c, (first, *_) in ranked)
    if verdicts is None:
        return markup.Markup(_chapters(ranked), plain)
    chosen = [(claim, best) for claim, (best, *_) in ranked if best.verdict in verdicts]
    plain = "\n".join(f"{claim.paper} {_plain(claim, best)}" for claim, best in chosen)
    return markup.Markup(_short_list(chosen), plain)


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


# Outcomes


def _recorded(behind: Sequence[Result]) -> dict[str, Any]:
    """Return what a record says of the tables behind its estimates."""
    unique = {result.manifest.digest: result.manifest for result in behind}.values()
    seeds = [len(made.seeds) for made in unique if made.seeds]
    return {
        "evidence": standing(behind),
        "tables": sorted({made.name for made in unique}),
        "seeds": sorted({*seeds}),
    }


def _outcome(claim: Claim, record: Mapping[str, Any], estimate: Given | None) -> Outcome:
    """Judge a claim by the rule as it is now; without an estimate say why there is none."""
    evidence = Evidence(
        profile=record["profile"],
        seeds=tuple(record.get("seeds", ())),
        tables=tuple(record.get("tables", ())),
        standing=record.get("evidence", ""),
    )
    if estimate is None:
        why = record["not_tested"].get(claim.id, "the claim is newer than the run")
        return _untested(record, why)
    try:
        verdict: str = decide(claim.rules, estimate)
    except InputError as error:
        raise InputError(f"claim {claim.paper}/{claim.id}: {error}") from error
    reason = claim.reason if verdict != "reproduced" else ""
    return Outcome(verdict=verdict, estimate=estimate, reason=reason, evidence=evidence)


def _untested(record: Mapping[str, Any], why: str) -> Outcome:
    evidence = Evidence(profile=record["profile"])
    return Outcome(verdict="not tested", reason=why, evidence=evidence)


def _scored(claim: Claim, record: Mapping[str, Any]) -> Outcome:
    given = record["estimates"].get(claim.id)
    try:
        return _outcome(claim, record, None if given is None else records.from_json(given))
    except InputError:
        return _untested(record, "the rule is newer than the run")


# Every chapter's

Records = Mapping[tuple[str, str], Mapping[str, Any]]


def _all_records(published: str | Path | None) -> Records:
    folder = Path(published) if published is not None else share("results") / "verdicts"
    cached = records.read(cache_root() / "verdicts", "cache")
    return {**records.read(folder, "published"), **cached}


def _score(claim: Claim, found: Records) -> list[dict[str, str]]:
    texts = {name: getattr(claim, name) for name in ("paper", "id", "claim", "where", "statistic")}
    base = {**texts, "paper_value": claim.paper_value, "rule": claim.rule_text}
    rows = []
    for profile in PROFILES:
        if (record := found.get((claim.paper, profile))) is not None:
            rows.append({**base, **_row(_scored(claim, record)), "origin": record["origin"]})
    return rows or [{**base, **_row(Outcome(verdict="not run")), "origin": ""}]


def _row(outcome: Outcome) -> dict[str, str]:
    given, evidence = outcome.estimate, outcome.evidence
    return {
        "estimate": "" if given is None else entries.estimate_text(given),
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "profile": evidence.profile,
        "evidence": evidence.standing,
    }


def _ranked(claim: Claim, found: Records) -> list[Outcome]:
    """Return the outcomes of all profiles, the best evidence first."""
    largest = [found[claim.paper, p] for p in reversed(PROFILES) if (claim.paper, p) in found]
    outcomes = [_scored(claim, record) for record in largest]
    outcomes.sort(key=lambda outcome: outcome.verdict == "not tested")
    return outcomes or [Outcome(verdict="not run")]


# Showing


def _papers() -> dict[str, dict[str, str]]:
    """Return what ``chapters.yml`` says of each chapter, such as ``title`` and ``arxiv``."""
    import yaml

    chapters = yaml.safe_load(share("chapters.yml").read_text(encoding="utf-8"))
    return {chapter["slug"]: chapter for chapter in chapters}


def _html(slug: str, outcomes: Sequence[tuple[Claim, Outcome]]) -> str:
    profile = outcomes[0][1].evidence.profile
    about = f"Claims of the paper and what this run ({profile} profile) finds"
    found = entries.counts(outcome.verdict for _, outcome in outcomes)
    number = _papers().get(slug, {}).get("arxiv", "")
    parts = [entries.entry(claim, outcome, paper=number) for claim, outcome in outcomes]
    listed = entries.entries(parts, label=f"{about} ({slug})")
    return f'<p class="ssl-claims-about">{about}: {found}.</p>\n{listed}'


def _chapters(ranked: Sequence[tuple[Claim, list[Outcome]]]) -> str:
    papers, shown = _papers(), dict[str, list[str]]()
    for claim, (best, *others) in ranked:
        number = papers.get(claim.paper, {}).get("arxiv", "")
        page = f"{claim.paper}.html"
        part = entries.entry(claim, best, others=others, paper=number, chapter=page)
        shown.setdefault(claim.paper, []).append(part)
    titles = {slug: papers.get(slug, {}).get("title", slug) for slug in shown}
    return "\n".join(
        f"<h3>{markup.escape(titles[slug])}</h3>\n"
        f"{entries.entries(parts, label=f'Claims of {titles[slug]}')}"
        for slug, parts in shown.items()
    )


def _short_list(chosen: Sequence[tuple[Claim, Outcome]]) -> str:
    items = [
        f'<li>{entries.sign(best.verdict)} <a href="#{entries.anchor(claim)}">{claim.paper} '
        f"{markup.escape(claim.id)}</a>: {markup.escape(claim.claim)}</li>"
        for claim, best in chosen
    ]
    return f"<ul>\n{''.join(items)}\n</ul>" if items else "<p>None.</p>"


def _plain(claim: Claim, outcome: Outcome) -> str:
    estimate = "–" if outcome.estimate is None else entries.estimate_text(outcome.estimate)
    return (
        f"{claim.id} {SYMBOLS.get(outcome.verdict, '–')} {outcome.verdict}: {estimate} "
        f"(rule: {claim.rule_text}; paper: {claim.paper_value})"
    )
