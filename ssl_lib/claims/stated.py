"""What each paper claims, and the rule that decides it: ``book/claims.yml``.

It is a list of claims, written before their experiments run::

    - id: C1                       # unique within the paper
      paper: rankme                # the chapter's slug
      claim: RankMe ranks runs by ImageNet accuracy.
      where: Table 1
      paper_value: 0.9             # number or text
      statistic: Kendall's tau between RankMe and accuracy, 20 runs
      rule: {at_least: 0.7}        # or at_most: x, between: [a, b], equals: x with tolerance: t
      reason: shown when the claim fails (optional)
      figure: fig-rankme-runs      # the chapter's figure that shows it (optional)
      chosen_on: {seeds: [0, 1], what: the temperature}  # seeds that do not count (optional)
      revised:                     # where the rule or its statistic is not the first (optional)
        date: 2026-11-30
        was: at least 0.5, by the mean of three seeds  # what decided until then
        verdict: reproduced        # what it said then, at the profile quick
        why: Three seeds were too few.

A rule may ask for ``min_n`` observations. A claim about several statistics has
``rule: {all: [{statistic: tau, at_least: 0.7}, {statistic: gap, at_most: 0.01}]}``; each part's
``statistic`` is the name under which the notebook gives its estimate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ssl_lib import markup
from ssl_lib.claims.rules import VERDICTS, Rule, check_keys, parse_rules
from ssl_lib.errors import InputError, closest
from ssl_lib.paths import share

__all__ = ["Choice", "Claim", "Revision", "load"]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Seeds that chose a setting, and so do not count in a claim's estimate.

    Parameters
    ----------
    seeds : tuple of int
        Their short numbers, counted from 0.
    what : str
        The setting that they chose.
    """

    seeds: tuple[int, ...]
    what: str

    @property
    def text(self) -> str:
        """The choice in words.

        Examples
        --------
        >>> Choice(seeds=(0, 1), what="the temperature").text
        'seeds 0, 1 chose the temperature and do not count'
        """
        several = len(self.seeds) > 1
        numbers = ", ".join(map(str, self.seeds))
        verb = "do" if several else "does"
        return f"seed{'s' * several} {numbers} chose {self.what} and {verb} not count"


@dataclass(frozen=True, kw_only=True)
class Revision:
    """How a claim was decided before its rule or statistic changed.

    Parameters
    ----------
    date : datetime.date
        Of the change.
    was : str
        What decided until then.
    verdict : str
        What it said, at the profile ``quick``.
    why : str
        What was wrong with it.
    """

    date: date
    was: str
    verdict: str
    why: str


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
    figure: str = ""
    chosen_on: Choice | None = None
    revised: Revision | None = None

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


_REQUIRED = ("id", "paper", "claim", "where", "paper_value", "statistic", "rule")
_OPTIONAL = ("reason", "figure", "chosen_on", "revised")


def _claim(entry: object, place: int) -> Claim:
    if not isinstance(entry, Mapping):
        raise InputError(f"claim number {place} must be a mapping, got {entry!r}.")
    what = f"claim {entry.get('paper', '?')}/{entry.get('id', f'number {place}')}"
    check_keys(entry, what, required=_REQUIRED, optional=_OPTIONAL)
    for name in ("id", "paper", "claim", "where", "statistic"):
        if not isinstance(entry[name], str) or not entry[name].strip():
            raise InputError(f"{what}: {name} must be text, got {entry[name]!r}.")
    value = entry["paper_value"]
    fields = {name: str(entry[name]).strip() for name in _REQUIRED if name != "rule"}
    if isinstance(value, int | float) and not isinstance(value, bool):
        fields["paper_value"] = markup.number(value, digits=6)
    rules = parse_rules(entry["rule"], what)
    more = {name: str(entry.get(name) or "").strip() for name in ("reason", "figure")}
    choice, revision = _choice(entry.get("chosen_on"), what), _revision(entry.get("revised"), what)
    return Claim(**fields, **more, rules=rules, chosen_on=choice, revised=revision)


def _choice(given: object, what: str) -> Choice | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise InputError(
            f"{what}: chosen_on must be like {{seeds: [0], what: ...}}, got {given!r}."
        )
    check_keys(given, f"{what}: chosen_on", required=("seeds", "what"), optional=())
    seeds, chosen = given["seeds"], given["what"]
    if not isinstance(seeds, list) or not seeds or not all(map(_is_seed, seeds)):
        raise InputError(f"{what}: chosen_on: seeds must be whole numbers from 0, got {seeds!r}.")
    if len({*seeds}) < len(seeds):
        raise InputError(f"{what}: chosen_on: each seed once, got {seeds}.")
    if not isinstance(chosen, str) or not chosen.strip():
        raise InputError(f"{what}: chosen_on: what must be text, got {chosen!r}.")
    return Choice(seeds=tuple(seeds), what=chosen.strip())


def _revision(given: object, what: str) -> Revision | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise InputError(
            f"{what}: revised must be like {{date: 2026-11-30, was: ..., verdict: ..., why: ...}}, "
            f"got {given!r}."
        )
    check_keys(given, f"{what}: revised", required=("date", "was", "verdict", "why"), optional=())
    if not isinstance(given["date"], date):
        raise InputError(f"{what}: revised: date must be like 2026-11-30, got {given['date']!r}.")
    for name in ("was", "verdict", "why"):
        if not isinstance(given[name], str) or not given[name].strip():
            raise InputError(f"{what}: revised: {name} must be text, got {given[name]!r}.")
    if (verdict := given["verdict"].strip()) not in (known := (*VERDICTS, "not tested")):
        raise InputError(
            f"{what}: revised: there is no verdict {verdict!r}.{closest(verdict, known)}"
        )
    texts = {name: given[name].strip() for name in ("was", "why")}
    return Revision(date=given["date"], verdict=verdict, **texts)


def _is_seed(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _check_unique(claims: Iterable[Claim]) -> None:
    seen = set()
    for claim in claims:
        if (claim.paper, claim.id) in seen:
            raise InputError(f"claim {claim.paper}/{claim.id}: this id is used twice.")
        seen.add((claim.paper, claim.id))
