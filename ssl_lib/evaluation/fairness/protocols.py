"""Group accuracy against ensemble size, by the paper's protocol and without selection bias.

Both follow fixed groups of classes from one member to all. They differ in two choices:

=================  =======================================  =====================================
protocol           groups chosen on                         compared with
=================  =======================================  =====================================
base (the paper)   the base model's accuracy on all images  the base model, part of every ensemble
held out           mean accuracy of members on one half     the mean member, on the other half
=================  =======================================  =====================================
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from ssl_lib.arguments import as_array, check_between, check_whole
from ssl_lib.errors import InputError, closest
from ssl_lib.evaluation.fairness.curves import EnsembleCurve, ensemble_curve
from ssl_lib.evaluation.fairness.ensembles import Aggregate
from ssl_lib.evaluation.fairness.groups import Groups, class_groups, held_out
from ssl_lib.evaluation.fairness.inputs import Floats, Ints, checked_labels, checked_members
from ssl_lib.randomness import numpy_generator

__all__ = [
    "GroupCurve",
    "base_protocol",
    "bootstrap_means",
    "group_curve",
    "held_out_protocol",
]

Statistic = Literal["accuracy", "gain", "relative_gain", "gap"]
STATISTICS: tuple[str, ...] = get_args(Statistic)
_COUNTS_A_TIME = 1 << 21  # resampled counts held at once


@dataclass(frozen=True, eq=False)
class GroupCurve:
    """The accuracy of groups by ensemble size.

    Attributes
    ----------
    sizes : int64 array (k,)
        Numbers of members; what gains are compared with is the first, one member.
    names : tuple of str
        The g groups.
    accuracy : float64 array (k, g)
    replicates : float64 array (b, k, g)
        The same on resampled images; b may be 0.
    """

    sizes: Ints
    names: tuple[str, ...]
    accuracy: Floats
    replicates: Floats = field(repr=False)

    @property
    def gain(self) -> Floats:
        """Accuracy minus that of one member, (k, g)."""
        return self.of("gain")

    @property
    def relative_gain(self) -> Floats:
        """Accuracy over that of one member, minus 1, (k, g); nan where one member has 0."""
        return self.of("relative_gain")

    @property
    def gap(self) -> Floats:
        """Largest minus smallest accuracy of a group, (k,)."""
        return self.of("gap")

    @property
    def worst(self) -> tuple[str, ...]:
        """The group with the lowest accuracy at each size."""
        return tuple(self.names[place] for place in self.accuracy.argmin(axis=1))

    def of(self, statistic: Statistic) -> Floats:
        """Return a statistic by name, (k, g), or (k,) for the gap."""
        return _statistic(self.accuracy, statistic)

    def interval(self, statistic: Statistic, *, level: float = 0.95) -> tuple[Floats, Floats]:
        """Return the ends of bootstrap intervals over images of a statistic.

        Parameters
        ----------
        statistic : {"accuracy", "gain", "relative_gain", "gap"}
        level : float, default=0.95

        Returns
        -------
        low, high : float64 arrays
            Percentiles of the replicates, of the statistic's shape.

        Raises
        ------
        InputError
            When the curve has no replicates.
        """
        if not len(self.replicates):
            raise InputError("this curve was made without bootstrap replicates.")
        check_between("level", level, most=1)
        tails = [50 * (1 - level), 50 * (1 + level)]
        low, high = np.percentile(_statistic(self.replicates, statistic), tails, axis=0)
        return low, high


def _statistic(accuracy: Floats, name: str) -> Floats:
    one = accuracy[..., :1, :]
    if name == "accuracy":
        return accuracy
    if name == "gain":
        return accuracy - one
    if name == "gap":
        gap: Floats = accuracy.max(axis=-1) - accuracy.min(axis=-1)
        return gap
    if name == "relative_gain":
        ratio = np.full(accuracy.shape, np.nan)
        np.divide(accuracy, one, out=ratio, where=np.broadcast_to(one > 0, accuracy.shape))
        return ratio - 1
    raise InputError(f"unknown statistic {name!r}.{closest(name, STATISTICS)}")


def group_curve(
    curve: EnsembleCurve,
    groups: Groups,
    *,
    labels: object | None = None,
    bootstrap: int = 0,
    seed: int = 0,
) -> GroupCurve:
    """Reduce an ensemble curve to groups.

    Parameters
    ----------
    curve : EnsembleCurve
        From :func:`~ssl_lib.evaluation.fairness.curves.ensemble_curve`, with size 1 in it.
    groups : Groups
        Of its images.
    labels : array-like (n,), optional
        Images are resampled within their class, so that classes keep their weight; by default all
        images are one class.
    bootstrap : int, default=0
        Replicates for intervals.
    seed : int, default=0
        Of the replicates.

    Returns
    -------
    GroupCurve

    Examples
    --------
    >>> from ssl_lib.evaluation.fairness.groups import subgroups
    >>> first, second = [[0.9, 0.1], [0.4, 0.6]], [[0.8, 0.2], [0.65, 0.35]]
    >>> members = [first, second, [[0.3, 0.7], [0.4, 0.6]]]
    >>> curve = ensemble_curve(members, [0, 0])
    >>> found = group_curve(curve, subgroups({"a": [True, False], "b": [False, True]}))
    >>> found.gain.round(2)[-1], found.worst[-1]
    (array([ 0.33, -0.33]), 'b')
    """
    if curve.sizes[0] != 1:
        raise InputError("gains are compared with one member: the curve needs size 1.")
    return GroupCurve(
        sizes=curve.sizes,
        names=groups.names,
        accuracy=groups.mean(curve.right),
        replicates=bootstrap_means(
            curve.right, groups, labels=labels, replicates=bootstrap, seed=seed
        ),
    )


def bootstrap_means(
    values: object,
    groups: Groups,
    *,
    labels: object | None = None,
    replicates: int,
    seed: int = 0,
) -> Floats:
    """Return group means on resampled images.

    Groups stay as they are: the intervals say how exactly the gain of these groups is known, not
    how the choice of classes would vary.

    Parameters
    ----------
    values : array-like (k, n)
    groups : Groups
        Of the n images.
    labels : array-like (n,), optional
        Resample within these classes.
    replicates : int
    seed : int, default=0

    Returns
    -------
    float64 array (replicates, k, g)

    Examples
    --------
    >>> from ssl_lib.evaluation.fairness.groups import subgroups
    >>> all_ = subgroups({"all": [True] * 400})
    >>> means = bootstrap_means([np.arange(400) % 2], all_, replicates=500)
    >>> round(float(means.std()), 3)  # sqrt(0.25 / 400)
    0.025
    """
    given = as_array(values, name="values").astype(np.float64, copy=False)
    check_whole("replicates", replicates, least=0)
    n = given.shape[-1]
    classes: Ints = np.zeros(n, dtype=np.int64)
    if labels is not None:
        found = as_array(labels, name="labels")
        classes = checked_labels(found, n, int(np.max(found, initial=0)) + 1)
    means = [
        np.stack([groups.resampled(row).mean(given) for row in counts])
        for counts in _resampled(classes, replicates, seed)
    ]
    return np.concatenate(means) if means else np.zeros((0, len(given), len(groups)))


def _resampled(labels: Ints, replicates: int, seed: int) -> Iterator[Ints]:
    """Yield how often each image is drawn, (some replicates, n), each class as often as it is."""
    generator = numpy_generator(seed, "images")
    n, order = len(labels), np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    first = (np.cumsum(counts) - counts)[labels[order]]
    size = counts[labels[order]]
    rows = max(1, _COUNTS_A_TIME // n)
    for at in range(0, replicates, rows):
        some = min(rows, replicates - at)
        drawn = order[first + (generator.random((some, n)) * size).astype(np.int64)]
        cells = drawn + n * np.arange(some)[:, None]
        yield np.bincount(cells.ravel(), minlength=some * n).reshape(some, n)


def base_protocol(
    probabilities: object,
    labels: object,
    *,
    k: int = 10,
    base: int = 0,
    select: Literal["base", "mean"] = "base",
    sizes: Sequence[int] | None = None,
    draws: int = 200,
    aggregate: Aggregate = "prob",
    bootstrap: int = 0,
    seed: int = 0,
) -> GroupCurve:
    """Follow the base model's best and worst classes, as the paper does.

    Groups are chosen and measured on the same images, and gains are over the base model itself:
    part of the gain of the bottom group, and part of the loss of the top group, is regression to
    the mean.

    Parameters
    ----------
    probabilities : array-like (m, n, c)
    labels : array-like (n,)
    k : int, default=10
        Classes in each group.
    base : int, default=0
        The base model: every ensemble contains it.
    select : {"base", "mean"}, default="base"
        Rank classes by the base model's accuracy, or by the members' mean, as the official script
        for the ablation of seeds does.
    sizes, draws, aggregate, seed
        As for :func:`~ssl_lib.evaluation.fairness.curves.ensemble_curve`.
    bootstrap : int, default=0
        Replicates for intervals.

    Returns
    -------
    GroupCurve
        Of the groups "all", "top" and "bottom".

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> labels = np.arange(300) % 3
    >>> members = random.dirichlet(np.ones(3), size=(5, 300)) + np.eye(3)[labels] * 0.3
    >>> curve = base_protocol(members / 1.3, labels, k=1)
    >>> curve.names, curve.accuracy[0].round(2)
    (('all', 'top', 'bottom'), array([0.59, 0.65, 0.52]))
    """
    values, classes = checked_members(probabilities, labels, fewest=2)
    curve = ensemble_curve(
        values, classes, sizes=sizes, draws=draws, aggregate=aggregate, base=base, seed=seed
    )
    if select not in ("base", "mean"):
        raise InputError(f"select must be 'base' or 'mean', got {select!r}.")
    right = values.argmax(axis=2) == classes
    ranked = right[base] if select == "base" else right.mean(axis=0)
    groups = class_groups(ranked, classes, n_classes=values.shape[2], k=k)
    return group_curve(curve, groups, labels=classes, bootstrap=bootstrap, seed=seed)


def held_out_protocol(
    probabilities: object,
    labels: object,
    *,
    k: int = 10,
    splits: int = 20,
    sizes: Sequence[int] | None = None,
    draws: int = 200,
    aggregate: Aggregate = "prob",
    bootstrap: int = 0,
    seed: int = 0,
) -> GroupCurve:
    """Follow the classes that are best and worst on images that do not measure them.

    Parameters
    ----------
    probabilities : array-like (m, n, c)
    labels : array-like (n,)
    k : int, default=10
        Classes in each group.
    splits : int, default=20
        Random halves of the images; both directions of each are averaged.
    sizes, draws, aggregate, seed
        As for :func:`~ssl_lib.evaluation.fairness.curves.ensemble_curve`.
    bootstrap : int, default=0
        Replicates for intervals.

    Returns
    -------
    GroupCurve
        Of the groups "all", "top" and "bottom", compared with the mean member.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> labels = np.arange(300) % 3
    >>> members = random.dirichlet(np.ones(3), size=(5, 300)) + np.eye(3)[labels] * 0.3
    >>> held_out_protocol(members / 1.3, labels, k=1).accuracy[0].round(2)
    array([0.56, 0.55, 0.58])
    """
    values, classes = checked_members(probabilities, labels, fewest=2)
    curve = ensemble_curve(
        values, classes, sizes=sizes, draws=draws, aggregate=aggregate, seed=seed
    )
    right = (values.argmax(axis=2) == classes).mean(axis=0)
    groups = held_out(right, classes, values.shape[2], k, splits, seed)
    return group_curve(curve, groups, labels=classes, bootstrap=bootstrap, seed=seed)
