"""Turn the figures in executed notebooks into what the book's pages need.

:func:`ssl_lib.plotting.show` leaves a description beside each picture. It becomes a numbered
figure with a label, a caption and an alternative text; its data become a file to download. The
picture holds its dark variant, to which a script in the page turns it.
"""

import base64
import html
from typing import Any

from ssl_lib import plotting
from ssl_lib.publishing import cells
from ssl_lib.publishing.notebooks import Cell, Notebook, tagged, text_of

__all__ = ["FIGURE_MIME", "figure_in", "missing", "placed", "thumbnail"]

FIGURE_MIME = plotting.MIME
# The caption as notebooks show it; pages set their own.
CAPTION_MIME = plotting.CAPTION_MIME
_SHOWN = ("display_data", "execute_result")

_EMPTY = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 374 120" width="374" height="120">'
    b'<rect x="1" y="1" width="372" height="118" rx="6" fill="none" stroke="#888"'
    b' stroke-dasharray="6 5"/></svg>\n'
)

Files = dict[str, bytes]


def figure_in(cell: Cell) -> dict[str, Any] | None:
    """Return the description of the figure in a cell's outputs, if there is one."""
    output = _figure_output(cell)
    return dict(output["data"][FIGURE_MIME]) if output else None


def _figure_output(cell: Cell) -> dict[str, Any] | None:
    for output in cell.get("outputs", []):
        if FIGURE_MIME in output.get("data", {}):
            return dict(output)
    return None


def placed(cell: Cell, slug: str, up: str = "../") -> tuple[list[Cell], Files]:
    """Return a cell's staged form and the static files its figure brings.

    Parameters
    ----------
    cell : dict
        A cell of an executed notebook. One without a figure comes back as it is.
    slug : str
        The notebook's name.
    up : str
        The way from the page to the site's root.

    Returns
    -------
    cells : list of dict
        The cell; or the cell and one more for its figure, when it shows other things too,
        because a page can number only one thing a cell.
    files : dict of str to bytes
        Contents by path below ``_static``.
    """
    figure, output = figure_in(cell), _figure_output(cell)
    if figure is None or output is None:
        return [cell], {}
    files = _files(figure, slug)
    picture = {**output, "data": _picture(output["data"], figure), "metadata": {}}
    metadata = {**cell["metadata"], "mystnb": _metadata(figure, slug, up)}
    others = [output for output in cell["outputs"] if not _belongs(output)]
    if not any(other["output_type"] in _SHOWN for other in others):
        return [{**cell, "metadata": metadata, "outputs": [*others, picture]}], files
    return [{**cell, "outputs": others}, _extra(cell, metadata, picture)], files


def _belongs(output: dict[str, Any]) -> bool:
    """Say whether an output is the figure or the caption it shows outside the book."""
    return bool({FIGURE_MIME, CAPTION_MIME} & set(output.get("data", {})))


def _extra(cell: Cell, metadata: dict[str, Any], picture: dict[str, Any]) -> Cell:
    hidden = {**metadata, "tags": ["remove-input"]}
    return {**cell, "id": f"{cell['id']}-figure"[:64], "source": "", "metadata": hidden} | {
        "outputs": [picture]
    }


def _picture(data: dict[str, Any], figure: dict[str, Any]) -> dict[str, Any]:
    """Return the light picture alone: pages show the SVG, and keep no second copy."""
    kind = "image/svg+xml" if "image/svg+xml" in data else "image/png"
    return {kind: data[kind], "text/plain": figure["alt"]}


def _metadata(figure: dict[str, Any], slug: str, up: str) -> dict[str, Any]:
    classes = "wide" if figure.get("wide") else "plain"
    return {
        "figure": {
            "name": figure["label"],
            "caption": _caption(figure, slug, up),
            "classes": f"data-figure {classes}",
        },
        "image": {"alt": figure["alt"]},
    }


def _caption(figure: dict[str, Any], slug: str, up: str) -> str:
    """Return the caption, and below it where the numbers come from and where to get them."""
    static = f"{up}_static"
    label = figure["label"]
    notes, mark = [], ""
    if figure.get("provenance"):
        notes.append(html.escape(figure["provenance"]))
    if figure.get("csv"):
        href = f"{static}/data/{slug}/{label}.csv"
        notes.append(f'<a class="figure-data" href="{href}" download>Data (CSV)</a>')
    if figure.get("dark"):
        mark = f'<span class="figure-dark" data-fragment="{figure["dark"]}"></span>'
    return " ".join(figure["caption"].split()) + "\n\n" + " · ".join(notes) + mark


def _files(figure: dict[str, Any], slug: str) -> Files:
    if not figure.get("csv"):
        return {}
    return {f"data/{slug}/{figure['label']}.csv": text_of(figure["csv"]).encode()}


def missing(cell: Cell) -> list[tuple[Cell, Files]]:
    """Return stand-ins for the figures a cell would have shown had it run.

    Text may refer to them by number, and a page that did not run to its end should still build.
    """
    stand_ins = [] if figure_in(cell) else cells.labels({"cells": [cell]})
    return [(_stand_in(label), {"figures/not-computed.svg": _EMPTY}) for label in stand_ins]


def _stand_in(label: str) -> Cell:
    text = (
        f"```{{figure}} ../book/_static/figures/not-computed.svg\n:name: {label}\n"
        ":alt: An empty frame: this figure was not computed.\n\n"
        "This figure was not computed in the run shown here.\n```"
    )
    return {"cell_type": "markdown", "id": f"{label}-missing"[:64], "metadata": {}, "source": text}


def thumbnail(notebook: Notebook, slug: str) -> tuple[Files, str]:
    """Return the picture of the cell tagged ``thumb`` and its alternative text.

    Returns
    -------
    files : dict of str to bytes
        ``thumbs/SLUG.svg`` or ``.png``, and ``thumbs/SLUG-dark.svg`` when there is one; empty
        when no tagged cell has a picture.
    alt : str
        What the picture shows.
    """
    for cell in tagged(notebook, "thumb"):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            figure = data.get(FIGURE_MIME, {})
            alt = figure.get("alt") or text_of(data.get("text/plain", ""))
            if "image/svg+xml" in data:
                svg = text_of(data["image/svg+xml"])
                files = {f"thumbs/{slug}.svg": svg.encode()}
                if figure.get("dark"):
                    files[f"thumbs/{slug}-dark.svg"] = plotting.always_dark(svg).encode()
                return files, alt
            if "image/png" in data:
                return {f"thumbs/{slug}.png": base64.b64decode(text_of(data["image/png"]))}, alt
    return {}, ""
