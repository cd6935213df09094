"""AdamW for a matrix with a row for each training image: some rows at a time, or some only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from ssl_lib.errors import InputError
from ssl_lib.training.config import TrainingConfig

__all__ = ["RowAdamW", "adamw_by_rows"]


class RowAdamW(torch.optim.AdamW):
    """AdamW that updates groups with an entry ``rows`` by blocks of so many rows.

    Its temporary tensors are then of a block's size, moments are float32 whatever the parameter's
    type, a parameter in bfloat16 is rounded stochastically (small updates would be lost
    otherwise), and of a sparse gradient only the rows that it has are touched: neither decay nor
    momentum moves the others. Bias correction counts the steps of the whole parameter.

    Parameters
    ----------
    params : iterable of dict
        Groups of parameters.
    **options
        Of :class:`torch.optim.AdamW`.

    Examples
    --------
    >>> p = torch.nn.Parameter(torch.ones(3, 2))
    >>> optimiser = RowAdamW([{"params": [p], "rows": 2}], lr=0.1, weight_decay=0.0)
    >>> p.grad = torch.sparse_coo_tensor([[1]], [[1.0, -1.0]], (3, 2))
    >>> _ = optimiser.step()
    >>> p.data
    tensor([[1.0000, 1.0000],
            [0.9000, 1.1000],
            [1.0000, 1.0000]])
    """

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
        taken = []
        for group in self.param_groups:
            for parameter in group["params"] if group.get("rows") else ():
                if parameter.grad is not None:
                    self._update(parameter, group)
                    taken.append((parameter, parameter.grad))
                    parameter.grad = None  # torch's own step passes it over
        super().step()
        for parameter, gradient in taken:
            parameter.grad = gradient
        return loss

    def _update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            for name in ("exp_avg", "exp_avg_sq"):
                state[name] = torch.zeros_like(parameter, dtype=_wide(parameter))
        state["step"] += 1
        number = int(state["step"])
        generator = torch.Generator(parameter.device).manual_seed(number)
        for rows, gradient in _parts(parameter.grad, group["rows"]):
            moments = [state[name][rows] for name in ("exp_avg", "exp_avg_sq")]
            new = _adamw(parameter[rows].to(_wide(parameter)), gradient, moments, number, group)
            if not isinstance(rows, slice):  # what was picked by number is a copy
                state["exp_avg"][rows], state["exp_avg_sq"][rows] = moments
            half = parameter.dtype == torch.bfloat16
            parameter[rows] = _stochastic(new, generator) if half else new


def _wide(parameter: Tensor) -> torch.dtype:
    return torch.promote_types(parameter.dtype, torch.float32)


def _parts(gradient: Tensor | None, rows: int) -> Iterator[tuple[Any, Tensor]]:
    """Yield which rows, and their gradient."""
    assert gradient is not None
    if gradient.is_sparse:
        held = gradient.coalesce()
        yield held.indices()[0], held.values()
        return
    for start in range(0, len(gradient), rows):
        block = slice(start, start + rows)
        yield block, gradient[block]


def _adamw(
    values: Tensor, gradient: Tensor, moments: list[Tensor], number: int, group: dict[str, Any]
) -> Tensor:
    """Move the moments in place and return the new values (Loshchilov and Hutter, 2019)."""
    (beta1, beta2), lr = group["betas"], group["lr"]
    gradient = gradient.to(values.dtype)
    moments[0].lerp_(gradient, 1 - beta1)
    moments[1].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    scale = moments[1].sqrt().div_((1 - beta2**number) ** 0.5).add_(group["eps"])
    decayed: Tensor = values * (1 - lr * group["weight_decay"])
    return decayed.addcdiv_(moments[0], scale, value=-lr / (1 - beta1**number))


def _stochastic(values: Tensor, generator: torch.Generator) -> Tensor:
    """Round float32 to one of the two nearest bfloat16 numbers, right on average."""
    noise = torch.randint(
        1 << 16, values.shape, generator=generator, device=values.device, dtype=torch.int32
    )
    bits = values.contiguous().view(torch.int32)
    cut: Tensor = ((bits + noise) & -(1 << 16)).view(torch.float32)
    return cut.bfloat16()


def adamw_by_rows(groups: list[dict[str, Any]], config: TrainingConfig) -> RowAdamW:
    """Make the optimiser of groups of which one has ``rows``.

    Parameters
    ----------
    groups : list of dict
        See :meth:`ssl_lib.methods.Method.parameter_groups`.
    config : TrainingConfig
        Its optimiser must be AdamW.

    Returns
    -------
    RowAdamW

    Raises
    ------
    InputError
        Where it is not.
    """
    if config.optimiser != "adamw":
        raise InputError(
            f"DIET's chunk, sampled and weight_dtype need optimiser='adamw', got "
            f"{config.optimiser!r}; with chunk=None it takes any."
        )
    return RowAdamW(groups, lr=config.learning_rate, betas=config.betas)
