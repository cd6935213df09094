"""``ssl-lib fairness`` as a user runs it."""

import csv
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssl_lib.evaluation import fairness


@pytest.fixture(scope="module")
def members():
    random = np.random.default_rng(0)
    labels = np.arange(120) % 4
    logits = random.normal(size=(5, 120, 4)) + np.eye(4)[labels]
    return fairness.softmax(logits), labels


@pytest.fixture
def saved(members, tmp_path):
    probabilities, labels = members
    path = tmp_path / "members.npz"
    np.savez(path, probabilities=probabilities, labels=labels)
    return path


@pytest.fixture
def run(capsys):
    from ssl_lib import cli

    def call(*arguments):
        try:
            status = cli.main(["fairness", *map(str, arguments)])
        except SystemExit as stop:
            status = stop.code
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


NAMES = ("cat", "dog", "owl", "ant")


def write_csv(path, probabilities, labels, names=NAMES, order=None, encoding="utf-8"):
    """Write a member; with an order of the columns, the label is the name of one."""
    columns = ["label", *names]
    rows = [
        [str(int(k)) if order is None else names[k], *map(repr, map(float, row))]
        for k, row in zip(labels, probabilities, strict=True)
    ]
    places = range(len(columns)) if order is None else order
    lines = [",".join(row[place] for place in places) for row in (columns, *rows)]
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def test_one_command_prints_both_protocols(saved, members):
    command = [sys.executable, "-m", "ssl_lib.cli", "fairness", str(saved), "--k", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{fairness.evaluate(*members, k=1)}\n"
    for words in ("paper's protocol", "unbiased", "95 %", "churn", "5 members", "worst: bottom"):
        assert words in done.stdout


def test_files_of_every_kind_say_the_same(run, saved, members, tmp_path):
    probabilities, labels = members
    expected = run(saved, "--format", "csv", "--k", 1)[1]
    singles = []
    for number, values in enumerate(probabilities):
        singles.append(tmp_path / f"{number}.npz")
        np.savez(singles[-1], probabilities=values, labels=labels)
    assert run(*singles, "--format", "csv", "--k", 1)[1] == expected
    logits = tmp_path / "logits.npz"
    np.savez(logits, logits=np.log(probabilities) + 3, labels=labels)
    assert run(logits, "--format", "csv", "--k", 1)[1] == expected
    files = [write_csv(tmp_path / f"{m}.csv", probabilities[m], labels) for m in range(5)]
    assert run(*files, "--format", "csv", "--k", 1)[1] == expected
    files = [write_csv(tmp_path / f"{m}.csv", np.log(probabilities[m]), labels) for m in range(5)]
    assert run(*files, "--logits", "--format", "csv", "--k", 1)[1] == expected


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_any_order_of_columns_and_rows_gives_the_same_probabilities(members, data):
    probabilities, labels = members
    rows = np.array(data.draw(st.permutations(range(120))))
    with tempfile.TemporaryDirectory() as folder:
        files = [
            write_csv(
                Path(folder) / f"{m}.csv",
                probabilities[m, rows],
                labels[rows],
                order=data.draw(st.permutations(range(5))),
            )
            for m in range(3)
        ]
        found = fairness.load_predictions(files)
    by_name = np.argsort(NAMES)
    np.testing.assert_array_equal(found.labels, np.argsort(by_name)[labels[rows]])
    expected = probabilities[:3, rows][:, :, by_name]
    np.testing.assert_allclose(found.probabilities, expected, rtol=1e-12)


def test_any_order_of_files_and_columns_gives_the_same_report(run, members, tmp_path):
    probabilities, labels = members
    by_name = np.argsort(NAMES)
    plain = tmp_path / "plain.npz"
    np.savez(plain, probabilities=probabilities[:, :, by_name], labels=np.argsort(by_name)[labels])
    options = ("--k", 1, "--format", "csv")
    expected = run(plain, *options)[1].splitlines()
    for turn in (0, 2, 3):
        files = [
            write_csv(
                tmp_path / f"{m}.csv", probabilities[m], labels, order=np.roll(range(5), m + turn)
            )
            for m in range(5)
        ]
        assert run(*files, *options)[1].splitlines() == expected
        # The paper's protocol singles out the first member, the other one none.
        turned = run(*files[turn:], *files[:turn], *options)[1].splitlines()
        assert [r for r in turned if r[:4] == "held"] == [r for r in expected if r[:4] == "held"]


def test_columns_in_another_order_are_refused_where_labels_are_positions(run, members, tmp_path):
    probabilities, labels = members
    first = write_csv(tmp_path / "first.csv", probabilities[0], labels)
    turned = [NAMES[place] for place in (1, 2, 3, 0)]
    second = write_csv(tmp_path / "second.csv", probabilities[1][:, [1, 2, 3, 0]], labels, turned)
    status, out, err = run(first, second)
    assert (status, out) == (2, "")
    assert "second.csv stand in another order than those of" in err
    assert "write the name of the class as the label" in err
    other = write_csv(
        tmp_path / "other.csv", probabilities[1], labels, ("cat", "dog", "owl", "anr")
    )
    assert "other.csv has class 'anr', which" in run(first, other)[2]
    assert "Did you mean 'ant'?" in run(first, other)[2]


def test_a_byte_order_mark_and_blank_lines_are_no_part_of_anything(run, saved, members, tmp_path):
    probabilities, labels = members
    files = [
        write_csv(tmp_path / f"{m}.csv", probabilities[m], labels, encoding="utf-8-sig")
        for m in range(5)
    ]
    files[1].write_text("\n" + files[1].read_text("utf-8-sig") + "\n\n")
    expected = run(saved, "--format", "csv", "--k", 1)[1]
    assert run(*files, "--format", "csv", "--k", 1)[1] == expected
    groups = tmp_path / "groups.csv"
    groups.write_text("blond,other\n" + "1,0\n" * 60 + "0,1\n" * 60, encoding="utf-8-sig")
    assert fairness.load_groups(groups, 120).names == ("blond", "other")


def test_probabilities_announced_as_logits_are_refused(run, saved, members, tmp_path):
    probabilities, labels = members
    files = [write_csv(tmp_path / f"{m}.csv", probabilities[m], labels) for m in range(2)]
    archive = tmp_path / "logits.npz"
    np.savez(archive, logits=probabilities, labels=labels)
    for arguments in ((*files, "--logits"), (archive,)):
        status, out, err = run(*arguments)
        assert (status, out) == (2, "")
        assert "these are probabilities, not logits" in err
    assert "holds probabilities by its own account" in run(saved, "--logits")[2]


def test_csv_and_json_hold_the_same_rows(run, saved, members):
    status, text, _ = run(saved, "--format", "csv", "--k", 1, "--seed", 3)
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 2 * 3 * 5
    content = json.loads(run(saved, "--format", "json", "--k", 1, "--seed", 3)[1])
    assert [float(row["accuracy"]) for row in rows] == [
        row["accuracy"] for row in content["curves"]
    ]
    one = next(row for row in rows if row["protocol"] == "held out" and row["members"] == "1")
    right = (members[0].argmax(axis=2) == members[1]).mean()
    assert float(one["accuracy"]) == pytest.approx(right, abs=1e-6)
    assert content["disagreement"][0]["churn"] == pytest.approx(fairness.churn(members[0]).mean())
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in content["curves"])


def test_groups_of_ones_own(run, saved, members, tmp_path):
    path = tmp_path / "groups.csv"
    blond = np.arange(120) < 30
    path.write_text("blond,other\n" + "".join(f"{int(b)},{'no' if b else 'yes'}\n" for b in blond))
    content = json.loads(run(saved, "--groups", path, "--format", "json", "--bootstrap", 0)[1])
    last = [row for row in content["curves"] if row["members"] == 5]
    right = fairness.ensemble_predictions(members[0]) == members[1]
    assert [row["group"] for row in last] == ["blond", "other"]
    assert last[0]["accuracy"] == pytest.approx(right[blond].mean(), abs=1e-6)
    assert last[0]["low"] is None
    assert "Given groups" in run(saved, "--groups", path)[1]


@pytest.mark.parametrize("aggregate", ["prob", "logit", "vote"])
def test_aggregates(run, saved, members, aggregate):
    text = run(saved, "--aggregate", aggregate, "--format", "json", "--k", 1, "--bootstrap", 0)[1]
    last = [row for row in json.loads(text)["curves"] if row["members"] == 5]
    right = fairness.ensemble_predictions(members[0], aggregate=aggregate) == members[1]
    assert last[0]["accuracy"] == pytest.approx(right.mean(), abs=1e-6)


def archive(change):
    def write(path, probabilities, labels):
        file = path / "bad.npz"
        np.savez(file, **change(probabilities, labels))
        return [file]

    return write


def text(change):
    def write(path, probabilities, labels):
        file = write_csv(path / "bad.csv", probabilities[0], labels)
        file.write_text("\n".join(change(file.read_text().splitlines())))
        return [file, file]

    return write


def two(change):
    def write(path, probabilities, labels):
        files = [path / "one.npz", path / "two.npz"]
        np.savez(files[0], probabilities=probabilities, labels=labels)
        np.savez(files[1], **change(probabilities, labels))
        return files

    return write


def broken(path, probabilities, labels):
    file = path / "bad.npz"
    file.write_bytes(b"not an archive")
    return [file]


BAD = {
    "shape": (archive(lambda p, y: {"probabilities": p[0, 0], "labels": y}), "(members, images"),
    "one member": (archive(lambda p, y: {"probabilities": p[0], "labels": y}), "2 members at"),
    "unnormalised": (archive(lambda p, y: {"probabilities": 3 * p, "labels": y}), "sum to 3, not"),
    "negative": (archive(lambda p, y: {"probabilities": p - 0.25, "labels": y}), "negative number"),
    "label range": (archive(lambda p, y: {"probabilities": p, "labels": y + 1}), "from 0 to 3"),
    "label count": (archive(lambda p, y: {"probabilities": p, "labels": y[1:]}), "shape (120,)"),
    "names": (archive(lambda p, y: {"probs": p, "labels": y}), "must hold 'labels' and 'probabil"),
    "pickle": (archive(lambda p, y: {"labels": y, "logits": np.array([{}])}), "plain numpy arrays"),
    "text": (archive(lambda p, y: {"labels": y, "logits": p.astype(str)}), "must be numbers"),
    "not npz": (broken, "not an archive"),
    "order": (two(lambda p, y: {"probabilities": p, "labels": y[::-1]}), "different labels"),
    "sizes": (two(lambda p, y: {"probabilities": p[:, :9], "labels": y[:9]}), "9 images and 4"),
    "header": (text(lambda lines: lines[1:]), "line 1: the header"),
    "empty": (text(lambda lines: []), "is empty"),
    "no rows": (text(lambda lines: lines[:1]), "no row below"),
    "blank": (text(lambda lines: ["", "", ""]), "is empty"),
    "nul": (text(lambda lines: [lines[0], "\0,1,0,0,0"]), "bad.csv"),
    "twice": (text(lambda lines: ["label,cat,cat,owl,ant", *lines[1:]]), "'cat' more than once"),
    "unnamed": (text(lambda lines: ["label,cat,,owl,ant", *lines[1:]]), "column without a name"),
    "infinite": (
        archive(lambda p, y: {"logits": np.full_like(p, -np.inf), "labels": y}),
        "the largest of the logits of row (0, 0) is -inf",
    ),
    "cell": (text(lambda lines: [*lines[:4], "0,a,b,c,d", *lines[5:]]), "line 5: could not"),
    "cells": (text(lambda lines: [*lines[:4], "0,1", *lines[5:]]), "line 5: 2 cells, but"),
    "half label": (text(lambda lines: [lines[0], "0.5,1,0,0,0"]), "whole numbers"),
    "absent": (lambda path, p, y: [path / "none.npz"], "no such file"),
    "kind": (lambda path, p, y: [path], "no such file"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_one_line_and_status_2(run, members, tmp_path, case):
    write, message = BAD[case]
    status, out, err = run(*write(tmp_path, *members))
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--k", "3"], "k must be from 1 to 2"),
        (["--base", "5"], "base must be a member from 0 to 4"),
        (["--draws", "0"], "draws must be"),
        (["--splits", "0"], "splits must be"),
        (["--bootstrap", "1"], "bootstrap must be 0 or"),
        (["--aggregate", "mean"], "invalid choice"),
        (["--groups", "none.csv"], "no such file"),
    ],
)
def test_bad_options_are_status_2(run, saved, options, message):
    status, out, err = run(saved, *options)
    assert (status, out) == (2, "")
    assert message in err


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a", "1"], "1 rows for 120 images"),
        (["a", *["0"] * 120], "'a' has no image"),
        (["a", *["2"] * 120], "line 2: ['2'] must be of 1 or 0"),
        (["a,a", *["1,0"] * 120], "line 1: the header has a name 'a' more than once"),
        (["a,", *["1,1"] * 120], "line 1: the header has a column without a name"),
        ([], "is empty"),
        ([""], "is empty"),
        (["", " ", ","], "is empty"),
    ],
)
def test_bad_groups_are_status_2(run, saved, tmp_path, lines, message):
    path = tmp_path / "groups.csv"
    path.write_text("\n".join(lines))
    status, out, err = run(saved, "--groups", path)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err


def test_no_heavy_import(saved):
    code = (
        "import argparse, sys\n"
        "from ssl_lib.commands import fairness as command\n"
        "parser = argparse.ArgumentParser(); command.configure(parser)\n"
        f"assert command.run(parser.parse_args([{str(saved)!r}])) == 0\n"
        "heavy = {'torch', 'pandas', 'scipy', 'matplotlib', 'torchvision'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
