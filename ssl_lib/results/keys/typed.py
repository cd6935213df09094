"""Find the source of functions and classes that were typed into a notebook."""

from __future__ import annotations

import ast
import linecache
import os
import sys
import types
from collections.abc import Mapping
from typing import Any

from ssl_lib.errors import InputError
from ssl_lib.results.keys.source import first_line

__all__ = ["namespace", "source_of_class", "source_of_function"]


def source_of_function(function: types.FunctionType) -> ast.AST:
    """Find the syntax tree of a function.

    Parameters
    ----------
    function : function
        One that was typed into a notebook, or is in a file.

    Returns
    -------
    ast.AST
        Its definition; or all of its cell, where several lambdas share a line.

    Raises
    ------
    InputError
        When nothing has kept its text.

    Examples
    --------
    >>> def double(x):
    ...     return 2 * x
    >>> ast.unparse(source_of_function(double)).splitlines()[-1].strip()
    'return 2 * x'
    """
    text = "".join(linecache.getlines(function.__code__.co_filename))
    if not text:
        raise _without_source(function)
    line, found = function.__code__.co_firstlineno, []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            name = getattr(node, "name", "<lambda>")
            if first_line(node) == line and name == function.__name__:
                found.append(node)
    return found[0] if len(found) == 1 else ast.parse(text)


def source_of_class(cls: type) -> ast.ClassDef:
    """Find the syntax tree of a class in the newest notebook cell that defines it.

    A class does not say which cell it is from, but the cells' texts are all in ``linecache``.

    Parameters
    ----------
    cls : type
        One that was typed into a notebook.

    Returns
    -------
    ast.ClassDef

    Raises
    ------
    InputError
        When no cell defines a class of that name.
    """
    for file in reversed(linecache.cache):
        text = "".join(linecache.getlines(file)) if not os.path.exists(file) else ""
        if f"class {cls.__name__}" in text:
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
                    return node
    raise _without_source(cls)


def namespace(cls: type) -> Mapping[str, object]:
    """Return the globals that a class's code reads."""
    for value in vars(cls).values():
        # dataclasses adds methods that read its own globals
        found = getattr(value, "__globals__", {})
        if found.get("__name__") == cls.__module__:
            return found
    return vars(sys.modules[cls.__module__])


def _without_source(item: Any) -> InputError:
    return InputError(
        f"the source of {item.__module__}:{item.__qualname__} is not available; "
        "define it in a file or a notebook cell."
    )
