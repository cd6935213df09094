"""Splits, fractions, long tails and class-poor batches."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ssl_lib.data import (
    balanced_subset,
    class_poor,
    class_poor_batches,
    load,
    long_tail,
    long_tail_counts,
    stratified_fraction,
    stratified_split,
)
from ssl_lib.errors import InputError


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(sizes=st.lists(st.integers(1, 30), min_size=1, max_size=6), share=st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_a_split_is_a_partition_in_proportion(sizes, share):
    labels = torch.repeat_interleave(torch.tensor(sizes))
    n_test = round(share * len(labels))
    train, test = stratified_split(labels, generator=generator(), n_test=n_test)
    assert torch.cat((train, test)).sort().values.tolist() == list(range(len(labels)))
    assert len(test) == n_test
    got = labels[test].bincount(minlength=len(sizes)).double()
    exact = torch.tensor(sizes, dtype=torch.float64) * n_test / len(labels)
    assert float((got - exact).abs().max()) < 1


def test_a_split_by_class_and_its_errors():
    labels = torch.arange(60) % 3
    train, test = stratified_split(labels, generator=generator(), per_class=5)
    assert labels[test].bincount().tolist() == [5, 5, 5]
    assert labels[train].bincount().tolist() == [15, 15, 15]
    other = stratified_split(labels, generator=generator(1), per_class=5)[1]
    assert not torch.equal(test, other)
    for options in ({}, {"n_test": 3, "per_class": 1}, {"per_class": 21}, {"n_test": 61}):
        with pytest.raises(InputError):
            stratified_split(labels, generator=generator(), **options)


def test_fractions_are_nested_and_keep_every_class():
    labels = torch.cat((torch.zeros(100), torch.ones(7))).long()
    small = stratified_fraction(labels, 0.1, generator=generator())
    large = stratified_fraction(labels, 0.5, generator=generator())
    assert labels[small].bincount().tolist() == [10, 1]
    assert set(small.tolist()) < set(large.tolist())
    with pytest.raises(InputError, match="fraction"):
        stratified_fraction(labels, 0.0, generator=generator())


@pytest.mark.parametrize(
    ("n_max", "n_classes", "imbalance", "total"),
    [
        (5000, 10, 10, 20_431),
        (5000, 10, 50, 13_996),
        (5000, 10, 100, 12_406),
        (500, 200, 10, 39_072),
        (500, 200, 50, 25_082),
        (500, 200, 100, 21_549),
    ],
)
def test_exponential_tails_have_the_published_totals(n_max, n_classes, imbalance, total):
    counts = long_tail_counts("exponential", n_max=n_max, n_classes=n_classes, imbalance=imbalance)
    assert int(counts.sum()) == total
    assert int(counts[-1]) == n_max // imbalance


@pytest.mark.parametrize(
    ("n_max", "n_classes", "exponent", "total"),
    [(5000, 10, 1.0, 14_645), (5000, 10, 2.0, 7_749), (500, 200, 0.5, 13_434)],
)
def test_power_laws_have_the_published_totals(n_max, n_classes, exponent, total):
    counts = long_tail_counts("power", n_max=n_max, n_classes=n_classes, exponent=exponent)
    assert int(counts.sum()) == total


@pytest.mark.parametrize(("n_classes", "imbalance"), [(10, 100), (200, 50), (8142, 500), (1, 10)])
def test_a_power_law_by_imbalance_ends_at_it(n_classes, imbalance):
    counts = long_tail_counts("power", n_max=100_000, n_classes=n_classes, imbalance=imbalance)
    assert int(counts[0]) == 100_000
    assert int(counts[-1]) == (100_000 // imbalance if n_classes > 1 else 100_000)
    # Straight in logarithms: the geometric mean of ranks 1 and 4 is rank 2.
    if n_classes > 4:
        assert counts[1] == pytest.approx((counts[0] * counts[3]).sqrt().item(), rel=1e-4)


def test_the_control_of_a_long_tail_is_balanced_and_of_its_size():
    labels = torch.arange(5000) % 10
    counts = long_tail_counts("exponential", n_max=500, n_classes=10, imbalance=100)
    tail = long_tail(labels, counts, generator=generator())
    control = balanced_subset(labels, len(tail), generator=generator())
    assert len(control) == len(tail) == len(control.unique()) == int(counts.sum())
    held = labels[control].bincount()
    assert int(held.max() - held.min()) <= 1
    assert int(labels[tail].bincount(minlength=10).min()) >= 1
    assert torch.equal(control, balanced_subset(labels, len(tail), generator=generator()))
    with pytest.raises(InputError, match="size must be from 10, the classes, to 5000; got 9"):
        balanced_subset(labels, 9, generator=generator())
    with pytest.raises(InputError, match="fewer than the 6 wanted"):
        balanced_subset(torch.tensor([0] * 10 + [1] * 3), 12, generator=generator())


def test_counts_never_fall_below_the_floor_and_need_their_parameter():
    counts = long_tail_counts("power", n_max=10, n_classes=20, exponent=3.0, at_least=2)
    assert int(counts.min()) == 2
    for kind, options in (
        ("power", {}),
        ("power", {"imbalance": 0.5}),
        ("power", {"imbalance": 10, "exponent": 1.0}),
        ("exponential", {"imbalance": 10, "exponent": 1.0}),
        ("exponential", {"exponent": 1.0}),
        ("exponential", {"imbalance": 0.5}),
        ("linear", {"exponent": 1.0}),
    ):
        with pytest.raises(InputError, match="a long tail is"):
            long_tail_counts(kind, n_max=10, n_classes=5, **options)
    with pytest.raises(InputError, match="n_max must be at least 1, got -5"):
        long_tail_counts("power", n_max=-5, n_classes=5, exponent=1.0)


def test_a_long_tail_takes_what_the_counts_say():
    labels = torch.arange(300) % 3
    counts = [100, 30, 2]
    rows = long_tail(labels, counts, generator=generator())
    assert labels[rows].bincount().tolist() == counts
    assert len(rows.unique()) == len(rows)
    assert torch.equal(rows, long_tail(labels, counts, generator=generator()))
    orders = {
        tuple(
            labels[long_tail(labels, counts, generator=generator(s), shuffle_classes=True)]
            .bincount()
            .tolist()
        )
        for s in range(40)
    }
    assert len(orders) == 6
    with pytest.raises(InputError, match="fewer than the 101 wanted"):
        long_tail(labels, [101, 1, 1], generator=generator())
    with pytest.raises(InputError, match="2 counts for 3 classes"):
        long_tail(labels, [1, 1], generator=generator())
    with pytest.raises(InputError, match="a count must be at least 0, got -1"):
        long_tail(labels, [5, 1, -1], generator=generator())


@pytest.mark.parametrize("k", [1, 2, 3, 10])
@pytest.mark.parametrize("sizes", [[10] * 10, [13, 7, 12, 8, 11, 9, 14, 6, 10, 10]])
def test_class_poor_batches_have_k_classes_and_keep_the_marginal_uniform(k, sizes):
    labels = torch.repeat_interleave(torch.tensor(sizes))
    options = {"n_batches": 10_000, "batch_size": 24, "classes_per_batch": k}
    batches = list(class_poor_batches(labels, generator=generator(), **options))
    assert all(len(batch) == 24 for batch in batches)
    assert all(labels[batch].unique().numel() == k for batch in batches)
    # Positions of a batch depend on each other: one of each, drawn by lot, does not.
    places = torch.randint(24, (10_000,), generator=generator(1))
    one = torch.stack([batch[place] for batch, place in zip(batches, places, strict=True)])
    assert stats.chisquare(one.bincount(minlength=100).numpy()).pvalue > 1e-3


def test_equal_classes_share_a_class_poor_batch_equally():
    labels = torch.arange(100) % 10
    options = {"n_batches": 200, "batch_size": 24, "classes_per_batch": 3}
    for batch in class_poor_batches(labels, generator=generator(), **options):
        assert sorted(labels[batch].bincount()[labels[batch].unique()].tolist()) == [8, 8, 8]
    for k, most in ((0, 10), (11, 10)):
        with pytest.raises(InputError, match=f"from 1 to {most} for 10 classes"):
            next(class_poor_batches(labels, generator=generator(), **options | {
                "classes_per_batch": k}))  # fmt: skip


def test_class_poor_data_differ_from_the_data_in_their_batches_alone():
    digits = load("digits")
    poor = class_poor(digits, 2)
    drawn = list(poor.batches(generator(), 128))
    assert len(drawn) == len(digits) // 128
    for batch in drawn:
        assert len(batch.labels.unique()) == 2
        assert torch.equal(batch.images, digits.images[batch.index])
        assert torch.equal(batch.labels, digits.labels[batch.index])
    in_order = [batch.index for batch in poor.batches(None, 500, drop_last=False)]
    assert torch.equal(torch.cat(in_order), torch.arange(len(digits)))
    assert len({digits.fingerprint, poor.fingerprint, class_poor(digits, 3).fingerprint}) == 3
    again = poor.subset(slice(0, 500))
    assert {len(b.labels.unique()) for b in again.batches(generator(), 100)} == {2}
    with pytest.raises(InputError, match="from 1 to the 10 classes of digits/train; got 11"):
        class_poor(digits, 11)
    with pytest.raises(InputError, match=r"classes_per_batch must be a whole number, got 2.5"):
        class_poor(digits, 2.5)
