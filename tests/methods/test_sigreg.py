"""SIGReg: the statistic against quadrature, closed forms and the authors' code."""

import math

import pytest
import torch
from scipy.integrate import quad

from ssl_lib.errors import InputError
from ssl_lib.methods import (
    SIGReg,
    epps_pulley,
    random_directions,
    sigreg_loss,
    sigreg_terms,
    vicreg_terms,
)
from ssl_lib.models import MLP


def integrand(t, x):
    c = sum(math.cos(t * v) for v in x) / len(x)
    s = sum(math.sin(t * v) for v in x) / len(x)
    return ((c - math.exp(-(t**2) / 2)) ** 2 + s**2) * math.exp(-(t**2) / 2)


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_closed_form_is_the_integral(small, scale):
    x = scale * small(7, 2) + 0.4
    for column, value in zip(x.T.tolist(), epps_pulley(x, knots=None).tolist(), strict=True):
        expected = 7 * quad(integrand, -math.inf, math.inf, args=(column,), epsabs=1e-12)[0]
        assert value == pytest.approx(expected, abs=1e-9)


def test_the_rule_is_the_trapezoidal_one_on_both_sides(small):
    x = small(5, 1)
    t = [3 * k / 16 for k in range(-16, 17)]
    values = [integrand(s, x[:, 0].tolist()) for s in t]
    expected = 5 * 3 / 16 * (sum(values) - (values[0] + values[-1]) / 2)
    assert epps_pulley(x).item() == pytest.approx(expected, abs=1e-12)


def test_many_knots_on_a_long_range_reach_the_closed_form(small):
    x = 2 * small(9, 3)
    fine = epps_pulley(x, knots=400, upper=9.0)
    torch.testing.assert_close(fine, epps_pulley(x, knots=None), atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("n", [2, 30])
def test_mean_over_normal_samples_is_the_same_for_any_number_of_them(n):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 40_000, generator=generator, dtype=torch.float64)
    found = epps_pulley(x, knots=None)
    expected = math.sqrt(2 * math.pi) * (1 - 1 / math.sqrt(3))
    assert abs(found.mean() - expected) < 4 * found.std() / math.sqrt(40_000)


def test_quantiles_of_the_normal_distribution_cost_nothing_and_all_else_costs_n():
    p = (torch.arange(4000, dtype=torch.float64)[:, None] + 0.5) / 4000
    normal = torch.special.ndtri(p)
    uniform = math.sqrt(12) * (p - 0.5)  # the same mean and variance
    assert epps_pulley(normal, knots=None).item() < 1e-3
    assert epps_pulley(uniform, knots=None).item() / 4000 > 1e-3
    collapsed = epps_pulley(torch.zeros(4000, 1, dtype=torch.float64), knots=None).item()
    tau = 2 * math.pi
    assert collapsed / 4000 == pytest.approx(math.sqrt(tau) * (1 - math.sqrt(2) + 3**-0.5))


# Recorded from rbalestr-lab/lejepa (package 0.0.1, commit eddffdd, torch 2.13.0): its EppsPulley on
# float64 samples (its knots and weights are float32), and the SIGReg of its minimal example.


def test_the_authors_statistic(pair):
    x = pair[0][:, :3]
    theirs = torch.tensor([1.2654261232960429, 0.5405637990055319, 1.380697032693088])
    torch.testing.assert_close(epps_pulley(x), theirs.double(), rtol=1e-6, atol=0)
    shifted = torch.tensor([40.02809943363472, 32.49383115919187, 40.10543188874202])
    torch.testing.assert_close(epps_pulley(2 * x + 1), shifted.double(), rtol=1e-6, atol=0)
    fine = torch.tensor([1.2699268495189613, 0.5635271727485869, 1.3816140623068554])
    found = epps_pulley(x, knots=33, upper=5.0)
    torch.testing.assert_close(found, fine.double(), rtol=1e-6, atol=0)


def test_the_authors_loss(pair):
    drawn = torch.randn(32, 8, generator=torch.Generator().manual_seed(5))
    directions = drawn / drawn.norm(dim=0)
    terms = sigreg_terms(pair, directions)
    assert terms.normality.item() == pytest.approx(0.8214762806892395, rel=1e-6)
    assert terms.invariance.item() == pytest.approx(0.022381531074643135, rel=1e-6)
    loss = sigreg_loss(pair, directions, weight=0.02).item()
    assert loss == pytest.approx(0.03836342692375183, rel=1e-6)


def test_two_views_have_a_quarter_of_vicregs_invariance(pair):
    terms = sigreg_terms(pair, random_directions(32, 8))
    torch.testing.assert_close(terms.invariance, vicreg_terms(*pair).invariance / 4)


def test_loss_weighs_both_terms_and_averages_views_and_directions(pair):
    axes = random_directions(32, 5).double()
    views = [*pair, pair[0] + pair[1]]
    each = [epps_pulley((z @ a)[:, None]).item() for z in views for a in axes.T]
    center = sum(views) / 3
    gap = sum((z - center).square().mean() for z in views).item() / 3
    expected = 0.7 * gap + 0.3 * sum(each) / 15
    assert sigreg_loss(views, axes, weight=0.3).item() == pytest.approx(expected, rel=1e-12)


def test_the_centre_may_be_that_of_the_global_views(pair):
    a, b = pair
    far = sigreg_terms([a, b, b], torch.eye(32), n_global=1).invariance
    torch.testing.assert_close(far, (a - b).square().mean() * 2 / 3)


def test_gradients(small):
    views = [small(5, 3).requires_grad_(), small(5, 3).requires_grad_()]
    axes = random_directions(3, 4)
    for knots in (17, None):
        assert torch.autograd.gradcheck(
            lambda a, b, knots=knots: sigreg_loss([a, b], axes, weight=0.5, knots=knots), views
        )


def test_directions_are_unit_vectors_new_in_each_step():
    first, second = (random_directions(20, 3000, step=step) for step in (0, 1))
    assert not torch.equal(first, second)
    assert torch.equal(first, random_directions(20, 3000, step=0))
    torch.testing.assert_close(first.norm(dim=0), torch.ones(3000))
    # Uniform on the sphere: mean 0, covariance I / d.
    assert first.mean(1).abs().max() < 5 / math.sqrt(20 * 3000)
    torch.testing.assert_close(first @ first.T / 3000, torch.eye(20) / 20, atol=5e-3, rtol=0)


def test_a_runs_directions_follow_its_progress_and_not_its_seed():
    methods = [SIGReg(MLP(4, 4), head=(8, 6), n_directions=5, seed=seed) for seed in (0, 1)]
    start = methods[0].directions
    for method in methods:
        method.before_step(0.25)
    assert methods[0].directions.shape == (6, 5)
    assert not torch.equal(start, methods[0].directions)
    assert torch.equal(methods[0].directions, methods[1].directions)
    methods[0].before_step(0.25 + 1e-9)
    assert not torch.equal(methods[0].directions, methods[1].directions)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda z: epps_pulley(z[0]), r"x must be \(n, k\)"),
        (lambda z: epps_pulley(z, knots=1), "knots must be at least 2"),
        (lambda z: epps_pulley(z, upper=0), "upper must be a number above 0"),
        (lambda z: sigreg_loss([z], torch.eye(2)), "at least two embeddings"),
        (lambda z: sigreg_loss([z, z[:2]], torch.eye(2)), "of one shape"),
        (lambda z: sigreg_loss([z, z], torch.eye(3)), "d = 2"),
        (lambda z: SIGReg(MLP(2, 2), weight=1.5), "weight must be a number from 0 to 1"),
        (lambda z: SIGReg(MLP(2, 2), n_directions=0), "n_directions must be at least 1"),
    ],
)
def test_wrong_settings_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call(torch.zeros(4, 2))
