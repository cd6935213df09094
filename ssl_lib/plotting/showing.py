"""Figures and tables as the book shows them: captioned, described, with their data.

A notebook calls :func:`use` once, draws with matplotlib, and ends a cell with :func:`show`.
"""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ssl_lib import markup
from ssl_lib.errors import InputError, closest
from ssl_lib.plotting import rasters
from ssl_lib.plotting.darkmode import StandIns, both_schemes, recoloured
from ssl_lib.results import tables
from ssl_lib.results.origin import Result
from ssl_lib.results.wording import summary

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["CAPTION_MIME", "IN_BOOK", "MIME", "bundle", "drawn", "show", "table"]

#: The mime type under which a figure carries what the book's builder needs.
MIME = "application/vnd.ssl-lib.figure+json"
#: Marks the caption that a notebook shows below a figure.
CAPTION_MIME = "application/vnd.ssl-lib.caption+json"
#: The environment variable that is set where the book runs a notebook: its pages need no PNG.
IN_BOOK = "SSL_LIB_IN_BOOK"

_LABEL = re.compile(r"fig-[a-z0-9_]+(-[a-z0-9_]+)+")
_PNG_DPI = 144


def show(
    fig: Figure,
    *,
    label: str,
    caption: str,
    alt: str,
    data: pd.DataFrame,
    results: Iterable[Result] = (),
    wide: bool = False,
) -> None:
    """Show a figure with its caption at the end of a cell, and close it.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        The figure.
    label : str
        ``"fig-SLUG-name"``, for references from other pages.
    caption : str
        What the figure shows and how to read it; Markdown, one paragraph.
    alt : str
        What the picture shows, for readers who cannot see it; plain text.
    data : pandas.DataFrame
        The plotted numbers, offered as a CSV file.
    results : iterable of Result, default=()
        The stored tables it was drawn from.
    wide : bool, default=False
        Whether it needs a screen wider than a phone's.

    Raises
    ------
    InputError
        When a part is missing or has the wrong form.

    Notes
    -----
    The caption is a display of its own that carries the mime type ``CAPTION_MIME``: the book
    numbers figures and sets captions itself, and drops it.
    """
    content = bundle(
        fig, label=label, caption=caption, alt=alt, data=data, results=results, wide=wide,
        png=_in_notebook() and IN_BOOK not in os.environ,
    )  # fmt: skip
    import matplotlib.pyplot as plt

    plt.close(fig)
    if not _in_notebook():
        return
    import IPython.display

    display: Any = IPython.display.display
    figure = content[MIME]
    text = "\n\n".join(part for part in (figure["caption"], figure["provenance"]) if part)
    display(content, raw=True)
    display({"text/markdown": text, "text/plain": text, CAPTION_MIME: label}, raw=True)


def bundle(
    fig: Figure,
    *,
    label: str,
    caption: str,
    alt: str,
    data: pd.DataFrame,
    results: Iterable[Result] = (),
    wide: bool = False,
    png: bool = False,
) -> dict[str, Any]:
    """Make what :func:`show` displays, with one drawing.

    Parameters and errors are those of :func:`show`; and

    Parameters
    ----------
    png : bool, default=False
        Whether to make a PNG too, at the price of a second drawing. Jupyter shows no SVG in a
        notebook that it does not trust, such as one that another machine executed.

    Returns
    -------
    dict
        ``image/svg+xml``, perhaps ``image/png`` (base64), ``text/plain`` (the alt text), and under
        ``MIME`` a dict with ``label``, ``caption``, ``alt``, ``csv``, ``provenance``, ``wide`` and
        ``dark``: the SVG's address followed by ``#`` and this shows its dark variant.
    """
    _check_figure(fig)
    _check_words(label, caption, alt)
    csv = _csv(data, label)
    svg = drawn(fig, f"{label}-dark")
    details = {
        "label": label,
        "caption": caption.strip(),
        "alt": alt.strip(),
        "csv": csv,
        "provenance": summary(results),
        "wide": bool(wide),
        "dark": f"{label}-dark",
    }
    pixels = {"image/png": _png(fig)} if png else {}
    return {"image/svg+xml": svg, **pixels, "text/plain": alt.strip(), MIME: details}


def table(
    df: pd.DataFrame,
    *,
    caption: str,
    label: str | None = None,
    formats: Mapping[str, str | Callable[[Any], str]] | None = None,
) -> markup.Markup:
    """Show a table that screen readers understand and phones can scroll.

    Parameters
    ----------
    df : pandas.DataFrame
        Its index is not shown: call ``reset_index()`` to show it. The first column names the rows.
    caption : str
        Plain text.
    label : str, optional
        The table's HTML id, such as ``"tab-rankme-sweep"``.
    formats : mapping of str to str or callable, optional
        Column to format, such as ``".1%"``, where NaN becomes a dash; others are written by
        :func:`ssl_lib.markup.number`.

    Returns
    -------
    Markup
        For a cell's last expression.

    Examples
    --------
    >>> import pandas as pd
    >>> shown = table(
    ...     pd.DataFrame({"factor": ["pose"], "share": [0.25]}),
    ...     caption="Shares.",
    ...     formats={"share": ".0%"},
    ... )
    >>> print(shown)
    factor share
      pose   25%
    """
    import pandas as pd

    tables.check_tidy(df, "the table to show")
    for column in formats or {}:
        if column not in df.columns:
            raise InputError(f"there is no column {column!r} to format.{closest(column, df)}")
    if not caption.strip():
        raise InputError("a table needs a caption.")
    given = dict(formats or {})
    cells = {name: [_format(v, given.get(name)) for v in df[name]] for name in df.columns}
    rows = zip(
        *([markup.escape(cell) for cell in column] for column in cells.values()), strict=True
    )
    numeric = [pd.api.types.is_numeric_dtype(df[name]) for name in df.columns]
    html = markup.table(list(cells), rows, caption=caption, label=label, numeric=numeric)
    return markup.Markup(html, pd.DataFrame(cells).to_string(index=False))


def _format(value: Any, form: str | Callable[[Any], str] | None) -> str:
    if form is None:
        return markup.number(value)
    if isinstance(form, str) and value != value:
        return markup.number(None)
    return form(value) if callable(form) else format(value, form).replace("-", "−")


def _check_figure(fig: object) -> None:
    from matplotlib.figure import Figure

    if not isinstance(fig, Figure):
        raise InputError(f"show needs a matplotlib Figure, got {type(fig).__name__}.")


def _check_words(label: str, caption: str, alt: str) -> None:
    if not _LABEL.fullmatch(label):
        raise InputError(f"a figure's label is 'fig-SLUG-name' in lower case, got {label!r}.")
    for name, text in (("caption", caption), ("alt text", alt)):
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{label} needs a {name}.")
        if "\n\n" in text.strip():
            raise InputError(f"the {name} of {label} must be one paragraph.")
    if alt.strip() == caption.strip():
        raise InputError(
            f"the alt text of {label} must say what the picture shows, not its caption."
        )


def _csv(data: object, label: str) -> str:
    import pandas as pd

    if not isinstance(data, pd.DataFrame) or data.empty:
        shown = "an empty one" if isinstance(data, pd.DataFrame) else type(data).__name__
        raise InputError(f"{label} needs its data as a DataFrame, got {shown}.")
    return tables.to_csv(data, f"the data of {label}").decode()


def drawn(fig: Figure, name: str) -> str:
    """Lay a figure out and draw it once, for light and for dark pages."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer, colours = io.StringIO(), StandIns()
    # The salt makes element ids, and so the bytes, the same in every run.
    constant: dict[Any, str] = {"svg.fonttype": "path", "svg.hashsalt": "ssl_lib"}
    dpi = fig.get_dpi()  # that of pixels inside the picture
    with matplotlib.rc_context(constant), _on(fig, FigureCanvasSVG) as canvas:
        fig.draw_without_rendering()  # the layout, and all ticks, before colours change
        with recoloured(fig, colours), _printed(fig, colours.page, dpi):
            canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
    return rasters.lighter(both_schemes(buffer.getvalue(), colours, name))


def _png(fig: Figure) -> str:
    """Draw a figure that is laid out already as pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    with _on(fig, FigureCanvasAgg) as canvas, _printed(fig, "white", _PNG_DPI):
        canvas.print_png(buffer, metadata={"Software": None})
    return base64.b64encode(buffer.getvalue()).decode()


@contextmanager
def _on(fig: Figure, kind: Any) -> Iterator[Any]:
    """Put a figure on another canvas within a ``with`` block."""
    before, dpi = fig.canvas, fig.get_dpi()
    try:
        yield kind(fig)
    finally:
        fig.set_dpi(dpi)
        fig.set_canvas(before)


@contextmanager
def _printed(fig: Figure, ground: str, dpi: float) -> Iterator[None]:
    """Keep a figure's layout as it is, on a ground of its own, within a ``with`` block."""
    layout, before = fig.get_layout_engine(), fig.get_facecolor()
    fig.set_layout_engine("none")
    fig.set_facecolor(ground)
    fig.set_dpi(dpi)
    try:
        yield
    finally:
        fig.set_facecolor(before)
        if layout is not None:
            fig.set_layout_engine(layout)


def _in_notebook() -> bool:
    import sys

    # What is not imported is not running: this keeps IPython optional.
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and getattr(shell, "kernel", None) is not None
