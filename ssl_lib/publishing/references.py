"""A Sphinx extension for the API pages: docstrings as written, links to the library's names.

A name may be written as it is imported (``ssl_lib.data.ImageData``) and documented where it is
defined, or the other way about. What exists but has no entry of its own, such as a type
variable, stays plain text. Only a name that does not exist is a broken reference.

Docstrings number their references from 1 and write shapes as ``(*batch, d)``; on a page with many
of them the numbers would clash, and the star would begin an emphasis.
"""

import importlib
import inspect
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

__all__ = ["found", "prepare", "resolve", "setup"]

_LITERAL = re.compile(r"(``.*?``|`[^`]*`)")
_VERBATIM = re.compile(r"\s*\.\. (math|code|code-block|highlight)::")
# A bar that opens what could be read as a substitution, as in |x - y|.
_BAR = re.compile(r"(?<![\w|\\])\|(?=[^\s|][^|]*\|)")
# A star that opens a word and that no later star closes.
_STAR = re.compile(r"(?<![\w*\\])\*(?=\w)(?![^*]*\w\*)")
_FOOTNOTE = re.compile(r"(?<!\w)\[(\d+)\](?=_)|(?<=^\.\. )\[(\d+)\]")


def setup(app: "Sphinx") -> dict[str, Any]:
    """Register the extension; Sphinx calls this."""
    app.connect("missing-reference", resolve)
    app.connect("autodoc-process-docstring", prepare)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def prepare(
    app: "Sphinx", what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    r"""Make footnotes unique to their docstring, and stars in shapes plain; changes `lines`.

    Examples
    --------
    >>> lines = ["Shape (*batch, d) as in [1]_.", ".. [1] A paper."]
    >>> prepare(None, "function", "ssl_lib.f", None, None, lines)
    >>> lines
    ['Shape (\\*batch, d) as in [#ssl_lib.f-1]_.', '.. [#ssl_lib.f-1] A paper.']
    """
    verbatim = -1  # the indentation of a directive whose content is not ours to change
    for place, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if verbatim >= 0 and (not line.strip() or indent > verbatim):
            continue
        verbatim = indent if _VERBATIM.match(line) else -1
        if verbatim < 0 and not line.lstrip().startswith((">>>", "... ", "| ")):
            plain = "".join(_plain(part) for part in _LITERAL.split(line))
            lines[place] = _FOOTNOTE.sub(lambda m: f"[#{name}-{m[1] or m[2]}]", plain)


def _plain(part: str) -> str:
    """Return text with stars and bars that are no markup made plain; literals stay as they are."""
    if part.startswith("`"):
        return part
    return _BAR.sub(r"\\|", _STAR.sub(r"\\*", part))


def resolve(
    app: "Sphinx", env: "BuildEnvironment", node: "pending_xref", contnode: "nodes.TextElement"
) -> "nodes.TextElement | None":
    """Return a link to where the name is documented, or its plain text; None for no such name."""
    target = str(node.get("reftarget", ""))
    if node.get("refdomain") != "py" or not target.startswith("ssl_lib."):
        return None
    thing = found(target)
    if thing is None:
        return None
    domain: Any = env.get_domain("py")
    for name in _documented(thing, target, domain.objects):
        entry = domain.objects[name]
        return _link(app, str(node["refdoc"]), entry, contnode)
    return contnode


def found(target: str) -> Any:
    """Return what a dotted name stands for, or None.

    Examples
    --------
    >>> found("ssl_lib.publishing.references.found").__name__
    'found'
    >>> found("ssl_lib.publishing.references.lost") is None
    True
    """
    parts = target.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            thing: Any = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for name in parts[cut:]:
            thing = getattr(thing, name, None)
        return thing
    return None


def _documented(thing: Any, target: str, objects: dict[str, Any]) -> list[str]:
    """Return the documented names of this very object: its own, else any that ends alike."""
    own = f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', '')}"
    if own in objects:
        return [own]
    last = target.rpartition(".")[2]
    alike = [name for name in objects if name.endswith(f".{last}")]
    return [name for name in alike if inspect.unwrap(found(name)) is inspect.unwrap(thing)]


def _link(app: "Sphinx", page: str, entry: Any, contnode: "nodes.TextElement") -> Any:
    from sphinx.util.nodes import make_refnode

    return make_refnode(app.builder, page, entry.docname, entry.node_id, contnode, "")
