"""The dimension sweep on real images: the run's own, or the committed one beside digits."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ssl_lib.errors import InputError
from ssl_lib.papers.issl.experiments import FOLDER, SWEEP
from ssl_lib.papers.issl.settings import Settings
from ssl_lib.paths import share
from ssl_lib.results import Result, Store

__all__ = ["Real", "costs", "gains", "load"]

_MEANS = {
    "parameters": "parameters",
    "seconds": "seconds a run",
    "full": "all labels",
    "few": "few labels",
    "augmented": "augmented",
    "mlp": "MLP probe",
    "rankme": "RankMe",
    "effective_dimension": "effective dim.",
}


@dataclass(frozen=True)
class Real:
    """A dimension sweep on real images.

    Attributes
    ----------
    settings : Settings
        Of the run that made it.
    result : Result
        See :func:`ssl_lib.papers.issl.pretraining.run` for the columns.
    """

    settings: Settings
    result: Result

    @property
    def table(self) -> pd.DataFrame:
        """One row a run."""
        return self.result.table

    @property
    def few(self) -> int:
        """How many labels "few" are."""
        recipe = self.settings.recipe
        counts = sorted(int(name[7:]) for name in map(str, self.table) if name[:7] == "labels_")
        return counts[recipe.shots.index(recipe.few)]


def load(settings: Settings, own: Result, *, committed: str | Path | None = None) -> Real | None:
    """Return the run's own sweep where it trained on pictures, else the committed one.

    Parameters
    ----------
    settings : Settings
        Of the run.
    own : Result
        From :func:`ssl_lib.papers.issl.experiments.dimensions`.
    committed : path, optional
        Default: ``results/issl``.

    Returns
    -------
    Real or None
        None where no table is committed.
    """
    if settings.natural:
        return Real(settings, own)
    store = Store(committed=share("results") / FOLDER if committed is None else committed)
    try:
        return Real(Settings(profile="standard"), store.committed(SWEEP))
    except InputError:
        return None


def costs(table: pd.DataFrame) -> pd.DataFrame:
    """Average over runs what each variant and dimension costs and brings.

    Parameters
    ----------
    table : pandas.DataFrame
        Of a sweep.

    Returns
    -------
    pandas.DataFrame
        ``variant``, ``d``, parameters, seconds of training, accuracies in percent, RankMe,
        effective dimension.
    """
    mean = table.groupby(["variant", "dim"], sort=False)[list(_MEANS)].mean()
    mean[["full", "few", "augmented", "mlp"]] *= 100
    return mean.rename(columns=_MEANS).reset_index().rename(columns={"dim": "d"})


def gains(table: pd.DataFrame, *, base: int, column: str = "full") -> pd.DataFrame:
    """Subtract each run's accuracy at a base dimension, in percentage points.

    Parameters
    ----------
    table : pandas.DataFrame
        Of a sweep; raw pixels are left out.
    base : int
        The dimension to compare with.
    column : str, default="full"
        Which accuracy.

    Returns
    -------
    pandas.DataFrame
        ``variant``, ``run``, ``dim``, ``ratio`` (dim / base), ``gain``.

    Examples
    --------
    >>> runs = pd.DataFrame({"variant": "CISSL", "run": 0, "dim": [64, 256], "full": [0.4, 0.45]})
    >>> gains(runs, base=64).gain.round(6).tolist()
    [0.0, 5.0]
    """
    trained = table[table.variant != "raw pixels"]
    start = trained.loc[trained.dim == base, ["variant", "run", column]]
    both = trained[["variant", "run", "dim", column]].merge(
        start, on=["variant", "run"], suffixes=("", " before")
    )
    gain = 100 * (both[column] - both[f"{column} before"])
    return both[["variant", "run", "dim"]].assign(ratio=both.dim / base, gain=gain)
