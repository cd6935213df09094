"""The sweeps on real images: the run's own, or the committed ones where it trained digits."""

from pathlib import Path

import pandas as pd

from ssl_lib.papers.rankme.experiments import FOLDER, Results
from ssl_lib.papers.rankme.plan import experiments
from ssl_lib.papers.rankme.settings import SWEEPS, Settings
from ssl_lib.paths import share
from ssl_lib.results import Result, Store
from ssl_lib.results import published as shipped

__all__ = ["TABLES", "by_seed", "load"]

#: What is shown of real images: the sweeps, and the one on half of the classes.
TABLES = (*SWEEPS, "transfer")


def load(own: Results, *, committed: str | Path | None = None) -> Results | None:
    """Return the run's own sweeps where it trained on pictures, else the committed ones.

    Parameters
    ----------
    own : Results
        Of the run.
    committed : path, optional
        Default: ``results/rankme``.

    Returns
    -------
    Results or None
        With some of :data:`TABLES`; None where none is committed.

    Raises
    ------
    InputError
        When a committed table is damaged.
    """
    if experiments(own.settings)["temperature"].encoder != "mlp":
        return Results(own.settings, {name: own.tables[name] for name in TABLES})
    store = Store(committed=share("results") / FOLDER if committed is None else committed)
    found = {
        name: store.committed(f"rankme-{name}")
        for name in TABLES
        if shipped.exists(store.committed_root, f"rankme-{name}")
    }
    return Results(Settings(profile="standard", seeds=_seeds(found)), found) if found else None


def _seeds(found: dict[str, Result]) -> int:
    return max((int(result.table.seed.nunique()) for result in found.values()), default=0)


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
    titles = {name: sweep.title for name, sweep in SWEEPS.items()}
    return both.assign(experiment=both.experiment.map(titles)).rename(
        columns={"experiment": "sweep"}
    )
