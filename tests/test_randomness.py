"""Named random streams: recorded for ever, independent, without side effects."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssl_lib.errors import InputError
from ssl_lib.randomness import numpy_generator, seeds, stream_seed, torch_generator

names = st.lists(st.text(max_size=5) | st.integers(-5, 5), max_size=3)


def test_recorded_seeds() -> None:
    assert stream_seed(0) == 7520536977032167579
    assert stream_seed(0, "initialisation") == 6408838898611641115
    assert stream_seed(7, "augmentation", 3) == 6376202511536919779
    assert seeds(0, 2, "runs") == [463304725686957752, 9140546927641797333]


def test_recorded_draws() -> None:
    drawn = torch.randint(1000, (5,), generator=torch_generator(0, "order"))
    assert drawn.tolist() == [243, 971, 652, 839, 931]
    assert numpy_generator(0, "order").integers(1000, size=5).tolist() == [393, 601, 419, 916, 723]


@given(st.integers(0, 2**63 - 1), names, names)
@settings(max_examples=200, deadline=None)
def test_streams_differ_exactly_when_their_names_do(seed: int, one: list, other: list) -> None:
    same = [(type(x), x) for x in one] == [(type(x), x) for x in other]
    assert (stream_seed(seed, *one) == stream_seed(seed, *other)) == same
    assert 0 <= stream_seed(seed, *one) < 2**63


def test_numpy_integers_are_the_integers_they_are() -> None:
    assert stream_seed(np.int64(3), np.int64(1)) == stream_seed(3, 1)


def test_streams_are_uncorrelated() -> None:
    draws = np.stack([numpy_generator(0, "s", k).normal(size=4000) for k in range(8)])
    correlation = np.corrcoef(draws) - np.eye(8)
    assert np.abs(correlation).max() < 5 / np.sqrt(4000)


def test_repetitions_are_distinct_and_do_not_depend_on_how_many() -> None:
    assert seeds(1, 50, "a") == seeds(1, 500, "a")[:50]
    assert len({*seeds(1, 500, "a"), *seeds(1, 500, "b"), *seeds(2, 500, "a")}) == 1500
    assert seeds(0, 0) == []


def test_global_state_is_untouched() -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    torch.rand(3, generator=torch_generator(5, "x"))
    numpy_generator(5, "x").random(3)
    seeds(5, 3)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert random.getstate() == before[2]


@pytest.mark.parametrize("seed", [1.5, "1", None, True])
def test_seed_must_be_an_integer(seed: object) -> None:
    with pytest.raises(InputError, match="seed must be an integer"):
        stream_seed(seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [1.5, None, True, ("a",)])
def test_names_are_text_or_integers(name: object) -> None:
    with pytest.raises(InputError, match="name"):
        stream_seed(0, name)  # type: ignore[arg-type]


def test_negative_number_of_repetitions() -> None:
    with pytest.raises(InputError, match="at least 0"):
        seeds(0, -1)
