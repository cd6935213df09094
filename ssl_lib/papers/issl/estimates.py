"""The estimates that decide the chapter's claims, from the same tables as its figures."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import mean_interval
from ssl_lib.methods import cissl_loss, dissl_terms, simclr_loss
from ssl_lib.papers.issl.settings import Settings
from ssl_lib.papers.issl.summary import difference
from ssl_lib.randomness import torch_generator

__all__ = ["estimates", "largest_identity_error"]

Given = Estimate | dict[str, Estimate]
_METRICS = {"all labels": "full", "few labels": "few", "augmented images": "augmented"}


def estimates(
    settings: Settings,
    *,
    dichotomies: pd.DataFrame,
    worst: pd.DataFrame,
    heads: pd.DataFrame,
    sweep: pd.DataFrame,
    mlp: pd.DataFrame,
    strengths: pd.DataFrame,
    rivals: pd.DataFrame,
    epochs: pd.DataFrame,
) -> dict[str, Given]:
    """Return the estimate of every claim of the chapter.

    Parameters
    ----------
    settings : Settings
    dichotomies, worst, heads : pandas.DataFrame
        Tables of :mod:`ssl_lib.papers.issl.theory`.
    sweep, mlp, strengths, rivals, epochs : pandas.DataFrame
        Tables of :mod:`ssl_lib.papers.issl.experiments`; the last three joined with the sweep's
        runs at the reference dimension.

    Returns
    -------
    dict of str to Estimate or dict
        By claim id, as :func:`ssl_lib.claims.report` takes it.
    """
    gains = {name: _gain(sweep, settings, column) for name, column in _METRICS.items()}
    full = {name: _runs(rivals, "full", variant=name) for name in rivals.variant.unique()}
    family = {name: _runs(heads, "worst_task", head=name) for name in ("linear", "mlp")}
    return {
        "C1": _theorem(dichotomies, worst),
        "C2a": gains,
        "C2b": gains["all labels"],
        "C3a": difference(full["CISSL"], full["SimCLR"], scale=100),
        "C3b": difference(family["linear"], family["mlp"], scale=100),
        "C4": {
            f"above {name}": difference(full["DISSL"], full[name], scale=100)
            for name in ("DINO", "SwAV")
        },
        "C5": _stronger(strengths, settings),
        "C6": {
            "worst task of MLP probes in 3 dimensions": _mean(_at(worst, 3).worst_mlp),
            "shrinking of the gap": _shrinking(sweep, mlp),
        },
        "C7": _loss_and_accuracy(epochs),
        "C8": Estimate(largest_identity_error(settings.seed), note="exact"),
        "C9": _mean(family["mlp"]),
    }


def _runs(table: pd.DataFrame, column: str, **where: object) -> np.ndarray:
    """Return a column for the rows where other columns have these values, in the runs' order."""
    for name, value in where.items():
        table = table[table[name] == value]
    return table.sort_values("run")[column].to_numpy(dtype=float)


def _mean(values: pd.Series | np.ndarray) -> Estimate:
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


def _gain(sweep: pd.DataFrame, settings: Settings, column: str) -> Estimate:
    top, base = settings.sweep[-1], settings.reference
    if base == top:
        base = settings.sweep[-2]
    ends = []
    for dim in (top, base):
        both = [_runs(sweep, column, variant=v, dim=dim) for v in ("CISSL", "DISSL")]
        ends.append(np.mean(both, axis=0))
    return difference(*ends, scale=100, note=f"d = {base} to {top}")


def _stronger(table: pd.DataFrame, settings: Settings) -> dict[str, Estimate]:
    usual, weakest = settings.recipe.strength, settings.strengths[0]
    one = min((c for c in map(str, table) if c.startswith("labels_")), key=lambda c: int(c[7:]))
    columns = {"one label a class": one, "few labels": "few", "all labels": "full"}
    note = f"strength {weakest:g} to {usual:g}"
    return {
        name: difference(
            _runs(table, column, strength=usual),
            _runs(table, column, strength=weakest),
            scale=100,
            note=note,
        )
        for name, column in columns.items()
    }


def _shrinking(sweep: pd.DataFrame, mlp: pd.DataFrame) -> Estimate:
    small, large = mlp.dim.min(), mlp.dim.max()
    gaps = [
        _runs(mlp, "mlp", dim=dim) - _runs(sweep, "full", variant="CISSL", dim=dim)
        for dim in (small, large)
    ]
    return difference(*gaps, scale=100, note=f"d = {small} to {large}")


def _loss_and_accuracy(epochs: pd.DataFrame) -> Estimate:
    """Correlate over all runs; the interval resamples them (percentile bootstrap by seeds)."""
    from scipy import stats

    pairs = epochs[["loss", "full"]].to_numpy(dtype=float)
    value = float(stats.spearmanr(-pairs[:, 0], pairs[:, 1])[0])
    # Fisher's interval, with the variance that Fieller et al. (1957) give for ranks.
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
