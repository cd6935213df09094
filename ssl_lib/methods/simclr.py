"""SimCLR (Chen et al. 2020): a contrastive loss against all other views of the batch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.arguments import check_between
from ssl_lib.errors import InputError
from ssl_lib.methods.base import (
    Logs,
    Method,
    ViewBatch,
    check_pair,
    embedding_std,
    mean_over_pairs,
)
from ssl_lib.methods.gather import gather
from ssl_lib.methods.precision import full_precision
from ssl_lib.models.heads import projection_head
from ssl_lib.models.seeding import seeded


@full_precision
def simclr_loss(z1: Tensor, z2: Tensor, *, temperature: float = 0.5) -> Tensor:
    r"""Return the NT-Xent loss of two views.

    .. math:: L = \frac{1}{2N} \sum_i \Big[ -s_{i, i+N} + \log \sum_{j \neq i} e^{s_{ij}} \Big],
       \qquad s = \hat Z \hat Z^\top / t

    with the 2N normalised embeddings :math:`\hat Z` of both views (equation 1 of the paper). The
    candidates of an anchor are the 2N - 1 others, the positive among them.

    Parameters
    ----------
    z1, z2 : torch.Tensor
        (n, d) embeddings of the two views, n at least 2.
    temperature : float
        t; 0.5 on CIFAR, 0.1 on ImageNet.

    Returns
    -------
    torch.Tensor
        0-d loss in nats.

    Notes
    -----
    Collapse (all embeddings equal): log(2n - 1). Identical views on orthonormal vectors:
    log(1 + (2n - 2) exp(-1/t)); on a simplex, the optimum: log(1 + (2n - 2) exp(-(1 + 1/(n-1))/t)).

    Examples
    --------
    >>> simclr_loss(torch.eye(16), torch.eye(16), temperature=0.5)
    tensor(1.6214)
    >>> simclr_loss(torch.ones(64, 2), torch.ones(64, 2))
    tensor(4.8442)
    """
    check_pair(z1, z2)
    similarity, positives = _similarity(z1, z2)
    logits = similarity / temperature
    itself = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    return F.cross_entropy(logits.masked_fill(itself, -torch.inf), positives)


def _similarity(z1: Tensor, z2: Tensor) -> tuple[Tensor, Tensor]:
    """Return all cosines (2n, 2n) and the index of each one's positive (2n,)."""
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    n = len(z1)
    positives = torch.arange(2 * n, device=z.device).roll(n)
    return z @ z.T, positives


class SimCLR(Method):
    """SimCLR: encoder, projection head and :func:`simclr_loss`, averaged over pairs of views.

    Parameters
    ----------
    encoder : torch.nn.Module
        With attribute `out_dim`.
    head : sequence of int
        Widths of the projection head; (2048, 128) on ImageNet.
    head_norm : {"batch", "layer", "none"}
        Normalisation of the head's layers, the last one included.
    temperature : float
        t of the loss; with a schedule the lower of its two values.
    temperature_schedule : tuple of float, optional
        The higher value and the number of cycles, see :func:`cosine_temperature`: a remedy for
        long-tailed data (Kukleva et al. 2023, with (1.0, 5.0) over a temperature of 0.1).
    concatenate_views : bool
        See :class:`~ssl_lib.methods.base.Method`.
    seed : int or torch.Generator
        Draws the head's weights.

    Examples
    --------
    >>> from ssl_lib.models import MLP
    >>> method = SimCLR(MLP(64, 16), head=(16, 8))
    >>> views = (torch.rand(4, 1, 8, 8), torch.rand(4, 1, 8, 8))
    >>> sorted(method(ViewBatch(views=views)).logs)
    ['embedding_std', 'feature_std', 'negative_cosine', 'positive_cosine']
    """

    name = "simclr"
    sweepable = ("temperature",)

    def __init__(
        self,
        encoder: nn.Module,
        *,
        head: Sequence[int] = (512, 128),
        head_norm: str = "batch",
        temperature: float = 0.5,
        temperature_schedule: tuple[float, float] | None = None,
        concatenate_views: bool = False,
        seed: int | torch.Generator = 0,
    ) -> None:
        super().__init__(encoder, concatenate_views=concatenate_views)
        self.temperature = check_between("temperature", temperature, open=True)
        self.schedule = None if temperature_schedule is None else _checked(temperature_schedule)
        self._progress = 0.0
        with seeded(seed, "head"):
            self.head = projection_head(self.encoder_dim, head, norm=head_norm, final_norm=True)

    def before_step(self, progress: float) -> None:
        """Keep the fraction of training done, for the temperature."""
        self._progress = progress

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return the loss of the global batch, averaged over pairs of views."""
        z = [gather(z) for z in self.map_views(self.head, features)]
        return mean_over_pairs(self._pair, z)

    def _pair(self, z1: Tensor, z2: Tensor) -> tuple[Tensor, Logs]:
        temperature = self.temperature
        if self.schedule is not None:
            high, cycles = self.schedule
            temperature = cosine_temperature(
                self._progress, low=temperature, high=high, cycles=cycles
            )
        loss = simclr_loss(z1, z2, temperature=temperature)
        return loss, {"embedding_std": embedding_std(z1), **cosine_logs(z1, z2)}


def _checked(schedule: tuple[float, float]) -> tuple[float, float]:
    try:
        high, cycles = schedule
    except (TypeError, ValueError):
        raise InputError(
            f"temperature_schedule is a pair, the higher temperature and the number of cycles, "
            f"such as (1.0, 5.0); got {schedule!r}"
        ) from None
    return (
        check_between("the schedule's temperature", high, open=True),
        check_between("the schedule's cycles", cycles, open=True),
    )


def cosine_temperature(progress: float, *, low: float, high: float, cycles: float = 1.0) -> float:
    r"""Return the temperature after a fraction of the training.

    .. math:: t = t_- + (t_+ - t_-) (1 + \cos 2 \pi c s) / 2

    Kukleva et al. (2023), "Temperature schedules for self-supervised contrastive methods on
    long-tail data": high temperatures separate groups, low ones single images, so rare classes
    profit from both in turn.

    Parameters
    ----------
    progress : float
        s, fraction of the training done, in [0, 1].
    low, high : float
        :math:`t_-` and :math:`t_+`, where it starts.
    cycles : float
        c, how often it comes back to `high`; 0.5 falls once from `high` to `low`.

    Examples
    --------
    >>> [cosine_temperature(s, low=0.1, high=1.0) for s in (0.0, 0.25, 0.5, 1.0)]
    [1.0, 0.55, 0.1, 1.0]
    """
    return low + (high - low) * (1 + math.cos(2 * math.pi * cycles * progress)) / 2


@torch.no_grad()
def cosine_logs(z1: Tensor, z2: Tensor) -> Logs:
    """Return the mean cosine of the two views of one image and of different images.

    Examples
    --------
    >>> cosine_logs(torch.eye(2), torch.eye(2))
    {'positive_cosine': tensor(1.), 'negative_cosine': tensor(0.)}
    """
    z1, z2 = F.normalize(z1.float(), dim=1), F.normalize(z2.float(), dim=1)
    n, positive = len(z1), (z1 * z2).sum()
    negative = z1.sum(0) @ z2.sum(0) - positive
    return {"positive_cosine": positive / n, "negative_cosine": negative / (n * (n - 1))}
