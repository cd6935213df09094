"""Intervals of means against scipy's one-sample test."""

import numpy as np
import pytest
from scipy import stats

from ssl_lib.claims.intervals import half_width, mean_interval


@pytest.mark.parametrize("number", [2, 3, 20])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_interval_is_that_of_the_t_test(number: int, level: float) -> None:
    values = np.random.default_rng(number).normal(3, 2, (number, 4, 2))
    mean, low, high = mean_interval(values, level=level)
    expected = stats.ttest_1samp(values, 0, axis=0).confidence_interval(level)
    np.testing.assert_allclose(mean, values.mean(axis=0))
    np.testing.assert_allclose([low, high], [expected.low, expected.high])


def test_interval_covers_as_often_as_it_says() -> None:
    draws = np.random.default_rng(0).normal(size=(4, 20_000))
    _, low, high = mean_interval(draws, level=0.8)
    assert np.mean((low < 0) & (high > 0)) == pytest.approx(0.8, abs=0.01)


def test_one_run_has_a_mean_and_no_interval() -> None:
    mean, low, high = mean_interval([[1.0, 2.0]])
    assert mean.tolist() == [1.0, 2.0]
    assert np.isnan([low, high]).all()
    assert np.isnan(half_width(1.0, 1))


def test_freedom_may_be_given_apart() -> None:
    assert half_width(2.0, 4, freedom=9) == pytest.approx(stats.t.ppf(0.975, 9))


def test_runs_that_coincide_are_known_to_their_resolution() -> None:
    same = np.full((5, 2), [0.6, 0.9])
    _, low, high = mean_interval(same, resolution=0.2)
    half = stats.t.ppf(0.975, 4) * 0.2 / 12**0.5 / 5**0.5
    np.testing.assert_allclose(high - low, 2 * half)
    apart = np.array([0.0, 1.0, 2.0])
    assert mean_interval(apart, resolution=0.2) == mean_interval(apart)
