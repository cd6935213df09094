"""The chapter's figures: each takes tidy tables, or partitions, and returns a figure."""

from ssl_lib.papers.police.figures.curves import (
    affinity_by_depth,
    affinity_by_step,
    cost_by_distance,
    slowdown,
)
from ssl_lib.papers.police.figures.maps import (
    classification,
    evolution,
    partitions,
    regression,
    several,
)

__all__ = [
    "affinity_by_depth",
    "affinity_by_step",
    "classification",
    "cost_by_distance",
    "evolution",
    "partitions",
    "regression",
    "several",
    "slowdown",
]
