"""Maps of functions of the plane: level lines over the points they are learned from."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.minimal_variations.networks import LOSSES
from ssl_lib.papers.minimal_variations.variants import METHODS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ssl_lib.theory.checks import Array

__all__ = ["eigenfunctions", "learned"]

#: Of functions of unit second moment.
LEVELS = np.linspace(-2.4, 2.4, 17)
INK = "#222832"
#: How far from the nearest point a place counts as one where there are data.
NEAR = 0.15


@plotting.style()
def eigenfunctions(maps: pd.DataFrame, points: "Array", pairs: "Array") -> "Figure":
    """Draw the first four functions of each closed form, a row a method.

    Parameters
    ----------
    maps : pandas.DataFrame
        Columns method, x, y, f1 to f4.
    points : numpy.ndarray of shape (n, 2)
        The sample.
    pairs : numpy.ndarray of shape (m, 2, 2)
        Two views of some points, joined by lines in the row of views.
    """
    names = [name for name in maps.method.unique() if name in METHODS]
    fig, axes = _panels(len(names), 4)
    for row, name in zip(axes, names, strict=True):
        _row(row, maps[maps.method == name], points)
        row[0].set_title(METHODS[name].title, fontsize=10)
        if name == "views":
            for ax in row:
                ax.plot(*pairs.transpose(2, 1, 0), color=INK, lw=0.7, marker="")
    return fig


@plotting.style()
def learned(maps: pd.DataFrame, points: "Array", angles: Mapping[str, Sequence[float]]) -> "Figure":
    """Draw the leading components of each trained network, with principal angles.

    Parameters
    ----------
    maps, points
        See :func:`eigenfunctions`.
    angles : mapping of str to sequence of float
        By loss the principal angles to the known functions, in degrees.
    """
    fig, axes = _panels(len(LOSSES), 3)
    for row, (name, loss) in zip(axes, LOSSES.items(), strict=True):
        _row(row, maps[maps.method == name], points)
        said = ", ".join(f"{angle:.0f}°" for angle in angles[name])
        row[0].set_title(f"{loss.title}: {said}", fontsize=10)
    return fig


def _panels(rows: int, columns: int) -> tuple["Figure", "np.ndarray"]:
    import matplotlib.pyplot as plt

    width = plotting.WIDTH
    size = (width, rows * (width / columns * 4 / 3 * 0.78 + 0.25))
    fig, axes = plt.subplots(
        rows, columns, figsize=size, squeeze=False, layout="constrained", dpi=150
    )
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[], aspect="equal")
        ax.spines[:].set_visible(False)
        ax.grid(visible=False)
    return fig, axes


def _row(axes: Sequence["Axes"], maps: pd.DataFrame, points: "Array") -> None:
    """Draw a method's functions, in the signs that have most red at the upper right."""
    signs = _signs(maps, points, len(axes))
    for number, (ax, sign) in enumerate(zip(axes, signs, strict=True), start=1):
        wide = maps.pivot(index="y", columns="x", values=f"f{number}")
        values = (sign * wide.to_numpy()).clip(LEVELS[0], LEVELS[-1])
        filled = ax.contourf(wide.columns, wide.index, values, levels=LEVELS, cmap="RdBu_r")
        filled.set_rasterized(True)
        plotting.keep_colours(filled)
        ax.plot(*points.T, ls="", marker=".", ms=1.2, mew=0, color=INK, alpha=0.5, rasterized=True)


def _signs(maps: pd.DataFrame, points: "Array", k: int) -> "Array":
    """Return a sign for each function, from where the data are: beyond, methods differ."""
    from scipy.spatial import cKDTree

    near = maps[cKDTree(points).query(maps[["x", "y"]])[0] < NEAR]
    weights = 1 + 2 * near.x + near.y
    total = weights @ near[[f"f{number}" for number in range(1, k + 1)]]
    return np.asarray(np.where(total < 0, -1.0, 1.0))
