"""A result: a table, where it came from, and whether it still holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ssl_lib.errors import InputError
from ssl_lib.results import tables
from ssl_lib.results.manifest import Manifest, code_changes, key_digest

if TYPE_CHECKING:
    import pandas as pd

    from ssl_lib.results.experiments import Experiment
    from ssl_lib.results.verification import Finding

__all__ = [
    "Origin",
    "Result",
    "Status",
    "elsewhere",
    "together",
    "with_fresh",
]

Origin = Literal["computed", "cache", "published"]


Status = Literal["current", "verified", "not verified since"]


@dataclass(frozen=True)
class Result:
    """A table and where it came from.

    Attributes
    ----------
    table : pandas.DataFrame
        The tidy table.
    manifest : Manifest
        How it came about.
    origin : {"computed", "cache", "published"}
        Whether this call computed it, the cache had it, or the project ships it.
    changes : tuple of str
        For a published table: what has changed since it was measured.
    status : {"current", "verified", "not verified since"}
        For a published table of cells: no definition it used has changed; some have, and cells
        that ran since agree; or none ran since.
    fresh : Result, optional
        For a published table of cells: the cells that this run computed again.
    finding : Finding, optional
        How these compare.
    missed : str, default=""
        Why no cell was computed again.
    verified : str, default=""
        For a published table of cells: the day when cells were last verified.
    refuted : bool, default=False
        Whether a recorded look by the code as it is failed, which no look at other cells mends.
    """

    table: pd.DataFrame
    manifest: Manifest
    origin: Origin
    changes: tuple[str, ...] = ()
    status: Status = "current"
    fresh: Result | None = None
    finding: Finding | None = None
    missed: str = ""
    verified: str = ""
    refuted: bool = False

    @property
    def provenance(self) -> str:
        """One sentence that says which run the numbers are from, and whether they still hold."""
        from ssl_lib.results.wording import sentence

        return sentence(self)


def together(experiment: Experiment, parts: Sequence[Result]) -> Result:
    """Put the cells of an experiment together.

    Parameters
    ----------
    experiment : Experiment
        Whose cells they are.
    parts : sequence of Result
        One for each cell, in the order of the cells.

    Returns
    -------
    Result
        "computed" where this call computed one of them; seconds add up. Where cells were made by
        other code, on other devices or with other versions, the manifest names the code that
        differs and a ``mixed`` device: computed again, they need not be equal to the bit.
    """
    import pandas as pd

    table = pd.concat([part.table for part in parts], ignore_index=True)
    cells = [cell for part in parts for cell in part.manifest.cells]
    newest = max((part.manifest for part in parts), key=lambda made: made.created)
    every = [part.manifest.key for part in parts]
    older = next((key for key in every if code_changes(key, experiment.key)), experiment.key)
    key = {**experiment.key, "data": newest.key["data"], "source": older["source"]}
    mixed = any(elsewhere(part.manifest, newest) for part in parts)
    made = dataclasses.replace(
        newest,
        digest=key_digest(experiment.name, {**key, "cells": cells}),
        key=key,
        device={**newest.device, **({"mixed": True} if mixed else {})},
        sha256="",
        dirty=_dirty(part.manifest for part in parts),
        rows=len(table),
        columns=tables.dtypes(table),
        seconds=round(sum(part.manifest.seconds for part in parts), 4),
        seeds=list(dict.fromkeys(seed for part in parts for seed in part.manifest.seeds)),
        reasons=list(dict.fromkeys(why for part in parts for why in part.manifest.reasons)),
        cells=cells,
    )
    computed = any(part.origin == "computed" for part in parts)
    return Result(table, made, "computed" if computed else "cache")


def elsewhere(one: Manifest, other: Manifest) -> bool:
    """Tell whether device, versions or code differ."""
    same = one.device == other.device and one.key["versions"] == other.key["versions"]
    return not same or bool(code_changes(one.key, other.key))


def _dirty(parts: Iterable[Manifest]) -> bool | None:
    """Tell whether one of the parts was made with local changes; None where none can say."""
    known = [made.dirty for made in parts if made.dirty is not None]
    return any(known) if known else None


def with_fresh(shown: pd.DataFrame, fresh: pd.DataFrame | None) -> pd.DataFrame:
    """Add to what a figure shows the same from cells that were computed again, for its data file.

    Parameters
    ----------
    shown : pandas.DataFrame
        What the figure shows, from published cells.
    fresh : pandas.DataFrame or None
        The same columns, from cells that this run computed again; None where it did not.

    Returns
    -------
    pandas.DataFrame
        `shown`, then `fresh`, with a column ``run`` ("published" or "fresh"); `shown` itself
        without fresh cells.

    Raises
    ------
    InputError
        When the columns differ, or ``run`` is one of them.

    Examples
    --------
    >>> import pandas as pd
    >>> shown = pd.DataFrame({"seed": [0, 1], "rank": [7.0, 8.0]})
    >>> with_fresh(shown, shown[1:]).values.tolist()
    [[0, 7.0, 'published'], [1, 8.0, 'published'], [1, 8.0, 'fresh']]
    """
    import pandas as pd

    if fresh is None:
        return shown
    if "run" in shown:
        raise InputError(
            "a table with a column 'run' of its own can have no fresh rows: rename it."
        )
    if set(shown) != set(fresh):
        raise InputError(f"fresh must have the columns {list(shown)}, got {list(fresh)}.")
    both = [shown.assign(run="published"), fresh[list(shown)].assign(run="fresh")]
    return pd.concat(both, ignore_index=True)
