"""An experiment is a configuration and a list of cells; the store keeps cells.

A cell is the least that is computed at once: a seed, or a seed and a setting. Its rows depend on
the configuration and on its own values only, not on its place in a list or on other cells: a table
of twenty seeds after one of three computes seventeen.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ssl_lib.errors import InputError
from ssl_lib.results.keys.canonical import canonical, to_json
from ssl_lib.results.manifest import make_key

if TYPE_CHECKING:
    import pandas as pd

    from ssl_lib.results.verification import Checks

__all__ = ["Cell", "Experiment"]

Cell: TypeAlias = "Mapping[str, Any]"
"""Column to value: what tells a cell's rows from those of others."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What a table is computed from.

    Parameters
    ----------
    name : str
        Such as ``"rankme-temperature"``.
    compute : callable
        ``compute(config, cell) -> DataFrame``, or ``compute(config, cell, workdir)`` where the
        folder outlives a killed run. Returns the cell's rows, without the cell's own columns.
    config : dataclass or mapping
        Of values that JSON can hold, the same for all cells: no seeds.
    cells : sequence of mapping
        One mapping of column to value each, all with the same columns; ``[{}]`` where there is
        nothing to tell apart.
    data : mapping of str to str, or callable, optional
        Data set to hash of its content, or what returns that when a cell is to be computed.
    place : str, default=""
        Where its published table lies below ``results``: ``"SLUG/TABLE.PROFILE"``, followed by
        ``".DATA"`` for another data set than the profile's; empty where none is published.
    uses : sequence of object, optional
        Further code that counts; see :meth:`ssl_lib.results.Store.table`.
    checks : Checks, optional
        How a cell that is computed again is compared, and which columns measure time.

    Raises
    ------
    InputError
        When cells differ in their columns, or one is there twice.

    Examples
    --------
    >>> import pandas as pd
    >>> def powers(config, cell):
    ...     return pd.DataFrame({"power": [cell["base"] ** config["exponent"]]})
    >>> made = Experiment(name="powers", compute=powers, config={"exponent": 2},
    ...                   cells=[{"base": 2}, {"base": 3}])
    >>> made.run({"base": 3}, Path("unused"))
       base  power
    0     3      9
    >>> made.columns
    ('base',)
    """

    name: str
    compute: Callable[..., pd.DataFrame]
    config: Any
    cells: Sequence[Cell]
    data: Mapping[str, str] | Callable[[], Mapping[str, str]] = field(default_factory=dict)
    place: str = ""
    uses: Sequence[object] = ()
    checks: Checks | None = None

    def __post_init__(self) -> None:
        """Refuse cells that one table cannot hold."""
        if not self.cells:
            raise InputError(f"the experiment {self.name!r} needs at least one cell.")
        if any(tuple(cell) != self.columns for cell in self.cells):
            raise InputError(f"the cells of {self.name!r} must all have {list(self.columns)}.")
        texts = [to_json(canonical(cell)) for cell in self.cells]
        twice = next((text for text in texts if texts.count(text) > 1), None)
        if twice is not None:
            raise InputError(f"the experiment {self.name!r} has the cell {twice} twice.")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that tell cells apart."""
        return tuple(self.cells[0])

    @property
    def judged(self) -> Checks:
        """How cells are compared: as declared, else everything exactly."""
        from ssl_lib.results.verification import Checks

        return self.checks or Checks(keys=(), exact=("*",))

    @cached_property
    def key(self) -> dict[str, Any]:
        """What every cell depends on but its data."""
        return make_key(self.compute, self.config, {}, self.uses)

    @cached_property
    def hashes(self) -> dict[str, str]:
        """The data's hashes, which needs the data."""
        return dict(self.data() if callable(self.data) else self.data)

    def of(self, cells: Sequence[Cell]) -> Experiment:
        """Return the same experiment with other cells."""
        other = replace(self, cells=tuple(cells))
        other.__dict__.update({n: v for n, v in self.__dict__.items() if n in ("key", "hashes")})
        return other

    def key_of(self, cell: Cell) -> dict[str, Any]:
        """Return the key of one cell; see :func:`ssl_lib.results.manifest.make_key`."""
        return {**self.key, "data": self.hashes, "cell": canonical(cell, "cell")}

    def run(self, cell: Cell, workdir: Path) -> pd.DataFrame:
        """Compute the rows of one cell, its own columns in front.

        Raises
        ------
        InputError
            When the rows have a column of the cell's.
        """
        if self.resumes:
            workdir.mkdir(parents=True, exist_ok=True)
        table = self.compute(self.config, cell, *([workdir] if self.resumes else []))
        both = [name for name in cell if name in table]
        if both:
            raise InputError(f"the rows of {self.name} and its cells both have {both}.")
        for place, (name, value) in enumerate(cell.items()):
            table.insert(place, name, value)
        return table

    @property
    def resumes(self) -> bool:
        """Whether a cell takes a folder for its checkpoints."""
        return "workdir" in inspect.signature(self.compute).parameters
