"""A linear probe that is trained along with a method and leaves it as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ssl_lib.errors import InputError
from ssl_lib.methods.base import Method, Output, ViewBatch
from ssl_lib.methods.supervised import accuracy, supervised_loss
from ssl_lib.models.heads import linear_head
from ssl_lib.models.seeding import seeded

# What the training loop asks a method about itself.
_FLAGS = (
    "name",
    "min_views",
    "uses_ema",
    "uses_predictor",
    "uses_prototypes",
    "uses_queue",
    "uses_indices",
    "uses_batch_statistics",
    "bias_lr_scale",
)


class OnlineProbe(Method):
    """A method with a linear layer on its detached features, which learns the labels meanwhile.

    The probe sees the views that the method trains on, in the same forward pass, and is updated by
    the same optimiser: the history then tells how good the features are at every epoch. The method
    itself trains to the same numbers, unless the gradient is clipped by its whole norm.

    Parameters
    ----------
    method : Method
        Any of the methods; stays at hand as the attribute `method`.
    n_classes : int
        Classes of the labels.
    seed : int or torch.Generator
        Draws the probe's weights.

    Notes
    -----
    Its accuracy is one on augmented training images with the network in training mode, so it is no
    test accuracy. Checkpoints hold the probe too, so give `pretrain` no `spec` of the bare method;
    `method` is what to keep afterwards.

    Examples
    --------
    >>> import torch
    >>> from ssl_lib.methods import build_method
    >>> from ssl_lib.models import MLP
    >>> method = OnlineProbe(build_method("diet", MLP(64, 16), n_data=100), n_classes=10)
    >>> labels = torch.zeros(4, dtype=torch.int64)
    >>> batch = ViewBatch(
    ...     views=(torch.rand(4, 1, 8, 8),), indices=torch.arange(4), labels=labels
    ... )
    >>> sorted(method(batch).logs)
    ['excess', 'feature_std', 'index_accuracy', 'probe_accuracy', 'probe_loss']
    """

    uses_labels = True

    def __init__(self, method: Method, *, n_classes: int, seed: int | torch.Generator = 0) -> None:
        nn.Module.__init__(self)
        if n_classes < 2:
            raise InputError(f"n_classes must be at least 2, got {n_classes}")
        self.method = method
        for flag in _FLAGS:
            setattr(self, flag, getattr(method, flag))
        with seeded(seed, "probe"):
            self.probe = linear_head(method.encoder_dim, n_classes)

    @property
    def encoder(self) -> nn.Module:  # type: ignore[override]
        """The method's encoder, which is registered once, as part of the method."""
        return self.method.encoder

    def forward(self, batch: ViewBatch) -> Output:
        """Return the method's loss, whose gradient is also the probe's, and both's diagnostics."""
        self._check(batch)
        output = self.method(batch)
        loss, hits = self._probe(output.features, batch)
        logs = {**output.logs, "probe_loss": loss.detach(), "probe_accuracy": hits}
        # Adds 0: the loss that is reported and watched stays the method's own.
        return Output(output.loss + (loss - loss.detach()), logs, output.features)

    def _probe(self, features: tuple[Tensor, ...], batch: ViewBatch) -> tuple[Tensor, Tensor]:
        assert batch.labels is not None
        logits = [self.probe(h.detach()) for h in features]
        losses = [supervised_loss(view, batch.labels) for view in logits]
        return sum(losses[1:], losses[0]) / len(losses), accuracy(logits[0], batch.labels)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Leave out the method's diagnostics for a block."""
        with self.method.quiet():
            yield

    def settings(self) -> dict[str, Any]:
        """Return what makes the method differ from its siblings."""
        return {**self.method.settings(), "online_probe": self.probe.out_features}

    def before_step(self, progress: float) -> None:
        """Let the method set what depends on progress."""
        self.method.before_step(progress)

    def after_backward(self, progress: float) -> None:
        """Let the method drop gradients."""
        self.method.after_backward(progress)

    def after_step(self, progress: float) -> None:
        """Let the method update what is not trained by gradients."""
        self.method.after_step(progress)

    def decays(self, name: str, parameter: nn.Parameter) -> bool:
        """Whether a parameter takes part in weight decay: the method decides on its own."""
        own = name.removeprefix("method.")
        return parameter.ndim > 1 if own == name else self.method.decays(own, parameter)

    def by_rows(self, name: str) -> int:
        """Return how many rows of a parameter are updated at a time, as the method says."""
        own = name.removeprefix("method.")
        return 0 if own == name else self.method.by_rows(own)
