"""What a notebook displays: HTML with a plain-text twin, accessible tables, readable numbers."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

__all__ = ["Markup", "duration", "escape", "number", "table"]


@dataclass(frozen=True)
class Markup:
    """Something a notebook shows when it is a cell's last expression.

    Parameters
    ----------
    html : str
        How it looks in a browser.
    plain : str
        How it reads in a terminal.
    data : mapping of str to object, default={}
        Further mime types and their content, for the machinery that builds the book.

    Examples
    --------
    >>> Markup("<b>5</b>", "5")._repr_mimebundle_()
    {'text/html': '<b>5</b>', 'text/plain': '5'}
    """

    html: str
    plain: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {"text/html": self.html, "text/plain": self.plain, **self.data}

    def __str__(self) -> str:
        return self.plain


def escape(text: object) -> str:
    """Escape text for HTML.

    Examples
    --------
    >>> escape("a < b")
    'a &lt; b'
    """
    return html.escape(str(text))


def number(value: object, digits: int = 4) -> str:
    """Write a number as a reader wants it: counts whole, the rest to significant digits.

    Parameters
    ----------
    value : object
        A number, or anything else, which is written as it is. None and not-a-number give "–".
    digits : int, default=4
        Significant digits of a number that is not whole.

    Examples
    --------
    >>> [number(x) for x in (46110, 0.9100000000001, 2.0, 1234567.8, 3.2e-7, None, "top")]
    ['46,110', '0.91', '2', '1,234,568', '3.2e−07', '–', 'top']
    """
    if value is None or (isinstance(value, Real) and math.isnan(float(value))):
        return "–"
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    if isinstance(value, Integral):
        return f"{int(value):,}".replace("-", "−")
    return _real(float(value), digits).replace("-", "−")


def _real(value: float, digits: int) -> str:
    if math.isfinite(value) and abs(value) >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def duration(seconds: float) -> str:
    """Write a time span with the unit that fits.

    Examples
    --------
    >>> [duration(s) for s in (0.0123, 4.56, 75, 5400)]
    ['0.01 s', '4.6 s', '75 s', '1.5 h']
    """
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    caption: str,
    label: str | None = None,
    numeric: Sequence[bool] | None = None,
    row_headers: bool = True,
) -> str:
    """Write an accessible HTML table in a container that scrolls sideways.

    Parameters
    ----------
    columns : sequence of str
        Column titles, plain text.
    rows : iterable of sequence of str
        Cells, already HTML.
    caption : str
        Plain text above the table.
    label : str, optional
        The table's HTML id.
    numeric : sequence of bool, optional
        Which columns are aligned right.
    row_headers : bool, default=True
        Whether the first cell of a row names the row.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> html = table(["factor", "ratio"], [["pose", "0.8"]], caption="Ratios.")
    >>> html.splitlines()[5]
    '<tr><th scope="row" style="text-align:left">pose</th><td style="text-align:left">0.8</td></tr>'
    """
    right = numeric or [False] * len(columns)
    head = "".join(_cell("th", escape(c), r, "col") for c, r in zip(columns, right, strict=True))
    body = "\n".join(f"<tr>{_row(row, right, row_headers)}</tr>" for row in rows)
    name = f' id="{escape(label)}"' if label else ""
    return (
        # A region that scrolls must be reachable by keyboard, and so must have a name.
        f'<div class="ssl-table" role="region" tabindex="0" aria-label="{escape(caption)}" '
        'style="overflow-x:auto">\n'
        # The span lets a style sheet keep the caption in view while a wide table scrolls.
        f'<table class="table"{name}>\n<caption><span>{escape(caption)}</span></caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _row(cells: Sequence[str], right: Sequence[bool], row_headers: bool) -> str:
    return "".join(
        _cell("th", cell, r, "row") if place == 0 and row_headers else _cell("td", cell, r)
        for place, (cell, r) in enumerate(zip(cells, right, strict=True))
    )


def _cell(tag: str, content: str, right: bool, scope: str = "") -> str:
    attributes = f' scope="{scope}"' if scope else ""
    attributes += ' style="text-align:right"' if right else ' style="text-align:left"'
    return f"<{tag}{attributes}>{content}</{tag}>"
