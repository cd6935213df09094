"""Exact ISSL: the equivalence class of every image is known, so that the theory can be tested."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssl_lib.errors import InputError
from ssl_lib.methods import Method, ViewBatch
from ssl_lib.models import linear_layers, seeded

__all__ = ["ExactISSL", "partners"]


class ExactISSL(Method):
    """The ISSL log loss with known classes, and a pull between images of one class.

    Cross-entropy of a head that predicts M(x) from the representation, plus ``pull`` times the
    smooth-L1 distance between the representations of two images of one class. With a linear head
    this is the loss that Theorem 1 asks for (section 2.2 of the chapter's notation: L_I).

    Parameters
    ----------
    encoder : torch.nn.Module
        With attribute ``out_dim``.
    n_classes : int
        Equivalence classes.
    hidden : sequence of int
        Hidden widths of the head; none is a linear head.
    pull : float
        Weight of the invariance term.
    seed : int
        Of the head.

    Examples
    --------
    >>> from ssl_lib.models import MLP
    >>> method = ExactISSL(MLP(64, 9), n_classes=10)
    >>> batch = ViewBatch(views=(torch.rand(20, 1, 8, 8),), labels=torch.arange(20) % 10)
    >>> sorted(method(batch).logs)
    ['accuracy', 'feature_std', 'pull']
    """

    name = "exact_issl"
    min_views = 1
    uses_labels = True

    def __init__(
        self,
        encoder: nn.Module,
        *,
        n_classes: int,
        hidden: Sequence[int] = (),
        pull: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__(encoder)
        if n_classes < 2 or pull < 0:
            raise InputError(
                f"n_classes must be at least 2 and pull at least 0, got {n_classes} and {pull}."
            )
        self.pull = pull
        with seeded(seed, "head"):
            self.head = linear_layers(self.encoder_dim, (*hidden, n_classes))

    def objective(
        self, features: list[Tensor], batch: ViewBatch
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of one view's features (n, d)."""
        z, labels = features[0], batch.labels
        assert labels is not None
        logits = self.head(z)
        distance = functional.smooth_l1_loss(z, z[partners(labels)])
        loss = functional.cross_entropy(logits, labels) + self.pull * distance
        accuracy = (logits.argmax(1) == labels).float().mean()
        return loss, {"accuracy": accuracy, "pull": distance}


def partners(labels: Tensor) -> Tensor:
    """Return for each image the next one of its class in the batch, cyclically.

    Parameters
    ----------
    labels : torch.Tensor of shape (n,)
        Classes.

    Returns
    -------
    torch.Tensor of shape (n,), int64
        Positions; an image that is alone in its class is its own partner.

    Examples
    --------
    >>> partners(torch.tensor([3, 1, 3, 1, 1, 0]))
    tensor([2, 3, 0, 4, 1, 5])
    """
    by_class, order = labels.sort(stable=True)
    starts = by_class != by_class.roll(1)
    place = torch.arange(len(labels), device=labels.device)
    first = torch.where(starts, place, 0).cummax(0).values
    following = torch.where(starts.roll(-1), order[first], order.roll(-1))
    return torch.zeros_like(order).scatter(0, order, following)
