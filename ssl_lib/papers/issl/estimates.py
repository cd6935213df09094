"""The estimates that decide the chapter's claims, from the same tables as its figures."""

from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import mean_interval
from ssl_lib.methods import cissl_loss, dissl_terms, simclr_loss
from ssl_lib.papers.chapter import Tables
from ssl_lib.papers.issl.measures import PROBES, at_dimension, label_columns
from ssl_lib.papers.issl.recipes import recipe
from ssl_lib.papers.issl.settings import Settings
from ssl_lib.papers.issl.theory import CLASSES
from ssl_lib.randomness import torch_generator

__all__ = ["difference", "estimates", "largest_identity_error"]

Given = Estimate | dict[str, Estimate]


def estimates(settings: Settings, tables: Tables, dichotomies: pd.DataFrame) -> dict[str, Given]:
    """Return the estimate of every claim of the chapter.

    Parameters
    ----------
    settings : Settings
    tables : Tables
        From :func:`ssl_lib.papers.issl.experiments.load`.
    dichotomies : pandas.DataFrame
        From :func:`ssl_lib.papers.issl.theory.dichotomies`.

    Returns
    -------
    dict of str to Estimate or dict
        By claim id, as :func:`ssl_lib.claims.report` takes it.
    """
    exact, sweep = tables["exact"], tables["dimensions"]
    worst = exact[exact["head"] == "linear"]
    fewest = exact[exact.dim == CLASSES - 1]
    family = {name: _runs(fewest, "worst_task", head=name) for name in ("linear", "mlp")}
    at = partial(_at_dimension, settings.reference, tables)
    full = at("rivals", "cissl", "dissl")
    gains = {said: _gain(settings, sweep, column) for column, said in PROBES.items()}
    return {
        "C1": _theorem(dichotomies, worst),
        "C2a": gains,
        "C2b": gains["all labels"],
        "C3a": _above(full, "cissl", "simclr"),
        "C3b": difference(family["linear"], family["mlp"], scale=100),
        "C4": {
            "above DINO": _above(full, "dissl", "dino"),
            "above SwAV": _above(full, "dissl", "swav"),
        },
        "C5": _stronger(settings, at("strengths", "dissl")),
        "C6": {
            "worst task of MLP probes in 3 dimensions": _mean(_at(worst, 3).worst_mlp),
            "shrinking of the gap": _shrinking(sweep, tables["mlp-heads"]),
        },
        "C7": _loss_and_accuracy(at("epochs", "cissl")),
        "C8": Estimate(largest_identity_error(settings.seed), note="exact"),
        "C9": _mean(family["mlp"]),
    }


def difference(
    first: pd.Series, second: pd.Series, *, scale: float = 1.0, note: str = ""
) -> Estimate:
    """Estimate a mean difference between paired runs.

    Parameters
    ----------
    first, second : pandas.Series
        Values of the runs, by seed.
    scale : float, default=1.0
        100 turns accuracies into percentage points.
    note : str, default=""
        Shown beside the number.

    Returns
    -------
    Estimate
        ``first - second``.

    Examples
    --------
    >>> print(difference(pd.Series([0.8, 0.9]), pd.Series([0.7, 0.8]), scale=100))
    10 (10 to 10, n = 2)
    """
    gaps = scale * (first - second).dropna()
    mean, low, high = map(float, mean_interval(gaps))
    return Estimate(mean, low, high, n=len(gaps), note=note)


def _at_dimension(dim: int, tables: Tables, name: str, *variants: str) -> pd.DataFrame:
    return at_dimension(dim, tables["dimensions"], variants, tables[name])


def _runs(table: pd.DataFrame, column: str, **where: object) -> pd.Series:
    """Return a column by seed, for the rows where other columns have these values."""
    for name, value in where.items():
        table = table[table[name] == value]
    return table.set_index("seed")[column].astype(float)


def _above(table: pd.DataFrame, first: str, second: str) -> Estimate:
    ours, theirs = (_runs(table, "full", variant=name) for name in (first, second))
    return difference(ours, theirs, scale=100)


def _mean(values: pd.Series) -> Estimate:
    if len(values) < 2:
        return Estimate(float(np.mean(values)) if len(values) else float("nan"), n=len(values))
    mean, low, high = map(float, mean_interval(values))
    return Estimate(mean, low, high, n=len(values))


def _at(worst: pd.DataFrame, dim: int) -> pd.DataFrame:
    """Return the encoders of a dimension, or of the nearest that was trained."""
    dims = worst.dim.unique()
    nearest: pd.DataFrame = worst[worst.dim == dims[np.abs(dims - dim).argmin()]]
    return nearest


def _theorem(dichotomies: pd.DataFrame, worst: pd.DataFrame) -> dict[str, Estimate]:
    error = (dichotomies.measured - dichotomies.formula).abs().max()
    ideal = worst[worst.effective_dimension >= worst.needed_dimension]
    return {
        "error against the formula": Estimate(float(error), n=len(dichotomies), note="exact"),
        "worst task from 9 effective dimensions": _mean(ideal.worst_task),
        "worst task in 3 dimensions": _mean(_at(worst, 3).worst_task),
    }


def _gain(settings: Settings, sweep: pd.DataFrame, column: str) -> Estimate:
    top, base = settings.sweep[-1], settings.reference
    if base == top:
        base = settings.sweep[-2]
    wide, narrow = (
        pd.concat([_runs(sweep, column, variant=name, dim=dim) for name in ("cissl", "dissl")])
        .groupby("seed").mean()
        for dim in (top, base)
    )  # fmt: skip
    return difference(wide, narrow, scale=100, note=f"d = {base} to {top}")


def _stronger(settings: Settings, table: pd.DataFrame) -> dict[str, Estimate]:
    usual, weakest = recipe(settings).strength, settings.strengths[0]
    columns = {
        "one label a class": next(iter(label_columns(table))),
        "few labels": "few",
        "all labels": "full",
    }
    note = f"strength {weakest:g} to {usual:g}"
    return {
        said: difference(
            _runs(table, column, strength=usual),
            _runs(table, column, strength=weakest),
            scale=100,
            note=note,
        )
        for said, column in columns.items()
    }


def _shrinking(sweep: pd.DataFrame, mlp: pd.DataFrame) -> Estimate:
    small, large = mlp.dim.min(), mlp.dim.max()
    gaps = [
        _runs(mlp, "mlp", dim=dim) - _runs(sweep, "full", variant="cissl", dim=dim)
        for dim in (small, large)
    ]
    return difference(*gaps, scale=100, note=f"d = {small} to {large}")


def _loss_and_accuracy(epochs: pd.DataFrame) -> Estimate:
    """Correlate over all runs, with Fisher's interval."""
    from scipy import stats

    pairs = epochs[["loss", "full"]].to_numpy(dtype=float)
    value = float(stats.spearmanr(-pairs[:, 0], pairs[:, 1])[0])
    # With the variance that Fieller et al. (1957) give for ranks.
    half = 1.96 * (1.06 / (len(pairs) - 3)) ** 0.5 if len(pairs) > 3 else float("inf")
    centre = np.arctanh(np.clip(value, -0.9999, 0.9999))
    low, high = np.tanh([centre - half, centre + half])
    return Estimate(value, min(float(low), value), max(float(high), value), n=len(pairs))


def largest_identity_error(seed: int = 0) -> float:
    """Compare three losses with the cross-entropy of a linear classifier of the class.

    The classifier's weight of class m is, for CISSL and SimCLR, the (normalised) embedding of the
    views of image m over the temperature; for DISSL with a teacher that knows the class, it is the
    student's last layer. CISSL's targets are the two views of the image, SimCLR's the other view,
    among candidates without the anchor.

    Parameters
    ----------
    seed : int, default=0
        Of the random inputs.

    Returns
    -------
    float
        Largest absolute difference of the three, in nats.

    Examples
    --------
    >>> largest_identity_error() < 1e-9
    True
    """
    generator = torch_generator(seed, "identities")
    first, second = torch.randn(2, 12, 5, generator=generator, dtype=torch.float64)
    classes = torch.arange(6).repeat(2)
    errors = (
        _cissl_error(first, second, classes),
        _simclr_error(first, classes),
        _dissl_error(first, second),
    )
    return max(float(error.abs()) for error in errors)


def _cissl_error(student: Tensor, teacher: Tensor, classes: Tensor, t: float = 0.07) -> Tensor:
    weights = functional.normalize(teacher, dim=1) / t
    targets = (classes[:, None] == classes[None]).double() / 2
    logits = functional.normalize(student, dim=1) @ weights.T
    ours = cissl_loss(student.chunk(2), teacher.chunk(2), temperature=t)
    return ours - functional.cross_entropy(logits, targets)


def _simclr_error(z: Tensor, classes: Tensor, t: float = 0.07) -> Tensor:
    unit = functional.normalize(z, dim=1)
    itself = torch.eye(len(z), dtype=torch.bool)
    logits = (unit @ unit.T / t).masked_fill(itself, -torch.inf)
    other = ((classes[:, None] == classes[None]) & ~itself).long().argmax(1)
    ours = simclr_loss(*z.chunk(2), temperature=t)
    return ours - functional.cross_entropy(logits, other)


def _dissl_error(first: Tensor, second: Tensor) -> Tensor:
    classes = torch.arange(len(first)) % first.shape[1]
    # Logits this far apart are one-hot in float64: a teacher that knows the class.
    sure = 1e6 * functional.one_hot(classes, first.shape[1]).double()
    terms = dissl_terms([sure, sure], [first, second])
    losses = [functional.cross_entropy(student, classes) for student in (first, second)]
    return terms.distillation - torch.stack(losses).mean()
