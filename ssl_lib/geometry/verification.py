"""Whether what follows a traced model gives what the model gives.

A graph holds names, not memory: it does not know that two names are one array that is changed in
place, that a sample's output depends on the rest of its batch, or that the next call would give
something else. So whatever has traced a model runs both at a few points before it is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, fx, nn
from torch.fx.node import Node
from torch.utils import _pytree as pytree

from ssl_lib.errors import InputError
from ssl_lib.geometry.graphs import Traced, describe

Run = Callable[[Tensor], Tensor]

# Of the largest output, in float64.
TOLERANCE = 1e-9


@torch.no_grad()
def check_followed(
    traced: Traced,
    model: nn.Module,
    inputs: Tensor,
    follow: Run,
    *,
    last: str | None = None,
    alone: Run | None = None,
    buffers: bool = False,
) -> None:
    """Raise unless ``follow`` gives the model's outputs, in two compositions of the batch.

    Parameters
    ----------
    traced : Traced
        The model's graph in its present mode.
    model : nn.Module
        In float64. Its buffers stay, though running statistics are updated on the way.
    inputs : Tensor of shape (n, *input_shape)
        At least four points; they stay as they are.
    follow : callable
        From inputs to outputs, (n, ...).
    last : str, optional
        The node of the graph to stop at: the truncated model is compared.
    alone : callable, optional
        What must give each sample the same whatever the batch, if not the model: in training mode
        the one without batch statistics.
    buffers : bool
        Whether ``follow`` acts on the model's buffers, and must leave them as the model does.

    Raises
    ------
    InputError
        Names the step that reads an activation that was changed in place, or says which of the
        comparisons failed.
    """
    given = model if last is None else lambda data: _Runner(traced.graph, model).until(data, last)
    expected, after = _run(model, given, inputs)
    if not traced.is_chain:
        final = "" if last is None else traced.origin(last)
        reader = _Reader(traced.recorded, model)
        _run(model, lambda data: reader.until(data, final), inputs[:2])
    # Neither first, nor last, nor in order: a sample that all others read would give itself away.
    chosen = torch.arange(len(inputs) - 2, 0, -2, device=inputs.device)
    run = given if alone is None else alone
    whole = expected if alone is None else _run(model, run, inputs)[0]
    if not close(_run(model, run, inputs[chosen])[0], whole[chosen], scale=whole):
        raise InputError(
            "the model mixes the samples of a batch: what it gives for a sample depends on the "
            "others, or is not deterministic"
        )
    found, left = _run(model, follow, inputs)
    if not close(found, expected):
        raise InputError(
            "the traced model does not give the model's outputs: its forward is not deterministic, "
            "mixes the samples of a batch, or changes an activation in place that it reads again"
        )
    if buffers and not all(map(_same, left, after)):
        raise InputError(
            "the traced model does not leave its buffers as the model does; running statistics "
            "are followed in BatchNorm layers only"
        )


def _same(found: Tensor, expected: Tensor) -> bool:
    return torch.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE)


def close(found: Tensor, expected: Tensor, *, scale: Tensor | None = None) -> bool:
    """Whether two outputs are the same to rounding in float64; NaN never is."""
    if found.shape != expected.shape:
        return False
    size = (expected if scale is None else scale).abs().max()
    return bool((found - expected).abs().max() <= TOLERANCE * (TOLERANCE + size))


def _run(model: nn.Module, run: Run, inputs: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return outputs at a copy of the inputs, and the buffers as they are left.

    Each time from the same buffers and random state.
    """
    with preserved(model, inputs.device):
        try:
            found = run(inputs.clone())
            after = [buffer.clone() for buffer in model.buffers()]
        except InputError:
            raise
        except Exception as error:  # whatever the caller's forward raises
            raise InputError(
                f"the model fails on inputs of shape {tuple(inputs.shape[1:])}, those of the "
                f"slice, the domain or the vertices: {error}"
            ) from error
    if not isinstance(found, Tensor) or not torch.isfinite(found).all():
        raise InputError("the model's outputs must be one finite tensor")
    return found.flatten(1), after


@contextmanager
def preserved(model: nn.Module, device: torch.device, seed: int = 0) -> Iterator[None]:
    """Draw from a seed inside, and leave buffers and random states as they were."""
    before = [(buffer, buffer.clone()) for buffer in model.buffers()]
    on_cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_cuda else []):
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            torch.cuda.manual_seed(seed)
        try:
            yield
        finally:
            for buffer, value in before:
                buffer.copy_(value)


class _Runner(fx.Interpreter):
    """Runs a graph as the model runs, changes in place and all."""

    def __init__(self, graph: fx.Graph, model: nn.Module) -> None:
        super().__init__(model, garbage_collect_values=False, graph=graph)

    def until(self, inputs: Tensor, last: str) -> Tensor:
        """Return the value of a node, by default that of the graph."""
        self.args_iter = iter([inputs])
        value = inputs
        for node in self.graph.nodes:
            value = self.env[node] = self.run_node(node)
            if node.name == last:
                break
        return value


class _Reader(_Runner):
    """Refuses a graph in which an activation is read after it was changed in place."""

    def until(self, inputs: Tensor, last: str) -> Tensor:
        """Return the value of a node, having checked all that it depends on."""
        ends = [node for node in self.graph.nodes if node.name == last or node.op == "output"]
        self.needed = _ancestors(ends[0])
        self.changed: dict[Node, Node] = {}
        return super().until(inputs, last)

    def run_node(self, node: Node) -> object:
        """Run a node and note whose memory it changes."""
        for source in node.all_input_nodes:
            if source in self.changed and node in self.needed:
                raise InputError(
                    f"{describe(node)} reads an activation that {describe(self.changed[source])} "
                    "has changed in place; use a step that is not in place, or what it returns"
                )
        before = {read: _versions(value) for read, value in self.env.items()}
        result = super().run_node(node)
        changed = [read for read, old in before.items() if _versions(self.env[read]) != old]
        if changed:
            targets = [t for n in node.all_input_nodes if n in changed for t in self._tensors(n)]
            shared = [n for n in changed if _overlap(self._tensors(n), targets)]
            self.changed |= dict.fromkeys(shared, node)
        return result

    def _tensors(self, node: Node) -> list[Tensor]:
        return _tensors(self.env[node])


def _ancestors(node: Node) -> set[Node]:
    """Return a node and all that it depends on."""
    found, open_ = {node}, [node]
    while open_:
        new = [n for n in open_.pop().all_input_nodes if n not in found]
        found.update(new)
        open_ += new
    return found


def _tensors(value: object) -> list[Tensor]:
    return [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, Tensor)]


def _versions(value: object) -> list[int]:
    """How often the memory of each tensor has been written to; views share the count."""
    return [tensor._version for tensor in _tensors(value)]


def _overlap(first: list[Tensor], second: list[Tensor]) -> bool:
    """Whether writing into tensors of the second list changes one of the first."""
    if not second or any(a is b for a in first for b in second):
        return True
    before = [tensor.clone() for tensor in first]
    saved = [tensor.clone() for tensor in second]
    for tensor in second:
        tensor.add_(1)
    hit = any(not torch.equal(a, b) for a, b in zip(first, before, strict=True))
    for tensor, value in zip(second, saved, strict=True):
        tensor.copy_(value)
    return hit
