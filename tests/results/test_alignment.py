"""Rows of two computations side by side."""

import pandas as pd

from ssl_lib.results.verification import Checks, compare

CHECKS = Checks(keys=("kind",), exact=("*",))


def test_a_table_that_is_one_cell_is_compared_as_a_whole() -> None:
    table = pd.DataFrame({"kind": ["a", "b", "c"], "images": [3, 4, 5]})
    found = compare(table, table, CHECKS, cell=())
    assert (found.cells, found.outcome, found.largest) == (1, "equal", 0.0)
    assert compare(table, table[:2], CHECKS, cell=()).broken[0].size == 1  # row c is missing
    moved = compare(table, table.assign(images=[3, 4, 6]), CHECKS, cell=())
    assert moved.largest == 0.2
    assert moved.broken[-1].note == "5 is now 6 at kind c, measure images"


def test_a_wide_table_may_have_a_column_called_value():
    import pandas as pd

    from ssl_lib.results.alignment import long_form

    wide = pd.DataFrame({"seed": [0], "value": [0.5], "rank": [7]})
    long = long_form(wide, cell=["seed"], keys=(), times=())
    assert long[["measure", "value"]].values.tolist() == [["value", 0.5], ["rank", 7.0]]


def test_rows_may_be_told_apart_by_a_column_called_side() -> None:
    table = pd.DataFrame({"seed": 0, "side": [0.5, 1.0], "regions": [3, 7]})
    found = compare(table, table, Checks(keys=("side",), exact=("*",)), cell=("seed",))
    assert (found.cells, found.outcome) == (1, "equal")
