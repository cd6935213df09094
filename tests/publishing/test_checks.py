"""Each rule of ``ssl-lib check``, broken once."""

import json

import pytest
import yaml

from ssl_lib.publishing import checks, notebooks

SHOW = 'plotting.show(fig, label="fig-good-{}", caption="C.", alt="A.", data=table)'
CLAIM = {
    "id": "C1",
    "paper": "good",
    "claim": "It grows.",
    "where": "Table 1",
    "paper_value": "qualitative",
    "statistic": "slope",
    "rule": {"at_least": 0},
}


@pytest.fixture
def book(kit, tmp_path):
    made = kit.write_book(tmp_path, "good")
    kit.write_notebook(
        made,
        "good",
        kit.cell("code", "bars", SHOW.format("bars"), "thumb"),
        kit.cell("code", "claims", "claims.report('good', {})"),
        kit.cell("code", "in-brief", "claims.brief('good', {})", "in-brief", "remove-input"),
    )
    made.claims.write_text(yaml.safe_dump([CLAIM]))
    (made.pages / "references.bib").write_text("@misc{good,\n}")
    chapter = {"slug": "good", "title": "Good", "arxiv": "1", "summary": ""}
    (made.pages / "chapters.yml").write_text(yaml.safe_dump([chapter]))
    edit(made, lambda nb: extend(nb["cells"][0], "\n\n[paper](https://arxiv.org/abs/1)"))
    return made


def edit(book, change):
    notebook = notebooks.read(book.notebook("good"))
    change(notebook)
    book.notebook("good").write_text(json.dumps(notebook))


def extend(cell, text):
    cell["source"] = notebooks.source(cell) + text


def cell_with(code, *tags):
    return {
        "cell_type": "code",
        "id": "more",
        "metadata": {"tags": list(tags)},
        "source": code,
        "outputs": [],
        "execution_count": None,
    }


def test_a_good_book_has_no_problem(book):
    assert checks.problems(book) == []


BREAKS = {
    "has outputs": lambda nb: nb["cells"][3].update(outputs=[{"output_type": "stream"}]),
    "has an execution count": lambda nb: nb["cells"][3].update(execution_count=1),
    "has metadata collapsed": lambda nb: nb["cells"][3]["metadata"].update(collapsed=True),
    "metadata must be kernelspec": lambda nb: nb["metadata"].update(papermill={}),
    "language_info must hold": lambda nb: nb["metadata"]["language_info"].update(version="3"),
    "is not of notebook format 4.5": lambda nb: nb.update(nbformat_minor=4),
    "cell id 'bars' is used 2 times": lambda nb: nb["cells"][4].update(id="bars"),
    "cell id 'A_1' is not readable": lambda nb: nb["cells"][4].update(id="A_1"),
    "must be markdown with the title": lambda nb: nb["cells"][0].update(source="no title"),
    "lacks the Colab badge": lambda nb: nb["cells"][0].update(source="# T https://arxiv.org/abs/1"),
    "lacks the link to the paper": lambda nb: nb["cells"][0].update(
        source=notebooks.source(nb["cells"][0]).replace("arxiv.org", "example.org")
    ),
    "must be tagged 'remove-cell'": lambda nb: extend(nb["cells"][1], "\nprint()"),
    "must be the cell tagged 'parameters'": lambda nb: nb["cells"].insert(2, cell_with("x = 1")),
    "has 0 cells tagged 'parameters'": lambda nb: nb["cells"][2].update(metadata={}),
    "'seed' of good is no literal": lambda nb: nb["cells"][2].update(
        source='profile = "quick"\nseed = int("0")\ndevice = "auto"'
    ),
    "the parameters must begin with": lambda nb: nb["cells"][2].update(source="seed = 0"),
    "has 26 lines of code": lambda nb: nb["cells"].append(cell_with("\n".join(["x = 1"] * 26))),
    "drops what plotting.table returns": lambda nb: nb["cells"].append(
        cell_with("if True:\n    plotting.table(x)")
    ),
    "is not Python": lambda nb: nb["cells"].append(cell_with("def f(:")),
    "shows 2 figures": lambda nb: extend(nb["cells"][3], "\n" + SHOW.format("more")),
    "its figure has no alt": lambda nb: nb["cells"][3].update(
        source='plotting.show(fig, label="fig-good-bars", caption="C.", data=t)'
    ),
    "its figure has no data": lambda nb: nb["cells"][3].update(
        source='plotting.show(fig, label="fig-good-bars", caption="C.", alt="A")'
    ),
    "its figure has an empty caption": lambda nb: nb["cells"][3].update(
        source='plotting.show(fig, label="fig-good-bars", caption="", alt="A", data=t)'
    ),
    "must begin with 'fig-good-'": lambda nb: nb["cells"][3].update(
        source='plotting.show(fig, label="bars", caption="C", alt="A", data=t)'
    ),
    "label must be a literal": lambda nb: nb["cells"][3].update(
        source="plotting.show(fig, label=name, caption='C', alt='A', data=t)"
    ),
    "label 'fig-good-bars' is used 2 times": lambda nb: nb["cells"].append(
        cell_with(SHOW.format("bars"))
    ),
    "needs one cell tagged 'thumb' that shows a figure; has 0": lambda nb: nb["cells"][3].update(
        metadata={}
    ),
    "has claims but never calls claims.report": lambda nb: nb["cells"].pop(4),
}


@pytest.mark.parametrize("said", BREAKS)
def test_each_broken_rule_of_a_notebook_is_named(book, said):
    edit(book, BREAKS[said])
    assert [problem for problem in checks.problems(book) if said in problem], checks.problems(book)


def test_problems_name_file_and_cell_and_all_are_listed(book):
    edit(book, BREAKS["has outputs"])
    edit(book, BREAKS["has an execution count"])
    assert [problem.split(":")[0] for problem in checks.problems(book)] == [
        "notebooks/good.ipynb cell 4 (bars)",
        "notebooks/good.ipynb cell 4 (bars)",
    ]


def test_a_file_that_is_no_notebook_does_not_hide_the_others(book):
    (book.notebooks / "odd.ipynb").write_text("{")
    edit(book, BREAKS["has outputs"])
    found = checks.problems(book)
    assert any("odd.ipynb is not a notebook" in problem for problem in found)
    assert any("has outputs" in problem for problem in found)


def test_every_page_is_in_the_contents_once_and_exists(book):
    (book.pages / "lost.md").write_text("# Lost")
    toc = json.loads((book.root / "_toc.yml").read_text())
    toc["chapters"] += [{"file": "book/gone"}, {"file": "book/status"}]
    (book.root / "_toc.yml").write_text(json.dumps(toc))
    assert checks.problems(book) == [
        "_toc.yml: book/lost is not listed, so it would not be built",
        "_toc.yml: book/gone is listed, but there is no such page",
        "_toc.yml: book/status is listed more than once",
    ]


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ([{**CLAIM, "rule": {"at_leats": 1}}], "at_leats"),
        ([{k: v for k, v in CLAIM.items() if k != "where"}], "missing where"),
        ([CLAIM, CLAIM], "used twice"),
        ([CLAIM, {**CLAIM, "id": "C2", "paper": "bad"}], "paper 'bad' is neither a notebook nor"),
        ({"id": "C1"}, "must be a list"),
    ],
)
def test_claims_are_well_formed(book, claims, said):
    book.claims.write_text(yaml.safe_dump(claims))
    assert any(said in problem for problem in checks.problems(book)), checks.problems(book)


def test_a_claim_names_a_figure_of_its_chapter(book):
    book.claims.write_text(yaml.safe_dump([{**CLAIM, "figure": "fig-good-bars"}]))
    assert checks.problems(book) == []
    book.claims.write_text(yaml.safe_dump([{**CLAIM, "figure": "fig-good-bar"}]))
    assert checks.problems(book) == [
        "book/claims.yml: claim good/C1: no figure 'fig-good-bar'. Did you mean 'fig-good-bars'?"
    ]


def test_a_chapter_is_told_in_brief(book):
    edit(book, lambda nb: nb["cells"].pop())
    assert checks.problems(book) == [
        "notebooks/good.ipynb: has claims but never calls claims.brief",
        "notebooks/good.ipynb: needs one cell tagged 'in-brief', with claims.brief",
    ]


def test_typed_results_are_found_in_texts_and_reasons(book):
    text = {"cell_type": "markdown", "id": "text", "metadata": {}, "source": "It is 0.63."}
    edit(book, lambda nb: nb["cells"].append(text))
    book.claims.write_text(yaml.safe_dump([CLAIM | {"reason": "Only 12 % of them."}]))
    one, other = checks.problems(book)
    assert "cell 7 (text): a typed result: 'It is 0.63.'" in one
    assert "claim good/C1: its reason holds a result: 'Only 12 % of them.'" in other


def test_two_broken_claims_are_both_named(book):
    wrong = [{**CLAIM, "rule": {}}, {**CLAIM, "id": "C2", "rule": {"between": [2, 1]}}]
    book.claims.write_text(yaml.safe_dump(wrong))
    assert len(checks.problems(book)) == 2


def test_one_repository_and_one_bibliography(book):
    config = (book.root / "_config.yml").read_text()
    (book.root / "_config.yml").write_text(config.replace("tests/mini", "tests/other"))
    (book.pages / "references.bib").write_text("")
    assert checks.problems(book) == [
        "_config.yml: repository url must be https://github.com/tests/mini, as in pyproject.toml",
        "book/references.bib: lacks an entry 'good' for that chapter",
    ]


def test_the_book_itself_keeps_the_rules(repository):
    from ssl_lib.publishing import layout

    assert checks.problems(layout.find(repository)) == []
