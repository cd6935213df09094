"""Benchmarks at toy sizes: the tables they write have what their pages read."""

import importlib
import re

import pandas as pd
import pytest

from ssl_lib import data
from ssl_lib.papers.fair_ensemble import Settings
from ssl_lib.paths import share
from ssl_lib.results import Store

TOY = {
    "theory": {
        "inputs": 400,
        "landmarks": 20,
        "dense": 60,
        "sizes": 3,
        "labels": 3,
        "trials": 2,
        "points": 60,
        "graph": 200,
        "threads": 1,
    },
    "ridge": {"rows": 200, "dim": 8, "classes": 3, "penalties": 3, "threads": 1, "wall": False},
    "logistic": {"rounds": 1, "cases": ["1,500 x 64 scaled to 1e-2", "digits, 16 binary tasks"]},
    "views": {
        "sizes": [8],
        "batch": 4,
        "blur": 0.5,
        "rounds": 1,
        "threads": 1,
        "workers": 0,
        "device": "cpu",
        "wall": False,
    },
}


@pytest.fixture
def benchmark_of(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.mark.parametrize("name", TOY)
def test_ratios_are_to_our_own_time(benchmark_of, name):
    table = benchmark_of(name).measure(TOY[name])
    assert (table.loc[table["side"] == "ssl_lib", "ratio"] == 1).all()
    assert (table["ratio"] > 0).all()
    assert table["side"].nunique() >= 2


def test_fairness_trains_as_its_chapter_does(benchmark_of, monkeypatch):
    fairness = benchmark_of("fairness")
    monkeypatch.setattr(fairness, "ALONE", 1)
    monkeypatch.setattr(fairness, "Settings", lambda: Settings(profile="smoke", members=3))
    for side in ("ssl_lib", "one after another"):
        row = fairness.training(side)
        assert (row["members"], row["images"]) == (3, 200)
        assert row["images_per_cpu_s"] > 0


def test_rankme_agrees_with_every_spectrum(benchmark_of):
    gaps = benchmark_of("rankme").spectra_gaps()
    assert len(gaps) == 6
    assert all(row["gap"] < 1e-8 for row in gaps)


def test_cifar10_has_a_row_for_each_method_and_two_for_no_training(benchmark_of, monkeypatch):
    cifar10 = benchmark_of("cifar10")
    monkeypatch.setattr(
        cifar10.data, "load", lambda name, split="train": shapes(split), raising=False
    )
    config = {"labelled": 80, "test_images": 40, "batch": 32, "width": 2, "seed": 0}
    runs = {name: {"images": 80, "epochs": 1} for name in cifar10.METHODS}
    runs["diet"] = {"images": 40, "epochs": 2}
    table = cifar10.measure({**config, "runs": runs}).set_index("method")
    assert [*table.index] == ["pixels", "random", *cifar10.METHODS]
    assert table["knn"].between(0, 1).all()
    assert table.loc["diet", ["images", "epochs"]].tolist() == [40, 2]
    assert table.loc[["pixels", "random"], "seconds"].isna().all()


_load = data.load


def shapes(split):
    return _load("shapes", n=300, size=16, split=split)


def test_a_table_is_measured_anew_and_says_with_what(benchmark_of, tmp_path):
    tables, measured = benchmark_of("tables"), []

    def measure(config):
        measured.append(config["rounds"])
        return pd.DataFrame({"seconds": [float(len(measured))]})

    parser = tables.parser_of("A benchmark.")
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args(["--output", str(tmp_path)])
    tables.publish("mine", measure, args)
    tables.publish("mine", measure, args, {"rounds": 7})
    assert measured == [2, 7]
    found = Store(published=tmp_path / "benchmarks").published("mine")
    assert found.table["seconds"].tolist() == [2.0]
    assert found.manifest.key["config"] == {"rounds": 7}


def test_each_published_method_on_cifar10_beats_pixels_and_random_features():
    table = Store(published=share("results") / "benchmarks").published("cifar10").table
    knn = table.set_index("method")["knn"]
    untrained = knn[["pixels", "random"]].max()
    assert (knn[["simclr", "vicreg", "dissl", "diet"]] > untrained + 0.05).all()


def test_no_published_table_names_a_folder_of_one_machine() -> None:
    folder = share("results")
    named = [
        path.name
        for path in sorted(folder.rglob("*.json"))
        if re.search(r'"(/|~|[A-Z]:\\\\)', path.read_text("utf-8"))
    ]
    assert named == []
