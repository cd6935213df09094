r"""The trade-off between augmentation and architecture, on spectra that are known.

The operator is :math:`T_\lambda = (1 - \beta) I + \beta T - \lambda K^{-1}`. Where T and K commute
(Proposition 4) a joint eigenfunction with eigenvalue :math:`\lambda_i` of T and squared norm
:math:`\|\theta_i\|^2 = 1 / \nu_i` gets
:math:`\mu_i = (1 - \beta) + \beta \lambda_i - \lambda \|\theta_i\|^2`: a line in
:math:`\lambda`, and the best features are the upper lines.

References
----------
Cabannes et al., "The SSL interplay", arXiv 2302.02774.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.theory.checks import Array, as_matrix, as_positive

__all__ = ["Interplay", "augmentation_complexity", "combined", "least_loss", "useful_dimension"]


@dataclass(frozen=True)
class Interplay:
    r"""Joint eigenfunctions of T and K: what each penalty makes of them (Proposition 4).

    Parameters
    ----------
    invariance : array_like of shape (s,)
        Eigenvalues :math:`\lambda_i` of T.
    norms : array_like of shape (s,)
        Squared norms :math:`\|\theta_i\|^2 = 1 / \nu_i`; infinite outside the class.
    beta : float
        Weight of the invariance term.

    Examples
    --------
    The three features of the paper's Figure 2 change places at 1 and at 2:

    >>> paper = Interplay([0.9, 0.75, 0.5], [0.4, 0.25, 0.125])
    >>> paper.switches().round(12), paper.best([0.5, 1.5, 2.5])
    (array([1., 2.]), array([0, 1, 2]))
    """

    invariance: npt.ArrayLike
    norms: npt.ArrayLike
    beta: float = 1.0

    def __post_init__(self) -> None:
        invariance, norms = np.asarray(self.invariance, float), np.asarray(self.norms, float)
        if invariance.ndim != 1 or invariance.shape != norms.shape or len(norms) == 0:
            raise InputError(
                "invariance and norms must be two lists of one length, "
                f"got shapes {invariance.shape} and {norms.shape}."
            )
        if not np.isfinite(invariance).all() or not (norms >= 0).all():
            raise InputError("invariance must be finite and norms at least 0.")
        as_positive(self.beta, name="beta", zero=True)

    @classmethod
    def of(cls, invariance: npt.ArrayLike, nu: npt.ArrayLike, *, beta: float = 1.0) -> Interplay:
        """Take eigenvalues of K in place of norms; 0 of them is outside the class.

        Parameters
        ----------
        invariance, nu : array_like of shape (s,)
            Eigenvalues of T and of K.
        beta : float
            Weight of the invariance term.

        Returns
        -------
        Interplay
        """
        with np.errstate(divide="ignore"):
            return cls(invariance, 1 / np.asarray(nu, dtype=np.float64), beta=beta)

    def at(self, penalty: npt.ArrayLike) -> Array:
        r"""Return :math:`\mu_i(\lambda)`.

        Parameters
        ----------
        penalty : array_like of shape (...)
            :math:`\lambda`.

        Returns
        -------
        numpy.ndarray of shape (..., s)
        """
        weight = np.asarray(penalty, dtype=np.float64)[..., None]
        start = (1 - self.beta) + self.beta * np.asarray(self.invariance, dtype=np.float64)
        norms = np.asarray(self.norms, dtype=np.float64)
        # 0 times an infinite norm: no penalty, yet outside the class all the same.
        cost = weight * np.where(np.isinf(norms), 0.0, norms)
        return np.where(np.isinf(norms), -np.inf, start - cost)

    def best(self, penalty: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return which feature is the best one at each penalty, the first one of equals.

        Parameters
        ----------
        penalty : array_like of shape (...)
            Penalties.

        Returns
        -------
        numpy.ndarray of shape (...), int
        """
        return np.asarray(self.at(penalty).argmax(-1))

    def switches(self) -> Array:
        """Return the penalties at which the best feature changes, while it is of any use.

        Returns
        -------
        numpy.ndarray of shape (r,)
            Ascending; from one to the next the upper envelope of the lines is one line.
        """
        start, norms = self.at(0.0), np.asarray(self.norms, dtype=np.float64)
        inside = np.isfinite(start)
        start, norms = start[inside], norms[inside]
        found: list[float] = []
        now = int(np.lexsort((norms, -start))[0])
        while (flatter := np.flatnonzero(norms < norms[now])).size:
            crossing = (start[now] - start[flatter]) / (norms[now] - norms[flatter])
            found.append(float(crossing.min()))
            # Of lines that cross here together the flattest is the next one up.
            tied = flatter[np.isclose(crossing, found[-1], rtol=1e-12, atol=0)]
            now = int(tied[norms[tied].argmin()])
        return np.array([value for value in found if value < self.collapse()])

    def zeros(self) -> Array:
        r"""Return the penalty at which each feature stops being of use: :math:`\mu_i = 0`.

        Returns
        -------
        numpy.ndarray of shape (s,)
            0 where a feature is of no use at any penalty, infinite where it costs nothing.
        """
        start = np.maximum(self.at(0.0), 0.0)
        norms = np.asarray(self.norms, dtype=np.float64)
        free = np.where(start > 0, np.inf, 0.0)
        return np.where(norms > 0, start / np.where(norms > 0, norms, 1.0), free)

    def collapse(self) -> float:
        r"""Return the penalty from which on nothing is learned, :math:`\max_i \lambda_i \nu_i`."""
        return float(self.zeros().max())

    def useful_dimension(self, penalty: npt.ArrayLike) -> npt.NDArray[np.int64]:
        r"""Return :math:`k_\lambda`, see :func:`useful_dimension`.

        Parameters
        ----------
        penalty : array_like of shape (...)
            Penalties.

        Returns
        -------
        numpy.ndarray of shape (...), int
        """
        return useful_dimension(self.at(penalty))

    def least_loss(self, penalty: npt.ArrayLike, k: int) -> Array:
        """Return the least regularised loss of k features, see :func:`least_loss`.

        Parameters
        ----------
        penalty : array_like of shape (...)
            Penalties.
        k : int
            Features.

        Returns
        -------
        numpy.ndarray of shape (...)
        """
        return least_loss(self.at(penalty), k)


def combined(T: npt.ArrayLike, K: npt.ArrayLike, *, penalty: float, beta: float = 1.0) -> Array:
    r"""Return the matrix of :math:`T_\lambda = (1 - \beta) I + \beta T - \lambda K^{-1}`.

    Parameters
    ----------
    T, K : array_like of shape (s, s)
        Symmetric, in one orthonormal basis; K positive definite.
    penalty : float
        :math:`\lambda`.
    beta : float
        Weight of the invariance term.

    Returns
    -------
    numpy.ndarray of shape (s, s)

    Examples
    --------
    >>> combined(np.diag([0.9, 0.5]), np.diag([2.0, 4.0]), penalty=1.0).diagonal()
    array([0.4 , 0.25])
    """
    augmentation, kernel = as_matrix(T, name="T"), as_matrix(K, name="K")
    if augmentation.shape != kernel.shape or kernel.shape[0] != kernel.shape[1]:
        raise InputError(
            f"T and K must be square of one size, got {augmentation.shape} and {kernel.shape}."
        )
    size, axes = np.linalg.eigh((kernel + kernel.T) / 2)
    rank = int((size > len(size) * np.finfo(float).eps * np.abs(size).max()).sum())
    if rank < len(size):
        raise InputError(
            f"K is singular (rank {rank} of {len(size)}), so that 1/K is infinite on some "
            "functions: restrict T and K to the range of K first."
        )
    eye = np.eye(len(size))
    found = (1 - beta) * eye + beta * augmentation - penalty * (axes / size) @ axes.T
    return np.asarray((found + found.T) / 2)


def useful_dimension(eigenvalues: npt.ArrayLike) -> npt.NDArray[np.int64]:
    r"""Return :math:`k_\lambda`, the number of positive eigenvalues of :math:`T_\lambda`.

    More features than that are zero.

    Parameters
    ----------
    eigenvalues : array_like of shape (..., s)
        Of :math:`T_\lambda`.

    Returns
    -------
    numpy.ndarray of shape (...), int

    Examples
    --------
    >>> int(useful_dimension([0.9, 0.1, -0.2]))
    2
    """
    return np.asarray((np.asarray(eigenvalues, dtype=np.float64) > 0).sum(-1))


def least_loss(eigenvalues: npt.ArrayLike, k: int) -> Array:
    r"""Return the least regularised loss of k features: :math:`k - \sum_{i \le k} (\mu_i)_+^2`.

    Parameters
    ----------
    eigenvalues : array_like of shape (..., s)
        Of :math:`T_\lambda`, in any order.
    k : int
        Features.

    Returns
    -------
    numpy.ndarray of shape (...)

    Examples
    --------
    >>> round(float(least_loss([0.9, 0.5, -0.2], 3)), 12)
    1.94
    """
    positive = np.maximum(np.asarray(eigenvalues, dtype=np.float64), 0)
    top = -np.sort(-positive, axis=-1)[..., :k]
    return np.asarray(k - (top**2).sum(-1))


def augmentation_complexity(invariance: npt.ArrayLike) -> float:
    r"""Return the trace of T, the squared complexity of an augmentation where inputs are alike.

    It is the mean over inputs of :math:`\sum_a p(a|x)^2 / p(a)`; on bit strings, where no input is
    special, the supremum in the definition is this mean.

    Parameters
    ----------
    invariance : array_like of shape (s,)
        All eigenvalues of T, each as often as it occurs.

    Returns
    -------
    float

    References
    ----------
    Zhai et al., "Understanding augmentation-based self-supervised representation learning via RKHS
    approximation and regression", arXiv 2306.00788.

    Examples
    --------
    Bits drawn anew with probability 1/2 have :math:`(1 + 1/4)^d`:

    >>> from ssl_lib.theory.hypercube import Resample, subsets
    >>> augmentation_complexity(Resample(0.5).eigenvalues(subsets(3))), 1.25**3
    (1.953125, 1.953125)
    """
    return float(np.asarray(invariance, dtype=np.float64).sum())
