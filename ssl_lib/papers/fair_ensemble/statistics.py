"""What ensembles do for groups of the test images of one training set, as rows of a table.

A row is a number: ``protocol`` says how groups are made, ``group`` which one it is, ``members`` how
many an ensemble has. A measure's "low" and "high" are the ends of its 95 % interval over test
images, drawn anew with replacement; over training sets there are other intervals.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.evaluation import fairness
from ssl_lib.evaluation.fairness import Groups, class_groups
from ssl_lib.evaluation.fairness.ensembles import Aggregate
from ssl_lib.evaluation.fairness.groups import held_out
from ssl_lib.evaluation.fairness.inputs import Floats, Ints
from ssl_lib.randomness import numpy_generator

__all__ = [
    "COLUMNS", "CONTRAST", "Floats", "Members", "Row", "Sample", "aggregate_rows", "class_rows",
    "class_sample", "curve_rows", "curves", "disagreement_rows", "placebo_rows", "relative_gain",
    "table",
]  # fmt: skip

Row = tuple[str, str, int, str, float]
COLUMNS = ["protocol", "group", "members", "measure", "value"]

#: The group of what compares a bottom group with a top one, a minority with a majority.
CONTRAST = "contrast"
HALVES = 20
REPLICATES = 300


@dataclass(frozen=True, eq=False)
class Members:
    """What members predict of test images, and how ensembles of them are measured.

    Attributes
    ----------
    logits : float array (m, n, c)
    labels : int array (n,)
    seed : int
        Of drawn ensembles, of halves and of resampled images.
    sizes : sequence of int
        Of ensembles, the last of them m.
    draws : int
        Ensembles of each size.
    aggregate : {"prob", "logit", "vote"}
    """

    logits: Floats
    labels: Ints
    seed: int
    sizes: Sequence[int]
    draws: int = 200
    aggregate: Aggregate = "prob"

    @property
    def probabilities(self) -> Floats:
        """The members' class probabilities, (m, n, c)."""
        return fairness.softmax(self.logits)

    def right(self, *, base: int | None = None) -> Floats:
        """Return how often ensembles of each size are right on each image, (sizes, n)."""
        return fairness.ensemble_curve(
            self.probabilities, self.labels, sizes=self.sizes, draws=self.draws,
            aggregate=self.aggregate, base=base, seed=self.seed,
        ).right  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sample:
    """Groups of test images, with the images resampled.

    Attributes
    ----------
    protocol : str
    names : tuple of str
        The g groups.
    weights : float64 array (1 + r, g, n)
        Of the images in each group's mean: first as they are, then resampled.
    """

    protocol: str
    names: tuple[str, ...]
    weights: Floats

    @classmethod
    def of(cls, protocol: str, groups: Groups, seed: int) -> "Sample":
        """Resample the images of some groups."""
        n = groups.weights.shape[1]
        streams = [numpy_generator(draw, "test images", seed) for draw in range(REPLICATES)]
        drawn = [np.bincount(s.integers(0, n, n), minlength=n) for s in streams]
        weights = groups.weights * np.stack([np.ones(n), *drawn])[:, None]
        return cls(protocol, groups.names, weights / weights.sum(axis=2, keepdims=True))

    def percent(self, values: npt.ArrayLike) -> Floats:
        """Return group means of values of images (k, n) in percent, (1 + r, k, g)."""
        means = self.weights @ np.asarray(values, dtype=np.float64).T
        return 100 * np.swapaxes(means, 1, 2)

    def rows(
        self, measure: str, values: Floats, *, members: int, groups: Sequence[str] = ()
    ) -> Iterator[Row]:
        """Yield a measure of each group, and its interval; values (1 + r, g)."""
        ends = _ends(values[1:]) if len(values) > 1 else ()
        for place, group in enumerate(groups or self.names):
            value = float(values[0, place])
            head = (self.protocol, group, members)
            yield *head, measure, value
            for end, bound, name in zip(ends, (min, max), ("low", "high"), strict=False):
                yield *head, f"{measure} {name}", bound(float(end[place]), value)


def _ends(replicates: Floats) -> Floats:
    with warnings.catch_warnings():
        # Where no replicate has a value, there is no interval either.
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        return np.nanpercentile(replicates, [2.5, 97.5], axis=0)


def class_sample(protocol: str, right: Floats, given: Members, k: int) -> Sample:
    """Make the groups of best and worst classes by how often members are right on each image.

    Parameters
    ----------
    protocol : {"paper", "unbiased"}
        Whether the images that choose the classes also measure them, or halves take turns.
    right : float64 array (n,)
    given : Members
    k : int
        Classes in each group.

    Returns
    -------
    Sample
    """
    n = given.logits.shape[2]
    if protocol == "paper":
        groups = class_groups(right, given.labels, n_classes=n, k=k)
    else:
        groups = held_out(right, given.labels, n, k, HALVES, given.seed)
    return Sample.of(protocol, groups, given.seed)


def curve_rows(sample: Sample, right: Floats, sizes: Sequence[int]) -> Iterator[Row]:
    """Yield accuracy, gain in points and relative gain by group and size, and what compares groups.

    Parameters
    ----------
    sample : Sample
        Whose last group is the one that the claims are about, the one before it, or the second of
        three, the one it is compared with.
    right : float64 array (sizes, n)
    sizes : sequence of int

    Yields
    ------
    Row
    """
    accuracy = sample.percent(right)
    gain, relative = accuracy - accuracy[:, :1], relative_gain(accuracy)
    for place, size in enumerate(sizes):
        yield from sample.rows("accuracy", accuracy[:, place], members=size)
        yield from sample.rows("gain", gain[:, place], members=size)
        yield from sample.rows("relative", relative[:, place], members=size)
    for name, values in (("advantage", gain), ("relative advantage", relative)):
        apart = values[:, -1, -1:] - values[:, -1, -2:-1]
        yield from sample.rows(name, apart, members=sizes[-1], groups=[CONTRAST])
    half = max(place for place, size in enumerate(sizes) if 2 * size <= sizes[-1] + 1)
    if half:
        late = gain[:, -1] - gain[:, half]
        yield from sample.rows("late gain", late, members=sizes[-1])


def relative_gain(accuracy: Floats) -> Floats:
    """Return the gain over the first size in percent of it; NaN where that is never right.

    Examples
    --------
    >>> relative_gain(np.array([[[50.0, 0.0], [60.0, 10.0]]]))[0, 1]
    array([20., nan])
    """
    one = np.where(accuracy[:, :1] > 0, accuracy[:, :1], np.nan)
    return 100 * (accuracy / one - 1)


def disagreement_rows(sample: Sample, given: Members) -> Iterator[Row]:
    """Yield the gain of the vote, its room, churn and diversity, and how far logits differ."""
    m = len(given.logits)
    bound = fairness.vote_bound(given.probabilities, given.labels)
    percent = sample.percent([bound.gain, bound.room, bound.churn])
    nats = sample.percent([fairness.diversity(given.probabilities, given.labels)])[:, 0] / 100
    yield from sample.rows("diversity", nats, members=m)
    for place, measure in enumerate(("gain of the vote", "room", "churn")):
        yield from sample.rows(measure, percent[:, place], members=m)
    churn = percent[:, 2]
    ratio = churn[:, -1:] / np.where(churn[:, -2:-1] > 0, churn[:, -2:-1], np.nan)
    yield from sample.rows("churn ratio", ratio, members=m, groups=[CONTRAST])
    yield sample.protocol, "all", m, "logit difference", float(np.ptp(given.logits, axis=0).max())


def placebo_rows(sample: Sample, given: Members) -> Iterator[Row]:
    """Yield what another single member gains on the base model's groups: nobody is averaged."""
    right = given.probabilities.argmax(axis=2) == given.labels
    accuracy = sample.percent([right[0], right[1:].mean(axis=0)])
    yield from sample.rows("gain of another member", accuracy[:, 1] - accuracy[:, 0], members=1)


def aggregate_rows(sample: Sample, given: Members) -> Iterator[Row]:
    """Yield the accuracy of all members by what an ensemble averages."""
    for name in fairness.AGGREGATES:
        predicted = fairness.ensemble_predictions(given.probabilities, aggregate=name)
        accuracy = sample.percent([predicted == given.labels])[:1, 0]
        yield from sample.rows(f"accuracy by {name}", accuracy, members=len(given.logits))


def class_rows(right: Floats, given: Members) -> Iterator[Row]:
    """Yield what one member gets right of each class, and gain of the vote, room and churn."""
    bound = fairness.vote_bound(given.probabilities, given.labels)
    columns = {
        "accuracy": right, "gain of the vote": bound.gain, "room": bound.room, "churn": bound.churn
    }  # fmt: skip
    means = 100 * pd.DataFrame(columns).groupby(given.labels).mean()
    for label, row in means.iterrows():
        for measure, value in row.items():
            members = 1 if measure == "accuracy" else len(given.logits)
            yield "class", str(label), members, str(measure), float(value)


def curves(given: Members, k: int) -> Iterator[Row]:
    """Yield all that is measured of ensembles on clean images, by both protocols.

    Parameters
    ----------
    given : Members
    k : int
        Classes in the top and bottom groups.

    Yields
    ------
    Row
    """
    right, base = given.right(), given.right(base=0)
    paper = class_sample("paper", base[0], given, k)
    unbiased = class_sample("unbiased", right[0], given, k)
    yield from curve_rows(paper, base, given.sizes)
    yield from placebo_rows(paper, given)
    yield from curve_rows(unbiased, right, given.sizes)
    yield from disagreement_rows(unbiased, given)
    yield from aggregate_rows(unbiased, given)
    yield from class_rows(right[0], given)


def table(rows: Iterable[Row]) -> pd.DataFrame:
    """Put rows together, with the columns `COLUMNS`."""
    return pd.DataFrame(rows, columns=COLUMNS).astype({"value": np.float64})
