"""Networks that are exactly affine on given polytopes (POLICE)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.node import Node

from ssl_lib.arguments import as_tensor
from ssl_lib.errors import InputError
from ssl_lib.geometry.affinity import check_constrained
from ssl_lib.geometry.arrays import rounding
from ssl_lib.geometry.graphs import (
    copied,
    modes,
    own_forwards,
    source_of,
    trace_graph,
)
from ssl_lib.geometry.layers import build_steps
from ssl_lib.geometry.shifts import MergedMax, Offset, Sign
from ssl_lib.geometry.steps import KinkStep, MaxStep
from ssl_lib.geometry.trace import check_parameters
from ssl_lib.geometry.two_streams import TwoStreams, own_linear

__all__ = ["Constrained", "constrain"]

_SHAPE = "vertices (n, *input_shape)"


@torch.inference_mode(False)
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
        inputs, with NaN, or that span no volume beyond the rounding of their precision; a model
        that mixes the samples of a batch or reads an activation that it has changed in place.
        Training and eval mode are both compared with the model's at a few points, in float64.

    Notes
    -----
    In float32 a point next to a vertex that sets a shift may see the other side of a kink by
    rounding; the error is of that order. BatchNorm in training mode uses the data's statistics for
    the vertices too. Dropout does not act on the vertices: the network without dropout is affine;
    so it is with the random slopes of RReLU. A maximum keeps one winner over all polytopes.
    A forward that branches on ``self.training`` is followed in either mode.

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
    if isinstance(model, Constrained):
        raise InputError("the model is constrained already; pass its .model or its .merge()")
    check_parameters(model)
    like = next(iter(model.parameters()), torch.zeros(()))
    given = _as_polytopes(vertices)
    polytopes = [_clean(polytope).to(like) for polytope in given]
    _check_shape(model, polytopes)
    if full_dimensional:
        lost = max(rounding(polytope) for polytope in [*given, *polytopes])
        for number, polytope in enumerate(polytopes):
            _check_rank(polytope, number, len(polytopes), lost)
    sizes = [len(polytope) for polytope in polytopes]
    constrained = Constrained(model, torch.cat(polytopes), sizes, sign)
    constrained._check()
    return constrained


class Constrained(nn.Module):
    """A network that is affine on polytopes; made by `constrain`.

    It can be copied, and saved and loaded as a whole or by its state, which fits polytopes of the
    same numbers of vertices and the same sign only.

    Parameters
    ----------
    model : nn.Module
        The network whose parameters are used.
    vertices : Tensor of shape (n_vertices, *input_shape)
        Of all polytopes, one polytope after the other.
    sizes : sequence of int
        The number of vertices of each polytope.
    sign : {"majority", "smallest"}
    """

    vertices: Tensor
    _networks: dict[tuple[bool, ...], fx.GraphModule]

    def __init__(
        self, model: nn.Module, vertices: Tensor, sizes: Sequence[int], sign: Sign = "majority"
    ) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("vertices", vertices)
        self.sizes, self.sign = tuple(sizes), sign
        self._branching, self._scratch = own_forwards(model), False
        # Not registered: they consist of the model's own layers, which would be listed twice.
        self._networks = {}

    def forward(self, data: Tensor) -> Tensor:
        """Return the constrained network at data (n, *input_shape), in the model's present mode."""
        output: Tensor = self._network()(data, self.vertices)[0]
        return output

    def _network(self) -> fx.GraphModule:
        """Return what carries data and vertices; a forward may branch on each module's mode."""
        mode = tuple(module.training for module in self._branching)
        if mode not in self._networks:
            if len(set(mode)) > 1:
                check_constrained(self._in_double())
            self._networks[mode] = self._two_streams()
        return self._networks[mode]

    def _two_streams(
        self, *, sizes: Sequence[int] | None = None, quiet: bool = False
    ) -> fx.GraphModule:
        """Return a module (data, vertices) -> (output, shifts) for the model's present mode."""
        # Tracing may leave attributes on a module.
        twin = self.model if self._scratch else copied(self.model)
        graph = trace_graph(twin)
        dropping = any(module.training for module in self._branching)
        steps, _, _ = build_steps(graph, dict(twin.named_modules()), dropping=dropping)
        sizes = self.sizes if sizes is None else sizes
        rewriter = TwoStreams(
            self.model, graph, steps, sizes=sizes, sign=self.sign, constants=twin, quiet=quiet
        )
        return rewriter.build()

    @contextmanager
    def _batches_apart(self) -> Iterator[None]:
        """Set the layers that mix a batch, or drop units, to eval mode; forwards keep theirs."""
        layers = [module for module in self.model.modules() if module not in self._branching]
        with modes(layers, False):
            yield

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the networks, which are built again when they are needed."""
        return self.__dict__ | {"_networks": {}}

    def get_extra_state(self) -> dict[str, Any]:
        """Return what the vertices alone do not tell, for the state."""
        return {"sizes": list(self.sizes), "sign": self.sign}

    def set_extra_state(self, state: Any) -> None:
        """Refuse the state of another constraint, whose shifts would be other ones."""
        own = self.get_extra_state()
        if state != own:
            raise InputError(
                f"the state is of a network constrained with {state}, this one with {own}; "
                "constrain with polytopes of those sizes and that sign before loading"
            )

    def _in_double(self) -> Constrained:
        """Return a copy in float64, on the CPU where the device has no float64."""
        twin: Any = copied(self)
        twin._scratch = True
        device = "cpu" if self.vertices.device.type == "mps" else self.vertices.device
        double: Constrained = twin.to(device, torch.float64).requires_grad_(False)
        return double

    @torch.no_grad()
    def _check(self) -> None:
        """Compare with the model at a few points, in both modes.

        Raises
        ------
        InputError
            If without shifts the model's outputs differ, or with them the network is not affine
            on a polytope, or not what `merge` gives.
        """
        double = self._in_double()
        seen: set[str] = set()
        for training in (False, True):
            double.train(training)
            # Layers with modes of their own are carried over as layers; forwards are written out.
            forward = str(trace_graph(double.model)) if self._branching else ""
            if forward not in seen:
                check_constrained(double)
            seen.add(forward)

    @torch.no_grad()
    def shifts(self) -> dict[str, Tensor]:
        """Return what is subtracted before each nonlinear layer in eval mode, by node name."""
        with modes(self.model.modules(), False):
            return dict(self._network()(self.vertices[:1], self.vertices)[1])

    @torch.no_grad()
    def merge(self) -> nn.Module:
        """Return a plain copy of the network with the shifts in its biases.

        Where every kink follows a linear layer of its own, the result is a copy of the model
        with other biases, at no extra cost. Else it is a `torch.fx.GraphModule`, in which a map
        is subtracted where a bias cannot hold it (a shift differs between the pixels of a
        convolution). Merge again after a change of the parameters. In float32 biases are rounded,
        and kinks may cut off slivers at the vertices: merge a copy in float64 to have none.

        Returns
        -------
        nn.Module
            In eval mode. A graph has the forward of eval mode, whatever it is set to later.
        """
        shifts = self.shifts()
        with modes(self.model.modules(), False):
            network = self._network()
        model = copied(self.model).eval()
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
                layer = getattr(network, f"shifted_{step.name}")
                nodes[step.name] = _replace_max(graph, nodes, step)
                shift = shifts[step.name].clone()
                merged = MergedMax(layer.index, shift, layer.shape, layer.sign)
                added[f"maximum_{step.name}"] = merged
        if not added:
            return model
        for name, module in added.items():
            model.add_module(name, module)
        return fx.GraphModule(model, graph, type(model).__name__).eval()


def _as_polytopes(vertices: Any) -> list[Tensor]:
    """One tensor of vertices for each polytope."""
    if isinstance(vertices, list | tuple):
        parts = [as_tensor(part, name=_SHAPE) for part in vertices]
        if parts and all(part.ndim >= 2 for part in parts):
            return parts
    one = as_tensor(vertices, name=_SHAPE)
    if one.ndim < 2 or not len(one):
        raise InputError(f"vertices must have shape (n, *input_shape), got {tuple(one.shape)}")
    return [one]


def _clean(polytope: Tensor) -> Tensor:
    """Vertices in float64, each once: a repeated one would vote twice."""
    polytope = polytope.to(torch.float64)
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
            # A model may change its input in place.
            copied(model).eval()(polytopes[0].clone())
    except (RuntimeError, ValueError, IndexError) as error:
        raise InputError(
            f"vertices have shape (n, {', '.join(map(str, *shapes))}), but the model fails on "
            f"inputs of that shape: {error}"
        ) from error


def _check_rank(polytope: Tensor, number: int, total: int, lost: float) -> None:
    """Raise unless the vertices span a volume beyond what rounding may have moved them."""
    offsets = (polytope - polytope[0]).flatten(1).to(torch.float64)
    size = torch.linalg.svdvals(offsets)
    least = max(lost * len(offsets) ** 0.5, 2.2e-16 * max(offsets.shape) * size[0].item())
    rank = int((size > least).sum())
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


def _replace_max(graph: fx.Graph, nodes: dict[str, Node], step: MaxStep) -> Node:
    """Put a call in the place of a maximum; the nodes are by the names of their steps."""
    node = nodes[step.name]
    with graph.inserting_before(node):
        sources = tuple(nodes[name] for name in step.sources)
        merged = graph.call_module(f"maximum_{node.name}", sources)
    node.replace_all_uses_with(merged)
    graph.erase_node(node)
    return merged
