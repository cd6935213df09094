"""Networks of coordinates, and training them with copies kept on the way."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from ssl_lib.models import seeded
from ssl_lib.models.heads import linear_layers
from ssl_lib.randomness import torch_generator
from ssl_lib.training.early import EARLY_STEPS

__all__ = ["Fitted", "TriangleWaves", "fit", "relu_network"]

Draw: TypeAlias = Callable[[torch.Generator], tuple[Tensor, Tensor]]
Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]


def relu_network(widths: Sequence[int], *, seed: int, stream: str = "network") -> nn.Sequential:
    """Return Linear and ReLU in turn, with torch's default initial weights.

    Parameters
    ----------
    widths : sequence of int
        Inputs, hidden widths, outputs; no ReLU after the last.
    seed : int
    stream : str
        Names the random stream.

    Returns
    -------
    nn.Sequential

    Examples
    --------
    >>> len(relu_network((2, 10, 10, 1), seed=0))
    5
    """
    with seeded(seed, stream):
        return linear_layers(
            widths[0],
            widths[1:],
            norm="none",
            activation="relu",
            final_norm=False,
            final_activation=False,
        )


class TriangleWaves(nn.Module):
    """Positional encoding by triangle waves: x, 2|x| - 1, 2|2|x| - 1| - 1 and so on.

    Each fold doubles the frequency, as the sines and cosines of the usual encoding do, but stays
    piecewise linear, so that the partition of the whole network is exact.

    Parameters
    ----------
    folds : int
        Number of doublings.

    Examples
    --------
    >>> TriangleWaves(2)(torch.tensor([[0.0, 0.25]])).tolist()
    [[0.0, 0.25, -1.0, -0.5, 1.0, 0.0]]
    """

    def __init__(self, folds: int) -> None:
        super().__init__()
        self.folds = folds

    def forward(self, x: Tensor) -> Tensor:
        """Return the waves (n, d (folds + 1)) of coordinates (n, d) in [-1, 1]."""
        parts = [x]
        for _ in range(self.folds):
            parts.append(2 * torch.abs(parts[-1]) - 1)
        return torch.cat(parts, 1)


@dataclass(frozen=True)
class Fitted:
    """A network that was trained on points.

    Attributes
    ----------
    at : dict of int to nn.Module
        Copies by step, in evaluation mode.
    early : float
        Mean loss of the first ten steps.
    """

    at: dict[int, nn.Module]
    early: float

    @property
    def last(self) -> nn.Module:
        """The trained network."""
        return self.at[max(self.at)]


def fit(
    model: nn.Module,
    draw: Draw,
    loss: Loss,
    *,
    steps: int,
    learning_rate: float,
    keep: Sequence[int] = (),
    decay: bool = False,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Fitted:
    """Train a network on drawn points with Adam, and keep copies on the way.

    Parameters
    ----------
    model : nn.Module
        Trained in place.
    draw : callable
        Given a generator, returns the inputs (n, d) and targets of one step.
    loss : callable
        Of outputs and targets.
    steps : int
    learning_rate : float
    keep : sequence of int
        Steps after which a copy is kept; 0 is the initial network. The last step always is.
    decay : bool
        Whether the learning rate goes to zero along a cosine.
    seed : int
        Of the drawn points.
    device : torch.device or str

    Returns
    -------
    Fitted

    Examples
    --------
    >>> line = relu_network((1, 8, 1), seed=0)
    >>> def draw(generator):
    ...     x = torch.rand(64, 1, generator=generator)
    ...     return x, 3 * x
    >>> found = fit(line, draw, nn.functional.mse_loss, steps=300, learning_rate=0.02, keep=(0,))
    >>> sorted(found.at), bool((found.last(torch.tensor([[0.5]])) - 1.5).abs() < 0.05)
    ([0, 300], True)
    """
    model.to(device).train()
    generator = torch_generator(seed, "points")
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    horizon = steps if decay else 10**12
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, horizon)
    kept = {0: _copy(model)} if 0 in keep else {}
    losses: list[float] = []
    for step in range(1, steps + 1):
        inputs, targets = (part.to(device) for part in draw(generator))
        optimiser.zero_grad(set_to_none=True)
        found = loss(model(inputs), targets)
        found.backward()
        optimiser.step()
        schedule.step()
        if step <= EARLY_STEPS:
            losses.append(found.item())
        if step in keep or step == steps:
            kept[step] = _copy(model)
    return Fitted(kept, sum(losses) / len(losses))


def _copy(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model).eval()
