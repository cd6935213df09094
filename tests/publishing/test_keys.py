import json
from pathlib import Path

import pytest

from ssl_lib.paths import cache_root
from ssl_lib.publishing import keys, shelf


@pytest.fixture
def book(kit, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_LIB_DATA", str(tmp_path / "data"))
    return kit.write_book(tmp_path, "good")


def depends(book, given=None):
    return shelf.slot(book, "good", given or {}).depends


def write(kit, book, *sources, prose="Story."):
    cells = [kit.cell("code", f"c{i}", text) for i, text in enumerate(sources)]
    kit.write_notebook(book, "good", kit.cell("markdown", "prose", prose), *cells)


def test_nothing_changed_is_no_difference(kit, book):
    write(kit, book, "x = 1")
    assert keys.changes(depends(book), depends(book)) == []


def test_code_counts_and_prose_does_not(kit, book):
    write(kit, book, "x = 1", "y = 2")
    before = depends(book)
    write(kit, book, "x = 1", "y = 2\n", prose="Another story.")
    assert keys.changes(before, depends(book)) == []
    write(kit, book, "x = 1", "y = 3")
    assert keys.changes(before, depends(book)) == ["code cell 4 changed"]
    write(kit, book, "x = 1")
    assert keys.changes(before, depends(book)) == ["code cell 4 is gone"]


def test_parameters_count_by_value(kit, book):
    write(kit, book, "x = 1")
    assert keys.changes(depends(book), depends(book, {"seed": 3})) == ["parameter seed 0 -> 3"]
    assert shelf.slot(book, "good", {}).folder.name == "quick"
    assert shelf.slot(book, "good", {"profile": "smoke"}).folder.name == "smoke"
    assert shelf.slot(book, "good", {"seed": 3}).folder.name.startswith("quick-")


def test_only_definitions_in_use_count(kit, book):
    write(kit, book, "from ssl_lib import errors\nprint(errors.closest('a', ['b']))")
    assert list(depends(book)["library"]) == ["ssl_lib.errors:closest"]


def test_broken_code_and_magic_do_not_stop_the_key(kit, book):
    write(
        kit,
        book,
        "def broken(:",
        "%matplotlib inline",
        "from ssl_lib.errors import closest\nclosest",
    )
    assert list(depends(book)["library"]) == ["ssl_lib.errors:closest"]


def test_data_counts_by_top_folder(kit, book, tmp_path):
    write(kit, book, "x = 1")
    data = tmp_path / "data"
    assert depends(book)["data"] == {}
    (data / "cifar10").mkdir(parents=True)
    (data / "cifar10" / "train.parquet").write_bytes(b"abc")
    before = depends(book)
    (data / ".stamp").write_text("hidden")
    assert keys.changes(before, depends(book)) == []
    (data / "cifar10" / "train.parquet").write_bytes(b"abcd")
    assert keys.changes(before, depends(book)) == ["data cifar10 changed"]
    (data / "new").mkdir()
    assert "data new is new" in keys.changes(before, depends(book))


def test_own_claims_and_committed_results_count(kit, book):
    write(kit, book, "x = 1")
    book.results.mkdir()
    book.claims.write_text(
        json.dumps([{"id": "C1", "paper": "good"}, {"id": "C2", "paper": "bad"}])
    )
    before = depends(book)
    assert list(before["claim"]) == ["C1"]
    book.claims.write_text(json.dumps([{"id": "C1", "paper": "good", "reason": "r"}]))
    (book.results / "table.csv").write_text("a\n")
    (book.results / "verdicts").mkdir()
    (book.results / "verdicts" / "bad.quick.json").write_text("{}")
    found = keys.changes(before, depends(book))
    assert found == ["claim C1 changed", "results table.csv is new"]
    book.claims.write_text("- {id: C1, paper: good, revised: {date: 2026-11-30}}")
    assert list(depends(book)["claim"]) == ["C1"]


def put(book, *places):
    for place in places:
        path = book.results / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a\n")


def test_published_files_count_where_they_are_read(kit, book):
    write(kit, book, "x = 1")
    put(book, "good/t.quick.csv", "good/t.quick.verified.json", "other/t.csv", "third/t.csv")
    assert list(depends(book)["results"]) == ["good/t.quick.csv", "good/t.quick.verified.json"]
    before = depends(book)
    put(book, "other/u.csv", "third/u.csv")
    assert keys.changes(before, depends(book)) == []
    put(book, "good/u.csv")
    assert keys.changes(before, depends(book)) == ["results good/u.csv is new"]
    write(kit, book, "x = 1", "table = store.published_root / 'other'")
    assert {"other/t.csv", "other/u.csv"} < {*depends(book)["results"]}
    write(kit, book, "x = 'another/other thing'")
    assert "other/t.csv" not in depends(book)["results"]


def test_a_chapter_that_reads_anothers_table_depends_on_it(kit, book):
    put(book, "issl/issl-dimension-sweep.csv", "splinecam/t.csv")
    write(kit, book, "from ssl_lib.papers.rankme import dimensions\ndimensions.find")
    assert list(depends(book)["results"]) == ["issl/issl-dimension-sweep.csv"]


def test_the_commit_is_no_part_of_the_key(kit, book, monkeypatch):
    write(kit, book, "from ssl_lib.results import Store, provenance\nStore, provenance")
    before = depends(book)
    monkeypatch.setattr("ssl_lib.results.manifest._commit", lambda: ("another", True))
    assert depends(book) == before


@pytest.mark.parametrize("name", ["scoreboard", "scorecard"])
def test_a_summary_depends_on_the_verdicts_of_all(kit, book, name):
    write(kit, book, f"from ssl_lib import claims\nclaims.{name}()")
    book.claims.write_text(
        json.dumps([{"id": "C1", "paper": "good"}, {"id": "C1", "paper": "bad"}])
    )
    before = depends(book)
    assert set(before["claim"]) == {"good C1", "bad C1"}
    record = cache_root() / "verdicts" / "bad.quick.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    assert keys.changes(before, depends(book)) == ["verdicts bad.quick.json is new"]


def test_accelerator_is_part_of_the_key(monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter([self / "nvidia0"]))
    assert keys._accelerator() == "cuda"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert keys._accelerator() == "none"
