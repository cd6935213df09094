"""BYOL (Grill et al. 2020): predict the embedding that an EMA teacher gives the other view."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.methods.base import Logs, TeacherMethod, ViewBatch, check_pair, embedding_std
from ssl_lib.methods.entropy import batch_entropy
from ssl_lib.methods.gather import gather
from ssl_lib.methods.precision import full_precision
from ssl_lib.models.heads import projection_head
from ssl_lib.models.seeding import seeded


@full_precision
def byol_loss(prediction: Tensor, target: Tensor) -> Tensor:
    r"""Return one side of the BYOL loss, equation 2 of the paper.

    .. math:: L = \frac1N \sum_i \big( 2 - 2 \cos(q_i, t_i) \big)

    Parameters
    ----------
    prediction : torch.Tensor
        (n, d) predictor outputs q for one view.
    target : torch.Tensor
        (n, d) teacher outputs t for the other view; no gradient flows into them.

    Returns
    -------
    torch.Tensor
        0-d, in [0, 4].

    Notes
    -----
    Collapse gives 0, the minimum: the value cannot tell it from success. The paper and
    :class:`BYOL` add the two sides.

    Examples
    --------
    >>> byol_loss(torch.eye(4), torch.eye(4)), byol_loss(torch.eye(4), -torch.eye(4))
    (tensor(0.), tensor(4.))
    """
    check_pair(prediction, target, least=1)
    q, t = F.normalize(prediction, dim=-1), F.normalize(target.detach(), dim=-1)
    return (2 - 2 * (q * t).sum(-1)).mean()


class BYOL(TeacherMethod):
    """BYOL: projector, predictor and an EMA teacher of encoder and projector.

    The loss is :func:`byol_loss` in both directions, added (so it starts near 4 and lies in
    [0, 8]); with more views, twice the mean over ordered pairs.

    Parameters
    ----------
    encoder : torch.nn.Module
        With attribute `out_dim`.
    head : sequence of int
        Widths of the projector; (4096, 256) on ImageNet.
    predictor : sequence of int, optional
        Hidden widths of the predictor, whose output is as wide as the projector's; None removes the
        predictor (which collapses: an ablation).
    head_norm : {"batch", "layer", "none"}
        Normalisation of the hidden layers of both.
    momentum, momentum_end, momentum_schedule
        See :class:`~ssl_lib.methods.base.TeacherMethod`; 0.996 for 1,000 ImageNet epochs, 0.99 for
        shorter runs and CIFAR.
    entropy : float
        Weight of an entropy term on the projections (Shwartz-Ziv et al. 2023); 0 is plain BYOL.
    estimator, scale, normalise
        Of that term, see :func:`~ssl_lib.methods.entropy.batch_entropy`.
    concatenate_views : bool
        See :class:`~ssl_lib.methods.base.Method`.
    seed : int or torch.Generator
        Draws the weights of projector and predictor.

    Examples
    --------
    >>> from ssl_lib.models import MLP
    >>> method = BYOL(MLP(64, 16), head=(32, 8), predictor=(32,))
    >>> any(p.requires_grad for p in method.teacher.parameters())
    False
    """

    name = "byol"
    uses_predictor = True

    def __init__(
        self,
        encoder: nn.Module,
        *,
        head: Sequence[int] = (1024, 256),
        predictor: Sequence[int] | None = (1024,),
        head_norm: str = "batch",
        momentum: float = 0.99,
        momentum_end: float = 1.0,
        momentum_schedule: str = "cosine",
        entropy: float = 0.0,
        estimator: str = "logdet",
        scale: float = 1e-3,
        normalise: bool = True,
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
        self.entropy = entropy
        self.uses_batch_statistics = entropy != 0
        self.entropy_options = {"estimator": estimator, "scale": scale, "normalise": normalise}
        with seeded(seed, "head"):
            self.head = projection_head(self.encoder_dim, head, norm=head_norm)
            widths = () if predictor is None else (*predictor, head[-1])
            self.predictor = projection_head(head[-1], widths, norm=head_norm)
        self.make_teacher()

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return twice the mean of the one-sided losses over ordered pairs of different views."""
        z = self.map_views(self.head, features)
        predictions = self.map_views(self.predictor, z)
        targets = self.targets(batch.views[: batch.globals_])
        sides = [
            byol_loss(prediction, target)
            for i, target in enumerate(targets)
            for j, prediction in enumerate(predictions)
            if i != j
        ]
        loss = 2 * torch.stack(sides).mean()
        logs = {"embedding_std": embedding_std(z[0]), "cosine": 1 - loss / 4}
        return self._with_entropy(loss, z, logs)

    def _with_entropy(self, loss: Tensor, z: list[Tensor], logs: Logs) -> tuple[Tensor, Logs]:
        if not self.entropy:
            return loss, logs
        values = [batch_entropy(gather(v), **self.entropy_options) for v in z]  # type: ignore[arg-type]
        mean = torch.stack(values).mean()
        return loss - self.entropy * mean, {**logs, "entropy": mean}
