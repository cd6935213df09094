"""The chapter's figures: each takes tables and returns a figure."""

from ssl_lib.papers.minimal_variations.figures.curves import (
    bound,
    counterexample,
    density,
    exact,
    labels,
    noise,
    promise,
    weight,
)
from ssl_lib.papers.minimal_variations.figures.dots import metric, networks, unification
from ssl_lib.papers.minimal_variations.figures.maps import eigenfunctions, learned

__all__ = [
    "bound", "counterexample", "density", "eigenfunctions", "exact", "labels", "learned", "metric",
    "networks", "noise", "promise", "unification", "weight",
]  # fmt: skip
