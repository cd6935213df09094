r"""Diffusion maps, and with exponent 0 the graph Laplacian (Laplacian eigenmaps).

With weights :math:`W = e^{-d^2 / 2 h^2}`, degrees q and the exponent :math:`\alpha`,
:math:`W_{ij} / (q_i q_j)^\alpha` normalised by rows is a random walk P, and
:math:`(I - P) / (h^2 / 2)` tends to :math:`-\Delta - 2 (1 - \alpha) \nabla \log p \cdot \nabla`: at
:math:`\alpha = 1/2` that is the Dirichlet energy of :mod:`ssl_lib.theory.dirichlet`, and at 1 the
density no longer counts.

References
----------
Coifman and Lafon, "Diffusion maps" (2006); Belkin and Niyogi, "Laplacian eigenmaps" (2003).
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.theory.checks import Array, as_count, as_matrix, as_positive
from ssl_lib.theory.estimators import Estimator
from ssl_lib.theory.kernels import squared_distances
from ssl_lib.theory.landmarks import blocks
from ssl_lib.theory.solving import Modes, leading, signs

__all__ = ["DiffusionMap"]

# Extending a function divides by its eigenvalue of the walk: below this, noise is what is left.
_SMALLEST = 1e-3


class DiffusionMap(Estimator):
    r"""The k functions that vary least along a graph of the data.

    Parameters
    ----------
    n_components : int
        k.
    bandwidth : float
        h.
    alpha : float
        Density exponent: 0 the graph Laplacian, 1/2 the Dirichlet energy, 1 no density.
    neighbours : int, optional
        Join each point to so many nearest ones only, in either direction: sparse, for large n. They
        should reach as far as weights count, some 3 bandwidths (see ``reach_``), else eigenvalues
        come out too small. By default all points are joined, which takes n^2 numbers.
    centre : bool
        Leave out the constant.

    Attributes
    ----------
    eigenvalues_ : numpy.ndarray of shape (k,)
        :math:`(1 - w) / (h^2 / 2)`, ascending.
    walk_ : numpy.ndarray of shape (k,)
        w, the eigenvalues of the random walk.
    embedding_ : numpy.ndarray of shape (n, k)
        The functions on the inputs, of unit second moment under the walk's stationary weights.

    reach_ : float
        Median distance to the farthest neighbour, in bandwidths; infinite where all are joined.

    Examples
    --------
    >>> angle = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    >>> circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> DiffusionMap(5, bandwidth=0.1).fit(circle).eigenvalues_.round(1) + 0.0
    array([0., 1., 1., 4., 4.])
    """

    def __init__(
        self,
        n_components: int = 5,
        *,
        bandwidth: float = 1.0,
        alpha: float = 0.5,
        neighbours: int | None = None,
        centre: bool = False,
    ) -> None:
        self.n_components = n_components
        self.bandwidth = bandwidth
        self.alpha = alpha
        self.neighbours = neighbours
        self.centre = centre

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Learn the functions on the inputs.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Inputs.
        y : object
            Ignored.

        Returns
        -------
        DiffusionMap
            Itself.
        """
        inputs = as_matrix(X)
        n = len(inputs)
        if n == 1:
            raise InputError("X must have at least 2 samples to join, got n_samples=1.")
        k = as_count(self.n_components, name="n_components", most=n - 1)
        as_positive(self.bandwidth, name="bandwidth")
        as_positive(self.alpha, name="alpha", zero=True)
        weights = self._weights(inputs)
        self._density = _row_sums(weights) ** self.alpha
        weights = _scaled(weights, 1 / self._density)
        degree = _row_sums(weights)
        share = np.sqrt(degree / degree.sum())
        modes = _slowest(_scaled(weights, 1 / np.sqrt(degree)), share, k + self.centre)
        if self.centre:
            modes = _without(modes, share, k)
        self.walk_, self._inputs = modes.values, inputs
        self.eigenvalues_ = (1 - self.walk_) / (self.bandwidth**2 / 2)
        self.embedding_ = modes.vectors * signs(modes.vectors) / share[:, None]
        self.n_features_in_ = inputs.shape[1]
        return self

    def fit_transform(self, X: npt.ArrayLike, y: object = None) -> Array:
        """Learn the functions and return :attr:`embedding_`.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Inputs.
        y : object
            Ignored.

        Returns
        -------
        numpy.ndarray of shape (n, k)
        """
        embedding: Array = self.fit(X).embedding_
        return embedding

    def transform(self, X: npt.ArrayLike) -> Array:
        r"""Extend the functions to other inputs: :math:`f(x) = \sum_i P(x, x_i) f_i / w` (Nyström).

        Parameters
        ----------
        X : array_like of shape (n, d)
            Inputs; where all points are joined, the fitted ones get :attr:`embedding_`.

        Returns
        -------
        numpy.ndarray of shape (n, k)

        Raises
        ------
        InputError
            When an eigenvalue of the walk is too near to zero to divide by.
        """
        embedding, inputs = self._fitted("embedding_"), self._checked_inputs(X)
        if (usable := int((self.walk_ > _SMALLEST).sum())) < len(self.walk_):
            raise InputError(
                f"only {usable} of {len(self.walk_)} functions extend to other inputs: the walk's "
                f"eigenvalues of the others are below {_SMALLEST:g}. Set n_components={usable}, "
                "or a smaller bandwidth."
            )
        rows = blocks(len(inputs), 4 * len(embedding))
        return np.concatenate([self._extended(inputs[part]) for part in rows])

    def _extended(self, inputs: Array) -> Array:
        distance = squared_distances(inputs, self._inputs)
        if self.neighbours is not None and self.neighbours < distance.shape[1]:
            reach = np.partition(distance, self.neighbours - 1, axis=1)[:, self.neighbours - 1]
            distance = np.where(distance <= reach[:, None], distance, np.inf)
        # From the nearest point on: far from all data the weights themselves would vanish.
        logits = (distance.min(1, keepdims=True) - distance) / (2 * self.bandwidth**2)
        walk = np.exp(logits) / self._density
        extended: Array = (walk / walk.sum(1, keepdims=True)) @ self.embedding_ / self.walk_
        return extended

    def _weights(self, inputs: Array) -> Any:
        scale = -2 * self.bandwidth**2
        if self.neighbours is None:
            self.reach_ = np.inf
            return np.exp(squared_distances(inputs, inputs) / scale)
        from scipy.sparse import csr_array
        from scipy.spatial import cKDTree

        n = len(inputs)
        k = as_count(self.neighbours, name="neighbours", most=n)
        distance, nearest = cKDTree(inputs).query(inputs, k=k)
        distance = distance.reshape(n, k)
        self.reach_ = float(np.median(distance[:, -1]) / self.bandwidth)
        weight = np.exp(distance.ravel() ** 2 / scale)
        rows = np.repeat(np.arange(n), k)
        directed = csr_array((weight, (rows, nearest.reshape(-1))), shape=(n, n))
        return directed.maximum(directed.T)


def _slowest(walk: Any, share: Array, k: int) -> Modes:
    """Return the leading eigenpairs of the symmetric form of a random walk."""
    if isinstance(walk, np.ndarray):
        return leading(walk, k)
    from scipy.sparse.csgraph import connected_components
    from scipy.sparse.linalg import LinearOperator, eigsh

    # Each part that no weight joins to another has the eigenvalue 1. A Krylov space may miss such
    # copies, so they are written down, and what is left is sought across them.
    count, part = connected_components(walk, directed=False)
    known = np.where(part[:, None] == np.arange(count), share[:, None], 0.0)
    known /= np.linalg.norm(known, axis=0)
    if count >= k:
        return Modes(np.ones(k), known[:, :k])
    across = LinearOperator(
        walk.shape, matvec=lambda v: walk @ v - known @ (known.T @ v), dtype=np.float64
    )
    start = np.random.default_rng(0).standard_normal(len(part))
    values, vectors = eigsh(across, k - count, which="LA", v0=start, ncv=min(len(part), 4 * k + 20))
    order = np.argsort(-values)
    return Modes(
        np.concatenate([np.ones(count), values[order]]), np.hstack([known, vectors[:, order]])
    )


def _without(modes: Modes, constant: Array, k: int) -> Modes:
    """Drop a known leading eigenvector from a space in which others may share its eigenvalue."""
    across = modes.vectors - np.outer(constant, constant @ modes.vectors)
    # In the span less the constant the operator is still diagonal but inside equal eigenvalues.
    left, size, _ = np.linalg.svd(
        across * np.sqrt(np.maximum(modes.values, 0)), full_matrices=False
    )
    return Modes(size[:k] ** 2, left[:, :k])


def _scaled(weights: Any, factor: Array) -> Any:
    """Multiply row and column i by the factor of point i."""
    if isinstance(weights, np.ndarray):
        return weights * factor * factor[:, None]
    from scipy.sparse import diags_array

    return diags_array(factor) @ weights @ diags_array(factor)


def _row_sums(weights: Any) -> Array:
    return np.asarray(weights.sum(axis=1)).ravel()
