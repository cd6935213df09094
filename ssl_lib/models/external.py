"""Encoders of torchvision and timm, by name, without their classifier."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import torch
from torch import nn

from ssl_lib.errors import InputError, closest

# Of torchvision: in training mode they return a tuple, unless they are built without.
_WITH_AUXILIARY_OUTPUTS = ("googlenet", "inception_v3")


def build_torchvision(name: str, *, in_channels: int, image_size: int, **options: Any) -> nn.Module:
    """Return torchvision's classification model `name` with its last linear layer removed.

    Weights are random. `image_size` reaches the models that need it (vision transformers). The
    returned module has the attribute `out_dim`.

    Examples
    --------
    >>> build_torchvision("mobilenet_v3_small", in_channels=1, image_size=32).out_dim
    1024
    """
    from ssl_lib.vision import torchvision

    models = torchvision().models
    known = models.list_models(module=models)
    if name not in known:
        raise InputError(f"torchvision has no model {name!r}.{closest(name, known)}")
    if name.startswith("vit_"):
        options = {"image_size": image_size, **options}
    if name in _WITH_AUXILIARY_OUTPUTS:
        if options.get("aux_logits"):
            raise InputError(f"encoder 'torchvision:{name}' has one output: leave out aux_logits")
        options = {**options, "aux_logits": False}
    model = models.get_model(name, weights=None, **options)
    _remove_last_linear(model)
    _set_in_channels(model, in_channels)
    return _measured(model, f"torchvision:{name}", in_channels, image_size)


def build_timm(name: str, *, in_channels: int, image_size: int, **options: Any) -> nn.Module:
    """Return timm's model `name` without classifier; random weights, attribute `out_dim`.

    `options` are passed to ``timm.create_model`` (such as ``img_size``). Needs the package timm.
    """
    if importlib.util.find_spec("timm") is None:
        raise InputError(f"encoder 'timm:{name}' needs the package timm: pip install timm")
    from ssl_lib.vision import torchvision

    torchvision()  # timm imports it too, by the front door
    timm = importlib.import_module("timm")

    known = timm.list_models()
    if name not in known:
        raise InputError(f"timm has no model {name!r}.{closest(name, known)}")
    model = timm.create_model(
        name, pretrained=False, num_classes=0, in_chans=in_channels, **options
    )
    return _measured(model, f"timm:{name}", in_channels, image_size)


def _parent(model: nn.Module, path: str) -> tuple[nn.Module, str]:
    owner, _, attribute = path.rpartition(".")
    return model.get_submodule(owner), attribute


def _remove_last_linear(model: nn.Module) -> None:
    linear = [path for path, m in model.named_modules() if isinstance(m, nn.Linear)]
    if not linear:
        raise InputError(f"{type(model).__name__} has no linear classifier to remove")
    owner, attribute = _parent(model, linear[-1])
    setattr(owner, attribute, nn.Identity())


def _set_in_channels(model: nn.Module, in_channels: int) -> None:
    path, old = next((p, m) for p, m in model.named_modules() if isinstance(m, nn.Conv2d))
    if old.in_channels == in_channels:
        return
    new = nn.Conv2d(
        in_channels,
        old.out_channels,
        old.kernel_size,  # type: ignore[arg-type]
        old.stride,  # type: ignore[arg-type]
        old.padding,  # type: ignore[arg-type]
        bias=old.bias is not None,
    )
    owner, attribute = _parent(model, path)
    setattr(owner, attribute, new)


def _measured(model: nn.Module, name: str, in_channels: int, image_size: int) -> nn.Module:
    """Return `model` with `out_dim` read off one forward pass, which also shows that it fits."""
    images = torch.zeros(2, in_channels, image_size, image_size)
    training = model.training
    try:
        with torch.no_grad():
            features = model.eval()(images)
    except RuntimeError as error:
        raise InputError(f"encoder {name!r} fails on {tuple(images.shape)}: {error}") from error
    if not isinstance(features, torch.Tensor) or features.ndim != 2:
        raise InputError(f"encoder {name!r} does not return one vector (n, d) per image")
    model.train(training)
    model.out_dim = features.shape[1]  # type: ignore[assignment]
    return model
