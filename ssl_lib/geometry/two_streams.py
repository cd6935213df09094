"""A network's graph rewritten to carry the vertices of polytopes beside the data."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import fx, nn
from torch.fx.node import Node
from torch.nn import functional as F

from ssl_lib.geometry.graphs import is_in_place
from ssl_lib.geometry.layers import DROPOUTS
from ssl_lib.geometry.shifts import (
    Attribute,
    Constant,
    SharedNorm,
    ShiftedLinear,
    ShiftedMax,
    Sign,
    kink_shift,
)
from ssl_lib.geometry.steps import KinkStep, MaxStep, Step, node_names

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


def own_linear(
    graph: fx.Graph, modules: dict[str, nn.Module], steps: Sequence[Step]
) -> dict[str, Node]:
    """For each kink that alone follows a linear layer used once: that layer's node."""
    calls = [modules[str(n.target)] for n in graph.nodes if n.op == "call_module"]
    # A layer whose parameters the forward reads itself must keep them.
    read = {str(n.target).rpartition(".")[0] for n in graph.nodes if n.op == "get_attr"}
    calls += [modules[path] for path in read if path in modules]
    nodes = {node.name: node for node in graph.nodes}
    found = {}
    for step in steps:
        node = nodes[step.source] if isinstance(step, KinkStep) else None
        if node is not None and node.op == "call_module" and len(node.users) == 1:
            module = modules[str(node.target)]
            if isinstance(module, nn.Linear) and sum(module is other for other in calls) == 1:
                found[step.name] = node
    return found


class TwoStreams:
    """Rewrites a model's graph so that it carries data and vertices, and shifts both.

    Parameters
    ----------
    model : nn.Module
        Whose layers the result calls.
    graph : fx.Graph
        Of the model, or of a copy of it.
    steps : sequence of steps
        Of the graph.
    sizes : sequence of int
        The number of vertices of each polytope.
    sign : {"majority", "smallest"}
    constants : nn.Module
        The module that was traced; it has the tensors made in its forward.
    quiet : bool
        Leave out of the data's stream what is random in training mode, as out of the vertices'.
    """

    def __init__(
        self,
        model: nn.Module,
        graph: fx.Graph,
        steps: Sequence[Step],
        *,
        sizes: Sequence[int],
        sign: Sign,
        constants: nn.Module,
        quiet: bool = False,
    ) -> None:
        self.model, self.old, self.sizes, self.sign = model, graph, list(sizes), sign
        self.traced, self.quiet = constants, quiet
        self.modules = dict(model.named_modules())
        self.steps = {step.name: step for step in steps}
        self.own = {n.name: k for k, n in own_linear(graph, self.modules, steps).items()}
        self.new = fx.Graph()
        self.root: dict[str, Any] = {}
        self.data: dict[str, Node] = {}
        self.corners: dict[str, Node] = {}
        self.shifts: dict[str, Node] = {}
        self.constants: dict[str, Node] = {}

    def build(self) -> fx.GraphModule:
        """Return a module (data, vertices) -> (output, shifts)."""
        first = next(node for node in self.old.nodes if node.op == "placeholder")
        self._inputs(first)
        for node in self.old.nodes:
            if node is first:
                continue
            if node.op == "output":
                self.new.output((self.data[node_names(node.args)[0]], self.shifts))
            elif not any(name in self.data for name in node_names((node.args, node.kwargs))):
                self._constant(node)
            else:
                self._activation(node)
        return fx.GraphModule(self.root | self._layers(), self.new, "Constrained")

    def _inputs(self, first: Node) -> None:
        """Take data and vertices, which are the caller's: a model may change its input in place."""
        data, corners = self.new.placeholder("data"), self.new.placeholder("vertices")
        if any(is_in_place(node, self.modules) for node in self.old.nodes):
            data, corners = (self.new.call_function(torch.clone, (n,)) for n in (data, corners))
        self.data[first.name], self.corners[first.name] = data, corners

    def _layers(self) -> dict[str, Any]:
        """Return the model's own layers that the new graph calls."""
        calls = {str(node.target) for node in self.new.nodes if node.op == "call_module"}
        return {target: self.modules[target] for target in calls - set(self.root)}

    def _constant(self, node: Node) -> None:
        if node.op == "placeholder":  # an argument with a default value
            copied = self.new.call_function(_constant, node.args)
        elif node.op == "get_attr":
            owner, _, name = str(node.target).rpartition(".")
            if hasattr(self.modules[owner], name):
                value: nn.Module = Attribute(self.modules[owner], name)
            else:
                value = Constant(getattr(self.traced.get_submodule(owner), name))
            target = self._add(f"get_{node.name}", value)
            copied = self.new.call_module(target)
        else:
            copied = self._copy(node, {})
        self.constants[node.name] = copied

    def _copy(self, node: Node, stream: dict[str, Node]) -> Node:
        known = self.constants | stream
        return self.new.node_copy(node, lambda n: known[n.name])

    def _activation(self, node: Node) -> None:
        step = self.steps[node.name]
        module = self.modules[str(node.target)] if node.op == "call_module" else None
        if isinstance(step, KinkStep):
            self._kink(node, step)
        elif isinstance(step, MaxStep):
            self._maximum(node, step)
        elif node.name in self.own:
            self._linear(node, self.own[node.name])
        elif isinstance(module, _NORMS):
            self._pair(node, self._add(f"norm_{node.name}", SharedNorm(module)))
        elif isinstance(module, _DROPOUTS) or node.target in DROPOUTS:
            self._noisy(node, lambda source: source)
        else:
            self.data[node.name] = self._copy(node, self.data)
            self.corners[node.name] = self._copy(node, self.corners)

    def _noisy(self, node: Node, without: Callable[[Node], Node]) -> None:
        """Return a layer that is random in training mode: the vertices go without its noise."""
        source = node_names((node.args, node.kwargs))[0]
        self.corners[node.name] = without(self.corners[source])
        if self.quiet:
            self.data[node.name] = without(self.data[source])
        else:
            self.data[node.name] = self._copy(node, self.data)

    def _add(self, name: str, module: nn.Module) -> str:
        self.root[name] = module
        return name

    def _shift(self, name: str, corners: Node) -> Node:
        shift = self.new.call_function(kink_shift, (corners, self.sizes, self.sign))
        self.shifts[name] = shift
        return shift

    def _linear(self, node: Node, kink: str) -> None:
        """Return a linear layer before a kink: the shift goes into the bias that the data sees."""
        corners = self._copy(node, self.corners)
        shift = self._shift(kink, corners)
        target = self._add(f"shifted_{node.name}", ShiftedLinear(self._module(node)))
        source = self.data[node_names(node.args)[0]]
        self.data[node.name] = self.new.call_module(target, (source, shift))
        self.corners[node.name] = self.new.call_function(operator.sub, (corners, shift))

    def _module(self, node: Node) -> Any:
        return self.modules[str(node.target)]

    def _kink(self, node: Node, step: KinkStep) -> None:
        before = self.data[step.source], self.corners[step.source]
        if step.name not in self.shifts:
            shift = self._shift(step.name, before[1])
            for stream in (self.data, self.corners):
                moved = self.new.call_function(operator.sub, (stream[step.source], shift))
                stream[step.source] = moved
        module = self.modules[str(node.target)] if node.op == "call_module" else None
        if isinstance(module, nn.RReLU):
            limits = module.lower, module.upper
            self._noisy(node, lambda source: self.new.call_function(F.rrelu, (source, *limits)))
        else:
            self.data[node.name] = self._copy(node, self.data)
            self.corners[node.name] = self._copy(node, self.corners)
        self.data[step.source], self.corners[step.source] = before

    def _maximum(self, node: Node, step: MaxStep) -> None:
        target = self._add(f"shifted_{node.name}", ShiftedMax(step))
        data = [self.data[name] for name in step.sources]
        corners = [self.corners[name] for name in step.sources]
        triple = self.new.call_module(target, (data, corners))
        parts = [self.new.call_function(operator.getitem, (triple, i)) for i in range(3)]
        self.data[node.name], self.corners[node.name], self.shifts[node.name] = parts

    def _pair(self, node: Node, target: str) -> None:
        source = node_names(node.args)[0]
        pair = self.new.call_module(target, (self.data[source], self.corners[source]))
        self.data[node.name] = self.new.call_function(operator.getitem, (pair, 0))
        self.corners[node.name] = self.new.call_function(operator.getitem, (pair, 1))


def _constant(value: Any) -> Any:
    return value
