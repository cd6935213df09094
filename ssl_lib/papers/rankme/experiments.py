"""The chapter's stored tables: one row for each number measured on each trained encoder."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import torch

from ssl_lib.data import ImageData
from ssl_lib.evaluation.features import extract
from ssl_lib.methods import Method
from ssl_lib.papers.rankme import measures, training
from ssl_lib.papers.rankme.plan import Experiment, experiments
from ssl_lib.papers.rankme.settings import Settings
from ssl_lib.results import Result, Store

__all__ = ["COLUMNS", "FOLDER", "Results", "load", "sweep_table", "table"]

#: Where the committed tables of real images are, below ``results``.
FOLDER = "rankme"
COLUMNS = ["seed", "setting", "measure", "at", "value"]


def sweep_table(config: Experiment, workdir: Path) -> pd.DataFrame:
    """Train a sweep with every seed and measure its encoders.

    Parameters
    ----------
    config : Experiment
    workdir : pathlib.Path
        For checkpoints.

    Returns
    -------
    pandas.DataFrame
        Columns seed, setting (the hyper-parameter's value), measure, at, value; see
        :mod:`ssl_lib.papers.rankme.measures`.
    """
    rows = [
        (seed, setting, *row)
        for seed in config.seeds
        for setting, found in _seed(config, seed, workdir)
        for row in found
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"at": "float64", "value": "float64"})


def _seed(
    config: Experiment, seed: int, workdir: Path
) -> Iterator[tuple[float, Iterator[measures.Row]]]:
    every, test = training.split(config, seed)
    source, held = (_classes(part, config.half, first=True) for part in (every, test))
    members = training.train(config, source, seed, workdir=workdir)
    pairs = [(source, held)]
    if config.half:
        pairs.append((_classes(every, True, first=False), _classes(test, True, first=False)))
    for setting, member in zip(config.values, members, strict=True):
        features = [_features(config, member, pair, source, seed) for pair in pairs]
        noise = config.sweep == "temperature" and not config.half
        target = features[1] if config.half else None
        yield setting, measures.measure(*features[0], target=target, seed=seed, noise=noise)


def _classes(images: ImageData, half: bool, *, first: bool) -> ImageData:
    if not half:
        return images
    return images.subset((images.labels < images.n_classes / 2) == first)


def _features(
    config: Experiment,
    member: Method,
    pair: tuple[ImageData, ImageData],
    source: ImageData,
    seed: int,
) -> tuple[measures.Features, measures.Features]:
    _, normalise = training.views(config, source)
    encode = partial(extract, member.encoder, transform=normalise)
    head = member.head
    assert isinstance(head, torch.nn.Module)
    chosen = (training.measured(config, pair[0], seed, config.samples), pair[1])
    train, test = (measures.Features.of(encode, head, part) for part in chosen)
    return train, test


@dataclass(frozen=True)
class Results:
    """The tables of one run.

    Attributes
    ----------
    settings : Settings
    tables : dict of str to Result
        By experiment, see :func:`ssl_lib.papers.rankme.plan.experiments`.
    """

    settings: Settings
    tables: dict[str, Result]

    @property
    def all(self) -> tuple[Result, ...]:
        """Every table, for the provenance of the page."""
        return tuple(self.tables.values())

    def long(self, *measure: str, experiments: tuple[str, ...] = ()) -> pd.DataFrame:
        """Return the rows of some measures over all experiments, or some of them.

        Parameters
        ----------
        *measure : str
            Names of measures; none gives all.
        experiments : tuple of str, default=()
            Names of experiments; empty gives all.

        Returns
        -------
        pandas.DataFrame
            Columns experiment and those of the tables.
        """
        chosen = experiments or tuple(self.tables)
        parts = [self.tables[name].table.assign(experiment=name) for name in chosen]
        table = pd.concat(parts, ignore_index=True)[["experiment", *COLUMNS]]
        keep = table.measure.isin(measure) if measure else table.measure.notna()
        return table[keep].reset_index(drop=True)


def load(settings: Settings, *, store: Store | None = None) -> Results:
    """Fetch all tables of a run, training what no earlier run has trained.

    Parameters
    ----------
    settings : Settings
    store : Store, optional
        Default: the user's.

    Returns
    -------
    Results
    """
    store = store or Store()
    tables = {name: table(settings, name, store=store) for name in experiments(settings)}
    return Results(settings=settings, tables=tables)


def table(settings: Settings, name: str, *, store: Store | None = None) -> Result:
    """Fetch the table of one experiment, training what no earlier run has trained.

    Parameters
    ----------
    settings : Settings
    name : str
        See :func:`ssl_lib.papers.rankme.plan.experiments`.
    store : Store, optional
        Default: the user's.

    Returns
    -------
    Result
    """
    config = experiments(settings)[name]
    both = training.images(config.data, config.images)
    data = {part.name: part.fingerprint for part in both if part}
    return (store or Store()).table(f"rankme-{name}", sweep_table, config, data=data)
