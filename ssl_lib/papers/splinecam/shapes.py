"""Regions, boundaries and points as one tidy table: a row for each vertex.

Columns: ``panel`` (which picture), ``kind`` ("region", "line", "point"), ``shape`` (number within
panel and kind), ``x``, ``y`` (plane coordinates, to three decimals), ``value`` (of the shape, such
as the norm of a region's slope), ``layer`` (of the edge from this vertex to the next: 0 on the
domain's border).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ssl_lib.geometry import Boundary, Partition
from ssl_lib.results.verification import Checks

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CHECKS", "DIGITS", "SLICES", "compact", "count", "edges", "lines", "measure", "picture",
    "points", "polygons", "regions", "summary", "table",
]  # fmt: skip

Floats = npt.NDArray[np.float64]

#: Decimals of coordinates: finer than any picture shows, and small in a file.
DIGITS = 3


def regions(
    partition: Partition, panel: str, value: Tensor | None = None, **columns: Tensor
) -> pd.DataFrame:
    """Return the polygons of a partition.

    Parameters
    ----------
    partition : Partition
    panel : str
    value : Tensor of shape (n_regions,), optional
        By default the norm of the slope.
    **columns : Tensor of shape (n_regions,)
        Further columns, such as a colour's channels.

    Returns
    -------
    pandas.DataFrame
    """
    import pandas as pd

    found = partition.polygons
    owner = found.owner.cpu().numpy()
    values = partition.slope_norms if value is None else value
    table = pd.DataFrame(
        {
            "panel": panel,
            "kind": "region",
            "shape": owner,
            "x": found.vertices[:, 0].cpu().numpy(),
            "y": found.vertices[:, 1].cpu().numpy(),
            "value": values.double().cpu().numpy()[owner],
            "layer": found.edge.cpu().numpy().astype(np.int64),
        }
    )
    return table.assign(**{k: v.double().cpu().numpy()[owner] for k, v in columns.items()})


def lines(boundary: Boundary, panel: str) -> pd.DataFrame:
    """Return the segments of a boundary, two rows each; ``value`` is the length."""
    import pandas as pd

    segments = boundary.segments.cpu().numpy()
    return pd.DataFrame(
        {
            "panel": panel,
            "kind": "line",
            "shape": np.repeat(np.arange(len(segments)), 2),
            "x": segments[:, :, 0].ravel(),
            "y": segments[:, :, 1].ravel(),
            "value": np.repeat(boundary.lengths.cpu().numpy(), 2),
            "layer": 0,
        }
    )


def picture(partition: Partition, panel: str, boundary: Boundary) -> list[pd.DataFrame]:
    """Return the regions and the boundary of one panel."""
    return [regions(partition, panel), lines(boundary, panel)]


def points(plane: Tensor, value: Tensor, panel: str) -> pd.DataFrame:
    """Return marked points (n, 2) with a value each, such as their class."""
    import pandas as pd

    x, y = plane.double().cpu().numpy().T
    table = pd.DataFrame({"panel": panel, "kind": "point", "shape": np.arange(len(x)), "x": x})
    return table.assign(y=y, value=value.double().cpu().numpy(), layer=0)


def table(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put parts of a picture one below the other, in numbers that make a small file."""
    import pandas as pd

    whole = pd.concat([part for part in parts if len(part)], ignore_index=True)
    whole[["x", "y"]] = whole[["x", "y"]].round(DIGITS) + 0.0  # no negative zero
    numbers = whole.select_dtypes("float64").columns
    return whole.astype({**dict.fromkeys(numbers, "float32"), "shape": "int32", "layer": "int8"})


def count(drawn: pd.DataFrame) -> pd.Series:
    """Return how many regions each panel has, in the order of the panels.

    Examples
    --------
    >>> import pandas as pd
    >>> two = pd.DataFrame({"panel": ["b", "b", "a"], "kind": "region", "shape": [0, 1, 0]})
    >>> count(two).to_dict()
    {'b': 2, 'a': 1}
    """
    return drawn[drawn.kind == "region"].groupby("panel", sort=False)["shape"].nunique()


def summary(drawn: pd.DataFrame) -> pd.DataFrame:
    """Return how many shapes of each kind a panel has, and means: corners are no fixed rows.

    Examples
    --------
    >>> import pandas as pd
    >>> two = {"seed": 0, "panel": "a", "kind": "region", "shape": [0, 0, 1], "x": [0.0, 1, 2]}
    >>> summary(pd.DataFrame(two).assign(y=1.0, value=3.0)).to_numpy().tolist()
    [[0, 'a', 'region', 1.0, 1.0, 3.0, 2]]
    """
    own = ("seed", "task", "slice", "panel", "kind")
    groups = drawn.groupby([name for name in own if name in drawn], sort=False)
    means = groups[["x", "y", "value"]].mean().add_prefix("mean ")
    return means.assign(shapes=groups["shape"].nunique()).reset_index()


#: How two computations of a picture are compared.
CHECKS = Checks(keys=("panel", "kind"), spread={"shapes": 1.0}, summary=summary)
SLICES = dataclasses.replace(CHECKS, keys=("slice", *CHECKS.keys))


def measure(partition: Partition, boundary: Boundary | None = None) -> dict[str, float]:
    """Return what the curves show: regions, mean slope over the area, length of the boundary."""
    area = partition.areas
    slope = (partition.slope_norms * area).sum() / area.sum()
    length = float("nan") if boundary is None else boundary.lengths.sum().item()
    return {"regions": float(len(partition)), "slope": slope.item(), "length": length}


def polygons(drawn: pd.DataFrame) -> tuple[list[Floats], Floats]:
    """Return the vertices (n, 2) of each shape of one panel and kind, and its value.

    Examples
    --------
    >>> import pandas as pd
    >>> two = {"shape": [0, 0, 0, 1, 1, 1], "x": [0.0, 1, 0, 2, 3, 2], "y": [0.0, 0, 1, 0, 0, 1]}
    >>> found, value = polygons(pd.DataFrame(two).assign(value=[5.0] * 3 + [7.0] * 3))
    >>> len(found), found[1].tolist(), value.tolist()
    (2, [[2.0, 0.0], [3.0, 0.0], [2.0, 1.0]], [5.0, 7.0])
    """
    start = np.flatnonzero(np.diff(drawn["shape"].to_numpy(), prepend=-1))
    vertices = drawn[["x", "y"]].to_numpy(float)
    return np.split(vertices, start[1:]), drawn["value"].to_numpy(float)[start]


def edges(drawn: pd.DataFrame) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return the edges between the regions of one panel, each once, (n, 2, 2), and their layers."""
    shape, layer = drawn["shape"].to_numpy(), drawn["layer"].to_numpy()
    first = drawn[["x", "y"]].to_numpy(float)
    start = np.flatnonzero(np.diff(shape, prepend=-1))
    following = np.arange(1, len(first) + 1)
    following[np.append(start[1:], len(first)) - 1] = start
    last = first[following]
    # The two regions beside an edge run along it in opposite directions.
    ahead = (first[:, 0] < last[:, 0]) | ((first[:, 0] == last[:, 0]) & (first[:, 1] < last[:, 1]))
    keep = ahead & (layer > 0)
    return np.stack([first, last], axis=1)[keep], layer[keep]


def compact(drawn: pd.DataFrame, *, digits: int = DIGITS) -> pd.DataFrame:
    """Return one row a shape, its vertices as text, for a file to download.

    Parameters
    ----------
    drawn : pandas.DataFrame
        A table of shapes.
    digits : int
        Decimals of coordinates.

    Returns
    -------
    pandas.DataFrame
        The columns of the table but shape, x, y and layer, then outline: "x y, x y, ..".

    Examples
    --------
    >>> import pandas as pd
    >>> one = {"panel": ["a"] * 3, "kind": ["region"] * 3, "shape": [0] * 3, "value": [1.5] * 3}
    >>> compact(pd.DataFrame(one).assign(x=[0.0, 1, 0], y=[0.0, 0, 1], layer=0)).outline[0]
    '0.0 0.0, 1.0 0.0, 0.0 1.0'
    """
    starts = (drawn[["panel", "kind", "shape"]].ne(drawn[["panel", "kind", "shape"]].shift())).any(
        axis=1
    )
    number = starts.cumsum()
    corner = drawn.x.round(digits).astype(str) + " " + drawn.y.round(digits).astype(str)
    about = drawn[starts.to_numpy()].drop(columns=["shape", "x", "y", "layer"])
    outlines = corner.groupby(number).agg(", ".join).to_numpy()
    values = about.select_dtypes("number").round(digits)
    return about.assign(**values, outline=outlines).reset_index(drop=True)
