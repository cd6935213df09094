"""Normality under noise on the input, and SIGReg's statistic over all directions."""

import math

import numpy as np
import pytest
import torch
from scipy.special import erf
from scipy.stats import normaltest
from torch import nn

from ssl_lib.errors import InputError
from ssl_lib.evaluation.normality import (
    input_noise_normality,
    normality,
    normality_control,
    sliced_epps_pulley,
)
from ssl_lib.geometry import linear_region
from ssl_lib.methods import epps_pulley, random_directions
from ssl_lib.models import build_encoder


def draws(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def encoder():
    return build_encoder("mlp", in_channels=1, image_size=4, hidden=(24,), out_dim=6,
                         activation="relu", norm="none", seed=0)  # fmt: skip


@pytest.fixture
def images():
    return torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(1))


def test_the_test_is_scipys_whatever_mean_and_scale():
    x = draws(200, 30) ** 3
    p = normaltest(x.numpy(), axis=0).pvalue
    found = normality(1e-7 * x + 5, level=0.2)
    assert found.share == np.mean(p > 0.2)
    assert found.mean_p == pytest.approx(p.mean(), rel=1e-5)


def test_the_control_at_512_draws():
    """The dossier's 0.986 and 0.507 are of 2,560 coordinates: standard errors 0.002 and 0.006."""
    found = normality_control(512, coordinates=100_000)
    assert found.share == pytest.approx(0.987, abs=0.0011)  # three standard errors
    assert found.mean_p == pytest.approx(0.503, abs=0.003)
    assert found.tested == 100_000


def test_constant_coordinates_are_counted_and_not_tested():
    x = draws(100, 4)
    x[:, 1], x[:, 3] = 0.0, 1 / 3
    assert normality(x)[2:] == (2, 2)
    alone = normality(x[:, [1]])
    assert math.isnan(alone.share)
    assert alone[2:] == (0, 1)


def test_noise_through_a_small_network(encoder, images):
    table = input_noise_normality(encoder, images, noises=[1e-4, 0.03, 1.0], draws=200)
    assert [*table.image] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    small, middle, large = (part for _, part in table.groupby("noise"))
    assert small["same region"].mean() > 0.97
    assert large["same region"].max() < 0.2
    assert small["same region"].mean() > middle["same region"].mean()
    assert small.share.mean() > 0.9


def test_the_share_of_the_region_is_that_of_the_polytope(encoder, images):
    table = input_noise_normality(encoder, images[:1], noises=[0.03], draws=400)
    from ssl_lib.randomness import torch_generator

    noise = torch.randn(400, 1, 4, 4, dtype=torch.float64,
                        generator=torch_generator(0, "input noise", 0))  # fmt: skip
    region = linear_region(encoder.eval(), images[0].double())
    inside = region.contains(0.03 * noise.flatten(1)).double().mean()
    assert table["same region"].item() == inside.item()


def test_inside_the_region_the_covariance_is_the_jacobians(encoder, images):
    """Z given x is N(f(x), s^2 J J^T) while draws stay; the covariance of n draws has that mean."""
    anchor = images[0].double()
    double = encoder.double().eval()
    region = linear_region(double, anchor)
    scale, n = region.radius / 8, 20_000
    noise = scale * draws(n, 16)
    assert region.contains(noise).double().mean() > 0.97
    z = double(anchor + noise.reshape(n, 1, 4, 4)).detach()
    expected = scale**2 * region.jacobian @ region.jacobian.T
    # Entries of a Wishart matrix over n: standard deviation sqrt((c_ij^2 + c_ii c_jj) / n).
    c = expected.diagonal()
    error = ((expected**2 + c[:, None] * c) / n).sqrt()
    assert ((torch.cov(z.T) - expected).abs() < 5 * error + 1e-3 * c.max()).all()
    affine = region.value + noise @ region.jacobian.T
    assert (torch.cov(affine.T) - expected).abs().max() < 5 * error.max()


def test_one_image_and_one_noise_change_nothing_of_the_others(encoder, images):
    whole = input_noise_normality(encoder, images, noises=[0.01, 0.1], draws=60)
    part = input_noise_normality(encoder, images[:2], noises=[0.1], draws=60)
    same = whole[(whole.image < 2) & (whole.noise == 0.1)].reset_index(drop=True)
    assert part.equals(same)


def test_the_encoder_stays_as_it_was(encoder, images):
    encoder.train()
    before = torch.random.get_rng_state()
    input_noise_normality(encoder, images[:1], noises=[0.1], draws=30)
    assert encoder.training
    assert next(encoder.parameters()).dtype == torch.float32
    assert torch.equal(before, torch.random.get_rng_state())


class Casting(nn.Sequential):
    """An encoder that brings its images to float32, as many do."""

    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(9, 2))

    def forward(self, x):
        return super().forward(x.float())


def test_after_a_relu_dead_units_are_dropped_and_counted(encoder, images):
    table = input_noise_normality(encoder, images, noises=[1e-3], draws=60)
    dead = (encoder.double()(images.double()) == 0).sum(1)
    assert dead.min() > 0
    assert [*table.constant] == dead.tolist()
    assert ((table.constant + table.tested) == 6).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e, x: input_noise_normality(e, x[0]), r"shape \(n, c, h, w\)"),
        (lambda e, x: input_noise_normality(e, x, draws=19), "draws must be at least 20"),
        (lambda e, x: input_noise_normality(e, x, noises=[0]), "noise must be a number above 0"),
        (lambda e, x: input_noise_normality(e, x, noises=[]), "noises must hold at least one"),
        (lambda e, x: input_noise_normality(e, (255 * x).long()), "uint8 or floating-point, got"),
        (lambda e, x: input_noise_normality(Casting(), x), "does not take float64 images: mat1"),
        (lambda e, x: input_noise_normality(lambda b: b, x), "pass regions=False"),
        (lambda e, x: input_noise_normality(nn.Sequential(nn.Flatten(), nn.GELU()), x), "GELU"),
        (lambda e, x: input_noise_normality(lambda b: b.flatten(1).float(), x, regions=False),
         "float64"),
        (lambda e, x: input_noise_normality(lambda b: b.flatten(1) / 0, x, regions=False),
         "outputs at noise 0.0001 must be finite"),
        (lambda e, x: normality(torch.zeros(19, 2)), "at least 20 row"),
        (lambda e, x: normality_control(5), "draws must be at least 20"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_named(encoder, images, call, message):
    with pytest.raises(InputError, match=message):
        call(encoder, images)


def test_in_one_dimension_all_directions_are_the_statistic():
    x = draws(40, 1)
    assert sliced_epps_pulley(x) == pytest.approx(epps_pulley(x, knots=None).item(), rel=1e-12)


def test_in_two_dimensions_it_is_the_mean_over_the_circle():
    z = 2 * draws(12, 2) + 0.5
    angle = torch.arange(720, dtype=torch.float64) * math.pi / 720
    axes = torch.stack([angle.cos(), angle.sin()])
    expected = epps_pulley(z @ axes, knots=None).mean().item()
    assert sliced_epps_pulley(z) == pytest.approx(expected, rel=1e-10)


def test_in_three_dimensions_the_kernel_is_an_error_function():
    z = torch.tensor([[30.0, 0.0, 0.0], [-1.0, 2.0, 0.5]]).double()

    def kernel(s):
        return math.sqrt(math.pi / s) * erf(math.sqrt(s)) / 2

    gap = float((z[0] - z[1]).square().sum()) / 2
    pairs = 1 + kernel(gap)
    single = sum(kernel(float(row.square().sum()) / 4) for row in z)
    expected = math.sqrt(2 * math.pi) * (pairs - math.sqrt(2) * single + 2 / math.sqrt(3))
    assert sliced_epps_pulley(z) == pytest.approx(expected, rel=1e-10)


def test_random_directions_estimate_it():
    z = 1.5 * draws(50, 24)
    each = epps_pulley(z @ random_directions(24, 20_000).double(), knots=None)
    error = each.std().item() / math.sqrt(20_000)
    assert abs(each.mean().item() - sliced_epps_pulley(z)) < 4 * error
