"""SwAV (Caron et al. 2020): predict one view's prototype codes from the other views."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.methods.base import Logs, Method, ViewBatch, embedding_std, entropy
from ssl_lib.methods.collapse import prototype_logs
from ssl_lib.methods.gather import gather, local_rows
from ssl_lib.methods.precision import full_precision
from ssl_lib.methods.sinkhorn import sinkhorn
from ssl_lib.models.heads import Prototypes, projection_head
from ssl_lib.models.seeding import seeded


@full_precision
def swav_loss(
    scores: Sequence[Tensor], codes: Sequence[Tensor], *, temperature: float = 0.1
) -> Tensor:
    r"""Return the swapped-prediction loss, equation 2 of the paper.

    .. math:: L = \frac1G \sum_{i \le G} \frac{1}{V-1} \sum_{v \neq i}
       -\frac1N \sum_n Q_i[n] \cdot \log \mathrm{softmax}(S_v[n] / t)

    Parameters
    ----------
    scores : sequence of torch.Tensor
        (n, K) inner products of embeddings and prototypes, one for each of the V views.
    codes : sequence of torch.Tensor
        (n, K) codes of the first G views, from :func:`~ssl_lib.methods.sinkhorn.sinkhorn`.
    temperature : float
        t.

    Returns
    -------
    torch.Tensor
        0-d loss in nats; log K for flat scores.

    Examples
    --------
    >>> flat = torch.zeros(4, 16)
    >>> swav_loss([flat, flat], [sinkhorn(flat), sinkhorn(flat)])
    tensor(2.7726)
    """
    if len(scores) < 2 or not 1 <= len(codes) <= len(scores):
        raise InputError(
            f"SwAV needs at least two views and codes for some, got {len(scores)}, {len(codes)}"
        )
    log_p = [(s / temperature).log_softmax(1) for s in scores]
    terms = [
        -(code.detach() * log_p[v]).sum(1).mean()
        for i, code in enumerate(codes)
        for v in range(len(scores))
        if v != i
    ]
    return torch.stack(terms).mean()


class SwAV(Method):
    """SwAV: head, prototypes of unit norm, Sinkhorn codes, and an optional queue.

    Parameters
    ----------
    encoder : torch.nn.Module
        With attribute `out_dim`.
    head : sequence of int
        Widths of the projection head; (2048, 128) on ImageNet.
    head_norm : {"batch", "layer", "none"}
        Normalisation of the hidden layers.
    n_prototypes : int
        K; 3,000 on ImageNet.
    temperature, epsilon, iterations
        See :func:`swav_loss` and :func:`~ssl_lib.methods.sinkhorn.sinkhorn`.
    queue : int
        Past embeddings per global view that join Sinkhorn's batch (3,840 in the paper's small-batch
        recipe); 0 for none. Rounded down to whole batches; used once it is full.
    queue_start : float
        Fraction of training at which the queue starts (15 of 400 epochs in that recipe).
    freeze : float
        Fraction of training during which the prototypes stay fixed.
    concatenate_views : bool
        The authors' code concatenates views of one resolution; see
        :class:`~ssl_lib.methods.base.Method`.
    seed : int or torch.Generator
        Draws the weights of head and prototypes.

    Examples
    --------
    >>> from ssl_lib.models import MLP
    >>> method = SwAV(MLP(64, 16), head=(16, 8), n_prototypes=12)
    >>> method.before_step(0.0)
    >>> method.prototypes.weight.norm(dim=1).mean().round(decimals=4).item()
    1.0
    """

    name = "swav"
    uses_prototypes = True

    def __init__(
        self,
        encoder: nn.Module,
        *,
        head: Sequence[int] = (512, 128),
        head_norm: str = "batch",
        n_prototypes: int = 512,
        temperature: float = 0.1,
        epsilon: float = 0.05,
        iterations: int = 3,
        queue: int = 0,
        queue_start: float = 0.0375,
        freeze: float = 0.0,
        concatenate_views: bool = False,
        seed: int | torch.Generator = 0,
    ) -> None:
        super().__init__(encoder, concatenate_views=concatenate_views)
        if temperature <= 0 or queue < 0:
            raise InputError(
                f"temperature must be positive and queue not negative: {temperature}, {queue}"
            )
        self.temperature, self.freeze = temperature, freeze
        self.sinkhorn_options = {"epsilon": epsilon, "iterations": iterations}
        self.uses_queue, self.queue_start, self._queueing = queue > 0, queue_start, False
        with seeded(seed, "head"):
            self.head = projection_head(self.encoder_dim, head, norm=head_norm)
            self.prototypes = Prototypes(head[-1], n_prototypes)
        if self.uses_queue:
            self.register_buffer("queue", torch.zeros(2, queue, head[-1]))
            self.register_buffer("queued", torch.zeros((), dtype=torch.int64))

    queue: Tensor
    queued: Tensor

    @torch.no_grad()
    def before_step(self, progress: float) -> None:
        """Put the prototypes back on the unit sphere."""
        weight = self.prototypes.weight
        weight.copy_(F.normalize(weight, dim=-1))
        self._queueing = self.uses_queue and progress >= self.queue_start

    def after_backward(self, progress: float) -> None:
        """Keep the prototypes fixed at the beginning."""
        if progress < self.freeze:
            self.prototypes.weight.grad = None

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return the swapped-prediction loss; codes come from the global views of all processes."""
        z = [normalised(z) for z in self.map_views(self.head, features)]
        scores = [self._scores(z_view) for z_view in z]
        codes = self._codes(z[: batch.globals_])
        loss = swav_loss(scores, codes, temperature=self.temperature)
        p = (scores[0].detach() / self.temperature).softmax(1)
        logs = {} if self._quiet else prototype_logs(p, self.prototypes.weight, loss)
        return loss, {
            "embedding_std": embedding_std(z[0]),
            "code_entropy": entropy(codes[0]).mean(),
            "marginal_entropy": entropy(p.mean(0)),
            **logs,
        }

    @full_precision
    def _scores(self, z: Tensor) -> Tensor:
        # Unit rows by before_step; unlike MSN the authors do not differentiate the normalisation.
        return F.linear(z, self.prototypes.weight)

    @torch.no_grad()
    def _codes(self, z: list[Tensor]) -> list[Tensor]:
        codes = []
        for view, local in enumerate(z):
            whole = gather(local.detach())
            scores = self._scores(self._with_queue(whole, view))
            codes.append(local_rows(sinkhorn(scores, **self.sinkhorn_options), len(local)))  # type: ignore[arg-type]
        if self._queueing:
            self.queued.add_(len(gather(z[0])))
        return codes

    def _with_queue(self, z: Tensor, view: int) -> Tensor:
        """Append the queue to the batch `z` when full, and push the batch into it."""
        if not self._queueing or view >= len(self.queue):
            return z
        queue = self.queue[view]
        full = int(self.queued) >= len(queue)
        joined = torch.cat([z, queue]) if full else z
        queue.copy_(torch.cat([z, queue])[: len(queue)])
        return joined


@full_precision
def normalised(z: Tensor) -> Tensor:
    """Return the rows of `z` (n, d) at unit length, at least in float32.

    Examples
    --------
    >>> normalised(torch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    return F.normalize(z, dim=-1)
