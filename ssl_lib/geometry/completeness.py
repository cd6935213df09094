"""Whether all regions were found: four checks that do not depend on how they were found."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ssl_lib.arguments import check_whole
from ssl_lib.geometry.partitions import Partition, root_images
from ssl_lib.geometry.slices import Slice
from ssl_lib.randomness import torch_generator

__all__ = ["completeness"]


def completeness(partition: Partition, *, grid: int = 200, seed: int = 0) -> dict[str, float]:
    """Check that a partition has every region, each once, with the network's own affine map.

    Parameters
    ----------
    partition : Partition
        Of all nonlinear layers.
    grid : int, default=200
        Points on a side of the grid whose activation codes are looked up.
    seed : int, default=0
        Of the points at which affine maps are compared.

    Returns
    -------
    dict
        ``regions``; ``area_error``, of the sum of areas, relative to the domain's;
        ``repeated_codes``, regions that share an activation code with another; ``grid_points``,
        ``patterns`` (codes on the grid), ``patterns_missed`` (that no region has), ``seen`` (share
        of the regions that the grid sees); ``map_error``, the largest difference of affine map
        and network at a random point of each region, relative to the largest output.

    Raises
    ------
    InputError
        When `grid` is no positive integer.

    Examples
    --------
    >>> from torch import nn
    >>> from ssl_lib.geometry import box, partition
    >>> model = nn.Sequential(nn.Linear(2, 1), nn.ReLU(), nn.Linear(1, 1)).eval()
    >>> found = completeness(partition(model, box(-9, 9, -9, 9)), grid=50)
    >>> found["regions"], found["repeated_codes"], found["patterns_missed"], found["seen"]
    (2, 0, 0, 1.0)
    """
    side = check_whole("grid", grid, least=1)
    codes = _hashes(partition, partition.centers)
    seen, own = set(_hashes(partition, _grid(partition.slice, side)).tolist()), set(codes.tolist())
    return {
        "regions": len(partition),
        "area_error": abs(float(partition.areas.sum()) / _area(partition.slice) - 1),
        "repeated_codes": len(codes) - len(own),
        "grid_points": side**2,
        "patterns": len(seen),
        "patterns_missed": len(seen - own),
        "seen": len(seen & own) / len(own),
        "map_error": _map_error(partition, seed),
    }


def _area(place: Slice) -> float:
    x, y = place.domain.T
    return float((x * y.roll(-1) - x.roll(-1) * y).sum() / 2)


def _grid(place: Slice, side: int) -> Tensor:
    low, high = place.domain.amin(0), place.domain.amax(0)
    # Cell centres of an odd offset: a regular grid may run along the kinks of a regular network.
    steps = (torch.arange(side, dtype=torch.float64) + 0.49) / side
    return low + torch.cartesian_prod(steps, steps) * (high - low)


def _hashes(found: Partition, points: Tensor) -> np.ndarray:
    """Return one 64-bit number for the activation code at each plane point."""
    program, hashes = found.program, []
    for part in points.split(2048):
        codes = program.follow(root_images(found.slice, len(part)), part)[1]
        flat = torch.cat([code.flatten(1).long() for code in codes], 1).numpy()
        hashes.append(_weighted(flat))
    return np.concatenate(hashes)


def _weighted(codes: np.ndarray) -> np.ndarray:
    """Random 64-bit weights, summed modulo 2**64: two codes collide with probability 2**-64."""
    weights = np.random.default_rng(0).integers(1, 2**63, codes.shape[1], dtype=np.uint64)
    hashes: np.ndarray = (codes.astype(np.uint64) * weights).sum(1, dtype=np.uint64)
    return hashes


def _map_error(found: Partition, seed: int) -> float:
    """Compare the affine maps with the network at a random point of each region."""
    polygons = found.polygons
    weights = torch.rand(
        len(polygons.vertices), 1, dtype=torch.float64, generator=torch_generator(seed, "inside")
    )
    inside = polygons.sum(weights * polygons.vertices) / polygons.sum(weights)
    outputs = found.program.model(found.slice.embed(inside)).flatten(1)
    mapped = found.values(torch.arange(len(found)), inside)
    return float((mapped - outputs).abs().max() / outputs.abs().max())
