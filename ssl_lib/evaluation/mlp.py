"""MLP probes: one hidden layer on frozen features, many tasks trained as one batched model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.adam import adam

from ssl_lib.arguments import ArrayLike, as_tensor, check_between, check_whole
from ssl_lib.errors import InputError
from ssl_lib.evaluation.checks import check_labels, check_pair
from ssl_lib.randomness import torch_generator

__all__ = ["MLPProbe", "mlp_probe"]

_PART = 4096  # samples that are judged at once


@dataclass(frozen=True)
class MLPProbe:
    """What perceptrons found, one for each task.

    Attributes
    ----------
    train_accuracy, accuracy : torch.Tensor of shape (tasks,)
        On the samples that fitted the probes and on the test samples.
    loss, gradient : torch.Tensor of shape (tasks,)
        Mean cross-entropy of the training samples at the end, and the largest entry of its
        gradient. Training takes a fixed number of steps: a large gradient says that more would
        change the probe.

    Examples
    --------
    >>> x = torch.tensor([[0.0], [0.1], [1.0], [1.1]])
    >>> found = mlp_probe(x, torch.tensor([0, 0, 1, 1]), x, torch.tensor([0, 0, 1, 0]))
    >>> found.train_accuracy.tolist(), found.accuracy.tolist(), bool(found.gradient < 0.01)
    ([1.0], [0.75], True)
    """

    train_accuracy: Tensor
    accuracy: Tensor
    loss: Tensor
    gradient: Tensor


def mlp_probe(
    train: ArrayLike,
    labels: ArrayLike,
    test: ArrayLike,
    test_labels: ArrayLike,
    *,
    hidden: int = 128,
    steps: int = 200,
    batch_size: int = 128,
    learning_rate: float = 1e-2,
    seed: int = 0,
) -> MLPProbe:
    """Classify frozen features by perceptrons with one hidden layer, one for each task.

    Features are standardised; ReLU, Adam with a cosine schedule, weights from the seed. Tasks start
    from the same weights and see the same batches, so that each is trained as if it were alone.

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
    MLPProbe

    Raises
    ------
    InputError
        When shapes do not fit together or a number is not positive.

    Examples
    --------
    No line separates the corners of a square crosswise; a hidden layer does.

    >>> x = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    >>> crosswise = torch.tensor([0, 1, 1, 0])
    >>> mlp_probe(x, crosswise, x, crosswise).accuracy
    tensor([1.])
    """
    for name, count in (("hidden", hidden), ("steps", steps), ("batch_size", batch_size)):
        check_whole(name, count)
    check_between("learning_rate", learning_rate, open=True)
    train, test = check_pair(train, test)
    tasks = _tasks(labels, len(train), "labels").to(train.device)
    test_tasks = _tasks(test_labels, len(test), "test_labels").to(train.device)
    if len(tasks) != len(test_tasks):
        raise InputError(f"labels hold {len(tasks)} tasks, test_labels {len(test_tasks)}.")
    mean, std = train.mean(0), train.std(0, unbiased=False)
    scale = torch.where(std > 0, 1 / std.clamp_min(torch.finfo(std.dtype).tiny), 0.0)
    x, y = (train - mean) * scale, (test - mean) * scale
    n_classes = int(max(tasks.max(), test_tasks.max())) + 1
    stack = _Stack.drawn(len(tasks), train.shape[1], hidden, n_classes, seed, x)
    with torch.no_grad():
        _train(stack, x, tasks, steps, batch_size, learning_rate, seed)
        loss, hits = stack.judge(x, tasks)
        gradient = stack.largest()
        accuracy = stack.accuracy(y, test_tasks)
    return MLPProbe(hits, accuracy, loss, gradient)


def _tasks(labels: ArrayLike, n: int, name: str) -> Tensor:
    made = as_tensor(labels, name=name)
    rows = made if made.ndim == 2 and len(made) else [made]
    return torch.stack([check_labels(row, n=n, name=name) for row in rows])


def _columns(x: Tensor) -> Tensor:
    """Return features as columns, above a row of ones for the bias: (d + 1, n)."""
    return torch.cat([x.T, x.new_ones(1, len(x))])


class _Stack:
    """Perceptrons side by side, all of whose weights are one vector, and their gradients another.

    Samples come last everywhere: the hidden units of all tasks are then the rows of one product
    with the features, and a softmax over few classes runs through memory in order. Gradients of
    two layers are quicker written down than traced.
    """

    def __init__(self, tasks: int, inputs: int, hidden: int, classes: int, like: Tensor) -> None:
        self.shapes = [(inputs + 1, tasks, hidden), (tasks, classes, hidden), (tasks, classes, 1)]
        self.flat = like.new_zeros(sum(map(math.prod, self.shapes)))
        self.flat.grad = torch.zeros_like(self.flat)
        self.first, self.last, self.bias = self._parts(self.flat)
        self.slopes = self._parts(self.flat.grad)
        self.rooms = [like.new_empty(0)] * 2

    @classmethod
    def drawn(
        cls, tasks: int, inputs: int, hidden: int, classes: int, seed: int, like: Tensor
    ) -> _Stack:
        generator = torch_generator(seed, "mlp-probe", "weights")
        stack = cls(tasks, inputs, hidden, classes, like)
        first = torch.randn(inputs, hidden, generator=generator) * math.sqrt(2 / inputs)
        stack.first[:-1] = first[:, None].to(like)
        last = torch.randn(hidden, classes, generator=generator) * math.sqrt(2 / hidden)
        stack.last[:] = last.T.to(like)
        return stack

    def _parts(self, vector: Tensor) -> list[Tensor]:
        parts = vector.split([math.prod(shape) for shape in self.shapes])
        return [part.view(shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def _room(self, n: int) -> list[Tensor]:
        # Fresh memory for every step would cost as much as the arithmetic.
        tasks, hidden = self.first.shape[1:]
        if self.rooms[0].shape[-1] != n:
            self.rooms = [self.flat.new_empty(tasks, hidden, n) for _ in range(2)]
        return self.rooms

    def scores(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Return hidden units (tasks, hidden, n), until the next call, and scores."""
        units = self._room(columns.shape[1])[0]
        torch.mm(self.first.flatten(1).T, columns, out=units.flatten(0, 1))
        return units.relu_(), torch.baddbmm(self.bias, self.last, units)

    def descend(self, columns: Tensor, target: Tensor, *, share: float, fresh: bool) -> Tensor:
        """Write the gradient of the cross-entropy times ``share``, or add it; return the scores."""
        units, scores = self.scores(columns)
        slope = (scores.softmax(1) - target).mul_(share)
        back = torch.bmm(self.last.mT, slope, out=self.rooms[1])
        torch.ops.aten.threshold_backward.grad_input(back, units, 0, grad_input=back)
        first, last, bias = self.slopes
        beta = 0 if fresh else 1
        first.flatten(1).addmm_(columns, back.flatten(0, 1).T, beta=beta)
        last.baddbmm_(slope, units.mT, beta=beta)
        bias.mul_(beta).add_(slope.sum(2, keepdim=True))
        return scores

    def judge(self, x: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        """Return loss and accuracy (tasks,), and leave the gradient of the loss."""
        loss, hits = x.new_zeros(len(tasks)), tasks.new_zeros(len(tasks))
        for i, (part, labels) in enumerate(zip(x.split(_PART), tasks.split(_PART, 1), strict=True)):
            columns, target = _columns(part), _one_hot(labels, self.bias.shape[1], x)
            scores = self.descend(columns, target, share=1 / len(x), fresh=i == 0)
            loss += (scores.logsumexp(1) - (scores * target).sum(1)).sum(1)
            hits += (scores.max(1).indices == labels).sum(1)
        return loss / len(x), hits / len(x)

    def accuracy(self, x: Tensor, tasks: Tensor) -> Tensor:
        hits = tasks.new_zeros(len(tasks))
        for part, labels in zip(x.split(_PART), tasks.split(_PART, 1), strict=True):
            hits += (self.scores(_columns(part))[1].max(1).indices == labels).sum(1)
        return hits / len(x)

    def largest(self) -> Tensor:
        first, last, bias = (part.abs() for part in self.slopes)
        return torch.stack([first.amax((0, 2)), last.amax((1, 2)), bias.amax((1, 2))]).amax(0)


def _one_hot(tasks: Tensor, classes: int, like: Tensor) -> Tensor:
    return functional.one_hot(tasks, classes).mT.to(like.dtype).contiguous()


def _train(
    stack: _Stack,
    x: Tensor,
    tasks: Tensor,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> None:
    step_of = _adam(stack.flat)
    columns, target = _columns(x), _one_hot(tasks, stack.bias.shape[1], x)
    batches = _batches(columns, target, batch_size, seed)
    for step, batch in zip(range(steps), batches, strict=False):
        # The mean is over the batch, not over tasks: their number changes no task's step.
        stack.descend(*batch, share=1 / batch[0].shape[1], fresh=True)
        step_of(learning_rate * (1 + math.cos(math.pi * step / steps)) / 2)


def _adam(flat: Tensor) -> Callable[[float], None]:
    """Return Adam's step as a function: its class spends longer on a vector than the arithmetic."""
    slope = flat.grad
    assert slope is not None
    first, second = torch.zeros_like(flat), torch.zeros_like(flat)
    count = torch.zeros((), device=flat.device)
    fused = flat.device.type in ("cpu", "cuda")

    def step(rate: float) -> None:
        adam(
            [flat], [slope], [first], [second], [], [count], fused=fused, lr=rate, beta1=0.9,
            beta2=0.999, eps=1e-8, weight_decay=0.0, amsgrad=False, maximize=False,
        )  # fmt: skip

    return step


def _batches(
    columns: Tensor, target: Tensor, size: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Go through the samples again and again, each time in another order."""
    generator = torch_generator(seed, "mlp-probe", "order")
    n = columns.shape[1]
    while True:
        order = torch.randperm(n, generator=generator)[: max(1, n // size) * size]
        order = order.to(columns.device)
        parts = (whole.index_select(-1, order).split(size, -1) for whole in (columns, target))
        yield from zip(*parts, strict=True)
