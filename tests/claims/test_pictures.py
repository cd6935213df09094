"""The picture of an estimate against its rule: places, shading, what has no end."""

import math
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from ssl_lib.claims import Estimate
from ssl_lib.claims.pictures import WIDTH, Axis, picture, words
from ssl_lib.claims.rules import parse_rules


class Drawn:
    """The elements of a picture by the last part of their class."""

    def __init__(self, rule: dict[str, Any], estimate: Estimate) -> None:
        self.root = ElementTree.fromstring(picture(estimate, parse_rules(rule)[0]))

    def numbers(self, name: str, *attributes: str) -> list[tuple[float, ...]]:
        found = [e for e in self.root if e.get("class") == f"ssl-claim-{name}"]
        return [tuple(float(e.get(a, "nan")) for a in attributes) for e in found]

    @property
    def shade(self) -> tuple[float, float]:
        ((left, width),) = self.numbers("region", "x", "width")
        return left, left + width

    @property
    def texts(self) -> list[str | None]:
        return [e.text for e in self.root if e.tag == "text"]


def test_estimate_and_interval_lie_where_their_numbers_are() -> None:
    # From 0.5 to 1 with a fifth of that on both sides: 0.4 to 1.1, so 320 units for 0.7.
    drawn = Drawn({"at_least": 0.5}, Estimate(0.75, 0.6, 1.0))
    assert drawn.numbers("estimate", "cx") == [(pytest.approx(320 * 0.35 / 0.7),)]
    ((left, right),) = drawn.numbers("interval", "x1", "x2")
    assert (left, right) == pytest.approx((320 * 0.2 / 0.7, 320 * 0.6 / 0.7), abs=0.05)
    assert drawn.numbers("rule", "x1") == [(pytest.approx(320 * 0.1 / 0.7, abs=0.05),)]
    assert drawn.texts == ["0.5"]


@pytest.mark.parametrize(
    ("rule", "shade"),
    [
        # 0 to 1 with the rule's ends in between: the axis is -0.2 to 1.2.
        ({"at_least": 0.5}, (160, 320)),
        ({"at_most": 0.5}, (0, 160)),
        ({"between": [0.15, 0.5]}, (80, 160)),
        ({"equals": 0.5, "tolerance": 0.35}, (80, 240)),
        ({"equals": 0.5, "tolerance": 0}, (158.5, 161.5)),
    ],
)
def test_shaded_is_where_the_rule_holds(rule: dict[str, Any], shade: tuple[float, float]) -> None:
    assert Drawn(rule, Estimate(0.25, 0.0, 1.0)).shade == pytest.approx(shade, abs=0.051)


@pytest.mark.parametrize("rule", [{"at_least": 0.7}, {"at_most": 0.7}, {"between": [0.6, 0.9]}])
@pytest.mark.parametrize("value", [-3.0, 0.65, 0.7, 0.8, 1e6])
def test_the_dot_is_in_the_shade_where_the_rule_holds(rule: dict[str, Any], value: float) -> None:
    drawn, part = Drawn(rule, Estimate(value)), parse_rules(rule)[0]
    ((place,),) = drawn.numbers("estimate", "cx")
    left, right = drawn.shade
    inside = float(part.low) <= value <= float(part.high)
    assert (left - 0.051 <= place <= right + 0.051) == inside


def test_an_exact_value_has_no_interval() -> None:
    drawn = Drawn({"equals": 3, "tolerance": 0}, Estimate(3))
    assert drawn.numbers("interval", "x1") == []
    assert drawn.numbers("estimate", "cx") == [(160.0,)]


def test_an_interval_without_end_runs_to_the_edge_and_has_an_arrow() -> None:
    drawn = Drawn({"at_least": 0}, Estimate(1.0, -math.inf, math.inf))
    assert drawn.numbers("interval", "x1", "x2") == [(0.0, WIDTH)]
    assert len(drawn.numbers("arrow")) == 2
    half = Drawn({"at_least": 0}, Estimate(1.0, 0.5, math.inf))
    assert len(half.numbers("arrow")) == 1
    assert "interval 0.5 to inf" in words(Estimate(1.0, 0.5, math.inf), RULE)


def test_an_infinite_estimate_is_an_arrow() -> None:
    drawn = Drawn({"at_least": 0}, Estimate(math.inf))
    assert (drawn.numbers("estimate", "cx"), len(drawn.numbers("arrow"))) == ([], 1)


def test_without_an_estimate_only_the_rule_is_drawn() -> None:
    drawn = Drawn({"between": [0, 1]}, Estimate(math.nan))
    assert drawn.numbers("estimate", "cx") == drawn.numbers("interval", "x1") == []
    assert drawn.shade == pytest.approx((320 / 7, 320 * 6 / 7), abs=0.051)
    assert "nan" not in ElementTree.tostring(drawn.root, encoding="unicode").lower()


RULE = parse_rules({"at_most": 0.7})[0]


@pytest.mark.parametrize(
    ("estimate", "place"),
    [
        (Estimate(0.5, 0.4, 0.6), "interval 0.4 to 0.6, inside"),
        (Estimate(0.7), "Estimate 0.7, inside"),
        (Estimate(0.65, 0.6, 0.8), "interval 0.6 to 0.8, partly inside"),
        (Estimate(0.8, 0.75, 0.9), "interval 0.75 to 0.9, outside"),
        (Estimate(math.nan), "No estimate; the rule is: at most 0.7."),
    ],
)
def test_the_text_alternative_says_where_the_interval_lies(estimate: Estimate, place: str) -> None:
    assert place in words(estimate, RULE)
    root = ElementTree.fromstring(picture(estimate, RULE))
    assert (root.get("role"), root.get("aria-label")) == ("img", words(estimate, RULE))


def test_labels_that_would_overlap_are_one() -> None:
    assert Drawn({"between": [0.49, 0.51]}, Estimate(9.0)).texts == ["0.49 to 0.51"]
    assert Drawn({"between": [0, 1]}, Estimate(0.5)).texts == ["0", "1"]


@pytest.mark.parametrize("value", [0.0, 1e-300, 5e4, -2.5])
def test_labels_stay_inside_the_picture(value: float) -> None:
    drawn = Drawn({"at_most": value}, Estimate(value + 1e3))
    (label,) = [e for e in drawn.root if e.tag == "text"]
    half = 3.5 * len(label.text or "")
    assert half <= float(label.get("x", "nan")) <= WIDTH - half


def test_one_number_is_in_the_middle() -> None:
    for value in (0.0, 3.0, -3.0, 1e-12):
        assert Axis.around([value]).at(value) == pytest.approx(WIDTH / 2)


def test_colours_follow_the_text() -> None:
    svg = picture(Estimate(0.5, 0.4, 0.6), RULE)
    assert {*re.findall(r'(?:fill|stroke)="([^"]+)"', svg)} == {"currentColor", "none"}
