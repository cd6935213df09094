"""The cost of the constraint in a training step and at test time, measured where the page runs."""

import itertools
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.geometry import constrain
from ssl_lib.models import seeded
from ssl_lib.papers.police.problems import simplex
from ssl_lib.papers.police.settings import Settings
from ssl_lib.papers.police.training import dense
from ssl_lib.profiles import choose, device
from ssl_lib.randomness import numpy_generator, torch_generator
from ssl_lib.results.verification import Checks

__all__ = ["CHECKS", "PAPER", "beside_paper", "cases", "config", "shown", "slowdowns", "sweep"]

N = 1024
Case = tuple[int, int, int]
#: Dimension, width, depth: milliseconds without and with the constraint on a Quadro GP100, from the
#: README of the released code.
PAPER: dict[Case, tuple[float, float]] = {
    (784, 128, 4): (1.34, 8.31),
    (2, 512, 16): (3.01, 30.72),
    (3072, 4096, 2): (23.85, 91.54),
}
#: What a sweep varies, from a network of two inputs, width 128 and depth 4.
SWEEPS: dict[str, list[Case]] = {
    "depth": [(2, 128, depth) for depth in (1, 2, 4, 8, 16)],
    "width": [(2, width, 4) for width in (32, 64, 128, 256, 512)],
    "dimension": [(dimension, 128, 4) for dimension in (2, 16, 128, 784)],
}
#: The same at smoke.
SMALL: dict[str, list[Case]] = {
    "depth": [(2, 16, 1), (2, 16, 2)],
    "width": [(2, 8, 1), (2, 16, 1)],
    "dimension": [(2, 16, 1), (4, 16, 1)],
}
KEYS = ("dimension", "width", "depth")
TIMES = ("plain_ms", "constrained_ms", "slowdown", "low", "high", "merged_slowdown", "rounds")
CHECKS = Checks(keys=KEYS, exact=("flops",), times=TIMES)


def cases(settings: Settings) -> list[Case]:
    """Return the networks that are timed.

    Examples
    --------
    >>> (3072, 4096, 2) in cases(Settings()), (3072, 4096, 2) in cases(Settings(profile="paper"))
    (False, True)
    """
    rows = choose(settings.profile, smoke=0, quick=2, standard=2, paper=3)
    sweeps = SMALL if settings.profile == "smoke" else SWEEPS
    return list(dict.fromkeys(itertools.chain(list(PAPER)[:rows], *sweeps.values())))


def config(settings: Settings) -> dict[str, Any]:
    """Return what :func:`slowdowns` is called with."""
    seconds = choose(settings.profile, smoke=0.0, quick=0.3, standard=2.0, paper=5.0)
    return {
        "cases": [list(case) for case in cases(settings)],
        "device": device(settings.device).type, "seconds": seconds, "rounds": 7,
        "sign": settings.sign,
    }  # fmt: skip


def slowdowns(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Time training steps and forward passes of constrained, plain and merged networks.

    N = 1024 points of N(0, I_D) / sqrt(D), the region is the simplex {0, e_1, ..., e_D} / sqrt(D),
    the target cos(5 r), r the distance from 0. A step is forward, loss and backward.

    Parameters
    ----------
    config : mapping
        ``cases`` (dimension, width, depth), ``device``, ``seconds`` to spend on each case at
        least, ``rounds`` at least, ``sign``.
    cell : mapping
        The only one, empty.

    Returns
    -------
    pandas.DataFrame
        Columns dimension, width, depth, plain_ms, constrained_ms (medians over rounds in changing
        order, after a warm-up; CPU time on a CPU, synchronised wall time on a GPU),
        slowdown with its 95 % bootstrap interval low to high, merged_slowdown of the forward pass,
        flops ((N + P) / N) and rounds.
    """
    return pd.DataFrame([_time_case(tuple(case), config) for case in config["cases"]])


def _time_case(case: Case, config: Mapping[str, Any]) -> dict[str, Any]:
    dimension, width, depth = case
    where = torch.device(config["device"])
    with seeded(0, "timing"):
        plain = dense(dimension, width, depth).to(where)
    constrained = constrain(plain, simplex(dimension).to(where), sign=config["sign"])
    points = torch.randn(N, dimension, generator=torch_generator(0, "timing"))
    points = (points / dimension**0.5).to(where)
    wanted = torch.cos(5 * points.norm(dim=1))
    merged = constrained.merge()
    milliseconds = measure({
        "plain": _training_step(plain, points, wanted),
        "constrained": _training_step(constrained, points, wanted),
        "plain_test": _forward(plain, points),
        "merged_test": _forward(merged, points),
    }, where, config["rounds"], config["seconds"])  # fmt: skip
    middle = {name: float(np.median(values)) for name, values in milliseconds.items()}
    low, high = ratio_interval(milliseconds["constrained"], milliseconds["plain"])
    return {
        "dimension": dimension, "width": width, "depth": depth,
        "plain_ms": middle["plain"], "constrained_ms": middle["constrained"],
        "slowdown": middle["constrained"] / middle["plain"], "low": low, "high": high,
        "merged_slowdown": middle["merged_test"] / middle["plain_test"],
        "flops": (N + dimension + 1) / N, "rounds": len(milliseconds["plain"]),
    }  # fmt: skip


def _training_step(model: nn.Module, points: Tensor, wanted: Tensor) -> Callable[[], None]:
    def step() -> None:
        F.mse_loss(model(points)[:, 0], wanted).backward()
        model.zero_grad(set_to_none=True)

    return step


def _forward(model: nn.Module, points: Tensor) -> Callable[[], None]:
    @torch.no_grad()
    def step() -> None:
        model(points)

    return step


def measure(
    steps: Mapping[str, Callable[[], None]], where: torch.device, rounds: int, seconds: float
) -> dict[str, np.ndarray]:
    """Milliseconds of each function in rounds of changing order, after two to warm up.

    What ran before decides what is in the cache: in a fixed order the merged network, after its
    plain twin, would seem the faster of the two.

    Examples
    --------
    >>> found = measure({"nothing": lambda: None}, torch.device("cpu"), 7, 0.0)
    >>> found["nothing"].shape
    (7,)
    """
    found: dict[str, list[float]] = {name: [] for name in steps}
    end = time.perf_counter() + seconds
    order = random.Random(0)
    number = -2
    while number < rounds or time.perf_counter() < end:
        for name in order.sample(list(steps), len(steps)):
            start = _clock(where)
            steps[name]()
            if number >= 0:
                found[name].append(1000 * (_clock(where) - start))
        number += 1
    return {name: np.array(values) for name, values in found.items()}


def _clock(where: torch.device) -> float:
    """Seconds: of this process on a CPU that others share, or with all work of a GPU done."""
    if where.type == "cuda":
        torch.cuda.synchronize(where)
        return time.perf_counter()
    return time.process_time()


def ratio_interval(
    numerator: np.ndarray, denominator: np.ndarray, replicates: int = 400
) -> tuple[float, float]:
    """95 % bootstrap interval of the ratio of two medians over the same rounds.

    Examples
    --------
    >>> ratio_interval(np.full(9, 6.0), np.full(9, 2.0))
    (3.0, 3.0)
    """
    generator = numpy_generator(0, "rounds")
    drawn = generator.integers(0, len(numerator), (replicates, len(numerator)))
    ratios = np.median(numerator[drawn], 1) / np.median(denominator[drawn], 1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(low), float(high)


def sweep(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows of :func:`slowdowns` that vary one of depth, width and dimension."""
    keys = pd.MultiIndex.from_frame(table[list(KEYS)])
    wanted = [case for case in SWEEPS[name] + SMALL[name] if case in keys]
    return table.set_index(keys).loc[wanted].reset_index(drop=True)


def beside_paper(table: pd.DataFrame) -> pd.DataFrame:
    """Return the paper's rows, with those of :func:`slowdowns` where they were timed.

    Columns dimension, width, depth, paper_slowdown, flops, then the times.
    """
    rows = [(*case, slow / plain, (N + case[0] + 1) / N) for case, (plain, slow) in PAPER.items()]
    paper = pd.DataFrame(rows, columns=[*KEYS, "paper_slowdown", "flops"])
    return paper.merge(table.drop(columns="flops"), on=list(KEYS), how="left")


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return :func:`beside_paper` as texts for readers; a dash where nothing was timed."""
    rows = beside_paper(table)
    cases = zip(*(rows[name] for name in KEYS), strict=True)
    return pd.DataFrame({
        "dimension, width, depth": [f"{d:,}, {w:,}, {k}" for d, w, k in cases],
        "slowdown, paper": rows.paper_slowdown.map(_number),
        "ms here, plain": rows.plain_ms.map(_number),
        "ms here, constrained": rows.constrained_ms.map(_number),
        "slowdown here": rows.slowdown.map(_number),
        "slowdown here, merged": rows.merged_slowdown.map(_number),
        "arithmetic": rows.flops.map(_number),
    })  # fmt: skip


def _number(value: float) -> str:
    return "\N{EN DASH}" if np.isnan(value) else f"{value:.2f}"
