"""The chapter on CIFAR-10 and TinyImageNet, in tables small enough to be committed.

``python -m ssl_lib.papers.fair_ensemble.publish`` trains what is not stored yet and writes them.
"""

import dataclasses
from collections.abc import Callable, Iterator

import pandas as pd

from ssl_lib.papers.fair_ensemble import tables
from ssl_lib.papers.fair_ensemble.members import Chapter, load
from ssl_lib.papers.fair_ensemble.settings import Settings
from ssl_lib.paths import share
from ssl_lib.results import Result, Store
from ssl_lib.results import published as committed

__all__ = ["SUMMARIES", "Summary", "committed_store", "compute", "measured"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
    """One of the tables.

    Attributes
    ----------
    name : str
        A key of `SUMMARIES`.
    settings : Settings
        Of the run that it sums up.
    """

    name: str
    settings: Settings


def each(chapter: Chapter) -> Iterator[tuple[str, Chapter]]:
    """Yield each data set's name with the part of the chapter that is about it."""
    for data in dict.fromkeys(run.data for run, _ in chapter.balanced):
        parts = (
            [pair for pair in pairs if pair[0].data == data]
            for pairs in (chapter.balanced, chapter.imbalanced)
        )
        yield tables.NAMES[data], Chapter(chapter.settings, *parts)


def by_data(table: Callable[[Chapter], pd.DataFrame]) -> Callable[[Chapter], pd.DataFrame]:
    """Return what makes a table of each data set and puts them below each other."""

    def stacked(chapter: Chapter) -> pd.DataFrame:
        parts = [table(part).assign(data=name) for name, part in each(chapter)]
        return pd.concat(parts, ignore_index=True)

    return stacked


def beside(chapter: Chapter) -> pd.DataFrame:
    """Return the rows of this run beside the paper's Table 1."""
    table = tables.beside_table_1(chapter)
    return table[table.source != "paper"].reset_index(drop=True)


def settings_here(chapter: Chapter) -> pd.DataFrame:
    """Return what differs from the paper's Table 1, the rows of this run."""
    return tables.settings_beside(chapter).query("where == 'here'").reset_index(drop=True)


def costs(chapter: Chapter) -> pd.DataFrame:
    """Return what was trained and how long it took, a row a training set.

    Returns
    -------
    pandas.DataFrame
        Columns data, images (a class: majority/minority, or in all), networks, width, pixels,
        epochs, seconds (training, predicting and evaluating), device.
    """
    rows = []
    for run, result in (*chapter.balanced, *chapter.imbalanced):
        images = f"{run.per_class[0]}/{run.per_class[1]} a class" if run.per_class else ""
        rows.append(
            {
                "data": tables.NAMES[run.data], "images": images or f"{run.train_images or 'all'}",
                "networks": tables.trained(run), "width": run.encoder_options.get("width", 64),
                "pixels": run.size, "epochs": run.epochs, "seconds": result.manifest.seconds,
                "device": run.device,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


SUMMARIES: dict[str, Callable[[Chapter], pd.DataFrame]] = {
    "curves": by_data(tables.curves),
    "beside": beside,
    "settings": settings_here,
    "disagreement": by_data(tables.disagreement),
    "classes": by_data(tables.classes),
    "sources": tables.sources,
    "corruption": tables.corruption,
    "imbalance": tables.imbalance,
    "costs": costs,
}
"""What makes each table from the chapter's run."""


def compute(config: Summary) -> pd.DataFrame:
    """Make one table, from the stored results of the run or by training."""
    return SUMMARIES[config.name](load(config.settings))


def committed_store() -> Store:
    """Return the store whose committed tables are this chapter's."""
    return Store(committed=share("results") / "fair_ensemble")


def measured(settings: Settings) -> dict[str, Result]:
    """Return the tables: the run's own where it trains on pictures, else the committed ones.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    dict of str to Result
        By name; empty where none are committed.
    """
    store, own = committed_store(), not settings.on_digits
    found = {}
    for name in SUMMARIES:
        key = f"fair_ensemble-pictures-{name}"
        if own:
            found[name] = store.table(key, compute, Summary(name=name, settings=settings))
        elif committed.exists(store.committed_root, key):
            found[name] = store.committed(key)
    return found
