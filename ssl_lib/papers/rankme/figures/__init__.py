"""The chapter's figures: each takes tidy tables and returns a matplotlib figure."""

from ssl_lib.papers.rankme.figures.links import bound, degenerate, links, transfer
from ssl_lib.papers.rankme.figures.ranks import (
    classical,
    dimensions,
    epsilon,
    own,
    samples,
)
from ssl_lib.papers.rankme.figures.sweeps import correlations, gaps, picks, readouts, scatter

__all__ = [
    "bound",
    "classical",
    "correlations",
    "degenerate",
    "dimensions",
    "epsilon",
    "gaps",
    "links",
    "own",
    "picks",
    "readouts",
    "samples",
    "scatter",
    "transfer",
]
