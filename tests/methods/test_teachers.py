"""EMA teachers, BYOL and DINO."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.methods import (
    BYOL,
    DINO,
    ViewBatch,
    byol_loss,
    dino_loss,
    ema_momentum,
    ema_update,
)
from ssl_lib.models import MLP, seeded


def encoder():
    with seeded(0):
        return MLP(64, 8, hidden=(16,))


def batch(views=2, n=8, **options):
    generator = torch.Generator().manual_seed(0)
    images = tuple(torch.rand(n, 1, 8, 8, generator=generator) for _ in range(views))
    return ViewBatch(views=images, **options)


def test_byol_recorded_value(pair):
    assert byol_loss(*pair).item() == pytest.approx(0.08590358345745841, abs=1e-13)


def test_byol_range_and_equivalent_distance(small):
    q, t = small(6, 4), small(6, 4)
    distance = 4 * F.mse_loss(F.normalize(q, dim=1), F.normalize(t, dim=1))
    torch.testing.assert_close(byol_loss(q, t), distance)
    assert byol_loss(q, q).item() == pytest.approx(0, abs=1e-12)
    assert byol_loss(q, -q).item() == pytest.approx(4)


def test_byol_has_no_gradient_towards_the_target(small):
    q, t = small(3, 2).requires_grad_(), small(3, 2).requires_grad_()
    byol_loss(q, t).backward()
    assert t.grad is None
    assert torch.autograd.gradcheck(lambda q: byol_loss(q, t), (q,))
    zero = torch.zeros(3, 2, requires_grad=True)
    byol_loss(zero, t).backward()
    assert bool(zero.grad.isfinite().all())


def test_byol_adds_both_sides():
    method = BYOL(encoder(), head=(16, 4), predictor=(16,))
    data = batch()
    out = method(data)
    z = [method.head(method.encoder(view)) for view in data.views]
    t = [method.teacher["head"](method.teacher["encoder"](view)) for view in data.views]
    q = [method.predictor(view) for view in z]
    expected = byol_loss(q[0], t[1]) + byol_loss(q[1], t[0])
    torch.testing.assert_close(out.loss, expected)
    torch.testing.assert_close(out.logs["cosine"], 1 - expected.detach() / 4)


def test_byol_without_predictor_and_with_entropy():
    plain = BYOL(encoder(), head=(16, 4), predictor=None)
    z = torch.randn(3, 4)
    assert torch.equal(plain.predictor(z), z)
    with_entropy = BYOL(encoder(), head=(16, 4), predictor=None, entropy=0.5, scale=1e-2)
    first, second = plain(batch()), with_entropy(batch())
    assert not plain.uses_batch_statistics
    assert with_entropy.uses_batch_statistics
    expected = first.loss - 0.5 * second.logs["entropy"]
    torch.testing.assert_close(second.loss, expected)


@pytest.mark.parametrize(
    ("schedule", "half"), [("cosine", 0.998), ("linear", 0.998), ("constant", 0.996)]
)
def test_momentum_schedules(schedule, half):
    assert ema_momentum(0.0, start=0.996, schedule=schedule) == pytest.approx(0.996)
    assert ema_momentum(0.5, start=0.996, schedule=schedule) == pytest.approx(half)
    end = 0.996 if schedule == "constant" else 1.0
    assert ema_momentum(1.0, start=0.996, schedule=schedule) == pytest.approx(end)


def test_momentum_cosine_is_the_formula_of_byol():
    for k in range(11):
        expected = 1 - (1 - 0.99) * (math.cos(math.pi * k / 10) + 1) / 2
        assert ema_momentum(k / 10, start=0.99) == pytest.approx(expected, abs=1e-15)


def test_ema_update_moves_parameters_and_leaves_buffers():
    teacher, student = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    nn.init.constant_(student.weight, 3.0)
    student.running_mean.fill_(7.0)
    ema_update(teacher, student, momentum=0.9)
    torch.testing.assert_close(teacher.weight.data, torch.full((2,), 1.2))
    assert not teacher.running_mean.any()
    ema_update(teacher, student, momentum=0.0)
    assert torch.equal(teacher.weight, student.weight)


@pytest.mark.parametrize("cls", [BYOL, DINO])
def test_the_teacher_starts_as_a_copy_and_follows(cls):
    method = cls(encoder(), head=(16, 4), momentum=0.5, momentum_schedule="constant")
    pairs = [(method.teacher["encoder"], method.encoder), (method.teacher["head"], method.head)]
    for teacher, student in pairs:
        for t, s in zip(teacher.parameters(), student.parameters(), strict=True):
            assert torch.equal(t, s)
            assert not t.requires_grad
            assert t.data_ptr() != s.data_ptr()
    before = [t.clone() for teacher, _ in pairs for t in teacher.parameters()]
    with torch.no_grad():
        for _, student in pairs:
            for s in student.parameters():
                s.add_(1.0)
    method.after_step(0.3)
    after = [t for teacher, _ in pairs for t in teacher.parameters()]
    for old, new in zip(before, after, strict=True):
        torch.testing.assert_close(new, old + 0.5)


def test_dino_against_a_loop(small):
    student, teacher, center = [small(4, 3) for _ in range(3)], [small(4, 3), small(4, 3)], small(3)
    total, pairs = 0.0, 0
    for t in range(2):
        target = torch.softmax((teacher[t] - center) / 0.05, 1)
        for v in range(3):
            if v != t:
                pairs += 1
                for n in range(4):
                    scores = student[v][n] / 0.2
                    total -= (
                        sum(
                            float(target[n, k] * (scores[k] - scores.exp().sum().log()))
                            for k in range(3)
                        )
                        / 4
                    )
    value = dino_loss(
        student, teacher, center=center, student_temperature=0.2, teacher_temperature=0.05
    )
    assert pairs == 4
    assert value.item() == pytest.approx(total / pairs, abs=1e-12)


def test_dino_of_uniform_and_of_one_hot_collapse():
    flat = torch.zeros(2, 65536, dtype=torch.float64)
    assert dino_loss([flat, flat], [flat, flat]).item() == pytest.approx(11.0904, abs=5e-5)
    one = torch.eye(16, dtype=torch.float64)[:1].expand(8, -1)
    assert dino_loss([one, one], [one, one]).item() == pytest.approx(0.00068, abs=5e-6)
    # Once the centre has taken it in, the target is uniform and the one-hot student pays.
    absorbed = dino_loss([one, one], [one, one], center=one[0]).item()
    assert absorbed == pytest.approx(math.log(math.exp(10) + 15) - 10 / 16, abs=1e-10)
    assert absorbed > 9.35


def test_dino_center_of_constant_logits():
    method = DINO(encoder(), head=(16, 4), n_prototypes=6)
    for _ in range(5):
        method.batch_centers.copy_(torch.arange(6.0))
        method.parts.fill_(1)
        method.after_step(0.0)
    torch.testing.assert_close(method.center, (1 - 0.9**5) * torch.arange(6.0))


def test_dino_forward_leaves_the_center_to_after_step():
    method = DINO(encoder(), head=(16, 4), n_prototypes=6, momentum=1.0, momentum_end=1.0)
    data = batch()
    method(data)
    assert not method.center.any()
    with torch.no_grad():
        logits = [method.teacher["head"](method.teacher["encoder"](v)) for v in data.views]
    method.after_step(0.0)
    torch.testing.assert_close(method.center, 0.1 * torch.cat(logits).mean(0))


def test_dino_has_no_gradient_towards_the_teacher(small):
    student, teacher = [small(2, 3).requires_grad_() for _ in range(2)], small(2, 3)
    teacher.requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: dino_loss([a, b], [teacher, teacher]), student)
    dino_loss(student, [teacher, teacher]).backward()
    assert teacher.grad is None


def test_dino_schedules():
    method = DINO(
        encoder(), head=(16, 4), n_prototypes=6, warmup=0.5, freeze=0.1,
        teacher_temperature=0.07, teacher_temperature_start=0.04,
    )  # fmt: skip
    temperatures = []
    for progress in (0.0, 0.25, 0.5, 1.0):
        method.before_step(progress)
        temperatures.append(method.temperature)
    assert temperatures == pytest.approx([0.04, 0.055, 0.07, 0.07])
    method(batch()).loss.backward()
    method.after_backward(0.2)
    assert method.head.last.weight.grad is not None
    method.after_backward(0.05)
    assert method.head.last.weight.grad is None


def test_dino_local_crops_go_through_the_student_only():
    generator = torch.Generator().manual_seed(0)
    images = [torch.rand(4, 1, 8, 8, generator=generator) for _ in range(4)]
    method = DINO(encoder(), head=(16, 4), head_norm="none", n_prototypes=6)
    out = method(ViewBatch(views=tuple(images), n_global=2))
    assert len(out.features) == 4
    with torch.no_grad():
        g = [method.head(method.encoder(v)) for v in images]
        expected = dino_loss(g, g[:2])  # at the start the teacher is the student
    torch.testing.assert_close(out.loss.detach(), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BYOL(encoder(), momentum=1.5), r"momentum must lie in \[0, 1\]"),
        (lambda: BYOL(encoder(), momentum_schedule="cosin"), "Did you mean 'cosine'"),
        (lambda: dino_loss([torch.zeros(2, 2)], [torch.zeros(2, 2)]), "two student views"),
        (lambda: byol_loss(torch.zeros(2, 2), torch.zeros(3, 2)), "one shape"),
        (lambda: BYOL(encoder())(batch(views=1)), "byol needs at least 2 views, got 1"),
    ],
)
def test_wrong_settings_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
