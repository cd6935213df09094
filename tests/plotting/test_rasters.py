"""Pictures inside an SVG get a palette: smaller, and the same to the eye."""

import base64
import io
import re

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from ssl_lib.plotting.rasters import lighter


def _svg(opacity: float) -> str:
    """Return a picture of flat shapes with hairlines, drawn as pixels."""
    fig, ax = plt.subplots(figsize=(3, 3))
    ax.fill([-9, 20, 20, -9], [-9, -9, 20, 20], color="navy", alpha=opacity, rasterized=True)
    for k in range(60):
        x = 9 * np.sin([k, 2 * k, 3 * k]) + 5
        ax.fill(x, [0, 5, 9], color=plt.get_cmap("plasma")(k / 60), ec="white", lw=0.3,
                alpha=opacity, rasterized=True)  # fmt: skip
    ax.set(xlim=(0, 9), ylim=(0, 9))
    ax.set_axis_off()
    buffer = io.StringIO()
    fig.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(fig)
    return buffer.getvalue()


def _picture(svg: str) -> np.ndarray:
    (found,) = re.findall(r"base64,\s*([A-Za-z0-9+/=\s]+)", svg)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(found))).convert("RGB"), float)


def test_pictures_get_smaller_and_look_the_same() -> None:
    svg = _svg(1.0)
    small = lighter(svg)
    assert len(small) < 0.6 * len(svg)
    before, after = _picture(svg), _picture(small)
    assert before.shape == after.shape
    assert np.abs(before - after).mean() < 4  # of 255
    assert lighter(svg) == small


def test_what_is_see_through_keeps_its_colours() -> None:
    svg = _svg(0.3)
    assert lighter(svg) == svg


def test_what_is_no_picture_stays() -> None:
    svg = '<svg><path d="M0 0"/><image xlink:href="data:image/png;base64,AAAA"/></svg>'
    assert lighter(svg) == svg
