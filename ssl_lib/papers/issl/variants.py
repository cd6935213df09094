"""What is trained, and what stands beside it: one :class:`Variant` each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ssl_lib.papers.issl.recipes import Recipe

__all__ = ["VARIANTS", "Variant"]


def _cissl(recipe: Recipe, student: int = 0, teacher: int = 1) -> dict[str, Any]:
    """Return CISSL's options, with so many hidden layers in its heads."""
    return {
        "embedding_dim": recipe.embedding,
        "temperature": recipe.temperature,
        "student_hidden": (recipe.hidden,) * student,
        "teacher_hidden": (recipe.hidden,) * teacher,
    }


def _dissl(recipe: Recipe, student: int = 0, teacher: int = 1) -> dict[str, Any]:
    sharp, soft = recipe.dissl_temperatures
    return {
        "n_latents": recipe.latents,
        "rank": recipe.rank,
        "teacher_temperature": sharp,
        "student_temperature": soft,
        "student_hidden": (recipe.hidden,) * student,
        "teacher_hidden": (recipe.hidden,) * teacher,
    }


def _one_head(recipe: Recipe, **options: Any) -> dict[str, Any]:
    return {"head": (recipe.hidden, recipe.embedding), "concatenate_views": True, **options}


def _simclr(recipe: Recipe) -> dict[str, Any]:
    return _one_head(recipe, temperature=recipe.temperature)


def _vicreg(recipe: Recipe) -> dict[str, Any]:
    return _one_head(recipe, head=(recipe.hidden,) * 3)


def _swav(recipe: Recipe) -> dict[str, Any]:
    return _one_head(recipe, n_prototypes=recipe.latents)


def _dino(recipe: Recipe) -> dict[str, Any]:
    return _one_head(recipe, n_prototypes=recipe.latents, momentum=recipe.momentum)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A method with its heads, or what no training touches.

    Attributes
    ----------
    name : str
        In tables.
    title : str
        For readers.
    method : str
        Name for :func:`ssl_lib.methods.build_method`.
    options : callable
        Recipe to the method's options. All heads have the same widths.
    heads : str
        Method, family of student and teacher; empty where heads are not compared.
    mlp_probe : bool
        Whether an MLP probe is fitted too.
    trains, encodes : bool
        An untrained encoder takes CISSL's, whose heads it never uses; pixels have no encoder.
    """

    name: str
    title: str
    method: str = "cissl"
    options: Callable[[Recipe], dict[str, Any]] = _cissl
    heads: str = ""
    mlp_probe: bool = False
    trains: bool = True
    encodes: bool = True


_EVERY = (
    Variant(name="cissl", title="CISSL", heads="CISSL: linear, MLP", mlp_probe=True),
    Variant(
        name="cissl-mlp-heads", title="CISSL, MLP heads", heads="CISSL: MLP, MLP",
        options=partial(_cissl, student=2, teacher=2), mlp_probe=True,
    ),
    Variant(
        name="cissl-linear-heads", title="CISSL, linear heads", heads="CISSL: linear, linear",
        options=partial(_cissl, teacher=0), mlp_probe=True,
    ),
    Variant(
        name="cissl-mlp-student", title="CISSL, MLP student", heads="CISSL: MLP, MLP (one layer)",
        options=partial(_cissl, student=1),
    ),
    Variant(
        name="simclr", title="SimCLR", heads="SimCLR: one MLP", method="simclr", options=_simclr
    ),
    Variant(
        name="dissl", title="DISSL", heads="DISSL: linear, MLP", method="dissl", options=_dissl
    ),
    Variant(
        name="dissl-mlp-heads", title="DISSL, MLP heads", heads="DISSL: MLP, MLP", method="dissl",
        options=partial(_dissl, student=2, teacher=2),
    ),
    Variant(
        name="dissl-linear-heads", title="DISSL, linear heads", heads="DISSL: linear, linear",
        method="dissl", options=partial(_dissl, teacher=0),
    ),
    Variant(name="vicreg", title="VICReg", method="vicreg", options=_vicreg),
    Variant(name="swav", title="SwAV", method="swav", options=_swav),
    Variant(name="dino", title="DINO", method="dino", options=_dino),
    Variant(name="untrained", title="random encoder", trains=False),
    Variant(name="pixels", title="raw pixels", trains=False, encodes=False),
)  # fmt: skip

#: By name, in the order in which heads are compared.
VARIANTS: dict[str, Variant] = {variant.name: variant for variant in _EVERY}
