"""What the figures of the chapter share: rows of factors, markers with intervals, panels."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ssl_lib import plotting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FADED = 0.3  # opacity of what a test does not tell apart
INK = "#222832"
GREY = "#8A8F98"
PALE = "#C9CDD2"


class Bounds(NamedTuple):
    """Names of the columns that hold an interval."""

    low: str = "low"
    high: str = "high"


INTERVAL = Bounds()


def words(name: str) -> str:
    """Return a factor's or group's name as a reader writes it."""
    return name.replace("_", " ")


def signed(value: float, digits: int = 2) -> str:
    """Write a number with its sign, for captions.

    Examples
    --------
    >>> signed(-0.954), signed(4.06, 1)
    ('−0.95', '+4.1')
    """
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def panels(
    rows: int = 1, columns: int = 1, *, wide: bool = False, height: float, **options: Any
) -> tuple["Figure", list["Axes"]]:
    """Return a figure and its axes, flat."""
    import matplotlib.pyplot as plt

    size = (plotting.WIDE if wide else plotting.WIDTH, height)
    fig, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, **options)
    return fig, list(axes.flat)


def name_rows(axes: Sequence["Axes"], names: Sequence[str]) -> None:
    """Write the names of the rows, the first one on top; panels that share rows name them once."""
    axes[0].set_yticks(range(len(names)), [words(name) for name in names])
    axes[0].set_ylim(len(names) - 0.4, -0.6)
    for ax in axes:
        ax.tick_params(axis="y", length=0)
        ax.grid(False, axis="y")


def colour(position: int) -> str:
    """Return the palette's colour at a position."""
    return plotting.PALETTE[position % len(plotting.PALETTE)]


def look(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Give each series its colour and its marker, by position."""
    markers = plotting.MARKERS
    return {
        name: {"color": colour(k), "marker": markers[k % len(markers)], "label": words(name)}
        for k, name in enumerate(names)
    }


def dots(
    ax: "Axes",
    table: pd.DataFrame,
    *,
    rows: Sequence[str],
    series: Sequence[str],
    value: str,
    row: str = "factor",
    by: str = "model",
    bounds: Bounds | None = INTERVAL,
    faded: Sequence[str] = (),
    looks: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Draw one marker with its interval for each row and series, series one below the other."""
    looks = looks or look(series)
    offsets = np.linspace(-0.3, 0.3, len(series)) if len(series) > 1 else [0.0]
    for name, offset in zip(series, offsets, strict=True):
        part = table[table[by] == name].set_index(row).loc[list(rows)]
        _series(ax, part, value, bounds, np.arange(len(rows)) + offset, faded, dict(looks[name]))


def _series(
    ax: "Axes",
    part: pd.DataFrame,
    value: str,
    bounds: Bounds | None,
    y: Any,
    faded: Sequence[str],
    look_: dict[str, Any],
) -> None:
    pale = part.index.isin(faded)
    for keep, alpha in ((~pale, 1.0), (pale, FADED)):
        if not keep.any():
            continue
        x = part[value][keep].to_numpy(float)
        if bounds is not None:
            ends = part.loc[keep, [bounds.low, bounds.high]].to_numpy(float).T
            ax.hlines(y[keep], *ends, color=look_["color"], alpha=alpha, linewidth=1.3)
        ax.plot(x, y[keep], linestyle="", markersize=4.5, alpha=alpha, **look_)
        look_ = {**look_, "label": "_"}


def legend(fig: "Figure", ax: "Axes", *, columns: int = 4) -> None:
    """Put one legend above all panels."""
    handles, labels = ax.get_legend_handles_labels()
    spaces = {"frameon": False, "handletextpad": 0.3, "columnspacing": 1.0}
    fig.legend(handles, labels, loc="outside upper center", ncols=columns, **spaces)


def extent(ax: "Axes", *columns: pd.Series) -> None:
    """Leave room around what the panels that share this axis hold."""
    low = min(float(column.min()) for column in columns)
    high = max(float(column.max()) for column in columns)
    ax.set_xlim(low - 0.03 * (high - low), high + 0.03 * (high - low))


def reference(ax: "Axes", x: float) -> None:
    """Draw the vertical line that means "no difference"."""
    ax.axvline(x, color=GREY, linewidth=1, zorder=0)
