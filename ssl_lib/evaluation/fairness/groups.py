"""Groups of images as weights, so that a statistic of all groups is one product of matrices.

Class groups come in two kinds. :func:`class_groups` ranks classes by accuracy on the same images
that then measure it, as the paper does: a class that was unlucky is measured as bad, and regresses
to its mean as soon as another model is looked at. :func:`held_out_class_groups` ranks classes on
one half of the images and measures on the other, which removes that part of the gain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ssl_lib.arguments import as_array, check_whole
from ssl_lib.errors import InputError
from ssl_lib.evaluation.fairness.inputs import Bools, Floats, Ints, checked_labels, checked_members
from ssl_lib.randomness import numpy_generator

__all__ = [
    "Groups",
    "class_accuracy",
    "class_groups",
    "extreme_classes",
    "held_out_class_groups",
    "subgroups",
]

#: The groups that a choice of classes makes, in this order.
CLASS_GROUPS = ("all", "top", "bottom")


@dataclass(frozen=True, eq=False)
class Groups:
    """Named groups of images.

    Attributes
    ----------
    names : tuple of str
        The g groups.
    weights : float64 array (g, n)
        Not negative, each row sums to 1: the group's mean is the weighted mean over images.

    Raises
    ------
    InputError
        When weights are other than that, or a name is empty or comes twice.

    Examples
    --------
    >>> groups = subgroups({"first": [True, True, False], "last": [False, False, True]})
    >>> groups.mean([1.0, 0.0, 0.5])
    array([0.5, 0.5])
    """

    names: tuple[str, ...]
    weights: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        weights = as_array(self.weights, name="weights").astype(np.float64, copy=False)
        object.__setattr__(self, "weights", weights)
        for name in self.names:
            if not name or self.names.count(name) > 1:
                raise InputError(f"each group needs a name of its own, got {name!r}.")
        if self.weights.shape[:1] != (len(self.names),) or self.weights.ndim != 2:
            raise InputError(
                f"weights must have shape ({len(self.names)}, images), got {self.weights.shape}."
            )
        sums = self.weights.sum(axis=1)
        if (self.weights < 0).any() or not np.allclose(sums, 1, atol=1e-9):
            raise InputError("each group's weights must not be negative and must sum to 1.")

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self.names)

    def mean(self, values: object) -> Floats:
        """Return the groups' means of values of images.

        Parameters
        ----------
        values : array-like (..., n)
            Such as whether an ensemble is right.

        Returns
        -------
        float64 array (..., g)
        """
        given = as_array(values, name="values").astype(np.float64, copy=False)
        if given.shape[-1:] != self.weights.shape[1:]:
            raise InputError(
                f"values of {self.weights.shape[1]} images are needed, got shape {given.shape}."
            )
        means: Floats = given @ self.weights.T
        return means

    def resampled(self, counts: Ints) -> "Groups":
        """Return these groups where image i occurs ``counts[i]`` times.

        Parameters
        ----------
        counts : int array (n,)
            From resampling the images; a group must keep at least one.

        Returns
        -------
        Groups
        """
        weights = self.weights * counts
        return Groups(self.names, weights / weights.sum(axis=1, keepdims=True))


def class_accuracy(right: object, labels: object, n_classes: int) -> Floats:
    """Return the accuracy on the images of each class.

    Parameters
    ----------
    right : array-like (n,)
        Whether, or how often, the prediction is right.
    labels : array-like (n,)
    n_classes : int
        Every class must have an image.

    Returns
    -------
    float64 array (n_classes,)

    Examples
    --------
    >>> class_accuracy([1, 0, 1, 1], [0, 0, 1, 1], 2)
    array([0.5, 1. ])
    """
    values = as_array(right, name="right").astype(np.float64, copy=False)
    if values.ndim != 1:
        raise InputError(f"right must have shape (n,), one an image, got {values.shape}.")
    classes = checked_labels(labels, len(values), check_whole("n_classes", n_classes))
    counts = np.bincount(classes, minlength=n_classes)
    if not counts.all():
        raise InputError(f"class {int(counts.argmin())} has no image, so it has no accuracy.")
    accuracy: Floats = np.bincount(classes, weights=values, minlength=n_classes) / counts
    return accuracy


def extreme_classes(accuracy: object, *, k: int = 10) -> tuple[Ints, Ints]:
    """Return the k classes with the highest and the k with the lowest accuracy (section 3).

    Parameters
    ----------
    accuracy : array-like (c,)
        Of each class.
    k : int, default=10
        At most half of the classes, so that the two do not meet.

    Returns
    -------
    top, bottom : int64 arrays (k,)
        Best first, worst first. Among equals (common with few test images a class) the class that
        comes first goes first, in both.

    Raises
    ------
    InputError
        When k is below 1 or 2k exceeds the number of classes.

    Examples
    --------
    >>> [group.tolist() for group in extreme_classes([0.9, 0.1, 0.5, 0.7], k=1)]
    [[0], [1]]
    """
    values = as_array(accuracy, name="accuracy").astype(np.float64, copy=False)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise InputError("accuracy must be one finite number a class.")
    if not 1 <= check_whole("k", k) <= len(values) // 2:
        raise InputError(
            f"k must be from 1 to {len(values) // 2}, half of the {len(values)} classes, got {k}."
        )
    return (
        np.argsort(-values, kind="stable")[:k].astype(np.int64),
        np.argsort(values, kind="stable")[:k].astype(np.int64),
    )


def class_groups(right: object, labels: object, *, n_classes: int, k: int = 10) -> Groups:
    """Make the groups of all classes, the top k and the bottom k: the paper's own choice.

    Parameters
    ----------
    right : array-like (n,)
        Whether the base model is right on each image, or how often the members are: what the
        classes are ranked by.
    labels : array-like (n,)
    n_classes : int
    k : int, default=10
        Classes in each group.

    Returns
    -------
    Groups
        "all", "top" and "bottom"; a group's mean is the mean over its classes of class means.

    Examples
    --------
    >>> class_groups([1, 1, 0, 1, 0, 0], [0, 0, 1, 1, 2, 2], n_classes=3, k=1).weights[1:]
    array([[0.5, 0.5, 0. , 0. , 0. , 0. ],
           [0. , 0. , 0. , 0. , 0.5, 0.5]])
    """
    accuracy = class_accuracy(right, labels, n_classes)
    classes = checked_labels(labels, len(as_array(labels, name="labels")), n_classes)
    top, bottom = extreme_classes(accuracy, k=k)
    chosen = (np.arange(n_classes), top, bottom)
    return Groups(CLASS_GROUPS, np.stack([_weights(classes, c, n_classes) for c in chosen]))


def held_out_class_groups(
    probabilities: object,
    labels: object,
    *,
    k: int = 10,
    splits: int = 20,
    seed: int = 0,
    right: object | None = None,
) -> Groups:
    """Make the groups of :func:`class_groups` without selection bias.

    Images are split at random into halves, each class evenly. Classes are ranked by the members'
    mean accuracy on one half; their images in the other half make the group. Both directions of
    all splits are averaged, in the weights.

    Parameters
    ----------
    probabilities : array-like (m, n, c)
        Of the members.
    labels : array-like (n,)
    k : int, default=10
        Classes in each group.
    splits : int, default=20
        Random halves.
    seed : int, default=0
        Of the halves.
    right : array-like (n,), optional
        How often the members are right on each image, where that is known already.

    Returns
    -------
    Groups
        "all", "top" and "bottom".

    Raises
    ------
    InputError
        When a class has fewer than two images: there are no halves of it.

    Examples
    --------
    >>> right = [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0]
    >>> members = np.eye(3)[np.zeros((2, 12), dtype=int)]
    >>> held_out_class_groups(members, np.arange(12) // 4, k=1, right=right).mean(right)
    array([0.5, 1. , 0. ])
    """
    values, classes = checked_members(probabilities, labels)
    n_classes = values.shape[2]
    if right is None:
        right = (values.argmax(axis=2) == classes).mean(axis=0)
    shares = as_array(right, name="right").astype(np.float64, copy=False)
    return held_out(shares, classes, n_classes, k, splits, seed)


def held_out(right: Floats, labels: Ints, n_classes: int, k: int, splits: int, seed: int) -> Groups:
    """Do what :func:`held_out_class_groups` does, from shares of right members (n,)."""
    check_whole("splits", splits)
    total = np.zeros((len(CLASS_GROUPS), len(labels)))
    for split in range(splits):
        half = random_half(labels, n_classes, seed=seed, split=split)
        for seen in (half, ~half):
            total += _measured_on(~seen, right, seen, labels, n_classes, k)
    return Groups(CLASS_GROUPS, total / (2 * splits))


def random_half(labels: Ints, n_classes: int, *, seed: int, split: int) -> Bools:
    """Choose half of the images of every class; of an odd number the larger half.

    Examples
    --------
    >>> labels = np.array([0, 0, 0, 0, 1, 1])
    >>> np.bincount(labels[random_half(labels, 2, seed=0, split=0)])
    array([2, 1])
    """
    counts = np.bincount(labels, minlength=n_classes)
    if counts.min() < 2:
        raise InputError(
            f"class {int(counts.argmin())} has {counts.min()} images; halves need two at least."
        )
    keys = numpy_generator(seed, "halves", split).random(len(labels))
    order = np.lexsort((keys, labels))
    place = np.empty(len(labels), dtype=np.int64)
    place[order] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen: Bools = 2 * place < counts[labels]
    return chosen


def _measured_on(
    here: Bools, right: Floats, seen: Bools, labels: Ints, n_classes: int, k: int
) -> Floats:
    accuracy = class_accuracy(right[seen], labels[seen], n_classes)
    top, bottom = extreme_classes(accuracy, k=k)
    weights = np.zeros((len(CLASS_GROUPS), len(labels)))
    for row, chosen in enumerate((np.arange(n_classes), top, bottom)):
        weights[row, here] = _weights(labels[here], chosen, n_classes)
    return weights


def _weights(labels: Ints, chosen: Ints, n_classes: int) -> Floats:
    """Give each class of `chosen` the same total weight, spread evenly over its images."""
    counts = np.bincount(labels, minlength=n_classes)
    member = np.isin(np.arange(n_classes), chosen)
    weights: Floats = (member / (len(chosen) * np.maximum(counts, 1)))[labels]
    return weights


def subgroups(table: Mapping[str, Sequence[bool] | Bools]) -> Groups:
    """Make groups from any table of attributes, such as CelebA's hair colour by gender.

    Parameters
    ----------
    table : mapping of str to bool array (n,)
        Which images belong to each group; groups may overlap.

    Returns
    -------
    Groups
        Every image of a group weighs the same.

    Raises
    ------
    InputError
        When a column is not of bools, is empty of images, or the lengths differ.

    Examples
    --------
    >>> subgroups({"all": [True, True], "none": [False, False]})
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: group 'none' has no image.
    """
    if not table:
        raise InputError("there is no group in the table.")
    rows: list[Floats] = []
    for name, column in table.items():
        values = as_array(column, name=f"group {name!r}")
        if values.ndim != 1 or not np.isin(values, (0, 1)).all():
            raise InputError(f"group {name!r} must be one true or false an image.")
        if rows and len(values) != len(rows[0]):
            raise InputError(f"group {name!r} has {len(values)} images, others {len(rows[0])}.")
        if not values.any():
            raise InputError(f"group {name!r} has no image.")
        rows.append(values.astype(np.float64))
    members = np.stack(rows)
    return Groups(tuple(table), members / members.sum(axis=1, keepdims=True))
