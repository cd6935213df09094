"""Cells: rows of their own, computed once, shared between processes, told apart by their keys."""

import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ssl_lib.errors import InputError
from ssl_lib.results import Store
from ssl_lib.results.experiments import Experiment

CALLS: list[int] = []


def draw(config, cell):
    """Draw a number for each step; a call leaves its seed."""
    CALLS.append(cell["seed"])
    rng = np.random.default_rng([config["stream"], cell["seed"]])
    return pd.DataFrame({"step": range(config["steps"]), "value": rng.normal(size=config["steps"])})


def experiment(seeds, **config):
    return Experiment(
        name="drawn",
        compute=draw,
        config={"steps": 2, "stream": 7, **config},
        cells=[{"seed": seed} for seed in seeds],
    )


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache", published=tmp_path / "results")


def rows_of(table, seed):
    return table[table["seed"] == seed].reset_index(drop=True)


def test_rows_have_the_cells_columns_in_front_and_the_cells_order(store):
    table = store.cells(experiment([4, 1])).table
    assert list(table.columns) == ["seed", "step", "value"]
    assert table["seed"].tolist() == [4, 4, 1, 1]
    assert table["value"][0] == np.random.default_rng([7, 4]).normal()


@pytest.mark.parametrize("seeds", [[3], [0, 1, 2, 3], [3, 0], [5, 4, 3]])
def test_a_cells_rows_depend_on_no_other_cell(tmp_path, seeds):
    alone = Store(tmp_path / "alone").cells(experiment([3])).table
    beside = Store(tmp_path / "beside").cells(experiment(seeds)).table
    assert rows_of(beside, 3).equals(alone)


def test_twenty_seeds_after_three_compute_seventeen(store):
    first = store.cells(experiment(range(3)))
    assert sorted(CALLS) == [0, 1, 2]
    CALLS.clear()
    whole = store.cells(experiment(range(20)))
    assert sorted(CALLS) == list(range(3, 20))
    assert whole.table[:6].equals(first.table)
    assert whole.manifest.seeds == list(range(20))
    assert whole.manifest.cells == [{"seed": seed} for seed in range(20)]


def test_stored_cells_are_read_and_fresh_ones_computed(store):
    made = experiment(range(3))
    assert store.cells(made).origin == "computed"
    assert store.cells(made).origin == "cache"
    CALLS.clear()
    assert store.cells(made, fresh=True).origin == "computed"
    assert CALLS == [0, 1, 2]


def test_each_cell_is_told_of_with_its_origin(store):
    store.cell(experiment([1]), {"seed": 1})
    told = []
    store.cells(experiment([0, 1]), tell=lambda cell, result: told.append((cell, result.origin)))
    assert told == [({"seed": 0}, "computed"), ({"seed": 1}, "cache")]


def test_a_damaged_cell_is_computed_again_with_a_notice(store):
    made = experiment(range(3))
    before = store.cells(made).table
    entry = next(kept for kept in store.entries("drawn") if kept.cells == [{"seed": 1}])
    path = store.root / "tables" / "drawn" / entry.digest / "table.parquet"
    path.write_bytes(path.read_bytes()[:-7])
    CALLS.clear()
    with pytest.warns(UserWarning, match="'drawn' is damaged .*; computing it again"):
        again = store.cells(made).table
    assert CALLS == [1]
    assert again.equals(before)


def test_a_miss_says_which_part_of_the_key_changed(store):
    store.cells(experiment(range(2)))
    (why,) = store.cell(experiment([0], steps=3), {"seed": 0}).manifest.reasons
    assert why == "config steps: 2 -> 3"
    (why,) = store.cell(experiment([5]), {"seed": 5}).manifest.reasons
    assert why.startswith("cell seed: ")
    assert why.endswith(" -> 5")


def test_pruning_keeps_all_cells_of_the_newest_experiment(store):
    store.cells(experiment(range(3), stream=1))
    time.sleep(0.01)
    store.cells(experiment(range(4), stream=2))
    removed = store.prune()
    assert sorted(made.cells[0]["seed"] for made in removed) == [0, 1, 2]
    assert {made.key["config"]["stream"] for made in removed} == {1}
    CALLS.clear()
    assert store.cells(experiment(range(4), stream=2)).origin == "cache"


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([], "at least one cell"),
        ([{"seed": 0}, {"seed": 0}], "the cell .* twice"),
        ([{"seed": 0}, {"sed": 1}], r"must all have \['seed'\]"),
    ],
)
def test_cells_that_one_table_cannot_hold_are_refused(cells, message):
    with pytest.raises(InputError, match=message):
        Experiment(name="drawn", compute=draw, config={}, cells=cells)


def test_rows_may_not_bring_the_cells_columns(store):
    made = Experiment(
        name="clash", compute=lambda config, cell: pd.DataFrame({"seed": [1]}), config={},
        cells=[{"seed": 0}],
    )  # fmt: skip
    with pytest.raises(InputError, match=r"rows of clash and its cells both have \['seed'\]"):
        store.cells(made)


SHARED = """
import os, sys, time
from pathlib import Path
import pandas as pd
from ssl_lib.results import Store
from ssl_lib.results.experiments import Experiment

def compute(config, cell):
    with Path(config["log"]).open("a") as log:
        log.write(f"{cell['seed']} {os.getpid()}\\n")
    time.sleep(0.15)
    return pd.DataFrame({"value": [cell["seed"] ** 2]})

if __name__ == "__main__":
    root = Path(sys.argv[1])
    cells = [{"seed": seed} for seed in range(12)]
    config = {"log": str(root / "log")}
    made = Experiment(name="shared", compute=compute, config=config, cells=cells)
    (root / f"ready-{os.getpid()}").touch()
    while not (root / "go").exists():
        time.sleep(0.005)
    print(Store(root).cells(made).table["value"].tolist(), flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="locks need flock")
def test_two_processes_share_the_cells_and_compute_none_twice(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SHARED)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, str(script), str(tmp_path)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("ready-*"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (tmp_path / "go").touch()
    said = [process.communicate(timeout=60)[0].strip() for process in both]
    assert said == [str([seed**2 for seed in range(12)])] * 2
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert sorted(int(seed) for seed, _ in lines) == list(range(12))
    assert len({process for _, process in lines}) == 2


def test_no_warning_where_nothing_is_wrong(store):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.cells(experiment(range(2)))
        store.cells(experiment(range(2)))


def test_a_cell_that_fails_like_a_held_lock_is_an_error(tmp_path: Path) -> None:
    def blocked(config: object, cell: object) -> pd.DataFrame:
        raise BlockingIOError("the cell's own")

    made = Experiment(name="blocked", compute=blocked, config={}, cells=[{"seed": 0}])
    with pytest.raises(BlockingIOError, match="the cell's own"):
        Store(tmp_path).cells(made)
