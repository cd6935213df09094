"""Sweeps over processes and submitit's stand-ins for a cluster."""

import importlib
import os
import sys
from pathlib import Path

import pytest

from ssl_lib.atomic import lock
from ssl_lib.errors import InputError
from ssl_lib.results import Store
from ssl_lib.results.executors import EXECUTORS, SweepError, cells, sweep
from ssl_lib.results.experiments import Experiment
from ssl_lib.results.keys.canonical import to_json
from ssl_lib.results.manifest import key_digest


@pytest.fixture(scope="module")
def tasks():
    """Import the tasks by a name that other processes know too."""
    folder = str(Path(__file__).parent)
    sys.path.insert(0, folder)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, before)))
    yield importlib.import_module("sweep_tasks")
    sys.path.remove(folder)
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


@pytest.fixture
def marks(tmp_path, monkeypatch):
    """Return a function that lists, and forgets, which configurations were computed."""
    folder = tmp_path / "marks"
    folder.mkdir()
    monkeypatch.setenv("SWEEP_MARKS", str(folder))

    def read():
        found = sorted(int(path.name.split("-")[0]) for path in folder.iterdir())
        for path in folder.iterdir():
            path.unlink()
        return found

    return read


def grid(*bases):
    return [{"base": base} for base in bases]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.mark.parametrize("executor", sorted({*EXECUTORS} - {"slurm"}))
def test_one_tidy_table_in_the_order_of_the_configurations(tasks, store, marks, executor):
    if executor.startswith("submitit"):
        pytest.importorskip("submitit", reason="the optional extra 'cluster'")
    table = sweep(
        tasks.describe, grid(3, 2), name="powers", executor=executor, store=store, progress=False
    )
    assert list(table.columns[:2]) == ["base", "power"]
    assert table[["base", "power"]].to_numpy().tolist() == [[3, 9], [3, 27], [2, 4], [2, 8]]
    elsewhere = executor in ("local", "submitit-local")
    assert (os.getpid() not in set(table["process"])) == elsewhere
    assert set(table["threads"]) == {1}
    assert marks() == [2, 3]


def test_only_what_is_missing_is_computed(tasks, store, marks):
    options = {"name": "powers", "store": store, "progress": False}
    first = sweep(tasks.describe, grid(2), executor="debug", **options)
    assert marks() == [2]
    both = sweep(tasks.describe, grid(2, 5), executor="local", jobs=1, **options)
    assert marks() == [5]
    assert both[both["base"] == 2].equals(first)
    assert sweep(tasks.describe, grid(5, 2), **options)["base"].tolist() == [5, 5, 2, 2]
    assert marks() == []


@pytest.mark.parametrize("executor", ["debug", "local"])
def test_failures_are_named_and_the_others_are_kept(tasks, store, marks, executor):
    options = {"name": "powers", "executor": executor, "store": store, "progress": False}
    options["jobs"] = 1
    with pytest.raises(SweepError) as caught:
        sweep(tasks.describe, grid(13, 2, 3), **options)
    (failure,) = caught.value.failures
    assert failure.config == {"base": 13}
    assert failure.error == "ValueError: thirteen brings bad luck"
    assert "in describe" in failure.details
    message = str(caught.value)
    assert "1 of 3 configurations failed" in message
    assert f"{to_json({'base': 13})}: ValueError: thirteen brings bad luck" in message
    assert marks() == [2, 3, 13]
    assert len(sweep(tasks.describe, grid(2, 3), **options)) == 4
    assert marks() == []


def test_a_process_that_dies_takes_no_other_with_it(tasks, store):
    options = {"name": "powers", "executor": "local", "jobs": 1, "store": store, "progress": False}
    with pytest.raises(SweepError, match="its process died") as caught:
        sweep(tasks.describe, grid(99, 2), **options)
    assert [failure.config for failure in caught.value.failures] == [{"base": 99}]
    assert sweep(tasks.describe, grid(2), **options)["power"].tolist() == [4, 8]


def test_dataclasses_nested_values_and_threads(tasks, store, monkeypatch):
    monkeypatch.setattr("ssl_lib.results.pools.cores", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    table = sweep(
        tasks.describe,
        [tasks.Setting(base=2, widths=(4,))],
        name="powers",
        executor="local",
        threads=2,
        store=store,
        uses=[tasks],
        progress=False,
    )
    assert table.loc[0, "widths"] == "[4]"
    assert set(table["threads"]) == {2}
    assert set(table["declared"]) == {"2"}
    assert os.environ.get("OMP_NUM_THREADS") == "7"


def test_what_cannot_work_is_refused(tasks, store, monkeypatch):
    def inner(config):
        return None

    options = {"name": "powers", "store": store, "progress": False}
    monkeypatch.setattr("ssl_lib.results.pools.cores", lambda: 2)
    for arguments, message in (
        ({"executor": "locl"}, "unknown executor 'locl'. Did you mean 'local'?"),
        ({"jobs": 3}, "3 jobs of 1 thread.s. need more than the 2 cores"),
        ({"jobs": 0}, "jobs and threads must be at least 1"),
    ):
        with pytest.raises(InputError, match=message):
            sweep(tasks.describe, grid(2), **options, **arguments)
    with pytest.raises(InputError, match="at least one configuration"):
        sweep(tasks.describe, [], **options)
    with pytest.raises(InputError, match="top level of a module"):
        sweep(inner, grid(2), **options)
    with pytest.raises(InputError, match=r"both have \['base'\]"):
        sweep(tasks.clash, grid(2), executor="debug", **options)


def test_without_submitit_the_error_says_what_to_install(tasks, store, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(InputError, match=r"pip install \"ssl_lib\[cluster\]\""):
        sweep(tasks.describe, grid(2), name="powers", executor="slurm", store=store, progress=False)


# Cells of an experiment


def experiment(tasks, *bases, factor=10):
    return Experiment(
        name="powers", compute=tasks.cell, config={"factor": factor},
        cells=[{"base": base} for base in bases], uses=(importlib,), data=lambda: {"images": "1"},
    )  # fmt: skip


@pytest.mark.parametrize("executor", sorted({*EXECUTORS} - {"slurm"}))
def test_cells_are_those_that_the_store_would_compute(tasks, store, marks, executor):
    if executor.startswith("submitit"):
        pytest.importorskip("submitit", reason="the optional extra 'cluster'")
    told = []
    made = experiment(tasks, 3, 2)
    found = cells(made, executor=executor, store=store, tell=lambda cell, _: told.append(cell))
    rows = found.table[["base", "power"]].to_numpy().tolist()
    assert rows == [[3, 90], [3, 270], [2, 40], [2, 80]]
    elsewhere = executor in ("local", "submitit-local")
    assert (os.getpid() not in set(found.table["process"])) == elsewhere
    assert found.origin == "computed"
    assert sorted(cell["base"] for cell in told) == [2, 3]
    assert marks() == [2, 3]
    assert store.cells(made).table.equals(found.table)
    assert marks() == []


def test_only_missing_cells_are_computed(tasks, store, marks):
    store.cells(experiment(tasks, 2))
    assert marks() == [2]
    told = []
    made = experiment(tasks, 2, 5)
    cells(made, executor="debug", store=store, tell=lambda cell, r: told.append((cell, r.origin)))
    assert marks() == [5]
    assert told == [({"base": 5}, "computed"), ({"base": 2}, "cache")]
    assert cells(made, executor="debug", store=store).origin == "cache"


def test_cells_that_fail_are_named_and_the_others_stored(tasks, store, marks):
    made = experiment(tasks, 2, 13, 5)
    said = r'1 of 3 cells failed.*\n\{"base":13\}: ValueError: thirteen'
    with pytest.raises(SweepError, match=said):
        cells(made, executor="debug", store=store)
    assert marks() == [2, 5, 13]
    assert store.cells(experiment(tasks, 2, 5)).origin == "cache"


def test_a_cell_that_another_process_computes_is_waited_for_at_the_end(tasks, store, marks):
    made = experiment(tasks, 2, 5)
    digest = key_digest("powers", made.key_of({"base": 2}))
    held = lock(store.root / "tables" / "powers" / f".{digest}.lock")
    held.__enter__()
    seen = []

    def tell(cell, _):
        seen.append(cell["base"])
        if cell["base"] == 5:
            held.__exit__(None, None, None)

    cells(made, executor="debug", store=store, tell=tell)
    assert seen == [5, 2]
    assert marks() == [2, 5]


def test_cells_of_an_unknown_executor_are_refused(tasks, store):
    with pytest.raises(InputError, match=r"unknown executor 'slrum'\. Did you mean 'slurm'"):
        cells(experiment(tasks, 2), executor="slrum", store=store)
