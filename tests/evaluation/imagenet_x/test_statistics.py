"""Properties that must hold for any annotations and any models, and brute force on small ones."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ssl_lib.errors import InputError
from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x.scoring import Scored


def make_scored(seed, *, m=3, n=400, disjoint=False, valid=False, classes=20, accuracy=0.7):
    rng = np.random.default_rng(seed)
    rates = rng.uniform(0.02, 0.5, 16)
    factors = rng.random((n, 16)) < rates
    if disjoint:
        factors = np.eye(16, dtype=bool)[rng.integers(0, 16, n)]
    table = ix.FactorTable(
        image_ids=np.arange(1, n + 1),
        labels=np.sort(rng.integers(0, classes, n)).astype(np.int16),
        factors=factors,
    )
    mask = rng.random((m, n)) < 0.8 if valid else None
    correct = rng.random((m, n)) < accuracy - 0.3 * factors[:, 0]
    return Scored(
        models=tuple(f"m{i}" for i in range(m)),
        table=table,
        correct=correct if mask is None else correct & mask,
        predicted=np.full(m, n) if mask is None else mask.sum(axis=1),
        valid=mask,
        probabilities=rng.random((m, n)),
    )


matrices = st.tuples(st.integers(1, 4), st.integers(1, 40), st.integers(1, 5)).flatmap(
    lambda s: st.tuples(hnp.arrays(bool, s[:2]), hnp.arrays(bool, s[1:]), hnp.arrays(bool, s[:2]))
)


@settings(max_examples=60, deadline=None)
@given(matrices)
def test_counts_are_sums(data):
    correct, factors, valid = data
    counts = ix.factor_counts(correct, factors, valid=valid)
    for i in range(len(correct)):
        rows = [j for j in range(len(factors)) if valid[i, j]]
        assert counts.images[i] == len(rows)
        assert counts.correct[i] == sum(correct[i, j] for j in rows)
        for f in range(factors.shape[1]):
            with_f = [j for j in rows if factors[j, f]]
            assert counts.factor_images[i, f] == len(with_f)
            assert counts.factor_correct[i, f] == sum(correct[i, j] for j in with_f)


@settings(max_examples=60, deadline=None)
@given(matrices)
def test_error_ratio_is_the_prevalence_among_mistakes(data):
    """Bayes: ER_f = P(f | mistake) / P(f), at most 1 / (1 - A), NaN exactly where undefined."""
    correct, factors, _ = data
    counts = ix.factor_counts(correct, factors)
    for i, row in enumerate(correct):
        for f in range(factors.shape[1]):
            result = counts.error_ratio[i, f]
            if row.all() or not factors[:, f].any():
                assert np.isnan(result)
                continue
            expected = factors[~row, f].mean() / factors[:, f].mean()
            assert result == pytest.approx(expected, abs=1e-12)
            assert result <= 1 / (1 - counts.accuracy[i]) + 1e-12


@settings(max_examples=30, deadline=None)
@given(matrices, st.randoms(use_true_random=False))
def test_order_of_images_and_models_and_copies_of_the_data_do_not_matter(data, random):
    correct, factors, _ = data
    order = random.sample(range(len(factors)), len(factors))
    models = random.sample(range(len(correct)), len(correct))
    expected = ix.factor_counts(correct, factors)
    moved = ix.factor_counts(correct[:, order], factors[order])
    np.testing.assert_array_equal(moved.factor_correct, expected.factor_correct)
    shuffled = ix.factor_counts(correct[models], factors)
    np.testing.assert_array_equal(shuffled.error_ratio, expected.error_ratio[models])
    twice = ix.factor_counts(np.tile(correct, 2), np.tile(factors, (2, 1)))
    np.testing.assert_array_equal(twice.error_ratio, expected.error_ratio)


def test_duplicate_models_get_equal_rows():
    scored = make_scored(0)
    counts = ix.factor_counts(scored.correct[[0, 0, 1]], scored.table.factors)
    assert (counts.error_ratio[0] == counts.error_ratio[1]).all()


def test_weighted_mean_over_disjoint_factors_is_one():
    counts = make_scored(1, disjoint=True).counts()
    weights = counts.factor_images / counts.images[:, None]
    np.testing.assert_allclose((weights * counts.error_ratio).sum(axis=1), 1, rtol=1e-12)


def test_random_mistakes_have_ratio_one():
    rng = np.random.default_rng(0)
    counts = ix.factor_counts(rng.random((1, 200_000)) < 0.8, rng.random((200_000, 16)) < 0.3)
    np.testing.assert_allclose(counts.error_ratio, 1, atol=0.03)


def test_misclassification_shift_of_disjoint_factors():
    counts = make_scored(2, disjoint=True).counts()
    np.testing.assert_allclose(ix.misclassification_shift(counts), counts.error_ratio - 1)


def test_perfect_model_and_empty_factor():
    correct = np.array([[1, 1, 1], [1, 0, 1]], dtype=bool)
    factors = np.array([[1, 0], [1, 0], [0, 0]], dtype=bool)
    counts = ix.factor_counts(correct, factors)
    np.testing.assert_allclose(counts.error_ratio, [[np.nan, np.nan], [1.5, np.nan]])
    np.testing.assert_array_equal(counts.factor_accuracy, [[1, np.nan], [0.5, np.nan]])
    assert counts.worst_factor.tolist() == [1.0, 0.5]
    assert np.isnan(ix.misclassification_shift(counts)[0]).all()


def test_shapes_must_agree():
    with pytest.raises(InputError, match="disagree"):
        ix.factor_counts(np.ones((1, 3)), np.ones((4, 2)))


def test_select_concatenate_and_frames():
    counts = make_scored(3).counts()
    joined = ix.FactorCounts.concatenate([counts.select([1]), counts.select(["m0"])])
    assert joined.models == ("m1", "m0")
    assert (joined.error_ratio == counts.error_ratio[[1, 0]]).all()
    assert counts.select(np.array([True, False, True])).models == ("m0", "m2")
    with pytest.raises(InputError, match="Known: m0, m1, m2"):
        counts.select(["m9"])
    again = ix.FactorCounts.from_frame(counts.to_frame())
    for field in ("images", "correct", "factor_images", "factor_correct"):
        assert (getattr(again, field) == getattr(counts, field)).all()
    assert again.models == counts.models
    assert again.factors == counts.factors
    assert again.worst_classes is None


def test_brute_force_of_many_models_in_blocks():
    """More models than fit one block of the matrix product."""
    rng = np.random.default_rng(4)
    correct, factors = rng.random((40, 200_000)) < 0.7, rng.random((200_000, 3)) < 0.2
    counts = ix.factor_counts(correct, factors)
    for i in (0, 20, 21, 39):
        expected = [(correct[i] & column).sum() for column in factors.T]
        assert counts.factor_correct[i].tolist() == expected


@pytest.mark.parametrize("valid", [False, True])
def test_worst_classes(valid):
    scored = make_scored(5, valid=valid, classes=30)
    mask, labels = scored.valid_mask(), scored.table.labels
    for row, result in enumerate(ix.worst_class_accuracy(scored, k=7)):
        frame = pd.DataFrame({"label": labels, "right": scored.correct[row]})[mask[row]]
        means = frame.groupby("label")["right"].mean().sort_values(kind="stable")
        assert result == frame[frame["label"].isin(means.index[:7])]["right"].mean()


@pytest.mark.parametrize("valid", [False, True])
@pytest.mark.parametrize("leave_one_out", [False, True])
def test_class_adjusted_ratio(valid, leave_one_out):
    scored = make_scored(6, n=120, valid=valid)
    result = ix.class_adjusted_error_ratio(scored, leave_one_out=leave_one_out)
    labels = scored.table.labels
    for row in range(len(scored)):
        rows = np.flatnonzero(scored.valid_mask()[row])
        wrong = ~scored.correct[row]
        for f in range(16):
            observed = expected = 0.0
            for i in rows[scored.table.factors[rows, f]]:
                peers = [
                    j for j in rows if labels[j] == labels[i] and (j != i or not leave_one_out)
                ]
                if peers:
                    observed += wrong[i]
                    expected += np.mean(wrong[peers])
            assert result[row, f] == pytest.approx(observed / expected, rel=1e-12)


def test_class_adjusted_ratio_is_one_when_only_the_class_matters():
    """Every class always right or always wrong: nothing is left for a factor to explain."""
    scored = make_scored(7)
    correct = np.tile(scored.table.labels % 2 == 0, (3, 1))
    same = Scored(models=scored.models, table=scored.table, correct=correct, predicted=np.zeros(3))
    for leave_one_out in (False, True):
        ratios = ix.class_adjusted_error_ratio(same, leave_one_out=leave_one_out)
        np.testing.assert_allclose(ratios, 1)


def test_metaclass_counts_add_up():
    scored = make_scored(8, valid=True, classes=1000)
    by_group, overall = ix.metaclass_counts(scored), scored.counts()
    assert (by_group.images.sum(axis=1) == overall.images).all()
    assert (by_group.factor_correct.sum(axis=1) == overall.factor_correct).all()
    frame = by_group.to_frame()
    assert len(frame) == 3 * 17 * 16
    one = frame[(frame.model == "m1") & (frame.metaclass == "dog") & (frame.factor == "pose")]
    inside = scored.valid_mask()[1] & (scored.table.metaclasses == ix.METACLASSES.index("dog"))
    assert one["images"].item() == (inside & scored.table.factors[:, 0]).sum()


@pytest.mark.parametrize("valid", [False, True])
def test_error_by_number_of_factors(valid):
    scored = make_scored(9, valid=valid)
    result = ix.error_by_active_factors(scored, most=4)
    ticks = scored.table.factors.sum(axis=1)
    for row in range(3):
        for k in range(4):
            rows = scored.valid_mask()[row] & (ticks == k + 1)
            assert result.images[row, k] == rows.sum()
            assert result.error[row, k] == pytest.approx(1 - scored.correct[row, rows].mean())


@pytest.mark.parametrize("valid", [False, True])
def test_linear_probability_model(valid):
    from sklearn.linear_model import LinearRegression

    scored = make_scored(10, valid=valid)
    for row, fit in enumerate(ix.linear_probability_model(scored)):
        rows = scored.valid_mask()[row]
        expected = LinearRegression().fit(scored.table.factors[rows], ~scored.correct[row, rows])
        np.testing.assert_allclose(fit, [expected.intercept_, *expected.coef_], atol=1e-10)


def test_linear_probability_model_without_a_factor():
    scored = make_scored(11)
    scored.table.factors[:, 3] = False
    fit = ix.linear_probability_model(scored)
    assert np.isnan(fit[:, 4]).all()
    assert np.isfinite(np.delete(fit, 4, axis=1)).all()


def test_shared_mistakes():
    scored = make_scored(12, valid=True)
    rows = scored.valid_mask().all(axis=0)
    correct = scored.correct[:, rows]
    result = ix.shared_mistakes(scored)
    assert result.all_wrong == pytest.approx((~correct.any(axis=0)).mean())
    assert result.all_right == pytest.approx(correct.all(axis=0).mean())
    np.testing.assert_allclose(result.phi, np.corrcoef(correct), atol=1e-12)


def test_calibration_bin_by_bin():
    scored = make_scored(13, valid=True)
    result = ix.calibration_error(scored, bins=10)
    for row in range(3):
        for f in (None, 0, 5):
            rows = scored.valid_mask()[row].copy()
            rows &= True if f is None else scored.table.factors[:, f]
            p, c = scored.probabilities[row, rows], scored.correct[row, rows]
            expected = sum(
                abs(c[b].sum() - p[b].sum()) for k in range(10) for b in [(p * 10).astype(int) == k]
            ) / len(p)
            got = result.average[row] if f is None else result.factors[row, f]
            assert got == pytest.approx(expected, abs=1e-12)


def test_calibration_needs_probabilities(table):
    bare = ix.Predictions(name="bare", image_ids=table.image_ids, classes=table.labels)
    with pytest.raises(InputError, match="needs the probabilities"):
        ix.calibration_error(ix.score([ix.human(table), bare], table))
    with pytest.raises(InputError, match="bins"):
        ix.calibration_error(ix.score(ix.human(table), table), bins=0)
