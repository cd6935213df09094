"""The computation graph of a module, in the few operations that the geometry knows."""

from __future__ import annotations

import copy
import operator
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import fx, nn
from torch.fx.node import Argument, Node
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.geometry.maxout import Maxout

SUPPORTED = (
    "Linear, Conv1d/2d/3d, BatchNorm (in eval mode), AvgPool, AdaptiveAvgPool, MaxPool, Flatten, "
    "Dropout, padding, upsampling, reshapes, means, sums, concatenation, products with constants, "
    "ReLU, LeakyReLU, PReLU, ReLU6, Hardtanh, abs, clamp, maximum, minimum, amax and Maxout"
)

_CLAMPS: tuple[Any, ...] = (torch.clamp, torch.clip, F.hardtanh, F.relu6)
_CLAMP_METHODS = ("clamp", "clamp_", "clip", "clip_", "clamp_min", "clamp_max")
_MAX: dict[Any, Any] = {torch.max: torch.amax, torch.min: torch.amin}
_MAX |= {"max": torch.amax, "min": torch.amin}


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, Maxout) or super().is_leaf_module(m, module_qualified_name)


class Traced(NamedTuple):
    """A module's graph twice: as recorded, and in the few operations that the geometry knows."""

    recorded: fx.Graph
    graph: fx.Graph

    def origin(self, name: str) -> str:
        """Return the recorded node that a node of the graph comes from."""
        node = next(node for node in self.graph.nodes if node.name == name)
        return str(node.meta.get("origin", name))

    @property
    def is_chain(self) -> bool:
        """Whether each layer reads the one before, once: then nothing is read after a change."""
        plain = ("placeholder", "call_module", "output")
        return all(node.op in plain and len(node.users) < 2 for node in self.recorded.nodes)


def copied(model: nn.Module) -> nn.Module:
    """Return a copy of the caller's model, to run or trace without a trace left on it.

    Raises
    ------
    InputError
        If torch cannot copy it.
    """
    try:
        return copy.deepcopy(model)
    except Exception as error:  # whatever the caller's classes raise
        raise InputError(f"{type(model).__name__} cannot be copied: {error}") from error


def trace_model(model: nn.Module) -> Traced:
    """Record a module's forward in its present mode, which may leave attributes on the module.

    Raises
    ------
    InputError
        If the module's forward branches or loops on the values of its input.
    """
    try:
        recorded = _chain(model) or _Tracer().trace(model)
    except Exception as error:  # whatever the caller's forward raises on symbolic inputs
        raise InputError(
            f"{type(model).__name__} cannot be traced by torch.fx ({error}); its forward must not "
            "branch or loop on the values of tensors"
        ) from error
    return Traced(recorded, _rewritten(recorded, dict(model.named_modules())))


def trace_graph(model: nn.Module) -> fx.Graph:
    """Return a module's graph, with torch's own layers as leaves and clamps written as ReLUs."""
    return trace_model(model).graph


def _rewritten(recorded: fx.Graph, modules: dict[str, nn.Module]) -> fx.Graph:
    """Return a copy of the graph without clamps, reductions, and what nobody reads."""
    graph = fx.Graph()
    known: dict[Node, Node] = {}
    for node in recorded.nodes:
        known[node] = graph.node_copy(node, lambda read: known[read])
    for node in list(graph.nodes):
        limits = _limits(node, modules)
        if limits is not None:
            _replace_clamp(graph, node, *limits)
        elif _is_reduction(node):
            _replace_reduction(graph, node)
    for node in reversed(list(graph.nodes)):
        if not node.users and node.op not in ("placeholder", "output"):
            graph.erase_node(node)
    return graph


def is_in_place(node: Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a node may change what it reads.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(inplace=True))
    >>> [is_in_place(n, dict(model.named_modules())) for n in trace_graph(model).nodes]
    [False, False, True, False]
    """
    if node.op == "call_module":
        return bool(getattr(modules[str(node.target)], "inplace", False))
    if node.op not in ("call_function", "call_method"):
        return False
    name = str(getattr(node.target, "__name__", node.target))
    return (
        name.endswith("_")
        or name in ("iadd", "isub", "imul", "itruediv", "setitem")
        or bool(node.kwargs.get("inplace"))
        # inplace by position; a needless copy of the input does no harm to other flags
        or any(arg is True for arg in node.args[1:])
    )


def _chain(model: nn.Module) -> fx.Graph | None:
    """Return the graph of nested Sequentials of torch's own layers, far faster than by tracing."""
    layers = _layers(model)
    if not layers:
        return None
    paths = {module: path for path, module in model.named_modules()}
    graph = fx.Graph()
    node = graph.placeholder("input")
    for layer in layers:
        node = graph.call_module(paths[layer], (node,))
    graph.output(node)
    return graph


def _layers(model: nn.Module) -> list[nn.Module] | None:
    """Return the layers of a Sequential in order; None if it has others than torch's own."""
    if type(model) is not nn.Sequential or model._forward_hooks or model._forward_pre_hooks:
        return None
    layers: list[nn.Module] = []
    for child in model:
        inner = [child] if _Tracer().is_leaf_module(child, "") else _layers(child)
        if inner is None:
            return None
        layers += inner
    return layers


def own_forwards(model: nn.Module) -> list[nn.Module]:
    """Return the modules whose forward is written out in a graph, in the mode it was traced in.

    Examples
    --------
    >>> own_forwards(nn.Sequential(nn.Linear(2, 4), nn.Sequential(nn.Dropout()), Maxout(2)))
    []
    """
    containers = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    return [
        module
        for path, module in model.named_modules()
        if type(module) not in containers
        and (not path or not _Tracer().is_leaf_module(module, path))
    ]


@contextmanager
def modes(modules: Iterable[nn.Module], training: bool) -> Iterator[None]:
    """Set modules, each alone, to one mode inside."""
    before = [(module, module.training) for module in modules]
    try:
        for module, _ in before:
            module.training = training
        yield
    finally:
        for module, mode in before:
            module.training = mode


def describe(node: Node) -> str:
    """Where a node stands in its module, for messages.

    Examples
    --------
    >>> graph = trace_graph(nn.Sequential(nn.Linear(2, 2), nn.GELU()))
    >>> [describe(node) for node in graph.nodes if node.op == "call_module"]
    ["layer '0'", "layer '1'"]
    """
    if "where" in node.meta:
        return str(node.meta["where"])
    if node.op == "call_module":
        return f"layer {node.target!r}"
    inside = [path for path in node.meta.get("nn_module_stack") or {} if path]
    name = getattr(node.target, "__name__", str(node.target))
    return f"{name!r} in the forward of " + (repr(inside[-1]) if inside else "the model")


def unsupported(node: Node, why: str) -> InputError:
    """Return the error for a layer that the geometry cannot follow."""
    return InputError(f"{describe(node)} {why}; supported are {SUPPORTED}")


def argument(node: Node, position: int, name: str, default: Any = None) -> Any:
    """Return an argument of a call, given by position or by name."""
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)


def source_of(node: Node) -> Node:
    """Return the first argument of a call, an activation."""
    source = argument(node, 0, "input")
    if not isinstance(source, Node):
        raise unsupported(node, "does not act on an activation")
    return source


def _limits(node: Node, modules: dict[str, nn.Module]) -> tuple[Any, Any] | None:
    """Lower and upper limit if the node clamps its input."""
    if node.op == "call_module":
        module = modules[str(node.target)]
        # ReLU6 is a Hardtanh.
        return (module.min_val, module.max_val) if isinstance(module, nn.Hardtanh) else None
    if node.op == "call_method" and node.target in _CLAMP_METHODS:
        if node.target == "clamp_max":
            return None, argument(node, 1, "max")
        return argument(node, 1, "min"), argument(node, 2, "max")
    if node.op != "call_function" or node.target not in _CLAMPS:
        return None
    if node.target is F.relu6:
        return 0.0, 6.0
    if node.target is F.hardtanh:
        return argument(node, 1, "min_val", -1.0), argument(node, 2, "max_val", 1.0)
    return argument(node, 1, "min"), argument(node, 2, "max")


def _replace_clamp(graph: fx.Graph, node: Node, low: Argument, high: Argument) -> None:
    """Write a clamp as ReLUs: the sum of two has kinks at both limits and no other."""

    def call(function: Any, *args: Argument) -> Node:
        made = graph.call_function(function, args)
        made.meta |= {"where": describe(node), "origin": node.name}
        return made

    def relu_above(limit: Argument) -> Node:
        return call(F.relu, call(operator.sub, source, limit))

    source = source_of(node)
    with graph.inserting_before(node):
        if low is None:
            beyond = call(F.relu, call(operator.sub, high, source))
            result = call(operator.sub, high, beyond)
        else:
            result = call(operator.add, relu_above(low), low)
            if high is not None:
                result = call(operator.sub, result, relu_above(high))
    node.replace_all_uses_with(result)
    graph.erase_node(node)


def _is_reduction(node: Node) -> bool:
    """Whether the node is ``max(dim)`` or ``min(dim)``, which also gives indices."""
    if node.target not in _MAX:
        return False
    second = argument(node, 1, "dim")
    return isinstance(second, int)


def _replace_reduction(graph: fx.Graph, node: Node) -> None:
    """Write the values of ``max(dim)`` as ``amax``; its indices are not piecewise linear."""
    with graph.inserting_before(node):
        args = (source_of(node), argument(node, 1, "dim"), argument(node, 2, "keepdim", False))
        values = graph.call_function(_MAX[node.target], args)
    values.meta |= {"where": describe(node), "origin": node.name}
    for user in list(node.users):
        if user.target not in (operator.getitem, getattr) or user.args[1] not in (0, "values"):
            raise unsupported(node, "is asked for the place of the maximum")
        user.replace_all_uses_with(values)
        graph.erase_node(user)
    graph.erase_node(node)
