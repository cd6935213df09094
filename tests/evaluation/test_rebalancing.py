"""Hierarchical k-means against one level at a time, weights against a walk down the hierarchy."""

from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ssl_lib.errors import InputError
from ssl_lib.evaluation.rebalancing import (
    hierarchical_clusters,
    rebalanced_rows,
    rebalanced_weights,
)


def kinds(*counts, seed=0):
    """Return so many points of each kind, kinds far from each other."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.repeat_interleave(torch.tensor(counts))
    centres = 50 * torch.eye(len(counts), dtype=torch.float64)
    noise = torch.randn(len(kind), len(counts), generator=generator, dtype=torch.float64)
    return centres[kind] + noise, kind


def walk(rows, levels):
    """Share a mass of 1 evenly down a hierarchy of clusters, the coarsest level last."""
    if not levels:
        return dict.fromkeys(rows, Fraction(1, len(rows)))
    inside = {}
    for row in rows:
        inside.setdefault(levels[-1][row], []).append(row)
    return {
        row: share / len(inside)
        for members in inside.values()
        for row, share in walk(members, levels[:-1]).items()
    }


@settings(max_examples=50, deadline=None)
@given(
    fine=st.lists(st.integers(0, 9), min_size=1, max_size=30),
    middle=st.lists(st.integers(0, 4), min_size=10, max_size=10),
    coarse=st.lists(st.integers(0, 2), min_size=5, max_size=5),
)
def test_weights_share_every_level_evenly(fine, middle, coarse):
    levels = [fine, [middle[k] for k in fine], [coarse[middle[k]] for k in fine]]
    for depth in (1, 2, 3):
        expected = walk(range(len(fine)), levels[:depth])
        weights = rebalanced_weights(levels[:depth])
        assert weights.tolist() == pytest.approx([float(expected[i]) for i in range(len(fine))])
        assert weights.sum().item() == pytest.approx(1)


def test_levels_are_nested_and_the_same_for_the_same_seed():
    x, _ = kinds(60, 30, 10)
    levels = hierarchical_clusters(x, (12, 5, 2))
    assert [len(level.unique()) for level in levels] == [12, 5, 2]
    for fine, coarse in pairwise(levels):
        assert all(len(coarse[fine == k].unique()) == 1 for k in fine.unique())
    again = hierarchical_clusters(x, (12, 5, 2))
    assert all(torch.equal(a, b) for a, b in zip(levels, again, strict=True))
    other = hierarchical_clusters(x, (12, 5, 2), seed=1)
    assert not torch.equal(levels[0], other[0])


def test_each_level_clusters_the_centres_of_the_level_below():
    x, kind = kinds(90, 9, 3)
    fine, coarse = hierarchical_clusters(x, (6, 3), starts=5)
    for k in fine.unique():
        assert len(kind[fine == k].unique()) == 1
    for k in coarse.unique():
        assert len(kind[coarse == k].unique()) == 1


def test_a_long_tail_is_drawn_evenly():
    x, kind = kinds(900, 80, 20)
    rows = rebalanced_rows(x, 6000, clusters=(30, 3), seed=3)
    assert len(rows) == 6000
    counts = kind[rows].bincount(minlength=3)
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3
    assert torch.equal(rows, rebalanced_rows(x, 6000, clusters=(30, 3), seed=3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hierarchical_clusters(torch.rand(5, 2), ()), "one or more numbers of clusters"),
        (lambda: hierarchical_clusters(torch.rand(5, 2), (2, 3)), r"got \(2, 3\)"),
        (lambda: hierarchical_clusters(torch.rand(5, 2), (2.5,)), "must be a whole number"),
        (lambda: hierarchical_clusters(torch.rand(5, 2), (6,)), "at most the 5 samples"),
        (lambda: hierarchical_clusters(torch.rand(5, 2), (0,)), r"got \(0,\)"),
        (lambda: rebalanced_weights([]), "at least one level"),
        (lambda: rebalanced_weights([[0, 0], [0, 1]]), "lie in one cluster"),
        (lambda: rebalanced_weights([[0, 1, 0], [0, 1]]), "as many samples"),
        (lambda: rebalanced_rows(torch.rand(5, 2), 0, clusters=(2,)), "size must be at least 1"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
