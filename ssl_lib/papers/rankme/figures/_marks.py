"""What the figures of the chapter share: the house style, one look for each sweep."""

from typing import TYPE_CHECKING, Any

from ssl_lib import plotting
from ssl_lib.papers.rankme.settings import TITLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import Series

GREY = "#7A828C"


def panels(
    rows: int = 1, columns: int = 1, *, height: float, **options: Any
) -> tuple["Figure", list["Axes"]]:
    """Return a figure as wide as a phone shows it, and its axes, flat."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(
        rows, columns, figsize=(plotting.WIDTH, height), squeeze=False, **options
    )
    return fig, list(axes.flat)


def look(experiment: str) -> dict[str, Any]:
    """Return colour and marker of an experiment."""
    place = list(TITLES).index(experiment)
    return {"color": plotting.PALETTE[(0, 4, 2, 6, 5)[place]], "marker": plotting.MARKERS[place]}


def cloud(ax: "Axes", x: "Series", y: "Series", experiment: str, **options: Any) -> None:
    """Draw one point an encoder in the look of its experiment."""
    given = {"label": TITLES[experiment], "alpha": 0.8, **look(experiment), **options}
    ax.plot(x, y, linestyle="", **given)


def legend(fig: "Figure", ax: "Axes", *, columns: int = 2) -> None:
    """Put one legend above all panels."""
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(
        handles, labels, loc="outside upper center", ncols=columns, handletextpad=0.3,
        columnspacing=1.0,
    )  # fmt: skip


def settings_axis(ax: "Axes", values: list[float]) -> dict[float, int]:
    """Space the settings of a sweep evenly, name every other one, and return their places."""
    places = {value: place for place, value in enumerate(values)}
    ax.set_xticks(range(len(values)))
    step = 2 if len(values) > 5 else 1
    names = [f"{value:g}" if place % step == 0 else "" for place, value in enumerate(values)]
    ax.set_xticklabels(names)
    return places
