"""A small picture of an estimate and its interval against the rule that judges it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ssl_lib import markup
from ssl_lib.claims.rules import Estimate, Rule

__all__ = ["HEIGHT", "WIDTH", "Axis", "picture", "words"]

#: Size of a picture in its own units, which are pixels where there is room for them.
WIDTH, HEIGHT = 320, 44

_MIDDLE = 16
_THINNEST = 3.0
_RULER = (
    f'<line x1="0" x2="{WIDTH}" y1="{2 * _MIDDLE - 1}" y2="{2 * _MIDDLE - 1}" '
    'stroke="currentColor" stroke-opacity="0.35"/>'
)


@dataclass(frozen=True)
class Axis:
    """A line of numbers across a picture.

    Parameters
    ----------
    low, high : float
        The numbers at its left and right edge; finite, `low` below `high`.
    """

    low: float
    high: float

    @classmethod
    def around(cls, numbers: Iterable[float]) -> Axis:
        """Return an axis with a fifth of their span left free on both sides.

        Parameters
        ----------
        numbers : iterable of float
            What it has to show; infinite ones and not-a-number have no place on it.

        Examples
        --------
        >>> Axis.around([0.0, 1.0, float("inf")])
        Axis(low=-0.2, high=1.2)
        """
        finite = [number for number in numbers if math.isfinite(number)] or [0.0]
        low, high = min(finite), max(finite)
        free = (high - low) / 5 or abs(low) / 10 or 1.0
        return cls(low - free, high + free)

    def at(self, number: float) -> float:
        """Return where a number lies, from 0 to ``WIDTH``; infinite ones lie at the edges.

        Examples
        --------
        >>> Axis(0.0, 2.0).at(0.5)
        80.0
        """
        if math.isinf(number):
            return 0.0 if number < 0 else float(WIDTH)
        share = (number - self.low) / (self.high - self.low)
        return WIDTH * min(max(share, 0.0), 1.0)


def picture(estimate: Estimate, rule: Rule) -> str:
    """Draw an estimate as a dot and its interval as a line, shaded where the rule holds.

    Parameters
    ----------
    estimate : Estimate
        Without a number nothing is drawn but the rule.
    rule : Rule
        One part of a claim's rule.

    Returns
    -------
    str
        Inline SVG in the colour of the text around it, with a text alternative, see
        :func:`words`.
    """
    ends = float(rule.low), float(rule.high)
    axis = Axis.around((estimate.value, *estimate.bounds, *ends))
    parts = [_RULER, *_region(axis, *ends), *_labels(axis, *ends)]
    if not math.isnan(estimate.value):
        parts += [*_interval(axis, *estimate.bounds), _dot(axis, estimate.value)]
    said = markup.escape(words(estimate, rule))
    return (
        f'<svg class="ssl-claim-picture" role="img" aria-label="{said}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" style="display:block;width:100%;max-width:{WIDTH}px" '
        f'fill="currentColor" stroke="none">{"".join(parts)}</svg>'
    )


def words(estimate: Estimate, rule: Rule) -> str:
    """Say what the picture shows.

    Examples
    --------
    >>> from ssl_lib.claims.rules import parse_rules
    >>> words(Estimate(0.5, 0.4, 0.6), parse_rules({"at_least": 0.7})[0])
    'Estimate 0.5, interval 0.4 to 0.6, outside the region where the rule holds: at least 0.7.'
    """
    if math.isnan(estimate.value):
        return f"No estimate; the rule is: {rule.text}."
    low, high = estimate.bounds
    said = f"Estimate {markup.number(estimate.value)}"
    if estimate.low is not None:
        said += f", interval {markup.number(low)} to {markup.number(high)}"
    return f"{said}, {_place(low, high, rule)} the region where the rule holds: {rule.text}."


def _place(low: float, high: float, rule: Rule) -> str:
    first, last = float(rule.low), float(rule.high)
    if first <= low and high <= last:
        return "inside"
    return "outside" if high < first or low > last else "partly inside"


def _region(axis: Axis, low: float, high: float) -> list[str]:
    """Shade where the rule holds, and mark its finite ends."""
    left, right = axis.at(low), axis.at(high)
    if (thin := _THINNEST - (right - left)) > 0:
        left, right = left - thin / 2, right + thin / 2
    shade = (
        f'<rect class="ssl-claim-region" x="{left:.1f}" y="2" width="{right - left:.1f}" '
        f'height="{2 * _MIDDLE - 3}" fill-opacity="0.16"/>'
    )
    marks = [
        f'<line class="ssl-claim-rule" x1="{axis.at(end):.1f}" x2="{axis.at(end):.1f}" y1="0" '
        f'y2="{2 * _MIDDLE}" stroke="currentColor" stroke-dasharray="3 2"/>'
        for end in sorted({low, high}) if math.isfinite(end)
    ]  # fmt: skip
    return [shade, *marks]


def _labels(axis: Axis, low: float, high: float) -> list[str]:
    """Write the rule's finite ends below it; as one label where two would overlap."""
    ends = [end for end in sorted({low, high}) if math.isfinite(end)]
    texts = [markup.number(end, digits=10) for end in ends]
    places = [axis.at(end) for end in ends]
    needed = 7 * (sum(map(len, texts)) / 2 + 1)
    if len(ends) == 2 and places[1] - places[0] < needed:
        texts, places = [" to ".join(texts)], [sum(places) / 2]
    return [_label(*label) for label in zip(places, texts, strict=True)]


def _label(place: float, text: str) -> str:
    half = 3.5 * len(text)
    inside = min(max(place, half), WIDTH - half)
    return (
        f'<text x="{inside:.1f}" y="{HEIGHT - 1}" font-size="11" text-anchor="middle" '
        f'aria-hidden="true">{markup.escape(text)}</text>'
    )


def _interval(axis: Axis, low: float, high: float) -> list[str]:
    """Draw an interval, with an end mark where it ends and an arrow where it does not."""
    if low == high:
        return []
    left, right = axis.at(low), axis.at(high)
    stroke = 'stroke="currentColor" stroke-width="2"'
    line = (
        f'<line class="ssl-claim-interval" x1="{left:.1f}" x2="{right:.1f}" y1="{_MIDDLE}" '
        f'y2="{_MIDDLE}" {stroke}/>'
    )
    return [line, _end(low, left, 1, stroke), _end(high, right, -1, stroke)]


def _end(number: float, place: float, inwards: int, stroke: str) -> str:
    if math.isinf(number):
        back = place + 8 * inwards
        return (
            f'<path class="ssl-claim-arrow" d="M{place:.1f} {_MIDDLE}L{back:.1f} {_MIDDLE - 5}'
            f'L{back:.1f} {_MIDDLE + 5}Z"/>'
        )
    return (
        f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{_MIDDLE - 5}" y2="{_MIDDLE + 5}" {stroke}/>'
    )


def _dot(axis: Axis, value: float) -> str:
    if math.isinf(value):
        return _end(value, axis.at(value), 1 if value < 0 else -1, "")
    place = axis.at(value)
    return f'<circle class="ssl-claim-estimate" cx="{place:.1f}" cy="{_MIDDLE}" r="5"/>'
