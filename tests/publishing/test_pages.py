from ssl_lib.publishing import pages
from ssl_lib.publishing.pages import Page
from ssl_lib.publishing.shelf import Run

ERROR = {"name": "KeyError", "cell": 7, "source": "", "traceback": ""}


def page(slug, status="fresh", torch="2.0", error=None, reasons=()):
    run = Run(
        slug=slug,
        profile="quick",
        parameters={},
        depends={"version": {"torch": torch}},
        seconds=61,
        finished="2026-01-02",
        sha256="",
        error=error,
    )
    return Page(slug=slug, source={}, executed={}, run=run, status=status, reasons=list(reasons))


NEVER = Page(slug="new", source={}, executed=None, run=None, status="never run")


def test_status_table_has_a_row_a_notebook():
    table = pages.runs_table(
        [
            page("a"),
            page("b", "failed", error=ERROR),
            page("c", "stale", reasons=["x changed"]),
            NEVER,
        ]
    )
    rows = table.split("\n")[2:]
    assert rows[0] == "| [a](../notebooks/a.ipynb) | quick | up to date | 1 min 1 s | 2026-01-02 |"
    assert "failed in code cell 7: KeyError" in rows[1]
    assert "out of date: x changed" in rows[2]
    assert "never run" in rows[3]
    assert len(rows) == 4


def test_versions_have_one_column_where_all_agree():
    assert (
        pages.versions_table([page("a"), page("b")]).split("\n")[0] == "| Package | all notebooks |"
    )


def test_versions_that_differ_have_a_column_each():
    lines = pages.versions_table([page("a"), page("b", torch="2.1"), NEVER]).split("\n")
    assert lines[0] == "| Package | a | b |"
    assert lines[2] == "| torch | 2.0 | 2.1 |"


def test_no_run_is_said():
    assert pages.versions_table([NEVER]) == "No notebook has run yet."


def test_a_failure_before_the_first_cell_has_no_source():
    note = pages.failure_note({"name": "DeadKernel", "cell": None, "source": "", "traceback": "t"})
    assert "outside its cells" in note
    assert "python" not in note
