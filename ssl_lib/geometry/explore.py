"""A partition that can be explored in a browser: point at a region, see its affine map."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ssl_lib.errors import InputError
from ssl_lib.geometry._widget import SCRIPT, STYLE
from ssl_lib.geometry.boundary import Boundary
from ssl_lib.geometry.export import polygon_arrays
from ssl_lib.geometry.partitions import Partition
from ssl_lib.geometry.plot import face_colors
from ssl_lib.markup import Markup, embedded, escape

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

__all__ = ["explore"]

# More would be too small to point at, and too heavy for a page.
_MOST = 1000
_WIDTH = 1000.0


def explore(
    partition: Partition,
    *,
    twin: str,
    boundary: Boundary | None = None,
    inputs: tuple[str, str] = ("x", "y"),
    outputs: Sequence[str] | None = None,
    color: str | Tensor | np.ndarray = "slope",
    cmap: str | Colormap = "viridis",
) -> Markup:
    """Draw a partition whose regions tell their affine map when pointed at.

    One self-contained piece of HTML, an SVG picture with a small script, that works without a
    network connection, by mouse, touch and keyboard (arrow keys). It is hidden where scripts do
    not run: show the same regions by `ssl_lib.plotting.show`, too. On a page of the book it takes
    the place of that still picture.

    Parameters
    ----------
    partition : Partition
        Of at most 1,000 regions.
    twin : str
        Label of the still picture, such as ``"fig-splinecam-explore"``.
    boundary : Boundary, optional
        Drawn in red.
    inputs : (str, str)
        Names of the plane's coordinates.
    outputs : sequence of str, optional
        Names of the network's outputs; by default f1, f2 and so on.
    color : {"slope", "area"} or array-like of shape (n_regions,)
        As for `draw_regions`.
    cmap : str or matplotlib Colormap

    Returns
    -------
    Markup
        For a cell's last expression.

    Raises
    ------
    InputError
        For too many regions, or other names than outputs.

    Examples
    --------
    >>> from torch import nn
    >>> from ssl_lib.geometry import box, partition
    >>> regions = partition(nn.Sequential(nn.Linear(2, 3), nn.ReLU()).eval(), box(-1, 1, -1, 1))
    >>> page = explore(regions, twin="fig-mine-regions")
    >>> page.html.count("data-region=") == len(regions)
    True
    """
    n_outputs = partition.outputs.shape[2]
    names = [f"f{n}" for n in range(1, n_outputs + 1)] if outputs is None else list(outputs)
    if len(names) != n_outputs:
        raise InputError(f"{len(names)} names for {n_outputs} outputs")
    if len(partition) > _MOST:
        raise InputError(
            f"at most {_MOST:,} regions can be explored, got {len(partition):,}: take a smaller "
            "domain, or draw_regions"
        )
    data = {"twin": twin, "first": int(partition.areas.argmax()), "regions": _about(partition)}
    parts = (
        f"<style>{STYLE}</style>",
        f'<div class="picture">{_svg(partition, boundary, face_colors(partition, color, cmap))}',
        '<p class="hint">Point at a region or tap it. By keyboard: arrow keys in the picture.</p>',
        f'</div>\n<div class="readout">{_readout(inputs, names)}</div>',
        f'<script type="application/json">{embedded(data)}</script>',
        f"<script>{SCRIPT.replace('__ID__', json.dumps(f'{twin}-regions'))}</script>",
    )
    html = f'<div class="ssl-explore" id="{escape(twin)}-regions" hidden>\n' + "\n".join(parts)
    return Markup(html + "\n</div>", f"{len(partition)} regions to explore in a browser")


def _about(partition: Partition) -> list[dict[str, Any]]:
    """Return what is said of each region; numbers to six digits."""
    codes = [
        code
        for layer, code in zip(partition.layers, partition.codes(), strict=True)
        if layer.kind == "kink"
    ]
    columns = zip(
        partition.areas.tolist(),
        partition.centers.tolist(),
        partition.outputs.transpose(1, 2).tolist(),
        strict=True,
    )
    return [
        {
            "area": _six(area),
            "center": [_six(x) for x in center],
            "map": [[_six(x) for x in function] for function in maps],
            "codes": ["".join(map(str, code[number].tolist())) for code in codes],
        }
        for number, (area, center, maps) in enumerate(columns)
    ]


def _six(value: float) -> float:
    return float(f"{value:.6g}")


def _svg(partition: Partition, boundary: Boundary | None, colors: list[str]) -> str:
    corners = partition.slice.domain
    low, high = corners.amin(0), corners.amax(0)
    scale = _WIDTH / (high - low)[0].item()

    def place(points: Tensor | np.ndarray) -> str:
        plane = torch.as_tensor(points).to(corners)
        flipped = torch.stack([plane[:, 0] - low[0], high[1] - plane[:, 1]], 1) * scale
        return "L".join(f"{x:.1f} {y:.1f}" for x, y in flipped.tolist())

    outlines = [f"M{place(polygon)}Z" for polygon in polygon_arrays(partition.polygons)]
    faces = "\n".join(
        f'<path data-region="{number}" fill="{color}" d="{outline}"/>'
        for number, (outline, color) in enumerate(zip(outlines, colors, strict=True))
    )
    segments = [] if boundary is None else list(boundary.segments)
    border = "".join(f"M{place(segment)}" for segment in segments)
    lines = [("", "#fff", 3.6, border), ("", "#e8321e", 2.2, border)]
    lines += [(" chosen", "#14181e", 5.0, ""), (" chosen", "#ffd166", 2.5, "")]
    drawn = "\n".join(
        f'<path class="line{kind}" stroke="{color}" stroke-width="{width}" d="{outline}"/>'
        for kind, color, width, outline in lines
    )
    height = (high - low)[1].item() * scale
    return (
        f'<svg viewBox="0 0 {_WIDTH:.0f} {height:.0f}" role="application" tabindex="0" '
        f'aria-label="{len(partition)} linear regions of a network; arrow keys go from one to the '
        f'next">\n<g class="faces">\n{faces}\n</g>\n{drawn}\n</svg>'
    )


def _readout(inputs: Sequence[str], outputs: Sequence[str]) -> str:
    """Return the places that the script fills for the region at hand."""
    head = "".join(f'<th scope="col">times {escape(name)}</th>' for name in inputs)
    rows = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td></td><td></td><td></td></tr>'
        for name in outputs
    )
    note = ", in bold the largest in its middle" if len(outputs) > 1 else ""
    return (
        '<div role="status"><p class="about"></p></div>\n<p class="units" aria-hidden="true"></p>\n'
        f"<table><caption>The affine map of the region{note}</caption>\n"
        f'<thead><tr><th scope="col">output</th>{head}<th scope="col">plus</th></tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table>"
    )
