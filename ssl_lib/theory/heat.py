r"""Spectra under noise that are known: circle, interval, Gaussian, sphere.

With noise of scale s a view, the augmentation operator T has the eigenfunctions of the Dirichlet
energy :math:`E\|\nabla f\|^2`. On the circle, the interval and the sphere noise is heat, and
:math:`\mu = e^{-\eta s^2}` with :math:`\eta` the Dirichlet eigenvalue; in general
:math:`(1 - \mu) / s^2 \to \eta` as s falls.
"""

from __future__ import annotations

from math import factorial

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.theory.checks import Array, as_count, as_positive

__all__ = [
    "circle_energies", "circle_modes", "correlated_eigenvalues", "energies_of",
    "gaussian_eigenvalues", "gaussian_walk_eigenvalues", "heat_eigenvalues", "hermite_modes",
    "interval_energies", "interval_modes", "sphere_energies",
]  # fmt: skip


def circle_energies(k: int) -> Array:
    """Return the lowest Dirichlet eigenvalues of the circle of radius 1: j^2, twice each.

    Parameters
    ----------
    k : int
        How many.

    Returns
    -------
    numpy.ndarray of shape (k,)

    Examples
    --------
    >>> circle_energies(5)
    array([0., 1., 1., 4., 4.])
    """
    return ((np.arange(as_count(k, name="k")) + 1) // 2).astype(np.float64) ** 2


def circle_modes(angle: npt.ArrayLike, k: int) -> Array:
    r"""Evaluate 1, :math:`\sqrt2 \cos\theta`, :math:`\sqrt2 \sin\theta` and so on for 2θ, 3θ.

    Parameters
    ----------
    angle : array_like of shape (n,)
        In radians.
    k : int
        How many functions.

    Returns
    -------
    numpy.ndarray of shape (n, k)
        Orthonormal under the uniform angle, in the order of :func:`circle_energies`.

    Examples
    --------
    >>> circle_modes([0.0, np.pi / 2], 3).round(4)
    array([[1.    , 1.4142, 0.    ],
           [1.    , 0.    , 1.4142]])
    """
    theta = np.asarray(angle, dtype=np.float64)[:, None]
    number = np.arange(as_count(k, name="k"))
    turned = theta * ((number + 1) // 2)
    modes = np.sqrt(2) * np.where(number % 2, np.cos(turned), np.sin(turned))
    return np.where(number == 0, 1.0, modes)


def interval_energies(k: int) -> Array:
    r"""Return the lowest Dirichlet eigenvalues of [0, 1], uniform: :math:`(j \pi)^2`.

    Parameters
    ----------
    k : int
        How many.

    Returns
    -------
    numpy.ndarray of shape (k,)

    Examples
    --------
    >>> interval_energies(3).round(3)
    array([ 0.   ,  9.87 , 39.478])
    """
    return np.asarray((np.pi * np.arange(as_count(k, name="k"))) ** 2)


def interval_modes(x: npt.ArrayLike, k: int) -> Array:
    r"""Evaluate 1 and :math:`\sqrt2 \cos(j \pi x)`, orthonormal on [0, 1].

    Parameters
    ----------
    x : array_like of shape (n,)
        In [0, 1].
    k : int
        How many functions.

    Returns
    -------
    numpy.ndarray of shape (n, k)

    Examples
    --------
    >>> interval_modes([0.0, 1.0], 3).round(4)
    array([[ 1.    ,  1.4142,  1.4142],
           [ 1.    , -1.4142,  1.4142]])
    """
    number = np.arange(as_count(k, name="k"))
    modes = np.sqrt(2) * np.cos(np.pi * np.asarray(x, dtype=np.float64)[:, None] * number)
    return np.where(number == 0, 1.0, modes)


def sphere_energies(d: int, most: int) -> Array:
    r"""Return the Dirichlet eigenvalue :math:`\ell (\ell + d - 2)` of each degree of harmonics.

    Parameters
    ----------
    d : int
        Dimension of the space around the unit sphere, at least 2.
    most : int
        The largest degree.

    Returns
    -------
    numpy.ndarray of shape (most + 1,)
        Each stands for :func:`~ssl_lib.theory.dot_products.multiplicity` functions.

    Examples
    --------
    >>> sphere_energies(3, 3)
    array([ 0.,  2.,  6., 12.])
    """
    degree = np.arange(as_count(most, name="most", least=0) + 1, dtype=np.float64)
    return degree * (degree + as_count(d, name="d", least=2) - 2)


def heat_eigenvalues(energies: npt.ArrayLike, scale: float) -> Array:
    r"""Return T's eigenvalues under heat of scale s a view: :math:`e^{-\eta s^2}`.

    A view diffuses for the time :math:`s^2 / 2`, and T takes two of them.

    Parameters
    ----------
    energies : array_like
        Dirichlet eigenvalues :math:`\eta` of circle, interval or sphere.
    scale : float
        s.

    Returns
    -------
    numpy.ndarray

    Examples
    --------
    >>> heat_eigenvalues(circle_energies(7)[1::2], 0.3).round(4)
    array([0.9139, 0.6977, 0.4449])
    """
    return np.exp(-np.asarray(energies, dtype=np.float64) * as_positive(scale, name="scale") ** 2)


def energies_of(eigenvalues: npt.ArrayLike, scale: float) -> Array:
    r"""Return :math:`(1 - \mu) / s^2`, which tends to the Dirichlet eigenvalue as noise falls.

    Parameters
    ----------
    eigenvalues : array_like
        :math:`\mu`, of T or of a fitted estimator.
    scale : float
        s, of the noise of one view.

    Returns
    -------
    numpy.ndarray

    Examples
    --------
    >>> energies_of(gaussian_eigenvalues(4, 0.1), 0.1).round(2)
    array([0.  , 0.99, 1.97, 2.94])
    """
    return (1 - np.asarray(eigenvalues, dtype=np.float64)) / as_positive(scale, name="scale") ** 2


def gaussian_eigenvalues(k: int, scale: float) -> Array:
    r"""Return T's eigenvalues for N(0, 1) data with additive noise: :math:`(1 + s^2)^{-j}`.

    The eigenfunctions are Hermite polynomials of :math:`\xi / \sqrt{1 + s^2}`; the Dirichlet
    eigenvalues of N(0, 1) itself are j.

    Parameters
    ----------
    k : int
        How many.
    scale : float
        s.

    Returns
    -------
    numpy.ndarray of shape (k,)

    Examples
    --------
    >>> gaussian_eigenvalues(4, 0.5).round(4)
    array([1.   , 0.8  , 0.64 , 0.512])
    """
    base = 1 + as_positive(scale, name="scale", zero=True) ** 2
    return np.asarray(base ** -np.arange(as_count(k, name="k"), dtype=np.float64))


def gaussian_walk_eigenvalues(k: int, bandwidth: float, *, alpha: float) -> Array:
    r"""Return the eigenvalues of the diffusion map's walk on N(0, 1) data without end.

    The walk goes from x to a Gaussian around :math:`x / (1 + \tau h^2)`, with
    :math:`\tau = 1 - \alpha / (1 + h^2)`, so that they are :math:`(1 + \tau h^2)^{-j}`, and
    :math:`(1 - w) / (h^2 / 2) \to 2 (1 - \alpha) j`.

    Parameters
    ----------
    k : int
        How many.
    bandwidth : float
        h.
    alpha : float
        Density exponent, see :class:`~ssl_lib.theory.diffusion.DiffusionMap`.

    Returns
    -------
    numpy.ndarray of shape (k,)

    Examples
    --------
    >>> walk = gaussian_walk_eigenvalues(3, 0.01, alpha=0.5)
    >>> ((1 - walk) / (0.01**2 / 2)).round(3)
    array([0., 1., 2.])
    """
    square = as_positive(bandwidth, name="bandwidth") ** 2
    base = 1 + (1 - alpha / (1 + square)) * square
    return np.asarray(base ** -np.arange(as_count(k, name="k"), dtype=np.float64))


def correlated_eigenvalues(k: int, rho: float) -> Array:
    r"""Return T's eigenvalues for views :math:`\rho X + \sqrt{1 - \rho^2} z` of N(0, 1) data.

    Parameters
    ----------
    k : int
        How many.
    rho : float
        Correlation of a view with its input.

    Returns
    -------
    numpy.ndarray of shape (k,)
        :math:`\rho^{2j}`, on the Hermite polynomials.

    Examples
    --------
    >>> correlated_eigenvalues(3, 0.9)
    array([1.    , 0.81  , 0.6561])
    """
    if not -1 <= rho <= 1:
        raise InputError(f"rho must be a correlation in [-1, 1], got {rho!r}.")
    return np.asarray(float(rho) ** (2 * np.arange(as_count(k, name="k"))))


def hermite_modes(x: npt.ArrayLike, k: int) -> Array:
    r"""Evaluate the Hermite polynomials :math:`\mathrm{He}_j / \sqrt{j!}`.

    Parameters
    ----------
    x : array_like of shape (n,)
        Points.
    k : int
        How many functions.

    Returns
    -------
    numpy.ndarray of shape (n, k)
        Orthonormal under N(0, 1).

    Examples
    --------
    >>> hermite_modes([1.0, 2.0], 3).round(4)
    array([[1.    , 1.    , 0.    ],
           [1.    , 2.    , 2.1213]])
    """
    degrees = range(as_count(k, name="k"))
    unit = [1 / np.sqrt(factorial(j)) for j in degrees]
    vander = np.polynomial.hermite_e.hermevander(np.asarray(x, dtype=np.float64), k - 1)
    return np.asarray(vander * unit)
