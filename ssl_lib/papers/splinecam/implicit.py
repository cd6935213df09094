"""Networks that are a picture or a surface: partitions, zero levels, and where regions gather."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from ssl_lib.geometry import Partition, Slice, box, level_set, partition
from ssl_lib.papers.splinecam import shapes
from ssl_lib.papers.splinecam.networks import Fitted, TriangleWaves, fit, relu_network

__all__ = [
    "BAND", "PLANES", "Encoding", "Photo", "Plane", "Surface", "density", "distance", "photo",
    "photo_pictures", "surface_pictures",
]  # fmt: skip

BAND = 0.1  # distance from the surface within which a region is near it


@dataclass(frozen=True)
class Encoding:
    """How often the coordinates of a picture are folded."""

    name: str
    folds: int


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A photograph as networks from coordinates to colours."""

    pixels: int
    hidden: tuple[int, ...]
    encodings: tuple[Encoding, ...] = (
        Encoding("coordinates", 0),
        Encoding("with triangle waves", 2),
    )
    steps: int
    device: str = "cpu"


def photo(side: int) -> Tensor:
    """Return the middle of scikit-learn's photograph of a flower, (3, side, side) in [0, 1].

    "flower.jpg" is by the Flickr user vultilion, CC BY 2.0.

    Examples
    --------
    >>> photo(32).shape
    torch.Size([3, 32, 32])
    """
    from sklearn.datasets import load_sample_image

    whole = torch.from_numpy(np.array(load_sample_image("flower.jpg"))).permute(2, 0, 1)
    middle = whole[:, 20:400, 130:510].float()[None] / 255
    return nn.functional.interpolate(middle, (side, side), mode="area")[0]


def photo_pictures(config: Photo, cell: dict[str, Any]) -> pd.DataFrame:
    """Return the partitions of networks that draw a photograph.

    Parameters
    ----------
    config : Photo
    cell : mapping
        ``seed``: of initial weights and drawn pixels.

    Returns
    -------
    pandas.DataFrame
        A table of shapes with the columns red, green, blue (the network's colour in the middle of
        each region) and error (root mean square over the pixels); panels are the encodings.
    """
    colours, places = photo(config.pixels).flatten(1).T, _pixel_centres(config.pixels)
    parts = []
    for encoding in config.encodings:
        model = _fit_photo(config, encoding, places, colours, cell["seed"]).last
        found = partition(model, box(-1, 1, -1, 1))
        with torch.no_grad():
            error = (model.cpu()(places) - colours).square().mean().sqrt()
        parts.append(_coloured(found, encoding.name).assign(error=float(error)))
    return shapes.table(parts)


def _fit_photo(
    config: Photo, encoding: Encoding, places: Tensor, colours: Tensor, seed: int
) -> Fitted:
    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        rows = torch.randint(len(places), (2048,), generator=generator)
        return places[rows], colours[rows]

    widths = (2 * (encoding.folds + 1), *config.hidden, 3)
    body = relu_network(widths, seed=seed, stream="photo")
    model = nn.Sequential(TriangleWaves(encoding.folds), *body)
    return _annealed(model, draw, nn.functional.mse_loss, config, seed)


def _annealed(model: nn.Module, draw: Any, loss: Any, config: Photo | Surface, seed: int) -> Fitted:
    return fit(
        model, draw, loss, steps=config.steps, learning_rate=0.005, decay=True, seed=seed,
        device=config.device,
    )  # fmt: skip


def _pixel_centres(side: int) -> Tensor:
    """Coordinates in [-1, 1] of the pixels, row by row from the top, (side^2, 2)."""
    steps = (torch.arange(side) + 0.5) / side * 2 - 1
    y, x = torch.meshgrid(-steps, steps, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], 1)


def _coloured(found: Partition, panel: str) -> pd.DataFrame:
    colour = found.values(torch.arange(len(found), device=found.outputs.device), found.centers)
    red, green, blue = colour.clamp(0, 1).unbind(1)
    return shapes.regions(found, panel, red=red, green=green, blue=blue)


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A signed-distance network of a surface."""

    hidden: tuple[int, ...]
    steps: int
    device: str = "cpu"


def distance(points: Tensor) -> Tensor:
    """Return the signed distance (n,) of points (n, 3) to a torus with a ball on its side.

    The torus lies in the plane z = 0 with radii 0.55 and 0.2; the ball of radius 0.3 is centred at
    (0, 0, 0.45). Negative inside; outside it is the exact distance to the union.

    Examples
    --------
    >>> distance(torch.tensor([[0.55, 0.0, 0.0], [0.0, 0.0, 1.0]])).round(decimals=6)
    tensor([-0.2000,  0.2500])
    """
    ring = torch.hypot(points[:, 0], points[:, 1]) - 0.55
    torus = torch.hypot(ring, points[:, 2]) - 0.2
    centre = points.new_tensor([0.0, 0.0, 0.45])
    ball = torch.linalg.vector_norm(points - centre, dim=1) - 0.3
    return torch.minimum(torus, ball)


@dataclass(frozen=True)
class Plane:
    """The square [-1, 1]^2 of two axes, where the third coordinate is zero."""

    name: str
    axes: tuple[int, int]

    @property
    def slice(self) -> Slice:
        """The square as a slice of space."""
        corners = box(-1, 1, -1, 1)
        axes = torch.eye(3).double()[list(self.axes)]
        return Slice(torch.zeros(3).double(), axes, corners, corners[:0])

    def away(self, plane: Tensor) -> Tensor:
        """Return the distance (n,) of plane points (n, 2) from the surface, on either side."""
        return distance(self.slice.embed(plane.cpu())).abs()


PLANES = (Plane("x = 0", (1, 2)), Plane("y = 0", (0, 2)), Plane("z = 0", (0, 1)))


def surface_pictures(config: Surface, cell: dict[str, Any]) -> pd.DataFrame:
    """Return regions and zero level in two planes of one signed-distance network.

    Returns
    -------
    pandas.DataFrame
        A table of shapes; panels are planes, without that which looks like another by symmetry.
    """
    model, parts = _fit_surface(config, cell["seed"]).last, []
    for plane in (PLANES[0], PLANES[2]):
        found = partition(model, plane.slice)
        parts += shapes.picture(found, plane.name, level_set(found))
    return shapes.table(parts)


def density(config: Surface, cell: dict[str, Any]) -> pd.DataFrame:
    """Count regions by distance from the true surface.

    Returns
    -------
    pandas.DataFrame
        Columns step (0 before training, and the last), plane, distance (middle of a bin of width
        0.1), regions, area (of the domain in the bin), error (mean distance of the zero level from
        the true surface), early_loss.
    """
    trained = _fit_surface(config, cell["seed"])
    untrained = relu_network((3, *config.hidden, 1), seed=cell["seed"], stream="surface").eval()
    parts = [
        _by_distance(model, plane).assign(step=step)
        for step, model in ((0, untrained), (config.steps, trained.last))
        for plane in PLANES
    ]
    return pd.concat(parts, ignore_index=True).assign(early_loss=trained.early)


def _by_distance(model: nn.Module, plane: Plane) -> pd.DataFrame:
    edges = np.arange(0, 0.81, BAND)
    found = partition(model, plane.slice)
    zero = level_set(found)
    error = plane.away(zero.segments.mean(1)).mean() if len(zero) else np.nan
    counted = np.histogram(plane.away(found.centers).numpy(), edges)[0]
    area = plane.away(_fine_grid()).numpy()
    whole = np.histogram(area, edges)[0] * 4 / len(area)
    table = pd.DataFrame({"plane": plane.name, "distance": edges[:-1] + BAND / 2})
    return table.assign(regions=counted, area=whole, error=float(error))


def _fine_grid() -> Tensor:
    steps = (torch.arange(400, dtype=torch.float64) + 0.5) / 200 - 1
    return torch.cartesian_prod(steps, steps)


def _fit_surface(config: Surface, seed: int) -> Fitted:
    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        points = torch.rand(1024, 3, generator=generator) * 2 - 1
        return points, distance(points)[:, None]

    model = relu_network((3, *config.hidden, 1), seed=seed, stream="surface")
    return _annealed(model, draw, nn.functional.l1_loss, config, seed)
