"""Distance from ideal: against scikit-learn, linear algebra, invariances and known codes."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ssl_lib import data
from ssl_lib.data.views import policy
from ssl_lib.errors import InputError
from ssl_lib.evaluation.features import extract
from ssl_lib.evaluation.ideal import (
    binary_groupings,
    binary_tasks,
    effective_dimension,
    encoder_ideality,
    ideality,
    invariance,
    source_classes,
)
from ssl_lib.evaluation.mlp import mlp_probe
from ssl_lib.models import build_encoder
from ssl_lib.randomness import torch_generator
from ssl_lib.theory.separability import (
    cover_fraction,
    is_separable,
    separable_fraction,
    simplex_code,
)


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def blobs(codes: Tensor, each: int = 30, noise: float = 0.01) -> tuple[Tensor, Tensor]:
    classes = torch.arange(len(codes)).repeat(each)
    return codes[classes] + noise * normal(len(classes), codes.shape[1], seed=1), classes


# Binary tasks


def test_linear_tasks_reach_one_exactly_where_a_line_separates() -> None:
    codes = normal(7, 3, seed=2)
    x, classes = blobs(codes, noise=0)
    found = binary_tasks(x, classes, x, classes, tasks=30)
    separable = [is_separable(codes.numpy(), grouping.numpy()) for grouping in found.groupings]
    assert ((found.train == 1).tolist()) == separable
    assert 0 < sum(separable) < 30


def test_groupings_use_both_sides_and_more_keep_the_first() -> None:
    rows = binary_groupings(3, 40, seed=4)
    assert rows.any(1).all()
    assert not rows.all(1).any()
    assert torch.equal(binary_groupings(3, 7, seed=4), rows[:7])
    assert not torch.equal(binary_groupings(9, 7, seed=5), binary_groupings(9, 7, seed=4))


def test_classes_may_have_any_numbers() -> None:
    x, classes = blobs(torch.from_numpy(simplex_code(4)))
    names = torch.tensor([7, 100, 3, 12])
    plain = binary_tasks(x, classes.argsort(stable=True).argsort() * 0 + classes, x, classes)
    other = binary_tasks(x, names.sort().values[classes], x, names.sort().values[classes])
    assert torch.equal(plain.train, other.train)


def test_a_class_unseen_in_training_is_refused() -> None:
    x, classes = blobs(torch.from_numpy(simplex_code(3)))
    with pytest.raises(InputError, match="no training sample"):
        binary_tasks(x[classes < 2], classes[classes < 2], x, classes)


# The three conditions


@pytest.mark.parametrize("k", [3, 6, 10])
def test_simplex_is_ideal_and_fails_without_its_last_dimension(k: int) -> None:
    code = torch.from_numpy(simplex_code(k))
    x, classes = blobs(code, noise=1e-3)
    best = ideality(x, classes, x, classes)
    assert (best.predictability, best.worst_task, best.worst_task_test) == (1, 1, 1)
    assert best.effective_dimension == best.needed_dimension == k - 1
    assert best.invariance > 0.999
    flat = code @ torch.linalg.qr(normal(k - 1, k - 1)).Q[:, : k - 2]
    y, _ = blobs(flat, noise=1e-3)
    poor = ideality(y, classes, y, classes, tasks=64)
    assert poor.effective_dimension == k - 2
    assert separable_fraction(flat.numpy()) == cover_fraction(k, k - 2) < 1
    # With ten codes only one grouping in 512 is out of reach: random tasks seldom meet it.
    assert poor.worst_task < 1 or k == 10


def test_mlp_probes_need_no_dimensions() -> None:
    angles = 2 * torch.pi * torch.arange(6) / 6
    x, classes = blobs(torch.stack([angles.cos(), angles.sin()], 1).double())
    linear = binary_tasks(x, classes, x, classes)
    mlp = binary_tasks(x, classes, x, classes, probe="mlp")
    assert torch.equal(linear.groupings, mlp.groupings)
    assert linear.train.min() < 0.8
    assert mlp.train.min() > 0.99


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), scale=st.floats(0.1, 50), classes=st.integers(2, 5))
def test_invariance_is_a_share_that_rigid_motions_keep(
    seed: int, scale: float, classes: int
) -> None:
    x, m = normal(40, 3, seed=seed), torch.arange(40) % classes
    turn = torch.linalg.qr(normal(3, 3, seed=seed + 1)).Q
    value = invariance(x, m)
    assert 0 <= value <= 1
    assert invariance(scale * x @ turn + 7, m) == pytest.approx(value)
    means = torch.stack([x[m == c].mean(0) for c in range(classes)])
    assert invariance(means[m], m) == pytest.approx(1)


def test_invariance_is_one_way_analysis_of_variance() -> None:
    from scipy import stats

    x, m = normal(60, 1, seed=3), torch.arange(60) % 4
    f = stats.f_oneway(*[x[m == c, 0].numpy() for c in range(4)]).statistic
    share = invariance(x, m)
    assert share / (1 - share) * (60 - 4) / 3 == pytest.approx(float(f))
    assert np.isnan(invariance(torch.ones(4, 2), torch.tensor([0, 0, 1, 1])))


def test_effective_dimension_ignores_width_scale_and_noise() -> None:
    x = normal(500, 4)
    assert effective_dimension(x) == 4
    assert effective_dimension(x @ normal(4, 30, seed=1)) == 4
    assert effective_dimension(x * torch.tensor([1.0, 1e-6, 1e6, 1])) == 4
    assert effective_dimension(torch.cat([x, torch.full((500, 2), 0.1)], 1)) == 4
    noisy = x @ normal(4, 30, seed=1) + 1e-3 * normal(500, 30, seed=2)
    assert effective_dimension(noisy) == 4
    assert effective_dimension(torch.ones(5, 3)) == 0
    assert effective_dimension(normal(3, 10)) == 2


# Encoders


def test_three_lines_on_an_encoder_of_ones_own() -> None:
    train, test = (data.load("shapes", split=s, n=80, size=16) for s in ("train", "test"))
    encoder = build_encoder("convnet", in_channels=3, image_size=16, out_dim=12)
    found = encoder_ideality(encoder, train, test)
    assert found.needed_dimension == 7
    assert 1 <= found.effective_dimension <= 12
    assert 0 <= found.invariance <= 1
    assert found.worst_task <= found.mean_task <= 1
    assert encoder.training


def test_views_of_one_image_are_a_class() -> None:
    images = data.load("digits").images[:12]
    views, classes = source_classes(images, policy("digits", size=8), copies=6, seed=1)
    again, _ = source_classes(images, policy("digits", size=8), copies=6, seed=1)
    assert torch.equal(views, again)
    assert classes.bincount().tolist() == [6] * 12
    z = extract(nn.Flatten(), views)
    half = len(z) // 2
    found = ideality(z[:half], classes[:half], z[half:], classes[half:])
    assert found.needed_dimension == 11
    shuffled = invariance(z, classes[torch.randperm(72, generator=torch.Generator())])
    assert invariance(z, classes) > shuffled + 0.05


# MLP probes


def test_mlp_probe_learns_what_no_line_can() -> None:
    x = normal(400, 2).float()
    ring = (x.norm(dim=1) > 1.2).long()
    found = mlp_probe(x[:300], ring[:300], x[300:], ring[300:])
    assert found.train_accuracy.shape == (1,)
    assert float(found.train_accuracy) > 0.97
    assert float(found.accuracy) > 0.92


def test_tasks_are_trained_as_if_alone() -> None:
    x = normal(200, 3)
    labels = torch.stack([(x[:, 0] > 0).long(), (x[:, 1] * x[:, 2] > 0).long()])
    both = mlp_probe(x, labels, x, labels, steps=60, seed=3)
    for row in (0, 1):
        alone = mlp_probe(x, labels[row], x, labels[row], steps=60, seed=3)
        torch.testing.assert_close(alone.loss[0], both.loss[row], rtol=1e-7, atol=1e-9)
        torch.testing.assert_close(alone.gradient[0], both.gradient[row], rtol=1e-5, atol=1e-9)
        assert float(alone.accuracy) == float(both.accuracy[row])
    turned = mlp_probe(x, labels.flip(0), x, labels.flip(0), steps=60, seed=3)
    torch.testing.assert_close(turned.loss.flip(0), both.loss, rtol=1e-7, atol=1e-9)
    assert torch.equal(both.loss, mlp_probe(x, labels, x, labels, steps=60, seed=3).loss)


def test_mlp_probe_is_a_traced_network_trained_by_adam() -> None:
    x = normal(100, 3)
    labels = (x[:, 0] * x[:, 1] > 0).long() + (x[:, 2] > 1).long()
    found = mlp_probe(x, labels, x, labels, hidden=8, steps=30, batch_size=32, seed=5)
    z = (x - x.mean(0)) / x.std(0, unbiased=False)
    drawn = torch_generator(5, "mlp-probe", "weights")
    first, last = nn.Linear(3, 8).double(), nn.Linear(8, 3).double()
    with torch.no_grad():
        for layer in (first, last):
            d, width = layer.weight.T.shape
            layer.weight.copy_((torch.randn(d, width, generator=drawn) * (2 / d) ** 0.5).T)
            layer.bias.zero_()
    net = nn.Sequential(first, nn.ReLU(), last)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    order = torch_generator(5, "mlp-probe", "order")
    for step in range(30):
        if step % 3 == 0:
            rows = torch.randperm(100, generator=order)
        batch = rows[32 * (step % 3) :][:32]
        optimiser.param_groups[0]["lr"] = 1e-2 * (1 + np.cos(np.pi * step / 30)) / 2
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(z[batch]), labels[batch]).backward()
        optimiser.step()
    loss = nn.functional.cross_entropy(net(z), labels)
    optimiser.zero_grad()
    loss.backward()
    assert float(found.loss) == pytest.approx(float(loss.detach()), rel=1e-7)
    largest = max(float(weights.grad.abs().max()) for weights in net.parameters())
    assert float(found.gradient) == pytest.approx(largest, rel=1e-5)
    share = (net(z).argmax(1) == labels).double().mean()
    assert float(found.accuracy) == pytest.approx(float(share))


def test_mlp_probe_is_blind_to_the_scale_of_features() -> None:
    x = normal(100, 3).float()
    labels = (x[:, 0] > 0).long()
    wide = x * torch.tensor([4.0, 0.25, 16.0]) + 8
    first, second = (mlp_probe(z, labels, z, labels, steps=40).loss for z in (x, wide))
    assert float(first) == pytest.approx(float(second), rel=1e-3)


@pytest.mark.parametrize("made", [Tensor.numpy, Tensor.tolist])
def test_arrays_and_lists_measure_what_tensors_do(made: Callable[[Tensor], Any]) -> None:
    x, m = normal(40, 5), torch.arange(40) % 4
    features, classes = made(x), made(m)
    found = ideality(features, classes, features, classes, tasks=3)
    assert found == ideality(x, m, x, m, tasks=3)
    assert invariance(features, classes) == invariance(x, m)
    assert effective_dimension(features) == 5
    for labels in (m, torch.stack([m % 2, m // 2])):
        probe = mlp_probe(features, made(labels), features, made(labels), steps=20)
        assert probe.loss.equal(mlp_probe(x, labels, x, labels, steps=20).loss)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, m: ideality(x, m, x, m, probe="lineal"), "Did you mean 'linear'?"),
        (lambda x, m: ideality(x, m * 0, x, m * 0), "n_classes must be at least 2, got 1"),
        (lambda x, m: binary_tasks(x, m, x, m, tasks=0), "tasks must be at least 1, got 0"),
        (lambda x, m: binary_tasks(x, m, x, m, tasks=2.0), "tasks must be a whole number"),
        (lambda x, m: binary_tasks(x, m[:3], x, m), "labels must have shape"),
        (lambda x, m: mlp_probe(x, m, x, m, steps=0), "steps must be at least 1"),
        (lambda x, m: mlp_probe(x, m, x, m, hidden=2.5), "hidden must be a whole number"),
        (lambda x, m: effective_dimension(x, atol=-1), "atol must be a number from 0"),
        (lambda x, m: effective_dimension(x, rtol=math.nan), "rtol must be a number from 0"),
        (lambda x, m: mlp_probe(x, m, x, torch.stack([m, m])), "labels hold 1 tasks"),
        (lambda x, m: source_classes(x, policy("digits", size=8), copies=0), "copies"),
        (lambda x, m: effective_dimension(x * float("nan")), "finite"),
    ],
)
def test_senseless_values_are_refused(
    call: Callable[[Tensor, Tensor], object], message: str
) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        call(normal(20, 3), torch.arange(20) % 2)
