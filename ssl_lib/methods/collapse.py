"""Whether prototypes collapse: how many are used, how many differ, whether predictions are flat.

A small divergence from the prior can have wrong reasons: flat predictions, or copies of a prototype
that share a large cluster among them and look like many small ones (Govindarajan et al. 2024,
"On partial prototype collapse in clustering-based self-supervised learning").
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ssl_lib.arguments import check_whole
from ssl_lib.errors import InputError
from ssl_lib.methods.base import Logs, hard_usage, used_prototypes
from ssl_lib.methods.precision import full_precision
from ssl_lib.methods.prior import prior_divergence, uniform_prior

#: Prototypes with a cosine of at least this are copies of one another.
ALIKE = 0.9
_ROWS = 4096


@full_precision
@torch.no_grad()
def distinct_prototypes(prototypes: Tensor, *, cosine: float = ALIKE) -> Tensor:
    """Count the prototypes that have no copy: whose cosine with every other one is below a bound.

    Parameters
    ----------
    prototypes : torch.Tensor
        (K, d), of any length.
    cosine : float
        The bound.

    Returns
    -------
    torch.Tensor
        0-d float.

    Examples
    --------
    >>> distinct_prototypes(torch.tensor([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0]]))
    tensor(1.)
    """
    unit = F.normalize(prototypes, dim=-1)
    places = torch.arange(len(unit), device=unit.device)
    nearest = [
        (rows @ unit.T).masked_fill(place[:, None] == places, -torch.inf).amax(1)
        for rows, place in zip(unit.split(_ROWS), places.split(_ROWS), strict=True)
    ]
    return (torch.cat(nearest) < cosine).float().sum()


@torch.no_grad()
def merged_usage(usage: Tensor, prototypes: Tensor, *, cosine: float = ALIKE) -> Tensor:
    """Return the usage of groups of copies, largest first, to be compared with a prior.

    Parameters
    ----------
    usage : torch.Tensor
        (K,) share of each prototype, soft or hard.
    prototypes : torch.Tensor
        (K, d), of any length.
    cosine : float
        Prototypes at least so close are in one group, and so are those linked by others.

    Returns
    -------
    torch.Tensor
        (groups,), with the sum of `usage`.

    Raises
    ------
    InputError
        When there is not one share per prototype.

    Examples
    --------
    >>> prototypes = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.1]])
    >>> merged_usage(torch.tensor([0.3, 0.4, 0.3]), prototypes)
    tensor([0.6000, 0.4000])
    """
    from scipy.sparse.csgraph import connected_components

    if usage.shape != prototypes.shape[:1]:
        raise InputError(
            f"usage needs one share per prototype, got {tuple(usage.shape)} for "
            f"{len(prototypes)} prototypes"
        )
    unit = F.normalize(prototypes.float(), dim=-1)
    count, groups = connected_components((unit @ unit.T >= cosine).cpu().numpy(), directed=False)
    index = torch.as_tensor(groups, dtype=torch.int64, device=usage.device)
    return usage.new_zeros(count).index_add(0, index, usage).sort(descending=True).values


@torch.no_grad()
def prototype_logs(predictions: Tensor, prototypes: Tensor, cross_entropy: Tensor) -> Logs:
    """Return what every method with prototypes logs of them.

    Parameters
    ----------
    predictions : torch.Tensor
        (n, K) probabilities.
    prototypes : torch.Tensor
        (K, d).
    cross_entropy : torch.Tensor
        0-d, of the targets under the predictions.

    Returns
    -------
    dict
        ``used_prototypes`` (some sample's most probable one), ``largest_share`` (of samples at one
        prototype), ``distinct_prototypes``, ``non_uniformity`` (divergence of the mean prediction
        from the uniform prior, log K - H) and ``flatness``: the cross-entropy over log K, its value
        for flat predictions.

    Examples
    --------
    >>> logs = prototype_logs(torch.eye(4), torch.eye(4), torch.tensor(0.1))
    >>> {name: round(value.item(), 3) for name, value in logs.items()}
    {'used_prototypes': 4.0, 'largest_share': 0.25, 'distinct_prototypes': 4.0,
     'non_uniformity': 0.0, 'flatness': 0.072}
    """
    k = prototypes.shape[-2]
    mean = predictions.mean(0)
    return {
        "used_prototypes": used_prototypes(predictions),
        "largest_share": hard_usage(predictions).max(),
        "distinct_prototypes": distinct_prototypes(prototypes),
        "non_uniformity": prior_divergence(mean, uniform_prior(k)),
        "flatness": cross_entropy / max(math.log(k), torch.finfo(torch.float32).tiny),
    }


def collapse_alarms(
    history: Sequence[Mapping[str, float]], *, n_prototypes: int, n_classes: int | None = None
) -> tuple[str, ...]:
    """Say what in a run's history looks like a collapse of its prototypes.

    Parameters
    ----------
    history : sequence of mapping
        Entries in the order of training with the logs of :func:`prototype_logs`, such as
        ``Run.history``.
    n_prototypes : int
        K.
    n_classes : int, optional
        How many groups of images there are, where that is known to be fewer than K / 2.

    Returns
    -------
    tuple of str
        Of "few prototypes are used" (a quarter of K, or of twice the classes, at the end),
        "prototypes are copies" (fewer than half of K are distinct at the end), "predictions are
        flat" (the cross-entropy within 1 % of log K after 30 % of the run) and "usage is far from
        the prior" (a divergence above 0.1 at the end; from the uniform prior for a method without
        one).

    Raises
    ------
    InputError
        When the last entry has no such logs, or they are NaN or infinite: the run has diverged.

    Examples
    --------
    >>> entry = {"used_prototypes": 3, "distinct_prototypes": 60, "flatness": 1.4,
    ...          "non_uniformity": 0.02}
    >>> collapse_alarms([entry, entry | {"flatness": 0.998}], n_prototypes=64)
    ('few prototypes are used', 'predictions are flat')
    """
    check_whole("n_prototypes", n_prototypes)
    if not history or "distinct_prototypes" not in history[-1]:
        raise InputError("the history has no entry with logs of prototypes")
    last, later = history[-1], history[math.ceil(0.3 * len(history)) :] or history[-1:]
    _check_finite(last)
    groups = n_prototypes
    if n_classes is not None:
        groups = min(groups, 2 * check_whole("n_classes", n_classes))
    found = {
        "few prototypes are used": last["used_prototypes"] < groups / 4,
        "prototypes are copies": last["distinct_prototypes"] < n_prototypes / 2,
        "predictions are flat": all(abs(entry["flatness"] - 1) < 0.01 for entry in later),
        "usage is far from the prior": last.get("regulariser", last["non_uniformity"]) > 0.1,
    }
    return tuple(name for name, alarm in found.items() if alarm)


def _check_finite(entry: Mapping[str, float]) -> None:
    for name in ("used_prototypes", "distinct_prototypes", "flatness", "non_uniformity"):
        if not math.isfinite(entry[name]):
            raise InputError(f"{name} is {entry[name]} in the last entry: the run has diverged")
