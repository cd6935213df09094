"""Spectra on bit strings, against enumeration of every string and every view."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from ssl_lib.errors import InputError
from ssl_lib.theory.cyclic import Shift, frequency_counts
from ssl_lib.theory.dot_products import cube_eigenvalues, krawtchouk
from ssl_lib.theory.hypercube import (
    Augmentation,
    Crop,
    Flip,
    FlipAll,
    Resample,
    characters,
    diameters,
    members,
    subsets,
    vertices,
)
from ssl_lib.theory.kernels import DotProduct, arc_cosine, relu
from ssl_lib.theory.spectra import Interplay


def resampling(x: np.ndarray, free: np.ndarray) -> np.ndarray:
    """P(view | input) where the bits in ``free`` are drawn anew and the others are kept."""
    same = (x[:, None] == x[None]) | free
    return same.all(-1) / 2.0 ** free.sum()


def transition(augmentation: Augmentation, d: int) -> np.ndarray:
    """P(view | input) over all bit strings, from the words of the definition."""
    x = vertices(d)
    if isinstance(augmentation, Crop):
        windows = [[(start + i) % d for i in range(augmentation.width)] for start in range(d)]
        kept = [np.isin(np.arange(d), window) for window in windows]
        return sum(resampling(x, ~inside) for inside in kept) / d
    differs = (x[:, None] != x[None]).sum(-1)
    p = augmentation.p
    if isinstance(augmentation, FlipAll):
        return np.where(differs == 0, 1 - p, 0) + np.where(differs == d, p, 0)
    change = p if isinstance(augmentation, Flip) else p / 2
    return change**differs * (1 - change) ** (d - differs)


@pytest.mark.parametrize(
    ("augmentation", "d"),
    [(Flip(0.2), 6), (Resample(0.3), 6), (FlipAll(0.3), 5), *((Crop(w), 6) for w in range(1, 7)),
     (Crop(5), 8), (Resample(0.0), 4), (Flip(1.0), 4)],
)  # fmt: skip
def test_eigenvalues_equal_those_of_all_strings(augmentation: Augmentation, d: int) -> None:
    views = transition(augmentation, d)
    np.testing.assert_allclose(views.sum(1), 1)
    operator = views.T @ views  # E[f(view') | view]: inputs and views are uniform
    sets = subsets(d)
    chi = characters(vertices(d), sets)
    expected = chi * augmentation.eigenvalues(sets)
    np.testing.assert_allclose(operator @ chi, expected, atol=1e-13)


def test_crops_wider_than_half_hold_a_pair_by_two_arcs() -> None:
    pair = members([(1, 4)], 6)
    assert Crop(4).eigenvalues(pair) == pytest.approx(1 / 9)
    assert Crop(4, one_arc=True).eigenvalues(pair) == pytest.approx(1 / 36)
    narrow = subsets(9)
    one = Crop(4, one_arc=True).eigenvalues(narrow)
    np.testing.assert_array_equal(Crop(4).eigenvalues(narrow), one)


def test_diameter_is_the_shortest_of_all_arcs() -> None:
    sets = subsets(7)
    for row, found in zip(sets, diameters(sets), strict=True):
        arcs = [
            length
            for start, length in product(range(7), range(8))
            if not row[[(start + i) % 7 for i in range(length, 7)]].any()
        ]
        assert found == min(arcs)


def test_characters_are_orthonormal_and_multiply() -> None:
    chi = characters(vertices(6), subsets(6))
    np.testing.assert_allclose(chi.T @ chi / 64, np.eye(64), atol=1e-15)
    a, b = members([(0, 1), (1, 3)], 6)
    product_of_both = characters(vertices(6), (a ^ b)[None])[:, 0]
    np.testing.assert_array_equal(
        characters(vertices(6), np.stack([a, b])).prod(1), product_of_both
    )


@pytest.mark.parametrize("augmentation", [Flip(0.1), Resample(0.4), Crop(3), FlipAll(0.2)])
def test_drawn_views_have_the_eigenvalues(augmentation: Augmentation) -> None:
    generator = np.random.default_rng(0)
    x = 1.0 - 2 * generator.integers(2, size=(40_000, 5))
    sets = subsets(5)
    one, two = (characters(augmentation(x, generator), sets) for _ in range(2))
    assert np.abs((one * two).mean(0) - augmentation.eigenvalues(sets)).max() < 5 / 200


@pytest.mark.parametrize("steps", [(-1, 0, 1), (0, 2), tuple(range(6))])
def test_shifts_have_the_eigenvalues_of_their_frequencies(steps: tuple[int, ...]) -> None:
    d, x = 6, vertices(6)
    code = (x < 0) @ 2 ** np.arange(d)
    views = np.zeros((64, 64))
    for step in steps:
        views[np.arange(64), (np.roll(x, step, axis=1) < 0) @ 2 ** np.arange(d)] += 1 / len(steps)
    assert (code == np.arange(64)).all()
    counts = sum(frequency_counts(d, degree) for degree in range(d + 1))
    expected = np.sort(np.repeat(Shift(steps).eigenvalues(d), counts))
    found = np.linalg.eigvalsh(views.T @ views)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_all_shifts_project_on_the_necklaces() -> None:
    for d, necklaces in [(6, 14), (7, 20), (8, 36), (12, 352)]:
        assert sum(frequency_counts(d, degree)[0] for degree in range(d + 1)) == necklaces


def test_drawn_shifts_are_shifts() -> None:
    x = np.arange(12.0).reshape(2, 6)
    view = Shift((2,))(x, np.random.default_rng(0))
    np.testing.assert_array_equal(view, np.roll(x, 2, axis=1))


@pytest.mark.parametrize("profile", [relu, arc_cosine, np.exp, lambda u: u**3])
@pytest.mark.parametrize("d", [3, 8])
def test_kernel_eigenvalues_equal_those_of_all_strings(
    profile: Callable[[np.ndarray], np.ndarray], d: int
) -> None:
    x, sets = vertices(d), subsets(d)
    chi = characters(x, sets)
    nu = cube_eigenvalues(profile, d)
    gram = DotProduct(profile)(x, x) / 2**d
    np.testing.assert_allclose(gram @ chi, chi * nu[sets.sum(1)], atol=1e-14)
    multiplicities = np.bincount(sets.sum(1))
    assert multiplicities @ nu == pytest.approx(float(profile(np.ones(1))[0]), abs=1e-13)


def test_kernel_eigenvalues_do_not_fall_below_zero() -> None:
    for d in (5, 12, 20, 40):
        assert (cube_eigenvalues(relu, d) >= 0).all()
        assert (cube_eigenvalues(np.exp, d) >= 0).all()


def test_krawtchouk_counts_characters() -> None:
    d, x = 5, vertices(5)
    for degree in range(d + 1):
        sets = members([np.flatnonzero(row) for row in subsets(d) if row.sum() == degree], d)
        total = characters(x, sets).sum(1)
        np.testing.assert_array_equal(total, krawtchouk(d, degree)[(x < 0).sum(1)])


PARITIES = [(1, 6), (1, 3, 5), (1, 2, 3, 4)]


def lines(d: int, **crop: bool) -> Interplay:
    sets = members(PARITIES, d)
    nu = cube_eigenvalues(arc_cosine, d)[sets.sum(1)]
    return Interplay.of(Crop(8, **crop).eigenvalues(sets), nu)


def test_the_numbers_of_figure_8() -> None:
    paper = lines(12, one_arc=True)
    np.testing.assert_allclose(1 / paper.norms, [1.0193e-3, 5.9655e-5, 1.4482e-5], rtol=5e-5)
    np.testing.assert_allclose(paper.invariance, [0.0625, 0.1111, 0.1736], atol=5e-5)
    np.testing.assert_allclose(paper.switches(), [1.195e-6, 3.080e-6], rtol=5e-4)
    np.testing.assert_allclose(paper.zeros(), [6.37e-5, 6.63e-6, 2.51e-6], rtol=2e-3)


def test_the_exact_operator_at_12_bits_has_two_regimes_and_at_16_three() -> None:
    exact = lines(12)
    assert exact.invariance[0] == exact.invariance[1] == pytest.approx(1 / 9)
    np.testing.assert_allclose(exact.switches(), [9.18e-7], rtol=1e-3)
    longer = lines(16)
    np.testing.assert_allclose(longer.invariance, [0.03516, 0.0625, 0.09766], atol=5e-6)
    np.testing.assert_allclose(1 / longer.norms, [5.640e-4, 2.404e-5, 4.031e-6], rtol=2e-4)
    np.testing.assert_allclose(longer.switches(), [1.703e-7, 6.866e-7], rtol=5e-4)


def test_the_population_of_section_5() -> None:
    sets = subsets(8)
    nu = cube_eigenvalues(relu, 8)
    known = Interplay.of(Crop(4).eigenvalues(sets), nu[sets.sum(1)])
    top = np.sort(known.at(1e-3))[::-1][:10]
    np.testing.assert_allclose(top, [0.9975, *[0.2409] * 8, 0.0929], atol=5e-5)
    assert known.least_loss(1e-3, 8) == pytest.approx(6.5988, abs=5e-5)
    penalties = [0, 1e-5, 1e-4, 1e-3, 1e-2, 3e-2, 0.3]
    assert known.useful_dimension(penalties).tolist() == [65, 57, 41, 25, 9, 1, 1]


def test_what_is_no_probability_or_no_width_is_said() -> None:
    with pytest.raises(InputError, match="probability"):
        Flip(1.5)
    with pytest.raises(InputError, match="at most 4"):
        Crop(5).eigenvalues(subsets(4))
    with pytest.raises(InputError, match="at most 20"):
        vertices(30)
    with pytest.raises(InputError, match="bits"):
        characters(np.ones((2, 3)), subsets(4))
    with pytest.raises(InputError, match="cube"):
        frequency_counts(4, 1, space="torus")  # type: ignore[arg-type]
