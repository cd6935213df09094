r"""Closed forms and exact computations behind the chapters: what self-supervised learning learns.

Arrays in, arrays out. Symbols: :math:`\lambda_i` eigenvalues of the augmentation operator T,
:math:`\nu_i` of the kernel's K, :math:`\mu_i` of
:math:`T_\lambda = (1 - \beta) I + \beta T - \lambda K^{-1}`, and :math:`\eta_i` of an energy.

**Estimators** (scikit-learn's conventions: ``fit transform fit_transform get_params set_params``,
in pipelines and searches, for other inputs than the fitted ones too; features of k columns):

================================================================ =================================
``KernelSSL(views, n_components, kernel, penalty, landmarks)``   exact, or by landmarks
``LinearSSL(views, n_components, penalty)``                      a head on features that are given
``LinearReconstruction(views, n_components)``                    a denoising auto-encoder's head
``KernelDirichlet(n_components, kernel, penalty, landmarks)``    least :math:`E\|\nabla f\|^2`
``DiffusionMap(n_components, bandwidth, alpha, neighbours)``     graph Laplacian, diffusion maps
================================================================ =================================

The SSL ones have ``at(penalty)`` and ``path(penalties)``, by one factorisation, and tell
``eigenvalues_`` :math:`\mu`, ``invariance_``, ``norms_``, ``least_loss_``, ``useful_dimension_``
:math:`k_\lambda` and ``rank_``; the last two ``eigenvalues_`` :math:`\eta`, ascending. ``views`` is
a function ``(X, generator) -> view`` or a list of views.

**Known spectra**

- :mod:`~ssl_lib.theory.spectra`: ``Interplay(invariance, norms)`` with ``at best switches zeros
  collapse useful_dimension least_loss`` (Proposition 4); ``combined(T, K, penalty=)``,
  ``least_loss(mu, k)``, ``useful_dimension(mu)``, ``augmentation_complexity(lambdas)``.
- :mod:`~ssl_lib.theory.hypercube`: ``vertices(d)``, ``subsets(d)``, ``members(sets, d)``,
  ``characters(x, sets)``; ``Flip Resample Crop FlipAll``, each with ``eigenvalues(sets)`` and,
  called with (x, generator), a view.
- :mod:`~ssl_lib.theory.cyclic`: ``Shift(steps).eigenvalues(d)``, ``frequency_counts(d, degree)``,
  ``shift_mean(values, steps=)``.
- :mod:`~ssl_lib.theory.dot_products`: ``cube_eigenvalues(profile, d)``, ``krawtchouk(d, degree)``;
  ``sphere_eigenvalues(profile, d, most)``, ``gegenbauer(degree, x, d=)``,
  ``multiplicity(d, degree)``, ``sphere_points(n, d, generator)``.
- :mod:`~ssl_lib.theory.heat`: ``circle_ interval_ sphere_energies``, ``circle_ interval_
  hermite_modes``, ``heat_ gaussian_ correlated_ gaussian_walk_eigenvalues``,
  ``energies_of(mu, s)``.

**Pieces**

- :mod:`~ssl_lib.theory.kernels`: ``Gaussian(scale) Laplace(scale) DotProduct(profile) Linear()``,
  profiles ``relu`` and ``arc_cosine``, ``shift_average(kernel, x, shifts=)``.
- :mod:`~ssl_lib.theory.noise`: views ``Noise(scale) AngularNoise(scale) ReflectedNoise(scale)``.
- :mod:`~ssl_lib.theory.moons`: ``half_moons(n, generator)``, ``class_probabilities(points)``.
- :mod:`~ssl_lib.theory.mixtures`: ``cube_entropies(radius, std, d=)``, a mixture of Gaussians whose
  entropy and bounds are known; ``squeezed_cube(time)``: the bound rises, the entropy falls.
- :mod:`~ssl_lib.theory.losses`: ``vicreg_loss(views)``, ``spectral_contrastive_loss(views)``,
  ``moments(views)``, ``variation(views)``.
- :mod:`~ssl_lib.theory.nested`: ``nested_ssl(views, sizes, kernel=, ridge=, n_components=)``, exact
  SSL at many sample sizes for the price of the largest.
- :mod:`~ssl_lib.theory.dirichlet`: ``dirichlet_energies(kernel, x, landmarks)``, the matrices.
- :mod:`~ssl_lib.theory.spans`: ``principal_cosines(a, b)``, ``alignment(a, b)``,
  ``explained(features, targets)``.
- :mod:`~ssl_lib.theory.downstream`: ``excess_risk``, ``bias_bound(variation, energies, k)``,
  ``source_bound``, ``nested_probes(features, targets, sizes)``, ``regression_excess``,
  ``classification_excess``.
- :mod:`~ssl_lib.theory.dynamics`: ``squared_amplitudes(time, mu=, nu=, start=)``,
  ``learning_times(mu=, nu=, start=)``: what gradient descent learns, and when.
- :mod:`~ssl_lib.theory.separability`: which groupings of points a hyperplane separates.
"""

from ssl_lib.theory.diffusion import DiffusionMap
from ssl_lib.theory.dirichlet import KernelDirichlet
from ssl_lib.theory.kernels import DotProduct, Gaussian, Laplace
from ssl_lib.theory.moons import class_probabilities, half_moons
from ssl_lib.theory.nested import nested_ssl
from ssl_lib.theory.noise import Noise
from ssl_lib.theory.reconstruction import LinearReconstruction
from ssl_lib.theory.spans import alignment, explained, principal_cosines
from ssl_lib.theory.spectra import Interplay
from ssl_lib.theory.ssl import KernelSSL, LinearSSL

__all__ = [
    "DiffusionMap", "DotProduct", "Gaussian", "Interplay", "KernelDirichlet", "KernelSSL",
    "Laplace", "LinearReconstruction", "LinearSSL", "Noise", "alignment", "class_probabilities",
    "explained", "half_moons", "nested_ssl", "principal_cosines",
]  # fmt: skip
