"""Read the book's sources and list what is wrong with them, without running anything."""

import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ssl_lib import claims
from ssl_lib.errors import InputError, closest
from ssl_lib.publishing import cells, headers, notebooks, stage, typed
from ssl_lib.publishing.keys import summarises_others
from ssl_lib.publishing.layout import Book
from ssl_lib.publishing.notebooks import Cell, Notebook, code_cells, source, tagged, tags
from ssl_lib.publishing.parameters import declared

__all__ = ["problems"]

_COMMON = {"profile": "quick", "seed": 0, "device": "auto"}
_LONGEST_CELL = 25
_ID = re.compile(r"^[a-z][a-z0-9-]{1,63}$")


def problems(book: Book) -> list[str]:
    """Return every problem of the book's sources, each with its file and cell.

    Parameters
    ----------
    book : Book
        The book to read.

    Returns
    -------
    list of str
        Empty when all is well.
    """
    found: list[str] = []
    labels: Counter[str] = Counter()
    for slug in book.slugs():
        name = f"notebooks/{slug}.ipynb"
        try:
            notebook = notebooks.read(book.notebook(slug))
        except InputError as error:
            found.append(f"{name}: {error}")
            continue
        found += [f"{name}{problem}" for problem in _notebook(book, slug, notebook)]
        labels.update(cells.labels(notebook))
    twice = {label: count for label, count in labels.items() if count > 1}
    found += [f"notebooks: label {label!r} is used {count} times" for label, count in twice.items()]
    return [*found, *_contents(book), *_claims(book), *_settings(book)]


def _notebook(book: Book, slug: str, notebook: Notebook) -> Iterator[str]:
    yield from _format(notebook)
    yield from _opening(book, slug, notebook)
    yield from _parameters(slug, notebook)
    for number, cell in enumerate(notebook["cells"], 1):
        at = f" cell {number} ({cell.get('id', 'no id')})"
        for problem in (
            *_clean(cell), *_code(cell), *cells.figure_problems(cell, slug), *typed.in_cell(cell)
        ):  # fmt: skip
            yield f"{at}: {problem}"
    thumbs = [cell for cell in tagged(notebook, "thumb") if cells.shows_figure(cell)]
    if len(thumbs) != 1 and not summarises_others(notebook):
        yield f": needs one cell tagged 'thumb' that shows a figure; has {len(thumbs)}"


def _format(notebook: Notebook) -> Iterator[str]:
    if (notebook.get("nbformat"), notebook.get("nbformat_minor")) != (4, 5):
        yield ": is not of notebook format 4.5"
    kept = set(notebook.get("metadata", {}))
    if kept != {"kernelspec", "language_info"}:
        yield f": metadata must be kernelspec and language_info; has {', '.join(sorted(kept))}"
    if notebook.get("metadata", {}).get("language_info") != {"name": "python"}:
        yield ": language_info must hold the name 'python' alone"
    ids = Counter(str(cell.get("id")) for cell in notebook["cells"])
    for name, count in ids.items():
        if count > 1:
            yield f": cell id {name!r} is used {count} times"
        if not _ID.match(name):
            yield f": cell id {name!r} is not readable; use words-with-hyphens"


def _opening(book: Book, slug: str, notebook: Notebook) -> Iterator[str]:
    url = headers.repository_url(book)
    first, second = [*notebook["cells"][:2], {}, {}][:2]
    title = source(first)
    if first.get("cell_type") != "markdown" or not title.startswith("# "):
        yield " cell 1: must be markdown with the title, '# ...'"
    if headers.badge(url, slug) not in title:
        yield f" cell 1: lacks the Colab badge of this file: {headers.badge(url, slug)}"
    arxiv = {chapter.slug: chapter.arxiv for chapter in stage.chapters(book)}.get(slug)
    if arxiv and f"https://arxiv.org/abs/{arxiv}" not in title:
        yield f" cell 1: lacks the link to the paper: https://arxiv.org/abs/{arxiv}"
    if tags(second) != ["remove-cell"] or source(second) != headers.install_cell(url):
        yield (
            " cell 2: must be tagged 'remove-cell' and hold the install cell:\n"
            + headers.install_cell(url)
        )


def _parameters(slug: str, notebook: Notebook) -> Iterator[str]:
    third = notebook["cells"][2] if len(notebook["cells"]) > 2 else {}
    if "parameters" not in tags(third):
        yield " cell 3: must be the cell tagged 'parameters'"
    try:
        given = declared(notebook, slug)
    except InputError as error:
        yield f": {error}"
        return
    if list(given.items())[:3] != list(_COMMON.items()):
        yield f": the parameters must begin with {_COMMON}; they are {given}"


def _clean(cell: Cell) -> Iterator[str]:
    if cell.get("outputs"):
        yield "has outputs; the repository keeps none"
    if cell.get("execution_count") is not None:
        yield "has an execution count"
    extra = set(cell.get("metadata", {})) - {"tags"}
    if extra:
        yield f"has metadata {', '.join(sorted(extra))}; only tags are kept"


def _code(cell: Cell) -> Iterator[str]:
    if cell.get("cell_type") != "code":
        return
    lines = len(source(cell).strip().splitlines())
    if lines > _LONGEST_CELL:
        yield f"has {lines} lines of code; {_LONGEST_CELL} at most, the rest belongs in the library"
    yield from cells.unshown(source(cell))


def _contents(book: Book) -> Iterator[str]:
    """Compare the pages that exist with those in the table of contents."""
    toc = yaml.safe_load((book.root / "_toc.yml").read_text("utf-8"))
    listed = Counter(stage.files_in(toc))
    pages = [*book.pages.glob("*.md"), *book.notebooks.glob("*.ipynb")]
    there = {path.relative_to(book.root).with_suffix("").as_posix() for path in pages}
    for name in sorted(there - set(listed)):
        yield f"_toc.yml: {name} is not listed, so it would not be built"
    for name in sorted(set(listed) - there):
        yield f"_toc.yml: {name} is listed, but there is no such page"
    for name in sorted(name for name, count in listed.items() if count > 1):
        yield f"_toc.yml: {name} is listed more than once"


def _claims(book: Book) -> Iterator[str]:
    name = "book/claims.yml"
    entries: Any = yaml.safe_load(book.claims.read_text("utf-8")) if book.claims.is_file() else []
    if not isinstance(entries, list):
        yield f"{name}: must be a list of claims"
        return
    papers = [entry.get("paper") for entry in entries if isinstance(entry, dict)]
    broken = [problem for entry in entries for problem in _malformed([entry])]
    # A claim used twice shows only beside the other.
    yield from (f"{name}: {problem}" for problem in broken or _malformed(entries))
    planned = {chapter.slug for chapter in stage.chapters(book)}
    for slug in sorted({str(paper) for paper in papers}):
        if slug not in {*book.slugs(), *planned}:
            yield f"{name}: paper {slug!r} is neither a notebook nor a chapter of chapters.yml"
        elif slug in book.slugs():
            yield from _unsaid(book, slug)
    yield from _reasons(entries)
    yield from _claimed_figures(book, [entry for entry in entries if isinstance(entry, dict)])


def _reasons(entries: list[Any]) -> Iterator[str]:
    """Name claims whose reason holds a result: another run of them has another."""
    for entry in entries:
        reason = entry.get("reason") if isinstance(entry, dict) else None
        for sentence in typed.in_text(reason) if isinstance(reason, str) else ():
            where = f"{entry.get('paper')}/{entry.get('id')}"
            yield f"book/claims.yml: claim {where}: its reason holds a result: {sentence!r}"


def _claimed_figures(book: Book, entries: list[dict[str, Any]]) -> Iterator[str]:
    """Name claims whose figure their chapter does not have."""
    shown: dict[str, list[str]] = {}
    for entry in entries:
        slug, figure = (entry.get(key) for key in ("paper", "figure"))
        if figure is None or slug not in book.slugs():
            continue
        if slug not in shown:
            shown[slug] = cells.labels(notebooks.read(book.notebook(slug)))
        if figure not in (known := shown[slug]):
            hint = closest(str(figure), known)
            yield f"book/claims.yml: claim {slug}/{entry.get('id')}: no figure {figure!r}.{hint}"


def _malformed(entries: list[Any]) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "claims.yml"
        file.write_text(yaml.safe_dump(entries), encoding="utf-8")
        try:
            claims.load(file)
        except InputError as error:
            return [str(error)]
    return []


def _unsaid(book: Book, slug: str) -> Iterator[str]:
    """Name what a chapter with claims never calls."""
    notebook = notebooks.read(book.notebook(slug))
    codes = [source(cell) for cell in code_cells(notebook)]
    for name in ("report", "brief"):
        if not any(cells.calls(code, name) for code in codes):
            yield f"notebooks/{slug}.ipynb: has claims but never calls claims.{name}"
    if len(tagged(notebook, "in-brief")) != 1:
        yield f"notebooks/{slug}.ipynb: needs one cell tagged 'in-brief', with claims.brief"


def _settings(book: Book) -> Iterator[str]:
    config = yaml.safe_load((book.root / "_config.yml").read_text("utf-8"))
    url = headers.repository_url(book)
    if config.get("repository", {}).get("url") != url:
        yield f"_config.yml: repository url must be {url}, as in pyproject.toml"
    bibliography = book.pages / "references.bib"
    keys = set(re.findall(r"@\w+\{([^,\s]+)", _text(bibliography)))
    for chapter in stage.chapters(book):
        if chapter.slug not in keys:
            yield f"book/references.bib: lacks an entry {chapter.slug!r} for that chapter"


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""
