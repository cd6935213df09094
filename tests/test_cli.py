"""The command line's own manners: help, errors in one line, exit status."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ssl_lib import cli
from ssl_lib.publishing import runner

CELL = {
    "cell_type": "code",
    "id": "parameters",
    "metadata": {"tags": ["parameters"]},
    "source": 'profile = "quick"\nseed = 0\ndevice = "auto"',
    "outputs": [],
    "execution_count": None,
}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A book whose notebooks must not be run."""
    (tmp_path / "_toc.yml").write_text("root: book/index")
    (tmp_path / "notebooks").mkdir()
    notebook = {"cells": [CELL], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "notebooks" / "rankme.ipynb").write_text(json.dumps(notebook))

    def refuse(*_, **__):
        raise AssertionError("a notebook was started")

    monkeypatch.setattr(runner, "run", refuse)
    return str(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "rankmee"], "there is no notebook 'rankmee'. Did you mean 'rankme'?"),
        (["run", "rankme", "-p", "sed=1"], "rankme has no parameter 'sed'. Did you mean 'seed'?"),
        (["run", "rankme", "-p", "seed=one"], "parameter 'seed' must be int"),
        (["run", "rankme", "-p", "profile=quik"], "profile must be one of smoke, quick"),
        (["run", "rankme", "-p", "device=gpu"], "device must be one of auto"),
        (["run", "rankme", "-p", "seed"], "a parameter is written name=value; got 'seed'"),
        (["book", "--only", "nothing"], "there is no notebook 'nothing'"),
        (["book", "--only", "rankmee", "--profile", "smoke"], "Did you mean 'rankme'?"),
        (["book", "--only", "rankme", "--html-only"], "--html-only runs none"),
        (["book", "--profile", "fast"], "profile must be one of smoke, quick"),
        (["book", "--jobs", "0"], "--jobs must be at least 1; got 0"),
        (["status", "--profile", "fast"], "profile must be one of smoke, quick"),
    ],
)
def test_wrong_input_is_one_line_and_status_2(root, capsys, arguments, said):
    assert cli.main([*arguments, "--root", root]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["book", "--root", ""], "--root"),
        (["run", "rankme", "--root="], "--root"),
        (["status", "--root", "  "], "--root"),
        (["compare", "", "new"], "the argument after 'compare'"),
        (["compare", "old", "new", "--json", ""], "--json"),
        (["pretrain", "--method", "simclr", "--data", "digits", "--out", ""], "--out"),
        (["pretrain", "--method", "simclr", "--data", "", "--out", "here"], "--data"),
        (["probe", "run", "--data", "digits", "--test", ""], "--test"),
        (["rankme", ""], "the argument after 'rankme'"),
        (["fairness", "a.csv", "--groups", ""], "--groups"),
        (["publish", "rankme", "--data="], "--data"),
    ],
)
def test_an_empty_value_is_refused_by_the_name_of_its_option(arguments, named, capsys):
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err == (
        f"error: {named} must not be empty: give a value, or leave it out.\n"
    )


def test_without_a_book_the_way_to_one_is_named(tmp_path, capsys):
    assert cli.main(["status", "--root", str(tmp_path)]) == 2
    assert "there is no book in" in capsys.readouterr().err


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    assert f"usage: ssl-lib {command}" in capsys.readouterr().out


def test_a_command_is_asked_for(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([])
    assert stop.value.code == 2


def test_an_interrupt_is_no_traceback(root, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run", interrupt)
    assert cli.main(["run", "rankme", "--root", root]) == 130
    assert capsys.readouterr().err == "\ninterrupted\n"


def test_status_of_a_notebook_that_never_ran(root, capsys):
    assert cli.main(["status", "--root", root]) == 0
    assert capsys.readouterr().out.split() == ["rankme", "stale", "never", "run"]
    assert cli.main(["status", "--json", "--root", root]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["reasons"] == ["never run"]


@pytest.mark.parametrize("fresh", [False, True])
def test_book_hands_fresh_to_the_notebooks_that_declare_it(root, monkeypatch, fresh):
    plain = {"cells": [CELL], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    cell = {**CELL, "source": CELL["source"] + "\nfresh = False"}
    folder = Path(root) / "notebooks"
    (folder / "rankme.ipynb").write_text(json.dumps({**plain, "cells": [cell]}))
    (folder / "speed.ipynb").write_text(json.dumps(plain))
    seen = {}

    def stop(book, wanted, **_):
        seen.update({slot.slug: slot.values for slot in wanted})
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run", stop)
    cli.main(["book", "--root", root, *(["--fresh"] if fresh else [])])
    assert seen["rankme"]["fresh"] is fresh
    assert "fresh" not in seen["speed"]


def test_the_command_line_starts_without_torch_and_papermill():
    code = (
        "import sys; from ssl_lib.cli import parser; parser();"
        "heavy = {'torch', 'papermill', 'IPython', 'matplotlib', 'sphinx'} & set(sys.modules);"
        "sys.exit(str(sorted(heavy)) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
