import numpy as np
import pytest
from scipy import special, stats

from ssl_lib.errors import InputError
from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x import families


def make_counts(accuracy, factor_accuracy, n=10_000):
    accuracy, factor_accuracy = np.asarray(accuracy), np.asarray(factor_accuracy)
    return ix.FactorCounts(
        models=tuple(f"m{i}" for i in range(len(accuracy))),
        images=np.full(len(accuracy), n),
        correct=np.rint(accuracy * n).astype(np.int64),
        factor_images=np.full(factor_accuracy.shape, n),
        factor_correct=np.rint(factor_accuracy * n).astype(np.int64),
        factors=tuple(f"f{i}" for i in range(factor_accuracy.shape[1])),
    )


@pytest.fixture
def counts():
    rng = np.random.default_rng(0)
    accuracy = rng.uniform(0.5, 0.9, 30)
    logits = special.logit(accuracy)[:, None] * [1.0, 0.8, 1.3] + [0.1, -0.5, -1.0]
    return make_counts(accuracy, special.expit(logits + 0.1 * rng.standard_normal((30, 3))))


def test_line_is_scipys(counts):
    reference = np.arange(30) < 20
    line = ix.logit_line(counts.accuracy, counts.factor_accuracy, reference=reference)
    x = special.logit(counts.accuracy)
    for f in range(3):
        y = special.logit(counts.factor_accuracy[:, f])
        fit = stats.linregress(x[reference], y[reference])
        assert line.slope[f] == pytest.approx(fit.slope)
        assert line.intercept[f] == pytest.approx(fit.intercept)
        expected = counts.factor_accuracy[:, f] - special.expit(fit.intercept + fit.slope * x)
        result = ix.effective_robustness(counts, reference=reference)
        np.testing.assert_allclose(result[:, f], expected, atol=1e-12)


def test_models_on_the_line_have_no_effective_robustness():
    accuracy = np.linspace(0.3, 0.9, 7)
    line = ix.LogitLine(np.array([1.2]), np.array([-0.4]))
    counts = make_counts(accuracy, line.predict(accuracy), n=10**9)
    result = ix.effective_robustness(counts, reference=np.ones(7, bool))
    assert np.abs(result).max() < 1e-8


def test_accuracies_of_one_are_left_out_of_the_line():
    accuracy = np.array([0.5, 0.6, 0.7, 0.8])
    factor = np.array([[0.5], [0.6], [0.7], [1.0]])
    line = ix.logit_line(accuracy, factor, reference=np.ones(4, bool))
    np.testing.assert_allclose([line.slope[0], line.intercept[0]], [1, 0], atol=1e-12)
    nothing = ix.logit_line(accuracy, np.ones((4, 1)), reference=np.ones(4, bool))
    assert np.isnan(nothing.slope).all()


def test_reference_must_fit(counts):
    with pytest.raises(InputError, match="mask of shape"):
        ix.effective_robustness(counts, reference=np.ones(3, bool))


def test_accuracy_on_the_line_is_scipys(counts):
    result = ix.accuracy_on_the_line(counts)
    x = counts.accuracy
    for f, y in enumerate(counts.factor_accuracy.T):
        fit = stats.linregress(x, y)
        assert result.pearson[f] == pytest.approx(fit.rvalue)
        assert result.slope[f] == pytest.approx(fit.slope)
        assert result.intercept[f] == pytest.approx(fit.intercept)
        assert result.spearman[f] == pytest.approx(stats.spearmanr(x, y).statistic)
        assert result.above[f] == np.mean(y > x)


def test_pairwise_spearman_is_scipys():
    values = np.random.default_rng(1).integers(0, 6, (5, 16)).astype(float)  # with ties
    expected = stats.spearmanr(values.T).statistic
    np.testing.assert_allclose(ix.pairwise_spearman(values), expected, atol=1e-12)
    values[2, 3] = np.nan
    assert np.isnan(ix.pairwise_spearman(values)[2]).all()


def test_consistency():
    values = np.random.default_rng(2).random((6, 16))
    result = ix.rank_consistency(values)
    pairs = [stats.spearmanr(a, b).statistic for i, a in enumerate(values) for b in values[:i]]
    assert result.pairs == 15
    assert result.mean == pytest.approx(np.mean(pairs))
    assert result.median == pytest.approx(np.median(pairs))
    assert result.low == pytest.approx(np.quantile(pairs, 0.05))
    expected = [stats.spearmanr(row, values.mean(axis=0)).statistic for row in values]
    np.testing.assert_allclose(result.to_mean, expected)
    with pytest.raises(InputError, match="two models"):
        ix.rank_consistency(values[:1])


def test_alexander_govern():
    rng = np.random.default_rng(3)
    values, groups = rng.random((12, 2)), np.repeat(["a", "b", "c"], 4)
    expected = stats.alexandergovern(*(values[groups == g, 1] for g in "abc")).pvalue
    assert ix.alexander_govern(values, groups)[1] == pytest.approx(expected)
    assert np.isnan(ix.alexander_govern(values, ["a"] * 11 + ["b"])).all()
    assert np.isnan(ix.alexander_govern(values, ["a"] * 12)).all()
    constant = values.copy()
    constant[:4, 0] = 1.0
    assert np.isnan(ix.alexander_govern(constant, groups)[0])


def test_partial_correlation():
    """The textbook formula for one control."""
    rng = np.random.default_rng(4)
    z = rng.standard_normal(50)
    x, y = z + rng.standard_normal(50), 2 * z + rng.standard_normal(50)
    r = np.corrcoef([x, y, z])
    expected = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
    assert ix.partial_correlation(x, y, z) == pytest.approx(expected)
    assert np.isnan(ix.partial_correlation(z, y, z))


class TestAugmentation:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("eval_resnet50_crop10.0_wd0.0001_id1660252928", (90.0, 0, 0, 1e-4)),
            ("eval_resnet50_crop0.2_wd0.0001_id1660252539", (99.8, 0, 0, 1e-4)),
            ("eval_resnet50_crop100.0_wd1e-05_color1.0_id1661362424", (0.0, 1, 0, 1e-5)),
            ("eval_resnet50_crop100.0_wd1e-05_color0.0_smoothing91.0_id16", (0, 0, 91.0, 1e-5)),
        ],
    )
    def test_strength(self, name, expected):
        assert ix.parse_strength(name) == pytest.approx(expected)

    def test_other_names(self):
        assert ix.parse_strength("resnet50") is None
        assert ix.parse_strength("eval_resnet50_crop10.0_id3") is None

    def test_rare_strengths(self):
        strength = np.array([1.0] * 5 + [2.0] * 4 + [3.0] * 6)
        assert ix.drop_rare_strengths(strength).tolist() == [True] * 5 + [False] * 4 + [True] * 6

    def test_effect_follows_the_rule(self):
        rng = np.random.default_rng(5)
        strength = np.repeat(np.linspace(0, 100, 9), 6)
        shape = np.column_stack([-((strength - 62) ** 2) / 1e3, strength / 50, np.zeros(54)])
        values = shape + 0.3 * rng.standard_normal((54, 3))
        effect = ix.augmentation_effect(strength, values)
        grid = np.unique(strength)
        for f in range(3):
            fit = np.polynomial.Polynomial.fit(strength, values[:, f], 3)(grid)
            low, high = sorted([grid[fit.argmin()], grid[fit.argmax()]])
            test = stats.ttest_ind(
                values[strength == low, f], values[strength == high, f], equal_var=False
            )
            assert (effect.low[f], effect.high[f]) == (low, high)
            assert effect.t[f] == pytest.approx(test.statistic)
            assert effect.p_value[f] == pytest.approx(test.pvalue)
            np.testing.assert_allclose(effect.predict(grid)[:, f], fit, atol=1e-9)
        assert effect.low[0] == 0  # the parabola rises from there to its top
        assert effect.t[1] < 0  # the value rises with strength

    def test_panels(self):
        t = np.array([5.0, -4.0, 3.0, 0.1, -6.0, 2.5, 2.2])
        p = np.where(np.abs(t) > 2, 0.001, 0.9)
        nothing = np.zeros(7)
        effect = ix.Effect(t, p, nothing, nothing, np.zeros((4, 7)))
        assert effect.panels() == ([0, 2, 5], [6, 1, 4])
        assert effect.panels(most=1) == ([0], [4])

    def test_wrong_shapes(self):
        with pytest.raises(InputError, match="at least four strengths"):
            ix.augmentation_effect(np.array([1.0, 2, 3]), np.zeros((3, 2)))
        with pytest.raises(InputError, match="values must have shape"):
            ix.augmentation_effect(np.arange(5.0), np.zeros((4, 2)))


@pytest.mark.parametrize(
    ("group", "model", "expected"),
    [
        ("imagenet_testbed", "FixResNet50CutMix_v2", families.ROBUSTNESS),
        ("imagenet_testbed", "resnet50-randomized_smoothing_noise_0.00", families.IMAGENET),
        ("imagenet_testbed", "resnet50-randomized_smoothing_noise_0.25", families.ADVERSARIAL),
        ("imagenet_testbed", "resnet18_50k_7_epochs", families.LOW_ACCURACY),
        ("imagenet_testbed", "identity32_one_nn", families.NOT_DEEP),
        ("imagenet_testbed", "resnext50_32x4d_ssl", families.MORE_DATA),
        ("imagenet_testbed", "resnet50_simclrv2_linear_probe_tf_port", families.SELF_SUPERVISED),
        ("imagenet_testbed", "human", None),
        ("modelvshuman", "resnet50_swsl", None),
        ("modelvshuman", "MoCoV2", families.SELF_SUPERVISED),
        ("base", "DINO", families.SELF_SUPERVISED),
        ("crop", "eval_resnet50_crop10.0_wd0.0001_id1660252928", None),
    ],
)
def test_families(group, model, expected):
    assert families.family(group, model) == expected
