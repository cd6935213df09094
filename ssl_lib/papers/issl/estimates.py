"""The estimates that decide the chapter's claims, from the same tables as its figures."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from ssl_lib.claims import Estimate
from ssl_lib.claims.intervals import mean_interval
from ssl_lib.claims.resampling import crossed_bootstrap, paired_bootstrap
from ssl_lib.methods import cissl_loss, dissl_terms, simclr_loss
from ssl_lib.papers.chapter import Tables
from ssl_lib.papers.issl.images import N_TRAIN
from ssl_lib.papers.issl.measures import PROBES, at_dimension, label_columns, runs
from ssl_lib.papers.issl.recipes import recipe
from ssl_lib.papers.issl.settings import Settings
from ssl_lib.papers.issl.theory import CLASSES
from ssl_lib.randomness import torch_generator

__all__ = ["NOT_TESTED", "contrast", "difference", "estimates", "largest_identity_error"]

#: Why a claim may have no estimate.
NOT_TESTED = dict.fromkeys(
    ("C2a", "C2b"), "No sweep of real images is published, and digits are at their ceiling."
)

Given = Estimate | dict[str, Estimate]
#: How much runs count, and which they are: values of columns.
Term = tuple[float, Mapping[str, object]]
#: The step of an accuracy on the training images of the known classes.
IMAGE = 1 / N_TRAIN
#: An accuracy on the worst task that counts as solved.
SOLVED = 0.98
#: Seeds from which a correlation over them has an interval.
FEWEST = 5


def estimates(
    settings: Settings,
    tables: Tables,
    dichotomies: pd.DataFrame,
    photos: Mapping[str, Tables] | None = None,
) -> dict[str, Given]:
    """Return the estimate of every claim of the chapter that the tables can decide.

    Parameters
    ----------
    settings : Settings
    tables : Tables
        From :func:`ssl_lib.papers.issl.experiments.load`.
    dichotomies : pandas.DataFrame
        From :func:`ssl_lib.papers.issl.theory.dichotomies`.
    photos : mapping of str to Tables, optional
        From :func:`ssl_lib.papers.issl.experiments.pictures`: with all labels digits are at their
        ceiling, so that these decide what more dimensions gain there.

    Returns
    -------
    dict of str to Estimate or dict
        By claim id, as :func:`ssl_lib.claims.report` takes it.
    """
    exact, sweep = tables["exact"], tables["dimensions"]
    linear = exact[exact["head"] == "linear"]
    at = partial(_at_dimension, settings.reference, tables)
    rivals, heads = at("rivals", "dissl"), at("heads", "cissl")
    harder = {
        PROBES[column]: _beyond_untrained(settings, sweep, column)
        for column in ("few", "augmented")
    }
    real = _real_gains(photos or {})
    return {
        "C1": _theorem(dichotomies, linear),
        **({"C2a": {**harder, "real images, all labels": real}, "C2b": real} if real else {}),
        "C3a": {
            PROBES[column]: _above(heads, column, "cissl", "cissl-mlp-student")
            for column in ("few", "augmented")
        },
        "C3b": contrast(
            exact[exact.dim == CLASSES - 1], "worst_task", (1, {"head": "linear"}),
            (-1, {"head": "mlp"}),
        ),
        "C4": {
            "above DINO": _above(rivals, "full", "dissl", "dino"),
            "above SwAV": _above(rivals, "full", "dissl", "swav"),
        },
        "C5": _stronger(settings, at("strengths", "dissl")),
        "C6": {
            "worst task of MLP probes in 3 dimensions": _mean(
                _at(linear, 3).worst_mlp, (0, 1), IMAGE
            ),
            "shrinking of the gap": _shrinking(sweep, tables["mlp-heads"]),
        },
        "C7": _loss_and_accuracy(at("epochs", "cissl")),
        "C8": Estimate(largest_identity_error(settings.seed), note="exact"),
        "C9": _lowest(_beside_twins(exact)),
    }  # fmt: skip


def contrast(table: pd.DataFrame, column: str, *terms: Term, note: str = "") -> Estimate:
    """Estimate a weighted sum of accuracies of runs with the same seed, in percentage points.

    Where the table says which test images are right, these are drawn again too: one test set serves
    all seeds. Each end is then the farther one of that bootstrap's and of Student's t over seeds,
    which few seeds need.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a run.
    column : str
        Of accuracies.
    *terms : (float, mapping)
        Weight, and the values of columns that choose its runs.
    note : str, default=""
        Shown beside the number.

    Returns
    -------
    Estimate
        NaN where no seed has all of the runs.

    Examples
    --------
    >>> table = pd.DataFrame({"seed": [0, 1, 0, 1], "variant": list("aabb"),
    ...                       "full": [0.8, 0.9, 0.7, 0.8]})
    >>> print(contrast(table, "full", (1, {"variant": "a"}), (-1, {"variant": "b"})))
    10 (10 to 10, n = 2)
    """
    parts = [weight * runs(table, column, **where) for weight, where in terms]
    total = 100 * sum(parts[1:], parts[0]).dropna()
    if total.empty:
        return Estimate(float("nan"), n=0, note="not trained at this profile")
    count = total.shape[1]
    resolution = 100 / count if count > 1 else 0.0
    mean, low, high = map(float, mean_interval(total.mean(axis=1), resolution=resolution))
    if count > 1:
        _, *ends = paired_bootstrap(total, np.zeros(total.shape))
        low, high = min(low, ends[0]), max(high, ends[1])
        note = ", ".join(filter(None, (note, "over seeds and images")))
    return Estimate(mean, low, high, n=len(total), note=note)


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


def _above(table: pd.DataFrame, column: str, first: str, second: str) -> Estimate:
    return contrast(table, column, (1, {"variant": first}), (-1, {"variant": second}))


def _mean(values: pd.Series, limits: tuple[float, float], resolution: float = 0.0) -> Estimate:
    """Return the mean over runs; its interval ends where the statistic does."""
    known = values.dropna()
    if len(known) < 2:
        return Estimate(float(known.mean()), n=len(known))
    mean, low, high = map(float, mean_interval(known, resolution=resolution))
    return Estimate(mean, max(low, limits[0]), min(high, limits[1]), n=len(known))


def _lowest(values: pd.Series) -> Estimate:
    """Return the lowest of some encoders: what holds for all, or not for one, has no interval."""
    note = "the lowest of so many encoders"
    return Estimate(float(values.min()), n=len(values), note=note)


def _beside_twins(exact: pd.DataFrame) -> pd.Series:
    """Return the worst tasks after an MLP head of seeds whose linear head makes all solvable."""
    fewest = exact[exact.dim == CLASSES - 1]
    wide = fewest.pivot(index="seed", columns="head", values="worst_task")
    solved: pd.Series = wide["mlp"][wide["linear"] >= SOLVED]
    return solved


def _at(worst: pd.DataFrame, dim: int) -> pd.DataFrame:
    """Return the encoders of a dimension, or of the nearest that was trained."""
    dims = worst.dim.unique()
    nearest: pd.DataFrame = worst[worst.dim == dims[np.abs(dims - dim).argmin()]]
    return nearest


def _theorem(dichotomies: pd.DataFrame, worst: pd.DataFrame) -> dict[str, Estimate]:
    error = (dichotomies.measured - dichotomies.formula).abs().max()
    wide = worst[worst.effective_dimension >= worst.needed_dimension]
    return {
        "error against the formula": Estimate(float(error), n=len(dichotomies), note="exact"),
        "lowest worst task from 9 effective dimensions": _lowest(wide.worst_task),
        "worst task in 3 dimensions": _mean(_at(worst, 3).worst_task, (0, 1), IMAGE),
    }


def _beyond_untrained(settings: Settings, sweep: pd.DataFrame, column: str) -> Estimate:
    """Return what CISSL and DISSL gain from the dimension more than an untrained encoder."""
    top, base = settings.sweep[-1], settings.reference
    if base == top:
        base = settings.sweep[-2]
    terms = [
        (sign * weight, {"variant": name, "dim": dim})
        for dim, sign in ((top, 1), (base, -1))
        for name, weight in (("cissl", 0.5), ("dissl", 0.5), ("untrained", -1))
    ]
    return contrast(sweep, column, *terms, note=f"d = {base} to {top}")


def _real_gains(photos: Mapping[str, Tables]) -> Estimate | None:
    """Return the smallest gain with all labels over sets of real images; None without any."""
    found = {name: _real_gain(kept) for name, kept in photos.items() if "dimensions" in kept.tables}
    if not found:
        return None
    least = min(found, key=lambda name: found[name].value)
    return replace(found[least], note=f"{least}; {found[least].note}")


def _real_gain(kept: Tables) -> Estimate:
    assert isinstance(kept.settings, Settings)
    return _beyond_untrained(kept.settings, kept["dimensions"], "full")


def _stronger(settings: Settings, table: pd.DataFrame) -> dict[str, Estimate]:
    usual, weakest = recipe(settings).strength, settings.strengths[0]
    columns = {
        "one label a class": next(iter(label_columns(table))),
        "few labels": "few",
        "all labels": "full",
    }
    terms: list[Term] = [(1, {"strength": usual}), (-1, {"strength": weakest})]
    note = f"strength {weakest:g} to {usual:g}"
    return {said: contrast(table, column, *terms, note=note) for said, column in columns.items()}


def _shrinking(sweep: pd.DataFrame, mlp: pd.DataFrame) -> Estimate:
    small, large = mlp.dim.min(), mlp.dim.max()
    linear = sweep[sweep.variant == "cissl"]
    gaps = [
        mlp[mlp.dim == dim].set_index("seed").mlp - linear[linear.dim == dim].set_index("seed").full
        for dim in (small, large)
    ]
    return difference(*gaps, scale=100, note=f"d = {small} to {large}")


def _loss_and_accuracy(table: pd.DataFrame) -> dict[str, Estimate]:
    """Correlate over the lengths of each seed's runs, and over the seeds of each length.

    The first alone could not tell a smaller loss from a longer training.
    """
    lengths = table.groupby("seed")
    return {
        "longer training, smaller loss": _ordered(
            lengths.apply(lambda part: _spearman(part.epochs, -part.loss))
        ),
        "smaller loss, better probe": _ordered(
            lengths.apply(lambda part: _spearman(-part.loss, part.full))
        ),
        "the same within a length": _within_length(table),
    }


def _ordered(correlations: pd.Series) -> Estimate:
    # Spearman's correlation of four lengths has steps of a fifth.
    return _mean(correlations, (-1, 1), resolution=0.2)


def _spearman(x: pd.Series, y: pd.Series) -> float:
    with np.errstate(invalid="ignore"):
        return float(np.corrcoef(x.rank(), y.rank())[0, 1])


def _within_length(table: pd.DataFrame) -> Estimate:
    wide = table.pivot(index="seed", columns="epochs", values=["loss", "full"])

    def mean(rows: np.ndarray) -> float:
        drawn = wide.iloc[rows]
        each = (_spearman(-drawn.loss[length], drawn.full[length]) for length in wide.loss)
        # A draw of one seed alone has no order.
        return float(np.nan_to_num([*each]).mean())

    value, n = mean(np.arange(len(wide))), len(wide)
    if n < FEWEST:
        return Estimate(value, n=n, note="too few seeds for an interval")
    low, high = map(float, crossed_bootstrap(mean, [n]))
    return Estimate(value, min(low, value), max(high, value), n=n, note="bootstrap over seeds")


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
