"""The estimates that decide the chapter's claims, from the same tables as its figures."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import mean_interval
from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x.families import (
    IMAGENET,
    MORE_DATA,
    ROBUSTNESS,
    SELF_SUPERVISED,
    is_transformer,
)
from ssl_lib.papers.imagenet_x.experiments import Tables
from ssl_lib.papers.imagenet_x.measures import annotations, augmentation, base_models, comparison
from ssl_lib.papers.imagenet_x.measures.comparison import Comparison
from ssl_lib.papers.imagenet_x.measures.robustness import above, recipes
from ssl_lib.papers.imagenet_x.measures.shared import own_luck
from ssl_lib.papers.imagenet_x.settings import Settings
from ssl_lib.randomness import numpy_generator

__all__ = ["NOT_TESTED", "estimates"]

COSTLY = ("texture", "subcategory", "object_blocking", "person_blocking")
#: No claim is beyond this chapter.
NOT_TESTED: dict[str, str] = {}
FIXED = "over models, images fixed"
LINES = "over recipes, images fixed"
MARGIN = 0.01  # accuracy below the weakest transformer at which networks still count as comparable
Given = Estimate | dict[str, Estimate]
Gains = dict[str, npt.NDArray[np.float64]]


def estimates(tables: Tables) -> dict[str, Given]:
    """Return the estimate of every claim of the chapter.

    The claims are about top factors and class scoring, whatever the chapter's settings.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    dict of str to Estimate or dict
        By claim id, as :func:`ssl_lib.claims.report` takes it.
    """
    own = tables.settings
    settings = Settings(
        profile=own.profile, seed=own.seed, device=own.device, replicates=own.replicates
    )
    fixed = dataclasses.replace(tables, settings=settings)
    models = comparison.compare(fixed)
    gains = recipes(comparison.compare(fixed, corrected=True))
    return {
        "C1": _sizes(),
        "C2": Estimate(len(fixed.rows()), note="exact"),
        "C3": _consistency(models),
        "C4a": _costly(models),
        "C4b": _common(models),
        "C5": _line(models, gains),
        "C6": _splits(settings),
        "C7": _classes(settings),
        "C8a": _crop(fixed),
        "C8b": _jitter(fixed),
        "C9": _metaclasses(fixed),
        "C10": _data(gains),
    }


def _sizes() -> dict[str, Estimate]:
    sizes = {
        "factors": len(ix.FACTORS),
        "validation images": len(ix.load_annotations(prototypes="keep")),
        "training images": len(ix.load_annotations(split="train", prototypes="keep")),
    }
    return {name: Estimate(size, note="exact") for name, size in sizes.items()}


def _consistency(models: Comparison) -> dict[str, Estimate]:
    table = comparison.consistency(models)
    pairs, families = table.iloc[0], table.iloc[1:]
    least = families.sort_values("mean").iloc[0]
    n = len(models.counts)
    return {
        "pairs of models": _interval(pairs, "mean", n=n, note=FIXED),
        "least typical family": _interval(least, "mean", n=n, note=f"{least.what}; {FIXED}"),
        "transformers and convolutional networks": _architectures(models),
    }


def _architectures(models: Comparison) -> Estimate:
    """Compare the mean error ratios of transformers and of networks about as accurate."""
    # Zero-shot models are another learning paradigm: the comparison is about architecture alone.
    transformer = np.array(
        [is_transformer(name) and "zeroshot" not in name for name in models.counts.models]
    )
    enough = models.counts.accuracy >= models.counts.accuracy[transformer].min() - MARGIN
    ratios, kind = models.counts.error_ratio[enough], transformer[enough]

    found = comparison.agreement(models, ratios, ~kind)
    note = f"{kind.sum()} transformers, {(~kind).sum()} other networks; {FIXED}"
    return _estimate(*found, n=len(kind), note=note)


def _costly(models: Comparison) -> dict[str, Estimate]:
    found = comparison.cost_of(models, COSTLY)
    n = len(models.counts)
    return {
        f"{name} of the four": _estimate(*row, n=n, note="over models and images")
        for name, row in found.items()
    }


def _common(models: Comparison) -> dict[str, Estimate]:
    table = annotations.prevalence().query("split == 'val' and selection == 'top'")
    ranks = table.set_index("factor").images.rank(ascending=False)
    ratios = comparison.mean_ratios(models)
    found = {}
    for factor in ("pose", "background"):
        found[f"rank of {factor}"] = Estimate(float(ranks[factor]), note="exact")
        row = ratios[ratios.factor == factor].iloc[0]
        found[f"error ratio of {factor}"] = _interval(
            row, "error_ratio", n=len(models.counts), note="over models and images"
        )
    return found


def _line(models: Comparison, gains: Gains) -> dict[str, Estimate]:
    fits = comparison.line_fits(models)
    counts, luck = models.counts, own_luck(models.images)
    median = models.interval(
        lambda rows: np.median(comparison.corrected(counts, rows, luck=luck)), len(counts)
    )
    weakest = fits.sort_values("corrected").iloc[0]
    note = f"{weakest.factor}, {weakest.images} images; {FIXED}"
    farthest, value, low, high, many = _farthest(gains)
    return {
        "median factor": _estimate(fits.corrected.median(), *median, n=len(counts), note=FIXED),
        "weakest factor": _interval(weakest, "corrected", n=len(counts), note=note),
        "farthest family": _estimate(value, low, high, n=many, note=f"{farthest}; {LINES}"),
    }


def _farthest(gains: Gains) -> tuple[str, float, float, float, int]:
    """Name the family that is farthest from the line on either side, with distance and recipes."""
    means = {name: mean_interval(part[:, -1]) for name, part in gains.items() if name != IMAGENET}
    name = max(means, key=lambda name: abs(means[name][0]))
    value, low, high = map(float, means[name])
    low, high = (low, high) if value > 0 else (-high, -low)
    return name, abs(value), low, high, len(gains[name])


def _splits(settings: Settings) -> dict[str, Estimate]:
    tables = {split: ix.load_annotations(split=split) for split in ("train", "val")}
    counts = {split: table.factors.sum(axis=0) for split, table in tables.items()}
    sizes = {split: len(table) for split, table in tables.items()}
    generator = numpy_generator(settings.seed, "imagenet_x", "splits")
    draws = [
        generator.multinomial(n, _shares(counts[split], n), size=settings.draws)[:, :-1]
        for split, n in sizes.items()
    ]
    resampled = np.array([_similarity(*pair) for pair in zip(*draws, strict=True)])
    low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
    values = _similarity(counts["train"], counts["val"])
    common = np.sort(counts["val"])[-4:].sum() / sizes["val"]
    n = sum(sizes.values())
    names = ("correlation", "total variation")
    found = {
        name: _estimate(*row, n=n) for name, *row in zip(names, values, low, high, strict=True)
    }
    statistic, freedom, p_value = annotations.equal_splits()
    note = f"chi-square {statistic:.0f} on {freedom} degrees of freedom"
    return {
        **found,
        "share of four commonest": Estimate(common, n=sizes["val"], note="exact"),
        "p-value": Estimate(p_value, n=n, note=note),
    }


def _shares(counts: np.ndarray, size: int) -> np.ndarray:
    return np.append(counts, size - counts.sum()) / size


def _similarity(train: np.ndarray, val: np.ndarray) -> tuple[float, float]:
    a, b = train / train.sum(), val / val.sum()
    return float(np.corrcoef(a, b)[0, 1]), float(np.abs(a - b).sum() / 2)


def _classes(settings: Settings) -> Estimate:
    table = ix.load_annotations()
    dogs = table.metaclasses == ix.METACLASSES.index("dog")
    counts = np.stack([table.factors[mask].sum(axis=0) for mask in (dogs, ~dogs)])
    generator = numpy_generator(settings.seed, "imagenet_x", "classes")
    n = int(counts.sum())
    draws = generator.multinomial(n, counts.ravel() / n, size=settings.draws)
    resampled = [_pose_on_dogs(draw.reshape(counts.shape)) for draw in draws]
    return _estimate(_pose_on_dogs(counts), *np.percentile(resampled, [2.5, 97.5]), n=n)


def _pose_on_dogs(counts: np.ndarray) -> float:
    """Return the relative shift of pose from counts by factor on dogs and on all else (2, 16)."""
    shares = counts[0] / counts[0].sum(), counts.sum(axis=0) / counts.sum()
    pose = ix.FACTORS.index("pose")
    return float(shares[0][pose] / shares[1][pose] - 1)


def _crop(tables: Tables) -> dict[str, Estimate]:
    models = augmentation.sweep(tables, "random crop")
    control = augmentation.accuracy_control(models)
    row = control[(control.kind == "equal accuracy") & (control.factor == "smaller")].iloc[0]
    return {
        "change in error ratio": _change(models, "smaller"),
        "correlation at equal accuracy": _interval(
            row, "correlation", n=int(row.models), note=FIXED
        ),
    }


def _jitter(tables: Tables) -> dict[str, Estimate]:
    models = augmentation.sweep(tables, "colour jitter")
    factors = ("color", "darker", "brighter", "pose")
    return {f"change on {factor}": _change(models, factor) for factor in factors}


def _change(models: augmentation.Sweep, factor: str) -> Estimate:
    table = augmentation.extremes(models)
    row = table[table.factor == factor].iloc[0]
    return _interval(row, "change", n=int(row.models), note=f"{row.images} images; {FIXED}")


def _metaclasses(tables: Tables) -> dict[str, Estimate]:
    table = base_models.metaclass_ratios(tables, prototypes="keep")
    accuracy = table.groupby("metaclass").accuracy.first()
    names = ("vessel", "snake", "commodity", "dog")
    return {name: Estimate(100 * accuracy[name], note="exact") for name in names}


def _data(gains: Gains) -> dict[str, Estimate]:
    more, robust, alone = (gains[name] for name in (MORE_DATA, ROBUSTNESS, SELF_SUPERVISED))
    value, low, high = mean_interval(more[:, -1])
    return {
        "more data": _estimate(float(value), low, high, n=len(more), note=LINES),
        "above robustness interventions": _above(more, robust),
        "above self-supervised": _above(more, alone),
    }


def _above(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> Estimate:
    value, low, high = above(one, other)
    return _estimate(value, low, high, n=len(one) + len(other), note=LINES)


def _interval(row: "pd.Series[Any]", value: str, *, n: int, note: str = "") -> Estimate:
    return _estimate(row[value], row["low"], row["high"], n=n, note=note)


def _estimate(value: float, low: Any, high: Any, *, n: int, note: str = "") -> Estimate:
    """Make an estimate of plain numbers, its interval widened to hold it."""
    number = float(value)
    ends = min(float(low), number), max(float(high), number)
    return Estimate(number, *ends, n=n, note=note)
