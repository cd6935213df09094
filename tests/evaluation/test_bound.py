"""The terms of the bound, against projectors and least squares written out."""

import itertools
import math

import numpy as np
import pytest
import torch

from ssl_lib import data
from ssl_lib.errors import InputError
from ssl_lib.evaluation.bound import bound_terms, label_residual
from ssl_lib.evaluation.features import extract, subsample


def features(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def projector(z):
    return np.eye(len(z)) - z @ np.linalg.pinv(z)


@pytest.mark.parametrize(("n", "d"), [(30, 5), (8, 20)])
def test_residual_is_that_of_the_projector(n, d):
    z, labels = features(n, d), torch.arange(n) % 3
    p, y = projector(z.numpy()), np.eye(3)[labels.numpy()]
    np.testing.assert_allclose(p @ p, p, atol=1e-10)
    np.testing.assert_allclose(p @ z.numpy(), 0, atol=1e-10)
    assert np.trace(p) == pytest.approx(n - min(n, d))
    expected = np.linalg.norm(p @ y) / math.sqrt(n)
    assert label_residual(z, labels) == pytest.approx(expected, abs=1e-12)


def test_more_features_never_raise_the_residual_and_as_many_as_samples_leave_none():
    z, labels = features(20, 20), torch.arange(20) % 4
    found = [label_residual(z[:, :d], labels) for d in range(1, 21)]
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(found))
    assert found[-1] < 1e-10
    assert label_residual(0 * z, labels) == 1.0


def test_doubled_features_have_the_rank_of_single_ones():
    z, labels = features(30, 4), torch.arange(30) % 3
    twice = torch.cat([z, z], 1)
    assert label_residual(twice, labels) == pytest.approx(label_residual(z, labels), abs=1e-12)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits").subset(slice(0, 400)), data.load("digits", split="test")


@pytest.mark.parametrize("labelled", [30, 200])
def test_terms_of_pixels(digits, labelled):
    train, test = digits
    found = bound_terms(torch.nn.Flatten(), train, test, policy="digits", labelled=labelled)
    few = subsample(train, labelled)
    x, z = (extract(torch.nn.Flatten(), part.images).double().numpy() for part in (few, test))
    weights = np.linalg.pinv(x, rcond=1e-6) @ np.eye(10)[few.labels.numpy()]
    losses = np.linalg.norm(z @ weights - np.eye(10)[test.labels.numpy()], axis=1)
    assert found.loss == pytest.approx(losses.mean(), rel=1e-6)
    assert found.weight == pytest.approx(np.linalg.norm(weights, 2), rel=1e-6)
    assert found.labelled == pytest.approx(label_residual(x, few.labels))
    assert (found.labelled < 1e-6) == (labelled == 30)
    assert found.rank == 64
    assert 0 < found.gap < 2 * found.scale


def test_scaled_features_have_the_same_terms_but_for_their_units(digits):
    def larger(images):
        return 10 * images.flatten(1)

    one, ten = (bound_terms(f, *digits, policy="digits") for f in (torch.nn.Flatten(), larger))
    assert ten.gap == pytest.approx(10 * one.gap, rel=1e-5)
    assert ten.weight == pytest.approx(one.weight / 10, rel=1e-5)
    assert ten.loss == pytest.approx(one.loss, rel=1e-5)
    assert ten.unlabelled == pytest.approx(one.unlabelled, rel=1e-5)


def test_what_makes_no_sense_is_named(digits):
    train, test = digits
    with pytest.raises(InputError, match="labelled=401 must be at most 400"):
        bound_terms(torch.nn.Flatten(), train, test, policy="digits", labelled=401)
    with pytest.raises(InputError, match="the encoder's outputs must be finite"):
        bound_terms(lambda x: x.flatten(1) / 0, train, test, policy="digits")
    with pytest.raises(InputError, match=r"the bound needs .*ImageData.*, got Tensor"):
        bound_terms(torch.nn.Flatten(), train.images, test, policy="digits")
    with pytest.raises(InputError, match="labels must have shape"):
        label_residual(torch.zeros(3, 2), [0, 1])
