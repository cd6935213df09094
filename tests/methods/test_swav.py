"""Sinkhorn and SwAV."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.methods import SwAV, ViewBatch, power_law_prior, sinkhorn, swav_loss
from ssl_lib.models import MLP, seeded


@pytest.fixture
def cosines():
    generator = torch.Generator().manual_seed(0)
    z, c = (
        F.normalize(torch.randn(n, 32, generator=generator, dtype=torch.float64), dim=1)
        for n in (64, 16)
    )
    return z @ c.T


def method(**options):
    with seeded(0):
        encoder = MLP(64, 8, hidden=(16,))
    return SwAV(encoder, head=(16, 4), n_prototypes=6, **options)


def batch(seed=0, n=4, views=2):
    generator = torch.Generator().manual_seed(seed)
    return ViewBatch(views=tuple(torch.rand(n, 1, 8, 8, generator=generator) for _ in range(views)))


def test_sinkhorn_against_alternating_divisions(cosines):
    q = (cosines / 0.05).exp()
    for _ in range(3):
        q = q / q.sum(0, keepdim=True) / q.shape[1]
        q = q / q.sum(1, keepdim=True) / q.shape[0]
    torch.testing.assert_close(sinkhorn(cosines), q * len(q))


def test_sinkhorn_samples_are_exact_and_prototypes_converge(cosines):
    worst = []
    for iterations in (1, 3, 10, 50):
        q = sinkhorn(cosines, iterations=iterations)
        torch.testing.assert_close(q.sum(1), torch.ones(64, dtype=torch.float64))
        worst.append((16 * q.mean(0) - 1).abs().max().item())
    assert worst == sorted(worst, reverse=True)
    assert worst[1] > 0.01
    assert worst[3] < 1e-6


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 20), k=st.integers(1, 12))
def test_sinkhorn_ignores_a_constant_and_works_for_any_shape(seed, n, k):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(n, k, generator=generator, dtype=torch.float64)
    q = sinkhorn(scores)
    torch.testing.assert_close(sinkhorn(scores + 7), q)
    torch.testing.assert_close(q.sum(1), torch.ones(n, dtype=torch.float64))
    assert bool((q >= 0).all())


def test_sinkhorn_does_not_overflow_and_takes_no_gradient():
    scores = torch.tensor([[500.0, -500.0], [400.0, 300.0], [-900.0, 0.0]], requires_grad=True)
    q = sinkhorn(scores)
    assert bool(q.isfinite().all())
    assert not q.requires_grad


def test_sinkhorn_with_marginals(cosines):
    prior = power_law_prior(16, exponent=1.0)
    q = sinkhorn(cosines, epsilon=0.5, iterations=50, marginals=prior)
    torch.testing.assert_close(q.mean(0), prior.double(), atol=1e-6, rtol=0)
    uniform = torch.full((16,), 1 / 16, dtype=torch.float64)
    torch.testing.assert_close(sinkhorn(cosines, marginals=uniform), sinkhorn(cosines))


def test_swav_against_a_loop(small):
    scores, codes = [small(4, 3) for _ in range(3)], [small(4, 3).softmax(1) for _ in range(2)]
    total = 0.0
    for i in range(2):
        others = 0.0
        for v in range(3):
            if v != i:
                p = (scores[v] / 0.2).softmax(1)
                others -= sum(float(codes[i][n] @ p[n].log()) for n in range(4)) / 4
        total += others / 2 / 2
    assert swav_loss(scores, codes, temperature=0.2).item() == pytest.approx(total, abs=1e-12)


def test_swav_of_flat_scores_and_of_identical_samples():
    flat = torch.zeros(64, 16, dtype=torch.float64)
    value = swav_loss([flat, flat], [sinkhorn(flat)] * 2).item()
    assert value == pytest.approx(math.log(16), abs=1e-10)
    generator = torch.Generator().manual_seed(0)
    row = torch.rand(16, generator=generator, dtype=torch.float64)
    same = row.expand(64, -1)
    codes = sinkhorn(same)
    torch.testing.assert_close(codes, torch.full_like(codes, 1 / 16))
    assert swav_loss([same, same], [codes, codes]).item() > math.log(16) + 0.1


@pytest.mark.parametrize(
    ("sizes", "value"), [((333, 333, 334), 2.130), ((500, 250, 250), 2.728), ((900, 50, 50), 5.820)]
)
def test_swav_grows_with_imbalance_under_a_soft_kernel(sizes, value):
    z = torch.eye(3, dtype=torch.float64).repeat_interleave(torch.tensor(sizes), 0)
    codes = sinkhorn(z, epsilon=0.5, iterations=50)
    assert swav_loss([z, z], [codes, codes]).item() == pytest.approx(value, abs=2e-3)
    # The usual kernel saturates: three iterations cannot move mass between separated clusters.
    usual = sinkhorn(z)
    assert swav_loss([z, z], [usual, usual]).item() < 1e-3


def test_swav_has_no_gradient_through_codes(small):
    scores = [small(3, 2).requires_grad_() for _ in range(2)]
    codes = small(3, 2).softmax(1).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: swav_loss([a, b], [codes, codes]), scores)
    swav_loss(scores, [codes]).backward()
    assert codes.grad is None


def test_local_crops_are_predicted_but_give_no_codes():
    swav = method(head_norm="none")
    swav.before_step(0.0)
    data = batch(views=4)
    data = ViewBatch(views=data.views, n_global=2)
    out = swav(data)
    with torch.no_grad():
        z = [F.normalize(swav.head(swav.encoder(v)), dim=1) for v in data.views]
        scores = [v @ swav.prototypes.weight.T for v in z]
        expected = swav_loss(scores, [sinkhorn(s) for s in scores[:2]])
    torch.testing.assert_close(out.loss.detach(), expected)


def test_before_step_renormalises_the_prototypes_and_they_are_frozen_at_first():
    swav = method(freeze=0.2)
    swav.prototypes.weight.data.mul_(3.0)
    swav.before_step(0.0)
    torch.testing.assert_close(swav.prototypes.weight.norm(dim=1), torch.ones(6))
    swav(batch()).loss.backward()
    swav.after_backward(0.3)
    assert bool(swav.prototypes.weight.grad.any())
    swav.after_backward(0.1)
    assert swav.prototypes.weight.grad is None


def test_the_queue_fills_newest_first_and_then_joins_sinkhorn():
    swav, plain = method(queue=8, queue_start=0.5, head_norm="none"), method(head_norm="none")
    swav.before_step(0.4)
    swav(batch(0))
    assert not swav.queue.any()
    swav.before_step(0.5)
    plain.before_step(0.5)
    z = []
    for step in range(2):
        out = swav(batch(step))
        torch.testing.assert_close(out.loss, plain(batch(step)).loss)  # not full: not used
        z.append([F.normalize(swav.head(swav.encoder(v)), dim=1) for v in batch(step).views])
    torch.testing.assert_close(swav.queue[0], torch.cat([z[1][0], z[0][0]]))
    torch.testing.assert_close(swav.queue[1], torch.cat([z[1][1], z[0][1]]))
    assert int(swav.queued) == 8
    before = swav.queue.clone()
    out = swav(batch(2))
    with torch.no_grad():
        now = [F.normalize(swav.head(swav.encoder(v)), dim=1) for v in batch(2).views]
        weight = swav.prototypes.weight
        codes = [
            sinkhorn(torch.cat([view, queue]) @ weight.T)[:4]
            for view, queue in zip(now, before, strict=True)
        ]
        expected = swav_loss([view @ weight.T for view in now], codes)
    torch.testing.assert_close(out.loss.detach(), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sinkhorn(torch.zeros(3)), r"shape \(n, K\)"),
        (lambda: sinkhorn(torch.zeros(3, 2), iterations=0), "iterations >= 1"),
        (lambda: sinkhorn(torch.zeros(0, 2)), r"shape \(n, K\)"),
        (lambda: sinkhorn(torch.zeros(3, 2), marginals=torch.ones(3)), "each of 2 prototypes"),
        (lambda: swav_loss([torch.zeros(2, 2)], [torch.zeros(2, 2)]), "at least two views"),
        (lambda: method(temperature=0.0), "temperature must be positive"),
    ],
)
def test_wrong_settings_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
