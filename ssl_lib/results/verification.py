"""Whether cells of a table, computed again with other code or elsewhere, still say the same.

Three looks, in this order: numbers that must be equal; the losses of the first steps of a training,
which are equal but for rounding; and the few statistics that decide claims, which later rounding or
other random numbers may move, within their spread between seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ssl_lib.errors import InputError, closest
from ssl_lib.results.alignment import Pairs, long_form

if TYPE_CHECKING:
    import pandas as pd

    from ssl_lib.results.alignment import Floats

__all__ = ["EXACT", "RATE", "Checks", "Finding", "Look", "compare", "count_comparisons"]

#: The relative difference up to which two computations of one number are equal.
EXACT = 1e-9
#: False alarms of a whole run of comparisons, when nothing has changed but the random numbers.
RATE = 1e-3

_FREEDOM = 10  # fewer degrees of freedom than these say too little about a spread
_PAIRED = 10  # cells from which their own differences have a spread

_Kind: TypeAlias = Literal["same processor", "exact", "early", "spread", "paired"]
_Outcome: TypeAlias = Literal["equal", "agrees", "too few seeds to verify", "does not hold"]


@dataclass(frozen=True, kw_only=True)
class Checks:
    """How two computations of the same cells of a table are compared.

    Parameters
    ----------
    keys : tuple of str
        Columns that name a row within a cell, such as ``("setting", "measure", "at")``. With
        ``measure`` among them and a column ``value`` the table is long; otherwise every other
        column of numbers is a measure. Without any, rows are told apart by their order.
    exact : tuple of str, default=()
        Measures that are equal to a relative 1e-9; ``("*",)`` for all of them.
    early : mapping of str to float, default={}
        Measures that are equal but for the rounding of a few steps of training, with their
        relative bound: 1e-5 for float32 on one thread.
    spread : mapping of str to float, default={}
        Measures that decide claims, with their resolution: the smallest difference that the
        measurement can show, such as one test image of all. A spread is never taken as smaller.
    times : tuple of str, default=()
        Columns or measures of time: never compared.
    repeats : tuple of str, default=("seed",)
        The cell's columns that repeat the measurement. Cells that differ in another column (a
        setting) are other measurements, and those that share their seed move together.
    summary : callable, optional
        What both tables are summed up by before anything is compared, where another processor may
        have other rows: the regions of a trained network, say, by how many there are.

    Raises
    ------
    InputError
        When there is nothing to compare, or a bound or resolution is not positive.

    Examples
    --------
    >>> Checks(keys=("setting",), early={"early loss": 1e-5}, spread={"accuracy": 1 / 500}).times
    ()
    """

    keys: tuple[str, ...]
    exact: tuple[str, ...] = ()
    early: Mapping[str, float] = field(default_factory=dict)
    spread: Mapping[str, float] = field(default_factory=dict)
    times: tuple[str, ...] = ()
    repeats: tuple[str, ...] = ("seed",)
    summary: Callable[[pd.DataFrame], pd.DataFrame] | None = None

    def __post_init__(self) -> None:
        if not (self.exact or self.early or self.spread):
            raise InputError("checks must name a measure: exact, early or spread.")
        for what in ("early", "spread"):
            for measure, number in getattr(self, what).items():
                if not 0 < number < math.inf:
                    raise InputError(f"{what} of {measure!r} must be positive, got {number!r}.")

    def summed(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return what is compared of a table."""
        return table if self.summary is None else self.summary(table)


@dataclass(frozen=True, kw_only=True)
class Look:
    """One comparison.

    Attributes
    ----------
    look : {"same processor", "exact", "early", "spread", "paired"}
    measure : str
        What was compared; ``"rows"`` or a column's name where that differs, ``"*"`` for all.
    cells : int
        How many fresh cells (of the spread: seeds) it rests on.
    size : float
        Largest relative difference, number of differing rows, or the statistic z or t.
    limit : float
        The largest size that holds.
    holds : bool
    note : str, default=""
        Where the difference is largest, or which way a measure moved.
    """

    look: _Kind
    measure: str
    cells: int
    size: float
    limit: float
    holds: bool
    note: str = ""

    def __str__(self) -> str:
        verb = "holds" if self.holds else "fails"
        text = f"{self.look} look at {self.measure} {verb} ({self.size:.2g}, limit {self.limit:.2g}"
        return f"{text}; {self.note})" if self.note else f"{text})"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one comparison of a table's cells found.

    Attributes
    ----------
    cells : int
        Cells that were computed again.
    looks : tuple of Look
        In the order in which they were made.
    largest : float
        The largest relative difference of any number but times; NaN without any.
    few : tuple of str, default=()
        Measures whose spread was not looked at: too few seeds are published.
    notes : tuple of str, default=()
        What was left out.
    """

    cells: int
    looks: tuple[Look, ...]
    largest: float
    few: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def alarms(self) -> tuple[Look, ...]:
        """Looks at a spread that fail; by chance some do, so they count when repeated."""
        return tuple(look for look in self._failing if look.look in ("spread", "paired"))

    @property
    def broken(self) -> tuple[Look, ...]:
        """Looks at what chance does not move, that fail."""
        return tuple(look for look in self._failing if look.look not in ("spread", "paired"))

    @property
    def outcome(self) -> _Outcome:
        """The finding in words; *too few seeds* rests on exact and early looks, if any."""
        if self._failing:
            return "does not hold"
        if self.largest <= EXACT:
            return "equal"
        if self.few or not self.looks:
            return "too few seeds to verify"
        return "agrees"

    @property
    def _failing(self) -> tuple[Look, ...]:
        return tuple(look for look in self.looks if not look.holds)

    def __str__(self) -> str:
        cells = f"{self.cells} cell{'s' * (self.cells != 1)}"
        if self.outcome == "equal":
            return f"equal in {cells}: every number."
        reasons = "; ".join(map(str, self._failing)) or "; ".join(self._worst())
        return f"{self.outcome} in {cells}: {reasons or 'nothing to compare'}."

    def _worst(self) -> Iterator[str]:
        """Name the look of each kind that came nearest to its limit."""
        for kind in dict.fromkeys(look.look for look in self.looks):
            of_kind = [look for look in self.looks if look.look == kind]
            nearest = max(of_kind, key=lambda look: look.size / look.limit)
            yield f"{kind} {nearest.measure} {nearest.size:.2g} (limit {nearest.limit:.2g})"

    def to_dict(self) -> dict[str, Any]:
        """Return the finding for JSON; a size that is not finite becomes None."""
        found = {"outcome": self.outcome, **asdict(self)}
        found["largest"] = _finite(self.largest)
        found["looks"] = [
            {**look, "size": _finite(look["size"])} for look in map(asdict, self.looks)
        ]
        return {k: list(v) if isinstance(v, tuple) else v for k, v in found.items()}


def compare(
    published: pd.DataFrame,
    fresh: pd.DataFrame,
    checks: Checks,
    *,
    cell: Sequence[str],
    alike: bool = False,
    comparisons: int | None = None,
) -> Finding:
    r"""Compare cells that were computed again with the published ones.

    Parameters
    ----------
    published : pandas.DataFrame
        The whole table.
    fresh : pandas.DataFrame
        The rows of some of its cells.
    checks : Checks
        What is compared, and how.
    cell : sequence of str
        The columns that name a cell; none where the table is one cell.
    alike : bool, default=False
        Whether code, kind of processor, versions and threads are those of the published table:
        then every number is equal to rounding.
    comparisons : int, optional
        How many looks at a spread the whole run makes (see :func:`count_comparisons`); by default
        those of this call. The limit is such that all of them together give a false alarm once
        in a thousand runs.

    Returns
    -------
    Finding

    Raises
    ------
    InputError
        When columns or measures are missing, or rows of one table have the same names.

    Notes
    -----
    *Rows* of the fresh cells, and their text, must be the published ones. Measures that are not
    published yet are left out. A relative difference is taken of numbers at least a thousandth of
    the measure's largest: below, zeros and what cancels are rounding.

    *Spread*: with d the difference of a seed's mean over its settings, m seeds and SD the standard
    deviation of the published seeds' means over the same settings,

    .. math:: z = |\bar d| \sqrt m / (\mathrm{SD} \sqrt 2)

    is held against Student's t with as many degrees of freedom as seeds were published, less one,
    and at least ten. The settings of a seed share its data and initial weights. A SD pooled over
    them, with degrees of freedom for each, as if they were independent, gives 43 false alarms in
    1,000 tables for a stated 1 where they move together (3 seeds, 5 settings, all computed again),
    and still 16 with 6 seeds and 8 settings; means over settings give 1, whatever they share.

    *Paired*: ten fresh seeds and more have a spread of their own differences, which is smaller
    where a seed fixes most of the result: t of their mean. Their SD is at least what rounding both
    numbers to the resolution r gives, :math:`r / \sqrt 6`.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"seed": range(12), "loss": 2.0, "accuracy": [0.90, 0.92, 0.91] * 4})
    >>> checks = Checks(keys=(), early={"loss": 1e-5}, spread={"accuracy": 0.01})
    >>> print(compare(table, table[:2] + [0, 1e-6, 0.02], checks, cell=["seed"]))
    agrees in 2 cells: early loss 5e-07 (limit 1e-05); spread accuracy 2 (limit 4.4).
    >>> compare(table, table[:2] + [0, 1e-3, 0.02], checks, cell=["seed"]).outcome
    'does not hold'
    """
    old, new = checks.summed(published), checks.summed(fresh)
    pairs = Pairs(old, new, cell=cell, keys=checks.keys, times=checks.times)
    repeats = _repeats(checks, cell)
    if comparisons is None:
        seeds = pairs.count(repeats)
        comparisons = count_comparisons(published, checks, cell=cell, cells=seeds)
    _check(pairs, checks)
    looks = [*_rows(pairs), *_near(pairs, checks, alike)]
    few = []
    for measure in (m for m in checks.spread if m in pairs.measures):
        rate = RATE / max(comparisons, 1)
        found = list(_Moved.of(pairs, measure, checks, repeats).looks(rate)) if repeats else []
        looks += found
        few += [] if found else [measure]
    return Finding(
        cells=pairs.count(cell),
        looks=tuple(looks),
        largest=float(pairs.differences.max()) if len(pairs.rows) else math.nan,
        few=tuple(few),
        notes=tuple(f"{name} is not published: not compared" for name in _absent(pairs, checks)),
    )


def count_comparisons(
    published: pd.DataFrame, checks: Checks, *, cell: Sequence[str], cells: int
) -> int:
    """Count the looks at a spread that comparing a table's cells makes, at most.

    A run over several tables adds them up, and gives :func:`compare` the sum.

    Parameters
    ----------
    published : pandas.DataFrame
        The whole table.
    checks : Checks
    cell : sequence of str
        The columns that name a cell.
    cells : int
        How many will be computed again.

    Returns
    -------
    int

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"seed": range(20), "accuracy": 0.9, "rank": 7.0})
    >>> checks = Checks(keys=(), spread={"accuracy": 0.01, "rank": 0.1})
    >>> [count_comparisons(table, checks, cell=["seed"], cells=m) for m in (2, 20)]
    [2, 4]
    """
    whole = checks.summed(published)
    long = long_form(whole, cell=cell, keys=checks.keys, times=checks.times)
    repeats, count = _repeats(checks, cell), 0
    for measure in checks.spread:
        rows = long.loc[long["measure"] == measure, repeats]
        seeds = len(rows.drop_duplicates()) if repeats else 1
        count += (seeds > _FREEDOM) + (min(cells, seeds) >= _PAIRED)
    return count


def _repeats(checks: Checks, cell: Sequence[str]) -> list[str]:
    """Return the columns of a cell that repeat the measurement; all where none is named."""
    return [name for name in cell if name in checks.repeats] or list(cell)


def _check(pairs: Pairs, checks: Checks) -> None:
    """Refuse names of measures that neither table has; early losses may be from before."""
    known = {*pairs.measures, *pairs.unpublished, "*"}
    for measure in (*checks.exact, *checks.spread):
        if measure not in known:
            raise InputError(f"the table has no measure {measure!r}.{closest(measure, known)}")


def _absent(pairs: Pairs, checks: Checks) -> list[str]:
    """Measures that are not looked at, since nothing is published."""
    wanted = [measure for measure in checks.early if measure not in pairs.measures]
    return list(dict.fromkeys([*wanted, *pairs.unpublished]))


def _rows(pairs: Pairs) -> Iterator[Look]:
    """Look for rows that only one table has, and text that differs."""
    for what, count, note in (*pairs.alone(), *pairs.texts()):
        yield _look(pairs, "exact", what, count, note, limit=0)


def _near(pairs: Pairs, checks: Checks, alike: bool) -> Iterator[Look]:
    """Look at what must be equal but for rounding, as far as these cells have it."""
    here = {"*", *pairs.rows["measure"]}
    wanted: list[tuple[_Kind, str, float]] = [("same processor", "*", EXACT)] if alike else []
    wanted += [("exact", measure, EXACT) for measure in checks.exact]
    wanted += [("early", measure, bound) for measure, bound in checks.early.items()]
    for kind, measure, limit in wanted:
        if measure in here:
            yield _look(pairs, kind, measure, *pairs.worst(measure), limit=limit)


def _look(pairs: Pairs, kind: _Kind, measure: str, size: float, note: str, *, limit: float) -> Look:
    return Look(
        look=kind,
        measure=measure,
        cells=pairs.count(pairs.cell),
        size=size,
        limit=limit,
        holds=size <= limit,
        note=note,
    )


@dataclass(frozen=True)
class _Moved:
    """How far a measure's mean over settings has moved, by seed, and the published spread.

    ``step`` and ``deviation`` have shape (m,); the deviation is that of the published seeds' means
    over the settings that the fresh seed has, of ``seeds`` seeds at least.
    """

    measure: str
    resolution: float
    step: Floats
    deviation: Floats
    seeds: int
    lost: bool

    @classmethod
    def of(cls, pairs: Pairs, measure: str, checks: Checks, repeats: Sequence[str]) -> _Moved:
        import numpy as np

        grid, old, new = (grid.to_numpy() for grid in pairs.grids(measure, repeats))
        both = np.isfinite(old) & np.isfinite(new)
        moved = np.subtract(new, old, out=np.zeros_like(old), where=both)
        has = both.any(1)
        means = [grid[:, settings].mean(1) for settings in both[has]]
        means = [mean[np.isfinite(mean)] for mean in means]
        return cls(
            measure=measure,
            resolution=checks.spread[measure],
            step=moved[has].sum(1) / both[has].sum(1),
            deviation=np.array([mean.std(ddof=1) if len(mean) > 1 else np.nan for mean in means]),
            seeds=min(map(len, means), default=0),
            lost=bool((np.isfinite(old) != np.isfinite(new)).any()),
        )

    def looks(self, rate: float) -> Iterator[Look]:
        """Yield the look at the published spread and the paired one, where seeds suffice."""
        import numpy as np

        m = len(self.step)
        if self.lost:
            yield self.look("spread", math.inf, 0.0, "some values became finite, or ceased to be")
            return
        note = f"moved by {self.step.mean():+.3g} on average" if m else ""
        if m and self.seeds > _FREEDOM:
            error = math.sqrt(2 * np.square(np.fmax(self.deviation, self.resolution)).sum())
            yield self.look("spread", self.moved / error, _limit(rate, self.seeds), note)
        if m >= _PAIRED:
            own = max(float(self.step.std(ddof=1)), self.resolution / math.sqrt(6))
            yield self.look("paired", self.moved / (own * math.sqrt(m)), _limit(rate, m), note)

    @property
    def moved(self) -> float:
        return abs(float(self.step.sum()))

    def look(self, kind: _Kind, size: float, limit: float, note: str) -> Look:
        return Look(
            look=kind,
            measure=self.measure,
            cells=len(self.step),
            size=size,
            limit=limit,
            holds=size <= limit,
            note=note,
        )


def _limit(rate: float, seeds: int) -> float:
    """Return the two-sided limit of Student's t with a SD of so many seeds."""
    from scipy import stats

    return float(stats.t.isf(rate / 2, seeds - 1))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
