"""Linear probes: ridge regression for all penalties at once, and logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ssl_lib.arguments import as_array, check_between
from ssl_lib.errors import InputError
from ssl_lib.evaluation.accuracy import accuracy, per_class_accuracy
from ssl_lib.evaluation.checks import check_features, check_labels, check_pair
from ssl_lib.evaluation.logistic import logistic_fit

__all__ = [
    "ProbeResult",
    "RidgePath",
    "logistic_fit",
    "logistic_probe",
    "ridge_path",
    "ridge_probe",
]

PENALTIES = tuple(10.0**power for power in range(-6, 5))


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found.

    Attributes
    ----------
    accuracy : float
        On the test samples.
    train_accuracy : float
        On the samples that fitted the probe.
    penalty : float
        The penalty that was used.
    scores : torch.Tensor of shape (m, c)
        Of the test samples.
    per_class : torch.Tensor of shape (c,)
        Accuracy on each class; NaN for a class without test samples.
    gradient : float
        What the solver left of the objective's gradient: see :class:`RidgePath` and
        :class:`ssl_lib.evaluation.logistic.LogisticFit`.
    converged : bool
        Whether that is within the tolerance.

    Examples
    --------
    >>> x = torch.tensor([[0.0], [0.1], [1.0], [1.1]])
    >>> found = ridge_probe(x, torch.tensor([0, 0, 1, 1]), x, torch.tensor([0, 0, 1, 0]))
    >>> found.accuracy, found.train_accuracy, found.scores.shape
    (0.75, 1.0, torch.Size([4, 2]))
    """

    accuracy: float
    train_accuracy: float
    penalty: float
    scores: Tensor
    per_class: Tensor
    gradient: float
    converged: bool


@dataclass(frozen=True)
class RidgePath:
    """Ridge regressions for a list of penalties.

    Attributes
    ----------
    penalties : tuple of float
        Length p.
    weights : torch.Tensor of shape (p, d, c)
        In float64.
    bias : torch.Tensor of shape (p, c)
        In float64; not penalised.
    loo_error : torch.Tensor of shape (p,)
        Mean squared error of leave-one-out predictions, exact, from the same decomposition.
    gradient : torch.Tensor of shape (p,)
        Largest entry of the objective's gradient, as a share of the largest at zero weights: about
        1e-14, and more where the penalty is tiny and the features nearly dependent.
    loo_exact : torch.Tensor of shape (p,), bool
        Whether rounding leaves 8 digits or so to the leave-one-out errors.

    Examples
    --------
    >>> x = torch.tensor([[0.0], [1.0], [2.0]])
    >>> path = ridge_path(x, x, penalties=[1e-9, 1.0])
    >>> path.weights.shape, path.scores(x, index=0).round().flatten().tolist()
    (torch.Size([2, 1, 1]), [0.0, 1.0, 2.0])
    """

    penalties: tuple[float, ...]
    weights: Tensor
    bias: Tensor
    loo_error: Tensor
    gradient: Tensor
    loo_exact: Tensor

    @property
    def converged(self) -> Tensor:
        """Whether the gradient is zero up to 1e-8 of its size at zero weights, of shape (p,)."""
        return self.gradient <= 1e-8

    def scores(self, features: Tensor, *, index: int) -> Tensor:
        """Compute the predictions of one regression, of shape (n, c)."""
        return features.to(self.weights) @ self.weights[index] + self.bias[index]


def ridge_path(features: Tensor, targets: Tensor, *, penalties: Sequence[float]) -> RidgePath:
    """Solve ridge regression for many penalties with one eigendecomposition.

    Minimises ``(1/n) sum_i ||y_i - W^T x_i - b||^2 + penalty ||W||^2``. With centred features X,
    ``X^T X = V diag(s) V^T`` gives ``W = V diag(1 / (s + n penalty)) V^T X^T Y`` for every penalty,
    and the leverages that turn residuals into leave-one-out residuals.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        One row a sample.
    targets : torch.Tensor of shape (n, c)
        For classification, one-hot labels.
    penalties : sequence of float
        Each above 0.

    Returns
    -------
    RidgePath

    Examples
    --------
    >>> x = torch.tensor([[0.0], [1.0], [2.0]])
    >>> path = ridge_path(x, 2 * x + 1, penalties=[1e-9])
    >>> round(float(path.weights), 4), round(float(path.bias), 4)
    (2.0, 1.0)
    """
    features = check_features(features, least=2).double()
    targets = check_features(targets, name="targets", least=2).double().to(features.device)
    if len(targets) != len(features):
        raise InputError(f"targets must have {len(features)} rows, got {len(targets)}.")
    ridge = _penalties(penalties).to(features)
    x_mean, y_mean = features.mean(0), targets.mean(0)
    x_mean = x_mean + (features - x_mean).mean(0)  # equal samples differ from it by nothing
    x, y = features - x_mean, targets - y_mean
    solve = _ridge_wide if len(x) <= x.shape[1] else _ridge_tall
    weights, loo_error, loo_exact = solve(x, y, len(x) * ridge)
    towards = x.T @ y
    left = x.T @ (x @ weights) + len(x) * ridge[:, None, None] * weights - towards
    return RidgePath(
        penalties=tuple(ridge.tolist()),
        weights=weights,
        bias=y_mean - x_mean @ weights,
        loo_error=loo_error,
        gradient=left.abs().amax((1, 2)) / towards.abs().max().clamp_min(1e-300),
        loo_exact=loo_exact,
    )


def _ridge_tall(x: Tensor, y: Tensor, ridge: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return weights (p, d, c), leave-one-out errors and whether they are exact, both (p,)."""
    eigenvalues, vectors = torch.linalg.eigh(x.T @ x)
    rotated = x @ vectors
    shrink = 1 / (eigenvalues.clamp_min(0) + ridge[:, None])
    weights = vectors @ (shrink[:, :, None] * (rotated.T @ y))
    # 1/n is the leverage of the unpenalised bias.
    left = 1 - rotated.square() @ shrink.T - 1 / len(x)
    errors = [
        ((y - x @ weight) / left[:, i, None].clamp_min(1e-12)).square().mean()
        for i, weight in enumerate(weights)
    ]
    return weights, torch.stack(errors), left.amin(0) >= _exact(x)


def _ridge_wide(x: Tensor, y: Tensor, ridge: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Do the same from the n x n Gram matrix, where tiny penalties leave hardly any residual.

    A residual and what it is divided by, 1 minus the leverage, then both vanish, and no difference
    of numbers near 1 would tell their ratio: both are sums over ``penalty / (s + penalty)``.
    """
    eigenvalues, vectors = _spectrum(x)
    shrink = 1 / (eigenvalues + ridge[:, None])
    rotated = vectors.T @ y
    # No weight lies where samples are dependent.
    weights = x.T @ (vectors @ (torch.where(eigenvalues > 0, shrink, 0)[:, :, None] * rotated))
    kept = ridge[:, None] * shrink
    residual = vectors @ (kept[:, :, None] * rotated)
    share = (kept @ vectors.square().T)[:, :, None]
    # A sample that alone is left by the others' mean has a share of 0, and no residual.
    errors = (residual / share.clamp_min(1e-300)).square().mean((1, 2))
    largest = ((vectors != 0) * kept[:, None]).amax(2)  # the rounding of what a sample keeps
    return weights, errors, (share[..., 0] >= _exact(x) * largest).all(1)


def _spectrum(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues (n - 1,) and eigenvectors (n, n - 1) of ``X X^T``, less the mean.

    Dependent samples, such as equal ones, have an eigenvalue of exactly 0, and samples that take no
    part in it have an entry of exactly 0: any rounding would count beside a tiny penalty.
    """
    gram = x @ x.T
    size = torch.where(gram.trace() > 0, gram.trace(), 1)
    # Raised above all others, the mean is the last eigenvector: the one the bias takes.
    eigenvalues, vectors = torch.linalg.eigh(gram + 2 * size / len(x))
    eigenvalues, vectors = eigenvalues[:-1], vectors[:, :-1]
    rounding = torch.finfo(x.dtype).eps * len(x) * size
    small = int((eigenvalues <= 1e4 * rounding).sum())
    if small:
        noise = rounding / eigenvalues[small:].min() if small < len(eigenvalues) else rounding
        turn, singular, _ = torch.linalg.svd(vectors[:, :small].T @ x, full_matrices=False)
        none = singular <= noise * size.sqrt()
        eigenvalues[:small] = torch.where(none, 0, singular.square())
        found = vectors[:, :small] @ turn
        alone = found[:, none].square().sum(1, keepdim=True) <= noise**2
        vectors[:, :small] = torch.where(none & alone, 0, found)
    return eigenvalues, vectors


def _exact(x: Tensor) -> float:
    """Return the least that may be left of what a sample keeps, to 8 digits."""
    return 1e8 * torch.finfo(x.dtype).eps


def ridge_probe(
    train: Tensor,
    labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    *,
    penalties: Sequence[float] = PENALTIES,
    standardise: bool = True,
) -> ProbeResult:
    """Classify frozen features by ridge regression to one-hot labels.

    The penalty with the smallest leave-one-out error on the training samples is used: no test label
    takes part in the choice.

    Parameters
    ----------
    train : torch.Tensor of shape (n, d)
        Features that fit the probe.
    labels : torch.Tensor of shape (n,)
        Their classes.
    test : torch.Tensor of shape (m, d)
        Features that judge it.
    test_labels : torch.Tensor of shape (m,)
        Their classes.
    penalties : sequence of float, default=(1e-6, ..., 1e4)
        Candidates, each per sample.
    standardise : bool, default=True
        Scale every dimension to mean 0 and standard deviation 1 of the training features.

    Returns
    -------
    ProbeResult

    Examples
    --------
    >>> x = torch.tensor([[0.0, 1], [0, 2], [1, 0], [2, 0]])
    >>> y = torch.tensor([0, 0, 1, 1])
    >>> ridge_probe(x, y, x, y).accuracy
    1.0
    """
    train, labels, test, test_labels = _probe_inputs(train, labels, test, test_labels)
    if standardise:
        train, test = _standardise(train, test)
    n_classes = int(max(labels.max(), test_labels.max())) + 1
    one_hot = functional.one_hot(labels, n_classes).double()
    path = ridge_path(train, one_hot, penalties=penalties)
    best = int(path.loo_error.argmin())
    return _result(
        path.scores(train, index=best),
        labels,
        path.scores(test, index=best),
        test_labels,
        path.penalties[best],
        path.gradient[best],
        path.converged[best],
    )


def logistic_probe(
    train: Tensor,
    labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    *,
    penalty: float = 1.0,
    standardise: bool = True,
    max_iter: int = 200,
    tolerance: float = 1e-6,
) -> ProbeResult:
    """Classify frozen features by multinomial logistic regression.

    Parameters
    ----------
    train : torch.Tensor of shape (n, d)
        Features that fit the probe.
    labels : torch.Tensor of shape (n,)
        Their classes.
    test : torch.Tensor of shape (m, d)
        Features that judge it.
    test_labels : torch.Tensor of shape (m,)
        Their classes.
    penalty : float, default=1.0
        See :func:`logistic_fit`; 1 is scikit-learn's ``C=1``.
    standardise : bool, default=True
        Scale every dimension to mean 0 and standard deviation 1 of the training features.
    max_iter, tolerance : int, float, default=200, 1e-6
        See :func:`logistic_fit`.

    Returns
    -------
    ProbeResult

    Examples
    --------
    >>> x = torch.tensor([[0.0, 1], [0, 2], [1, 0], [2, 0]])
    >>> y = torch.tensor([0, 0, 1, 1])
    >>> logistic_probe(x, y, x, y).accuracy
    1.0
    """
    penalty = check_between("penalty", penalty)
    train, labels, test, test_labels = _probe_inputs(train, labels, test, test_labels)
    if standardise:
        train, test = _standardise(train, test)
    n_classes = int(max(labels.max(), test_labels.max())) + 1
    fit = logistic_fit(
        train,
        labels,
        n_classes=n_classes,
        penalty=penalty,
        max_iter=max_iter,
        tolerance=tolerance,
    )
    train_scores, scores = (x.to(fit.weight) @ fit.weight + fit.bias for x in (train, test))
    return _result(train_scores, labels, scores, test_labels, penalty, fit.gradient, fit.converged)


def _penalties(penalties: Sequence[float]) -> Tensor:
    values = as_array(penalties, name="penalties")
    if values.ndim != 1 or not len(values):
        raise InputError(f"penalties must be one or more numbers above 0, got {penalties!r}.")
    each = [check_between("penalties", value, open=True) for value in values.tolist()]
    return torch.tensor(each, dtype=torch.float64)


def _probe_inputs(
    train: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    train, test = check_pair(train, test)
    labels = check_labels(labels, n=len(train)).to(train.device)
    test_labels = check_labels(test_labels, n=len(test), name="test_labels").to(train.device)
    if len(test) == 0 or int(labels.min()) == int(labels.max()):
        raise InputError("a probe needs at least two classes to fit and one sample to judge.")
    return train, labels, test, test_labels


def _standardise(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    mean, std = train.mean(0), train.std(0, unbiased=False)
    # A constant dimension says nothing: it is left at zero instead of divided by zero.
    scale = torch.where(std > 0, 1 / std.clamp_min(torch.finfo(std.dtype).tiny), 0.0)
    return (train - mean) * scale, (test - mean) * scale


def _result(
    train_scores: Tensor,
    labels: Tensor,
    scores: Tensor,
    test_labels: Tensor,
    penalty: float,
    gradient: Tensor,
    converged: Tensor,
) -> ProbeResult:
    return ProbeResult(
        accuracy=accuracy(scores, test_labels),
        train_accuracy=accuracy(train_scores, labels),
        penalty=penalty,
        scores=scores,
        per_class=per_class_accuracy(scores, test_labels, n_classes=scores.shape[1]),
        gradient=float(gradient),
        converged=bool(converged),
    )
