"""Small encoders trained by steps: which images a batch has is the experiment's own affair."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ssl_lib.data.views import BlockMask, Intensity, Noise, Operation, Policy, Shift
from ssl_lib.methods import Method, build_method
from ssl_lib.methods.base import Logs, ViewBatch
from ssl_lib.methods.msn import prototype_log_probabilities
from ssl_lib.models.heads import linear_layers
from ssl_lib.models.mlp import MLP
from ssl_lib.models.seeding import seeded
from ssl_lib.randomness import torch_generator
from ssl_lib.training.early import EARLY_STEPS
from ssl_lib.training.optimisers import set_learning_rate
from ssl_lib.training.schedules import learning_rate_factor

__all__ = [
    "Autoencoder",
    "Recipe",
    "Views",
    "blocks",
    "drawn",
    "encoder",
    "features",
    "make",
    "settled",
    "shares",
    "train",
]

_DECAY, _WARMUP = 1e-4, 100
Rows = Iterator[Tensor]
Views = Callable[[Tensor, torch.Generator], Sequence[Tensor]]
Look = Callable[[int, Method], None]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How long and how fast an encoder is trained.

    Attributes
    ----------
    steps, batch_size : int
    learning_rate : float
        At the end of the warm-up; a cosine follows.
    """

    steps: int = 300
    batch_size: int = 256
    learning_rate: float = 3e-3


_PLAIN = (Shift(pixels=1), Intensity(gain=(0.7, 1.3)), Noise(std=0.1))


def _once(recipe: tuple[Operation, ...], images: Tensor, generator: torch.Generator) -> Tensor:
    return Policy(name="once", recipes=(recipe,), n_global=1)(images, generator)[0]


def blocks(*, masked: tuple[float, float] = (0.1, 0.1)) -> Views:
    """Make two views of digits: shifted by a pixel, brighter or darker, noisy, with masked blocks.

    Parameters
    ----------
    masked : tuple of float
        Share of masked blocks in each view.
    """

    def make(images: Tensor, generator: torch.Generator) -> list[Tensor]:
        both = _once(_PLAIN, torch.cat([images, images]), generator).chunk(2)
        pairs = zip(both, masked, strict=True)
        return [_once((BlockMask(p=share),), part, generator) if share else part
                for part, share in pairs]  # fmt: skip

    return make


class Autoencoder(Method):
    """A masked autoencoder: from the second view, which hides blocks, to the first, which is clean.

    No term compares images of a batch with each other.

    Parameters
    ----------
    encoder : torch.nn.Module
    pixels : int
        Of an image.
    seed : int
        Draws the decoder's weights.
    """

    name = "autoencoder"

    def __init__(self, encoder: nn.Module, *, pixels: int, seed: int) -> None:
        super().__init__(encoder)
        with seeded(seed, "head"):
            self.decoder = linear_layers(
                self.encoder_dim, (128, pixels), norm="batch", activation="gelu",
                final_norm=False, final_activation=False,
            )  # fmt: skip

    def student_views(self, batch: ViewBatch) -> tuple[Any, Any]:
        """Return the view that hides blocks."""
        return batch.views[1:], None

    def objective(self, features: list[Tensor], batch: ViewBatch) -> tuple[Tensor, Logs]:
        """Return the mean squared error of the decoder's image."""
        made = self.decoder(features[0])
        return nn.functional.mse_loss(made, batch.views[0].flatten(1)), {}


def encoder(seed: int, pixels: int = 64) -> MLP:
    """Build the chapter's encoder of digits: one hidden layer, BatchNorm and GELU after both."""
    with seeded(seed, "encoder"):
        return MLP(pixels, 64, hidden=(128,))


_TEACHER = {"momentum": 0.99, "momentum_end": 1.0, "momentum_schedule": "cosine"}
_OPTIONS: dict[str, dict[str, Any]] = {
    "simclr": {"head": (128, 32), "temperature": 0.5},
    "vicreg": {"head": (128, 32)},
    "msn": {"head": (128, 32), "n_prototypes": 64, "sinkhorn_iterations": 3, **_TEACHER},
    "pmsn": {"head": (128, 32), **_TEACHER},
}


def make(name: str, seed: int, **options: Any) -> tuple[Method, Views]:
    """Build a method around a fresh encoder, with its views.

    The teacher of MSN and PMSN sees all of an image, the student of a masked autoencoder half.

    Examples
    --------
    >>> method, views = make("pmsn", 0, n_prototypes=16, exponent=0.5)
    >>> len(views(torch.zeros(3, 1, 8, 8), torch.Generator()))
    2
    """
    if name == "autoencoder":
        return Autoencoder(encoder(seed), pixels=64, seed=seed), _clean_and_hidden
    masked = (0.0, 0.1) if name in ("msn", "pmsn") else (0.1, 0.1)
    made = build_method(name, encoder(seed), seed=seed, **{**_OPTIONS[name], **options})
    return made, blocks(masked=masked)


def _clean_and_hidden(images: Tensor, generator: torch.Generator) -> list[Tensor]:
    """Shift images, and hide half of the blocks of what that gives."""
    clean = _once((Shift(pixels=1),), images, generator)
    return [clean, _once((*_PLAIN[1:], BlockMask(p=0.5)), clean, generator)]


def drawn(n: int, batch_size: int, generator: torch.Generator) -> Rows:
    """Yield batches of row numbers without end, each image equally likely at every place."""
    while True:
        yield torch.randint(n, (batch_size,), generator=generator)


def train(
    method: Method,
    images: Tensor,
    views: Views,
    rows: Rows,
    recipe: Recipe,
    *,
    seed: int,
    look: Look | None = None,
) -> float:
    """Train a method in place by AdamW, warm-up and cosine.

    Parameters
    ----------
    method : Method
    images : torch.Tensor of shape (n, c, h, w)
        In [0, 1].
    views : callable
        Makes the views of a batch of images, given a generator.
    rows : iterator of torch.Tensor
        Row numbers of each batch.
    recipe : Recipe
    seed : int
        Draws the views.
    look : callable, optional
        Called with the number of steps done and the method, before the first step and after each.

    Returns
    -------
    float
        Mean loss of the first ten steps.
    """
    groups = method.parameter_groups(weight_decay=_DECAY)
    groups = [{key: group[key] for key in group if key != "param_names"} for group in groups]
    optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)
    generator = torch_generator(seed, "cluster-prior", "views")
    early = []
    method.train()
    with method.quiet():
        for step in range(recipe.steps):
            if look is not None:
                look(step, method)
            set_learning_rate(optimiser, recipe.learning_rate * _factor(step, recipe.steps))
            batch = tuple(views(images[next(rows)], generator))
            loss = _step(method, batch, optimiser, step / recipe.steps)
            if step < EARLY_STEPS:
                early.append(loss)
        if look is not None:
            look(recipe.steps, method)
    return float(torch.stack(early).double().mean())


def _factor(step: int, steps: int) -> float:
    return learning_rate_factor(step, total=steps, warmup=min(_WARMUP, steps // 4))


def _step(
    method: Method, views: tuple[Tensor, ...], optimiser: torch.optim.Optimizer, progress: float
) -> Tensor:
    method.before_step(progress)
    optimiser.zero_grad(set_to_none=True)
    loss: Tensor = method(ViewBatch(views=views)).loss
    loss.backward()
    method.after_backward(progress)
    optimiser.step()
    method.after_step(progress)
    return loss.detach()


@torch.no_grad()
def settled(method: Method, images: Tensor) -> Any:
    """Return a copy in evaluation mode whose BatchNorm has the statistics of all these images.

    Batches of few classes leave running averages of the last few classes; see the page.
    """
    made: Any = deepcopy(method)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the average of all batches that follow: of this one
    made.train()
    h = made.encoder(images)
    if hasattr(made, "head"):
        made.head(h)
    return made.eval()


@torch.no_grad()
def features(method: Method, images: Tensor) -> Tensor:
    """Return the encoder's features of images, (n, d)."""
    found: Tensor = method.encoder(images)
    return found


@torch.no_grad()
def shares(method: Any, images: Tensor) -> Tensor:
    """Return the probabilities of the prototypes, (n, K), of the student."""
    z = method.head(method.encoder(images))
    return prototype_log_probabilities(
        z, method.prototypes.weight, temperature=method.temperature
    ).exp()
