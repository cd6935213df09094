"""Registries: tuples of classes that are looked up by name, and may grow.

A result that was computed through a registry depends on its own entry. One more entry changes the
registry's text, and no result.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping

from ssl_lib.results.keys import source
from ssl_lib.results.keys.fingerprint import _Tracer, of_code
from ssl_lib.results.keys.modules import read
from ssl_lib.results.keys.source import Module

__all__ = ["REGISTRIES", "without_grown"]

#: Definitions that are read by name only: nothing that is measured goes over all their entries.
REGISTRIES = ("ssl_lib.methods.build:CLASSES",)


def without_grown(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Leave out of a fingerprint what only came because a registry has more entries now.

    Parameters
    ----------
    old, new : mapping of str to str
        As from :func:`ssl_lib.results.keys.fingerprint.fingerprint`; ``new`` of the code as it is.

    Returns
    -------
    dict of str to str
        ``new``; of a registry that is as in ``old`` but for more entries, with the hash it has in
        ``old``, and without the definitions that those entries alone bring.

    Examples
    --------
    >>> without_grown({"a:f": "1"}, {"a:f": "2", "a:g": "3"})
    {'a:f': '2', 'a:g': '3'}
    """
    found = dict(new)
    for name in REGISTRIES:
        if name in old and name in new and old[name] != new[name]:
            found = _without(name, old, found)
    return found


def _without(name: str, old: Mapping[str, str], new: dict[str, str]) -> dict[str, str]:
    module_name, _, definition = name.partition(":")
    module = read(module_name)
    if module is None:
        return new
    known = {key.partition(":")[2] for key in old}
    added = [entry for entry in _entries(module, definition) if entry not in known]
    owned = {module_name.partition(".")[0]}
    tracer = _Tracer(owned)
    tracer.modules[module_name] = _shortened(module, definition, added)
    if not added or tracer.digest(module_name, definition) != old[name]:
        return new
    imports = "\n".join(f"from {module_name} import {entry}; {entry}" for entry in added)
    brought = of_code(imports, owned).keys() - old.keys()
    return {key: value for key, value in new.items() if key not in brought} | {name: old[name]}


def _tuples(tree: ast.Module, definition: str) -> list[ast.Tuple]:
    """Return the displays that are assigned to a name at the top of a module."""
    return [
        statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        and isinstance(statement.value, ast.Tuple)
        and definition in ast.unparse(statement).partition("=")[0].partition(":")[0].split()
    ]


def _entries(module: Module, definition: str) -> list[str]:
    return [
        ast.unparse(entry) for found in _tuples(module.tree, definition) for entry in found.elts
    ]


def _shortened(module: Module, definition: str, added: list[str]) -> Module:
    """Return a module as it was before some entries came."""
    tree = copy.deepcopy(module.tree)
    for found in _tuples(tree, definition):
        found.elts = [entry for entry in found.elts if ast.unparse(entry) not in added]
    return source.parse(module.name, ast.unparse(tree), is_package=module.is_package)
