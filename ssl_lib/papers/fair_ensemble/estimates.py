"""The estimates that decide the chapter's claims, from the same samples as its figures."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ssl_lib.claims import Estimate
from ssl_lib.papers.fair_ensemble.members import CLEAN, Chapter
from ssl_lib.papers.fair_ensemble.samples import Sample, over_samples, sample
from ssl_lib.papers.fair_ensemble.severities import severity
from ssl_lib.papers.fair_ensemble.tables import corrupted_samples, main, minority_samples

__all__ = ["estimates", "not_tested"]

TOP, BOTTOM = 1, 2
MAJORITY, MINORITY = 0, 1
Given = Estimate | dict[str, Estimate]


def estimates(chapter: Chapter) -> dict[str, Given]:
    """Return the estimate of every claim that this profile can test.

    Parameters
    ----------
    chapter : Chapter

    Returns
    -------
    dict of str to Estimate or dict
        By claim id, as :func:`ssl_lib.claims.report` takes it. All but C3 and C4 follow the
        unbiased protocol.
    """
    samples = main(chapter)
    found: dict[str, Given] = {
        "C1": {
            "gain of the bottom group": _estimate(samples, lambda one: _gain(one)[BOTTOM]),
            "bottom minus top": _estimate(
                samples, lambda one: _gain(one)[BOTTOM] - _gain(one)[TOP]
            ),
        },
        "C2": {
            "late gain of the bottom group": _estimate(samples, lambda one: _late(one)[BOTTOM]),
            "late gain of the top group": _estimate(samples, lambda one: _late(one)[TOP]),
        },
        "C3": {
            "bottom group": _estimate(samples, lambda one: one.relative("paper")[BOTTOM]),
            "top group": _estimate(samples, lambda one: one.relative("paper")[TOP]),
        },
        "C5": _imbalance(chapter),
        "C6": _corruption(chapter),
        "C7": _estimate(samples, lambda one: _churn(one)[BOTTOM] / _churn(one)[TOP]),
        "C8": _sources(chapter),
    }
    return found | _table_1(chapter)


def not_tested(chapter: Chapter) -> dict[str, str]:
    """Return why this profile leaves some claims out.

    Parameters
    ----------
    chapter : Chapter

    Returns
    -------
    dict of str to str
    """
    reasons = {"C9": "CelebA needs a copy of one's own; subgroups() takes its attributes."}
    if "C4" not in _table_1(chapter):
        reasons["C4"] = (
            "CIFAR-100 is trained at the profile paper alone, which has not been measured."
        )
    return reasons


def _table_1(chapter: Chapter) -> dict[str, Given]:
    samples = [sample(run, r) for run, r in chapter.balanced if run.data == "cifar100"]
    if not samples:
        return {}
    names = ("mean", "top", "bottom")
    return {
        "C4": {
            f"{what}, {name}": _estimate(
                samples,
                lambda one, row=row, place=place: 100 * one.curve("paper")[row, place],  # type: ignore[misc]
            )
            for row, what in ((0, "one"), (-1, "ensemble"))
            for place, name in enumerate(names)
        }
    }


def _gain(one: Sample) -> np.ndarray:
    return one.gain("unbiased")


def _late(one: Sample) -> np.ndarray:
    """Return the gain in points from about half of the members to all."""
    half = max(place for place, size in enumerate(one.sizes) if 2 * size <= one.sizes[-1] + 1)
    curve = one.curve("unbiased")
    gain: np.ndarray = 100 * (curve[-1] - curve[half])
    return gain


def _churn(one: Sample) -> np.ndarray:
    return 100 * one.means("churn", "unbiased")


def _imbalance(chapter: Chapter) -> Estimate:
    """Relative gain of the minority minus that of the majority, at the mildest imbalance."""
    counts = chapter.imbalanced[0][0].per_class
    samples = minority_samples(chapter, counts)

    def difference(one: Sample) -> float:
        relative = one.relative("unbiased", groups="minority")
        return float(relative[MINORITY] - relative[MAJORITY])

    note = f"{counts[0]}/{counts[1]} images a class"
    return _estimate(samples, difference, note=note)


def _corruption(chapter: Chapter) -> dict[str, Estimate]:
    """Relative gain at the highest severity minus that on clean images, by group."""
    by_copy = corrupted_samples(chapter)
    worst = [copy for copy in by_copy if copy[0] != CLEAN and severity(*copy) == 5]
    clean = by_copy[CLEAN, 0.0]
    others = {
        one.run.seed: [by_copy[copy][place] for copy in worst] for place, one in enumerate(clean)
    }

    def change(one: Sample, group: int) -> float:
        # A resampled set of images is the same images of every copy.
        harmed = [replace(other, groups=one.groups) for other in others[one.run.seed]]
        mean = np.mean([other.relative("unbiased")[group] for other in harmed])
        return float(mean - one.relative("unbiased")[group])

    note = f"mean of {len(worst)} corruptions"
    return {
        "change of the bottom group": _estimate(clean, lambda one: change(one, BOTTOM), note=note),
        "change of the top group": _estimate(clean, lambda one: change(one, TOP), note=note),
    }


def _sources(chapter: Chapter) -> dict[str, Estimate]:
    found = {}
    for arm in ("initialisation", "order", "augmentation"):
        samples = main(chapter, arm=arm)
        found[arm] = _estimate(samples, lambda one: _gain(one)[BOTTOM] - _gain(one)[TOP])
    return found


def _estimate(
    samples: Sequence[Sample], statistic: Callable[[Sample], object], *, note: str = ""
) -> Estimate:
    value, low, high = (float(v) for v in over_samples(samples, statistic))  # type: ignore[arg-type]
    what = "training sets" if len(samples) > 1 else "training set"
    words = f"{len(samples)} {what}" + (f", {note}" if note else "")
    if not np.isfinite([value, low, high]).all():
        return Estimate(
            float("nan"), n=len(samples), note=f"{words}; undefined where accuracy is 0"
        )
    return Estimate(value, low, high, n=len(samples), note=words)
