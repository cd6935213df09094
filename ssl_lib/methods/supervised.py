"""The supervised baseline: cross-entropy on labels with a linear classifier."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.methods.base import Logs, Method, ViewBatch
from ssl_lib.methods.precision import full_precision
from ssl_lib.models.heads import linear_head
from ssl_lib.models.seeding import seeded


@full_precision
def supervised_loss(logits: Tensor, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy of `labels` (n,) under `logits` (n, K), in nats.

    Parameters
    ----------
    logits : torch.Tensor
        (n, K).
    labels : torch.Tensor
        (n,) int64 in [0, K).
    label_smoothing : float
        Mass spread evenly over all K classes, the true one included.

    Returns
    -------
    torch.Tensor
        0-d; log K for constant logits.

    Examples
    --------
    >>> supervised_loss(torch.zeros(4, 10), torch.arange(4))
    tensor(2.3026)
    """
    if len(logits) != len(labels):
        raise InputError(f"{len(logits)} rows of logits for {len(labels)} labels")
    try:
        return F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
    except IndexError as error:
        raise InputError(f"a target lies outside [0, {logits.shape[1]}): {error}") from error


class Supervised(Method):
    """Supervised baseline: a linear classifier on the encoder, averaged over views.

    Parameters
    ----------
    encoder : torch.nn.Module
        With attribute `out_dim`.
    n_classes : int
        K.
    label_smoothing : float
        See :func:`supervised_loss`.
    bias : bool
        Whether the classifier has a bias.
    concatenate_views : bool
        See :class:`~ssl_lib.methods.base.Method`.
    seed : int or torch.Generator
        Draws the classifier's weights.

    Examples
    --------
    >>> from ssl_lib.models import MLP
    >>> method = Supervised(MLP(64, 16), n_classes=10)
    >>> batch = ViewBatch(views=(torch.rand(4, 1, 8, 8),), labels=torch.arange(4))
    >>> sorted(method(batch).logs)
    ['accuracy', 'feature_std']
    """

    name = "supervised"
    min_views = 1
    uses_labels = True
    uses_batch_statistics = False

    def __init__(
        self,
        encoder: nn.Module,
        *,
        n_classes: int,
        label_smoothing: float = 0.0,
        bias: bool = True,
        concatenate_views: bool = False,
        seed: int | torch.Generator = 0,
    ) -> None:
        super().__init__(encoder, concatenate_views=concatenate_views)
        self.label_smoothing = checked_smoothing(label_smoothing)
        with seeded(seed, "head"):
            self.classifier = linear_head(self.encoder_dim, n_classes, bias=bias)

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return the mean cross-entropy over views."""
        assert batch.labels is not None
        logits = self.map_views(self.classifier, features)
        losses = [
            supervised_loss(view, batch.labels, label_smoothing=self.label_smoothing)
            for view in logits
        ]
        return torch.stack(losses).mean(), {"accuracy": accuracy(logits[0], batch.labels)}


def checked_smoothing(label_smoothing: float) -> float:
    """Return `label_smoothing`, or raise InputError when it is outside [0, 1].

    Examples
    --------
    >>> checked_smoothing(0.8)
    0.8
    """
    if not 0 <= label_smoothing <= 1:
        raise InputError(f"label_smoothing={label_smoothing} must lie in [0, 1]")
    return label_smoothing


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share of rows of `logits` (n, K) whose maximum is at `labels` (n,).

    Examples
    --------
    >>> accuracy(torch.eye(4), torch.tensor([0, 1, 2, 0]))
    tensor(0.7500)
    """
    return (logits.detach().argmax(1) == labels).float().mean()
