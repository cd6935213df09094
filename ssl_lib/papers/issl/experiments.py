"""Which runs each figure needs; every table comes from the results store.

The table of the dimension sweep is stored as ``issl-dimension-sweep``, for other chapters too.
"""

from collections.abc import Iterable

import pandas as pd

from ssl_lib import profiles
from ssl_lib.papers.issl.pretraining import Cell, Sweep, load, run
from ssl_lib.papers.issl.settings import Settings
from ssl_lib.results import Result, Store

__all__ = ["dimensions", "epochs", "heads", "mlp_heads", "rivals", "strengths", "with_reference"]

SWEEP = "issl-dimension-sweep"
#: Where the committed table of real images is, below ``results``.
FOLDER = "issl"


def dimensions(settings: Settings) -> Result:
    """Train CISSL and DISSL at every dimension, beside untrained encoders and raw pixels.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    Result
        See :func:`ssl_lib.papers.issl.pretraining.run` for the columns.
    """
    cells = [
        _cell(settings, variant, dim)
        for variant in ("CISSL", "DISSL", "random encoder")
        for dim in settings.sweep
    ]
    pixels = _cell(settings, "raw pixels", settings.sweep[0])
    return _table(settings, SWEEP, [*cells, pixels])


def mlp_heads(settings: Settings) -> Result:
    """Train CISSL with MLP heads, as MLP probes want it, at several dimensions (Fig. 7c)."""
    cells = [_cell(settings, "CISSL, MLP heads", dim) for dim in settings.probe_dims]
    return _table(settings, "issl-mlp-heads", cells)


def strengths(settings: Settings) -> Result:
    """Train DISSL at the strengths other than the usual one (Fig. 7a)."""
    others = [s for s in settings.strengths if s != settings.recipe.strength]
    cells = [_cell(settings, "DISSL", settings.reference, strength=s) for s in others]
    return _table(settings, "issl-strengths", cells)


def heads(settings: Settings) -> Result:
    """Train with the pairs of heads that other tables lack: two linear ones, DISSL's two MLPs."""
    names = ("CISSL, linear heads", "DISSL, linear heads", "DISSL, MLP heads")
    cells = [_cell(settings, name, settings.reference) for name in names]
    return _table(settings, "issl-heads", cells)


def rivals(settings: Settings) -> Result:
    """Train SimCLR, VICReg, SwAV and DINO with the same encoder, images and number of steps."""
    names = ("SimCLR", "VICReg", "SwAV", "DINO")
    cells = [_cell(settings, name, settings.reference) for name in names]
    return _table(settings, "issl-rivals", cells)


def epochs(settings: Settings) -> Result:
    """Train CISSL for a twentieth, a seventh and two fifths of the usual time."""
    full = settings.recipe.epochs
    shorter = sorted({max(1, round(full * share)) for share in (0.05, 0.15, 0.4)} - {full})
    shares = shorter or [2 * full]
    cells = [_cell(settings, "CISSL", settings.reference, epochs=e) for e in shares]
    return _table(settings, "issl-epochs", cells)


def with_reference(
    sweep: pd.DataFrame, others: pd.DataFrame, variants: Iterable[str], *, dim: int
) -> pd.DataFrame:
    """Join a table with the sweep's runs at one dimension.

    Parameters
    ----------
    sweep : pandas.DataFrame
        From :func:`dimensions`.
    others : pandas.DataFrame
        Another of these tables.
    variants : iterable of str
        Which of the sweep's to take.
    dim : int
        At which dimension, of either table.

    Returns
    -------
    pandas.DataFrame
    """
    here = sweep.variant.isin(list(variants)) & (sweep.dim == dim)
    return pd.concat([sweep[here], others[others.dim == dim]], ignore_index=True)


def _cell(
    settings: Settings,
    variant: str,
    dim: int,
    *,
    strength: float | None = None,
    epochs: int | None = None,
) -> Cell:
    recipe = settings.recipe
    return Cell(
        variant=variant,
        dim=dim,
        strength=recipe.strength if strength is None else strength,
        epochs=recipe.epochs if epochs is None else epochs,
    )


def _table(settings: Settings, name: str, cells: list[Cell]) -> Result:
    recipe = settings.recipe
    # Side by side on a processor, perceptrons take no longer than on a GPU.
    small = recipe.encoder == "mlp"
    sweep = Sweep(
        cells=tuple(cells),
        recipe=recipe,
        data=settings.data_name,
        seeds=settings.run_seeds,
        profile=settings.profile,
        device="cpu" if small else str(profiles.device(settings.device)),
    )
    data = {part.name: part.fingerprint for part in load(sweep)}
    return Store().table(name, run, sweep, data=data)
