import pytest

from ssl_lib import plotting
from ssl_lib.publishing import figures


def test_a_figure_gets_number_label_caption_and_alt(figure_cell):
    (cell,), _ = figures.placed(figure_cell(), "good")
    settings = cell["metadata"]["mystnb"]
    assert settings["figure"]["name"] == "fig-good-bars"
    assert settings["image"]["alt"] == "two bars"
    caption, legend = settings["figure"]["caption"].split("\n\n")
    assert caption == "Two bars."
    assert legend.startswith("computed here · <a ")
    assert 'href="../_static/data/good/fig-good-bars.csv" download' in legend
    assert '<span class="figure-dark" data-fragment="fig-good-bars-dark"></span>' in legend


def test_a_figure_brings_its_data_and_no_second_picture(figure_cell):
    _, files = figures.placed(figure_cell(), "good")
    assert files == {"data/good/fig-good-bars.csv": b"a,b\n1,2\n"}


def test_the_caption_shown_in_jupyter_is_dropped(figure_cell):
    (cell,), _ = figures.placed(figure_cell(), "good")
    assert [list(output["data"]) for output in cell["outputs"]] == [["image/svg+xml", "text/plain"]]


def test_what_else_the_cell_shows_stays_outside_the_figure(figure_cell):
    cell = figure_cell()
    table = {"output_type": "execute_result", "data": {"text/html": "<table>"}, "metadata": {}}
    cell["outputs"].insert(0, table)
    (code, picture), _ = figures.placed(cell, "good")
    assert code["outputs"] == [table]
    assert "mystnb" not in code["metadata"]
    assert picture["metadata"]["mystnb"]["figure"]["name"] == "fig-good-bars"
    assert (picture["source"], picture["metadata"]["tags"]) == ("", ["remove-input"])
    assert picture["id"] != code["id"]


def test_printed_text_does_not_split_the_cell(figure_cell):
    cell = figure_cell()
    cell["outputs"].insert(0, {"output_type": "stream", "name": "stdout", "text": "n = 3\n"})
    cells, _ = figures.placed(cell, "good")
    assert len(cells) == 1


@pytest.mark.parametrize(
    ("wide", "classes"), [(True, "data-figure wide"), (False, "data-figure plain")]
)
def test_wide_figures_are_marked(figure_cell, wide, classes):
    (cell,), _ = figures.placed(figure_cell(wide=wide), "good")
    assert cell["metadata"]["mystnb"]["figure"]["classes"] == classes


def test_provenance_cannot_inject_markup(figure_cell):
    (cell,), _ = figures.placed(figure_cell(provenance="<script>"), "good")
    assert "<script>" not in cell["metadata"]["mystnb"]["figure"]["caption"]


def test_other_cells_come_back_as_they_are(kit):
    cell = kit.cell("code", "one", "x = 1")
    assert figures.placed(cell, "good") == ([cell], {})


def test_the_thumbnail_is_the_tagged_figure_in_both_schemes(kit, figure_cell):
    other = figure_cell("fig-good-other") | {"metadata": {}}
    files, alt = figures.thumbnail(kit.notebook("good", other, figure_cell()), "good")
    assert files == {
        "thumbs/good.svg": b"<svg>#a:target{--c1:#fff}</svg>",
        "thumbs/good-dark.svg": b"<svg>#a{--c1:#fff}</svg>",
    }
    assert alt == "two bars"


def test_a_png_serves_as_thumbnail_too(kit):
    shown = {"output_type": "display_data", "data": {"image/png": "aGk=", "text/plain": "hi"}}
    cell = kit.cell("code", "one", "", "thumb") | {"outputs": [shown]}
    assert figures.thumbnail(kit.notebook("good", cell), "good") == (
        {"thumbs/good.png": b"hi"},
        "hi",
    )


def test_a_figure_that_was_not_computed_leaves_its_label(figure_cell):
    assert figures.missing(figure_cell()) == []
    ((cell, files),) = figures.missing(figure_cell() | {"outputs": []})
    assert ":name: fig-good-bars" in cell["source"]
    assert list(files) == ["figures/not-computed.svg"]


def test_real_figures_are_understood():
    """The library's own bundles carry what the book needs."""
    import matplotlib.pyplot as plt
    import pandas as pd

    fig, ax = plt.subplots()
    ax.plot([0, 1])
    table = pd.DataFrame({"x": [0, 1]})
    bundle = plotting.bundle(fig, label="fig-a-b", caption="C.", alt="A line.", data=table)
    plt.close(fig)
    shown = {"output_type": "display_data", "data": bundle, "metadata": {}}
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "", "outputs": [shown]}
    (placed,), files = figures.placed(cell, "a")
    assert files["data/a/fig-a-b.csv"].startswith(b"x\n")
    fragment = placed["metadata"]["mystnb"]["figure"]["caption"].split('data-fragment="')[1]
    assert fragment.startswith('fig-a-b-dark"')
    assert '<svg id="fig-a-b-dark"' in placed["outputs"][0]["data"]["image/svg+xml"]
