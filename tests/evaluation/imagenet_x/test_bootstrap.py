import numpy as np
import pytest
from scipy import stats

from ssl_lib.errors import InputError
from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x.scoring import Scored


def make_scored(correct, factors, valid=None):
    n = len(factors)
    table = ix.FactorTable(
        image_ids=np.arange(1, n + 1), labels=np.zeros(n, np.int16), factors=factors
    )
    return Scored(
        models=tuple(f"m{i}" for i in range(len(correct))),
        table=table,
        correct=correct,
        predicted=np.full(len(correct), n),
        valid=valid,
    )


def draw(seed, *, n=2000, m=2, disjoint=False):
    """Return correctness and factors; the first factor is hard, the last one rare."""
    rng = np.random.default_rng(seed)
    rates = np.linspace(0.4, 0.02, 16)
    factors = rng.random((n, 16)) < rates
    if disjoint:
        factors = np.eye(16, dtype=bool)[rng.choice(16, n, p=rates / rates.sum())]
    common = rng.random(n)
    error = 0.3 + 0.15 * factors[:, 0]
    return (common + rng.random((m, n))) / 2 > error, factors


def resample_images(correct, factors, statistic, *, replicates, seed=0):
    rng = np.random.default_rng(seed)
    n = len(factors)
    rows = [rng.integers(0, n, n) for _ in range(replicates)]
    return np.array([statistic(correct[:, row], factors[row]) for row in rows])


def ratios(correct, factors):
    return ix.factor_counts(correct, factors).error_ratio


@pytest.mark.parametrize("disjoint", [True, False])
def test_same_distribution_as_resampling_images(disjoint):
    correct, factors = draw(0, disjoint=disjoint)
    expected = resample_images(correct, factors, ratios, replicates=1500)
    result = ix.bootstrap_error_ratio(make_scored(correct, factors), replicates=3000)
    sd = expected.std(axis=0, ddof=1)
    np.testing.assert_allclose(result.sd, sd, rtol=0.1)
    low, high = np.quantile(expected, [0.025, 0.975], axis=0)
    assert (np.abs(result.low - low) <= 0.4 * sd).all()
    assert (np.abs(result.high - high) <= 0.4 * sd).all()


@pytest.mark.parametrize("disjoint", [True, False])
def test_delta_method_is_within_a_tenth_of_the_bootstrap(disjoint):
    scored = make_scored(*draw(1, disjoint=disjoint, n=4000))
    resampled = ix.bootstrap_error_ratio(scored, replicates=2000).sd
    np.testing.assert_allclose(ix.error_ratio_sd(scored), resampled, rtol=0.1)


def test_delta_method_image_by_image():
    """The published influence, summed over images instead of cells."""
    correct, factors = draw(2, n=300)
    valid = np.random.default_rng(0).random(correct.shape) < 0.7
    result = ix.error_ratio_sd(make_scored(correct & valid, factors, valid))
    for row in range(2):
        x, wrong = factors[valid[row]], ~correct[row, valid[row]]
        n, e = len(x), wrong.mean()
        for f in range(16):
            e_f, n_f = wrong[x[:, f]].mean(), x[:, f].sum()
            influence = x[:, f] * (wrong - e_f) / (n_f * e) - e_f * (wrong - e) / (n * e**2)
            assert result[row, f] == pytest.approx(np.sqrt((influence**2).sum()), rel=1e-10)


def test_class_clusters_are_a_bootstrap_over_classes():
    """Classes of unequal difficulty: drawing whole classes anew spreads more than images do."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(150), 20).astype(np.int16)
    difficulty = rng.uniform(0, 0.6, 150)[labels]
    factors = rng.random((3000, 16)) < 0.05 + 0.5 * rng.random((150, 16))[labels]
    correct = (rng.random(3000) > difficulty)[None]
    table = ix.FactorTable(image_ids=np.arange(1, 3001), labels=labels, factors=factors)
    scored = Scored(models=("m",), table=table, correct=correct, predicted=np.array([3000]))
    resampled = []
    for _ in range(1500):
        rows = (20 * rng.integers(0, 150, 150)[:, None] + np.arange(20)).ravel()
        resampled.append(ratios(correct[:, rows], factors[rows])[0])
    by_class = ix.error_ratio_sd(scored, cluster="class")[0]
    np.testing.assert_allclose(by_class, np.std(resampled, axis=0), rtol=0.12)
    assert (by_class > ix.error_ratio_sd(scored)[0]).all()
    with pytest.raises(InputError, match="image or class"):
        ix.error_ratio_sd(scored, cluster="factor")


def test_clusters_of_one_image_are_images():
    correct, factors = draw(9, n=300)
    scored = make_scored(correct, factors)
    scored.table.labels[:] = np.arange(300)
    single = ix.error_ratio_sd(scored, cluster="class")
    np.testing.assert_allclose(single, ix.error_ratio_sd(scored), rtol=1e-10)


def test_intervals_cover_the_truth():
    """Of 300 samples from one population, 95 % intervals miss the true ratio in about 5 %."""
    population_correct, population = draw(3, n=400_000, m=1, disjoint=True)
    truth = ratios(population_correct, population)[0]
    rng = np.random.default_rng(0)
    covered = np.zeros(16)
    for _ in range(300):
        rows = rng.integers(0, len(population), 3000)
        scored = make_scored(population_correct[:, rows], population[rows])
        result = ix.bootstrap_error_ratio(scored, replicates=200)
        covered += (result.low[0] <= truth) & (truth <= result.high[0])
    assert (covered / 300 > 0.89).all()
    assert 0.92 < covered.mean() / 300 < 0.97


def test_interval_shrinks_with_the_root_of_n():
    correct, factors = draw(4, n=4000, disjoint=True)
    one = ix.bootstrap_error_ratio(make_scored(correct, factors), replicates=4000).sd
    nine = ix.bootstrap_error_ratio(
        make_scored(np.tile(correct, 9), np.tile(factors, (9, 1))), replicates=4000
    ).sd
    np.testing.assert_allclose(nine / one, 1 / 3, rtol=0.1)


def test_levels_and_averages():
    scored = make_scored(*draw(5))
    wide = ix.bootstrap_error_ratio(scored, level=0.99)
    narrow = ix.bootstrap_error_ratio(scored, level=0.5)
    assert (wide.low < narrow.low).all()
    assert (narrow.high < wide.high).all()
    accuracy = scored.counts().accuracy
    spread = np.sqrt(accuracy * (1 - accuracy) / len(scored.table))
    np.testing.assert_allclose(wide.average_high - accuracy, 2.576 * spread, rtol=0.15)
    assert (wide.average_low < accuracy).all()


def test_seeds_and_other_models_do_not_matter():
    correct, factors = draw(6)
    both, alone = make_scored(correct, factors), make_scored(correct[:1], factors)
    first = ix.bootstrap_error_ratio(both, replicates=50)
    assert (first.low == ix.bootstrap_error_ratio(both, replicates=50).low).all()
    assert (first.low != ix.bootstrap_error_ratio(both, replicates=50, seed=1).low).any()
    assert (first.low[0] == ix.bootstrap_error_ratio(alone, replicates=50).low[0]).all()


def test_undefined_ratios():
    """No image with the factor, or no mistake: no interval, and no warning."""
    correct, factors = draw(7)
    factors[:, 5] = False
    correct[1] = True
    result = ix.bootstrap_error_ratio(make_scored(correct, factors), replicates=20)
    assert np.isnan(result.low[0, 5])
    assert np.isnan(result.low[1]).all()
    assert np.isfinite(np.delete(result.low[0], 5)).all()
    assert result.average_low[1] == result.average_high[1] == 1.0
    sd = ix.error_ratio_sd(make_scored(correct, factors))
    assert np.isnan(sd[1]).all()
    assert np.isnan(sd[0, 5])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"replicates": 1}, "at least 2"), ({"level": 1.0}, "between 0 and 1")],
)
def test_wrong_arguments(arguments, message):
    scored = make_scored(*draw(8))
    with pytest.raises(InputError, match=message):
        ix.bootstrap_error_ratio(scored, **arguments)
    with pytest.raises(InputError, match=message):
        ix.paired_difference(scored, "m0", "m1", **arguments)


class TestPaired:
    def test_same_distribution_as_resampling_images(self):
        correct, factors = draw(10)

        def difference(c, x):
            first, second = ratios(c, x)
            return first - second

        expected = resample_images(correct, factors, difference, replicates=1500)
        scored = make_scored(correct, factors)
        result = ix.paired_difference(scored, "m0", "m1", replicates=2000)
        sd = expected.std(axis=0, ddof=1)
        np.testing.assert_allclose(result.difference, difference(correct, factors), atol=1e-12)
        np.testing.assert_allclose(result.sd, sd, rtol=0.1)
        low, high = np.quantile(expected, [0.025, 0.975], axis=0)
        assert (np.abs(result.low - low) <= 0.4 * sd).all()
        assert (np.abs(result.high - high) <= 0.4 * sd).all()

    def test_narrower_than_two_intervals(self):
        """Models that share mistakes are told apart better in pairs."""
        scored = make_scored(*draw(11))
        single = ix.error_ratio_sd(scored)
        paired = ix.paired_difference(scored, "m0", "m1").sd
        assert (paired < np.sqrt((single**2).sum(axis=0))).mean() > 0.8

    def test_exchanging_the_models(self):
        scored = make_scored(*draw(12))
        one = ix.paired_difference(scored, "m0", "m1")
        other = ix.paired_difference(scored, "m1", "m0")
        np.testing.assert_allclose(one.difference, -other.difference)
        np.testing.assert_allclose(one.p_value, other.p_value)

    def test_p_values_are_uniform_without_a_difference(self):
        p = []
        for seed in range(60):
            result = ix.paired_difference(make_scored(*draw(100 + seed)), "m0", "m1", replicates=2)
            p.extend(result.p_value[[0, 4, 9]])
        assert stats.kstest(p, "uniform").pvalue > 0.01
        assert 0.01 < np.mean(np.array(p) < 0.05) < 0.1

    def test_a_model_against_itself(self):
        correct, factors = draw(13)
        result = ix.paired_difference(make_scored(correct[[0, 0]], factors), "m0", "m1")
        assert not result.difference.any()
        assert not result.low.any()
        assert not result.high.any()
        assert (result.p_value == 1).all()
        assert (result.holm == 1).all()

    def test_only_images_of_both_count(self):
        correct, factors = draw(14)
        valid = np.random.default_rng(0).random(correct.shape) < 0.8
        result = ix.paired_difference(make_scored(correct & valid, factors, valid), "m0", "m1")
        both = valid.all(axis=0)
        first, second = ratios(correct[:, both], factors[both])
        assert result.images == both.sum()
        np.testing.assert_allclose(result.difference, first - second)

    def test_frame(self):
        frame = ix.paired_difference(make_scored(*draw(15)), "m0", "m1").to_frame()
        assert list(frame.index) == list(ix.FACTORS)
        assert (frame["holm"] >= frame["benjamini_hochberg"] - 1e-12).all()
        assert (frame["benjamini_hochberg"] >= frame["p_value"] - 1e-12).all()


def test_benjamini_hochberg_is_scipys():
    p = np.random.default_rng(0).random(16) ** 3
    np.testing.assert_allclose(ix.benjamini_hochberg(p), stats.false_discovery_control(p))
    with_gap = np.insert(p, 4, np.nan)
    np.testing.assert_allclose(
        np.delete(ix.benjamini_hochberg(with_gap), 4), ix.benjamini_hochberg(p)
    )


def test_holm_rejects_as_the_procedure_does():
    """Step down: reject in ascending order while p <= level / (number of tests left)."""
    p = np.random.default_rng(1).random(16) ** 4
    for level in (0.01, 0.05, 0.2):
        rejected = set()
        for done, test in enumerate(np.argsort(p)):
            if p[test] > level / (16 - done):
                break
            rejected.add(test)
        assert rejected == set(np.flatnonzero(ix.holm(p) <= level))


@pytest.mark.parametrize("correct", [ix.holm, ix.benjamini_hochberg])
def test_corrections_without_tests(correct):
    assert correct(np.array([])).tolist() == []
    assert np.isnan(correct(np.full(3, np.nan))).all()
    assert correct(np.array([0.5])).tolist() == [0.5]
