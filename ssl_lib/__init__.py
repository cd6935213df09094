"""Self-supervised learning papers, regenerated.

Importing the package loads nothing heavy: a submodule is imported when it is first used, so
``import ssl_lib; ssl_lib.evaluation`` works and costs only what it needs.
"""

import importlib
import importlib.util
import pkgutil
from types import ModuleType

__version__ = "0.1.0"


def __getattr__(name: str) -> ModuleType:
    qualified = f"{__name__}.{name}"
    if name.startswith("_") or importlib.util.find_spec(qualified) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(qualified)


def __dir__() -> list[str]:
    return sorted({"__version__", *(module.name for module in pkgutil.iter_modules(__path__))})
