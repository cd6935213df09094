"""A notebook's parameters: read from its tagged cell, checked before a kernel starts."""

import ast
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ssl_lib.errors import InputError, closest
from ssl_lib.profiles import PROFILES
from ssl_lib.publishing.notebooks import Notebook, source, tagged

__all__ = ["checked", "declared", "located", "parse", "rewritten"]

_PLACES = ("data", "images")
_DEVICES = ("auto", "cpu", "cuda", "mps")


def declared(notebook: Notebook, name: str = "the notebook") -> dict[str, Any]:
    r"""Return the parameters and their defaults, in the order of the cell.

    Parameters
    ----------
    notebook : dict
        A notebook with one cell tagged ``parameters`` that assigns literals to names.
    name : str
        What to call it in an error.

    Raises
    ------
    InputError
        When there is no such cell, or it holds anything but ``name = literal``.

    Examples
    --------
    >>> code = "profile = 'quick'; seed = 0"
    >>> cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": code}
    >>> declared({"cells": [cell]})
    {'profile': 'quick', 'seed': 0}
    """
    cells = tagged(notebook, "parameters")
    if len(cells) != 1:
        raise InputError(f"{name} has {len(cells)} cells tagged 'parameters'; it needs one")
    return {target: value for target, value, _ in _assignments(source(cells[0]), name)}


def _assignments(code: str, name: str) -> list[tuple[str, Any, ast.expr]]:
    try:
        statements = ast.parse(code).body
    except SyntaxError as error:
        raise InputError(f"the parameters cell of {name} is not Python: {error}") from error
    return [_assignment(statement, name) for statement in statements]


def _assignment(statement: ast.stmt, name: str) -> tuple[str, Any, ast.expr]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=target)], value=value):
            pass
        case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value):
            pass
        case _:
            raise InputError(
                f"the parameters cell of {name} may hold only lines 'name = literal'; "
                f"line {statement.lineno} is {ast.unparse(statement)!r}"
            )
    try:
        return target, ast.literal_eval(value), value
    except ValueError as error:
        raise InputError(
            f"parameter {target!r} of {name} is no literal: {ast.unparse(value)!r}"
        ) from error


def parse(pairs: Sequence[str]) -> dict[str, Any]:
    """Turn ``name=value`` texts into values: JSON or a Python literal, else the text itself.

    Examples
    --------
    >>> parse(["seed=3", "sizes=[1, 2]", "profile=smoke", "fast=true", "name='3'"])
    {'seed': 3, 'sizes': [1, 2], 'profile': 'smoke', 'fast': True, 'name': '3'}
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip().isidentifier():
            raise InputError(f"a parameter is written name=value; got {pair!r}")
        if name.strip() in values:
            raise InputError(f"parameter {name.strip()!r} is given twice")
        values[name.strip()] = _value(text.strip())
    return values


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def checked(
    given: Mapping[str, Any], defaults: Mapping[str, Any], name: str = "the notebook"
) -> dict[str, Any]:
    """Return all parameters with those given put in, or say which is unknown or ill-typed.

    Parameters
    ----------
    given, defaults : mapping
        Values by name. A default's type is the type asked for: an int may stand for a float,
        a list for a tuple, anything for None.
    name : str
        What to call the notebook in an error.

    Raises
    ------
    InputError
        For an unknown name, a wrong type, or a profile or device that does not exist.

    Examples
    --------
    >>> checked({"rate": 1}, {"rate": 0.5, "seed": 0})
    {'rate': 1.0, 'seed': 0}
    >>> checked({"sed": 1}, {"rate": 0.5, "seed": 0})
    Traceback (most recent call last):
    ...
    ssl_lib.errors.InputError: the notebook has no parameter 'sed'. Did you mean 'seed'?
    """
    for parameter in given:
        if parameter not in defaults:
            raise InputError(
                f"{name} has no parameter {parameter!r}.{closest(parameter, defaults)}"
            )
    values = dict(defaults)
    for parameter, value in given.items():
        values[parameter] = _fitted(parameter, value, defaults[parameter])
    _check_choice("profile", values, PROFILES)
    _check_choice("device", values, _DEVICES)
    return values


def _fitted(name: str, value: Any, default: Any) -> Any:
    wanted = type(default)
    if default is None or type(value) is wanted:
        return value
    if wanted is float and type(value) is int:
        return float(value)
    if wanted in (list, tuple) and isinstance(value, list | tuple):
        return wanted(value)
    raise InputError(
        f"parameter {name!r} must be {wanted.__name__}, like its default {default!r}; "
        f"got {type(value).__name__} {value!r}"
    )


def _check_choice(name: str, values: Mapping[str, Any], known: Sequence[str]) -> None:
    value = values.get(name, known[0])
    if value in known or (name == "device" and str(value).startswith("cuda:")):
        return
    raise InputError(
        f"{name} must be one of {', '.join(known)}; got {value!r}.{closest(value, known)}"
    )


def located(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with paths of data made absolute: a kernel runs in another folder.

    Parameters
    ----------
    values : mapping
        Where ``data`` and ``images`` hold a text, it is the name of a data set or a path, seen from
        the working directory.

    Raises
    ------
    InputError
        For what is neither.

    Examples
    --------
    >>> located({"data": "digits", "images": "", "seed": 0})
    {'data': 'digits', 'images': '', 'seed': 0}
    >>> Path(located({"images": "."})["images"]) == Path.cwd()
    True
    """
    return {name: _located(name, value) for name, value in values.items()}


def _located(name: str, value: Any) -> Any:
    if name not in _PLACES or not isinstance(value, str) or not value:
        return value
    from ssl_lib.data import NAMES

    path = Path(os.path.abspath(Path(value).expanduser()))
    if value in NAMES or path.exists():
        return value if value in NAMES else str(path)
    raise InputError(
        f"parameter {name!r}: {value!r} is no data set's name, and there is no file or folder "
        f"{path}.{closest(value, NAMES)}"
    )


def rewritten(code: str, values: Mapping[str, Any]) -> str:
    r"""Return a parameters cell's source with its literals replaced by the values used.

    Comments and the order of lines stay.

    Examples
    --------
    >>> rewritten("seed = 0  # any integer", {"seed": 7})
    'seed = 7  # any integer'
    """
    lines = code.split("\n")
    for target, default, node in reversed(_assignments(code, "the notebook")):
        if target in values and values[target] != default:
            _replace(lines, node, _literal(values[target]))
    return "\n".join(lines)


def _replace(lines: list[str], node: ast.expr, text: str) -> None:
    # ast counts columns in UTF-8 bytes.
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    head = lines[first].encode()[: node.col_offset].decode()
    tail = lines[last].encode()[node.end_col_offset :].decode()
    lines[first : last + 1] = [head + text + tail]


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
