"""Pieces that several chapters draw: labels beside lines, intervals, heat maps, small multiples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ssl_lib.errors import InputError
from ssl_lib.plotting.darkmode import keep_colours
from ssl_lib.plotting.theme import MARKERS, PALETTE, WIDE, WIDTH, text_on

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["by_data", "direct_labels", "heatmap", "intervals", "small_multiples", "spread"]


def small_multiples(
    n: int,
    *,
    columns: int = 2,
    height: float = 1.9,
    wide: bool = False,
    share: bool = True,
) -> tuple[Figure, list[Axes]]:
    """Make ``n`` panels in a grid.

    Parameters
    ----------
    n : int
        Number of panels, at least 1.
    columns : int, default=2
        Panels in a row.
    height : float, default=1.9
        Height of a row in inches.
    wide : bool, default=False
        For screens wider than a phone's; say so to :func:`ssl_lib.plotting.show` too.
    share : bool, default=True
        Whether panels share their axes' limits.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : list of matplotlib.axes.Axes
        ``n`` of them, row by row.

    Examples
    --------
    >>> figure, axes = small_multiples(3)
    >>> len(axes), len(figure.axes)
    (3, 3)
    >>> import matplotlib.pyplot as plt
    >>> plt.close(figure)
    """
    import matplotlib.pyplot as plt

    if n < 1 or columns < 1:
        raise InputError(f"n and columns must be at least 1, got {n} and {columns}.")
    columns = min(n, columns)
    rows = -(-n // columns)
    size = (WIDE if wide else WIDTH, max(2.2, height * rows))
    figure, grid = plt.subplots(
        rows, columns, figsize=size, sharex=share, sharey=share, squeeze=False, layout="constrained"
    )
    axes = list(grid.flat)
    for place in range(n, len(axes)):
        axes[place].remove()
        # The panel above a gap is the lowest of its column: it shows the shared axis.
        axes[place - columns].xaxis.set_tick_params(labelbottom=True)
    return figure, axes[:n]


def by_data(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Split a table by its column ``data``, for a row of panels each.

    Parameters
    ----------
    table : pandas.DataFrame

    Returns
    -------
    dict of str to pandas.DataFrame
        By what the label of a row's axis begins with, in the order of the table; the whole of a
        table without the column, by nothing.

    Examples
    --------
    >>> import pandas as pd
    >>> gains = pd.DataFrame({"data": ["digits", "CIFAR-10"], "gain": [1.0, 2.0]})
    >>> {label: len(part) for label, part in by_data(gains).items()}
    {'digits: ': 1, 'CIFAR-10: ': 1}
    >>> list(by_data(gains[["gain"]]))
    ['']
    """
    if "data" not in table:
        return {"": table}
    return {f"{name}: ": part for name, part in table.groupby("data", sort=False)}


def direct_labels(ax: Axes, *, gap: float = 1.25) -> None:
    """Write each line's label beside its last point, without overlaps; call it last.

    A thin line in the colour of its curve leads to each label. The text itself is in the text
    colour: coloured text would be hard to read.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Lines with a label are labelled; those with none are left.
    gap : float, default=1.25
        Least distance between labels, in text heights.
    """
    import matplotlib as mpl
    import numpy as np

    lines = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
    ends = [_last_point(line) for line in lines]
    kept = [(line, end) for line, end in zip(lines, ends, strict=True) if end is not None]
    if not kept:
        return
    figure: Any = ax.figure
    figure.draw_without_rendering()  # fixes the layout that pixels depend on
    points = 72 / ax.figure.dpi
    wanted = ax.transData.transform(np.array([end for _, end in kept]))[:, 1] * points
    size = float(mpl.rcParams["legend.fontsize"])
    for (line, end), target, place in zip(kept, wanted, spread(wanted, gap * size), strict=True):
        leader = {"arrowstyle": "-", "color": line.get_color(), "shrinkA": 0, "shrinkB": 0}
        ax.annotate(
            str(line.get_label()), end, xytext=(14, place - target), textcoords="offset points",
            va="center", fontsize=size, annotation_clip=False,
            arrowprops={**leader, "relpos": (0, 0.5)},
        )  # fmt: skip


def spread(wanted: Sequence[float] | npt.NDArray[np.float64], gap: float) -> list[float]:
    """Move positions as little as possible so that neighbours are ``gap`` apart.

    With positions sorted and ``i * gap`` taken off the i-th, the least-squares solution is the
    isotonic regression, found by pooling neighbours that are out of order.

    Parameters
    ----------
    wanted : sequence of float, shape (n,)
        Where the items would like to be.
    gap : float
        Least distance between two.

    Returns
    -------
    list of float
        Where they go, in the order of ``wanted``.

    Examples
    --------
    >>> spread([1.0, 1.0, 9.0], gap=2.0)
    [0.0, 2.0, 9.0]
    """
    order = sorted(range(len(wanted)), key=lambda item: wanted[item])
    pools: list[tuple[float, int]] = []
    for place, item in enumerate(order):
        mean, size = float(wanted[item]) - place * gap, 1
        while pools and pools[-1][0] >= mean:
            other, count = pools.pop()
            mean, size = (mean * size + other * count) / (size + count), size + count
        pools.append((mean, size))
    levels = [mean for mean, size in pools for _ in range(size)]
    placed = {item: levels[place] + place * gap for place, item in enumerate(order)}
    return [placed[item] for item in range(len(wanted))]


def intervals(
    ax: Axes,
    names: Sequence[str],
    values: Sequence[float],
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
    *,
    series: int = 0,
    of: int = 1,
    label: str | None = None,
    reference: float | None = None,
) -> None:
    """Draw estimates as dots with intervals, one row a name, the first on top.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    names : sequence of str, shape (n,)
        Names of the rows.
    values, low, high : sequence of float, shape (n,)
        Estimates and the ends of their intervals; without ends only dots are drawn.
    series, of : int
        Which of how many series this is: they get different colours, markers and heights.
    label : str, optional
        The series' name for a legend.
    reference : float, optional
        Where to draw a vertical line, such as 1 for a ratio.
    """
    import numpy as np

    centre, error = np.asarray(values, dtype=float), None
    if (low is None) != (high is None):
        raise InputError("an interval needs both low and high.")
    if low is not None and high is not None:
        error = np.stack([centre - np.asarray(low), np.asarray(high) - centre])
    rows = np.arange(len(names)) + (series - (of - 1) / 2) * 0.7 / of
    ax.errorbar(
        centre, rows, xerr=error, fmt=MARKERS[series % len(MARKERS)], label=label,
        color=PALETTE[series % len(PALETTE)], linewidth=1.6,
    )  # fmt: skip
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    if reference is not None and series == 0:
        ax.axvline(reference, color="#6E7681", linewidth=1, linestyle="--", zorder=0)


def heatmap(
    ax: Axes,
    values: pd.DataFrame,
    *,
    centre: float | None = None,
    limit: float | None = None,
    form: str = ".2f",
) -> Any:
    """Draw a matrix as coloured cells with their numbers.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    values : pandas.DataFrame, shape (rows, columns)
        Index and columns name the rows and columns. Missing values stay blank.
    centre : float, optional
        The value that has no colour: blue below, red above. Without it one hue grows darker.
    limit : float, optional
        Distance from the centre (or the largest value) at which the colour is full.
    form : str, default=".2f"
        Format of the numbers; ``""`` writes none.

    Returns
    -------
    matplotlib.collections.QuadMesh
        For a colour bar.
    """
    import numpy as np

    matrix = np.ma.masked_invalid(values.to_numpy(dtype=float))
    norm, cmap = _colouring(matrix, centre, limit)
    mesh = ax.pcolormesh(matrix, cmap=cmap, norm=norm, edgecolors="white", linewidth=0.5)
    ax.set_xticks(np.arange(values.shape[1]) + 0.5, [str(c) for c in values.columns])
    ax.set_yticks(np.arange(values.shape[0]) + 0.5, [str(r) for r in values.index])
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.invert_yaxis()
    for (row, column), value in np.ndenumerate(values.to_numpy(dtype=float)):
        if form and not np.isnan(value):
            text = format(value, form).replace("-", "−")
            colour = text_on(cmap(norm(value)))
            options: dict[str, Any] = {
                "ha": "center",
                "va": "center",
                "fontsize": 10,
                "color": colour,
            }
            keep_colours(ax.text(column + 0.5, row + 0.5, text, **options))
    return mesh


def _colouring(matrix: Any, centre: float | None, limit: float | None) -> tuple[Any, Any]:
    import matplotlib as mpl
    from matplotlib.colors import CenteredNorm, Normalize

    if centre is None:
        top = limit if limit is not None else float(matrix.max())
        return Normalize(min(0.0, float(matrix.min())), top), mpl.colormaps["Blues"]
    span = limit if limit is not None else max(float(abs(matrix - centre).max()), 1e-12)
    return CenteredNorm(centre, span), mpl.colormaps["RdBu_r"]


def _last_point(line: Any) -> tuple[float, float] | None:
    import numpy as np

    points = np.asarray(line.get_xydata(), dtype=float)
    finite = points[np.isfinite(points).all(axis=1)]
    return (float(finite[-1, 0]), float(finite[-1, 1])) if len(finite) else None
