"""What is exact: one loss under two names, and its minimum by eigenvalues."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from ssl_lib.randomness import numpy_generator
from ssl_lib.theory.checks import Array
from ssl_lib.theory.losses import moments, spectral_contrastive_loss, vicreg_loss
from ssl_lib.theory.moons import half_moons
from ssl_lib.theory.noise import Noise
from ssl_lib.theory.ssl import LinearSSL

__all__ = ["CHECKED", "identities"]

#: The checks by name: both losses; formula against eigenfunctions; formula against an optimiser.
CHECKED = ("losses", "eigenfunctions", "optimiser")
STARTS, PENALTY = 2, 0.01


def identities(config: Mapping[str, int], cell: Mapping[str, int]) -> pd.DataFrame:
    """Compare what should be equal, on random networks' features of half-moons.

    Parameters
    ----------
    config : mapping
        ``inputs``, ``width`` of the random layer, ``components``.
    cell : mapping
        ``seed``.

    Returns
    -------
    pandas.DataFrame
        Columns check, one of :data:`CHECKED`, and difference.
    """
    generator = numpy_generator(cell["seed"], "identities")
    points = half_moons(config["inputs"], generator).points
    layer = generator.standard_normal((3, config["width"]))
    drawn = [Noise(0.1)(points, generator) for _ in range(2)]
    views = [np.tanh(np.hstack([view, np.ones((len(view), 1))]) @ layer) for view in drawn]
    k = config["components"]
    head = generator.standard_normal((config["width"], k))
    differences = (
        _names([view @ head for view in views], k),
        *_minimum(views, k, generator),
    )
    return pd.DataFrame({"check": CHECKED, "difference": differences})


def _names(features: list[Array], k: int) -> float:
    one, other = vicreg_loss(features), spectral_contrastive_loss(features) + k
    return abs(one - other) / abs(one)


def _minimum(views: list[Array], k: int, generator: np.random.Generator) -> tuple[float, float]:
    model = LinearSSL(views, n_components=k, penalty=PENALTY).fit(views[0])
    by_features = vicreg_loss([model.transform(view) for view in views])
    by_features += 2 * PENALTY * float(model.eigenvalues_ @ model.norms_)
    starts = [generator.standard_normal((views[0].shape[1], k)) / 10 for _ in range(STARTS)]
    best = min(_descend(views, start) for start in starts)
    return by_features - model.least_loss_, best - model.least_loss_


def _descend(views: list[Array], start: Array) -> float:
    """Return the least regularised loss that L-BFGS finds from a start."""
    second, cross = (torch.tensor(moment) for moment in moments(views))
    theta = torch.tensor(start, requires_grad=True)
    eye = torch.eye(start.shape[1], dtype=torch.float64)
    optimiser = torch.optim.LBFGS(
        [theta], max_iter=300, tolerance_grad=1e-8, tolerance_change=1e-13, history_size=20,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        c, d = (theta.T @ moment @ theta for moment in (second, cross))
        loss = 2 * (c - d).trace() + (c - eye).square().sum() + 2 * PENALTY * theta.square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    return float(closure().detach())
