"""The eigenproblems behind the estimators: coordinates, leading eigenpairs, signs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ssl_lib.errors import InputError
from ssl_lib.theory.checks import Array, as_positive

__all__ = ["Modes", "Problem", "leading", "leading_of_inverse", "range_of", "signs"]

# Up to this size LAPACK's dense solver beats iterations.
_DENSE = 400
# How far above the largest possible eigenvalue, 1, an operator is inverted: near the eigenvalues,
# which crowd below 1, steps of the resolvent part them best.
_ABOVE = 1e-6
_ROUNDS = 100
_STEPS = 6


class Modes(NamedTuple):
    """Eigenvalues (k,), largest first, and eigenvectors (r, k).

    Examples
    --------
    >>> leading(np.diag([0.1, 0.9]), 1).vectors.shape
    (2, 1)
    """

    values: Array
    vectors: Array


@dataclass(frozen=True)
class Problem:
    r"""T and K in coordinates u with :math:`E[u u^\top] = I`, ready for every penalty.

    Parameters
    ----------
    cross : numpy.ndarray of shape (r, r)
        :math:`E[u(\xi) u(\xi')^\top]`, the matrix of T.
    norms : numpy.ndarray of shape (r,)
        Squared norm of each coordinate in the model class: :math:`K^{-1}` is diagonal.

    Examples
    --------
    >>> problem = Problem(np.diag([0.9, 0.75, 0.5]), np.array([0.4, 0.25, 0.125]))
    >>> problem.solve(penalty=1.5, k=2).values, problem.useful_dimension(penalty=2.5)
    (array([0.375 , 0.3125]), 2)
    """

    cross: Array
    norms: Array

    def operator(self, *, penalty: float, beta: float = 1.0) -> Array:
        r"""Return the matrix of :math:`(1 - \beta) I + \beta T - \lambda K^{-1}`.

        Parameters
        ----------
        penalty : float
            :math:`\lambda`.
        beta : float
            Weight of the invariance term.

        Returns
        -------
        numpy.ndarray of shape (r, r)
        """
        cost = as_positive(penalty, name="penalty", zero=True) * self.norms
        share = as_positive(beta, name="beta", zero=True)
        return share * self.cross + np.diag((1 - share) - cost)

    def growth(self, *, penalty: float, beta: float = 1.0) -> Modes:
        r"""Return at which rates functions grow from a start near zero, and which functions.

        Gradient flow on the parameters sees :math:`K^{1/2} T_\lambda K^{1/2}`: four times its
        eigenvalues are the rates of amplitudes, see :mod:`ssl_lib.theory.dynamics`.

        Parameters
        ----------
        penalty, beta : float
            See :meth:`operator`.

        Returns
        -------
        Modes
            All r, fastest first; ``vectors`` are coefficients of the coordinates u.
        """
        root = 1 / np.sqrt(self.norms)
        seen = self.operator(penalty=penalty, beta=beta) * root * root[:, None]
        values, vectors = np.linalg.eigh(seen)
        functions = root[:, None] * vectors[:, ::-1]
        return Modes(4 * values[::-1], functions / np.linalg.norm(functions, axis=0))

    def useful_dimension(self, *, penalty: float, beta: float = 1.0) -> int:
        r"""Return :math:`k_\lambda`, the number of positive eigenvalues.

        Parameters
        ----------
        penalty, beta : float
            See :meth:`operator`.

        Returns
        -------
        int
        """
        return int((np.linalg.eigvalsh(self.operator(penalty=penalty, beta=beta)) > 0).sum())

    def solve(
        self, *, penalty: float, beta: float = 1.0, k: int | None = None, strict: bool = True
    ) -> Modes:
        r"""Return the leading eigenpairs, all of them positive.

        Parameters
        ----------
        penalty, beta : float
            See :meth:`operator`.
        k : int, optional
            How many; all :math:`k_\lambda` positive ones by default.
        strict : bool
            Whether fewer than ``k`` are an error.

        Returns
        -------
        Modes
        """
        matrix = self.operator(penalty=penalty, beta=beta)
        found = leading(matrix, len(matrix) if k is None else min(k, len(matrix)))
        useful = int((found.values > 0).sum())
        if k is None or not strict or useful == k:
            return Modes(found.values[:useful], found.vectors[:, :useful])
        raise InputError(
            f"n_components must be at most k_lambda = {useful}, the number of positive "
            f"eigenvalues at penalty={penalty:g} (the class has rank {len(matrix)} on these "
            f"views), got {k}: ask for fewer, or lower the penalty."
        )


def range_of(matrix: Array, threshold: float) -> tuple[Array, Array]:
    """Return the eigenvalues of a Gram or moment matrix above a threshold, and their eigenvectors.

    Parameters
    ----------
    matrix : numpy.ndarray of shape (p, p)
        Symmetric and positive semi-definite.
    threshold : float
        Relative to the largest eigenvalue; below it, eigenvalues are rounding.

    Returns
    -------
    tuple of numpy.ndarray of shape (r,) and (p, r)
        Largest first.

    Examples
    --------
    >>> range_of(np.ones((3, 3)), 1e-9)[0].round(12)
    array([3.])
    """
    if not 0 < threshold < 1:
        raise InputError(f"threshold must be between 0 and 1, got {threshold!r}.")
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    if values[-1] <= 0:
        raise InputError(
            "the kernel or the features vanish on these points: nothing to learn from."
        )
    kept = np.flatnonzero(values > threshold * values[-1])[::-1]
    return values[kept], vectors[:, kept]


def leading(matrix: Array, k: int) -> Modes:
    """Return the k largest eigenpairs of a symmetric matrix with eigenvalues of at most 1.

    Parameters
    ----------
    matrix : numpy.ndarray of shape (r, r)
        Of a self-adjoint contraction, less something positive.
    k : int
        At most r.

    Returns
    -------
    Modes

    Examples
    --------
    >>> leading(np.diag([0.1, 0.9, -5.0]), 2).values
    array([0.9, 0.1])
    """
    r = len(matrix)
    resolvent = None if r <= _DENSE or 6 * k > r else _resolvent(matrix)
    if resolvent is not None:
        return leading_of_inverse(resolvent[0], r, k, above=resolvent[1])
    values, vectors = np.linalg.eigh(matrix)
    return Modes(values[::-1][:k], vectors[:, ::-1][:, :k])


def _resolvent(matrix: Array) -> tuple[Callable[[Array], Array], float] | None:
    """Return what applies (1 + above - A)^-1, and above; None where rounding moved A beyond."""
    from scipy.linalg import cho_factor, cho_solve

    above = max(_ABOVE, 1e-12 * float(np.abs(matrix.diagonal()).max()))
    try:
        factor = cho_factor(np.diag(np.full(len(matrix), 1 + above)) - matrix, overwrite_a=True)
    except np.linalg.LinAlgError:
        return None
    return (lambda block: cho_solve(factor, block)), above


def leading_of_inverse(inverse: Callable[[Array], Array], r: int, k: int, *, above: float) -> Modes:
    """Return the k largest eigenpairs of an operator A <= 1 by block Krylov steps of its resolvent.

    Blocks, because equal eigenvalues (one a cluster) are the rule here, and a single vector may
    miss their copies.

    Parameters
    ----------
    inverse : callable
        Applies (1 + above - A)^-1 to (r, b).
    r, k : int
        Size of A, and how many eigenpairs.
    above : float
        Above 0.

    Returns
    -------
    Modes

    Examples
    --------
    >>> d = np.array([1.0, 1.0, 0.5, 0.2])[:, None]
    >>> leading_of_inverse(lambda b: b / (1.1 - d), 4, 2, above=0.1).values.round(9)
    array([1., 1.])
    """
    width = min(k + 4, r)
    if r <= 2 * _STEPS * width:
        size, vectors = np.linalg.eigh(inverse(np.eye(r)))
        return Modes(1 + above - 1 / size[: -k - 1 : -1], vectors[:, : -k - 1 : -1])
    block = np.linalg.qr(np.random.default_rng(0).standard_normal((r, width)))[0]
    for _ in range(_ROUNDS):
        basis, image = _krylov(inverse, block)
        size, turn = np.linalg.eigh(basis.T @ image)
        size, turn = size[: -width - 1 : -1], turn[:, : -width - 1 : -1]
        block = basis @ turn
        error = np.linalg.norm((image @ turn - block * size)[:, :k], axis=0)
        if (error <= 1e-10 * size[:k]).all():
            break
    return Modes(1 + above - 1 / size[:k], block[:, :k])


def signs(vectors: Array) -> Array:
    """Return the sign of the largest entry of each column: times it, no solver's choice is left.

    Parameters
    ----------
    vectors : numpy.ndarray of shape (r, k)
        Columns.

    Returns
    -------
    numpy.ndarray of shape (k,)
        Of -1 and 1.

    Examples
    --------
    >>> signs(np.array([[1.0, 0.0], [-2.0, 3.0]]))
    array([-1.,  1.])
    """
    if not vectors.size:
        return np.ones(vectors.shape[1])
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(0)[None], axis=0)[0]
    return np.where(largest < 0, -1.0, 1.0)


def _krylov(inverse: Callable[[Array], Array], block: Array) -> tuple[Array, Array]:
    """Return an orthonormal basis of a block's powers, and what the resolvent makes of it."""
    basis, images = block, [inverse(block)]
    for _ in range(_STEPS - 1):
        new = images[-1]
        for _ in range(2):  # twice: where powers add little, once leaves rounding in the basis
            new = np.linalg.qr(new - basis @ (basis.T @ new))[0]
        basis = np.hstack([basis, new])
        images.append(inverse(new))
    return basis, np.hstack(images)
