"""Corrupted test images: nine of CIFAR-C's corruptions at its five severities, made here.

Strengths are those with which CIFAR-C was generated (Hendrycks and Dietterich, 2019), for images in
[0, 1] of 32 pixels; they are used as they are at other sizes.
"""

import io
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ssl_lib.arguments import ArrayLike, as_tensor
from ssl_lib.data.views import GaussianBlur
from ssl_lib.errors import InputError, closest

__all__ = ["CORRUPTIONS", "SEVERITIES", "corrupt"]

SEVERITIES = (1, 2, 3, 4, 5)

#: Strength of each corruption at severities 1 to 5.
CORRUPTIONS: dict[str, tuple[float, ...]] = {
    "gaussian noise": (0.04, 0.06, 0.08, 0.09, 0.10),
    "shot noise": (500, 250, 100, 75, 50),
    "impulse noise": (0.01, 0.02, 0.03, 0.05, 0.07),
    "speckle noise": (0.06, 0.10, 0.12, 0.16, 0.20),
    "gaussian blur": (0.4, 0.6, 0.7, 0.8, 1.0),
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),
    "brightness": (0.05, 0.1, 0.15, 0.2, 0.3),
    "pixelate": (0.95, 0.9, 0.85, 0.75, 0.65),
    "jpeg": (80, 65, 58, 50, 40),
}


def corrupt(images: ArrayLike, name: str, strength: float, *, generator: torch.Generator) -> Tensor:
    """Corrupt images.

    Parameters
    ----------
    images : Tensor
        (n, c, h, w) floating in [0, 1], one or three channels, on the CPU.
    name : str
        A key of `CORRUPTIONS`.
    strength : float
        Such as ``CORRUPTIONS[name][severity - 1]``: standard deviation (gaussian, speckle), photons
        at full intensity (shot), share of pixels (impulse), sigma in pixels (blur), factor about
        the image's mean (contrast), shift of HSV's value (brightness), factor of the side
        (pixelate), quality (jpeg).
    generator : torch.Generator
        Draws the noise; a CPU generator.

    Returns
    -------
    Tensor
        (n, c, h, w) in [0, 1].

    Raises
    ------
    InputError
        For an unknown name, and images of another type or shape.

    Examples
    --------
    >>> grey = torch.full((1, 1, 64, 64), 0.5)
    >>> noisy = corrupt(grey, "gaussian noise", 0.1, generator=torch.Generator().manual_seed(0))
    >>> round(float(noisy.std()), 2)
    0.1
    """
    if name not in _FUNCTIONS:
        raise InputError(f"unknown corruption {name!r}.{closest(name, _FUNCTIONS)}")
    images = as_tensor(images, name="images").detach()
    if images.ndim != 4 or not images.is_floating_point():
        raise InputError(
            f"images must be floating-point of shape (n, c, h, w), got {images.dtype} of shape "
            f"{tuple(images.shape)}."
        )
    return _FUNCTIONS[name](images, strength, generator).clamp(0, 1)


def _gaussian(images: Tensor, sd: float, generator: torch.Generator) -> Tensor:
    return images + sd * torch.randn(images.shape, generator=generator)


def _shot(images: Tensor, photons: float, generator: torch.Generator) -> Tensor:
    return torch.poisson(images * photons, generator=generator) / photons


def _impulse(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    drawn = torch.rand(images.shape, generator=generator)
    salt, pepper = drawn < share / 2, drawn > 1 - share / 2
    return images.masked_fill(salt, 1).masked_fill(pepper, 0)


def _speckle(images: Tensor, sd: float, generator: torch.Generator) -> Tensor:
    return images + images * sd * torch.randn(images.shape, generator=generator)


def _blur(images: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    taps = 2 * min(round(4 * sigma), min(images.shape[-2:]) - 1) + 1
    n = len(images)
    drawn = {"chosen": torch.ones(n, dtype=torch.bool), "sigma": torch.full((n,), sigma)}
    return GaussianBlur(kernel_size=taps).apply(images, drawn)


def _contrast(images: Tensor, factor: float, generator: torch.Generator) -> Tensor:
    mean = images.mean((2, 3), keepdim=True)
    return mean + factor * (images - mean)


def _brightness(images: Tensor, shift: float, generator: torch.Generator) -> Tensor:
    """Raise HSV's value, the largest channel, and keep hue and saturation."""
    value = images.amax(1, keepdim=True)
    raised = (value + shift).clamp(0, 1)
    return torch.where(value > 0, images * raised / value.clamp(min=1e-12), raised)


def _pixelate(images: Tensor, factor: float, generator: torch.Generator) -> Tensor:
    from PIL import Image

    h, w = images.shape[-2:]
    small = (max(1, int(w * factor)), max(1, int(h * factor)))
    box = Image.Resampling.BOX
    return _each(images, lambda picture: picture.resize(small, box).resize((w, h), box))


def _jpeg(images: Tensor, quality: float, generator: torch.Generator) -> Tensor:
    from PIL import Image

    def compress(picture: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=int(quality))
        return Image.open(buffer)

    return _each(images, compress)


def _each(images: Tensor, change: Callable[..., object]) -> Tensor:
    from PIL import Image

    pixels = (255 * images).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    grey = pixels.shape[3] == 1
    changed = [change(Image.fromarray(p[..., 0] if grey else p)) for p in pixels]
    stacked = torch.from_numpy(np.stack([np.asarray(picture) for picture in changed]))
    return (stacked[:, None] if grey else stacked.permute(0, 3, 1, 2)).float() / 255


_FUNCTIONS: dict[str, Callable[[Tensor, float, torch.Generator], Tensor]] = {
    "gaussian noise": _gaussian,
    "shot noise": _shot,
    "impulse noise": _impulse,
    "speckle noise": _speckle,
    "gaussian blur": _blur,
    "contrast": _contrast,
    "brightness": _brightness,
    "pixelate": _pixelate,
    "jpeg": _jpeg,
}
