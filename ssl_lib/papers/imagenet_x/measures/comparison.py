"""Tables about the 209 models of the main comparison: consistency, the line, families."""

import dataclasses

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.claims.intervals import mean_interval
from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x.families import COMPARED as FAMILIES
from ssl_lib.evaluation.imagenet_x.families import family
from ssl_lib.papers.imagenet_x.experiments import Tables
from ssl_lib.papers.imagenet_x.measures.crossed import crossed
from ssl_lib.papers.imagenet_x.measures.intervals import Resampled
from ssl_lib.papers.imagenet_x.settings import ALIKE

__all__ = [
    "FAMILIES",
    "Comparison",
    "accuracy_dependence",
    "agreement",
    "compare",
    "consistency",
    "effective_robustness",
    "error_ratios",
    "family_ratios",
    "line",
    "line_fits",
    "mean_gains",
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
    """

    counts: ix.FactorCounts
    families: Names


def compare(tables: Tables, *, selection: str | None = None) -> Comparison:
    """Choose the models of the main comparison from all published ones.

    Parameters
    ----------
    tables : Tables
    selection : {"top", "multi"}, optional
        Default: the chapter's.

    Returns
    -------
    Comparison
        209 models: the testbed's models of four families, the self-supervised models of
        model-vs-human, and DINO.
    """
    rows = tables.rows(selection)
    found = [family(group, model) for group, model in zip(rows.group, rows.model, strict=True)]
    keep = np.array([name in FAMILIES for name in found])
    families = np.array(found, dtype=object)[keep]
    counts = ix.FactorCounts.from_frame(rows[keep])
    own = tables.settings
    return Comparison(counts=counts, families=families, draws=own.draws, seed=own.seed)


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
    """Return the mean error ratio by factor over the models, with an interval over models.

    Returns
    -------
    pandas.DataFrame
        Columns factor, error_ratio, low, high, sd, models.
    """
    ratios = models.counts.error_ratio
    mean, low, high = mean_interval(ratios)
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
        Columns model, factor, family, top1, accuracy, images.
    """
    images = dict(zip(ix.FACTORS, models.counts.factor_images[0], strict=True))
    table = error_ratios(models).drop(columns=["error_ratio", "rank"])
    return table.assign(images=table.factor.map(images))


def line_fits(models: Comparison) -> pd.DataFrame:
    """Return correlation, slope and position of the scatter, factor by factor (dossier 4.4).

    Returns
    -------
    pandas.DataFrame
        Columns factor, images, pearson, low, high (95 % bootstrap over models), spearman, slope,
        intercept, above (share of models above the diagonal), best (mean factor accuracy of the
        20 most accurate models); in decreasing order of best.
    """
    counts = models.counts
    fit = ix.accuracy_on_the_line(counts)
    low, high = models.interval(lambda rows: pearson(counts, rows), len(counts), "line")
    twenty = np.argsort(-counts.accuracy, kind="stable")[:20]
    table = pd.DataFrame(
        {
            "factor": ix.FACTORS,
            "images": counts.factor_images[0],
            "pearson": fit.pearson,
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
        value, low, high = agreement(models, ratios, models.families == name, name)
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

    low, high = models.interval(mean_over_pairs, m, "pairs")
    return float(low), float(high)


def agreement(
    models: Resampled, ratios: Floats, inside: npt.NDArray[np.bool_], stream: str
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
    stream : str
        Name of the random stream.

    Returns
    -------
    value, low, high : float
        With a 95 % bootstrap interval over models, drawn within each group.
    """

    def correlate(rows: npt.NDArray[np.int64]) -> float:
        mask = inside[rows]
        means = np.stack([ratios[rows][mask].mean(axis=0), ratios[rows][~mask].mean(axis=0)])
        return float(ix.pairwise_spearman(means)[0, 1])

    groups = np.where(inside, "inside", "outside").astype(object)
    low, high = models.interval(correlate, len(ratios), stream, groups)
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
        lambda rows: _pearson(counts.accuracy[rows], counts.error_ratio[rows]),
        len(counts),
        "dependence",
    )
    correlation = _pearson(counts.accuracy, counts.error_ratio)
    return pd.DataFrame(
        {"factor": ix.FACTORS, "correlation": correlation, "low": low, "high": high}
    )


def mean_gains(models: Comparison) -> dict[str, npt.NDArray[np.float64]]:
    """Return each model's effective robustness, averaged over the factors, by family.

    Returns
    -------
    dict of str to float64 array
        Percentage points, one number a model.
    """
    gains = _gains(models).mean(axis=1)
    return {name: gains[models.families == name] for name in FAMILIES}


def _gains(models: Comparison) -> Floats:
    reference = models.families == "ImageNet-1k"
    return np.asarray(100 * ix.effective_robustness(models.counts, reference=reference))


def effective_robustness(models: Comparison) -> pd.DataFrame:
    """Return how far families lie above the line of the standard models (dossier 4.10).

    Returns
    -------
    pandas.DataFrame
        Columns family, factor, models, gain (percentage points above what a logit-logit line
        through the ImageNet-1k models predicts), low, high (95 % t interval over models). A last
        "factor" called "mean of factors" averages the sixteen.
    """
    gains = _gains(models)
    gains = np.column_stack([gains, gains.mean(axis=1)])
    each = [gains[models.families == name] for name in FAMILIES]
    mean, low, high = np.stack([mean_interval(part) for part in each], axis=1)
    return crossed(
        {"family": FAMILIES, "factor": [*ix.FACTORS, "mean of factors"]},
        models=[[len(part)] for part in each],
        gain=mean,
        low=low,
        high=high,
    )
