"""A small book from sources to HTML, in processes of its own."""

import json
import re
from types import SimpleNamespace

import pytest

from ssl_lib.publishing import notebooks

pytestmark = pytest.mark.slow

BOOM = 'def f():\n    raise ValueError("no good")\n\nf()'


@pytest.fixture(scope="module")
def story(kit, tmp_path_factory):
    """Run and build a book with one failing notebook three times: as is, again, and repaired."""
    root = tmp_path_factory.mktemp("book")
    cache = tmp_path_factory.mktemp("cache")
    book = kit.write_book(root, "good", "bad")
    say = kit.cell("code", "say", "print(profile, seed, object())")
    kit.write_notebook(book, "good", kit.cell("code", "figure", kit.figure, "thumb"), say)
    after = kit.cell("code", "after", "print('never reached')")
    kit.write_notebook(book, "bad", kit.cell("code", "boom", BOOM), after)

    first = kit.call("book", "--root", str(root), "--jobs", "2", cache=cache)
    pages = {path.name: path.read_text() for path in book.html.rglob("*.html")}
    broken_status = kit.call("status", "--root", str(root), cache=cache)
    kit.write_notebook(book, "bad", kit.cell("code", "boom", "print('repaired')"))
    stale_status = kit.call("status", "--root", str(root), "--json", cache=cache)
    second = kit.call("book", "--root", str(root), cache=cache)
    third = kit.call("book", "--root", str(root), cache=cache)
    return SimpleNamespace(**locals())


def test_one_failure_is_shown_and_the_exit_status_is_1(story):
    assert story.first.returncode == 1, story.first.stdout
    assert "bad failed in code cell 3:" in story.first.stdout
    assert '    raise ValueError("no good")' in story.first.stdout
    assert "ValueError: no good" in story.first.stdout
    assert re.search(r"bad +failed", story.first.stdout)
    assert re.search(r"good +ran", story.first.stdout)


def test_the_others_go_on_and_the_book_is_built(story):
    assert "did not build cleanly" not in story.first.stdout
    assert {"good.html", "bad.html", "status.html"} <= set(story.pages)


def test_the_failing_page_is_marked(story):
    page = story.pages["bad.html"]
    assert "failed-notebook" in page
    assert "ValueError: no good" in page
    assert "never reached" not in re.sub(r'<div class="cell_input.*?</div>', "", page, flags=re.S)


def test_a_figure_has_number_label_alt_data_and_dark_variant(story):
    page = story.pages["good.html"]
    assert 'id="fig-good-bars"' in page
    assert 'alt="two bars"' in page
    assert '<span class="caption-number">Fig. 1 </span>' in page
    assert 'href="../_static/data/good/fig-good-bars.csv"' in page
    assert (story.book.html / "_static/data/good/fig-good-bars.csv").read_text() == "a,b\n1,2\n"
    assert '<span class="figure-dark" data-fragment="bars-dark"></span>' in page
    index = (story.book.html / "book" / "index.html").read_text()
    assert re.search(r'href="../notebooks/good.html#fig-good-bars".*?Fig. 1', index)


def test_the_page_shows_the_parameters_used_and_no_machine(story):
    page = story.pages["good.html"]
    assert "injected" not in page
    assert "quick 0 &lt;object object at 0x…&gt;" in page
    assert str(story.root) not in page


def test_links_point_into_the_repository(story):
    page = story.pages["good.html"]
    assert "colab.research.google.com/github/tests/mini/blob/main/notebooks/good.ipynb" in page
    assert '_sources/notebooks/good.ipynb"' in page


def test_formulas_are_drawn_by_a_local_script(story):
    index = (story.book.html / "book" / "index.html").read_text()
    assert "_static/mathjax/tex-chtml.js" in index
    assert "jsdelivr" not in index


def test_status_tells_the_failure_and_the_change(story):
    assert re.search(r"bad +failed .*\n +ValueError in code cell 3", story.broken_status.stdout)
    assert re.search(r"good +fresh", story.broken_status.stdout)
    states = {row["notebook"]: row for row in json.loads(story.stale_status.stdout)}
    assert states["good"]["state"] == "fresh"
    assert states["bad"]["reasons"] != []


def test_a_failure_is_never_kept_as_good(story):
    assert story.second.returncode == 0, story.second.stdout
    assert re.search(r"bad +ran", story.second.stdout)
    assert re.search(r"good +fresh", story.second.stdout)
    assert "repaired" in (story.book.html / "notebooks" / "bad.html").read_text()
    assert "failed-notebook" not in (story.book.html / "notebooks" / "bad.html").read_text()


def test_an_unchanged_book_is_left_alone(story):
    assert story.third.returncode == 0
    assert "book already up to date" in story.third.stdout
    assert not re.search(r"starts|ran ", story.third.stdout)


def test_run_takes_parameters_and_prints_where_the_notebook_is(story, kit):
    arguments = ["run", "good", "-p", "seed=9", "--root", str(story.root)]
    done = kit.call(*arguments, cache=story.cache)
    assert done.returncode == 0, done.stdout + done.stderr
    path = re.search(r"^notebook: (.*)$", done.stdout, flags=re.M)[1]
    executed = notebooks.read(story.root / path)
    assert "seed = 9" in notebooks.source(executed["cells"][2])
    assert executed["cells"][-1]["outputs"][0]["text"].startswith("quick 9 ")
    again = kit.call(*arguments, cache=story.cache)
    assert "nothing has changed" in again.stdout
    assert f"notebook: {path}" in again.stdout


def test_a_plain_papermill_run_gives_the_same_outputs(story, tmp_path):
    import papermill

    source, output = story.book.notebook("good"), tmp_path / "out.ipynb"
    papermill.execute_notebook(
        source, output, parameters={"seed": 9}, progress_bar=False, kernel_name="python3"
    )
    text = output.read_text()
    assert "quick 9 " in text
