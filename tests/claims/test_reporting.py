"""Claims: the file, the rules, the verdicts, the record, the table."""

import json
import math
from dataclasses import dataclass, field, replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ssl_lib import paths
from ssl_lib.claims import (
    MIME,
    Choice,
    Estimate,
    Revision,
    decide,
    load,
    records,
    report,
    restore,
    scoreboard,
    scorecard,
)
from ssl_lib.errors import InputError
from ssl_lib.profiles import Settings
from ssl_lib.results import Store

BASE = {
    "id": "C1",
    "paper": "rankme",
    "claim": "RankMe ranks <runs>.",
    "where": "Table 1",
    "paper_value": 0.91,
    "statistic": "Kendall's tau",
    "rule": {"at_least": 0.7},
    "reason": "too few runs",
}
MANY = {"all": [{"statistic": "tau", "at_least": 0.7}, {"statistic": "gap", "at_most": 0.01}]}


def write(folder: Path, *changes: dict[str, Any]) -> Path:
    path = folder / "claims.yml"
    entries = [{k: v for k, v in (BASE | c).items() if v is not None} for c in changes]
    path.write_text(yaml.safe_dump(entries))
    return path


# The file


def test_projects_own_file_is_well_formed() -> None:
    found = load()
    assert found
    assert all(claim.rules and claim.statistic for claim in found)


def test_fields_are_read(tmp_path: Path) -> None:
    one, two = load(write(tmp_path, {}, {"id": "C2", "paper_value": "many", "rule": MANY}))
    assert (one.id, one.paper, one.paper_value, one.rule_text) == (
        "C1",
        "rankme",
        "0.91",
        "at least 0.7",
    )
    assert (two.paper_value, two.rule_text) == ("many", "tau at least 0.7 and gap at most 0.01")


def test_optional_fields_are_read(tmp_path: Path) -> None:
    more = {"figure": "fig-a-runs", "chosen_on": {"seeds": [0, 1], "what": "the temperature"}}
    one, two = load(write(tmp_path, {}, {"id": "C2", **more}))
    assert (one.figure, one.chosen_on) == ("", None)
    assert (two.figure, two.chosen_on) == (
        "fig-a-runs",
        Choice(seeds=(0, 1), what="the temperature"),
    )


PAST = {"date": date(2026, 11, 30), "was": "at least 0.5", "verdict": "reproduced", "why": "Few."}


def test_a_changed_rule_is_read_with_its_date(tmp_path: Path) -> None:
    one, two = load(write(tmp_path, {}, {"id": "C2", "revised": PAST}))
    assert (one.revised, two.revised) == (None, Revision(**PAST))
    assert "date: 2026-11-30\n" in (tmp_path / "claims.yml").read_text()


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "claims.yml").write_text("# nothing yet\n")
    assert load(tmp_path / "claims.yml") == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wher": "x"}, r"claim rankme/C1: unknown key 'wher'\. Did you mean 'where'\?"),
        ({"where": None}, "claim rankme/C1: missing where"),
        ({"claim": "  "}, "claim rankme/C1: claim must be text"),
        ({"id": 3}, "claim rankme/3: id must be text"),
        ({"rule": "at_least 0.7"}, "claim rankme/C1: rule must be a mapping"),
        ({"rule": {}}, "exactly one of at_least, at_most, between, equals"),
        ({"rule": {"at_least": 1, "at_most": 2}}, "exactly one"),
        ({"rule": {"atleast": 1}}, r"unknown key 'atleast'\. Did you mean 'at_least'\?"),
        ({"rule": {"at_least": "0.7"}}, "compares with numbers, got '0.7'"),
        ({"rule": {"at_least": True}}, "compares with numbers"),
        ({"rule": {"at_least": math.nan}}, "compares with numbers"),
        ({"rule": {"at_least": 1, "tolerance": 1}}, "equals needs a tolerance"),
        ({"rule": {"equals": 1}}, "equals needs a tolerance"),
        ({"rule": {"equals": 1, "tolerance": -1}}, "at least 0, got -1"),
        ({"rule": {"between": [2, 1]}}, "smaller number first"),
        ({"rule": {"between": [1]}}, "two numbers"),
        ({"rule": {"at_least": 1, "min_n": 2.5}}, "min_n must be a whole number"),
        ({"rule": {"all": [{"at_least": 1}]}}, "two or more"),
        ({"rule": {"all": [{"at_least": 1}, {"at_most": 2}]}}, "statistic of its own"),
        ({"rule": MANY | {"at_least": 1}}, "unknown key 'at_least'"),
        ({"chosen_on": [0]}, r"C1: chosen_on must be like \{seeds: \[0\], what: ...\}, got \[0\]"),
        ({"chosen_on": {"seeds": [0]}}, "C1: chosen_on: missing what"),
        ({"chosen_on": {"seed": [0], "what": "t"}}, r"key 'seed'\. Did you mean 'seeds'\?"),
        ({"chosen_on": {"seeds": [], "what": "t"}}, r"whole numbers from 0, got \[\]"),
        ({"chosen_on": {"seeds": [-1], "what": "t"}}, r"whole numbers from 0, got \[-1\]"),
        ({"chosen_on": {"seeds": [True], "what": "t"}}, r"whole numbers from 0, got \[True\]"),
        ({"chosen_on": {"seeds": 0, "what": "t"}}, "whole numbers from 0, got 0"),
        ({"chosen_on": {"seeds": [1, 1], "what": "t"}}, r"each seed once, got \[1, 1\]"),
        ({"chosen_on": {"seeds": [1], "what": 3}}, "what must be text, got 3"),
        ({"revised": "once"}, r"C1: revised must be like \{date: 2026-11-30, .*, got 'once'"),
        ({"revised": PAST | {"since": 1}}, "C1: revised: unknown key 'since'"),
        ({"revised": {"date": PAST["date"]}}, "C1: revised: missing was, verdict, why"),
        ({"revised": PAST | {"date": "today"}}, "date must be like 2026-11-30, got 'today'"),
        ({"revised": PAST | {"was": 3}}, "revised: was must be text, got 3"),
        ({"revised": PAST | {"why": " "}}, "revised: why must be text, got ' '"),
        ({"revised": PAST | {"verdict": "reproducd"}}, r"'reproducd'\. Did you mean 'reproduced'"),
    ],
)
def test_malformed_claims_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(write(tmp_path, change))


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: 1", "must be a list"), ("- x", "claim number 1"), ("- [", "not YAML")],
)
def test_files_that_are_no_list_of_claims(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "claims.yml").write_text(text)
    with pytest.raises(InputError, match=message):
        load(tmp_path / "claims.yml")
    with pytest.raises(InputError, match="no file of claims"):
        load(tmp_path / "none.yml")


def test_ids_are_unique_within_a_paper(tmp_path: Path) -> None:
    assert len(load(write(tmp_path, {}, {"paper": "diet"}))) == 2
    with pytest.raises(InputError, match="rankme/C1: this id is used twice"):
        load(write(tmp_path, {}, {}))


# Verdicts


@pytest.mark.parametrize(
    ("rule", "estimate", "verdict"),
    [
        ({"at_least": 0.7}, Estimate(0.7), "reproduced"),
        ({"at_least": 0.7}, Estimate(0.6999), "not reproduced"),
        ({"at_least": 0.7}, Estimate(0.8, 0.7, 0.9), "reproduced"),
        ({"at_least": 0.7}, Estimate(0.8, 0.69, 0.9), "inconclusive"),
        ({"at_least": 0.7}, Estimate(0.5, 0.4, 0.6), "not reproduced"),
        ({"at_most": 0}, Estimate(-0.1, -0.2, -0.05), "reproduced"),
        ({"at_most": 0}, Estimate(0.1, -0.1, 0.2), "inconclusive"),
        ({"between": [1, 2]}, Estimate(1.5, 1, 2), "reproduced"),
        ({"between": [1, 2]}, Estimate(1.5, 0, 3), "inconclusive"),
        ({"between": [1, 2]}, Estimate(2.5, 2.1, 3), "not reproduced"),
        ({"equals": 0.91, "tolerance": 0.01}, Estimate(0.92), "reproduced"),
        ({"equals": 0.1, "tolerance": 0.2}, Estimate(0.3), "reproduced"),
        ({"equals": 0.1, "tolerance": 0.2}, Estimate(0.1 + 0.2), "not reproduced"),
        ({"equals": 46110, "tolerance": 0}, Estimate(np.int64(46110)), "reproduced"),
        ({"equals": 46110, "tolerance": 0}, Estimate(46110.5), "not reproduced"),
        ({"at_least": 0.7, "min_n": 5}, Estimate(0.9, n=4), "inconclusive"),
        ({"at_least": 0.7, "min_n": 5}, Estimate(0.9), "inconclusive"),
        ({"at_least": 0.7, "min_n": 5}, Estimate(0.9, n=5), "reproduced"),
        ({"at_least": 0.7}, Estimate(math.nan), "inconclusive"),
        ({"at_least": 0.7}, Estimate(math.inf), "reproduced"),
    ],
)
def test_verdicts(rule: dict[str, Any], estimate: Estimate, verdict: str) -> None:
    assert decide(rule, estimate) == verdict


@pytest.mark.parametrize(
    ("tau", "gap", "verdict"),
    [
        (Estimate(0.8), Estimate(0), "reproduced"),
        (Estimate(0.8), Estimate(0.02), "not reproduced"),
        (Estimate(0.8, 0.6, 0.9), Estimate(0), "inconclusive"),
        (Estimate(0.8, 0.6, 0.9), Estimate(0.02), "not reproduced"),
    ],
)
def test_verdicts_of_several_parts(tau: Estimate, gap: Estimate, verdict: str) -> None:
    assert decide(MANY, {"tau": tau, "gap": gap}) == verdict


def test_missing_estimates_are_named() -> None:
    with pytest.raises(InputError, match="named 'gap'"):
        decide(MANY, {"tau": Estimate(1)})
    with pytest.raises(InputError, match=r"each of \['tau', 'gap'\]"):
        decide(MANY, Estimate(1))
    with pytest.raises(InputError, match="a single estimate"):
        decide({"at_least": 1}, {"tau": Estimate(1)})


finite = st.floats(-1e6, 1e6)


@given(finite, finite, st.tuples(finite, finite, finite).map(sorted))
@settings(max_examples=200)
def test_verdict_follows_from_where_the_interval_lies(
    a: float, b: float, ends: list[float]
) -> None:
    rule = {"between": [min(a, b), max(a, b)]}
    low, value, high = ends
    verdict = decide(rule, Estimate(value, low, high))
    inside = min(a, b) <= low and high <= max(a, b)
    outside = high < min(a, b) or low > max(a, b)
    assert verdict == ("reproduced" if inside else "not reproduced" if outside else "inconclusive")
    # A narrower interval never turns a decision into its opposite.
    exact = decide(rule, Estimate(value))
    assert verdict in (exact, "inconclusive")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"value": 1, "low": 0}, "both low and high"),
        ({"value": 2, "low": 0, "high": 1}, "outside"),
        ({"value": "x"}, "value must be a number"),
        ({"value": None}, "value must be a number"),
        ({"value": 1, "low": math.nan, "high": 2}, "low must be a number"),
    ],
)
def test_estimates_that_make_no_sense(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Estimate(**arguments)


def test_numbers_are_written_for_readers() -> None:
    assert str(Estimate(0.9100000000000001, 0.9, 0.92, n=46110, note="exact")) == (
        "0.91 (0.9 to 0.92, n = 46,110, exact)"
    )
    assert str(Estimate(np.int64(2510))) == "2,510"
    assert str(Estimate(-0.5)) == "−0.5"


# The report


def run(tmp_path: Path, **options: Any) -> Any:
    file = write(tmp_path, {}, {"id": "C2", "rule": MANY}, {"id": "C3"}, {"paper": "diet"})
    given = {
        "C1": Estimate(0.5, 0.4, 0.6, n=20),
        "C2": {"tau": Estimate(0.8), "gap": Estimate(np.float64(0.0))},
    }
    defaults = {"profile": "smoke", "not_tested": {"C3": "needs <data>"}, "claims": file}
    return report("rankme", given, **(defaults | options))


def test_report_shows_claim_place_numbers_rule_and_verdict(tmp_path: Path) -> None:
    shown = run(tmp_path)
    plain = str(shown).splitlines()
    assert plain[0].startswith("C1 ✗ not reproduced: 0.5 (0.4 to 0.6, n = 20) (rule: at least 0.7")
    assert plain[1].startswith("C2 ✓ reproduced: tau: 0.8; gap: 0")
    assert plain[2].startswith("C3 – not tested")
    for text in (
        "RankMe ranks &lt;runs&gt;.",
        "Table 1",
        "0.91",
        "too few runs",
        "needs &lt;data&gt;",
    ):
        assert text in shown.html
    assert "<runs>" not in shown.html


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "br":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_report_has_an_entry_for_each_claim(tmp_path: Path) -> None:
    html = run(tmp_path).html
    parsed = Tags(html)
    assert parsed.open == []
    marks = [
        tuple(given[f"data-{name}"] for name in ("paper", "claim", "profile", "verdict"))
        for tag, given in parsed.tags if tag == "li" and "data-claim" in given
    ]  # fmt: skip
    assert marks == [
        ("rankme", "C1", "smoke", "not reproduced"),
        ("rankme", "C2", "smoke", "reproduced"),
        ("rankme", "C3", "smoke", "not tested"),
    ]
    names = [given["id"] for _, given in parsed.tags if "id" in given]
    assert names == ["claim-rankme-C1", "claim-rankme-C2", "claim-rankme-C3"]
    assert html.startswith(
        '<p class="ssl-claims-about">Claims of the paper and what this run (smoke profile) finds: '
        "1 reproduced, 1 not reproduced, 1 not tested.</p>"
    )
    assert "table" not in [tag for tag, _ in parsed.tags]


def test_the_paper_is_linked_by_its_number_in_the_list_of_chapters(tmp_path: Path) -> None:
    links = [given["href"] for tag, given in Tags(run(tmp_path).html).tags if tag == "a"]
    assert links == ["https://arxiv.org/abs/2210.02885"] * 3


def test_reason_is_shown_only_where_a_claim_is_not_reproduced(tmp_path: Path) -> None:
    assert run(tmp_path).html.count("too few runs") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"not_tested": {}}, "no estimate for C3"),
        ({"not_tested": {"C3": "x", "C9": "x"}}, "no claim 'C9'"),
        ({"not_tested": {"C3": "x", "C1": "x"}}, "C1 both tested and not tested"),
        ({"profile": "fast"}, "profile 'fast'"),
    ],
)
def test_report_wants_every_claim_covered(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        run(tmp_path, **options)
    assert not (paths.cache_root() / "verdicts").exists()


def test_report_names_the_claim_whose_estimate_is_wrong(tmp_path: Path) -> None:
    file = write(tmp_path, {"rule": MANY})
    with pytest.raises(InputError, match="claim rankme/C1: the rule needs"):
        report("rankme", {"C1": Estimate(1)}, profile="quick", claims=file)


def test_chapter_without_claims(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no claims of 'rankm'\. Did you mean 'rankme'\?"):
        report("rankm", {}, profile="quick", claims=write(tmp_path, {}))


# Records


def test_record_is_in_the_cache_and_in_the_output(tmp_path: Path) -> None:
    shown = run(tmp_path)
    path = paths.cache_root() / "verdicts" / "rankme.smoke.json"
    record = json.loads(path.read_text())
    bundle = shown._repr_mimebundle_()
    assert bundle[MIME] == record
    assert {"text/html", "text/plain", MIME} == {*bundle}
    path.unlink()
    assert restore(json.loads(json.dumps(bundle[MIME]))) == path
    assert json.loads(path.read_text()) == record


def test_record_says_how_far_its_tables_can_be_relied_on(tmp_path: Path) -> None:
    import pandas as pd

    result = Store(tmp_path).table("one", lambda config: pd.DataFrame({"x": [1.0]}), {})
    published = replace(result, origin="published", changes=("source a:f changed",))
    file = write(tmp_path, {}, {"id": "C2"})
    boards = {}
    for profile, behind in (("smoke", []), ("quick", [result]), ("paper", [result, published])):
        shown = report(
            "rankme", {"C1": Estimate(0.9)}, profile=profile, results=behind, claims=file,
            not_tested={"C2": "too few runs"},
        )  # fmt: skip
        boards[profile] = shown.html.partition("Evidence: ")[2].partition("</")[0]
    assert boards == {
        "smoke": "smoke profile",
        "quick": "quick profile, 1 table, computed",
        "paper": "paper profile, 1 table, not verified since",
    }
    path = paths.cache_root() / "verdicts" / "rankme.quick.json"
    record = json.loads(path.read_text())
    assert record.pop("evidence") == "computed"
    assert (record.pop("tables"), record.pop("seeds")) == (["one"], [])
    board = scoreboard(claims=file, published=tmp_path / "none")
    found = board.set_index(["id", "profile"])["evidence"]
    assert found["C1"].to_dict() == {
        "smoke": "", "quick": "computed", "paper": "not verified since",
    }  # fmt: skip
    assert {*found["C2"]} == {""}
    restore(record)  # of a run from before there was such a field
    board = scoreboard(claims=file, published=tmp_path / "none")
    assert board.set_index(["id", "profile"])["evidence"]["C1", "quick"] == ""


def test_record_of_no_chapter_is_refused() -> None:
    with pytest.raises(InputError, match="slug"):
        restore({"slug": "../x", "profile": "quick"})


def test_scoreboard_has_a_row_for_each_claim_and_profile(tmp_path: Path) -> None:
    run(tmp_path)
    run(tmp_path, profile="quick")
    board = scoreboard(claims=tmp_path / "claims.yml", published=tmp_path / "none")
    verdicts = {(r.paper, r.id, r.profile): r.verdict for r in board.itertuples()}
    assert verdicts == {
        ("rankme", "C1", "smoke"): "not reproduced",
        ("rankme", "C1", "quick"): "not reproduced",
        ("rankme", "C2", "smoke"): "reproduced",
        ("rankme", "C2", "quick"): "reproduced",
        ("rankme", "C3", "smoke"): "not tested",
        ("rankme", "C3", "quick"): "not tested",
        ("diet", "C1", ""): "not run",
    }
    assert {*board["origin"]} == {"cache", ""}
    assert not board.isna().any(axis=None)


def test_cache_comes_before_committed_records(tmp_path: Path) -> None:
    file = write(tmp_path, {})
    published = tmp_path / "verdicts"
    published.mkdir()
    for profile, value in (("quick", 0.9), ("paper", 0.8)):
        report("rankme", {"C1": Estimate(value)}, profile=profile, claims=file)
        record = paths.cache_root() / "verdicts" / f"rankme.{profile}.json"
        record.rename(published / record.name)
    report("rankme", {"C1": Estimate(0.1)}, profile="quick", claims=file)
    board = scoreboard(claims=file, published=published)
    assert board[["profile", "verdict", "origin"]].values.tolist() == [
        ["quick", "not reproduced", "cache"],
        ["paper", "reproduced", "published"],
    ]


def test_verdicts_follow_the_rules_as_they_are_now(tmp_path: Path) -> None:
    report("rankme", {"C1": Estimate(0.8)}, profile="quick", claims=write(tmp_path, {}))
    file = write(tmp_path, {"rule": {"at_least": 0.9}}, {"id": "C2"})
    board = scoreboard(claims=file, published=tmp_path)
    assert board["verdict"].tolist() == ["not reproduced", "not tested"]
    assert board["reason"].tolist() == ["too few runs", "the claim is newer than the run"]
    board = scoreboard(claims=write(tmp_path, {"rule": MANY}), published=tmp_path)
    assert board["verdict"].tolist() == ["not tested"]
    assert board["reason"].tolist() == ["the rule is newer than the run"]


def test_a_part_that_is_no_number_survives_the_record(tmp_path: Path) -> None:
    parts = {"tau": Estimate(math.nan, note="undefined"), "gap": Estimate(0.001, 0.0, 0.002)}
    file = write(tmp_path, {"rule": MANY})
    shown = report("rankme", {"C1": parts}, profile="quick", claims=file)
    assert str(shown).startswith("C1 ? inconclusive: tau: ")
    board = scoreboard(claims=file, published=tmp_path)
    assert board["verdict"].tolist() == ["inconclusive"]
    assert board["estimate"][0] == "gap: 0.001 (0 to 0.002); tau: – (undefined)"


def test_estimates_survive_the_record(tmp_path: Path) -> None:
    file = write(tmp_path, {}, {"id": "C2"}, {"id": "C3"})
    estimates = {
        "C1": Estimate(np.float32(0.5), 0.25, 0.75, n=np.int64(3), note="seeds"),
        "C2": Estimate(math.nan),
        "C3": Estimate(12345678),
    }
    report("rankme", estimates, profile="quick", claims=file)
    board = scoreboard(claims=file, published=tmp_path)
    assert board["estimate"].tolist() == ["0.5 (0.25 to 0.75, n = 3, seeds)", "–", "12,345,678"]
    assert board["verdict"].tolist() == ["inconclusive", "inconclusive", "reproduced"]


def test_a_part_without_a_number_survives_the_record(tmp_path: Path) -> None:
    file = write(tmp_path, {"rule": MANY})
    given = {"tau": Estimate(math.nan, n=0, note="not run"), "gap": Estimate(0.0)}
    report("rankme", {"C1": given}, profile="quick", claims=file)
    board = scoreboard(claims=file, published=tmp_path)
    assert board[["estimate", "verdict"]].values.tolist() == [
        ["gap: 0; tau: – (n = 0, not run)", "inconclusive"]
    ]


# The scorecard


def test_scorecard_shows_the_largest_profile_that_tested_a_claim(tmp_path: Path) -> None:
    file = write(tmp_path, {}, {"id": "C2"}, {"id": "C9", "paper": "diet"})
    both = {"C1": Estimate(0.9), "C2": Estimate(0.1)}
    report("rankme", both, profile="smoke", claims=file)
    report(
        "rankme", {"C1": Estimate(0.8)}, profile="standard", claims=file, not_tested={"C2": "dear"}
    )
    shown = scorecard(claims=file, published=tmp_path)
    marks = [given for tag, given in Tags(shown.html).tags if "data-claim" in given]
    found = [tuple(m[f"data-{name}"] for name in ("claim", "profile", "verdict")) for m in marks]
    assert found == [
        ("C1", "standard", "reproduced"),
        ("C2", "smoke", "not reproduced"),
        ("C9", "", "not run"),
    ]
    assert str(shown).splitlines()[0].startswith("rankme C1 ✓ reproduced: 0.8 (rule: at least 0.7")
    first = shown.html.partition('data-claim="C2"')[0]
    assert "<summary>smoke profile: <span" in first
    assert "reproduced</span></summary><p>0.9</p></details>" in first
    assert 'href="rankme.html#claim-rankme-C1"' in first
    titles = ["RankMe: quality without labels", "DIET: the datum&#x27;s index as its label"]
    assert [shown.html.count(f"<h3>{title}</h3>") for title in titles] == [1, 1]


def test_scorecard_lists_claims_with_a_verdict(tmp_path: Path) -> None:
    file = write(tmp_path, {}, {"id": "C2"})
    report("rankme", {"C1": Estimate(0.9), "C2": Estimate(0.1)}, profile="smoke", claims=file)
    shown = scorecard(verdicts=["not reproduced"], claims=file, published=tmp_path)
    assert '<a href="#claim-rankme-C2">rankme C2</a>: RankMe ranks &lt;runs&gt;.' in shown.html
    assert "C1" not in shown.html
    none = scorecard(verdicts=["inconclusive"], claims=file, published=tmp_path)
    assert none.html == "<p>None.</p>"
    with pytest.raises(InputError, match=r"no verdict 'reproducd'\. Did you mean 'reproduced'\?"):
        scorecard(verdicts=["reproducd"], claims=file, published=tmp_path)


# What leaves a record


@dataclass(frozen=True, kw_only=True)
class Parameters(Settings):
    """A chapter's, with one of its own and the one that computes all anew."""

    sizes: tuple[int, ...] = field(default_factory=tuple)
    fresh: bool = False


def record_after(tmp_path: Path, given: object) -> tuple[Any, bool]:
    path = write(tmp_path, {})
    shown = report(
        "rankme", {"C1": Estimate(0.8, 0.75, 0.85, n=5)}, profile="quick", claims=path,
        settings=given,
    )  # fmt: skip
    return shown, (paths.cache_root() / "verdicts" / "rankme.quick.json").exists()


@pytest.mark.parametrize(
    "given", [None, Parameters(), Parameters(profile="standard", device="cpu", fresh=True)]
)
def test_defaults_leave_a_record(tmp_path: Path, given: object) -> None:
    shown, kept = record_after(tmp_path, given)
    assert kept
    assert MIME in shown._repr_mimebundle_()


def test_a_parameter_away_from_its_default_leaves_none(tmp_path: Path) -> None:
    shown, kept = record_after(tmp_path, Parameters(seed=1, sizes=(2,)))
    assert not kept
    assert MIME not in shown._repr_mimebundle_()
    said = "The scorecard keeps no record of this run: seed = 1, sizes = (2,)."
    assert str(shown).endswith(said)


def test_such_a_run_leaves_the_record_of_an_earlier_one(tmp_path: Path) -> None:
    record_after(tmp_path, Parameters())
    record = paths.cache_root() / "verdicts" / "rankme.quick.json"
    before = record.read_bytes()
    assert record_after(tmp_path, Parameters(seed=1))[1]
    assert record.read_bytes() == before


def test_settings_that_are_no_dataclass_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="settings must be a dataclass, got dict"):
        record_after(tmp_path, {"seed": 1})


@pytest.mark.parametrize("ends", [(-math.inf, math.inf), (0.0, math.inf), (0, 2), (None, None)])
def test_a_record_is_json_whatever_the_ends_of_an_interval(ends):
    estimate = Estimate(1.0, *ends, n=1, note="one seed")
    text = json.dumps(records.to_json({"C1": estimate}), allow_nan=False)
    assert records.from_json(json.loads(text)) == {"C1": estimate}


def test_published_records_answer_the_rules_of_today() -> None:
    kept = records.read(paths.share("results") / "verdicts", "published")
    assert kept
    for (slug, _), record in kept.items():
        for claim in load():
            if claim.paper == slug and claim.id in record["estimates"]:
                decide(claim.rules, records.from_json(record["estimates"][claim.id]))
