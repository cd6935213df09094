"""The estimates that decide the chapter's claims."""

from __future__ import annotations

from collections.abc import Mapping

import numpy.typing as npt
import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import mean_interval
from ssl_lib.papers.diet import measures
from ssl_lib.papers.diet.experiments import Tables
from ssl_lib.papers.diet.settings import PANELS

__all__ = ["NOT_TESTED", "estimates"]

#: Claims that no run of this chapter can decide, and why.
NOT_TESTED: dict[str, str] = {
    "C2a": "ResNet-101 on CIFAR-100 for a thousand epochs takes GPU days",
    "C2b": "ResNeXt-50 on TinyImageNet for a thousand epochs takes GPU days",
    "C6b": "no medical images are at hand",
}


def estimates(tables: Tables) -> dict[str, Estimate | Mapping[str, Estimate]]:
    """Return the estimate, or estimates by name, of each claim.

    Parameters
    ----------
    tables : Tables

    Returns
    -------
    dict
        By claim id.
    """
    few = measures.of_runs(tables["digits"])
    return {
        "C1": _useful(few, tables["shapes"]),
        **_rivals(few),
        "C4": _informative(tables["digits"]),
        "C5a": _mean(few["strength-0"] - few["diet"]),
        "C5b": _mean(measures.slower(few)),
        "C5c": _mean(few["diet"] - few["smoothing-0"]),
        "C6a": _mean(few["images-300"] - measures.baseline(few)),
        "C7a": _streamed(tables["streaming"]),
        "C7b": _mean(measures.ranges(few, PANELS["batch"].runs)),
        "C7c": _rank(tables["digits"]),
        "C8a": _spectral(tables["spectral"]),
        "C8b": _mean(measures.noise_order(tables["noise"]), (-1, 1)),
        **_repairs(few),
        **_identified(tables["latents"]),
    }


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


def _useful(few: pd.DataFrame, shapes: pd.DataFrame) -> dict[str, Estimate]:
    drawn = measures.shapes_few(shapes)
    return {
        "digits convolutional": _mean(few["diet"] - measures.baseline(few)),
        "digits perceptron": _mean(few["mlp"] - measures.baseline(few, "untrained-mlp")),
        "shapes convolutional": _mean(drawn["diet"] - measures.baseline(drawn)),
    }


def _rivals(few: pd.DataFrame) -> dict[str, Estimate | Mapping[str, Estimate]]:
    views = few[["simclr-views", "vicreg-views"]].max(axis=1)
    steps = few[["simclr", "vicreg"]].max(axis=1)
    rates = ("simclr-rate-0.001", "simclr", "simclr-rate-0.016")
    steadier = measures.ranges(few, PANELS["rate"].runs) - measures.ranges(few, rates)
    return {
        "C2c": _mean(few["diet"] - views),
        "C3a": {
            "rivals": _mean(steps - few["diet"]),
            "projector": _mean(few["head"] - few["diet"]),
        },
        "C3b": _mean(steadier),
    }


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


def _repairs(few: pd.DataFrame) -> dict[str, Estimate]:
    small = few["simclr-small"] - few["small"]
    return {
        "C8c": _mean(few["normalised"] - few["diet"]),
        "C8d": _mean(few["head"] - few["normalised"]),
        "C8e": _mean(small - (few["simclr"] - few["diet"])),
    }


def _identified(latents: pd.DataFrame) -> dict[str, Mapping[str, Estimate]]:
    found = {name: measures.final_r2(latents, name) for name in ("latents", "centres")}
    worlds = {"rows free": "free", "rows of unit length": "unit-rows"}
    told = found["latents"]
    changed = {
        "20 dimensions": "dimension-20", "10 clusters": "clusters-10",
        "concentration 50": "kappa-50",
    }  # fmt: skip
    return {
        "C9a": {name: _mean(told[world], (-1, 1)) for name, world in worlds.items()},
        "C9b": {name: _mean(found["centres"][world], (-1, 1)) for name, world in worlds.items()},
        "C9c": {name: _mean(told["free"] - told[world]) for name, world in changed.items()},
    }
