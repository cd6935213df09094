"""Many copies of one small architecture, trained side by side in one process.

Their weights are stacked along a new first axis and one vectorised forward and backward pass serves
all of them; every update is element-wise, so each member is trained as it would be alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ssl_lib.data import ClassPoorData, ImageData
from ssl_lib.data.views import Parameters, Policy, take
from ssl_lib.errors import InputError
from ssl_lib.methods.base import Method, ViewBatch
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.early import early_losses
from ssl_lib.training.loop import Diverged
from ssl_lib.training.optimisers import build_optimiser, set_learning_rate
from ssl_lib.training.schedules import learning_rate_factor
from ssl_lib.training.share import batch_norm_explained, draw_epoch, order_of

__all__ = ["pretrain_many", "stack_methods", "stack_settings", "unstack_methods"]


def pretrain_many(
    methods: Sequence[Method],
    data: ImageData,
    *,
    policy: Policy,
    config: TrainingConfig,
    order_seeds: Sequence[int] | None = None,
    views_seeds: Sequence[int] | None = None,
    device: str | torch.device = "cpu",
    progress: bool | None = None,
) -> list[dict[str, Any]]:
    """Train K methods of one architecture at once, each as :func:`ssl_lib.training.loop.pretrain`.

    Parameters
    ----------
    methods : sequence of Method
        The members, trained in place. They differ in their initial weights, or in numbers of the
        loss that the method lists as ``sweepable``, such as a temperature.
    data : ImageData
        The training images of all of them.
    policy : Policy
        Makes the views.
    config : TrainingConfig
        How to train each; LARS and bfloat16 are not available here.
    order_seeds, views_seeds : sequence of int, optional
        One for each member: what ``order_seed`` and ``views_seed`` would be in a run of its own.
        By default all members share the configuration's. Equal seeds give equal batches or views.
    device : str or torch.device, default="cpu"
        Where.
    progress : bool, optional
        Whether to show a progress bar; by default when the terminal can.

    Returns
    -------
    list of dict
        One entry an epoch: ``epoch``, ``losses`` (mean over the epoch, one for each member),
        ``early_losses`` (mean over the first ten steps of training, as far as they are done, one
        for each member), ``learning_rate``, ``seconds``, ``images_per_second`` (over all members).

    Raises
    ------
    Diverged
        When a member's loss is not finite; it names the member and the epoch.
    InputError
        When the members are not of one architecture, differ in a setting that cannot be swept, or
        are not as many as the seeds.

    Notes
    -----
    What is saved is the cost of small operations, so the gain is large for small multilayer
    perceptrons (2 to 5 times on one CPU thread) and on GPUs; convolutions on a CPU take as long as
    in turn. ``benchmarks/many.py`` measures it.

    A member's numbers do not depend on how many others there are: batched products of one matrix
    are rounded in another order (1e-7 after two epochs of SimCLR; larger where a direction of the
    weights has no gradient) than those of 2 to 20, which agree to the bit. A lone member is
    therefore trained beside a copy of itself.

    Examples
    --------
    >>> from ssl_lib import data, methods, models
    >>> members = [
    ...     methods.build_method("supervised", models.build_encoder(
    ...         "mlp", in_channels=1, image_size=8, seed=seed), n_classes=10, seed=seed)
    ...     for seed in range(3)]
    >>> history = pretrain_many(members, data.load("digits"), progress=False,
    ...     policy=data.views.policy("digits", size=8),
    ...     config=TrainingConfig(epochs=2, batch_size=256))
    >>> len(history[1]["losses"])
    3
    """
    orders = _seeds(order_seeds, config.order_stream, len(methods), "order_seeds")
    views = _seeds(views_seeds, config.views_stream, len(methods), "views_seeds")
    _check(methods, data, config)
    if len(methods) == 1:
        options = {"policy": policy, "config": config, "device": device, "progress": progress}
        return _beside_a_copy(methods[0], data, orders[0], views[0], options)
    configs = [
        replace(config, order_seed=order, views_seed=seed)
        for order, seed in zip(orders, views, strict=True)
    ]
    for method in methods:
        method.to(device).train()
    stacked = stack_methods(methods)
    trainer = _Together(methods[0], stacked, data.to(device), policy, configs)
    trainer.swept = stack_settings(methods)
    try:
        with methods[0].quiet():
            return trainer.train(progress)
    finally:
        unstack_methods(stacked, methods)


def _beside_a_copy(
    method: Method, data: ImageData, order: int, views: int, options: dict[str, Any]
) -> list[dict[str, Any]]:
    """Train a lone member in a stack of two, whose sums are rounded as in larger stacks."""
    both = [method, deepcopy(method)]
    history = pretrain_many(both, data, order_seeds=[order] * 2, views_seeds=[views] * 2, **options)
    for entry in history:
        for losses in ("losses", "early_losses"):
            entry[losses] = entry[losses][:1]
        entry["images_per_second"] /= 2
    return history


def stack_methods(methods: Sequence[Method]) -> Method:
    """Copy methods of one architecture into one module with stacked weights and buffers.

    Parameters
    ----------
    methods : sequence of Method
        K members.

    Returns
    -------
    Method
        Every parameter and buffer has a new first axis of length K. It is not to be called, but
        its hooks (teacher, centre) act on all members.

    Raises
    ------
    InputError
        When names or shapes differ between members.

    Examples
    --------
    >>> from ssl_lib import methods, models
    >>> members = [methods.build_method("simclr", models.build_encoder(
    ...     "mlp", in_channels=1, image_size=8, seed=s)) for s in range(3)]
    >>> next(stack_methods(members).parameters()).shape
    torch.Size([3, 128, 64])
    """
    states = [_tensors(method) for method in methods]
    for number, state in enumerate(states):
        for name, value in states[0].items():
            if (
                name not in state
                or state[name].shape != value.shape
                or len(state) != len(states[0])
            ):
                raise InputError(
                    f"members must have one architecture: member {number} differs at {name!r}."
                )
    stacked = deepcopy(methods[0])
    for name, value in states[0].items():
        together = torch.stack([state[name].detach() for state in states])
        owner, leaf = _owner(stacked, name)
        if isinstance(value, nn.Parameter):
            setattr(owner, leaf, nn.Parameter(together, requires_grad=value.requires_grad))
        else:
            owner._buffers[leaf] = together
    return stacked


def stack_settings(methods: Sequence[Method]) -> dict[str, Tensor]:
    """Stack the numbers of the loss in which members differ.

    Parameters
    ----------
    methods : sequence of Method
        K members of one class.

    Returns
    -------
    dict of str to torch.Tensor
        By attribute: (K,), or (K, m) for a tuple of m numbers, on the members' device.

    Raises
    ------
    InputError
        When members differ in a setting that the method does not list as ``sweepable``.

    Examples
    --------
    >>> from ssl_lib import methods, models
    >>> encoder = models.build_encoder("mlp", in_channels=1, image_size=8)
    >>> stack_settings([methods.build_method("simclr", encoder, temperature=t) for t in (0.1, 1)])
    {'temperature': tensor([0.1000, 1.0000])}
    """
    first, differing = methods[0].settings(), dict[str, Tensor]()
    weights = next(methods[0].parameters())
    for name, value in first.items():
        values = [method.settings().get(name) for method in methods]
        if all(other == value for other in values):
            continue
        if name not in methods[0].sweepable:
            raise InputError(
                f"members must agree in {name!r}: {methods[0].name} can sweep "
                f"{', '.join(methods[0].sweepable) or 'nothing'}."
            )
        differing[name] = torch.tensor(values, dtype=weights.dtype, device=weights.device)
    return differing


@torch.no_grad()
def unstack_methods(stacked: Method, methods: Sequence[Method]) -> None:
    """Copy stacked weights and buffers back into the members.

    Parameters
    ----------
    stacked : Method
        From :func:`stack_methods`.
    methods : sequence of Method
        The K members, changed in place.
    """
    together = _tensors(stacked)
    for number, method in enumerate(methods):
        for name, value in _tensors(method).items():
            value.copy_(together[name][number])


class _Together:
    def __init__(
        self,
        template: Method,
        stacked: Method,
        data: ImageData,
        policy: Policy,
        configs: Sequence[TrainingConfig],
    ) -> None:
        self.template, self.stacked, self.data, self.policy = template, stacked, data, policy
        self.configs, self.config = configs, configs[0]
        self.optimiser = build_optimiser(template, self.config)
        mine, theirs = dict(stacked.named_parameters()), dict(template.named_parameters())
        by_member = {theirs[name]: mine[name] for name in theirs}
        for group in self.optimiser.param_groups:
            # The groups are decided by a member's shapes: stacked, a bias looks like a matrix.
            group["params"] = [by_member[parameter] for parameter in group["params"]]
        self.swept: dict[str, Tensor] = {}
        self.drawn: list[list[Parameters]] = []
        self.place = torch.zeros(0, dtype=torch.int64)
        self.parameters: dict[str, Tensor] = dict(mine)
        self.buffers = dict(stacked.named_buffers())
        self.per_epoch = len(data) // self.config.batch_size
        self.total = self.per_epoch * self.config.epochs
        self.warmup = round(self.config.warmup_epochs * self.per_epoch)
        self.step = 0

    def train(self, progress: bool | None) -> list[dict[str, Any]]:
        from tqdm import tqdm

        count = len(self.configs)
        bar = tqdm(
            total=self.total * self.config.batch_size * count,
            unit="image",
            unit_scale=True,
            desc=f"{count} x {self.template.name}",
            disable=None if progress is None else not progress,
        )
        with bar:
            history: list[dict[str, Any]] = []
            for epoch in range(self.config.epochs):
                before = history[-1]["early_losses"] if history else []
                history.append(self.epoch(epoch, before, bar))
            return history

    def epoch(self, epoch: int, before: Sequence[float], bar: Any) -> dict[str, Any]:
        started, losses, step = time.perf_counter(), [], self.step
        orders = torch.stack([order_of(self.data, config, epoch) for config in self.configs])
        self.draw(epoch)
        for index in orders.split(self.config.batch_size, dim=1)[: self.per_epoch]:
            losses.append(self.optimise(index))
            self.step += 1
            bar.update(index.numel())
        stacked = torch.stack(losses)
        mean = stacked.double().mean(0).tolist()
        bad = [number for number, loss in enumerate(mean) if not abs(loss) < float("inf")]
        if bad:
            raise Diverged(
                f"the loss of member(s) {', '.join(map(str, bad))} is not finite in epoch "
                f"{epoch + 1}: a lower learning_rate or a longer warm-up may help."
            )
        seconds = time.perf_counter() - started
        images = self.per_epoch * self.config.batch_size * len(self.configs)
        return {
            "epoch": epoch + 1,
            "losses": mean,
            "early_losses": early_losses(stacked, step=step, before=before),
            "learning_rate": self.optimiser.param_groups[0]["lr"],
            "seconds": seconds,
            "images_per_second": images / seconds,
        }

    def optimise(self, index: Tensor) -> Tensor:
        """Take one step of all members, on images ``index`` (K, b)."""
        done = self.step / self.total
        rate = self.config.learning_rate * learning_rate_factor(
            self.step,
            total=self.total,
            warmup=self.warmup,
            schedule=self.config.schedule,
            final=self.config.final_factor,
        )
        set_learning_rate(self.optimiser, rate)
        for method in (self.template, self.stacked):
            method.before_step(done)
        self.optimiser.zero_grad(set_to_none=True)
        views, index = self.views(index), index.to(self.data.device)
        labels = self.data.labels[index] if self.data.has_labels else None
        with batch_norm_explained(self.config):
            losses = self.losses(views, index, labels)
        losses.sum().backward()
        self.stacked.after_backward(done)
        self.clip()
        self.optimiser.step()
        self.stacked.after_step(done)
        return losses.detach()

    def losses(self, views: list[Tensor], index: Tensor, labels: Tensor | None) -> Tensor:
        def one(
            parameters: dict[str, Tensor],
            buffers: dict[str, Tensor],
            views: list[Tensor],
            index: Tensor,
            labels: Tensor | None,
            swept: dict[str, Tensor],
        ) -> Tensor:
            batch = ViewBatch(
                views=tuple(views), indices=index, labels=labels, n_global=self.policy.n_global
            )
            state = {**parameters, **buffers}
            with _set(self.template, swept):
                loss: Tensor = functional_call(self.template, state, (batch,)).loss
            return loss

        together: Tensor = vmap(one, in_dims=(0, 0, 0, 0, None if labels is None else 0, 0))(
            self.parameters, self.buffers, views, index, labels, self.swept
        )
        return together

    def views(self, index: Tensor) -> list[Tensor]:
        """Make every member's views, (K, b, c, h, w) each, in one pass over all their images.

        Members that have views' seed and images in common share their views.
        """
        if not bool((index == index[0]).all()):
            return [view.unflatten(0, index.shape) for view in self.apply(index, self.place)]
        distinct = torch.arange(int(self.place.max()) + 1)
        views = self.apply(index[:1].expand(len(distinct), -1), distinct)
        place = self.place.to(self.data.device)
        return [view.unflatten(0, (len(distinct), -1))[place] for view in views]

    def draw(self, epoch: int) -> None:
        """Draw an epoch's parameters once for each seed of the views, one after another."""
        by_seed = {config.views_stream: config for config in self.configs}
        distinct = list(by_seed)
        self.place = torch.tensor([distinct.index(c.views_stream) for c in self.configs])
        drawn = [draw_epoch(self.policy, self.data, c, epoch) for c in by_seed.values()]
        self.drawn = [
            [
                {name: torch.cat([step[name] for step in steps]) for name in steps[0]}
                for steps in zip(*recipes, strict=True)
            ]
            for recipes in zip(*drawn, strict=True)
        ]

    def apply(self, index: Tensor, place: Tensor) -> list[Tensor]:
        """Make the views of images ``index`` (m, b), whose seeds' places are given (m,)."""
        rows = (place[:, None] * len(self.data) + index).flatten()
        images = self.data.images[index.flatten().to(self.data.device)]
        return self.policy.apply(images, take(self.drawn, rows))

    def clip(self) -> None:
        limit = self.config.clip_norm
        if limit is None:
            return
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        squares = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0)
        scale = (limit / (squares.sqrt() + 1e-6)).clamp(max=1)
        for gradient in gradients:
            gradient.mul_(scale.view(-1, *(1,) * (gradient.ndim - 1)))


@contextmanager
def _set(method: Method, settings: dict[str, Tensor]) -> Iterator[None]:
    """Give a method other settings for a block."""
    before = {name: getattr(method, name) for name in settings}
    try:
        for name, value in settings.items():
            setattr(method, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(method, name, value)


def _seeds(given: Sequence[int] | None, default: int, count: int, name: str) -> Sequence[int]:
    if given is None:
        return [default] * count
    if len(given) != count:
        raise InputError(f"{name} must hold {count} seeds, one for each member, got {len(given)}.")
    return given


def _check(methods: Sequence[Method], data: ImageData, config: TrainingConfig) -> None:
    if not methods:
        raise InputError("methods must hold at least one member.")
    if config.optimiser == "lars" or config.precision == "bfloat16" or config.accumulate > 1:
        raise InputError(
            "many models at once train with adamw or sgd, in float32 and without accumulation."
        )
    if config.drop_patches or config.compile:
        raise InputError("many models at once train without drop_patches and compile.")
    if methods[0].uses_queue:
        raise InputError(f"{methods[0].name} with a queue cannot be trained many at once.")
    if isinstance(data, ClassPoorData):
        raise InputError(
            "many models at once draw ordinary batches: train each alone on batches of few classes."
        )
    if len(data) < config.batch_size:
        raise InputError(
            f"batch_size {config.batch_size} exceeds the {len(data)} images of {data.name}."
        )


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _owner(module: nn.Module, name: str) -> tuple[nn.Module, str]:
    path, _, leaf = name.rpartition(".")
    return module.get_submodule(path), leaf
