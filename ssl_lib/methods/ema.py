"""Exponential moving average (EMA) teachers."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from ssl_lib.errors import InputError, closest

Schedule = Literal["cosine", "linear", "constant"]


def ema_momentum(
    progress: float, *, start: float, end: float = 1.0, schedule: str = "cosine"
) -> float:
    r"""Return the momentum of a teacher after a fraction of the training.

    .. math:: m = m_1 - (m_1 - m_0) (\cos \pi s + 1) / 2

    Parameters
    ----------
    progress : float
        s, fraction of the training done, in [0, 1].
    start, end : float
        :math:`m_0` and :math:`m_1`.
    schedule : {"cosine", "linear", "constant"}
        BYOL and DINO use the cosine, MSN a straight line; "constant" stays at `start`.

    Examples
    --------
    >>> [round(ema_momentum(s, start=0.996), 6) for s in (0.0, 0.5, 1.0)]
    [0.996, 0.998, 1.0]
    """
    shapes = {
        "cosine": (1 - math.cos(math.pi * progress)) / 2,
        "linear": progress,
        "constant": 0.0,
    }
    if schedule not in shapes:
        raise InputError(f"unknown momentum schedule {schedule!r}.{closest(schedule, shapes)}")
    return start + (end - start) * shapes[schedule]


@torch.no_grad()
def ema_update(teacher: nn.Module, student: nn.Module, *, momentum: float) -> None:
    """Move the teacher's parameters towards the student's: t <- m t + (1 - m) s.

    Parameters
    ----------
    teacher, student : torch.nn.Module
        Of the same structure. Buffers (BatchNorm statistics) are left alone: a teacher in train
        mode keeps its own.
    momentum : float
        m in [0, 1]; 0 copies the student.

    Examples
    --------
    >>> teacher, student = nn.Linear(1, 1), nn.Linear(1, 1)
    >>> _ = nn.init.zeros_(teacher.weight), nn.init.ones_(student.weight)
    >>> ema_update(teacher, student, momentum=0.75)
    >>> teacher.weight.item()
    0.25
    """
    targets: list[Tensor] = list(teacher.parameters())
    sources: list[Tensor] = list(student.parameters())
    if targets:
        torch._foreach_lerp_(targets, sources, 1.0 - momentum)
