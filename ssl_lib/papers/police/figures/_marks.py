"""What the figures of the chapter share: style, outlines of regions, maps of values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from torch import Tensor

from ssl_lib import plotting
from ssl_lib.papers.police.training import Trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#222832"
#: Resolution of what is drawn as pixels inside the SVG, such as tens of thousands of regions.
DPI = 180
#: Points along a side of what is evaluated.
SIDE = 160
LEVELS = np.linspace(-1, 1, 13)


def maps(rows: int, columns: int, height: float) -> tuple["Figure", Any]:
    """Make panels for maps of the plane: square, without ticks."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(
        rows, columns, figsize=(plotting.WIDTH, height), squeeze=False, dpi=DPI,
        layout="constrained",
    )  # fmt: skip
    fig.get_layout_engine().set(w_pad=0.03, h_pad=0.06, wspace=0.01, hspace=0.02)  # type: ignore[call-arg, union-attr]
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[], aspect="equal")
        ax.spines[:].set_visible(False)
        ax.grid(visible=False)
    return fig, axes


def outline(ax: "Axes", polygons: Sequence[Tensor], *, width: float = 1.6) -> None:
    """Draw polygons as white lines with dark rims, which show on any colour."""
    import matplotlib.patheffects as effects
    from matplotlib.patches import Polygon

    for polygon in polygons:
        patch = Polygon(polygon.numpy(), fill=False, edgecolor="white", linewidth=width, zorder=5)
        patch.set_joinstyle("round")
        rim = effects.Stroke(linewidth=width + 1.6, foreground=INK)
        patch.set_path_effects([rim, effects.Normal()])
        plotting.keep_colours(patch)
        ax.add_patch(patch)


def contours(ax: "Axes", trained: Trained, value: str) -> Any:
    """Fill twelve levels from -1 to 1 and outline the region, as the paper's figures do."""
    x, y, z = gridded(trained.field(SIDE), value)
    drawn = ax.contourf(x, y, z.clip(-1, 1), levels=LEVELS, cmap="plasma")
    drawn.set_rasterized(True)
    outline(ax, trained.network.polygons)
    return drawn


def gridded(table: pd.DataFrame, value: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return both axes (n,) and the values (n, n) of a table of a grid, y in rows."""
    wide = table.pivot(index="y", columns="x", values=value)
    return wide.columns.to_numpy(), wide.index.to_numpy(), wide.to_numpy()


def power(value: float) -> str:
    """Write the order of magnitude of a number, rounded up, for titles.

    Examples
    --------
    >>> power(3.2e-15), power(1e-3)
    ('$10^{-14}$', '$10^{-3}$')
    """
    return f"$10^{{{int(np.ceil(np.log10(max(value, 1e-17)) - 1e-9))}}}$"
