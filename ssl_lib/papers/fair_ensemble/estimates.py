"""The estimates that decide the chapter's claims, from the same tables as its figures."""

from collections.abc import Mapping

import pandas as pd

from ssl_lib.claims import Estimate
from ssl_lib.papers.chapter import Tables
from ssl_lib.papers.fair_ensemble.measures import interval
from ssl_lib.papers.fair_ensemble.recipes import WORST, imbalances, severity
from ssl_lib.papers.fair_ensemble.settings import SOURCES, Settings
from ssl_lib.papers.fair_ensemble.statistics import CONTRAST

__all__ = ["NOT_TESTED", "estimates", "not_tested"]

Given = Estimate | dict[str, Estimate]

#: Why a claim may have no estimate; the others lack the interval of a single training set.
NOT_TESTED = {
    "C4": "CIFAR-100 is trained at the profile paper alone, which has not been measured.",
    "C9": "CelebA needs a copy of one's own; subgroups() takes its attributes.",
}
NO_INTERVAL = "The published table of a single training set lacks the interval of this statistic."
CLAIMS = tuple(f"C{number}" for number in range(1, 10))


def estimates(tables: Tables) -> dict[str, Given]:
    """Return the estimate of every claim that a run can test.

    Parameters
    ----------
    tables : Tables
        From :func:`ssl_lib.papers.fair_ensemble.load`.

    Returns
    -------
    dict of str to Estimate or dict
        By claim id, as :func:`ssl_lib.claims.report` takes it. All but C3 and C4 follow the
        unbiased protocol.
    """
    curves = tables["curves"]
    unbiased, paper = (curves[curves.protocol == name] for name in ("unbiased", "paper"))
    by_arm = {arm: _rows(tables["sources"], varied=arm) for arm in SOURCES}
    harmed = tables["corruption"]
    copies = harmed[["corruption", "strength"]].drop_duplicates().itertuples(index=False)
    harm = f"mean of {sum(severity(*copy) == WORST for copy in copies)} corruptions"
    found: dict[str, dict[str, Estimate | None]] = {
        "C1": {
            "gain of the bottom group": _estimate(unbiased, "gain", "bottom"),
            "bottom minus top": _estimate(unbiased, "advantage", CONTRAST),
        },
        "C2": {
            f"late gain of the {group} group": _estimate(unbiased, "late gain", group)
            for group in ("bottom", "top")
        },
        "C3": {
            f"{group} group": _estimate(paper, "relative", group) for group in ("bottom", "top")
        },
        "C5": {"": _imbalance(tables)},
        "C6": {
            f"change of the {group} group": _estimate(harmed, "change", group, note=harm)
            for group in ("bottom", "top")
        },
        "C7": {"": _estimate(unbiased, "churn ratio", CONTRAST)},
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


def not_tested(found: Mapping[str, Given]) -> dict[str, str]:
    """Return why the other claims have no estimate.

    Parameters
    ----------
    found : mapping
        From :func:`estimates`.

    Returns
    -------
    dict of str to str
        By claim id.
    """
    return {name: NOT_TESTED.get(name, NO_INTERVAL) for name in CLAIMS if name not in found}


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
    """Relative gain of the minority minus that of the majority, at the mildest imbalance."""
    majority, minority = imbalances(tables.settings.profile)[0]
    mildest = _rows(tables["imbalance"], majority=majority, minority=minority)
    note = f"{majority}/{minority} images a class"
    return _estimate(mildest, "relative advantage", CONTRAST, note=note)


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
