"""Views of whole batches, on the batch's device, with parameters drawn for each image.

>>> import torch
>>> images = torch.randint(256, (8, 3, 32, 32), dtype=torch.uint8)
>>> first, second = two_views(images, torch.Generator().manual_seed(0), "simclr")
>>> first.shape, first.dtype
(torch.Size([8, 3, 32, 32]), torch.float32)

All randomness comes from the CPU generator passed in: parameters are drawn on the host and moved to
the images' device, so a seed makes the same views on every device (up to rounding).
"""

import torch
from torch import Tensor

from ssl_lib.data.views.colour import (
    ColourJitter,
    Grayscale,
    Intensity,
    Normalise,
    Solarise,
    shift_hue,
)
from ssl_lib.data.views.crops import msn, multicrop
from ssl_lib.data.views.geometry import (
    Affine,
    HorizontalFlip,
    RandomResizedCrop,
    Resize,
    Shift,
)
from ssl_lib.data.views.occlusion import BlockMask, Cutout, Erase, GaussianBlur, Noise, patch_keep
from ssl_lib.data.views.operation import Operation, Parameters, Shape, to_float
from ssl_lib.data.views.pipeline import Policy, take
from ssl_lib.data.views.policies import POLICIES, policy
from ssl_lib.data.views.recipes import (
    byol,
    cutout,
    diet,
    digits,
    issl,
    simclr,
    vicreg,
    weak,
)
from ssl_lib.data.views.resampling import resampling_matrix
from ssl_lib.errors import InputError

__all__ = [
    "POLICIES",
    "Affine",
    "BlockMask",
    "ColourJitter",
    "Cutout",
    "Erase",
    "GaussianBlur",
    "Grayscale",
    "HorizontalFlip",
    "Intensity",
    "Noise",
    "Normalise",
    "Operation",
    "Parameters",
    "Policy",
    "RandomResizedCrop",
    "Resize",
    "Shape",
    "Shift",
    "Solarise",
    "byol",
    "cutout",
    "diet",
    "digits",
    "issl",
    "msn",
    "multicrop",
    "patch_keep",
    "policy",
    "resampling_matrix",
    "shift_hue",
    "simclr",
    "take",
    "to_float",
    "two_views",
    "vicreg",
    "views",
    "weak",
]


def views(
    images: Tensor, generator: torch.Generator, policy: "Policy | str" = "simclr"
) -> list[Tensor]:
    """Make all views of a batch.

    Parameters
    ----------
    images : Tensor
        (n, c, h, w) uint8, or floating in [0, 1], on any device, 1 or 3 channels.
    generator : torch.Generator
        A CPU generator: parameters are drawn on the host, images change on their device.
    policy : Policy or str, default="simclr"
        A recipe, or the name of one for images of this size.

    Returns
    -------
    list of Tensor
        (n, c, size, size) float32 for each view, global views first.

    Raises
    ------
    InputError
        For an unknown policy, images that are not a batch, or a generator on another device.

    Examples
    --------
    >>> images = torch.rand(4, 3, 64, 64)
    >>> [tuple(view.shape[2:]) for view in views(images, torch.Generator(), "dino")][:3]
    [(64, 64), (64, 64), (36, 36)]
    """
    to_float(images[:0])
    return _resolve(policy, images)(images, generator)


def two_views(
    images: Tensor, generator: torch.Generator, policy: "Policy | str" = "simclr"
) -> tuple[Tensor, Tensor]:
    """Make the two views of a batch; see :func:`views`.

    Parameters
    ----------
    images : Tensor
        (n, c, h, w) uint8, or floating in [0, 1].
    generator : torch.Generator
        A CPU generator.
    policy : Policy or str, default="simclr"
        A recipe of two views.

    Returns
    -------
    tuple of Tensor
        Two tensors (n, c, size, size), float32.

    Raises
    ------
    InputError
        When the policy does not make exactly two views.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> first, second = two_views(torch.rand(4, 1, 8, 8), generator, "digits")
    >>> bool((first == second).any())
    False
    """
    recipe = _resolve(policy, images)
    if len(recipe.recipes) != 2:
        raise InputError(
            f"policy {recipe.name!r} makes {len(recipe.recipes)} views, not two: use views()"
        )
    first, second = views(images, generator, recipe)
    return first, second


def _resolve(policy: "Policy | str", images: Tensor) -> Policy:
    if isinstance(policy, Policy):
        return policy
    return _by_name(policy, size=images.shape[-1])


_by_name = policy
