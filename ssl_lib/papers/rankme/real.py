"""The sweeps on real images: the run's own, or the published ones where it trained digits."""

import pandas as pd

from ssl_lib.papers import chapter
from ssl_lib.papers.rankme.experiments import Tables, experiments
from ssl_lib.papers.rankme.recipes import recipes
from ssl_lib.papers.rankme.settings import SWEEPS, TITLES, Settings
from ssl_lib.results import Store

__all__ = ["TABLES", "by_seed", "sweeps"]

#: What is shown of real images: the sweeps, and the one on half of the classes.
TABLES = (*SWEEPS, "transfer")


def sweeps(own: Tables, *, store: Store | None = None) -> Tables | None:
    """Return the run's own sweeps where it trained on pictures, else the published ones.

    Parameters
    ----------
    own : Tables
        Of the run.
    store : Store, optional
        Default: the user's.

    Returns
    -------
    Tables or None
        With some of :data:`TABLES`; None where none is published.

    Raises
    ------
    InputError
        When a published table is damaged.
    """
    if recipes(own.settings)["temperature"].encoder != "mlp":
        return Tables(own.settings, {name: own.tables[name] for name in TABLES})
    settings = Settings(profile="standard")
    made = experiments(settings)
    found = chapter.published({name: made[name] for name in TABLES}, slug="rankme", store=store)
    return Tables(settings, found) if found else None


def by_seed(runs: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """Set each seed's correlation and what its selections reach side by side.

    Parameters
    ----------
    runs : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.runs.encoders`.
    chosen : pandas.DataFrame
        From :func:`ssl_lib.papers.rankme.selection.selections`.

    Returns
    -------
    pandas.DataFrame
        ``sweep``, ``seed``, ``Kendall`` (RankMe against accuracy), then the accuracy in percent of
        what RankMe, alpha-ReQ and the labelled oracle pick, and the mean of the sweep.
    """
    from ssl_lib.papers.rankme.statistics import correlation

    rules = ["RankMe", "alpha-ReQ", "labelled oracle", "mean of the sweep"]
    keys = ["experiment", "seed"]
    picked = 100 * chosen.pivot(index=keys, columns="rule", values="accuracy")[rules]
    tau = pd.Series(
        {key: correlation(part.rankme, part.accuracy) for key, part in runs.groupby(keys)},
        name="Kendall",
    ).rename_axis(keys)
    both = pd.concat([tau, picked], axis=1).reset_index()
    return both.assign(experiment=both.experiment.map(TITLES)).rename(
        columns={"experiment": "sweep"}
    )
