import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssl_lib.errors import InputError
from ssl_lib.publishing import parameters

CODE = "profile = 'quick'  # größe: how large\nsizes = [\n    1,\n    2,\n]\nrate = 0.5; seed = 0\n"


def holding(code, tag="parameters"):
    cell = {"cell_type": "code", "metadata": {"tags": [tag]}, "source": code}
    return {"cells": [cell]}


def test_declared_reads_literals_in_order():
    found = parameters.declared(holding(CODE))
    assert list(found.items()) == [
        ("profile", "quick"),
        ("sizes", [1, 2]),
        ("rate", 0.5),
        ("seed", 0),
    ]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("seed = make()", "'seed' of x is no literal: 'make()'"),
        ("seed = 0\nprint(seed)", "line 2 is 'print(seed)'"),
        ("a = b = 1", "only lines 'name = literal'"),
        ("seed = ", "is not Python"),
    ],
)
def test_declared_refuses_anything_but_literals(code, said):
    with pytest.raises(InputError, match=r"parameters? ") as error:
        parameters.declared(holding(code), "x")
    assert said in str(error.value)


def test_declared_needs_one_cell():
    with pytest.raises(InputError, match="has 0 cells tagged 'parameters'; it needs one"):
        parameters.declared(holding(CODE, tag="other"))


@pytest.mark.parametrize(
    ("pair", "said"),
    [("seed", "name=value"), ("1a=2", "name=value"), ("=2", "name=value")],
)
def test_parse_says_what_a_parameter_looks_like(pair, said):
    with pytest.raises(InputError, match=said):
        parameters.parse([pair])


def test_parse_keeps_equals_signs_and_refuses_doubles():
    assert parameters.parse(["path=a=b"]) == {"path": "a=b"}
    with pytest.raises(InputError, match="'seed' is given twice"):
        parameters.parse(["seed=1", "seed=2"])


DEFAULTS = {
    "profile": "quick",
    "seed": 0,
    "device": "auto",
    "rate": 0.5,
    "sizes": (1, 2),
    "best": None,
    "fast": False,
}


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"sed": 1}, "no parameter 'sed'. Did you mean 'seed'?"),
        ({"seed": "1"}, "'seed' must be int, like its default 0; got str '1'"),
        ({"seed": 1.5}, "'seed' must be int"),
        ({"seed": True}, "'seed' must be int"),
        ({"fast": 1}, "'fast' must be bool"),
        ({"rate": True}, "'rate' must be float"),
        ({"sizes": 3}, "'sizes' must be tuple"),
        ({"profile": "quik"}, "profile must be one of smoke, quick, standard, paper"),
        ({"device": "gpu"}, "device must be one of auto, cpu, cuda, mps"),
    ],
)
def test_checked_names_the_parameter_and_what_would_be_right(given_, said):
    with pytest.raises(InputError) as error:
        parameters.checked(given_, DEFAULTS)
    assert said in str(error.value)


def test_checked_converts_only_what_loses_nothing():
    found = parameters.checked({"rate": 1, "sizes": [3], "best": 7, "device": "cuda:1"}, DEFAULTS)
    assert found["rate"] == 1.0
    assert type(found["rate"]) is float
    assert found["sizes"] == (3,)
    assert found["best"] == 7
    assert found["seed"] == 0


def test_paths_of_data_are_seen_from_the_callers_folder(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "shapes").mkdir()
    monkeypatch.chdir(tmp_path)
    found = parameters.located({"images": "mine", "data": "shapes", "model": "mine", "seed": 1})
    assert found == {"images": str(tmp_path / "mine"), "data": "shapes", "model": "mine", "seed": 1}
    assert parameters.located(found) == found
    assert parameters.located({"images": "./shapes"}) == {"images": str(tmp_path / "shapes")}
    with pytest.raises(InputError, match=f"'images': 'yours' .* no file or folder {tmp_path}"):
        parameters.located({"images": "yours"})


VALUES = st.fixed_dictionaries(
    {
        "profile": st.text(max_size=8),
        "sizes": st.lists(st.integers(), max_size=3),
        "rate": st.floats(allow_nan=False, allow_infinity=False),
        "seed": st.integers(),
    }
)


@settings(max_examples=60)
@given(VALUES)
def test_rewritten_cell_declares_the_values_used(values):
    assert parameters.declared(holding(parameters.rewritten(CODE, values))) == values


def test_rewritten_cell_keeps_comments():
    assert "# größe: how large" in parameters.rewritten(CODE, {"profile": "smoke"})
    assert parameters.rewritten(CODE, {}) == CODE
