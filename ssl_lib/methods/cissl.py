"""CISSL (Dubois et al. 2022): contrastive learning with one linear head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.methods.base import Logs, Method, ViewBatch, check_pair, embedding_std
from ssl_lib.methods.gather import gather
from ssl_lib.methods.precision import full_precision
from ssl_lib.methods.simclr import cosine_logs
from ssl_lib.models.heads import projection_head
from ssl_lib.models.seeding import seeded


@full_precision
def cissl_loss(
    students: Sequence[Tensor], teachers: Sequence[Tensor], *, temperature: float = 0.07
) -> Tensor:
    r"""Return the contrastive ISSL loss of two views under two different heads.

    .. math:: L = -\frac{1}{2B} \sum_i \frac12 \big[ \log \mathrm{softmax}_j(l_{ij})_{j = i}
       + \log \mathrm{softmax}_j(l_{ij})_{j = \mathrm{pos}(i)} \big],
       \qquad l_{ij} = \hat s_i^\top \hat t_j / \tau

    over all 2B candidates: the anchor's own view counts as a positive too, which is not trivial
    because student and teacher heads differ.

    Parameters
    ----------
    students : sequence of two torch.Tensor
        Each (n, d): the linear head's outputs for both views.
    teachers : sequence of two torch.Tensor
        Each (n, d): the other head's outputs.
    temperature : float
        :math:`\tau`; 0.07 on TinyImageNet, 0.1 on ImageNet.

    Returns
    -------
    torch.Tensor
        0-d loss in nats, at least log 2.

    Notes
    -----
    Collapse: log(2n). Positives at cosine 1 and all others at cosine c:
    log 2 + log(1 + (n - 1) exp((c - 1)/temperature)).

    Examples
    --------
    >>> ones, eye = torch.ones(256, 2), torch.eye(256)
    >>> cissl_loss([ones, ones], [ones, ones]), cissl_loss([eye, eye], [eye, eye])
    (tensor(6.2383), tensor(0.6933))
    """
    if len(students) != 2 or len(teachers) != 2:
        raise InputError(f"CISSL compares two views, got {len(students)} and {len(teachers)}")
    check_pair(*students, least=1)
    check_pair(students[0], teachers[0], least=1)
    s, t = (F.normalize(torch.cat(list(views)), dim=1) for views in (students, teachers))
    logits = s @ t.T / temperature
    own = logits.diagonal()
    other = logits.diagonal(len(s) // 2), logits.diagonal(-(len(s) // 2))
    return (logits.logsumexp(1) - own / 2 - torch.cat(other) / 2).mean()


class CISSL(Method):
    """CISSL: a linear student head, an MLP teacher head, and :func:`cissl_loss`.

    No stop-gradient and no EMA: encoder and both heads follow the same loss. The student belongs
    to the family of the probe; ``student_hidden=(2048, 2048)`` makes it one for MLP probes.

    Parameters
    ----------
    encoder : torch.nn.Module
        With attribute `out_dim`.
    teacher_hidden, student_hidden : sequence of int
        Hidden widths of the heads; (1024,) and () on TinyImageNet.
    embedding_dim : int
        Outputs of both heads.
    head_norm : {"batch", "layer", "none"}
        Normalisation of every layer of the heads, the last included.
    temperature : float
        See :func:`cissl_loss`.
    concatenate_views : bool
        As in the authors' code, both views pass together by default.
    seed : int or torch.Generator
        Draws the heads' weights.

    Examples
    --------
    >>> from ssl_lib.models import MLP
    >>> method = CISSL(MLP(64, 16), teacher_hidden=(32,), embedding_dim=8)
    >>> [type(layer).__name__ for layer in method.student]
    ['Linear', 'BatchNorm1d']
    """

    name = "cissl"

    def __init__(
        self,
        encoder: nn.Module,
        *,
        teacher_hidden: Sequence[int] = (1024,),
        student_hidden: Sequence[int] = (),
        embedding_dim: int = 128,
        head_norm: str = "batch",
        temperature: float = 0.07,
        concatenate_views: bool = True,
        seed: int | torch.Generator = 0,
    ) -> None:
        super().__init__(encoder, concatenate_views=concatenate_views)
        if temperature <= 0:
            raise InputError(f"temperature={temperature} must be positive")
        self.temperature = temperature
        with seeded(seed, "head"):
            self.student, self.teacher = (
                projection_head(
                    self.encoder_dim, (*hidden, embedding_dim), norm=head_norm, final_norm=True
                )
                for hidden in (student_hidden, teacher_hidden)
            )

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return the loss of the global batch, averaged over pairs of views."""
        students = [gather(s) for s in self.map_views(self.student, features)]
        teachers = [gather(t) for t in self.map_views(self.teacher, features)]
        pairs = [(i, j) for i in range(len(features)) for j in range(i + 1, len(features))]
        losses = [
            cissl_loss(
                (students[i], students[j]),
                (teachers[i], teachers[j]),
                temperature=self.temperature,
            )
            for i, j in pairs
        ]
        logs = {"embedding_std": embedding_std(students[0])}
        return torch.stack(losses).mean(), {**logs, **cosine_logs(students[0], teachers[1])}
