r"""The functions of least Dirichlet energy, estimated with a kernel.

:math:`V(f) = E\|\nabla f(X)\|^2` counts variation where the data are dense: it is the limit of
augmentation by little noise, of the diffusion map with exponent 1/2, and it vanishes on the
indicators of separated clusters.

References
----------
Cabannes et al., "On minimal variations for unsupervised representation learning", arXiv 2211.03782;
Pillaud-Vivien and Bach, "Kernelized diffusion maps", arXiv 2302.06757.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.theory.checks import Array, as_count, as_matrix, as_positive
from ssl_lib.theory.estimators import Estimator
from ssl_lib.theory.kernels import Gaussian, RadialKernel
from ssl_lib.theory.landmarks import Landmarks, blocks, choose_landmarks, nystroem_map
from ssl_lib.theory.solving import signs

__all__ = ["Energies", "KernelDirichlet", "dirichlet_energies"]


class Energies(NamedTuple):
    """Of functions f = sum_j a_j k(., y_j): energy (p, p), second moment (p, p) and mean (p,).

    Examples
    --------
    >>> dirichlet_energies(Gaussian(1.0), np.zeros((1, 1)), np.zeros((1, 1))).second.tolist()
    [[1.0]]
    """

    energy: Array
    second: Array
    mean: Array


def dirichlet_energies(kernel: RadialKernel, x: Array, landmarks: Array) -> Energies:
    r"""Return the Dirichlet energy and the second moment of kernel functions on a sample.

    :math:`L_{ij} = \frac1n \sum_l \nabla k(x_l, y_i) \cdot \nabla k(x_l, y_j)` and
    :math:`R_{ij} = \frac1n \sum_l k(x_l, y_i) k(x_l, y_j)`. With
    :math:`\nabla_x k = -g \, (x - y)`, G the slopes g and D the squared norms of the points, n L is

    .. math::
       G D G^\top - (G \circ Y X^\top) G^\top - G (G \circ Y X^\top)^\top
       + Y Y^\top \circ G G^\top:

    products of matrices, in blocks of points, at a cost of n p (p + d), without arrays of n p d
    numbers.

    Parameters
    ----------
    kernel : RadialKernel
        With its ``slope``.
    x : numpy.ndarray of shape (n, d)
        Sample.
    landmarks : numpy.ndarray of shape (p, d)
        y.

    Returns
    -------
    Energies

    Examples
    --------
    >>> points = np.array([[0.0], [1.0]])
    >>> dirichlet_energies(Gaussian(1.0), points, np.zeros((1, 1))).energy.round(4)
    array([[0.1839]])
    """
    p = len(landmarks)
    centre = x.mean(0)  # distances do not change, and less is cancelled
    x, y = x - centre, landmarks - centre
    energy, pairs, second, mean = np.zeros((p, p)), np.zeros((p, p)), np.zeros((p, p)), np.zeros(p)
    for part in blocks(len(x), 4 * p):
        rows = x[part]
        gram, slope = kernel(rows, y), kernel.slope(rows, y)
        square = (rows**2).sum(1)[:, None]
        energy += slope.T @ (slope * (square / 2 - rows @ y.T))
        pairs += slope.T @ slope
        second += gram.T @ gram
        mean += gram.sum(0)
    energy = energy + energy.T + y @ y.T * pairs
    return Energies(energy / len(x), second / len(x), mean / len(x))


class KernelDirichlet(Estimator):
    r"""The k functions of least Dirichlet energy in the span of a kernel at p landmarks.

    Minimises :math:`E\|\nabla f\|^2 + \lambda \|f\|^2` under
    :math:`E f_i f_j = \delta_{ij}`. Solved for the smallest eigenvalues of the energy the problem
    returns functions that vanish on the data; so it is turned around: the largest
    :math:`\kappa` of :math:`R a = \kappa (L + \lambda K) a`, and :math:`\eta = 1 / \kappa`.

    Parameters
    ----------
    n_components : int
        k.
    kernel : RadialKernel
        :class:`~ssl_lib.theory.kernels.Gaussian` or :class:`~ssl_lib.theory.kernels.Laplace`.
        In many dimensions its scale has to be as large as distances between points.
    penalty : float
        :math:`\lambda`, above 0.
    landmarks : int, array_like of shape (p, d), or None
        How many inputs, drawn at random, or which points; None takes all inputs.
    centre : bool
        Leave out the constant, which a radial kernel spans only nearly: features have mean zero.
    threshold : float
        Directions of the landmarks' Gram matrix below this share of the largest are left out.
    seed : int
        Draws the landmarks.

    Attributes
    ----------
    eigenvalues_ : numpy.ndarray of shape (k,)
        :math:`\eta`, ascending: energy and penalty of each feature.

    Examples
    --------
    On a circle the energies are j^2, twice each; the functions also change across it, which adds.

    >>> angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    >>> circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> model = KernelDirichlet(4, kernel=Gaussian(0.5), centre=True).fit(circle)
    >>> model.eigenvalues_.round(1)
    array([1.1, 1.1, 4. , 4. ])
    """

    def __init__(
        self,
        n_components: int = 5,
        *,
        kernel: RadialKernel = Gaussian(1.0),  # noqa: B008 - frozen
        penalty: float = 1e-6,
        landmarks: Landmarks = None,
        centre: bool = False,
        threshold: float = 1e-8,
        seed: int = 0,
    ) -> None:
        self.n_components = n_components
        self.kernel = kernel
        self.penalty = penalty
        self.landmarks = landmarks
        self.centre = centre
        self.threshold = threshold
        self.seed = seed

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Learn the functions from a sample.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Inputs.
        y : object
            Ignored.

        Returns
        -------
        KernelDirichlet
            Itself.
        """
        inputs = as_matrix(X)
        penalty = as_positive(self.penalty, name="penalty")
        if not hasattr(self.kernel, "slope"):
            raise InputError(f"kernel must be radial, with a slope; got {self.kernel!r}.")
        self._anchors = choose_landmarks(self.landmarks, inputs, seed=self.seed)
        base = nystroem_map(self.kernel, self._anchors, self.threshold)
        found = dirichlet_energies(self.kernel, inputs, self._anchors)
        energy, second = (base.T @ part @ base for part in (found.energy, found.second))
        mean = found.mean @ base if self.centre else np.zeros(base.shape[1])
        k = self._checked(base.shape[1])
        kappa, turn = _largest(
            second - np.outer(mean, mean), energy + penalty * np.eye(len(energy)), k
        )
        turn = turn * signs(base @ turn)
        self.eigenvalues_ = 1 / kappa
        self._weights, self._shift = base @ turn, mean @ turn
        self.n_features_in_ = inputs.shape[1]
        return self

    def transform(self, X: npt.ArrayLike) -> Array:
        """Return the features of inputs, seen or not.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Inputs.

        Returns
        -------
        numpy.ndarray of shape (n, k)
            Of unit second moment on the sample.
        """
        weights, inputs = self._fitted("_weights"), self._checked_inputs(X)
        rows = blocks(len(inputs), len(weights))
        features = [self.kernel(inputs[part], self._anchors) @ weights for part in rows]
        return np.asarray(np.concatenate(features) - self._shift)

    def _checked(self, rank: int) -> int:
        k = as_count(self.n_components, name="n_components")
        if k > rank:
            raise InputError(
                f"n_components must be at most {rank}, the rank of the landmarks' Gram matrix, "
                f"got {k}: ask for fewer, or take more landmarks or a smaller scale."
            )
        return k


def _largest(a: Array, b: Array, k: int) -> tuple[Array, Array]:
    """Return the k largest eigenvalues of a v = kappa b v, and v with v' a v = 1."""
    from scipy.linalg import eigh

    r = len(a)
    kappa, vectors = eigh((a + a.T) / 2, (b + b.T) / 2, subset_by_index=[r - k, r - 1])
    kappa, vectors = kappa[::-1], vectors[:, ::-1]
    return kappa, vectors / np.sqrt(kappa)
