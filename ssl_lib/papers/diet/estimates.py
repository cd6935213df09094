"""The estimates that decide the chapter's claims."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy.typing as npt
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import mean_interval
from ssl_lib.papers import chapter
from ssl_lib.papers.diet import comparisons, measures, observed
from ssl_lib.papers.diet.experiments import Tables
from ssl_lib.papers.diet.settings import PANELS

__all__ = ["NOT_TESTED", "estimates"]

#: Claims that no run of this chapter can decide, and why.
NOT_TESTED: dict[str, str] = {
    "C2a": "ResNet-101 on CIFAR-100 for a thousand epochs takes GPU days",
    "C2b": "ResNeXt-50 on TinyImageNet for a thousand epochs takes GPU days",
    "C6b": "no medical images are at hand",
}


def estimates(
    tables: Tables, photos: Mapping[str, chapter.Tables] | None = None
) -> dict[str, Estimate | Mapping[str, Estimate]]:
    """Return the estimate, or estimates by name, of each claim.

    Parameters
    ----------
    tables : Tables
    photos : mapping of str to Tables, optional
        See :func:`ssl_lib.papers.diet.experiments.on_photographs`.

    Returns
    -------
    dict
        By claim id.
    """
    digits, noise = tables["digits"], tables["noise"]
    few, views = measures.of_runs(digits), comparisons.as_many_views(digits, photos or {})
    return {
        "C1": _useful(digits, views),
        "C2c": _on_par(views),
        "C3a": _unhelped(digits, views),
        "C3b": _steadier(few),
        "C4": _informative(digits),
        "C5a": _mean(-comparisons.extremes(few, _STRENGTHS)),
        "C5b": _mean(comparisons.slower(few)),
        "C5c": _mean(few["diet"] - few["smoothing-0"]),
        "C5d": _mean(few["strength-0"] - few["diet"]),
        "C6a": _mean(few["images-300"] - measures.baseline(few)),
        "C7a": _streamed(tables["streaming"]),
        "C7b": _mean(comparisons.extremes(few, PANELS["batch"].runs)),
        "C7c": _rank(digits),
        "C8a": _spectral(tables["spectral"]),
        "C8b": _mean(measures.noise_order(noise), (-1, 1)),
        "C8c": _mean(measures.repaired(noise)),
        **_small_encoders(few),
        **_identified(tables),
    }


#: With augmentation, as the paper's ablation has them.
_STRENGTHS = tuple(name for name in PANELS["strength"].runs if name != "strength-0")


def _mean(
    values: npt.ArrayLike | pd.Series, limits: tuple[float, float] = (-float("inf"), float("inf"))
) -> Estimate:
    """Return the mean over seeds with its t interval, cut at limits."""
    number = len(pd.Series(values))
    mean, low, high = (float(end) for end in mean_interval(values))
    if number < 2:
        return Estimate(mean, *limits, n=number, note="one seed")
    ends = max(low, limits[0]), min(high, limits[1])
    return Estimate(mean, *ends, n=number, note="95 % t interval over seeds")


def _outermost(parts: Iterable[pd.Series], which: Callable[[Sequence[float]], float]) -> Estimate:
    """Return the least or largest of several means, `which` being min or max.

    Its ends are the least or largest ends, so a bound that all parts have to keep is judged as part
    by part.
    """
    found = [_mean(part) for part in parts]
    if not found:
        return Estimate(math.nan, n=0, note="no table in this run")
    low, high = (which([part.bounds[end] for part in found]) for end in (0, 1))
    word = "least" if which is min else "largest"
    return Estimate(
        which([part.value for part in found]), low, high, n=min(part.n or 0 for part in found),
        note=f"{word} of {len(found)} means, 95 % t intervals over seeds",
    )  # fmt: skip


def _useful(digits: pd.DataFrame, views: comparisons.Budgets) -> dict[str, Estimate]:
    gains = comparisons.baselines(views)
    drawn = [name for name in gains if name.startswith("digits")]
    return {
        "digits convolutional": _outermost([gains[name] for name in drawn], min),
        "digits perceptron": _outermost(comparisons.perceptron(digits).values(), min),
        "photographs": _outermost([gains[name] for name in gains if name not in drawn], min),
    }


def _on_par(views: comparisons.Budgets) -> Estimate:
    """Return the share of sets and budgets on par; its ends count those surely, or possibly, so."""
    parts = [_mean(-comparisons.behind(few)) for few in views.values()]
    kept = [
        [end >= -comparisons.ON_PAR for end in (p.bounds[0], p.value, p.bounds[1])] for p in parts
    ]
    low, share, high = (sum(column) / len(parts) for column in zip(*kept, strict=True))
    note = f"share of {len(parts)} comparisons; its ends by their 95 % t intervals over seeds"
    return Estimate(share, low, high, n=min(part.n or 0 for part in parts), note=note)


def _unhelped(digits: pd.DataFrame, views: comparisons.Budgets) -> dict[str, Estimate]:
    steps = comparisons.as_many_steps(digits).values()
    return {
        "as many views": _outermost([comparisons.behind(few) for few in views.values()], max),
        "as many steps": _outermost([comparisons.behind(few) for few in steps], max),
        "projector": _outermost([few["head"] - few["diet"] for few in steps], max),
    }


def _steadier(few: pd.DataFrame) -> Estimate:
    """Return DIET's range less SimCLR's; a range is cut off where its best rate is outermost."""
    own, rival = PANELS["rate"].runs, comparisons.SIMCLR_RATES
    found = _mean(comparisons.extremes(few, own) - comparisons.extremes(few, rival))
    cut = {"DIET": comparisons.at_edge(few, own), "SimCLR": comparisons.at_edge(few, rival)}
    low = -math.inf if cut["SimCLR"] else found.bounds[0]
    high = math.inf if cut["DIET"] else found.bounds[1]
    names = " and ".join(name for name, edge in cut.items() if edge)
    note = f"the best rate of {names} is outermost, so a wider grid may have a wider range"
    return Estimate(found.value, low, high, n=found.n, note=note if names else found.note)


def _informative(digits: pd.DataFrame) -> dict[str, Estimate]:
    settings = measures.across_settings(digits)
    return {
        "along a run": _mean(measures.along_run(digits), (-1, 1)),
        "across settings": _mean(measures.correlation_across(settings), (-1, 1)),
    }


def _streamed(streaming: pd.DataFrame) -> Estimate:
    gaps = measures.streaming_gaps(streaming)[["loss", "features", "rows"]]
    return Estimate(float(gaps.max().max()), n=gaps.size, note="exact")


def _rank(digits: pd.DataFrame) -> Estimate:
    rank = measures.of_runs(digits, "rankme", 0)
    return _mean(rank["diet"] / rank[["simclr-views", "vicreg-views"]].max(axis=1))


def _spectral(spectral: pd.DataFrame) -> Estimate:
    gaps = measures.spectral_gaps(spectral)[["planes", "spectral", "squared error"]]
    return Estimate(float(gaps.max().max()), n=len(gaps), note="exact")


def _small_encoders(few: pd.DataFrame) -> dict[str, Estimate]:
    small = few["simclr-small"] - few["small"]
    return {
        "C8d": _mean(few["head"] - few["normalised"]),
        "C8e": _mean(small - (few["simclr"] - few["diet"])),
    }


_HELD = {"rows free": "free", "rows of unit length": "unit-rows"}
_CHANGED = {
    "20 dimensions": "dimension-20", "10 clusters": "clusters-10", "concentration 50": "kappa-50",
}  # fmt: skip
_ABOVE = ", above raw observations"


def _identified(tables: Tables) -> dict[str, Mapping[str, Estimate]]:
    latents = tables["latents"]
    told, centres = (measures.final_r2(latents, name) for name in ("latents", "centres"))
    gain = told - observed.r2(latents, tables.settings.seed)
    return {
        "C9a": {name: _mean(told[world], (-1, 1)) for name, world in _HELD.items()}
        | {name + _ABOVE: _mean(gain[world]) for name, world in _HELD.items()},
        "C9b": {name: _mean(centres[world], (-1, 1)) for name, world in _HELD.items()},
        "C9c": {name: _mean(told["free"] - told[world]) for name, world in _CHANGED.items()}
        | {name + _ABOVE: _mean(gain["free"] - gain[world]) for name, world in _CHANGED.items()},
    }
