"""What can be read off a code cell without running it: calls, and the figures it shows."""

import ast
import re
from collections.abc import Iterable, Iterator

from ssl_lib.publishing.notebooks import Cell, Notebook, code_cells, source
from ssl_lib.results.keys import fingerprint

__all__ = [
    "calls",
    "figure_problems",
    "labels",
    "library",
    "shows_figure",
    "unshown",
    "without_magic",
]

_MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)
_NEEDED = ("label", "caption", "alt", "data")
#: What returns something to look at, and shows it only as the last expression of a cell.
_RETURNED = (
    "plotting.slider", "plotting.table", "plotting.text", "claims.brief", "claims.report",
    "claims.scorecard",
    "results.provenance",
)  # fmt: skip


def without_magic(code: str) -> str:
    """Return a cell's code with lines of IPython magic replaced by ``pass``.

    Examples
    --------
    >>> without_magic("    %pip install this")
    '    pass'
    """
    return _MAGIC.sub(r"\1pass", code)


def library(codes: Iterable[str]) -> dict[str, str]:
    """Return the hash of every definition of the library that pieces of code use.

    A piece that is not Python counts for nothing here; it fails when it runs.

    Examples
    --------
    >>> sorted(library(["from ssl_lib import errors", "errors.InputError"]))
    ['ssl_lib.errors:InputError']
    """
    whole = [text for text in map(without_magic, codes) if _parses(text)]
    return fingerprint.of_code("\n".join(whole))


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except SyntaxError:
        return False
    return True


def calls(code: str, name: str) -> list[ast.Call]:
    """Return the calls of a function or method of this name.

    Examples
    --------
    >>> [ast.unparse(call) for call in calls("plotting.show(fig, alt='a')", "show")]
    ["plotting.show(fig, alt='a')"]
    """
    try:
        nodes = list(ast.walk(ast.parse(without_magic(code))))
    except SyntaxError:
        return []
    found = [node for node in nodes if isinstance(node, ast.Call)]
    return [call for call in found if _called(call) == name]


def _called(call: ast.Call) -> str | None:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return None


def _figures(cell: Cell) -> list[ast.Call]:
    if cell.get("cell_type") != "code":
        return []
    found = calls(source(cell), "show")
    return [call for call in found if ast.unparse(call.func) in ("plotting.show", "show")]


def shows_figure(cell: Cell) -> bool:
    """Say whether a cell calls ``plotting.show``."""
    return bool(_figures(cell))


def labels(notebook: Notebook) -> list[str]:
    """Return the labels of a notebook's figures."""
    found = [_literal(call, "label") for cell in code_cells(notebook) for call in _figures(cell)]
    return [label for label in found if label is not None]


def figure_problems(cell: Cell, slug: str) -> Iterator[str]:
    """Yield what is wrong with the figures a cell shows, and with its syntax."""
    if cell.get("cell_type") == "code":
        try:
            ast.parse(without_magic(source(cell)))
        except SyntaxError as error:
            yield f"is not Python: {error.msg} in line {error.lineno}"
    shown = _figures(cell)
    if len(shown) > 1:
        yield f"shows {len(shown)} figures; a page can number one a cell"
    for call in shown:
        yield from _call_problems(call, slug)


def unshown(code: str) -> Iterator[str]:
    r"""Yield what is wrong with tables that a cell makes and drops.

    Examples
    --------
    >>> list(unshown("if table is not None:\n    plotting.table(table)"))
    ['drops what plotting.table returns: only a last expression is shown; use display(...)']
    >>> list(unshown("plotting.table(table)"))
    []
    """
    try:
        tree = ast.parse(without_magic(code))
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.Expr) or node is tree.body[-1]:
            continue
        if isinstance(node.value, ast.Call) and (name := ast.unparse(node.value.func)) in _RETURNED:
            yield f"drops what {name} returns: only a last expression is shown; use display(...)"


def _call_problems(call: ast.Call, slug: str) -> Iterator[str]:
    given = {keyword.arg for keyword in call.keywords}
    for name in _NEEDED:
        if name not in given:
            yield f"its figure has no {name}"
        elif _literal(call, name) == "":
            yield f"its figure has an empty {name}"
    label = _literal(call, "label")
    if "label" in given and label is None:
        yield "its figure's label must be a literal text"
    start = f"fig-{slug}-"
    if label is not None and not label.startswith(start):
        yield f"its figure's label {label!r} must begin with {start!r}"


def _literal(call: ast.Call, name: str) -> str | None:
    for keyword in call.keywords:
        if keyword.arg == name and isinstance(keyword.value, ast.Constant):
            return str(keyword.value.value)
    return None
