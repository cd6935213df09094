"""Proposition 4 and the least loss, against the general solver and random searches."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssl_lib.errors import InputError
from ssl_lib.theory.hypercube import Crop, Flip, subsets, vertices
from ssl_lib.theory.solving import Problem
from ssl_lib.theory.spectra import (
    Interplay,
    augmentation_complexity,
    combined,
    least_loss,
    useful_dimension,
)

PAPER = Interplay([0.9, 0.75, 0.5], [0.4, 0.25, 0.125])


def rotation(size: int, seed: int = 0) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))[0]


def test_figure_2() -> None:
    np.testing.assert_allclose(PAPER.switches(), [1, 2], rtol=1e-12)
    np.testing.assert_allclose(PAPER.zeros(), [2.25, 3, 4])
    np.testing.assert_allclose(PAPER.at([1.0, 2.0]).max(-1), [0.5, 0.25])
    assert PAPER.useful_dimension([0, 2.2, 2.3, 2.9, 3.1, 3.9, 4.0]).tolist() == [
        3,
        3,
        2,
        2,
        1,
        1,
        0,
    ]
    assert PAPER.collapse() == 4
    assert PAPER.best([0.0, 0.99, 1.01, 1.99, 2.01]).tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("penalty", [0.0, 0.5, 1.5, 2.5])
def test_figure_2_by_the_general_solver(penalty: float) -> None:
    turn = rotation(3)
    matrix = combined(
        turn @ np.diag(PAPER.invariance) @ turn.T,
        turn @ np.diag(1 / np.array(PAPER.norms)) @ turn.T,
        penalty=penalty,
    )
    values, vectors = np.linalg.eigh(matrix)
    np.testing.assert_allclose(values[::-1], np.sort(PAPER.at(penalty))[::-1], atol=1e-14)
    best = np.abs(turn.T @ vectors[:, -1]).argmax()
    assert best == PAPER.best(penalty)


lists = st.lists(
    st.tuples(st.floats(0.01, 1), st.floats(0.01, 10)), min_size=1, max_size=6, unique=True
)


@given(lists, st.sampled_from([0.5, 1.0]))
def test_switches_are_where_the_best_feature_changes(
    features: list[tuple[float, float]], beta: float
) -> None:
    known = Interplay(*np.array(features).T, beta=beta)
    switches = known.switches()
    assert (np.diff(switches) > 0).all()
    edges = np.concatenate([[0], switches, [known.collapse()]])
    for left, right in pairwise(edges):
        inside = known.at(left + (right - left) * np.array([0.1, 0.5, 0.9]))
        upper = inside.max(-1)
        # Between switches the upper envelope is one line.
        assert upper[1] == pytest.approx((upper[0] + upper[2]) / 2, abs=1e-9)
    assert (np.diff(known.useful_dimension(np.linspace(0, 12, 50))) <= 0).all()
    ordered = np.sort(known.at(np.linspace(0, 12, 50)), axis=-1)
    assert (np.diff(ordered, axis=0) <= 1e-12).all()
    assert known.useful_dimension(known.collapse() * 1.0001) == 0


def test_a_feature_outside_the_class_is_never_chosen() -> None:
    known = Interplay.of([1.0, 0.5], [0.0, 2.0])
    assert known.best([0.0, 0.1]).tolist() == [1, 1]
    assert known.zeros().tolist() == [0, 1]
    assert known.switches().size == 0


def test_the_least_loss_is_reached_and_not_undercut() -> None:
    generator = np.random.default_rng(0)
    turn, k = rotation(6, 1), 3
    T = turn @ np.diag([1, 0.9, 0.7, 0.4, 0.2, 0.0]) @ turn.T
    spread = rotation(6, 2)
    K = spread @ np.diag([1, 0.6, 0.5, 0.3, 0.2, 0.1]) @ spread.T
    penalty, beta = 0.05, 0.8
    matrix = combined(T, K, penalty=penalty, beta=beta)

    def loss(features: np.ndarray) -> float:
        second = features.T @ features
        invariance = 2 * beta * np.trace(second - features.T @ T @ features)
        norm = 2 * penalty * np.trace(features.T @ np.linalg.solve(K, features))
        return float(invariance + ((second - np.eye(k)) ** 2).sum() + norm)

    values, vectors = np.linalg.eigh(matrix)
    best = vectors[:, :-4:-1] * np.sqrt(values[:-4:-1])
    least = least_loss(values, k)
    assert loss(best) == pytest.approx(float(least), abs=1e-12)
    assert loss(best @ rotation(3)) == pytest.approx(float(least), abs=1e-12)
    for size in (0.01, 0.1, 1.0):
        for _ in range(20):
            assert loss(best + size * generator.standard_normal((6, k))) > least


def test_growth_rates_are_those_of_gradient_flow() -> None:
    problem = Problem(np.diag([0.9, 0.5]), np.array([2.0, 0.5]))
    rates = problem.growth(penalty=0.1)
    np.testing.assert_allclose(np.sort(rates.values), np.sort(4 * np.array([0.7 / 2, 0.45 / 0.5])))
    np.testing.assert_allclose(np.abs(rates.vectors), [[0, 1], [1, 0]], atol=1e-15)


def test_what_cannot_be_inverted_is_said() -> None:
    with pytest.raises(InputError, match="rank 1 of 2"):
        combined(np.eye(2), np.ones((2, 2)), penalty=1.0)
    with pytest.raises(InputError, match="one size"):
        combined(np.eye(2), np.eye(3), penalty=1.0)
    with pytest.raises(InputError, match="one length"):
        Interplay([1.0], [1.0, 2.0])
    with pytest.raises(InputError, match="at least 0"):
        Interplay([1.0], [-1.0])


def test_dimension_and_loss_take_arrays_of_spectra() -> None:
    spectra = np.array([[0.5, -1.0], [0.9, 0.1]])
    assert useful_dimension(spectra).tolist() == [1, 2]
    np.testing.assert_allclose(least_loss(spectra, 2), [1.75, 2 - 0.82])


@pytest.mark.parametrize("augmentation", [Flip(0.2), Crop(3)])
def test_complexity_is_the_chi_square_of_the_definition(augmentation: Flip | Crop) -> None:
    d, draws = 5, 60_000
    x = np.repeat(vertices(d)[:1], draws, axis=0)
    view = augmentation(x, np.random.default_rng(0))
    p = np.bincount(((view < 0) @ 2 ** np.arange(d)).astype(int), minlength=2**d) / draws
    measured = (p**2).sum() * 2**d  # p(a) is uniform
    exact = augmentation_complexity(augmentation.eigenvalues(subsets(d)))
    assert measured == pytest.approx(exact, rel=0.02)
