"""Recipes of many views: large crops and several small ones."""

from typing import Any, Literal

from ssl_lib.data.views.pipeline import Policy
from ssl_lib.data.views.recipes import (
    SMALL,
    Recipe,
    blur_probability,
    jitter_strengths,
    standard_recipe,
)
from ssl_lib.errors import InputError

__all__ = ["msn", "multicrop"]


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


def _swav(size: int, local: int, small: bool) -> tuple[tuple[Recipe, Recipe], Recipe]:
    if not small:
        shared: dict[str, Any] = {"jitter": jitter_strengths(1.0), "blur": 0.5}
        large = standard_recipe(size, scale=(0.14, 1.0), **shared)
        return (large, large), standard_recipe(local, scale=(0.05, 0.14), **shared)
    first, second = (
        standard_recipe(
            size,
            scale=(0.2, 1.0),
            jitter=(0.6, 0.6, 0.6, 0.2),
            solarise=p,
            interpolation="bicubic",
        )
        for p in (0.0, 0.2)
    )
    few = standard_recipe(
        local,
        scale=(0.08, 0.5),
        jitter=jitter_strengths(1.0),
        blur=0.1,
        solarise=0.1,
        interpolation="bicubic",
    )
    return (first, second), few


def _dino(size: int, local: int, small: bool) -> tuple[tuple[Recipe, Recipe], Recipe]:
    def recipe(side: int, scale: tuple[float, float], blur: float, solarise: float) -> Recipe:
        return standard_recipe(
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
    shared: dict[str, Any] = {
        "jitter": jitter_strengths(0.5),
        "blur": blur_probability(size, None, 0.5),
    }
    large = standard_recipe(size, scale=(0.3, 1.0), **shared)
    small = standard_recipe(focal, scale=(0.05, 0.3), **shared)
    return Policy(name="msn", recipes=(large, large, *(small,) * n_focal))
