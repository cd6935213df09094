"""The test images of one training set with their groups, and statistics over training sets."""

import dataclasses
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.claims.intervals import mean_interval
from ssl_lib.errors import InputError
from ssl_lib.evaluation.fairness import Groups, class_groups, subgroups
from ssl_lib.evaluation.fairness.groups import held_out
from ssl_lib.papers.fair_ensemble.members import CLEAN
from ssl_lib.papers.fair_ensemble.settings import Run
from ssl_lib.randomness import numpy_generator
from ssl_lib.results import Result

__all__ = ["PROTOCOLS", "Sample", "copies", "over_samples", "sample"]

Floats = npt.NDArray[np.float64]
#: Name of a protocol to the prefix of its columns.
PROTOCOLS = {"paper": "base", "unbiased": "right"}
HALVES = 20
REPLICATES = 300


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """What ensembles do on the test images of one training set.

    Attributes
    ----------
    run : Run
    table : pandas.DataFrame
        One row an image.
    groups : dict of str to Groups
        By protocol; "minority" holds majority and minority where there is one.
    """

    run: Run
    table: pd.DataFrame
    groups: dict[str, Groups]

    @property
    def sizes(self) -> list[int]:
        """Sizes of the ensembles, which end with all members."""
        columns = self.table.columns[self.table.notna().any()]
        return [int(c.removeprefix("right_")) for c in columns if c.startswith("right_")]

    def means(self, columns: Sequence[str] | str, protocol: str) -> Floats:
        """Return group means of columns, (columns, groups) or (groups,)."""
        values = self.table[columns].to_numpy(dtype=np.float64)
        means: Floats = self.groups[protocol].mean(values.T).astype(np.float64)
        return means

    def curve(self, protocol: str, *, groups: str | None = None) -> Floats:
        """Return accuracy by size and group, (sizes, groups)."""
        prefix = PROTOCOLS[protocol]
        return self.means([f"{prefix}_{k}" for k in self.sizes], groups or protocol)

    def gain(self, protocol: str, *, groups: str | None = None) -> Floats:
        """Return the gain of all members over one, in points, (groups,)."""
        curve = self.curve(protocol, groups=groups)
        gain: Floats = 100 * (curve[-1] - curve[0])
        return gain

    def relative(self, protocol: str, *, groups: str | None = None) -> Floats:
        """Return the relative gain of all members over one, in percent, (groups,)."""
        curve = self.curve(protocol, groups=groups)
        relative: Floats = 100 * (curve[-1] / np.where(curve[0] > 0, curve[0], np.nan) - 1)
        return relative

    def resampled(self, seed: int) -> "Sample":
        """Return the sample with its images drawn anew, with replacement."""
        n = len(self.table)
        draws = numpy_generator(seed, "test images", self.run.seed).integers(0, n, n)
        counts = np.bincount(draws, minlength=n)
        groups = {name: given.resampled(counts) for name, given in self.groups.items()}
        return dataclasses.replace(self, groups=groups)


def sample(
    run: Run,
    result: Result,
    *,
    arm: str = "everything",
    corruption: str = CLEAN,
    strength: float = 0.0,
) -> Sample:
    """Take one arm and one copy of the test images from a stored table.

    Groups of classes are chosen on the clean images, and followed on corrupted ones.

    Parameters
    ----------
    run : Run
    result : Result
        Of :func:`ssl_lib.papers.fair_ensemble.members.measure`.
    arm, corruption, strength
        Values of the table's columns.

    Returns
    -------
    Sample
    """
    table = result.table
    clean = table[(table.arm == arm) & (table.corruption == CLEAN)]
    chosen = table[
        (table.arm == arm) & (table.corruption == corruption) & (table.strength == strength)
    ]
    if chosen.empty:
        raise InputError(f"the run has no {arm!r} members on {corruption} {strength:g}.")
    return Sample(run, chosen.reset_index(drop=True), _groups(run, clean))


def copies(run: Run, result: Result) -> dict[tuple[str, float], Sample]:
    """Return the first arm on every copy of the test images, by corruption and strength.

    Parameters
    ----------
    run : Run
    result : Result

    Returns
    -------
    dict of (str, float) to Sample
        As :func:`sample` gives them one by one.
    """
    clean = sample(run, result, arm=run.arms[0])
    own = result.table[result.table.arm == run.arms[0]]
    found = {}
    for _, table in own.groupby(["corruption", "strength"], sort=False):
        copy = (str(table.corruption.iloc[0]), float(table.strength.iloc[0]))
        found[copy] = Sample(run, table.reset_index(drop=True), clean.groups)
    return found


def _groups(run: Run, clean: pd.DataFrame) -> dict[str, Groups]:
    labels = clean.label.to_numpy()
    n = int(labels.max()) + 1
    own, base = (clean[f"{prefix}_1"].to_numpy(dtype=np.float64) for prefix in ("right", "base"))
    found = {
        "paper": class_groups(base, labels, n_classes=n, k=run.k),
        "unbiased": held_out(own, labels, n, run.k, HALVES, run.seed),
    }
    if run.minority:
        minority = clean.minority.to_numpy(dtype=np.bool_)
        found["minority"] = subgroups({"majority": ~minority, "minority": minority})
    return found


def over_samples(
    samples: Sequence[Sample], statistic: Callable[[Sample], npt.ArrayLike]
) -> tuple[Floats, Floats, Floats]:
    """Return the mean of a statistic over training sets and its 95 % interval.

    Several training sets, each with test images and members of its own, give a t interval; of a
    single one the test images are resampled, which says nothing about other training sets.

    Parameters
    ----------
    samples : sequence of Sample
    statistic : callable
        From a sample to numbers.

    Returns
    -------
    value, low, high : float64 arrays
        Of the statistic's shape.
    """
    values = np.stack([np.asarray(statistic(one), dtype=np.float64) for one in samples])
    mean = values.mean(axis=0)
    if len(samples) == 1:
        drawn = [statistic(samples[0].resampled(seed)) for seed in range(REPLICATES)]
        replicates = np.stack([np.asarray(d, dtype=np.float64) for d in drawn])
        with warnings.catch_warnings():
            # Where no replicate has a value, there is no interval either.
            warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
            low, high = np.nanpercentile(replicates, [2.5, 97.5], axis=0)
        return mean, np.minimum(low, mean), np.maximum(high, mean)
    return mean_interval(values)
