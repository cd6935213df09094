"""Maxout units."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssl_lib.arguments import check_whole
from ssl_lib.geometry.windows import unit_numbers

__all__ = ["Maxout"]


class Maxout(nn.Module):
    """The largest of each ``pieces`` neighbouring features, (n, pieces * d) -> (n, d).

    Parameters
    ----------
    pieces : int
        Number of features that compete in a unit.

    Examples
    --------
    >>> Maxout(2)(torch.tensor([[1.0, 3.0, -2.0, -5.0]]))
    tensor([[ 3., -2.]])
    """

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = check_whole("pieces", pieces, least=1)

    def forward(self, features: Tensor) -> Tensor:
        """Maxout of features (n, pieces * d, ...)."""
        largest: Tensor = features.unflatten(1, (-1, self.pieces)).amax(2)
        return largest

    def windows(self, shapes: list[torch.Size]) -> tuple[Tensor, torch.Size]:
        """Which features compete, for features of shape (pieces * d, ...)."""
        (shape,) = shapes
        numbers = unit_numbers(shape).unflatten(0, (-1, self.pieces)).movedim(1, -1)
        return numbers.reshape(-1, self.pieces), numbers.shape[:-1]

    def extra_repr(self) -> str:
        """Shown in the module's representation."""
        return f"pieces={self.pieces}"
