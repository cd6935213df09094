"""Networks that are a picture or a surface: partitions, zero levels, and where regions gather."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from ssl_lib import profiles
from ssl_lib.geometry import Partition, Slice, box, level_set, partition
from ssl_lib.papers.splinecam import shapes
from ssl_lib.papers.splinecam.networks import TriangleWaves, fit, relu_network
from ssl_lib.papers.splinecam.settings import Settings
from ssl_lib.results import Result, Store

__all__ = [
    "BAND",
    "PLANES",
    "Photo",
    "Surface",
    "photo",
    "photo_shapes",
    "surface_density",
    "surface_distance",
    "surface_shapes",
]

BAND = 0.1  # distance from the surface within which a region is near it
PLANES = ("x = 0", "y = 0", "z = 0")
_NAMES = {0: "coordinates", 2: "with triangle waves"}


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A photograph as a network from coordinates to colours."""

    pixels: int
    hidden: tuple[int, ...]
    folds: tuple[int, ...]
    steps: int
    seed: int
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


def photo_shapes(settings: Settings, store: Store | None = None) -> Result:
    """Return the partitions of two networks that draw a photograph.

    Returns
    -------
    Result
        A table of shapes with the columns red, green, blue (the network's colour in the middle of
        each region) and error (root mean square over the pixels); panels are the encodings.
    """
    config = Photo(
        pixels=profiles.choose(settings.profile, smoke=32, quick=96, standard=128, paper=256),
        hidden=profiles.choose(
            settings.profile, smoke=(16, 16), quick=(40, 40), standard=(64,) * 3, paper=(128,) * 3
        ),
        folds=(0, 2),
        steps=profiles.choose(settings.profile, smoke=20, quick=1500, standard=5000, paper=20_000),
        seed=settings.seed,
        device=str(profiles.device(settings.device)),
    )
    return (store or Store()).table("splinecam-photo", _photo_shapes, config)


def _photo_shapes(config: Photo) -> pd.DataFrame:
    colours = photo(config.pixels).flatten(1).T
    places = _pixel_centres(config.pixels)
    parts = []
    for folds in config.folds:
        model = _photo_network(config, folds)

        def draw(generator: torch.Generator) -> tuple[Tensor, Tensor]:
            rows = torch.randint(len(places), (2048,), generator=generator)
            return places[rows], colours[rows]

        kept = fit(
            model,
            draw,
            nn.functional.mse_loss,
            steps=config.steps,
            learning_rate=0.005,
            decay=True,
            seed=config.seed,
            device=config.device,
        )
        drawn = _coloured(partition(kept[config.steps], box(-1, 1, -1, 1)), _NAMES[folds])
        with torch.no_grad():
            error = (kept[config.steps].cpu()(places) - colours).square().mean().sqrt()
        parts.append(drawn.assign(error=float(error)))
    return pd.concat(parts, ignore_index=True)


def _photo_network(config: Photo, folds: int) -> nn.Sequential:
    widths = (2 * (folds + 1), *config.hidden, 3)
    body = relu_network(widths, seed=config.seed, stream="photo")
    return nn.Sequential(TriangleWaves(folds), *body)


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
    seeds: tuple[int, ...]
    device: str = "cpu"


def surface_distance(points: Tensor) -> Tensor:
    """Return the signed distance (n,) of points (n, 3) to a torus with a ball on its side.

    The torus lies in the plane z = 0 with radii 0.55 and 0.2; the ball of radius 0.3 is centred at
    (0, 0, 0.45). Negative inside; outside it is the exact distance to the union.

    Examples
    --------
    >>> surface_distance(torch.tensor([[0.55, 0.0, 0.0], [0.0, 0.0, 1.0]])).round(decimals=6)
    tensor([-0.2000,  0.2500])
    """
    ring = torch.hypot(points[:, 0], points[:, 1]) - 0.55
    torus = torch.hypot(ring, points[:, 2]) - 0.2
    centre = points.new_tensor([0.0, 0.0, 0.45])
    ball = torch.linalg.vector_norm(points - centre, dim=1) - 0.3
    return torch.minimum(torus, ball)


def _surface_config(settings: Settings, runs: int) -> Surface:
    return Surface(
        hidden=profiles.choose(
            settings.profile, smoke=(16, 16), quick=(48,) * 3, standard=(64,) * 4, paper=(128,) * 4
        ),
        steps=profiles.choose(settings.profile, smoke=30, quick=1000, standard=5000, paper=20_000),
        seeds=tuple(range(settings.seed, settings.seed + runs)),
        device=str(profiles.device(settings.device)),
    )


def surface_shapes(settings: Settings, store: Store | None = None) -> Result:
    """Return regions and zero level in three planes of one signed-distance network.

    Returns
    -------
    Result
        A table of shapes; panels "x = 0", "y = 0", "z = 0". The value of a line is its length.
    """
    config = _surface_config(settings, 1)
    return (store or Store()).table("splinecam-surface-shapes", _surface_shapes, config)


def surface_density(settings: Settings, store: Store | None = None) -> Result:
    """Return the density of regions by distance from the true surface.

    Returns
    -------
    Result
        Columns seed, plane, distance (middle of a bin of width 0.1), regions, area (of the domain
        in the bin), and error (mean distance of the zero level from the true surface).
    """
    config = _surface_config(settings, settings.n_runs)
    return (store or Store()).table("splinecam-surface-density", _surface_density, config)


def _surface_shapes(config: Surface) -> pd.DataFrame:
    model, parts = _surface_network(config, config.seeds[0]), []
    for name in PLANES:
        found = partition(model, _plane(name))
        parts += [shapes.regions(found, name), shapes.lines(level_set(found), name)]
    return shapes.table(parts)


def _surface_density(config: Surface) -> pd.DataFrame:
    edges = np.arange(0, 0.81, BAND)
    rows = []
    for seed in config.seeds:
        model = _surface_network(config, seed)
        for name in PLANES:
            place = _plane(name)
            found = partition(model, place)
            away = _distance(place, found.centers)
            zero = level_set(found)
            error = _distance(place, zero.segments.mean(1)).mean() if len(zero) else np.nan
            area = _distance(place, _fine_grid()).numpy()
            counted = np.histogram(away.numpy(), edges)[0]
            whole = np.histogram(area, edges)[0] * 4 / len(area)
            table = pd.DataFrame({"seed": seed, "plane": name, "distance": edges[:-1] + BAND / 2})
            rows.append(table.assign(regions=counted, area=whole, error=float(error)))
    return pd.concat(rows, ignore_index=True)


def _distance(place: Slice, plane: Tensor) -> Tensor:
    """Distance (n,) of plane points (n, 2) from the true surface, on either side."""
    return surface_distance(place.embed(plane.cpu())).abs()


def _fine_grid() -> Tensor:
    steps = (torch.arange(400, dtype=torch.float64) + 0.5) / 200 - 1
    return torch.cartesian_prod(steps, steps)


def _plane(name: str) -> Slice:
    """Lay the square [-1, 1]^2 in a coordinate plane."""
    axes = [axis for axis in range(3) if "xyz"[axis] != name[0]]
    corners = box(-1, 1, -1, 1)
    return Slice(torch.zeros(3).double(), torch.eye(3).double()[axes], corners, corners[:0])


def _surface_network(config: Surface, seed: int) -> nn.Module:
    model = relu_network((3, *config.hidden, 1), seed=seed, stream="surface")

    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        points = torch.rand(1024, 3, generator=generator) * 2 - 1
        return points, surface_distance(points)[:, None]

    kept = fit(
        model,
        draw,
        nn.functional.l1_loss,
        steps=config.steps,
        learning_rate=0.005,
        decay=True,
        seed=seed,
        device=config.device,
    )
    return kept[config.steps]
