"""A claim's entry: its parts, its evidence, and text that stays text."""

import math
from dataclasses import replace
from datetime import date

import pytest

from ssl_lib.claims import Choice, Claim, Estimate, Revision
from ssl_lib.claims.entries import Evidence, Outcome, counts, entries, entry, sign
from ssl_lib.claims.rules import parse_rules

CLAIM = Claim(
    id="C1",
    paper="rankme",
    claim="a < b & c",
    where="Table <1>",
    paper_value="<0.9>",
    statistic="tau > 0",
    rules=parse_rules({"at_least": 0.7}),
)
MANY = replace(
    CLAIM,
    rules=parse_rules(
        {"all": [{"statistic": "<tau>", "at_least": 0.7}, {"statistic": "gap", "at_most": 0.01}]}
    ),
)


def test_text_is_escaped() -> None:
    outcome = Outcome(
        verdict="not reproduced",
        estimate=Estimate(0.5, note="<note>"),
        reason="<reason>",
        evidence=Evidence(profile="quick", tables=("<table>",), standing="<current>"),
    )
    claim = replace(CLAIM, figure='"><fig>', chosen_on=Choice(seeds=(0,), what="<t>"))
    html = entry(claim, outcome, others=[outcome], paper="<arxiv>", chapter="<chapter>")
    for raw in (
        "a < b", "<1>", "<0.9>", "tau > 0", "<note>", "<reason>", "<table>", "<current>", "<fig>",
        "<t>", "<arxiv>", "<chapter>",
    ):  # fmt: skip
        assert raw not in html
    for escaped in ("a &lt; b &amp; c", "&lt;note&gt;", "&lt;reason&gt;", "&lt;table&gt;"):
        assert escaped in html


def test_each_part_has_its_picture_and_its_own_verdict() -> None:
    given = {"<tau>": Estimate(0.8, 0.75, 0.9), "gap": Estimate(0.5), "aside": Estimate(3)}
    html = entry(MANY, Outcome(verdict="not reproduced", estimate=given))
    assert html.count("<svg") == 2
    first, second = html.split('<div class="ssl-claim-part">')[1:]
    assert sign("reproduced") + " &lt;tau&gt;: <strong>0.8</strong> (0.75 to 0.9)" in first
    assert "; holds if at least 0.7" in first
    assert sign("not reproduced") + " gap: <strong>0.5</strong>; holds if at most 0.01" in second
    assert '<p class="ssl-claim-rest">aside: 3</p>' in second


def test_one_part_has_the_rule_among_the_facts() -> None:
    html = entry(CLAIM, Outcome(verdict="inconclusive", estimate=Estimate(math.nan, note="why")))
    assert "<dt>Holds if</dt><dd>at least 0.7</dd>" in html
    assert "<strong>–</strong> (no estimate, why)" in html
    assert html.count("<svg") == 1


def test_what_was_not_tested_has_no_picture_but_its_rule_and_reason() -> None:
    html = entry(MANY, Outcome(verdict="not tested", reason="too long"))
    assert "<svg" not in html
    assert "Holds if &lt;tau&gt; at least 0.7 and gap at most 0.01." in html
    assert "<summary>Why C1 is not tested</summary><p>too long</p></details>" in html


def test_verdicts_are_sign_word_and_class() -> None:
    found = {verdict: sign(verdict) for verdict in ("reproduced", "not reproduced", "not run")}
    assert found == {
        "reproduced": '<span class="ssl-verdict ssl-reproduced">'
        '<span aria-hidden="true">✓</span> reproduced</span>',
        "not reproduced": '<span class="ssl-verdict ssl-not-reproduced">'
        '<span aria-hidden="true">✗</span> not reproduced</span>',
        "not run": '<span class="ssl-verdict ssl-not-run">'
        '<span aria-hidden="true">–</span> not run</span>',
    }


@pytest.mark.parametrize(
    ("evidence", "text"),
    [
        (Evidence(), ""),
        (Evidence(profile="smoke", seeds=(1,)), "smoke profile, 1 seed"),
        (
            Evidence(profile="quick", seeds=(3, 20), tables=("a",), standing="current"),
            "quick profile, 3 to 20 seeds, 1 table, current",
        ),
    ],
)
def test_evidence_in_words(evidence: Evidence, text: str) -> None:
    assert evidence.text == text


def test_seeds_that_chose_a_setting_are_named() -> None:
    chosen = replace(CLAIM, chosen_on=Choice(seeds=(0, 1), what="the temperature"))
    outcome = Outcome(verdict="reproduced", evidence=Evidence(profile="quick", seeds=(20,)))
    said = "quick profile, 20 seeds; seeds 0, 1 chose the temperature and do not count"
    assert f"Evidence: {said}<" in entry(chosen, outcome)
    assert Choice(seeds=(4,), what="t").text == "seed 4 chose t and does not count"


def test_what_a_claim_said_before_its_rule_changed_stands_beside_it() -> None:
    past = Revision(
        date=date(2026, 11, 30), was="a <mean>", verdict="reproduced", why="It was <wrong>."
    )
    html = entry(replace(CLAIM, revised=past), Outcome(verdict="inconclusive"))
    said = f"Before its rule changed on 2026-11-30 (quick profile): {sign('reproduced')}"
    assert f"<summary>{said}</summary>" in html
    assert "<p>It was decided by: a &lt;mean&gt;. It was &lt;wrong&gt;.</p>" in html
    assert 'data-verdict="inconclusive"' in html
    assert "Before its rule" not in entry(CLAIM, Outcome(verdict="inconclusive"))


def test_links_to_figure_chapter_and_paper() -> None:
    claim = replace(CLAIM, figure="fig-rankme-all_runs")
    here = entry(claim, Outcome(verdict="reproduced"))
    there = entry(claim, Outcome(verdict="reproduced"), paper="2210.02885", chapter="rankme.html")
    assert '<a href="#fig-rankme-all-runs">Figure of C1</a>' in here
    assert "arxiv" not in here
    assert '<a href="rankme.html#fig-rankme-all-runs">' in there
    assert '<a href="rankme.html#claim-rankme-C1">' in there
    assert '<a href="https://arxiv.org/abs/2210.02885">arXiv 2210.02885</a>' in there


def test_a_list_is_named() -> None:
    html = entries(["<li>x</li>"], label='all "claims"')
    assert html.startswith('<ul class="ssl-claims" role="list" aria-label="all &quot;claims&quot;"')


def test_counts_are_in_the_order_of_verdicts() -> None:
    assert counts(["not run", "not tested", "inconclusive", "not reproduced", "reproduced"]) == (
        "1 reproduced, 1 not reproduced, 1 inconclusive, 1 not tested, 1 not run"
    )
    assert counts([]) == ""
