"""How much members disagree, and why that bounds what an ensemble of them can gain.

For one image let n_c of the M members predict class c, and y be the label. The vote of all members
is right or wrong, one member is right with probability n_y / M, and

    |1[y = argmax n] - n_y / M|  <=  1 - n_max / M  <=  1 - sum_c n_c (n_c - 1) / (M (M - 1)).

The left side is the gain of the vote over a member; the right side is the probability that two
different members disagree, called churn. The bounds hold for means over any group, so a group on
whose images the members agree can neither gain nor lose.
"""

from dataclasses import dataclass

import numpy as np

from ssl_lib.evaluation.fairness.ensembles import member_scores
from ssl_lib.evaluation.fairness.groups import Groups
from ssl_lib.evaluation.fairness.inputs import (
    Floats,
    Ints,
    checked_members,
    checked_probabilities,
)

__all__ = ["VoteBound", "churn", "diversity", "pairwise_disagreement", "vote_bound", "votes"]


def votes(probabilities: object) -> Ints:
    """Count the members that predict each class.

    Parameters
    ----------
    probabilities : array-like (m, n, c)

    Returns
    -------
    int64 array (n, c)
        Rows sum to m.

    Examples
    --------
    >>> votes([[[0.9, 0.1]], [[0.2, 0.8]], [[0.6, 0.4]]])
    array([[2, 1]])
    """
    values = checked_probabilities(probabilities)
    _, n, c = values.shape
    cells = values.argmax(axis=2) + c * np.arange(n)
    return np.bincount(cells.ravel(), minlength=n * c).reshape(n, c)


def churn(probabilities: object) -> Floats:
    """Return the share of pairs of members that disagree on each image.

    Parameters
    ----------
    probabilities : array-like (m, n, c)
        At least two members.

    Returns
    -------
    float64 array (n,)
        ``1 - sum_c n_c (n_c - 1) / (m (m - 1))``.

    Examples
    --------
    >>> churn([[[0.9, 0.1]], [[0.2, 0.8]], [[0.6, 0.4]]]).round(3)
    array([0.667])
    """
    values = checked_probabilities(probabilities, fewest=2)
    return _churn(votes(values), len(values))


def _churn(counts: Ints, m: int) -> Floats:
    shares: Floats = 1 - (counts * (counts - 1)).sum(axis=1) / (m * (m - 1))
    return shares


def pairwise_disagreement(probabilities: object, groups: Groups) -> Floats:
    """Return the disagreement of each pair of members on each group.

    Parameters
    ----------
    probabilities : array-like (m, n, c)
    groups : Groups
        Of the n images.

    Returns
    -------
    float64 array (g, m, m)
        Symmetric, 0 on the diagonal; the mean over pairs is the group's mean of :func:`churn`.

    Examples
    --------
    >>> from ssl_lib.evaluation.fairness.groups import subgroups
    >>> members = np.eye(2)[[[0, 0, 1], [0, 1, 1]]]
    >>> pairwise_disagreement(members, subgroups({"all": [True] * 3})).round(3).tolist()
    [[[0.0, 0.333], [0.333, 0.0]]]
    """
    predictions = checked_probabilities(probabilities, fewest=2).argmax(axis=2)
    m = len(predictions)
    matrix = np.zeros((len(groups.names), m, m))
    for i, one in enumerate(predictions):
        matrix[:, i, i:] = matrix[:, i:, i] = groups.mean(predictions[i:] != one).T
    return matrix


def diversity(probabilities: object, labels: object) -> Floats:
    r"""Return how much the ensemble's log-likelihood of each image exceeds that of its members.

    .. math:: \log \frac1M \sum_m p_m(y \mid x) - \frac1M \sum_m \log p_m(y \mid x) \ge 0

    Schweighofer et al. (arXiv 2410.13831): the twin of churn for the log loss.

    Parameters
    ----------
    probabilities : array-like (m, n, c)
        At least two members.
    labels : array-like (n,)

    Returns
    -------
    float64 array (n,)
        In nats; a probability of 0 counts as the smallest that is not.

    Examples
    --------
    >>> members = [[[0.9, 0.1], [0.5, 0.5]], [[0.1, 0.9], [0.5, 0.5]]]
    >>> (diversity(members, [0, 1]) + 0).round(4)
    array([0.5108, 0.    ])
    """
    values, classes = checked_members(probabilities, labels, fewest=2)
    of_truth = values[:, np.arange(len(classes)), classes].astype(np.float64)
    of_truth = np.maximum(of_truth, np.finfo(values.dtype).tiny)
    nats: Floats = np.log(of_truth.mean(axis=0)) - np.log(of_truth).mean(axis=0)
    return np.maximum(nats, 0)


@dataclass(frozen=True, eq=False)
class VoteBound:
    """The gain of the majority vote on each image and what bounds it.

    Attributes
    ----------
    gain : float64 array (n,)
        Vote minus mean member; equal votes are decided by the mean probability.
    room : float64 array (n,)
        ``1 - n_max / m``, never below ``abs(gain)``.
    churn : float64 array (n,)
        Pairwise disagreement, never below `room`.
    """

    gain: Floats
    room: Floats
    churn: Floats


def vote_bound(probabilities: object, labels: object) -> VoteBound:
    """Compare the gain of the vote with its bounds, image by image.

    Parameters
    ----------
    probabilities : array-like (m, n, c)
    labels : array-like (n,)

    Returns
    -------
    VoteBound
        Take a group's means of its parts with :meth:`Groups.mean`.

    Examples
    --------
    >>> members = np.eye(3)[[[1], [1], [2]]]
    >>> bound = vote_bound(members, [1])
    >>> [round(float(part[0]), 3) for part in (bound.gain, bound.room, bound.churn)]
    [0.333, 0.333, 0.667]
    """
    values, classes = checked_members(probabilities, labels, fewest=2)
    m, counts = len(values), votes(values)
    decided = member_scores(values, aggregate="vote").sum(axis=0, dtype=np.float64).argmax(axis=1)
    member = counts[np.arange(len(classes)), classes] / m
    return VoteBound(
        gain=(decided == classes) - member, room=1 - counts.max(axis=1) / m, churn=_churn(counts, m)
    )
