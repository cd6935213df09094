"""Eigenvalues as lines in the penalty, and the feature that is best."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ssl_lib import plotting
from ssl_lib.papers.ssl_interplay import cube as exact
from ssl_lib.papers.ssl_interplay.cube import CUBES, PARITIES, Cube
from ssl_lib.papers.ssl_interplay.measures import REGIMES, chosen
from ssl_lib.theory.spectra import Interplay

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

__all__ = ["POSITIONS", "explore", "lines", "parities"]

HUES, MARKERS = plotting.PALETTE, plotting.MARKERS
GREY = "#6E7681"
#: Penalties of the slider, in units of 1e-7.
POSITIONS = (
    0.0, 0.4, 0.8, 1.2, 1.6, 1.8, 2.4, 3.0, 4.0, 5.0, 6.0, 6.6, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0,
)  # fmt: skip


@plotting.style()
def lines(invariance: Sequence[float], norms: Sequence[float], most: float = 3.0) -> "Figure":
    """Draw the paper's Figure 2: the eigenvalues of three features against the penalty."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(plotting.WIDTH, 3.3))
    found = Interplay(invariance, norms)
    names = [f"$f_{place + 1}$" for place in range(len(norms))]
    _envelope(ax, found, most, names)
    edges = [0, *found.switches(), most]
    for name, low, high in zip(REGIMES, edges, edges[1:], strict=False):
        ax.annotate(name, ((low + high) / 2, 1.0), xycoords=ax.get_xaxis_transform(),
                    ha="center", va="bottom", fontsize=10)  # fmt: skip
    ax.set(xlabel=r"penalty $\lambda$", ylabel="eigenvalue", ylim=(0, None))
    ax.legend(loc="upper right")
    return fig


def _envelope(ax: "Axes", found: Interplay, most: float, names: Sequence[str]) -> None:
    """Draw lines, solid where they are the largest, and dotted verticals at the switches."""
    penalty = np.linspace(0, most, 601)
    values, best = found.at(penalty), found.best(penalty)
    for place, name in enumerate(names):
        colour = HUES[2 - place]
        own = np.where(best == place, values[:, place], np.nan)
        ax.plot(penalty, values[:, place], color=colour, ls="--", lw=1.2, marker="", label=name)
        ax.plot(penalty, own, color=colour, lw=3, marker="", label="_")
    for switch in found.switches():
        if switch < most:
            ax.axvline(switch, color=GREY, lw=1, ls=":", zorder=0)
    ax.set_xlim(0, most)


@plotting.style()
def parities(cubes: Sequence[Cube] = CUBES) -> "Figure":
    """Draw the paper's Figure 8 by the eigenvalues of each cube."""
    fig, axes = plotting.small_multiples(len(cubes), columns=1, height=2.1, share=False)
    for ax, cube in zip(axes, cubes, strict=True):
        found = exact.parities(cube)
        most = 1.35 * max(found.switches())
        _envelope(ax, found, most, [parity.title for parity in PARITIES])
        floor = found.at(most).max()
        ax.set_ylim(0.6 * floor, 1.05 * found.at(0.0).max())
        ax.set_title(cube.title)
        ax.ticklabel_format(axis="x", style="sci", scilimits=(0, 0), useMathText=True)
    axes[len(axes) // 2].set_ylabel("eigenvalue")
    axes[-1].set_xlabel(r"penalty $\lambda$")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=3)
    return fig


@plotting.style()
def explore(position: float, cube: Cube = CUBES[2]) -> "Figure":
    """Draw the three lines with a penalty marked, and the bits of the best feature."""
    import matplotlib.pyplot as plt

    fig, (ax, ring) = plt.subplots(2, 1, figsize=(plotting.WIDTH, 4.9), height_ratios=[3, 2])
    found, most = exact.parities(cube), max(POSITIONS) * 1e-7
    _envelope(ax, found, most, [parity.title for parity in PARITIES])
    best, regime = chosen(cube, position * 1e-7)
    ax.axvline(position * 1e-7, color=GREY, lw=2)
    height = found.at(position * 1e-7)[best]
    ax.plot([position * 1e-7], [height], marker="o", ms=10, color=HUES[2 - best])
    ax.set(ylim=(0.02, 0.105), ylabel="eigenvalue", xlabel=r"penalty $\lambda$, in $10^{-7}$")
    ax.set_xticks(np.arange(0, 13, 2) * 1e-7, [str(tick) for tick in range(0, 13, 2)])
    ax.legend(loc="upper right", fontsize=9)
    _bits(ring, cube, best)
    ring.set_title(f"best: parity of {PARITIES[best].title} ({regime})")
    return fig


def _bits(ax: "Axes", cube: Cube, best: int) -> None:
    """Draw the bits as boxes, those of a parity filled, and a bar for each crop that keeps them."""
    own = PARITIES[best].bits
    kept = _kept(cube, own)
    for bit in range(1, cube.bits + 1):
        inside = bit in own
        colour = HUES[2 - best] if inside else "none"
        ink: dict[str, Any] = {"color": "white", "fontweight": "bold"} if inside else {}
        ax.add_patch(_box(bit, colour))
        ax.annotate(str(bit), (bit, 0.5), ha="center", va="center", fontsize=9,
                    **ink)  # fmt: skip
    for row, start in enumerate(kept):
        for low, high in _spans(start, cube):
            ax.plot([low, high], [-0.35 - 0.4 * row] * 2, color=GREY, lw=3, marker="",
                    solid_capstyle="butt")  # fmt: skip
    ax.set(xlim=(0.3, cube.bits + 0.7), ylim=(-2.4, 1.1), xticks=[], yticks=[])
    ax.set_xlabel(f"kept whole by {len(kept)} of {cube.bits} crops (bars)")
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def _box(bit: int, colour: str) -> "Patch":
    from matplotlib.patches import Rectangle

    return Rectangle((bit - 0.42, 0.1), 0.84, 0.8, facecolor=colour, edgecolor=GREY)


def _kept(cube: Cube, bits: Sequence[int]) -> list[int]:
    """Return the first bits of the crops that hold all of these."""
    return [
        start for start in range(1, cube.bits + 1)
        if all((bit - start) % cube.bits < cube.crop for bit in bits)
    ]  # fmt: skip


def _spans(start: int, cube: Cube) -> list[tuple[float, float]]:
    """Return the ends of a crop, in two parts where it goes round."""
    end = start + cube.crop - 1
    if end <= cube.bits:
        return [(start - 0.45, end + 0.45)]
    return [(start - 0.45, cube.bits + 0.45), (0.55, end - cube.bits + 0.45)]
