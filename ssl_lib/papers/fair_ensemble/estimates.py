"""The estimates that decide the chapter's claims, from the same tables as its figures."""

from collections.abc import Callable, Mapping

import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import mean_interval
from ssl_lib.papers.chapter import Tables
from ssl_lib.papers.fair_ensemble.measures import (
    disagreement_allowed,
    harmed,
    interval,
    late_gain,
)
from ssl_lib.papers.fair_ensemble.recipes import imbalances
from ssl_lib.papers.fair_ensemble.settings import SOURCES, Settings
from ssl_lib.papers.fair_ensemble.statistics import CONTRAST
from ssl_lib.plotting import words

__all__ = ["NOT_TESTED", "estimates"]

Given = Estimate | dict[str, Estimate]

NO_INTERVAL = "The published table of a single training set lacks the interval of this statistic."
#: Why a claim may have no estimate.
NOT_TESTED = {f"C{number}": NO_INTERVAL for number in range(1, 10)} | {
    "C4": "CIFAR-100 is trained at the profile paper alone, which has not been measured.",
    "C9": "CelebA needs a copy of one's own; subgroups() takes its attributes.",
}
#: Members after which the paper sees the top group stop.
STOPS = 4


def estimates(tables: Tables, others: Mapping[str, Tables] | None = None) -> dict[str, Given]:
    """Return the estimate of every claim that a run can test.

    Parameters
    ----------
    tables : Tables
        From :func:`ssl_lib.papers.fair_ensemble.load`.
    others : mapping of str to Tables, optional
        From :func:`ssl_lib.papers.fair_ensemble.real`: a claim about every data set counts these
        too.

    Returns
    -------
    dict of str to Estimate or dict
        By claim id, as :func:`ssl_lib.claims.report` takes it. All but C3 and C4 follow the
        unbiased protocol.
    """
    curves = tables["curves"]
    unbiased, paper = (curves[curves.protocol == name] for name in ("unbiased", "paper"))
    by_arm = {arm: _rows(tables["sources"], varied=arm) for arm in SOURCES}
    half = (int(curves.members.max()) + 1) // 2
    name = _settings(tables).dataset
    sets = {name: curves} | {key: kept["curves"] for key, kept in (others or {}).items()}
    found: dict[str, dict[str, Estimate | None]] = {
        "C1": {
            "gain of the bottom group": _estimate(unbiased, "gain", "bottom"),
            "bottom minus top": _estimate(unbiased, "advantage", CONTRAST),
        },
        "C2": {
            "bottom group, from half of the members": _over_sets(late_gain(curves, "bottom", half)),
            "top group, from four members": _over_sets(late_gain(curves, "top", STOPS)),
        },
        "C3": {
            "bottom group, smallest": _extreme(sets, "bottom", min),
            "top group, largest": _extreme(sets, "top", max),
        },
        "C5": {"": _imbalance(tables)},
        "C6": {
            f"change of the {group} group": _over_sets(harmed(tables["corruption"], group))
            for group in ("bottom", "top")
        },
        "C7": {
            "churn ratio": _estimate(unbiased, "churn ratio", CONTRAST),
            **{
                f"{group} group, percent of what accuracy allows": _over_sets(
                    disagreement_allowed(curves, group)
                )
                for group in ("bottom", "top")
            },
        },
        "C8": {arm: _estimate(table, "advantage", CONTRAST) for arm, table in by_arm.items()},
    }
    if _settings(tables).dataset == "cifar100":
        found["C4"] = _table_1(paper)
    return {name: given for name, parts in found.items() if (given := _whole(parts))}


def _whole(parts: Mapping[str, Estimate | None]) -> Given | None:
    """Return the estimates of a claim; none where one lacks its interval."""
    known = {name: part for name, part in parts.items() if part is not None}
    if len(known) < len(parts):
        return None
    return known.get("", known)


def _settings(tables: Tables) -> Settings:
    assert isinstance(tables.settings, Settings)
    return tables.settings


def _rows(table: pd.DataFrame, **where: object) -> pd.DataFrame:
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def _table_1(paper: pd.DataFrame) -> dict[str, Estimate | None]:
    sizes = {"one": paper.members.min(), "ensemble": paper.members.max()}
    names = {"mean": "all", "top": "top", "bottom": "bottom"}
    return {
        f"{what}, {name}": _estimate(_rows(paper, members=size), "accuracy", group)
        for what, size in sizes.items()
        for name, group in names.items()
    }


def _imbalance(tables: Tables) -> Estimate | None:
    """Points that the minority gains more than the majority, at the mildest imbalance."""
    majority, minority = imbalances(tables.settings.profile)[0]
    mildest = _rows(tables["imbalance"], majority=majority, minority=minority)
    note = f"{majority}/{minority} images a class"
    return _estimate(mildest, "advantage", CONTRAST, note=note)


def _over_sets(values: pd.Series) -> Estimate | None:
    """Return the mean over training sets; None for a single one, which has no interval."""
    if len(values) < 2:
        return None
    mean, low, high = map(float, mean_interval(values))
    return Estimate(mean, low, high, n=len(values), note=f"{len(values)} training sets")


def _extreme(
    sets: Mapping[str, pd.DataFrame], group: str, choose: Callable[..., str]
) -> Estimate | None:
    """Return a group's relative gain by the paper's protocol on the data set that decides."""
    found = {
        data: _estimate(_rows(table, protocol="paper"), "relative", group, note=words.images(data))
        for data, table in sets.items()
    }
    known = {data: one for data, one in found.items() if one is not None}
    return known[choose(known, key=lambda data: known[data].value)] if known else None


def _estimate(table: pd.DataFrame, measure: str, group: str, *, note: str = "") -> Estimate | None:
    """Return the estimate of the largest ensemble; None where it has no interval."""
    own = _rows(table, group=group)
    if measure not in set(own.measure):
        return None
    last = interval(own, measure).iloc[-1]
    n = own.seed.nunique()
    words = f"{n} training set{'s' * (n > 1)}" + (f", {note}" if note else "")
    if pd.isna(last.value):
        return Estimate(float("nan"), n=n, note=f"{words}; undefined where accuracy is 0")
    if pd.isna([last.low, last.high]).any():
        return None
    return Estimate(float(last.value), float(last.low), float(last.high), n=n, note=words)
