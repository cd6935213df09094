"""Methods by name."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

from ssl_lib.errors import InputError, closest
from ssl_lib.methods.barlow_twins import BarlowTwins
from ssl_lib.methods.base import Method
from ssl_lib.methods.byol import BYOL
from ssl_lib.methods.cissl import CISSL
from ssl_lib.methods.diet import DIET
from ssl_lib.methods.dino import DINO
from ssl_lib.methods.dissl import DISSL
from ssl_lib.methods.msn import MSN
from ssl_lib.methods.pmsn import PMSN
from ssl_lib.methods.sigreg import SIGReg
from ssl_lib.methods.simclr import SimCLR
from ssl_lib.methods.spectral import Spectral
from ssl_lib.methods.supervised import Supervised
from ssl_lib.methods.swav import SwAV
from ssl_lib.methods.vicreg import VICReg
from ssl_lib.methods.vicreg_info import VICRegInfo

CLASSES: tuple[type[Method], ...] = (
    SimCLR,
    CISSL,
    Spectral,
    VICReg,
    VICRegInfo,
    SIGReg,
    BarlowTwins,
    BYOL,
    SwAV,
    DINO,
    DISSL,
    MSN,
    PMSN,
    DIET,
    Supervised,
)

METHODS: tuple[str, ...] = tuple(cls.name for cls in CLASSES)


def method_class(name: str) -> type[Method]:
    """Return the class of the method `name`.

    Examples
    --------
    >>> method_class("vicreg").uses_ema
    False
    """
    if name not in METHODS:
        raise InputError(f"unknown method {name!r}.{closest(name, METHODS)}")
    return CLASSES[METHODS.index(name)]


def method_options(name: str) -> tuple[str, ...]:
    """Return the names of the options that the method `name` takes.

    Examples
    --------
    >>> method_options("supervised")
    ('n_classes', 'label_smoothing', 'bias', 'concatenate_views', 'seed')
    """
    return tuple(_defaults(name))


def _defaults(name: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for cls in method_class(name).__mro__:
        # A class whose __init__ has **options hands the rest to the class it extends.
        parameters = inspect.signature(cls).parameters.values()
        for p in parameters:
            if p.kind is p.KEYWORD_ONLY:
                options.setdefault(p.name, p.default)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return options


def build_method(
    name: str,
    encoder: nn.Module,
    *,
    n_data: int | None = None,
    n_classes: int | None = None,
    seed: int | torch.Generator = 0,
    **options: Any,
) -> Method:
    """Return a method around an encoder.

    Parameters
    ----------
    name : str
        One of `METHODS`.
    encoder : torch.nn.Module
        Maps images to (n, `encoder.out_dim`).
    n_data, n_classes : int, optional
        Size of the training set and number of its classes. "diet" needs the first and "supervised"
        the second; the other methods ignore them.
    seed : int or torch.Generator
        Draws the heads' weights; the same seed gives the same bits.
    **options
        Those of the method's class, see :func:`method_options`.

    Returns
    -------
    Method

    Raises
    ------
    InputError
        For an unknown name or option, a missing `n_data` or `n_classes`, or a wrong value.

    Examples
    --------
    >>> from ssl_lib.models import build_encoder
    >>> encoder = build_encoder("mlp", in_channels=1, image_size=8)
    >>> method = build_method("vicreg", encoder, head=(64, 128), invariance=10.0)
    >>> method.name, method.min_views
    ('vicreg', 2)
    """
    known = _defaults(name)
    for option, value in options.items():
        if option not in known:
            raise InputError(f"{name} has no option {option!r}.{closest(option, known)}")
        if isinstance(known[option], bool) and not isinstance(value, bool):
            raise InputError(f"{option} must be True or False, got {value!r}.")
    for needed, value in (("n_data", n_data), ("n_classes", n_classes)):
        if needed in known and value is None:
            raise InputError(f"{name} needs {needed}")
        if needed in known:
            options[needed] = value
    return method_class(name)(encoder, seed=seed, **options)  # type: ignore[call-arg]
