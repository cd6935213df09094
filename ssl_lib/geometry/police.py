"""Networks that are exactly affine on given polytopes (POLICE)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.node import Node

from ssl_lib.errors import InputError
from ssl_lib.geometry.graphs import source_of, trace_graph
from ssl_lib.geometry.layers import build_steps
from ssl_lib.geometry.shifts import MergedMax, Offset, ShiftedMax, Sign
from ssl_lib.geometry.steps import KinkStep, MaxStep
from ssl_lib.geometry.two_streams import TwoStreams, own_linear

__all__ = ["Constrained", "constrain"]


def constrain(
    model: nn.Module, vertices: Any, *, sign: Sign = "majority", full_dimensional: bool = True
) -> Constrained:
    """Make a piecewise linear network exactly affine on polytopes, whatever its parameters.

    Every forward pass follows the vertices of the polytopes beside the data and shifts each
    unit's bias just so far that its kink meets no polytope's interior [1]_. The layer is then
    affine on each polytope, whose image is the hull of the vertices' images, and so on upwards.
    Parameters stay free: train as usual.

    Parameters
    ----------
    model : nn.Module
        Of the layers that `partition` supports. The result shares its parameters.
    vertices : array-like of shape (n_vertices, *input_shape), or a list of such
        The convex hull of the vertices is the polytope. For a list of several, the network is
        affine on each, in general differently; each needs no gap to the next.
    sign : {"majority", "smallest"}
        To which side a unit moves whose kink meets a polytope: the one with more vertices, as
        published, or the nearer one.
    full_dimensional : bool
        Refuse polytopes without interior. Set to False to constrain to a flat one, such as a
        triangle between three images.

    Returns
    -------
    Constrained

    Raises
    ------
    InputError
        For an unsupported layer, named with its path; vertices of another shape than the model's
        inputs, with NaN, or that span no volume.

    Notes
    -----
    In float32 a point next to a vertex that sets a shift may see the other side of a kink by
    rounding; the error is of that order. BatchNorm in training mode uses the data's statistics for
    the vertices too. Dropout does not act on the vertices: the network without dropout is affine.
    A maximum keeps one winner over all polytopes.

    References
    ----------
    .. [1] Balestriero and LeCun, POLICE: Provably Optimal LInear Constraint Enforcement for Deep
       Neural Networks, arXiv 2211.01340.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 1)).double()
    >>> triangle = torch.tensor([[0.0, 1.0], [-1.0, -1.0], [1.0, -1.0]]).double()
    >>> affine = constrain(model, triangle)
    >>> middle = affine(triangle.mean(0, keepdim=True)) - affine(triangle).mean()
    >>> middle.abs().item() < 1e-15
    True
    >>> type(affine.merge()).__name__
    'Sequential'
    """
    if sign not in ("majority", "smallest"):
        raise InputError(f"sign must be 'majority' or 'smallest', got {sign!r}")
    like = next(iter(model.parameters()), torch.zeros(()))
    polytopes = [_clean(p).to(like) for p in _as_polytopes(vertices)]
    graph = trace_graph(model)
    steps, _, _ = build_steps(graph, dict(model.named_modules()))
    _check_shape(model, polytopes)
    if full_dimensional:
        for number, polytope in enumerate(polytopes):
            _check_rank(polytope, number, len(polytopes))
    sizes = [len(polytope) for polytope in polytopes]
    network = TwoStreams(model, graph, steps, sizes, sign).build()
    return Constrained(model, torch.cat(polytopes), network)


class Constrained(nn.Module):
    """A network that is affine on polytopes; made by `constrain`.

    Parameters
    ----------
    model : nn.Module
        The network whose parameters are used.
    vertices : Tensor of shape (n_vertices, *input_shape)
    network : fx.GraphModule
        What carries data and vertices through the model's layers.
    """

    vertices: Tensor
    _network: fx.GraphModule

    def __init__(self, model: nn.Module, vertices: Tensor, network: fx.GraphModule) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("vertices", vertices)
        # Not registered: it consists of the model's own layers, which would be listed twice.
        self.__dict__["_network"] = network

    def forward(self, data: Tensor) -> Tensor:
        """Return the constrained network at data (n, *input_shape)."""
        output: Tensor = self._network(data, self.vertices)[0]
        return output

    @torch.no_grad()
    def shifts(self) -> dict[str, Tensor]:
        """Return what is subtracted before each nonlinear layer in eval mode, by node name."""
        modes = {module: module.training for module in self.model.modules()}
        self.model.eval()
        found = self._network(self.vertices[:1], self.vertices)[1]
        for module, mode in modes.items():
            module.training = mode
        return dict(found)

    @torch.no_grad()
    def merge(self) -> nn.Module:
        """Return a plain copy of the network with the shifts in its biases.

        Where every kink follows a linear layer of its own, the result is a copy of the model
        with other biases, at no extra cost. Else it is a `torch.fx.GraphModule`, in which a map
        is subtracted where a bias cannot hold it (a shift differs between the pixels of a
        convolution). Merge again after a change of the parameters.

        Returns
        -------
        nn.Module
            In eval mode.
        """
        shifts = self.shifts()
        model = copy.deepcopy(self.model).eval()
        graph = trace_graph(model)
        modules = dict(model.named_modules())
        steps, _, _ = build_steps(graph, modules)
        own = own_linear(graph, modules, steps)
        nodes = {node.name: node for node in graph.nodes}
        added: dict[str, nn.Module] = {}
        for step in steps:
            if isinstance(step, KinkStep) and step.name in own and shifts[step.name].ndim == 1:
                _move_bias(modules[str(own[step.name].target)], shifts[step.name])
            elif isinstance(step, KinkStep):
                added[f"offset_{step.name}"] = Offset(shifts[step.name].clone())
                _insert_offset(graph, nodes[step.name])
            elif isinstance(step, MaxStep):
                layer = getattr(self._network, f"shifted_{step.name}")
                merged = _replace_max(graph, nodes[step.name], step, layer, shifts[step.name])
                added[f"maximum_{step.name}"] = merged
        if not added:
            return model
        for name, module in added.items():
            model.add_module(name, module)
        return fx.GraphModule(model, graph, type(model).__name__).eval()


def _as_polytopes(vertices: Any) -> list[Tensor]:
    """One tensor of vertices for each polytope."""
    try:
        if isinstance(vertices, list | tuple):
            parts = [torch.as_tensor(part) for part in vertices]
            if parts and all(part.ndim >= 2 for part in parts):
                return parts
        one = torch.as_tensor(vertices)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"vertices must be numbers of shape (n, *input_shape): {error}") from error
    if one.ndim < 2 or not len(one):
        raise InputError(f"vertices must have shape (n, *input_shape), got {tuple(one.shape)}")
    return [one]


def _clean(polytope: Tensor) -> Tensor:
    """Vertices in float64, each once: a repeated one would vote twice."""
    polytope = polytope.detach().to(torch.float64)
    if not torch.isfinite(polytope).all():
        raise InputError("the vertices must be finite, but some are NaN or infinite")
    distinct: Tensor = torch.unique(polytope, dim=0)
    return distinct


def _check_shape(model: nn.Module, polytopes: Sequence[Tensor]) -> None:
    shapes = {tuple(polytope.shape[1:]) for polytope in polytopes}
    if len(shapes) > 1:
        raise InputError(f"the polytopes must have vertices of one shape, got {sorted(shapes)}")
    try:
        with torch.no_grad():
            copy.deepcopy(model).eval()(polytopes[0])
    except (RuntimeError, ValueError, IndexError) as error:
        raise InputError(
            f"vertices have shape (n, {', '.join(map(str, *shapes))}), but the model fails on "
            f"inputs of that shape: {error}"
        ) from error


def _check_rank(polytope: Tensor, number: int, total: int) -> None:
    offsets = (polytope - polytope[0]).flatten(1).to(torch.float64)
    rank = int(torch.linalg.matrix_rank(offsets)) if len(offsets) > 1 else 0
    dimension = offsets.shape[1]
    if rank < dimension:
        which = f"polytope {number} has" if total > 1 else "the polytope has"
        raise InputError(
            f"{which} no interior: its {len(polytope)} different vertices span {rank} of "
            f"{dimension} dimensions; add vertices, or pass full_dimensional=False"
        )


def _move_bias(linear: Any, shift: Tensor) -> None:
    bias = -shift if linear.bias is None else linear.bias - shift
    linear.bias = nn.Parameter(bias.detach().clone())


def _insert_offset(graph: fx.Graph, node: Node) -> None:
    """Subtract a shift before a kink."""
    source = source_of(node)
    with graph.inserting_before(node):
        moved = graph.call_module(f"offset_{node.name}", (source,))
    node.replace_input_with(source, moved)


def _replace_max(
    graph: fx.Graph, node: Node, step: MaxStep, layer: ShiftedMax, shift: Tensor
) -> MergedMax:
    """Put a maximum with fixed shifts in the place of one; returns its module."""
    nodes = {other.name: other for other in graph.nodes}
    with graph.inserting_before(node):
        sources = tuple(nodes[name] for name in step.sources)
        merged = graph.call_module(f"maximum_{node.name}", sources)
    node.replace_all_uses_with(merged)
    graph.erase_node(node)
    return MergedMax(layer.index, shift.clone(), layer.shape, layer.sign)
