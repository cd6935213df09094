"""DIET (Balestriero 2023): classify each training image as its own class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.arguments import check_whole
from ssl_lib.errors import InputError
from ssl_lib.methods.base import Logs, Method, ViewBatch
from ssl_lib.methods.precision import full_precision
from ssl_lib.methods.streamed import rows_of, streamed_loss
from ssl_lib.methods.supervised import accuracy, checked_smoothing, supervised_loss
from ssl_lib.models.heads import linear_head, projection_head
from ssl_lib.models.seeding import seeded
from ssl_lib.randomness import torch_generator

#: From so many classes on they are streamed by default, so many at a time.
MANY, CHUNK = 2**16, 2**13


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
        (N, d) W, one row for each training image; with `chunk` also in bfloat16.
    indices : torch.Tensor
        (n,) int64 positions in the training set.
    label_smoothing : float
        :math:`\alpha`; 0.8 in every public implementation.
    chunk : int, optional
        Classes at a time, see :func:`ssl_lib.methods.streamed.streamed_loss`: equal to the plain
        loss to rounding, with n `chunk` instead of n N logits, and four products instead of three.

    Returns
    -------
    torch.Tensor
        0-d, nats; log N at W = 0, never below :func:`diet_floor`.

    Raises
    ------
    InputError
        For an index that is no row of W, or a `chunk` that is not positive.

    Examples
    --------
    >>> diet_loss(torch.ones(4, 2), torch.zeros(1297, 2), torch.arange(4))
    tensor(7.1678)
    >>> features, weight = torch.eye(4), torch.eye(4)
    >>> diet_loss(features, weight, torch.arange(4), chunk=3)
    tensor(1.3437)
    """
    checked_smoothing(label_smoothing)
    if chunk is None:
        return _plain(features, weight, indices, label_smoothing)
    return _streamed(features, weight, indices, label_smoothing, chunk)[0]


@full_precision
def _plain(features: Tensor, weight: Tensor, indices: Tensor, smoothing: float) -> Tensor:
    return supervised_loss(features @ weight.T, indices, label_smoothing=smoothing)


def _streamed(
    features: Tensor, weight: Tensor, indices: Tensor, smoothing: float, chunk: int
) -> tuple[Tensor, Tensor]:
    check_whole("chunk", chunk)
    # The features alone become float32: a copy of W would be what streaming saves.
    with torch.autocast(features.device.type, enabled=False):
        h = _full(features)
        return streamed_loss(h, weight, indices, label_smoothing=smoothing, chunk=chunk)


def _full(features: Tensor) -> Tensor:
    return features if features.dtype == torch.float64 else features.float()


def sampled_diet_loss(
    features: Tensor,
    weight: Tensor,
    indices: Tensor,
    negatives: Tensor,
    *,
    label_smoothing: float = 0.8,
) -> Tensor:
    r"""Return DIET's loss with the partition function estimated from some of the rows.

    The batch's own rows count as they are, the K `negatives` stand for the other N - n:

    .. math:: \log Z_i \approx \log \Big( \sum_{c \in \text{batch}} e^{w_c f(x_i)}
       + \frac{N - n}{K} \sum_{c \in \text{negatives}} e^{w_c f(x_i)} \Big)

    and the smoothing's mean over all rows is estimated likewise. This is another loss: its
    logarithm is too small on average, and only drawn rows get a gradient, which is sparse.

    Parameters
    ----------
    features : torch.Tensor
        (n, d) encoder outputs.
    weight : torch.Tensor
        (N, d) W.
    indices : torch.Tensor
        (n,) int64, all different.
    negatives : torch.Tensor
        (K,) int64 rows that are not among `indices`.
    label_smoothing : float
        See :func:`diet_loss`.

    Returns
    -------
    torch.Tensor
        0-d; :func:`diet_loss` itself where the negatives are all other rows.

    Examples
    --------
    >>> eye = torch.eye(4)
    >>> sampled_diet_loss(eye[:2], eye, torch.arange(2), torch.tensor([2, 3]))
    tensor(1.3437)
    """
    checked_smoothing(label_smoothing)
    stands_for = (len(weight) - len(indices)) / max(1, len(negatives))
    with torch.autocast(features.device.type, enabled=False):
        h = _full(features)
        near, far = (
            h @ rows_of(weight, rows, sparse=True).to(h.dtype).T for rows in (indices, negatives)
        )
    partition = torch.cat([near, far + math.log(max(stands_for, 1e-30))], 1).logsumexp(1)
    mean = (near.sum(1) + stands_for * far.sum(1)) / len(weight)
    return (partition - (1 - label_smoothing) * near.diagonal() - label_smoothing * mean).mean()


def diet_floor(n_data: int, *, label_smoothing: float = 0.8) -> float:
    """Return the smallest value of :func:`diet_loss`, the entropy of the smoothed target.

    Parameters
    ----------
    n_data : int
        N, training images.
    label_smoothing : float
        Of the loss.

    Returns
    -------
    float
        Nats; 0 without smoothing, log N where all mass is spread evenly.

    Examples
    --------
    >>> round(diet_floor(1297), 4), round(diet_floor(50_000), 4)
    (6.2305, 9.1561)
    """
    low = checked_smoothing(label_smoothing) / check_whole("n_data", n_data)
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
    chunk : int or "auto", optional
        See :func:`diet_loss`; "auto" streams more than 65,536 classes, 8,192 at a time.
    sampled : int
        Other rows that are drawn at each step, see :func:`sampled_diet_loss`; 0 takes them all.
        It is another loss, with none of DIET's guarantees. Rows that are not drawn are left alone.
    weight_dtype : {"float32", "bfloat16"}
        Of W. AdamW keeps its moments in float32 and rounds W stochastically; other optimisers are
        refused.
    normalise : bool
        Whether what W sees is put on the unit sphere first (s-DIET's repair; off in DIET).
    head : sequence of int
        Widths of a projection head between encoder and W, as in s-DIET; DIET has none.
    concatenate_views : bool
        See :class:`~ssl_lib.methods.base.Method`.
    seed : int or torch.Generator
        Draws the classifier's weights, and the rows that are sampled.

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
    drawn: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        *,
        n_data: int,
        label_smoothing: float = 0.8,
        chunk: int | Literal["auto"] | None = "auto",
        sampled: int = 0,
        weight_dtype: str = "float32",
        normalise: bool = False,
        head: Sequence[int] = (),
        concatenate_views: bool = False,
        seed: int | torch.Generator = 0,
    ) -> None:
        super().__init__(encoder, concatenate_views=concatenate_views)
        if weight_dtype not in ("float32", "bfloat16"):
            raise InputError(f"weight_dtype must be float32 or bfloat16, got {weight_dtype!r}")
        check_whole("n_data", n_data)
        if not 0 <= check_whole("sampled", sampled, least=0) <= n_data:
            raise InputError(f"sampled={sampled} must lie in [0, {n_data}], the training images")
        if chunk not in (None, "auto"):
            check_whole("chunk", chunk)
        self.label_smoothing = checked_smoothing(label_smoothing)
        self.sampled, self.normalise, self.head_widths = sampled, normalise, tuple(head)
        half = weight_dtype == "bfloat16"
        if half and chunk is None and not sampled:
            raise InputError("weight_dtype='bfloat16' needs a chunk, for example chunk='auto'")
        default = CHUNK if half or n_data > MANY else None
        self.chunk = default if chunk == "auto" else chunk
        self.floor = diet_floor(n_data, label_smoothing=label_smoothing)
        with seeded(seed, "head"):
            self.classifier = linear_head([self.encoder_dim, *head][-1], n_data, bias=False)
        with seeded(seed, "projection"):
            self.head = projection_head(self.encoder_dim, head) if head else nn.Identity()
        self.classifier.to(getattr(torch, weight_dtype))
        if sampled:
            self._stream = seed if isinstance(seed, int) else seed.initial_seed()
            self.register_buffer("drawn", torch.zeros((), dtype=torch.int64))

    def by_rows(self, name: str) -> int:
        """Return how many rows of W an optimiser updates at a time, 0 for all at once."""
        special = self.chunk is not None or self.sampled
        return (self.chunk or CHUNK) if special and name == "classifier.weight" else 0

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return the mean loss over views."""
        assert batch.indices is not None
        z = self.map_views(self.head, features)
        if self.normalise:
            z = [F.normalize(h, dim=-1) for h in z]
        if self.sampled:
            losses = self._sampled(z, batch.indices)
            return losses, {"sampled_loss": losses}
        pairs = [self._one(h, batch.indices) for h in z]
        loss = torch.stack([pair[0] for pair in pairs]).mean()
        return loss, {"excess": loss - self.floor, "index_accuracy": pairs[0][1]}

    def _one(self, h: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
        smoothing = self.label_smoothing
        if self.chunk is not None:
            return _streamed(h, self.classifier.weight, indices, smoothing, self.chunk)
        logits = self.classifier(h)
        loss = supervised_loss(logits, indices, label_smoothing=smoothing)
        return loss, accuracy(logits, indices)

    def _sampled(self, features: list[Tensor], indices: Tensor) -> Tensor:
        weight, smoothing = self.classifier.weight, self.label_smoothing
        negatives = self._negatives(indices)
        losses = [
            sampled_diet_loss(h, weight, indices, negatives, label_smoothing=smoothing)
            for h in features
        ]
        return torch.stack(losses).mean()

    def _negatives(self, indices: Tensor) -> Tensor:
        """Draw rows that are not the batch's, from a stream that a resumed run continues."""
        generator = torch_generator(self._stream, "negatives", int(self.drawn))
        self.drawn += 1
        n_data = len(self.classifier.weight)
        if self.sampled + len(indices) > n_data // 2:
            rows = torch.randperm(n_data, generator=generator)
        else:
            more = torch.randint(n_data, (2 * self.sampled,), generator=generator)
            rows = torch.unique(more)[torch.randperm(len(more.unique()), generator=generator)]
        rows = rows.to(indices.device)
        return rows[~torch.isin(rows, indices)][: self.sampled]
