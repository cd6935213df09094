r"""How gradient descent learns one function after another, and which penalty stopping it is like.

Gradient flow on the regularised loss, in the parameters of a class where T and K commute, moves
each joint eigenfunction alone. Its squared amplitude follows
:math:`\dot y = 8 \nu y (\mu - y)`, a logistic curve from its start to :math:`\mu` at the rate
:math:`8 \nu \mu`: after a start near zero features appear in steps. Early stopping keeps those of
large :math:`\nu \mu`, and a penalty those with :math:`\lambda < \lambda_i \nu_i`.

References
----------
Simon et al., "On the stepwise nature of self-supervised learning", arXiv 2303.15438.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.theory.checks import Array

__all__ = ["learning_times", "squared_amplitudes"]


def squared_amplitudes(
    time: npt.ArrayLike, *, mu: npt.ArrayLike, nu: npt.ArrayLike, start: npt.ArrayLike
) -> Array:
    r"""Return each eigenfunction's squared amplitude under gradient flow.

    Parameters
    ----------
    time : array_like of shape (...)
        Of the flow :math:`\dot\Theta = -\nabla L`; n steps of size s take the time n s.
    mu, nu : array_like of shape (s,)
        Eigenvalues of :math:`T_\lambda` and of K.
    start : array_like of shape (s,), or float
        Squared amplitudes at time 0, above 0.

    Returns
    -------
    numpy.ndarray of shape (..., s)

    Examples
    --------
    >>> squared_amplitudes([0.0, 1.0, 10.0], mu=[0.9], nu=[1.0], start=0.01).ravel().round(3)
    array([0.01 , 0.844, 0.9  ])
    """
    level, rate, begin = _arrays(mu, nu, start)
    moment = np.asarray(time, dtype=np.float64)[..., None]
    # In the form that neither overflows for late times nor divides by a level of zero.
    decay = np.exp(-8 * rate * np.abs(level) * moment)
    with np.errstate(divide="ignore", invalid="ignore"):
        grown = level * begin / (begin + (level - begin) * decay)
        shrunk = -level * begin * decay / (begin * (1 - decay) - level)
    flat = begin / (1 + 8 * rate * begin * moment)
    return np.where(level > 0, grown, np.where(level < 0, shrunk, flat))


def learning_times(
    *, mu: npt.ArrayLike, nu: npt.ArrayLike, start: npt.ArrayLike, share: float = 0.5
) -> Array:
    r"""Return when each eigenfunction reaches a share of its final squared amplitude.

    :math:`t = \frac{1}{8 \nu \mu} \log \frac{s (\mu - y_0)}{(1 - s) y_0}`, in the time of
    :func:`squared_amplitudes`.

    Parameters
    ----------
    mu, nu : array_like of shape (s,)
        Eigenvalues of :math:`T_\lambda` and of K.
    start : array_like of shape (s,), or float
        Squared amplitudes :math:`y_0` at time 0, above 0.
    share : float
        s, between 0 and 1.

    Returns
    -------
    numpy.ndarray of shape (s,)
        Infinite where nothing is learned; 0 where the share is there from the start.

    Examples
    --------
    >>> learning_times(mu=[0.9, 0.9, -0.1], nu=[1.0, 0.1, 1.0], start=1e-4).round(3)
    array([ 1.265, 12.646,    inf])
    """
    if not 0 < share < 1:
        raise InputError(f"share must be between 0 and 1, got {share!r}.")
    level, rate, begin = _arrays(mu, nu, start)
    learned = (level > 0) & (rate > 0)
    level, rate = np.where(learned, level, 1.0), np.where(learned, rate, 1.0)
    ahead = np.maximum(share * (level - begin) / ((1 - share) * begin), 1.0)
    return np.where(learned, np.log(ahead) / (8 * rate * level), np.inf)


def _arrays(
    mu: npt.ArrayLike, nu: npt.ArrayLike, start: npt.ArrayLike
) -> tuple[Array, Array, Array]:
    level, rate, begin = np.broadcast_arrays(
        np.asarray(mu, dtype=np.float64),
        np.asarray(nu, dtype=np.float64),
        np.asarray(start, dtype=np.float64),
    )
    if not (begin > 0).all():
        raise InputError("start must be above 0: nothing grows from zero.")
    if not (rate >= 0).all():
        raise InputError("nu must be at least 0: eigenvalues of a kernel.")
    return level, rate, begin
