"""The entropy of a Gaussian mixture between its bounds: of embeddings along training, and exactly.

A view of image i has an embedding near z_i. With N(z_i, s^2 I) for it, where s^2 is what views of
one image vary by, the embedding of a random view of a random image is a mixture, whose entropy
exceeds that of one component by what an embedding tells of its image, at most the logarithm of how
many there are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from torch import Tensor

from ssl_lib.data.views import Policy
from ssl_lib.evaluation.entropy import entropy_bounds
from ssl_lib.evaluation.lidar import view_features
from ssl_lib.methods import Method
from ssl_lib.methods.entropy import logdet_entropy
from ssl_lib.papers.vicreg_info.training import VIEWS, embed

__all__ = ["BOUNDS", "MEASURES", "RIDGE", "look", "view_variance"]

#: From below to above, with names for readers; no theorem orders the third and the fourth.
BOUNDS = {
    "bhattacharyya": "Bhattacharyya", "monte_carlo": "Monte Carlo", "kl": "KL",
    "gaussian": "Gaussian", "hadamard": "Hadamard",
}  # fmt: skip
#: Ridge of the entropy that Figure 2 of the paper is compared with.
RIDGE = 1e-6
MEASURES = (*BOUNDS, "error", "variance", "entropy", "std")


def look(method: Method, images: Tensor, draws: int, seed: int) -> dict[str, float]:
    """Bracket the entropy of a network's embeddings.

    Parameters
    ----------
    method : Method
        In evaluation mode.
    images : torch.Tensor of shape (n, c, h, w)
    draws : int
        Of the Monte Carlo estimate.
    seed : int
        Draws these and the views; the same at every look, so that a curve's changes are the
        embeddings'.

    Returns
    -------
    dict of str to float
        By ``MEASURES``: those of ``BOUNDS`` and ``error``, of the mixture of N(z, s^2 I) over
        embeddings z; ``variance``, s^2, see :func:`view_variance`; ``entropy``, LogDet of the
        embeddings; ``std``, mean over coordinates.
    """
    z = embed(method, images)[1]
    variance = view_variance(lambda views: embed(method, views)[1], images, VIEWS, seed=seed)
    return {
        **dataclasses.asdict(entropy_bounds(z, variance=variance, samples=draws, seed=seed)),
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
    >>> images = data.load("digits", split="test").images
    >>> small, large = (
    ...     view_variance(lambda views, size=size: size * views.flatten(1), images, "digits")
    ...     for size in (1, 2))
    >>> round(large / small, 4)
    4.0
    """
    pair = view_features(encoder, images, policy, count=2, seed=seed).double()
    return float((pair[:, 0] - pair[:, 1]).square().mean()) / 2
