"""MLP probes: one hidden layer on frozen features, many tasks trained as one batched model."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from ssl_lib.errors import InputError
from ssl_lib.evaluation.checks import check_labels, check_pair
from ssl_lib.randomness import torch_generator

__all__ = ["mlp_probe"]


def mlp_probe(
    train: Tensor,
    labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    *,
    hidden: int = 128,
    steps: int = 200,
    batch_size: int = 128,
    learning_rate: float = 1e-2,
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    """Classify frozen features by perceptrons with one hidden layer, one for each task.

    Features are standardised; ReLU, Adam with a cosine schedule, weights from the seed.

    Parameters
    ----------
    train : torch.Tensor of shape (n, d)
        Features that fit the probes.
    labels : torch.Tensor of shape (n,) or (tasks, n)
        Their classes in one task, or in several.
    test : torch.Tensor of shape (m, d)
        Features that judge them.
    test_labels : torch.Tensor of shape (m,) or (tasks, m)
        Their classes.
    hidden : int, default=128
        Width of the hidden layer.
    steps, batch_size, learning_rate
        Of Adam; a batch holds at most all samples.
    seed : int, default=0
        Of initial weights and order.

    Returns
    -------
    train_accuracy, accuracy : torch.Tensor of shape (tasks,)
        On the samples that fitted the probes and on the test samples.

    Raises
    ------
    InputError
        When shapes do not fit together or a number is not positive.

    Examples
    --------
    No line separates the corners of a square crosswise; a hidden layer does.

    >>> x = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    >>> crosswise = torch.tensor([0, 1, 1, 0])
    >>> mlp_probe(x, crosswise, x, crosswise)[1]
    tensor([1.])
    """
    if min(hidden, steps, batch_size) < 1 or learning_rate <= 0:
        raise InputError("hidden, steps, batch_size and learning_rate must be positive.")
    train, test = check_pair(train, test)
    tasks = _tasks(labels, len(train), "labels").to(train.device)
    test_tasks = _tasks(test_labels, len(test), "test_labels").to(train.device)
    if len(tasks) != len(test_tasks):
        raise InputError(f"labels hold {len(tasks)} tasks, test_labels {len(test_tasks)}.")
    mean, std = train.mean(0), train.std(0, unbiased=False)
    scale = torch.where(std > 0, 1 / std.clamp_min(torch.finfo(std.dtype).tiny), 0.0)
    x, y = (train - mean) * scale, (test - mean) * scale
    n_classes = int(max(tasks.max(), test_tasks.max())) + 1
    layers = _initial(len(tasks), train.shape[1], hidden, n_classes, seed, x)
    with torch.enable_grad():
        _train(layers, x, tasks, steps, batch_size, learning_rate, seed)
    return _accuracies(layers, x, tasks), _accuracies(layers, y, test_tasks)


def _tasks(labels: Tensor, n: int, name: str) -> Tensor:
    rows = labels if isinstance(labels, Tensor) and labels.ndim == 2 else [labels]
    return torch.stack([check_labels(row, n=n, name=name) for row in rows])


def _initial(
    tasks: int, d: int, hidden: int, classes: int, seed: int, like: Tensor
) -> list[Tensor]:
    generator = torch_generator(seed, "mlp-probe", "weights")

    def draw(*shape: int, fan_in: int) -> Tensor:
        weights = torch.randn(*shape, generator=generator) * math.sqrt(2 / fan_in)
        return weights.to(like).requires_grad_()

    zeros = [like.new_zeros(tasks, 1, width, requires_grad=True) for width in (hidden, classes)]
    first = draw(tasks, d, hidden, fan_in=d)
    return [first, zeros[0], draw(tasks, hidden, classes, fan_in=hidden), zeros[1]]


def _scores(layers: list[Tensor], x: Tensor) -> Tensor:
    """Return the scores (tasks, n, classes) of features (n, d)."""
    first, bias, last, last_bias = layers
    return torch.baddbmm(last_bias, (x @ first + bias).relu(), last)


def _train(
    layers: list[Tensor],
    x: Tensor,
    tasks: Tensor,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> None:
    optimiser = torch.optim.Adam(layers, lr=learning_rate)
    for step, rows in zip(range(steps), _batches(len(x), batch_size, seed), strict=False):
        rows = rows.to(x.device)
        optimiser.param_groups[0]["lr"] = learning_rate * (1 + math.cos(math.pi * step / steps)) / 2
        scores = _scores(layers, x[rows]).flatten(0, 1)
        # The mean over tasks would let their number change each task's step.
        loss = functional.cross_entropy(scores, tasks[:, rows].flatten()) * len(tasks)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def _batches(n: int, size: int, seed: int) -> Iterator[Tensor]:
    generator = torch_generator(seed, "mlp-probe", "order")
    while True:
        order = torch.randperm(n, generator=generator)
        yield from order[: max(1, n // size) * size].split(size)


@torch.no_grad()
def _accuracies(layers: list[Tensor], x: Tensor, tasks: Tensor) -> Tensor:
    hits = [
        (_scores(layers, part).argmax(2) == labels).sum(1)
        for part, labels in zip(x.split(4096), tasks.split(4096, dim=1), strict=True)
    ]
    return torch.stack(hits).sum(0) / tasks.shape[1]
