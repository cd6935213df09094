"""The chapter's figures: each takes tables, or trained networks, and returns a figure."""

from ssl_lib.papers.police.figures.curves import BOUND, cost, depth, slowdown, steps
from ssl_lib.papers.police.figures.maps import (
    classification,
    evolution,
    partition,
    regression,
    several,
)

__all__ = [
    "BOUND", "classification", "cost", "depth", "evolution", "partition", "regression", "several",
    "slowdown", "steps",
]  # fmt: skip
