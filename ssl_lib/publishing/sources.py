"""Which library modules a notebook's code can reach, and what they say, without importing any.

Module level, on purpose: a notebook is kept as long as no module it reaches has changed in
anything but comments, docstrings and layout.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

__all__ = ["fingerprints", "imports", "reachable", "without_magic"]

_PACKAGE = Path(__file__).resolve().parents[1]


def fingerprints(codes: Iterable[str]) -> dict[str, str]:
    """Return the hash of every library module that these pieces of code reach.

    Parameters
    ----------
    codes : iterable of str
        Python sources, e.g. a notebook's code cells. Lines of IPython magic are skipped.

    Returns
    -------
    dict of str to str
        Module name to the hash of its syntax tree.

    Examples
    --------
    >>> sorted(fingerprints(["from ssl_lib.errors import closest"]))
    ['ssl_lib', 'ssl_lib.errors']
    """
    return {name: _module_hash(_file(name)) for name in sorted(reachable(codes))}


def reachable(codes: Iterable[str]) -> set[str]:
    """Return the names of the library modules that the code imports, directly or not."""
    found: set[str] = set()
    waiting = [name for code in codes for name in imports(without_magic(code))]
    while waiting:
        name = waiting.pop()
        if name not in found and _exists(name):
            found.add(name)
            waiting += _module_imports(_file(name))
            waiting += [name.rpartition(".")[0]] if "." in name else []
    return found


def imports(code: str) -> list[str]:
    """Return the library modules named by the import statements in a piece of code.

    Examples
    --------
    >>> imports("import numpy; from ssl_lib.publishing import sources")
    ['ssl_lib.publishing', 'ssl_lib.publishing.sources']
    """
    names: list[str] = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names += [name for alias in node.names for name in _imported(alias.name)]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [name for alias in node.names for name in _imported(node.module, alias.name)]
    return list(dict.fromkeys(names))


def _imported(module: str, name: str | None = None) -> Iterator[str]:
    if module.split(".")[0] != _PACKAGE.name:
        return
    yield module
    if name and _exists(f"{module}.{name}"):
        yield f"{module}.{name}"
    elif _is_package(module) and not _binds(_file(module), name):
        # What a package hands out by attribute cannot be told apart without importing it.
        yield from _submodules(module)


def without_magic(code: str) -> str:
    r"""Return a cell's code with lines of IPython magic replaced by ``pass``.

    Examples
    --------
    >>> without_magic("    %pip install this")
    '    pass'
    """
    lines = code.split("\n")
    kept = ["pass" if line.lstrip()[:1] in {"%", "!"} else line for line in lines]
    # The line keeps its indentation, so that a block of nothing but magic stays a block.
    return "\n".join(
        line[: len(line) - len(line.lstrip())] + new if new == "pass" else new
        for line, new in zip(lines, kept, strict=True)
    )


def _exists(name: str) -> bool:
    return _file(name).is_file()


def _is_package(name: str) -> bool:
    return _file(name).name == "__init__.py"


def _file(name: str) -> Path:
    path = _PACKAGE.parent.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _submodules(package: str) -> Iterator[str]:
    folder = _file(package).parent
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(_PACKAGE.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _binds(file: Path, name: str | None) -> bool:
    """Say whether a package's own file binds the name, so that no submodule can be meant."""
    if name is None:
        return False
    tree = ast.parse(file.read_text(encoding="utf-8"))
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
    return name in bound


@cache
def _module_imports(file: Path) -> list[str]:
    return imports(file.read_text(encoding="utf-8"))


@cache
def _module_hash(file: Path) -> str:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        _drop_docstring(node)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]


def _drop_docstring(node: ast.AST) -> None:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return
    match node.body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            node.body = rest
