"""The moment ladder on digits: tuned on some, judged on others, at several sizes of a batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import torch

from ssl_lib.papers import chapter
from ssl_lib.papers.vicreg_info.encoders import ends
from ssl_lib.papers.vicreg_info.settings import (
    CHOSEN,
    DRAWS,
    LADDER,
    RATE,
    SETTINGS,
    Loss,
    Rung,
    Settings,
    Sizes,
)
from ssl_lib.papers.vicreg_info.training import accuracy, split, train
from ssl_lib.randomness import torch_generator

__all__ = [
    "FACTOR", "batches", "choices", "ladder", "setting", "trials", "tuning",
]  # fmt: skip

#: How far from its default an option is drawn, and the learning rate.
FACTOR, RATE_FACTOR = 10.0, 3.0


def trials(rung: Rung, count: int) -> list[dict[str, float]]:
    """Draw a rung's settings; the first is the default, and more trials keep the first ones.

    Parameters
    ----------
    rung : Rung
    count : int

    Returns
    -------
    list of dict of str to float
        Options and ``learning_rate``, log-uniform within a factor of ``FACTOR`` (of the rate
        ``RATE_FACTOR``) of the default, to three digits.

    Examples
    --------
    >>> first, second = trials(LADDER["vicreg"], 2)
    >>> first
    {'invariance': 25.0, 'covariance': 1.0, 'learning_rate': 0.002}
    >>> second == trials(LADDER["vicreg"], 20)[1], 2.5 <= second["invariance"] <= 250
    (True, True)
    """
    default = {**rung.options, "learning_rate": RATE}
    generator = torch_generator(0, "vicreg_info", "trials", rung.loss.name)
    draws = 2 * torch.rand(count, len(default), generator=generator, dtype=torch.float64) - 1
    return [default] + [
        {
            name: _near(value, float(draw), RATE_FACTOR if name == "learning_rate" else FACTOR)
            for (name, value), draw in zip(default.items(), row, strict=True)
        }
        for row in draws[1:]
    ]


def _near(value: float, draw: float, factor: float) -> float:
    return float(f"{value * math.exp(draw * math.log(factor)):.3g}")


def setting(rung: Rung, trial: Mapping[str, float]) -> tuple[Loss, float]:
    """Return a rung's loss with a trial's options, and the trial's learning rate."""
    options = {name: value for name, value in trial.items() if name != "learning_rate"}
    loss = replace(rung.loss, options={**rung.loss.options, **options})
    return loss, trial.get("learning_rate", RATE)


def tuning(config: Sizes, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train all trials of a rung on the half of the digits that chooses.

    Parameters
    ----------
    config : Sizes
    cell : mapping
        ``draw``, a place in ``DRAWS``, and ``rung``, a key of ``LADDER``.

    Returns
    -------
    pandas.DataFrame
        Columns trial, measure ("accuracy", "early loss"), value.
    """
    rung, seed = LADDER[cell["rung"]], chapter.seeds(Settings.slug, 0, 100)[DRAWS[cell["draw"]]]
    images, test = split(seed, "tuning")
    rows = []
    for place, trial in enumerate(trials(rung, config.trials)):
        loss, rate = setting(rung, trial)
        found = train(loss, images, seed, steps=config.steps, rate=rate)
        rows.append((place, "accuracy", accuracy(found.method, images, test)))
        rows.append((place, "early loss", found.early))
    return pd.DataFrame(rows, columns=["trial", "measure", "value"])


def choices(rung: Rung) -> dict[str, Mapping[str, float]]:
    """Return what a rung is trained with beside its usual options, by setting."""
    return dict(zip(SETTINGS, ({}, CHOSEN.get(rung.loss.name, {})), strict=True))


def ladder(config: Sizes, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train a rung as tuned on the half of the digits that is reported.

    Parameters
    ----------
    config : Sizes
    cell : mapping
        ``seed``, and ``rung``, a key of ``LADDER``.

    Returns
    -------
    pandas.DataFrame
        Columns measure, value; see :func:`ssl_lib.papers.vicreg_info.encoders.ends`.
    """
    rung, seed = LADDER[cell["rung"]], cell["seed"]
    images, test = split(seed, "reported")
    loss, rate = setting(rung, choices(rung)["tuned"])
    found = train(loss, images, seed, steps=config.steps, rate=rate)
    return pd.DataFrame(list(ends(found, images, test)), columns=["measure", "value"])


def batches(config: Sizes, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train a rung as tuned with batches of several sizes, as many showings of each image.

    Parameters
    ----------
    config : Sizes
    cell : mapping
        ``seed``, and ``rung``, a key of ``LADDER``.

    Returns
    -------
    pandas.DataFrame
        Columns batch, measure ("accuracy", "early loss"), value.
    """
    rung, seed = LADDER[cell["rung"]], cell["seed"]
    images, test = split(seed, "reported")
    loss, rate = setting(rung, choices(rung)["tuned"])
    rows = []
    for size in config.batches:
        found = train(loss, images, seed, steps=config.steps, batch_size=size, rate=rate)
        rows.append((size, "accuracy", accuracy(found.method, images, test)))
        rows.append((size, "early loss", found.early))
    return pd.DataFrame(rows, columns=["batch", "measure", "value"])
