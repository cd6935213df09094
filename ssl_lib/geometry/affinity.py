"""Whether a constrained network keeps its promises, at a few points of each polytope."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ssl_lib.errors import InputError
from ssl_lib.geometry.graphs import trace_model
from ssl_lib.geometry.verification import check_followed, close, preserved
from ssl_lib.randomness import torch_generator

if TYPE_CHECKING:
    from ssl_lib.geometry.police import Constrained

_INSIDE, _OUTSIDE = 3, 5


@torch.no_grad()
def check_constrained(double: Constrained) -> None:
    """Raise unless a constrained network in float64 is, in its present mode, what it should be.

    Without shifts it gives the model's outputs and changes buffers as the model does; with them
    it is affine on each polytope, and in eval mode equal to its merged form.
    """
    training = any(module.training for module in double.model.modules())
    try:
        _check_without_shifts(double, training)
        _check_with_shifts(double, training)
    except InputError as error:
        if not training:
            raise
        raise InputError(f"in training mode, {error}") from error


def _check_without_shifts(double: Constrained, training: bool) -> None:
    """Compare with the model; a polytope of one vertex needs no shift."""
    network, vertex = double._two_streams(sizes=(1,)), double.vertices[:1]
    quiet = double._two_streams(sizes=(1,), quiet=True) if training else network

    def follow(inputs: Tensor) -> Tensor:
        output: Tensor = network(inputs, vertex)[0]
        return output

    def alone(inputs: Tensor) -> Tensor:
        with double._batches_apart():
            output: Tensor = quiet(inputs, vertex)[0]
        return output

    check_followed(
        trace_model(double.model),
        double.model,
        _outside(double.vertices),
        follow,
        alone=alone if training else None,
        buffers=True,
    )


def _check_with_shifts(double: Constrained, training: bool) -> None:
    polytopes = double.vertices.split(list(double.sizes))
    weights = [_weights(len(polytope)).to(polytope) for polytope in polytopes]
    inside = [torch.tensordot(w, p, 1) for w, p in zip(weights, polytopes, strict=True)]
    data = torch.cat([double.vertices, *inside, _outside(double.vertices)])
    quiet = double._two_streams(quiet=True) if training else double._network()
    with preserved(double.model, data.device):
        output = quiet(data.clone(), double.vertices)[0].flatten(1)
    corners = output[: len(double.vertices)].split(list(double.sizes))
    rows = output[len(double.vertices) :].split(_INSIDE)
    for number, (corner, weight, found) in enumerate(zip(corners, weights, rows, strict=False)):
        if not close(found, weight @ corner, scale=output):
            raise InputError(
                f"the constrained network is not affine on polytope {number}: its forward mixes "
                "the samples of a batch or is not piecewise linear"
            )
    if not training:
        merged = double.merge()(data[len(double.vertices) :].clone()).flatten(1)
        if not close(merged, output[len(double.vertices) :]):
            raise InputError(
                "the merged network does not give the constrained one's outputs: a bias that a "
                "shift would go into is used elsewhere, too"
            )


def _weights(n_vertices: int) -> Tensor:
    """Random weights of vertices that reach into corners and faces, (_INSIDE, n_vertices)."""
    generator = torch_generator(0, "inside")
    weights = torch.rand(_INSIDE, n_vertices, dtype=torch.float64, generator=generator)
    weights = weights.log().abs().pow(3)
    return weights / weights.sum(1, keepdim=True)


def _outside(vertices: Tensor) -> Tensor:
    """Random points about the polytopes, (_OUTSIDE, *input_shape)."""
    middle = vertices.mean(0)
    spread = (vertices - middle).abs().amax().item() or 1.0
    generator = torch_generator(0, "outside")
    shape = (_OUTSIDE, *vertices.shape[1:])
    noise = torch.randn(shape, dtype=torch.float64, generator=generator).to(vertices)
    return middle + 2 * spread * noise
