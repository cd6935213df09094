"""Tables about the 209 models of the main comparison: consistency, the line, families."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.claims.resampling import corrected_correlation
from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x.annotations import Selection
from ssl_lib.evaluation.imagenet_x.families import COMPARED as FAMILIES
from ssl_lib.evaluation.imagenet_x.families import family
from ssl_lib.papers.imagenet_x.experiments import Tables
from ssl_lib.papers.imagenet_x.measures.crossed import crossed
from ssl_lib.papers.imagenet_x.measures.intervals import Resampled
from ssl_lib.papers.imagenet_x.measures.shared import change_of_ratios, own_luck
from ssl_lib.papers.imagenet_x.settings import ALIKE

__all__ = [
    "FAMILIES",
    "Comparison",
    "accuracy_dependence",
    "agreement",
    "compare",
    "consistency",
    "corrected",
    "cost_of",
    "error_ratios",
    "family_ratios",
    "line",
    "line_fits",
    "mean_ratios",
    "pairs_interval",
    "pearson",
]

Names = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Comparison(Resampled):
    """The models of the main comparison.

    Attributes
    ----------
    counts : FactorCounts
        Of m models.
    families : object array (m,)
        Family of each model, one of ``FAMILIES``.
    images : Scored
        The four base models on each image that all models share.
    """

    counts: ix.FactorCounts
    families: Names
    images: ix.Scored


def compare(
    tables: Tables, *, selection: Selection | None = None, corrected: bool = False
) -> Comparison:
    """Choose the models of the main comparison from all published ones.

    Parameters
    ----------
    tables : Tables
    selection : {"top", "multi"}, optional
        Default: the chapter's.
    corrected : bool, default=False
        Correct the families, see :func:`ssl_lib.evaluation.imagenet_x.families.family`.

    Returns
    -------
    Comparison
        209 models: the testbed's models of four families, the self-supervised models of
        model-vs-human, and DINO.
    """
    rows, own = tables.rows(selection), tables.settings
    found = [family(*names, corrected=corrected) for names in rows[["group", "model"]].to_numpy()]
    keep = np.array([name in FAMILIES for name in found])
    families = np.array(found, dtype=object)[keep]
    counts = ix.FactorCounts.from_frame(rows[keep])
    images = tables.scored(selection=selection or own.selection)
    return Comparison(
        counts=counts, families=families, images=images, draws=own.draws, seed=own.seed
    )


def error_ratios(models: Comparison) -> pd.DataFrame:
    """Return every model's error ratios, and the rank of each factor within the model.

    Returns
    -------
    pandas.DataFrame
        Columns model, factor, family, top1, accuracy, error_ratio, rank (1 is the largest ratio).
    """
    counts = models.counts
    ranks = pd.DataFrame(counts.error_ratio).rank(axis=1, ascending=False).to_numpy()
    return crossed(
        {"model": counts.models, "factor": ix.FACTORS},
        family=models.families[:, None],
        top1=counts.accuracy[:, None],
        accuracy=counts.factor_accuracy,
        error_ratio=counts.error_ratio,
        rank=ranks,
    )


def mean_ratios(models: Comparison) -> pd.DataFrame:
    """Return the mean error ratio by factor, with an interval over models and images.

    Returns
    -------
    pandas.DataFrame
        Columns factor, error_ratio, low, high, sd (over models), models.
    """
    ratios = models.counts.error_ratio
    mean, low, high = _of_means(models, lambda means: means)
    return pd.DataFrame(
        {
            "factor": ix.FACTORS,
            "error_ratio": mean,
            "low": low,
            "high": high,
            "sd": ratios.std(axis=0, ddof=1),
            "models": len(ratios),
        }
    )


def _of_means(
    models: Comparison, statistic: Callable[[Floats], npt.ArrayLike]
) -> tuple[Floats, Floats, Floats]:
    """Return a statistic of the mean error ratios (16,), and its interval over models and images.

    Only of the base models is known which images they miss. What a draw of images does to their
    mean error ratio is taken to happen to that of all models.
    """
    ratios, change = models.counts.error_ratio, change_of_ratios(models.images)
    low, high = models.interval(
        lambda rows, images: statistic(ratios[rows].mean(axis=0) * change(images)),
        len(ratios),
        len(models.images.table),
    )
    return np.asarray(statistic(ratios.mean(axis=0))), low, high


def cost_of(models: Comparison, factors: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Return how far mean error ratios of some factors lie above the mean of the others.

    Returns
    -------
    dict of str to tuple
        "mean" of these factors and their "smallest", each with its interval over models and images.
    """
    chosen = np.isin(ix.FACTORS, factors)

    def above(means: Floats) -> tuple[float, float]:
        others = means[~chosen].mean()
        return means[chosen].mean() - others, means[chosen].min() - others

    found = np.transpose(_of_means(models, above))
    return {name: tuple(row) for name, row in zip(("mean", "smallest"), found, strict=True)}


def family_ratios(models: Comparison) -> pd.DataFrame:
    """Return mean error ratios by family, and whether the families differ (dossier 4.5).

    Returns
    -------
    pandas.DataFrame
        Columns family, factor, models, error_ratio, sd, low, high (mean minus and plus one standard
        deviation over models, as in the paper's bars), p_value (Alexander-Govern), differs.
    """
    ratios = models.counts.error_ratio
    p_value = ix.alexander_govern(ratios, models.families)
    each = [ratios[models.families == name] for name in FAMILIES]
    mean = np.array([part.mean(axis=0) for part in each])
    sd = np.array([part.std(axis=0, ddof=1) for part in each])
    return crossed(
        {"family": FAMILIES, "factor": ix.FACTORS},
        models=[[len(part)] for part in each],
        error_ratio=mean,
        sd=sd,
        low=mean - sd,
        high=mean + sd,
        p_value=p_value,
        differs=p_value < ALIKE,
    )


def line(models: Comparison) -> pd.DataFrame:
    """Return the points of the scatter figure: factor accuracy against overall accuracy (4.4).

    Returns
    -------
    pandas.DataFrame
        Columns model, factor (last "worst factor" and "worst 100 classes", each model's own),
        family, top1, accuracy, images.
    """
    counts = models.counts
    images = dict(zip(ix.FACTORS, counts.factor_images[0], strict=True))
    worst = {"worst factor": counts.worst_factor, "worst 100 classes": counts.worst_classes}
    more = crossed(
        {"model": counts.models, "factor": list(worst)},
        family=models.families[:, None],
        top1=counts.accuracy[:, None],
        accuracy=np.transpose(list(worst.values())),
    )
    table = error_ratios(models).drop(columns=["error_ratio", "rank"])
    return pd.concat([table, more], ignore_index=True).assign(
        images=lambda whole: whole.factor.map(images)
    )


def line_fits(models: Comparison) -> pd.DataFrame:
    """Return correlation, slope and position of the scatter, factor by factor (dossier 4.4).

    Returns
    -------
    pandas.DataFrame
        Columns factor, images, pearson, corrected (without the noise of so few images, see
        :func:`corrected`), low, high (95 % bootstrap over models of corrected, images fixed),
        spearman, slope, intercept, above (share of models above the diagonal), best (mean factor
        accuracy of the 20 most accurate models); in decreasing order of best.
    """
    counts, luck = models.counts, own_luck(models.images)
    fit = ix.accuracy_on_the_line(counts)
    low, high = models.interval(lambda rows: corrected(counts, rows, luck=luck), len(counts))
    twenty = np.argsort(-counts.accuracy, kind="stable")[:20]
    table = pd.DataFrame(
        {
            "factor": ix.FACTORS,
            "images": counts.factor_images[0],
            "pearson": fit.pearson,
            "corrected": corrected(counts, np.arange(len(counts)), luck=luck),
            "low": low,
            "high": high,
            "spearman": fit.spearman,
            "slope": fit.slope,
            "intercept": fit.intercept,
            "above": fit.above,
            "best": counts.factor_accuracy[twenty].mean(axis=0),
        }
    )
    return table.sort_values("best", ascending=False, ignore_index=True)


def pearson(counts: ix.FactorCounts, rows: npt.NDArray[np.int64]) -> Floats:
    """Return the correlation of factor accuracy and overall accuracy over some models.

    Parameters
    ----------
    counts : FactorCounts
    rows : int array
        Positions of the models, which may repeat.

    Returns
    -------
    float64 array (16,)
    """
    return _pearson(counts.accuracy[rows], counts.factor_accuracy[rows])


def corrected(counts: ix.FactorCounts, rows: npt.NDArray[np.int64], *, luck: float) -> Floats:
    """Return what :func:`pearson` would be without the noise of few images.

    Parameters
    ----------
    counts, rows
        As of :func:`pearson`.
    luck : float
        Which share of the binomial variance of an accuracy is a model's own. What all models share
        moves the line, not the models about it.

    Returns
    -------
    float64 array (16,)
        Above 1 by chance.
    """
    x, y = counts.accuracy[rows], counts.factor_accuracy[rows]
    noise = luck * y * (1 - y) / counts.factor_images[rows]
    return np.array(
        [
            corrected_correlation(x, own, noise_y=variance)
            for own, variance in zip(y.T, noise.T, strict=True)
        ]
    )


def _pearson(x: Floats, y: Floats) -> Floats:
    x, y = x - x.mean(), y - y.mean(axis=0)
    return np.asarray(x @ y / np.sqrt((x @ x) * (y * y).sum(axis=0)))


def consistency(models: Comparison) -> pd.DataFrame:
    """Return how far models agree on the order of their sixteen error ratios.

    Returns
    -------
    pandas.DataFrame
        One row a comparison: what, mean, median, low_5 (5th percentile; both empty where there is
        one pair), pairs, low, high (95 % bootstrap over models of the mean). The rows: all pairs of
        models, and each family's mean order against that of all other models.
    """
    ratios = models.counts.error_ratio
    summary = ix.rank_consistency(ratios)
    low, high = pairs_interval(models)
    rows = [["all pairs of models", *summary[:4], low, high]]
    for name in FAMILIES:
        value, low, high = agreement(models, ratios, models.families == name)
        rows.append([name, value, np.nan, np.nan, 1, low, high])
    columns = ["what", "mean", "median", "low_5", "pairs", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def pairs_interval(models: Comparison) -> tuple[float, float]:
    """Return the 95 % bootstrap interval, over models, of their mean pairwise Spearman correlation.

    Pairs of a model with itself, which drawing with replacement brings, do not count. All draws
    use one matrix of correlations.

    Returns
    -------
    low, high : float
    """
    matrix = ix.pairwise_spearman(models.counts.error_ratio)
    m = len(matrix)

    def mean_over_pairs(rows: npt.NDArray[np.int64]) -> float:
        weights = np.bincount(rows, minlength=m).astype(float)
        same = weights @ (weights * np.diag(matrix))
        return float((weights @ matrix @ weights - same) / (m**2 - weights @ weights))

    low, high = models.interval(mean_over_pairs, m)
    return float(low), float(high)


def agreement(
    models: Resampled, ratios: Floats, inside: npt.NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Correlate the mean error ratios of two groups of models (Spearman).

    Parameters
    ----------
    models : Resampled
        Says how to draw them again.
    ratios : float64 array (m, 16)
        Error ratios.
    inside : bool array (m,)
        Which models are in the first group.

    Returns
    -------
    value, low, high : float
        With a 95 % bootstrap interval over models, drawn within each group.
    """

    def correlate(rows: npt.NDArray[np.int64]) -> float:
        mask = inside[rows]
        means = np.stack([ratios[rows][mask].mean(axis=0), ratios[rows][~mask].mean(axis=0)])
        return float(ix.pairwise_spearman(means)[0, 1])

    low, high = models.interval(correlate, inside)
    return correlate(np.arange(len(ratios))), float(low), float(high)


def accuracy_dependence(models: Comparison) -> pd.DataFrame:
    """Return how the error ratio itself moves with accuracy: a caveat of every comparison.

    Returns
    -------
    pandas.DataFrame
        Columns factor, correlation (Pearson, over models, of error ratio and top-1), low, high.
    """
    counts = models.counts
    low, high = models.interval(
        lambda rows: _pearson(counts.accuracy[rows], counts.error_ratio[rows]), len(counts)
    )
    correlation = _pearson(counts.accuracy, counts.error_ratio)
    return pd.DataFrame(
        {"factor": ix.FACTORS, "correlation": correlation, "low": low, "high": high}
    )
