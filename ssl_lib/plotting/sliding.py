"""A figure with a slider: one picture a value, drawn beforehand, in a page without a network."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ssl_lib.errors import InputError
from ssl_lib.markup import Markup, embedded, escape
from ssl_lib.plotting.showing import drawn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["slider"]

_MOST = 40  # pictures in a page


def slider(
    frames: Mapping[str, Figure],
    *,
    twin: str,
    name: str,
    says: Sequence[str],
    start: int = 0,
) -> Markup:
    """Show figures of which a slider chooses one, by mouse, touch and keyboard.

    One self-contained piece of HTML. It is hidden where scripts do not run: show one of the
    figures by :func:`ssl_lib.plotting.show`, too. On a page of the book it takes the place of that
    still picture, above its caption.

    Parameters
    ----------
    frames : mapping of str to matplotlib.figure.Figure
        By the value as readers see it, in the slider's order; all of one size. They are closed.
    twin : str
        Label of the still picture, such as ``"fig-cluster_prior-prior"``.
    name : str
        What the slider chooses, such as ``"lambda"``.
    says : sequence of str
        A sentence for each frame that says what it shows; it stands below the picture, and for it
        where it cannot be seen.
    start : int, default=0
        The frame that is shown first: the still picture's.

    Returns
    -------
    Markup
        For a cell's last expression.

    Raises
    ------
    InputError
        For fewer than 2 or more than 40 frames, other numbers of sentences, or no such start.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> figures = {value: Figure(figsize=(2, 1)) for value in ("0.1", "1", "10")}
    >>> page = slider(figures, twin="fig-a-b", name="rate", says=["a", "b", "c"])
    >>> print(page)
    3 figures to choose from by rate in a browser
    """
    import matplotlib.pyplot as plt

    _check(frames, says, start)
    mark = f"{twin}-dark"
    shown = [
        {"value": value, "says": sentence, "picture": _address(drawn(figure, mark))}
        for (value, figure), sentence in zip(frames.items(), says, strict=True)
    ]
    for figure in frames.values():
        plt.close(figure)
    data = {"twin": twin, "dark": mark, "start": start, "frames": shown}
    ident, first = f"{twin}-slider", shown[start]
    html = (
        f'<style>{_STYLE}</style>\n<div class="ssl-slider" id="{escape(ident)}" hidden>\n'
        f'<img alt="{escape(first["says"])}">\n'
        f'<p><label>{escape(name)} <input type="range" min="0" max="{len(shown) - 1}" step="1" '
        f'value="{start}"></label> <output>{escape(first["value"])}</output></p>\n'
        f'<p role="status">{escape(first["says"])}</p>\n'
        f'<script type="application/json">{embedded(data)}</script>\n'
        f"<script>{_SCRIPT.replace('__ID__', json.dumps(ident))}</script>\n</div>"
    )
    return Markup(html, f"{len(shown)} figures to choose from by {name} in a browser")


def _check(frames: Mapping[str, Figure], says: Sequence[str], start: int) -> None:
    if not 2 <= len(frames) <= _MOST:
        raise InputError(f"a slider needs 2 to {_MOST} figures, got {len(frames)}.")
    if len(says) != len(frames):
        raise InputError(f"{len(frames)} figures need as many sentences, got {len(says)}.")
    if not 0 <= start < len(frames):
        raise InputError(f"start must be from 0 to {len(frames) - 1}, got {start}.")


def _address(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


_STYLE = """
.ssl-slider img { display: block; width: 100%; height: auto; background: none; filter: none; }
.ssl-slider p { margin: 0.25rem 0; text-align: left; }
.ssl-slider label { display: flex; flex-wrap: wrap; gap: 0 0.75rem; align-items: center; }
.ssl-slider input { flex: 1 1 14rem; min-height: 1.5rem; }
.ssl-slider output { font-variant-numeric: tabular-nums; font-weight: 600; }
@media screen { .ssl-slider-twin { display: none !important; } }
@media print { .ssl-slider { display: none !important; } }
"""

_SCRIPT = """
(function (root) {
  "use strict";
  if (!root) return;
  const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const picture = root.querySelector("img"), input = root.querySelector("input");

  function show() {
    const frame = data.frames[Number(input.value)];
    const dark = document.documentElement.dataset.theme === "dark";
    picture.src = frame.picture + (dark ? "#" + data.dark : "");
    picture.classList.toggle("dark-variant", dark);
    picture.alt = frame.says;
    root.querySelector("output").textContent = frame.value;
    root.querySelector("[role=status]").textContent = frame.says;
    input.setAttribute("aria-valuetext", frame.value);
  }

  // In the book the picture takes the place of its still twin, above the twin's caption.
  const figure = document.getElementById(data.twin.replace(/_/g, "-"));
  const still = figure && figure.querySelector("img");
  if (still) {
    const place = root.closest(".output");
    const outer = still.closest("a") || still;
    outer.classList.add("ssl-slider-twin");
    outer.before(root);
    if (place) place.hidden = true;
  }
  input.addEventListener("input", show);
  new MutationObserver(show).observe(document.documentElement, {
    attributes: true, attributeFilter: ["data-theme"],
  });
  root.hidden = false;
  show();
})(document.getElementById(__ID__));
"""
