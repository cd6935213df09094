"""Clusters of latents on a sphere, seen through an invertible network: what DIET finds of them.

The model of "Cross-entropy is all you need to invert the data generating process" (arXiv
2410.21869): a sample's index decides its cluster, a draw around the cluster's centre is its latent,
and a fixed network makes an observation of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssl_lib.methods import diet_loss
from ssl_lib.models import build_encoder
from ssl_lib.papers.diet.settings import World
from ssl_lib.randomness import torch_generator

__all__ = ["Data", "Model", "linear_r2", "measure", "train"]

_GRID = 4096
_SLOPE = 0.2
_HELD = 2048


@dataclass(frozen=True)
class Data:
    """A world drawn with one seed.

    Attributes
    ----------
    world : World
    centres : torch.Tensor of shape (clusters, d)
        Unit vectors.
    cluster : torch.Tensor of shape (samples,)
        Each sample's cluster.
    layers : tuple of torch.Tensor
        Orthogonal matrices of the mixing network.
    """

    world: World
    centres: Tensor
    cluster: Tensor
    layers: tuple[Tensor, ...]

    @classmethod
    def draw(cls, world: World, seed: int) -> Data:
        """Draw centres, cluster sizes and the mixing network.

        Examples
        --------
        >>> made = Data.draw(World(name="w", title="", samples=10, clusters=5), 0)
        >>> made.cluster.bincount().tolist()
        [2, 2, 2, 2, 2]
        """
        generator = torch_generator(seed, "diet", "world")
        d = world.dimension
        centres = functional.normalize(torch.randn(world.clusters, d, generator=generator), dim=1)
        layers = tuple(
            torch.linalg.qr(torch.randn(d, d, generator=generator)).Q for _ in range(world.mixing)
        )
        return cls(world, centres, _clusters(world, generator), layers)

    def latents(self, indices: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a latent of each sample, (n, d) on the sphere."""
        cluster = self.cluster[indices]
        if self.world.swapped:
            other = torch.randint(self.world.clusters, cluster.shape, generator=generator)
            lost = torch.rand(cluster.shape, generator=generator) < self.world.swapped
            cluster = torch.where(lost, other, cluster)
        centres = self.centres[cluster]
        if self.world.latents == "vmf":
            return around(centres, self.world.concentration, generator)
        noise = torch.randn(centres.shape, generator=generator)
        if self.world.latents == "laplace":
            noise = _laplace(centres.shape, generator)
        return functional.normalize(centres + noise / self.world.concentration**0.5, dim=1)

    def observe(self, latents: Tensor) -> Tensor:
        """Return what is seen of latents, (n, d): an injective function of them."""
        for number, layer in enumerate(self.layers):
            latents = latents @ layer
            if number + 1 < len(self.layers):
                latents = functional.leaky_relu(latents, _SLOPE)
        return latents


def _clusters(world: World, generator: torch.Generator) -> Tensor:
    """Deal samples out to clusters, evenly or with sizes that fall as a power of the rank."""
    if not world.skew:
        return torch.arange(world.samples) % world.clusters
    share = torch.arange(1, world.clusters + 1, dtype=torch.float64) ** -world.skew
    return torch.multinomial(share, world.samples, replacement=True, generator=generator)


def _laplace(shape: torch.Size, generator: torch.Generator) -> Tensor:
    half = torch.rand(shape, generator=generator) - 0.5
    # A draw of exactly 0, one in 16 million, would be infinitely far.
    tail = (1 - 2 * half.abs()).clamp_min(1e-7)
    return -half.sign() * tail.log() / math.sqrt(2)


def around(centres: Tensor, concentration: float, generator: torch.Generator) -> Tensor:
    """Draw from the von Mises-Fisher distribution around each centre.

    The cosine has the density exp(kappa t) (1 - t^2)^((d - 3) / 2), whose inverse distribution
    function is tabulated; the rest is uniform at a right angle to the centre.

    Examples
    --------
    >>> centre = torch.eye(3)[:1].expand(100_000, 3)
    >>> drawn = around(centre, 10.0, torch.Generator().manual_seed(0))
    >>> round(float(drawn[:, 0].mean()), 3)  # coth(10) - 1 / 10
    0.9
    """
    n, d = centres.shape
    grid = torch.linspace(-1, 1, _GRID + 1, dtype=torch.float64)
    middle = (grid[1:] + grid[:-1]) / 2
    density = torch.exp(concentration * (middle - 1)) * (1 - middle**2) ** ((d - 3) / 2)
    below = torch.cat([torch.zeros(1, dtype=torch.float64), density.cumsum(0)])
    level = torch.rand(n, generator=generator, dtype=torch.float64) * below[-1]
    place = torch.searchsorted(below, level).clamp(1, _GRID)
    share = (level - below[place - 1]) / density[place - 1]
    cosine = (grid[place - 1] + share * (grid[1] - grid[0])).float()[:, None].clamp(-1, 1)
    away = torch.randn(n, d, generator=generator)
    away = functional.normalize(away - (away * centres).sum(1, keepdim=True) * centres, dim=1)
    return cosine * centres + (1 - cosine**2).sqrt() * away


class Model(nn.Module):
    """An encoder, a row for each sample, and an inverse temperature where lengths are fixed.

    Parameters
    ----------
    world : World
        Says which of features and rows have unit length.
    seed : int
        Draws the weights.
    """

    def __init__(self, world: World, seed: int) -> None:
        super().__init__()
        d = world.dimension
        self.world = world
        self.encoder = build_encoder(
            "mlp", in_channels=d, image_size=1, out_dim=d, hidden=(world.width,) * world.depth,
            activation="relu", final_norm=False, final_activation=False, seed=seed,
        )  # fmt: skip
        generator = torch_generator(seed, "diet", "rows")
        self.rows = nn.Parameter(torch.randn(world.samples, d, generator=generator) / d**0.5)
        self.log_scale = nn.Parameter(torch.zeros(()))

    def features(self, seen: Tensor) -> Tensor:
        """Return the features of observations, (n, d)."""
        found: Tensor = self.encoder(seen)
        return functional.normalize(found, dim=1) if self.world.unit_features else found

    def weight(self) -> Tensor:
        """Return the rows, (samples, d)."""
        return functional.normalize(self.rows, dim=1) if self.world.unit_rows else self.rows

    def loss(self, seen: Tensor, indices: Tensor) -> Tensor:
        """Return DIET's loss without smoothing, as the theory has it."""
        features = self.features(seen) * self.log_scale.exp()
        return diet_loss(features, self.weight(), indices, label_smoothing=0.0)


def train(data: Data, seed: int) -> Iterator[tuple[int, Model, list[float]]]:
    """Train on new draws at every step.

    Yields
    ------
    step : int
        Steps done, at each of the world's `looks`.
    model : Model
        In evaluation mode for as long as the caller looks at it.
    losses : list of float
        Of the steps since the last look.
    """
    world, model = data.world, Model(data.world, seed)
    generator = torch_generator(seed, "diet", "draws")
    fast: dict[str, Any] = {
        "params": [model.rows, model.log_scale], "lr": world.rows_learning_rate
    }  # fmt: skip
    slow: dict[str, Any] = {"params": list(model.encoder.parameters())}
    optimiser = torch.optim.Adam([slow, fast], lr=world.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, world.steps)
    losses: list[float] = []
    for step in range(1, world.steps + 1):
        indices = torch.randint(world.samples, (world.batch_size,), generator=generator)
        loss = model.loss(data.observe(data.latents(indices, generator)), indices)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if step in world.looks:
            yield step, model.eval(), losses
            model.train()
            losses = []


@torch.no_grad()
def measure(data: Data, model: Model, seed: int) -> dict[str, float]:
    """Return how well a linear map tells latents and centres, R2 on samples it was not fitted on.

    ``latents``: of new draws, from features. ``centres``: each sample's cluster's, from its row.
    A model whose rows have unit length gets a linear map without intercept, as in the paper.
    """
    generator = torch_generator(seed, "diet", "held")
    indices = torch.randint(data.world.samples, (2 * _HELD,), generator=generator)
    latents = data.latents(indices, generator)
    features, free = model.features(data.observe(latents)), not data.world.unit_rows
    return {
        "latents": linear_r2(features, latents, intercept=free),
        "centres": linear_r2(model.weight(), data.centres[data.cluster], intercept=free),
    }


def linear_r2(inputs: Tensor, outputs: Tensor, *, intercept: bool = True) -> float:
    """Return the R2 of least squares, fitted on one half of the rows and judged on the other.

    The first half fits; the mean over outputs is taken.

    Examples
    --------
    >>> x = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    >>> linear_r2(x, 2 * x + 1)
    1.0
    """
    x, y = inputs.double(), outputs.double()
    if intercept:
        x = torch.cat([x, torch.ones_like(x[:, :1])], 1)
    half = len(x) // 2
    fitted = torch.linalg.lstsq(x[:half], y[:half]).solution
    off = (y[half:] - x[half:] @ fitted).square().sum(0)
    spread = (y[half:] - y[half:].mean(0)).square().sum(0)
    return round(float((1 - off / spread).mean()), 12)
