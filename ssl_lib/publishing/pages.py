"""The parts of pages that are written from what ran: cards, run lines, tables, failure notes."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ssl_lib.publishing.notebooks import Notebook
from ssl_lib.publishing.shelf import Run

__all__ = [
    "Chapter",
    "Page",
    "Status",
    "cards",
    "failure_note",
    "pictures",
    "run_line",
    "runs_table",
    "versions_table",
    "where",
]

Status = Literal["fresh", "ran", "failed", "stale", "never run"]


@dataclass(frozen=True, kw_only=True)
class Page:
    """A notebook as the book shows it.

    Parameters
    ----------
    slug : str
        Its name.
    source : dict
        The notebook in the repository.
    executed : dict or None
        The executed copy to show; None when it never ran.
    run : Run or None
        The record of that copy.
    status : {"fresh", "ran", "failed", "stale", "never run"}
        What the reader may rely on.
    reasons : list of str
        Why it is stale.
    """

    slug: str
    source: Notebook
    executed: Notebook | None
    run: Run | None
    status: Status
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One paper of the book, written or not, from ``book/chapters.yml``."""

    slug: str
    title: str
    arxiv: str
    summary: str


def run_line(page: Page) -> str:
    """Return the line under a page's title: profile, time, what it can be relied on for.

    Returns
    -------
    str
        HTML, which the downloaded notebook shows as well as the page does.
    """
    if page.run is None:
        text = "Not executed yet: this page shows the code alone."
    else:
        profile = f"Profile <strong>{page.run.profile}</strong> · " if page.run.profile else ""
        verb = "failed after" if page.run.error else "ran in"
        text = (
            f"{profile}{verb} {seconds(page.run.seconds)} on {page.run.finished} · "
            '<a href="../book/status.html">status and versions</a>'
        )
    if page.status == "stale":
        text += f"<br>Out of date: {_short(page.reasons)}."
    return f'<p class="run-line">{text}</p>'


def _short(reasons: Sequence[str], most: int = 3) -> str:
    more = f" and {len(reasons) - most} more" if len(reasons) > most else ""
    return html.escape("; ".join(reasons[:most])) + more


def seconds(value: float) -> str:
    """Return a duration for people.

    Examples
    --------
    >>> seconds(0.42), seconds(12.3), seconds(754)
    ('0.4 s', '12 s', '12 min 34 s')
    """
    if value < 10:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def failure_note(error: Mapping[str, Any]) -> str:
    """Return the admonition at the top of a page whose notebook failed.

    Parameters
    ----------
    error : mapping
        The ``error`` of a :class:`~ssl_lib.publishing.shelf.Run`.
    """
    parts = [
        "::::{admonition} This notebook failed",
        ":class: danger failed-notebook",
        f"It stopped {where(error)} with {_code(error['name'])}; what follows is missing.",
    ]
    if error["source"]:
        parts += ["", _fenced(error["source"], "python")]
    parts += ["", _fenced(error["traceback"], "text"), "::::"]
    return "\n".join(parts)


def where(error: Mapping[str, Any]) -> str:
    """Return in which cell a notebook failed, in words.

    Examples
    --------
    >>> where({"cell": 3}), where({"cell": None})
    ('in code cell 3', 'outside its cells')
    """
    return f"in code cell {error['cell']}" if error["cell"] else "outside its cells"


def _code(text: str) -> str:
    return f"`{text}`"


def _fenced(text: str, language: str) -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in _backticks(text)), default=0))
    return f"{fence}{language}\n{text.strip()}\n{fence}"


def _backticks(text: str) -> list[str]:
    kept = "".join(char if char == "`" else " " for char in text)
    return kept.split()


def cards(chapters: Sequence[Chapter], thumbs: Mapping[str, tuple[list[str], str]]) -> str:
    """Return the index's cards: one with its picture for each chapter that has a notebook.

    Parameters
    ----------
    chapters : sequence of Chapter
        All chapters in reading order.
    thumbs : mapping
        For each chapter that exists, its pictures below ``_static`` and their alternative text.
    """
    ready = [chapter for chapter in chapters if chapter.slug in thumbs]
    lines = ["::::{grid} 1 2 2 2", ":gutter: 3", ":padding: 0", ""]
    for chapter in ready:
        lines += _card(chapter, *thumbs[chapter.slug])
    lines += ["::::"]
    waiting = [chapter for chapter in chapters if chapter.slug not in thumbs]
    if waiting:
        lines += ["", "## In preparation", ""]
        lines += [_planned(chapter) for chapter in waiting]
    return "\n".join(lines)


def _planned(chapter: Chapter) -> str:
    return f"- {chapter.title} {{cite:p}}`{chapter.slug}`"


def _card(chapter: Chapter, shown: list[str], alt: str) -> list[str]:
    lines = [
        f":::{{grid-item-card}} {chapter.title}",
        f":link: ../notebooks/{chapter.slug}",
        ":link-type: doc",
        ":class-card: chapter-card",
        "",
    ]
    return [*lines, pictures(shown, alt), chapter.summary, ":::", ""]


def pictures(shown: Sequence[str], alt: str, *, up: str = "_static/") -> str:
    """Return a picture, in the variant that suits the colour scheme.

    Parameters
    ----------
    shown : sequence of str
        One file, or a light and a dark variant, below ``_static``.
    alt : str
        What the picture shows.
    up : str, default="_static/"
        The way there from the page.
    """
    lines = []
    for picture in shown:
        shade = "" if len(shown) < 2 else " only-dark" if "-dark." in picture else " only-light"
        lines += [f"```{{image}} {up}{picture}", f":alt: {' '.join(alt.split())}"]
        lines += [f":class: card-picture{shade}", "```", ""]
    return "\n".join(lines)


def runs_table(pages: Sequence[Page]) -> str:
    """Return a table of all notebooks: profile, status, time of execution."""
    lines = [
        "| Notebook | Profile | Status | Run time | Ran on |",
        "| :-- | :-- | :-- | --: | :-- |",
    ]
    for page in pages:
        link = f"[{page.slug}](../notebooks/{page.slug}.ipynb)"
        if page.run is None:
            lines.append(f"| {link} | | never run | | |")
            continue
        status = {"ran": "up to date", "fresh": "up to date"}.get(page.status, page.status)
        if page.status == "stale":
            status = f"out of date: {_short(page.reasons)}"
        if page.run.error:
            status = f"failed {where(page.run.error)}: {page.run.error['name']}"
        lines.append(
            f"| {link} | {page.run.profile} | {status} | {seconds(page.run.seconds)} "
            f"| {page.run.finished} |"
        )
    return "\n".join(lines)


def versions_table(pages: Sequence[Page]) -> str:
    """Return a table of the versions each notebook ran with; one column where all agree."""
    ran = [page for page in pages if page.run is not None]
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for page in ran:
        assert page.run is not None
        versions = tuple(sorted(page.run.depends.get("version", {}).items()))
        groups.setdefault(versions, []).append(page.slug)
    if not groups:
        return "No notebook has run yet."
    heads = ["all notebooks"] if len(groups) == 1 else [", ".join(g) for g in groups.values()]
    names = sorted({name for versions in groups for name, _ in versions})
    lines = [f"| Package | {' | '.join(heads)} |", "| :-- |" + " :-- |" * len(heads)]
    for name in names:
        row = [dict(versions).get(name, "") for versions in groups]
        lines.append(f"| {name} | {' | '.join(row)} |")
    return "\n".join(lines)
