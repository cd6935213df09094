"""What the figures share: panels of a phone's width, means with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ssl_lib import plotting

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = "#7A828C"


def panels(
    rows: int = 1, columns: int = 1, *, height: float, **options: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure as wide as a phone shows it, and its axes, flat."""
    import matplotlib.pyplot as plt

    size = (plotting.WIDTH, height)
    fig, axes = plt.subplots(
        rows, columns, figsize=size, squeeze=False, layout="constrained", **options
    )
    return fig, list(axes.flat)


def look(place: int) -> dict[str, Any]:
    """Return colour and marker of the nth series."""
    return {
        "color": plotting.PALETTE[place % len(plotting.PALETTE)],
        "marker": plotting.MARKERS[place % len(plotting.MARKERS)],
    }


def line(
    ax: Axes, table: pd.DataFrame, x: str, place: int, label: str = "_", **options: Any
) -> None:
    """Draw means joined by a line, with their intervals."""
    error = [table["mean"] - table.low, table.high - table["mean"]]
    ax.errorbar(
        table[x], table["mean"], yerr=error, label=label, capsize=2, **look(place) | options
    )


def legend(fig: Figure, ax: Axes, *, columns: int = 2) -> None:
    """Put one legend above all panels."""
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=columns, columnspacing=1.0)
