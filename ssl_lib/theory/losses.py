r"""The loss whose minimiser is known: variational VICReg, alias the spectral contrastive loss.

With :math:`C = E[\psi(\xi) \psi(\xi)^\top]` and, for two views of one input,
:math:`D = E[\psi(\xi) \psi(\xi')^\top]`,

.. math:: L = 2 \beta \, \mathrm{tr}(C - D) + \|C - I_k\|_F^2,

neither centred nor with a hinge or a square root. At :math:`\beta = 1` it is
:math:`k - 2 \, \mathrm{tr}\, D + \|C\|_F^2`, the spectral contrastive loss plus k.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.theory.checks import Array, as_positive, as_stack

__all__ = [
    "Moments", "Statistic", "cross_moment", "moments", "spectral_contrastive_loss", "variation",
    "vicreg_loss",
]  # fmt: skip

Statistic: TypeAlias = Literal["U", "V"]
"""Which pairs of an input's views count: "U" those of different views, "V" each with itself too."""


class Moments(NamedTuple):
    """Second moments of features: ``second`` is C and ``cross`` is D, both (k, k).

    Examples
    --------
    >>> moments([np.eye(2), np.eye(2)]).cross.tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """

    second: Array
    cross: Array


def moments(views: Sequence[npt.ArrayLike], *, statistic: Statistic = "U") -> Moments:
    r"""Estimate :math:`C = E[\psi(\xi)\psi(\xi)^\top]` and :math:`D = E[\psi(\xi)\psi(\xi')^\top]`.

    Parameters
    ----------
    views : sequence of array_like of shape (n, k)
        Features of m views of the same n inputs.
    statistic : {"U", "V"}
        "U" averages D over pairs of different views and is unbiased; "V" counts each view with
        itself too, which at few views favours features that are not invariant.

    Returns
    -------
    Moments

    Examples
    --------
    >>> z = np.array([[1.0], [2.0]])
    >>> second, cross = moments([z, -z])
    >>> second.item(), cross.item(), moments([z, -z], statistic="V").cross.item()
    (2.5, -2.5, 0.0)
    """
    stack = as_stack(views)
    m, n, k = stack.shape
    rows, total = stack.reshape(m * n, k), stack.sum(0)
    second = rows.T @ rows / (m * n)
    plain = total.T @ total / (m * m * n)
    return Moments(second, cross_moment(second, plain, m=m, statistic=statistic))


def cross_moment(second: Array, plain: Array, *, m: int, statistic: Statistic) -> Array:
    """Return D from C and the moment of the views' means, at m views an input.

    Parameters
    ----------
    second, plain : numpy.ndarray of shape (k, k)
        The second moment of views, and of the mean over each input's views (the V-statistic of D).
    m : int
        Views an input.
    statistic : {"U", "V"}
        See :func:`moments`.

    Returns
    -------
    numpy.ndarray of shape (k, k)

    Examples
    --------
    >>> cross_moment(np.eye(1), np.eye(1) / 2, m=2, statistic="U")
    array([[0.]])
    """
    if statistic not in ("U", "V"):
        raise InputError(f"statistic must be 'U' or 'V', got {statistic!r}.")
    return plain if statistic == "V" else (m * plain - second) / (m - 1)


def variation(views: Sequence[npt.ArrayLike]) -> Array:
    r"""Return how much each function varies with the view: :math:`\frac12 E(f(\xi) - f(\xi'))^2`.

    Parameters
    ----------
    views : sequence of array_like of shape (n, k)
        Values of k functions at m views of the same n inputs.

    Returns
    -------
    numpy.ndarray of shape (k,)
        Unbiased; divided by the variance of a view's noise it is near the Dirichlet energy.

    Examples
    --------
    >>> variation([[[1.0, 5.0]], [[3.0, 5.0]]])
    array([2., 0.])
    """
    return np.asarray(as_stack(views).var(0, ddof=1).mean(0))


def vicreg_loss(
    views: Sequence[npt.ArrayLike], *, beta: float = 1.0, statistic: Statistic = "U"
) -> float:
    r"""Return :math:`2 \beta \, \mathrm{tr}(C - D) + \|C - I\|_F^2` of features of views.

    Parameters
    ----------
    views : sequence of array_like of shape (n, k)
        Features of m views of the same n inputs.
    beta : float
        Weight of the invariance term.
    statistic : {"U", "V"}
        See :func:`moments`.

    Returns
    -------
    float

    Examples
    --------
    Two orthonormal features that do not vary:

    >>> z = np.array([[1.0, 1.0], [1.0, -1.0]])
    >>> vicreg_loss([z, z]), vicreg_loss([0 * z, 0 * z])
    (0.0, 2.0)
    """
    second, cross = moments(views, statistic=statistic)
    invariance = 2 * as_positive(beta, name="beta", zero=True) * np.trace(second - cross)
    return float(invariance + ((second - np.eye(len(second))) ** 2).sum())


def spectral_contrastive_loss(
    views: Sequence[npt.ArrayLike], *, statistic: Statistic = "U"
) -> float:
    r"""Return :math:`-2 E[\psi(\xi)^\top \psi(\xi')] + E[(\psi(\xi)^\top \psi(\tilde\xi))^2]`.

    The second mean is over all pairs of views of the sample, its equal ones included.

    Parameters
    ----------
    views : sequence of array_like of shape (n, k)
        Features of m views of the same n inputs.
    statistic : {"U", "V"}
        Of the first mean, see :func:`moments`.

    Returns
    -------
    float
        :func:`vicreg_loss` at ``beta=1``, less k.

    References
    ----------
    HaoChen et al., "Provable guarantees for self-supervised deep learning with spectral contrastive
    loss" (2021), equation 6.

    Examples
    --------
    >>> z = np.array([[1.0, 1.0], [1.0, -1.0]])
    >>> spectral_contrastive_loss([z, z])
    -2.0
    """
    second, cross = moments(views, statistic=statistic)
    return float(-2 * np.trace(cross) + (second**2).sum())
