"""The pages of the API reference: one for each public package of the library's floors 0 to 3."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["contents", "pages", "public"]

_PACKAGE = Path(__file__).resolve().parents[1]
# What only the command line uses is not for import.
_INTERNAL = {"cli", "commands", "publishing"}


@cache
def public() -> dict[str, list[str]]:
    """Return the public packages and, of each, the modules its page documents.

    Examples
    --------
    >>> "ssl_lib.errors" in public()["ssl_lib"]
    True
    """
    found: dict[str, list[str]] = {}
    for module in sorted(_modules()):
        package = module if _is_package(module) else module.rpartition(".")[0]
        found.setdefault(package, []).append(module)
    return dict(sorted(found.items()))


def _modules() -> Iterator[str]:
    for path in _PACKAGE.rglob("*.py"):
        parts = path.relative_to(_PACKAGE.parent).with_suffix("").parts
        names = parts[:-1] if parts[-1] == "__init__" else parts
        hidden = any(name.startswith("_") for name in names)
        if not hidden and not _INTERNAL & set(names[1:2]) and _docstring(path):
            yield ".".join(names)


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def _file(module: str) -> Path:
    path = _PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _is_package(module: str) -> bool:
    return _file(module).name == "__init__.py"


def pages() -> dict[str, str]:
    """Return the text of each package's page by its path below ``book/``."""
    return {f"api/{package}.rst": _page(package) for package in public()}


def _page(package: str) -> str:
    parts = [_heading(package, "=")]
    for module in public()[package]:
        if module == package:
            # What a package hands on is documented where it is defined.
            parts.append(f".. automodule:: {module}\n")
        else:
            members = "   :members:\n   :show-inheritance:\n"
            parts += [_heading(module, "-"), f".. automodule:: {module}\n{members}"]
    return "\n".join(parts)


def _heading(text: str, rule: str) -> str:
    return f"{text}\n{rule * len(text)}\n"


def contents() -> str:
    """Return a list of all packages and modules with the first sentence of each."""
    lines = []
    for package, modules in public().items():
        lines += [f"\n## [`{package}`](api/{package}.rst)\n"]
        for module in modules:
            first = " ".join(_docstring(_file(module)).split("\n\n")[0].split())
            lines.append(first + "\n" if module == package else f"- `{module}`: {first}")
    return "\n".join(lines)
