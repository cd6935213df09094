"""Probes with few labels, where representations differ most."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ssl_lib.arguments import ArrayLike, as_array, as_tensor, check_whole
from ssl_lib.errors import InputError, closest
from ssl_lib.evaluation.checks import check_labels, check_pair
from ssl_lib.evaluation.linear import ProbeResult, logistic_probe, ridge_probe
from ssl_lib.randomness import torch_generator

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["few_shot_probe", "sample_shots"]

_PROBES: dict[str, Callable[..., ProbeResult]] = {"logistic": logistic_probe, "ridge": ridge_probe}


def sample_shots(labels: ArrayLike, *, shots: int, generator: torch.Generator) -> Tensor:
    """Draw the same number of samples of every class, without replacement.

    Parameters
    ----------
    labels : torch.Tensor of shape (n,)
        Classes.
    shots : int
        Samples of each class.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    torch.Tensor of shape (classes * shots,), int64
        Row numbers, ordered by class.

    Raises
    ------
    InputError
        When a class has fewer samples; it names the class.

    Examples
    --------
    >>> labels = torch.tensor([1, 0, 1, 0, 0])
    >>> rows = sample_shots(labels, shots=2, generator=torch.Generator().manual_seed(0))
    >>> labels[rows].tolist()
    [0, 0, 1, 1]
    """
    labels = as_tensor(labels, name="labels")
    labels = check_labels(labels, n=labels.numel()).cpu()
    check_whole("shots", shots)
    order = torch.randperm(len(labels), generator=generator)
    drawn = []
    for label in labels.unique():
        rows = order[labels[order] == label]
        if len(rows) < shots:
            raise InputError(
                f"class {int(label)} has {len(rows)} samples, fewer than {shots} shots."
            )
        drawn.append(rows[:shots])
    return torch.cat(drawn)


def few_shot_probe(
    train: ArrayLike,
    labels: ArrayLike,
    test: ArrayLike,
    test_labels: ArrayLike,
    *,
    shots: Sequence[int] = (1, 5, 10),
    draws: int = 5,
    seed: int = 0,
    probe: str = "logistic",
    standardise: bool = True,
) -> pd.DataFrame:
    """Fit a probe on few labels per class, over several draws of them.

    Parameters
    ----------
    train : torch.Tensor of shape (n, d)
        Features that the labelled samples are drawn from.
    labels : torch.Tensor of shape (n,)
        Their classes.
    test : torch.Tensor of shape (m, d)
        Features that judge it.
    test_labels : torch.Tensor of shape (m,)
        Their classes.
    shots : sequence of int, default=(1, 5, 10)
        Labels of each class.
    draws : int, default=5
        How often they are drawn. The same seed draws the same samples for every encoder.
    seed : int, default=0
        Seed of the draws.
    probe : {"logistic", "ridge"}, default="logistic"
        Which probe.
    standardise : bool, default=True
        Scale each dimension by mean and standard deviation over *all* training features, which
        need no label; few labelled samples could not estimate them.

    Returns
    -------
    pandas.DataFrame
        Columns ``shots``, ``draw``, ``accuracy`` and ``converged`` (whether the probe's solver
        reached its tolerance), a row for each fit.

    Examples
    --------
    >>> x = torch.tensor([[0.0], [0.1], [1.0], [1.1]])
    >>> y = torch.tensor([0, 0, 1, 1])
    >>> few_shot_probe(x, y, x, y, shots=[1], draws=2)["accuracy"].tolist()
    [1.0, 1.0]
    """
    import pandas as pd

    if probe not in list(_PROBES):
        raise InputError(f"unknown probe {probe!r}.{closest(probe, _PROBES)}")
    check_whole("draws", draws)
    counts = as_array(shots, name="shots")
    if counts.ndim != 1 or not len(counts):
        raise InputError(f"shots must be one or more whole numbers, such as [1, 5]; got {shots!r}.")
    train, test = check_pair(train, test)
    labels = check_labels(labels, n=len(train))
    test_labels = check_labels(test_labels, n=len(test), name="test_labels")
    if standardise:
        mean, scale = train.mean(0), train.std(0, unbiased=False)
        scale = torch.where(scale > 0, scale, 1.0)
        train, test = (train - mean) / scale, (test - mean) / scale
    rows = []
    for count in [check_whole("shots", count) for count in counts.tolist()]:
        for draw in range(draws):
            generator = torch_generator(seed, "few-shot", count, draw)
            chosen = sample_shots(labels, shots=count, generator=generator).to(train.device)
            result = _PROBES[probe](
                train[chosen],
                labels.to(train.device)[chosen],
                test,
                test_labels,
                standardise=False,
            )
            rows.append({
                "shots": count,
                "draw": draw,
                "accuracy": result.accuracy,
                "converged": result.converged,
            })  # fmt: skip
    return pd.DataFrame(rows)
