r"""The linear denoising auto-encoder in closed form: what reconstruction keeps of views.

It minimises :math:`E\|x - D E \xi\|^2` over encoders E of k dimensions and decoders D. With
:math:`S = E[\xi \xi^\top]`, :math:`R = E[x \xi^\top]` and P the leading right singular vectors of
:math:`R S^{-1/2}`, the encoder is :math:`P^\top S^{-1/2}` (reduced-rank regression). It ranks
directions by how much of the input they explain, where self-supervised learning of
:class:`~ssl_lib.theory.ssl.LinearSSL` ranks them by how little they vary between views.

References
----------
Van Assel et al., "Joint-embedding vs reconstruction", arXiv 2505.12477.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt

from ssl_lib.theory.checks import Array, Views, as_count, as_matrix, draw_views
from ssl_lib.theory.estimators import Estimator
from ssl_lib.theory.solving import range_of, signs

__all__ = ["LinearReconstruction"]


class LinearReconstruction(Estimator):
    r"""The k linear features of views from which inputs are best reconstructed.

    Parameters
    ----------
    views : callable, or sequence of array_like of shape (n, d)
        ``views(X, generator)`` draws one view of every input; or the views of the inputs that
        :meth:`fit` gets.
    n_components : int
        k.
    n_views : int
        Views an input, where ``views`` draws them.
    centre : bool
        Take their means off inputs and views.
    threshold : float
        Directions of the views below this share of the largest are rounding and left out.
    seed : int
        Draws views.

    Attributes
    ----------
    eigenvalues_ : numpy.ndarray of shape (k,)
        What each feature explains of the inputs' second moment, largest first.
    least_loss_ : float
        The least mean squared error of the reconstruction.

    Examples
    --------
    Without noise in the views it is principal components; noise on the larger coordinate turns it
    to the smaller one:

    >>> x = np.random.default_rng(0).standard_normal((2000, 2)) * [2, 1]
    >>> for noise in (0.0, 10.0):
    ...     view = lambda x, generator: x + generator.standard_normal(x.shape) * [noise, 0]
    ...     model = LinearReconstruction(view, n_components=1).fit(x)
    ...     print(model.transform([[1.0, 0.0], [0.0, 1.0]]).round(1).ravel() + 0.0)
    [0.5 0. ]
    [0. 1.]
    """

    def __init__(
        self,
        views: Views | None = None,
        *,
        n_components: int = 5,
        n_views: int = 2,
        centre: bool = False,
        threshold: float = 1e-9,
        seed: int = 0,
    ) -> None:
        self.views = views
        self.n_components = n_components
        self.n_views = n_views
        self.centre = centre
        self.threshold = threshold
        self.seed = seed

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Learn the features from inputs and their views.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Inputs.
        y : object
            Ignored.

        Returns
        -------
        LinearReconstruction
            Itself.
        """
        inputs = as_matrix(X)
        n, d = inputs.shape
        views = draw_views(self.views, inputs, n_views=self.n_views, seed=self.seed)
        flat = as_matrix(views.reshape(-1, views.shape[2]), name="views", width=d)
        self._mean = flat.mean(0) * self.centre
        flat, inputs = flat - self._mean, inputs - inputs.mean(0) * self.centre
        size, axes = range_of(flat.T @ flat / len(flat), self.threshold)
        k = as_count(self.n_components, name="n_components", most=len(size))
        whitened = axes / np.sqrt(size)
        cross = inputs.T @ (views.mean(0) - self._mean) / n
        _, explained, right = np.linalg.svd(cross @ whitened, full_matrices=False)
        weights = whitened @ right[:k].T
        self._weights = weights * signs(weights)
        self.eigenvalues_ = explained[:k] ** 2
        self.least_loss_ = float((inputs**2).sum() / n - self.eigenvalues_.sum())
        self.n_features_in_ = d
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
            Of unit second moment on the views.
        """
        weights, inputs = self._fitted("_weights"), self._checked_inputs(X)
        return np.asarray((inputs - self._mean) @ weights)
