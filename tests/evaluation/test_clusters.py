"""Agreement of clusters with classes against scikit-learn, loops and closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from ssl_lib.errors import InputError
from ssl_lib.evaluation.clusters import cluster_agreement, majority_classes, purity

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(pairs=PAIRS)
def test_agreement_against_scikit_learn_and_loops(pairs):
    labels, clusters = (list(side) for side in zip(*pairs, strict=True))
    found = cluster_agreement(labels, clusters)
    assert found.ari == pytest.approx(metrics.adjusted_rand_score(labels, clusters))
    assert found.nmi == pytest.approx(metrics.normalized_mutual_info_score(labels, clusters))
    held = {c: [k for k, d in pairs if d == c] for c in sorted(set(clusters))}
    majority = [max(sorted(set(inside)), key=inside.count) for inside in held.values()]
    right = sum(inside.count(k) for inside, k in zip(held.values(), majority, strict=True))
    assert found.purity == pytest.approx(right / len(pairs))
    assert majority_classes(labels, clusters).tolist() == majority
    assert (found.clusters, found.covered) == (len(held), len(set(majority)))


def test_names_of_clusters_do_not_matter_and_equal_partitions_agree():
    labels = torch.arange(60) % 6
    found = cluster_agreement(labels, 99 - labels)
    assert (found.ari, found.nmi, found.purity, found.covered) == pytest.approx((1, 1, 1, 6))
    one = cluster_agreement(labels, torch.zeros(60, dtype=torch.int64))
    assert (one.ari, one.nmi, one.purity, one.clusters) == pytest.approx((0, 0, 1 / 6, 1))
    assert purity(labels, np.arange(60)) == 1


@pytest.mark.parametrize(
    ("labels", "clusters", "message"),
    [
        ([0, 1], [0], r"clusters must have shape \(2,\)"),
        ([], [], "at least one sample"),
        ([0, 1], [0.5, 1.0], "clusters must be integers"),
        ([0, -1], [0, 1], "labels must be at least 0"),
    ],
)
def test_wrong_input_is_named(labels, clusters, message):
    with pytest.raises(InputError, match=message):
        cluster_agreement(labels, clusters)
