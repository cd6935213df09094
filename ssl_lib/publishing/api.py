"""The pages of the API reference: one for each public module of the library's floors 0 to 3."""

import ast
from collections.abc import Iterator
from pathlib import Path

__all__ = ["contents", "modules", "pages"]

_PACKAGE = Path(__file__).resolve().parents[1]
# What only the command line uses is not for import.
_INTERNAL = {"cli", "commands", "publishing"}


def modules() -> list[str]:
    """Return the public modules, sorted by name.

    Examples
    --------
    >>> "ssl_lib.errors" in modules()
    True
    """
    return sorted(_found())


def _found() -> Iterator[str]:
    for path in _PACKAGE.rglob("*.py"):
        parts = path.relative_to(_PACKAGE).with_suffix("").parts
        names = parts[:-1] if parts[-1] == "__init__" else parts
        hidden = any(name.startswith("_") for name in names)
        if names and not hidden and names[0] not in _INTERNAL and _docstring(path):
            yield ".".join([_PACKAGE.name, *names])


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def _file(module: str) -> Path:
    path = _PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def pages() -> dict[str, str]:
    """Return the text of each module's page by its path below ``book/``."""
    return {f"api/{module}.md": _page(module) for module in modules()}


def _page(module: str) -> str:
    # A package's own page shows its docstring; what it hands on is documented where it is defined.
    members = "" if _file(module).name == "__init__.py" else "   :members:\n   :show-inheritance:\n"
    return f"# `{module}`\n\n```{{eval-rst}}\n.. automodule:: {module}\n{members}```\n"


def contents() -> str:
    """Return a list of all modules with the first sentence each says about itself."""
    lines = []
    for module in modules():
        first = _docstring(_file(module)).split("\n\n")[0]
        lines.append(f"- [`{module}`](api/{module}.md): {' '.join(first.split())}")
    return "\n".join(lines)
