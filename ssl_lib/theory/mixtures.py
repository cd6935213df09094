"""A mixture of Gaussians whose entropy and all bounds on it are known: components on a cube.

With 2^d components N(c, s^2 I) on the corners c of the cube [-r, r]^d, coordinates are independent
and each is half N(-r, s^2), half N(r, s^2): a binary signal in Gaussian noise. Its entropy needs
one integral. It shows what maximising an upper bound can do: when corners go apart and components
shrink, the entropy of the Gaussian with the same covariance rises while the entropy falls.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ssl_lib.theory.checks import as_count, as_positive

__all__ = ["CubeEntropies", "cube_entropies", "squeezed_cube"]

_UNIT = math.log(2 * math.pi * math.e)
_NODES = 4001
_FAR = 12.0  # standard deviations


class CubeEntropies(NamedTuple):
    """The entropy of a mixture on a cube and its bounds, in nats.

    Attributes
    ----------
    bhattacharyya, exact, kl, gaussian : float
        Pairwise lower bound of Kolchinsky and Tracey, the entropy, pairwise upper bound, and the
        entropy of the Gaussian of the same covariance, which is Hadamard's bound, too.

    Examples
    --------
    >>> [round(value, 4) for value in cube_entropies(0.0, 1.0)]
    [1.4189, 1.4189, 1.4189, 1.4189]
    """

    bhattacharyya: float
    exact: float
    kl: float
    gaussian: float


def cube_entropies(radius: float, std: float, *, d: int = 1) -> CubeEntropies:
    r"""Compute the entropy of a mixture on the corners of a cube, and its bounds.

    .. math:: H &= d \Big[ \tfrac12 \ln(2 \pi e s^2) + \ln 2
       - E \ln\big(1 + e^{-2 \rho^2 - 2 \rho \xi}\big) \Big], \\
       H_D &= d \Big[ \tfrac12 \ln(2 \pi e s^2)
       - \ln \tfrac12 \big(1 + e^{-4 \rho^2 / c}\big) \Big]

    with :math:`\rho = r / s`, :math:`\xi \sim N(0, 1)`, c = 8 for Bhattacharyya, c = 2 for KL, and
    (d/2) ln(2 pi e (r^2 + s^2)) for the Gaussian.

    Parameters
    ----------
    radius, std : float
        r, half the side of the cube, and s.
    d : int, default=1
        Dimensions.

    Returns
    -------
    CubeEntropies
        Nats; the integral by the trapezoidal rule, to about 1e-14 a dimension.

    Raises
    ------
    InputError
        When the radius is negative or the standard deviation not positive.

    Examples
    --------
    >>> [round(value, 4) for value in cube_entropies(2.0, 1.0)]
    [1.9852, 2.0517, 2.1118, 2.2237]
    """
    r = as_positive(radius, name="radius", zero=True)
    s = as_positive(std, name="std")
    d = as_count(d, name="d")
    rho = r / s
    x = np.linspace(-_FAR, _FAR, _NODES)
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    lost = float((density * np.logaddexp(0, -2 * rho * (rho + x))).sum() * (x[1] - x[0]))
    component = 0.5 * (_UNIT + 2 * math.log(s))
    lower, upper = (component + math.log(2) - math.log1p(math.exp(-4 * rho**2 / c)) for c in (8, 2))
    gaussian = 0.5 * (_UNIT + math.log(r**2 + s**2))
    each = (lower, component + math.log(2) - lost, upper, gaussian)
    return CubeEntropies(*(d * value for value in each))


def squeezed_cube(time: float, *, growth: float = 0.1) -> tuple[float, float]:
    r"""Return the member of a family along which the bound rises and the entropy falls.

    .. math:: s(t) = e^{-t}, \qquad r(t)^2 = 2 + g t - s(t)^2

    The variance of each coordinate is 2 + g t, and at t = 0 each corner lies one standard deviation
    from the middle: a mixture with a single mode.

    Parameters
    ----------
    time : float
        t, at least 0.
    growth : float, default=0.1
        g, above 0.

    Returns
    -------
    radius, std : float
        Arguments of :func:`cube_entropies`.

    Examples
    --------
    >>> found = [cube_entropies(*squeezed_cube(time)) for time in (0.0, 0.5, 1.0, 2.0)]
    >>> [round(each.gaussian, 3) for each in found]
    [1.766, 1.778, 1.79, 1.813]
    >>> [round(each.exact, 3) for each in found]
    [1.756, 1.568, 1.112, 0.112]
    """
    t = as_positive(time, name="time", zero=True)
    std = math.exp(-t)
    return math.sqrt(2 + as_positive(growth, name="growth") * t - std**2), std
