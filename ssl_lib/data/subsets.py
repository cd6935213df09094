"""Which images to use: splits, fractions, long tails, class-poor batches."""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from ssl_lib.arguments import check_whole
from ssl_lib.errors import InputError

__all__ = [
    "balanced_subset",
    "class_poor_batches",
    "long_tail",
    "long_tail_counts",
    "stratified_fraction",
    "stratified_split",
]


def _class_rows(labels: Tensor, generator: torch.Generator) -> list[Tensor]:
    """Positions of each class present, shuffled; on the host."""
    labels = labels.cpu()
    shuffled = torch.randperm(len(labels), generator=generator)
    return [shuffled[labels[shuffled] == label] for label in labels.unique()]


def _allot(sizes: Sequence[int], total: int) -> list[int]:
    """Share `total` in proportion to `sizes`: floors, then the largest remainders."""
    everything = sum(sizes)
    exact = [total * size / everything for size in sizes]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda k: (shares[k] - exact[k], k))
    for k in by_remainder[: total - sum(shares)]:
        shares[k] += 1
    return shares


def stratified_split(
    labels: Tensor,
    *,
    generator: torch.Generator,
    n_test: int | None = None,
    per_class: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Split positions in two, with each class in proportion.

    Parameters
    ----------
    labels : Tensor
        (n,) int64.
    generator : torch.Generator
        Draws the split; a CPU generator.
    n_test : int, optional
        Size of the second part; classes share it in proportion, to the nearest image.
    per_class : int, optional
        Instead: images of each class in the second part.

    Returns
    -------
    train, test : Tensor
        Increasing positions, int64; together 0 to n - 1, each once.

    Raises
    ------
    InputError
        Unless exactly one size is given and every class has that many images.

    Examples
    --------
    >>> labels = torch.tensor([0, 0, 0, 0, 1, 1])
    >>> train, test = stratified_split(labels, generator=torch.Generator(), n_test=3)
    >>> labels[train], labels[test]
    (tensor([0, 0, 1]), tensor([0, 0, 1]))
    """
    if (n_test is None) == (per_class is None):
        raise InputError("give either n_test or per_class")
    classes = _class_rows(labels, generator)
    if n_test is not None and not 0 <= n_test <= len(labels):
        raise InputError(f"n_test must be between 0 and {len(labels)}; got {n_test}")
    if per_class is not None and per_class < 0:
        raise InputError(f"per_class must be at least 0; got {per_class}")
    sizes = [len(rows) for rows in classes]
    shares = _allot(sizes, n_test) if n_test is not None else [per_class or 0] * len(sizes)
    if any(share > size for share, size in zip(shares, sizes, strict=True)):
        raise InputError(f"per_class is {per_class}, but a class has only {min(sizes)} images")
    test = torch.cat([rows[:share] for rows, share in zip(classes, shares, strict=True)])
    inside = torch.zeros(len(labels), dtype=torch.bool)
    inside[test] = True
    return (~inside).nonzero().squeeze(1), inside.nonzero().squeeze(1)


def stratified_fraction(
    labels: Tensor, fraction: float, *, generator: torch.Generator, at_least: int = 1
) -> Tensor:
    """Choose a share of every class.

    Larger fractions drawn with an equal generator contain the smaller ones.

    Parameters
    ----------
    labels : Tensor
        (n,) int64.
    fraction : float
        In (0, 1].
    generator : torch.Generator
        A CPU generator.
    at_least : int, default=1
        Images of each class, as far as it has them.

    Returns
    -------
    Tensor
        Increasing positions, int64.

    Raises
    ------
    InputError
        When the fraction is not in (0, 1].

    Examples
    --------
    >>> labels = torch.arange(100) % 2
    >>> labels[stratified_fraction(labels, 0.1, generator=torch.Generator())].bincount()
    tensor([5, 5])
    """
    if not 0 < fraction <= 1:
        raise InputError(f"fraction must be in (0, 1]; got {fraction}")
    chosen = [
        rows[: max(at_least, round(fraction * len(rows)))]
        for rows in _class_rows(labels, generator)
    ]
    return torch.cat(chosen).sort().values


def long_tail_counts(
    kind: Literal["exponential", "power"],
    *,
    n_max: int,
    n_classes: int,
    imbalance: float | None = None,
    exponent: float | None = None,
    at_least: int = 1,
) -> Tensor:
    """Return how many images each rank of a long tail has.

    Parameters
    ----------
    kind : {"exponential", "power"}
        Exponential: ``int(n_max * imbalance ** (-c / (n_classes - 1)))`` (the usual CIFAR-LT);
        power law: ``round(n_max * (c + 1) ** -exponent)``, c = 0, 1, ...
    n_max : int
        Images of the most frequent class.
    n_classes : int
        Number of classes.
    imbalance : float, optional
        Largest over smallest class, at least 1. For a power law it stands for the exponent
        ``log(imbalance) / log(n_classes)``.
    exponent : float, optional
        For "power", instead; 0 is balanced.
    at_least : int, default=1
        Smallest count.

    Returns
    -------
    Tensor
        (n_classes,) int64, not increasing.

    Raises
    ------
    InputError
        For an unknown kind, a parameter out of range, or both of them.

    Examples
    --------
    >>> counts = long_tail_counts("exponential", n_max=5000, n_classes=10, imbalance=100)
    >>> counts.tolist(), int(counts.sum())
    ([5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50], 12406)
    >>> long_tail_counts("power", n_max=5000, n_classes=10, imbalance=100).tolist()
    [5000, 1250, 556, 312, 200, 139, 102, 78, 62, 50]
    """
    for name, count in (("n_max", n_max), ("n_classes", n_classes), ("at_least", at_least)):
        check_whole(name, count, least=int(name != "at_least"))
    if kind == "power" and exponent is None and imbalance is not None and imbalance >= 1:
        exponent = math.log(imbalance) / math.log(n_classes) if n_classes > 1 else 0.0
        imbalance = None
    ranks = torch.arange(n_classes, dtype=torch.float64)
    if kind == "exponential" and imbalance is not None and imbalance >= 1 and exponent is None:
        exact = n_max * imbalance ** (-ranks / max(1, n_classes - 1))
        # The last count is n_max / imbalance, which rounding must not push below the integer.
        counts = (exact + 1e-9).floor()
    elif kind == "power" and exponent is not None and exponent >= 0 and imbalance is None:
        counts = (n_max * (ranks + 1) ** -exponent).round()
    else:
        raise InputError(
            f"a long tail is 'exponential' with imbalance >= 1, or 'power' with either imbalance "
            f">= 1 or exponent >= 0; got {kind!r}, imbalance={imbalance}, exponent={exponent}"
        )
    return counts.long().clamp(min=at_least)


def long_tail(
    labels: Tensor,
    counts: Tensor | Sequence[int],
    *,
    generator: torch.Generator,
    shuffle_classes: bool = False,
) -> Tensor:
    """Choose a long-tailed subset.

    Parameters
    ----------
    labels : Tensor
        (n,) int64; classes are the values present, in order.
    counts : Tensor or sequence of int
        Images of each rank, from :func:`long_tail_counts`.
    generator : torch.Generator
        Draws the images, and the classes' order; a CPU generator.
    shuffle_classes : bool, default=False
        Draw which class has which rank; by default class 0 is the most frequent.

    Returns
    -------
    Tensor
        Increasing positions, int64.

    Raises
    ------
    InputError
        When the numbers of classes differ or a class has too few images.

    Examples
    --------
    >>> labels = torch.arange(40) % 2
    >>> labels[long_tail(labels, [20, 5], generator=torch.Generator())].bincount()
    tensor([20,  5])
    """
    classes = _class_rows(labels, generator)
    wanted = [check_whole("a count", count, least=0) for count in torch.as_tensor(counts).tolist()]
    if len(wanted) != len(classes):
        raise InputError(f"{len(wanted)} counts for {len(classes)} classes")
    ranks = (
        torch.randperm(len(classes), generator=generator).tolist()
        if shuffle_classes
        else range(len(classes))
    )
    chosen = []
    for label, (rows, rank) in enumerate(zip(classes, ranks, strict=True)):
        if wanted[rank] > len(rows):
            raise InputError(
                f"class {label} has {len(rows)} images, fewer than the {wanted[rank]} wanted"
            )
        chosen.append(rows[: wanted[rank]])
    return torch.cat(chosen).sort().values


def balanced_subset(labels: Tensor, size: int, *, generator: torch.Generator) -> Tensor:
    """Choose as many images of every class: the control of a long tail of that size.

    Parameters
    ----------
    labels : Tensor
        (n,) int64; classes are the values present.
    size : int
        Images in all; classes drawn by lot have one more where it does not divide.
    generator : torch.Generator
        A CPU generator.

    Returns
    -------
    Tensor
        Increasing positions, int64.

    Raises
    ------
    InputError
        When a class has too few images.

    Examples
    --------
    >>> labels = torch.tensor([0] * 30 + [1] * 10)
    >>> labels[balanced_subset(labels, 12, generator=torch.Generator())].bincount()
    tensor([6, 6])
    """
    classes = len(labels.unique())
    if not classes <= check_whole("size", size, least=0) <= len(labels):
        raise InputError(f"size must be from {classes}, the classes, to {len(labels)}; got {size}")
    counts = _allot([1] * classes, size)
    return long_tail(labels, counts, generator=generator, shuffle_classes=True)


def class_poor_batches(
    labels: Tensor,
    *,
    generator: torch.Generator,
    n_batches: int,
    batch_size: int,
    classes_per_batch: int,
) -> Iterator[Tensor]:
    """Draw batches of few classes while every image stays equally likely overall.

    Classes are drawn without replacement for each batch and share it in proportion to their sizes;
    images are drawn with replacement: the imbalanced batches of Table 1 of "The hidden uniform
    cluster prior". Not a long tail: over many batches the images are those of the data.

    Parameters
    ----------
    labels : Tensor
        (n,) int64.
    generator : torch.Generator
        A CPU generator.
    n_batches, batch_size : int
        How many batches of how many images.
    classes_per_batch : int
        At most `batch_size`. A class whose share is less than an image may be left out.

    Yields
    ------
    Tensor
        (batch_size,) positions, int64, grouped by class.

    Raises
    ------
    InputError
        When there are not so many classes, or a batch is too small for them.

    Examples
    --------
    >>> labels = torch.arange(100) % 10
    >>> batches = class_poor_batches(
    ...     labels, generator=torch.Generator(), n_batches=3, batch_size=8, classes_per_batch=2
    ... )
    >>> [len(labels[batch].unique()) for batch in batches]
    [2, 2, 2]
    """
    classes = _class_rows(labels, generator)
    most = min(len(classes), check_whole("batch_size", batch_size))
    check_whole("n_batches", n_batches, least=0)
    if not 1 <= check_whole("classes_per_batch", classes_per_batch, least=0) <= most:
        raise InputError(
            f"classes_per_batch must be from 1 to {most} for {len(classes)} classes in batches of "
            f"{batch_size}; got {classes_per_batch}"
        )
    sizes = torch.tensor([len(rows) for rows in classes], dtype=torch.float64)
    for _ in range(n_batches):
        drawn = _classes_of_a_batch(sizes, classes_per_batch, generator)
        counts = _shares_of_a_batch(sizes[drawn], batch_size, generator)
        yield torch.cat(
            [
                classes[k][torch.randint(len(classes[k]), (count,), generator=generator)]
                for k, count in zip(drawn.tolist(), counts, strict=True)
            ]
        )


def _classes_of_a_batch(sizes: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw classes so that a set's probability is in proportion to its images (Midzuno 1952).

    Then an image of the set, drawn uniformly, is equally likely to be any image of the data.
    """
    first = torch.multinomial(sizes, 1, generator=generator)
    order = torch.randperm(len(sizes), generator=generator)
    return torch.cat([first, order[order != first][: count - 1]])


def _shares_of_a_batch(sizes: Tensor, total: int, generator: torch.Generator) -> list[int]:
    """Round the classes' shares of a batch at random, each right on average."""
    ends = total * sizes.cumsum(0) / sizes.sum()
    shift = torch.rand(1, generator=generator, dtype=torch.float64)
    # Rounding error must not move an end that is whole.
    ends = (ends + shift + 1e-9).floor().long()
    ends[-1] = total
    return ends.diff(prepend=ends.new_zeros(1)).tolist()
