"""The chapter's measures of models of your own."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ssl_lib.evaluation.fairness.ensembles import Aggregate
from ssl_lib.evaluation.fairness.inputs import checked_members
from ssl_lib.papers.fair_ensemble import statistics

__all__ = ["table"]


def table(
    probabilities: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    k: int,
    draws: int = 200,
    aggregate: Aggregate = "prob",
    seed: int = 0,
) -> pd.DataFrame:
    """Measure ensembles of your models by both protocols, as the chapter's table "curves".

    Parameters
    ----------
    probabilities : array-like (m, n, c)
        Class probabilities of m models on n test images; the first is the base model.
    labels : array-like (n,)
    k : int
        Classes in the top and bottom groups.
    draws : int, default=200
        Ensembles drawn of each size.
    aggregate : {"prob", "logit", "vote"}, default="prob"
        What an ensemble averages.
    seed : int, default=0
        Of drawn ensembles, of halves and of resampled images.

    Returns
    -------
    pandas.DataFrame
        What :mod:`ssl_lib.papers.fair_ensemble.measures` takes, and
        :mod:`ssl_lib.papers.fair_ensemble.figures` draws.

    Examples
    --------
    >>> from ssl_lib.papers.fair_ensemble import measures
    >>> random = np.random.default_rng(0)
    >>> labels = np.arange(300) % 3
    >>> members = random.dirichlet(np.ones(3), size=(5, 300)) + np.eye(3)[labels] * 0.3
    >>> found = measures.curves(table(members / 1.3, labels, k=1))
    >>> found[found.members == 5].accuracy.round().tolist()
    [90.0, 93.0, 87.0, 90.0, 88.0, 92.0]
    """
    values, classes = checked_members(probabilities, labels, fewest=2)
    logits = np.log(np.maximum(values, np.finfo(values.dtype).tiny))
    sizes = range(1, len(values) + 1)
    given = statistics.Members(logits, classes, seed, sizes, draws, aggregate)
    return statistics.table(statistics.curves(given, k)).assign(seed=0)
