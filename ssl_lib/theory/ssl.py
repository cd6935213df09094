r"""Self-supervised learning in closed form, as scikit-learn estimators.

The features of k dimensions that minimise variational VICReg (:mod:`ssl_lib.theory.losses`) plus
:math:`2 \lambda \|\Theta\|^2` in a class of functions are :math:`\psi_i = \sqrt{\mu_i} e_i`, with
:math:`(\mu_i, e_i)` the leading eigenpairs of
:math:`T_\lambda = (1 - \beta) I + \beta T - \lambda K^{-1}`, and the least value is
:math:`k - \sum_i \mu_i^2`. ``beta=0`` leaves out the views: kernel principal components.

References
----------
Cabannes et al., "The SSL interplay", arXiv 2302.02774.
"""

from __future__ import annotations

import numpy as np

from ssl_lib.errors import InputError
from ssl_lib.theory.checks import Array, Views
from ssl_lib.theory.closed_form import SelfSupervised
from ssl_lib.theory.kernels import Gaussian, Kernel
from ssl_lib.theory.landmarks import Landmarks, choose_landmarks, nystroem_map
from ssl_lib.theory.losses import Statistic, cross_moment
from ssl_lib.theory.solving import Problem, range_of

__all__ = ["KernelSSL", "LinearSSL"]


class KernelSSL(SelfSupervised):
    r"""Self-supervised learning over the functions of a kernel, exactly or by landmarks (Nyström).

    Exactly, the Gram matrix of all N views is diagonalised once, and every penalty is a smaller
    eigenproblem. With p landmarks the functions are combinations of :math:`k(\cdot, y_j)`; the cost
    is :math:`N p^2 + p^3`, and the features are never held at once.

    Parameters
    ----------
    views : callable, or sequence of array_like of shape (n, d)
        ``views(X, generator)`` draws one view of every input; or the views of the inputs that
        :meth:`fit` gets.
    n_components : int or None
        k; None takes all :math:`k_\lambda` positive ones.
    kernel : callable
        From points (n, d) and (p, d) to (n, p): :mod:`ssl_lib.theory.kernels`, or scikit-learn's.
    penalty : float
        :math:`\lambda`, for Gram matrices divided by their size.
    beta : float
        Weight of the invariance term.
    n_views : int
        Views an input, where ``views`` draws them.
    statistic : {"U", "V"}
        See :func:`~ssl_lib.theory.losses.moments`.
    landmarks : int, array_like of shape (p, d), or None
        How many views, drawn at random, or which points; None is exact.
    centre : bool
        Leave out the constant: features have mean zero over the views.
    scaled : bool
        Multiply features by the root of their eigenvalue, as the loss asks.
    threshold : float
        Directions of the class below this share of the largest are rounding and left out.
    seed : int
        Draws views and landmarks.

    Examples
    --------
    >>> from ssl_lib.theory.moons import half_moons
    >>> from ssl_lib.theory.noise import Noise
    >>> points, moon = half_moons(200, np.random.default_rng(0))
    >>> model = KernelSSL(Noise(0.1), n_components=2, kernel=Gaussian(0.3), landmarks=60)
    >>> features = model.fit_transform(points)
    >>> features.shape, model.eigenvalues_.round(3)
    ((200, 2), array([0.986, 0.983]))

    Which moon a point is on follows from them linearly:

    >>> weights = np.linalg.lstsq(features, moon, rcond=None)[0]
    >>> float((np.sign(features @ weights) == moon).mean())
    1.0
    """

    def __init__(
        self,
        views: Views | None = None,
        *,
        n_components: int | None = 5,
        kernel: Kernel = Gaussian(1.0),  # noqa: B008 - frozen
        penalty: float = 1e-3,
        beta: float = 1.0,
        n_views: int = 2,
        statistic: Statistic = "U",
        landmarks: Landmarks = None,
        centre: bool = False,
        scaled: bool = True,
        threshold: float = 1e-9,
        seed: int = 0,
    ) -> None:
        self.views = views
        self.n_components = n_components
        self.kernel = kernel
        self.penalty = penalty
        self.beta = beta
        self.n_views = n_views
        self.statistic = statistic
        self.landmarks = landmarks
        self.centre = centre
        self.scaled = scaled
        self.threshold = threshold
        self.seed = seed

    def _factorise(self, inputs: Array, views: Array) -> None:
        if not callable(self.kernel):
            raise InputError(f"kernel must be callable on two sets of points, got {self.kernel!r}.")
        if self.landmarks is None:
            self._exactly(views)
            return
        # From the views, where functions are asked to agree: inputs may lie apart from them.
        points = views.reshape(-1, views.shape[2])
        self._anchors = choose_landmarks(self.landmarks, points, seed=self.seed)
        self._from_moments(nystroem_map(self.kernel, self._anchors, self.threshold), inputs, views)

    def _exactly(self, views: Array) -> None:
        m, n, d = views.shape
        self._anchors = views.reshape(m * n, d)
        gram = self.kernel(self._anchors, self._anchors) / (m * n)
        mean = gram.mean(0)
        if self.centre:
            gram = gram - mean - mean[:, None] + mean.mean()
        size, axes = range_of(gram, self.threshold)
        total = axes.reshape(m, n, -1).sum(0)
        # Values at the views are orthonormal, so that their moment C is the identity.
        eye = np.eye(len(size))
        cross = cross_moment(eye, total.T @ total / m, m=m, statistic=self.statistic)
        self._problem = Problem((cross + cross.T) / 2, 1 / size)
        self._axes = axes / (size * np.sqrt(m * n))
        self._offset = m * n * mean @ self._axes if self.centre else np.zeros(len(size))

    def _base(self, inputs: Array) -> Array:
        return np.asarray(self.kernel(inputs, self._anchors))


class LinearSSL(SelfSupervised):
    r"""Self-supervised learning of a linear head on features that are given.

    ``X`` holds the features of the inputs, and ``views`` those of their views, say of an encoder.
    At ``penalty=0``, with ``scaled=False``, it minimises :math:`E\|W(x' - x'')\|^2` under
    :math:`W C W^\top = I`: Van Assel et al., "Joint-embedding vs reconstruction", arXiv 2505.12477.

    Parameters
    ----------
    views : callable, or sequence of array_like of shape (n, d)
        Features of the views, or a function that draws them from the features of the inputs.
    n_components, penalty, beta, n_views, statistic, centre, scaled, threshold, seed
        See :class:`KernelSSL`; the norm of the class is that of the weights.

    Examples
    --------
    The second coordinate is noise in every view:

    >>> generator = np.random.default_rng(0)
    >>> clean = generator.standard_normal((500, 1))
    >>> view = lambda: np.hstack([clean, generator.standard_normal((500, 1))])
    >>> model = LinearSSL([view(), view()], n_components=1, penalty=0.0).fit(view())
    >>> model.eigenvalues_.round(2)
    array([1.])
    >>> abs(float(np.corrcoef(model.transform(view())[:, 0], clean[:, 0])[0, 1])) > 0.99
    True
    """

    def __init__(
        self,
        views: Views | None = None,
        *,
        n_components: int | None = 5,
        penalty: float = 1e-3,
        beta: float = 1.0,
        n_views: int = 2,
        statistic: Statistic = "U",
        centre: bool = False,
        scaled: bool = True,
        threshold: float = 1e-9,
        seed: int = 0,
    ) -> None:
        self.views = views
        self.n_components = n_components
        self.penalty = penalty
        self.beta = beta
        self.n_views = n_views
        self.statistic = statistic
        self.centre = centre
        self.scaled = scaled
        self.threshold = threshold
        self.seed = seed

    def _factorise(self, inputs: Array, views: Array) -> None:
        self._from_moments(None, inputs, views)

    def _base(self, inputs: Array) -> Array:
        return inputs
