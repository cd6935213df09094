"""From a torch module to the steps that the geometry follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssl_lib.arguments import check_whole
from ssl_lib.errors import InputError
from ssl_lib.geometry.graphs import Traced, copied, trace_model
from ssl_lib.geometry.layers import build_steps
from ssl_lib.geometry.steps import Environment, Images, KinkStep, MaxStep, Step, map_images


@dataclass(frozen=True, eq=False)
class Program:
    """A module in float64 and the steps that make it.

    Parameters
    ----------
    model : nn.Module
        A float64 copy of the caller's model.
    steps : tuple of steps
    input, output : str
        Names of the input and of the result.
    last_use : dict
        For each name, the number of the last step that reads it.
    traced : Traced
        The graphs that the steps come from.
    """

    model: nn.Module
    steps: tuple[Step, ...]
    input: str
    output: str
    last_use: dict[str, int]
    traced: Traced

    @classmethod
    def of(
        cls, model: nn.Module, steps: Sequence[Step], source: str, output: str, traced: Traced
    ) -> Program:
        """Return a program of these steps."""
        last = {name: number for number, step in enumerate(steps) for name in step.reads}
        return cls(model, tuple(steps), source, output, last | {output: len(steps)}, traced)

    @property
    def nonlinear(self) -> list[KinkStep | MaxStep]:
        """The steps that cut regions."""
        return [step for step in self.steps if isinstance(step, KinkStep | MaxStep)]

    def truncated(self, n_layers: int) -> Program:
        """Return the program up to and with its ``n_layers``-th nonlinear layer."""
        layers = self.nonlinear
        check_whole("layers", n_layers, least=1, most=len(layers))
        last = layers[n_layers - 1]
        steps = self.steps[: self.steps.index(last) + 1]
        return Program.of(self.model, steps, self.input, last.name, self.traced)

    def forget(self, environment: Environment, number: int) -> None:
        """Drop what no step after ``number`` reads."""
        for name in list(environment):
            if self.last_use.get(name, -1) <= number:
                del environment[name]

    def follow(self, images: Images, points: Tensor) -> tuple[Images, list[Tensor], list[int]]:
        """Return the affine functions of the regions that hold points (n, 2), without any cut.

        Returns the output's images, the code of each nonlinear layer, and the number of units
        alive at each step.
        """
        environment: Environment = {self.input: images}
        codes, alive = [], []
        everything = torch.arange(len(points), device=points.device)
        for number, step in enumerate(self.steps):
            if isinstance(step, KinkStep | MaxStep):
                codes.append(step.code(environment, points))
                result: object = step.gate(environment, everything, points)
            else:
                result = step.apply(environment)
            environment[step.name] = result
            alive.append(count_units(environment))
            self.forget(environment, number)
        return environment[self.output], codes, alive


def count_units(environment: Environment) -> int:
    """Units of all activations that are held at a time."""
    total = 0

    def add(images: Images) -> Images:
        nonlocal total
        total += images.data[0, 0].numel()
        return images

    map_images(add, environment)
    return total


def trace(model: nn.Module) -> Program:
    """Trace a piecewise linear module; the module itself is not changed.

    Parameters
    ----------
    model : nn.Module
        In eval mode, of supported layers; traceable by `torch.fx`.

    Returns
    -------
    Program

    Raises
    ------
    InputError
        Names a layer that is not supported, a module in training mode, a parameter with NaN, or
        says why the module cannot be traced.

    Examples
    --------
    >>> program = trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).eval())
    >>> [type(step).__name__ for step in program.steps]
    ['BiasedStep', 'KinkStep', 'BiasedStep']
    """
    check_model(model)
    double = copied(model).to(torch.float64)
    for parameter in double.parameters():
        parameter.requires_grad_(False)
    traced = trace_model(double)
    steps, source, output = build_steps(traced.graph, dict(double.named_modules()))
    return Program.of(double, steps, source, output, traced)


def check_model(model: nn.Module) -> None:
    """Raise unless the model is in eval mode, on a device with float64, and finite."""
    check_parameters(model)
    for path, module in model.named_modules():
        if module.training:
            where = f"its layer {path!r}" if path else f"the {type(model).__name__}"
            raise InputError(f"{where} is in training mode; call model.eval() first")
    if any(value.device.type == "mps" for value in [*model.parameters(), *model.buffers()]):
        raise InputError("the mps device has no float64; move the model to the cpu first")


def check_parameters(model: nn.Module) -> None:
    """Raise unless the model is a module whose parameters and buffers are there and finite."""
    if not isinstance(model, nn.Module):
        raise InputError(f"the model must be a torch module, got {type(model).__name__}")
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if nn.parameter.is_lazy(value):
            raise InputError(f"{name!r} has no values yet; run the model on some data first")
        if value.is_floating_point() and not torch.isfinite(value.detach()).all():
            raise InputError(f"{name!r} has values that are NaN or infinite")
