"""The chapter's figures: each takes tables, or trained networks, and returns a figure."""

from ssl_lib.papers.police.figures.curves import cost, depth, slowdown, steps
from ssl_lib.papers.police.figures.maps import (
    classification,
    evolution,
    partition,
    regression,
    several,
)

__all__ = [
    "classification", "cost", "depth", "evolution", "partition", "regression", "several",
    "slowdown", "steps",
]  # fmt: skip
