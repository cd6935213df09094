"""The exact geometry of piecewise linear networks (SplineCam) and exact constraints (POLICE)."""

from ssl_lib.geometry.maxout import Maxout
from ssl_lib.geometry.partition import Layer, Partition, Region, partition
from ssl_lib.geometry.slices import Slice, box, slice_through

__all__ = [
    "Layer", "Maxout", "Partition", "Region", "Slice", "box", "partition", "slice_through",
]  # fmt: skip
