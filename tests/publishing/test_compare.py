import json
import math

import pytest

from ssl_lib import claims, cli, markup
from ssl_lib.claims import Estimate
from ssl_lib.publishing import compare, site
from ssl_lib.publishing.compare import difference

BARS = (
    "group,members,gain,gain_low,gain_high,seconds\nall,1,0.5,0.4,0.6,3\nworst,1,0.25,0.2,0.3,4\n"
)
PLACES = "x,y\n0.5,1.5\n0.25,2.5\n0.5,0.5\n"


def page(verdict="reproduced", value="0.8"):
    table = markup.table(
        ["factor", "ratio", "run time"],
        [["pose", value, "3 s"]],
        caption="R.",
        label="tab-a-ratios",
    )
    row = ["C1", f"<span>✓ <strong>{verdict}</strong></span><br><small>because</small>", "it holds"]
    claimed = markup.table(
        ["claim", "verdict", "what"], [row], caption="Claims of the paper and what this run finds."
    )
    return f"<html><body>{table}{claimed}</body></html>"


def write_built(root, *, html=None, **csvs):
    folder = root / "_build" / "html"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "index.html").write_text("<html></html>")
    (folder / "notebooks" / "a.html").write_text(html or page(), encoding="utf-8")
    data = folder / "_static" / "data" / "a"
    data.mkdir(parents=True)
    for name, text in ({"bars": BARS, "places": PLACES} | csvs).items():
        if text:
            (data / f"fig-a-{name}.csv").write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def built(tmp_path):
    """Return what writes an old and a new book that differ as told, and compares them."""
    old = write_built(tmp_path / "old")

    def make(**changes):
        return old, write_built(tmp_path / "new", **changes)

    return make


def compared(books):
    return compare.compare(*(site.read(book) for book in books))


def of(text):
    header, *rows = (line.split(",") for line in text.splitlines())
    cells = tuple(tuple(site._cell(cell) for cell in row) for row in rows)
    return site.Table(chapter="a", columns=tuple(header), rows=cells)


def differs(old, new):
    return difference("fig-a-bars", of(old), of(new))


def test_a_built_book_is_read_from_the_checkout_the_build_and_the_site(built):
    old, _ = built()
    found = [site.read(old / below) for below in (".", "_build", "_build/html")]
    assert found[0] == found[1] == found[2]
    assert sorted(found[0].tables) == ["fig-a-bars", "fig-a-places", "tab-a-ratios"]
    assert found[0].tables["tab-a-ratios"].rows == (("pose", 0.8, "3 s"),)
    assert found[0].verdicts == {("a", "C1"): "reproduced"}


def test_verdicts_are_read_from_the_entries_that_chapters_show(tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_LIB_CACHE", str(tmp_path / "cache"))
    entry = {"paper": "a", "claim": "c - d", "where": "here", "paper_value": "1", "statistic": "s"}
    entries = [
        {**entry, "id": name, "rule": {"at_least": 0.3}} for name in ("C1", "C2", "C3", "C4")
    ]
    (tmp_path / "claims.yml").write_text(json.dumps(entries))
    sizes = {"C1": (0.5, 0.4, 0.6), "C2": (0.2, 0.1, 0.25), "C3": (0.3, 0.2, 0.4)}
    shown = claims.report(
        "a",
        {name: Estimate(value=v, low=lo, high=hi, n=3) for name, (v, lo, hi) in sizes.items()},
        profile="smoke",
        not_tested={"C4": "too long"},
        claims=tmp_path / "claims.yml",
    )
    root = write_built(tmp_path / "book", html=f"<body>{shown.html}</body>")
    verdicts = ["reproduced", "not reproduced", "inconclusive", "not tested"]
    expected = {("a", f"C{n}"): verdict for n, verdict in enumerate(verdicts, 1)}
    assert site.read(root).verdicts == expected
    # The scorecard shows the same entries; only a chapter's own page counts.
    (root / "_build/html/notebooks/a.html").rename(root / "_build/html/notebooks/scorecard.html")
    assert site.read(root).verdicts == {}


def test_the_same_book_is_equal(built):
    found = compared(built())
    assert found.counts() == {"equal": 3, "moved": 0, "new": 0, "gone": 0}
    assert not found.verdicts
    assert not found.exceeds(0)


@pytest.mark.parametrize("share", [1e-12, 0.01])
def test_a_number_that_moved_has_its_size_and_column(share):
    found = differs(BARS, BARS.replace("all,1,0.5,", f"all,1,{0.5 * (1 + share)!r},"))
    assert (found.state, found.column, found.replaced) == ("moved", "gain", 0)
    assert found.absolute == pytest.approx(0.5 * share, rel=1e-3)
    assert found.relative == pytest.approx(share / (1 + share), rel=1e-3)
    assert found.within is True
    assert found.exceeds(share / 2)
    assert not found.exceeds(share * 2)


def test_outside_its_interval():
    assert differs(BARS, BARS.replace("all,1,0.5,", "all,1,0.61,")).within is False


def test_no_interval_is_judged_where_the_old_value_is_not_in_it():
    old = "group,drop,keep,low,high\nall,0.5,0.6,-0.1,0.2\n"
    assert differs(old, old.replace("0.6", "0.61")).within is None


def test_a_change_of_sign_is_two_in_relation_to_the_larger_value():
    found = differs("group,x\na,1\n", "group,x\na,-1\n")
    assert (found.absolute, found.relative) == (2.0, 2.0)
    assert differs("group,x\na,0\n", "group,x\na,1e-9\n").relative == 1.0


def test_not_a_number_equals_itself_and_nothing_else():
    old = "group,x\na,\nb,1\n"
    assert differs(old, old).state == "equal"
    found = differs(old, "group,x\na,\nb,\n")
    assert (found.state, found.replaced, found.relative) == ("moved", 1, 0.0)
    assert found.exceeds(1e9)
    assert differs("group,x\na,inf\n", "group,x\na,inf\n").state == "equal"
    assert differs("group,x\na,inf\n", "group,x\na,-inf\n").replaced == 1


def test_rows_added_and_gone_are_counted_and_the_others_compared():
    longer = BARS + "top,1,0.1,0,0.2,5\n"
    assert differs(BARS, longer).rows_added == 1
    assert not differs(BARS, longer).exceeds(0)
    assert differs(longer, BARS).rows_gone == 1
    assert differs(longer, BARS).exceeds(1)
    moved = differs(BARS, longer.replace("0.25", "0.3"))
    assert (moved.rows_added, moved.column) == (1, "gain")


def test_rows_without_a_key_are_counted_as_a_whole():
    found = differs(PLACES, PLACES + "0.75,0.75\n")
    assert (found.rows_added, found.rows_gone) == (1, 0)


def test_row_order_counts_only_where_no_key_tells_rows_apart():
    header, one, two = BARS.splitlines()
    assert differs(BARS, f"{header}\n{two}\n{one}\n").state == "equal"
    header, first, *rest = PLACES.splitlines()
    assert differs(PLACES, "\n".join([header, *rest, first])).state == "moved"


def test_a_measured_count_is_a_number_that_moved_and_no_other_row():
    old = "seed,regions\n0,10\n1,12\n"
    found = differs(old, old.replace("12", "15"))
    assert (found.column, found.absolute, found.relative) == ("regions", 3.0, 0.2)
    assert (found.rows_added, found.rows_gone) == (0, 0)


def test_text_is_compared_exactly():
    old = "seed,worst\n0,pose\n1,pose\n"
    assert differs(old, old).state == "equal"
    assert differs(old, old.replace("1,pose", "1,Pose")).state == "moved"


def test_columns_added_and_gone():
    found = differs("group,x\na,1\n", "group,y\na,1\n")
    assert (found.columns_added, found.columns_gone) == (("y",), ("x",))
    assert found.exceeds(1)


def test_times_and_their_bounds_are_left_out():
    old = "width,plain_ms,slowdown,low,high,flops\n4,1,2,1.5,2.5,7\n"
    assert (
        differs(old, "width,plain_ms,slowdown,low,high,flops\n4,9,8,6.5,9.5,7\n").state == "equal"
    )
    assert differs(old, old.replace("7\n", "8\n")).column == "flops"


def test_the_column_that_marks_fresh_rows_is_no_new_one():
    with_sample = "a,b,run\nx,1,published\nx,5,fresh\n"
    for old, new in (("a,b\nx,1\n", with_sample), (with_sample, "a,b\nx,1\n")):
        assert differs(old, new).state == "equal"
    assert differs("a,b\nx,1\n", "a,b,run\nx,1,3\n").columns_added == ("run",)


def test_fresh_rows_are_left_out():
    old = "run,x\npublished,1\n"
    assert differs(old, old + "fresh,2\n").state == "equal"


@pytest.mark.parametrize("name", ["seconds", "run time", "images/s", "cpu_ms", "wall_ratio"])
def test_columns_of_time(name):
    assert compare.is_time_column(name)


@pytest.mark.parametrize(
    "name", ["second", "step", "arm 1, times x", "timestep", "std, embedding", "low", "paper: top"]
)
def test_other_columns_are_none_of_time(name):
    assert not compare.is_time_column(name)


def test_tables_of_pages_move_too(built):
    found = compared(built(html=page(value="−0.8")))
    assert [(t.label, t.state, t.column) for t in found.tables][2] == (
        "tab-a-ratios", "moved", "ratio",
    )  # fmt: skip


def test_figures_new_and_gone(built):
    found = compared(built(bars=None, lines="x\n1\n"))
    assert [(t.label, t.state) for t in found.tables if t.state != "equal"] == [
        ("fig-a-bars", "gone"),
        ("fig-a-lines", "new"),
    ]
    assert found.exceeds(1e9)


def run(*arguments):
    return cli.main(["compare", *map(str, arguments)])


def test_the_command_lists_what_is_not_equal(built, capsys):
    moved = BARS.replace("all,1,0.5,", "all,1,0.55,")
    books = built(bars=moved, html=page("inconclusive"))
    assert run(*books) == 0
    assert capsys.readouterr().out.splitlines() == [
        "fig-a-bars  moved  gain by up to 0.05 (0.091 relative), within its interval",
        "a C1: reproduced -> inconclusive",
        "figures and tables: 2 equal, 1 moved, 0 new, 0 gone; verdicts: 1 changed",
    ]


def test_tolerance_decides_the_exit_status(built):
    books = built(bars=BARS.replace("all,1,0.5,", "all,1,0.55,"))
    assert [run(*books, "--tolerance", share) for share in (0.05, 0.1)] == [1, 0]


def test_a_changed_verdict_is_beyond_any_tolerance(built):
    books = built(html=page("inconclusive"))
    assert run(*books, "--tolerance", 100) == 1


def test_json_is_plain_and_the_same_in_a_file(built, capsys, tmp_path):
    books = built(bars=BARS.replace("all,1,0.5,", "all,1,,"), places=None)
    assert run(*books, "--json", "-") == 0
    printed = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert printed["counts"] == {"equal": 1, "moved": 1, "new": 0, "gone": 1}
    assert printed["tables"][0]["replaced"] == 1
    assert run(*books, "--json", tmp_path / "moved.json") == 0
    assert json.loads((tmp_path / "moved.json").read_text()) == printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent", "old"], "there is no folder"),
        (["empty", "old"], "there is no built book in"),
        (["old", "old", "--tolerance", "-1"], "--tolerance must be a share from 0 on"),
        (["old", "old", "--tolerance", "nan"], "--tolerance must be a share from 0 on"),
        (["old", "torn"], "is damaged: every row needs a cell for each column"),
        (["old", "old", "--json", "empty"], "cannot be written"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(tmp_path, monkeypatch, capsys, arguments, said):
    write_built(tmp_path / "old")
    write_built(tmp_path / "torn", bars=BARS + "all,1\n")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert said in error


def test_not_a_number_reads_as_such():
    assert math.isnan(site._cell(""))
    assert math.isnan(site._cell("–"))
    assert (site._cell("−1,024.5"), site._cell("3.2e−07")) == (-1024.5, 3.2e-07)


def test_the_command_counts_what_is_no_number(built, capsys):
    header, one, two = BARS.splitlines()
    text = "\n".join([header, one.replace("0.5", ""), two, "top,1,1,1,1,1", ""])
    assert run(*built(bars=text)) == 0
    said = "fig-a-bars  moved  other cells of text or without a number: 1; rows added: 1"
    assert capsys.readouterr().out.splitlines()[0] == said
