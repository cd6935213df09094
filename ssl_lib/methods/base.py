"""What every method has in common: its batch, its output, and the hooks of the training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.methods.ema import ema_momentum, ema_update

Logs = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class ViewBatch:
    """Views of one batch of images, and what else a method may need.

    Attributes
    ----------
    views : tuple of torch.Tensor
        Each (n, c, h, w); resolutions may differ (multi-crop).
    indices : torch.Tensor, optional
        (n,) int64 positions of the images in the training set, for DIET.
    labels : torch.Tensor, optional
        (n,) int64, for the supervised baseline.
    n_global : int, optional
        The first `n_global` views are global crops; by default all are.
    keep : tuple, optional
        For each view None, or the indices of the patches that a vision transformer sees.

    Examples
    --------
    >>> batch = ViewBatch(views=(torch.zeros(4, 1, 8, 8), torch.zeros(4, 1, 8, 8)))
    >>> len(batch), batch.globals_
    (4, 2)
    """

    views: tuple[Tensor, ...]
    indices: Tensor | None = None
    labels: Tensor | None = None
    n_global: int | None = None
    keep: tuple[Tensor | None, ...] | None = None

    def __post_init__(self) -> None:
        if not self.views or any(len(view) != len(self.views[0]) for view in self.views):
            raise InputError(
                "a batch needs views of the same images, got lengths "
                f"{[len(view) for view in self.views]}"
            )
        if self.n_global is not None and not 1 <= self.n_global <= len(self.views):
            raise InputError(f"n_global={self.n_global} must lie in [1, {len(self.views)}]")
        if self.keep is not None and len(self.keep) != len(self.views):
            raise InputError(f"keep has {len(self.keep)} entries for {len(self.views)} views")

    def __len__(self) -> int:
        return len(self.views[0])

    @property
    def globals_(self) -> int:
        """Number of global views."""
        return len(self.views) if self.n_global is None else self.n_global


@dataclass(frozen=True)
class Output:
    """What one forward pass of a method returns.

    Attributes
    ----------
    loss : torch.Tensor
        0-d, at least float32.
    logs : dict of str to torch.Tensor
        Named diagnostics, 0-d and detached.
    features : tuple of torch.Tensor
        (n, d) encoder outputs of the views that the student saw; detach them for a probe.

    Examples
    --------
    >>> Output(loss=torch.tensor(0.5), logs={}, features=(torch.zeros(4, 8),)).features[0].shape
    torch.Size([4, 8])
    """

    loss: Tensor
    logs: Logs
    features: tuple[Tensor, ...]


class Method(nn.Module):
    """Base class of the methods: an encoder, heads, and a loss on the views of a batch.

    A subclass sets the class attributes and implements :meth:`objective`. The training loop calls
    ``before_step``, ``forward`` and ``backward``, ``after_backward``, the optimiser's step and
    ``after_step``.

    Parameters
    ----------
    encoder : torch.nn.Module
        Maps images (n, c, h, w) to features (n, d), with the integer attribute `out_dim` = d.
    concatenate_views : bool
        Whether views of one resolution pass through encoder and heads together; this changes what
        BatchNorm sees. By default each view passes on its own.

    Attributes
    ----------
    name : str
        The method's name in `METHODS`.
    min_views : int
        Fewest views that the loss needs.
    uses_ema, uses_predictor, uses_prototypes, uses_queue, uses_labels, uses_indices : bool
        What the method consists of and needs.
    uses_batch_statistics : bool
        Whether the loss of a batch differs from the mean over its parts (apart from BatchNorm), so
        that gradient accumulation changes it.
    sweepable : tuple of str
        Attributes that only the loss reads, numbers or tuples of numbers: members that are trained
        at once (:func:`ssl_lib.training.many.pretrain_many`) may differ in them.

    Examples
    --------
    >>> class Alike(Method):
    ...     name = "alike"
    ...
    ...     def objective(self, features, batch):
    ...         return nn.functional.mse_loss(*features), {}
    >>> encoder = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> encoder.out_dim = 2
    >>> view = torch.ones(3, 1, 2, 2)
    >>> Alike(encoder)(ViewBatch(views=(view, view))).loss.item()
    0.0
    """

    name: ClassVar[str] = ""
    min_views: ClassVar[int] = 2
    uses_ema: ClassVar[bool] = False
    uses_predictor: ClassVar[bool] = False
    uses_prototypes: ClassVar[bool] = False
    uses_labels: ClassVar[bool] = False
    uses_indices: ClassVar[bool] = False
    sweepable: ClassVar[tuple[str, ...]] = ()
    uses_batch_statistics: bool = True
    uses_queue: bool = False
    _quiet: bool = False

    def __init__(self, encoder: nn.Module, *, concatenate_views: bool = False) -> None:
        super().__init__()
        if not isinstance(getattr(encoder, "out_dim", None), int):
            raise InputError(
                "the encoder needs an integer attribute out_dim, the number of its features; "
                f"{type(encoder).__name__} has none"
            )
        self.encoder = encoder
        self.concatenate_views = concatenate_views

    @property
    def encoder_dim(self) -> int:
        """Features of the encoder's output."""
        return cast(int, self.encoder.out_dim)

    def forward(self, batch: ViewBatch) -> Output:
        """Return the loss of `batch`, its diagnostics and the encoder's features."""
        self._check(batch)
        views, keep = self.student_views(batch)
        features = self.map_views(self.encoder, views, keep)
        loss, logs = self.objective(features, batch)
        if not self._quiet:
            logs = {"feature_std": embedding_std(features[0]), **logs}
        return Output(loss, {name: v.detach() for name, v in logs.items()}, tuple(features))

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Leave out, for a block, the diagnostics that cost time and change nothing."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def settings(self) -> dict[str, Any]:
        """Return the numbers, names and flags that make this method differ from its siblings."""
        plain = (bool, int, float, str, tuple, list, dict, type(None))
        return {
            name: value
            for name, value in vars(self).items()
            if isinstance(value, plain) and not name.startswith("_") and name != "training"
        }

    def student_views(
        self, batch: ViewBatch
    ) -> tuple[Sequence[Tensor], Sequence[Tensor | None] | None]:
        """Return the views that the student encodes and the patches kept of each; here all."""
        return batch.views, batch.keep

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return the loss and diagnostics for the student's `features`, each (n, d)."""
        raise NotImplementedError

    def before_step(self, progress: float) -> None:
        """Set what depends on the fraction of training done, before the forward pass."""

    def after_backward(self, progress: float) -> None:
        """Drop gradients of frozen parameters, before the optimiser's step."""

    def after_step(self, progress: float) -> None:
        """Update what is not trained by gradients, after the optimiser's step."""

    def map_views(
        self,
        module: Callable[..., Tensor],
        tensors: Sequence[Tensor],
        keep: Sequence[Tensor | None] | None = None,
    ) -> list[Tensor]:
        """Apply `module` to each tensor, or to runs of one shape together (`concatenate_views`)."""
        if keep is not None and any(k is not None for k in keep):
            pairs = zip(tensors, keep, strict=True)
            return [module(t) if k is None else module(t, k) for t, k in pairs]
        if not self.concatenate_views:
            return [module(t) for t in tensors]
        runs = [list(run) for _, run in groupby(tensors, key=lambda t: t.shape)]
        return [part for run in runs for part in module(torch.cat(run)).chunk(len(run))]

    def parameter_groups(
        self, *, weight_decay: float, exclude_1d: bool = True
    ) -> list[dict[str, Any]]:
        """Return the trainable parameters as groups for an optimiser.

        Parameters
        ----------
        weight_decay : float
            Decay of the first group.
        exclude_1d : bool
            Whether biases, norms and other 1-D parameters (and what :meth:`decays` excludes) form a
            second group with neither decay nor LARS adaptation.

        Returns
        -------
        list of dict
            Keys ``params``, ``param_names``, ``name``, ``weight_decay``, ``adapt`` (LARS),
            ``lr_scale`` (factor on the learning rate) and, for what is updated by rows, ``rows``.
        """
        groups: dict[tuple[bool, int], list[tuple[str, nn.Parameter]]] = {
            (True, 0): [], (False, 0): [],
        }  # fmt: skip
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                kind = (not exclude_1d or self.decays(name, parameter), self.by_rows(name))
                groups.setdefault(kind, []).append((name, parameter))
        return [
            {
                "name": "rows" if rows else "weights" if decayed else "biases",
                "params": [parameter for _, parameter in members],
                "param_names": [name for name, _ in members],
                "weight_decay": weight_decay if decayed else 0.0,
                "adapt": decayed,
                "lr_scale": 1.0 if decayed else self.bias_lr_scale,
                **({"rows": rows} if rows else {}),
            }
            for (decayed, rows), members in groups.items()
            if members
        ]

    bias_lr_scale: float = 1.0

    def decays(self, name: str, parameter: nn.Parameter) -> bool:
        """Whether a parameter takes part in weight decay and LARS adaptation."""
        return parameter.ndim > 1

    def by_rows(self, name: str) -> int:
        """Return how many rows of a parameter are updated at a time; 0 is all at once."""
        return 0

    def _check(self, batch: ViewBatch) -> None:
        if len(batch.views) < self.min_views:
            raise InputError(
                f"{self.name} needs at least {self.min_views} views, got {len(batch.views)}"
            )
        if self.uses_labels and batch.labels is None:
            raise InputError(f"{self.name} needs batch.labels, the class of each image")
        if self.uses_indices and batch.indices is None:
            raise InputError(
                f"{self.name} needs batch.indices, the position of each image in the training set"
            )


class TeacherMethod(Method):
    """A method whose targets come from an EMA copy of the encoder and a head.

    Parameters
    ----------
    encoder : torch.nn.Module
        See :class:`Method`.
    momentum, momentum_end : float
        Momentum at the start and at the end of training.
    momentum_schedule : {"cosine", "linear", "constant"}
        How it goes from one to the other.
    concatenate_views : bool
        See :class:`Method`.

    Examples
    --------
    >>> from ssl_lib.methods import build_method
    >>> from ssl_lib.models import MLP
    >>> method = build_method("byol", MLP(64, 8), head=(16, 4), predictor=(16,))
    >>> any(p.requires_grad for p in method.teacher.parameters())
    False
    """

    uses_ema = True
    head: nn.Module
    teacher: nn.ModuleDict

    def __init__(
        self,
        encoder: nn.Module,
        *,
        momentum: float = 0.996,
        momentum_end: float = 1.0,
        momentum_schedule: str = "cosine",
        concatenate_views: bool = False,
    ) -> None:
        super().__init__(encoder, concatenate_views=concatenate_views)
        if not 0 <= momentum <= 1 or not 0 <= momentum_end <= 1:
            raise InputError(f"momentum must lie in [0, 1], got {momentum} and {momentum_end}")
        self.momentum, self.momentum_end = momentum, momentum_end
        self.momentum_schedule = momentum_schedule
        self.momentum_at(0.0)

    def make_teacher(self) -> None:
        """Copy the encoder and `head` into a teacher without gradients."""
        copies = {"encoder": deepcopy(self.encoder), "head": deepcopy(self.head)}
        self.teacher = nn.ModuleDict(copies).requires_grad_(False)

    @torch.no_grad()
    def targets(self, views: Sequence[Tensor]) -> list[Tensor]:
        """Return the teacher's head outputs for `views`."""
        features = self.map_views(self.teacher["encoder"], views)
        return self.map_views(self.teacher["head"], features)

    def momentum_at(self, progress: float) -> float:
        """Return the teacher's momentum after a fraction of training."""
        return ema_momentum(
            progress,
            start=self.momentum,
            end=self.momentum_end,
            schedule=self.momentum_schedule,
        )

    def after_step(self, progress: float) -> None:
        """Move the teacher towards the student."""
        momentum = self.momentum_at(progress)
        ema_update(self.teacher["encoder"], self.encoder, momentum=momentum)
        ema_update(self.teacher["head"], self.head, momentum=momentum)


def embedding_std(z: Tensor) -> Tensor:
    """Return the mean standard deviation of the normalised coordinates of `z` (n, d).

    About 1/sqrt(d) for spread features, 0 when all samples share one direction (collapse).

    Examples
    --------
    >>> embedding_std(torch.eye(2))
    tensor(0.5000)
    """
    return F.normalize(z.detach().float(), dim=-1).std(-2, correction=0).mean()


def used_prototypes(predictions: Tensor) -> Tensor:
    """Count the prototypes that are some sample's most probable one, for `predictions` (n, K).

    Examples
    --------
    >>> used_prototypes(torch.tensor([[0.9, 0.1, 0.0], [0.6, 0.1, 0.3]]))
    tensor(1.)
    """
    return hard_usage(predictions).gt(0).float().sum()


def hard_usage(predictions: Tensor) -> Tensor:
    """Return the share of samples that each prototype attracts, (K,) for `predictions` (n, K).

    Examples
    --------
    >>> hard_usage(torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]]))
    tensor([0.7500, 0.2500])
    """
    k = torch.arange(predictions.shape[-1], device=predictions.device)
    return (predictions.argmax(-1, keepdim=True) == k).float().mean(-2)


def entropy(p: Tensor) -> Tensor:
    """Return the entropy in nats of the distributions along the last axis.

    Examples
    --------
    >>> entropy(torch.tensor([0.5, 0.5, 0.0]))
    tensor(0.6931)
    """
    terms: Tensor = torch.special.entr(p)
    return terms.sum(-1)


def check_pair(z1: Tensor, z2: Tensor, *, least: int = 2) -> None:
    """Raise InputError unless both are (n, d) with n at least `least`.

    Examples
    --------
    >>> check_pair(torch.zeros(4, 2), torch.zeros(4, 2))
    """
    if z1.ndim != 2 or z1.shape != z2.shape:
        raise InputError(
            "two views need embeddings of one shape (n, d), got "
            f"{tuple(z1.shape)} and {tuple(z2.shape)}"
        )
    if z1.shape[0] < least:
        raise InputError(f"this loss needs a batch of at least {least}, got {z1.shape[0]}")


def mean_over_pairs(
    loss: Callable[[Tensor, Tensor], tuple[Tensor, Logs]], z: Sequence[Tensor]
) -> tuple[Tensor, Logs]:
    """Average a two-view `loss` and its logs over all unordered pairs of views.

    Examples
    --------
    >>> views = [torch.tensor(1.0), torch.tensor(2.0), torch.tensor(4.0)]
    >>> mean_over_pairs(lambda a, b: (b - a, {}), views)
    (tensor(2.), {})
    """
    pairs = [(a, b) for i, a in enumerate(z) for b in z[i + 1 :]]
    results = [loss(a, b) for a, b in pairs]
    losses = torch.stack([value for value, _ in results])
    logs = {k: torch.stack([logs[k] for _, logs in results]).mean() for k in results[0][1]}
    return losses.mean(), logs
