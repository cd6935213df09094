"""Every recipe by its name."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ssl_lib.data.views.crops import msn, multicrop
from ssl_lib.data.views.pipeline import Policy
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
from ssl_lib.errors import InputError, closest

__all__ = ["POLICIES", "policy"]

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
