"""Figures and tables as the book shows them: captioned, described, with their data.

A notebook calls :func:`use` once, draws with matplotlib, and ends a cell with :func:`show`.

``showing``   figures and tables at the end of a cell
``words``     sentences with computed numbers
``sliding``   figures of which a slider chooses one
``charts``    kinds of figures that several chapters draw
``theme``     sizes, colours, fonts
``darkmode``  the same drawing on a dark page
``rasters``   small PNGs
"""

from ssl_lib.plotting import words
from ssl_lib.plotting.charts import by_data, direct_labels, heatmap, intervals, small_multiples
from ssl_lib.plotting.darkmode import always_dark, keep_colours
from ssl_lib.plotting.showing import CAPTION_MIME, IN_BOOK, MIME, bundle, show, table
from ssl_lib.plotting.sliding import slider
from ssl_lib.plotting.theme import HUES, MARKERS, PALETTE, WIDE, WIDTH, style, use
from ssl_lib.plotting.words import text

__all__ = [
    "CAPTION_MIME", "HUES", "IN_BOOK", "MARKERS", "MIME", "PALETTE", "WIDE", "WIDTH",
    "always_dark", "bundle", "by_data", "direct_labels", "heatmap", "intervals", "keep_colours",
    "show", "slider", "small_multiples", "style", "table", "text", "use", "words",
]  # fmt: skip
