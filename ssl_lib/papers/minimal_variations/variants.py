"""The methods that the chapter compares: what each calls variation, and its estimator."""

from collections.abc import Callable
from dataclasses import dataclass

from ssl_lib.papers.minimal_variations.settings import Sizes
from ssl_lib.theory import DiffusionMap, Gaussian, KernelDirichlet, KernelSSL, Noise
from ssl_lib.theory.estimators import Estimator

__all__ = ["KERNEL", "METHODS", "NOISE", "PENALTY", "REFERENCE", "Method", "noisy"]

KERNEL = Gaussian(0.3)
#: Standard deviation of a view's noise on the half-moons; as much as that of the points themselves.
NOISE = 0.1
#: Of the norm beside the Dirichlet energy; without any, functions that vanish on the data win.
PENALTY = 1e-6
BANDWIDTH = 0.15
VIEWS = 4
#: All points are joined up to so many; beyond, each to this many nearest ones.
JOINED, NEIGHBOURS = 5000, 300

Make = Callable[[Sizes, int, int], Estimator]


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to functions of least variation.

    Parameters
    ----------
    name, title : str
        In tables, and for readers.
    variation, functions, limit : str
        What it measures, over which functions, and what its eigenvalues tend to; for readers.
    make : callable
        ``make(sizes, k, seed)`` returns an estimator of k functions.
    """

    name: str
    title: str
    variation: str
    functions: str
    limit: str
    make: Make


def _dirichlet(sizes: Sizes, k: int, seed: int) -> Estimator:
    return KernelDirichlet(k, kernel=KERNEL, penalty=PENALTY, landmarks=sizes.landmarks, seed=seed)


def noisy(sizes: Sizes, k: int, seed: int, scale: float = NOISE) -> KernelSSL:
    """Return self-supervised learning with noise, penalised as much as the Dirichlet energy is.

    (1 - mu) / scale^2 is the energy plus ``penalty / scale^2`` times the norm.

    Examples
    --------
    >>> from ssl_lib.papers.minimal_variations import Settings
    >>> f"{noisy(Settings().sizes, 4, 0, scale=0.1).penalty:.0e}"
    '1e-08'
    """
    return KernelSSL(
        Noise(scale), n_components=k, kernel=KERNEL, penalty=PENALTY * scale**2, n_views=VIEWS,
        landmarks=sizes.landmarks, scaled=False, seed=seed,
    )  # fmt: skip


def _principal(sizes: Sizes, k: int, seed: int) -> Estimator:
    return KernelSSL(
        Noise(0.0), n_components=k, kernel=KERNEL, penalty=PENALTY, beta=0.0,
        landmarks=sizes.landmarks, scaled=False, seed=seed,
    )  # fmt: skip


def _graph(alpha: float) -> Make:
    def make(sizes: Sizes, k: int, seed: int) -> Estimator:
        near = None if sizes.points <= JOINED else NEIGHBOURS
        return DiffusionMap(k, bandwidth=BANDWIDTH, alpha=alpha, neighbours=near)

    return make


METHODS = {
    method.name: method
    for method in (
        Method(name="dirichlet", title="kernel Dirichlet", variation="gradient, E‖∇f‖²",
               functions="kernel at landmarks", limit="−Δ − ∇log p·∇", make=_dirichlet),
        Method(name="views", title="kernel VICReg", variation="between two noisy views",
               functions="kernel at landmarks", limit="the same, for little noise", make=noisy),
        Method(name="graph", title="graph Laplacian", variation="between neighbours",
               functions="values at points", limit="−Δ − 2∇log p·∇", make=_graph(0.0)),
        Method(name="half", title="diffusion map, α = ½", variation="between neighbours",
               functions="values at points", limit="−Δ − ∇log p·∇", make=_graph(0.5)),
        Method(name="diffusion", title="diffusion map, α = 1", variation="between neighbours",
               functions="values at points", limit="−Δ", make=_graph(1.0)),
        Method(name="pca", title="kernel PCA", variation="none, the kernel's norm",
               functions="kernel at landmarks", limit="none", make=_principal),
    )
}  # fmt: skip
#: The method whose functions on a large sample the others are compared with.
REFERENCE = METHODS["dirichlet"]
