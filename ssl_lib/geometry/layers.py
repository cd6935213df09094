"""Which step of the geometry each layer of a network is."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import fx, nn
from torch.fx.node import Node
from torch.nn import functional as F

from ssl_lib.errors import InputError
from ssl_lib.geometry.graphs import argument, describe, source_of, unsupported
from ssl_lib.geometry.maxout import Maxout
from ssl_lib.geometry.steps import AffineStep, BiasedStep, KinkStep, MaxStep, Step, node_names
from ssl_lib.geometry.windows import AxisWindows, PoolWindows, elementwise_windows

HOMOGENEOUS_MODULES = (
    nn.Flatten, nn.Unflatten, nn.Identity, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d, nn.Dropout, nn.Dropout1d,
    nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d,
    nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d, nn.ReplicationPad1d,
    nn.ReplicationPad2d, nn.ReplicationPad3d, nn.Upsample, nn.PixelShuffle, nn.PixelUnshuffle,
    nn.ChannelShuffle, nn.Unfold, nn.Fold,
)  # fmt: skip
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
AFFINE_MODULES = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.ConvTranspose1d, nn.ConvTranspose2d,
    nn.ConvTranspose3d, nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d,
)  # fmt: skip
HOMOGENEOUS: set[Any] = {
    operator.getitem, operator.neg, torch.neg, torch.flatten, torch.reshape, torch.permute,
    torch.transpose, torch.squeeze, torch.unsqueeze, torch.movedim, torch.cat, torch.concat,
    torch.stack, torch.chunk, torch.split, torch.unbind, torch.narrow, torch.mean, torch.sum,
    torch.flip, torch.roll, F.avg_pool1d, F.avg_pool2d, F.avg_pool3d, F.adaptive_avg_pool1d,
    F.adaptive_avg_pool2d, F.adaptive_avg_pool3d, F.interpolate, F.pixel_shuffle, F.dropout,
    F.dropout2d, F.unfold,
}  # fmt: skip
AFFINE: set[Any] = {
    F.linear, F.conv1d, F.conv2d, F.conv3d, F.conv_transpose1d, F.conv_transpose2d, F.batch_norm,
    F.pad, torch.addmm,
}  # fmt: skip
SUMS: set[Any] = {operator.add, operator.sub, torch.add, torch.sub}
PRODUCTS: set[Any] = {operator.mul, torch.mul, operator.matmul, torch.matmul, torch.mm}
QUOTIENTS: set[Any] = {operator.truediv, torch.div}
DROPOUTS: set[Any] = {F.dropout, F.dropout2d}
RELU: set[Any] = {F.relu, F.relu_, torch.relu, torch.relu_}
ABS: set[Any] = {abs, operator.abs, torch.abs, torch.abs_}
MAX_POOLS: dict[Any, int] = {
    F.max_pool1d: 1, F.max_pool2d: 2, F.max_pool3d: 3, torch.max_pool1d: 1, torch.max_pool2d: 2,
    torch.max_pool3d: 3, nn.MaxPool1d: 1, nn.MaxPool2d: 2, nn.MaxPool3d: 3,
}  # fmt: skip
IN_PLACE: dict[Any, Any] = {
    operator.iadd: operator.add, operator.isub: operator.sub, operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
}  # fmt: skip
METHODS: dict[str, Any] = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "relu": torch.relu,
    "matmul": torch.matmul, "abs": torch.abs, "max": torch.max, "min": torch.min,
    "amax": torch.amax, "amin": torch.amin, "maximum": torch.maximum, "minimum": torch.minimum,
    "chunk": torch.chunk, "split": torch.split, "neg": torch.neg, "mean": torch.mean,
    "sum": torch.sum, "flatten": torch.flatten, "reshape": torch.reshape, "flip": torch.flip,
    "permute": torch.permute, "transpose": torch.transpose, "squeeze": torch.squeeze,
    "unsqueeze": torch.unsqueeze,
}  # fmt: skip
SHAPE_METHODS = {
    "unflatten", "swapaxes", "contiguous", "clone", "movedim", "expand", "repeat", "unbind",
    "narrow", "roll", "permute", "reshape", "flip",
}  # fmt: skip
UNCHANGED = {"detach", "float", "double", "to", "type", "type_as", "data"}
SIZES = {"shape", "size", "dim", "ndim", "device", "dtype"}


def build_steps(
    graph: fx.Graph, modules: Mapping[str, nn.Module], *, dropping: bool = False
) -> tuple[list[Step], str, str]:
    """Return the steps of a graph, and the names of its input and its output.

    Parameters
    ----------
    graph : fx.Graph
    modules : mapping of str to nn.Module
        What the graph calls, by path.
    dropping : bool
        Whether the graph is of a model in training mode, whose forward may drop units.

    Raises
    ------
    InputError
        If a layer is not supported, or the model has not one tensor in and one out.
    """
    builder = _Builder(modules, dropping)
    for node in graph.nodes:
        builder.add(node)
    return builder.steps, builder.input, builder.output


def _unchanged(value: Any, *_: Any, **__: Any) -> Any:
    return value


def _view(value: Any, *shape: Any) -> Any:
    """Return a view, or a copy where the images of a contiguous activation are not contiguous."""
    return value.reshape(*shape)


class _Builder:
    def __init__(self, modules: Mapping[str, nn.Module], dropping: bool) -> None:
        self.modules, self.dropping = modules, dropping
        self.steps: list[Step] = []
        self.input = ""
        self.output = ""
        self.activations: set[str] = set()

    def add(self, node: Node) -> None:
        if node.op == "placeholder":
            self._placeholder(node)
        elif node.op == "output":
            self._output(node)
        elif not self._inputs(node) or self._is_size(node):
            self._constant(node)
        elif "out" in node.kwargs:
            raise unsupported(node, "writes into a tensor given as out")
        else:
            self.activations.add(node.name)
            {
                "call_module": self._module,
                "call_method": self._method,
                "call_function": self._function,
            }[node.op](node)

    def _inputs(self, node: Node) -> list[str]:
        """Return the activations that a node reads."""
        return [n for n in node_names((node.args, node.kwargs)) if n in self.activations]

    def _is_size(self, node: Node) -> bool:
        asked = node.args[1] if node.target is getattr else node.target
        return node.op != "call_module" and asked in SIZES

    def _placeholder(self, node: Node) -> None:
        if not self.input:
            self.input = node.name
            self.activations.add(node.name)
        elif node.args:
            default = node.args[0]
            self._affine(node, lambda: default, homogeneous=True, args=())
        else:
            raise InputError(f"the model must take one input, but also takes {node.target!r}")

    def _output(self, node: Node) -> None:
        result = node.args[0]
        if not isinstance(result, Node):
            raise InputError("the model must return one tensor, not a tuple or a dictionary")
        if result.name not in self.activations:
            raise InputError("the model's output does not depend on its input")
        self.output = result.name

    def _constant(self, node: Node) -> None:
        """Return what depends on parameters and sizes only, whatever it computes."""
        if node.op == "get_attr":
            value = operator.attrgetter(str(node.target))(self.modules[""])
            value = value.detach() if isinstance(value, torch.Tensor) else value
            self._affine(node, lambda: value, homogeneous=True, args=())
        elif node.op == "call_module":
            self._affine(node, self.modules[str(node.target)], homogeneous=True)
        else:
            self._affine(node, _callable(node), homogeneous=True)

    def _affine(
        self, node: Node, function: Callable[..., Any], *, homogeneous: bool, args: Any = None
    ) -> None:
        args = node.args if args is None else args
        kwargs = {k: v for k, v in node.kwargs.items() if k != "inplace"}
        step = AffineStep(node.name, describe(node), function, args, kwargs, homogeneous)
        self.steps.append(step)

    def _kink(self, node: Node, slope: Any) -> None:
        # as_tensor alone would round a Python number such as 0.01 to float32.
        slope = torch.as_tensor(slope, dtype=torch.float64).detach()
        self.steps.append(KinkStep(node.name, describe(node), source_of(node).name, slope))

    def _module(self, node: Node) -> None:
        module = self.modules[str(node.target)]
        if isinstance(module, nn.Linear):
            self._biased(node, lambda x: F.linear(x, module.weight), module.bias, 0)
        elif isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            linear = _convolution(module)
            self._biased(node, linear, module.bias, module.weight.ndim - 2)
        elif isinstance(module, nn.ReLU):
            self._kink(node, 0.0)
        elif isinstance(module, nn.LeakyReLU):
            self._kink(node, module.negative_slope)
        elif isinstance(module, nn.PReLU):
            self._kink(node, module.weight)
        elif isinstance(module, nn.RReLU):
            self._kink(node, (module.lower + module.upper) / 2)
        elif type(module) in MAX_POOLS:
            self._max_pool(node, MAX_POOLS[type(module)], vars(module))
        elif isinstance(module, Maxout):
            self._maxout(node, module)
        elif isinstance(module, _BATCH_NORMS) and module.running_mean is None:
            raise unsupported(
                node,
                f"is {type(module).__name__} without running statistics, which mixes the samples "
                "of a batch in eval mode too",
            )
        elif isinstance(module, HOMOGENEOUS_MODULES + AFFINE_MODULES):
            self._affine(node, module, homogeneous=isinstance(module, HOMOGENEOUS_MODULES))
        else:
            raise unsupported(node, f"is {type(module).__name__}, which is not supported")

    def _biased(
        self, node: Node, linear: Callable[..., Any], bias: torch.Tensor | None, n_axes: int
    ) -> None:
        if bias is not None:
            bias = bias.detach().reshape(-1, *[1] * n_axes)
        source = source_of(node).name
        self.steps.append(BiasedStep(node.name, describe(node), linear, bias, source))

    def _method(self, node: Node) -> None:
        name = str(node.target)
        base = name.removesuffix("_")
        if base in UNCHANGED or name == "requires_grad_":
            self._affine(node, _unchanged, homogeneous=True)
        elif name == "view" and not any(isinstance(a, torch.dtype) for a in node.args):
            self._affine(node, _view, homogeneous=True)
        elif name in SHAPE_METHODS:
            self._affine(node, _callable(node), homogeneous=True)
        elif base in METHODS:
            self._function(node, METHODS[base])
        else:
            raise unsupported(node, "is not supported")

    def _function(self, node: Node, function: Any = None) -> None:
        function = IN_PLACE.get(node.target, node.target) if function is None else function
        if function in DROPOUTS and not self.dropping and _drops(node):
            raise unsupported(node, "drops units in eval mode too; pass training=self.training")
        if function in RELU:
            self._kink(node, 0.0)
        elif function in (F.leaky_relu, F.leaky_relu_):
            self._kink(node, argument(node, 1, "negative_slope", 0.01))
        elif function in ABS:
            self._kink(node, -1.0)
        elif function in MAX_POOLS:
            names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
            given = {name: argument(node, i, name) for i, name in enumerate(names, start=1)}
            self._max_pool(node, MAX_POOLS[function], given)
        elif function in (torch.maximum, torch.minimum, torch.max, torch.min):
            self._elementwise(node, -1.0 if function in (torch.minimum, torch.min) else 1.0)
        elif function in (torch.amax, torch.amin):
            self._reduction(node, -1.0 if function is torch.amin else 1.0)
        else:
            self._arithmetic(node, function)

    def _arithmetic(self, node: Node, function: Any) -> None:
        if function in HOMOGENEOUS or function in AFFINE:
            self._affine(node, function, homogeneous=function in HOMOGENEOUS)
        elif function in SUMS:
            self._affine(node, function, homogeneous=len(self._operands(node)) == 2)
        elif function in PRODUCTS or function in QUOTIENTS:
            operands = self._operands(node)
            if operands != [0] and (operands != [1] or function in QUOTIENTS):
                raise unsupported(node, "multiplies or divides two activations")
            self._affine(node, function, homogeneous=True)
        elif function is getattr and node.args[1] in UNCHANGED:
            self._affine(node, _unchanged, homogeneous=True)
        elif isinstance(function, type) and issubclass(function, tuple):
            raise InputError(
                f"the model must return one tensor, but makes a {function.__name__}; build a model "
                "with auxiliary outputs without them (aux_logits=False)"
            )
        else:
            raise unsupported(node, "is not supported")

    def _operands(self, node: Node) -> list[int]:
        """Which of the first two arguments are activations."""
        pair = (argument(node, 0, "input"), argument(node, 1, "other"))
        return [i for i, a in enumerate(pair) if isinstance(a, Node) and a.name in self.activations]

    def _max_pool(self, node: Node, n_axes: int, given: Mapping[str, Any]) -> None:
        if given.get("return_indices"):
            raise unsupported(node, "is asked for the place of the maximum")

        def axes(name: str, default: Any) -> tuple[int, ...]:
            value = given.get(name)
            value = default if value is None or value == [] else value
            return (value,) * n_axes if isinstance(value, int) else tuple(value)

        kernel = axes("kernel_size", 1)
        stride, padding = axes("stride", kernel), axes("padding", 0)
        ceil = bool(given.get("ceil_mode"))
        windows = PoolWindows(kernel, stride, padding, axes("dilation", 1), ceil)
        self._maximum(node, (source_of(node).name,), windows)

    def _maxout(self, node: Node, module: Maxout) -> None:
        self._maximum(node, (source_of(node).name,), module.windows)

    def _elementwise(self, node: Node, sign: float) -> None:
        if self._operands(node) != [0, 1]:
            raise unsupported(node, "must compare two activations")
        pair = (argument(node, 0, "input"), argument(node, 1, "other"))
        self._maximum(node, tuple(a.name for a in pair), elementwise_windows, sign)

    def _reduction(self, node: Node, sign: float) -> None:
        axis, keepdim = argument(node, 1, "dim"), argument(node, 2, "keepdim", False)
        axis = axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis
        if not isinstance(axis, int):
            raise unsupported(node, "must reduce one axis")
        self._maximum(node, (source_of(node).name,), AxisWindows(axis, keepdim), sign)

    def _maximum(self, node: Node, sources: tuple[str, ...], windows: Any, sign: float = 1) -> None:
        self.steps.append(MaxStep(node.name, describe(node), sources, windows, sign))


def _drops(node: Node) -> bool:
    """Whether a call of dropout acts."""
    return bool(argument(node, 2, "training", True)) and argument(node, 1, "p", 0.5) != 0


def _callable(node: Node) -> Callable[..., Any]:
    """Return what a function or method node calls."""
    if node.op == "call_function":
        function: Callable[..., Any] = node.target  # type: ignore[assignment]
        return function
    name = str(node.target)
    return lambda value, *args, **kwargs: getattr(value, name)(*args, **kwargs)


def _convolution(module: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a convolution without its bias."""
    return lambda x: module._conv_forward(x, module.weight, None)
