"""Lay the book out as Sphinx reads it: sources, executed notebooks and generated pages.

The staged tree has the repository's own paths, so that links to Colab, to the source and to the
notebook to download, which the theme derives from a page's path, stay true. Files whose bytes
have not changed are not touched: Sphinx then reads only what is new.
"""

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import yaml

from ssl_lib.errors import InputError
from ssl_lib.publishing import api, figures, headers, pages
from ssl_lib.publishing.layout import Book
from ssl_lib.publishing.notebooks import Cell, Notebook, code_cells, dumped, source, tags
from ssl_lib.publishing.pages import Chapter, Page
from ssl_lib.publishing.parameters import rewritten

__all__ = ["Stage", "chapters", "executed_form", "files_in", "stage"]

_STATIC = "book/_static"
_MATHJAX = "sphinx-mathjax-offline"
# The combined component, its fonts, and what it loads when a page asks for it.
_MATHJAX_PARTS = ("tex-chtml.js", "output/chtml/fonts/", "input/tex/extensions/", "a11y/")

Files = dict[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A staged tree.

    Parameters
    ----------
    folder : pathlib.Path
        Its root.
    digest : str
        Hash of all paths and contents.
    documents : frozenset of str
        The pages, as paths.
    """

    folder: Path
    digest: str
    documents: frozenset[str]


def stage(book: Book, shown: Sequence[Page]) -> Stage:
    """Write the staged tree and return what is in it.

    Parameters
    ----------
    book : Book
        The sources.
    shown : sequence of Page
        Every notebook of the book in the form to show.
    """
    planned = _planned(book, shown)
    _synchronise(book.stage, planned)
    digest = hashlib.sha256()
    for path in sorted(planned):
        digest.update(f"{path}\0{hashlib.sha256(planned[path]).hexdigest()}\n".encode())
    documents = frozenset(p for p in planned if Path(p).suffix in {".md", ".rst", ".ipynb"})
    return Stage(folder=book.stage, digest=digest.hexdigest(), documents=documents)


def _planned(book: Book, shown: Sequence[Page]) -> Files:
    planned: Files = {}
    thumbs: dict[str, tuple[list[str], str]] = {}
    for page in shown:
        staged, static = _staged_notebook(page)
        planned[f"notebooks/{page.slug}.ipynb"] = dumped(staged).encode()
        if page.executed is not None:
            pictures, alt = figures.thumbnail(page.executed, page.slug)
            static |= pictures
            thumbs[page.slug] = (sorted(pictures), alt)
        else:
            thumbs[page.slug] = ([], "")
        planned |= {f"{_STATIC}/{path}": content for path, content in static.items()}
    planned |= _prose(book, shown, thumbs)
    planned |= _mathjax()
    planned["_config.yml"] = (book.root / "_config.yml").read_bytes()
    planned["_toc.yml"] = _toc(book).encode()
    return planned


def _staged_notebook(page: Page) -> tuple[Notebook, Files]:
    """Return the notebook as the book shows it, and its figures' static files."""
    notebook = executed_form(page)
    static: Files = {}
    cells: list[Cell] = []
    for cell in notebook["cells"]:
        placed, brought = figures.placed(cell, page.slug)
        cells += [_without_private(c) for c in placed]
        static |= brought
        for stand_in, brought in figures.missing(cell):
            cells.append(stand_in)
            static |= brought
    notebook["cells"] = _headed(_brief_first(cells, page), page)
    return notebook, static


def _brief_first(cells: list[Cell], page: Page) -> list[Cell]:
    """Return the cells with *In brief*, which is computed last, and the picture below the badge."""
    brief = [cell for cell in cells if "in-brief" in tags(cell)]
    if not brief:
        return cells
    opening, *rest = [cell for cell in cells if cell not in brief]
    files, alt = figures.thumbnail(page.executed, page.slug) if page.executed else ({}, "")
    shown = pages.pictures(sorted(files), alt, up="../book/_static/")
    top, badge, story = source(opening).partition(f"[{headers.PICTURE}]")
    link, _, story = story.partition("\n")
    first = {**opening, "source": top + badge + link}
    return [first, *brief, _markdown("brief-picture", shown), _markdown("opening", story), *rest]


def executed_form(page: Page) -> Notebook:
    """Return the source with the executed copy's outputs, or the copy itself when they differ.

    Prose may change without a new run; where the code is what ran, today's prose is shown.
    """
    fresh = copy.deepcopy(page.source)
    for cell in code_cells(fresh):
        cell.update(outputs=[], execution_count=None)  # whatever somebody left in the source
    if page.executed is None:
        return fresh
    ours, theirs = code_cells(fresh), code_cells(page.executed)
    if page.run is None or not _same_code(ours, theirs):
        return copy.deepcopy(page.executed)
    for cell, ran in zip(ours, theirs, strict=True):
        cell["outputs"] = copy.deepcopy(ran["outputs"])
        cell["execution_count"] = ran["execution_count"]
        if "parameters" in tags(cell):
            cell["source"] = rewritten(source(cell), page.run.parameters)
    return fresh


def _same_code(ours: Sequence[Cell], theirs: Sequence[Cell]) -> bool:
    return len(ours) == len(theirs) and all(
        source(a).strip() == source(b).strip() or "parameters" in tags(a)
        for a, b in zip(ours, theirs, strict=True)
    )


def _without_private(cell: Cell) -> Cell:
    """Drop what only the machinery reads from a cell's outputs."""
    for output in cell.get("outputs", []):
        if "data" in output:
            output["data"] = {
                mime: data for mime, data in output["data"].items() if "vnd.ssl-lib." not in mime
            }
    return cell


def _headed(cells: list[Cell], page: Page) -> list[Cell]:
    """Return the cells with the run line, and a failure if there was one, under the title."""
    notes = [pages.run_line(page)]
    if page.run is not None and page.run.error:
        notes.append(pages.failure_note(page.run.error))
    text = "\n\n".join(notes)
    opening = source(cells[0]).replace(headers.PICTURE, headers.WORDS) if cells else ""
    title, rest = _split_title(opening)
    if not title:
        return [_markdown("run-line", text), *cells]
    first = {**cells[0], "source": "\n\n".join(filter(None, [title, text, rest]))}
    return [first, *cells[1:]]


def _split_title(text: str) -> tuple[str, str]:
    head, _, rest = text.partition("\n")
    return (head, rest.strip("\n")) if head.startswith("# ") else ("", text)


def _markdown(name: str, text: str) -> Cell:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text}


def chapters(book: Book) -> list[Chapter]:
    """Return the chapters that ``book/chapters.yml`` lists, or none without that file."""
    path = book.pages / "chapters.yml"
    entries = yaml.safe_load(path.read_text("utf-8")) if path.is_file() else []
    return [Chapter(**entry) for entry in entries]


def _prose(book: Book, shown: Sequence[Page], thumbs: Mapping[str, tuple[list[str], str]]) -> Files:
    """Return all of ``book/`` with its marks replaced by what they stand for."""
    marks: dict[str, Callable[[], str]] = {
        "<!-- ssl_lib:chapters -->": lambda: pages.cards(chapters(book), thumbs),
        "<!-- ssl_lib:runs -->": lambda: pages.runs_table(shown),
        "<!-- ssl_lib:versions -->": lambda: pages.versions_table(shown),
        "<!-- ssl_lib:api -->": api.contents,
    }
    planned: Files = {}
    for path in sorted(book.pages.rglob("*")):
        if path.is_file() and path.suffix != ".yml" and not path.name.startswith("."):
            name = path.relative_to(book.root).as_posix()
            planned[name] = _filled(path, marks) if path.suffix == ".md" else path.read_bytes()
    if (book.pages / "api.md").is_file():
        planned |= {f"book/{name}": text.encode() for name, text in api.pages().items()}
    return planned


def _filled(path: Path, marks: Mapping[str, Callable[[], str]]) -> bytes:
    text = path.read_text("utf-8")
    for mark, content in marks.items():
        if mark in text:
            text = text.replace(mark, content())
    return text.encode()


def _toc(book: Book) -> str:
    """Return the table of contents with the generated pages below the API reference."""
    toc = yaml.safe_load((book.root / "_toc.yml").read_text("utf-8"))
    for entry in _entries(toc):
        if entry.get("file") == "book/api":
            entry["sections"] = [{"file": f"book/api/{name}"} for name in api.public()]
    return yaml.safe_dump(toc, sort_keys=False, allow_unicode=True)


def files_in(toc: Any) -> list[str]:
    """Return the pages that a table of contents lists, its root first."""
    found = [entry[key] for entry in _entries(toc) for key in ("root", "file") if key in entry]
    return [str(name) for name in found]


def _entries(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [entry for item in node for entry in _entries(item)]
    if isinstance(node, dict):
        return [node, *(entry for value in node.values() for entry in _entries(value))]
    return []


def _mathjax() -> Files:
    """Return MathJax's files, so that formulas show without the network."""
    try:
        found = files(_MATHJAX) or []
    except PackageNotFoundError as error:
        raise InputError(
            f"the package {_MATHJAX} is not installed; the extra 'book' brings it"
        ) from error
    planned = {}
    for path in found:
        _, inside, name = path.as_posix().partition("static/mathjax/")
        if inside and name.startswith(_MATHJAX_PARTS):
            planned[f"{_STATIC}/mathjax/{name}"] = path.read_binary()
    return planned


def _synchronise(folder: Path, planned: Files) -> None:
    """Make a folder hold exactly these files, writing only what differs."""
    for name, content in planned.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(folder).as_posix() not in planned:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
