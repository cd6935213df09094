"""Python modules read as text: what they define, and what each definition refers to.

Nothing here imports or runs the module. A definition is hashed by its syntax tree without
comments, formatting, docstrings, the annotations of functions, and imports (what they bind counts
by its own text, wherever it lies), in a form that is the same for every Python version.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

__all__ = [
    "ANY",
    "EFFECTS",
    "Definition",
    "Imported",
    "Module",
    "Reference",
    "describe",
    "first_line",
    "parse",
]

#: The name under which a module's statements that define nothing are kept.
EFFECTS = "<effects>"
#: In place of a name: any module below a package.
ANY = "<any>"

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_OWN_SCOPE = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip
_NAMED = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler, ast.MatchAs,
    ast.MatchStar,
)  # fmt: skip
_WITHOUT_MEANING = {"ctx", "kind", "type_comment", "type_ignores", "returns"}


class Imported(NamedTuple):
    """What an import binds: a module (``name`` is None) or a name in it.

    ``name`` is ``ANY`` for a computed ``import_module`` of anything below ``module``, or of any
    module where that is ``""``.
    """

    module: str
    name: str | None = None


class Reference(NamedTuple):
    """A global that code reads, with the attributes read from it: ``data.views.crop``.

    ``origin`` is set where an import inside the function binds the name.
    """

    name: str
    attributes: tuple[str, ...] = ()
    origin: Imported | None = None


class Definition(NamedTuple):
    """A definition's canonical text and what it refers to."""

    text: str
    references: frozenset[Reference]


@dataclass
class Module:
    """A parsed module.

    Attributes
    ----------
    name : str
        Its dotted name.
    is_package : bool
        Whether it is a package's ``__init__``.
    statements : dict of str to list of ast.stmt
        The top-level statements that bind each name; ``EFFECTS`` holds those that change
        something without binding a name.
    imports : dict of str to list of Imported
        What top-level imports bind each name to; several where they are conditional.
    stars : list of str
        Modules imported with ``*``.
    """

    name: str
    tree: ast.Module
    is_package: bool = False
    statements: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, list[Imported]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    _definitions: dict[str, Definition] = field(default_factory=dict)

    def definition(self, name: str) -> Definition:
        """Describe the statements that bind ``name``; ``"*"`` is the whole module."""
        if name not in self._definitions:
            found = self.tree.body if name == "*" else self.statements[name]
            self._definitions[name] = describe(found, self.package)
        return self._definitions[name]

    @property
    def package(self) -> str:
        """The package that relative imports start from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    def renamed(self, reference: Reference) -> Iterator[str]:
        """Yield what imports call otherwise than the reference does: ``from a import b as c``."""
        name, _, origin = reference
        for target in [origin] if origin is not None else self.imports.get(name, []):
            if target.name not in (None, name):
                yield f"{name} is {target.name}"

    def bound_at(self, line: int) -> list[str]:
        """Return the names bound by the top-level statement at a line of the file."""
        return [
            name
            for name, statements in self.statements.items()
            if any(first_line(s) <= line <= (s.end_lineno or 0) for s in statements)
        ]


def parse(name: str, text: str, *, is_package: bool = False) -> Module:
    r"""Parse a module's text.

    Examples
    --------
    >>> module = parse("a.b", "from a import c\ndef f(x):\n    return c.g(x)")
    >>> sorted(module.statements), module.imports["c"]
    (['f'], [Imported(module='a', name='c')])
    >>> sorted(module.definition("f").references)
    [Reference(name='c', attributes=('g',), origin=None)]
    """
    module = Module(name, ast.parse(text), is_package)
    for statement in module.tree.body:
        _sort(statement, module)
    return module


def describe(nodes: Sequence[ast.AST], package: str = "") -> Definition:
    r"""Give the canonical text of syntax trees and the globals they read.

    Examples
    --------
    >>> one = describe(ast.parse("def f(x: int):\n    'Doc.'\n    return x+1  # why").body)
    >>> other = describe(ast.parse("def f(x):\n    return (x + 1)").body)
    >>> one.text == other.text
    True
    """
    collector = _Collector(package)
    for node in nodes:
        collector.visit(node)
    text = _dump(list(nodes))
    return Definition(hashlib.sha256(text.encode()).hexdigest(), frozenset(collector.found))


def first_line(node: ast.AST) -> int:
    """Return the first line of a statement, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min(int(getattr(part, "lineno", 0)) for part in (node, *decorators))


# Sorting a module's statements by the names they bind


def _sort(statement: ast.stmt, module: Module) -> None:
    if isinstance(statement, ast.If) and _never_runs(statement.test):
        for alternative in statement.orelse:
            _sort(alternative, module)
        return
    scope = list(_walk_scope([statement]))
    for node in scope:
        if isinstance(node, ast.Import | ast.ImportFrom):
            _add_imports(node, module)
    names = _bound(scope)
    for name in names if not _has_effect(statement, scope) else {*names, EFFECTS}:
        module.statements.setdefault(name, []).append(statement)


def _never_runs(test: ast.expr) -> bool:
    """Tell whether a branch runs only for a type checker or as a script."""
    text = ast.unparse(test)
    return text in {"TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'"}


def _has_effect(statement: ast.stmt, scope: Iterable[ast.AST]) -> bool:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    return any(
        (isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant))
        or isinstance(node, ast.Delete | ast.Assert | ast.Raise)
        or (isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store))
        for node in scope
    )


def _add_imports(node: ast.Import | ast.ImportFrom, module: Module) -> None:
    for name, target in _imports(node, module.package):
        if name == "*":
            module.stars.append(target.module)
        elif target != (module.name, name):  # a package's own module, which needs no import
            module.imports.setdefault(name, []).append(target)


def _imports(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, Imported]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            root = alias.name.partition(".")[0]
            yield alias.asname or root, Imported(alias.name if alias.asname else root)
        return
    source = _absolute(node, package)
    for alias in node.names:
        yield alias.asname or alias.name, Imported(source, alias.name)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    base = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _walk_scope(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Walk the nodes that belong to one scope: nested functions and classes are not entered."""
    for node in nodes:
        yield node
        if not isinstance(node, _OWN_SCOPE):
            yield from _walk_scope(ast.iter_child_nodes(node))


def _bound(scope: Iterable[ast.AST]) -> set[str]:
    """Return the names that the nodes of one scope bind otherwise than by importing."""
    names: set[str] = set()
    for node in scope:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            names.add(node.id)
        elif isinstance(node, _NAMED):
            names.add(node.name or "")
        elif isinstance(node, ast.MatchMapping):
            names.add(node.rest or "")
    return names - {""}


# Which globals a definition reads


class _Collector(ast.NodeVisitor):
    """Collects references to globals, minding what functions and comprehensions shadow."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.scopes: list[dict[str, Imported | None]] = []
        self.found: set[Reference] = set()

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._refer(node.id, ())

    def visit_Attribute(self, node: ast.Attribute) -> None:
        attributes: list[str] = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            attributes.insert(0, base.attr)
            base = base.value
        if isinstance(base, ast.Name):
            self._refer(base.id, tuple(attributes))
        else:
            self.visit(base)

    def visit_FunctionDef(self, node: _Function) -> None:
        for outer in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            if outer is not None:
                self.visit(outer)
        self._inside(_function_scope(node.args, node.body, self.package), node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for outer in (*node.args.defaults, *node.args.kw_defaults):
            if outer is not None:
                self.visit(outer)
        self._inside(_function_scope(node.args, [], self.package), [node.body])

    def visit_ListComp(self, node: _Comprehension) -> None:
        self.visit(node.generators[0].iter)
        targets = _bound(_walk_scope(generator.target for generator in node.generators))
        self._inside(dict.fromkeys(targets), list(ast.iter_child_nodes(node)))

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if not self.scopes:  # a class's annotations make its dataclass fields
            self.visit(node.annotation)
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        if ast.unparse(node.func).rpartition(".")[2] in {"import_module", "__import__"}:
            target = _computed_import(node.args[0] if node.args else None, self.package)
            self.found.add(Reference("import_module", (), target))
        self.generic_visit(node)

    def _inside(self, scope: dict[str, Imported | None], nodes: Sequence[ast.AST]) -> None:
        self.scopes.append(scope)
        for node in nodes:
            self.visit(node)
        self.scopes.pop()

    def _refer(self, name: str, attributes: tuple[str, ...]) -> None:
        scope = next((scope for scope in reversed(self.scopes) if name in scope), None)
        if scope is None:
            self.found.add(Reference(name, attributes))
        elif (origin := scope[name]) is not None:
            self.found.add(Reference(name, attributes, origin))


def _computed_import(name: ast.expr | None, package: str) -> Imported:
    """Say what ``import_module`` of an expression can import, by the text it begins with."""
    if isinstance(name, ast.Constant) and not str(name.value).startswith("."):
        return Imported(str(name.value))
    first = name.values[0] if isinstance(name, ast.JoinedStr) and name.values else None
    if isinstance(first, ast.Constant) and "." in str(first.value):
        return Imported(str(first.value).rpartition(".")[0], ANY)
    if isinstance(first, ast.FormattedValue) and ast.unparse(first.value) == "__name__":
        return Imported(package, ANY)
    return Imported("", ANY)


def _function_scope(
    arguments: ast.arguments, body: Sequence[ast.stmt], package: str
) -> dict[str, Imported | None]:
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    starred = [part for part in (arguments.vararg, arguments.kwarg) if part is not None]
    nodes = list(_walk_scope(body))
    scope: dict[str, Imported | None] = dict.fromkeys(part.arg for part in (*named, *starred))
    scope.update(dict.fromkeys(_bound(nodes)))
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            scope.update(_imports(node, package))
        elif isinstance(node, ast.Global):
            for name in node.names:
                scope.pop(name, None)
    return scope


# The canonical text


def _dump(node: object) -> str:
    """Write a syntax tree as text, without what has no effect on what the code does."""
    if isinstance(node, ast.Constant):
        return f"{type(node.value).__name__} {node.value!r}"
    if isinstance(node, ast.JoinedStr):
        return f"JoinedStr({', '.join(_joined(node))})"
    if isinstance(node, ast.AST):
        hidden = {"annotation"} if isinstance(node, ast.arg) else set()
        parts = [
            f"{name}={_dump(value)}"
            for name, value in ast.iter_fields(node)
            if value is not None and value != [] and name not in _WITHOUT_MEANING | hidden
        ]
        return f"{type(node).__name__}({', '.join(parts)})"
    if isinstance(node, list):
        return f"[{', '.join(_dump(part) for part in node if not _says_nothing(part))}]"
    return repr(node)


def _joined(node: ast.JoinedStr) -> Iterator[str]:
    """Write the parts of an f-string; Python 3.12.0 to 3.12.3 cut its text where others do not."""
    for is_text, parts in groupby(node.values, lambda part: isinstance(part, ast.Constant)):
        if is_text:
            text = "".join(str(part.value) for part in parts if isinstance(part, ast.Constant))
            yield from [repr(text)] if text else []
        else:
            yield from map(_dump, parts)


def _says_nothing(node: object) -> bool:
    """Tell whether a statement is an import, a docstring or another text that stands alone."""
    return isinstance(node, ast.Import | ast.ImportFrom) or (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
