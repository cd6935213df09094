"""DIET (Balestriero 2023): classify each training image as its own class."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ssl_lib.errors import InputError
from ssl_lib.methods.base import Logs, Method, ViewBatch
from ssl_lib.methods.precision import full_precision
from ssl_lib.methods.supervised import accuracy, checked_smoothing, supervised_loss
from ssl_lib.models.heads import linear_head
from ssl_lib.models.seeding import seeded


@full_precision
def diet_loss(
    features: Tensor,
    weight: Tensor,
    indices: Tensor,
    *,
    label_smoothing: float = 0.8,
    chunk: int | None = None,
) -> Tensor:
    r"""Return the cross-entropy of the data indices under W f(x).

    .. math:: L = -\frac1n \sum_i \sum_c t_{ic} \log \mathrm{softmax}(W f(x_i))_c,
       \qquad t_i = (1 - \alpha) e_{n_i} + \frac{\alpha}{N} 1

    Parameters
    ----------
    features : torch.Tensor
        (n, d) encoder outputs.
    weight : torch.Tensor
        (N, d) W, one row for each training image.
    indices : torch.Tensor
        (n,) int64 positions in the training set.
    label_smoothing : float
        :math:`\alpha`; 0.8 in every public implementation.
    chunk : int, optional
        Classes at a time. The logits are then never held at once, forward or backward, which takes
        twice the products and n `chunk` instead of n N numbers.

    Returns
    -------
    torch.Tensor
        0-d, nats; log N at W = 0, never below :func:`diet_floor`.

    Examples
    --------
    >>> diet_loss(torch.ones(4, 2), torch.zeros(1297, 2), torch.arange(4))
    tensor(7.1678)
    >>> features, weight = torch.eye(4), torch.eye(4)
    >>> diet_loss(features, weight, torch.arange(4), chunk=3)
    tensor(1.3437)
    """
    if chunk is None:
        return supervised_loss(features @ weight.T, indices, label_smoothing=label_smoothing)
    if chunk < 1:
        raise InputError(f"chunk={chunk} must be positive")
    parts = [
        checkpoint(_chunk, features, rows, use_reentrant=False, preserve_rng_state=False)
        for rows in weight.split(chunk)
    ]
    log_partition = torch.stack([part[0] for part in parts]).logsumexp(0)
    total = torch.stack([part[1] for part in parts]).sum(0)
    own = (features * weight[indices]).sum(1)
    smooth = label_smoothing / len(weight)
    return (log_partition - (1 - label_smoothing) * own - smooth * total).mean()


def _chunk(features: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    logits = features @ rows.T
    return logits.logsumexp(1), logits.sum(1)


def diet_floor(n_data: int, *, label_smoothing: float = 0.8) -> float:
    """Return the smallest value of :func:`diet_loss`, the entropy of the smoothed target.

    Parameters
    ----------
    n_data : int
        N, training images.
    label_smoothing : float
        Of the loss.

    Examples
    --------
    >>> round(diet_floor(1297), 4), round(diet_floor(50_000), 4)
    (6.2305, 9.1561)
    """
    low = label_smoothing / n_data
    high = 1 - label_smoothing + low
    return sum(-count * p * math.log(p) for count, p in ((1, high), (n_data - 1, low)) if p > 0)


class DIET(Method):
    """DIET: a linear layer without bias from the encoder to one class per training image.

    Parameters
    ----------
    encoder : torch.nn.Module
        With attribute `out_dim`.
    n_data : int
        N, images in the training set; `batch.indices` are positions in it.
    label_smoothing : float
        See :func:`diet_loss`.
    chunk : int, optional
        See :func:`diet_loss`.
    normalise : bool
        Whether the features are put on the unit sphere first (s-DIET's repair; off in DIET).
    concatenate_views : bool
        See :class:`~ssl_lib.methods.base.Method`.
    seed : int or torch.Generator
        Draws the classifier's weights.

    Examples
    --------
    >>> from ssl_lib.models import MLP
    >>> method = DIET(MLP(64, 16), n_data=100)
    >>> batch = ViewBatch(views=(torch.rand(4, 1, 8, 8),), indices=torch.arange(4))
    >>> sorted(method(batch).logs)
    ['excess', 'feature_std', 'index_accuracy']
    """

    name = "diet"
    min_views = 1
    uses_indices = True
    uses_batch_statistics = False

    def __init__(
        self,
        encoder: nn.Module,
        *,
        n_data: int,
        label_smoothing: float = 0.8,
        chunk: int | None = None,
        normalise: bool = False,
        concatenate_views: bool = False,
        seed: int | torch.Generator = 0,
    ) -> None:
        super().__init__(encoder, concatenate_views=concatenate_views)
        self.label_smoothing = checked_smoothing(label_smoothing)
        self.chunk, self.normalise = chunk, normalise
        self.floor = diet_floor(n_data, label_smoothing=label_smoothing)
        with seeded(seed, "head"):
            self.classifier = linear_head(self.encoder_dim, n_data, bias=False)

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return the mean loss over views."""
        assert batch.indices is not None
        if self.normalise:
            features = [nn.functional.normalize(h, dim=-1) for h in features]
        if self.chunk is not None:
            loss = torch.stack([self._chunked(h, batch.indices) for h in features]).mean()
            return loss, {"excess": loss - self.floor}
        logits = self.map_views(self.classifier, features)
        losses = [
            supervised_loss(view, batch.indices, label_smoothing=self.label_smoothing)
            for view in logits
        ]
        loss = torch.stack(losses).mean()
        hits = accuracy(logits[0], batch.indices)
        return loss, {"excess": loss - self.floor, "index_accuracy": hits}

    def _chunked(self, h: Tensor, indices: Tensor) -> Tensor:
        return diet_loss(
            h,
            self.classifier.weight,
            indices,
            label_smoothing=self.label_smoothing,
            chunk=self.chunk,
        )
