"""Published cells: found, shown with a sample, verified on purpose, written."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest

from ssl_lib.errors import InputError, MissingData
from ssl_lib.results import Store, evidence, published
from ssl_lib.results.experiments import Experiment
from ssl_lib.results.kept import record
from ssl_lib.results.turns import Table, choose
from ssl_lib.results.verification import Checks
from ssl_lib.results.wording import standing

CALLS: list[int] = []


def draw(config, cell):
    """Draw two settings' accuracies, and an early loss; ``moved`` shifts what is drawn."""
    CALLS.append(cell["seed"])
    rng = np.random.default_rng(cell["seed"])
    early = rng.normal(size=2) * (1 + config.get("rounding", 0))
    accuracy = rng.normal(0.9, 0.01, size=2) + MOVED.get("by", 0.0)
    return pd.DataFrame({"setting": [1, 2], "early": early, "accuracy": accuracy})


MOVED: dict[str, float] = {}
CHECKS = Checks(keys=("setting",), early={"early": 1e-5}, spread={"accuracy": 1e-3})


def experiment(count=20, *, table="t", **config):
    return Experiment(
        name="drawn", compute=draw, config={"device": "cpu", "profile": "quick", **config},
        cells=[{"seed": seed} for seed in range(count)], place=f"toy/{table}.quick", checks=CHECKS,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _as_new():
    CALLS.clear()
    MOVED.clear()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache", published=tmp_path / "results")


@pytest.fixture
def elsewhere(store, tmp_path):
    """The same published tables, and an empty cache: another machine."""
    return Store(tmp_path / "other", published=store.published_root)


@pytest.fixture
def later(monkeypatch):
    """Return a function after which the code counts as changed; the table says what it did."""

    def change(made: Experiment) -> Experiment:
        source = {**made.key["source"], "tests:draw": "0123456789abcdef"}
        other = made.of(made.cells)
        other.__dict__["key"] = {**made.key, "source": source}
        return other

    return change


def one(made, store, **options):
    return evidence.show({"t": made}, store=store, **options)["t"]


# Writing


def test_published_table_is_the_stored_one(store):
    path = evidence.publish(experiment(), store=store)
    assert path.relative_to(store.published_root).as_posix() == "toy/t.quick.csv"
    kept = evidence.find(store, experiment(3))
    assert kept.table.equals(store.cells(experiment()).table)
    assert kept.manifest.seeds == list(range(20))
    assert (kept.status, kept.origin) == ("current", "published")


def test_more_seeds_compute_the_new_ones_only(store, elsewhere):
    evidence.publish(experiment(3), store=store)
    first = evidence.find(store, experiment()).table
    CALLS.clear()
    told = []
    evidence.publish(experiment(20), store=elsewhere, tell=lambda cell, _: told.append(cell))
    assert sorted(CALLS) == list(range(3, 20))
    assert [cell["seed"] for cell in told] == CALLS
    assert evidence.find(store, experiment()).table[:6].equals(first)


def test_fewer_seeds_leave_those_that_are_published(store):
    evidence.publish(experiment(5), store=store)
    evidence.publish(experiment(2), store=store)
    assert evidence.find(store, experiment()).manifest.seeds == [0, 1, 2, 3, 4]


def test_code_that_changed_and_was_not_verified_computes_all_anew(store, later):
    evidence.publish(experiment(4), store=store)
    evidence.gather({"t": experiment()}, store=store, write=True)
    CALLS.clear()
    evidence.publish(later(experiment(4)), store=store)
    assert CALLS == [0, 1, 2, 3]
    assert record(store, experiment()) is None


def test_cells_of_several_codes_or_machines_need_not_be_equal_to_the_bit(store, later):
    evidence.publish(experiment(3), store=store)
    first = experiment(3).key["source"]
    changed = later(experiment(12))
    evidence.gather({"t": changed}, store=store, write=True)
    evidence.publish(changed, store=store)
    kept = evidence.find(store, changed)
    assert (kept.status, kept.manifest.key["source"]) == ("verified", first)
    assert kept.manifest.device["mixed"]
    found = evidence.gather({"t": changed}, store=store, cells=12)["t"].finding
    assert {look.look for look in found.looks} == {"early", "spread", "paired"}


def test_cells_of_one_machine_must_be_equal_to_the_bit(store):
    evidence.publish(experiment(3), store=store)
    evidence.publish(experiment(5), store=store)
    kept = evidence.find(store, experiment())
    assert "mixed" not in kept.manifest.device
    found = evidence.gather({"t": experiment()}, store=store)["t"].finding
    assert found.looks[0].look == "same processor"
    slow(store, 1.0, device={**kept.manifest.device, "cpu": "another"})
    evidence.publish(experiment(6), store=store)
    assert evidence.find(store, experiment()).manifest.device["mixed"]


def test_cells_of_columns_that_are_not_in_the_order_of_the_alphabet(store, elsewhere):
    def made(count):
        cells = [{"task": task, "seed": seed} for task in "ab" for seed in range(count)]
        return dataclasses.replace(experiment(), cells=cells)

    evidence.publish(made(2), store=store)
    evidence.publish(made(1), store=store)  # keeps what is published beyond
    kept = evidence.find(elsewhere, made(1))
    assert kept.manifest.cells == made(2).cells
    assert list(kept.table.columns[:2]) == ["task", "seed"]
    assert one(made(1), elsewhere).finding.outcome == "equal"


def test_verified_code_adds_seeds_to_those_that_are_published(store, later):
    evidence.publish(experiment(4), store=store)
    changed = later(experiment(6))
    evidence.gather({"t": changed}, store=store, write=True)
    CALLS.clear()
    evidence.publish(changed, store=store)
    assert CALLS == [4, 5]
    assert len(record(store, changed).cells) == 1


def test_a_table_that_a_killed_run_left_half_written_is_written_anew(store):
    whole = evidence.publish(experiment(3), store=store)
    content = whole.read_bytes()
    whole.write_bytes(content[:-30])
    (whole.parent / f".{whole.name}.123.part").write_text("half")
    with pytest.warns(UserWarning, match="is not the table that .* It is written anew"):
        evidence.publish(experiment(3), store=store)
    assert whole.read_bytes() == content
    assert sorted(path.name for path in whole.parent.iterdir()) == ["t.quick.csv", "t.quick.json"]


def test_local_changes_in_one_cell_are_local_changes_of_the_table(store, monkeypatch):
    monkeypatch.setattr("ssl_lib.results.manifest._commit", lambda: ("a" * 40, True))
    store.cell(experiment(), {"seed": 0})
    monkeypatch.setattr("ssl_lib.results.manifest._commit", lambda: ("b" * 40, False))
    evidence.publish(experiment(2), store=store)
    assert evidence.find(store, experiment()).manifest.dirty is True


def test_an_experiment_without_a_place_is_refused(store):
    made = dataclasses.replace(experiment(), place="")
    with pytest.raises(InputError, match="drawn has no published table at these settings"):
        evidence.publish(made, store=store)


# Finding


def test_another_device_finds_the_table_and_another_configuration_does_not(store):
    evidence.publish(experiment(3), store=store)
    assert evidence.find(store, experiment(device="cuda")) is not None
    assert evidence.find(store, experiment(length=5)) is None
    assert evidence.find(store, experiment(table="u")) is None
    shown = one(experiment(2, length=5), store)
    assert (shown.origin, shown.manifest.seeds) == ("computed", [0, 1])


def test_a_table_of_other_columns_of_cells_is_another(store):
    evidence.publish(experiment(3), store=store)
    other = dataclasses.replace(experiment(), cells=[{"seed": 0, "fold": 1}])
    assert evidence.find(store, other) is None


# Showing


def test_all_published_cells_are_shown_and_a_sample_is_computed_again(store, elsewhere):
    evidence.publish(experiment(), store=store)
    per_cell = evidence.find(store, experiment()).manifest.seconds / 20
    CALLS.clear()
    shown = one(experiment(3), elsewhere, seconds=2.5 * per_cell)
    assert len(shown.table) == 40
    assert len(CALLS) == 2
    assert shown.fresh.manifest.seeds == CALLS
    assert shown.finding.outcome == "equal"
    assert [look.look for look in shown.finding.looks if look.measure == "early"] == ["early"]


def test_the_first_five_published_cells(store):
    evidence.publish(experiment(), store=store)
    shown = one(experiment(3), store, count=5)
    assert shown.manifest.seeds == [0, 1, 2, 3, 4]
    assert shown.table.equals(store.cells(experiment(5)).table)
    whole = evidence.find(store, experiment()).manifest
    assert shown.manifest.seconds == pytest.approx(whole.seconds / 4)


def test_fresh_computes_the_same_cells_all_anew(store):
    evidence.publish(experiment(6), store=store)
    CALLS.clear()
    shown = one(experiment(3), store, fresh=True)
    assert CALLS == [0, 1, 2, 3, 4, 5]
    assert (shown.origin, shown.finding) == ("computed", None)


def test_where_published_tables_may_not_serve_the_profiles_cells_are_computed(store):
    evidence.publish(experiment(6), store=store)
    shown = one(experiment(3), store, use_published=False)
    assert (shown.manifest.seeds, shown.status) == ([0, 1, 2], "current")


@pytest.mark.parametrize("fresh", [False, True])
def test_without_its_data_a_table_is_shown_and_says_so(store, elsewhere, fresh):
    evidence.publish(experiment(3), store=store)

    def absent():
        raise MissingData("no images here.")

    shown = one(dataclasses.replace(experiment(3), data=absent), elsewhere, fresh=fresh)
    assert (shown.finding, shown.missed) == (None, "its data are not here")
    assert len(shown.table) == 6


def test_a_table_whose_cells_are_too_long_says_so(store):
    evidence.publish(experiment(3), store=store)
    slow(store, 96.0)
    shown = one(experiment(3), store)
    assert shown.finding is None
    assert shown.missed.startswith("a cell took 32 s on ")


def test_a_table_that_had_no_turn_says_so(store):
    made = {name: experiment(1, table=name) for name in "tu"}
    for each in made.values():
        evidence.publish(each, store=store)
    took = {name: evidence.find(store, each).manifest.seconds for name, each in made.items()}
    shown = evidence.show(made, store=store, seconds=max(took.values()))
    assert sorted(result.missed for result in shown.values()) == ["", "other tables had their turn"]


def slow(store, seconds, **changes):
    folder = store.published_root / "toy"
    table, made = published.read(folder, "t.quick")
    published.write(folder, "t.quick", table, dataclasses.replace(made, seconds=seconds, **changes))


# Verifying


def test_current_verified_and_not_verified_since(store, later):
    evidence.publish(experiment(4), store=store)
    assert evidence.find(store, experiment()).status == "current"
    changed = later(experiment(4))
    assert evidence.find(store, changed).status == "not verified since"
    assert evidence.find(store, changed).changes == ("source tests:draw is new",)
    found = evidence.gather({"t": changed}, store=store)["t"]
    assert found.status == "verified"
    assert evidence.find(store, changed).status == "not verified since"  # nothing was written
    evidence.gather({"t": changed}, store=store, write=True)
    assert evidence.find(store, changed).status == "verified"
    again = later(changed)
    again.key["source"]["tests:draw"] = "fedcba9876543210"
    assert evidence.find(store, again).status == "not verified since"


def test_code_that_moved_leaves_a_table_current(store):
    evidence.publish(experiment(2), store=store)
    moved = experiment(2)
    name = next(name for name in moved.key["source"] if name.endswith(":draw"))
    moved.key["source"]["ssl_lib.elsewhere:draw"] = moved.key["source"].pop(name)
    kept = evidence.find(store, moved)
    assert (kept.status, kept.changes) == ("current", ())


def test_an_alarm_is_repeated_on_three_more_cells(store, later):
    evidence.publish(experiment(), store=store)
    changed = later(experiment())
    MOVED["by"] = 0.2
    CALLS.clear()
    found = evidence.gather({"t": changed}, store=store, cells=2, write=True)["t"]
    assert len(CALLS) == 5
    assert len({*CALLS}) == 5
    assert found.fresh.manifest.seeds == CALLS[2:]
    assert (found.finding.outcome, found.status) == ("does not hold", "not verified since")
    known = record(store, changed)
    assert (known.outcome, known.holds, len(known.cells)) == ("does not hold", False, 5)
    assert evidence.find(store, changed).status == "not verified since"


def test_what_failed_stays_so_until_that_cell_holds(store, later):
    evidence.publish(experiment(4), store=store)
    changed = later(experiment(4))
    kept, cells = evidence.find(store, changed), changed.cells
    MOVED["by"] = math.nan  # an alarm, which is repeated on the other three
    assert evidence.verify(changed, kept, cells[:1], store=store, write=True).refuted
    MOVED.clear()
    other = evidence.verify(changed, kept, cells[1:2], store=store, write=True)
    assert (other.finding.outcome, other.status) == ("equal", "not verified since")
    store.prune(keep=0)
    shown = one(changed, store, seconds=1e-9 + kept.manifest.seconds / 4)
    assert shown.fresh.manifest.seeds != [1]  # what failed has the first turn
    assert standing([shown]) == "not verified since"
    again = evidence.verify(changed, kept, cells, store=store, write=True)
    assert (again.status, again.refuted) == ("verified", False)


def test_a_failure_of_other_code_says_nothing_of_this_one(store, later):
    evidence.publish(experiment(4), store=store)
    kept = evidence.find(store, experiment())
    MOVED["by"] = math.nan
    evidence.verify(later(experiment(4)), kept, [{"seed": 0}], store=store, write=True)
    assert evidence.find(store, experiment()).status == "current"
    MOVED.clear()
    evidence.verify(experiment(4), kept, [{"seed": 1}], store=store, write=True)
    assert record(store, experiment()).holds


def test_the_record_says_what_ran(store):
    evidence.publish(experiment(4), store=store)
    evidence.gather({"t": experiment()}, store=store, cells=3, write=True)
    path = store.published_root / "toy" / "t.quick.verified.json"
    content = json.loads(path.read_text())
    assert set(content) == {"source", "cells", "outcome", "said", "looks"}
    assert content["source"] == experiment().key["source"]
    assert set(content["cells"][0]) == {"cell", "day", "commit", "hardware", "failed"}
    assert content["outcome"] == "equal"


@pytest.mark.parametrize(
    "part", [{}, {"cells": [{"cell": {"seed": 0}}]}, {"cells": {"seed": 0}}, {"source": []}]
)
def test_a_damaged_record_is_named(store, part):
    evidence.publish(experiment(2), store=store)
    whole = {"source": {}, "cells": [], "outcome": "equal", "said": "", "looks": []}
    path = store.published_root / "toy" / "t.quick.verified.json"
    path.write_text(json.dumps(whole | part if part else {}))
    with pytest.raises(InputError, match=r"t\.quick\.verified\.json is not the record"):
        evidence.find(store, experiment())


def test_verifying_computes_even_what_is_stored(store):
    evidence.publish(experiment(3), store=store)
    CALLS.clear()
    evidence.gather({"t": experiment()}, store=store, cells=3)
    assert sorted(CALLS) == [0, 1, 2]


def test_a_column_that_went_does_not_hold(store, later):
    evidence.publish(experiment(3), store=store)
    changed = dataclasses.replace(later(experiment(3)), compute=without_accuracy)
    found = evidence.gather({"t": changed}, store=store)["t"]
    assert found.finding.outcome == "does not hold"


def without_accuracy(config, cell):
    """Return the rows without a column that is checked."""
    return draw(config, cell).drop(columns="accuracy")


def test_what_is_not_reached_says_why(store):
    evidence.publish(experiment(3), store=store)
    evidence.publish(experiment(3, table="u"), store=store)
    slow(store, 300.0)
    told = []
    found = evidence.gather(
        {"t": experiment(), "u": experiment(table="u"), "v": experiment(table="v")},
        store=store, seconds=20.0, tell=lambda name, result: told.append((name, result.missed)),
    )  # fmt: skip
    assert list(found) == ["t", "u"]
    assert found["u"].finding.outcome == "equal"
    assert found["t"].finding is None
    assert [name for name, _ in told] == ["u", "t"]
    assert told[1][1].startswith("a cell took 100 s on ")


def test_what_ran_on_a_gpu_is_not_reached_on_a_processor(store):
    evidence.publish(experiment(3), store=store)
    device = {"type": "cuda", "name": "NVIDIA H200", "cpu": "AMD EPYC", "threads": 1}
    slow(store, 3.0, device=device)
    found = evidence.gather({"t": experiment()}, store=store, seconds=60.0)["t"]
    assert found.missed == "a cell took 1.0 s on NVIDIA H200"


# Turns


def test_over_many_runs_every_cell_has_its_turn():
    cells = {"a": range(3), "b": range(20), "c": range(7)}
    days = {name: {} for name in cells}
    for day in range(15):
        tables = {
            name: Table(cells=[{"seed": s} for s in seeds], seconds=10.0, days=days[name])
            for name, seeds in cells.items()
        }
        chosen = choose(tables, seconds=25.0, salt="always the same")
        assert sum(map(len, chosen.values())) == 2
        for name, some in chosen.items():
            days[name].update({f'{{"seed":{cell["seed"]}}}': f"2026-12-{day:02}" for cell in some})
    assert {name: len(seen) for name, seen in days.items()} == {"a": 3, "b": 20, "c": 7}


def test_with_nothing_recorded_other_commits_look_at_other_cells():
    tables = {name: Table(cells=[{"seed": s} for s in range(4)], seconds=40.0) for name in "abc"}
    seen = set()
    for commit in range(60):
        chosen = choose(tables, seconds=60.0, salt=str(commit))
        seen |= {(name, cell["seed"]) for name, some in chosen.items() for cell in some}
    assert len(seen) == 12


def test_each_table_has_one_cell_before_any_has_two():
    tables = {
        "short": Table(cells=[{"seed": s} for s in range(50)], seconds=1.0),
        "long": Table(cells=[{"seed": s} for s in range(3)], seconds=15.0),
        "longer": Table(cells=[{"seed": 0}], seconds=100.0),
    }
    chosen = choose(tables, seconds=20.0)
    assert {name: len(some) for name, some in chosen.items()} == {
        "short": 5,
        "long": 1,
        "longer": 0,
    }
    assert [len(some) for some in choose(tables, most=2).values()].count(2) == 2


def test_more_seeds_than_are_published_are_all_computed_here(store, elsewhere):
    evidence.publish(experiment(3), store=store)
    CALLS.clear()
    shown = one(experiment(5), elsewhere, count=5)
    assert (shown.origin, shown.manifest.seeds) == ("computed", [0, 1, 2, 3, 4])
    assert CALLS == [0, 1, 2, 3, 4]


def test_the_first_seeds_of_cells_that_are_seeds_and_folds(store):
    cells = [{"fold": fold, "seed": seed} for fold in (0, 1) for seed in (0, 1, 2)]
    made = dataclasses.replace(experiment(), cells=cells)
    evidence.publish(made, store=store)
    shown = one(made, store, count=2)
    assert [(cell["fold"], cell["seed"]) for cell in shown.manifest.cells] == [
        (0, 0), (0, 1), (1, 0), (1, 1)
    ]  # fmt: skip
    assert len(shown.table) == 8
