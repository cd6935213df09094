import subprocess

import pytest

from ssl_lib.publishing import build
from ssl_lib.publishing.stage import Stage


@pytest.fixture
def sphinx(monkeypatch):
    """Replace Sphinx by something that notes its calls and fails on demand."""
    calls = []

    def run(book, staged):
        calls.append(staged.digest)
        book.html.mkdir(parents=True, exist_ok=True)
        (book.html / "index.html").write_text("page")
        (book.build / ".doctrees").mkdir(exist_ok=True)
        failed = staged.digest.startswith("bad")
        return subprocess.CompletedProcess([], int(failed), "", "WARNING" if failed else "")

    monkeypatch.setattr(build, "_sphinx", run)
    return calls


def staged(digest, *documents):
    return Stage(folder=None, digest=digest, documents=frozenset(documents))


def test_an_unchanged_tree_is_not_built_again(kit, tmp_path, sphinx):
    book = kit.write_book(tmp_path)
    assert not build.build(book, staged("a")).skipped
    assert build.build(book, staged("a")).skipped
    assert not build.build(book, staged("b")).skipped
    assert sphinx == ["a", "b"]


def test_a_site_that_is_gone_is_built_again(kit, tmp_path, sphinx):
    book = kit.write_book(tmp_path)
    built = build.build(book, staged("a"))
    built.index.unlink()
    assert not build.build(book, staged("a")).skipped


def test_other_tools_mean_another_build(kit, tmp_path, sphinx, monkeypatch):
    book = kit.write_book(tmp_path)
    build.build(book, staged("a"))
    monkeypatch.setattr("importlib.metadata.version", lambda name: "99")
    assert not build.build(book, staged("a")).skipped


def test_a_warning_comes_back_until_it_is_repaired(kit, tmp_path, sphinx):
    book = kit.write_book(tmp_path)
    for _ in range(2):
        built = build.build(book, staged("bad"))
        assert (built.ok, built.skipped, built.messages) == (False, False, "WARNING")
        assert not (book.build / ".doctrees").exists(), "the page with the warning is read again"


def test_pages_of_documents_that_are_gone_go_too(kit, tmp_path, sphinx):
    book = kit.write_book(tmp_path)
    build.build(book, staged("a", "x.md", "y.md"))
    (book.html / "y.html").write_text("old")
    build.build(book, staged("b", "x.md"))
    assert not (book.html / "y.html").exists()
