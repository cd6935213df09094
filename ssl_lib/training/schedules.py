"""Learning-rate schedules as functions of the number of steps."""

from __future__ import annotations

import math

__all__ = ["learning_rate_factor"]


def learning_rate_factor(
    step: int, *, total: int, warmup: int = 0, schedule: str = "cosine", final: float = 0.0
) -> float:
    """Compute the share of the peak learning rate that a step uses.

    Linear from ``1 / warmup`` to 1 over the first ``warmup`` steps, then
    ``final + (1 - final) (1 + cos(pi t)) / 2`` with t from 0 to 1 over the rest (Loshchilov and
    Hutter, 2017, Eq. 5, one period).

    Parameters
    ----------
    step : int
        From 0 to ``total - 1``.
    total : int
        Steps of the whole run.
    warmup : int, default=0
        Steps of warm-up.
    schedule : {"cosine", "constant"}, default="cosine"
        What follows it.
    final : float, default=0.0
        Share that the cosine ends at, one step after the last.

    Returns
    -------
    float
        Above 0 for every step of the run when ``final`` is 0.

    Examples
    --------
    >>> [learning_rate_factor(step, total=6, warmup=2) for step in (0, 1, 2, 4)]
    [0.5, 1.0, 1.0, 0.5]
    """
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant":
        return 1.0
    t = (step - warmup) / max(1, total - warmup)
    return final + (1 - final) * (1 + math.cos(math.pi * t)) / 2
