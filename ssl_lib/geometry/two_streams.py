"""A network's graph rewritten to carry the vertices of polytopes beside the data."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from torch import fx, nn
from torch.fx.node import Node
from torch.nn import functional as F

from ssl_lib.geometry.shifts import (
    Attribute,
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
    """Rewrites a model's graph so that it carries data and vertices, and shifts both."""

    def __init__(
        self,
        model: nn.Module,
        graph: fx.Graph,
        steps: Sequence[Step],
        sizes: list[int],
        sign: Sign,
    ) -> None:
        self.model, self.old, self.sizes, self.sign = model, graph, sizes, sign
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
        self.data[first.name] = self.new.placeholder("data")
        self.corners[first.name] = self.new.placeholder("vertices")
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

    def _layers(self) -> dict[str, Any]:
        """Return the model's own layers that the new graph calls."""
        calls = {str(node.target) for node in self.new.nodes if node.op == "call_module"}
        return {target: self.modules[target] for target in calls - set(self.root)}

    def _constant(self, node: Node) -> None:
        if node.op == "placeholder":  # an argument with a default value
            copied = self.new.call_function(_constant, node.args)
        elif node.op == "get_attr":
            owner, _, name = str(node.target).rpartition(".")
            target = self._add(f"get_{node.name}", Attribute(self.modules[owner], name))
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
        else:
            self.data[node.name] = self._copy(node, self.data)
            skip = isinstance(module, _DROPOUTS) or node.target in (F.dropout, F.dropout2d)
            source = self.corners.get(node_names(node.args)[0]) if skip else None
            self.corners[node.name] = source or self._copy(node, self.corners)

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
        data, corners = dict(self.data), dict(self.corners)
        if step.name not in self.shifts:
            shift = self._shift(step.name, corners[step.source])
            for stream in (data, corners):
                moved = self.new.call_function(operator.sub, (stream[step.source], shift))
                stream[step.source] = moved
        self.data[node.name] = self._copy(node, data)
        self.corners[node.name] = self._copy(node, corners)

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
