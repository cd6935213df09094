"""Operations that move pixels: crops, flips, shifts, affine maps.

Every image of a batch has its own box, and nothing loops over images. Crops that shrink, and
bicubic ones, are two small matrix products a channel, one matrix for the rows and one for the
columns of each image: O(out h w) operations, right for sizes up to a few hundred pixels.
Bilinear crops that only enlarge, as those of full-size views, have two taps on each axis and are
sampled directly, at half the cost.
"""

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
from ssl_lib.data.views.resampling import Interpolation, resample, resampling_matrix
from ssl_lib.errors import InputError

__all__ = [
    "Affine",
    "HorizontalFlip",
    "RandomResizedCrop",
    "Resize",
    "Shift",
]

_ATTEMPTS = 10


@dataclass(frozen=True, kw_only=True)
class RandomResizedCrop(Operation):
    """Crop a random box, resize it to a square, and mirror it now and then.

    The box is torchvision's: up to ten draws of an area (uniform) and an aspect ratio
    (log-uniform), rounded to whole pixels, the first that fits, at a uniform place; else the
    largest central box of a permitted ratio. Agrees with ``resized_crop(antialias=True)`` (then
    clamped to [0, 1], as 8-bit images are) to 1e-5 up to 64 pixels, to 1e-4 at 224. Shrinking is
    antialiased, as with PIL images and torchvision's default; torchvision's ``antialias=False``
    has no counterpart here.

    Parameters
    ----------
    size : int, optional
        Side of the result; the input's height when None.
    scale : tuple of float, default=(0.08, 1.0)
        Range of the box's share of the area.
    ratio : tuple of float, default=(3/4, 4/3)
        Range of width over height.
    interpolation : {"bilinear", "bicubic"}, default="bilinear"
        Resampling kernel.
    flip : float, default=0.0
        Probability of a mirror image: free here, for the matrix that resizes also mirrors.

    Examples
    --------
    >>> crop = RandomResizedCrop(size=16, scale=(0.2, 1.0), flip=0.5)
    >>> boxes = crop.sample_parameters((2, 3, 32, 32), torch.Generator().manual_seed(0))
    >>> sorted(boxes)
    ['flip', 'height', 'left', 'top', 'width']
    >>> crop.apply(torch.rand(2, 3, 32, 32), boxes).shape
    torch.Size([2, 3, 16, 16])
    """

    size: int | None = None
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: Interpolation = "bilinear"
    flip: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise InputError(f"scale must satisfy 0 < low <= high <= 1; got {self.scale}")
        if self.interpolation not in ("bilinear", "bicubic"):
            raise InputError(
                f"interpolation must be 'bilinear' or 'bicubic'; got {self.interpolation!r}"
            )

    def output_shape(self, shape: Shape) -> Shape:
        """Return (n, c, size, size)."""
        side = self.size or shape[2]
        return (shape[0], shape[1], side, side)

    def sample_parameters(self, shape: Shape, generator: torch.Generator) -> Parameters:
        """Draw ``top, left, height, width`` (int64) and ``flip`` (bool), each (n,)."""
        n, _, h, w = shape
        height, width = _crop_sizes(n, h, w, self.scale, self.ratio, generator)
        place = uniform(0, 1, (2, n), generator)
        fallback = height == 0
        central_height, central_width = _central_box(h, w, self.ratio)
        height = height.masked_fill(fallback, central_height)
        width = width.masked_fill(fallback, central_width)
        top = torch.where(fallback, (h - height) // 2, (place[0] * (h - height + 1)).long())
        left = torch.where(fallback, (w - width) // 2, (place[1] * (w - width + 1)).long())
        flip = uniform(0, 1, (n,), generator) < self.flip
        return {"top": top, "left": left, "height": height, "width": width, "flip": flip}

    def apply(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Crop, resize and mirror; see the class."""
        side = self.size or images.shape[2]
        box = {name: upload(value, images) for name, value in parameters.items()}
        start, length = (
            torch.stack((box[a], box[b])).to(images.dtype)
            for a, b in (("top", "left"), ("height", "width"))
        )
        if self.interpolation == "bilinear" and side >= max(images.shape[-2:]):
            return _enlarge(images, start, length, side, box["flip"])
        cropped = _resample_boxes(images, start, length, side, box["flip"], self.interpolation)
        return cropped.clamp_(0, 1) if self.interpolation == "bicubic" else cropped


def _resample_boxes(
    images: Tensor,
    start: Tensor,
    length: Tensor,
    side: int,
    flip: Tensor,
    interpolation: Interpolation,
) -> Tensor:
    h, w = images.shape[-2:]
    rows, columns = (
        resampling_matrix(
            start[axis],
            length[axis],
            n_in=n_in,
            n_out=side,
            interpolation=interpolation,
            reverse=reverse,
        )
        for axis, n_in, reverse in ((0, h, None), (1, w, flip))
    )
    return resample(images, rows, columns)


def _enlarge(images: Tensor, start: Tensor, length: Tensor, side: int, flip: Tensor) -> Tensor:
    """Bilinear crops with at most one input pixel for each of the result's."""
    target = torch.arange(side, device=images.device, dtype=images.dtype) + 0.5
    target = target.expand(2, len(flip), side)
    mirrored = torch.where(flip[:, None], side - target[1], target[1])
    target = torch.stack((target[0], mirrored))
    source = start[..., None] + target * (length / side)[..., None] - 0.5
    source = source.clamp(start[..., None], (start + length - 1)[..., None])
    sizes = torch.tensor(images.shape[-2:], dtype=torch.float64)
    y, x = (2 * source + 1) / upload(sizes, images)[:, None, None] - 1
    shape = (len(flip), side, side)
    grid = torch.stack((x[:, None].expand(shape), y[:, :, None].expand(shape)), dim=-1)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _crop_sizes(
    n: int,
    h: int,
    w: int,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """First of ten boxes that fits, as (height, width), each (n,) int64; 0 where none does."""
    area = h * w * uniform(*scale, (n, _ATTEMPTS), generator)
    shape = uniform(math.log(ratio[0]), math.log(ratio[1]), (n, _ATTEMPTS), generator).exp()
    width, height = (area * shape).sqrt().round().long(), (area / shape).sqrt().round().long()
    fits = (width > 0) & (width <= w) & (height > 0) & (height <= h)
    first = fits.int().argmax(1, keepdim=True)
    found = fits.any(1)
    return (
        height.gather(1, first).squeeze(1) * found,
        width.gather(1, first).squeeze(1) * found,
    )


def _central_box(h: int, w: int, ratio: tuple[float, float]) -> tuple[int, int]:
    if w / h < ratio[0]:
        return round(w / ratio[0]), w
    if w / h > ratio[1]:
        return h, round(h * ratio[1])
    return h, w


@dataclass(frozen=True, kw_only=True)
class Resize(Operation):
    """Resize every image to a square, antialiased; draws nothing.

    Examples
    --------
    >>> Resize(size=4).apply(torch.rand(2, 3, 8, 8), {}).shape
    torch.Size([2, 3, 4, 4])
    """

    size: int
    interpolation: Interpolation = "bilinear"

    def output_shape(self, shape: Shape) -> Shape:
        """Return (n, c, size, size)."""
        return (shape[0], shape[1], self.size, self.size)

    def sample_parameters(self, shape: Shape, generator: torch.Generator) -> Parameters:
        """Return an empty dict."""
        return {}

    def apply(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Resize; the result is clamped to [0, 1] when bicubic."""
        size = (self.size, self.size)
        resized = F.interpolate(images, size=size, mode=self.interpolation, antialias=True)
        return resized.clamp_(0, 1) if self.interpolation == "bicubic" else resized


@dataclass(frozen=True, kw_only=True)
class HorizontalFlip(Operation):
    """Mirror each image with a probability; equals torchvision's ``hflip`` exactly.

    Examples
    --------
    >>> row = torch.tensor([[[[0.0, 1.0]]]])
    >>> HorizontalFlip().apply(row, {"flip": torch.tensor([True])})
    tensor([[[[1., 0.]]]])
    """

    p: float = 0.5

    def sample_parameters(self, shape: Shape, generator: torch.Generator) -> Parameters:
        """Draw ``flip`` (n,) bool."""
        return {"flip": uniform(0, 1, shape[:1], generator) < self.p}

    def apply(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Mirror the chosen images."""
        return on_rows(images, parameters["flip"], lambda chosen, _: chosen.flip(-1))


@dataclass(frozen=True, kw_only=True)
class Shift(Operation):
    """Move each image by whole pixels, up to `pixels` each way: a crop after padding.

    Agrees exactly with torchvision's ``crop`` of the padded image.

    Parameters
    ----------
    pixels : int, default=1
        Largest shift on each axis; uniform on the 2 ``pixels`` + 1 values.
    fill : float or tuple of float, default=0.0
        What moves in, for all channels or for each.

    Examples
    --------
    >>> row = torch.tensor([[[[0.1, 0.2, 0.3]]]])
    >>> Shift(pixels=1).apply(row, {"down": torch.tensor([0]), "right": torch.tensor([1])})
    tensor([[[[0.0000, 0.1000, 0.2000]]]])
    """

    pixels: int = 1
    fill: float | tuple[float, ...] = 0.0

    def sample_parameters(self, shape: Shape, generator: torch.Generator) -> Parameters:
        """Draw ``down`` and ``right``, (n,) int64 in [-pixels, pixels]."""
        steps = uniform(0, 2 * self.pixels + 1, (2, shape[0]), generator).long() - self.pixels
        return {"down": steps[0], "right": steps[1]}

    def apply(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Shift each image."""
        n, _, h, w = images.shape
        fill = constant(self.fill, images)
        padded = F.pad(images - fill, 4 * (self.pixels,))
        top, left = (self.pixels - upload(parameters[name], images) for name in ("down", "right"))
        # All windows as a view; indexing copies one a picture, whole rows at a time.
        windows = padded.unfold(2, h, 1).unfold(3, w, 1)
        image = torch.arange(n, device=images.device)
        return windows[image, :, top, left] + fill


@dataclass(frozen=True, kw_only=True)
class Affine(Operation):
    """Rotate, scale, shear and shift each image about its centre, bilinearly, zeros outside.

    Agrees with torchvision's ``affine(BILINEAR, fill=0)`` to 1e-4 in [0, 1] (angle and shear in
    degrees there, ``shear = atan(this shear)``).

    Parameters
    ----------
    degrees : float, default=0.0
        Angles are uniform in [-degrees, degrees], clockwise in image coordinates.
    scale : tuple of float, default=(1.0, 1.0)
        Range of the magnification, uniform.
    shear : float, default=0.0
        Horizontal shear is uniform in [-shear, shear]: pixels to the side for each pixel down.
    translate : float, default=0.0
        Shifts, in pixels, are uniform in [-translate, translate] on each axis, not rounded.

    Examples
    --------
    >>> turn = Affine(degrees=20, scale=(0.8, 1.2))
    >>> drawn = turn.sample_parameters((4, 1, 8, 8), torch.Generator().manual_seed(0))
    >>> turn.apply(torch.rand(4, 1, 8, 8), drawn).shape
    torch.Size([4, 1, 8, 8])
    """

    degrees: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    shear: float = 0.0
    translate: float = 0.0

    def sample_parameters(self, shape: Shape, generator: torch.Generator) -> Parameters:
        """Draw ``angle`` (degrees), ``scale``, ``shear``, ``right``, ``down``, each (n,)."""
        ranges = {
            "angle": (-self.degrees, self.degrees),
            "scale": self.scale,
            "shear": (-self.shear, self.shear),
            "right": (-self.translate, self.translate),
            "down": (-self.translate, self.translate),
        }
        return {name: uniform(*span, shape[:1], generator) for name, span in ranges.items()}

    def apply(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Resample every image by its inverse map."""
        p = {name: upload(value, images) for name, value in parameters.items()}
        cos, sin = p["angle"].deg2rad().cos(), p["angle"].deg2rad().sin()
        # Inverse of scale * rotation @ [[1, -shear], [0, 1]], whose determinant is scale².
        a, b = cos - p["shear"] * sin, sin + p["shear"] * cos
        inverse = torch.stack((torch.stack((a, b), -1), torch.stack((-sin, cos), -1)), 1)
        inverse = inverse / p["scale"][:, None, None]
        shift = -inverse @ torch.stack((p["right"], p["down"]), -1)[..., None]
        # affine_grid works in units of half the width and half the height.
        h, w = images.shape[-2:]
        half = upload(torch.tensor((w / 2, h / 2), dtype=torch.float64), images)
        theta = torch.cat((inverse * half / half[:, None], shift / half[:, None]), -1)
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, align_corners=False)
