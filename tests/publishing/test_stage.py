import copy
import time

import yaml

from ssl_lib.publishing import api, notebooks, stage
from ssl_lib.publishing.pages import Page
from ssl_lib.publishing.shelf import Run


def page(source, executed=None, status="ran", error=None, reasons=(), parameters=None):
    run = Run(
        slug="good",
        profile="quick",
        parameters=parameters or {"seed": 0},
        depends={"version": {"torch": "2.0"}},
        seconds=12.4,
        finished="2026-01-02",
        sha256="",
        error=error,
    )
    return Page(
        slug="good",
        source=source,
        executed=executed,
        run=run if executed else None,
        status=status,
        reasons=list(reasons),
    )


def staged(book, *shown):
    return stage.stage(book, shown), notebooks.read(book.stage / "notebooks" / "good.ipynb")


def test_paths_are_those_of_the_repository(kit, tmp_path, figure_cell):
    book = kit.write_book(tmp_path, "good")
    source = kit.write_notebook(book, "good", figure_cell())
    result, _ = staged(book, page(source, source))
    there = {p.relative_to(book.stage).as_posix() for p in book.stage.rglob("*") if p.is_file()}
    assert {
        "_config.yml",
        "_toc.yml",
        "book/index.md",
        "book/status.md",
        "notebooks/good.ipynb",
        "book/_static/figures.js",
        "book/_static/data/good/fig-good-bars.csv",
        "book/_static/thumbs/good.svg",
        "book/_static/mathjax/tex-chtml.js",
    } <= there
    assert result.documents == {"book/index.md", "book/status.md", "notebooks/good.ipynb"}


def test_formulas_need_no_network(kit, tmp_path):
    book = kit.write_book(tmp_path)
    stage.stage(book, [])
    mathjax = book.stage / "book" / "_static" / "mathjax"
    assert (mathjax / "output" / "chtml" / "fonts" / "woff-v2" / "MathJax_Zero.woff").is_file()
    assert sum(p.stat().st_size for p in mathjax.rglob("*")) < 4e6


def test_what_has_not_changed_is_not_touched(kit, tmp_path, figure_cell):
    book = kit.write_book(tmp_path, "good")
    source = kit.write_notebook(book, "good", figure_cell())
    first, _ = staged(book, page(source, source))
    before = {path: path.stat().st_mtime_ns for path in book.stage.rglob("*") if path.is_file()}
    time.sleep(0.01)
    (book.pages / "index.md").write_text("# Another\n")
    second, _ = staged(book, page(source, source))
    touched = [p.name for p in before if p.stat().st_mtime_ns != before[p]]
    assert touched == ["index.md"]
    assert second.digest != first.digest
    assert staged(book, page(source, source))[0].digest == second.digest


def test_files_that_are_gone_are_removed(kit, tmp_path, figure_cell):
    book = kit.write_book(tmp_path, "good")
    source = kit.write_notebook(book, "good", figure_cell())
    staged(book, page(source, source))
    (book.pages / "status.md").unlink()
    staged(book, page(source))
    assert not (book.stage / "book" / "status.md").exists()
    assert not (book.stage / "book" / "_static" / "data").exists()


def test_the_run_line_stands_under_the_title(kit, tmp_path):
    book = kit.write_book(tmp_path, "good")
    source = kit.write_notebook(book, "good")
    _, shown = staged(book, page(source, source))
    lines = notebooks.source(shown["cells"][0]).split("\n")
    assert lines[0] == "# The good chapter"
    assert lines[2] == (
        '<p class="run-line">Profile <strong>quick</strong> · ran in 12 s on 2026-01-02 · '
        '<a href="../book/status.html">status and versions</a></p>'
    )


def test_a_stale_page_says_why(kit, tmp_path):
    book = kit.write_book(tmp_path, "good")
    source = kit.write_notebook(book, "good")
    reasons = ["code cell 4 changed", "a", "b", "c", "d"]
    _, shown = staged(book, page(source, source, status="stale", reasons=reasons))
    assert "Out of date: code cell 4 changed; a; b and 2 more." in notebooks.source(
        shown["cells"][0]
    )


def test_a_page_that_never_ran_says_so_and_keeps_its_labels(kit, tmp_path, figure_cell):
    book = kit.write_book(tmp_path, "good")
    source = kit.write_notebook(book, "good", figure_cell() | {"outputs": []})
    _, shown = staged(book, page(source, status="never run"))
    assert "Not executed yet" in notebooks.source(shown["cells"][0])
    assert ":name: fig-good-bars" in notebooks.source(shown["cells"][-1])


def test_a_failure_stands_at_the_top_with_cell_and_traceback(kit, tmp_path):
    book = kit.write_book(tmp_path, "good")
    source = kit.write_notebook(book, "good", kit.cell("code", "one", "f()"))
    error = {
        "kind": "cell",
        "name": "ValueError",
        "message": "no",
        "cell": 3,
        "source": 'f("```")',
        "traceback": "ValueError: no",
    }
    _, shown = staged(book, page(source, source, status="failed", error=error))
    text = notebooks.source(shown["cells"][0])
    assert "It stopped in code cell 3 with `ValueError`" in text
    assert '````python\nf("```")\n````' in text, "a fence longer than any in the code"
    assert "```text\nValueError: no\n```" in text


def test_todays_prose_is_shown_with_the_outputs_of_the_same_code(kit):
    code = kit.cell("code", "one", "x")
    executed = kit.notebook("good", kit.cell("markdown", "prose", "Old."), copy.deepcopy(code))
    executed["cells"][-1] |= {"outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}]}
    source = kit.notebook("good", kit.cell("markdown", "prose", "New."), code)
    form = stage.executed_form(page(source, executed, parameters={"seed": 5}))
    assert form["cells"][-2]["source"] == "New."
    assert form["cells"][-1]["outputs"][0]["text"] == "1"
    assert "seed = 5" in form["cells"][2]["source"]
    assert code["outputs"] == [], "the source is left alone"


def test_other_code_is_never_shown_with_old_outputs(kit):
    executed = kit.notebook("good", kit.cell("code", "one", "x"))
    source = kit.notebook("good", kit.cell("code", "one", "y"))
    assert stage.executed_form(page(source, executed))["cells"][-1]["source"] == "x"


def test_the_badge_becomes_words_because_pages_load_nothing(kit, tmp_path):
    book = kit.write_book(tmp_path, "good")
    source = kit.write_notebook(book, "good")
    _, shown = staged(book, page(source, source))
    text = notebooks.source(shown["cells"][0])
    assert "[Open in Colab](https://colab.research.google.com/github/tests/mini/blob/main/" in text
    assert "colab-badge" not in text


def test_private_output_is_left_out(kit, tmp_path):
    book = kit.write_book(tmp_path, "good")
    record = {"application/vnd.ssl-lib.claims+json": {"a": 1}, "text/html": "<b>"}
    cell = kit.cell("code", "claims", "report()")
    cell["outputs"] = [{"output_type": "execute_result", "data": record, "metadata": {}}]
    source = kit.write_notebook(book, "good", cell)
    _, shown = staged(book, page(source, source))
    assert list(shown["cells"][-1]["outputs"][0]["data"]) == ["text/html"]


def test_cards_stand_for_chapters_that_exist(kit, tmp_path, figure_cell):
    book = kit.write_book(tmp_path, "good")
    chapters = [
        {"slug": name, "title": name.title(), "arxiv": "1", "summary": "S."}
        for name in ("good", "later")
    ]
    (book.pages / "chapters.yml").write_text(yaml.safe_dump(chapters))
    (book.pages / "index.md").write_text("# Mini\n\n<!-- ssl_lib:chapters -->\n")
    source = kit.write_notebook(book, "good", figure_cell())
    staged(book, page(source, source))
    text = (book.stage / "book" / "index.md").read_text()
    assert ":link: ../notebooks/good" in text
    assert "_static/thumbs/good.svg\n:alt: two bars\n:class: card-picture only-light" in text
    assert "_static/thumbs/good-dark.svg\n:alt: two bars\n:class: card-picture only-dark" in text
    assert "notebooks/later" not in text
    assert "- Later {cite:p}`later`" in text


def test_api_pages_are_made_and_listed(kit, tmp_path):
    book = kit.write_book(tmp_path)
    (book.pages / "api.md").write_text("# API\n\n<!-- ssl_lib:api -->\n")
    toc = {"format": "jb-book", "root": "book/index", "chapters": [{"file": "book/api"}]}
    (book.root / "_toc.yml").write_text(yaml.safe_dump(toc))
    result = stage.stage(book, [])
    listed = stage.files_in(yaml.safe_load((book.stage / "_toc.yml").read_text()))
    made = {path.removesuffix(".rst") for path in result.documents if path.startswith("book/api/")}
    assert made
    assert set(listed) == {"book/index", "book/api", *made}
    text = (book.stage / "book" / "api" / "ssl_lib.rst").read_text()
    assert ".. automodule:: ssl_lib.errors\n   :members:" in text
    assert "ssl_lib.cli" not in text


def test_private_and_command_modules_have_no_api_page():
    modules = [module for found in api.public().values() for module in found]
    assert modules
    assert not [
        m for m in modules if "._" in m or m.startswith(("ssl_lib.publishing", "ssl_lib.commands"))
    ]
    assert len(modules) == len(set(modules))


def test_a_chapter_opens_with_its_result_and_its_picture(kit, tmp_path, figure_cell):
    book = kit.write_book(tmp_path, "good")
    brief = kit.cell("code", "in-brief", "claims.brief()", "in-brief", "remove-input")
    said = {"output_type": "execute_result", "data": {"text/markdown": "**In brief.** So."}}
    brief["outputs"] = [{**said, "metadata": {}}]
    thumb = figure_cell()
    thumb["metadata"] = {"tags": ["thumb"]}
    source = kit.write_notebook(book, "good", thumb, brief)
    title = source["cells"][0]
    title["source"] = notebooks.source(title) + "\n\nThe story begins."
    _, shown = staged(book, page(source, source))
    ids = [cell["id"] for cell in shown["cells"]]
    assert ids[:4] == ["title", "in-brief", "brief-picture", "opening"]
    assert ids.count("in-brief") == 1
    first, _, picture, story = map(notebooks.source, shown["cells"][:4])
    assert first.rstrip().endswith(")")
    assert "The story" not in first
    assert "../book/_static/thumbs/good.svg\n:alt: two bars" in picture
    assert story.strip() == "The story begins."
