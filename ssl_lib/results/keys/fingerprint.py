"""Which source an experiment runs: the definitions a function uses, transitively, each hashed.

Starting from a function, every global name in its body is resolved to the definition it stands
for, in the same module or through imports, and that definition is followed in turn. Only
*owned* code is followed: ``ssl_lib`` and the package the function itself belongs to. Other packages
are listed by name, so that a caller can record their versions.

What cannot be decided from the text falls back to more. A module used as a value, or imported with
a star, counts as the whole module. A name that only a package's ``__getattr__`` can provide counts
as every definition of that name in the package's modules. ``import_module`` of an f-string that
begins with ``ssl_lib.data.`` counts as all of that package, of another expression as all there is.

Two things are not seen: a registration by decorator in a module that the function does not refer
to, and names reached through ``eval``, ``globals()`` or ``sys.modules``. Name such code in the
``uses`` of :meth:`ssl_lib.results.Store.table`. The text is read from disk: after editing a module
that is already imported, reload it or restart, so that what runs is what was hashed.
"""

from __future__ import annotations

import ast
import functools
import inspect
import os
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ssl_lib.results.keys import source
from ssl_lib.results.keys import typed as cells
from ssl_lib.results.keys.canonical import canonical, digest
from ssl_lib.results.keys.modules import is_installed, locate, modules_below, read
from ssl_lib.results.keys.source import ANY, EFFECTS, Imported, Module, Reference

__all__ = ["Trace", "current", "fingerprint", "of_code", "placeless", "trace", "without_moved"]

_DIGITS = 16


class Trace(NamedTuple):
    """What :func:`trace` finds.

    Attributes
    ----------
    sources : dict of str to str
        ``"module:definition"`` to the hash of the definition.
    packages : frozenset of str
        Top-level packages, other than the owned ones, that the definitions import from.
    """

    sources: dict[str, str]
    packages: frozenset[str]


def fingerprint(*objects: object, owned: Iterable[str] = ("ssl_lib",)) -> dict[str, str]:
    """Hash every definition that the objects use, transitively.

    Parameters
    ----------
    *objects : object
        Functions, methods, lambdas, ``functools.partial``, classes, dataclass instances, modules;
        from files or typed into a notebook.
    owned : iterable of str, default=("ssl_lib",)
        Top-level packages to follow, besides those the objects themselves belong to.

    Returns
    -------
    dict of str to str
        ``"module:definition"`` to a hash that comments, docstrings, formatting and annotations of
        functions leave as it is. Sorted by name.

    Raises
    ------
    InputError
        When an object has no source, or reads a value that cannot be hashed.

    Examples
    --------
    >>> from ssl_lib import profiles
    >>> [name for name in fingerprint(profiles.choose) if "profiles" in name][:2]
    ['ssl_lib.profiles:PROFILES', 'ssl_lib.profiles:Profile']
    """
    return trace(*objects, owned=owned).sources


def trace(
    *objects: object, owned: Iterable[str] = ("ssl_lib",), apart: Iterable[str] = ()
) -> Trace:
    """Hash every definition that the objects use, and list the other packages they import.

    Parameters and errors are those of :func:`fingerprint`; ``apart`` names owned packages that are
    not followed, since they keep numbers and make none.

    Examples
    --------
    >>> from ssl_lib import randomness
    >>> sorted(trace(randomness.numpy_generator).packages)
    ['hashlib', 'json', 'numpy']
    """
    tracer = _Tracer({*owned}, tuple(apart))
    for item in objects:
        tracer.add_object(item)
    return tracer.run()


def of_code(text: str, owned: Iterable[str] = ("ssl_lib",)) -> dict[str, str]:
    """Hash every definition that a piece of code uses, without running or importing anything.

    Parameters
    ----------
    text : str
        Python source, such as a notebook's cells put together.
    owned : iterable of str, default=("ssl_lib",)
        Top-level packages to follow.

    Returns
    -------
    dict of str to str
        As from :func:`fingerprint`; the code itself is not in it.

    Examples
    --------
    >>> sorted(of_code("from ssl_lib import profiles; print(profiles.PROFILES)"))
    ['ssl_lib.profiles:PROFILES', 'ssl_lib.profiles:Profile']
    """
    name = "<code>"
    tracer = _Tracer({*owned})
    tracer.modules[name] = source.parse(name, text)
    tracer.queue.append((name, "*"))
    found = tracer.run().sources
    return {key: value for key, value in found.items() if not key.startswith(f"{name}:")}


def placeless(sources: Mapping[str, str]) -> list[list[str]]:
    """Return definitions and their hashes without their modules: code that moved is no change.

    Parameters
    ----------
    sources : mapping of str to str
        As from :func:`fingerprint`.

    Returns
    -------
    list of [str, str]
        Sorted; equal definitions of two modules appear twice.

    Examples
    --------
    >>> placeless({"ssl_lib.b:f": "1", "ssl_lib.a:g": "2"}) == placeless({"x:f": "1", "y:g": "2"})
    True
    """
    return sorted([_definition(name), value] for name, value in sources.items())


def without_moved(
    old: Mapping[str, str], new: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Leave out what two fingerprints have in common, in whatever module it lies.

    Parameters
    ----------
    old, new : mapping of str to str
        As from :func:`fingerprint`.

    Returns
    -------
    old, new : dict of str to str
        What each has that the other lacks.

    Examples
    --------
    >>> without_moved({"a:f": "1", "a:g": "1"}, {"b:f": "1", "a:g": "2"})
    ({'a:g': '1'}, {'a:g': '2'})
    """
    left = {name: value for name, value in old.items() if new.get(name) != value}
    right = {name: value for name, value in new.items() if old.get(name) != value}
    for name, value in list(left.items()):
        same = (_definition(name), value)
        there = next((other for other in right if (_definition(other), right[other]) == same), None)
        if there is not None:
            del left[name], right[there]
    return left, right


def _definition(name: str) -> str:
    """Return a definition's name without its module."""
    return name.partition(":")[2] or name


def current(recorded: Mapping[str, str], owned: Iterable[str] = ("ssl_lib",)) -> dict[str, str]:
    """Hash recorded definitions as they are now, wherever in their package they lie now.

    Parameters
    ----------
    recorded : mapping of str to str
        As from :func:`fingerprint`.
    owned : iterable of str, default=("ssl_lib",)
        Top-level packages that count as ours, besides those of the keys.

    Returns
    -------
    dict of str to str
        Names as they would be recorded now. A definition that no longer exists, or exists only in
        a notebook, is absent.

    Examples
    --------
    >>> from ssl_lib import profiles
    >>> before = fingerprint(profiles.choose)
    >>> current(before) == before
    True
    >>> moved = {name.replace("profiles", "elsewhere"): value for name, value in before.items()}
    >>> current(moved) == before
    True
    >>> current({"ssl_lib.profiles:gone": "1"})
    {}
    """
    found: dict[str, str] = {}
    tracers: dict[str, _Tracer] = {}
    for key, value in recorded.items():
        module, _, name = key.partition(":")
        top = module.partition(".")[0]
        tracer = tracers.setdefault(top, _Tracer({*owned, top}))
        here = tracer.digest(module, name)
        there = tracer.find(top, name, value) if here != value else None
        if there is not None:
            found[there] = value
        elif here is not None:
            found[key] = here
    return found


class _Tracer:
    """Follows definitions from module to module."""

    def __init__(self, owned: set[str], apart: tuple[str, ...] = ()) -> None:
        self.owned = owned
        self.apart = apart
        self.modules: dict[str, Module | None] = {}
        self.queue: list[tuple[str, str]] = []
        self.sources: dict[str, str] = {}
        self.packages: set[str] = set()
        self.seen: set[int] = set()

    def run(self) -> Trace:
        done: set[tuple[str, str]] = set()
        while self.queue:
            node = self.queue.pop()
            if node not in done:
                done.add(node)
                self._visit(*node)
        return Trace(dict(sorted(self.sources.items())), frozenset(self.packages))

    def digest(self, module: str, name: str) -> str | None:
        self._visit(module, name)
        return self.sources.get(f"{module}:{name}")

    def find(self, package: str, name: str, value: str) -> str | None:
        """Return where in a package a definition of this name and hash lies."""
        places = (module for module in modules_below(package) if self.digest(module, name) == value)
        module = next(places, None)
        return None if module is None else f"{module}:{name}"

    # Definitions in files

    def _visit(self, module_name: str, name: str) -> None:
        module = self.module(module_name)
        if module is None or (name != "*" and name not in module.statements):
            return
        if any(f"{module_name}.".startswith(f"{package}.") for package in self.apart):
            return
        text, references = module.definition(name)
        external = sorted(
            f"{reference.name}={target}"
            for reference in references
            for target in self._resolve(module, reference)
        )
        renamed = {said for reference in references for said in module.renamed(reference)}
        parts = [text, *external, *sorted(renamed)]
        self.sources[f"{module_name}:{name}"] = digest(parts, _DIGITS)
        if EFFECTS in module.statements:
            self.queue.append((module_name, EFFECTS))
        if name == "*":
            self.queue += [(module_name, other) for other in module.statements]

    def _resolve(self, module: Module, reference: Reference) -> Iterator[str]:
        """Queue what a reference stands for; yield what it stands for outside owned code."""
        name, attributes, origin = reference
        if origin is not None:
            yield from self._imported(origin, attributes)
            return
        if name in module.statements:
            self.queue.append((module.name, name))
        for target in module.imports.get(name, []):
            yield from self._imported(target, attributes)
        if name not in module.statements and name not in module.imports:
            for star in module.stars:
                yield from self._imported(Imported(star), ())

    def _imported(self, target: Imported, attributes: tuple[str, ...]) -> Iterator[str]:
        path = (*([target.name] if target.name else []), *attributes)
        top = target.module.partition(".")[0]
        if target.name == ANY:
            self._any_below(target.module)
        elif top in self.owned:
            self._attribute(target.module, path)
        else:
            self.packages.add(top)
            yield f"{target.module}:{target.name or ''}"

    def _attribute(self, module_name: str, path: tuple[str, ...]) -> None:
        """Queue what ``module.path`` stands for: a definition, or a whole module."""
        module = self.module(module_name)
        if module is None:
            if path and self.module(f"{module_name}.{path[0]}") is not None:
                self._attribute(f"{module_name}.{path[0]}", path[1:])  # a package without a file
        elif not path or path[0] == "*":
            self.queue.append((module_name, "*"))
        elif path[0] in module.statements or _elsewhere(module, path[0]):
            for external in self._resolve(module, Reference(path[0], path[1:])):
                self.packages.add(external.partition(":")[0].partition(".")[0])
        elif module.is_package and self.module(f"{module_name}.{path[0]}") is not None:
            self._attribute(f"{module_name}.{path[0]}", path[1:])
        elif not path[0].startswith("__"):
            self.queue += self._lazy(module, path[0]) or [(module_name, "*")]

    def _lazy(self, module: Module, name: str) -> list[tuple[str, str]]:
        """Find the modules of a package that define a name which its ``__getattr__`` provides."""
        if not module.is_package or "__getattr__" not in module.statements:
            return []
        below = (self.module(found) for found in modules_below(module.name))
        return [(found.name, name) for found in below if found and name in found.statements]

    def _any_below(self, package: str) -> None:
        for top in [package] if package else self.owned:
            if top.partition(".")[0] in self.owned:
                self.queue += [(name, "*") for name in modules_below(top)]

    def module(self, name: str) -> Module | None:
        if name not in self.modules:
            self.modules[name] = read(name)
        return self.modules[name]

    # Objects

    def add_object(self, item: object) -> None:
        """Queue the source of a function, class, module or dataclass instance."""
        if id(item) in self.seen:
            return
        self.seen.add(id(item))
        if isinstance(item, functools.partial):
            self.add_object(item.func)
            self._add_value("partial arguments", [list(item.args), item.keywords])
        elif isinstance(item, types.MethodType):
            self.add_object(item.__func__)
            self.add_object(item.__self__)
        elif isinstance(item, types.ModuleType):
            self._add_module(item.__name__)
        elif isinstance(item, type):
            self._add_class(item)
        elif callable(item) and hasattr(item, "__qualname__"):
            self._add_function(item)
        else:
            self._add_instance(item)

    def _add_module(self, name: str, attributes: tuple[str, ...] = ()) -> None:
        if name.partition(".")[0] in self.owned:
            self._attribute(name, attributes)
        else:
            self.packages.add(name.partition(".")[0])

    def _add_class(self, cls: type) -> None:
        if not self._own(cls.__module__):
            return
        module = self.module(cls.__module__)
        name = cls.__qualname__.partition(".")[0]
        if module is not None and name in module.statements:
            self.queue.append((module.name, name))
        else:
            self._add_typed(cls, cells.source_of_class(cls), cells.namespace(cls))

    def _add_instance(self, item: object) -> None:
        self.add_object(type(item))
        kind = type(item).__qualname__
        if self._own(type(item).__module__):
            self._add_value(f"{type(item).__module__}:{kind} instance", item)

    def _add_function(self, function: Any) -> None:
        function = inspect.unwrap(function)
        if not isinstance(function, types.FunctionType):
            self.packages.add((getattr(function, "__module__", None) or "builtins").split(".")[0])
            return
        if not self._own(function.__module__):
            return
        self._add_cells(function)
        module = self.module(function.__module__)
        if module is None or not _is_file_of(function, module.name):
            node = cells.source_of_function(function)
            self._add_typed(function, node, function.__globals__)
            return
        name = function.__qualname__.partition(".")[0]
        names = [name] if name in module.statements else module.bound_at(_line(function))
        self.queue += [(module.name, found) for found in names or ["*"]]

    def _own(self, module_name: str) -> bool:
        """Tell whether a module's code is ours, and count its package as owned if so."""
        top = module_name.partition(".")[0]
        if top not in self.owned:
            if is_installed(top):
                self.packages.add(top)
                return False
            self.owned.add(top)
        return True

    def _add_cells(self, function: types.FunctionType) -> None:
        cells = function.__closure__ or ()
        for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
            self._add_value(f"{_title(function)}({name})", cell.cell_contents)

    def _add_value(self, name: str, value: object, attributes: tuple[str, ...] = ()) -> None:
        """Follow a value that code reads at run time, or hash it."""
        if isinstance(value, types.ModuleType):
            self._add_module(value.__name__, attributes)
        elif isinstance(value, list | tuple) and any(callable(item) for item in value):
            for place, item in enumerate(value):
                self._add_value(f"{name}[{place}]", item)
        elif callable(value):
            self.add_object(value)
        else:
            self.sources[name] = digest(canonical(value, name), _DIGITS)

    # Definitions typed into a notebook

    def _add_typed(self, item: Any, node: ast.AST, namespace: Mapping[str, object]) -> None:
        text, references = source.describe([node])
        self.sources[_title(item)] = digest([text], _DIGITS)
        for name, attributes, origin in sorted(references, key=str):
            if origin is not None:
                list(self._imported(origin, attributes))
            elif name in namespace:
                self._add_global(name, namespace[name], attributes)

    def _add_global(self, name: str, value: object, attributes: tuple[str, ...]) -> None:
        if callable(value) or isinstance(value, types.ModuleType):
            self._add_value(name, value, attributes)
        else:
            self._add_value(f"global {name}", value)


def _elsewhere(module: Module, name: str) -> bool:
    """Tell whether a module imports a name, other than a package its own module of that name."""
    return any(target != Imported(module.name, name) for target in module.imports.get(name, []))


def _title(function: Callable[..., object]) -> str:
    return f"{function.__module__}:{function.__qualname__}"


def _line(function: types.FunctionType) -> int:
    return function.__code__.co_firstlineno


def _is_file_of(function: types.FunctionType, module_name: str) -> bool:
    location = locate(module_name)
    return location is not None and os.path.realpath(function.__code__.co_filename) == str(
        location.resolve()
    )
