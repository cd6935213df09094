"""DISSL (Dubois et al. 2022): distil a maximal, deterministic and invariant teacher head."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ssl_lib.errors import InputError
from ssl_lib.methods.base import Logs, Method, ViewBatch, embedding_std, entropy, used_prototypes
from ssl_lib.methods.gather import mean_over_processes
from ssl_lib.methods.precision import full_precision
from ssl_lib.models.heads import linear_head, linear_layers, truncated_normal_weights
from ssl_lib.models.seeding import seeded


class DISSLTerms(NamedTuple):
    """The unweighted terms of :func:`dissl_loss`, each 0-d, in nats.

    Attributes
    ----------
    entropy, determinism, distillation : torch.Tensor
        H, CE and D.

    Examples
    --------
    >>> logits = torch.zeros(4, 16)
    >>> dissl_terms([logits, logits], [logits, logits])._fields
    ('entropy', 'determinism', 'distillation')
    """

    entropy: Tensor
    determinism: Tensor
    distillation: Tensor


@full_precision
def dissl_terms(
    teacher: Sequence[Tensor],
    student: Sequence[Tensor],
    *,
    teacher_temperature: float = 0.5,
    student_temperature: float = 1.0,
    average: Callable[[Tensor], Tensor] = lambda marginal: marginal,
) -> DISSLTerms:
    """Return H, CE and D of :func:`dissl_loss`.

    Parameters
    ----------
    teacher, student : sequence of torch.Tensor
        (n, C) logits of each view; the student's first views are the teacher's.
    teacher_temperature, student_temperature : float
        The logits are divided by them.
    average : callable
        Averages a batch marginal (C,) over processes; by default it does nothing.

    Returns
    -------
    DISSLTerms

    Examples
    --------
    >>> flat = torch.zeros(4, 16)
    >>> dissl_terms([flat, flat], [flat, flat]).entropy
    tensor(2.7726)
    """
    if not 2 <= len(teacher) <= len(student):
        raise InputError(
            f"DISSL needs at least two teacher views, all among the student's; got {len(teacher)} "
            f"and {len(student)}"
        )
    log_p = [(g / teacher_temperature).log_softmax(1) for g in teacher]
    log_q = [(h / student_temperature).log_softmax(1) for h in student]
    p = [log.exp() for log in log_p]
    return DISSLTerms(
        entropy=torch.stack([entropy(average(v.mean(0))) for v in p]).mean(),
        determinism=_cross_entropy(p, log_p),
        distillation=_cross_entropy(p, log_q),
    )


def _cross_entropy(p: Sequence[Tensor], log_q: Sequence[Tensor]) -> Tensor:
    """Return the mean cross-entropy over ordered pairs of different views."""
    terms = [
        -(target * log).sum(1).mean()
        for i, target in enumerate(p)
        for j, log in enumerate(log_q)
        if i != j
    ]
    return torch.stack(terms).mean()


@full_precision
def dissl_loss(
    teacher: Sequence[Tensor],
    student: Sequence[Tensor],
    *,
    entropy_weight: float = 2.3,
    determinism_weight: float = 0.8,
    teacher_temperature: float = 0.5,
    student_temperature: float = 1.0,
) -> Tensor:
    r"""Return the distillation ISSL loss.

    .. math:: L = D - \lambda H + \beta\, CE

    with, for teacher :math:`p = \mathrm{softmax}(g / T_t)` and student
    :math:`q = \mathrm{softmax}(h / T_s)` on views 1 and 2, averaged over both orders: the entropy H
    of the batch marginal of :math:`p_1`, the cross-entropy CE of :math:`p_2` under :math:`p_1`, and
    D of :math:`q_2` under :math:`p_1`. Gradients flow everywhere, also through the targets.

    Parameters
    ----------
    teacher : sequence of torch.Tensor
        (n, C) teacher logits of the global views, at least two.
    student : sequence of torch.Tensor
        (n, C) student logits of all views, global ones first.
    entropy_weight, determinism_weight : float
        :math:`\lambda` and :math:`\beta`; the theory asks for :math:`\lambda \ge 1 + \beta`.
    teacher_temperature, student_temperature : float
        T_t and T_s.

    Returns
    -------
    torch.Tensor
        0-d loss in nats, at least
        :math:`-(\lambda - 1 - \beta) \log C - (1 + \beta) \log \min(n, C)`.

    Notes
    -----
    All predictions uniform: (1 + beta - lambda) log C. Collapse on one class: 0.

    Examples
    --------
    >>> flat = torch.zeros(2, 16384)
    >>> dissl_loss([flat, flat], [flat, flat])
    tensor(-4.8520)
    """
    terms = dissl_terms(
        teacher,
        student,
        teacher_temperature=teacher_temperature,
        student_temperature=student_temperature,
    )
    return terms.distillation - entropy_weight * terms[0] + determinism_weight * terms[1]


class DISSL(Method):
    """DISSL: a teacher and a student head on one encoder, and :func:`dissl_loss`.

    Parameters
    ----------
    encoder : torch.nn.Module
        With attribute `out_dim`.
    n_latents : int
        C, latent classes; 16,384 in the paper, about the batch size on small data.
    teacher_hidden, student_hidden : sequence of int
        Hidden widths; (1024,) and () on TinyImageNet: the student is linear, as the probe.
    rank : int, optional
        Width of the linear bottleneck before the C logits of either head; None for none. Its norm
        centres the features: without it the linear student learns slowly.
    head_norm : {"batch", "layer", "none"}
        Normalisation of every layer before the logits.
    entropy_weight, determinism_weight, teacher_temperature, student_temperature : float
        See :func:`dissl_loss`. Short runs on digits want sharper temperatures (0.25 and 0.5); on
        photographs these left two thirds of the latents unused after the first epoch.
    determinism_start : float, optional
        Determinism weight at first, which falls linearly over the fraction `determinism_warmup`.
    concatenate_views : bool
        As in the authors' code, views of one resolution pass together by default.
    seed : int or torch.Generator
        Draws the heads' weights.

    Examples
    --------
    >>> from ssl_lib.models import MLP
    >>> method = DISSL(MLP(64, 16), n_latents=32, teacher_hidden=(8,), rank=4)
    >>> [type(layer).__name__ for layer in method.student]
    ['Linear', 'BatchNorm1d', 'Linear']
    """

    name = "dissl"

    def __init__(
        self,
        encoder: nn.Module,
        *,
        n_latents: int = 16384,
        teacher_hidden: Sequence[int] = (1024,),
        student_hidden: Sequence[int] = (),
        rank: int | None = 512,
        head_norm: str = "batch",
        entropy_weight: float = 2.3,
        determinism_weight: float = 0.8,
        teacher_temperature: float = 0.5,
        student_temperature: float = 1.0,
        determinism_start: float | None = None,
        determinism_warmup: float = 0.0,
        concatenate_views: bool = True,
        seed: int | torch.Generator = 0,
    ) -> None:
        super().__init__(encoder, concatenate_views=concatenate_views)
        _warn_about_weights(entropy_weight, determinism_weight)
        self.entropy_weight = entropy_weight
        self.determinism_weights = (
            determinism_weight if determinism_start is None else determinism_start,
            determinism_weight,
        )
        self.determinism_warmup = determinism_warmup
        self.temperatures = {
            "teacher_temperature": teacher_temperature,
            "student_temperature": student_temperature,
        }
        self.before_step(0.0)
        with seeded(seed, "head"):
            self.student = self._head(student_hidden, rank, n_latents, head_norm)
            self.teacher = self._head(teacher_hidden, rank, n_latents, head_norm)

    def _head(
        self, hidden: Sequence[int], rank: int | None, n_latents: int, norm: str
    ) -> nn.Sequential:
        if rank is None:
            head = linear_layers(self.encoder_dim, (*hidden, n_latents), norm=norm)
        else:
            head = linear_layers(self.encoder_dim, (*hidden, rank), norm=norm, final_norm=True)
            head.append(linear_head(rank, n_latents))
        truncated_normal_weights(head)
        return head

    def before_step(self, progress: float) -> None:
        """Set the weight of the determinism term."""
        start, end = self.determinism_weights
        warmup = self.determinism_warmup
        done = min(progress / warmup, 1.0) if warmup else 1.0
        self.determinism_weight = start + (end - start) * done

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return the loss; the marginals are those of all processes' images."""
        teacher = self.map_views(self.teacher, features[: batch.globals_])
        student = self.map_views(self.student, features)
        terms = dissl_terms(teacher, student, average=mean_over_processes, **self.temperatures)
        loss = (
            terms.distillation
            - self.entropy_weight * terms.entropy
            + self.determinism_weight * terms.determinism
        )
        return loss, {**terms._asdict(), **self._logs(teacher[0].detach().float())}

    def _logs(self, teacher: Tensor) -> Logs:
        p = (teacher / self.temperatures["teacher_temperature"]).softmax(1)
        return {
            "embedding_std": embedding_std(teacher),
            "conditional_entropy": entropy(p).mean(),
            "used_latents": used_prototypes(p),
        }


def _warn_about_weights(entropy_weight: float, determinism_weight: float) -> None:
    if entropy_weight < 1 + determinism_weight:
        warnings.warn(
            f"entropy_weight={entropy_weight} is below 1 + determinism_weight = "
            f"{1 + determinism_weight}: latent classes will die out",
            stacklevel=3,
        )
