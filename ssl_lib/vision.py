"""The one door to torchvision, which also opens beside a CPU-only torch.

torchvision's wheel on the package index is a CUDA build. Beside a CPU-only torch its compiled
library cannot be loaded, and then ``import torchvision`` itself fails (``operator torchvision::nms
does not exist``), although all that is written in Python, which is nearly everything, would work.
The cause is that torchvision describes the output shapes of two operators of that library without
asking whether it was loaded. Declaring those two operators first is enough.
"""

import importlib
import re
import sys
import threading
from types import ModuleType

__all__ = ["torchvision"]

_MISSING_OPERATOR = re.compile(r"operator torchvision::\w+ does not exist")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_OPERATORS = ("nms", "qnms")
_lock = threading.Lock()


def torchvision(submodule: str = "") -> ModuleType:
    """Import torchvision, or one of its submodules, beside any build of torch.

    Where a plain ``import torchvision`` works, this is one. Beside a CPU-only torch that its
    compiled operators do not fit, data sets, transforms, models, folder readers and utilities work
    as usual; only the compiled operators (``torchvision.ops.nms``, ``roi_align``, ...; the decoders
    of ``torchvision.io``) raise an error when called. After the first call a plain ``import
    torchvision`` works too.

    Parameters
    ----------
    submodule : str, default=""
        Dotted name inside torchvision, such as ``"transforms.v2"``; empty for the package itself.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        When torchvision, or that submodule, is not installed.
    RuntimeError
        When torch has an accelerator but torchvision was built for another torch: that is a broken
        installation, which is reported and not repaired.

    Examples
    --------
    >>> import torch
    >>> model = torchvision("models").resnet18(num_classes=10)
    >>> model(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    with _lock:
        package = _import_package()
    return importlib.import_module(f"torchvision.{submodule}") if submodule else package


def _import_package() -> ModuleType:
    try:
        return _import_anew()
    except RuntimeError as error:
        if not _MISSING_OPERATOR.search(str(error)):
            raise
        if not _torch_is_cpu_only():
            error.add_note(_mismatch())
            raise
    _declare_operators()
    return _import_anew()


def _import_anew() -> ModuleType:
    if "torchvision" not in sys.modules:
        # A failed import leaves submodules behind that the next one would take for its own.
        for name in [name for name in sys.modules if name.startswith("torchvision.")]:
            del sys.modules[name]
    return importlib.import_module("torchvision")


def _torch_is_cpu_only() -> bool:
    import torch

    return torch.version.cuda is None and torch.version.hip is None


def _declare_operators() -> None:
    import torch

    for name in _OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", _SCHEMA)


def _mismatch() -> str:
    from importlib.metadata import version

    return (
        f"torchvision {version('torchvision')} was not built for torch {version('torch')}: "
        "install the torchvision that belongs to this torch."
    )
