"""Group curves of ensembles against brute force, closed forms and invariances."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssl_lib.errors import InputError
from ssl_lib.evaluation import fairness
from ssl_lib.evaluation.fairness.curves import draw_ensembles
from ssl_lib.evaluation.fairness.groups import random_half
from ssl_lib.evaluation.fairness.protocols import bootstrap_means

AGGREGATES = ("prob", "logit", "vote")


def made_up(m=5, n=60, c=4, *, seed=0, skill=1.0):
    """Return members that are partly right; class 0 is easiest."""
    random = np.random.default_rng(seed)
    labels = np.arange(n) % c
    logits = random.normal(size=(m, n, c)) + random.normal(size=(n, c))
    logits += skill * (1 - 0.2 * labels)[:, None] * np.eye(c)[labels]
    return fairness.softmax(logits), labels


def predicted(probabilities, members, aggregate):
    """Predict for one image at a time, as a textbook would write it."""
    chosen = probabilities[list(members)]
    if aggregate == "prob":
        return chosen.mean(axis=0).argmax(axis=1)
    if aggregate == "logit":
        return np.log(chosen).mean(axis=0).argmax(axis=1)
    predictions = chosen.argmax(axis=2)
    classes = []
    for image in range(chosen.shape[1]):
        counts = np.bincount(predictions[:, image], minlength=chosen.shape[2])
        tied = np.flatnonzero(counts == counts.max())
        classes.append(max(tied, key=lambda k, i=image: chosen[:, i, k].sum()))
    return np.array(classes)


# Curves


@pytest.mark.parametrize("aggregate", AGGREGATES)
@pytest.mark.parametrize("base", [None, 2])
def test_curve_equals_brute_force_over_all_ensembles(aggregate, base):
    probabilities, labels = made_up(m=6)
    curve = fairness.ensemble_curve(probabilities, labels, aggregate=aggregate, base=base, draws=20)
    for size, right, draws in zip(curve.sizes, curve.right, curve.draws, strict=True):
        every = [s for s in itertools.combinations(range(6), size) if base is None or base in s]
        expected = np.mean(
            [predicted(probabilities, s, aggregate) == labels for s in every], axis=0
        )
        assert draws == len(every)
        np.testing.assert_allclose(right, expected, atol=1e-12)


@given(
    st.integers(2, 5), st.integers(2, 6), st.integers(0, 10**6), st.sampled_from(AGGREGATES),
    st.sampled_from([0.3, 1.0, 5.0, 10.0]),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_pruning_of_rivals_never_changes_an_answer(m, c, seed, aggregate, spread):
    random = np.random.default_rng(seed)
    probabilities = fairness.softmax(spread * random.normal(size=(m, 12, c)))
    labels = random.integers(0, c, 12)
    curve = fairness.ensemble_curve(probabilities, labels, aggregate=aggregate)
    for size in range(1, m + 1):
        every = itertools.combinations(range(m), size)
        expected = [predicted(probabilities, s, aggregate) == labels for s in every]
        np.testing.assert_allclose(curve.at(size), np.mean(expected, axis=0), atol=1e-12)


@given(st.integers(2, 4), st.integers(2, 4), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_equal_sums_go_to_the_first_class(m, c, seed):
    random = np.random.default_rng(seed)
    probabilities = np.eye(c)[random.integers(0, c, (m, 10))]
    labels = random.integers(0, c, 10)
    curve = fairness.ensemble_curve(probabilities, labels)
    for size in range(1, m + 1):
        every = itertools.combinations(range(m), size)
        expected = [predicted(probabilities, s, "prob") == labels for s in every]
        np.testing.assert_allclose(curve.at(size), np.mean(expected, axis=0), atol=1e-12)


def test_ends_of_the_curve_are_the_mean_member_and_the_ensemble():
    probabilities, labels = made_up(m=12, n=200)
    curve = fairness.ensemble_curve(probabilities, labels, draws=10)
    members = (probabilities.argmax(axis=2) == labels).mean(axis=0)
    np.testing.assert_allclose(curve.at(1), members, atol=1e-12)
    ensemble = fairness.ensemble_predictions(probabilities) == labels
    np.testing.assert_array_equal(curve.at(12), ensemble)
    assert curve.draws.tolist() == [12, *[10] * 10, 1]


def test_base_starts_the_curve():
    probabilities, labels = made_up()
    curve = fairness.ensemble_curve(probabilities, labels, base=3)
    np.testing.assert_array_equal(curve.at(1), probabilities[3].argmax(axis=1) == labels)
    assert curve.base == 3


def test_order_and_duplicates_of_members_do_not_matter():
    probabilities, labels = made_up()
    mixed = fairness.ensemble_curve(probabilities[::-1], labels)
    np.testing.assert_allclose(
        mixed.right, fairness.ensemble_curve(probabilities, labels).right, atol=1e-12
    )
    twice = np.concatenate([probabilities, probabilities])
    for aggregate in AGGREGATES:
        np.testing.assert_array_equal(
            fairness.ensemble_predictions(twice, aggregate=aggregate),
            fairness.ensemble_predictions(probabilities, aggregate=aggregate),
        )
    same = fairness.ensemble_curve(np.stack([probabilities[0]] * 4), labels)
    np.testing.assert_array_equal(same.right, np.tile(same.right[0], (4, 1)))
    assert not fairness.churn(np.stack([probabilities[0]] * 4)).any()


def test_names_of_classes_do_not_matter():
    probabilities, labels = made_up(c=5)
    order = np.random.default_rng(1).permutation(5)
    renamed = fairness.ensemble_curve(probabilities[:, :, order], np.argsort(order)[labels])
    expected = fairness.ensemble_curve(probabilities, labels)
    np.testing.assert_allclose(renamed.right, expected.right, atol=1e-12)


def test_random_draws_estimate_the_mean_over_all():
    probabilities, labels = made_up(m=10, n=400)
    exact = fairness.ensemble_curve(probabilities, labels, draws=300).right.mean(axis=1)
    drawn = fairness.ensemble_curve(probabilities, labels, draws=60, seed=1).right.mean(axis=1)
    np.testing.assert_allclose(drawn, exact, atol=0.01)


def test_draws_are_distinct_members_and_depend_on_the_seed():
    masks = draw_ensembles(9, 4, draws=50, seed=0)
    assert (masks.sum(axis=1) == 4).all()
    assert (draw_ensembles(9, 4, draws=50, seed=0) == masks).all()
    assert (draw_ensembles(9, 4, draws=50, seed=1) != masks).any()
    assert draw_ensembles(9, 4, draws=50, base=7, seed=0)[:, 7].all()
    # All members equally often: 50 draws of 4 among 9 have mean 22 and standard deviation 3.5.
    assert np.abs(masks.sum(axis=0) - 50 * 4 / 9).max() < 4 * 3.6


def test_accuracy_by_draw_averages_to_the_curve():
    probabilities, labels = made_up(m=8, n=120)
    groups = fairness.class_groups(
        probabilities[0].argmax(axis=1) == labels, labels, n_classes=4, k=1
    )
    curve = fairness.ensemble_curve(probabilities, labels, draws=25, groups=groups)
    assert [len(part) for part in curve.by_draw] == curve.draws.tolist()
    means = np.stack([part.mean(axis=0) for part in curve.by_draw])
    np.testing.assert_allclose(means, groups.mean(curve.right), atol=1e-12)
    one = draw_ensembles(8, 3, draws=25, seed=0)[4]
    right = predicted(probabilities, np.flatnonzero(one), "prob") == labels
    np.testing.assert_allclose(curve.by_draw[2][4], groups.mean(right), atol=1e-12)


def test_averaging_accuracies_instead_of_predictions_would_be_flat():
    """The mistake that the paper's appendix suggests; the curve here rises."""
    probabilities, labels = made_up(m=8, n=400)
    curve = fairness.ensemble_curve(probabilities, labels)
    members = (probabilities.argmax(axis=2) == labels).mean(axis=1)
    flat = [np.mean(list(itertools.combinations(members, k))) for k in range(1, 9)]
    assert np.ptp(flat) < 1e-12
    assert curve.right.mean(axis=1)[-1] > members.mean() + 0.02


def test_half_precision_is_enough():
    probabilities, labels = made_up(m=6, n=300)
    half = fairness.ensemble_curve(probabilities.astype(np.float16), labels)
    full = fairness.ensemble_curve(probabilities, labels)
    np.testing.assert_allclose(half.right.mean(1), full.right.mean(1), atol=0.01)


# Groups


def test_extreme_classes_are_disjoint_and_stable():
    top, bottom = fairness.extreme_classes([0.5, 0.5, 0.5, 0.5], k=2)
    assert (top.tolist(), bottom.tolist()) == ([0, 1], [0, 1])
    top, bottom = fairness.extreme_classes([0.9, 0.1, 0.5, 0.7], k=2)
    assert not set(top) & set(bottom)
    with pytest.raises(InputError, match="half of the 4 classes, got 3"):
        fairness.extreme_classes([0.9, 0.1, 0.5, 0.7], k=3)


def test_group_accuracy_is_the_mean_of_class_accuracies():
    random = np.random.default_rng(0)
    labels = random.integers(0, 5, 300)  # classes of unequal size
    right = random.random(300)
    accuracy = np.array([right[labels == k].mean() for k in range(5)])
    groups = fairness.class_groups(right, labels, n_classes=5, k=2)
    order = np.argsort(accuracy)
    expected = [accuracy.mean(), accuracy[order[-2:]].mean(), accuracy[order[:2]].mean()]
    np.testing.assert_allclose(groups.mean(right), expected, atol=1e-12)


def test_held_out_groups_equal_a_loop_over_halves():
    probabilities, labels = made_up(m=4, n=80)
    right = (probabilities.argmax(axis=2) == labels).mean(axis=0)
    values = np.random.default_rng(3).random(80)
    found = []
    for split in range(3):
        half = random_half(labels, 4, seed=7, split=split)
        assert np.bincount(labels[half]).tolist() == [10] * 4
        for seen in (half, ~half):
            accuracy = [right[seen & (labels == k)].mean() for k in range(4)]
            measured = np.array([values[~seen & (labels == k)].mean() for k in range(4)])
            found.append(
                [measured.mean(), measured[np.argmax(accuracy)], measured[np.argmin(accuracy)]]
            )
    groups = fairness.held_out_class_groups(probabilities, labels, k=1, splits=3, seed=7)
    np.testing.assert_allclose(groups.mean(values), np.mean(found, axis=0), atol=1e-12)


def test_held_out_groups_of_equal_classes_do_not_differ():
    """Where all classes are alike the paper's protocol sees a gap, and this one does not."""
    random = np.random.default_rng(0)
    labels = np.arange(2000) % 20
    members = np.where(random.random((6, 2000)) < 0.6, labels, (labels + 1) % 20)
    probabilities = np.eye(20)[members]
    biased = fairness.base_protocol(probabilities, labels, k=5, aggregate="vote")
    fair = fairness.held_out_protocol(probabilities, labels, k=5, aggregate="vote")
    assert biased.gap[0] > 0.1
    assert biased.gain[-1, 2] - biased.gain[-1, 1] > 0.09  # regression to the mean alone
    assert abs(fair.accuracy[0, 1] - fair.accuracy[0, 2]) < 0.04
    assert abs(fair.gain[-1, 2] - fair.gain[-1, 1]) < 0.05


def test_subgroups_of_any_table():
    table = {"blond men": [True, False, False, False], "others": [False, True, True, True]}
    groups = fairness.subgroups(table)
    assert groups.mean([[1, 0, 0, 1]]).round(3).tolist() == [[1, 0.333]]
    assert len(groups) == 2


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "no group"),
        ({"a": [True, False], "b": [True]}, "'b' has 1 images, others 2"),
        ({"a": [0.5, 1]}, "'a' must be one true or false"),
        ({"a": [False, False]}, "'a' has no image"),
    ],
)
def test_senseless_subgroups_are_refused(table, message):
    with pytest.raises(InputError, match=message):
        fairness.subgroups(table)


def test_classes_without_images_are_named():
    with pytest.raises(InputError, match="class 1 has no image"):
        fairness.class_accuracy([1, 1], [0, 2], 3)
    probabilities, labels = made_up(n=8)
    labels[:] = [0, 0, 1, 1, 2, 2, 2, 3]
    with pytest.raises(InputError, match="class 3 has 1 images; halves need two"):
        fairness.held_out_class_groups(probabilities, labels, k=1)
    with pytest.raises(InputError, match="splits must be at least 1"):
        fairness.held_out_class_groups(*made_up(), k=1, splits=0)


def test_groups_check_their_weights():
    with pytest.raises(InputError, match="must sum to 1"):
        fairness.Groups(("a",), np.array([[0.5, 0.4]]))
    with pytest.raises(InputError, match=r"shape \(2, images\)"):
        fairness.Groups(("a", "b"), np.ones((1, 1)))
    with pytest.raises(InputError, match="values of 2 images"):
        fairness.Groups(("a",), np.array([[0.5, 0.5]])).mean([1, 2, 3])


# Disagreement


def test_diversity_is_what_the_ensembles_likelihood_gains():
    random = np.random.default_rng(0)
    members, labels = random.dirichlet(np.ones(4), (5, 30)), np.arange(30) % 4
    truth = members[:, np.arange(30), labels]
    expected = np.log(truth.mean(0)) - np.log(truth).mean(0)
    found = fairness.diversity(members, labels)
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(fairness.diversity(members[::-1], labels), found)
    assert (found > 0).all()
    assert not fairness.diversity(members[[0, 0]], labels).any()
    certain = np.eye(2)[[[0], [1]]]  # one member gives the truth no probability
    assert 300 < fairness.diversity(certain, [0]).item() < 400
    with pytest.raises(InputError):
        fairness.diversity(members[:1], labels)


def test_churn_is_the_mean_over_pairs():
    probabilities, labels = made_up(m=7)
    predictions = probabilities.argmax(axis=2)
    pairs = [a != b for a, b in itertools.combinations(predictions, 2)]
    np.testing.assert_allclose(fairness.churn(probabilities), np.mean(pairs, axis=0), atol=1e-12)
    groups = fairness.subgroups({"even": labels % 2 == 0, "all": np.ones(60, dtype=bool)})
    matrix = fairness.pairwise_disagreement(probabilities, groups)
    assert matrix.shape == (2, 7, 7)
    np.testing.assert_array_equal(matrix, matrix.transpose(0, 2, 1))
    assert not matrix[:, range(7), range(7)].any()
    assert matrix.min() >= 0
    assert matrix.max() <= 1
    np.testing.assert_allclose(
        matrix.sum(axis=(1, 2)) / 42, groups.mean(fairness.churn(probabilities)), atol=1e-12
    )


def test_votes_by_hand():
    members = np.eye(3)[[[1], [1], [2]]]
    assert fairness.votes(members).tolist() == [[0, 2, 1]]
    bound = fairness.vote_bound(members, [2])
    parts = (bound.gain, bound.room, bound.churn)
    assert [part[0] for part in parts] == pytest.approx([-1 / 3, 1 / 3, 2 / 3])


@given(st.integers(2, 8), st.integers(2, 5), st.integers(0, 10**6), st.floats(0.1, 5))
@settings(max_examples=40, deadline=None)
def test_bound_holds_on_every_image_and_group(m, c, seed, spread):
    random = np.random.default_rng(seed)
    probabilities = fairness.softmax(spread * random.normal(size=(m, 40, c)))
    labels = random.integers(0, c, 40)
    bound = fairness.vote_bound(probabilities, labels)
    assert (np.abs(bound.gain) <= bound.room + 1e-12).all()
    assert (bound.room <= bound.churn + 1e-12).all()
    weights = random.dirichlet(np.ones(40), size=3)
    groups = fairness.Groups(("a", "b", "c"), weights / weights.sum(axis=1, keepdims=True))
    gain, room, churn = groups.mean(np.stack([bound.gain, bound.room, bound.churn]))
    assert (np.abs(gain) <= room + 1e-12).all()
    assert (room <= churn + 1e-12).all()


def test_gain_of_the_vote_is_the_end_of_its_curve():
    probabilities, labels = made_up(m=9, n=200)
    curve = fairness.ensemble_curve(probabilities, labels, aggregate="vote", draws=5)
    np.testing.assert_allclose(
        fairness.vote_bound(probabilities, labels).gain, curve.at(9) - curve.at(1), atol=1e-12
    )


# Protocols


def test_base_protocol_compares_with_the_base_model():
    probabilities, labels = made_up(m=6, n=400)
    curve = fairness.base_protocol(probabilities, labels, k=1, base=2)
    right = probabilities[2].argmax(axis=1) == labels
    accuracy = [right[labels == k].mean() for k in range(4)]
    np.testing.assert_allclose(
        curve.accuracy[0], [np.mean(accuracy), max(accuracy), min(accuracy)], atol=1e-12
    )
    ensemble = fairness.ensemble_predictions(probabilities) == labels
    worst = int(np.argmin(accuracy))
    assert curve.accuracy[-1, 2] == pytest.approx(ensemble[labels == worst].mean())
    assert curve.relative_gain[-1, 2] == pytest.approx(
        ensemble[labels == worst].mean() / min(accuracy) - 1
    )


def test_classes_may_be_ranked_by_the_mean_member():
    labels = np.array([0] * 10 + [1] * 10)
    predictions = np.zeros((3, 20), dtype=int)
    predictions[0, 5:10], predictions[0, 10:19] = 1, 1  # the base: class 1 is better
    probabilities = np.eye(2)[predictions]
    by_base = fairness.base_protocol(probabilities, labels, k=1)
    by_mean = fairness.base_protocol(probabilities, labels, k=1, select="mean")
    assert by_base.accuracy[0].tolist() == pytest.approx([0.7, 0.9, 0.5])
    assert by_mean.accuracy[0].tolist() == pytest.approx([0.7, 0.5, 0.9])
    with pytest.raises(InputError, match="select must be 'base' or 'mean'"):
        fairness.base_protocol(probabilities, labels, k=1, select="best")


def test_relative_gain_of_nothing_is_not_a_number():
    curve = fairness.GroupCurve(
        np.array([1, 2]), ("a", "b"), np.array([[0.0, 0.5], [0.1, 0.6]]), np.zeros((0, 2, 2))
    )
    assert np.isnan(curve.relative_gain[:, 0]).all()
    assert curve.relative_gain[1, 1] == pytest.approx(0.2)
    assert curve.gap.tolist() == pytest.approx([0.5, 0.5])
    assert curve.worst == ("a", "a")
    with pytest.raises(InputError, match="without bootstrap"):
        curve.interval("gain")
    with pytest.raises(InputError, match=r"unknown statistic 'gains'\. Did you mean 'gain'"):
        curve.of("gains")


@pytest.mark.parametrize(
    ("single", "ensemble", "ratio"),
    [(49.7, 59.13, 1.1897), (92.0, 94.19, 1.0238), (26.2, 38.71, 1.4775)],
)
def test_arithmetic_of_table_1(single, ensemble, ratio):
    curve = fairness.GroupCurve(
        np.array([1, 20]), ("g",), np.array([[single], [ensemble]]) / 100, np.zeros((0, 2, 1))
    )
    assert 1 + curve.relative_gain[-1, 0] == pytest.approx(ratio, abs=5e-5)


def test_intervals_cover_the_truth():
    """Of 60 experiments with known gain about 95 % have it within their interval."""
    inside = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        labels = np.arange(200) % 4
        hit = random.random((3, 200)) < 0.7
        probabilities = np.eye(4)[np.where(hit, labels, (labels + 1) % 4)]
        curve = fairness.group_curve(
            fairness.ensemble_curve(probabilities, labels, aggregate="vote"),
            fairness.subgroups({"all": np.ones(200, dtype=bool)}),
            labels=labels, bootstrap=200, seed=seed,
        )  # fmt: skip
        low, high = curve.interval("gain")
        truth = 3 * 0.7**2 * 0.3 + 0.7**3 - 0.7
        inside += low[-1, 0] <= truth <= high[-1, 0]
    assert 51 <= inside <= 60


def test_resampling_keeps_classes_and_equals_theory():
    labels = np.repeat([0, 1], [30, 70])
    values = np.concatenate([np.ones(30), np.zeros(70)])
    all_ = fairness.subgroups({"all": np.ones(100, dtype=bool)})
    within = bootstrap_means(values[None], all_, labels=labels, replicates=50)
    assert within == pytest.approx(0.3)  # within classes nothing varies
    free = bootstrap_means(values[None], all_, replicates=2000)
    assert free.std() == pytest.approx(np.sqrt(0.3 * 0.7 / 100), rel=0.1)


# Input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, y: (p[0], y), r"shape \(members, images, classes\), got float64 \(60, 4\)"),
        (lambda p, y: (p[:1], y), "needs 2 members at least, got 1"),
        (lambda p, y: (p * 2, y), "member 0, image 0 sum to 2, not 1"),
        (lambda p, y: (np.log(p), y), "Are they logits"),
        (lambda p, y: (np.where(p == p.max(), np.nan, p), y), "not finite"),
        (lambda p, y: (p, y[:-1]), r"labels must have shape \(60,\)"),
        (lambda p, y: (p, y + 1), r"from 0 to 3 for 4 classes, got 4 \(image 3\)"),
        (lambda p, y: (p, y - 1), "got -1"),
        (lambda p, y: (p, y + 0.5), "whole numbers"),
        (lambda p, y: (p.astype(str), y), "must be numbers"),
    ],
)
def test_senseless_predictions_are_refused(change, message):
    probabilities, labels = change(*made_up())
    with pytest.raises(InputError, match=message):
        fairness.ensemble_curve(probabilities, labels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": [0, 1]}, "sizes must increase within 1 to 5"),
        ({"sizes": [2, 1]}, "sizes must increase"),
        ({"sizes": [6]}, "sizes must increase"),
        ({"draws": 0}, "draws must be at least 1"),
        ({"base": 5}, "base must be a member from 0 to 4"),
        ({"aggregate": "median"}, "unknown aggregate 'median'"),
    ],
)
def test_senseless_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        fairness.ensemble_curve(*made_up(), **options)


def test_curves_without_one_member_have_no_gain():
    probabilities, labels = made_up()
    curve = fairness.ensemble_curve(probabilities, labels, sizes=[2, 5])
    with pytest.raises(InputError, match="not 3"):
        curve.at(3)
    groups = fairness.subgroups({"all": np.ones(60, dtype=bool)})
    with pytest.raises(InputError, match="needs size 1"):
        fairness.group_curve(curve, groups)


def test_names_are_loaded_when_used(python):
    done = python(
        "import sys; from ssl_lib.evaluation import fairness; fairness.evaluate; "
        "print(sorted({'torch', 'pandas', 'scipy'} & set(sys.modules)), fairness.AGGREGATES)"
    )
    assert done.stdout.strip() == "[] ('prob', 'logit', 'vote')"
    with pytest.raises(AttributeError, match="no attribute 'curve'"):
        fairness.curve  # noqa: B018
