"""Where the rule names a winner, the prior nearer to the data, and whether it won."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ssl_lib.papers.cluster_prior.measures import (
    by,
    changed,
    of_photographs,
    of_runs,
    summary,
)
from ssl_lib.papers.cluster_prior.settings import PHOTOGRAPHS, RUNS, Run

__all__ = ["Comparison", "comparisons", "followed", "indices", "named"]

_TITLES = {"agreement": "agreement", "information": "mutual information",
           "probe accuracy": "probe", "accuracy": "probe"}  # fmt: skip
#: Runs of a uniform prior and of a power law on the same data with as many prototypes.
_PAIRS = (
    ("tail-0", "tail-0.5"),
    ("tail-0-many", "tail-0.25-many"),
    ("balanced-0", "balanced-0.5"),
    ("balanced-0-many", "balanced-0.25-many"),
)
#: Indices of agreement, as readers know them.
_INDICES = {"adjusted Rand index": "agreement", "mutual information": "information",
            "purity": "purity"}  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Two priors on some data, of which one should win.

    Attributes
    ----------
    data, winner, loser, measure : str
        For readers.
    gains : pandas.Series
        The winner's measure less the loser's, by seed.
    """

    data: str
    winner: str
    loser: str
    measure: str
    gains: pd.Series


def comparisons(
    tables: Mapping[str, pd.DataFrame], photographs: Mapping[str, pd.DataFrame]
) -> list[Comparison]:
    """List every pair of priors that this chapter trained on the same data.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        ``gaussians``, ``fixed``, ``factors``, ``encoders``.
    photographs : mapping of str to pandas.DataFrame
        By data set.

    Returns
    -------
    list of Comparison
    """
    found = [*_of_mixtures(tables["gaussians"]), *_of_fixed(tables["fixed"])]
    found += [*_of_factors(tables["factors"]), *_of_encoders(tables["encoders"])]
    return found + [one for name, own in photographs.items() for one in _on_photos(name, own)]


def _of_mixtures(table: pd.DataFrame) -> Iterator[Comparison]:
    wide = by(table, ["ratio", "model"], "agreement")
    for ratio in table.ratio[table.ratio > 1].unique():
        gains = wide[ratio]["matched"] - wide[ratio]["uniform"]
        data = f"three Gaussians, {ratio:g} : 1 : 1"
        yield Comparison(data, "true weights", "equal weights", "agreement", gains)


def _of_fixed(table: pd.DataFrame) -> Iterator[Comparison]:
    wide = by(table, ["exponent", "model"], "agreement")
    for exponent in table.exponent[table.exponent > 0].unique():
        data = f"fixed features of digits, tail {exponent:g}"
        for name in ("rank", "index"):
            gains = wide[exponent][name] - wide[exponent]["uniform"]
            yield Comparison(data, f"true shares by {name}", "uniform", "agreement", gains)


def _of_factors(table: pd.DataFrame) -> Iterator[Comparison]:
    wide = by(table, ["exponent", "model"], "rare")
    for exponent in table.exponent.unique():
        for name in ("rank", "index"):
            gains = wide[exponent][name] - wide[exponent]["uniform"]
            winner = f"exponent {exponent:g} by {name}"
            yield Comparison(f"glyphs, tail {exponent:g}", winner, "uniform", "rare glyph", gains)


def _pairs(exponents: Sequence[float], data: float) -> Iterator[tuple[float, float]]:
    """Yield winner and loser: with the uniform prior, and of neighbours among the others.

    Examples
    --------
    >>> list(_pairs([0.0, 0.5, 1.0], 1.5)), list(_pairs([0.0, 0.5], 0.0))
    ([(0.5, 0.0), (1.0, 0.0), (1.0, 0.5)], [(0.0, 0.5)])
    """
    others = [x for x in exponents if x > 0]
    for pair in [(0.0, x) for x in others] + list(itertools.pairwise(others)):
        near, far = sorted(pair, key=lambda x: abs(x - data))
        yield near, far


def _of_encoders(table: pd.DataFrame) -> Iterator[Comparison]:
    for measure in ("agreement", "information", "probe accuracy"):
        wide = of_runs(table, measure)
        for (tail, count), runs in _families():
            data = _digits(tail, count)
            for near, far in _pairs(list(runs), tail):
                gains = wide[runs[near].name] - wide[runs[far].name]
                yield Comparison(data, named(near), named(far), _TITLES[measure], gains)


def _families() -> Iterator[tuple[tuple[float, int], dict[float, Run]]]:
    """Yield runs by exponent that differ in nothing else, by tail and number of prototypes."""
    names = [run for run in RUNS.values() if run.name.startswith(("balanced-", "tail-"))]
    for key in dict.fromkeys((run.tail, run.prototypes) for run in names):
        own = [run for run in names if (run.tail, run.prototypes) == key]
        yield key, {run.exponent: run for run in sorted(own, key=lambda run: run.exponent)}


def _digits(tail: float, prototypes: int) -> str:
    return f"digits, {'long tail' if tail else 'balanced'}, {prototypes} prototypes"


def indices(encoders: pd.DataFrame) -> pd.DataFrame:
    """Return, for readers, what a power law changes by each index of agreement.

    Returns
    -------
    pandas.DataFrame
        A row a pair of runs: data, prior (before and after), in use (means), and for each index the
        change with its 95 % t interval; all of it text.
    """
    wide = {name: of_runs(encoders, name) for name in (*_INDICES.values(), "used")}
    rows = []
    for pair in _PAIRS:
        first, second = (RUNS[name] for name in pair)
        row = {"data": _digits(first.tail, first.prototypes), "prior": named(second.exponent)}
        row["in use"] = " to ".join(f"{wide['used'][name].mean():.1f}" for name in pair)
        rows.append(row | {title: changed(wide[n], *pair, "+.3f") for title, n in _INDICES.items()})
    return pd.DataFrame(rows)


def named(exponent: float) -> str:
    """Return what readers call a power law."""
    return f"exponent {exponent:g}" if exponent else "uniform"


def _on_photos(data: str, table: pd.DataFrame) -> Iterator[Comparison]:
    exponents = sorted(table.exponent.unique())
    for measure in ("agreement", "information", "accuracy"):
        wide = of_photographs(table, measure)
        for law in PHOTOGRAPHS.values():
            # A tail is steeper than any prior here.
            for near, far in _pairs(exponents, 0.0 if law.kind == "balanced" else 1.0):
                gains = wide[law.name][near] - wide[law.name][far]
                pair = named(near), named(far)
                yield Comparison(f"{data}, {law.title}", *pair, _TITLES[measure], gains)


def followed(found: Sequence[Comparison]) -> pd.DataFrame:
    """Return a row a comparison, for readers: how often the rule's winner won, and by how much.

    Returns
    -------
    pandas.DataFrame
        Columns data, should win, against, measure, seeds, won (number of seeds), mean, low, high.
    """
    rows = []
    for one in found:
        mean, low, high = summary(one.gains.to_frame()).iloc[0].tolist()
        won = int((one.gains > 0).sum())
        pair = one.data, one.winner, one.loser, one.measure
        rows.append((*pair, len(one.gains), won, mean, low, high))
    columns = ["data", "should win", "against", "measure", "seeds", "won", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=columns)
