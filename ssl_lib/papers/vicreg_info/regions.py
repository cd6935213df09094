"""The linear region around an image, in a plane that can be drawn."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssl_lib.geometry import LinearRegion, Partition, Slice, box, linear_region, partition
from ssl_lib.methods import Method
from ssl_lib.papers.vicreg_info.settings import LOSSES, Sizes
from ssl_lib.papers.vicreg_info.training import split, train
from ssl_lib.randomness import torch_generator

__all__ = ["Picture", "around", "edge_distance", "network", "pictured"]


def network(method: Method) -> nn.Sequential:
    """Return encoder and head of a method as one network in float64, in evaluation mode."""
    head = method.head
    assert isinstance(head, nn.Module)
    return deepcopy(nn.Sequential(method.encoder, head)).double().eval()


def around(
    model: nn.Module, image: Tensor, other: Tensor, region: LinearRegion, half: float
) -> Partition:
    """Return the exact regions in a plane through an image that holds the nearest kink's normal.

    In this plane the region comes as near to the image as it does anywhere.

    Parameters
    ----------
    model : torch.nn.Module
        In evaluation mode, float64.
    image, other : torch.Tensor of shape (c, h, w)
        The image at the plane's origin, and another in whose direction the plane extends.
    region : LinearRegion
        Of the image.
    half : float
        Half of the side of the square that is looked at.

    Returns
    -------
    Partition
        The first axis is the direction to the nearest kink.
    """
    first = -region.normals[region.distances.argmin()]
    second = (other - image).flatten()
    second = second - (second @ first) * first
    basis = torch.stack([first, second / second.norm()]).view(2, *image.shape)
    return partition(model, Slice(image, basis, box(-half, half, -half, half), torch.zeros(1, 2)))


def edge_distance(found: Partition) -> float:
    """Return the distance from a plane's origin to the nearest edge of the region around it.

    By the polygons of :func:`ssl_lib.geometry.partition`: another way to the region's radius.
    """
    distances = [0.0]
    for number in range(len(found)):
        a = found[number].vertices
        edge = a.roll(-1, 0) - a
        side = (edge[:, 1] * a[:, 0] - edge[:, 0] * a[:, 1]) / edge.norm(dim=1)
        if bool((side >= 0).all()) or bool((side <= 0).all()):
            distances.append(float(side.abs().min()))
    return max(distances)


@dataclass(frozen=True)
class Picture:
    """The region around a test digit, as it is drawn.

    Attributes
    ----------
    region : LinearRegion
        In all of the input space.
    planes : tuple of Partition
        All regions of a square around the digit, and of a larger one in the same plane.
    copies : torch.Tensor of shape (n, 2)
        Noisy copies of the digit, projected on the plane.
    outside : float
        Share of these copies outside of the region.
    """

    region: LinearRegion
    planes: tuple[Partition, ...]
    copies: Tensor
    outside: float


def pictured(config: Sizes, seed: int, *, noise: float, halves: tuple[float, ...]) -> Picture:
    """Train VICReg and look at the region around a test digit, of 15 the one of median radius.

    Parameters
    ----------
    config : Sizes
    seed : int
    noise : float
        Standard deviation of the copies' noise.
    halves : tuple of float
        Half of the side of each square.
    """
    images, test = split(seed, "reported")
    model = network(train(LOSSES["vicreg"], images, seed, steps=config.steps).method)
    several = test.images[:15].double() / 255
    found = [linear_region(model, image) for image in several]
    order = sorted(range(len(found)), key=lambda place: found[place].radius)
    place = order[len(order) // 2]
    image, other, region = several[place], several[place - 1], found[place]
    generator = torch_generator(seed, "vicreg_info", "picture")
    drawn = noise * torch.randn(config.noise, image.numel(), generator=generator).double()
    planes = tuple(around(model, image, other, region, half) for half in halves)
    copies = drawn @ planes[0].slice.basis.flatten(1).T
    outside = 1 - float(region.contains(drawn).double().mean())
    return Picture(region=region, planes=planes, copies=copies, outside=outside)
