r"""Exact kernel SSL on the first n inputs of a sample, for many n at the price of one.

The resolvent :math:`(c - T_\lambda)^{-1}` needs no inverse of the Gram matrix. With
:math:`M = c - (1 - \beta) - \beta T`, which is diagonal but for blocks of one input's views, and
the ridge :math:`\rho = \lambda N`, it is
:math:`M^{-1} - M^{-1} (M^{-1} + G / \rho)^{-1} M^{-1}`. The Cholesky factor of the matrix in the
middle holds those of all first parts of the sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.theory.checks import Array, as_count, as_matrix, as_positive, as_stack
from ssl_lib.theory.kernels import Kernel
from ssl_lib.theory.losses import Statistic
from ssl_lib.theory.solving import leading_of_inverse, signs

__all__ = ["NestedFeatures", "nested_ssl"]

# Near the eigenvalues, which crowd below 1, steps of the resolvent part them best.
_ABOVE = 1e-6


@dataclass(frozen=True)
class NestedFeatures:
    """Features learned from the first inputs of a sample.

    Attributes
    ----------
    eigenvalues : numpy.ndarray of shape (k,)
        Largest first.
    coefficients : numpy.ndarray of shape (N, k)
        Of the kernel at the first N views, taken input by input.

    Examples
    --------
    >>> NestedFeatures(np.ones(1), np.array([[2.0], [1.0]]))(np.array([[1.0, 3.0, 9.0]]))
    array([[5.]])
    """

    eigenvalues: Array
    coefficients: Array

    def __call__(self, gram: Array) -> Array:
        """Return features (q, k), of unit second moment on the views they were learned from.

        ``gram`` (q, N or more) is the kernel between q points and the views, input by input.
        """
        return gram[:, : len(self.coefficients)] @ self.coefficients


def nested_ssl(
    views: Sequence[npt.ArrayLike],
    sizes: Sequence[int],
    *,
    kernel: Kernel,
    ridge: float,
    n_components: int,
    statistic: Statistic = "U",
    beta: float = 1.0,
) -> list[NestedFeatures]:
    r"""Solve kernel SSL on the first n inputs for several n.

    Parameters
    ----------
    views : sequence of array_like of shape (n, d)
        m views of all inputs.
    sizes : sequence of int
        Numbers of inputs.
    kernel : callable
        From points (n, d) and (p, d) to (n, p).
    ridge : float
        :math:`\rho = \lambda m n`, one for all sizes: the penalty falls as samples grow. Not for
        ridges near rounding; :class:`~ssl_lib.theory.ssl.KernelSSL` takes any.
    n_components : int
        k.
    statistic : {"U", "V"}
        See :func:`~ssl_lib.theory.losses.moments`.
    beta : float
        Weight of the invariance term, above 0.

    Returns
    -------
    list of NestedFeatures
        What ``KernelSSL(penalty=ridge / (m * n), scaled=False)`` learns at each size.

    Examples
    --------
    >>> from ssl_lib.theory.kernels import Laplace
    >>> from ssl_lib.theory.moons import half_moons
    >>> generator = np.random.default_rng(0)
    >>> points = half_moons(60, generator).points
    >>> views = [points + 0.1 * generator.standard_normal(points.shape) for _ in range(2)]
    >>> found = nested_ssl(views, [30, 60], kernel=Laplace(0.2), ridge=1e-3, n_components=2)
    >>> [features.coefficients.shape for features in found]
    [(60, 2), (120, 2)]
    """
    stack = as_stack(views)
    m, n, d = stack.shape
    counts = [as_count(size, name="size", most=n) for size in sizes]
    rho = as_positive(ridge, name="ridge")
    points = stack[:, : max(counts)].transpose(1, 0, 2).reshape(-1, d)
    gram = as_matrix(kernel(points, points), name="the Gram matrix")
    if rho < 1e-10 * np.trace(gram):
        raise InputError(f"ridge={rho:g} is too near to rounding here: use KernelSSL.")
    blocks = _Blocks(m, beta, statistic)
    factor = _factor(gram / rho, blocks)
    return [_solved(factor[: m * size, : m * size], blocks, rho, n_components) for size in counts]


@dataclass(frozen=True)
class _Blocks:
    """T of a sample: on each input's m views a matrix with equal entries off its diagonal."""

    m: int
    beta: float
    statistic: Statistic

    def apply(self, values: Array, constant: float, rest: float) -> Array:
        """Multiply by one number what is constant over an input's views, by another what is not."""
        shape = values.shape
        grouped = values.reshape(-1, self.m, shape[-1])
        mean = grouped.mean(1, keepdims=True)
        return np.asarray((rest * grouped + (constant - rest) * mean).reshape(shape))

    @property
    def rest(self) -> float:
        """What (1 - beta) + beta T does to functions of mean zero over an input's views."""
        return 1 - self.beta - (self.beta / (self.m - 1) if self.statistic == "U" else 0.0)

    def inverse(self, values: Array) -> Array:
        """Apply M^-1."""
        return self.apply(values, 1 / _ABOVE, 1 / (1 + _ABOVE - self.rest))


def _factor(scaled: Array, blocks: _Blocks) -> Array:
    from scipy.linalg import cholesky

    m = blocks.m
    block = blocks.inverse(np.eye(m))
    for start in range(0, len(scaled), m):
        scaled[start : start + m, start : start + m] += block
    return np.asarray(cholesky(scaled, lower=True, overwrite_a=True, check_finite=False))


def _solved(factor: Array, blocks: _Blocks, rho: float, k: int) -> NestedFeatures:
    from scipy.linalg import cho_solve

    lower, size = np.asfortranarray(factor), len(factor)

    def resolvent(values: Array) -> Array:
        inner = blocks.inverse(values)
        solved = cho_solve((lower, True), inner, check_finite=False)
        return inner - blocks.inverse(np.asarray(solved))

    modes = leading_of_inverse(resolvent, size, as_count(k, name="n_components"), above=_ABOVE)
    if len(modes.values) < k or (modes.values <= 0).any():
        useful = int((modes.values > 0).sum())
        raise InputError(
            f"n_components must be at most k_lambda = {useful}, the number of positive eigenvalues "
            f"at {size // blocks.m} inputs, got {k}: ask for fewer, or lower the ridge."
        )
    values = modes.vectors * signs(modes.vectors) * np.sqrt(size)
    # From the eigenvalue equation: the Gram matrix is never inverted.
    coefficients = (blocks.apply(values, 1.0, blocks.rest) - values * modes.values) / rho
    return NestedFeatures(modes.values, coefficients)
