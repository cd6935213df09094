"""The house style of figures: colours that work on white and on near-black, sizes for a phone."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["HUES", "MARKERS", "PALETTE", "WIDE", "WIDTH", "contrast", "style", "text_on", "use"]

#: Hues and order of Okabe and Ito's palette, with the lightness moved so that each colour has a
#: contrast of at least 3 to 1 on white and on the dark page, and so that any two stay apart for
#: readers with deuteranopia or protanopia.
HUES: dict[str, str] = {
    "orange": "#DD7503",
    "sky": "#4492DF",
    "green": "#367656",
    "yellow": "#9D9352",
    "blue": "#1663F7",
    "vermillion": "#C6331B",
    "purple": "#99498E",
}
#: The same, to be indexed.
PALETTE: tuple[str, ...] = tuple(HUES.values())
#: One shape for each colour, so that no reader depends on colour.
MARKERS: tuple[str, ...] = ("o", "s", "^", "D", "v", "P", "X")
#: Width in inches of a figure that a phone shows whole, and of one that only a wide screen does.
WIDTH, WIDE = 5.2, 8.0

_INK, _RULE = "#222832", "#C9CDD2"


@functools.cache
def _settings() -> Any:
    from cycler import cycler

    return {
        "figure.figsize": (WIDTH, 3.4),
        "figure.constrained_layout.use": True,
        "figure.facecolor": "white",
        "axes.prop_cycle": cycler(color=PALETTE) + cycler(marker=MARKERS),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.edgecolor": _INK,
        "axes.labelcolor": _INK,
        "axes.titlesize": 11,
        "axes.labelsize": 11,
        "axes.titlelocation": "left",
        "grid.color": _RULE,
        "grid.linewidth": 0.6,
        "font.size": 11,
        "font.family": "DejaVu Sans",
        "legend.frameon": False,
        "legend.fontsize": 10,
        "lines.linewidth": 1.8,
        "lines.markersize": 5,
        "text.color": _INK,
        "xtick.color": _INK,
        "ytick.color": _INK,
        "xtick.labelsize": 10,
        "ytick.labelsize": 10,
        "svg.fonttype": "path",
        "svg.hashsalt": "ssl_lib",
    }


@contextmanager
def style() -> Iterator[None]:
    """Draw in the house style within a ``with`` block, or in a function that this decorates.

    Examples
    --------
    >>> import matplotlib
    >>> with style():
    ...     matplotlib.rcParams["font.size"]
    11.0
    """
    import matplotlib

    with matplotlib.rc_context(_settings()):
        yield


def use() -> None:
    """Draw in the house style from here on; notebooks call it once."""
    import matplotlib

    matplotlib.rcParams.update(_settings())


def contrast(one: object, other: object) -> float:
    """Return the WCAG 2 contrast ratio of two colours, from 1 to 21.

    Parameters
    ----------
    one, other : colour
        Whatever matplotlib takes as a colour; transparency is ignored.

    Examples
    --------
    >>> contrast("white", "black")
    21.0
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return round((lighter + 0.05) / (darker + 0.05), 10)


def _luminance(colour: Any) -> float:
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def text_on(background: object) -> str:
    """Return the text colour, near-black or white, that reads best on a background.

    Examples
    --------
    >>> text_on("yellow"), text_on("navy")
    ('#222832', '#FFFFFF')
    """
    return max((_INK, "#FFFFFF"), key=lambda ink: contrast(ink, background))
