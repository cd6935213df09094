"""``ssl-lib publish``, ``verify`` and ``status`` on a chapter with two tables of cells."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ssl_lib import cli, papers
from ssl_lib.papers import catalogue
from ssl_lib.results import Store, published

TESTS = Path(__file__).parent


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Bring in the chapter, with published tables in a folder of the test."""
    monkeypatch.syspath_prepend(str(TESTS))
    import toy_chapter

    monkeypatch.setattr(papers, "__path__", list(papers.__path__))
    toy_chapter.install(tmp_path / "papers", papers.__path__)
    monkeypatch.setattr("ssl_lib.results.store.share", lambda name: tmp_path / name)
    (tmp_path / "results").mkdir()
    toy_chapter.CALLS.clear()
    monkeypatch.setitem(toy_chapter.FAULT, "by", 0.0)
    yield toy_chapter
    for name in [name for name in sys.modules if name.startswith("ssl_lib.papers.toy")]:
        del sys.modules[name]
    vars(papers).pop("toy", None)


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results" / "toy"


def run(capsys, *arguments):
    """Return the exit status, the lines printed, and what went to standard error."""
    status = cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out.splitlines(), captured.err


def files(folder):
    return sorted(path.name for path in folder.iterdir())


# Publishing


def test_publish_writes_each_table_with_a_line_a_cell(toy, results, capsys):
    status, lines, _ = run(capsys, "publish", "toy")
    assert status == 0
    # What a cell takes is the machine's affair.
    assert [re.sub(r"\d+\.\d s", "- s", line) for line in lines] == [
        "accuracies: toy/accuracies.quick",
        "  seed 0: - s, computed",
        "  seed 1: - s, computed",
        "  seed 2: - s, computed",
        f"toy/accuracies.quick.csv: {(results / 'accuracies.quick.csv').stat().st_size} bytes",
        "counts: toy/counts.quick",
        "  all: - s, computed",
        f"toy/counts.quick.csv: {(results / 'counts.quick.csv').stat().st_size} bytes",
    ]
    assert files(results) == [
        "accuracies.quick.csv", "accuracies.quick.json", "counts.quick.csv", "counts.quick.json",
    ]  # fmt: skip


def test_more_seeds_compute_the_new_ones(toy, results, capsys):
    run(capsys, "publish", "toy", "accuracies")
    toy.CALLS.clear()
    lines = run(capsys, "publish", "toy", "accuracies", "--seeds", 20)[1]
    assert sorted(toy.CALLS) == list(range(3, 20))
    assert len(lines) == 1 + 17 + 1
    assert published.read(results, "accuracies.quick")[1].seeds == list(range(20))


def test_profile_and_data_are_part_of_the_name(toy, results, capsys):
    run(capsys, "publish", "toy", "counts", "--profile", "standard", "--data", "photos")
    run(capsys, "publish", "toy", "counts", "--profile", "standard", "--data", "digits")
    assert files(results)[::2] == ["counts.standard.csv", "counts.standard.photos.csv"]


def test_stored_cells_are_said_to_be(toy, capsys):
    made = toy.experiments(toy.Settings())["accuracies"]
    Store().cell(made, {"seed": 1})
    lines = run(capsys, "publish", "toy", "accuracies")[1]
    assert [line.rpartition(", ")[2] for line in lines[1:4]] == ["computed", "stored", "computed"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["toi"], "there is no chapter 'toi' whose tables are made of cells. Did you mean 'toy'?"),
        (["toy", "accurcies"], "toy has no table 'accurcies'. Did you mean 'accuracies'?"),
        (["toy", "--data", "phtos"], "there are no data 'phtos'."),
        (["toy", "--jobs", "0"], "--jobs must be at least 1; got 0"),
        (["toy", "accuracies", "--data", "photos"], "accuracies: the photos are not here"),
    ],
)
def test_publish_refuses_in_one_line(toy, results, capsys, arguments, said):
    status, _, err = run(capsys, "publish", *arguments)
    assert status == 2
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert line.startswith(f"error: {said}")
    assert not results.exists()


def test_an_installed_package_publishes_nothing(toy, capsys, monkeypatch):
    monkeypatch.setattr("ssl_lib.commands.publish.repository", lambda: None)
    status, lines, err = run(capsys, "publish", "toy")
    assert (status, lines) == (2, [])
    assert "writes into the folder results of a checkout" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("dirty", [True, False])
def test_local_changes_are_said_and_written_down(toy, results, capsys, monkeypatch, dirty):
    monkeypatch.setattr("ssl_lib.results.manifest._commit", lambda: ("a" * 40, dirty))
    err = run(capsys, "publish", "toy", "counts")[2]
    assert ("warning: there are local changes" in err) == dirty
    assert published.read(results, "counts.quick")[1].dirty is dirty


# Verifying


def test_verify_says_of_each_table_what_it_found(toy, results, capsys):
    run(capsys, "publish", "toy")
    toy.CALLS.clear()
    status, lines, _ = run(capsys, "verify")
    assert status == 0
    assert len(toy.CALLS) == 1
    (accuracies,) = [line for line in lines if line.startswith("toy/accuracies.quick: ")]
    assert accuracies.startswith("toy/accuracies.quick: current; equal in 1 cell: ")
    assert accuracies.endswith(" s)")
    assert lines[-1].startswith("2 published tables in ")
    assert lines[-1].endswith(
        "2 looked at, 0 of them do not hold, 0 not reached, 0 made by another configuration"
    )
    assert not list(results.glob("*.verified.json"))


def test_a_table_that_does_not_hold_is_status_1(toy, results, capsys):
    run(capsys, "publish", "toy")
    toy.FAULT["by"] = 1e-6
    status, lines, _ = run(capsys, "verify", "toy", "--table", "accuracies", "--write")
    assert status == 1
    assert lines[0].startswith("toy/accuracies.quick: not verified since; does not hold in 1 cell")
    assert any(line.startswith("    exact look at accuracy fails") for line in lines)
    assert "1 looked at, 1 of them do not hold" in lines[-1]
    record = json.loads((results / "accuracies.quick.verified.json").read_text())
    assert record["outcome"] == "does not hold"


def test_cells_of_each_table_and_those_not_reached(toy, capsys):
    run(capsys, "publish", "toy", "accuracies", "--seeds", 5)
    toy.CALLS.clear()
    run(capsys, "verify", "--cells", 4)
    assert len({*toy.CALLS}) == 4
    status, lines, _ = run(capsys, "verify", "--seconds", 0.001)
    assert status == 0
    assert lines[0].startswith("toy/accuracies.quick: current; not reached: a cell took 0")
    assert "0 looked at, 0 of them do not hold, 1 not reached" in lines[-1]


def test_without_data_a_table_is_not_reached(toy, results, capsys):
    run(capsys, "publish", "toy", "accuracies")
    table, made = published.read(results, "accuracies.quick")
    key = {**made.key, "config": {**made.key["config"], "data": "photos"}}
    made.key.update(key)
    published.write(results, "accuracies.quick.photos", table, made)
    status, lines, _ = run(capsys, "verify")
    assert status == 0
    assert "toy/accuracies.quick.photos: current; not reached: its data are not here" in lines


def test_tables_of_another_configuration_are_listed(toy, results, capsys):
    run(capsys, "publish", "toy", "counts")
    table, made = published.read(results, "counts.quick")
    made.key["config"]["n"] = 6
    published.write(results, "counts.quick", table, made)
    published.write(results, "counts.quick.films", table, made)  # data that are none
    published.write(results, "gone.quick", table, made)
    published.write(results, "toy-old", table, made)  # a file of before there were cells
    status, lines, _ = run(capsys, "verify")
    assert status == 0
    assert lines[:-1] == [
        "toy/counts.quick: made by another configuration (config n: 6 -> 5)",
        "toy/counts.quick.films: made by another configuration",
        "toy/gone.quick: made by another configuration",
    ]
    assert lines[-1].endswith("3 made by another configuration")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["toi"], "there is no chapter 'toi'"),
        (["--table", "count"], "no table 'count' is published. Did you mean 'counts'?"),
        (["--seconds", "0"], "--seconds must be positive; got 0"),
        (["--cells", "-1"], "--cells must be positive; got -1"),
    ],
)
def test_verify_refuses_in_one_line(toy, capsys, arguments, said):
    run(capsys, "publish", "toy", "counts")
    status, lines, err = run(capsys, "verify", *arguments)
    assert (status, lines) == (2, [])
    assert err.startswith(f"error: {said}")


# The catalogue and the status


def test_the_catalogue_lists_chapters_with_experiments_only(toy):
    assert "toy" in catalogue.chapters()
    assert "police" not in catalogue.chapters()


def test_status_says_what_is_known_of_each_table(toy, results, tmp_path, capsys):
    (tmp_path / "_toc.yml").write_text("root: book/index")
    run(capsys, "publish", "toy")
    run(capsys, "verify", "--table", "counts", "--write")
    edited = published.read(results, "accuracies.quick")
    source = edited[1].key["source"]
    source[next(iter(source))] = "0123456789abcdef"
    published.write(results, "accuracies.quick", *edited)
    lines = run(capsys, "status", "--root", tmp_path)[1]
    assert lines[0].split("  ")[:2] == ["toy/accuracies.quick", "not verified since"]
    assert lines[0].endswith("3 cells")
    assert lines[1].startswith("toy/counts.quick      current             equal in 1 cell: ")
    rows = json.loads("\n".join(run(capsys, "status", "--json", "--root", tmp_path)[1]))
    assert [row["status"] for row in rows] == ["not verified since", "current"]
    assert [change.rpartition(" ")[2] for change in rows[0]["changes"]] == ["changed"]
    run(capsys, "verify", "--table", "accuracies", "--write")
    assert run(capsys, "status", "--root", tmp_path)[1][0].split("  ")[1] == "verified"


def test_a_damaged_table_is_a_line_of_the_status(toy, results, tmp_path, capsys):
    (tmp_path / "_toc.yml").write_text("root: book/index")
    run(capsys, "publish", "toy")
    path = results / "accuracies.quick.csv"
    path.write_text(path.read_text().replace("1", "2", 1))
    status, lines, _ = run(capsys, "status", "--root", tmp_path)
    assert status == 0
    said = "damaged  accuracies.quick.csv is not the table that accuracies.quick.json describes."
    assert " ".join(lines[0].split()[1:]) == " ".join(said.split())
    assert lines[1].split()[1] == "current"
    assert run(capsys, "verify")[0] == 2


# Under force

KILLED = """
import os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import toy_chapter
from ssl_lib import cli, papers
from ssl_lib.results import store

root = Path(sys.argv[1])
toy_chapter.install(root / "papers", papers.__path__)
import torch, ssl_lib.results.evidence, ssl_lib.commands.publish

def publish(name):
    os.environ["SSL_LIB_CACHE"] = str(root / name / "cache")
    (root / name / "results").mkdir(parents=True, exist_ok=True)
    store.share = lambda _: root / name / "results"
    sys.stdout = open(root / f"{name}.log", "a")
    code = cli.main(["publish", "toy", "--seeds", "8"])
    sys.stdout.flush()
    os._exit(code)

def start(name):
    pid = os.fork()
    if pid == 0:
        publish(name)
    return pid

began = time.perf_counter()
os.waitpid(start("whole"), 0)
whole = time.perf_counter() - began
killed = 0
for trial in range(int(sys.argv[3])):
    pid = start("killed")
    time.sleep(random.Random(trial).uniform(0, 0.5 * whole))
    os.kill(pid, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
both = [start("killed"), start("killed")]
print(killed, [os.waitpid(pid, 0)[1] for pid in both])
"""


@pytest.mark.skipif(os.name != "posix", reason="needs fork and SIGKILL")
def test_a_killed_publish_goes_on_to_the_same_table(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(KILLED)
    command = [sys.executable, str(script), str(tmp_path), str(TESTS), "6"]
    environment = {**os.environ, "PYTHONPATH": str(TESTS.parent)}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    killed, _, ended = done.stdout.partition(" ")
    assert int(killed) >= 2
    assert ended.strip() == "[0, 0]"
    tables = {}
    for name in ("whole", "killed"):
        folder = tmp_path / name / "results" / "toy"
        assert len(files(folder)) == 4
        table = published.read(folder, "accuracies.quick")[0]
        assert (table.pop("seconds") >= 0.02).all()
        tables[name] = table
    assert tables["killed"].equals(tables["whole"])
    assert len(tables["whole"]) == 16
