"""Tables about the four base models: error ratios with intervals, scorings, metaclasses."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.papers.imagenet_x.experiments import ALL_IMAGES, Tables
from ssl_lib.papers.imagenet_x.measures.crossed import crossed
from ssl_lib.papers.imagenet_x.measures.intervals import wilson
from ssl_lib.papers.imagenet_x.rows import BASE
from ssl_lib.papers.imagenet_x.settings import SCORINGS, SELECTIONS

__all__ = [
    "averages",
    "calibration",
    "class_adjusted",
    "class_clusters",
    "empties",
    "error_by_ticks",
    "error_ratios",
    "linear_model",
    "metaclass_ratios",
    "prototype_effect",
    "robust_errors",
    "scorings",
    "shared_mistakes",
    "side_by_side",
    "strengths_and_weaknesses",
]


def error_ratios(tables: Tables, **options: Any) -> pd.DataFrame:
    """Return accuracy and error ratio by factor, with exact bootstrap intervals (dossier 4.6).

    Parameters
    ----------
    tables : Tables
    **options : str
        selection, scoring, empty or prototypes, where they shall differ from the chapter's.

    Returns
    -------
    pandas.DataFrame
        Columns model, factor, images, accuracy, average, error_ratio, low, high.
    """
    rows = tables.scored(**options)
    counts = rows.counts()
    intervals = ix.bootstrap_error_ratio(
        rows, replicates=tables.settings.draws, seed=tables.settings.seed
    )
    return _by_factor(
        images=counts.factor_images,
        accuracy=counts.factor_accuracy,
        average=counts.accuracy[:, None],
        error_ratio=counts.error_ratio,
        low=intervals.low,
        high=intervals.high,
    )


_by_factor = partial(crossed, {"model": BASE, "factor": ix.FACTORS})


def scorings(tables: Tables) -> pd.DataFrame:
    """Return the error ratios under both selections and all scorings, empties both ways.

    Returns
    -------
    pandas.DataFrame
        Columns of :func:`error_ratios` after selection, scoring and empty.
    """
    kinds = [(scoring, "wrong") for scoring in SCORINGS] + [("real", "exclude")]
    parts = []
    for selection in SELECTIONS:
        for scoring, empty in kinds:
            part = error_ratios(tables, selection=selection, scoring=scoring, empty=empty)
            part.insert(0, "selection", selection)
            part.insert(1, "scoring", scoring)
            part.insert(2, "empty", empty)
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def class_clusters(tables: Tables) -> pd.DataFrame:
    """Return how much wider intervals get when the images of a class are not independent.

    Returns
    -------
    pandas.DataFrame
        Columns model, factor, images, by_image, by_class (standard errors of the error ratio by the
        delta method, images or classes independent), inflation (their ratio).
    """
    rows = tables.scored()
    by_image, by_class = (ix.error_ratio_sd(rows, cluster=unit) for unit in ("image", "class"))
    return _by_factor(
        images=rows.counts().factor_images,
        by_image=by_image,
        by_class=by_class,
        inflation=by_class / by_image,
    )


def averages(tables: Tables) -> pd.DataFrame:
    """Return each model's accuracy and its worst factor and classes, with intervals (dossier 4.6).

    Returns
    -------
    pandas.DataFrame
        Columns model, accuracy, low, high (95 % bootstrap), worst_factor (its name), worst
        (accuracy on it), worst_100_classes, calibration_error (class scoring, top factors).
    """
    rows = tables.scored()
    counts = rows.counts()
    settings = tables.settings
    intervals = ix.bootstrap_error_ratio(rows, replicates=settings.draws, seed=settings.seed)
    worst = np.nanargmin(counts.factor_accuracy, axis=1)
    errors = tables["calibration"].query(f"factor == '{ALL_IMAGES}'").set_index("model").error
    return pd.DataFrame(
        {
            "model": BASE,
            "accuracy": counts.accuracy,
            "low": intervals.average_low,
            "high": intervals.average_high,
            "worst_factor": np.array(ix.FACTORS)[worst],
            "worst": counts.worst_factor,
            "worst_100_classes": ix.worst_class_accuracy(rows),
            "calibration_error": errors[list(BASE)].to_numpy(),
        }
    )


def calibration(tables: Tables) -> pd.DataFrame:
    """Return the calibration error of each model on each factor's images, a column a model.

    Returns
    -------
    pandas.DataFrame
        Columns factor, images, then one for each model.
    """
    table = tables["calibration"]
    wide = table.pivot(index=["factor", "images"], columns="model", values="error")
    wide = wide[list(BASE)].sort_index(level="images", ascending=False)
    return wide.rename_axis(columns=None).reset_index()


def side_by_side(table: pd.DataFrame) -> pd.DataFrame:
    """Return error ratios with intervals as text, a column a model.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`scorings`.

    Returns
    -------
    pandas.DataFrame
        Columns selection, scoring, factor, images, then one for each model.
    """
    left_out = table["empty"] == "exclude"
    shown = table.assign(
        scoring=table.scoring.where(~left_out, "real, empty left out"),
        text=[f"{r.error_ratio:.2f} ({r.low:.2f} to {r.high:.2f})" for r in table.itertuples()],
    )
    keys = ["selection", "scoring", "factor", "images"]
    wide = shown.pivot(index=keys, columns="model", values="text")[list(BASE)]
    order = shown.drop_duplicates(keys).set_index(keys).index
    return wide.reindex(order).rename_axis(columns=None).reset_index()


def error_by_ticks(tables: Tables, *, most: int = 6) -> pd.DataFrame:
    """Return each model's error rate by number of ticked factors (our addition, dossier 4.2).

    Returns
    -------
    pandas.DataFrame
        Columns model, ticks, images, error, low, high (95 % Wilson).
    """
    rows = tables.scored(selection="multi")
    result = ix.error_by_active_factors(rows, most=most)
    low, high = wilson(result.error * result.images, result.images)
    return crossed(
        {"model": BASE, "ticks": result.ticks},
        images=result.images,
        error=result.error,
        low=low,
        high=high,
    )


def empties(tables: Tables) -> pd.DataFrame:
    """Return what the images without reassessed label do to the error ratios.

    Returns
    -------
    pandas.DataFrame
        Columns model, factor, images, empty (how many of them have no label), percent, percent_low,
        percent_high (95 % Wilson), wrong and exclude (the error ratio when these images count as
        mistakes, as in the released code, and when they are left out, as the ReaL protocol says),
        low, high (95 % bootstrap of the latter).
    """
    rows = tables.scored(scoring="real", empty="exclude")
    as_wrong = tables.scored(scoring="real", empty="wrong").counts()
    left_out = rows.counts()
    images = as_wrong.factor_images
    empty = images - left_out.factor_images
    low, high = wilson(empty, images)
    settings = tables.settings
    intervals = ix.bootstrap_error_ratio(rows, replicates=settings.draws, seed=settings.seed)
    return _by_factor(
        images=images,
        empty=empty,
        percent=100 * empty / images,
        percent_low=100 * low,
        percent_high=100 * high,
        wrong=as_wrong.error_ratio,
        exclude=left_out.error_ratio,
        low=intervals.low,
        high=intervals.high,
    )


def prototype_effect(tables: Tables) -> pd.DataFrame:
    """Return error ratios without and with the prototypes, and the accuracy they add.

    Returns
    -------
    pandas.DataFrame
        Columns model, factor, drop, keep (error ratios), low, high (95 % bootstrap of drop),
        average_drop, average_keep and on_prototypes (accuracies).
    """
    kept, dropped = (tables.scored(prototypes=p).counts() for p in ("keep", "drop"))
    table = error_ratios(tables)
    on_prototypes = (kept.correct - dropped.correct) / (kept.images - dropped.images)
    return _by_factor(
        drop=dropped.error_ratio,
        keep=kept.error_ratio,
        low=table.low.to_numpy().reshape(dropped.error_ratio.shape),
        high=table.high.to_numpy().reshape(dropped.error_ratio.shape),
        average_drop=dropped.accuracy[:, None],
        average_keep=kept.accuracy[:, None],
        on_prototypes=on_prototypes[:, None],
    )


def metaclass_ratios(
    tables: Tables, *, model: str = "ViT", prototypes: str = "drop"
) -> pd.DataFrame:
    """Return one model's error ratio by factor within each metaclass (dossier 4.9).

    Returns
    -------
    pandas.DataFrame
        Columns metaclass, factor, accuracy, images, mistakes, error_ratio, low, high. A last
        "metaclass" called "all images" holds the ratios of the whole set. The interval is a 95 %
        Wilson interval of the error on the factor, over the metaclass's error as it is; without
        images the ratio is NaN.
    """
    rows = tables.scored(prototypes=prototypes).select([model])
    groups, whole = ix.metaclass_counts(rows), rows.counts()
    images = np.vstack([groups.factor_images[0], whole.factor_images])
    correct = np.vstack([groups.factor_correct[0], whole.factor_correct])
    accuracy = np.append(groups.accuracy[0], whole.accuracy)
    low, high = wilson(images - correct, images)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.vstack([groups.error_ratio[0], whole.error_ratio])
        low, high = (np.where(images, bound, np.nan) for bound in (low, high))
        low, high = (bound / (1 - accuracy[:, None]) for bound in (low, high))
    return crossed(
        {"metaclass": [*ix.METACLASSES, ALL_IMAGES], "factor": ix.FACTORS},
        accuracy=accuracy[:, None],
        images=images,
        mistakes=images - correct,
        error_ratio=ratio,
        low=low,
        high=high,
    )


def strengths_and_weaknesses(
    table: pd.DataFrame, *, fewest: int = 1, most: int = 4
) -> pd.DataFrame:
    """Return each metaclass's most robust and most fragile factors, with their images.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`metaclass_ratios`.
    fewest : int, default=1
        Leave out factors with fewer images in the metaclass; 1 as the paper's table does.
    most : int, default=4
        Factors named in each column.

    Returns
    -------
    pandas.DataFrame
        Columns metaclass, accuracy, robust (error ratio at most 1), susceptible (above 1).
    """
    shown = table[table.images >= fewest]
    rows = []
    for (metaclass, accuracy), part in shown.groupby(["metaclass", "accuracy"], sort=False):
        ordered = part.sort_values(["error_ratio", "factor"])
        robust = ordered[ordered.error_ratio <= 1].head(most)
        susceptible = ordered[ordered.error_ratio > 1].tail(most)[::-1]
        rows.append([metaclass, accuracy, _named(robust), _named(susceptible)])
    return pd.DataFrame(rows, columns=["metaclass", "accuracy", "robust", "susceptible"])


def _named(part: pd.DataFrame) -> str:
    return ", ".join(
        f"{str(row.factor).replace('_', ' ')} {row.error_ratio:.2f} (n = {row.images:,})"
        for row in part.itertuples()
    )


def class_adjusted(tables: Tables) -> pd.DataFrame:
    """Return error ratios against what the classes of a factor's images let expect (4.10).

    Returns
    -------
    pandas.DataFrame
        Columns model, factor, images, raw, adjusted, low, high: a 95 % Wilson interval of the
        error on the factor, over the expected error as it is.
    """
    rows = tables.scored()
    counts = rows.counts()
    adjusted = ix.class_adjusted_error_ratio(rows)
    error = 1 - counts.factor_accuracy
    low, high = wilson(counts.factor_images - counts.factor_correct, counts.factor_images)
    expected = error / adjusted
    return _by_factor(
        images=counts.factor_images,
        raw=counts.error_ratio,
        adjusted=adjusted,
        low=low / expected,
        high=high / expected,
    )


def shared_mistakes(tables: Tables) -> pd.DataFrame:
    """Return how many base models miss an image, and how many would if they erred on their own.

    Returns
    -------
    pandas.DataFrame
        Columns missed_by (0 to 4), images, percent, low, high (95 % Wilson, percent), independent
        (percent, models with the same accuracies and unrelated mistakes).
    """
    rows = tables.scored()
    missed = np.bincount((~rows.correct).sum(axis=0), minlength=len(BASE) + 1)
    low, high = wilson(missed, missed.sum())
    chance = np.ones(1)
    for error in 1 - rows.counts().accuracy:
        chance = np.convolve(chance, [1 - error, error])
    return pd.DataFrame(
        {
            "missed_by": np.arange(len(BASE) + 1),
            "images": missed,
            "percent": 100 * missed / missed.sum(),
            "low": 100 * low,
            "high": 100 * high,
            "independent": 100 * chance,
        }
    )


def linear_model(tables: Tables) -> pd.DataFrame:
    """Return how much each tick adds to the error when all ticks are considered at once (4.10).

    Returns
    -------
    pandas.DataFrame
        Columns model, factor, images, points (percentage points of error rate that the tick adds,
        the others held equal), low, high: least squares of the mistakes on the sixteen ticks, with
        95 % intervals that allow for unequal variances (White's HC0).
    """
    rows = tables.scored(selection="multi")
    fits = ix.linear_probability_model(rows)
    spread = 1.959964 * robust_errors(rows.table.factors, rows.correct, fits)[:, 1:]
    points = fits[:, 1:]
    return _by_factor(
        images=rows.table.factors.sum(axis=0),
        points=100 * points,
        low=100 * (points - spread),
        high=100 * (points + spread),
    )


def robust_errors(ticks: np.ndarray, correct: np.ndarray, fits: np.ndarray) -> np.ndarray:
    """Return heteroscedasticity-robust standard errors (HC0) of linear probability models.

    Parameters
    ----------
    ticks : bool array (n, 16)
    correct : bool array (m, n)
    fits : float array (m, 17)
        From :func:`ssl_lib.evaluation.imagenet_x.linear_probability_model`.

    Returns
    -------
    float64 array (m, 17)
    """
    design = np.column_stack([np.ones(len(ticks)), ticks])
    bread = np.linalg.inv(design.T @ design)
    residuals = (1.0 - correct) - fits @ design.T
    meat = [(design * residual[:, None] ** 2).T @ design for residual in residuals]
    return np.asarray(np.sqrt([np.diag(bread @ part @ bread) for part in meat]))
