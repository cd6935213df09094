"""VICReg and Barlow Twins against recorded numbers, closed forms, loops and each other."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssl_lib.errors import InputError
from ssl_lib.methods import barlow_twins_loss, cross_correlation, vicreg_loss, vicreg_terms


def whitened(n, d, generator):
    """Return (n, d) numbers with mean 0 and unbiased covariance 1."""
    z = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return torch.linalg.qr(z - z.mean(0))[0] * math.sqrt(n - 1)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_vicreg_recorded_values(pair):
    a, b = pair
    assert vicreg_loss(a, b).item() == pytest.approx(3.974005965635756, abs=1e-12)
    assert vicreg_loss(0.5 * a, 0.5 * b).item() == pytest.approx(12.943764492429748, abs=1e-12)


def _covariance(x, y, mean_x, mean_y):
    products = [(p - mean_x) * (q - mean_y) for p, q in zip(x, y, strict=True)]
    return sum(products) / (len(products) - 1)


def test_vicreg_against_loops(small):
    views = 0.5 * small(5, 3), 0.5 * small(5, 3)
    n, d = views[0].shape
    distance = sum((views[0][i, j] - views[1][i, j]) ** 2 for i in range(n) for j in range(d))
    hinge = covariance = 0.0
    for z in views:
        mean = [sum(z[i, j] for i in range(n)) / n for j in range(d)]
        cov = [
            [_covariance(z[:, a], z[:, b], mean[a], mean[b]) for b in range(d)] for a in range(d)
        ]
        hinge += sum(max(0.0, 1 - math.sqrt(cov[j][j] + 1e-4)) for j in range(d)) / d / 2
        covariance += sum(cov[a][b] ** 2 for a in range(d) for b in range(d) if a != b) / d
    terms = [float(t) for t in vicreg_terms(*views)]
    assert terms == pytest.approx([float(distance) / n / d, hinge, float(covariance)], abs=1e-12)
    weighted = 3 * terms[0] + 5 * terms[1] + 7 * terms[2]
    value = vicreg_loss(*views, invariance=3, variance=5, covariance=7).item()
    assert value == pytest.approx(weighted, abs=1e-12)


def test_vicreg_of_a_collapse_and_of_whitened_views(generator):
    ones = torch.ones(8, 4, dtype=torch.float64)
    assert vicreg_loss(ones, ones).item() == pytest.approx(24.75, abs=1e-10)
    z = whitened(64, 8, generator)
    assert vicreg_loss(z, z).item() == pytest.approx(0, abs=1e-10)
    both = whitened(64, 16, generator)
    independent = vicreg_loss(both[:, :8], both[:, 8:]).item()
    assert independent == pytest.approx(50 * 63 / 64, abs=1e-10)


def test_vicreg_noise_floor_of_normal_samples(generator):
    n, d = 256, 32
    terms = [
        vicreg_terms(*torch.randn(2, n, d, generator=generator, dtype=torch.float64))
        for _ in range(60)
    ]
    covariance = sum(float(t.covariance) for t in terms) / 60
    assert covariance == pytest.approx(2 * (d - 1) / (n - 1), rel=0.02)
    hinge = sum(float(t.variance) for t in terms) / 60
    # The usual estimate, exact to first order in 1/sqrt(n); 0.0004 is the standard error.
    assert hinge == pytest.approx(math.sqrt(2 / math.pi) / 2 / math.sqrt(2 * n), abs=0.002)


@pytest.mark.parametrize(("share", "value"), [(0.6, 0.492), (0.7, 2.074), (0.9, 9.990)])
def test_vicregs_variance_wants_binary_features_on_half_of_the_time(share, value):
    on = round(1000 * share)
    feature = torch.cat([torch.ones(on, 1), -torch.ones(1000 - on, 1)]).double()
    assert 25 * vicreg_terms(feature, feature).variance.item() == pytest.approx(value, abs=5e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_vicreg_invariances(seed):
    generator = torch.Generator().manual_seed(seed)
    z1, z2 = torch.randn(2, 7, 4, generator=generator, dtype=torch.float64)
    rows, columns = torch.randperm(7, generator=generator), torch.randperm(4, generator=generator)
    signs = torch.randint(2, (4,), generator=generator) * 2 - 1
    value = vicreg_loss(z1, z2)
    torch.testing.assert_close(vicreg_loss(z2, z1), value)
    torch.testing.assert_close(vicreg_loss(z1[rows], z2[rows]), value)
    torch.testing.assert_close(vicreg_loss(z1[:, columns], z2[:, columns]), value)
    torch.testing.assert_close(vicreg_loss(z1 * signs, z2 * signs), value)
    torch.testing.assert_close(vicreg_loss(z1 + 3, z2 + 3), value)


def test_vicreg_is_not_invariant_to_rotations(generator):
    z = torch.stack([torch.linspace(-1, 1, 9), torch.zeros(9)], 1).double()
    turn = torch.tensor([[1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64) / math.sqrt(2)
    assert not torch.allclose(vicreg_loss(z, z), vicreg_loss(z @ turn, z @ turn))


def test_barlow_recorded_value(pair):
    value = barlow_twins_loss(*pair, redundancy=5e-3).item()
    assert value == pytest.approx(0.13463258558663788, abs=1e-13)


def test_barlow_against_loops(small):
    z1, z2 = small(6, 3), small(6, 3)
    standardised = []
    for z in (z1, z2):
        columns = []
        for j in range(3):
            mean = sum(z[i, j] for i in range(6)) / 6
            variance = sum((z[i, j] - mean) ** 2 for i in range(6)) / 6
            columns.append([(z[i, j] - mean) / math.sqrt(variance + 1e-5) for i in range(6)])
        standardised.append(columns)
    first, second = standardised
    loss = 0.0
    for a in range(3):
        for b in range(3):
            c = float(sum(first[a][i] * second[b][i] for i in range(6)) / 6)
            loss += (c - 1) ** 2 if a == b else 0.1 * c**2
    assert barlow_twins_loss(z1, z2, redundancy=0.1).item() == pytest.approx(loss, abs=1e-12)


def test_barlow_of_identical_constant_and_independent_views(generator):
    z = torch.randn(64, 32, generator=generator, dtype=torch.float64)
    assert barlow_twins_loss(z, z, redundancy=0).item() < 1e-8
    ones = torch.ones(64, 32, dtype=torch.float64)
    assert barlow_twins_loss(ones, ones).item() == 32
    d, n, values = 16, 50, []
    for _ in range(200):
        z1, z2 = torch.randn(2, n, d, generator=generator, dtype=torch.float64)
        values.append(barlow_twins_loss(z1, z2, redundancy=0.5).item())
    expected = d * (1 + 1 / (n - 1)) + 0.5 * d * (d - 1) / (n - 1)
    assert sum(values) / len(values) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("sizes", "value"),
    [
        ((333, 333, 334), 1.4999),
        ((500, 250, 250), 1.5554),
        ((667, 166, 167), 1.6801),
        ((900, 50, 50), 1.8997),
    ],
)
def test_barlow_prefers_three_equal_clusters(sizes, value):
    z = torch.eye(3, dtype=torch.float64).repeat_interleave(torch.tensor(sizes), 0)
    c = cross_correlation(z, z)
    off_diagonal = c.square().sum() - c.diagonal().square().sum()
    assert off_diagonal.item() == pytest.approx(value, abs=1e-4)
    p = torch.tensor(sizes, dtype=torch.float64) / 1000
    closed = sum(
        p[k] * p[m] / ((1 - p[k]) * (1 - p[m])) for k in range(3) for m in range(3) if k != m
    )
    assert off_diagonal.item() == pytest.approx(float(closed), rel=1e-3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_barlow_ignores_affine_maps_of_single_coordinates(seed):
    generator = torch.Generator().manual_seed(seed)
    z1, z2 = torch.randn(2, 9, 4, generator=generator, dtype=torch.float64)
    scale = torch.rand(4, generator=generator, dtype=torch.float64) + 0.5
    shift = torch.randn(4, generator=generator, dtype=torch.float64)
    value = barlow_twins_loss(z1, z2, eps=0)
    torch.testing.assert_close(barlow_twins_loss(scale * z1 + shift, z2, eps=0), value)
    torch.testing.assert_close(barlow_twins_loss(z2, z1, eps=0), value)


def test_on_standardised_views_the_two_covariances_agree(generator):
    n, d = 40, 6
    z = torch.randn(n, d, generator=generator, dtype=torch.float64)
    z = (z - z.mean(0)) / z.std(0, correction=0)
    c = cross_correlation(z, z, eps=0)
    off_diagonal = c.square().sum() - c.diagonal().square().sum()
    expected = 2 / d * (n / (n - 1)) ** 2 * off_diagonal
    torch.testing.assert_close(vicreg_terms(z, z).covariance, expected)


@pytest.mark.parametrize("loss", [vicreg_loss, barlow_twins_loss])
def test_gradients(loss, small):
    z1, z2 = small(5, 3).requires_grad_(), small(5, 3).requires_grad_()
    assert torch.autograd.gradcheck(loss, (z1, z2))


@pytest.mark.parametrize("loss", [vicreg_loss, barlow_twins_loss])
def test_collapse_has_finite_gradients(loss):
    z1 = torch.zeros(4, 3, requires_grad=True)
    loss(z1, torch.zeros(4, 3)).backward()
    assert bool(z1.grad.isfinite().all())


@pytest.mark.parametrize("loss", [vicreg_loss, barlow_twins_loss])
def test_one_sample_is_refused(loss):
    with pytest.raises(InputError, match="at least 2, got 1"):
        loss(torch.zeros(1, 3), torch.zeros(1, 3))
