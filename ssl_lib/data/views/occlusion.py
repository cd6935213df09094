"""Operations that take information away: blur, noise, erased boxes, masked blocks and patches."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ssl_lib.data.views.operation import (
    Operation,
    Parameters,
    Shape,
    constant,
    on_rows,
    uniform,
    upload,
)
from ssl_lib.errors import InputError

__all__ = ["BlockMask", "Cutout", "Erase", "GaussianBlur", "Noise", "patch_keep"]

_ATTEMPTS = 10


@dataclass(frozen=True, kw_only=True)
class GaussianBlur(Operation):
    """Blur with a Gaussian of a width drawn for each image, with a probability.

    Separable, truncated at the kernel, edges reflected: agrees with torchvision's
    ``gaussian_blur`` to 1e-5. (Recipes built on PIL use its box approximation, close to sigma.)

    Parameters
    ----------
    p : float, default=0.5
        Probability that an image is blurred.
    sigma : tuple of float, default=(0.1, 2.0)
        Range of the standard deviation in pixels, uniform.
    kernel_size : int, optional
        Odd number of taps; by default a tenth of the height (SimCLR), at least 3.

    Examples
    --------
    >>> dot = torch.zeros(1, 1, 3, 3)
    >>> dot[..., 1, 1] = 1
    >>> parameters = {"chosen": torch.tensor([True]), "sigma": torch.tensor([0.5])}
    >>> GaussianBlur(kernel_size=3).apply(dot, parameters)[0, 0, 1]
    tensor([0.1676, 0.6193, 0.1676])
    """

    p: float = 0.5
    sigma: tuple[float, float] = (0.1, 2.0)
    kernel_size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sigma[0] <= 0:
            raise InputError(f"sigma must be positive; got {self.sigma}")
        if self.kernel_size is not None and (self.kernel_size < 1 or self.kernel_size % 2 == 0):
            raise InputError(f"kernel_size must be odd and positive; got {self.kernel_size}")

    def sample_parameters(self, shape: Shape, generator: torch.Generator) -> Parameters:
        """Draw ``sigma`` and ``chosen`` (bool), each (n,)."""
        sigma = uniform(*self.sigma, shape[:1], generator)
        return {"sigma": sigma, "chosen": uniform(0, 1, shape[:1], generator) < self.p}

    def apply(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Blur the chosen images."""
        taps = self.kernel_size or max(3, images.shape[2] // 10 // 2 * 2 + 1)

        return on_rows(
            images,
            parameters["chosen"],
            lambda part, rows: _blur(part, upload(parameters["sigma"][rows], part), taps),
        )


def _blur(images: Tensor, sigma: Tensor, taps: int) -> Tensor:
    """Convolve rows, then columns, as a weighted sum of shifted images.

    For few taps faster than a convolution with as many groups as images.
    """
    radius = taps // 2
    if radius >= min(images.shape[-2:]):
        raise InputError(f"a blur of {taps} taps needs images of more than {radius} pixels")
    offsets = torch.arange(-radius, radius + 1, device=images.device)
    weights = torch.softmax(-0.5 * (offsets / sigma[:, None]) ** 2, dim=1)
    padded = F.pad(images, 4 * (radius,), mode="reflect")
    for axis in (3, 2):
        size = images.shape[axis]
        shifted = [padded.narrow(axis, k, size) for k in range(taps)]
        padded = shifted[0] * weights[:, 0, None, None, None]
        for k in range(1, taps):
            padded.addcmul_(shifted[k], weights[:, k, None, None, None])
    return padded


@dataclass(frozen=True, kw_only=True)
class Noise(Operation):
    """Add independent normal noise to every pixel; not clamped.

    Examples
    --------
    >>> noise = Noise(std=0.1)
    >>> noise.sample_parameters((2, 1, 8, 8), torch.Generator().manual_seed(0))["noise"].shape
    torch.Size([2, 1, 8, 8])
    """

    std: float = 0.1

    def sample_parameters(self, shape: Shape, generator: torch.Generator) -> Parameters:
        """Draw ``noise`` (n, c, h, w)."""
        return {"noise": self.std * torch.randn(shape, generator=generator)}

    def apply(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Return ``images + noise``."""
        return images + upload(parameters["noise"], images)


def _boxes(images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """Mask (n, 1, h, w): 1 inside each image's box ``top, left, height, width``."""
    h, w = images.shape[-2:]
    box = {
        name: upload(parameters[name], images)[:, None]
        for name in ("top", "left", "height", "width")
    }
    row, column = torch.arange(h, device=images.device), torch.arange(w, device=images.device)
    rows = (row >= box["top"]) & (row < box["top"] + box["height"])
    columns = (column >= box["left"]) & (column < box["left"] + box["width"])
    return (rows[:, None, :, None] & columns[:, None, None, :]).to(images.dtype)


def _paint(images: Tensor, inside: Tensor, fill: float | tuple[float, ...]) -> Tensor:
    return images + inside * (constant(fill, images) - images)


@dataclass(frozen=True, kw_only=True)
class Erase(Operation):
    """Replace a box by a constant, with a probability: random erasing.

    The box is torchvision's ``RandomErasing``: ten draws of an area (uniform) and an aspect ratio
    (log-uniform), the first that fits strictly inside, else none; torchvision's ``erase`` with the
    same box gives the same image exactly.

    Parameters
    ----------
    p : float, default=0.25
        Probability.
    scale : tuple of float, default=(0.02, 0.33)
        Range of the box's share of the area.
    ratio : tuple of float, default=(0.3, 3.3)
        Range of height over width.
    fill : float or tuple of float, default=0.0
        Value for all channels or for each.

    Examples
    --------
    >>> erase = Erase(p=1.0)
    >>> boxes = erase.sample_parameters((5, 3, 32, 32), torch.Generator().manual_seed(0))
    >>> bool((boxes["top"] + boxes["height"] <= 32).all())
    True
    """

    p: float = 0.25
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)
    fill: float | tuple[float, ...] = 0.0

    def sample_parameters(self, shape: Shape, generator: torch.Generator) -> Parameters:
        """Draw ``top, left, height, width``, each (n,) int64; height 0: nothing is erased."""
        n, _, h, w = shape
        area = h * w * uniform(*self.scale, (n, _ATTEMPTS), generator)
        low, high = (math.log(bound) for bound in self.ratio)
        tall = uniform(low, high, (n, _ATTEMPTS), generator).exp()
        height, width = (area * tall).sqrt().round().long(), (area / tall).sqrt().round().long()
        fits = (height < h) & (width < w)
        first = fits.int().argmax(1, keepdim=True)
        keep = fits.any(1) & (uniform(0, 1, (n,), generator) < self.p)
        height, width = (side.gather(1, first).squeeze(1) * keep for side in (height, width))
        place = uniform(0, 1, (2, n), generator)
        top, left = (place[0] * (h - height + 1)).long(), (place[1] * (w - width + 1)).long()
        return {"top": top, "left": left, "height": height, "width": width}

    def apply(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Paint the boxes."""
        return _paint(images, _boxes(images, parameters), self.fill)


@dataclass(frozen=True, kw_only=True)
class Cutout(Operation):
    """Replace a square of fixed size, wholly inside the image, with a probability.

    Examples
    --------
    >>> cut = Cutout(size=2, p=1.0)
    >>> drawn = cut.sample_parameters((1, 1, 4, 4), torch.Generator().manual_seed(0))
    >>> int(cut.apply(torch.ones(1, 1, 4, 4), drawn).sum())
    12
    """

    size: int
    p: float = 1.0
    fill: float | tuple[float, ...] = 0.0

    def sample_parameters(self, shape: Shape, generator: torch.Generator) -> Parameters:
        """Draw ``top, left, height, width``, each (n,) int64; height 0: nothing is cut."""
        n, _, h, w = shape
        if self.size > min(h, w):
            raise InputError(f"a cutout of {self.size} pixels does not fit into {h} x {w}")
        place = uniform(0, 1, (2, n), generator)
        side = self.size * (uniform(0, 1, (n,), generator) < self.p)
        top, left = ((place[i] * (full - self.size + 1)).long() for i, full in enumerate((h, w)))
        return {"top": top, "left": left, "height": side, "width": side}

    def apply(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Paint the squares."""
        return _paint(images, _boxes(images, parameters), self.fill)


@dataclass(frozen=True, kw_only=True)
class BlockMask(Operation):
    """Set whole blocks of pixels to zero, each independently with probability `p`.

    Examples
    --------
    >>> mask = BlockMask(p=0.5, block=2)
    >>> mask.apply(torch.ones(1, 1, 4, 4), {"keep": torch.tensor([[[1, 0], [0, 1]]])})[0, 0]
    tensor([[1., 1., 0., 0.],
            [1., 1., 0., 0.],
            [0., 0., 1., 1.],
            [0., 0., 1., 1.]])
    """

    p: float = 0.1
    block: int = 2

    def sample_parameters(self, shape: Shape, generator: torch.Generator) -> Parameters:
        """Draw ``keep`` (n, h / block, w / block) bool."""
        n, _, h, w = shape
        if h % self.block or w % self.block:
            raise InputError(f"blocks of {self.block} do not tile images of {h} x {w}")
        grid = (n, h // self.block, w // self.block)
        return {"keep": uniform(0, 1, grid, generator) >= self.p}

    def apply(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Mask the images."""
        keep = upload(parameters["keep"], images).to(images.dtype)
        pixels = keep.repeat_interleave(self.block, 1).repeat_interleave(self.block, 2)
        return images * pixels[:, None]


def patch_keep(
    n_patches: int, *, drop: float, generator: torch.Generator, n_images: int | None = None
) -> Tensor:
    """Draw which patches of a vision transformer's input are kept.

    Parameters
    ----------
    n_patches : int
        Patches in an image, for example 64 for 64 pixels and patches of 8.
    drop : float
        Share to drop, rounded down to whole patches; MSN's ViT-S drops 0.15.
    generator : torch.Generator
        A CPU generator.
    n_images : int, optional
        Draw for each image; by default one draw for the whole batch, as MSN does.

    Returns
    -------
    Tensor
        Increasing patch indices, int64 on the host: (n_keep,), or (n_images, n_keep).

    Examples
    --------
    >>> kept = patch_keep(64, drop=0.15, generator=torch.Generator().manual_seed(0))
    >>> kept.shape, bool((kept.diff() > 0).all())
    (torch.Size([55]), True)
    """
    if not 0 <= drop < 1:
        raise InputError(f"drop must be in [0, 1); got {drop}")
    n_keep = n_patches - int(drop * n_patches)
    scores = uniform(0, 1, (n_images or 1, n_patches), generator)
    kept = scores.argsort(1)[:, :n_keep].sort(1).values
    return kept if n_images is not None else kept[0]
