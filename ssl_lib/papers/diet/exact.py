"""What needs no training run: streamed classes, and the spectral contrastive loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_lib.methods import diet_loss
from ssl_lib.randomness import torch_generator

__all__ = ["Linear", "Streaming", "spectral", "squared_error", "streaming"]


@dataclass(frozen=True, kw_only=True)
class Streaming:
    """Sizes at which streamed classes are compared with all at once.

    Attributes
    ----------
    classes : tuple of int
    dimension, batch, chunk : int
    """

    classes: tuple[int, ...] = (1_000, 10_000, 50_000)
    dimension: int = 64
    batch: int = 256
    chunk: int = 1024


def streaming(config: Streaming, classes: int) -> dict[str, float]:
    """Compare loss and gradients, plain and streamed, in float32.

    Returns
    -------
    dict
        Largest difference of each relative to its largest entry, and how many numbers autograd
        keeps for the backward pass, plain and streamed, beside W itself.

    Examples
    --------
    >>> found = streaming(Streaming(dimension=8, batch=4, chunk=10), 100)
    >>> found["kept, plain"], found["kept, streamed"], found["rows"] < 1e-6
    (442, 40, True)
    """
    generator = torch_generator(0, "diet", "streaming")
    features = torch.randn(config.batch, config.dimension, generator=generator)
    weight = torch.randn(classes, config.dimension, generator=generator) / config.dimension**0.5
    indices = torch.randperm(classes, generator=generator)[: config.batch]
    found = [_gradients(features, weight, indices, chunk) for chunk in (None, config.chunk)]
    names = ("loss", "features", "rows")
    gaps = {
        name: float((a - b).abs().max() / a.abs().max())
        for name, a, b in zip(names, *(f[0] for f in found), strict=True)
    }
    return gaps | {"kept, plain": found[0][1], "kept, streamed": found[1][1]}


def _gradients(
    features: Tensor, weight: Tensor, indices: Tensor, chunk: int | None
) -> tuple[tuple[Tensor, ...], int]:
    h, w = features.clone().requires_grad_(), weight.clone().requires_grad_()
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() != w.untyped_storage().data_ptr():
            kept[tensor.untyped_storage().data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = diet_loss(h, w, indices, chunk=chunk)
    return (loss.detach(), *torch.autograd.grad(loss, (h, w))), sum(kept.values())


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Images and views for the comparison with the spectral contrastive loss.

    Attributes
    ----------
    images, views, pixels, width : int
        `width` is the dimension of the linear encoder's output.
    noise : float
        Of views around their image.
    """

    images: int = 20
    views: int = 30
    pixels: int = 8
    width: int = 3
    noise: float = 0.5


def spectral(config: Linear, seed: int) -> Iterator[tuple[str, float]]:
    """Minimise both losses over linear encoders and yield how far apart they end.

    Yields
    ------
    tuple
        ``planes``: one less the smallest cosine between the planes that the two encoders span;
        ``spectral`` and ``squared error``: the relative excess of each loss over its minimum where
        the other loss is smallest, with the best scale within its plane; and ``closed form``, that
        of DIET's minimum over the one that reduced-rank regression gives.
    """
    means, second = _moments(config, seed)
    by_error = _minimise(lambda f: squared_error(f, means, second), config, seed)
    by_pairs = _minimise(lambda f: contrastive(f, means, second), config, seed)
    planes = [torch.linalg.qr(f.T).Q for f in (by_error, by_pairs)]
    yield "planes", 1 - float(torch.linalg.svdvals(planes[0].T @ planes[1]).min())
    own = [float(squared_error(f, means, second)) for f in (by_error, by_pairs)]
    yield "squared error", abs(own[1] - own[0]) / own[0]
    scaled = _best_scale(by_error, means, second)
    pairs = [float(contrastive(f, means, second)) for f in (by_pairs, scaled)]
    yield "spectral", abs(pairs[1] - pairs[0]) / abs(pairs[0])
    expected = 1 - float(_strengths(means, second)[: config.width].sum()) / len(means)
    yield "closed form", abs(own[0] - expected) / expected


def _moments(config: Linear, seed: int) -> tuple[Tensor, Tensor]:
    """Return each image's mean view, and the second moment of all views."""
    generator = torch_generator(seed, "diet", "linear")
    scale = torch.linspace(2, 0.3, config.pixels, dtype=torch.float64)
    shape = (config.images, config.views, config.pixels)
    centre = torch.randn(config.images, 1, config.pixels, generator=generator).double() * scale
    views = centre + config.noise * torch.randn(shape, generator=generator).double()
    flat = views.flatten(0, 1)
    return views.mean(1), flat.T @ flat / len(flat)


def squared_error(encoder: Tensor, means: Tensor, second: Tensor) -> Tensor:
    """Return DIET's squared error against one-hot indices, at the best rows W.

    With features F x, C the second moment of views and M the mean views of N images, it is
    1 - tr(F B F' (F C F')^-1) / N, where B = M'M / N.
    """
    between = encoder @ (means.T @ means / len(means)) @ encoder.T
    within = encoder @ second @ encoder.T
    explained: Tensor = torch.linalg.solve(within, between).trace()
    return 1 - explained / len(means)


def contrastive(encoder: Tensor, means: Tensor, second: Tensor) -> Tensor:
    """Return the spectral contrastive loss of all pairs: -2 E f(x)·f(x+) + E (f(x)·f(x'))^2."""
    between = encoder @ (means.T @ means / len(means)) @ encoder.T
    spread: Tensor = (encoder @ second @ encoder.T).square().sum()
    return spread - 2 * between.trace()


def _strengths(means: Tensor, second: Tensor) -> Tensor:
    """Return the generalised eigenvalues of B and C, decreasing."""
    values, vectors = torch.linalg.eigh(second)
    white = vectors @ torch.diag(values**-0.5) @ vectors.T
    found: Tensor = torch.linalg.eigvalsh(white @ (means.T @ means / len(means)) @ white)
    return found.flip(0)


def _minimise(loss: Callable[[Tensor], Tensor], config: Linear, seed: int) -> Tensor:
    generator = torch_generator(seed, "diet", "start")
    start = torch.randn(config.width, config.pixels, generator=generator).double() * 0.1
    encoder = start.requires_grad_()
    optimiser = torch.optim.LBFGS(
        [encoder], max_iter=2000, max_eval=4000, tolerance_grad=1e-14, tolerance_change=0,
        history_size=30, line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> Tensor:
        optimiser.zero_grad()
        # Near its minimum DIET's varies by a share of 1 / N.
        value: Tensor = loss(encoder) * config.images
        value.backward()
        return value

    optimiser.step(closure)
    return encoder.detach()


def _best_scale(encoder: Tensor, means: Tensor, second: Tensor) -> Tensor:
    """Return the encoder of the same plane whose spectral contrastive loss is smallest."""
    values, vectors = torch.linalg.eigh(encoder @ second @ encoder.T)
    unit = torch.diag(values**-0.5) @ vectors.T @ encoder  # now F C F' = 1
    strengths, turn = torch.linalg.eigh(unit @ (means.T @ means / len(means)) @ unit.T)
    best: Tensor = torch.diag(strengths.clamp_min(0) ** 0.5) @ turn.T @ unit
    return best
