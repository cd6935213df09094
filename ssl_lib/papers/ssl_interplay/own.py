"""What each penalty learns from data of one's own, and what a probe makes of it."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.data import load
from ssl_lib.errors import InputError
from ssl_lib.randomness import numpy_generator
from ssl_lib.theory.checks import Array, Views, as_matrix
from ssl_lib.theory.kernels import Gaussian, Kernel
from ssl_lib.theory.ssl import KernelSSL

__all__ = ["DIGITS", "along", "digits", "digits_split", "fingerprints", "one_pixel_shifts", "probe"]

#: Penalties of the experiment on digits.
DIGITS = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
RIDGE = 1e-4


def along(
    X: npt.ArrayLike,
    views: Views,
    penalties: Sequence[float],
    *,
    labelled: tuple[npt.ArrayLike, npt.ArrayLike],
    test: tuple[npt.ArrayLike, npt.ArrayLike],
    kernel: Kernel = Gaussian(1.0),  # noqa: B008 - frozen
    n_components: int = 30,
    landmarks: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    r"""Learn features in closed form at several penalties, and probe each.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Inputs without labels.
    views : callable, or sequence of array_like of shape (n, d)
        See :class:`ssl_lib.theory.KernelSSL`.
    penalties : sequence of float
        :math:`\lambda`.
    labelled, test : pair of array_like of shape (n, d) and (n,)
        Inputs and their classes, for the probe.
    kernel : callable
        See :mod:`ssl_lib.theory.kernels`.
    n_components : int
        Features, at most.
    landmarks : int, optional
        Points that span the functions; all views by default.
    seed : int
        Draws views and landmarks.

    Returns
    -------
    pandas.DataFrame
        Columns penalty, useful (positive eigenvalues, :math:`k_\lambda`), largest (eigenvalue),
        accuracy. Without any positive eigenvalue features have collapsed: accuracy is missing.

    Examples
    --------
    >>> from ssl_lib.theory import Noise, half_moons
    >>> points, moon = half_moons(200, np.random.default_rng(0))
    >>> found = along(points, Noise(0.1), [1e-3, 1.0], labelled=(points[:20], moon[:20]),
    ...               test=(points, moon), kernel=Gaussian(0.3), n_components=5, landmarks=60)
    >>> found.useful.tolist(), found.accuracy.tolist()
    ([29, 0], [1.0, nan])
    """
    model = KernelSSL(
        views, n_components=None, kernel=kernel, penalty=min(penalties), landmarks=landmarks,
        seed=seed,
    ).fit(X)  # fmt: skip
    model.set_params(n_components=n_components)
    return pd.DataFrame([_row(one, labelled, test) for one in model.path(penalties)])


def _row(model: KernelSSL, labelled: Any, test: Any) -> dict[str, float]:
    row: dict[str, float] = {"penalty": model.penalty, "useful": model.useful_dimension_}
    if not len(model.eigenvalues_):
        return row | {"largest": np.nan, "accuracy": np.nan}
    accuracy = probe(model.transform(labelled[0]), labelled[1], model.transform(test[0]), test[1])
    return row | {"largest": float(model.eigenvalues_[0]), "accuracy": accuracy}


def probe(train: Array, classes: npt.ArrayLike, test: Array, wanted: npt.ArrayLike) -> float:
    """Return the accuracy of ridge regression on one-hot labels, on features of unit variance.

    Raises
    ------
    InputError
        When the labelled points are of one class.

    Examples
    --------
    >>> x = np.array([[-1.0], [-2.0], [1.0], [2.0]])
    >>> probe(x, [0, 0, 1, 1], x, [0, 0, 1, 1])
    1.0
    """
    names, place = np.unique(np.asarray(classes), return_inverse=True)
    if len(names) < 2:
        raise InputError(f"labelled points must be of two classes or more, got {names.tolist()}.")
    train, test = as_matrix(train, name="train"), as_matrix(test, name="test")
    mean, size = train.mean(0), np.maximum(train.std(0).max(), 1e-300)
    x, z = ((np.c_[(part - mean) / size, np.ones(len(part))]) for part in (train, test))
    gram = x.T @ x + RIDGE * len(x) * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ np.eye(len(names))[place])
    return float((names[(z @ weights).argmax(1)] == np.asarray(wanted)).mean())


def one_pixel_shifts(images: Array) -> list[Array]:
    """Return images (n, h, w), and the same shifted by a pixel four ways, flat: (n, h * w) each.

    Examples
    --------
    >>> [view[0].tolist() for view in one_pixel_shifts(np.array([[[1.0, 2.0], [3.0, 4.0]]]))[:2]]
    [[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 1.0, 2.0]]
    """
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    h, w = images.shape[1:]
    places = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]
    return [padded[:, i : i + h, j : j + w].reshape(len(images), -1) for i, j in places]


def digits(config: Mapping[str, int], cell: Mapping[str, int]) -> pd.DataFrame:
    """Learn digits from shifts by a pixel; probe with few labels, and test on shifted digits.

    Parameters
    ----------
    config : mapping
        ``inputs``, ``labels``, ``landmarks``, ``components``.
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns features ("closed form", "kernel principal components", "pixels"), penalty (of the
        first alone), useful, accuracy, shifted (accuracy on shifted digits).
    """
    x, labels, test, wanted = digits_split(config["inputs"], cell["seed"])
    views, few = one_pixel_shifts(x), config["labels"]
    plain, moved = (one_pixel_shifts(test)[place] for place in (0, 4))
    rows = []
    for name, penalty, useful, transform in _features(config, views, cell["seed"]):
        train = transform(views[0][:few])
        found = [probe(train, labels[:few], transform(part), wanted) for part in (plain, moved)]
        rows.append((name, penalty, useful, *found))
    return pd.DataFrame(rows, columns=["features", "penalty", "useful", "accuracy", "shifted"])


def _features(
    config: Mapping[str, int], views: list[Array], seed: int
) -> Iterator[tuple[str, float, float, Callable[[Array], Array]]]:
    """Yield name, penalty, positive eigenvalues and transformation of each kind of features."""
    k = config["components"]
    model = KernelSSL(
        views, n_components=k, kernel=Gaussian(1.5), landmarks=config["landmarks"], seed=seed,
        penalty=min(DIGITS),
    ).fit(views[0])  # fmt: skip
    for one in model.path(DIGITS):
        yield "closed form", one.penalty, one.useful_dimension_, one.transform
    components = copy.copy(model).set_params(beta=0.0).at(1e-9)
    yield "kernel principal components", np.nan, np.nan, components.transform
    yield "pixels", np.nan, np.nan, lambda images: images


def digits_split(n: int, seed: int) -> tuple[Array, Array, Array, Array]:
    """Return n digits (n, 8, 8) in [0, 1] with their labels, and the others with theirs."""
    every = _every_digit()
    order = numpy_generator(seed, "digits").permutation(len(every.labels))
    images = every.images.numpy()[order, 0].astype(np.float64) / 255
    labels = every.labels.numpy()[order]
    return images[:n], labels[:n], images[n:], labels[n:]


def _every_digit() -> Any:
    return load("digits", split="train")


def fingerprints() -> dict[str, str]:
    """Return the hash of the digits."""
    every = _every_digit()
    return {every.name: every.fingerprint}
