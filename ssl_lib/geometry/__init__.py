"""The exact geometry of piecewise linear networks (SplineCam) and exact constraints (POLICE)."""

from ssl_lib.geometry.boundary import Boundary, decision_boundary, level_set
from ssl_lib.geometry.completeness import completeness
from ssl_lib.geometry.enumeration import partition
from ssl_lib.geometry.explore import explore
from ssl_lib.geometry.export import geojson, save, table
from ssl_lib.geometry.maxout import Maxout
from ssl_lib.geometry.measures import region_table, statistics
from ssl_lib.geometry.partitions import Layer, Partition, Region
from ssl_lib.geometry.plot import draw_boundary, draw_edges, draw_regions, edge_segments
from ssl_lib.geometry.police import Constrained, constrain
from ssl_lib.geometry.polytopes import LinearRegion, activation_codes, linear_region
from ssl_lib.geometry.slices import Slice, box, slice_through

__all__ = [
    "Boundary", "Constrained", "Layer", "LinearRegion", "Maxout", "Partition", "Region", "Slice",
    "activation_codes", "box", "completeness", "constrain", "decision_boundary", "draw_boundary",
    "draw_edges", "draw_regions", "edge_segments", "explore", "geojson", "level_set",
    "linear_region", "partition", "region_table", "save", "slice_through", "statistics", "table",
]  # fmt: skip
