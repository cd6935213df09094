"""Claims as readers see them: one entry a claim, in HTML that needs no script.

An entry carries ``data-paper``, ``data-claim``, ``data-profile`` and ``data-verdict``, by which a
built book can be read back.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ssl_lib import markup
from ssl_lib.claims.pictures import picture
from ssl_lib.claims.records import Given
from ssl_lib.claims.rules import SYMBOLS, VERDICTS, Estimate, Rule, decide, pick
from ssl_lib.claims.stated import Claim

__all__ = ["Evidence", "Outcome", "anchor", "counts", "entries", "entry", "estimate_text", "sign"]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What an outcome rests on.

    Parameters
    ----------
    profile : str, default=""
        That ran; empty where none did.
    seeds : tuple of int, default=()
        Number of seeds of each table that has some.
    tables : tuple of str, default=()
        Names of the tables.
    standing : str, default=""
        How far they can be relied on, see :func:`ssl_lib.results.wording.standing`.
    """

    profile: str = ""
    seeds: tuple[int, ...] = ()
    tables: tuple[str, ...] = ()
    standing: str = ""

    @property
    def text(self) -> str:
        """The evidence in a few words, without the names of the tables.

        Examples
        --------
        >>> Evidence(profile="quick", seeds=(3, 20), tables=("a", "b"), standing="current").text
        'quick profile, 3 to 20 seeds, 2 tables, current'
        """
        profile = f"{self.profile} profile" if self.profile else ""
        tables = _count(len(self.tables), "table")
        return ", ".join(filter(None, (profile, self._seeds, tables, self.standing)))

    @property
    def _seeds(self) -> str:
        fewest, most = min(self.seeds, default=0), max(self.seeds, default=0)
        return _count(most, "seed") if fewest == most else f"{fewest} to {most} seeds"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one run says of a claim.

    Parameters
    ----------
    verdict : str
        One of ``VERDICTS``, ``"not tested"`` or ``"not run"``.
    estimate : Estimate or mapping of str to Estimate, optional
        What it was decided from.
    reason : str, default=""
        Why it does not hold, or was not tested.
    evidence : Evidence, default=Evidence()
        What it rests on.
    """

    verdict: str
    estimate: Given | None = None
    reason: str = ""
    evidence: Evidence = Evidence()


def entries(parts: Iterable[str], *, label: str) -> str:
    """Put entries together as one list.

    Parameters
    ----------
    parts : iterable of str
        Of :func:`entry`.
    label : str
        Names the list for those who do not see what stands around it.

    Returns
    -------
    str
        HTML.
    """
    # The role is said again because Safari drops it from a list without bullets.
    return (
        f'<ul class="ssl-claims" role="list" aria-label="{markup.escape(label)}" '
        f'style="list-style:none;padding:0">\n{"".join(parts)}</ul>'
    )


def entry(
    claim: Claim, outcome: Outcome, *, others: Sequence[Outcome] = (), paper: str = "",
    chapter: str = "",
) -> str:  # fmt: skip
    """Write one claim with what a run says of it.

    Parameters
    ----------
    claim : Claim
        As ``claims.yml`` has it.
    outcome : Outcome
        Shown in full, with a picture for each estimate.
    others : sequence of Outcome, default=()
        Of other profiles, a line each.
    paper : str, default=""
        The paper's arXiv number, where it is known.
    chapter : str, default=""
        Address of the chapter's page, where the entry stands on another one.

    Returns
    -------
    str
        A list item of HTML.
    """
    name = f"{claim.paper} {claim.id}" if chapter else claim.id
    lines = [
        f'<p class="ssl-claim-head"><strong>{markup.escape(name)}</strong> '
        f"{sign(outcome.verdict)}</p>",
        f'<p class="ssl-claim-says">{markup.escape(claim.claim)}</p>',
        _facts(claim, paper),
        *_parts(claim, outcome.estimate),
        _evidence(claim, outcome.evidence),
        *map(_other, others),
        _reason(claim, outcome),
        _revision(claim),
        _links(claim, chapter),
    ]
    body = "\n".join(filter(None, lines))
    kind = outcome.verdict.replace(" ", "-")
    marks = {
        "id": anchor(claim), "data-paper": claim.paper, "data-claim": claim.id,
        "data-profile": outcome.evidence.profile, "data-verdict": outcome.verdict,
    }  # fmt: skip
    attributes = " ".join(f'{key}="{markup.escape(value)}"' for key, value in marks.items())
    return f'<li class="ssl-claim ssl-{kind}" {attributes}>\n{body}\n</li>\n'


def anchor(claim: Claim) -> str:
    """Return the HTML id of a claim's entry."""
    return f"claim-{claim.paper}-{claim.id}"


def sign(verdict: str) -> str:
    """Write a verdict as sign and word, in the colour that the style sheet gives it.

    Examples
    --------
    >>> print(sign("inconclusive"))
    <span class="ssl-verdict ssl-inconclusive"><span aria-hidden="true">?</span> inconclusive</span>
    """
    kind, symbol = verdict.replace(" ", "-"), SYMBOLS.get(verdict, "–")
    return (
        f'<span class="ssl-verdict ssl-{kind}"><span aria-hidden="true">{symbol}</span> '
        f"{markup.escape(verdict)}</span>"
    )


def counts(verdicts: Iterable[str]) -> str:
    """Count verdicts in words.

    Examples
    --------
    >>> counts(["inconclusive", "reproduced", "reproduced"])
    '2 reproduced, 1 inconclusive'
    """
    found = Counter(verdicts)
    order = (*VERDICTS, "not tested", "not run")
    return ", ".join(f"{found[verdict]} {verdict}" for verdict in order if found[verdict])


def estimate_text(estimate: Given) -> str:
    """Write an estimate, or several with their names, in one line.

    Examples
    --------
    >>> estimate_text({"tau": Estimate(0.8), "gap": Estimate(0)})
    'tau: 0.8; gap: 0'
    """
    if isinstance(estimate, Estimate):
        return str(estimate)
    return "; ".join(f"{name}: {part}" for name, part in estimate.items())


# Parts of an entry


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}" if number else ""


def _facts(claim: Claim, paper: str) -> str:
    where = markup.escape(claim.where)
    if paper:
        number = markup.escape(paper)
        where += f' (<a href="https://arxiv.org/abs/{number}">arXiv {number}</a>)'
    facts = {
        "Where": where,
        "Paper's number": markup.escape(claim.paper_value),
        "Measured here": markup.escape(claim.statistic),
    }
    if len(claim.rules) == 1:
        facts["Holds if"] = markup.escape(claim.rule_text)
    items = "\n".join(f"<div><dt>{key}</dt><dd>{value}</dd></div>" for key, value in facts.items())
    return f"<dl>\n{items}\n</dl>"


def _parts(claim: Claim, estimate: Given | None) -> list[str]:
    """Show each estimate beside its part of the rule; those that no part judges in words."""
    if estimate is None:
        return [_rules(claim)] if len(claim.rules) > 1 else []
    shown = [_part(rule, estimate, len(claim.rules) > 1) for rule in claim.rules]
    if isinstance(estimate, Mapping):
        judged = {rule.statistic for rule in claim.rules}
        rest = {name: part for name, part in estimate.items() if name not in judged}
        if rest:
            shown.append(f'<p class="ssl-claim-rest">{markup.escape(estimate_text(rest))}</p>')
    return shown


def _rules(claim: Claim) -> str:
    return f'<p class="ssl-claim-rest">Holds if {markup.escape(claim.rule_text)}.</p>'


def _part(rule: Rule, estimate: Given, several: bool) -> str:
    given = pick(estimate, rule)
    text = f"<strong>{markup.escape(markup.number(given.value))}</strong>{_details(given)}"
    if several:
        text = (
            f"{sign(decide(rule, estimate))} {markup.escape(rule.statistic)}: {text}; "
            f"holds if {markup.escape(rule.text)}"
        )
    return f'<div class="ssl-claim-part">\n<p>{text}</p>\n{picture(given, rule)}\n</div>'


def _details(estimate: Estimate) -> str:
    """Write what stands behind an estimate's number, in parentheses."""
    if math.isnan(estimate.value):
        details = ", ".join(filter(None, ("no estimate", estimate.note)))
        return f" ({markup.escape(details)})"
    return markup.escape(str(estimate).removeprefix(markup.number(estimate.value)))


def _other(outcome: Outcome) -> str:
    given = outcome.estimate
    text = outcome.reason if given is None else estimate_text(given)
    said = f"{markup.escape(outcome.evidence.text)}: {sign(outcome.verdict)}"
    return f"<details><summary>{said}</summary><p>{markup.escape(text)}</p></details>"


def _evidence(claim: Claim, evidence: Evidence) -> str:
    chosen = f"; {claim.chosen_on.text}" if claim.chosen_on else ""
    text = markup.escape(f"{evidence.text}{chosen}".removeprefix("; "))
    if not text:
        return ""
    if not evidence.tables:
        return f'<p class="ssl-claim-evidence">Evidence: {text}</p>'
    names = ", ".join(map(markup.escape, evidence.tables))
    return (
        f'<details class="ssl-claim-evidence"><summary>Evidence: {text}</summary>'
        f"<p>Tables: {names}</p></details>"
    )


def _reason(claim: Claim, outcome: Outcome) -> str:
    if not outcome.reason:
        return ""
    name = markup.escape(claim.id)
    return (
        f"<details><summary>Why {name} is {markup.escape(outcome.verdict)}</summary>"
        f"<p>{markup.escape(outcome.reason)}</p></details>"
    )


def _revision(claim: Claim) -> str:
    if (past := claim.revised) is None:
        return ""
    return (
        f"<details><summary>Before its rule changed on {past.date.isoformat()} (quick profile): "
        f"{sign(past.verdict)}</summary>"
        f"<p>It was decided by: {markup.escape(past.was)}. {markup.escape(past.why)}</p></details>"
    )


def _links(claim: Claim, chapter: str) -> str:
    name, page = markup.escape(claim.id), markup.escape(chapter)
    links = []
    if claim.figure:
        # Sphinx writes a label with an underscore as an id with a hyphen.
        figure = markup.escape(claim.figure.replace("_", "-"))
        links.append(f'<a href="{page}#{figure}">Figure of {name}</a>')
    if chapter:
        links.append(f'<a href="{page}#{anchor(claim)}">{name} in its chapter</a>')
    return f'<p class="ssl-claim-links">{" · ".join(links)}</p>' if links else ""
