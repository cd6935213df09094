"""The exact geometry of piecewise linear networks (SplineCam) and exact constraints (POLICE)."""

from ssl_lib.geometry.boundary import Boundary, decision_boundary, level_set
from ssl_lib.geometry.maxout import Maxout
from ssl_lib.geometry.partition import Layer, Partition, Region, partition
from ssl_lib.geometry.police import Constrained, constrain
from ssl_lib.geometry.slices import Slice, box, slice_through
from ssl_lib.geometry.statistics import region_table, statistics

__all__ = [
    "Boundary", "Constrained", "Layer", "Maxout", "Partition", "Region", "Slice", "box",
    "constrain", "decision_boundary", "level_set", "partition", "region_table", "slice_through",
    "statistics",
]  # fmt: skip
