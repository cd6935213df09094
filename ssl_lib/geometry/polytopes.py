"""The linear region around one input, in all of the input space.

A plane shows a slice of a region (:func:`ssl_lib.geometry.partition`); noise leaves the plane.
Within a region the network is affine, so that Gaussian noise stays Gaussian as long as it stays
inside. The region is a convex polytope: one half-space for each unit that bends.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ssl_lib.arguments import ArrayLike, as_tensor, check_whole
from ssl_lib.errors import InputError
from ssl_lib.geometry.chords import FLAT
from ssl_lib.geometry.steps import Environment, Images, KinkStep, MaxStep
from ssl_lib.geometry.trace import Program, trace

__all__ = ["LinearRegion", "activation_codes", "linear_region"]


class _Borders(NamedTuple):
    """Affine functions of the offset from the anchor that are not negative in the region."""

    gradients: Tensor  # (m, D)
    values: Tensor  # (m,)


@dataclass(frozen=True, eq=False)
class LinearRegion:
    """All inputs in which a network does what it does at an anchor; made by `linear_region`.

    At the offset u from the anchor the network is ``value + jacobian @ u``, wherever
    ``normals @ u + distances >= 0``. Inputs are flattened.

    Parameters
    ----------
    anchor : Tensor of shape (D,)
    normals : Tensor of shape (m, D)
        Unit vectors, one for each unit that bends (and each loser of a maximum), pointing inwards.
    distances : Tensor of shape (m,)
        From the anchor to each of these hyperplanes, not negative; most of them bound nothing.
    jacobian : Tensor of shape (k, D)
    value : Tensor of shape (k,)
        The network's output at the anchor.

    Examples
    --------
    >>> eye, zero = torch.eye(2).double(), torch.zeros(2).double()
    >>> corner = LinearRegion(zero, eye, torch.tensor([0.5, 1.0]).double(), eye, zero)
    >>> corner.radius, corner.inradius(), corner.inradius(low=-2.0, high=1.0)
    (0.5, inf, 0.75)
    >>> corner.contains([[9.0, 9.0], [-0.9, 0.0]]).tolist()
    [True, False]
    """

    anchor: Tensor
    normals: Tensor
    distances: Tensor
    jacobian: Tensor
    value: Tensor

    @property
    def radius(self) -> float:
        """Radius of the largest ball around the anchor inside the region; infinite without any."""
        return float(self.distances.min()) if len(self.distances) else math.inf

    def inradius(self, *, low: float = -math.inf, high: float = math.inf) -> float:
        """Return the radius of the largest ball inside the region, wherever its centre.

        Parameters
        ----------
        low, high : float
            Bounds on each input, such as 0 and 1 for pixels: most regions are unbounded.
        """
        from scipy.optimize import linprog

        eye = torch.eye(len(self.anchor)).to(self.anchor)
        normals = torch.cat([self.normals, eye, -eye])
        distances = torch.cat([self.distances, self.anchor - low, high - self.anchor])
        bounding = distances < math.inf
        rows, limits = normals[bounding], distances[bounding]
        if not len(rows):
            return math.inf
        # Maximise r subject to normals @ u + distances >= r.
        cost = [0.0] * len(eye) + [-1.0]
        rows = torch.cat([-rows, rows.new_ones(len(rows), 1)], 1)
        bounds = [(None, None)] * len(eye) + [(0, None)]
        found = linprog(cost, rows.cpu().numpy(), limits.cpu().numpy(), bounds=bounds)
        if found.status not in (0, 3):
            raise InputError(f"the largest ball was not found: {found.message}")
        return math.inf if found.status == 3 else float(-found.fun)

    def contains(self, offsets: ArrayLike) -> Tensor:
        """Tell for offsets (n, D) from the anchor whether they stay inside, (n,) bool."""
        u = as_tensor(offsets, name="offsets").to(self.normals)
        if u.ndim != 2 or u.shape[1] != self.normals.shape[1]:
            raise InputError(
                f"offsets must have shape (n, {self.normals.shape[1]}), got {tuple(u.shape)}"
            )
        return (u @ self.normals.T + self.distances >= 0).all(1)


@torch.inference_mode(False)
@torch.no_grad()
def linear_region(model: nn.Module | Program, anchor: ArrayLike) -> LinearRegion:
    """Compute the linear region around an input, exactly up to floating point.

    In float64, with a copy of the model; for networks whose units times inputs fit into memory.

    Parameters
    ----------
    model : nn.Module
        See :func:`ssl_lib.geometry.partition`; or what ``ssl_lib.geometry.trace.trace`` made of it.
    anchor : array-like of shape (*input_shape)
        One input, without a batch dimension.

    Returns
    -------
    LinearRegion

    Raises
    ------
    InputError
        For a model that cannot be traced, and an anchor that is not finite.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 2), nn.ReLU()).eval()
    >>> _ = model[0].weight.data.copy_(torch.eye(2)), model[0].bias.data.zero_()
    >>> region = linear_region(model, [3.0, -4.0])
    >>> region.radius, region.jacobian.tolist()
    (3.0, [[1.0, 0.0], [0.0, 0.0]])
    """
    program = model if isinstance(model, Program) else trace(model)
    point = _finite(anchor, "anchor")
    images, dim = _planes(point, program), point.numel()
    borders: list[_Borders] = []
    environment: Environment = {program.input: images}
    points = images.data.new_zeros(len(images.data), 2)
    every = torch.arange(len(points), device=points.device)
    for number, step in enumerate(program.steps):
        if isinstance(step, KinkStep | MaxStep):
            borders += _borders(step, environment, dim)
            result: object = step.gate(environment, every, points)
        else:
            result = step.apply(environment)
        environment[step.name] = result
        program.forget(environment, number)
    output = _affine(environment[program.output].flat(), dim)
    flat = point.flatten().to(output.values)
    return LinearRegion(flat, *_unit(borders, output), output.gradients, output.values)


def _finite(values: ArrayLike, name: str) -> Tensor:
    tensor = as_tensor(values, name=name).to(torch.float64)
    if not bool(tensor.isfinite().all()):
        raise InputError(f"{name} must be finite, but some are NaN or infinite")
    return tensor


def _planes(anchor: Tensor, program: Program) -> Images:
    """Return planes through the anchor that are together all of the input space, two axes each."""
    dim = anchor.numel()
    place = next(iter(program.model.parameters()), anchor).device
    axes = torch.zeros(-(-dim // 2) * 2, dim, dtype=torch.float64, device=place)
    axes[:dim] = torch.eye(dim)
    pairs = axes.unflatten(0, (-1, 2))
    origin = anchor.to(place).flatten().expand(len(pairs), 1, dim)
    return Images(torch.cat([pairs, origin], 1).unflatten(2, anchor.shape))


def _affine(flat: Tensor, dim: int) -> _Borders:
    """Join the images (planes, 3, units) of one activation to gradients (units, D) and values."""
    return _Borders(flat[:, :2].flatten(0, 1)[:dim].T.contiguous(), flat[0, 2])


def _borders(step: KinkStep | MaxStep, environment: Environment, dim: int) -> Iterator[_Borders]:
    """Yield what a nonlinear layer keeps from changing: a unit its sign, a winner its lead."""
    if isinstance(step, KinkStep):
        images = environment[step.source]
        units = _affine(images.flat(), dim)
        bends = step._slopes(images.data) != 1
        sign = torch.where(units.values > 0, 1.0, -1.0).to(units.values)[bends]
        yield _Borders(units.gradients[bends] * sign[:, None], units.values[bends] * sign)
        return
    flat, groups, _ = step.units(environment)
    units = _affine(flat, dim)
    winner = groups.gather(1, units.values[groups].argmax(1, keepdim=True))
    for rival in groups.unbind(1):
        lead = (part[winner[:, 0]] - part[rival] for part in units)
        yield _Borders(*lead)


def _unit(borders: list[_Borders], output: _Borders) -> tuple[Tensor, Tensor]:
    """Return unit normals and distances; functions that are constant bound nothing."""
    gradients = torch.cat([border.gradients for border in borders] or [output.gradients[:0]])
    values = torch.cat([border.values for border in borders] or [output.values[:0]])
    length = gradients.norm(dim=1)
    real = length > FLAT * length.max() if len(length) else length > 0
    return gradients[real] / length[real, None], values[real] / length[real]


@torch.inference_mode(False)
@torch.no_grad()
def activation_codes(
    model: nn.Module | Program, inputs: ArrayLike, *, batch_size: int = 512
) -> Tensor:
    """Compute which linear region each input lies in, as a row of numbers.

    Parameters
    ----------
    model : nn.Module
        See :func:`linear_region`; of any size.
    inputs : array-like of shape (n, *input_shape)
    batch_size : int, default=512
        Inputs at a time.

    Returns
    -------
    Tensor of shape (n, units), int16
        1 where a unit is above its kink, else 0; for a maximum the number of its winner.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 2), nn.ReLU()).eval()
    >>> _ = model[0].weight.data.copy_(torch.eye(2)), model[0].bias.data.zero_()
    >>> activation_codes(model, [[3.0, -4.0], [1.0, 1.0]]).tolist()
    [[1, 0], [1, 1]]
    """
    program = model if isinstance(model, Program) else trace(model)
    check_whole("batch_size", batch_size)
    x = _finite(inputs, "inputs")
    place = next(iter(program.model.parameters()), x).device
    return torch.cat([_codes(program, part.to(place)) for part in x.split(batch_size)])


def _codes(program: Program, x: Tensor) -> Tensor:
    still = torch.zeros_like(x)
    images = Images(torch.stack([still, still, x], 1))
    codes = program.follow(images, x.new_zeros(len(x), 2))[1]
    none = torch.zeros(len(x), 0, dtype=torch.int16, device=x.device)
    return torch.cat([none, *(code.flatten(1).to(torch.int16) for code in codes)], 1)
