"""DINO (Caron et al. 2021): self-distillation with a centred and sharpened teacher."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ssl_lib.errors import InputError
from ssl_lib.methods.base import Logs, TeacherMethod, ViewBatch, entropy
from ssl_lib.methods.collapse import prototype_logs
from ssl_lib.methods.gather import mean_over_processes
from ssl_lib.methods.precision import full_precision
from ssl_lib.models.heads import DINOHead
from ssl_lib.models.seeding import seeded


@full_precision
def dino_loss(
    student: Sequence[Tensor],
    teacher: Sequence[Tensor],
    *,
    center: Tensor | None = None,
    student_temperature: float = 0.1,
    teacher_temperature: float = 0.04,
) -> Tensor:
    r"""Return DINO's cross-entropy between the teacher and the student on other views.

    .. math:: L = \operatorname{mean}_{t \le G,\, v \neq t} \frac1N \sum_n
       H\big( \mathrm{softmax}((g_t - c) / T_t), \mathrm{softmax}(g_v / T_s) \big)

    Equation 3 of the paper with the authors' mean over the G (V - 1) pairs.

    Parameters
    ----------
    student : sequence of torch.Tensor
        (n, K) student logits of all V views, global ones first.
    teacher : sequence of torch.Tensor
        (n, K) teacher logits of the G global views; no gradient flows into them.
    center : torch.Tensor, optional
        (K,) c, by default 0.
    student_temperature, teacher_temperature : float
        T_s and T_t.

    Returns
    -------
    torch.Tensor
        0-d loss in nats; log K for uniform predictions.

    Examples
    --------
    >>> flat = torch.zeros(2, 65536)
    >>> dino_loss([flat, flat], [flat, flat])
    tensor(11.0904)
    """
    if len(student) < 2 or not 1 <= len(teacher) <= len(student):
        raise InputError(
            f"DINO needs two student views and some teacher's, got {len(student)}, {len(teacher)}"
        )
    log_p = [(g / student_temperature).log_softmax(-1) for g in student]
    terms = [
        -(q * log_p[v]).sum(-1).mean()
        for t, q in enumerate(_teacher_probabilities(teacher, center, teacher_temperature))
        for v in range(len(student))
        if v != t
    ]
    return torch.stack(terms).mean()


@full_precision
def _batch_mean(teacher: Sequence[Tensor]) -> Tensor:
    return torch.stack([g.mean(0) for g in teacher]).mean(0)


def _teacher_probabilities(
    teacher: Sequence[Tensor], center: Tensor | None, temperature: float
) -> list[Tensor]:
    shift = 0 if center is None else center
    return [((g.detach() - shift) / temperature).softmax(-1) for g in teacher]


class DINO(TeacherMethod):
    """DINO: an EMA teacher of encoder and head, a centre, and :func:`dino_loss`.

    The centre becomes 0.9 c + 0.1 mean(g_t) after each step, starting at 0.

    Parameters
    ----------
    encoder : torch.nn.Module
        With attribute `out_dim`.
    head : sequence of int
        Hidden widths and bottleneck of :class:`~ssl_lib.models.heads.DINOHead`; (2048, 2048, 256)
        in the paper.
    head_norm : {"batch", "layer", "none"}
        Normalisation of the hidden layers; the paper has none for vision transformers.
    n_prototypes : int
        K; 65,536 in the paper, 2,048 to 4,096 on CIFAR.
    momentum, momentum_end, momentum_schedule
        See :class:`~ssl_lib.methods.base.TeacherMethod`; 0.9995 at batch 256.
    student_temperature : float
        T_s.
    teacher_temperature, teacher_temperature_start : float
        T_t, and the value from which it rises linearly.
    warmup : float
        Fraction of training for that rise (30 of 100 epochs in the paper).
    center_momentum : float
        0.9; 1 switches centring off.
    freeze : float
        Fraction of training during which the last layer stays fixed (one epoch in the paper).
    concatenate_views : bool
        The authors' code concatenates views of one resolution; see
        :class:`~ssl_lib.methods.base.Method`.
    seed : int or torch.Generator
        Draws the head's weights.

    Examples
    --------
    >>> from ssl_lib.models import MLP
    >>> method = DINO(MLP(64, 16), head=(16, 8), n_prototypes=12, warmup=0.5)
    >>> method.before_step(0.25)
    >>> method.temperature
    0.04
    """

    name = "dino"
    uses_prototypes = True
    uses_batch_statistics = False
    center: Tensor
    batch_centers: Tensor
    parts: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        *,
        head: Sequence[int] = (2048, 256),
        head_norm: str = "batch",
        n_prototypes: int = 2048,
        momentum: float = 0.996,
        momentum_end: float = 1.0,
        momentum_schedule: str = "cosine",
        student_temperature: float = 0.1,
        teacher_temperature: float = 0.04,
        teacher_temperature_start: float = 0.04,
        warmup: float = 0.0,
        center_momentum: float = 0.9,
        freeze: float = 0.0,
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
        self.student_temperature = student_temperature
        self.teacher_temperatures = (teacher_temperature_start, teacher_temperature)
        self.warmup, self.freeze, self.center_momentum = warmup, freeze, center_momentum
        self.before_step(0.0)
        with seeded(seed, "head"):
            self.head: DINOHead = DINOHead(self.encoder_dim, head, n_prototypes, norm=head_norm)
        self.register_buffer("center", torch.zeros(n_prototypes))
        # Sum and number of the means that the next after_step moves the centre towards: one for
        # each part of a batch whose gradients are accumulated.
        self.register_buffer("batch_centers", torch.zeros(n_prototypes), persistent=False)
        self.register_buffer("parts", torch.zeros(1), persistent=False)
        self.make_teacher()

    def before_step(self, progress: float) -> None:
        """Set the teacher's temperature."""
        start, end = self.teacher_temperatures
        done = min(progress / self.warmup, 1.0) if self.warmup else 1.0
        self.temperature = start + (end - start) * done

    def after_backward(self, progress: float) -> None:
        """Keep the last layer fixed at the beginning."""
        if progress < self.freeze:
            self.head.last.weight.grad = None

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """Move the teacher towards the student and the centre towards the last batch's mean."""
        super().after_step(progress)
        mean = self.batch_centers / self.parts.clamp_min(1)
        self.center.lerp_(mean.to(self.center), 1 - self.center_momentum)
        self.batch_centers.zero_()
        self.parts.zero_()

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return the loss over all pairs of a global teacher view and another student view."""
        student = self.map_views(self.head, features)
        teacher = self.targets(batch.views[: batch.globals_])
        self.batch_centers.add_(mean_over_processes(_batch_mean(teacher)))
        self.parts.add_(1)
        loss = dino_loss(
            student,
            teacher,
            center=self.center,
            student_temperature=self.student_temperature,
            teacher_temperature=self.temperature,
        )
        return loss, self._logs(teacher[0], loss)

    def _logs(self, teacher: Tensor, loss: Tensor) -> Logs:
        p = _teacher_probabilities([teacher.float()], self.center, self.temperature)[0]
        logs = {} if self._quiet else prototype_logs(p, self.head.last.weight, loss)
        return {
            "teacher_entropy": entropy(p).mean(),
            "marginal_entropy": entropy(p.mean(0)),
            "center_norm": self.center.norm(),
            **logs,
        }
