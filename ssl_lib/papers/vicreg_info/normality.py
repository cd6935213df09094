"""Whether outputs are Gaussian around an image when noise is added to it, and why they stop."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ssl_lib.data import ImageData
from ssl_lib.evaluation.normality import (
    NOISES,
    input_noise_normality,
    normality,
    normality_control,
)
from ssl_lib.geometry import LinearRegion, linear_region
from ssl_lib.methods import Method
from ssl_lib.papers.vicreg_info.regions import network
from ssl_lib.papers.vicreg_info.settings import Sizes
from ssl_lib.randomness import torch_generator

__all__ = ["LAYERS", "TESTED", "anchors", "covariance_gap", "tested"]

Row = tuple[str, str, float, float]

#: The losses whose networks are tested.
TESTED = ("vicreg", "simclr", "logdet", "sigreg")
LAYERS = {"embedding": "embedding, linear", "representation": "representation, after ReLU"}
_DIRECTIONS = 256
_CONTROL = 2000
_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def tested(method: Method, test: ImageData, config: Sizes, seed: int) -> Iterator[Row]:
    """Test a network around test images, and pooled over them.

    Parameters
    ----------
    method : Method
        In evaluation mode.
    test : ImageData
    config : Sizes
    seed : int

    Yields
    ------
    tuple
        Part, measure, at, value. Of the parts ``embedding`` and ``representation``: ``share`` that
        passes, ``mean p`` and ``constant`` (share of coordinates that do not vary) at each noise;
        ``pooled`` and ``pooled directions``, the share that passes over test images without noise,
        of coordinates and of random directions. Of the ``network``: ``same region``, the share of
        noisy copies in their image's linear region; ``covariance gap``, see
        :func:`covariance_gap`, largest over images, and ``covariance images``, of how many;
        ``radius`` of the regions at quantiles over images. Of the ``control``: ``share`` of normal
        draws.
    """
    model, chosen = network(method), anchors(test, config.images, seed)
    control = normality_control(config.noise, coordinates=_CONTROL, seed=seed)
    yield "control", "share", 0.0, control.share
    yield from _noisy(model, chosen, config.noise, seed)
    yield from _regions(model, chosen, config.noise, seed)
    yield from _pooled(model, test, seed)


def anchors(test: ImageData, count: int, seed: int) -> Tensor:
    """Return the test images around which noise is drawn, float64 in [0, 1]."""
    order = torch.randperm(len(test), generator=torch_generator(seed, "vicreg_info", "anchors"))
    return test.images[order[:count]].double() / 255


def _noisy(model: nn.Sequential, chosen: Tensor, draws: int, seed: int) -> Iterator[Row]:
    for layer, part in zip(LAYERS, (model, model[0]), strict=True):
        whole = layer == "embedding"
        found = input_noise_normality(part, chosen, draws=draws, regions=whole, seed=seed)
        constant = found.constant / (found.constant + found.tested)
        means = found.assign(constant=constant).drop(columns="image").groupby("noise").mean()
        for at, row in zip(means.index, means.to_dict("records"), strict=True):
            yield from ((layer, name, at, row[name]) for name in ("share", "mean p", "constant"))
            if whole:
                yield "network", "same region", at, row["same region"]


def _regions(model: nn.Sequential, chosen: Tensor, draws: int, seed: int) -> Iterator[Row]:
    found = [linear_region(model, image) for image in chosen]
    radii = torch.tensor([region.radius for region in found]).sort().values
    for quantile in _QUANTILES:
        yield "network", "radius", quantile, float(radii[round(quantile * (len(radii) - 1))])
    pairs = list(zip(chosen, found, strict=True))
    for scale in NOISES[:3]:
        gaps = [covariance_gap(model, *pair, scale=scale, draws=draws, seed=seed) for pair in pairs]
        inside = [gap for gap in gaps if gap is not None]
        yield "network", "covariance images", scale, len(inside)
        yield "network", "covariance gap", scale, max(inside, default=float("nan"))


@torch.no_grad()
def covariance_gap(
    model: nn.Module, image: Tensor, region: LinearRegion, *, scale: float, draws: int, seed: int
) -> float | None:
    """Compare the outputs' covariance with that of the noise itself through the Jacobian.

    Parameters
    ----------
    model : torch.nn.Module
        In float64.
    image : torch.Tensor of shape (c, h, w)
    region : LinearRegion
        Of the image.
    scale : float
        Standard deviation of the noise.
    draws, seed : int
        Of noisy copies.

    Returns
    -------
    float or None
        Norm of the difference over the norm; None unless all copies stay in the region.
    """
    generator = torch_generator(seed, "vicreg_info", "copies")
    drawn = scale * torch.randn(draws, image.numel(), dtype=torch.float64, generator=generator)
    if not bool(region.contains(drawn).all()):
        return None
    outputs = model(image + drawn.view(draws, *image.shape))
    expected = region.jacobian @ torch.cov(drawn.T) @ region.jacobian.T
    return float((torch.cov(outputs.T) - expected).norm() / expected.norm())


@torch.no_grad()
def _pooled(model: nn.Sequential, test: ImageData, seed: int) -> Iterator[Row]:
    h = model[0](test.images.double() / 255)
    generator = torch_generator(seed, "vicreg_info", "pooled")
    for layer, outputs in zip(LAYERS, (model[1](h), h), strict=True):
        axes = torch.randn(outputs.shape[1], _DIRECTIONS, generator=generator, dtype=torch.float64)
        yield layer, "pooled", 0.0, normality(outputs).share
        yield layer, "pooled directions", 0.0, normality(outputs @ axes).share
