"""Recipes of one or two full-size views, from the papers and their public implementations.

Numbers are those of the methods' reference code at 224 pixels and of the common CIFAR recipes up to
64 pixels, where blur is off unless asked for: with a sigma of up to 2 it wipes out small images.
"""

from typing import Literal

from ssl_lib.data.views.colour import ColourJitter, Grayscale, Intensity, Solarise
from ssl_lib.data.views.geometry import Affine, HorizontalFlip, RandomResizedCrop, Shift
from ssl_lib.data.views.occlusion import BlockMask, Cutout, Erase, GaussianBlur, Noise
from ssl_lib.data.views.operation import Operation
from ssl_lib.data.views.pipeline import Policy
from ssl_lib.data.views.resampling import Interpolation
from ssl_lib.errors import InputError, closest

__all__ = [
    "byol",
    "cutout",
    "diet",
    "digits",
    "issl",
    "simclr",
    "vicreg",
    "weak",
]

SMALL = 64
"""Images up to this size get the recipes of the CIFAR benchmarks."""

Recipe = tuple[Operation, ...]


def standard_recipe(
    size: int,
    *,
    scale: tuple[float, float],
    jitter: tuple[float, float, float, float],
    grey: float = 0.2,
    blur: float = 0.0,
    solarise: float = 0.0,
    interpolation: Interpolation = "bilinear",
    blur_taps: int | None = None,
) -> Recipe:
    """Crop and flip, jitter, grey, blur, solarise: the common order, without steps of p = 0."""
    brightness, contrast, saturation, hue = jitter
    steps: list[Operation] = [
        RandomResizedCrop(size=size, scale=scale, interpolation=interpolation, flip=0.5),
        ColourJitter(
            brightness=brightness, contrast=contrast, saturation=saturation, hue=hue, p=0.8
        ),
        Grayscale(p=grey),
    ]
    steps += [GaussianBlur(p=blur, kernel_size=blur_taps)] if blur else []
    steps += [Solarise(p=solarise)] if solarise else []
    return tuple(steps)


def simclr(*, size: int, strength: float | None = None, blur: float | None = None) -> Policy:
    """SimCLR: two draws of one recipe.

    Parameters
    ----------
    size : int
        Pixels of a side.
    strength : float, optional
        Of the jitter: 1 is (0.8, 0.8, 0.8, 0.2), the default above 64 pixels; 0.5 up to there.
    blur : float, optional
        Probability; 0.5 above 64 pixels, else 0.

    Returns
    -------
    Policy

    Examples
    --------
    >>> [type(step).__name__ for step in simclr(size=32).recipes[0]]
    ['RandomResizedCrop', 'ColourJitter', 'Grayscale']
    """
    strength = (0.5 if size <= SMALL else 1.0) if strength is None else strength
    recipe = standard_recipe(
        size,
        scale=(0.08, 1.0),
        jitter=jitter_strengths(strength),
        blur=blur_probability(size, blur, 0.5),
    )
    return Policy(name="simclr", recipes=(recipe, recipe))


def jitter_strengths(s: float) -> tuple[float, float, float, float]:
    return (0.8 * s, 0.8 * s, 0.8 * s, 0.2 * s)


def blur_probability(size: int, blur: float | None, large: float) -> float:
    return (0.0 if size <= SMALL else large) if blur is None else blur


def byol(*, size: int, blur: tuple[float, float] | None = None) -> Policy:
    """BYOL, also Barlow Twins' and the VICReg authors': blur and solarisation differ by view.

    Parameters
    ----------
    size : int
        Pixels of a side.
    blur : tuple of float, optional
        Probability of each view; (1, 0.1) above 64 pixels, else none.

    Returns
    -------
    Policy
        View 1 is never solarised, view 2 with probability 0.2.

    Examples
    --------
    >>> [len(recipe) for recipe in byol(size=32).recipes]
    [3, 4]
    """
    first, second = ((0.0, 0.0) if size <= SMALL else (1.0, 0.1)) if blur is None else blur
    recipes = tuple(
        standard_recipe(
            size,
            scale=(0.08, 1.0),
            jitter=(0.4, 0.4, 0.2, 0.1),
            blur=p,
            solarise=solarise,
            interpolation="bicubic",
        )
        for p, solarise in ((first, 0.0), (second, 0.2))
    )
    return Policy(name="byol", recipes=recipes)


def vicreg(*, size: int, blur: float | None = None) -> Policy:
    """VICReg as in solo-learn's CIFAR and ImageNet-100 runs: both views alike.

    Parameters
    ----------
    size : int
        Pixels of a side.
    blur : float, optional
        Probability; 0.5 above 64 pixels, else 0.

    Returns
    -------
    Policy

    Examples
    --------
    >>> vicreg(size=32).recipes[0][-1]
    Solarise(p=0.1, threshold=0.5019607843137255)
    """
    recipe = standard_recipe(
        size,
        scale=(0.2, 1.0),
        jitter=(0.4, 0.4, 0.2, 0.1),
        blur=blur_probability(size, blur, 0.5),
        solarise=0.1,
        interpolation="bicubic",
    )
    return Policy(name="vicreg", recipes=(recipe, recipe))


def issl(
    *, size: int, strength: float = 1.0, coarse: bool = False, data: str = "tiny-imagenet"
) -> Policy:
    """CISSL's and DISSL's recipe, whose strength Figure 7a of the paper varies.

    Parameters
    ----------
    size : int
        Pixels of a side.
    strength : float, default=1.0
        s: the crop's smallest area is 0.2 / s, jitter and grey probability grow with s.
    coarse : bool, default=False
        The rows "+aug." of the paper's Table 1: blur with 7 taps, p = 0.5 (with ``strength=2``).
    data : {"tiny-imagenet", "cifar10"}, default="tiny-imagenet"
        CIFAR-10 has half the jitter.

    Returns
    -------
    Policy

    Examples
    --------
    >>> issl(size=64, strength=2).recipes[0][0].scale
    (0.1, 1.0)
    """
    if strength <= 0:
        raise InputError(f"strength must be positive; got {strength}")
    if data not in ("tiny-imagenet", "cifar10"):
        raise InputError(f"data must be 'tiny-imagenet' or 'cifar10'; got {data!r}")
    base = 0.4 if data == "tiny-imagenet" else 0.2
    recipe = standard_recipe(
        size,
        scale=(min(1.0, 0.2 / strength), 1.0),
        jitter=(base * strength,) * 3 + (min(0.5, base / 4 * strength),),
        grey=min(1.0, 0.1 * strength),
        blur=0.5 if coarse else 0.0,
        blur_taps=7,
        interpolation="bicubic" if data == "tiny-imagenet" else "bilinear",
    )
    return Policy(name="issl", recipes=(recipe, recipe))


def weak(*, size: int, pixels: int | None = None, flip: bool = True) -> Policy:
    """Shift by up to an eighth of the side and flip: the supervised standard.

    At 32 pixels this is "pad by 4, crop 32, flip".

    Parameters
    ----------
    size : int
        Pixels of a side.
    pixels : int, optional
        Largest shift; ``size // 8`` by default.
    flip : bool, default=True
        False for digits and text.

    Returns
    -------
    Policy
        Two draws of one recipe.

    Examples
    --------
    >>> weak(size=32).recipes[0]
    (Shift(pixels=4, fill=0.0), HorizontalFlip(p=0.5))
    """
    shift = Shift(pixels=max(1, size // 8) if pixels is None else pixels)
    recipe: Recipe = (shift, HorizontalFlip()) if flip else (shift,)
    return Policy(name="weak", recipes=(recipe, recipe))


def cutout(*, size: int, fill: float | tuple[float, ...] = 0.0) -> Policy:
    """FAIR-Ensemble's CIFAR-10 recipe: flip, shift by up to 2 pixels, cut a square of 4.

    Parameters
    ----------
    size : int
        Pixels of a side; the numbers are for 32 and grow in proportion.
    fill : float or tuple of float, default=0.0
        What fills the gaps; the paper's code takes the data set's mean.

    Returns
    -------
    Policy
        One view.

    Examples
    --------
    >>> cutout(size=32).recipes[0][-1]
    Cutout(size=4, p=1.0, fill=0.0)
    """
    steps = (
        HorizontalFlip(),
        Shift(pixels=max(1, size // 16), fill=fill),
        Cutout(size=max(1, size // 8), fill=fill),
    )
    return Policy(name="cutout", recipes=(steps,), n_global=1)


def diet(
    *, size: int, strength: Literal[0, 1, 2, 3] = 3, fill: float | tuple[float, ...] = 0.0
) -> Policy:
    """DIET's strengths: crop and flip; and colour; and blur and erasing.

    Parameters
    ----------
    size : int
        Pixels of a side.
    strength : {0, 1, 2, 3}, default=3
        0 leaves images as they are; 3 is the CIFAR-100 script's.
    fill : float or tuple of float, default=0.0
        Value of erased boxes.

    Returns
    -------
    Policy
        One view.

    Examples
    --------
    >>> [len(diet(size=32, strength=s).recipes[0]) for s in (0, 1, 2, 3)]
    [0, 1, 3, 5]
    """
    if strength not in (0, 1, 2, 3):
        raise InputError(f"DIET's strength must be 0, 1, 2 or 3; got {strength!r}")
    jitter = ColourJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.2, p=0.3)
    tiers: tuple[Recipe, ...] = (
        (RandomResizedCrop(size=size, flip=0.5),),
        (jitter, Grayscale(p=0.2)),
        (GaussianBlur(p=0.2, sigma=(1.0, 2.0), kernel_size=3), Erase(p=0.25, fill=fill)),
    )
    recipe = tuple(step for tier in tiers[:strength] for step in tier)
    return Policy(name=f"diet-{strength}", recipes=(recipe,), n_global=1)


_DIGITS: dict[str, Recipe] = {
    "affine": (
        Affine(degrees=20, scale=(0.8, 1.2), shear=0.15, translate=1.2),
        Intensity(gain=(0.7, 1.3)),
        Noise(std=0.1),
    ),
    "blocks": (Shift(pixels=1), Intensity(gain=(0.7, 1.3)), Noise(std=0.1), BlockMask(p=0.1)),
    "shift": (Shift(pixels=1),),
    "diet-0": (),
    "diet-1": (RandomResizedCrop(scale=(0.49, 1.0), ratio=(1.0, 1.0)), Shift(pixels=1)),
}
_DIGITS["diet-2"] = (
    *_DIGITS["diet-1"],
    Affine(degrees=15),
    Intensity(contrast=(0.7, 1.3), offset=(-0.2, 0.2)),
)
_DIGITS["diet-3"] = (*_DIGITS["diet-2"], Noise(std=0.2), Cutout(size=3, p=0.25))


def _issl_digits(s: float) -> Recipe:
    return (
        Affine(degrees=20 * s, scale=(1 - 0.2 * s, 1 + 0.2 * s), shear=0.3 * s, translate=0.8 * s),
        Intensity(contrast=(1 - 0.4 * s, 1 + 0.4 * s)),
        Noise(std=0.1 * s),
        Cutout(size=3, p=min(1.0, 0.5 * s)),
    )


def digits(
    *, size: int = 8, variant: str = "affine", mask: float = 0.1, strength: float = 0.5
) -> Policy:
    """Two views of 8 x 8 digits: no flips, small moves, intensity, noise.

    Parameters
    ----------
    size : int, default=8
        Pixels of a side; the numbers are for 8.
    variant : str, default="affine"
        "affine": rotation of 20 degrees, scale 0.8 to 1.2, shear 0.15, shift 1.2 pixels, gain 0.7
        to 1.3, noise 0.1 (VICReg and RankMe chapters). "blocks": shift of 1 pixel, gain, noise,
        and masked blocks of 2 x 2 (cluster-prior chapter). "shift": a pixel each way (FAIR-
        Ensemble). "diet-0" to "diet-3": DIET's strengths for digits. "issl": rotation, scale,
        shear, shift, contrast, noise and erasing, all linear in `strength`.
    mask : float, default=0.1
        Probability that a block is masked, variant "blocks" only.
    strength : float, default=0.5
        Variant "issl" only: 0.5 is 10 degrees, 10 % scale, shear 0.15, 0.4 pixels, 20 % contrast,
        noise 0.05, erasing 3 x 3 with p = 0.25.

    Returns
    -------
    Policy

    Examples
    --------
    >>> import torch
    >>> first, second = digits()(torch.rand(16, 1, 8, 8), torch.Generator().manual_seed(0))
    >>> first.shape, second.shape
    (torch.Size([16, 1, 8, 8]), torch.Size([16, 1, 8, 8]))
    """
    recipes = {**_DIGITS, "issl": _issl_digits(strength)}
    if variant not in recipes:
        raise InputError(f"unknown digits recipe {variant!r}.{closest(variant, recipes)}")
    recipe = recipes[variant]
    if variant == "blocks":
        recipe = (*recipe[:-1], BlockMask(p=mask))
    return Policy(name=f"digits-{variant}", recipes=(recipe, recipe))
