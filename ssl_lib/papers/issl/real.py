"""The tables of real images: the run's own sweep, or the committed ones beside digits."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ssl_lib.claims.intervals import mean_interval
from ssl_lib.papers.issl.experiments import FOLDER, SWEEP, with_reference
from ssl_lib.papers.issl.settings import STAGES, Settings
from ssl_lib.paths import share
from ssl_lib.results import Result, Store
from ssl_lib.results import published as shipped

__all__ = ["DATA", "Real", "committed_name", "costs", "gains", "largest_gains", "load", "verdicts"]

DEFAULT_WIDTH = 64  # of ResNet-9, and of torchvision's ResNet-18
UNTRAINED = "random encoder"
#: The data set whose committed tables have no suffix.
DATA = "cifar10"
#: The tables that may be committed beside the sweep.
BESIDE = ("issl-rivals", "issl-heads", "issl-mlp-heads", "issl-strengths", "issl-epochs")

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
    """A dimension sweep on real images; what it ran with stands in its manifest.

    Attributes
    ----------
    result : Result
        See :func:`ssl_lib.papers.issl.pretraining.run` for the columns.
    others : dict of str to Result
        By name, the committed tables of the same images and recipe; empty where the run trained on
        pictures itself, whose page shows these tables in their own sections.
    """

    result: Result
    others: dict[str, Result] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """One row a run."""
        return self.result.table

    def beside(self, *names: str, variants: Iterable[str]) -> pd.DataFrame | None:
        """Join tables with runs of the sweep at its base dimension.

        Parameters
        ----------
        *names : str
            Of other tables.
        variants : iterable of str
            Which of the sweep's to take.

        Returns
        -------
        pandas.DataFrame or None
            None where one of the tables is missing.
        """
        if not set(names) <= {*self.others}:
            return None
        tables = pd.concat([self.others[name].table for name in names], ignore_index=True)
        return with_reference(self.table, tables, variants, dim=self.base)

    @property
    def data(self) -> str:
        """Name of the data set."""
        return str(self._config["data"])

    @property
    def recipe(self) -> dict[str, Any]:
        """The fields of :class:`ssl_lib.papers.issl.settings.Recipe`."""
        return dict(self._config["recipe"])

    @property
    def base(self) -> int:
        """The dimension of the channels before the block, or the nearest below."""
        trained = self.table[self.table.variant != "raw pixels"]
        return int(max((d for d in trained.dim if d <= self.channels), default=trained.dim.min()))

    @property
    def channels(self) -> int:
        """Channels of the encoder's last stage."""
        width = self.recipe["encoder_options"].get("width", DEFAULT_WIDTH)
        return int(STAGES * width)

    @property
    def few(self) -> int:
        """How many labels "few" are."""
        counts = sorted(int(name[7:]) for name in map(str, self.table) if name[:7] == "labels_")
        return counts[list(self.recipe["shots"]).index(self.recipe["few"])]

    @property
    def ends(self) -> str:
        """Accuracy at the smallest and the largest dimension, in words."""
        of = 100 * self.table.groupby(["variant", "dim"])[["full", "few"]].mean()
        trained = self.table[self.table.variant != "raw pixels"]
        low, top = trained.dim.min(), trained.dim.max()
        return "; ".join(
            f"{name} {of.full[name, low]:.1f} to {of.full[name, top]:.1f} % with all labels, "
            f"{of.few[name, low]:.1f} to {of.few[name, top]:.1f} % with {self.few:,}"
            for name in trained.variant.unique()
        )

    @property
    def _config(self) -> dict[str, Any]:
        return dict(self.result.manifest.key["config"])


def committed_name(table: str, data: str) -> str:
    """Return the name that a table of some images is committed under.

    Parameters
    ----------
    table : str
        Its name in the store.
    data : str
        Name of the data set.

    Examples
    --------
    >>> committed_name("issl-rivals", "tiny-imagenet")
    'issl-rivals-tiny-imagenet'
    """
    return table if data == DATA else f"{table}-{data}"


def load(
    settings: Settings, own: Result, *, data: str = DATA, committed: str | Path | None = None
) -> Real | None:
    """Return the run's own sweep where it trained on pictures, else the committed one.

    Parameters
    ----------
    settings : Settings
        Of the run.
    own : Result
        From :func:`ssl_lib.papers.issl.experiments.dimensions`.
    data : str, default="cifar10"
        Which committed sweep.
    committed : path, optional
        Default: ``results/issl``.

    Returns
    -------
    Real or None
        None where no table is committed.

    Raises
    ------
    InputError
        When a committed table is damaged.
    """
    if settings.natural and data in (DATA, settings.data_name):
        return Real(own)
    store = Store(committed=share("results") / FOLDER if committed is None else committed)
    names = [committed_name(name, data) for name in (SWEEP, *BESIDE)]
    found = {
        name: store.committed(name) for name in names if shipped.exists(store.committed_root, name)
    }
    sweep = found.pop(names[0], None)
    return None if sweep is None else Real(sweep, _alike(sweep, found))


def _alike(sweep: Result, others: dict[str, Result]) -> dict[str, Result]:
    """Keep the tables whose images, recipe and seeds are the sweep's."""
    return {name: other for name, other in others.items() if _shared(other) == _shared(sweep)}


def _shared(result: Result) -> dict[str, Any]:
    return {**result.manifest.key["config"], "cells": None}


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


def largest_gains(gained: pd.DataFrame) -> str:
    """Say what each variant gains at the largest dimension: mean and range over runs.

    Parameters
    ----------
    gained : pandas.DataFrame
        From :func:`gains`.

    Examples
    --------
    >>> runs = pd.DataFrame({"variant": "CISSL", "run": 0, "dim": [64, 256], "full": [0.4, 0.45]})
    >>> largest_gains(gains(runs, base=64))
    'CISSL +5.0 (+5.0 to +5.0)'
    """
    top = gained[gained.dim == gained.dim.max()].groupby("variant", sort=False).gain
    return ", ".join(
        f"{name} {of.mean():+.1f} ({of.min():+.1f} to {of.max():+.1f})" for name, of in top
    ).replace("-", "\N{MINUS SIGN}")


def verdicts(table: pd.DataFrame, *, base: int) -> pd.DataFrame:
    """Say of each method whether it gains from the dimension, and more than an untrained encoder.

    Parameters
    ----------
    table : pandas.DataFrame
        Of a sweep.
    base : int
        The dimension from which the largest is reached.

    Returns
    -------
    pandas.DataFrame
        A row for each method and probe: ``method``, ``probe``, ``gain`` in points from the base to
        the largest dimension, ``interval`` (95 %, Student's t over runs), ``gains`` ("yes", "no:
        less", "cannot tell"); then the same for the difference to the untrained encoder's gain
        with the same seed: ``beyond untrained``, ``its interval``, ``more``.
    """
    rows = []
    for column, probe in (
        ("full", "all labels"),
        ("few", "few labels"),
        ("augmented", "augmented"),
    ):
        wide = gains(table, base=base, column=column)
        wide = wide[wide.dim == wide.dim.max()].pivot(index="run", columns="variant", values="gain")
        for name in (variant for variant in wide if variant != UNTRAINED):
            own, beyond = wide[name], wide[name] - wide[UNTRAINED]
            rows.append((name, probe, *_said(own), *_said(beyond)))
    columns = ["method", "probe", "gain", "interval", "gains"]
    return pd.DataFrame(rows, columns=[*columns, "beyond untrained", "its interval", "more"])


def _said(values: pd.Series) -> tuple[float, str, str]:
    """Return mean, interval in words, and which side of zero it lies on."""
    mean, low, high = map(float, mean_interval(values))
    side = "yes" if low > 0 else "no: less" if high < 0 else "cannot tell"
    return mean, f"{low:.1f} to {high:.1f}".replace("-", "\N{MINUS SIGN}"), side
