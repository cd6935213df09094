"""Figures on dark pages: greys change places, colours stay.

A figure is drawn once, in stand-in colours: one for each colour that is another on a dark page
(:class:`StandIns`). In the SVG they become properties with two values, of which the address of the
picture chooses one (:func:`both_schemes`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

__all__ = [
    "BACKGROUND", "FOREGROUND", "StandIns", "always_dark", "both_schemes", "dark_colour",
    "keep_colours", "recoloured",
]  # fmt: skip

#: The book's own dark page and the text on it.
BACKGROUND, FOREGROUND = "#14181E", "#CED6DD"

_NEUTRAL = 0.12
_KEEP = "_ssl_lib_keep_colours"

# Stand-ins are counted upwards from a strong red that no colour map holds.
_FIRST = 0xFE0100
_ELEMENT = re.compile(r"<([A-Za-z]+)\b([^<>]*#fe[0-9a-f]{4}[^<>]*)")
_PAINT = re.compile(r'\b(fill|stroke)(: |=")(#fe[0-9a-f]{4})\b')

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


class StandIns:
    """Colours to draw in, each standing for a light and a dark one.

    Attributes
    ----------
    page : str
        Stands for the ground: white, or nothing on a dark page.
    pairs : dict of str to (str, str)
        Stand-in to the colours, as hexadecimal numbers or ``"none"``.

    Examples
    --------
    >>> colours = StandIns()
    >>> colours("#1663F7")  # the same on any page
    '#1663F7'
    >>> _ = colours("black"), colours("black")
    >>> colours.pairs
    {'#fe0100': ('#ffffff', 'none'), '#fe0101': ('#000000', '#ced6dd')}
    """

    def __init__(self) -> None:
        self.page = f"#{_FIRST:06x}"
        self.pairs = {self.page: ("#ffffff", "none")}
        self._known = {pair: stand_in for stand_in, pair in self.pairs.items()}
        self._seen: dict[Any, tuple[float, float, float, float] | None] = {}

    def __call__(self, colour: Any) -> Any:
        """Return the stand-in of a colour, or the colour when it is the same on a dark page."""
        key = colour if isinstance(colour, str) else tuple(colour)
        if key not in self._seen:
            self._seen[key] = self._stand_in(colour)
        found = self._seen[key]
        return colour if found is None else found

    def _stand_in(self, colour: Any) -> tuple[float, float, float, float] | None:
        from matplotlib.colors import to_hex, to_rgb, to_rgba

        changed = dark_colour(colour)
        if changed == to_rgba(colour):
            return None
        pair = (to_hex(colour), to_hex(changed))
        stand_in = self._known.setdefault(pair, f"#{_FIRST + len(self.pairs):06x}")
        self.pairs[stand_in] = pair
        return (*to_rgb(stand_in), to_rgba(colour)[3])


def both_schemes(svg: str, colours: StandIns, name: str) -> str:
    """Turn an SVG drawn in stand-in colours into one for light and for dark pages.

    Parameters
    ----------
    svg : str
        As matplotlib writes it.
    colours : StandIns
        What it was drawn in.
    name : str
        The id that the picture gets. Its address followed by ``#name`` shows the dark variant.

    Returns
    -------
    str
        Each element keeps its light colour in its ``style``, which is all that readers without CSS
        see; the class beside it names a property of the root. Properties are inherited, also into
        copies (``<use>``), so that several pictures in one page do not disturb each other.

    Examples
    --------
    >>> colours = StandIns()
    >>> _ = colours("black")
    >>> svg = both_schemes('<svg><path style="fill: #fe0101"/></svg>', colours, "a")
    >>> svg.partition("</style>")[2]
    '<path class="fill-c1" style="fill: #000000"/></svg>'
    >>> svg[svg.index("#a{") : svg.index("</style>")]
    '#a{--c1:#000000}#a:target{--c1:#ced6dd}.fill-c1{fill:var(--c1)!important}}'
    """
    used: dict[str, str] = {}
    body = _ELEMENT.sub(lambda found: _element(found, colours, used), svg)
    place = re.search(r"<svg\b", body)
    if place is None or not used:
        return body
    end = body.index(">", place.end()) + 1
    start = f'{body[: place.end()]} id="{name}"{body[place.end() : end]}'
    return f"{start}<style>{_rules(colours, used, name)}</style>{body[end:]}"


def always_dark(svg: str) -> str:
    """Return the dark variant of what :func:`both_schemes` made, under any address.

    Examples
    --------
    >>> always_dark("<svg><style>#a{--c1:#000}#a:target{--c1:#fff}</style></svg>")
    '<svg><style>#a{--c1:#000}#a{--c1:#fff}</style></svg>'
    """
    return svg.replace(":target{", "{", 1)


def _element(found: re.Match[str], colours: StandIns, used: dict[str, str]) -> str:
    """Return an element in its light colours, with a class for each that changes."""
    tag, attributes = found.groups()
    classes = []

    def light(paint: re.Match[str]) -> str:
        prop, between, colour = paint.groups()
        if colour not in colours.pairs:
            return paint[0]
        classes.append(f"{prop}-c{_number(colour)}")
        used[classes[-1]] = colour
        return f"{prop}{between}{colours.pairs[colour][0]}"

    painted = _PAINT.sub(light, attributes)
    return f'<{tag} class="{" ".join(classes)}"{painted}' if classes else found[0]


def _rules(colours: StandIns, used: dict[str, str], name: str) -> str:
    seen = sorted({*used.values()})
    light, dark = (
        ";".join(f"--c{_number(colour)}:{colours.pairs[colour][scheme]}" for colour in seen)
        for scheme in (0, 1)
    )
    paints = "".join(
        f".{kind}{{{kind.partition('-')[0]}:var(--c{_number(colour)})!important}}"
        for kind, colour in sorted(used.items())
    )
    return f"@supports(fill:var(--a)){{#{name}{{{light}}}#{name}:target{{{dark}}}{paints}}}"


def _number(stand_in: str) -> int:
    return int(stand_in[1:], 16) - _FIRST


@contextmanager
def recoloured(figure: Figure, change: Callable[[Any], Any]) -> Iterator[None]:
    """Give a figure other colours within a ``with`` block.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Its text, lines, patches and collections are changed and restored. Stay as they are: images
        and collections coloured by a colour map, what is drawn as pixels, what is see-through
        altogether, and what :func:`keep_colours` was told of.
    change : callable
        Returns the colour to draw in for one colour.
    """
    changes = [found for artist in _artists(figure) for found in _changes(artist, change)]
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
        if getattr(artist, _KEEP, False) or _as_pixels(artist):
            continue
        yield artist
        for hidden in (getattr(artist, "arrow_patch", None), _box(artist)):
            if hidden is not None:
                yield hidden


def _as_pixels(artist: Any) -> bool:
    from matplotlib.axes import Axes

    axes = artist.axes  # of a figure, the list of all
    return bool(artist.get_rasterized() or (isinstance(axes, Axes) and axes.get_rasterized()))


def _box(artist: Any) -> Artist | None:
    return artist.get_bbox_patch() if hasattr(artist, "get_bbox_patch") else None


def _changes(artist: Any, change: Callable[[Any], Any]) -> Iterator[Change]:
    from matplotlib.collections import Collection
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
        new = _changed(old, change)
        if new is not old:
            yield getattr(artist, f"set_{name}"), old, new


def _changed(colour: Any, change: Callable[[Any], Any]) -> Any:
    """Change one colour, or the array of colours of a collection."""
    import numpy as np
    from matplotlib.colors import to_rgba

    if isinstance(colour, np.ndarray) and colour.ndim == 2:
        changed = np.array([_changed(tuple(row), change) for row in colour]).reshape(-1, 4)
        return colour if np.array_equal(changed, colour) else changed
    # A line's own alpha would bring "none" back as a colour.
    changed = change(colour) if to_rgba(colour)[3] > 0 else colour
    return colour if to_rgba(changed) == to_rgba(colour) else changed
