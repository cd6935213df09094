"""Find results that somebody typed into a text: they stay when the numbers move.

A decimal or a percentage is taken for a result unless its sentence speaks of the paper, whose
numbers are typed, or its paragraph is marked ``<!-- setting -->``. Formulas, code, addresses and
references such as "section 2.3" are no results; neither is the 95 % of an interval. An
alternative text holds no typed digit at all but in names such as ResNet-18.
"""

import ast
import re
from collections.abc import Iterator

from ssl_lib.publishing.cells import calls
from ssl_lib.publishing.notebooks import Cell, source

__all__ = ["in_cell", "in_text"]

_MARK = "<!-- setting -->"
_COMPUTED = "\N{REPLACEMENT CHARACTER}"
_NO_RESULT = re.compile(
    r"```.*?```|\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|\]\([^)]*\)|<[^>]*>"  # code, formulas, addresses
    r"|95\s?%|https?://\S+|arXiv:\S+|CC [A-Z-]+ \d\.\d"
    r"|\b(?:sections?|figures?|fig\.|tables?|equations?|eq\.|appendix|theorem|proposition|lemma"
    r"|version|python|torch)\s+[A-Z]?\.?\d[\d.]*",
    re.DOTALL | re.IGNORECASE,
)
_RESULT = re.compile(r"[\d,]*\d\.\d+|\d+(?:\.\d+)?\s?(?:%|percent)")
_NAME = re.compile(r"\b[^\W\d]+[-\N{NON-BREAKING HYPHEN}]?\d[\w-]*|95\s?%")
_BRACES = re.compile(r"\{[A-Za-z_][^{}]*\}")
_SENTENCE = re.compile(r"(?<=[.!?:;])\s+|\n\s*\n|\n(?=[-*|] )")
_TEXTS = {"text": (), "brief": ("says", "here", "use"), "show": ("caption",), "table": ("caption",)}


def in_text(text: str) -> list[str]:
    """Return the typed results of a text.

    Parameters
    ----------
    text : str
        Markdown.

    Returns
    -------
    list of str
        Each with the words around it.

    Examples
    --------
    >>> in_text("It gains 3.5 points. In the paper it gains 4.5, at $p = 0.5$, section 2.3.")
    ['It gains 3.5 points.']
    >>> in_text("A rate of 0.5 for 20 % of the steps. <!-- setting -->")
    []
    """
    found = []
    for paragraph in re.split(r"\n\s*\n", text):
        if _MARK not in paragraph:
            cleaned = _NO_RESULT.sub(" ", paragraph)
            found += [
                part.strip() for part in _SENTENCE.split(cleaned)
                if _RESULT.search(part) and "paper" not in part.lower()
            ]  # fmt: skip
    return found


def in_cell(cell: Cell) -> Iterator[str]:
    """Yield what is wrong with the numbers in a cell's texts."""
    if cell.get("cell_type") == "markdown":
        yield from _problems(in_text(source(cell)))
        return
    code = source(cell)
    for name, keywords in _TEXTS.items():
        for call in calls(code, name):
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            parts = [given[word] for word in keywords if word in given]
            for part in parts if keywords else call.args[:1]:
                yield from _problems(in_text(_literal(part)))
                yield from _uncomputed(part)
    for call in calls(code, "show"):
        for keyword in call.keywords:
            if keyword.arg == "alt":
                yield from _uncomputed(keyword.value)
                if re.search(r"\d", text := _digits(keyword.value)):
                    yield f"an alternative text holds a typed number: {_around(text)!r}"


def _uncomputed(node: ast.expr) -> Iterator[str]:
    for braces in _BRACES.findall(_NO_RESULT.sub(" ", _literal(node))):
        yield f"{braces} is printed as it stands: its string lacks the f in front"


def _problems(found: list[str]) -> Iterator[str]:
    for sentence in found:
        yield (
            f"a typed result: {sentence[:100]!r}; compute it (plotting.text), or say that it is "
            f"the paper's, or mark the paragraph {_MARK}"
        )


def _literal(node: ast.expr) -> str:
    """Return the literal parts of a text, with a sign for each computed one."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(_literal, parts))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _literal(left) + _literal(right)
        case ast.IfExp(body=one, orelse=other):
            return f"{_literal(one)}\n\n{_literal(other)}"
    return _COMPUTED


def _digits(node: ast.expr) -> str:
    return _NAME.sub(" ", _literal(node))


def _around(text: str) -> str:
    at = re.search(r"\d", text)
    start = at.start() if at else 0
    return text[max(start - 30, 0) : start + 30]
