r"""What the closed forms of self-supervised learning share: one factorisation for every penalty.

In coordinates u of unit second moment, T is the matrix of their cross-view moment and
:math:`K^{-1}` is diagonal; a penalty then costs one eigenproblem of that size.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Self

import numpy as np
import numpy.typing as npt

from ssl_lib.errors import InputError
from ssl_lib.theory.checks import Array, Views, as_count, as_matrix, draw_views
from ssl_lib.theory.estimators import Estimator
from ssl_lib.theory.landmarks import blocks
from ssl_lib.theory.losses import Statistic, cross_moment
from ssl_lib.theory.solving import Problem, range_of, signs
from ssl_lib.theory.spectra import least_loss

__all__ = ["SelfSupervised"]


class SelfSupervised(Estimator):
    """What the closed forms share: one factorisation, then an eigenproblem for each penalty.

    Subclasses say what the model class is: :class:`~ssl_lib.theory.ssl.KernelSSL` and
    :class:`~ssl_lib.theory.ssl.LinearSSL`.

    Attributes
    ----------
    eigenvalues_ : numpy.ndarray of shape (k,)
        Of the operator, largest first, all positive.
    norms_ : numpy.ndarray of shape (k,)
        Squared norm of each eigenfunction in the class.
    invariance_ : numpy.ndarray of shape (k,)
        ``<e, T e>`` of each; ``eigenvalues_`` is this times ``beta``, plus ``1 - beta``, less
        ``penalty * norms_``.
    least_loss_ : float
        The least value of the regularised loss at ``n_components`` features.
    rank_ : int
        How many functions of the class the views tell apart.

    Examples
    --------
    >>> from ssl_lib.theory.ssl import LinearSSL
    >>> x = np.random.default_rng(0).standard_normal((100, 2)) * [1, 3]
    >>> model = LinearSSL([x, x], n_components=2, penalty=0.5).fit(x)
    >>> [len(other.eigenvalues_) for other in model.path([0.5, 1.0, 20.0])]
    [2, 1, 0]
    """

    views: Views | None
    n_components: int | None
    penalty: float
    beta: float
    n_views: int
    statistic: Statistic
    centre: bool
    scaled: bool
    threshold: float
    seed: int

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Learn the features that vary least under the views.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Inputs.
        y : object
            Ignored.

        Returns
        -------
        SelfSupervised
            Itself.
        """
        inputs = as_matrix(X)
        if self.n_components is not None:
            as_count(self.n_components, name="n_components")
        views = draw_views(self.views, inputs, n_views=self.n_views, seed=self.seed)
        if views.shape[2] != inputs.shape[1]:
            raise InputError(
                f"views must have the {inputs.shape[1]} columns of X, got {views.shape[2]}."
            )
        self._factorise(inputs, views)
        self.n_features_in_ = inputs.shape[1]
        self.rank_ = len(self._problem.norms)
        return self._solve()

    def transform(self, X: npt.ArrayLike) -> Array:
        """Return the features of inputs, seen or not.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Inputs.

        Returns
        -------
        numpy.ndarray of shape (n, k)
            Times the root of their eigenvalue where ``scaled``, else of unit second moment on the
            views.
        """
        weights, inputs = self._fitted("_weights"), self._checked_inputs(X)
        rows = blocks(len(inputs), len(weights))
        return np.concatenate([self._base(inputs[part]) @ weights - self._shift for part in rows])

    def at(self, penalty: float) -> Self:
        r"""Return the estimator at another penalty, by the same factorisation.

        Parameters
        ----------
        penalty : float
            :math:`\lambda`.

        Returns
        -------
        SelfSupervised
            Fitted, with ``n_components`` features or as many of them as are positive there.
        """
        self._fitted("_problem")
        return copy.copy(self).set_params(penalty=penalty)._solve(strict=False)

    def path(self, penalties: Iterable[float]) -> list[Self]:
        """Return :meth:`at` for each penalty.

        Parameters
        ----------
        penalties : iterable of float
            Penalties.

        Returns
        -------
        list of SelfSupervised
        """
        return [self.at(penalty) for penalty in penalties]

    @property
    def useful_dimension_(self) -> int:
        r"""The number of positive eigenvalues, :math:`k_\lambda`: more features are zero."""
        problem: Problem = self._fitted("_problem")
        return problem.useful_dimension(penalty=self.penalty, beta=self.beta)

    _problem: Problem
    _axes: Array  # from what _base returns to coordinates of unit second moment
    _offset: Array

    def _factorise(self, inputs: Array, views: Array) -> None:
        raise NotImplementedError

    def _base(self, inputs: Array) -> Array:
        raise NotImplementedError

    def _solve(self, *, strict: bool = True) -> Self:
        values, vectors = self._problem.solve(
            penalty=self.penalty, beta=self.beta, k=self.n_components, strict=strict
        )
        self.eigenvalues_ = values
        self.norms_ = self._problem.norms @ vectors**2
        self.invariance_ = ((self._problem.cross @ vectors) * vectors).sum(0)
        self.least_loss_ = float(least_loss(values, self.n_components or len(values)))
        turn = vectors * (np.sqrt(values) if self.scaled else 1.0) * signs(self._axes @ vectors)
        self._weights, self._shift = self._axes @ turn, self._offset @ turn
        return self

    def _from_moments(self, base: Array | None, inputs: Array, views: Array) -> None:
        """Whiten features phi = base times ``_base``, or ``_base`` itself, in blocks of inputs."""
        m, n, _ = views.shape
        width = inputs.shape[1] if base is None else base.shape[1]
        second, plain, mean = np.zeros((width, width)), np.zeros((width, width)), np.zeros(width)
        for part in blocks(n, m * (width if base is None else len(base))):
            rows = self._base(views[:, part].reshape(-1, views.shape[2]))
            features = rows if base is None else rows @ base
            total = features.reshape(m, -1, width).sum(0)
            second += features.T @ features / (m * n)
            plain += total.T @ total / (m * m * n)
            mean += total.sum(0) / (m * n)
        self._whiten(second, plain, mean, m)
        if base is not None:
            self._axes = base @ self._axes

    def _whiten(self, second: Array, plain: Array, mean: Array, m: int) -> None:
        if self.centre:
            second, plain = second - np.outer(mean, mean), plain - np.outer(mean, mean)
        size, axes = range_of(second, self.threshold)
        axes = axes / np.sqrt(size)
        cross = axes.T @ cross_moment(second, plain, m=m, statistic=self.statistic) @ axes
        self._problem = Problem((cross + cross.T) / 2, 1 / size)
        self._offset = mean @ axes if self.centre else np.zeros(len(size))
        self._axes = axes
