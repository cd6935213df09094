"""The entropy of a Gaussian mixture between its bounds: of embeddings along training, and exactly.

A view of image i has an embedding near z_i. With N(z_i, s^2 I) for it, where s^2 is what views of
one image vary by, the embedding of a random view of a random image is a mixture, whose entropy
exceeds that of one component by what an embedding tells of its image, at most the logarithm of how
many there are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from torch import Tensor

from ssl_lib.data.views import Policy
from ssl_lib.evaluation.entropy import entropy_bounds
from ssl_lib.evaluation.lidar import view_features
from ssl_lib.methods import Method
from ssl_lib.methods.entropy import logdet_entropy
from ssl_lib.papers.vicreg_info.settings import LOSSES, Sizes
from ssl_lib.papers.vicreg_info.training import VIEWS, accuracy, embed, split, train

__all__ = ["BOUNDS", "TRAINED", "along", "view_variance"]

#: From below to above, with names for readers; no theorem orders the third and the fourth.
BOUNDS = {
    "bhattacharyya": "Bhattacharyya", "monte_carlo": "Monte Carlo", "kl": "KL",
    "gaussian": "Gaussian", "hadamard": "Hadamard",
}  # fmt: skip
#: The losses that are looked at along training.
TRAINED = ("vicreg", "vicreg-3", "logdet", "pairwise", "simclr", "sigreg")
#: Ridge of the entropy that Figure 2 of the paper is compared with.
RIDGE = 1e-6
_MEASURES = (*BOUNDS, "error", "variance", "entropy", "std")


def along(config: Sizes, cell: Mapping[str, Any]) -> pd.DataFrame:
    """Train a loss and bracket the entropy of its embeddings on the way.

    Parameters
    ----------
    config : Sizes
    cell : mapping
        ``seed``, and ``loss``, a key of :data:`ssl_lib.papers.vicreg_info.settings.LOSSES`.

    Returns
    -------
    pandas.DataFrame
        Columns step, measure, value. Measures: those of ``BOUNDS`` and ``error``, of the mixture of
        N(z, s^2 I) over test embeddings z; ``variance``, s^2, the mean over images and coordinates
        of what views of one image vary by; ``entropy``, LogDet of the embeddings; ``std``;
        ``accuracy`` and ``early loss`` at the end.
    """
    seed = cell["seed"]
    images, test = split(seed)

    def look(method: Method) -> dict[str, float]:
        return _looked(method, test.images, config.draws, seed)

    found = train(
        LOSSES[cell["loss"]], images, seed, steps=config.longer, looks=config.looks, look=look
    )
    rows = [
        (entry["step"], name, entry[name])
        for entry in found.history if "entropy" in entry for name in _MEASURES
    ]  # fmt: skip
    last = rows[-1][0]
    rows += [(last, "accuracy", accuracy(found.method, images, test)),
             (last, "early loss", found.early)]  # fmt: skip
    return pd.DataFrame(rows, columns=["step", "measure", "value"]).astype({"value": "float64"})


def _looked(method: Method, images: Tensor, draws: int, seed: int) -> dict[str, float]:
    z = embed(method, images)[1]
    variance = view_variance(lambda views: embed(method, views)[1], images, VIEWS, seed=seed)
    # The same noise at every look: a curve's changes are the embeddings'.
    found = entropy_bounds(z, variance=variance, samples=draws, seed=seed)
    return {
        **dataclasses.asdict(found),
        "variance": variance,
        "entropy": float(logdet_entropy(z, ridge=RIDGE)),
        "std": float(z.std(0).mean()),
    }


def view_variance(
    encoder: Callable[[Tensor], Tensor], images: Tensor, policy: Policy | str, *, seed: int = 0
) -> float:
    """Return what views of one image vary by, mean over images and coordinates.

    Examples
    --------
    >>> from ssl_lib import data
    >>> view_variance(lambda images: 2 * images.flatten(1), data.load("digits").images, "weak")
    0.0
    """
    pair = view_features(encoder, images, policy, count=2, seed=seed).double()
    return float((pair[:, 0] - pair[:, 1]).square().mean()) / 2
