"""Read a built book back: its figures' data, its labelled tables, and the verdicts on claims."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from ssl_lib import claims
from ssl_lib.errors import InputError

__all__ = ["Site", "Table", "read"]

Cell = float | str


@dataclass(frozen=True, kw_only=True)
class Table:
    """The numbers of one figure, or one labelled table as its page shows it.

    Parameters
    ----------
    chapter : str
        The notebook it is from.
    columns : tuple of str
        Names in the order of the file.
    rows : tuple of tuple
        Cells; a float where the text is a number, an empty cell being not-a-number.
    """

    chapter: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Site:
    """What one built book says.

    Parameters
    ----------
    tables : dict of str to Table
        By label.
    verdicts : dict of (str, str) to str
        By chapter and claim id.
    """

    tables: dict[str, Table]
    verdicts: dict[tuple[str, str], str]


def read(folder: Path | str) -> Site:
    """Read a built book.

    Parameters
    ----------
    folder : path
        The built site, the ``_build`` that holds it as ``html``, or the checkout that holds both.

    Raises
    ------
    InputError
        When there is no built book, or a file in it is damaged.
    """
    html = _html(Path(folder))
    tables: dict[str, Table] = {}
    verdicts: dict[tuple[str, str], str] = {}
    for path in sorted((html / "notebooks").glob("*.html")):
        page = _Page.of(path.read_text("utf-8"))
        for label, name, rows in page.tables:
            if label:
                tables[label] = _table(path.stem, rows, label)
            if name.startswith("Claims of the paper"):  # books from before claims were entries
                verdicts |= {(path.stem, row[0]): _verdict(row[1]) for row in rows[1:]}
        # The scorecard shows the claims of others again.
        verdicts |= {key: verdict for key, verdict in page.claims.items() if key[0] == path.stem}
    for path in sorted((html / "_static" / "data").glob("*/*.csv")):
        rows = list(csv.reader(io.StringIO(_text(path), newline="")))
        tables[path.stem] = _table(path.parent.name, rows, str(path))
    return Site(tables=tables, verdicts=verdicts)


def _html(folder: Path) -> Path:
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}: name a built book's.")
    for html in (folder, folder / "html", folder / "_build" / "html"):
        if (html / "index.html").is_file() and (html / "notebooks").is_dir():
            return html
    raise InputError(
        f"there is no built book in {folder}: name the folder _build/html that 'ssl-lib book' "
        "makes, or one above it."
    )


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a CSV file of a book: {error}") from error


def _table(chapter: str, rows: Sequence[Sequence[str]], what: str) -> Table:
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise InputError(f"{what} is damaged: every row needs a cell for each column.")
    cells = tuple(tuple(_cell(text) for text in row) for row in rows[1:])
    return Table(chapter=chapter, columns=tuple(rows[0]), rows=cells)


def _cell(text: str) -> Cell:
    """Return a number as CSV or a page writes it, or the text."""
    if text in ("", "–"):
        return math.nan
    try:
        return float(text.replace("−", "-").replace(",", ""))
    except ValueError:
        return text


def _verdict(cell: str) -> str:
    """Return the verdict without its sign and the reason below it."""
    words = cell.partition("\n")[0].strip("".join(claims.SYMBOLS.values()) + " ")
    return words.strip()


@dataclass
class _Page(HTMLParser):
    """Collect a page's claims, by paper and id, and its tables: id, caption and rows.

    A line break in a cell is a new line.
    """

    claims: dict[tuple[str, str], str] = field(default_factory=dict)
    tables: list[tuple[str, str, list[list[str]]]] = field(default_factory=list)
    _label: str = ""
    _caption: str = ""
    _rows: list[list[str]] = field(default_factory=list)
    _into: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    @classmethod
    def of(cls, page: str) -> _Page:
        parser = cls()
        parser.feed(page)
        return parser

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if "data-claim" in values:
            key = values.get("data-paper", ""), values["data-claim"]
            self.claims[key] = values.get("data-verdict", "")
        if tag == "table":
            self._label, self._caption, self._rows = values.get("id", ""), "", []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th") and self._rows:
            self._rows[-1].append("")
            self._into = "cell"
        elif tag == "caption":
            self._into = tag
        elif tag == "br":
            self.handle_data("\n")

    def handle_data(self, data: str) -> None:
        if self._into == "cell":
            self._rows[-1][-1] += data
        elif self._into == "caption":
            self._caption += data

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "caption"):
            self._into = ""
        elif tag == "table":
            self.tables.append((self._label, self._caption, self._rows))
