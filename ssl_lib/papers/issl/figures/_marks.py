"""What the chapter's figures share: colours, bands, panels."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import pandas as pd

from ssl_lib import plotting
from ssl_lib.papers.issl.measures import over_runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["GREY", "LOOK", "band", "colour", "log_dims", "panels", "top_legend"]

GREY = "#6E7681"
_ORDER = (
    "dissl", "untrained", "cissl-mlp-heads", "cissl-linear-heads", "cissl", "dino", "swav",
)  # fmt: skip
#: Colour and marker of each variant, by name, the same in every figure.
LOOK = dict(zip(_ORDER, zip(plotting.PALETTE, plotting.MARKERS, strict=True), strict=True))


def panels(
    rows: int, columns: int, *, height: float, sharex: bool | Literal["col"] = False
) -> tuple["Figure", list["Axes"]]:
    """Make a grid of panels of the house's width and ``height`` inches in all."""
    import matplotlib.pyplot as plt

    fig, grid = plt.subplots(
        rows, columns, figsize=(plotting.WIDTH, height), squeeze=False, layout="constrained",
        sharex=sharex,
    )  # fmt: skip
    return fig, list(grid.flat)


def band(
    ax: "Axes",
    table: pd.DataFrame,
    x: str,
    y: str,
    *,
    label: str,
    look: tuple[str, str],
    style: str = "-",
) -> None:
    """Draw the mean over runs as a line, and its 95 % interval as a band."""
    means = over_runs(table, [x], y).sort_values(x)
    colour, marker = look
    ax.fill_between(means[x], means.low, means.high, color=colour, alpha=0.2, linewidth=0)
    ax.plot(means[x], means["mean"], style, color=colour, marker=marker, label=label)


def log_dims(ax: "Axes", dims: Iterable[float], *, every: int = 1) -> None:
    """Make a logarithmic axis with a tick at each dimension, and name the last of so many."""
    from matplotlib.ticker import NullLocator

    ax.set_xscale("log", base=2)
    places = list(dims)
    left = range(len(places) - 1, -1, -1)
    ax.set_xticks(
        places, [f"{d:g}" if k % every == 0 else "" for d, k in zip(places, left, strict=True)]
    )
    ax.xaxis.set_minor_locator(NullLocator())


def top_legend(fig: "Figure", ax: "Axes", *, columns: int = 3) -> None:
    """Put one legend for all panels above them."""
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper left", ncols=columns)


def colour(place: int) -> tuple[str, str]:
    """Return the palette's colour and marker at a place."""
    return plotting.PALETTE[place % 7], plotting.MARKERS[place % 7]
