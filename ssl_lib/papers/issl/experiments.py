"""The chapter's experiments: what a cell is, and the tables of a run.

A cell of most tables is a variant at one dimension, strength of the augmentation, length of
training and seed; of ``exact`` it is a head, a dimension and a seed.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from ssl_lib.papers import chapter
from ssl_lib.papers.issl import images, theory
from ssl_lib.papers.issl.probes import RIGHT, probe
from ssl_lib.papers.issl.recipes import Recipe, recipe
from ssl_lib.papers.issl.settings import Settings
from ssl_lib.papers.issl.training import encoder_of, specification
from ssl_lib.papers.issl.variants import VARIANTS
from ssl_lib.results import Store
from ssl_lib.results.experiments import Experiment
from ssl_lib.results.verification import Checks

__all__ = ["CELL", "cell_table", "experiments", "load", "pictures"]

#: What tells the rows of a table of pretrained encoders apart.
CELL = ("variant", "dim", "strength", "epochs", "seed")
#: Accuracies that decide claims.
ACCURACIES = ("full", "few", "augmented")
#: Of a mean loss over the first ten steps, on another processor; bfloat16 keeps eight bits.
EARLY = {"auto": 1e-5, "bfloat16": 1e-2}
TEST_IMAGES = {
    "digits": 597,
    **dict.fromkeys(("fashion-mnist", "cifar10", "tiny-imagenet"), 10_000),
}
GREY = ("fashion-mnist",)
#: Data sets of which tables are published at the profile ``standard``.
PICTURES = ("fashion-mnist", "cifar10", "tiny-imagenet")


def cell_table(config: Recipe, cell: Mapping[str, Any], workdir: Path) -> pd.DataFrame:
    """Train what a cell names, and probe it.

    Parameters
    ----------
    config : Recipe
    cell : mapping
        See :data:`CELL`.
    workdir : pathlib.Path
        For the checkpoint.

    Returns
    -------
    pandas.DataFrame
        One row: ``parameters`` of the encoder, training ``images``, what
        :func:`ssl_lib.papers.issl.training.encoder_of` and
        :func:`ssl_lib.papers.issl.probes.probe` return.
    """
    train, test = images.load(**_which(config))
    spec = specification(config, cell, train)
    encoder, policy, left = encoder_of(spec, cell, train, workdir)
    size = sum(p.numel() for p in encoder.parameters())
    mlp = VARIANTS[cell["variant"]].mlp_probe
    found = probe(encoder, train, test, spec=spec, policy=policy, config=config, mlp=mlp)
    return pd.DataFrame([{"parameters": size, "images": len(train), **left, **found}])


def experiments(settings: Settings) -> dict[str, Experiment]:
    """Return the chapter's experiments by the names of their tables.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    dict of str to Experiment
        ``exact`` (E2, and E3 in the fewest dimensions that do) and ``codes``, on digits whose
        classes are known; then ``dimensions``, ``mlp-heads`` (Fig. 7c), ``strengths`` (Fig. 7a),
        ``rivals``, ``heads`` and ``epochs``, each without the runs that ``dimensions`` has.

    Examples
    --------
    >>> made = experiments(Settings(seeds=3))["strengths"]
    >>> made.place, len(made.cells)
    ('issl/strengths.quick', 9)
    """
    return {**_known_classes(settings), **_pretrained(settings)}


def _known_classes(settings: Settings) -> dict[str, Experiment]:
    config = theory.recipe(settings)
    # A worst task varies, and three encoders tell too little about it.
    usual = {"smoke": 2, "quick": 20, "standard": 12, "paper": 12}[settings.profile]
    seeds = settings.first_seeds(settings.seeds or usual)
    runs = [("linear", d) for d in theory.exact_dims(settings)] + [("mlp", theory.CLASSES - 1)]
    cells = [{"head": head, "dim": dim, "seed": seed} for head, dim in runs for seed in seeds]
    tasks = dict.fromkeys(("worst_task", "worst_mlp"), 1 / images.N_TRAIN)
    made: dict[str, tuple[Any, list[dict[str, Any]], Checks]] = {
        "exact": (theory.measure, cells, Checks(
            keys=(), exact=("needed_dimension", "tasks"), early={"early_loss": EARLY["auto"]},
            spread={**tasks, "effective_dimension": 1.0},
        )),
        "codes": (theory.codes, [{"seed": seeds[0]}], Checks(keys=(), exact=("digit",))),
    }  # fmt: skip
    return {
        name: Experiment(
            name=f"issl-{name}",
            compute=compute,
            config=config,
            cells=cells,
            data=partial(_hashes, "digits"),
            place=chapter.place("issl", name, settings, data="digits", usual="digits"),
            checks=checks,
        )
        for name, (compute, cells, checks) in made.items()
    }


def _pretrained(settings: Settings) -> dict[str, Experiment]:
    config = recipe(settings)
    place = partial(
        chapter.place, "issl", settings=settings, data=config.data, usual=settings.usual_data
    )
    return {
        name: Experiment(
            name=f"issl-{name}",
            compute=cell_table,
            config=config,
            cells=cells,
            data=partial(_hashes, **_which(config)),
            # Dimensions of the reader's choice are not those of a published table.
            place="" if settings.dims else place(name),
            checks=_checks(config),
        )
        for name, cells in _cells(settings, config).items()
    }


def _checks(config: Recipe) -> Checks:
    probes = dict.fromkeys((*ACCURACIES, "mlp"), 1 / TEST_IMAGES.get(config.data, 500))
    return Checks(
        keys=(),
        exact=("parameters", "images"),
        early={"early_loss": EARLY[config.precision]},
        spread={**probes, "loss": 1e-3, "rankme": 0.1},
        times=("seconds", *RIGHT),  # accuracies say what is right within rounding
    )


def _cells(settings: Settings, config: Recipe) -> dict[str, list[dict[str, Any]]]:
    """Return the cells of each table, the seed varying last."""
    at, full = settings.reference, config.epochs

    def cells(
        *variants: str,
        dims: Iterable[int] = (at,),
        strengths: Iterable[float] = (config.strength,),
        lengths: Iterable[int] = (full,),
    ) -> list[dict[str, Any]]:
        values = product(variants, dims, strengths, lengths, settings.every_seed)
        return [dict(zip(CELL, value, strict=True)) for value in values]

    shorter = sorted({max(1, round(full * share)) for share in (0.05, 0.15, 0.4)} - {full})
    weaker = [s for s in settings.strengths if s != config.strength]
    made = {
        "dimensions": cells("cissl", "dissl", "untrained", dims=settings.sweep)
        + cells("pixels", dims=[_pixels(config)]),
        "mlp-heads": cells("cissl-mlp-heads", dims=settings.probe_dims),
        "strengths": cells("dissl", strengths=weaker),
        "rivals": cells("simclr", "vicreg", "swav", "dino"),
        "epochs": cells("cissl", lengths=shorter or [2 * full]),
    }
    more = ("cissl-linear-heads", "dissl-linear-heads", "dissl-mlp-heads")
    return {**made, "heads": cells("cissl-mlp-student", *(more if settings.all_heads else ()))}


def _pixels(config: Recipe) -> int:
    """Return how many numbers an image is."""
    channels = 1 if config.data in GREY else 3
    return channels * config.size**2 if config.size else 64


def _which(config: Recipe) -> dict[str, Any]:
    """Return what :func:`ssl_lib.papers.issl.images.load` is to load."""
    return {
        "name": config.data, "size": config.size, "most": config.images, "device": config.device
    }  # fmt: skip


def _hashes(name: str, **which: Any) -> dict[str, str]:
    return {part.name: part.fingerprint for part in images.load(name, **which)}


def load(
    settings: Settings, *, store: Store | None = None, seconds: float = 30.0
) -> chapter.Tables:
    """Fetch all tables of a run: published ones, or what no earlier run has computed.

    Parameters
    ----------
    settings : Settings
    store : Store, optional
        Default: the user's.
    seconds : float, default=30
        Of a core, for published cells that are computed again.

    Returns
    -------
    Tables
        By the names of :func:`experiments`.
    """
    made = experiments(settings)
    tables = chapter.fetch(made, settings, slug="issl", store=store, seconds=seconds)
    return chapter.Tables(settings=settings, tables=tables)


def pictures(*, store: Store | None = None) -> dict[str, chapter.Tables]:
    """Return what is published of each set of pictures, at the profile ``standard``.

    Parameters
    ----------
    store : Store, optional
        Default: the user's.

    Returns
    -------
    dict of str to Tables
        By the name that readers know; those of :func:`experiments` that are published.
    """
    every = (Settings(profile="standard", data=name) for name in PICTURES)
    return chapter.published_by_data(chapter.Tables, every, _pretrained, store=store)
