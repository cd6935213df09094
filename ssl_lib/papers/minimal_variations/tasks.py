"""Tasks on the half-moons, from constant along each moon to varying across it.

A point's distance along and across its moon are those from the centre of the nearer arc.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssl_lib.theory import class_probabilities
from ssl_lib.theory.checks import Array

__all__ = ["TARGETS", "TASKS", "Target", "Task", "variation"]

#: Width over which the smooth step between the moons rises, and that across a moon.
GAP, THIN = 0.3, 0.1
Function = Callable[[Array], Array]


def _radii(points: Array) -> tuple[Array, Array]:
    """Return distances from the centres of the right and the left arc."""
    right = np.linalg.norm(points - [0.0, 1.0], axis=1)
    return right, np.linalg.norm(points, axis=1)


def _distance(points: Array, *, right: bool) -> Array:
    """Return the distance to a half circle, ends included."""
    centred = points - [0.0, float(right)]
    beyond = (centred[:, 0] < 0) if right else (centred[:, 0] > 0)
    ends = np.hypot(centred[:, 0], np.abs(centred[:, 1]) - 1)
    return np.asarray(np.where(beyond, ends, np.abs(np.linalg.norm(centred, axis=1) - 1)))


def _moon(points: Array) -> Array:
    """Return a smooth step between the moons, near -1 on the left and 1 on the right one."""
    gap = _distance(points, right=False) - _distance(points, right=True)
    return np.asarray(np.tanh(gap / GAP))


def _on_right(points: Array) -> npt.NDArray[np.bool_]:
    return np.asarray(_distance(points, right=True) < _distance(points, right=False))


def _along(points: Array) -> Array:
    """Return the distance along the nearer moon, 0 to pi, from its lower end."""
    x, y = points.T
    right = np.arctan2(y - 1, x) + np.pi / 2
    return np.asarray(np.where(_on_right(points), right, np.pi / 2 - np.arctan2(-y, -x)))


def _across(points: Array) -> Array:
    """Return the distance from the middle of the nearer moon, positive outwards."""
    right, left = _radii(points)
    return np.asarray(np.where(_on_right(points), right, left) - 1)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A smooth function of the points.

    Parameters
    ----------
    name, title : str
        In tables, and for readers.
    value : callable
        From points (n, 2) to values (n,).
    """

    name: str
    title: str
    value: Function


def _wave(number: int) -> Function:
    return lambda points: np.asarray(np.cos(number * _along(points)))


TARGETS = (
    Target(name="moon", title="which moon", value=_moon),
    *(
        Target(name=f"wave {j}", title=f"{j} half-wave{'s' * (j > 1)} along", value=_wave(j))
        for j in (1, 2, 3, 4, 6)
    ),
    Target(name="side", title="inner or outer side",
           value=lambda points: np.asarray(np.tanh(_across(points) / THIN))),
)  # fmt: skip


def variation(value: Function, points: Array, *, step: float = 1e-5) -> float:
    r"""Return :math:`E\|\nabla f\|^2` on points, by central differences.

    Examples
    --------
    >>> round(variation(lambda x: 3 * x[:, 0] - x[:, 1], np.zeros((4, 2))), 6)
    10.0
    """
    slopes = [(value(points + step * e) - value(points - step * e)) / (2 * step) for e in np.eye(2)]
    return float(sum((slope**2).mean() for slope in slopes))


@dataclass(frozen=True, kw_only=True)
class Task:
    """A classification whose class probabilities are known.

    Parameters
    ----------
    name, title : str
        In tables, and for readers.
    probabilities : callable
        From points (n, 2) to p(y | x) (n, c).
    """

    name: str
    title: str
    probabilities: Function


def _sides(points: Array) -> Array:
    outer = (_across(points) > 0).astype(float)
    return np.stack([1 - outer, outer], axis=1)


TASKS = (
    Task(name="arcs", title="quarter arcs", probabilities=class_probabilities),
    Task(name="side", title="inner or outer side", probabilities=_sides),
)
