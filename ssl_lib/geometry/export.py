"""Partitions and boundaries as files that other programs read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ssl_lib.errors import InputError
from ssl_lib.geometry.boundary import Boundary
from ssl_lib.geometry.measures import region_table
from ssl_lib.geometry.partitions import Partition
from ssl_lib.geometry.polygons import Polygons

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["geojson", "save", "table"]


def save(what: Partition | Boundary, path: str | Path) -> Path:
    """Write a partition or a boundary to a file, in the format of the file's name.

    Parameters
    ----------
    what : Partition or Boundary
    path : str or Path
        ``.csv``: one row a region (its columns those of `region_table`, and its polygon as
        well-known text) or a segment. ``.geojson``: the same as features in plane coordinates.
        ``.npz``: all arrays without loss.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        For another suffix.

    Examples
    --------
    >>> import tempfile
    >>> from torch import nn
    >>> from ssl_lib.geometry import box, partition
    >>> regions = partition(nn.Sequential(nn.Linear(2, 3), nn.ReLU()).eval(), box(-1, 1, -1, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = save(regions, folder + "/regions.csv")
    ...     len(file.read_text().splitlines()) == 1 + len(regions)
    True
    """
    path = Path(path)
    write = _WRITERS.get(path.suffix)
    if write is None:
        raise InputError(f"the file's name must end in {', '.join(_WRITERS)}, got {path.name!r}")
    write(what, path)
    return path


def table(what: Partition | Boundary) -> pd.DataFrame:
    """One row a region, with its polygon as well-known text, or one row a boundary segment."""
    import pandas as pd

    if isinstance(what, Partition):
        rings = [_ring(polygon) for polygon in polygon_arrays(what.polygons)]
        text = ["POLYGON ((" + ", ".join(f"{x!r} {y!r}" for x, y in ring) + "))" for ring in rings]
        return region_table(what).assign(polygon=text)
    ends = _numpy(what.segments).reshape(-1, 4)
    frame = pd.DataFrame(ends, columns=["x_first", "y_first", "x_last", "y_last"])
    first, second = _numpy(what.classes).T
    return frame.assign(region=_numpy(what.region), class_first=first, class_second=second)


def geojson(what: Partition | Boundary) -> dict[str, Any]:
    """Return a GeoJSON FeatureCollection in plane coordinates (not degrees).

    Examples
    --------
    >>> from torch import nn
    >>> from ssl_lib.geometry import box, partition
    >>> regions = partition(nn.Sequential(nn.Linear(2, 3), nn.ReLU()).eval(), box(-1, 1, -1, 1))
    >>> geojson(regions)["features"][0]["geometry"]["type"]
    'Polygon'
    """
    if isinstance(what, Partition):
        rings = [_ring(polygon) for polygon in polygon_arrays(what.polygons)]
        shapes = [{"type": "Polygon", "coordinates": [ring]} for ring in rings]
        rows = region_table(what).to_dict("records")
    else:
        shapes = [{"type": "LineString", "coordinates": s} for s in what.segments.tolist()]
        rows = table(what)[["region", "class_first", "class_second"]].to_dict("records")
    features = [
        {"type": "Feature", "geometry": shape, "properties": row}
        for shape, row in zip(shapes, rows, strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}


def polygon_arrays(polygons: Polygons) -> list[np.ndarray]:
    """Return the vertices of each polygon, a list of arrays (n, 2)."""
    return np.split(_numpy(polygons.vertices), _numpy(polygons.start)[1:-1])


def _ring(polygon: np.ndarray) -> list[list[float]]:
    """Return a polygon's vertices as numbers, the first again at the end."""
    corners: list[list[float]] = polygon.tolist()
    return [*corners, corners[0]]


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def _write_csv(what: Partition | Boundary, path: Path) -> None:
    table(what).to_csv(path, index=False)


def _write_geojson(what: Partition | Boundary, path: Path) -> None:
    path.write_text(json.dumps(geojson(what)))


def _write_npz(what: Partition | Boundary, path: Path) -> None:
    plane = {name: getattr(what.slice, name) for name in ("origin", "basis", "domain", "anchors")}
    if isinstance(what, Partition):
        polygons = what.polygons
        own = {"vertices": polygons.vertices, "start": polygons.start, "edge": polygons.edge}
        own["outputs"] = what.outputs
    else:
        own = {"segments": what.segments, "region": what.region, "classes": what.classes}
    arrays: dict[str, Any] = {name: _numpy(value) for name, value in (plane | own).items()}
    np.savez_compressed(path, **arrays)


_WRITERS: dict[str, Callable[[Partition | Boundary, Path], None]] = {
    ".csv": _write_csv,
    ".geojson": _write_geojson,
    ".npz": _write_npz,
}
