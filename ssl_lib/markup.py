"""What a notebook displays: HTML with a plain-text twin, accessible tables, readable numbers."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

__all__ = ["Markup", "duration", "embedded", "escape", "number", "table"]


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


def embedded(data: object) -> str:
    r"""Write data as JSON that cannot end the script element that holds it.

    Examples
    --------
    >>> print(embedded({"a": "</script>"}))
    {"a":"\u003c/script>"}
    """
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


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
    """Write an accessible HTML table; where it is wider than its page, its rows become entries.

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
    listed = [list(row) for row in rows]
    kind = _width_class(_width(columns, listed, right))
    # As a block, a table loses its meaning for screen readers unless its roles are said.
    roles = bool(kind)
    titles = [escape(column) for column in columns]
    across = ["row" if row_headers and place == 0 else "" for place in range(len(columns))]
    head = _row(titles, right, ["col"] * len(columns), titles=[], roles=roles)
    body = "\n".join(_row(row, right, across, titles=titles, roles=roles) for row in listed)
    name = f' id="{escape(label)}"' if label else ""
    role = _role("table", roles)
    groups = _role("rowgroup", roles)
    return (
        # A region that scrolls must be reachable by keyboard, and so must have a name.
        f'<div class="ssl-table{kind}" role="region" tabindex="0" aria-label="{escape(caption)}" '
        'style="overflow-x:auto">\n'
        # The span lets a style sheet keep the caption in view while a wide table scrolls.
        f'<table class="table"{name}{role}>\n<caption><span>{escape(caption)}</span></caption>\n'
        f"<thead{groups}>{head}</thead>\n<tbody{groups}>\n{body}\n</tbody>\n</table>\n</div>"
    )


#: Widths in rem: of a phone's page, and of the text column of a screen.
_PHONE, _SCREEN = 22.0, 46.0
_TAG = re.compile("<[^>]*>")


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> float:
    """Estimate how wide a table is at least, in rem: numbers stay on a line, text breaks."""
    total = 0.0
    for place, (title, number) in enumerate(zip(columns, right, strict=True)):
        texts = [html.unescape(_TAG.sub("", str(row[place]))) for row in rows]
        longest = max((len(word) for text in (title, *texts) for word in text.split()), default=0)
        whole = max(map(len, texts), default=0)
        total += 1.0 + 0.46 * max(longest, whole if number else min(whole, 17))
    return total


def _width_class(width: float) -> str:
    if width <= _PHONE:
        return ""
    return " ssl-entries" if width <= _SCREEN else " ssl-entries ssl-entries-always"


def _role(name: str, said: bool) -> str:
    return f' role="{name}"' if said else ""


_HEADER = {"col": "columnheader", "row": "rowheader", "": "cell"}


def _row(
    cells: Sequence[str], right: Sequence[bool], scopes: Sequence[str], *, titles: Sequence[str],
    roles: bool,
) -> str:  # fmt: skip
    found = []
    for place, (cell, number, scope) in enumerate(zip(cells, right, scopes, strict=True)):
        attributes = f' scope="{scope}"' if scope else ""
        attributes += f' style="text-align:{"right" if number else "left"}"'
        attributes += _role(_HEADER[scope], roles)
        attributes += f' data-title="{titles[place]}"' if roles and titles else ""
        tag = "th" if scope else "td"
        found.append(f"<{tag}{attributes}>{cell}</{tag}>")
    return f"<tr{_role('row', roles)}>{''.join(found)}</tr>"
