"""Measures at extreme norms, far from the origin, with rows of zeros and without a finite score."""

import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from ssl_lib.errors import InputError
from ssl_lib.evaluation.accuracy import accuracy
from ssl_lib.evaluation.checks import unit_rows
from ssl_lib.evaluation.fairness import softmax
from ssl_lib.evaluation.knn import knn_accuracy, knn_votes
from ssl_lib.evaluation.rank import rankme, singular_values
from ssl_lib.evaluation.spread import alignment, embedding_std, uniformity


def clusters(offset=0.0, *, spread=0.01, dtype=torch.float32):
    """Return features and labels of three small clusters near each other, halves of them."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(120) % 3
    centres = torch.eye(3, 8, dtype=torch.float64)
    noise = torch.randn(120, 8, generator=generator, dtype=torch.float64)
    x = (centres[labels] + spread * noise + offset).to(dtype)
    return x[:60], labels[:60], x[60:], labels[60:]


@pytest.mark.parametrize("offset", [0.0, 1e4, -1e5])
def test_euclidean_neighbours_far_from_the_origin(offset):
    assert knn_accuracy(*clusters(offset), k=5, metric="euclidean") == 1.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_euclidean_votes_are_those_of_scikit_learn(dtype):
    x, y, test, _ = clusters(1e4, dtype=dtype)
    peer = KNeighborsClassifier(7, algorithm="brute", weights=lambda d: np.exp(-d / 0.1))
    centre = x.double().mean(0)
    peer.fit(x.double() - centre, y)
    votes = knn_votes(x, y, test, k=7, temperature=0.1, metric="euclidean")
    assert votes.dtype == dtype
    np.testing.assert_allclose(votes, peer.predict_proba(test.double() - centre), atol=1e-6)


def test_euclidean_neighbours_between_distant_groups():
    near, labels, test, test_labels = clusters(dtype=torch.float64, spread=1e-4)
    far = torch.full_like(near, 1e7)
    x, y = torch.cat([1e-3 * near, far]), torch.cat([labels, labels])
    assert knn_accuracy(x, y, 1e-3 * test, test_labels, k=5, metric="euclidean") == 1.0


def test_euclidean_distance_of_a_sample_from_itself_is_zero():
    x, y, *_ = clusters(1e3)
    votes = knn_votes(x, y, x, k=2, temperature=1e-4, metric="euclidean")
    assert torch.equal(votes, torch.nn.functional.one_hot(y).float())


@pytest.mark.parametrize("size", [1e-30, 1e-18, 1e18, 1e37])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_neighbours_at_tiny_and_huge_norms(size, metric):
    x, y, test, test_labels = clusters()
    votes = knn_votes(x * size, y, test * size, k=5, temperature=None, metric=metric)
    expected = knn_votes(x, y, test, k=5, temperature=None, metric=metric)
    torch.testing.assert_close(votes, expected, rtol=0, atol=1e-6)
    assert accuracy(votes, test_labels) == 1.0


def test_cosines_of_features_that_share_a_large_part():
    x, y, test, test_labels = clusters(1e3, spread=0.001)
    assert knn_accuracy(x, y, test, test_labels, k=5) == 1.0
    # Rows of zeros are at cosine 0: behind all others, not among them.
    x, y = torch.cat([x.repeat(500, 1), torch.zeros(1, 8)]), torch.cat([y.repeat(500), y[:1]])
    votes = knn_votes(x, y, -test[:1], k=1, temperature=None)
    assert int(votes.argmax()) == int(y[-1])


def test_unit_rows_are_those_of_torch_where_norms_are_ordinary():
    x = torch.randn(50, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(unit_rows(x), torch.nn.functional.normalize(x, dim=1))
    for size in (1e-38, 1e-20, 1e20, 3e37):
        torch.testing.assert_close(unit_rows(x * size), unit_rows(x), rtol=1e-5, atol=1e-5)
    assert unit_rows(torch.zeros(2, 3)).abs().max() == 0


def uniformity_by_definition(features, t=2.0):
    x = features.double().numpy()
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    unit = np.divide(x, norm, out=np.zeros_like(x), where=norm > 0)
    squares = ((unit[:, None] - unit[None]) ** 2).sum(2)
    return math.log(np.exp(-t * squares[np.triu_indices(len(x), 1)]).mean())


def test_uniformity_with_rows_of_zeros_is_the_definition():
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    x[::2] = 0
    assert uniformity(x) == pytest.approx(uniformity_by_definition(x), abs=1e-12)
    # Half at the origin, half in one direction: pairs at distance 0 or 1.
    half = torch.cat([torch.zeros(10, 3), torch.ones(10, 3)])
    same, mixed = 2 * 10 * 9 / 2, 10 * 10
    expected = math.log((same + mixed * math.exp(-2)) / (same + mixed))
    assert uniformity(half, chunk=7) == pytest.approx(expected, abs=1e-12)
    assert uniformity(torch.zeros(5, 3)) == 0.0


def test_uniformity_at_a_temperature_where_potentials_vanish():
    assert uniformity(torch.tensor([[1.0], [-1.0]]), temperature=500) == pytest.approx(-2000)


def test_spread_and_alignment_of_zero_and_tiny_rows():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    assert alignment(x, x.flip(0)) == pytest.approx(1.0)
    assert embedding_std(x) == pytest.approx(0.7 / math.sqrt(2))
    assert embedding_std(1e-30 * x) == pytest.approx(0.7 / math.sqrt(2))
    assert alignment(1e-30 * x[:1], x[:1]) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_ranks_do_not_depend_on_the_scale(size):
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert rankme(x * size) == pytest.approx(rankme(x), rel=1e-12)
    torch.testing.assert_close(singular_values(x * size) / size, singular_values(x))


def test_scores_without_a_finite_largest_choose_no_class():
    fine = torch.tensor([[0.0, 1.0, -torch.inf], [2.0, 1.0, 0.0]])
    assert accuracy(fine, torch.tensor([1, 0])) == 1.0
    for value in (torch.inf, -torch.inf, torch.nan):
        bad = fine.clone()
        bad[1] = value
        with pytest.raises(InputError, match="of row 1 choose no class"):
            accuracy(bad, torch.tensor([1, 0]))
        with pytest.raises(InputError, match=r"the largest of the logits of row \(1,\) is"):
            softmax(bad)
