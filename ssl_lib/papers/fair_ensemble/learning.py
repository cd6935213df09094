"""Accuracy of the class groups by epoch while one source of randomness varies (sections 4.2, 4.3).

The authors' code ranks classes by their final accuracy in the runs in which everything varies, and
compares the runs of an ablation with each other at every epoch. So does this.
"""

import dataclasses
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from ssl_lib.data import ImageData
from ssl_lib.methods import Method
from ssl_lib.papers.fair_ensemble import members
from ssl_lib.papers.fair_ensemble.settings import Run, Settings
from ssl_lib.results import Result, Store
from ssl_lib.training.loop import pretrain

__all__ = ["ARMS", "Learning", "compute", "curves", "differences", "learning"]

ARMS = ("everything", "initialisation", "order", "augmentation", "nothing")
CONTROLS = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Learning:
    """What is trained.

    Attributes
    ----------
    run : Run
        Its training set, recipe and members' seeds.
    repeats : int
        Runs of each arm; "nothing" has two.
    """

    run: Run
    repeats: int


def learning(settings: Settings, store: Store | None = None) -> Result:
    """Return class accuracies by epoch on the first training set.

    Parameters
    ----------
    settings : Settings
    store : Store, optional
        By default the user's.

    Returns
    -------
    Result
        See :func:`compute`.
    """
    first = dataclasses.replace(settings.runs[0], arms=ARMS, corruptions=())
    config = Learning(run=first, repeats=2 if settings.profile == "smoke" else 4)
    hashes = {first.data: "-".join(part.fingerprint for part in members.images(first))}
    return (store or Store()).table("fair_ensemble-learning", compute, config, data=hashes)


def compute(config: Learning, workdir: Path) -> pd.DataFrame:
    """Train every run and evaluate it after each epoch.

    Parameters
    ----------
    config : Learning
    workdir : path
        For checkpoints.

    Returns
    -------
    pandas.DataFrame
        Columns arm, repeat, epoch, label, accuracy (on the test images of the class).
    """
    training, test = members.images(config.run)
    rows = []
    for arm in ARMS:
        own = [member for member in members.members(config.run) if member.arm == arm]
        for repeat, member in enumerate(own[: CONTROLS if arm == "nothing" else config.repeats]):
            folder = workdir / f"{arm}-{repeat}"
            for epoch, accuracies in enumerate(_train(config.run, training, test, member, folder)):
                head = {"arm": arm, "repeat": repeat, "epoch": epoch + 1}
                rows += [head | {"label": k, "accuracy": a} for k, a in enumerate(accuracies)]
    return pd.DataFrame(rows)


def _train(
    run: Run, training: ImageData, test: ImageData, member: members.Member, folder: Path
) -> list[list[float]]:
    def evaluate(method: Method) -> dict[str, float]:
        logits = members._logits([method], test.floats(), run)[0]
        return _by_class(logits.argmax(1) == test.labels, test.labels, test.n_classes)

    method = members._method(run, training, member)
    config = dataclasses.replace(
        members._config(run),
        order_seed=member.order,
        views_seed=member.augmentation,
        evaluate_every=1,
        checkpoint_every=run.epochs,
    )
    done = pretrain(
        method, training, policy=members._policy(run, training), config=config, device=run.device,
        out=folder, metrics=evaluate, progress=False,
    )  # fmt: skip
    return [[float(entry[f"class {k}"]) for k in range(test.n_classes)] for entry in done.history]


def _by_class(right: Tensor, labels: Tensor, n_classes: int) -> dict[str, float]:
    counts = torch.bincount(labels, minlength=n_classes)
    sums = torch.bincount(labels, weights=right.double(), minlength=n_classes)
    return {f"class {k}": float(a) for k, a in enumerate(sums / counts)}


def curves(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Return group accuracy of every run by epoch.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`compute`.
    k : int
        Classes in the top and the bottom group: those with the highest and the lowest final
        accuracy in the mean of the runs in which everything varies. Ties go to the lower label.

    Returns
    -------
    pandas.DataFrame
        Columns arm, repeat, epoch, group, accuracy in percent.

    Examples
    --------
    >>> rows = [("everything", 0, 1, label, label / 10) for label in range(4)]
    >>> table = pd.DataFrame(rows, columns=["arm", "repeat", "epoch", "label", "accuracy"])
    >>> curves(table, 1).set_index("group").accuracy.round(6).to_dict()
    {'all': 15.0, 'top': 30.0, 'bottom': 0.0}
    """
    last = table[(table.arm == "everything") & (table.epoch == table.epoch.max())]
    order = last.groupby("label").accuracy.mean().sort_values(kind="stable").index
    groups = {"all": order, "top": order[-k:], "bottom": order[:k]}
    keys = ["arm", "repeat", "epoch"]
    parts = [
        (100 * table[table.label.isin(labels)].groupby(keys, sort=False).accuracy.mean())
        .reset_index()
        .assign(group=group)
        for group, labels in groups.items()
    ]
    return pd.concat(parts, ignore_index=True)


def differences(table: pd.DataFrame) -> pd.DataFrame:
    """Return how far the runs of each arm are apart, as the authors' code has it.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`curves`.

    Returns
    -------
    pandas.DataFrame
        Columns varied, group, difference, difference_sd, variance, variance_sd: mean absolute
        difference of pairs of runs in points, and variance of the runs, at each epoch; mean and
        standard deviation over epochs.

    Examples
    --------
    >>> rows = [("order", repeat, 1, "all", 50.0 + 2 * repeat) for repeat in range(3)]
    >>> table = pd.DataFrame(rows, columns=["arm", "repeat", "epoch", "group", "accuracy"])
    >>> found = differences(table).iloc[0]
    >>> float(found.difference.round(4)), float(found.variance.round(4))
    (2.6667, 2.6667)
    """
    rows: list[dict[str, Any]] = []
    for (arm, group), part in table.groupby(["arm", "group"], sort=False):
        runs = part.pivot(index="epoch", columns="repeat", values="accuracy")
        pairs = [(runs[a] - runs[b]).abs() for a, b in combinations(runs.columns, 2)]
        apart = pd.concat(pairs, axis=1).mean(axis=1)
        variance = runs.var(axis=1, ddof=0)
        rows.append(
            {
                "varied": arm, "group": group,
                "difference": apart.mean(), "difference_sd": apart.std(ddof=0),
                "variance": variance.mean(), "variance_sd": variance.std(ddof=0),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
