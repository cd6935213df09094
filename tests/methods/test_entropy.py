"""Entropy estimators and the information-theoretic VICReg loss."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.methods import (
    VICRegInfo,
    logdet_entropy,
    pairwise_entropy,
    simclr_loss,
    vicreg_info_loss,
)
from ssl_lib.methods.entropy import batch_entropy, squared_distances
from ssl_lib.models import MLP


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_logdet_against_the_covariance(small):
    z = small(20, 5)
    covariance = torch.cov(z.T) + 0.01 * torch.eye(5, dtype=torch.float64)
    torch.testing.assert_close(logdet_entropy(z, ridge=0.01), torch.logdet(covariance) / 2)


def test_logdet_with_fewer_samples_than_dimensions_uses_the_gram_matrix(small):
    z = small(5, 20)
    covariance = torch.cov(z.T) + 0.01 * torch.eye(20, dtype=torch.float64)
    torch.testing.assert_close(logdet_entropy(z, ridge=0.01), torch.logdet(covariance) / 2)


def test_logdet_of_a_gaussian_is_its_entropy(generator):
    a = torch.randn(8, 8, generator=generator, dtype=torch.float64)
    z = torch.randn(4096, 8, generator=generator, dtype=torch.float64) @ a.T
    true = 4 * math.log(2 * math.pi * math.e) + torch.linalg.slogdet(a).logabsdet.item()
    estimate = logdet_entropy(z, ridge=1e-9, constant=True).item()
    # The standard deviation of the estimate is about sqrt(d / 2n) = 0.03.
    assert estimate == pytest.approx(true, abs=0.12)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.5, 4))
def test_logdet_scales_and_rotates_as_an_entropy(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(30, 4, generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(4, 4, generator=generator, dtype=torch.float64))[0]
    value = logdet_entropy(z, ridge=1e-12)
    expected = value + 4 * math.log(scale)
    torch.testing.assert_close(
        logdet_entropy(scale * z, ridge=1e-12), expected, rtol=1e-6, atol=1e-7
    )
    torch.testing.assert_close(logdet_entropy(z @ rotation + 5, ridge=1e-12), value)


def test_near_whitening_the_entropy_is_minus_a_quarter_of_the_squared_correlations():
    e = torch.tensor([[0, 0.3, -0.2], [0.3, 0, 0.1], [-0.2, 0.1, 0]], dtype=torch.float64)
    for size, order in ((1e-2, 1e-6), (1e-3, 1e-9)):
        c = torch.eye(3, dtype=torch.float64) + size * e
        # Samples whose unbiased covariance is exactly c.
        white = torch.tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]).double()
        z = white * math.sqrt(3 / 4) @ torch.linalg.cholesky(c).T
        second = -(size * e).square().sum() / 4
        assert abs(logdet_entropy(z, ridge=1e-15) - second) < order


@pytest.mark.parametrize(("divergence", "factor"), [("kl", 2), ("bhattacharyya", 8)])
def test_pairwise_against_a_loop(small, divergence, factor):
    z, variance = small(6, 3), 0.7
    total = 0.0
    for i in range(6):
        kernel = [
            math.exp(-float((z[i] - z[j]).square().sum()) / factor / variance) for j in range(6)
        ]
        total -= math.log(sum(kernel) / 6) / 6
    expected = 1.5 * math.log(2 * math.pi * math.e * variance) + total
    value = pairwise_entropy(z, variance=variance, divergence=divergence).item()
    assert value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("variance", [1.0, 0.1])
def test_the_bounds_bracket_the_mixtures_entropy(generator, variance):
    """Bhattacharyya <= Monte Carlo <= KL, and Monte Carlo <= Gaussian of the same covariance."""
    z = 2 * torch.randn(128, 4, generator=generator, dtype=torch.float64)
    lower = pairwise_entropy(z, variance=variance, divergence="bhattacharyya").item()
    upper = pairwise_entropy(z, variance=variance, divergence="kl").item()
    noise = torch.randn(8000, 4, generator=generator, dtype=torch.float64)
    points = z[torch.randint(128, (8000,), generator=generator)] + math.sqrt(variance) * noise
    exponents = -torch.cdist(points, z).square() / 2 / variance
    log_density = exponents.logsumexp(1) - math.log(128) - 2 * math.log(2 * math.pi * variance)
    entropy, error = -log_density.mean().item(), log_density.std().item() / math.sqrt(8000)
    covariance = torch.cov(z.T, correction=0) + variance * torch.eye(4, dtype=torch.float64)
    gaussian = (torch.logdet(covariance) / 2 + 2 * math.log(2 * math.pi * math.e)).item()
    assert lower - 4 * error <= entropy <= upper + 4 * error
    assert lower < upper
    assert entropy - 4 * error <= gaussian


@pytest.mark.parametrize("divergence", ["kl", "bhattacharyya"])
def test_pairwise_limits(divergence):
    component = math.log(2 * math.pi * math.e)
    together = torch.zeros(5, 2, dtype=torch.float64)
    apart = 1e4 * torch.eye(5, dtype=torch.float64)[:, :5]
    assert pairwise_entropy(together, divergence=divergence).item() == pytest.approx(component)
    far = pairwise_entropy(apart, divergence=divergence).item()
    assert far == pytest.approx(2.5 * component + math.log(5), abs=1e-9)
    one = pairwise_entropy(together[:1], divergence=divergence).item()
    assert one == pytest.approx(component)


def test_bhattacharyya_and_kl_at_four_times_the_variance_differ_by_a_constant(small):
    for z in (small(7, 3), 5 * small(7, 3)):
        difference = pairwise_entropy(z, variance=0.3, divergence="bhattacharyya")
        difference = difference - pairwise_entropy(z, variance=1.2, divergence="kl")
        assert difference.item() == pytest.approx(-3 * math.log(2), abs=1e-12)


def test_on_the_sphere_the_pairwise_loss_is_infonce_with_the_self_term(small):
    z1, z2 = (F.normalize(small(6, 4), dim=1) for _ in range(2))
    t = 0.2
    entropies = [
        -((z @ z.T - 1) / t).exp().mean(1).log().mean() + 2 * math.log(2 * math.pi * math.e * t)
        for z in (z1, z2)
    ]
    value = vicreg_info_loss(z1, z2, estimator="pairwise_kl", scale=t, normalise=True)
    expected = (1 - (z1 * z2).sum(1).mean()) - sum(entropies) / 2
    torch.testing.assert_close(value, expected)


def test_loss_is_half_the_squared_distance_minus_the_entropies(small):
    z1, z2 = small(9, 3), small(9, 3)
    expected = (z1 - z2).square().sum(1).mean() - 3 * (logdet_entropy(z1) + logdet_entropy(z2)) / 2
    torch.testing.assert_close(vicreg_info_loss(z1, z2, invariance=2, entropy=3), expected)


def test_logdet_rewards_spread_and_punishes_collapse(generator):
    z = torch.randn(64, 8, generator=generator, dtype=torch.float64)
    collapsed = z[:, :1].expand(-1, 8)
    assert float(vicreg_info_loss(z, z)) < float(vicreg_info_loss(collapsed, collapsed))
    assert float(simclr_loss(z, z)) < float(simclr_loss(0 * z + 1, 0 * z + 1))


@pytest.mark.parametrize("estimator", ["logdet", "pairwise_kl", "pairwise_bhattacharyya"])
@pytest.mark.parametrize("shape", [(5, 3), (3, 5)])
def test_gradients(estimator, shape, small):
    z1, z2 = small(*shape).requires_grad_(), small(*shape).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda a, b: vicreg_info_loss(a, b, estimator=estimator, scale=0.1), (z1, z2)
    )


def test_distances_keep_digits_beside_a_large_offset(small):
    z = small(5, 3).float()
    exact = torch.cdist(z.double(), z.double()).square().float()
    torch.testing.assert_close(squared_distances(z + 1000), exact, atol=2e-3, rtol=1e-3)
    assert bool((squared_distances(z) >= 0).all())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda z: logdet_entropy(z[:1]), "n >= 2"),
        (lambda z: logdet_entropy(z / 0), "no determinant in float32: z is not finite"),
        (
            lambda z: logdet_entropy(1e9 * (z + torch.arange(4)[:, None]), ridge=1e-9),
            "a ridge of 1e-09 is lost in rounding",
        ),
        (lambda z: pairwise_entropy(z[:0]), "n >= 1"),
        (lambda z: pairwise_entropy(z, variance=math.nan), "variance must be a number above 0"),
        (lambda z: logdet_entropy(z, ridge=0), "ridge must be a number above 0, got 0"),
        (lambda z: pairwise_entropy(z, divergence="kll"), "Did you mean 'kl'"),
        (lambda z: pairwise_entropy(z, variance=-1), "variance must be a number above 0, got -1"),
        (lambda z: pairwise_entropy(z[0]), r"must be \(n, d\)"),
        (lambda z: batch_entropy(z, estimator="logdat"), "Did you mean 'logdet'"),
        (lambda z: VICRegInfo(MLP(2, 2), estimator="logdat"), "Did you mean 'logdet'"),
    ],
)
def test_wrong_settings_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call(torch.zeros(4, 2))
