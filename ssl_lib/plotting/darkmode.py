"""The dark variant of a figure: greys change places, colours stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

__all__ = ["BACKGROUND", "FOREGROUND", "dark", "dark_colour", "keep_colours"]

#: The book's own dark page and the text on it.
BACKGROUND, FOREGROUND = "#14181E", "#CED6DD"

_NEUTRAL = 0.12
_KEEP = "_ssl_lib_keep_colours"

Change = tuple[Callable[[Any], None], Any, Any]


def dark_colour(colour: Any) -> tuple[float, float, float, float]:
    """Map a colour to the one it has on a dark page.

    Parameters
    ----------
    colour : colour
        Whatever matplotlib takes as a colour.

    Returns
    -------
    tuple of float
        Red, green, blue and alpha. Greys go from white-to-black to ``BACKGROUND``-to-
        ``FOREGROUND``; other colours and all alphas stay.

    Examples
    --------
    >>> from matplotlib.colors import to_hex
    >>> [to_hex(dark_colour(c)) for c in ("white", "black", "#1663F7")]
    ['#14181e', '#ced6dd', '#1663f7']
    """
    from matplotlib.colors import to_rgb, to_rgba

    *rgb, alpha = to_rgba(colour)
    if max(rgb) - min(rgb) > _NEUTRAL:
        return (rgb[0], rgb[1], rgb[2], alpha)
    grey = sum(rgb) / 3
    ends = zip(to_rgb(FOREGROUND), to_rgb(BACKGROUND), strict=True)
    red, green, blue = (fore + (back - fore) * grey for fore, back in ends)
    return (red, green, blue, alpha)


def keep_colours(artist: Artist) -> Artist:
    """Leave an artist as it is in the dark variant, such as a text on a coloured cell.

    Returns
    -------
    matplotlib.artist.Artist
        The same artist.
    """
    setattr(artist, _KEEP, True)
    return artist


@contextmanager
def dark(figure: Figure) -> Iterator[None]:
    """Give a figure its dark colours within a ``with`` block.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Its text, lines, patches and collections are changed and restored. Images and collections
        coloured by a colour map stay as they are.
    """
    changes = [change for artist in _artists(figure) for change in _changes(artist)]
    for setter, _, new in changes:
        setter(new)
    try:
        yield
    finally:
        for setter, old, _ in reversed(changes):
            setter(old)


def _artists(figure: Figure) -> Iterator[Artist]:
    """Walk all artists, with the two that are not listed as children of theirs."""
    for artist in figure.findobj():
        if getattr(artist, _KEEP, False):
            continue
        yield artist
        for hidden in (getattr(artist, "arrow_patch", None), _box(artist)):
            if hidden is not None:
                yield hidden


def _box(artist: Any) -> Artist | None:
    return artist.get_bbox_patch() if hasattr(artist, "get_bbox_patch") else None


def _changes(artist: Any) -> Iterator[Change]:
    from matplotlib.collections import Collection
    from matplotlib.colors import same_color
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.text import Text

    if isinstance(artist, Text):
        names = ["color"]
    elif isinstance(artist, Line2D):
        names = ["color", "markerfacecolor", "markeredgecolor"]
    elif isinstance(artist, Patch) or (
        isinstance(artist, Collection) and artist.get_array() is None
    ):
        names = ["facecolor", "edgecolor"]
    else:
        names = []
    for name in names:
        old = getattr(artist, f"get_{name}")()
        new = _dark(old)
        if not same_color(old, new):
            yield getattr(artist, f"set_{name}"), old, new


def _dark(colour: Any) -> Any:
    """Map one colour, or the array of colours of a collection."""
    import numpy as np

    if isinstance(colour, np.ndarray) and colour.ndim == 2:
        return np.array([dark_colour(row) for row in colour]).reshape(-1, 4)
    return dark_colour(colour)
