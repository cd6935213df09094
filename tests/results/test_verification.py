"""What decides whether cells computed again say what the published ones say."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from ssl_lib.errors import InputError
from ssl_lib.results.verification import RATE, Checks, compare, count_comparisons

HERE = Path(__file__).parent
LONG = ("setting", "measure", "at")
RESOLUTION = 1 / 500


def table(values, measure="accuracy"):
    """A long table of values (cells, settings)."""
    rows = [
        (seed, setting, measure, 0.0, value)
        for seed, row in enumerate(np.asarray(values, float))
        for setting, value in enumerate(row)
    ]
    return pd.DataFrame(rows, columns=["seed", *LONG, "value"])


def spread(published, fresh, *, resolution=RESOLUTION, **options):
    checks = Checks(keys=LONG, spread={"accuracy": resolution})
    return compare(table(published), table(fresh), checks, cell=["seed"], **options)


@pytest.fixture
def wide():
    generator = np.random.default_rng(0)
    values = generator.normal(size=(24, 3)) + np.array([0, 5, 50])
    made = pd.DataFrame(values, columns=["count", "early loss", "accuracy"])
    made.insert(0, "setting", ["low", "high"] * 12)
    made.insert(0, "seed", np.repeat(np.arange(12), 2))
    return made.assign(seconds=generator.random(24), kind="mlp")


def judge(published, fresh, **options):
    given = {"exact": ("count",), "early": {"early loss": 1e-5}, "spread": {"accuracy": 0.01}}
    checks = Checks(keys=("setting",), times=("seconds",), **given)
    return compare(published, fresh, checks, cell=["seed"], **options)


def test_the_same_rows_in_another_order_are_equal(wide):
    wide.loc[3, "count"] = np.nan
    fresh = wide[wide["seed"] < 3].sample(frac=1, random_state=0).assign(seconds=9.0)
    found = judge(wide, fresh)
    assert (found.outcome, found.cells, found.largest) == ("equal", 3, 0.0)
    assert [look.look for look in found.looks] == ["exact", "early", "spread"]
    assert [look.size for look in found.looks] == [0, 0, 0]
    assert judge(wide, fresh, alike=True).looks[0].look == "same processor"


def test_long_and_wide_tables_find_the_same(wide):
    fresh = wide[wide["seed"] < 3].assign(accuracy=wide["accuracy"] + 0.5)
    names = ["seed", "setting"]
    long = [
        t.drop(columns=["seconds", "kind"]).melt(names, var_name="measure") for t in (wide, fresh)
    ]
    checks = Checks(
        keys=("setting", "measure"), exact=("count",), early={"early loss": 1e-5},
        spread={"accuracy": 0.01},
    )  # fmt: skip
    first, second = judge(wide, fresh), compare(*long, checks, cell=["seed"])
    assert [look.size for look in first.looks] == [look.size for look in second.looks]


@pytest.mark.parametrize(
    ("column", "relative", "holds"),
    [
        ("count", 0.9e-9, True),
        ("count", 1.2e-9, False),
        ("early loss", 0.9e-5, True),
        ("early loss", 1.2e-5, False),
    ],
)
def test_relative_bounds(wide, column, relative, holds):
    fresh = wide[wide["seed"] == 4].reset_index(drop=True)
    fresh.loc[1, column] *= 1 + relative
    found = judge(wide, fresh)
    look = next(look for look in found.looks if look.measure == column)
    assert look.size == pytest.approx(relative, rel=1e-4)
    assert (look.holds, bool(found.broken), found.alarms) == (holds, not holds, ())
    assert found.outcome == (
        "does not hold" if not holds else ("equal", "agrees")[column != "count"]
    )


@pytest.mark.parametrize(("value", "holds"), [(1e-14, True), (1e-10, False)])
def test_zeros_are_judged_by_the_largest_value(wide, value, holds):
    wide["count"] = [0.0, 1.0] * 12
    fresh = wide[wide["seed"] == 0].assign(count=[value, 1.0])
    assert judge(wide, fresh).looks[0].size == pytest.approx(value / 1e-3)
    assert judge(wide, fresh).looks[0].holds == holds


def test_a_number_that_became_nan_is_no_number(wide):
    fresh = wide[wide["seed"] == 0].reset_index(drop=True)
    fresh.loc[1, ["early loss", "accuracy"]] = np.nan
    found = judge(wide, fresh)
    assert [(look.look, look.size, look.holds) for look in found.looks[1:]] == [
        ("early", np.inf, False),
        ("spread", np.inf, False),
    ]
    assert json.dumps(found.to_dict(), allow_nan=False).count("null") == 3


@pytest.mark.parametrize(
    ("change", "measure", "note"),
    [
        (lambda t: t.iloc[1:], "rows", "3 missing, 0 unpublished"),
        (lambda t: t.assign(setting=["low", "other"]), "rows", "3 missing, 3 unpublished"),
        (lambda t: t.assign(kind=["mlp", "cnn"]), "kind", "'mlp' is now 'cnn' at seed 0, setting"),
        (lambda t: t.drop(columns="kind"), "kind", "the column is missing"),
    ],
)
def test_rows_and_text_are_those_published(wide, change, measure, note):
    found = judge(wide, change(wide[wide["seed"] == 0]))
    assert [(look.look, look.measure) for look in found.broken] == [("exact", measure)]
    assert note in str(found)


def test_a_measure_that_is_not_published_yet_is_left_out(wide):
    found = judge(wide.drop(columns="early loss"), wide[wide["seed"] < 2])
    assert found.notes == ("early loss is not published: not compared",)
    assert (found.outcome, [look.look for look in found.looks]) == ("equal", ["exact", "spread"])


def test_alike_wants_every_number_equal(wide):
    fresh = wide[wide["seed"] == 0].assign(accuracy=wide["accuracy"] * (1 + 1e-7))
    assert judge(wide, fresh).outcome == "agrees"
    found = judge(wide, fresh, alike=True)
    assert [(look.look, look.measure) for look in found.broken] == [("same processor", "*")]
    assert found.broken[0].size == pytest.approx(1e-7, rel=1e-6)


def test_one_cell_without_columns_and_rows_by_order():
    published = pd.DataFrame({"model": ["a", "b"], "error": [0.25, 0.5]})
    checks = Checks(keys=(), exact=("*",))
    assert compare(published, published, checks, cell=()).outcome == "equal"
    found = compare(published, published.assign(error=[0.25, 0.75]), checks, cell=())
    assert (found.cells, found.broken[0].size) == (1, 0.5)
    assert compare(published, published[::-1], checks, cell=()).broken[0].measure == "model"


def test_spread_and_paired_are_their_formulas():
    generator = np.random.default_rng(0)
    published, fresh = generator.normal(size=(2, 14, 3))
    found = spread(published, fresh[:12], comparisons=5)
    step = (fresh - published)[:12].mean(1)
    deviation = published.mean(1).std(ddof=1)
    expected = abs(step.mean()) * 12**0.5 / (deviation * 2**0.5)
    paired = abs(stats.ttest_1samp(step, 0).statistic)
    assert [look.size for look in found.looks] == pytest.approx([expected, paired])
    limits = [stats.t.ppf(1 - RATE / 5 / 2, freedom) for freedom in (13, 11)]
    assert [look.limit for look in found.looks] == pytest.approx(limits)


def test_cells_that_share_a_seed_count_as_one():
    generator = np.random.default_rng(1)
    published, fresh = generator.normal(size=(2, 12, 2)) + np.array([0, 40])
    checks = Checks(keys=("measure", "at"), spread={"accuracy": 0.01})
    again = table(fresh).query("(seed == 0) or (seed == 1 and setting == 1)")
    found = compare(table(published), again, checks, cell=["seed", "setting"])
    steps = (fresh - published)[0].mean() + (fresh - published)[1, 1]
    deviations = published.mean(1).std(ddof=1), published[:, 1].std(ddof=1)
    assert found.cells == 3
    assert found.looks[0].size == pytest.approx(
        abs(steps) / (2 * np.square(deviations).sum()) ** 0.5
    )
    assert found.looks[0].cells == 2


def test_the_resolution_is_the_least_spread():
    same = np.full((20, 2), 0.9)
    assert [look.size for look in spread(same, same).looks] == [0, 0]
    sizes = [look.size for look in spread(same, same + RESOLUTION).looks]
    assert sizes == pytest.approx([10**0.5, 120**0.5])


@pytest.mark.parametrize("cells", [3, 10])
def test_few_seeds_say_so(cells):
    generator = np.random.default_rng(0)
    published, fresh = generator.normal(size=(2, cells, 5))
    found = spread(published, fresh[:3])
    assert (found.outcome, found.few, found.looks) == ("too few seeds to verify", ("accuracy",), ())


def test_comparisons_are_counted_as_they_are_made():
    generator = np.random.default_rng(0)
    for cells, fresh in [(3, 3), (10, 10), (11, 3), (20, 9), (20, 10)]:
        values = generator.normal(size=(cells, 4))
        checks = Checks(keys=LONG, spread={"accuracy": RESOLUTION})
        count = count_comparisons(table(values), checks, cell=["seed"], cells=fresh)
        assert count == len(spread(values, values[:fresh]).looks)


@pytest.mark.parametrize("correlation", [0, 0.5, 1])
def test_a_shift_of_one_deviation_shows_in_twenty_cells(correlation):
    generator = np.random.default_rng(2)
    published = settings(generator, 20, 8, correlation)
    shifted = published + published.std(0, ddof=1)
    found = spread(published, shifted)
    assert [look.look for look in found.alarms][-1] == "paired"
    assert found.broken == ()


def settings(generator, cells, count, correlation):
    """Values (cells, settings) of deviation 1, the settings of a cell correlated."""
    shared = generator.normal(size=(cells, 1))
    own = generator.normal(size=(cells, count))
    return correlation**0.5 * shared + (1 - correlation) ** 0.5 * own


def images(values, deviation):
    """Accuracies on 500 images near the ceiling, which tie."""
    return np.clip(np.round(500 * 0.99 + deviation * values), 0, 500) / 500


def honest(case):
    """Ten tables as ten measures: published, and fresh with other random numbers; their cells."""
    generator = np.random.default_rng(case)
    cells, count = [(3, 5), (20, 8), (20, 1), (12, 4), (20, 3)][case % 5]
    correlation, fresh = (0, 0.5, 1)[case // 5 % 3], (1, 2, 3, 20)[case % 4]
    deviation = (None, 0.3, 2.0)[case % 3]
    tables = [[], []]
    for number in range(10):
        for side, most in zip(tables, (cells, fresh), strict=True):
            values = settings(generator, cells, count, correlation)
            values = values if deviation is None else images(values, deviation)
            side.append(table(values[:most], measure=f"accuracy {number}"))
    return *map(pd.concat, tables), cells, min(cells, fresh)


def test_honest_tables_give_no_more_alarms_than_stated():
    resolutions = {f"accuracy {number}": RESOLUTION for number in range(10)}
    checks = Checks(keys=LONG, spread=resolutions)
    alarmed, often, looks = set(), 0, 0
    for case in range(100):
        published, fresh, cells, again = honest(case)
        # Each of the ten is a run of its own, with one look at a spread or two.
        tests = (cells > 10) + (again >= 10)
        found = compare(published, fresh, checks, cell=["seed"], comparisons=tests)
        assert len(found.looks) == 10 * tests
        alarmed |= {(case, look.measure) for look in found.alarms}
        for look in found.looks:
            freedom = (again if look.look == "paired" else cells) - 1
            # The limit of one in twenty is passed often enough to measure how often.
            often += look.size > stats.t.isf(0.025, freedom)
        looks += len(found.looks)
    assert len(alarmed) <= stats.binom.isf(1e-3, 1000, RATE)
    assert looks > 800
    assert often <= stats.binom.isf(1e-3, looks, 0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keys": ()}, "must name a measure"),
        ({"keys": (), "early": {"loss": 0.0}}, "early of 'loss' must be positive, got 0.0"),
        ({"keys": (), "spread": {"loss": -1.0}}, "spread of 'loss' must be positive"),
    ],
)
def test_checks_that_check_nothing_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        Checks(**options)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda t: t, {"keys": ("settings",)}, "no column 'settings'.*'setting'"),
        (lambda t: t, {"exact": ("counts",)}, "no measure 'counts'.*'count'"),
        (lambda t: t.iloc[:0], {}, "at least one cell"),
        (lambda t: t.assign(setting="low"), {}, "must name one row each"),
        (lambda t: t.assign(setting=[0, 1] * 12), {}, "numbers in both tables or in none"),
    ],
)
def test_tables_that_cannot_be_compared_are_refused(wide, change, options, message):
    checks = Checks(**{"keys": ("setting",), "exact": ("count",)} | options)
    with pytest.raises(InputError, match=message):
        compare(wide, change(wide), checks, cell=["seed"])


# A real training: what each fault needs to be seen.

REAL = Checks(
    keys=("measure",),
    early={"early loss": 1e-5},
    spread={"accuracy": RESOLUTION, "rankme": 0.01},
)


@pytest.fixture(scope="module")
def real(load_script):
    return load_script(HERE / "small_training.py")


@pytest.fixture(scope="module")
def trained(real):
    return real.train(range(12))


@pytest.fixture(scope="module")
def measured(real, trained):
    return real.rows(range(12), trained)


def again(measured, rows, cells=12, **options):
    return compare(measured, rows[rows["seed"] < cells], REAL, cell=["seed"], **options)


def test_the_same_code_run_twice_is_equal(real, measured):
    fresh = real.rows(range(2), real.train(range(2)))
    # Two members stacked round as twelve do on some processors only.
    assert again(measured, fresh).outcome in ("equal", "agrees")
    twice = real.rows(range(2), real.train(range(2)))
    assert compare(fresh, twice, REAL, cell=["seed"], alike=True).outcome == "equal"


def test_a_learning_rate_one_percent_off_shows_in_one_cell(real, measured):
    found = again(measured, real.rows([0], real.train([0], learning_rate=3.03e-3)))
    assert [(look.look, look.measure) for look in found.broken] == [("early", "early loss")]
    assert 3e-5 < found.broken[0].size < 3e-3
    assert found.alarms == ()


def test_a_probe_judged_on_training_images_shows_in_ten_cells(real, trained, measured):
    wrong = real.rows(range(12), trained, judged_on_training=True)
    assert again(measured, wrong, cells=2).outcome == "agrees"
    found = again(measured, wrong, cells=10)
    assert "accuracy" in {look.measure for look in found.alarms}
    assert found.broken == ()


def test_a_summary_is_compared_where_rows_may_differ():
    def count(table):
        return table.groupby(["seed", "panel"]).size().rename("shapes").reset_index()

    made = pd.DataFrame({"seed": 0, "panel": list("aab"), "x": [1.0, 2.0, 3.0]})
    checks = Checks(keys=("panel",), exact=("shapes",), summary=count)
    moved = made.assign(x=made.x + 1)
    assert compare(made, moved, checks, cell=["seed"], alike=False).outcome == "equal"
    fewer = compare(made, made[1:], checks, cell=["seed"], alike=False)
    assert fewer.outcome == "does not hold"
    assert "2 is now 1 at seed 0, panel a" in str(fewer)


def test_a_cell_without_an_early_loss_is_compared_by_what_it_has():
    """What is not trained has none; a row that got lost still counts."""
    rows = [(0, "loss", 2.0), (0, "accuracy", 0.9), (1, "accuracy", 0.8)]
    table = pd.DataFrame(rows, columns=["seed", "measure", "value"])
    checks = Checks(keys=("measure",), early={"loss": 1e-5}, spread={"accuracy": 0.01})
    assert compare(table, table[2:], checks, cell=["seed"], alike=True).outcome == "equal"
    assert compare(table, table[1:2], checks, cell=["seed"]).outcome == "does not hold"


def test_permuted_labels_show_in_four_cells(real, trained, measured):
    wrong = real.rows(range(12), trained, permuted=0.05)
    assert again(measured, wrong, cells=1).outcome == "agrees"
    assert [look.measure for look in again(measured, wrong, cells=4).alarms] == ["accuracy"]


def test_two_threads_agree(real, measured):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2 if before == 1 else 1)
        fresh = real.rows([0], real.train([0]))
    finally:
        torch.set_num_threads(before)
    found = again(measured, fresh)
    assert found.outcome in ("equal", "agrees")


def test_scalar_code_agrees(measured):
    done = subprocess.run(
        [sys.executable, HERE / "small_training.py", "0", "1"],
        env={**os.environ, "ATEN_CPU_CAPABILITY": "default"},
        cwd=HERE.parents[1], capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = again(measured, pd.read_json(StringIO(done.stdout), precise_float=True))
    assert found.outcome in ("equal", "agrees")
    assert found.looks[0].size < 1e-6
