"""DISSL: recorded values, bounds, invariances, gradients and heads."""

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ssl_lib.errors import InputError
from ssl_lib.methods import CISSL, DISSL, ViewBatch, dissl_loss, dissl_terms
from ssl_lib.models import MLP, seeded

LARGE = 1e4  # logits that make a softmax one-hot


def one_hot(classes, n_latents):
    return LARGE * torch.nn.functional.one_hot(torch.tensor(classes), n_latents).double()


def loss_of(logits, **options):
    return dissl_loss([logits, logits], [logits, logits], **options).item()


def encoder(dim=8):
    with seeded(0):
        return MLP(64, dim, hidden=(16,))


def batch(n=8):
    generator = torch.Generator().manual_seed(0)
    return ViewBatch(views=tuple(torch.rand(n, 1, 8, 8, generator=generator) for _ in range(2)))


def test_dissl_against_a_loop(small):
    g, h = [small(5, 3), small(5, 3)], [small(5, 3), small(5, 3)]
    total = 0.0
    for a, b in ((0, 1), (1, 0)):
        p, other, q = (g[a] / 0.5).softmax(1), (g[b] / 0.5).softmax(1), (h[b] / 2.0).softmax(1)
        marginal = p.mean(0)
        entropy = -sum(float(m * m.log()) for m in marginal)
        ce = -sum(float(p[n] @ other[n].log()) for n in range(5)) / 5
        d = -sum(float(p[n] @ q[n].log()) for n in range(5)) / 5
        total += (d - 2.3 * entropy + 0.8 * ce) / 2
    value = dissl_loss(g, h, student_temperature=2.0).item()
    assert value == pytest.approx(total, abs=1e-12)


@pytest.mark.parametrize(
    ("logits", "recorded"),
    [
        (torch.zeros(4, 16384, dtype=torch.float64), -4.852030),
        (one_hot([3] * 8, 64), 0.0),
        (one_hot(range(64), 64), -9.565431),
        (one_hot(range(256), 16384), -12.753908),
    ],
    ids=["uniform", "collapse", "balanced", "one class an image"],
)
def test_dissl_recorded_values(logits, recorded):
    assert loss_of(logits) == pytest.approx(recorded, abs=1e-6)


def test_dissl_optimum_with_more_classes_than_images():
    """Each of 256 images spreads over its own 64 of 16,384 classes."""
    logits = torch.zeros(256, 256, 64, dtype=torch.float64)
    logits[torch.arange(256), torch.arange(256)] = LARGE
    assert loss_of(logits.flatten(1)) == pytest.approx(-14.833350, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 9),
    c=st.integers(2, 12),
    scale=st.floats(0.1, 20),
    excess=st.floats(0, 2),
)
def test_dissl_bounds(seed, n, c, scale, excess):
    generator = torch.Generator().manual_seed(seed)
    g1, g2, h1, h2 = scale * torch.randn(4, n, c, generator=generator, dtype=torch.float64)
    beta = 0.8
    weight = 1 + beta + excess
    value = dissl_loss([g1, g2], [h1, h2], entropy_weight=weight, determinism_weight=beta).item()
    least = -(weight - 1 - beta) * math.log(c) - (1 + beta) * math.log(min(n, c))
    assert value >= least - 1e-9
    terms = dissl_terms([g1, g2], [h1, h2])
    p = torch.stack([g1, g2]).div(0.5).softmax(2)
    conditional = torch.special.entr(p).sum(2).mean()
    assert -1e-9 <= terms.entropy <= math.log(c) + 1e-9
    assert conditional <= terms.determinism + 1e-9
    assert conditional <= terms.distillation + 1e-9
    assert terms.entropy - conditional <= math.log(n) + 1e-9


def test_dissl_ignores_order_of_views_images_and_classes(small):
    g1, g2, h1, h2 = (small(6, 5) for _ in range(4))
    value = dissl_loss([g1, g2], [h1, h2])
    torch.testing.assert_close(dissl_loss([g2, g1], [h2, h1]), value)
    rows, columns = torch.tensor([3, 0, 5, 1, 2, 4]), torch.tensor([4, 2, 0, 1, 3])
    permuted = [x[rows][:, columns] for x in (g1, g2, h1, h2)]
    torch.testing.assert_close(dissl_loss(permuted[:2], permuted[2:]), value)


def test_the_marginal_is_per_view(small):
    """Two views that use different classes: pooling them would raise the entropy."""
    g1, g2 = one_hot([0] * 4, 2), one_hot([1] * 4, 2)
    assert dissl_terms([g1, g2], [g1, g2]).entropy.item() == pytest.approx(0, abs=1e-9)


def test_dissl_gradients_reach_the_teacher_through_every_term(small):
    tensors = tuple(small(3, 4).requires_grad_() for _ in range(4))
    assert torch.autograd.gradcheck(lambda a, b, c, d: dissl_loss([a, b], [c, d]), tensors)
    dissl_loss(tensors[:2], tensors[2:], entropy_weight=0, determinism_weight=0).backward()
    assert all(bool(t.grad.any()) for t in tensors)


def test_local_crops_are_distilled_but_not_used_as_targets(small):
    g, h = [small(4, 3) for _ in range(2)], [small(4, 3) for _ in range(3)]
    terms = dissl_terms(g, h)
    two = dissl_terms(g, h[:2])
    assert terms.entropy == two.entropy
    assert terms.determinism == two.determinism
    local = -sum((v / 0.5).softmax(1).mul(h[2].log_softmax(1)).sum(1).mean() for v in g)
    expected = (2 * two.distillation + local) / 4
    torch.testing.assert_close(terms.distillation, expected)


def test_heads_of_the_paper():
    method = DISSL(encoder(64), n_latents=100)
    kinds = [[type(layer).__name__ for layer in head] for head in (method.student, method.teacher)]
    assert kinds[0] == ["Linear", "BatchNorm1d", "Linear"]
    assert kinds[1] == ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d", "Linear"]
    shapes = [tuple(m.weight.shape) for m in method.teacher if isinstance(m, nn.Linear)]
    assert shapes == [(1024, 64), (512, 1024), (100, 512)]
    biases = [m.bias is not None for m in method.teacher if isinstance(m, nn.Linear)]
    assert biases == [False, False, True]
    full_rank = DISSL(encoder(64), n_latents=100, rank=None)
    assert [type(layer).__name__ for layer in full_rank.student] == ["Linear"]


def test_predictions_start_almost_uniform():
    c, beta, weight = 128, 0.8, 2.3
    method = DISSL(
        encoder(64), n_latents=c, teacher_hidden=(128,), rank=None,
        teacher_temperature=0.25, student_temperature=0.5,
    )  # fmt: skip
    loss = method(batch(128)).loss.item()
    assert loss == pytest.approx((1 + beta - weight) * math.log(c), abs=0.35)


@pytest.mark.parametrize("name", ["student", "teacher"])
def test_only_the_student_head_is_affine_at_test_time(name):
    for cls, options in ((DISSL, {"n_latents": 20}), (CISSL, {})):
        method = cls(encoder(), **options)
        method(batch())  # moves the running statistics
        head = getattr(method.eval(), name)
        a, b, c = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
        affine = torch.allclose(head(a + b - c), head(a) + head(b) - head(c), atol=1e-4)
        assert affine == (name == "student")


def test_determinism_is_annealed():
    method = DISSL(
        encoder(), n_latents=8, entropy_weight=4.0, determinism_weight=0.6,
        determinism_start=2.3, determinism_warmup=0.1,
    )  # fmt: skip
    weights = []
    for progress in (0.0, 0.05, 0.1, 1.0):
        method.before_step(progress)
        weights.append(method.determinism_weight)
    assert weights == pytest.approx([2.3, 1.45, 0.6, 0.6])


def test_a_weak_entropy_term_is_warned_about():
    with pytest.warns(UserWarning, match="latent classes will die out"):
        DISSL(encoder(), n_latents=8, entropy_weight=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DISSL(encoder(), n_latents=8, entropy_weight=1.8, determinism_weight=0.8)


def test_one_teacher_view_is_refused():
    with pytest.raises(InputError, match="at least two teacher views"):
        dissl_loss([torch.zeros(2, 2)], [torch.zeros(2, 2)] * 2)
