"""Entropies and their bounds, against closed forms, brute force and recorded numbers."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from ssl_lib.errors import InputError
from ssl_lib.evaluation.entropy import (
    entropy_bounds,
    gaussian_entropy,
    hadamard_entropy,
    mixture_entropy,
)
from ssl_lib.methods import logdet_entropy
from ssl_lib.theory.mixtures import cube_entropies

UNIT = math.log(2 * math.pi * math.e)


@pytest.fixture
def z():
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    return torch.randn(60, 5, generator=generator, dtype=torch.float64) @ mix + 3


def test_gaussian_entropy_is_scipys(z):
    expected = multivariate_normal(cov=np.cov(z.numpy().T)).entropy()
    assert gaussian_entropy(z) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shape", [(20, 5), (5, 20)])
def test_gaussian_entropy_is_the_loss_with_its_constant(shape):
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = logdet_entropy(x, ridge=0.01, constant=True).item()
    assert gaussian_entropy(x, ridge=0.01) == pytest.approx(expected, abs=1e-12)


def test_hadamard_is_above_and_equal_where_coordinates_are_uncorrelated(z):
    assert hadamard_entropy(z) > gaussian_entropy(z) + 0.1
    axes = torch.linalg.eigh(torch.cov(z.T)).eigenvectors
    assert hadamard_entropy(z @ axes) == pytest.approx(gaussian_entropy(z), abs=1e-10)


def test_scaling_adds_d_ln_c(z):
    for entropy in (gaussian_entropy, hadamard_entropy):
        assert entropy(7 * z) - entropy(z) == pytest.approx(5 * math.log(7), abs=1e-10)


def test_mixture_entropy_of_one_component_and_of_far_ones_is_exact():
    one = 1.5 * (UNIT + math.log(0.3))
    assert mixture_entropy(torch.ones(4, 3), variance=0.3) == pytest.approx((one, 0.0), abs=1e-12)
    value, error = mixture_entropy(1e3 * torch.eye(8)[:, :3], variance=0.3)
    assert error < 0.02  # six of the eight coincide
    value, error = mixture_entropy(1e3 * torch.eye(3), variance=0.3)
    assert (value, error) == pytest.approx((one + math.log(3), 0.0), abs=1e-9)


def corners(d, radius):
    return radius * (2.0 * torch.cartesian_prod(*[torch.arange(2.0)] * d) - 1).double()


@pytest.mark.parametrize("radius", [0.3, 1.0, 3.0])
def test_bounds_are_those_of_the_mixture_that_is_known(radius):
    found = entropy_bounds(corners(6, radius), variance=1.0, samples=20_000)
    known = cube_entropies(radius, 1.0, d=6)
    assert found.bhattacharyya == pytest.approx(known.bhattacharyya, abs=1e-10)
    assert found.kl == pytest.approx(known.kl, abs=1e-10)
    assert found.gaussian == pytest.approx(known.gaussian, abs=1e-10)
    assert found.hadamard == pytest.approx(known.gaussian, abs=1e-10)
    assert abs(found.monte_carlo - known.exact) < 4 * found.error
    assert found.error < 0.02


@pytest.mark.parametrize("variance", [10.0, 1.0, 0.1, 0.01])
def test_the_bracket(z, variance):
    found = entropy_bounds(z, variance=variance)
    slack = 4 * found.error + 1e-9
    assert found.bhattacharyya <= found.monte_carlo + slack
    assert found.monte_carlo <= min(found.kl, found.gaussian) + slack
    assert found.gaussian <= found.hadamard
    assert found.kl <= 2.5 * (UNIT + math.log(variance)) + math.log(60) + 1e-9


@pytest.mark.parametrize("variance", [1.0, 0.1, 0.01])
def test_the_chain_of_512_points_in_8_dimensions(variance):
    """The dossier's chain, on other points: all but its last link are computed again in numpy."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((512, 8)) @ rng.standard_normal((8, 8))
    found = entropy_bounds(x, variance=variance, samples=20_000)
    component = 4 * (UNIT + math.log(variance))
    gaps = ((x[:, None] - x) ** 2).sum(2)
    for value, c in ((found.bhattacharyya, 8), (found.kl, 2)):
        inner = np.log(np.exp(-gaps / (c * variance)).mean(1))
        assert value == pytest.approx(component - inner.mean(), abs=1e-9)
    covariance = np.cov(x.T, ddof=0) + variance * np.eye(8)
    assert found.gaussian == pytest.approx(multivariate_normal(cov=covariance).entropy(), abs=1e-9)
    assert found.hadamard == pytest.approx(4 * UNIT + np.log(np.diag(covariance)).sum() / 2)
    own = rng.integers(512, size=4000)
    drawn = x[own] + math.sqrt(variance) * rng.standard_normal((4000, 8))
    squares = ((drawn[:, None] - x) ** 2).sum(2) / (2 * variance)
    density = np.exp(-squares).mean(1) / (2 * math.pi * variance) ** 4
    plain, error = -np.log(density).mean(), np.log(density).std() / math.sqrt(4000)
    assert abs(found.monte_carlo - plain) < 4 * math.hypot(error, found.error)
    assert found.error < error / 2
    slack = 4 * found.error + 1e-9
    assert found.bhattacharyya <= found.monte_carlo + slack
    assert found.monte_carlo <= found.kl + slack
    assert found.kl <= found.gaussian <= found.hadamard
    if variance == 0.01:  # apart: all bounds are the component's entropy plus ln 512
        assert (found.bhattacharyya, found.kl) == pytest.approx((-0.831, -0.831), abs=5e-4)


def test_other_samples_agree_within_the_error(z):
    values = [mixture_entropy(z, variance=1.0, seed=seed) for seed in range(20)]
    spread = np.std([value for value, _ in values], ddof=1)
    assert spread < 1.5 * values[0][1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda z: gaussian_entropy(z[:4]), "span only 3"),
        (lambda z: gaussian_entropy(z[:4], ridge=1e-9), "take a ridge above"),
        (lambda z: gaussian_entropy(0 * z), "span only 0"),
        (lambda z: gaussian_entropy(z * float("nan")), "features must be finite"),
        (lambda z: hadamard_entropy(z.clone().index_fill_(1, torch.tensor([0, 2]), 7.0)),
         "2 of 5 coordinates are constant"),
        (lambda z: mixture_entropy(z, variance=0), "variance must be a number above 0"),
        (lambda z: mixture_entropy(z, variance=1, samples=1), "samples must be at least 2"),
        (lambda z: entropy_bounds(z / 0, variance=1), "centers must be finite"),
        (lambda z: gaussian_entropy(z, correction=2), "correction must be between 0 and 1"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_named(z, call, message):
    with pytest.raises(InputError, match=message):
        call(z)


def test_few_samples_with_enough_ridge_are_taken(z):
    few = z[:4]
    least = 1e-4 * float(few.var(0).mean())
    assert gaussian_entropy(few, ridge=1.01 * least) < gaussian_entropy(few, ridge=100 * least)
