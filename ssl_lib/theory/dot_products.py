r"""Eigenvalues of dot-product kernels: Krawtchouk on bit strings, Funk and Hecke on the sphere.

On both, a kernel :math:`\kappa(\cos)` has one eigenvalue a degree: all characters of one size, and
all harmonics of one degree, are eigenfunctions of the integral operator K with the same
:math:`\nu_\ell`.
"""

from __future__ import annotations

from math import comb

import numpy as np
import numpy.typing as npt

from ssl_lib.theory.checks import Array, as_count
from ssl_lib.theory.kernels import Profile

__all__ = [
    "cube_eigenvalues", "gegenbauer", "krawtchouk", "multiplicity", "sphere_eigenvalues",
    "sphere_points",
]  # fmt: skip


def krawtchouk(d: int, degree: int) -> npt.NDArray[np.float64]:
    r"""Return the Krawtchouk polynomial of a degree at 0, ..., d.

    :math:`P_\ell(j) = \sum_i (-1)^i \binom{j}{i} \binom{d - j}{\ell - i}` is the sum of all
    characters of size :math:`\ell` at a bit string with j bits of -1.

    Parameters
    ----------
    d : int
        Bits.
    degree : int
        At most ``d``.

    Returns
    -------
    numpy.ndarray of shape (d + 1,)

    Examples
    --------
    >>> krawtchouk(4, 2)
    array([ 6.,  0., -2.,  0.,  6.])
    """
    as_count(d, name="d")
    as_count(degree, name="degree", least=0, most=d)
    return np.array([_krawtchouk(d, degree, j) for j in range(d + 1)], dtype=np.float64)


def cube_eigenvalues(profile: Profile, d: int) -> Array:
    r"""Return the eigenvalue of a dot-product kernel at each size of character on {-1, 1}^d.

    :math:`\nu_\ell = 2^{-d} \sum_j \binom{d}{j} \kappa(1 - 2j/d) P_\ell(j) / \binom{d}{\ell}`.

    Parameters
    ----------
    profile : callable
        :math:`\kappa`, see :mod:`ssl_lib.theory.kernels`.
    d : int
        Bits.

    Returns
    -------
    numpy.ndarray of shape (d + 1,)
        :math:`\nu_0, \dots, \nu_d`, with :math:`\sum_\ell \binom{d}{\ell} \nu_\ell = \kappa(1)`.
        What rounding cannot tell from zero is zero.

    Examples
    --------
    >>> from ssl_lib.theory.kernels import relu
    >>> cube_eigenvalues(relu, 8)[:4].round(4)
    array([0.4014, 0.1095, 0.021 , 0.0021])
    """
    as_count(d, name="d")
    values = profile(1.0 - 2 * np.arange(d + 1) / d)
    # C(d, j) P_l(j) / C(d, l) = P_j(l): no quotient of large numbers.
    weights = np.stack([krawtchouk(d, j) for j in range(d + 1)], axis=1)
    return _cleaned(weights @ values / 2.0**d, largest=np.abs(values).max())


def multiplicity(d: int, degree: int) -> int:
    r"""Count the harmonics of a degree on the unit sphere of :math:`R^d`.

    Parameters
    ----------
    d : int
        Dimension of the space around the sphere, at least 2.
    degree : int
        :math:`\ell`.

    Returns
    -------
    int
        :math:`\binom{d + \ell - 1}{\ell} - \binom{d + \ell - 3}{\ell - 2}`.

    Examples
    --------
    >>> [multiplicity(3, degree) for degree in range(4)], multiplicity(8, 3)
    ([1, 3, 5, 7], 112)
    """
    as_count(d, name="d", least=2)
    as_count(degree, name="degree", least=0)
    below = comb(d + degree - 3, degree - 2) if degree >= 2 else 0
    return comb(d + degree - 1, degree) - below


def gegenbauer(degree: int, x: npt.ArrayLike, *, d: int, unit: bool = False) -> Array:
    r"""Evaluate the Gegenbauer polynomial that belongs to the unit sphere of :math:`R^d`.

    Parameters
    ----------
    degree : int
        :math:`\ell`.
    x : array_like
        In [-1, 1].
    d : int
        At least 3; the parameter is :math:`\alpha = d/2 - 1`.
    unit : bool
        Scale to 1 at x = 1: the Legendre polynomial of dimension d.

    Returns
    -------
    numpy.ndarray

    Examples
    --------
    In eight dimensions :math:`C_2 = 24 x^2 - 3`:

    >>> gegenbauer(2, [0.0, 0.5, 1.0], d=8)
    array([-3.,  3., 21.])
    """
    from scipy.special import eval_gegenbauer

    as_count(d, name="d", least=3)
    as_count(degree, name="degree", least=0)
    alpha = d / 2 - 1
    value = np.asarray(eval_gegenbauer(degree, alpha, np.asarray(x, dtype=np.float64)))
    return value / eval_gegenbauer(degree, alpha, 1.0) if unit else value


def sphere_eigenvalues(profile: Profile, d: int, most: int, *, nodes: int = 400) -> Array:
    r"""Return the eigenvalue of a dot-product kernel at each degree of harmonics.

    Funk and Hecke: :math:`\nu_\ell = \frac{|S^{d-2}|}{|S^{d-1}|}
    \int_0^\pi \kappa(\cos \theta) P_\ell(\cos \theta) \sin^{d-2} \theta \, d\theta`, by
    Gauss-Legendre in the angle, in which arc-cosine kernels are smooth.

    Parameters
    ----------
    profile : callable
        :math:`\kappa`.
    d : int
        Dimension of the space around the sphere, at least 3.
    most : int
        The largest degree.
    nodes : int
        Of the quadrature.

    Returns
    -------
    numpy.ndarray of shape (most + 1,)
        :math:`\nu_0, \dots`, under the uniform probability on the sphere. Times their
        :func:`multiplicity` they sum to :math:`\kappa(1)`.

    Examples
    --------
    >>> sphere_eigenvalues(lambda u: u, 5, 2).round(12)
    array([0. , 0.2, 0. ])
    """
    angle, weight = np.polynomial.legendre.leggauss(as_count(nodes, name="nodes"))
    angle = (angle + 1) * np.pi / 2
    density = weight * np.sin(angle) ** (as_count(d, name="d", least=3) - 2)
    values = profile(np.cos(angle)) * density / density.sum()
    harmonics = [gegenbauer(degree, np.cos(angle), d=d, unit=True) for degree in range(most + 1)]
    return _cleaned(np.stack(harmonics) @ values, largest=np.abs(values).sum())


def sphere_points(n: int, d: int, generator: np.random.Generator) -> Array:
    """Draw points uniformly from the unit sphere of R^d.

    Parameters
    ----------
    n, d : int
        How many, and in which dimension.
    generator : numpy.random.Generator
        What draws.

    Returns
    -------
    numpy.ndarray of shape (n, d)

    Examples
    --------
    >>> np.linalg.norm(sphere_points(2, 3, np.random.default_rng(0)), axis=1).round(12)
    array([1., 1.])
    """
    x = generator.standard_normal((n, d))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def _krawtchouk(d: int, degree: int, j: int) -> int:
    return sum((-1) ** i * comb(j, i) * comb(d - j, degree - i) for i in range(degree + 1))


def _cleaned(eigenvalues: Array, *, largest: float) -> Array:
    # A wrong sign of a vanishing eigenvalue would turn its penalty 1 / nu into a reward.
    return np.where(np.abs(eigenvalues) < 1e-15 * largest, 0.0, eigenvalues)
