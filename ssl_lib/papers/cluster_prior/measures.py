"""Tables -> numbers, each a small pure function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ssl_lib.claims.intervals import mean_interval
from ssl_lib.methods.prior import power_law_prior
from ssl_lib.papers.cluster_prior.settings import (
    BATCHES,
    GALLERIES,
    PANELS,
    PHOTOGRAPHS,
    RUNS,
)

__all__ = [
    "BALANCED",
    "CHOOSERS",
    "REMEDIES",
    "TAILED",
    "Gallery",
    "attributes",
    "best_exponents",
    "by",
    "changed",
    "choosing",
    "copies",
    "crossing",
    "equalised",
    "few",
    "gained",
    "gallery",
    "gallery_means",
    "least",
    "lost_gain",
    "of_galleries",
    "of_panel",
    "of_photographs",
    "of_runs",
    "off_the_prior",
    "on_the_way",
    "overlay",
    "photographs_summary",
    "remedies",
    "summary",
    "titled",
    "usage",
]

#: Runs of 16 prototypes by the exponent of their prior.
BALANCED = ("balanced-0", "balanced-0.25", "balanced-0.5", "balanced-1")
TAILED = ("tail-0", "tail-0.25", "tail-0.5", "tail-1", "tail-1.5")
#: What changes on the long tail, and the run that it is compared with.
REMEDIES = {
    "tail-0.5": "tail-0",
    "rebalanced": "tail-0",
    "simclr-cycling": "simclr",
    "simclr-rebalanced": "simclr",
}
#: Measures without labels by which an exponent could be chosen, and whether large is good.
CHOOSERS = {
    "held-out loss": ("held-out loss", False),
    "held-out cross-entropy": ("held-out cross-entropy", False),
    "used prototypes": ("used", True),
    "distinct prototypes": ("distinct", True),
    "divergence from the prior": ("divergence", False),
    "RankMe": ("rankme", True),
}


def summary(wide: pd.DataFrame) -> pd.DataFrame:
    """Return mean and 95 % t interval of every column over its rows.

    Examples
    --------
    >>> summary(pd.DataFrame({"a": [1.0, 2.0, 3.0]})).round(2).values.tolist()
    [[2.0, -0.48, 4.48]]
    """
    if len(wide) < 2:
        same = dict.fromkeys(("mean", "low", "high"), wide.mean())
        return pd.DataFrame(same)
    parts = dict(zip(("mean", "low", "high"), mean_interval(wide.to_numpy()), strict=True))
    return pd.DataFrame(parts, index=wide.columns)


def changed(wide: pd.DataFrame, before: str, after: str, form: str) -> str:
    """Write how a column differs from another, seed by seed: mean and 95 % t interval.

    Examples
    --------
    >>> changed(pd.DataFrame({"a": [0.0, 0.0], "b": [-1.0, -2.0]}), "a", "b", "+.1f")
    '−1.5 (−7.9 to +4.9)'
    """
    mean, low, high = summary((wide[after] - wide[before]).to_frame()).iloc[0]
    return f"{mean:{form}} ({low:{form}} to {high:{form}})".replace("-", "−")


def by(table: pd.DataFrame, columns: list[str], value: str) -> pd.DataFrame:
    """Return a value by seed (rows) and the levels of some columns, in their order."""
    wide: pd.DataFrame = table.pivot_table(index="seed", columns=columns, values=value, sort=False)
    return wide


def of_runs(encoders: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return a measure at the end of training: rows seeds, columns runs."""
    part = encoders[(encoders.measure == measure) & (encoders["at"] == 0)]
    wide = part.pivot(index="seed", columns="run", values="value")
    return wide[[name for name in RUNS if name in wide]]


def crossing(encoders: pd.DataFrame, measure: str = "agreement") -> pd.DataFrame:
    """Return a measure by the prior's exponent: columns data, exponent, mean, low, high."""
    wide = of_runs(encoders, measure)
    parts = []
    for title, names in (("balanced", BALANCED), ("long tail", TAILED)):
        found = summary(wide[list(names)]).reset_index(drop=True)
        parts.append(found.assign(data=title, exponent=[RUNS[name].exponent for name in names]))
    return pd.concat(parts, ignore_index=True)


def best_exponents(encoders: pd.DataFrame) -> dict[str, float]:
    """Return the exponent of the prior with the best mean agreement, by data."""
    found = crossing(encoders)
    best = found.loc[found.groupby("data", sort=False)["mean"].idxmax()]
    return dict(zip(best.data, best.exponent, strict=True))


def equalised(largest: pd.Series, true: pd.Series, clusters: int) -> pd.Series:
    """Return how far the largest share has gone from the true one (0) to an equal one (1).

    Examples
    --------
    >>> equalised(pd.Series([0.8, 0.5]), pd.Series([0.8, 0.8]), 5).round(2).tolist()
    [0.0, 0.5]
    """
    return (true - largest) / (true - 1 / clusters)


def few(batches: pd.DataFrame, measure: str = "few") -> pd.DataFrame:
    """Return accuracy in percent, rows seeds, columns (method, classes of a batch)."""
    return 100 * by(batches[batches.measure == measure], ["method", "classes"], "value")


def lost_gain(batches: pd.DataFrame) -> pd.DataFrame:
    """Return what training gains over the untrained encoder, and what few classes take from it.

    Returns
    -------
    pandas.DataFrame
        A row a method: gain (ten classes in a batch, percentage points) with low and high, and
        share (of the mean gain that is lost from ten classes to two).
    """
    wide = few(batches)
    names = [name for name in BATCHES if name in wide]
    gains = pd.DataFrame({name: wide[name][10] - wide["untrained"][10] for name in names})
    found = summary(gains).rename(columns={"mean": "gain"})
    lost = pd.Series({name: (wide[name][10] - wide[name][2]).mean() for name in names})
    return found.assign(share=lost / found.gain)


def copies(images: int, drawn: int) -> float:
    """Return how likely an image has a copy beside it where images are drawn with replacement.

    Parameters
    ----------
    images : int
        Of a class.
    drawn : int
        Of that class in a batch.

    Examples
    --------
    >>> copies(2, 2), copies(100, 1)
    (0.5, 0.0)
    """
    return 1 - (1 - 1 / images) ** (drawn - 1)


def attributes(batches: pd.DataFrame) -> pd.DataFrame:
    """Return MSN's mutual information, rows seeds, columns (class or ink, classes of a batch)."""
    part = batches[batches.measure.isin(("class", "ink"))]
    return by(part, ["measure", "classes"], "value")


class Gallery(NamedTuple):
    """The pictures of one model: share of the images, positions and classes, a row a prototype."""

    usage: Tensor
    images: Tensor
    classes: Tensor


def gallery(table: pd.DataFrame, model: str, rows: int) -> Gallery:
    """Return the pictures of a model's most used prototypes, of the first seed in the table."""
    part = table[(table.model == model) & (table.seed == table.seed.min())]
    wide = part.pivot(index="prototype", columns=["measure", "place"], values="value")[:rows]
    kept = wide["image"].dropna()
    images, classes = (torch.tensor(wide.loc[kept.index, name].to_numpy()).long()
                       for name in ("image", "class"))  # fmt: skip
    return Gallery(torch.tensor(wide.loc[kept.index, ("hard", 0)].to_numpy()), images, classes)


def of_galleries(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return a number of all of a model's galleries: rows seeds, columns models."""
    wide = by(table[table.measure == measure], ["model"], "value")
    return wide[[name for name in GALLERIES if name in wide]]


def titled(model: str) -> str:
    """Say which data a model of galleries has seen, and how.

    Examples
    --------
    >>> titled("tail-0"), titled("classes-2")
    ('long tail, uniform prior', 'two classes in a batch')
    """
    one = GALLERIES[model]
    data = "long tail, " if one.tail else "balanced, "
    return (data if one.run else "") + one.title


def gallery_means(table: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Return what galleries show, a row a model.

    Returns
    -------
    pandas.DataFrame
        Columns title, purity, low, high, chance, head (in percent), ink, classes: means over seeds,
        with the 95 % t interval of the purity.
    """
    pure = summary(100 * of_galleries(table, "purity")[list(models)])
    found = {"title": [titled(name) for name in models], "purity": pure["mean"],
             "low": pure.low, "high": pure.high}  # fmt: skip
    for name, scale in (("chance", 100), ("head", 100), ("ink", 1), ("classes", 1)):
        found[name] = scale * of_galleries(table, name)[list(models)].mean()
    return pd.DataFrame(found)


def usage(table: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Return how often prototypes are used, and the prior, both in falling order.

    Returns
    -------
    pandas.DataFrame
        Columns model, measure (soft, hard), rank (from 1), mean, low, high, prior.
    """
    part = table[table.model.isin(models) & table.measure.isin(("soft", "hard"))]
    wide = by(part.assign(rank=part.prototype + 1), ["model", "measure", "rank"], "value")
    found = summary(wide).reset_index(names=["model", "measure", "rank"])
    priors = {name: _prior(name, int(found["rank"].max())) for name in models}
    own = [priors[name][rank - 1] for name, rank in zip(found.model, found["rank"], strict=True)]
    return found.assign(prior=own)


def off_the_prior(table: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Return the share that would have to move to another prototype for the prior to be met.

    Returns
    -------
    pandas.DataFrame
        Rows seeds; columns (model, measure: soft or hard).
    """
    found = {}
    for model in models:
        for measure in ("soft", "hard"):
            part = table[(table.model == model) & (table.measure == measure)]
            wide = part.pivot(index="seed", columns="prototype", values="value")
            prior = _prior(model, wide.shape[1])
            found[model, measure] = (wide - prior).abs().sum(axis=1) / 2
    return pd.DataFrame(found)


def _prior(model: str, prototypes: int) -> np.ndarray:
    exponent = RUNS[GALLERIES[model].run].exponent
    return power_law_prior(prototypes, exponent=exponent).double().numpy()


def on_the_way(encoders: pd.DataFrame, runs: Sequence[str]) -> pd.DataFrame:
    """Return counts of prototypes by steps: columns run, measure, step, mean, low, high."""
    part = encoders[encoders.run.isin(runs) & encoders.measure.str.endswith(" at")]
    wide = by(part.assign(measure=part.measure.str.removesuffix(" at")),
              ["run", "measure", "at"], "value")  # fmt: skip
    return summary(wide).reset_index(names=["run", "measure", "step"])


def of_panel(encoders: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return agreement of a panel's runs: columns value (as readers see it), mean, low, high."""
    panel = PANELS[name]
    found = summary(of_runs(encoders, "agreement")[list(panel.runs)])
    return found.reset_index(drop=True).assign(value=panel.values)


def remedies(encoders: pd.DataFrame) -> pd.DataFrame:
    """Return what each remedy is worth on balanced test images, in percentage points.

    Returns
    -------
    pandas.DataFrame
        Columns run, title, measure (accuracy, F1, head, middle, tail), level (the run's own mean),
        mean, low, high (of the gain over the run it is compared with).
    """
    parts = []
    for measure in ("accuracy", "F1", "head", "middle", "tail"):
        wide = 100 * of_runs(encoders, f"probe {measure}")
        gains = pd.DataFrame({name: wide[name] - wide[base] for name, base in REMEDIES.items()})
        found = summary(gains).assign(measure=measure, level=wide[list(REMEDIES)].mean())
        parts.append(found.reset_index(names="run"))
    table = pd.concat(parts, ignore_index=True)
    return table.assign(title=[RUNS[name].title for name in table.run])


def choosing(encoders: pd.DataFrame) -> pd.DataFrame:
    """Return what each label-free measure would have chosen among priors on the long tail.

    Returns
    -------
    pandas.DataFrame
        A row a measure: chooser, exponent (mean of the chosen), agreement (mean, of the chosen),
        lost (mean, against the best exponent of each seed), hits (seeds in which it chose that).
    """
    agreement = of_runs(encoders, "agreement")[list(TAILED)]
    best = agreement.max(axis=1)
    rows = []
    for title, (measure, large) in CHOOSERS.items():
        scores = of_runs(encoders, measure)[list(TAILED)]
        chosen = scores.idxmax(axis=1) if large else scores.idxmin(axis=1)
        rows.append((title, *_chosen(chosen, agreement, best)))
    always = pd.Series(TAILED[0], index=agreement.index)
    rows.append(("none: the uniform prior", *_chosen(always, agreement, best)))
    return pd.DataFrame(rows, columns=["chooser", "exponent", "agreement", "lost", "hits"])


def _chosen(
    chosen: pd.Series, agreement: pd.DataFrame, best: pd.Series
) -> tuple[float, float, float, int]:
    places = agreement.columns.get_indexer(pd.Index(chosen))
    found = agreement.to_numpy()[np.arange(len(agreement)), places]
    lost = best.to_numpy() - found
    exponent = float(np.mean([RUNS[name].exponent for name in chosen]))
    return exponent, float(found.mean()), float(lost.mean()), int((lost <= 0).sum())


def of_photographs(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return a measure of photographs: rows seeds, columns (law, exponent of the prior)."""
    return by(table[table.measure == measure], ["law", "exponent"], "value")


def gained(table: pd.DataFrame, laws: Sequence[str], exponent: float) -> pd.Series:
    """Return what a power law adds to information with the classes of photographs, by seed.

    The mean over laws of class sizes, which share their images.
    """
    wide = of_photographs(table, "information")
    gains: pd.Series = sum(wide[law][exponent] - wide[law][0.0] for law in laws) / len(laws)
    return gains


def photographs_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row a law and exponent of the prior: agreement, and a probe's numbers in percent."""
    columns = ("agreement", "information", "purity", "used", "accuracy", "F1", "head", "middle",
               "tail")  # fmt: skip
    means = {name: of_photographs(table, name).mean() for name in columns}
    found = pd.DataFrame(means).reset_index()
    for name in ("accuracy", "F1", "head", "middle", "tail"):
        found[name] = 100 * found[name]
    return found.assign(law=[PHOTOGRAPHS[name].title for name in found.law])


def overlay(table: pd.DataFrame) -> pd.DataFrame:
    """Return the means of digits over photographs, a row a prior."""
    wide = by(table, ["model", "measure"], "value").mean().unstack()
    names = [f"{factor} {what}" for what in ("information", "accuracy")
             for factor in ("digit", "photograph")]  # fmt: skip
    found = wide.loc[["uniform", "rank"], names].reset_index()
    return found.assign(model=["uniform", "that of the digits"]).rename(columns={"model": "prior"})


def least(curves: pd.DataFrame, loss: str) -> str:
    """Say at which share of the largest cluster a loss is least.

    Examples
    --------
    >>> table = pd.DataFrame({"share": [0.1, 0.2], "loss": "MSN", "value": [0.0, 1.0]})
    >>> least(table, "MSN")
    'a share of 0.100'
    """
    own = curves[curves.loss == loss]
    return f"a share of {own.share.to_numpy()[own.value.to_numpy().argmin()]:.3f}"
