"""How well clusters agree with classes: Rand index, mutual information, purity.

Indices of clusterings with different numbers of clusters are not strictly comparable: purity grows
with the number, so that it is reported beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ssl_lib.arguments import ArrayLike, as_tensor
from ssl_lib.errors import InputError
from ssl_lib.evaluation.checks import check_labels

__all__ = ["ClusterAgreement", "cluster_agreement", "majority_classes", "purity"]


@dataclass(frozen=True)
class ClusterAgreement:
    """Agreement of clusters with classes.

    Attributes
    ----------
    ari : float
        Adjusted Rand index: 1 for equal partitions, 0 on average for random ones.
    nmi : float
        Mutual information over the mean of both entropies, from 0 to 1.
    purity : float
        Share of samples in the majority class of their cluster.
    clusters : int
        Clusters that have samples.
    covered : int
        Classes that are the majority of a cluster.

    Examples
    --------
    >>> ClusterAgreement(ari=1.0, nmi=1.0, purity=1.0, clusters=3, covered=3).covered
    3
    """

    ari: float
    nmi: float
    purity: float
    clusters: int
    covered: int


def cluster_agreement(labels: ArrayLike, clusters: ArrayLike) -> ClusterAgreement:
    """Compare clusters with classes.

    Parameters
    ----------
    labels : torch.Tensor of shape (n,)
        Classes.
    clusters : torch.Tensor of shape (n,)
        Cluster of each sample, for example its most probable prototype.

    Returns
    -------
    ClusterAgreement

    Raises
    ------
    InputError
        When there is no sample, or labels and clusters are not whole numbers of one length.

    Examples
    --------
    >>> found = cluster_agreement([0, 0, 0, 1, 1, 1], [2, 2, 5, 5, 7, 7])
    >>> round(found.ari, 3), round(found.nmi, 3), round(found.purity, 3), found.clusters
    (0.242, 0.516, 0.833, 3)
    """
    from sklearn import metrics

    labels, clusters = _checked(labels, clusters)
    majority = majority_classes(labels, clusters)
    pair = labels.numpy(), clusters.numpy()
    return ClusterAgreement(
        ari=float(metrics.adjusted_rand_score(*pair)),
        nmi=float(metrics.normalized_mutual_info_score(*pair)),
        purity=purity(labels, clusters),
        clusters=len(majority),
        covered=len(majority.unique()),
    )


def purity(labels: ArrayLike, clusters: ArrayLike) -> float:
    """Return the share of samples that are in the majority class of their cluster.

    Parameters
    ----------
    labels : torch.Tensor of shape (n,)
        Classes.
    clusters : torch.Tensor of shape (n,)
        Cluster of each sample.

    Returns
    -------
    float
        From the share of the largest class, for one cluster, to 1.

    Raises
    ------
    InputError
        When there is no sample, or labels and clusters are not whole numbers of one length.

    Examples
    --------
    >>> purity([0, 0, 1, 1], [3, 3, 3, 8])
    0.75
    """
    labels, clusters = _checked(labels, clusters)
    return int(_contingency(labels, clusters).amax(1).sum()) / len(labels)


def majority_classes(labels: ArrayLike, clusters: ArrayLike) -> Tensor:
    """Return the most frequent class of each cluster that has samples, in the clusters' order.

    Parameters
    ----------
    labels : torch.Tensor of shape (n,)
        Classes; of equally frequent ones the first counts.
    clusters : torch.Tensor of shape (n,)
        Cluster of each sample.

    Returns
    -------
    torch.Tensor of shape (clusters,), int64

    Examples
    --------
    >>> majority_classes([0, 0, 4, 4], [3, 3, 3, 8])
    tensor([0, 4])
    """
    labels, clusters = _checked(labels, clusters)
    majority: Tensor = labels.unique()[_contingency(labels, clusters).argmax(1)]
    return majority


def _checked(labels: ArrayLike, clusters: ArrayLike) -> tuple[Tensor, Tensor]:
    n = as_tensor(labels, name="labels").numel()
    if not n:
        raise InputError("labels must hold at least one sample.")
    return check_labels(labels, n=n).cpu(), check_labels(clusters, n=n, name="clusters").cpu()


def _contingency(labels: Tensor, clusters: Tensor) -> Tensor:
    """Count the samples of each class in each cluster, (clusters, classes)."""
    classes, column = labels.unique(return_inverse=True)
    found, row = clusters.unique(return_inverse=True)
    counts: Tensor = (row * len(classes) + column).bincount(minlength=len(found) * len(classes))
    return counts.view(len(found), len(classes))
