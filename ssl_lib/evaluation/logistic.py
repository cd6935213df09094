"""Logistic regression: one fit, or many on the same features, to a gradient that is asked for."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from ssl_lib.arguments import ArrayLike, as_array, as_tensor, check_between, check_whole
from ssl_lib.errors import InputError
from ssl_lib.evaluation.checks import check_features, check_labels
from ssl_lib.evaluation.newton import solve

__all__ = ["LogisticFit", "binary_logistic_fit", "logistic_fit"]

# From here on, on a CPU, few steps of L-BFGS cost less than one preconditioned by second
# derivatives: width times classes (benchmarks/logistic.py).
_LARGE = 10_000
_FIRST = 40  # of L-BFGS, before second derivatives finish what it has not
_TOGETHER = 2**23  # entries of the scores of tasks that are fitted together


@dataclass(frozen=True)
class LogisticFit:
    """Logistic regressions, and how well they were solved. Unpacks to weight and bias.

    Attributes
    ----------
    weight : torch.Tensor, float64
        Of shape (d, c), or (tasks, d, c); of binary regressions (d, tasks).
    bias : torch.Tensor, float64
        Of shape (c,), or (tasks, c); of binary regressions (tasks,).
    gradient : torch.Tensor of shape () or (tasks,)
        Largest entry of the gradient of the penalised mean loss, at these weights.
    iterations : torch.Tensor of shape () or (tasks,), int64
        Steps of the solver.
    converged : torch.Tensor of shape () or (tasks,), bool
        Whether the gradient is within the tolerance.

    Examples
    --------
    >>> fit = logistic_fit(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]), tolerance=1e-9)
    >>> bool(fit.converged), float(fit.gradient) < 1e-9
    (True, True)
    >>> weight, bias = fit
    >>> weight.shape, bias.shape
    (torch.Size([1, 2]), torch.Size([2]))
    """

    weight: Tensor
    bias: Tensor
    gradient: Tensor
    iterations: Tensor
    converged: Tensor

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.weight, self.bias))


@torch.no_grad()
def logistic_fit(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    n_classes: int | None = None,
    penalty: float | Sequence[float] = 1.0,
    max_iter: int = 200,
    tolerance: float = 1e-6,
) -> LogisticFit:
    """Fit multinomial logistic regression in float64; several labellings and penalties at once.

    Minimises ``sum_i cross_entropy(W^T x_i + b, y_i) + penalty / 2 ||W||^2``; the bias is free. It
    is scikit-learn's objective with ``C = 1 / penalty``. The solver is a truncated Newton method
    that shares the features between tasks; one large fit on a CPU starts with scikit-learn's
    L-BFGS.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        One row a sample.
    labels : torch.Tensor of shape (n,) or (tasks, n)
        Classes, in one task or in several.
    n_classes : int, optional
        By default one more than the largest label.
    penalty : float or sequence of float, default=1.0
        At least 0; a sequence holds one for each task, or makes a task of each for one labelling.
    max_iter : int, default=200
        Steps of the solver.
    tolerance : float, default=1e-6
        Largest gradient entry of the mean loss at which to stop.

    Returns
    -------
    LogisticFit
        With a leading dimension of tasks where labels or penalties have one.

    Raises
    ------
    InputError
        When shapes do not fit together, or a number is out of its range.

    Examples
    --------
    >>> x = torch.tensor([[-1.0], [1.0]])
    >>> weight, bias = logistic_fit(x, torch.tensor([0, 1]))
    >>> round(float(weight[0, 1] - weight[0, 0]), 4)
    1.0426
    >>> path = logistic_fit(x, torch.tensor([0, 1]), penalty=[0.1, 1.0, 10.0])
    >>> (path.weight[:, 0, 1] - path.weight[:, 0, 0]).round(decimals=2).tolist()
    [2.65, 1.04, 0.18]
    """
    features = check_features(features).double()
    _check_numbers(max_iter, tolerance)
    labels = as_tensor(labels, name="labels")
    rows = labels if labels.ndim == 2 and len(labels) else [labels]
    tasks = torch.stack([check_labels(row, n=len(features)) for row in rows]).to(features.device)
    penalties = as_array(penalty, name="penalty")
    several = rows is labels or penalties.ndim > 0
    ridge = _penalties(penalties, len(tasks)).to(features.device)
    tasks = tasks.expand(len(ridge), -1)
    largest = int(tasks.max())
    n_classes = largest + 1 if n_classes is None else check_whole("n_classes", n_classes)
    if largest >= n_classes:
        raise InputError(f"labels must be below n_classes = {n_classes}, got {largest}.")
    start = None
    if len(tasks) == 1 and _is_large(features, tasks[0], n_classes) and float(ridge) > 0:
        start = _lbfgs(features, tasks[0], float(ridge), max_iter, tolerance)
    fits = [
        _fit(features, functional.one_hot(part, n_classes).mT, each, max_iter, tolerance, start)
        for part, each in _groups(tasks, ridge, len(features) * n_classes)
    ]
    weight, bias, gradient, iterations = (torch.cat(parts) for parts in zip(*fits, strict=True))
    found = weight.mT, bias, gradient, iterations, gradient <= tolerance
    return LogisticFit(*(found if several else (value[0] for value in found)))


@torch.no_grad()
def binary_logistic_fit(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    penalty: float = 1e-3,
    max_iter: int = 200,
    tolerance: float = 1e-8,
) -> LogisticFit:
    """Fit many binary logistic regressions at once, by Newton's method in float64.

    Minimises for each task ``sum_i log(1 + exp(-s_i (w . x_i + b))) + penalty / 2 ||w||^2`` with
    ``s_i = +-1``; scikit-learn's objective with ``C = 1 / penalty``.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        One row a sample.
    targets : torch.Tensor of shape (n, tasks)
        0 or 1.
    penalty : float, default=0.001
        Above 0.
    max_iter : int, default=200
        Newton steps.
    tolerance : float, default=1e-8
        Largest gradient entry of a task's mean loss at which it is done.

    Returns
    -------
    LogisticFit
        ``weight`` of shape (d, tasks), ``bias`` and the rest of shape (tasks,).

    Examples
    --------
    >>> x = torch.tensor([[-1.0], [1.0]])
    >>> weight, _ = binary_logistic_fit(x, torch.tensor([[0], [1]]), penalty=1.0)
    >>> round(float(weight), 3)
    0.675
    """
    features = check_features(features).double()
    _check_numbers(max_iter, tolerance)
    targets = as_tensor(targets, name="targets")
    if targets.shape[:1] != features.shape[:1] or targets.ndim != 2:
        raise InputError(
            f"targets must have shape ({len(features)}, tasks), got {tuple(targets.shape)}."
        )
    if not bool(((targets == 0) | (targets == 1)).all()):
        raise InputError("targets must be 0 or 1.")
    penalty = check_between("penalty", penalty, open=True)
    ridge = features.new_full((targets.shape[1],), penalty)
    fits = [
        _fit(features, part[:, None], penalties, max_iter, tolerance)
        for part, penalties in _groups(targets.T.to(features.device), ridge, len(features))
    ]
    weight, bias, gradient, iterations = (torch.cat(parts) for parts in zip(*fits, strict=True))
    return LogisticFit(weight[:, 0].T, bias[:, 0], gradient, iterations, gradient <= tolerance)


def _fit(
    features: Tensor,
    target: Tensor,
    penalty: Tensor,
    max_iter: int,
    tolerance: float,
    start: tuple[Tensor, Tensor, int] | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return weights (tasks, c, d), biases (tasks, c), gradients and iterations (tasks,)."""
    target = target.to(features.dtype).contiguous()
    used = 0 if start is None else start[2]
    weight, bias, iterations = solve(
        features,
        target,
        penalty=penalty,
        tolerance=tolerance,
        max_iter=max(max_iter - used, 0),
        start=start and start[:2],
    )
    return weight, bias, _gradient(features, target, penalty, weight, bias), iterations + used


def _gradient(
    features: Tensor, target: Tensor, penalty: Tensor, weight: Tensor, bias: Tensor
) -> Tensor:
    """Return the largest gradient entry of each task, from the features as they were given."""
    scores = weight @ features.T + bias[..., None]
    prob = scores.sigmoid() if scores.shape[1] == 1 else scores.softmax(1)
    residual = (prob - target) / len(features)
    slope = residual @ features + penalty[:, None, None] / len(features) * weight
    return torch.maximum(slope.abs().amax((1, 2)), residual.sum(2).abs().amax(1))


def _groups(tasks: Tensor, penalty: Tensor, each: int) -> Iterator[tuple[Tensor, Tensor]]:
    size = max(1, _TOGETHER // each)
    return zip(tasks.split(size), penalty.split(size), strict=True)


def _check_numbers(max_iter: int, tolerance: float) -> None:
    check_whole("max_iter", max_iter, least=0)
    check_between("tolerance", tolerance, open=True)


def _penalties(penalty: npt.NDArray[Any], tasks: int) -> Tensor:
    values = [check_between("penalty", value) for value in penalty.reshape(-1).tolist()]
    if penalty.ndim > 1 or not values or (tasks > 1 and len(values) not in (1, tasks)):
        wanted = str(tasks) if tasks > 1 else "several"
        raise InputError(f"penalty must be one number or {wanted}, got {penalty.tolist()}.")
    return torch.tensor(values, dtype=torch.float64).expand(max(tasks, len(values)))


def _is_large(features: Tensor, labels: Tensor, n_classes: int) -> bool:
    # With two classes or fewer scikit-learn penalises otherwise; absent ones it leaves out.
    return (
        features.device.type == "cpu"
        and n_classes > 2
        and features.shape[1] * n_classes > _LARGE
        and len(features) > features.shape[1]
        and len(labels.unique()) == n_classes
    )


def _lbfgs(
    features: Tensor, labels: Tensor, penalty: float, max_iter: int, tolerance: float
) -> tuple[Tensor, Tensor, int]:
    """Return what scikit-learn reaches: weights (1, c, d), biases (1, c) and iterations."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean = features.mean(0)
    peer = LogisticRegression(C=1 / penalty, tol=tolerance, max_iter=min(max_iter, _FIRST))
    with warnings.catch_warnings():
        # What it leaves undone is done afterwards.
        warnings.simplefilter("ignore", ConvergenceWarning)
        peer.fit((features - mean).numpy(), labels.numpy())
    weight = torch.from_numpy(peer.coef_)
    bias = torch.from_numpy(peer.intercept_) - weight @ mean
    return weight[None], bias[None], int(peer.n_iter_.max())
