"""Published cells in words: how many, whether they still hold, what this run found."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ssl_lib.errors import InputError
from ssl_lib.results import Result, Store, evidence, provenance, with_fresh
from ssl_lib.results.experiments import Experiment
from ssl_lib.results.manifest import differences
from ssl_lib.results.verification import Checks
from ssl_lib.results.wording import standing, summary

CHECKS = Checks(keys=("setting",), exact=("*",))
DAY = "2026-05-04"


def rows(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    draws = np.random.default_rng(cell.get("seed", 0)).normal(size=config["n"])
    return pd.DataFrame({"setting": np.arange(config["n"]), "accuracy": draws})


def experiment(cells: int = 20, **changes: Any) -> Experiment:
    fields = {
        "name": "toy", "compute": rows, "config": {"n": 2, "profile": "quick"}, "checks": CHECKS,
        "cells": [{"seed": seed} for seed in range(cells)], "place": "toy/t.quick",
    }  # fmt: skip
    return Experiment(**{**fields, **changes})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache", published=tmp_path / "results")


@pytest.fixture
def kept(store: Store) -> Result:
    """Return a published table of 20 cells, measured on another day in 80 s."""
    evidence.publish(experiment(), store=store)
    found = evidence.find(store, experiment())
    assert found is not None
    return replace(found, manifest=replace(found.manifest, created=DAY, seconds=80.0))


def again(store: Store, kept: Result, count: int = 2) -> Result:
    cells = kept.manifest.cells[:count]
    store.prune(keep=0)
    return evidence.verify(experiment(), kept, cells, store=store)


def changed(result: Result, **fields: Any) -> Result:
    return replace(result, changes=("source a:f changed",), **fields)


# Sentences


def test_a_published_table_says_what_it_is(kept: Result) -> None:
    assert summary([kept]) == f"published {DAY}, 20 cells, current"
    words = kept.provenance
    assert words.startswith(f"published {DAY}, 20 cells, current; measured in 80 s on ")
    assert ", profile quick, seeds 0 to 19, " in words
    assert words.endswith(f"key {kept.manifest.digest[:8]}")


def test_cells_computed_again_here_are_counted(store: Store, kept: Result) -> None:
    one = replace(again(store, kept, 1), manifest=kept.manifest)
    assert summary([one]).endswith("current; 1 cell computed again here: equal")
    two = replace(again(store, kept), manifest=kept.manifest)
    assert summary([two]).endswith("current; 2 cells computed again here: equal")
    assert summary([two]) in two.provenance


def test_cells_read_from_the_cache_name_their_day(store: Store, kept: Result) -> None:
    found = again(store, kept)
    fresh = store.cells(experiment(2))
    assert fresh.origin == "cache"
    fresh = replace(fresh, manifest=replace(fresh.manifest, created="2026-07-08"))
    found = replace(found, fresh=fresh)
    assert summary([found]).endswith("; 2 cells computed again on 2026-07-08: equal")


def test_a_table_that_was_not_reached_says_why_at_the_end_of_the_page(kept: Result) -> None:
    found = replace(kept, missed="its data are not here")
    assert summary([found]) == f"published {DAY}, 20 cells, current"
    reason = "current; not computed again: its data are not here"
    assert f"{reason}; measured in " in found.provenance
    assert f">{reason}<" in provenance(found).html


def test_a_table_that_does_not_hold_says_where(store: Store, kept: Result) -> None:
    table = kept.table.copy()
    table.loc[1, "accuracy"] += 1e-3
    found = again(store, replace(kept, table=table))
    assert ": does not hold: same processor look at * fails (" in summary([found])
    assert "at seed 0, setting 1" in summary([found])
    assert standing([kept, found]) == "does not hold"


def test_several_published_tables_are_put_together(store: Store, kept: Result) -> None:
    one, two = (
        replace(again(store, kept), manifest=replace(kept.manifest, digest=digest))
        for digest in ("1", "2")
    )
    text = f"2 tables published {DAY}, 40 cells, current; 4 cells computed again here: equal"
    assert summary([one, two, one]) == text
    old = changed(replace(one, manifest=replace(kept.manifest, digest="3"), fresh=None))
    old = replace(old, finding=None, status="not verified since")
    assert summary([old, two]).startswith(f"published {DAY}, 20 cells, not verified since; publ")


def test_a_table_of_one_cell_counts_none(store: Store) -> None:
    single = replace(experiment(), cells=[{}], name="single")
    evidence.publish(single, store=store)
    store.prune(keep=0)
    found = evidence.show({"t": single}, store=store)["t"]
    day = found.manifest.created
    assert summary([found]) == f"published {day}, current; computed again here: equal"


# States


def test_a_changed_table_is_verified_by_the_record_or_by_this_run(
    store: Store, kept: Result
) -> None:
    recorded = changed(kept, status="verified", verified="2026-06-01")
    assert summary([recorded]) == f"published {DAY}, 20 cells, verified 2026-06-01"
    assert recorded.provenance.endswith("; the code has since changed (source a:f changed)")
    old = changed(kept, status="not verified since", verified="2026-06-01")
    assert summary([old]) == f"published {DAY}, 20 cells, not verified since"
    found = changed(again(store, kept), status="not verified since")
    assert f"verified {found.fresh.manifest.created}" in summary([found])
    for one in (kept, changed(kept)):  # a look at other cells failed
        failed = replace(again(store, one), status="not verified since", refuted=True)
        assert ", not verified since; 2 cells computed again here: equal" in summary([failed])
        assert standing([failed]) == "not verified since"


def test_the_record_says_when_cells_were_verified(store: Store, kept: Result) -> None:
    assert kept.verified == ""
    evidence.verify(experiment(), kept, kept.manifest.cells[:1], store=store, write=True)
    path = store.published_root / "toy" / "t.quick.verified.json"
    day = evidence.record(store, experiment()).day
    path.write_text(path.read_text().replace(day, "2026-08-09"))
    assert evidence.find(store, experiment()).verified == "2026-08-09"


def test_standing_is_that_of_the_worst(store: Store, kept: Result) -> None:
    here = store.cells(experiment(1), fresh=True)
    late, early = (
        changed(kept, status="verified", verified=f"2026-0{month}-01") for month in (7, 6)
    )
    old = changed(kept, status="not verified since")
    assert standing([here]) == "computed"
    assert standing([here, kept]) == "current"
    assert standing([kept, late, early]) == "verified 2026-06-01"
    assert standing([early, old, here]) == "not verified since"


def test_a_table_without_cells_stands_by_its_changes(kept: Result) -> None:
    plain = replace(kept, manifest=replace(kept.manifest, cells=[]))
    assert standing([plain]) == "current"
    assert standing([changed(plain)]) == "not verified since"
    assert summary([changed(plain)]) == f"published {DAY}, not verified since"


# Seeds


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ([4], "seed 4"),
        ([0, 1, 2], "seeds 0, 1, 2"),
        (range(5, 25), "seeds 5 to 24"),
        ([0, 1, 2, 7, 9], "seeds 0, 1, 2 and 2 more"),
        ([5831979994655454472, 4350737571549057673], "2 seeds"),
        ([5831979994655454472], "1 seed"),
    ],
)
def test_seeds_are_named_by_short_numbers(kept: Result, seeds: list[int], words: str) -> None:
    found = replace(kept, manifest=replace(kept.manifest, seeds=list(seeds)))
    assert f", profile quick, {words}, " in found.provenance
    assert found.provenance.count("seed") == 1


# The table of a page


def test_provenance_has_three_columns_and_folds_the_rest(store: Store, kept: Result) -> None:
    found = replace(again(store, kept), manifest=kept.manifest)
    html = provenance(found, store.cells(experiment(1))).html
    table, details = html.split("<details>")
    heads = [part.split("<")[0] for part in table.split('scope="col" style="text-align:left">')[1:]]
    assert heads == ["table", "run", "since then"]
    assert f">published {DAY}, 20 cells in 80 s<" in table
    assert ">current; 2 cells computed again here: equal<" in table
    assert table.count(">–<") == 1
    assert "key" not in table
    assert found.provenance in details


def test_provenance_of_computed_tables_has_no_state(store: Store) -> None:
    table = provenance(store.cells(experiment(2))).html.split("<details>")[0]
    assert "since then" not in table
    assert ">computed here, 2 cells in 0.0" in table


# Keys and files


def test_cells_put_together_keep_the_hashes_of_their_data(store: Store) -> None:
    made = store.cells(experiment(2, data={"digits": "abc"})).manifest
    assert made.key["data"] == {"digits": "abc"}
    other = store.cells(experiment(2, data={"digits": "abd"})).manifest
    assert made.digest != other.digest
    assert differences(made.key, other.key) == ["data digits changed"]


def test_fresh_rows_follow_the_published_ones(store: Store, kept: Result) -> None:
    found = again(store, kept)
    both = with_fresh(kept.table, found.fresh.table[["accuracy", "setting", "seed"]])
    assert both["run"].value_counts(sort=False).to_dict() == {"published": 40, "fresh": 4}
    assert list(both) == ["seed", "setting", "accuracy", "run"]
    shown = both[both["run"] == "published"].drop(columns="run")
    pd.testing.assert_frame_equal(shown, kept.table)
    assert with_fresh(kept.table, None) is kept.table


def test_fresh_rows_of_another_table_are_refused(kept: Result) -> None:
    with pytest.raises(InputError, match=r"fresh must have the columns \['seed', 'setting', 'acc"):
        with_fresh(kept.table, kept.table.drop(columns="accuracy"))
    with pytest.raises(InputError, match="a column 'run' of its own"):
        with_fresh(kept.table.assign(run=1), kept.table)
