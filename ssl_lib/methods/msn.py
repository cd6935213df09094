"""MSN (Assran et al. 2022): masked views predict the prototypes of an EMA teacher's full view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.arguments import check_between, check_whole
from ssl_lib.errors import InputError
from ssl_lib.methods.base import Logs, TeacherMethod, ViewBatch, embedding_std
from ssl_lib.methods.collapse import prototype_logs
from ssl_lib.methods.gather import gather, local_rows, mean_over_processes
from ssl_lib.methods.precision import full_precision
from ssl_lib.methods.prior import align_prior, prior_divergence, uniform_prior
from ssl_lib.methods.sinkhorn import sinkhorn
from ssl_lib.models.heads import Prototypes, projection_head, truncated_normal_weights
from ssl_lib.models.seeding import seeded


@full_precision
def prototype_log_probabilities(
    z: Tensor, prototypes: Tensor, *, temperature: float = 0.1
) -> Tensor:
    """Return log softmax(cosines of `z` (n, d) with `prototypes` (K, d) / temperature), (n, K).

    Examples
    --------
    >>> p = prototype_log_probabilities(torch.eye(2), torch.eye(2), temperature=1.0).exp()
    >>> p
    tensor([[0.7311, 0.2689],
            [0.2689, 0.7311]])
    """
    cosines = F.normalize(z, dim=-1) @ F.normalize(prototypes, dim=-1).T
    return (cosines / temperature).log_softmax(-1)


@full_precision
@torch.no_grad()
def msn_targets(
    z: Tensor,
    prototypes: Tensor,
    *,
    temperature: float = 0.1,
    sharpening: float = 0.25,
    sinkhorn_iterations: int = 3,
    prior: Tensor | None = None,
    alignment: str = "index",
) -> Tensor:
    """Return the sharpened, optionally balanced, predictions of the teacher.

    Parameters
    ----------
    z : torch.Tensor
        (n, d) embeddings.
    prototypes : torch.Tensor
        (K, d); both are put on the unit sphere.
    temperature : float
        Of the softmax over prototypes.
    sharpening : float
        Factor of the temperature, below 1.
    sinkhorn_iterations : int
        0 leaves the predictions unbalanced.
    prior : torch.Tensor, optional
        (K,) marginals that Sinkhorn balances towards: uniform ones would cancel a prior.
    alignment : str
        How the prior's entries are given to prototypes, see
        :func:`~ssl_lib.methods.prior.prior_divergence`.

    Returns
    -------
    torch.Tensor
        (n, K), rows sum to 1; no gradient.

    Examples
    --------
    >>> msn_targets(torch.eye(2), torch.eye(2), temperature=1.0, sinkhorn_iterations=0)
    tensor([[0.9820, 0.0180],
            [0.0180, 0.9820]])
    """
    # Sharpening, p^(1/T) renormalised, is the softmax at temperature times T.
    log_q = prototype_log_probabilities(z, prototypes, temperature=temperature * sharpening)
    if not sinkhorn_iterations:
        return log_q.exp()
    marginals = None
    if prior is not None:
        marginals = align_prior(log_q.exp().mean(0), prior.to(log_q), alignment=alignment)
    return sinkhorn(log_q, epsilon=1.0, iterations=sinkhorn_iterations, marginals=marginals)


@full_precision
def msn_loss(
    anchors: Sequence[Tensor],
    target: Tensor,
    prototypes: Tensor,
    *,
    temperature: float = 0.1,
    sharpening: float = 0.25,
    sinkhorn_iterations: int = 3,
    weight: float = 1.0,
) -> Tensor:
    r"""Return the MSN loss.

    .. math:: L = \frac{1}{A N} \sum_{a, i} H(q_i, p_{a, i})
       + \lambda\, \mathrm{KL}(\bar p \,\|\, \text{uniform})

    with anchor predictions :math:`p = \mathrm{softmax}(\cos(z, c) / t)`, sharpened targets q
    without gradient, and the mean prediction :math:`\bar p` over all anchors. As in the authors'
    code, the entropy of the mean enters as log K - H, which is at least 0.

    Parameters
    ----------
    anchors : sequence of torch.Tensor
        A tensors (n, d): student embeddings of the masked views.
    target : torch.Tensor
        (n, d) teacher embeddings.
    prototypes : torch.Tensor
        (K, d); gradients flow into them through the anchors.
    temperature, sharpening : float
        t and T; the targets' temperature is t T.
    sinkhorn_iterations : int
        Iterations of uniform Sinkhorn on the targets; 0 for none.
    weight : float
        :math:`\lambda`.

    Returns
    -------
    torch.Tensor
        0-d loss in nats.

    Notes
    -----
    log K both for uniform predictions (first term) and, without Sinkhorn, for a collapse on one
    prototype (second).

    Examples
    --------
    >>> z = torch.eye(16)
    >>> msn_loss([z], z, z)
    tensor(0.0007)
    >>> msn_loss([0 * z], 0 * z, z)
    tensor(2.7726)
    """
    q = msn_targets(
        target,
        prototypes,
        temperature=temperature,
        sharpening=sharpening,
        sinkhorn_iterations=sinkhorn_iterations,
    )
    cross_entropy, mean = anchor_terms(anchors, q, prototypes, temperature=temperature)
    return cross_entropy + weight * prior_divergence(mean, uniform_prior(len(mean)))


@full_precision
def anchor_terms(
    anchors: Sequence[Tensor], q: Tensor, prototypes: Tensor, *, temperature: float = 0.1
) -> tuple[Tensor, Tensor]:
    """Return the mean cross-entropy of targets `q` under the anchors, and the mean prediction (K,).

    Examples
    --------
    >>> anchor_terms([torch.eye(2)], torch.eye(2), torch.eye(2), temperature=1.0)
    (tensor(0.3133), tensor([0.5000, 0.5000]))
    """
    if not anchors or any(len(z) != len(q) for z in anchors):
        raise InputError(
            f"each anchor view needs one row per target, got {[len(z) for z in anchors]} rows for "
            f"{len(q)} targets"
        )
    log_p = [prototype_log_probabilities(z, prototypes, temperature=temperature) for z in anchors]
    terms = [-(q * log).sum(1).mean() for log in log_p]
    return torch.stack(terms).mean(), torch.stack([log.exp().mean(0) for log in log_p]).mean(0)


class MSN(TeacherMethod):
    """MSN: the first view is the teacher's target, all others are the student's anchors.

    Encoder and head have an EMA teacher; the prototypes are shared and trained by gradient.

    Parameters
    ----------
    encoder : torch.nn.Module
        With attribute `out_dim`; a :class:`~ssl_lib.models.vit.ViT` to drop patches.
    head : sequence of int
        Widths of the projection head; (2048, 2048, 256) in the paper.
    head_norm : {"batch", "layer", "none"}
        Normalisation of the hidden layers.
    n_prototypes : int
        K.
    temperature, sharpening, sinkhorn_iterations, weight
        See :func:`msn_loss`. Small networks need `weight` about 5 without Sinkhorn.
    momentum, momentum_end, momentum_schedule
        See :class:`~ssl_lib.methods.base.TeacherMethod`; the released configuration goes straight
        from 0.996 to 0.9992.
    concatenate_views : bool
        The authors' code concatenates views of one resolution; see
        :class:`~ssl_lib.methods.base.Method`.
    seed : int or torch.Generator
        Draws the weights of head and prototypes.

    Examples
    --------
    >>> from ssl_lib.models import MLP
    >>> method = MSN(MLP(64, 16), head=(32, 8), n_prototypes=12)
    >>> views = (torch.rand(4, 1, 8, 8), torch.rand(4, 1, 8, 8))
    >>> method(ViewBatch(views=views)).loss.backward()
    >>> bool(method.prototypes.weight.grad.any())
    True
    """

    name = "msn"
    uses_prototypes = True
    sweepable: ClassVar[tuple[str, ...]] = ("temperature", "sharpening", "weight")

    def __init__(
        self,
        encoder: nn.Module,
        *,
        head: Sequence[int] = (2048, 2048, 256),
        head_norm: str = "batch",
        n_prototypes: int = 1024,
        temperature: float = 0.1,
        sharpening: float = 0.25,
        sinkhorn_iterations: int = 3,
        weight: float = 1.0,
        momentum: float = 0.996,
        momentum_end: float = 0.9992,
        momentum_schedule: str = "linear",
        concatenate_views: bool = False,
        seed: int | torch.Generator = 0,
    ) -> None:
        super().__init__(
            encoder,
            momentum=momentum,
            momentum_end=momentum_end,
            momentum_schedule=momentum_schedule,
            concatenate_views=concatenate_views,
        )
        self.temperature = check_between("temperature", temperature, open=True)
        self.sharpening = check_between("sharpening", sharpening, open=True)
        self.weight = check_between("weight", weight)
        self.sinkhorn_iterations = check_whole("sinkhorn_iterations", sinkhorn_iterations, least=0)
        self.alignment = "index"
        with seeded(seed, "head"):
            self.head = projection_head(self.encoder_dim, head, norm=head_norm, activation="gelu")
            truncated_normal_weights(self.head)
            self.prototypes = Prototypes(head[-1], n_prototypes)
        self.register_buffer("prior", uniform_prior(n_prototypes).float())
        self.make_teacher()

    prior: Tensor

    def student_views(
        self, batch: ViewBatch
    ) -> tuple[Sequence[Tensor], Sequence[Tensor | None] | None]:
        """Return the anchors: all views but the first."""
        return batch.views[1:], None if batch.keep is None else batch.keep[1:]

    def decays(self, name: str, parameter: nn.Parameter) -> bool:
        """Exclude the prototypes as well as 1-D parameters."""
        return parameter.ndim > 1 and not name.startswith("prototypes.")

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return the loss; Sinkhorn and the mean prediction see all processes' images."""
        anchors = self.map_views(self.head, features)
        q = self._targets(batch.views[0])
        weight = self.prototypes.weight
        cross_entropy, mean = anchor_terms(anchors, q, weight, temperature=self.temperature)
        mean = mean_over_processes(mean)
        regulariser = prior_divergence(mean, self.prior, alignment=self.alignment)
        loss = cross_entropy + self.weight * regulariser
        logs = {"cross_entropy": cross_entropy, "regulariser": regulariser}
        if not self._quiet:
            logs |= prototype_logs(q, weight, cross_entropy)
        return loss, {"embedding_std": embedding_std(anchors[0]), **logs}

    @torch.no_grad()
    def _targets(self, view: Tensor) -> Tensor:
        (z,) = self.targets([view])
        q = msn_targets(
            gather(z),
            self.prototypes.weight,
            temperature=self.temperature,
            sharpening=self.sharpening,
            sinkhorn_iterations=self.sinkhorn_iterations,
            prior=self.prior,
            alignment=self.alignment,
        )
        return local_rows(q, len(z))
