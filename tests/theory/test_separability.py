"""Counts of separable groupings against Cover's formula, linear programs and known codes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssl_lib.errors import InputError
from ssl_lib.theory.separability import (
    cover_count,
    cover_fraction,
    is_separable,
    separable_dichotomies,
    separable_fraction,
    simplex_code,
)


def gaussian(k: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((k, d))


def brute_force(points: np.ndarray) -> int:
    groupings = ((code >> np.arange(len(points))) & 1 for code in range(2 ** len(points)))
    return sum(is_separable(points, grouping) for grouping in groupings)


def test_fractions_of_the_dossier_to_four_digits() -> None:
    known = {
        8: [0.0625, 0.2266, 0.5, 0.7734, 0.9375, 0.9922, 1],
        10: [0.0195, 0.0898, 0.2539, 0.5, 0.7461, 0.9102, 0.9805, 0.9980, 1],
    }
    for k, fractions in known.items():
        measured = [separable_fraction(gaussian(k, d)) for d in range(1, k)]
        assert np.round(measured, 4).tolist() == fractions
        assert [cover_fraction(k, d) for d in range(1, k)] == measured


@settings(max_examples=15, deadline=None)
@given(k=st.integers(2, 9), d=st.integers(1, 9), seed=st.integers(0, 100))
def test_points_in_general_position_follow_the_formula(k: int, d: int, seed: int) -> None:
    points = gaussian(k, d, seed)
    assert len(separable_dichotomies(points)) == cover_count(k, d)
    assert separable_fraction(points @ gaussian(d, d + 2, 1)) == separable_fraction(points)


@pytest.mark.parametrize(("k", "d"), [(4, 1), (5, 2), (6, 3)])
def test_enumeration_equals_linear_programs(k: int, d: int) -> None:
    points = gaussian(k, d, 3)
    found = separable_dichotomies(points)
    assert len(found) == brute_force(points)
    assert all(is_separable(points, grouping) for grouping in found)


def test_degenerate_points_are_decided_one_by_one() -> None:
    square = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1], [0.5, 0.5]])
    assert len(separable_dichotomies(square)) == brute_force(square) < cover_count(5, 2)
    assert separable_fraction(np.zeros((3, 2))) == 2 / 8


def test_fraction_grows_and_is_one_from_k_minus_1_on() -> None:
    fractions = [cover_fraction(12, d) for d in range(14)]
    assert fractions == sorted(fractions)
    assert [f == 1 for f in fractions] == [d >= 11 for d in range(14)]
    assert cover_count(7, 3, bias=False) == cover_count(7, 2)


def test_simplex_is_ideal_and_loses_it_with_one_dimension() -> None:
    code = simplex_code(10)
    assert np.linalg.matrix_rank(code) == 9
    assert np.linalg.matrix_rank(np.column_stack([code, np.ones(10)])) == 10
    cosines = (code @ code.T)[~np.eye(10, dtype=bool)]
    assert np.allclose(cosines, -1 / 9)
    assert separable_fraction(code) == 1
    assert separable_fraction(code @ gaussian(9, 8)) == pytest.approx(cover_fraction(10, 8))


def test_circle_is_predictable_but_not_ideal() -> None:
    # The dossier's example: argmax over ten linear functions tells ten points on a circle apart.
    angles = 2 * np.pi * np.arange(10) / 10
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    assert ((circle @ circle.T).argmax(1) == np.arange(10)).all()
    assert separable_fraction(circle) == cover_fraction(10, 2) < 0.1


@pytest.mark.parametrize(
    "call",
    [
        lambda: cover_count(0, 2),
        lambda: cover_fraction(3, -1),
        lambda: is_separable(np.zeros((3, 2)), [True, False]),
        lambda: separable_fraction(np.zeros((17, 2))),
        lambda: separable_fraction(np.full((3, 2), np.nan)),
        lambda: simplex_code(1),
    ],
)
def test_senseless_values_are_refused(call) -> None:
    with pytest.raises(InputError):
        call()
