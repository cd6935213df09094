"""Smaller pixels inside vector pictures."""

from __future__ import annotations

import base64
import io
import re

__all__ = ["lighter"]

_EMBEDDED = re.compile(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)")
_SMALL = 4096  # characters; below, a palette saves nothing


def lighter(svg: str) -> str:
    """Give the opaque pictures in an SVG a palette of 256 colours, where that makes them smaller.

    What is drawn as pixels inside a figure are flat colours under hairlines, in true colour several
    times as heavy as it needs to be.

    Parameters
    ----------
    svg : str

    Returns
    -------
    str

    Examples
    --------
    >>> lighter('<svg xmlns="http://www.w3.org/2000/svg"/>')
    '<svg xmlns="http://www.w3.org/2000/svg"/>'
    """
    return _EMBEDDED.sub(_replaced, svg)


def _replaced(found: re.Match[str]) -> str:
    if len(found[1]) < _SMALL:
        return found[0]
    content = base64.b64encode(_with_palette(base64.b64decode(found[1]))).decode()
    return f"data:image/png;base64,{content}" if len(content) < len(found[1]) else found[0]


def _with_palette(png: bytes) -> bytes:
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGBA")
    # Rims may be a little see-through; a picture that is so inside keeps its true colours.
    if sum(image.getchannel("A").histogram()[:128]):
        return png
    buffer = io.BytesIO()
    image.convert("RGB").quantize(256).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
