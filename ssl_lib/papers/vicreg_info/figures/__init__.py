"""The chapter's figures: each takes tables or numbers and returns a figure."""

from ssl_lib.papers.vicreg_info.figures.curves import (
    batches,
    bracket,
    distances,
    family,
    moons,
    noise,
    training,
)
from ssl_lib.papers.vicreg_info.figures.dots import (
    bounds,
    change,
    ladder,
    losses,
    photographs,
    pooled,
    tuning,
)
from ssl_lib.papers.vicreg_info.figures.maps import moon_maps, own, region

__all__ = [
    "batches", "bounds", "bracket", "change", "distances", "family", "ladder", "losses",
    "moon_maps", "moons", "noise", "own", "photographs", "pooled", "region", "training", "tuning",
]  # fmt: skip
