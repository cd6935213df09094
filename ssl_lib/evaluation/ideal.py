"""How close a representation is to ideal (Dubois et al., 2022, Theorem 1).

For linear probes a representation is ideal - every task that respects the equivalence classes is
solved, with as few labels as possible - if and only if

1. the equivalence class is linearly *predictable* from it,
2. equivalent inputs share one representation (*invariance*),
3. its *effective dimension* is at least the number of classes minus 1.

:func:`ideality` measures all three, and what they are for: the accuracy on the worst of some random
binary tasks, each of which sends every class to one of two sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_lib.arguments import ArrayLike, check_between, check_whole
from ssl_lib.data import ImageData
from ssl_lib.data.views import Policy
from ssl_lib.errors import InputError, closest
from ssl_lib.evaluation.checks import check_features, check_labels, check_pair
from ssl_lib.evaluation.features import check_images, extract
from ssl_lib.evaluation.linear import logistic_probe
from ssl_lib.evaluation.logistic import binary_logistic_fit
from ssl_lib.evaluation.mlp import mlp_probe
from ssl_lib.randomness import torch_generator

__all__ = [
    "PROBES",
    "BinaryTasks",
    "Ideality",
    "binary_groupings",
    "binary_logistic_fit",
    "binary_tasks",
    "effective_dimension",
    "encoder_ideality",
    "ideality",
    "invariance",
    "source_classes",
]

PROBES = ("linear", "mlp")
_PENALTY = 1e-3  # scikit-learn's C = 1000: nearly unpenalised, as the theory asks


@dataclass(frozen=True)
class BinaryTasks:
    """Accuracy on random binary tasks.

    Attributes
    ----------
    groupings : torch.Tensor of shape (tasks, classes), bool
        The side of each class in each task.
    train, test : torch.Tensor of shape (tasks,)
        Accuracy on the samples that fitted the probes and on the others.
    gradient : torch.Tensor of shape (tasks,)
        Largest entry of the gradient that each probe's training left. Linear probes go on until it
        is within 1e-8; MLP probes take a fixed number of steps.

    Examples
    --------
    >>> x = torch.arange(4.0).repeat(5)[:, None]
    >>> m = torch.arange(4).repeat(5)
    >>> bool((binary_tasks(x, m, x, m, tasks=4).gradient <= 1e-8).all())
    True
    """

    groupings: Tensor
    train: Tensor
    test: Tensor
    gradient: Tensor


@dataclass(frozen=True, kw_only=True)
class Ideality:
    """The conditions of Theorem 1, and the tasks that they are for.

    Attributes
    ----------
    predictability : float
        Accuracy of a linear probe for the equivalence class, training samples.
    invariance : float
        Share of the variance that lies between classes: 1 when equivalent inputs coincide.
    effective_dimension : int
        See :func:`effective_dimension`.
    needed_dimension : int
        Number of classes minus 1.
    worst_task, mean_task : float
        Accuracy on the worst binary task and on average, training samples: can the probe do it?
    worst_task_test, mean_task_test : float
        The same on test samples: does it generalise?
    tasks : int
        How many tasks were drawn.

    Examples
    --------
    >>> m = torch.arange(3).repeat(5)
    >>> found = ideality(torch.eye(3)[m], m, torch.eye(3)[m], m)
    >>> found.effective_dimension, found.needed_dimension, found.mean_task
    (2, 2, 1.0)
    """

    predictability: float
    invariance: float
    effective_dimension: int
    needed_dimension: int
    worst_task: float
    mean_task: float
    worst_task_test: float
    mean_task_test: float
    tasks: int


def ideality(
    train: ArrayLike,
    classes: ArrayLike,
    test: ArrayLike,
    test_classes: ArrayLike,
    *,
    tasks: int = 16,
    probe: str = "linear",
    seed: int = 0,
) -> Ideality:
    """Measure how close frozen features are to ideal.

    Parameters
    ----------
    train : torch.Tensor of shape (n, d), or array-like
        Features of the images that fit the probes.
    classes : torch.Tensor of shape (n,)
        Their equivalence classes: labels, or the source image of each view
        (:func:`source_classes`).
    test : torch.Tensor of shape (m, d)
        Features of other images of the same classes.
    test_classes : torch.Tensor of shape (m,)
        Their classes.
    tasks : int, default=16
        Random binary tasks; the authors' code draws 16.
    probe : {"linear", "mlp"}, default="linear"
        What solves the binary tasks. Condition 3 is about linear probes only.
    seed : int, default=0
        Of tasks and probes.

    Returns
    -------
    Ideality

    Raises
    ------
    InputError
        When features and classes do not fit together, or there are fewer than two classes.

    Examples
    --------
    A simplex is ideal. Points on a circle are as predictable, but lack dimensions.

    >>> from ssl_lib.theory.separability import simplex_code
    >>> m = torch.arange(10).repeat(20)
    >>> simplex = torch.from_numpy(simplex_code(10))[m]
    >>> best = ideality(simplex, m, simplex, m)
    >>> best.predictability, best.invariance, best.effective_dimension, best.worst_task
    (1.0, 1.0, 9, 1.0)
    >>> turn = 2 * torch.pi * m / 10
    >>> circle = torch.stack([turn.cos(), turn.sin()], 1)
    >>> poor = ideality(circle, m, circle, m)
    >>> poor.predictability, poor.effective_dimension, poor.worst_task
    (1.0, 2, 0.4)
    """
    train, test = check_pair(train, test)
    classes = check_labels(classes, n=len(train), name="classes").to(train.device)
    found = binary_tasks(train, classes, test, test_classes, tasks=tasks, probe=probe, seed=seed)
    predicted = logistic_probe(train, classes, train, classes, penalty=_PENALTY)
    return Ideality(
        predictability=predicted.train_accuracy,
        invariance=invariance(train, classes),
        effective_dimension=effective_dimension(train),
        needed_dimension=len(classes.unique()) - 1,
        worst_task=float(found.train.min()),
        mean_task=float(found.train.mean()),
        worst_task_test=float(found.test.min()),
        mean_task_test=float(found.test.mean()),
        tasks=tasks,
    )


def encoder_ideality(
    encoder: Callable[[Tensor], Tensor],
    train: ImageData,
    test: ImageData,
    *,
    transform: Callable[[Tensor], Tensor] | None = None,
    batch_size: int = 512,
    tasks: int = 16,
    probe: str = "linear",
    seed: int = 0,
) -> Ideality:
    """Measure how close an encoder is to ideal for the classes of some images.

    Parameters
    ----------
    encoder : callable
        Maps (b, c, h, w) images to (b, d) features, see
        :func:`~ssl_lib.evaluation.features.extract`.
    train, test : ImageData
        Images whose labels are the equivalence classes.
    transform : callable, optional
        Applied to each batch in [0, 1], for example the normalisation that the encoder knows.
    batch_size : int, default=512
        Images encoded at a time.
    tasks, probe, seed
        See :func:`ideality`.

    Returns
    -------
    Ideality

    Examples
    --------
    Raw pixels tell digits apart, but they are far from invariant:

    >>> from ssl_lib import data
    >>> train, test = data.load("digits"), data.load("digits", split="test")
    >>> found = encoder_ideality(torch.nn.Flatten(), train, test)
    >>> found.predictability, round(found.invariance, 2), round(found.worst_task_test, 1)
    (1.0, 0.42, 0.8)
    """
    check_images("the distance from the ideal", train, test)
    features = [
        extract(encoder, part.images, batch_size=batch_size, transform=transform)
        for part in (train, test)
    ]
    return ideality(
        features[0], train.labels, features[1], test.labels, tasks=tasks, probe=probe, seed=seed
    )


def source_classes(
    images: Tensor, policy: Policy, *, copies: int, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Make augmented copies of images whose class is the image that they come from.

    These are the equivalence classes that augmentations define, for :func:`ideality` without
    labels: encode the copies, and let the first half fit the probes and the rest judge them.

    Parameters
    ----------
    images : torch.Tensor of shape (k, c, h, w)
        A few dozen images: each is a class.
    policy : Policy
        Its first view is drawn for every copy.
    copies : int
        Views of each image.
    seed : int, default=0
        Of the draws.

    Returns
    -------
    views : torch.Tensor of shape (copies * k, c, h, w)
        Floating-point, in blocks of k.
    classes : torch.Tensor of shape (copies * k,), int64

    Examples
    --------
    >>> from ssl_lib.data import load, views
    >>> digits = load("digits").images[:20]
    >>> made, classes = source_classes(digits, views.policy("digits", size=8), copies=4)
    >>> made.shape, classes[18:22]
    (torch.Size([80, 1, 8, 8]), tensor([18, 19,  0,  1]))
    """
    check_whole("copies", copies)
    generator = torch_generator(seed, "source-classes")
    made = [policy(images, generator)[0] for _ in range(copies)]
    return torch.cat(made), torch.arange(len(images)).repeat(copies).to(images.device)


def binary_tasks(
    train: ArrayLike,
    classes: ArrayLike,
    test: ArrayLike,
    test_classes: ArrayLike,
    *,
    tasks: int = 16,
    probe: str = "linear",
    seed: int = 0,
) -> BinaryTasks:
    """Fit probes to random binary tasks that respect the classes.

    Parameters
    ----------
    train, classes, test, test_classes, tasks, probe, seed
        See :func:`ideality`.

    Returns
    -------
    BinaryTasks

    Examples
    --------
    >>> x = torch.arange(4.0).repeat(5)[:, None]
    >>> m = torch.arange(4).repeat(5)
    >>> found = binary_tasks(x, m, x, m, tasks=4)
    >>> found.groupings.int()[:, 0].tolist(), float(found.train.min())
    ([0, 0, 1, 0], 0.5)
    """
    if probe not in PROBES:
        raise InputError(f"unknown probe {probe!r}.{closest(probe, PROBES)}")
    train, test = check_pair(train, test)
    classes = check_labels(classes, n=len(train)).to(train.device)
    test_classes = check_labels(test_classes, n=len(test), name="test_classes").to(train.device)
    known, index = classes.unique(return_inverse=True)
    place = torch.searchsorted(known, test_classes.contiguous()).clamp(max=len(known) - 1)
    if not bool((known[place] == test_classes).all()):
        raise InputError("test_classes holds a class that no training sample has.")
    groupings = binary_groupings(len(known), tasks, seed=seed).to(train.device)
    fit, judge = groupings[:, index].long(), groupings[:, place].long()
    if probe == "mlp":
        mlp = mlp_probe(train, fit, test, judge, seed=seed)
        return BinaryTasks(groupings, mlp.train_accuracy, mlp.accuracy, mlp.gradient)
    mean, std = train.mean(0), train.std(0, unbiased=False)
    scale = torch.where(std > 0, 1 / std.clamp_min(torch.finfo(std.dtype).tiny), 0.0)
    train, test = (train - mean) * scale, (test - mean) * scale
    found = binary_logistic_fit(train, fit.T, penalty=_PENALTY)
    hits = [
        (y.bool() == ((x.to(found.weight) @ found.weight + found.bias) > 0).T).double().mean(1)
        for x, y in ((train, fit), (test, judge))
    ]
    return BinaryTasks(groupings, hits[0], hits[1], found.gradient)


def binary_groupings(n_classes: int, tasks: int, *, seed: int = 0) -> Tensor:
    """Draw binary tasks: each class goes to one of two sides at random, and both sides are used.

    Parameters
    ----------
    n_classes : int
        At least 2.
    tasks : int
        How many, at least 1; they may repeat.
    seed : int, default=0
        Of the draws; more tasks keep the first ones.

    Returns
    -------
    torch.Tensor of shape (tasks, n_classes), bool

    Examples
    --------
    >>> binary_groupings(5, 3).int()
    tensor([[1, 1, 1, 1, 0],
            [0, 0, 1, 0, 0],
            [0, 0, 0, 1, 0]], dtype=torch.int32)
    """
    n_classes = check_whole("n_classes", n_classes, least=2)
    tasks = check_whole("tasks", tasks)
    generator = torch_generator(seed, "binary-tasks")
    rows: list[Tensor] = []
    while len(rows) < tasks:
        row = torch.randint(2, (n_classes,), generator=generator, dtype=torch.int64).bool()
        if row.any() and not row.all():
            rows.append(row)
    return torch.stack(rows)


def invariance(features: ArrayLike, classes: ArrayLike) -> float:
    """Return the share of the features' variance that lies between equivalence classes.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        One row a sample.
    classes : torch.Tensor of shape (n,)
        Equivalence classes.

    Returns
    -------
    float
        In [0, 1]: 1 when equivalent inputs share one representation (condition 2); NaN when all
        features coincide. Blind to shifts, rotations and scale, but not to other linear maps.

    Examples
    --------
    >>> invariance(torch.tensor([[0.0], [2.0], [4.0], [6.0]]), torch.tensor([0, 0, 1, 1]))
    0.8
    """
    features = check_features(features).double()
    classes = check_labels(classes, n=len(features)).to(features.device)
    _, index = classes.unique(return_inverse=True)
    counts = torch.bincount(index).to(features)
    sums = features.new_zeros(len(counts), features.shape[1]).index_add_(0, index, features)
    total = (features - features.mean(0)).square().sum()
    if total == 0:
        return float("nan")
    within = (features - (sums / counts[:, None])[index]).square().sum()
    return float(1 - within / total)


def effective_dimension(features: ArrayLike, *, atol: float = 1e-4, rtol: float = 0.01) -> int:
    """Count the dimensions of the affine span of the features, up to noise.

    The rank of the features' correlation matrix, with the tolerances of the authors' code: what
    counts is an eigenvalue above ``max(atol, rtol * largest)``. Width without spread adds nothing.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        One row a sample.
    atol, rtol : float, default=1e-4, 0.01
        Tolerances.

    Returns
    -------
    int
        At most ``min(n - 1, d)``.

    Raises
    ------
    InputError
        When there are fewer than two features, one is not finite, or a tolerance is negative.

    Examples
    --------
    >>> wide = torch.randn(200, 3, generator=torch.Generator().manual_seed(0)).repeat(1, 4)
    >>> effective_dimension(wide)
    3
    """
    check_between("atol", atol)
    check_between("rtol", rtol)
    features = check_features(features, least=2).double()
    centred = features - features.mean(0)
    size = centred.square().mean(0).sqrt()
    # What rounding leaves of a constant dimension is no spread.
    alive = size > 1e-9 * features.abs().amax(0)
    if not bool(alive.any()):
        return 0
    standard = centred[:, alive] / size[alive]
    correlation = standard.T @ standard / len(standard)
    return int(torch.linalg.matrix_rank(correlation, atol=atol, rtol=rtol, hermitian=True))
