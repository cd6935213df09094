"""How far families of models lie above the line that accuracy predicts."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x.families import COMPARED as FAMILIES
from ssl_lib.evaluation.imagenet_x.families import IMAGENET, lineage
from ssl_lib.papers.imagenet_x.measures.comparison import Comparison
from ssl_lib.papers.imagenet_x.measures.crossed import crossed

__all__ = ["effective_robustness", "mean_gains"]

Floats = npt.NDArray[np.float64]


def mean_gains(models: Comparison) -> dict[str, tuple[float, float, float]]:
    """Return effective robustness, averaged over the factors, by family and between families.

    Returns
    -------
    dict of str to tuple
        Percentage points with their intervals over lineages: of the families but ImageNet-1k, and
        "A above B" for each two of them.
    """
    names = [name for name in FAMILIES if name != IMAGENET]
    pairs = [(a, b) for a in names for b in names if a != b]

    def statistic(gains: Floats) -> Floats:
        mean = dict(zip(FAMILIES, gains[:, -1], strict=True))
        return np.array([*(mean[a] for a in names), *(mean[a] - mean[b] for a, b in pairs)])

    found = np.transpose(_of_gains(models, statistic))
    keys = [*names, *(f"{a} above {b}" for a, b in pairs)]
    return {key: tuple(row) for key, row in zip(keys, found, strict=True)}


def _of_gains(
    models: Comparison, statistic: Callable[[Floats], Floats]
) -> tuple[Floats, Floats, Floats]:
    """Return a statistic of the families' mean gains (4, 17), and its interval over lineages.

    The last column is the mean of the factors. Models of one recipe are drawn together; the line
    stays that of all ImageNet-1k models.
    """
    reference = models.families == IMAGENET
    gains = 100 * ix.effective_robustness(models.counts, reference=reference)
    gains = np.column_stack([gains, gains.mean(axis=1)])
    keys = zip(models.families, map(lineage, models.counts.models), strict=True)
    labels = pd.Series([f"{name}: {recipe}" for name, recipe in keys])
    recipes = [np.asarray(rows) for rows in labels.groupby(labels, sort=False).indices.values()]
    owner = np.array([models.families[rows[0]] for rows in recipes], dtype=object)

    def means(drawn: npt.NDArray[np.int64]) -> Floats:
        some = [np.concatenate([recipes[k] for k in drawn if owner[k] == f]) for f in FAMILIES]
        return statistic(np.array([gains[rows].mean(axis=0) for rows in some]))

    low, high = models.interval(means, owner)
    return means(np.arange(len(recipes))), low, high


def effective_robustness(models: Comparison) -> pd.DataFrame:
    """Return how far families lie above the line of the standard models (dossier 4.10).

    Returns
    -------
    pandas.DataFrame
        Columns family, factor, models, gain (percentage points above what a logit-logit line
        through the ImageNet-1k models predicts), low, high (95 % bootstrap over lineages, images
        fixed). A last "factor" called "mean of factors" averages the sixteen.
    """
    gain, low, high = _of_gains(models, lambda gains: gains)
    return crossed(
        {"family": FAMILIES, "factor": [*ix.FACTORS, "mean of factors"]},
        models=[[(models.families == name).sum()] for name in FAMILIES],
        gain=gain,
        low=low,
        high=high,
    )
