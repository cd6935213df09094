"""DIET less what it is compared with, by images and labels: points of accuracy, by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from ssl_lib.papers import chapter
from ssl_lib.papers.diet import measures
from ssl_lib.papers.diet.settings import METHODS, RUNS

__all__ = [
    "LEADS", "ON_PAR", "SIMCLR_RATES", "as_many_steps", "as_many_views", "at_edge",
    "baselines", "behind", "extremes", "leads", "lengths", "longer", "on_photographs", "perceptron",
    "slower", "table",
]  # fmt: skip

#: Points of accuracy by which DIET may be behind and still on par.
ON_PAR = 1.0
#: In the order of :data:`PANELS["rate"]`.
SIMCLR_RATES = ("simclr-rate-0.001", "simclr", "simclr-rate-0.016")

Budgets = dict[str, pd.DataFrame]


def as_many_views(digits: pd.DataFrame, photos: Mapping[str, chapter.Tables]) -> Budgets:
    """Return accuracy in percent, seeds by methods, of each set of images and budget of labels.

    Parameters
    ----------
    digits : pandas.DataFrame
        The table of that name.
    photos : mapping of str to Tables
        See :func:`ssl_lib.papers.diet.experiments.on_photographs`.
    """
    views = {"simclr-views": "simclr", "vicreg-views": "vicreg"}
    found = {
        f"digits, {said}": few.drop(columns=["simclr", "vicreg"]).rename(columns=views)[[*METHODS]]
        for said, few in _digits(digits).items()
    }
    return found | on_photographs(photos)


def on_photographs(photos: Mapping[str, chapter.Tables], table: str = "photographs") -> Budgets:
    """Return the same of one table of photographs."""
    return {
        f"{name}, {said}": few
        for name, tables in photos.items()
        if table in tables.tables
        for said, few in _photographs(tables[table]).items()
    }


def _digits(digits: pd.DataFrame) -> Budgets:
    return {said: measures.of_runs(digits, at=at) for at, said in measures.LABELS.items()}


def _photographs(photographs: pd.DataFrame) -> Budgets:
    part = photographs[photographs.measure == "accuracy"]
    return {
        said: 100 * part[part["at"] == at].pivot(index="seed", columns="method", values="value")
        for at, said in measures.LABELS.items()
        if at in set(part["at"])
    }


def as_many_steps(digits: pd.DataFrame) -> Budgets:
    """Return accuracy of all runs on digits by labels; two-view rivals see twice the views."""
    return {f"digits, {said}": few for said, few in _digits(digits).items()}


def behind(few: pd.DataFrame) -> pd.Series:
    """Return the better of SimCLR and VICReg minus DIET, by seed.

    Examples
    --------
    >>> behind(pd.DataFrame({"diet": [90.0], "simclr": [91.0], "vicreg": [89.0]})).tolist()
    [1.0]
    """
    return few[["simclr", "vicreg"]].max(axis=1) - few["diet"]


def baselines(budgets: Budgets) -> dict[str, pd.Series]:
    """Return DIET minus the better of raw pixels and the untrained encoder, by seed."""
    return {name: few["diet"] - measures.baseline(few) for name, few in budgets.items()}


def perceptron(digits: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the same of the perceptron, by labels."""
    return {
        said: few["mlp"] - measures.baseline(few, "untrained-mlp")
        for said, few in _digits(digits).items()
    }


def extremes(few: pd.DataFrame, runs: Sequence[str]) -> pd.Series:
    """Return the run that is best on average less the worst on average, by seed.

    The largest less the smallest of each seed would grow with the noise of a run.

    Examples
    --------
    >>> few = pd.DataFrame({"a": [1.0, 4.0], "b": [2.0, 2.0]})
    >>> extremes(few, ("a", "b")).tolist()
    [-1.0, 2.0]
    """
    mean = few[list(runs)].mean()
    return few[mean.idxmax()] - few[mean.idxmin()]


def at_edge(few: pd.DataFrame, runs: Sequence[str]) -> bool:
    """Say whether the best run on average is the first or last of its grid.

    Examples
    --------
    >>> few = pd.DataFrame({"a": [1.0], "b": [3.0], "c": [2.0]})
    >>> at_edge(few, ("a", "b", "c")), at_edge(few, ("a", "c", "b"))
    (False, True)
    """
    return few[list(runs)].mean().idxmax() in (runs[0], runs[-1])


def longer(photos: Mapping[str, chapter.Tables]) -> Budgets:
    """Return accuracy of the longer trainings on photographs, which have one seed."""
    found = on_photographs(photos, "long")
    return {f"{name}, longer": few.reindex(columns=[*METHODS]) for name, few in found.items()}


def table(budgets: Budgets) -> pd.DataFrame:
    """Return a row a set and budget: what DIET reaches, and its distance from the others.

    Returns
    -------
    pandas.DataFrame
        Columns images, seeds, accuracy (of DIET), simclr, vicreg (DIET less these), rival (less the
        better of both), low and high (of that, a 95 % t interval), baseline.
    """
    return pd.DataFrame([_row(name, few) for name, few in budgets.items()])


def _row(name: str, few: pd.DataFrame) -> dict[str, object]:
    ahead = measures.summary((-behind(few)).to_frame("rival")).iloc[0]
    less = {rival: (few["diet"] - few[rival]).mean() for rival in ("simclr", "vicreg")}
    base = (few["diet"] - measures.baseline(few)).mean()
    return {
        "images": name, "seeds": len(few), "accuracy": few["diet"].mean(), **less,
        "rival": ahead["mean"], "low": ahead.low, "high": ahead.high, "baseline": base,
    }  # fmt: skip


def lengths(few: pd.DataFrame) -> pd.DataFrame:
    """Return what three quarters more of training gain, by seed, DIET and SimCLR."""
    return pd.DataFrame(
        {
            "DIET": few["diet"] - few["epochs-8"],
            "SimCLR": few["simclr-views"] - few["simclr-epochs-4"],
        }
    )


def slower(few: pd.DataFrame) -> pd.Series:
    """Return how much more DIET gains there than SimCLR, by seed."""
    found = lengths(few)
    return found["DIET"] - found["SimCLR"]


#: Pairs of runs whose difference the page tells, first minus second, by what they are about.
LEADS: dict[str, dict[str, tuple[str, str]]] = {
    "rivals": {
        RUNS[name].title: ("diet", name)
        for name in ("simclr-views", "vicreg-views", "simclr", "vicreg")
    },
    "repairs": {RUNS[name].title: (name, "diet") for name in ("normalised", "head")},
    "small encoders": {
        "usual width": ("simclr", "diet"), "a quarter of it": ("simclr-small", "small"),
    },
}  # fmt: skip


def leads(mean: pd.Series, kind: str) -> dict[str, float]:
    """Return differences of mean accuracies in points; `kind` is a key of ``LEADS``.

    Examples
    --------
    >>> leads(pd.Series({"diet": 95.0, "normalised": 96.0, "head": 94.0}), "repairs")
    {'DIET, unit features': 1.0, 'DIET, projection head': -1.0}
    """
    return {name: float(mean[a] - mean[b]) for name, (a, b) in LEADS[kind].items()}
