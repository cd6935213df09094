"""Logistic regression: the gradient it claims, scikit-learn's solution, what changes neither."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional

from ssl_lib.errors import InputError
from ssl_lib.evaluation import logistic, newton
from ssl_lib.evaluation.linear import logistic_probe, ridge_path
from ssl_lib.evaluation.logistic import binary_logistic_fit, logistic_fit


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def drawn(n: int, d: int, c: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    x = normal(n, d, seed=seed)
    noise = torch.rand(n, c, generator=torch.Generator().manual_seed(seed + 2)).double()
    scores = x @ normal(d, c, seed=seed + 1) * (2 / d**0.5) - noise.log().neg().log()
    return x, scores.argmax(1)


def traced(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, penalty: float) -> float:
    """The largest gradient entry of the objective as it is written, by automatic derivatives."""
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    scores = x.double() @ weight + bias
    if y.is_floating_point():
        loss = functional.binary_cross_entropy_with_logits(scores, y)
    else:
        loss = functional.cross_entropy(scores, y)
    loss = loss + penalty / (2 * len(x)) * weight.square().sum()
    return max(float(g.abs().max()) for g in torch.autograd.grad(loss, (weight, bias)))


CASES = {
    "tall": (*drawn(300, 8, 4), 1.0),
    "wide": (*drawn(30, 90, 3), 0.5),
    "square": (*drawn(40, 40, 3), 1e-3),
    "scaled": (drawn(300, 12, 4)[0] * torch.logspace(0, -4, 12), drawn(300, 12, 4)[1], 1e-3),
    "shifted": (drawn(200, 6, 3)[0] + 50, drawn(200, 6, 3)[1], 1.0),
    "one class": (normal(20, 3), torch.ones(20, dtype=torch.int64), 1.0),
    "one sample": (normal(1, 3), torch.ones(1, dtype=torch.int64), 1.0),
    "separable": (
        torch.cat([normal(40, 5) + 4, normal(40, 5) - 4]), torch.arange(80) // 40, 1e-6,
    ),
    "unpenalised": (*drawn(300, 5, 3), 0.0),
    "constant columns": (
        torch.cat([drawn(200, 4, 3)[0], torch.full((200, 2), 0.1)], 1), drawn(200, 4, 3)[1], 1e-2,
    ),
    "nothing": (torch.zeros(9, 2), torch.arange(9) % 3, 1.0),
    "repeated columns": (drawn(200, 4, 3)[0].repeat(1, 2), drawn(200, 4, 3)[1], 0.0),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_within_the_tolerance(name: str) -> None:
    x, y, penalty = CASES[name]
    fit = logistic_fit(x, y, penalty=penalty, tolerance=1e-9)
    left = traced(x, y, fit.weight, fit.bias, penalty)
    assert left < 1e-9
    assert fit.converged
    assert float(fit.gradient) == pytest.approx(left, abs=1e-12)


def test_constant_columns_get_no_weight() -> None:
    x, y, penalty = CASES["constant columns"]
    fit = logistic_fit(x, y, penalty=penalty, tolerance=1e-10)
    plain = logistic_fit(x[:, :4], y, penalty=penalty, tolerance=1e-10)
    torch.testing.assert_close(fit.weight[:4], plain.weight, atol=1e-7, rtol=0)
    assert float(fit.weight[4:].abs().max()) < 1e-6


@pytest.mark.parametrize("name", ["tall", "wide", "scaled", "shifted"])
def test_softmax_regression_is_scikit_learns(name: str) -> None:
    x, y, penalty = CASES[name]
    fit = logistic_fit(x, y, penalty=penalty, tolerance=1e-10)
    peer = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000, solver="newton-cg")
    peer.fit(x.numpy(), y.numpy())
    ours = torch.softmax(x @ fit.weight + fit.bias, 1)
    np.testing.assert_allclose(ours, peer.predict_proba(x.numpy()), atol=1e-6)


def test_binary_regressions_are_scikit_learns() -> None:
    x = normal(200, 4)
    targets = torch.stack([(x @ normal(4, seed=s) + normal(200, seed=s) > 0) for s in (5, 6)], 1)
    fit = binary_logistic_fit(x, targets, penalty=0.5, tolerance=1e-10)
    for task in range(2):
        peer = LogisticRegression(C=2.0, tol=1e-10, max_iter=5000, solver="newton-cg")
        peer.fit(x.numpy(), targets[:, task].numpy())
        np.testing.assert_allclose(fit.weight[:, task], peer.coef_[0], atol=1e-6)
        assert float(fit.bias[task]) == pytest.approx(float(peer.intercept_[0]), abs=1e-6)


def test_every_binary_task_reaches_its_gradient() -> None:
    x, y = (torch.tensor(part[:600]) for part in load_digits(return_X_y=True))
    groupings = torch.rand(16, 10, generator=torch.Generator().manual_seed(0)) < 0.5
    targets = groupings[:, y].T
    fit = binary_logistic_fit(x, targets)
    for task in range(16):
        given = (fit.weight[:, task], fit.bias[task], 1e-3)
        assert traced(x, targets[:, task].double(), *given) < 1e-8
    assert fit.converged.all()
    assert fit.iterations.max() < 40


@pytest.mark.parametrize("power", [2, 4, 6])
@pytest.mark.parametrize("columns", [64, 512])
def test_nearly_dependent_features_are_no_hindrance(power: int, columns: int) -> None:
    """An untrained network's features: in single precision their Gram matrices look indefinite."""
    generator = torch.Generator().manual_seed(power)
    mixing = torch.randn(columns, columns, generator=generator)
    spread = torch.logspace(0, -power, columns)
    features = (torch.randn(400, columns, generator=generator) * spread) @ mixing + 3
    targets = torch.rand(400, 32, generator=generator) < 0.5
    fit = binary_logistic_fit(features, targets, penalty=1e-3, tolerance=1e-8)
    assert fit.converged.all()
    for task in range(32):
        given = (fit.weight[:, task], fit.bias[task], 1e-3)
        assert traced(features.double(), targets[:, task].double(), *given) < 1.01e-8


@pytest.mark.parametrize("power", [3, 6, 9, 12])
def test_preconditioners_are_positive_whatever_rounding_does(power: int) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(4, 3, 96, 40, generator=generator) * torch.logspace(0, -power, 96)[:, None]
    grams = rows @ rows.mT
    grams[0, 0, 5, 5] -= 1e-3  # indefinite
    assert (torch.linalg.eigvalsh(newton._inverse(grams).double()) > 0).all()


def test_a_task_among_many_is_solved_as_alone_in_any_order() -> None:
    x, y = drawn(150, 6, 4)
    tasks = torch.stack([y, (y + 1) % 4, y.flip(0), (x[:, 0] > 0).long()])
    fit = logistic_fit(x, tasks, penalty=[0.1, 1.0, 0.01, 3.0], tolerance=1e-11)
    assert fit.weight.shape == (4, 6, 4)
    for row, penalty in enumerate((0.1, 1.0, 0.01)):
        alone = logistic_fit(x, tasks[row], n_classes=4, penalty=penalty, tolerance=1e-11)
        torch.testing.assert_close(fit.weight[row], alone.weight, atol=1e-6, rtol=0)
    order = torch.randperm(150, generator=torch.Generator().manual_seed(1))
    turned = logistic_fit(
        x[order], tasks[:, order].flip(0), penalty=[3.0, 0.01, 1.0, 0.1], tolerance=1e-11
    )
    torch.testing.assert_close(turned.weight.flip(0)[:3], fit.weight[:3], atol=1e-6, rtol=0)


def test_a_path_of_penalties_is_its_single_fits_also_in_small_groups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, y = drawn(100, 5, 3)
    penalties = [1e-3, 0.1, 10.0]
    path = logistic_fit(x, y, penalty=penalties, tolerance=1e-11)
    monkeypatch.setattr(logistic, "_TOGETHER", 1)
    grouped = logistic_fit(x, y, penalty=penalties, tolerance=1e-11)
    for row, penalty in enumerate(penalties):
        alone = logistic_fit(x, y, penalty=penalty, tolerance=1e-11)
        torch.testing.assert_close(path.weight[row], alone.weight, atol=1e-6, rtol=0)
        torch.testing.assert_close(grouped.weight[row], alone.weight, atol=1e-6, rtol=0)
    norms = path.weight.square().sum((1, 2))
    assert norms[0] > norms[1] > norms[2]


def test_large_fits_start_with_scikit_learn_and_are_finished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, y, penalty = CASES["scaled"]
    plain = logistic_fit(x, y, penalty=penalty, tolerance=1e-9)
    monkeypatch.setattr(logistic, "_LARGE", 1)
    monkeypatch.setattr(logistic, "_FIRST", 3)
    mixed = logistic_fit(x, y, penalty=penalty, tolerance=1e-9)
    assert 3 < int(mixed.iterations) < 30
    assert traced(x, y, mixed.weight, mixed.bias, penalty) < 1e-9
    ours, theirs = (torch.softmax(x @ fit.weight + fit.bias, 1) for fit in (plain, mixed))
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


def test_what_has_not_converged_says_so() -> None:
    x, y = drawn(100, 5, 3)
    fit = logistic_fit(x, y, max_iter=1, tolerance=1e-9)
    assert not fit.converged
    assert int(fit.iterations) == 1
    assert float(fit.gradient) == pytest.approx(traced(x, y, fit.weight, fit.bias, 1.0), rel=1e-9)
    assert float(fit.gradient) > 1e-9
    assert not logistic_probe(x, y, x, y, max_iter=1).converged
    assert logistic_probe(x, y, x, y).converged
    start = logistic_fit(x, y, max_iter=0)
    assert float(start.weight.abs().max()) == 0


def test_arguments_are_left_as_they_were() -> None:
    x, y = drawn(50, 4, 3)
    kept = x.clone(), y.clone()
    logistic_fit(x, torch.stack([y, y]), penalty=[0.1, 1.0])
    binary_logistic_fit(x, y[:, None] > 0)
    assert torch.equal(x, kept[0])
    assert torch.equal(y, kept[1])


@pytest.mark.parametrize("power", [-3, -9, -13])
def test_ridge_says_what_it_left_of_the_gradient(power: int) -> None:
    x = normal(60, 8) * torch.logspace(0, -5, 8) + 3
    y = normal(60, 2, seed=4)
    path = ridge_path(x, y, penalties=[10.0**power])
    weight, bias = path.weights[0].requires_grad_(), path.bias[0].requires_grad_()
    loss = (y - x @ weight - bias).square().sum(1).mean() + 10.0**power * weight.square().sum()
    gradient, of_bias = torch.autograd.grad(loss, (weight, bias))
    centred = x - x.mean(0)
    whole = (2 / 60 * centred.T @ y).abs().max()
    assert float(of_bias.abs().max()) < 1e-10
    assert float(path.gradient) == pytest.approx(float(gradient.abs().max() / whole), abs=1e-9)
    assert path.converged.tolist() == [True]


@pytest.mark.parametrize("power", [-3, -9, -15])
def test_leaving_one_out_stays_exact_where_a_wide_ridge_leaves_no_residual(power: int) -> None:
    x, y = normal(12, 30), normal(12, 2, seed=4)
    total, errors = 12 * 10.0**power, []
    for i in range(12):
        keep = torch.arange(12) != i
        middle, level = x[keep].mean(0), y[keep].mean(0)
        others = x[keep] - middle
        gram = others @ others.T + total * torch.eye(11, dtype=x.dtype)
        weight = others.T @ torch.linalg.solve(gram, y[keep] - level)
        errors.append((y[i] - level - (x[i] - middle) @ weight).square().mean())
    path = ridge_path(x, y, penalties=[10.0**power])
    assert float(path.loo_error) == pytest.approx(float(torch.stack(errors).mean()), rel=1e-9)
    assert path.converged.all()


@pytest.mark.parametrize("power", [-12, -15, -18])
def test_equal_samples_leave_the_others_their_errors_at_any_penalty(power: int) -> None:
    x = normal(12, 30)
    x[10:] = x[:2]
    y, errors = normal(12, 2, seed=4), []
    for i in range(12):
        keep = torch.arange(12) != i
        middle, level = x[keep].mean(0), y[keep].mean(0)
        least = torch.linalg.pinv(x[keep] - middle, rtol=1e-10) @ (y[keep] - level)
        errors.append((y[i] - level - (x[i] - middle) @ least).square().mean())
    path = ridge_path(x, y, penalties=[10.0**power])
    assert float(path.loo_error) == pytest.approx(float(torch.stack(errors).mean()), rel=1e-9)
    assert path.converged.all()
    assert path.loo_exact.all()
    same = ridge_path(x[:1].expand(12, -1), y, penalties=[10.0**power])
    centred = 12 / 11 * (y - y.mean(0))
    assert float(same.loo_error) == pytest.approx(float(centred.square().mean()), rel=1e-12)


def test_leave_one_out_errors_that_rounding_decides_say_so() -> None:
    x, y = normal(12, 30), normal(12, 2, seed=4)
    x[11] = x[0] + 1e-9 * x[11]
    assert ridge_path(x, y, penalties=[1e-3, 1e-15]).loo_exact.tolist() == [True, False]
    tall = torch.cat([normal(40, 5), torch.zeros(40, 1)], 1)
    tall[0, 5] = 1.0  # this sample alone decides a weight
    path = ridge_path(tall, normal(40, 1), penalties=[1e-3, 1e-15])
    assert path.loo_exact.tolist() == [True, False]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, y: logistic_fit(x, y, penalty=[1.0, -1.0]), "penalty must be a number from 0"),
        (lambda x, y: logistic_fit(x, y, penalty=float("inf")), "from 0, got inf"),
        (lambda x, y: logistic_fit(x, y, penalty=[0.1, float("nan")]), "from 0, got nan"),
        (lambda x, y: logistic_fit(x, y, penalty="a"), "penalty must be numbers, got str"),
        (lambda x, y: logistic_fit(x, y, penalty=[]), "one number or several"),
        (lambda x, y: logistic_fit(x, y, penalty=[[1.0]]), "one number or several"),
        (lambda x, y: logistic_fit(x, y, n_classes=3.0), "n_classes must be a whole number"),
        (lambda x, y: logistic_fit(x, y, max_iter=2.5), "max_iter must be a whole number"),
        (lambda x, y: logistic_fit(x, y, tolerance="a"), "tolerance must be a number above 0"),
        (lambda x, y: logistic_probe(x, y, x, y, penalty="a"), "penalty must be a number from 0"),
        (lambda x, y: logistic_probe(x, y, x, y, penalty=[1.0]), "penalty must be a number from"),
        (lambda x, y: ridge_path(x, x, penalties=[float("inf")]), "penalties must be a number abo"),
        (lambda x, y: ridge_path(x, x, penalties=[-1.0, 1.0]), "above 0, got -1.0"),
        (lambda x, y: ridge_path(x, x, penalties=1.0), "one or more numbers above 0, got 1.0"),
        (lambda x, y: ridge_path(x, x, penalties="a"), "penalties must be numbers, got str"),
        (lambda x, y: binary_logistic_fit(x, "a"), "targets must be numbers, got str"),
        (lambda x, y: binary_logistic_fit(x, y[:, None] > 0, penalty="a"), "penalty must be a num"),
        (lambda x, y: logistic_fit(x, torch.stack([y, y]), penalty=[1.0] * 3), "one number or 2"),
        (lambda x, y: logistic_fit(x, y, tolerance=0), "tolerance must be a number abo"),
        (lambda x, y: logistic_fit(x, y, max_iter=-1), "max_iter must be at least 0"),
        (lambda x, y: logistic_fit(x, y, n_classes=2), "below n_classes = 2"),
        (lambda x, y: logistic_fit(x, y[None, :5]), r"shape \(6,\)"),
        (lambda x, y: binary_logistic_fit(x, y), "targets must have shape"),
        (lambda x, y: binary_logistic_fit(x, y[:, None]), "0 or 1"),
        (lambda x, y: binary_logistic_fit(x, y[:, None] > 0, penalty=0), "number above 0, got 0"),
    ],
)
def test_senseless_input_is_refused(call, message) -> None:
    with pytest.raises(InputError, match=message):
        call(normal(6, 2), torch.tensor([0, 1, 0, 1, 2, 2]))
