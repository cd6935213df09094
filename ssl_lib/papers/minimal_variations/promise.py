"""Is the assumption true of images? The bound on what is missed, measured with labels.

The target is the classes as functions of the kernel, by ridge regression on all labels, a view
having that of its image: such a function has a variation and a norm, so that the bound applies.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ssl_lib.papers.minimal_variations.images import (
    METRICS,
    PENALTY,
    SCALES,
    VIEWS,
    Images,
    median_distance,
    model,
    sample,
)
from ssl_lib.papers.minimal_variations.probes import one_hot
from ssl_lib.theory import Gaussian, KernelDirichlet, explained
from ssl_lib.theory.checks import Array, draw_views
from ssl_lib.theory.dirichlet import dirichlet_energies
from ssl_lib.theory.downstream import bias_bound
from ssl_lib.theory.losses import variation

__all__ = ["COUNTS", "promise"]

#: Numbers of functions; less than those kept at any profile.
COUNTS = (1, 2, 4, 6, 9, 14, 19, 24, 29)
#: Of the regression that makes the classes a function.
RIDGE = 1e-4


def promise(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Compare what the first functions miss of the classes with the bound, by metric.

    Parameters
    ----------
    config : mapping
        ``sizes`` and ``data``.
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns metric, measure, at, value: at 0 "variation" of the target per unit of its variance,
        and "fitted", how much of the classes it explains; by the number of functions "bound" and
        "missed" of the target, on the images they were learned from, and "labels missed" of the
        classes themselves on test images.
    """
    sizes, seed = config["sizes"], cell["seed"]
    given = sample(config["data"], sizes, seed)
    kernel = Gaussian(SCALES[0] * median_distance(given.train))
    anchors = given.train[: 2 * sizes.landmarks]
    rows: list[Any] = []
    for metric in METRICS[1:]:
        fitted: Any = model(metric, kernel, given, sizes, seed)
        fitted.set_params(landmarks=anchors).fit(given.train)
        rows += [(metric.name, *row) for row in _judged(fitted, kernel, anchors, given)]
    frame = pd.DataFrame(rows, columns=["metric", "measure", "at", "value"])
    return frame.astype({"at": "float64", "value": "float64"})


def _judged(
    fitted: Any, kernel: Gaussian, anchors: Array, given: Images
) -> Iterator[tuple[str, float, float]]:
    gradient = isinstance(fitted, KernelDirichlet)
    views = [given.train] if gradient else _views(fitted, given)
    weights = _classes([kernel(view, anchors) for view in views], kernel(anchors, anchors), given)
    values = [kernel(view, anchors) @ weights for view in views]
    if gradient:
        energies = fitted.eigenvalues_
        varied = (weights * (dirichlet_energies(kernel, views[0], anchors).energy @ weights)).sum()
    else:
        energies, varied = 1 - fitted.eigenvalues_, variation(values).sum()
    norm = (weights * (kernel(anchors, anchors) @ weights)).sum()
    target, classes = np.concatenate(values), one_hot(given.truth, given.classes)
    size = float((varied + PENALTY * norm) / target.var(0).sum())
    yield "variation", 0, size
    yield (
        "fitted",
        0,
        1 - _missed(target, np.tile(one_hot(given.labels, given.classes), (len(views), 1))),
    )
    features = np.concatenate([fitted.transform(view) for view in views])
    fresh = fitted.transform(given.test)
    for k in (k for k in COUNTS if k < len(energies)):
        yield "bound", k, float(bias_bound(size, np.maximum.accumulate(energies), k))
        yield "missed", k, _missed(features[:, :k], target)
        yield "labels missed", k, _missed(fresh[:, :k], classes)


def _views(fitted: Any, given: Images) -> Array:
    return draw_views(fitted.views, given.train, n_views=VIEWS, seed=fitted.seed)


def _classes(values: list[Array], norms: Array, given: Images) -> Array:
    """Return the classes' indicators as functions of the kernel: weights (p, classes)."""
    targets = one_hot(given.labels, given.classes)
    targets = targets - targets.mean(0)
    gram = sum((own.T @ own for own in values), np.zeros_like(norms)) / len(targets) / len(values)
    cross = sum(own.T @ targets for own in values) / len(targets) / len(values)
    # Rounding makes the landmarks' own matrix singular.
    slack = 1e-12 * np.trace(gram) * np.eye(len(gram))
    return np.asarray(np.linalg.solve(gram + RIDGE * norms + slack, cross))


def _missed(features: Array, targets: Array) -> float:
    """Return the share of the targets' total variance outside the span of features."""
    share = targets.var(0)
    return float(1 - (explained(features, targets) * share).sum() / share.sum())
