"""Checkpoints: one safetensors file that holds weights, optimiser and configuration.

Loading reads numbers and JSON only; nothing is unpickled. A file is written whole or not at all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ssl_lib.atomic import write_file
from ssl_lib.errors import InputError, MissingData
from ssl_lib.training.config import RunSpec

__all__ = ["FILE", "Checkpoint", "load_checkpoint", "restore", "save_checkpoint"]

FILE = "checkpoint.safetensors"
_FORMAT = "ssl_lib checkpoint 1"


@dataclass(frozen=True)
class Checkpoint:
    """A moment of a run.

    Attributes
    ----------
    spec : RunSpec or None
        How to build the method again; None for a run on a method that its user built himself.
    step : int
        Optimiser steps done.
    history : list of dict
        One entry an epoch.
    model : dict of str to torch.Tensor
        The method's state.
    optimiser : dict of str to torch.Tensor
        The optimiser's state, keys ``"PARAMETER/NAME"``.
    identity : dict
        What a resumed run must agree with: configuration and data.
    """

    spec: RunSpec | None
    step: int
    history: list[dict[str, Any]]
    model: dict[str, Tensor]
    optimiser: dict[str, Tensor]
    identity: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        The file; an older one is replaced at the last moment.
    checkpoint : Checkpoint
        What to write.
    """
    from safetensors.torch import save

    tensors = {f"model/{name}": value for name, value in checkpoint.model.items()}
    tensors |= {f"optimiser/{name}": value for name, value in checkpoint.optimiser.items()}
    meta = {
        "spec": checkpoint.spec.to_dict() if checkpoint.spec else None,
        "step": checkpoint.step,
        "history": checkpoint.history,
        "identity": checkpoint.identity,
    }
    # Tensors that share memory cannot be stored; copies can.
    whole = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    write_file(path, save(whole, metadata={"format": _FORMAT, "run": json.dumps(meta)}))


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint.

    Parameters
    ----------
    path : str or pathlib.Path
        The file, or the folder of a run.

    Returns
    -------
    Checkpoint
        On the CPU.

    Raises
    ------
    MissingData
        When there is no such file.
    InputError
        When the file is no checkpoint of this library, or is damaged.

    Examples
    --------
    >>> load_checkpoint("nowhere")
    Traceback (most recent call last):
    ...
    ssl_lib.errors.MissingData: no checkpoint at nowhere: expected checkpoint.safetensors there.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise MissingData(f"no checkpoint at {path}: expected {FILE} there.")
    try:
        with safe_open(file, framework="pt") as content:
            metadata = content.metadata() or {}
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
    except SafetensorError as error:
        other = "" if file.suffix == Path(FILE).suffix else f" Checkpoints are called {FILE}."
        raise InputError(f"{file} is not a readable safetensors file: {error}.{other}") from error
    if metadata.get("format") != _FORMAT:
        raise InputError(f"{file} was not written by this library: its format is not {_FORMAT!r}.")
    try:
        meta = json.loads(metadata["run"])
        spec = RunSpec.from_dict(meta["spec"]) if meta["spec"] else None
        told = {key: meta[key] for key in ("step", "history", "identity")}
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise InputError(f"{file} is damaged: its description cannot be read.") from error
    model, optimiser = (_part(tensors, prefix) for prefix in ("model/", "optimiser/"))
    return Checkpoint(spec=spec, model=model, optimiser=optimiser, **told)


def restore(module: nn.Module, state: dict[str, Tensor], *, what: str = "checkpoint") -> None:
    """Load a state into a module, naming the first thing that does not fit.

    Parameters
    ----------
    module : torch.nn.Module
        On any device.
    state : dict of str to torch.Tensor
        All of its parameters and buffers.
    what : str
        What an error calls the state.

    Raises
    ------
    InputError
        When a tensor is missing, unknown or of another shape.

    Examples
    --------
    >>> restore(nn.Linear(2, 1), {"weight": torch.zeros(1, 3), "bias": torch.zeros(1)})
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: checkpoint: weight has shape (1, 3), the model needs (1, 2).
    """
    own = module.state_dict()
    for name in own.keys() ^ state.keys():
        side = "lacks" if name in own else "has an unknown entry"
        raise InputError(f"{what} {side} {name!r}: it belongs to another model.")
    for name, value in own.items():
        if value.shape != state[name].shape:
            raise InputError(
                f"{what}: {name} has shape {tuple(state[name].shape)}, "
                f"the model needs {tuple(value.shape)}."
            )
    module.load_state_dict(state)


def optimiser_state(
    optimiser: torch.optim.Optimizer, names: dict[Tensor, str]
) -> dict[str, Tensor]:
    """Return an optimiser's tensors by the parameters' names."""
    return {
        f"{names[parameter]}/{key}": torch.as_tensor(value)
        for parameter, state in optimiser.state.items()
        for key, value in state.items()
        if value is not None
    }


def restore_optimiser(
    optimiser: torch.optim.Optimizer, names: dict[Tensor, str], tensors: dict[str, Tensor]
) -> None:
    """Put :func:`optimiser_state`'s tensors back, each on its parameter's device."""
    by_name = {name: parameter for parameter, name in names.items()}
    for entry, value in tensors.items():
        name, _, key = entry.rpartition("/")
        parameter = by_name[name]
        if key == "step":  # counted on the host, unless the optimiser is fused
            where = parameter.device if parameter.is_cuda else value.device
            optimiser.state[parameter][key] = value.to(where, copy=True)
        else:  # fused kernels need the parameter's own memory format
            like = torch.empty_like(parameter.detach(), dtype=value.dtype)
            optimiser.state[parameter][key] = like.copy_(value)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
