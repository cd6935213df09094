"""The augmentation recipes of the papers and of their public implementations.

Numbers are those of the methods' reference code at 224 pixels and of the common CIFAR recipes up to
64 pixels, where blur is off unless asked for: with a sigma of up to 2 it wipes out small images.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from ssl_lib.data.views.colour import ColourJitter, Grayscale, Intensity, Solarise
from ssl_lib.data.views.geometry import (
    Affine,
    HorizontalFlip,
    Interpolation,
    RandomResizedCrop,
    Shift,
)
from ssl_lib.data.views.occlusion import BlockMask, Cutout, Erase, GaussianBlur, Noise
from ssl_lib.data.views.operation import Operation
from ssl_lib.data.views.pipeline import Policy
from ssl_lib.errors import InputError, closest

__all__ = [
    "POLICIES",
    "byol",
    "cutout",
    "diet",
    "digits",
    "issl",
    "msn",
    "multicrop",
    "policy",
    "simclr",
    "vicreg",
    "weak",
]

SMALL = 64
"""Images up to this size get the recipes of the CIFAR benchmarks."""

_Recipe = tuple[Operation, ...]


def _recipe(
    size: int,
    *,
    scale: tuple[float, float],
    jitter: tuple[float, float, float, float],
    grey: float = 0.2,
    blur: float = 0.0,
    solarise: float = 0.0,
    interpolation: Interpolation = "bilinear",
    jitter_p: float = 0.8,
    blur_taps: int | None = None,
) -> _Recipe:
    """Crop and flip, jitter, grey, blur, solarise: the common order, without steps of p = 0."""
    brightness, contrast, saturation, hue = jitter
    steps: list[Operation] = [
        RandomResizedCrop(size=size, scale=scale, interpolation=interpolation, flip=0.5),
        ColourJitter(
            brightness=brightness, contrast=contrast, saturation=saturation, hue=hue, p=jitter_p
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
    recipe = _recipe(
        size, scale=(0.08, 1.0), jitter=_strength(strength), blur=_blur(size, blur, 0.5)
    )
    return Policy(name="simclr", recipes=(recipe, recipe))


def _strength(s: float) -> tuple[float, float, float, float]:
    return (0.8 * s, 0.8 * s, 0.8 * s, 0.2 * s)


def _blur(size: int, blur: float | None, large: float) -> float:
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
        _recipe(
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
    recipe = _recipe(
        size,
        scale=(0.2, 1.0),
        jitter=(0.4, 0.4, 0.2, 0.1),
        blur=_blur(size, blur, 0.5),
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
    recipe = _recipe(
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
    recipe: _Recipe = (shift, HorizontalFlip()) if flip else (shift,)
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
    tiers: tuple[_Recipe, ...] = (
        (RandomResizedCrop(size=size, flip=0.5),),
        (jitter, Grayscale(p=0.2)),
        (GaussianBlur(p=0.2, sigma=(1.0, 2.0), kernel_size=3), Erase(p=0.25, fill=fill)),
    )
    recipe = tuple(step for tier in tiers[:strength] for step in tier)
    return Policy(name=f"diet-{strength}", recipes=(recipe,), n_global=1)


_DIGITS: dict[str, _Recipe] = {
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


def digits(*, size: int = 8, variant: str = "affine", mask: float = 0.1) -> Policy:
    """Two views of 8 x 8 digits: no flips, small moves, intensity, noise.

    Parameters
    ----------
    size : int, default=8
        Pixels of a side; the numbers are for 8.
    variant : str, default="affine"
        "affine": rotation of 20 degrees, scale 0.8 to 1.2, shear 0.15, shift 1.2 pixels, gain 0.7
        to 1.3, noise 0.1 (VICReg and RankMe chapters). "blocks": shift of 1 pixel, gain, noise,
        and masked blocks of 2 x 2 (cluster-prior chapter). "shift": a pixel each way (FAIR-
        Ensemble). "diet-0" to "diet-3": DIET's strengths for digits.
    mask : float, default=0.1
        Probability that a block is masked, variant "blocks" only.

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
    if variant not in _DIGITS:
        raise InputError(f"unknown digits recipe {variant!r}.{closest(variant, _DIGITS)}")
    recipe = _DIGITS[variant]
    if variant == "blocks":
        recipe = (*recipe[:-1], BlockMask(p=mask))
    return Policy(name=f"digits-{variant}", recipes=(recipe, recipe))


def multicrop(
    *,
    size: int,
    method: Literal["swav", "dino"] = "swav",
    n_local: int | None = None,
    local_size: int | None = None,
) -> Policy:
    """SwAV's and DINO's two large and several small crops.

    Parameters
    ----------
    size : int
        Pixels of the large crops.
    method : {"swav", "dino"}, default="swav"
        Whose numbers: SwAV has 6 local views, DINO 8 and asymmetric blur and solarisation.
    n_local : int, optional
        Local views.
    local_size : int, optional
        Their size; 96 / 224 of `size` above 64 pixels, 18 / 32 up to there (solo-learn).

    Returns
    -------
    Policy

    Examples
    --------
    >>> len(multicrop(size=224).recipes), len(multicrop(size=224, method="dino").recipes)
    (8, 10)
    """
    if method not in ("swav", "dino"):
        raise InputError(f"method must be 'swav' or 'dino'; got {method!r}")
    small = size <= SMALL
    local = local_size or round(size * (18 / 32 if small else 96 / 224))
    globals_, local_recipe = (_swav if method == "swav" else _dino)(size, local, small)
    n_local = {"swav": 6, "dino": 8}[method] if n_local is None else n_local
    return Policy(name=method, recipes=(*globals_, *(local_recipe,) * n_local))


def _swav(size: int, local: int, small: bool) -> tuple[tuple[_Recipe, _Recipe], _Recipe]:
    if not small:
        shared: dict[str, Any] = {"jitter": _strength(1.0), "blur": 0.5}
        large = _recipe(size, scale=(0.14, 1.0), **shared)
        return (large, large), _recipe(local, scale=(0.05, 0.14), **shared)
    first, second = (
        _recipe(
            size,
            scale=(0.2, 1.0),
            jitter=(0.6, 0.6, 0.6, 0.2),
            solarise=p,
            interpolation="bicubic",
        )
        for p in (0.0, 0.2)
    )
    few = _recipe(
        local,
        scale=(0.08, 0.5),
        jitter=_strength(1.0),
        blur=0.1,
        solarise=0.1,
        interpolation="bicubic",
    )
    return (first, second), few


def _dino(size: int, local: int, small: bool) -> tuple[tuple[_Recipe, _Recipe], _Recipe]:
    def recipe(side: int, scale: tuple[float, float], blur: float, solarise: float) -> _Recipe:
        return _recipe(
            side,
            scale=scale,
            jitter=(0.4, 0.4, 0.2, 0.1),
            blur=0.0 if small else blur,
            solarise=solarise,
            interpolation="bicubic",
        )

    large = (recipe(size, (0.4, 1.0), 1.0, 0.0), recipe(size, (0.4, 1.0), 0.1, 0.2))
    return large, recipe(local, (0.05, 0.4), 0.5, 0.0)


def msn(
    *, size: int, patch_size: int = 16, n_focal: int = 10, focal_size: int | None = None
) -> Policy:
    """MSN's target view, anchor view and focal crops.

    View 0 is the teacher's target and is never masked; view 1 is the anchor whose patches
    :func:`ssl_lib.data.views.patch_keep` drops; the others are focal crops, small and unmasked.

    Parameters
    ----------
    size : int
        Pixels of target and anchor.
    patch_size : int, default=16
        The vision transformer's; focal crops are a whole number of patches.
    n_focal : int, default=10
        Focal crops.
    focal_size : int, optional
        Near 96 / 224 of `size` by default.

    Returns
    -------
    Policy

    Examples
    --------
    >>> recipes = msn(size=224).recipes
    >>> len(recipes), recipes[2][0].size, recipes[2][0].scale
    (12, 96, (0.05, 0.3))
    """
    focal = focal_size or max(1, round(size * 96 / 224 / patch_size)) * patch_size
    if size % patch_size or focal % patch_size:
        raise InputError(
            f"patches of {patch_size} do not tile views of {size} and focal crops of {focal} pixels"
        )
    shared: dict[str, Any] = {"jitter": _strength(0.5), "blur": _blur(size, None, 0.5)}
    large = _recipe(size, scale=(0.3, 1.0), **shared)
    small = _recipe(focal, scale=(0.05, 0.3), **shared)
    return Policy(name="msn", recipes=(large, large, *(small,) * n_focal))


POLICIES: dict[str, Callable[..., Policy]] = {
    "barlow": byol,
    "byol": byol,
    "cutout": cutout,
    "diet": diet,
    "digits": digits,
    "dino": partial(multicrop, method="dino"),
    "issl": issl,
    "msn": msn,
    "multicrop": multicrop,
    "simclr": simclr,
    "swav": partial(multicrop, method="swav"),
    "vicreg": vicreg,
    "weak": weak,
}
"""Every recipe by its name."""


def policy(name: str, *, size: int, **options: Any) -> Policy:
    """Return a recipe by its name.

    Parameters
    ----------
    name : str
        A key of `POLICIES`.
    size : int
        Pixels of a side of the full-size views.
    **options
        What the recipe's function takes.

    Returns
    -------
    Policy

    Raises
    ------
    InputError
        When there is no such recipe, or it has no such option.

    Examples
    --------
    >>> policy("diet", size=32, strength=1).name
    'diet-1'
    """
    if name not in POLICIES:
        raise InputError(f"unknown augmentation policy {name!r}.{closest(name, POLICIES)}")
    try:
        return POLICIES[name](size=size, **options)
    except TypeError as error:
        raise InputError(f"augmentation policy {name!r}: {error}") from error
