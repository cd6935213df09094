"""``ssl-lib imagenet-x`` as a user runs it."""

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest

from ssl_lib.evaluation import imagenet_x as ix


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return two files in the released layout: labels, of which some are changed."""
    folder = tmp_path_factory.mktemp("models")
    labels = np.repeat(np.arange(1000), 50)
    names = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in ix.folder_image_ids()]
    for seed, model in enumerate(("one", "two")):
        random = np.random.default_rng(seed)
        wrong = random.random(50_000) < 0.3 + 0.1 * seed
        classes = np.where(wrong, random.integers(0, 1000, 50_000), labels)
        rows = (f"{name},{k}" for name, k in zip(names, classes, strict=True))
        (folder / f"{model}.csv").write_text("\n".join(["file_name,predicted_class", *rows]))
    return [folder / "one.csv", folder / "two.csv"]


@pytest.fixture
def run(capsys):
    from ssl_lib import cli

    def call(*arguments):
        try:
            status = cli.main(["imagenet-x", *map(str, arguments)])
        except SystemExit as stop:
            status = stop.code
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_scores_in_one_command(files):
    command = [sys.executable, "-m", "ssl_lib.cli", "imagenet-x", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    expected = ix.evaluate([ix.load_predictions(file) for file in files])
    assert done.stdout.rstrip("\n") == str(expected)


@pytest.mark.parametrize("selection", ["top", "multi"])
@pytest.mark.parametrize("scoring", ["class", "real", "metaclass"])
def test_selections_and_scorings(run, files, selection, scoring):
    status, out, _ = run(
        *files, "--selection", selection, "--scoring", scoring, "--format", "csv",
        "--empty", "exclude", "--prototypes", "keep",
    )  # fmt: skip
    assert status == 0
    expected = ix.evaluate(
        [ix.load_predictions(file) for file in files],
        selection=selection,
        scoring=scoring,
        empty="exclude",
        prototypes="keep",
    )
    assert out == expected.to_csv()


def test_formats_and_seeds(run, files):
    options = [*files, "--bootstrap", "20", "--format", "json"]
    status, out, _ = run(*options)
    assert status == 0
    assert json.loads(out)["settings"]["replicates"] == 20
    assert run(*options)[1] == out
    assert run(*options, "--seed", "1")[1] != out


def test_comparison(run, files):
    status, out, _ = run(*files, "--compare", "--format", "csv")
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {(row["first"], row["second"]) for row in rows} == {("one", "two")}
    assert "Error ratio of one minus that of two" in run(*files, "--compare")[1]
    status, _, err = run(files[0], "--compare")
    assert (status, err) == (2, "error: --compare needs two files at least\n")


def test_files_of_one_name(run, files, tmp_path):
    twin = tmp_path / files[0].name
    twin.write_bytes(files[0].read_bytes())
    status, out, _ = run(files[0], twin, "--format", "json")
    assert status == 0
    assert [model["model"] for model in json.loads(out)["models"]] == [str(files[0]), str(twin)]


def test_shuffled_and_partial_files(run, files, tmp_path):
    header, *rows = files[0].read_text().splitlines()
    np.random.default_rng(0).shuffle(rows)
    shuffled = tmp_path / "one.csv"
    shuffled.write_text("\n".join([header, *rows]))
    assert run(shuffled)[1] == run(files[0])[1]
    shuffled.write_text("\n".join([header, *rows[:20_000]]))
    status, out, err = run(shuffled)
    assert (status, out) == (2, "")
    assert err.startswith("error: one: no prediction for ")
    assert "--partial" in err
    status, out, _ = run(shuffled, "--partial")
    assert status == 0
    assert "one: predictions for " in out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [], "is empty"),
        (lambda lines: lines[1:], "line 1: the header"),
        (lambda lines: [*lines, lines[7]], "line 50002: ILSVRC2012_val_"),
        (lambda lines: [*lines[:9], "cat.jpg,3", *lines[10:]], "line 10: unknown file name"),
        (lambda lines: [*lines[:9], lines[9] + "0000", *lines[10:]], "line 10: predicted_class"),
        (lambda lines: lines[:-1], "no prediction for 1 of the 46,110"),
    ],
    ids=["empty", "header", "duplicate", "unknown", "class", "missing"],
)
def test_bad_files_are_one_line_and_status_2(run, files, tmp_path, change, message):
    bad = tmp_path / "bad.csv"
    header, *rows = files[0].read_text().splitlines()
    annotated = set(ix.load_annotations().file_names)
    rows.sort(key=lambda row: row.partition(",")[0] in annotated)  # so that a last one matters
    bad.write_text("\n".join(change([header, *rows])))
    status, out, err = run(bad)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


def test_absent_file_and_bad_options(run, tmp_path):
    status, _, err = run(tmp_path / "absent.csv")
    assert status == 2
    assert "absent.csv: No such file" in err
    for options in (["--bootstrap", "1"], ["--bootstrap", "many"], ["--scoring", "top5"]):
        assert run("x.csv", *options)[0] == 2
    assert run()[0] == 2


def test_no_heavy_import(files):
    code = (
        "import argparse, sys\n"
        "from ssl_lib.commands import imagenet_x as command\n"
        "parser = argparse.ArgumentParser(); command.configure(parser)\n"
        f"assert command.run(parser.parse_args([{str(files[0])!r}])) == 0\n"
        "heavy = {'torch', 'pandas', 'scipy', 'matplotlib', 'torchvision'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_predictions_in_another_order_of_classes_are_hinted_at(run, files, tmp_path):
    rows = [line.split(",") for line in files[0].read_text().splitlines()]
    turned = [f"{name},{999 - int(k)}" for name, k in rows[1:]]
    (tmp_path / "turned.csv").write_text("\n".join([",".join(rows[0]), *turned]))
    status, out, err = run(tmp_path / "turned.csv", "--format", "csv")
    assert status == 0
    assert err.startswith("warning: turned: 0.")
    assert err.count("\n") == 1
    assert "as by chance" not in out
    assert "as by chance" in run(tmp_path / "turned.csv")[1]
    assert run(files[0], "--format", "csv")[2] == ""
