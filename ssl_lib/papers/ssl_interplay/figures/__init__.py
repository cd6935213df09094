"""The chapter's figures: each takes tables or settings and returns a figure."""

from ssl_lib.papers.ssl_interplay.figures.curves import (
    alignment,
    crops,
    digits,
    pairs,
    rates,
    reconstruction,
    sizes,
    steps,
    stopping,
    tradeoff,
    width,
)
from ssl_lib.papers.ssl_interplay.figures.envelopes import POSITIONS, explore, lines, parities
from ssl_lib.papers.ssl_interplay.figures.maps import capacity, level, moons, spectra, sphere

__all__ = [
    "POSITIONS", "alignment", "capacity", "crops", "digits", "explore", "level", "lines", "moons",
    "pairs", "parities", "rates", "reconstruction", "sizes", "spectra", "sphere", "steps",
    "stopping", "tradeoff", "width",
]  # fmt: skip
