"""Optimisers of the papers: AdamW and SGD from torch, LARS here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ssl_lib.errors import InputError
from ssl_lib.methods.base import Method
from ssl_lib.training.config import TrainingConfig
from ssl_lib.training.rows import adamw_by_rows

__all__ = ["LARS", "build_optimiser", "clip_gradients", "set_learning_rate"]


class LARS(torch.optim.Optimizer):
    """Layer-wise adaptive rate scaling (You et al., 2017), as the VICReg code applies it.

    For parameters of groups with ``adapt``: ``g <- g + wd p``, scaled by
    ``trust ||p|| / ||g||``; then momentum on the scaled gradient and ``p <- p - lr m``. Other
    groups (biases, norms) get plain SGD with momentum, without decay.

    Parameters
    ----------
    params : iterable of dict
        Groups; ``adapt`` says whether LARS scales them (default True).
    lr : float
        Learning rate.
    momentum : float, default=0.9
        Momentum.
    weight_decay : float, default=0.0
        Decay of adapted groups.
    trust : float, default=1e-3
        The coefficient eta.

    Examples
    --------
    >>> p = nn.Parameter(torch.tensor([[3.0, 4.0]]))
    >>> optimiser = LARS([{"params": [p]}], lr=1.0, trust=0.1)
    >>> p.grad = torch.tensor([[0.0, 2.0]])
    >>> _ = optimiser.step()
    >>> p.data
    tensor([[3.0000, 3.5000]])
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        *,
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust: float = 1e-3,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "trust": trust,
            "adapt": True,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take one step.

        Parameters
        ----------
        closure : callable, optional
            Evaluates the loss again.

        Returns
        -------
        float or None
            The closure's loss.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return loss

    def _update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        gradient = parameter.grad
        assert gradient is not None
        if group["adapt"]:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
            size, slope = parameter.norm(), gradient.norm()
            scale = torch.where((size > 0) & (slope > 0), group["trust"] * size / slope, 1.0)
            gradient = gradient * scale
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].mul_(group["momentum"]).add_(gradient)
        parameter.add_(state["momentum"], alpha=-group["lr"])


def build_optimiser(method: Method, config: TrainingConfig) -> torch.optim.Optimizer:
    """Make the optimiser of a configuration for a method's parameter groups.

    Parameters
    ----------
    method : Method
        Already on its device.
    config : TrainingConfig
        Names the optimiser.

    Returns
    -------
    torch.optim.Optimizer
        AdamW and SGD are fused on a GPU.

    Examples
    --------
    >>> from ssl_lib.methods import build_method
    >>> from ssl_lib.models import build_encoder
    >>> method = build_method("simclr", build_encoder("mlp", in_channels=1, image_size=8))
    >>> type(build_optimiser(method, TrainingConfig(optimiser="lars"))).__name__
    'LARS'
    """
    groups = method.parameter_groups(weight_decay=config.weight_decay)
    groups = [{key: g[key] for key in g if key != "param_names"} for g in groups]
    lr = config.learning_rate
    if any(group.get("rows") for group in groups):
        return adamw_by_rows(groups, config)
    if config.optimiser == "lars":
        return LARS(groups, lr=lr, momentum=config.momentum, trust=config.trust)
    fused = all(p.is_cuda for group in groups for p in group["params"])
    if config.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=config.momentum, fused=fused)
    return torch.optim.AdamW(groups, lr=lr, betas=config.betas, fused=fused)


def set_learning_rate(optimiser: torch.optim.Optimizer, value: float) -> None:
    """Set every group's learning rate to ``value`` times the group's own factor.

    Parameters
    ----------
    optimiser : torch.optim.Optimizer
        Its groups may have ``lr_scale``.
    value : float
        The run's learning rate at this step.

    Examples
    --------
    >>> p = nn.Parameter(torch.zeros(1))
    >>> optimiser = torch.optim.SGD([{"params": [p], "lr_scale": 0.5}], lr=1.0)
    >>> set_learning_rate(optimiser, 0.2)
    >>> optimiser.param_groups[0]["lr"]
    0.1
    """
    for group in optimiser.param_groups:
        group["lr"] = value * group.get("lr_scale", 1.0)


def clip_gradients(module: nn.Module, norm: float | None) -> None:
    """Scale all gradients together so that their norm is at most ``norm``; None leaves them.

    Examples
    --------
    >>> layer = nn.Linear(1, 1, bias=False)
    >>> layer.weight.grad = torch.tensor([[5.0]])
    >>> clip_gradients(layer, 1.0)
    >>> round(layer.weight.grad.item(), 4)
    1.0
    """
    if norm is None:
        return
    if any(p.grad is not None and p.grad.is_sparse for p in module.parameters()):
        raise InputError("clip_norm takes a norm over all rows, and DIET's sampled rows have none.")
    torch.nn.utils.clip_grad_norm_(module.parameters(), norm)
