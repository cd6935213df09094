"""Print what a bug report needs to say: ``python -m ssl_lib.show_versions``."""

import importlib.metadata
import os
import platform
import re

__all__ = ["show_versions", "versions"]

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def versions() -> dict[str, str]:
    """Return the versions that a result can depend on.

    Returns
    -------
    dict of str to str
        Name to version: Python, the operating system, ssl_lib, its requirements and the packages of
        its extra ``book``. A package that is absent has the version ``"not installed"``.

    Examples
    --------
    >>> versions()["python"] == platform.python_version()
    True
    """
    packages = {name: _version(name) for name in ("ssl_lib", *_requirements())}
    return {"python": platform.python_version(), "system": _system(), **packages}


def show_versions() -> None:
    """Print the versions, the cores and the accelerator, one a line.

    Examples
    --------
    >>> show_versions()
    python: 3...
    accelerator: ...
    """
    facts = {**versions(), "cores": str(os.cpu_count()), "accelerator": _accelerator()}
    print("\n".join(f"{name}: {value}" for name, value in facts.items()))


def _requirements() -> list[str]:
    try:
        lines = importlib.metadata.requires("ssl_lib") or []
    except importlib.metadata.PackageNotFoundError:  # used from a checkout, not installed
        lines = []
    wanted = [
        line for line in lines if "extra ==" not in line or "book" in line.split("extra ==")[1]
    ]
    return [match.group() for line in wanted if (match := _NAME.match(line))]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _system() -> str:
    return f"{platform.system()} {platform.machine()}"


def _accelerator() -> str:
    import torch

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return "mps" if torch.backends.mps.is_available() else "none"


if __name__ == "__main__":
    show_versions()
