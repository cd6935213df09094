"""SimCLR, CISSL and spectral losses against recorded numbers, closed forms and plain loops."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.methods import (
    SimCLR,
    ViewBatch,
    cissl_loss,
    cosine_temperature,
    simclr_loss,
    spectral_loss,
)
from ssl_lib.methods.spectral import shorten
from ssl_lib.models import MLP, seeded


def simplex(n):
    """Return n unit vectors with pairwise cosine -1/(n-1)."""
    z = torch.eye(n, dtype=torch.float64)
    return F.normalize(z - z.mean(0), dim=1)


@pytest.mark.parametrize(
    ("temperature", "recorded"),
    [(0.1, 0.0377631850277579), (0.2, 0.9365919500321197), (0.5, 3.037797334249415)],
)
def test_simclr_recorded_values(pair, temperature, recorded):
    assert simclr_loss(*pair, temperature=temperature).item() == pytest.approx(recorded, abs=1e-13)


def test_simclr_against_a_loop(small):
    z1, z2, t = small(5, 3), small(5, 3), 0.3
    z = [v / v.norm() for v in (*z1, *z2)]
    total = 0.0
    for i in range(10):
        exponentials = sum(math.exp(z[i] @ z[j] / t) for j in range(10) if j != i)
        total += math.log(exponentials) - float(z[i] @ z[(i + 5) % 10]) / t
    assert simclr_loss(z1, z2, temperature=t).item() == pytest.approx(total / 10, abs=1e-12)


@pytest.mark.parametrize(
    ("n", "temperature", "recorded"), [(16, 0.1, 0.0013611), (16, 0.5, 1.621378)]
)
def test_simclr_of_orthonormal_views(n, temperature, recorded):
    eye = torch.eye(n, dtype=torch.float64)
    value = simclr_loss(eye, eye, temperature=temperature).item()
    assert value == pytest.approx(math.log1p((2 * n - 2) * math.exp(-1 / temperature)), abs=1e-10)
    assert value == pytest.approx(recorded, rel=1e-4)


def test_simclr_of_a_simplex_is_lower_and_of_a_collapse_highest():
    z = simplex(16)
    value = simclr_loss(z, z, temperature=0.5).item()
    closed = math.log1p(30 * math.exp(-(1 + 1 / 15) / 0.5))
    assert value == pytest.approx(closed, abs=1e-10)
    assert value == pytest.approx(1.515842, abs=1e-6)
    ones = torch.ones(64, 3, dtype=torch.float64)
    assert simclr_loss(ones, ones).item() == pytest.approx(math.log(127), abs=1e-10)


def test_simclr_falls_with_temperature_when_the_positives_are_nearest(pair):
    values = [simclr_loss(*pair, temperature=t).item() for t in (0.05, 0.1, 0.2, 0.5, 1.0)]
    assert values == sorted(values)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100))
def test_simclr_ignores_order_scale_rotation_and_which_view_is_first(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    z1, z2 = torch.randn(2, 7, 4, generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(4, 4, generator=generator, dtype=torch.float64))[0]
    order = torch.randperm(7, generator=generator)
    value = simclr_loss(z1, z2)
    torch.testing.assert_close(simclr_loss(z2, z1), value)
    torch.testing.assert_close(simclr_loss(z1[order], z2[order]), value)
    torch.testing.assert_close(simclr_loss(scale * z1 @ rotation, z2 @ rotation), value)
    assert float(value) >= 0


def test_simclr_has_finite_gradients_at_zero():
    z = torch.zeros(4, 3, requires_grad=True)
    simclr_loss(z, torch.ones(4, 3)).backward()
    assert bool(z.grad.isfinite().all())


# Recorded values of the loss by the share of the larger of two clusters.
@pytest.mark.parametrize(
    ("share", "simclr", "spectral"),
    [(0.5, 7.0338, -1.5005), (0.7, 7.1110, -1.4204), (0.9, 7.3682, -1.1802)],
)
def test_contrastive_losses_prefer_uniform_clusters(share, simclr, spectral):
    first = round(1000 * share)
    z = torch.eye(2, dtype=torch.float64).repeat_interleave(torch.tensor([first, 1000 - first]), 0)
    assert simclr_loss(z, z, temperature=0.5).item() == pytest.approx(simclr, abs=5e-5)
    assert spectral_loss(z, z).item() == pytest.approx(spectral, abs=5e-5)


def test_cissl_against_a_loop(small):
    s1, s2, t1, t2 = (small(4, 3) for _ in range(4))
    s, t = ([v / v.norm() for v in (*a, *b)] for a, b in ((s1, s2), (t1, t2)))
    total = 0.0
    for i in range(8):
        partition = math.log(sum(math.exp(s[i] @ t[j] / 0.2) for j in range(8)))
        for positive in (i, (i + 4) % 8):
            total += 0.5 * (partition - float(s[i] @ t[positive]) / 0.2)
    value = cissl_loss((s1, s2), (t1, t2), temperature=0.2).item()
    assert value == pytest.approx(total / 8, abs=1e-12)


def test_cissl_recorded_values():
    ones, eye = (f(256, dtype=torch.float64) for f in (torch.ones, torch.eye))
    collapse = cissl_loss((ones[:, None], ones[:, None]), (ones[:, None], ones[:, None]))
    assert collapse.item() == pytest.approx(6.238325, abs=1e-6)
    assert collapse.item() == pytest.approx(math.log(512), abs=1e-10)
    assert cissl_loss((eye, eye), (eye, eye)).item() == pytest.approx(0.693307, abs=5e-7)
    best = simplex(256)
    assert cissl_loss((best, best), (best, best)).item() == pytest.approx(0.693298, abs=5e-7)


def test_cissl_with_one_cosine_between_different_images(small):
    n, cosine, tau = 6, 0.3, 0.5
    z = torch.linalg.cholesky(torch.full((n, n), cosine, dtype=torch.float64).fill_diagonal_(1.0))
    closed = math.log(2) + math.log1p((n - 1) * math.exp((cosine - 1) / tau))
    assert cissl_loss((z, z), (z, z), temperature=tau).item() == pytest.approx(closed, abs=1e-10)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_cissl_is_at_least_log_2_and_ignores_order(seed):
    generator = torch.Generator().manual_seed(seed)
    s1, s2, t1, t2 = torch.randn(4, 5, 3, generator=generator, dtype=torch.float64)
    order = torch.randperm(5, generator=generator)
    value = cissl_loss((s1, s2), (t1, t2))
    torch.testing.assert_close(cissl_loss((s1[order], s2[order]), (t1[order], t2[order])), value)
    torch.testing.assert_close(cissl_loss((s2, s1), (t2, t1)), value)
    assert float(value) >= math.log(2)
    assert not torch.allclose(cissl_loss((t1, t2), (s1, s2)), value)


def test_spectral_against_a_loop(small):
    z1, z2, mu = 2 * small(6, 3), small(6, 3), 2.0
    shortened = [[v * min(1.0, math.sqrt(mu) / float(v.norm())) for v in z] for z in (z1, z2)]
    positive = sum(float(a @ b) for a, b in zip(*shortened, strict=True)) / 6
    negative = sum(
        float(a @ b) ** 2
        for i, a in enumerate(shortened[0])
        for j, b in enumerate(shortened[1])
        if i != j
    )
    expected = (-2 * positive + negative / 30) / mu
    assert spectral_loss(z1, z2, mu=mu).item() == pytest.approx(expected, abs=1e-12)


def test_spectral_of_balanced_clusters_and_of_a_collapse():
    z = torch.eye(16, dtype=torch.float64).repeat(4, 1)
    assert spectral_loss(z, z).item() == pytest.approx(-1.952381, abs=1e-6)
    assert spectral_loss(z, z).item() == pytest.approx(-2 + 3 / 63, abs=1e-10)
    ones = F.normalize(torch.ones(64, 5, dtype=torch.float64), dim=1)
    assert spectral_loss(ones, ones).item() == pytest.approx(-1, abs=1e-10)
    assert spectral_loss(z[:16], z[:16]).item() == pytest.approx(-2, abs=1e-10)


def test_spectral_in_expectation_factorises_the_augmentation_graph(small):
    # Two sources with three views each, all equally likely: L + const = |A - F F^T|^2 (normalised).
    f = 0.3 * small(6, 2)
    same = torch.block_diag(*[torch.ones(3, 3, dtype=torch.float64)] * 2) / 18
    products = f @ f.T
    population = -2 * (same * products).sum() + products.square().mean()
    factorisation = (6 * same - products / 6).square().sum() - (6 * same).square().sum()
    torch.testing.assert_close(population, factorisation)
    # The batch loss is unbiased for it: average over independent draws of two sources' views.
    generator = torch.Generator().manual_seed(3)
    values = []
    for _ in range(4000):
        source = torch.randint(2, (8,), generator=generator) * 3
        first, second = torch.randint(3, (2, 8), generator=generator)
        values.append(spectral_loss(f[source + first], f[source + second]).item())
    error = torch.tensor(values).std().item() / math.sqrt(len(values))
    assert abs(sum(values) / len(values) - population.item()) < 5 * error


def test_spectral_ignores_rotations_and_shortens_only_long_rows(small):
    z1, z2 = small(6, 4), small(6, 4)
    rotation = torch.linalg.qr(small(4, 4))[0]
    torch.testing.assert_close(spectral_loss(z1 @ rotation, z2 @ rotation), spectral_loss(z2, z1))
    rows = torch.tensor([[0.1, 0.0], [0.0, 5.0]])
    torch.testing.assert_close(shorten(rows, mu=4.0), torch.tensor([[0.1, 0.0], [0.0, 2.0]]))


@pytest.mark.parametrize("loss", [simclr_loss, spectral_loss])
def test_gradients(loss, small):
    z1, z2 = small(4, 3).requires_grad_(), small(4, 3).requires_grad_()
    assert torch.autograd.gradcheck(loss, (z1, z2))


def test_cissl_gradients_reach_both_heads(small):
    tensors = tuple(small(3, 2).requires_grad_() for _ in range(4))
    assert torch.autograd.gradcheck(
        lambda a, b, c, d: cissl_loss((a, b), (c, d), temperature=0.5), tensors
    )


@pytest.mark.parametrize("loss", [simclr_loss, spectral_loss])
@pytest.mark.parametrize(
    ("shapes", "message"),
    [(((4, 3), (4, 2)), "one shape"), (((1, 3), (1, 3)), "at least 2"), (((4,), (4,)), "shape")],
)
def test_wrong_shapes_are_named(loss, shapes, message):
    with pytest.raises(InputError, match=message):
        loss(*(torch.zeros(shape) for shape in shapes))


def test_cissl_wants_two_views():
    with pytest.raises(InputError, match="two views, got 3"):
        cissl_loss([torch.zeros(2, 2)] * 3, [torch.zeros(2, 2)] * 3)


@pytest.mark.parametrize(
    ("progress", "cycles", "expected"),
    [(0, 1, 1.0), (0.5, 1, 0.2), (1, 1, 1.0), (0.25, 1, 0.6), (1, 0.5, 0.2), (0.1, 5, 0.2)],
)
def test_the_temperature_swings_between_two_values(progress, cycles, expected):
    value = cosine_temperature(progress, low=0.2, high=1.0, cycles=cycles)
    assert value == pytest.approx(expected)


def test_simclr_follows_its_schedule(small):
    views = (small(6, 1, 8, 8).float(), small(6, 1, 8, 8).float())
    with seeded(0):
        encoder = MLP(64, 8)
    options = {"head": (8, 4), "head_norm": "none"}
    scheduled = SimCLR(encoder, temperature=0.1, temperature_schedule=(0.9, 2.0), **options)
    for progress in (0.0, 0.1, 0.3, 0.75):
        scheduled.before_step(progress)
        temperature = 0.1 + 0.4 * (1 + math.cos(4 * math.pi * progress))
        fixed = SimCLR(encoder, temperature=temperature, **options)
        losses = [method(ViewBatch(views=views)).loss for method in (scheduled, fixed)]
        torch.testing.assert_close(*losses)
    assert scheduled.settings() != fixed.settings()


@pytest.mark.parametrize("schedule", [0.9, (0.9,), (0.0, 1.0), (0.9, -1.0), (0.9, math.nan)])
def test_a_wrong_schedule_is_named(schedule):
    with pytest.raises(InputError, match="schedule"):
        SimCLR(MLP(4, 4), temperature_schedule=schedule)
