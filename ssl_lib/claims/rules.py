"""Estimates, the rules that judge them, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from ssl_lib import markup
from ssl_lib.errors import InputError, closest

__all__ = [
    "SYMBOLS", "VERDICTS", "Estimate", "Rule", "Verdict", "check_keys", "decide", "parse_rules",
    "pick",
]  # fmt: skip

_KINDS = ("at_least", "at_most", "between", "equals")
_INFINITY = Decimal("Infinity")

Verdict = Literal["reproduced", "not reproduced", "inconclusive"]
VERDICTS: tuple[Verdict, ...] = ("reproduced", "not reproduced", "inconclusive")

#: A sign for each verdict, so that a list can be scanned without colours.
SYMBOLS = {"reproduced": "✓", "not reproduced": "✗", "inconclusive": "?", "not tested": "–"}


@dataclass(frozen=True)
class Estimate:
    """A measured statistic.

    Parameters
    ----------
    value : float
        The estimate.
    low, high : float, optional
        Ends of its interval (95 % unless the note says otherwise). Without them the value is
        exact, such as a count over a whole population.
    n : int, optional
        Number of observations.
    note : str, default=""
        Shown beside the number, such as ``"exact"`` or ``"bootstrap over 5 seeds"``.

    Raises
    ------
    InputError
        When only one end is given or the value lies outside its interval.

    Examples
    --------
    >>> print(Estimate(0.8712, 0.84, 0.9, n=209))
    0.8712 (0.84 to 0.9, n = 209)
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            _check_number(name, getattr(self, name), optional=name != "value")
        if (self.low is None) != (self.high is None):
            raise InputError("an interval needs both low and high.")
        if not math.isnan(self.value) and not self.bounds[0] <= self.value <= self.bounds[1]:
            raise InputError(f"the value {self.value} is outside {self.low} to {self.high}.")

    @property
    def bounds(self) -> tuple[float, float]:
        """The interval; of zero width for an exact value."""
        if self.low is None or self.high is None:
            return self.value, self.value
        return self.low, self.high

    def __str__(self) -> str:
        interval = ""
        if self.low is not None:
            interval = f"{markup.number(self.low)} to {markup.number(self.high)}"
        n = f"n = {markup.number(self.n)}" if self.n is not None else ""
        details = ", ".join(part for part in (interval, n, self.note) if part)
        return f"{markup.number(self.value)} ({details})" if details else markup.number(self.value)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Where a statistic has to lie for a claim to be reproduced: a closed interval.

    Parameters
    ----------
    low, high : Decimal
        Ends of the interval, possibly infinite; exact decimals, so that 0.91 within 0.01 of
        0.92 holds as it does on paper.
    text : str
        The rule in words.
    min_n : int, default=0
        With fewer observations nothing is concluded.
    statistic : str, default=""
        Which of a claim's statistics it judges.
    """

    low: Decimal
    high: Decimal
    text: str
    min_n: int = 0
    statistic: str = ""


def decide(
    rule: Mapping[str, Any] | Rule | Sequence[Rule],
    estimate: Estimate | Mapping[str, Estimate],
) -> Verdict:
    """Judge an estimate by a rule.

    Parameters
    ----------
    rule : mapping or Rule or sequence of Rule
        As in ``claims.yml``, or read from it.
    estimate : Estimate or mapping of str to Estimate
        A mapping by statistic where the rule has several parts.

    Returns
    -------
    {"reproduced", "not reproduced", "inconclusive"}
        Reproduced when the whole interval obeys the rule, not reproduced when none of it does,
        inconclusive between, or with too few observations. Of several parts all must be
        reproduced, and one that is not decides.

    Raises
    ------
    InputError
        When the rule is malformed or an estimate is missing.

    Examples
    --------
    >>> decide({"at_least": 0.7}, Estimate(0.8, 0.75, 0.85))
    'reproduced'
    >>> decide({"at_least": 0.7}, Estimate(0.8, 0.65, 0.95))
    'inconclusive'
    >>> decide({"equals": 38, "tolerance": 0}, Estimate(37))
    'not reproduced'
    """
    parts = parse_rules(rule) if isinstance(rule, Mapping) else rule
    rules = [parts] if isinstance(parts, Rule) else list(parts)
    if isinstance(estimate, Estimate) and len(rules) > 1:
        raise InputError(f"the rule needs an estimate for each of {[p.statistic for p in rules]}.")
    verdicts = {_decide_part(part, pick(estimate, part)) for part in rules}
    if "not reproduced" in verdicts:
        return "not reproduced"
    return "reproduced" if verdicts == {"reproduced"} else "inconclusive"


def parse_rules(rule: object, what: str = "the rule") -> tuple[Rule, ...]:
    """Read a rule as it stands in ``claims.yml``.

    Parameters
    ----------
    rule : object
        A mapping with one kind, or with ``all`` and a list of such mappings.
    what : str, default="the rule"
        How error messages name it.

    Returns
    -------
    tuple of Rule
        One, or one for each part of ``all``.

    Raises
    ------
    InputError
        Saying what is wrong.

    Examples
    --------
    >>> [part.text for part in parse_rules({"between": [0, 0.5]})]
    ['between 0 and 0.5']
    """
    if not isinstance(rule, Mapping):
        raise InputError(f"{what}: rule must be a mapping such as {{at_least: 0.5}}, got {rule!r}.")
    if "all" not in rule:
        return (_parse_rule(rule, what),)
    check_keys(rule, f"{what}: rule", required=("all",), optional=())
    parts = rule["all"]
    if not isinstance(parts, list) or len(parts) < 2:
        raise InputError(f"{what}: all must list two or more rules.")
    rules = tuple(_parse_rule(part, f"{what}: part {i}") for i, part in enumerate(parts, start=1))
    names = [part.statistic for part in rules]
    if "" in names or len({*names}) < len(names):
        raise InputError(f"{what}: each part of all needs a statistic of its own, got {names}.")
    return rules


def _parse_rule(rule: object, what: str) -> Rule:
    if not isinstance(rule, Mapping):
        raise InputError(f"{what}: a rule must be a mapping, got {rule!r}.")
    check_keys(
        rule, f"{what}: rule", required=(), optional=(*_KINDS, "tolerance", "min_n", "statistic")
    )
    kinds = [kind for kind in _KINDS if kind in rule]
    if len(kinds) != 1:
        raise InputError(f"{what}: a rule needs exactly one of {', '.join(_KINDS)}, got {kinds}.")
    if ("tolerance" in rule) != (kinds == ["equals"]):
        raise InputError(f"{what}: equals needs a tolerance (0 for exact), the others have none.")
    low, high, text = _region(kinds[0], rule, what)
    min_n = rule.get("min_n", 0)
    if isinstance(min_n, bool) or not isinstance(min_n, int) or min_n < 0:
        raise InputError(f"{what}: min_n must be a whole number, got {min_n!r}.")
    if min_n:
        text = f"{text} (n at least {min_n})"
    statistic = str(rule.get("statistic", "")).strip()
    return Rule(low=low, high=high, text=text, min_n=min_n, statistic=statistic)


def _region(kind: str, rule: Mapping[str, Any], what: str) -> tuple[Decimal, Decimal, str]:
    if kind == "at_least":
        low = _decimal(rule[kind], what)
        return low, _INFINITY, f"at least {_show(low)}"
    if kind == "at_most":
        high = _decimal(rule[kind], what)
        return -_INFINITY, high, f"at most {_show(high)}"
    if kind == "between":
        return _between(rule[kind], what)
    centre, tolerance = _decimal(rule["equals"], what), _decimal(rule["tolerance"], what)
    if tolerance < 0:
        raise InputError(f"{what}: tolerance must be at least 0, got {tolerance}.")
    text = f"equal to {_show(centre)}" + (f" within {_show(tolerance)}" if tolerance else "")
    return centre - tolerance, centre + tolerance, text


def _between(ends: object, what: str) -> tuple[Decimal, Decimal, str]:
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        raise InputError(f"{what}: between needs two numbers, got {ends!r}.")
    low, high = (_decimal(end, what) for end in ends)
    if low > high:
        raise InputError(f"{what}: between needs the smaller number first, got {ends}.")
    return low, high, f"between {_show(low)} and {_show(high)}"


def _decimal(value: object, what: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{what}: a rule compares with numbers, got {value!r}.")
    return Decimal(repr(value))


def _show(value: Decimal) -> str:
    return markup.number(float(value), digits=10)


def _check_number(name: str, value: object, *, optional: bool) -> None:
    if value is None and optional:
        return
    try:
        number = float(value)  # type: ignore[arg-type]  # the error below is what a user sees
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be a number, got {value!r}.") from error
    if optional and math.isnan(number):
        raise InputError(f"{name} must be a number, got {value!r}.")


def pick(estimate: Estimate | Mapping[str, Estimate], part: Rule) -> Estimate:
    """Return the estimate that a part of a rule judges.

    Examples
    --------
    >>> print(pick({"tau": Estimate(0.8)}, parse_rules({"at_least": 0, "statistic": "tau"})[0]))
    0.8
    """
    if isinstance(estimate, Estimate):
        return estimate
    if part.statistic in estimate:
        return estimate[part.statistic]
    wanted = f"an estimate named {part.statistic!r}" if part.statistic else "a single estimate"
    raise InputError(f"the rule needs {wanted}, the estimates given are {sorted(estimate)}.")


def _decide_part(rule: Rule, estimate: Estimate) -> Verdict:
    if math.isnan(estimate.value) or (rule.min_n and (estimate.n or 0) < rule.min_n):
        return "inconclusive"
    low, high = (Decimal(repr(float(end))) for end in estimate.bounds)
    if rule.low <= low and high <= rule.high:
        return "reproduced"
    return "not reproduced" if high < rule.low or low > rule.high else "inconclusive"


def check_keys(
    entry: Mapping[Any, Any], what: str, *, required: Iterable[str], optional: Iterable[str]
) -> None:
    """Refuse a mapping with unknown or missing keys.

    Examples
    --------
    >>> check_keys({"whre": 1}, "claim a/C1", required=["where"], optional=[])
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: claim a/C1: unknown key 'whre'. Did you mean 'where'?
    """
    known = [*required, *optional]
    for name in entry:
        if name not in known:
            raise InputError(f"{what}: unknown key {name!r}.{closest(name, known)}")
    missing = [name for name in required if entry.get(name) is None]
    if missing:
        raise InputError(f"{what}: missing {', '.join(missing)}.")
