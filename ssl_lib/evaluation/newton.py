"""Truncated Newton's method for many logistic regressions on one matrix of features.

Every task solves a penalised logistic or softmax regression; all of them share the features. A
Newton step is found by conjugate gradients, preconditioned by the inverse of one ``d x d`` matrix a
task: ``X^T diag(mean over classes of p (1 - p)) X`` plus the penalty. Where that takes many rounds
it is one matrix for each class, a fifth of the rounds on digits. Steps are found in float32,
as their direction need not be exact; gradients, weights and line searches are in float64. So two
large products cost one, and what is reached is reached in float64.

Tensors of scores have shape (tasks, c, n), with the samples last: that is how all tasks meet the
features in one large product, and how a softmax over few classes runs through memory in order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["solve"]

_FEW = 20  # matrices of second derivatives: from here on they are made together
_CACHE = 2**19  # entries of pairs of rows that stay near the processor
_STEPS = 60  # of conjugate gradients, for one Newton step
_EXACT = 0.3  # a line search ends where the slope has fallen to this share
_ROUGH = 0.1  # an inverse that is wrong by more makes a poor preconditioner
_SLACK = 0.9  # of the tolerance: the gradient is judged again elsewhere, with other rounding


@dataclass
class _Tasks:
    """The tasks that have not converged yet: a row of each tensor a task."""

    place: Tensor
    target: Tensor
    penalty: Tensor
    weight: Tensor
    scores: Tensor
    prob: Tensor
    best: Tensor  # the smallest gradient before
    slow: Tensor  # how many steps in a row did not make it much smaller
    stale: Tensor  # whose preconditioner is to be made again
    gradient: Tensor | None = None
    size: Tensor | None = None  # its largest entry
    inverse: Tensor | None = None

    @classmethod
    def at(cls, design: _Design, target: Tensor, penalty: Tensor, weight: Tensor) -> _Tasks:
        scores = design.scores(weight)
        return cls(
            place=torch.arange(len(target), device=target.device),
            target=target,
            penalty=design.penalties(penalty),
            weight=weight,
            scores=scores,
            prob=_probabilities(scores),
            best=target.new_full((len(target),), math.inf),
            slow=target.new_zeros(len(target)),
            stale=torch.ones(len(target), dtype=torch.bool, device=target.device),
        )

    def unsolved(self, design: _Design, goal: float) -> _Tasks:
        """Work out gradients, and leave out the tasks where they are small enough."""
        self.gradient = design.adjoint(self.prob - self.target) + self.penalty * self.weight
        self.size = design.largest(self.gradient)
        left = self.size > goal
        if bool(left.all()):
            return self
        return replace(
            self, **{name: value[left] for name, value in vars(self).items() if value is not None}
        )

    def need_double(self) -> bool:
        """Say whether float32 keeps too little: of small curvatures, or of flat directions."""
        assert self.size is not None
        self.slow = torch.where(self.size < 0.7 * self.best, 0, self.slow + 1)
        self.best = torch.minimum(self.best, self.size)
        flat = (self.prob - self.prob.square()).mean((1, 2)) < 1e-5
        return bool((flat | (self.slow > 2)).any())

    def precondition(self, design: _Design, low: torch.dtype, *, alike: bool, each: bool) -> None:
        """Invert what is stale: the second derivatives of each class, or their mean."""
        prob = self.prob[:1] if alike else self.prob[self.stale]
        if not len(prob):
            return
        curvature = prob - prob.square()
        if not each:
            curvature = curvature.mean(1, keepdim=True)
        inverse = design.inverse(_normal(curvature.to(low)), self.penalty[self.stale])
        if len(inverse) == len(self.stale):
            self.inverse = inverse
        else:
            assert self.inverse is not None
            self.inverse[self.stale] = inverse


def solve(
    features: Tensor,
    target: Tensor,
    *,
    penalty: Tensor,
    tolerance: float,
    max_iter: int,
    start: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Minimise the mean loss plus ``penalty / (2 n) ||W||^2`` for each task; the bias is free.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d), float64
        One row a sample.
    target : torch.Tensor of shape (tasks, c, n), float64
        One-hot classes for a softmax; for c = 1, which is a sigmoid, 0 or 1.
    penalty : torch.Tensor of shape (tasks,), float64
        At least 0.
    tolerance : float
        Largest entry of the gradient at which a task is done.
    max_iter : int
        Newton steps.
    start : tuple of torch.Tensor of shape (tasks, c, d), (tasks, c), optional
        Weights and biases to start from; zeros by default.

    Returns
    -------
    weight : torch.Tensor of shape (tasks, c, d)
    bias : torch.Tensor of shape (tasks, c)
    iterations : torch.Tensor of shape (tasks,), int64
        Newton steps of each task.

    Examples
    --------
    >>> x = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    >>> target = torch.tensor([[[0.0, 1.0]]], dtype=torch.float64)
    >>> w, b, _ = solve(x, target, penalty=torch.ones(1), tolerance=1e-9, max_iter=20)
    >>> round(float(w), 3), round(float(b), 3)
    (0.675, 0.0)
    """
    design = _Design.of(features, penalty)
    weight = features.new_zeros(*target.shape[:2], design.width)
    if start is not None:
        weight = design.inward(*start)
    iterations = torch.zeros(len(target), dtype=torch.int64, device=features.device)
    tasks = _Tasks.at(design, target, penalty, weight)
    low, each = torch.float32, False
    for step in range(max_iter + 1):
        tasks = tasks.unsolved(design, _SLACK * tolerance)
        if not len(tasks.place) or step == max_iter:
            break
        if low == torch.float32 and tasks.need_double():
            tasks.stale.fill_(True)
            low = torch.float64
        tasks.precondition(design, low, alike=step == 0 and start is None, each=each)
        direction, used = _conjugate_gradients(design, tasks, low, _SLACK / 3 * tolerance)
        tasks.stale = used > design.patience(each=each)
        if target.shape[1] == 1:  # those of all cost little more than that of one
            tasks.stale.fill_(bool(tasks.stale.any()))
        elif not each and bool((used > design.patience(each=True)).any()):
            each = True
            tasks.stale.fill_(True)
        _move(design, tasks, direction)
        weight[tasks.place] = tasks.weight
        iterations[tasks.place] += 1
    return *design.outward(weight), iterations


@dataclass(frozen=True)
class _Design:
    """Features that are centred, scaled, and turned into their span where that is smaller.

    A last row of constants stands for the bias.
    """

    rows: Tensor  # (width, n)
    low: Tensor  # the same in float32
    scale: Tensor  # (width,): a weight of this design, times its scale, is one of the features
    mean: Tensor  # (d,), of the features
    span: Tensor | None  # (d, width - 1), orthonormal

    @classmethod
    def of(cls, features: Tensor, penalty: Tensor) -> _Design:
        mean, span = features.mean(0), None
        x = features - mean
        if x.shape[1] > len(x):
            # Penalised weights lie in the span of the samples, in which lengths stay.
            span, upper = torch.linalg.qr(x.T)
            x = upper.T
        spread = x.square().mean(0)
        floor = 1e-24 * spread.max() + 4 * penalty.min() / len(x)
        spread = torch.where(floor > 0, spread + floor, 1.0)
        scale = torch.cat([2 / spread.sqrt(), spread.new_full((1,), 2.0)])
        rows = torch.cat([x.T, x.new_ones(1, len(x))]) * scale[:, None]
        return cls(rows, rows.to(torch.float32), scale, mean, span)

    @property
    def width(self) -> int:
        return len(self.rows)

    def patience(self, *, each: bool) -> int:
        """How many conjugate gradient steps cost less than a new preconditioner."""
        return 8 + self.width // 8 if each else 2 + self.width // 16

    def like(self, other: Tensor) -> Tensor:
        """Return the features in another tensor's precision."""
        return self.rows if other.dtype == torch.float64 else self.low

    def penalties(self, penalty: Tensor) -> Tensor:
        each = penalty[:, None, None] / self.rows.shape[1] * self.scale.square()
        each[..., -1] = 0
        return each

    def scores(self, weight: Tensor) -> Tensor:
        return (weight.flatten(0, 1) @ self.like(weight)).view(*weight.shape[:2], -1)

    def adjoint(self, scores: Tensor) -> Tensor:
        product = scores.flatten(0, 1) @ self.like(scores).T
        return product.view(*scores.shape[:2], -1) / self.rows.shape[1]

    def largest(self, gradient: Tensor) -> Tensor:
        """Return the largest gradient entry of each task with respect to the features' weights."""
        inner = gradient / self.scale
        weight, bias = inner[..., :-1], inner[..., -1:]
        if self.span is not None:
            weight = weight @ self.span.T
        entries = weight + bias * self.mean
        return torch.maximum(entries.abs().amax((1, 2)), bias.abs().amax((1, 2)))

    def inverse(self, curvature: Tensor, penalty: Tensor) -> Tensor:
        """Return preconditioners (k, c, width, width), from curvatures (k, c, n)."""
        rows = self.like(curvature)
        grams = _grams(rows, curvature.flatten(0, 1) / rows.shape[1])
        # Rounding must not turn a flat direction negative.
        trace = grams.diagonal(dim1=1, dim2=2).sum(1).view(*curvature.shape[:2], 1)
        ridge = penalty.to(rows) + 8 * torch.finfo(rows.dtype).eps * trace
        grams = grams.view(*curvature.shape[:2], len(rows), len(rows))
        return _inverse(grams + torch.diag_embed(ridge))

    def inward(self, weight: Tensor, bias: Tensor) -> Tensor:
        bias = bias + weight @ self.mean
        inner = weight if self.span is None else weight @ self.span
        return torch.cat([inner, bias[..., None]], 2) / self.scale

    def outward(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        inner = weight * self.scale
        outer, bias = inner[..., :-1], inner[..., -1]
        if self.span is not None:
            outer = outer @ self.span.T
        return outer, bias - outer @ self.mean


def _grams(rows: Tensor, weights: Tensor) -> Tensor:
    """Return ``X^T diag(w) X``, of shape (k, width, width), for the weights w (k, n)."""
    if len(weights) < _FEW:
        return torch.stack([(rows * weight) @ rows.T for weight in weights])
    # One row of all of them is one product; the other half is known by symmetry.
    grams = rows.new_empty(len(weights), len(rows), len(rows))
    size = min(max(1, _CACHE // rows.numel()), len(rows))
    room = rows.new_empty(size * rows.numel())
    for i in range(0, len(rows), size):
        some, others = rows[i : i + size, None], rows[i:]
        pairs = room[: some.numel() * len(others)].view(-1, *others.shape)
        torch.mul(some, others, out=pairs)
        found = (weights @ pairs.flatten(0, 1).T).view(len(weights), -1, len(others))
        grams[:, i : i + size, i:] = found
        grams[:, i:, i : i + size] = found.mT
    return grams


def _inverse(positive: Tensor) -> Tensor:
    """Invert positive definite matrices (k, c, m, m); what rounding spoils with a larger ridge."""
    found = _by_halves(positive)
    # Positive, and the inverse: asked of one vector, which costs nothing beside the products.
    probe = positive.new_ones(positive.shape[-1], 1)
    gap = (positive @ (found @ probe) - probe).norm(dim=(-2, -1)) / probe.norm()
    right = (gap < _ROUGH) & (found.diagonal(dim1=-2, dim2=-1) > 0).all(-1)
    if not right.all():
        found[~right] = _with_more_ridge(positive[~right])
    return found


def _by_halves(positive: Tensor) -> Tensor:
    """Invert in products of many matrices at once; NaN where rounding has made one indefinite."""
    half = positive.shape[-1] // 2
    if half < 12:
        factor, failed = torch.linalg.cholesky_ex(positive)
        return torch.cholesky_inverse(factor).masked_fill((failed > 0)[..., None, None], math.nan)
    first = _by_halves(positive[..., :half, :half])
    across = positive[..., half:, :half] @ first
    rest = _by_halves(positive[..., half:, half:] - across @ positive[..., :half, half:])
    corner = -rest @ across
    left = torch.cat([first - across.mT @ corner, corner], -2)
    return torch.cat([left, torch.cat([corner.mT, rest], -2)], -1)


def _with_more_ridge(positive: Tensor) -> Tensor:
    ridge = torch.finfo(positive.dtype).eps * positive.diagonal(dim1=-2, dim2=-1).sum(-1)
    eye = torch.eye(positive.shape[-1]).to(positive)
    factor, failed = torch.linalg.cholesky_ex(positive)
    for power in range(1, 9):  # the last is larger than the matrix
        if not failed.any():
            break
        more = 8**power * ridge * (failed > 0)
        factor, failed = torch.linalg.cholesky_ex(positive + more[..., None, None] * eye)
    return torch.cholesky_inverse(factor)


def _probabilities(scores: Tensor) -> Tensor:
    return scores.sigmoid() if scores.shape[1] == 1 else scores.softmax(1)


def _normal(prob: Tensor) -> Tensor:
    """Return zeros for tiny ones: a processor is slow where float32 loses digits."""
    return prob if prob.dtype == torch.float64 else functional.threshold(prob, 1e-18, 0.0)


def _curved(prob: Tensor, scores: Tensor) -> Tensor:
    """Apply each sample's Hessian, ``diag(p) - p p^T``, or ``p (1 - p)`` of a sigmoid."""
    product = prob * scores
    if prob.shape[1] == 1:
        return product - prob * product
    return torch.addcmul(product, prob, product.sum(1, keepdim=True), value=-1)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((1, 2), keepdim=True)


def _conjugate_gradients(
    design: _Design, tasks: _Tasks, low: torch.dtype, least: float
) -> tuple[Tensor, Tensor]:
    """Solve for the Newton steps, as well as is of use; also say how many rounds each took.

    Far from the end a rough solution does; near it none is needed below the gradient ``least``.
    """
    gradient, size, inverse = tasks.gradient, tasks.size, tasks.inverse
    assert gradient is not None
    assert size is not None
    assert inverse is not None
    prob, penalty = _normal(tasks.prob.to(low)), tasks.penalty.to(low)
    accuracy = torch.maximum(size.pow(0.25).clamp(1e-2, 0.5), least / size)
    goal = accuracy.to(low)[:, None, None].square()
    length = gradient.square().sum((1, 2), keepdim=True).sqrt()
    left = (-gradient / length).to(low)
    found, rows = torch.zeros_like(left), torch.arange(len(left), device=left.device)
    used, spent = torch.ones_like(rows), torch.ones_like(rows)
    hessian = _hessian(design, prob)
    better = _apply(left, inverse)
    towards, power = better, _dot(left, better)
    for _ in range(_STEPS):
        bent = torch.addcmul(hessian(towards), penalty, towards)
        much = power / _dot(towards, bent).clamp_min(1e-30)
        if len(rows) == len(found):
            found.addcmul_(much, towards)
        else:
            found[rows] += much * towards
        left = torch.addcmul(left, much, bent, value=-1)
        open_ = (_dot(left, left) > goal).flatten()
        spent += open_
        count = int(open_.sum())
        if count == 0:
            break
        if 2 * count <= len(rows):
            used[rows] = spent
            rows, spent, left, towards, power, goal, prob, penalty, inverse = (
                part[open_]
                for part in (rows, spent, left, towards, power, goal, prob, penalty, inverse)
            )
            hessian = _hessian(design, prob)
        better = _apply(left, inverse)
        power, before = _dot(left, better), power
        towards = torch.addcmul(better, power / before, towards)
    used[rows] = spent
    return found.to(gradient) * length, used


def _hessian(design: _Design, prob: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the mean loss's second derivatives as a function, which reuses its memory."""
    binary = prob.shape[1] == 1
    curvature = _normal(prob - prob.square()) if binary else prob
    ahead, bent = torch.empty_like(prob), torch.empty_like(prob)

    def product(weight: Tensor) -> Tensor:
        torch.mm(weight.flatten(0, 1), design.like(prob), out=ahead.flatten(0, 1))
        torch.mul(curvature, ahead, out=bent)
        if not binary:
            bent.addcmul_(prob, bent.sum(1, keepdim=True), value=-1)
        return design.adjoint(bent)

    return product


def _apply(left: Tensor, inverse: Tensor) -> Tensor:
    """Precondition (tasks, c, width) by (tasks, c, width, width), or by c = 1 for all classes."""
    if inverse.shape[1] < left.shape[1]:
        return left @ inverse[:, 0]
    return (left.flatten(0, 1)[:, None] @ inverse.flatten(0, 1)).view_as(left)


def _move(design: _Design, tasks: _Tasks, step: Tensor) -> None:
    """Go along the steps to where the loss no longer falls, and update weights and scores."""
    if step.shape[1] > 1:
        # A constant over classes changes no softmax.
        step = step - step.mean(1, keepdim=True)
    assert tasks.gradient is not None
    ahead = design.scores(step)
    n = ahead.shape[2]
    linear = _dot(tasks.penalty * tasks.weight, step)
    square = _dot(tasks.penalty * step, step)
    goal = _EXACT * _dot(tasks.gradient, step).abs()
    far = torch.ones_like(goal)
    low, high = torch.zeros_like(goal), torch.full_like(goal, math.inf)
    for _ in range(20):
        scores, reached = tasks.scores + far * ahead, far
        prob = _probabilities(scores)
        slope = _dot(prob - tasks.target, ahead) / n + linear + far * square
        done = slope.abs() <= goal
        if bool(done.all()):
            break
        curvature = _dot(_curved(prob, ahead), ahead) / n + square
        low, high = torch.where(slope < 0, far, low), torch.where(slope > 0, far, high)
        newton = far - slope / curvature.clamp_min(1e-300)
        middle = torch.where(high.isinf(), 2 * far, (low + high) / 2)
        inside = (newton > low) & (newton < high) & (newton < 4 * far)
        far = torch.where(done, far, torch.where(inside, newton, middle))
    tasks.weight = tasks.weight + reached * step
    tasks.scores, tasks.prob = scores, prob
