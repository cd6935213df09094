"""MSN, PMSN and priors: direction of the divergence, Sinkhorn, prototypes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.methods import (
    MSN,
    PMSN,
    ViewBatch,
    align_prior,
    msn_loss,
    msn_targets,
    pmsn_loss,
    power_law_prior,
    prior_divergence,
    uniform_prior,
)
from ssl_lib.methods.msn import prototype_log_probabilities
from ssl_lib.models import MLP, ViT, seeded


def encoder():
    with seeded(0):
        return MLP(64, 8, hidden=(16,))


def batch(views=3, n=6):
    generator = torch.Generator().manual_seed(0)
    return ViewBatch(views=tuple(torch.rand(n, 1, 8, 8, generator=generator) for _ in range(views)))


def test_msn_against_a_loop(small):
    anchors, target, prototypes = [small(4, 3), small(4, 3)], small(4, 3), small(5, 3)
    c = [v / v.norm() for v in prototypes]

    def probabilities(z, temperature):
        scores = torch.stack([(z / z.norm()) @ row for row in c]) / temperature
        return scores.exp() / scores.exp().sum()

    cross_entropy, mean = 0.0, torch.zeros(5, dtype=torch.float64)
    for z in anchors:
        for i in range(4):
            p, q = probabilities(z[i], 0.1), probabilities(target[i], 0.1)
            q = q ** (1 / 0.25) / (q ** (1 / 0.25)).sum()
            cross_entropy -= float(q @ p.log()) / 8
            mean += p / 8
    expected = cross_entropy + 2 * (math.log(5) + float(mean @ mean.log()))
    value = msn_loss(anchors, target, prototypes, sinkhorn_iterations=0, weight=2.0)
    assert value.item() == pytest.approx(expected, abs=1e-12)


def test_msn_values_at_collapse_and_at_balance():
    eye = torch.eye(16, dtype=torch.float64)
    options = {"sinkhorn_iterations": 0}
    assert msn_loss([0 * eye], 0 * eye, eye, **options).item() == pytest.approx(math.log(16))
    # All on one prototype: no cross-entropy, all regulariser; the total is log K again.
    one = eye[:1].expand(32, -1)
    assert msn_loss([one], one, eye, **options).item() == pytest.approx(math.log(16), abs=1e-2)
    assert msn_loss([one], one, eye, weight=0.0, **options).item() < 1e-3
    assert msn_loss([eye], eye, eye).item() == pytest.approx(6.8e-4, rel=0.01)


def test_sharpening_is_a_smaller_temperature(small):
    z, c = small(6, 4), small(5, 4)
    p = prototype_log_probabilities(z, c, temperature=0.1).exp()
    sharpened = p**4 / (p**4).sum(1, keepdim=True)
    torch.testing.assert_close(msn_targets(z, c, sinkhorn_iterations=0), sharpened)


def test_predictions_are_posteriors_of_an_equal_weight_mixture(small):
    z, c = F.normalize(small(6, 4), dim=1), F.normalize(small(5, 4), dim=1)
    posterior = (-torch.cdist(z, c).square() / 2 / 0.1).softmax(1)
    torch.testing.assert_close(prototype_log_probabilities(z, c).exp(), posterior)


def test_without_sharpening_msn_is_minus_mutual_information(small):
    z, c = small(7, 4), small(5, 4)
    p = prototype_log_probabilities(z, c).exp()
    information = (p * (p / p.mean(0)).log()).sum(1).mean()
    value = msn_loss([z], z, c, sharpening=1.0, sinkhorn_iterations=0)
    torch.testing.assert_close(value, math.log(5) - information)


def test_power_law_prior():
    for k, exponent in ((4, 0.5), (64, 0.25), (1024, 1.0)):
        prior = power_law_prior(k, exponent=exponent)
        assert prior.sum().item() == pytest.approx(1, abs=1e-6)
        assert bool((prior.diff() < 0).all())
    expected = torch.tensor([1, 2**-0.5, 3**-0.5, 4**-0.5]).double() / 2.784457
    torch.testing.assert_close(power_law_prior(4, exponent=0.5), expected, atol=1e-6, rtol=0)
    assert torch.equal(uniform_prior(8).float(), torch.full((8,), 0.125))


@pytest.mark.parametrize(
    ("k", "exponent", "first", "ratio", "forward", "backward", "perplexity"),
    [
        (10, 0.25, 1.44, 1.8, 0.0166, 0.0159, 9.8),
        (10, 1.0, 3.41, 10, 0.3088, 0.2825, 7.3),
        (1024, 0.25, 4.26, 5.7, 0.0420, 0.0357, 981.8),
        (1024, 0.5, 16.4, 32, 0.2405, 0.1725, 805.1),
        (1024, 1.0, 136, 1024, 1.7255, 1.0204, 182.4),
    ],
)
def test_facts_about_the_power_law(k, exponent, first, ratio, forward, backward, perplexity):
    prior, uniform = power_law_prior(k, exponent=exponent), uniform_prior(k)
    assert (k * prior[0]).item() == pytest.approx(first, rel=5e-3)
    assert (prior[0] / prior[-1]).item() == pytest.approx(ratio, rel=2e-2)
    divergences = prior_divergence(uniform, prior), prior_divergence(prior, uniform)
    assert {round(d.item(), 4) for d in divergences} == {forward, backward}
    entropy = math.log(k) - prior_divergence(prior, uniform).item()
    assert math.exp(entropy) == pytest.approx(perplexity, rel=1e-2)


def test_the_divergence_runs_from_the_mean_to_the_prior():
    mean, prior = torch.tensor([0.5, 0.5]), torch.tensor([0.9, 0.1])
    expected = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    assert prior_divergence(mean, prior).item() == pytest.approx(expected, rel=1e-5)
    assert prior_divergence(prior, mean).item() == pytest.approx(0.3681, abs=5e-5)
    assert prior_divergence(prior, prior).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("share", "value"), [(0.6, 0.0202), (0.8, 0.1928), (0.99, 0.6370)])
def test_a_uniform_prior_gives_log_k_minus_the_entropy(share, value):
    mean = torch.tensor([share, 1 - share], dtype=torch.float64)
    assert prior_divergence(mean, uniform_prior(2)).item() == pytest.approx(value, abs=2e-4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 8))
def test_rank_alignment_is_the_best_permutation(seed, k):
    generator = torch.Generator().manual_seed(seed)
    mean = torch.rand(k, generator=generator, dtype=torch.float64).add(0.01)
    mean, prior = mean / mean.sum(), power_law_prior(k, exponent=0.7).double()
    ranked = prior_divergence(mean, prior, alignment="rank")
    for _ in range(5):
        order = torch.randperm(k, generator=generator)
        assert ranked <= prior_divergence(mean, prior[order]) + 1e-12
        torch.testing.assert_close(prior_divergence(mean[order], prior, alignment="rank"), ranked)
    decreasing = mean.sort(descending=True).values
    torch.testing.assert_close(prior_divergence(decreasing, prior), ranked)
    assert torch.equal(align_prior(mean, prior).sort().values, prior.sort().values)


def test_pmsn_with_a_uniform_prior_is_msn(small):
    anchors, target, prototypes = [small(6, 3)], small(6, 3), small(4, 3)
    for iterations in (0, 3):
        options = {"sinkhorn_iterations": iterations, "weight": 1.7}
        value = pmsn_loss(anchors, target, prototypes, prior=uniform_prior(4), **options)
        torch.testing.assert_close(value, msn_loss(anchors, target, prototypes, **options))


def test_sinkhorn_does_not_cancel_the_prior(small):
    """Balanced targets follow the prior, so their usage is the prior's and not uniform."""
    z, c, prior = small(400, 4), small(5, 4), power_law_prior(5, exponent=1.0)
    options = {"temperature": 1.0, "sharpening": 1.0, "sinkhorn_iterations": 50}
    q = msn_targets(z, c, prior=prior, **options)
    torch.testing.assert_close(q.mean(0), prior.double(), atol=1e-6, rtol=0)
    ranked = msn_targets(z, c, prior=prior, alignment="rank", **options).mean(0)
    free = msn_targets(z, c, **(options | {"sinkhorn_iterations": 0})).mean(0)
    torch.testing.assert_close(ranked.sort().values, prior.double().sort().values)
    assert torch.equal(ranked.argsort(), free.argsort())


@pytest.mark.parametrize(
    "prior",
    [[8, 4, 2, 2], torch.tensor([0.5, 0.25, 0.125, 0.125]), lambda k: 2.0 ** -torch.arange(k)],
    ids=["sizes", "shares", "function"],
)
def test_a_prior_is_any_masses_or_a_function_of_their_number(prior, small):
    method = PMSN(encoder(), head=(8, 4), n_prototypes=4, prior=prior)
    given = torch.as_tensor(prior(4) if callable(prior) else prior).double()
    torch.testing.assert_close(method.prior.double(), given / given.sum())
    anchors, target, prototypes = [small(6, 3)], small(6, 3), small(4, 3)
    values = [pmsn_loss(anchors, target, prototypes, prior=p) for p in (prior, given)]
    torch.testing.assert_close(*values)


def test_a_mean_that_underflows_has_a_finite_slope():
    """At a small temperature no sample gives the opposite prototype a float32 above 0."""
    z = torch.tensor([[1.0, 0.0]] * 3, requires_grad=True)
    prototypes = torch.tensor([[1.0, 0.1], [-1.0, 0.0]], requires_grad=True)
    for prior in (uniform_prior(2), power_law_prior(2, exponent=1.0)):
        loss = pmsn_loss([z], z.detach(), prototypes, prior=prior, temperature=0.01)
        gradients = torch.autograd.grad(loss, (z, prototypes))
        assert all(bool(g.isfinite().all()) for g in gradients)
        assert loss.item() == pytest.approx(-math.log(prior[0]), abs=1e-6)


def test_a_prior_is_part_of_what_identifies_a_run():
    first, second = (PMSN(encoder(), head=(8, 4), n_prototypes=4, exponent=e) for e in (0.25, 1.0))
    assert first.settings() != second.settings()


def test_pmsn_has_no_sinkhorn_by_default():
    assert PMSN(encoder(), head=(8, 4), n_prototypes=6).sinkhorn_iterations == 0
    assert MSN(encoder(), head=(8, 4), n_prototypes=6).sinkhorn_iterations == 3


def test_gradients_flow_to_anchors_and_prototypes_but_not_to_targets(small):
    a, t, c = small(3, 2).requires_grad_(), small(3, 2).requires_grad_(), small(4, 2)
    c.requires_grad_()
    with torch.no_grad():
        q = msn_targets(t, c)
    from ssl_lib.methods.msn import anchor_terms

    def loss(a, c):
        cross_entropy, mean = anchor_terms([a], q, c, temperature=0.5)
        return cross_entropy + prior_divergence(mean, power_law_prior(4))

    assert torch.autograd.gradcheck(loss, (a, c))
    pmsn_loss([a], t, c, prior=power_law_prior(4)).backward()
    assert t.grad is None
    assert bool(c.grad.any())


@pytest.mark.parametrize("cls", [MSN, PMSN])
def test_the_first_view_is_the_target_and_the_others_are_anchors(cls):
    method = cls(encoder(), head=(16, 4), n_prototypes=6, sinkhorn_iterations=0)
    data = batch()
    out = method(data)
    assert len(out.features) == 2
    anchors = [method.head(method.encoder(view)) for view in data.views[1:]]
    target = method.teacher["head"](method.teacher["encoder"](data.views[0]))
    expected = pmsn_loss(anchors, target, method.prototypes.weight, prior=method.prior)
    torch.testing.assert_close(out.loss, expected)


def test_prototypes_train_without_decay_and_are_no_part_of_the_teacher():
    method = MSN(encoder(), head=(16, 4), n_prototypes=6)
    assert not any("prototypes" in name for name, _ in method.teacher.named_parameters())
    groups = {g["name"]: g for g in method.parameter_groups(weight_decay=0.1)}
    assert "prototypes.weight" in groups["biases"]["param_names"]
    before = method.prototypes.weight.detach().clone()
    optimiser = torch.optim.SGD(method.parameter_groups(weight_decay=0.1), lr=0.1)
    method(batch()).loss.backward()
    optimiser.step()
    assert not torch.equal(before, method.prototypes.weight)


def test_only_anchors_lose_patches():
    with seeded(0):
        vit = ViT(1, 8, patch_size=2, dim=8, depth=1, heads=2)
    method = MSN(vit, head=(8, 4), head_norm="none", n_prototypes=6)
    data, keep = batch(2), torch.tensor([0, 3, 7])
    masked = ViewBatch(views=data.views, keep=(None, keep))
    first = method(masked)
    changed = data.views[1].clone()
    changed[:, :, 0:2, 2:4] += 5  # patch 1, which the anchor does not see
    second = method(ViewBatch(views=(data.views[0], changed), keep=(None, keep)))
    torch.testing.assert_close(first.loss, second.loss)
    assert not torch.allclose(first.loss, method(data).loss)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: power_law_prior(0), "n_prototypes must be at least 1, got 0"),
        (lambda: power_law_prior(3, exponent=-1), "exponent must be a number from 0, got -1"),
        (lambda: align_prior(torch.ones(2), torch.ones(2), alignment="ranks"), "mean 'rank'"),
        (lambda: align_prior(torch.ones(2), torch.ones(3), alignment="rank"), "one mass per proto"),
        (lambda: PMSN(encoder(), prior=torch.ones(3), n_prototypes=4), "4 positive masses"),
        (lambda: PMSN(encoder(), prior=torch.zeros(4), n_prototypes=4), "number 0 is 0.0"),
        (lambda: PMSN(encoder(), prior=[1, 2, -1], n_prototypes=3), "number 2 is -1.0"),
        (lambda: PMSN(encoder(), prior=[1, math.nan], n_prototypes=2), "positive masses"),
        (lambda: PMSN(encoder(), prior=[1, math.inf], n_prototypes=2), "positive masses"),
        (lambda: PMSN(encoder(), prior=[1, 1e-60], n_prototypes=2), "share of 1e-60"),
        (lambda: PMSN(encoder(), prior="uniform", n_prototypes=2), "prior must be numbers"),
        (lambda: PMSN(encoder(), prior=lambda k: [1] * (k + 1), n_prototypes=2), r"shape \(3,\)"),
        (lambda: PMSN(encoder(), exponent=math.nan), "exponent must be a number from 0"),
        (lambda: MSN(encoder(), temperature=0), "temperature must be a number above 0, got 0"),
        (lambda: MSN(encoder(), weight=-1), "weight must be a number from 0, got -1"),
        (lambda: PMSN(encoder(), alignment="xyz"), "Known: index, rank"),
        (lambda: msn_loss([], torch.ones(2, 2), torch.ones(2, 2)), "one row per target"),
    ],
)
def test_wrong_settings_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
