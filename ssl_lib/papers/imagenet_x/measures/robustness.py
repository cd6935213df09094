"""How far families of models lie above the line that accuracy predicts.

The unit is the recipe: models of one recipe differ in its size or strength alone.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.claims.intervals import mean_interval
from ssl_lib.evaluation import imagenet_x as ix
from ssl_lib.evaluation.imagenet_x.families import COMPARED as FAMILIES
from ssl_lib.evaluation.imagenet_x.families import IMAGENET, lineage
from ssl_lib.papers.imagenet_x.measures.comparison import Comparison
from ssl_lib.papers.imagenet_x.measures.crossed import crossed

__all__ = ["above", "effective_robustness", "recipes"]

Floats = npt.NDArray[np.float64]
MEAN = "mean of factors"


def recipes(models: Comparison) -> dict[str, Floats]:
    """Return effective robustness by recipe, for each family.

    Returns
    -------
    dict of str to float64 array (recipes, 17)
        Percentage points above what a logit-logit line through the ImageNet-1k models predicts,
        mean over a recipe's models; the last column is the mean of the factors.
    """
    reference = models.families == IMAGENET
    gains = 100 * ix.effective_robustness(models.counts, reference=reference)
    table = pd.DataFrame(np.column_stack([gains, gains.mean(axis=1)]))
    names = [models.families, [lineage(name) for name in models.counts.models]]
    means = table.groupby(names).mean()
    return {name: means.loc[name].to_numpy() for name in FAMILIES}


def effective_robustness(models: Comparison) -> pd.DataFrame:
    """Return how far families lie above the line of the standard models (dossier 4.10).

    Returns
    -------
    pandas.DataFrame
        Columns family, factor, recipes, gain (percentage points, mean over recipes), low, high
        (95 % t interval over recipes, images fixed). A last "factor" is the mean of the sixteen.
    """
    each = list(recipes(models).values())
    gain, low, high = np.stack([mean_interval(part) for part in each], axis=1)
    return crossed(
        {"family": FAMILIES, "factor": [*ix.FACTORS, MEAN]},
        recipes=[[len(part)] for part in each],
        gain=gain,
        low=low,
        high=high,
    )


def above(one: Floats, other: Floats) -> tuple[float, float, float]:
    """Return how far one family's recipes lie above another's, mean of the factors.

    Parameters
    ----------
    one, other : float64 arrays
        From :func:`recipes`.

    Returns
    -------
    difference, low, high : float
        With Welch's 95 % interval.

    Examples
    --------
    >>> [round(end, 3) for end in above(np.array([[2.0], [4.0]]), np.array([[0.0], [2.0]]))]
    [2.0, -4.085, 8.085]
    """
    from scipy import stats

    first, second = one[:, -1], other[:, -1]
    ends = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    return float(first.mean() - second.mean()), float(ends.low), float(ends.high)
