"""The chapter's figures: each takes tidy tables and returns a matplotlib figure."""

from ssl_lib.papers.diet.figures.images import factors, own, photographs
from ssl_lib.papers.diet.figures.runs import (
    ablations,
    budgets,
    curves,
    informative,
    rates,
    rivals,
    rows,
)
from ssl_lib.papers.diet.figures.theory import identifies, noise, spectral, streaming, violations

__all__ = [
    "ablations",
    "budgets",
    "curves",
    "factors",
    "identifies",
    "informative",
    "noise",
    "own",
    "photographs",
    "rates",
    "rivals",
    "rows",
    "spectral",
    "streaming",
    "violations",
]
