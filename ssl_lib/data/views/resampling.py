"""Resampling as matrices: one for the rows and one for the columns of each image."""

from typing import Literal

import torch
from torch import Tensor

__all__ = ["Interpolation", "resample", "resampling_matrix"]

Interpolation = Literal["bilinear", "bicubic"]


def _kernel(distance: Tensor, interpolation: Interpolation) -> Tensor:
    """Triangle, or Keys' cubic with a = -1/2, at absolute distances (overwritten)."""
    if interpolation == "bilinear":
        return distance.neg_().add_(1).clamp_(min=0)
    # (z³ - z²) / 2 + y² - 2 y³ with y = (1 - x)₊ and z = (2 - x)₊: the two cubic pieces.
    z = distance.neg_().add_(2).clamp_(min=0)
    y = (z - 1).clamp_(min=0)
    outer = (z - 1).mul_(z).mul_(z).mul_(0.5)
    return outer.add_((1 - 2 * y).mul_(y).mul_(y))


def resampling_matrix(
    start: Tensor,
    length: Tensor,
    *,
    n_in: int,
    n_out: int,
    interpolation: Interpolation = "bilinear",
    reverse: Tensor | None = None,
) -> Tensor:
    """Return the matrices that resample a stretch of each axis to `n_out` pixels.

    Antialiased in the manner of Pillow and of torchvision's default: when it shrinks, the kernel
    is as wide as the step; weights outside the stretch are dropped and the others sum to 1.

    Parameters
    ----------
    start, length : Tensor
        (n,) first pixel and number of pixels.
    n_in, n_out : int
        Pixels of the axis before and after.
    interpolation : {"bilinear", "bicubic"}, default="bilinear"
        Kernel: triangle, or Keys' cubic with a = -1/2.
    reverse : Tensor, optional
        (n,) bool: mirror the result.

    Returns
    -------
    Tensor
        (n, n_out, n_in), floating like `start`.

    Examples
    --------
    >>> one = torch.ones(1)
    >>> resampling_matrix(0 * one, 4 * one, n_in=4, n_out=2)
    tensor([[[0.4286, 0.4286, 0.1429, 0.0000],
             [0.0000, 0.1429, 0.4286, 0.4286]]])
    """
    step = (length / n_out)[:, None]
    target = (
        torch.arange(n_out, device=start.device, dtype=start.dtype)
        .add(0.5)
        .expand(len(start), n_out)
    )
    if reverse is not None:
        target = torch.where(reverse[:, None], n_out - target, target)
    pixel = torch.arange(n_in, device=start.device, dtype=start.dtype)
    centre = (start[:, None] + target * step)[:, :, None]
    reach = step.clamp(min=1)[:, :, None]
    weights = _kernel((pixel + 0.5 - centre).div_(reach).abs_(), interpolation)
    inside = (pixel >= start[:, None]) & (pixel < (start + length)[:, None])
    weights = weights * inside[:, None].to(weights.dtype)
    return weights / weights.sum(-1, keepdim=True)


def resample(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return ``rows @ image @ columns.T`` for each image and channel.

    Parameters
    ----------
    images : Tensor
        (n, c, h, w).
    rows, columns : Tensor
        (n, h', h) and (n, w', w).

    Returns
    -------
    Tensor
        (n, c, h', w').

    Examples
    --------
    >>> mean = torch.full((1, 1, 2), 0.5)
    >>> resample(torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]]), mean, mean).item()
    1.5
    """
    n, c, h, w = images.shape
    wide = torch.bmm(images.reshape(n, c * h, w), columns.transpose(1, 2))
    return torch.matmul(rows[:, None], wide.view(n, c, h, columns.shape[1]))
