"""The same on features of one's own: which functions they hold, and how much those vary."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.errors import InputError
from ssl_lib.papers.minimal_variations.probes import one_hot
from ssl_lib.theory import Gaussian, KernelDirichlet, LinearSSL, explained, principal_cosines
from ssl_lib.theory.checks import as_matrix, as_stack

__all__ = ["against_inputs", "directions"]


def directions(
    views: Sequence[npt.ArrayLike],
    labels: npt.ArrayLike | None = None,
    *,
    k: int = 10,
    penalty: float = 1e-6,
) -> pd.DataFrame:
    """Order the directions of an encoder's features by how little they vary between views.

    Parameters
    ----------
    views : sequence of array_like of shape (n, d)
        Features of at least two views of the same n inputs.
    labels : array_like of shape (n,), optional
        Classes 0, 1, ...
    k : int, default=10
        How many directions.
    penalty : float, default=1e-6
        On the weights, above 0 where features are linearly dependent.

    Returns
    -------
    pandas.DataFrame
        Columns direction (1 to k), variation (of a function of unit variance: 0 never varies, 1
        as much as between two inputs), and with labels "labels explained", the share of the
        classes' indicators in the span of the directions so far.

    Examples
    --------
    The first coordinate is kept by every view, the second is not:

    >>> rng = np.random.default_rng(0)
    >>> label = rng.integers(2, size=500)
    >>> views = [np.stack([label, rng.standard_normal(500)], axis=1) for _ in range(2)]
    >>> directions(views, label, k=1).round(2).to_dict("records")
    [{'direction': 1, 'variation': 0.0, 'labels explained': 1.0}]
    """
    stack = as_stack(views)
    middle = stack.mean(0)
    model = LinearSSL(list(stack), n_components=k, penalty=penalty, centre=True, scaled=False)
    features = model.fit(middle).transform(middle)
    found = {"direction": range(1, k + 1), "variation": 1 - model.invariance_}
    if labels is not None:
        targets = _indicators(labels, len(middle))
        found["labels explained"] = [
            float(np.mean(explained(features[:, :i], targets))) for i in range(1, k + 1)
        ]
    return pd.DataFrame(found)


def _indicators(labels: npt.ArrayLike, n: int) -> npt.NDArray[np.float64]:
    given = np.asarray(labels)
    if given.shape != (n,) or not np.issubdtype(given.dtype, np.integer) or given.min() < 0:
        raise InputError(
            f"labels must be {n} whole numbers from 0, got {given.shape} of {given.dtype}."
        )
    return one_hot(given, int(given.max()) + 1)[:, np.unique(given)]


def against_inputs(
    features: npt.ArrayLike, inputs: npt.ArrayLike, *, k: int = 4, scale: float | None = None
) -> npt.NDArray[np.float64]:
    """Return the principal angles between features and the functions of least Dirichlet energy.

    Parameters
    ----------
    features : array_like of shape (n, d)
        Of an encoder; their leading k principal components are compared.
    inputs : array_like of shape (n, p)
        What the encoder saw.
    k : int, default=4
        How many functions.
    scale : float, optional
        Of the Gaussian kernel; by default the median distance between inputs.

    Returns
    -------
    numpy.ndarray of shape (k,)
        Degrees, smallest first.

    Examples
    --------
    >>> angle = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    >>> circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> against_inputs(3 * circle, circle, k=2).round(1) + 0.0
    array([0., 0.])
    """
    rows, x = as_matrix(features, name="features"), as_matrix(inputs, name="inputs")
    if len(rows) != len(x):
        raise InputError(
            f"features and inputs must have the same rows, got {len(rows)} and {len(x)}."
        )
    left, size, _ = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    if k > (rank := int((size > 1e-10 * size[0]).sum())):
        raise InputError(f"k must be at most {rank}, the rank of the features, got {k}.")
    from scipy.spatial.distance import pdist

    width = scale or float(np.median(pdist(x[:1000])))
    known = KernelDirichlet(k, kernel=Gaussian(width), landmarks=min(len(x), 300), centre=True)
    cosines = principal_cosines(left[:, :k], known.fit_transform(x), centre=True)
    return np.asarray(np.degrees(np.arccos(cosines)))
