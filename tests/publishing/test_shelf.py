import dataclasses

import pytest

from ssl_lib.publishing import shelf
from ssl_lib.publishing.shelf import Run


@pytest.fixture
def slot(kit, tmp_path):
    book = kit.write_book(tmp_path, "good")
    kit.write_notebook(book, "good", kit.cell("code", "one", "x = 1"))
    return shelf.slot(book, "good", {})


def run(slot, error=None):
    return Run(
        slug="good",
        profile="quick",
        parameters=slot.values,
        depends=slot.depends,
        seconds=1.5,
        finished="2026-01-01",
        sha256="",
        error=error,
    )


ERROR = {"kind": "cell", "name": "E", "message": "", "cell": 1, "source": "", "traceback": ""}


def test_never_run(slot):
    assert slot.good is None
    assert slot.stale() == ["never run"]


def test_a_good_run_is_fresh_until_something_changes(slot):
    kept = slot.keep(slot.source, run(slot))
    assert slot.good == kept
    assert slot.stale() == []
    other = dataclasses.replace(slot, depends={**slot.depends, "version": {"torch": "9"}})
    assert any(reason.startswith("torch ") for reason in other.stale())


def test_a_failure_never_counts_as_good(slot):
    slot.keep(slot.source, run(slot, ERROR))
    assert slot.good is None
    assert slot.failed.error == ERROR
    assert slot.stale() == ["never run"]


def test_a_failure_leaves_the_last_good_run_and_a_good_one_ends_it(slot):
    good = slot.keep(slot.source, run(slot))
    slot.keep(slot.source, run(slot, ERROR))
    assert slot.good == good
    assert slot.failed is not None
    slot.keep(slot.source, run(slot))
    assert slot.failed is None


def test_a_damaged_copy_is_noticed(slot):
    slot.keep(slot.source, run(slot))
    slot.notebook.write_bytes(slot.notebook.read_bytes()[:-9] + b"\n")
    assert slot.good is None
    assert slot.stale() == ["the kept copy is damaged"]


def test_a_record_of_another_form_counts_as_none(slot):
    slot.keep(slot.source, run(slot))
    (slot.folder / "good.json").write_text('{"slug": "good"}')
    assert slot.stale() == ["the kept copy is damaged"]
