"""The chapter's experiments: a cell is a seed, of networks a loss, data and a seed."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import pandas as pd

from ssl_lib import data
from ssl_lib.papers import chapter
from ssl_lib.papers.chapter import Tables
from ssl_lib.papers.minimal_variations import (
    exact,
    images,
    moons,
    networks,
    pairs,
    promise,
)
from ssl_lib.papers.minimal_variations.settings import Settings
from ssl_lib.plotting import words
from ssl_lib.results import Store
from ssl_lib.results.experiments import Experiment
from ssl_lib.results.verification import Checks

__all__ = ["DRAWN", "OF_IMAGES", "experiments", "load", "maps", "photographs"]

#: Tables of images, of which there are several sets.
OF_IMAGES = ("images", "promise")
#: The methods of the maps.
DRAWN = ("dirichlet", "views", "graph", "diffusion", "pca", *networks.LOSSES)
#: The least difference of a share, of an eigenvalue, and of an error that means anything.
SHARE, ENERGY, ERROR = 1e-4, 1e-3, 1e-3


def maps(config: Mapping[str, Any], cell: Mapping[str, Any]) -> pd.DataFrame:
    """Evaluate the first functions of a method or a network on a grid; see the two ``fields``."""
    of_network = cell["method"] in networks.LOSSES
    return networks.fields(config, cell) if of_network else moons.fields(config, cell)


def experiments(settings: Settings) -> dict[str, Experiment]:
    """Return the chapter's experiments by the names of their tables.

    The maps are not published: they are quick to compute, and turn within pairs of functions.

    Examples
    --------
    >>> made = experiments(Settings(seeds=2))
    >>> list(made)[:5], len(made["networks"].cells)
    (['unification', 'noise', 'exact', 'density', 'bounds'], 12)
    >>> made["images"].place, made["maps"].place
    ('minimal_variations/images.quick', '')
    """
    each: list[dict[str, Any]] = [{"seed": seed} for seed in settings.every_seed]
    sized = {"sizes": settings.sizes}
    shown = {**sized, "data": settings.images}
    trained = product(networks.LOSSES, networks.WORLDS, settings.every_seed)
    columns = ("loss", "world", "seed")
    cells = [dict(zip(columns, values, strict=True)) for values in trained]
    made = {
        "unification": (moons.unification, sized, each),
        "noise": (moons.noise, sized, each),
        "exact": (exact.exact, sized, each),
        "density": (moons.density, sized, each),
        "bounds": (moons.bounds, sized, each),
        "networks": (networks.networks, sized, cells),
        "weights": (pairs.weights, {"weights": pairs.WEIGHTS}, each),
        "images": (images.images, {**shown, "scales": _scales(settings)}, each),
        "promise": (promise.promise, shown, each),
        "maps": (maps, {**sized, "seed": settings.every_seed[0]}, [{"method": m} for m in DRAWN]),
    }
    return {
        name: Experiment(
            name=f"minimal_variations-{name}", compute=compute, config=config, cells=own,
            checks=_CHECKS[name], place=_place(name, settings),
            data=_hashes(settings) if name in OF_IMAGES else {},
        )
        for name, (compute, config, own) in made.items()
    }  # fmt: skip


def _scales(settings: Settings) -> tuple[float, ...]:
    """Return the kernels' scales: of photographs the first alone, which claims and figures show."""
    return images.SCALES if settings.images == "digits" else images.SCALES[:1]


def _place(name: str, settings: Settings) -> str:
    if name == "maps":
        return ""
    used = settings.images if name in OF_IMAGES else settings.usual_images
    return chapter.place(
        "minimal_variations", name, settings, data=used, usual=settings.usual_images
    )


def _hashes(settings: Settings) -> Any:
    """Return what hashes the images when a cell is to be computed."""
    name = settings.images
    return lambda: {split: data.load(name, split=split).fingerprint for split in ("train", "test")}


def _checks(keys: tuple[str, ...], **spread: float) -> Checks:
    return Checks(keys=(*keys, "measure", "at"), spread=spread)


_SPANS = {"alignment": SHARE, "share": SHARE, "eigenvalue": ENERGY}
_CHECKS = {
    "unification": _checks(("method",), **_SPANS, **{"arcs excess": ERROR, "side excess": ERROR}),
    "noise": _checks(("noise",), **_SPANS),
    "exact": _checks(("space", "family"), energy=ENERGY, alignment=SHARE),
    "density": _checks(("data", "alpha"), energy=ENERGY),
    "bounds": _checks(("target",), variation=ENERGY, missed=SHARE, bound=ENERGY),
    "networks": Checks(keys=("measure", "at"), early={"early loss": 1e-5},
                       spread={"alignment": 1e-3, "whole": 1e-3}),
    "weights": _checks(("pairs", "inputs"), accuracy=ERROR),
    "images": _checks(("metric", "scale"), accuracy=ERROR, shifted=ERROR),
    "promise": _checks(("metric",), variation=ENERGY, bound=ENERGY, missed=SHARE,
                       fitted=SHARE, **{"labels missed": SHARE}),
    "maps": Checks(keys=("x", "y"), exact=("*",)),
}  # fmt: skip


def load(settings: Settings, store: Store | None = None, seconds: float = 20.0) -> Tables:
    """Fetch all tables of a run, see :func:`ssl_lib.papers.chapter.fetch`, on one thread.

    Matrices this small gain nothing from more, and lose much where cores are shared.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

    with threadpool_limits(1):
        fetched = chapter.fetch(
            experiments(settings), settings, slug=Settings.slug, store=store, seconds=seconds
        )
    return Tables(settings, fetched)


def photographs(own: Tables, store: Store | None = None) -> dict[str, Tables]:
    """Return tables of images by set: the run's own, and those of photographs that are published.

    Parameters
    ----------
    own : Tables
        Of the run.
    store : Store, optional
        Default: the user's.

    Returns
    -------
    dict of str to Tables
        The run's own first.
    """
    settings: Any = own.settings
    found = {words.images(settings.images): own}
    for name in ("fashion-mnist", "cifar10"):
        made = experiments(Settings(profile="standard", data=name))
        kept = chapter.published(
            {table: made[table] for table in OF_IMAGES}, slug=Settings.slug, store=store
        )
        if kept and words.images(name) not in found:
            found[words.images(name)] = Tables(own.settings, kept)
    return found
