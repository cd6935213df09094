"""Numbers that describe the regions of a partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ssl_lib.geometry.partitions import Partition
from ssl_lib.geometry.polygons import Polygons

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["eccentricities", "region_table", "statistics"]


def eccentricities(polygons: Polygons) -> Tensor:
    """Largest over smallest distance between two vertices of each polygon, (n_polygons,).

    As in the published code 1e-10 is added to the smallest, so a sliver counts at most 1e10 times
    its length.

    Examples
    --------
    >>> from ssl_lib.geometry import box
    >>> round(eccentricities(Polygons.single(box(0, 4, 0, 3))).item(), 6)
    1.666667
    """
    result = polygons.vertices.new_zeros(len(polygons))
    for count in polygons.counts.unique().tolist():
        chosen = (polygons.counts == count).nonzero()[:, 0]
        corners = polygons.select(chosen).vertices.reshape(-1, count, 2)
        first, second = torch.triu_indices(count, count, 1, device=corners.device)
        distance = (corners[:, first] - corners[:, second]).norm(dim=2)
        result[chosen] = distance.amax(1) / (distance.amin(1) + 1e-10)
    return result


def region_table(partition: Partition) -> pd.DataFrame:
    """One row a region: ``center_x, center_y, area, vertices, eccentricity, slope_norm``.

    Examples
    --------
    >>> from torch import nn
    >>> from ssl_lib.geometry import box, partition
    >>> half = nn.Sequential(nn.Linear(2, 1), nn.ReLU()).eval()
    >>> _ = half[0].weight.data.copy_(torch.tensor([[1.0, 0.0]])), half[0].bias.data.zero_()
    >>> region_table(partition(half, box(-1, 1, -1, 1)))[["area", "vertices", "slope_norm"]]
       area  vertices  slope_norm
    0   2.0         4         1.0
    1   2.0         4         0.0
    """
    import pandas as pd

    polygons = partition.polygons
    center = polygons.means
    columns = {
        "center_x": center[:, 0],
        "center_y": center[:, 1],
        "area": polygons.areas,
        "vertices": polygons.counts,
        "eccentricity": eccentricities(polygons),
        "slope_norm": partition.slope_norms,
    }
    return pd.DataFrame({name: column.cpu().numpy() for name, column in columns.items()})


def statistics(partition: Partition) -> dict[str, float]:
    """Return what the published statistics compare between networks.

    Parameters
    ----------
    partition : Partition

    Returns
    -------
    dict
        ``regions``; ``vertices`` in all and ``vertices_per_region`` (4 for a quadrilateral domain
        in general position, whatever the network); mean and standard deviation of ``area``, of
        ``eccentricity`` (also its median, because slivers rule the mean) and of ``centrality``, the
        distance of all vertices from their mean. The ``_std`` are those of the population.

    Examples
    --------
    >>> from torch import nn
    >>> from ssl_lib.geometry import box, partition
    >>> half = nn.Sequential(nn.Linear(2, 1), nn.ReLU()).eval()
    >>> _ = half[0].weight.data.copy_(torch.tensor([[1.0, 0.0]])), half[0].bias.data.zero_()
    >>> found = statistics(partition(half, box(-1, 1, -1, 1)))
    >>> found["regions"], found["vertices_per_region"], found["area_mean"]
    (2.0, 4.0, 2.0)
    """
    polygons = partition.polygons
    eccentricity = eccentricities(polygons)
    centrality = (polygons.vertices - polygons.vertices.mean(0)).norm(dim=1)
    found = {
        "regions": float(len(polygons)),
        "vertices": float(len(polygons.vertices)),
        "vertices_per_region": len(polygons.vertices) / len(polygons),
        "eccentricity_median": eccentricity.median().item(),
    }
    measured = {"area": polygons.areas, "eccentricity": eccentricity, "centrality": centrality}
    for name, values in measured.items():
        found[f"{name}_mean"] = values.mean().item()
        found[f"{name}_std"] = values.std(correction=0).item()
    return found
