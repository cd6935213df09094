"""Bootstraps over crossed units against their variances, correlations without noise."""

import numpy as np
import pytest
from scipy import stats

from ssl_lib.claims.resampling import (
    corrected_correlation,
    crossed_bootstrap,
    exact_p,
    paired_bootstrap,
)
from ssl_lib.errors import InputError


def crossed(seeds, images, *, of_seed, of_image, seed=0):
    draw = np.random.default_rng(seed)
    return of_seed * draw.normal(size=(seeds, 1)) + of_image * draw.normal(size=(1, images))


def width(values, **options):
    _, low, high = paired_bootstrap(values, np.zeros_like(values), **options)
    return high - low


@pytest.mark.parametrize(("of_seed", "of_image"), [(1.0, 0.0), (0.0, 3.0), (0.5, 2.0)])
def test_the_interval_has_the_variance_of_both_kinds_of_units(of_seed, of_image):
    values = crossed(40, 300, of_seed=of_seed, of_image=of_image)
    # Of additive effects: var(seeds) / S + var(images) / I, as the sample has them.
    expected = values.mean(1).var() / 40 + values.mean(0).var() / 300
    assert width(values, replicates=4000) == pytest.approx(2 * 1.96 * expected**0.5, rel=0.05)


def test_pairs_cancel_what_methods_share():
    hard = crossed(10, 200, of_seed=1.0, of_image=5.0)
    draw = np.random.default_rng(1)
    better = hard + 0.1 + 0.01 * draw.normal(size=hard.shape)
    difference, low, high = paired_bootstrap(better, hard)
    assert difference == pytest.approx(0.1, abs=0.001)
    assert 0.09 < low < high < 0.11


def test_equal_differences_in_every_seed_still_have_an_interval():
    """Three seeds that differ on the same three images: no spread over seeds, some over images."""
    one = np.zeros((3, 597))
    one[:, :3] = 1
    difference, low, high = paired_bootstrap(np.zeros_like(one), one)
    assert difference == pytest.approx(-3 / 597)
    assert low < difference < high <= 0


def test_groups_keep_their_sizes():
    groups = np.array(["a"] * 3 + ["b"] * 5)

    def counts(rows):
        return [(groups[rows] == name).sum() for name in ("a", "b")]

    low, high = crossed_bootstrap(counts, [groups], replicates=50)
    assert low.tolist() == high.tolist() == [3, 5]


def test_the_seed_decides_the_draws():
    values = crossed(5, 50, of_seed=1, of_image=1)
    assert width(values) == width(values)
    assert width(values) != width(values, seed=1)


def test_noise_takes_a_known_share_of_a_correlation():
    draw = np.random.default_rng(0)
    true = draw.normal(size=20_000)
    other = 0.6 * true + 0.8 * draw.normal(size=20_000)
    noise = draw.uniform(0.2, 0.8, size=20_000)
    seen = true + noise**0.5 * draw.normal(size=20_000)
    assert np.corrcoef(seen, other)[0, 1] == pytest.approx(0.6 / 1.5**0.5, abs=0.01)
    assert corrected_correlation(seen, other, noise_x=noise) == pytest.approx(0.6, abs=0.01)
    plain = corrected_correlation(seen, other)
    assert plain == pytest.approx(np.corrcoef(seen, other)[0, 1], rel=1e-12)
    assert np.isnan(corrected_correlation(seen, other, noise_x=2.0))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: crossed_bootstrap(len, [0]), "a count above 0"),
        (lambda: crossed_bootstrap(len, [3], replicates=1), "at least 2"),
        (lambda: crossed_bootstrap(len, [3], level=1.0), r"level in \(0, 1\)"),
        (lambda: paired_bootstrap(np.ones((2, 3)), np.ones((3, 2))), "same shape"),
        (lambda: paired_bootstrap(np.ones(3), np.ones(3)), "same shape"),
        (lambda: corrected_correlation([1, 2], [1, 2]), "at least 3"),
        (lambda: corrected_correlation([1, 2, 3], [1, 2, 3], noise_y=-1), "must not be negative"),
    ],
)
def test_what_has_no_interval_is_refused(call, said):
    with pytest.raises(InputError, match=said):
        call()


@pytest.mark.parametrize("n", [3, 5, 7])
def test_exact_p_is_scipys(n):
    draw = np.random.default_rng(n)
    for _ in range(5):
        x, y = draw.normal(size=(2, n))
        assert exact_p(x, y) == pytest.approx(stats.kendalltau(x, y, method="exact")[1])


def test_exact_p_allows_for_ties_and_refuses_what_has_too_many_orders():
    # Two each of the six orders of (1, 1, 2) are alike: two rise, two fall, two do neither.
    assert exact_p([1, 2, 3], [1, 1, 2]) == pytest.approx(2 / 3)
    assert exact_p([1, 2, 3], [1, 1, 1]) == 1
    for x, y in (([1, 2], [1, 2]), ([1, 2, 3], [1, 2]), (range(9), range(9))):
        with pytest.raises(InputError, match="as long, 3 to 8"):
            exact_p(list(x), list(y))
